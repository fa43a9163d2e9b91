// sources: front/forwarded.c front/prefer.c lib/base/trace.c lib/base/networks.c front/cookies.c lib/base/buf.c lib/base/gh.c lib/base/hash.c lib/base/log*.c lib/base/json.c lib/base/money.c lib/base/timez.c lib/base/uuid7.c
/*
 * tests/fuzz/fuzz_front.c - header values that the front takes apart: X-Forwarded-For, Cookie, Prefer, traceparent
 *
 * Input: one header value, read as each of them.
 */
#include "tests/fuzz/fuzz.h"

#include <arpa/inet.h>
#include <string.h>

#include "front/cookies.h"
#include "base/trace.h"
#include "front/forwarded.h"
#include "front/prefer.h"

static void
s_forwarded(gh_str_t value)
{
    static gh_networks_t trusted, all;
    static const uint8_t proxy[4] = {10, 0, 0, 1};
    if (trusted.n == 0)
        FUZZ_CHECK(gh_networks_parse("10.0.0.0/8", &trusted) == 0 &&
                   gh_networks_parse("0.0.0.0/0,::/0", &all) == 0);
    front_address_t at;
    front_address_set(&at, AF_INET, proxy);
    bool more = front_forwarded(&trusted, value, &at);
    FUZZ_CHECK(at.family == AF_INET || at.family == AF_INET6);
    FUZZ_CHECK(!more || gh_networks_hold(&trusted, at.family, at.bytes));
    front_address_set(&at, AF_INET, proxy);
    (void)front_forwarded(&all, value, &at);
    /* Nobody is believed whom nobody trusts. */
    static const uint8_t other[4] = {192, 0, 2, 1};
    front_address_set(&at, AF_INET, other);
    FUZZ_CHECK(!front_forwarded(&trusted, value, &at) && memcmp(at.bytes, other, 4) == 0);
}

static void
s_cookies(gh_str_t value)
{
    gh_str_t csrf = front_cookie(value, "csrf"), refresh = front_cookie_refresh(value);
    FUZZ_CHECK(csrf.n == 0 || (csrf.p >= value.p && csrf.p + csrf.n <= value.p + value.n));
    FUZZ_CHECK(!memchr(csrf.n ? csrf.p : "", ';', csrf.n));
    FUZZ_CHECK(front_cookie_csrf_ok(value, csrf) == (csrf.n > 0));
    for (size_t i = 0; i < refresh.n; i++)
        FUZZ_CHECK(!strchr("\"\\; \r\n", refresh.p[i]));
    gh_buf_t lines GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    front_cookies_put(&lines, value);
    size_t ends = 0; /* two lines or none, whatever the value */
    for (size_t i = 0; i < lines.n; i++)
        ends += lines.p[i] == '\n';
    FUZZ_CHECK(ends == (lines.n ? 2 : 0));
}

static void
s_prefer(gh_str_t value)
{
    bool async = false, twice = false;
    uint32_t wait = 0, as_before = 7;
    front_prefer_read(value, &async, &wait);
    FUZZ_CHECK(wait <= 999999);
    front_prefer_read(value, &twice, &as_before);
    FUZZ_CHECK(twice == async && as_before == 7);
}

static void
s_trace(gh_str_t value)
{
    char text[GH_TRACE_TEXT];
    if (!gh_trace_parse(value, text)) {
        FUZZ_CHECK(!*text);
        return;
    }
    char again[GH_TRACE_TEXT];
    gh_str_t trace = gh_str(text), id = gh_trace_id(trace);
    FUZZ_CHECK(trace.n == GH_TRACE_N && id.n == GH_TRACE_ID_N && memcmp(value.p + 3, id.p, id.n) == 0);
    FUZZ_CHECK(gh_trace_parse(trace, again) && strcmp(text, again) == 0);
    (void)gh_trace_sampled(trace);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    gh_str_t value = {(const char *)data, n};
    if (memchr(data, 0, n)) /* Kore gives text that ends at a NUL */
        return -1;
    s_forwarded(value);
    s_cookies(value);
    s_prefer(value);
    s_trace(value);
    return 0;
}

void
fuzz_examples(void)
{
    static const char *const good[] = {"192.0.2.1",
                                       "10.0.0.9, 10.0.0.7",
                                       "[2001:db8::1]:4711, 10.1.2.3:80",
                                       "theme=dark; __Host-refresh=aa.bb.cc; csrf=0123456789abcdef",
                                       "604800 aa.bb-_.cc",
                                       "::ffff:10.0.0.4, unknown",
                                       "respond-async, wait=\"10\"; x=1, foo=\"a,\\\"wait=5\"",
                                       "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                                       "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more"};
    for (size_t i = 0; i < GH_COUNT(good); i++)
        fuzz_add(good[i], strlen(good[i]));
}
