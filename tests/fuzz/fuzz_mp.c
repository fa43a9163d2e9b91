// sources: lib/wire/mp.c lib/base/buf.c lib/base/json.c lib/base/gh.c lib/base/money.c
/*
 * tests/fuzz/fuzz_mp.c - msgpack from outside: check, then every way of reading, then JSON
 */
#include "tests/fuzz/fuzz.h"

#include "wire/mp.h"

static void
s_walk(gh_mp_t v, const uint8_t *end, int depth)
{
    int64_t i;
    double d;
    bool b;
    gh_str_t s;
    FUZZ_CHECK(depth <= GH_MP_MAX_DEPTH + 1);
    gh_str_t raw = gh_mp_raw(v);
    FUZZ_CHECK(raw.n > 0 && (const uint8_t *)raw.p + raw.n <= end);
    FUZZ_CHECK((gh_mp_type(v) == GH_MP_STR) == gh_mp_str(v, &s));
    if (gh_mp_str(v, &s) || gh_mp_bin(v, &s))
        FUZZ_CHECK(s.n <= raw.n);
    FUZZ_CHECK((gh_mp_type(v) == GH_MP_BOOL) == gh_mp_bool(v, &b));
    if (gh_mp_int(v, &i))
        FUZZ_CHECK(gh_mp_double(v, &d));
    size_t n = 0;
    gh_mp_iter_t it = gh_mp_iter(v);
    while (gh_mp_next(&it)) {
        s_walk(it.value, end, depth + 1);
        if (gh_mp_type(v) == GH_MP_MAP)
            FUZZ_CHECK(gh_mp_getn(v, it.key).at == it.value.at); /* no key twice */
        n++;
    }
    FUZZ_CHECK(n == gh_mp_count(v));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    gh_mp_t root;
    if (gh_mp_check(data, n, 0, &root) != 0)
        return -1;
    s_walk(root, data + n, 1);
    gh_mp_t same;
    gh_str_t raw = gh_mp_raw(root);
    FUZZ_CHECK(raw.n == n && gh_mp_check(raw.p, raw.n, 0, &same) == 0);
    gh_buf_t json = GH_BUF_INIT;
    gh_mp_to_json(root, &json);
    gh_buf_fini(&json);
    (void)gh_mp_path(root, "body.scheduleId");
    return 0;
}

void
fuzz_examples(void)
{
    gh_buf_t b = GH_BUF_INIT;
    gh_mpw_map(&b, 4);
    gh_mpw_cstr(&b, "path");
    gh_mpw_map(&b, 1);
    gh_mpw_cstr(&b, "id");
    gh_mpw_int(&b, 880);
    gh_mpw_cstr(&b, "query");
    gh_mpw_map(&b, 2);
    gh_mpw_cstr(&b, "status");
    gh_mpw_array(&b, 3);
    gh_mpw_cstr(&b, "pending");
    gh_mpw_nil(&b);
    gh_mpw_bool(&b, true);
    gh_mpw_cstr(&b, "ratio");
    gh_mpw_double(&b, 0.8);
    gh_mpw_cstr(&b, "body");
    gh_mpw_map(&b, 2);
    gh_mpw_cstr(&b, "symptoms");
    gh_mpw_cstr(&b, "\xe5\xa4\xb4\xe7\x97\x9b");
    gh_mpw_cstr(&b, "digest");
    gh_mpw_bin(&b, "\x00\x01\x02", 3);
    gh_mpw_cstr(&b, "big");
    gh_mpw_int(&b, INT64_MIN);
    fuzz_add(b.p, b.n);
    gh_buf_clear(&b);
    for (int i = 0; i < 10; i++)
        gh_mpw_array(&b, 1);
    gh_mpw_int(&b, -1);
    fuzz_add(b.p, b.n);
    gh_buf_fini(&b);
}
