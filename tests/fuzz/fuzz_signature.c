// sources: workers/billing/signature.c lib/base/buf.c lib/base/gh.c lib/base/hash.c lib/base/json.c lib/base/log*.c lib/base/money.c lib/base/timez.c lib/base/uuid7.c
/*
 * tests/fuzz/fuzz_signature.c - the header X-Signature from outside, before a line break, and the bytes that it signs
 */
#include "tests/fuzz/fuzz.h"

#include "workers/billing/signature.h"

#define NOW INT64_C(1800000000)

static const gh_sign_keys_t keys = {{GH_STR("present key"), GH_STR("the key before")}};
static const gh_sign_keys_t others = {{GH_STR("another key"), {NULL, 0}}};

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const uint8_t *end = n ? memchr(data, '\n', n) : NULL;
    if (!end)
        return -1;
    gh_str_t header = {(const char *)data, (size_t)(end - data)};
    gh_str_t message = {(const char *)end + 1, n - header.n - 1};
    gh_err_t err = gh_signature_check(&keys, header, message, NOW);
    FUZZ_CHECK(err == GH_E_NONE || err == GH_E_SIGNATURE_INVALID || err == GH_E_SIGNATURE_STALE);
    if (err == GH_E_SIGNATURE_INVALID)
        return -1;
    /* No other key has signed it, and not a byte of it may differ. */
    FUZZ_CHECK(gh_signature_check(&others, header, message, NOW) == GH_E_SIGNATURE_INVALID);
    FUZZ_CHECK(message.n == 0 || gh_signature_check(&keys, header, (gh_str_t){message.p, message.n - 1},
                                                    NOW) == GH_E_SIGNATURE_INVALID);
    return 0;
}

void
fuzz_examples(void)
{
    static const char *const messages[] = {"{}", "{\"event_id\":\"e1\"}", ""};
    for (size_t i = 0; i < GH_COUNT(messages); i++) {
        gh_buf_t b = GH_BUF_INIT;
        if (gh_signature_put(&keys, gh_str(messages[i]), NOW - (int64_t)i * 200, &b) == 0) {
            gh_buf_puts(&b, ",v1=00\n");
            gh_buf_puts(&b, messages[i]);
            fuzz_add(b.p, b.n);
        }
        gh_buf_fini(&b);
    }
}
