/* link: front/revoked.c front/token_cache.c */
/*
 * tests/unit/test_front_state.c - what a front keeps: revocations, verified tokens, networks
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/networks.h"
#include "front/revoked.h"
#include "front/token_cache.h"

static void
make_sid(uint32_t n, uint8_t sid[16])
{
    memset(sid, 0xa5, 16);
    memcpy(sid + 4, &n, sizeof n);
}

static void
revoked_sessions_and_users_are_found(void **state)
{
    (void)state;
    front_revoked_t *list = front_revoked_new();
    uint8_t a[16], b[16];
    make_sid(1, a);
    make_sid(2, b);
    assert_false(front_revoked_has(list, a, 7, 100));
    assert_int_equal(front_revoked_session(list, a, 500), 0);
    assert_true(front_revoked_has(list, a, 7, 100));
    assert_false(front_revoked_has(list, b, 7, 100));
    assert_int_equal(front_revoked_user(list, 7, 200, 500), 0);
    assert_true(front_revoked_has(list, b, 7, 199));
    assert_false(front_revoked_has(list, b, 7, 200));
    assert_false(front_revoked_has(list, b, 8, 199));
    front_revoked_destroy(&list);
    front_revoked_destroy(&list);
}

static void
loading_again_keeps_the_later_bounds(void **state)
{
    (void)state;
    front_revoked_t *list = front_revoked_new();
    uint8_t a[16];
    make_sid(1, a);
    assert_int_equal(front_revoked_user(list, 7, 200, 500), 0);
    assert_int_equal(front_revoked_user(list, 7, 150, 400), 0);
    assert_true(front_revoked_has(list, a, 7, 199));
    assert_int_equal(front_revoked_session(list, a, 500), 0);
    assert_int_equal(front_revoked_session(list, a, 300), 0);
    assert_int_equal(front_revoked_count(list), 2);
    front_revoked_expire(list, 450);
    assert_true(front_revoked_has(list, a, 9, 0));
    assert_true(front_revoked_has(list, a, 7, 199));
    front_revoked_expire(list, 500);
    assert_int_equal(front_revoked_count(list), 0);
    assert_false(front_revoked_has(list, a, 7, 199));
    front_revoked_destroy(&list);
}

static void
a_hundred_thousand_entries_come_and_go(void **state)
{
    (void)state;
    front_revoked_t *list = front_revoked_new();
    uint8_t sid[16];
    for (uint32_t i = 0; i < 100000; i++) {
        make_sid(i, sid);
        assert_int_equal(front_revoked_session(list, sid, 1000 + i % 10), 0);
    }
    front_revoked_expire(list, 1004); /* half of them are over */
    assert_int_equal(front_revoked_count(list), 50000);
    for (uint32_t i = 0; i < 100000; i++) {
        make_sid(i, sid);
        assert_int_equal(front_revoked_has(list, sid, 1, 0), i % 10 > 4);
    }
    front_revoked_destroy(&list);
}

static char *
make_token(const gh_token_keys_t *keys, int64_t user, int64_t iat)
{
    gh_token_t t = {.user_id = user, .iat = iat, .exp = iat + 1800};
    make_sid((uint32_t)user, t.sid);
    char *text = NULL;
    assert_int_equal(gh_token_issue(keys, &t, &text), 0);
    return text;
}

static void
verified_tokens_are_kept_and_bounded(void **state)
{
    (void)state;
    gh_token_keys_t *keys = gh_token_keys_new("HS256", GH_STR("0123456789abcdef0123456789abcdef"),
                                              GH_STR("0123456789abcdef0123456789abcdef"), "guahao", 5);
    front_tokens_t *cache = front_tokens_new(8);
    gh_token_t out;
    uint64_t hits, misses;
    char *texts[20];
    for (int i = 0; i < 20; i++)
        texts[i] = make_token(keys, i + 1, 1000000);
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 8; i++) {
            assert_int_equal(front_tokens_verify(cache, keys, gh_str(texts[i]), 1000010, &out), GH_E_NONE);
            assert_int_equal(out.user_id, i + 1);
        }
    front_tokens_counts(cache, &hits, &misses);
    assert_int_equal(hits, 8);
    assert_int_equal(misses, 8);
    /* The ninth drives out the one used longest ago, which is the second: the first was used just now. */
    (void)front_tokens_verify(cache, keys, gh_str(texts[0]), 1000011, &out);
    (void)front_tokens_verify(cache, keys, gh_str(texts[8]), 1000011, &out);
    (void)front_tokens_verify(cache, keys, gh_str(texts[0]), 1000011, &out);
    front_tokens_counts(cache, &hits, &misses);
    assert_int_equal(hits, 10);
    (void)front_tokens_verify(cache, keys, gh_str(texts[1]), 1000011, &out);
    front_tokens_counts(cache, &hits, &misses);
    assert_int_equal(misses, 10);
    for (int round = 0; round < 50; round++)
        for (int i = 0; i < 20; i++) {
            assert_int_equal(front_tokens_verify(cache, keys, gh_str(texts[i]), 1000012, &out), GH_E_NONE);
            assert_int_equal(out.user_id, i + 1);
        }
    for (int i = 0; i < 20; i++)
        free(texts[i]);
    front_tokens_destroy(&cache);
    gh_token_keys_destroy(&keys);
}

static void
a_kept_token_still_ends(void **state)
{
    (void)state;
    gh_token_keys_t *keys = gh_token_keys_new("HS256", GH_STR("0123456789abcdef0123456789abcdef"),
                                              GH_STR("0123456789abcdef0123456789abcdef"), "guahao", 0);
    front_tokens_t *cache = front_tokens_new(8);
    gh_token_t out;
    char *text = make_token(keys, 1, 1000000);
    assert_int_equal(front_tokens_verify(cache, keys, gh_str(text), 1001790, &out), GH_E_NONE);
    assert_int_equal(front_tokens_verify(cache, keys, gh_str(text), 1001799, &out), GH_E_NONE);
    assert_int_equal(front_tokens_verify(cache, keys, gh_str(text), 1001800, &out), GH_E_TOKEN_EXPIRED);
    text[strlen(text) - 3] ^= 1;
    assert_int_equal(front_tokens_verify(cache, keys, gh_str(text), 1001790, &out), GH_E_TOKEN_INVALID);
    assert_int_equal(front_tokens_verify(cache, keys, GH_STR(""), 1001790, &out), GH_E_TOKEN_INVALID);
    free(text);
    front_tokens_destroy(&cache);
    gh_token_keys_destroy(&keys);
}

static bool
holds(const char *list, const char *address)
{
    gh_networks_t n;
    uint8_t bytes[16];
    int family = strchr(address, ':') ? AF_INET6 : AF_INET;
    assert_int_equal(gh_networks_parse(list, &n), 0);
    assert_int_equal(inet_pton(family, address, bytes), 1);
    return gh_networks_hold(&n, family, bytes);
}

static void
networks_hold_their_addresses(void **state)
{
    (void)state;
    assert_true(holds("127.0.0.0/8, ::1", "127.1.2.3"));
    assert_true(holds("127.0.0.0/8,::1/128", "::1"));
    assert_true(holds("127.0.0.0/8", "::ffff:127.0.0.1"));
    assert_false(holds("127.0.0.0/8", "128.0.0.1"));
    assert_true(holds("10.1.2.128/25", "10.1.2.129"));
    assert_false(holds("10.1.2.128/25", "10.1.2.127"));
    assert_true(holds("0.0.0.0/0", "8.8.8.8"));
    assert_false(holds("0.0.0.0/0", "2001:db8::1"));
    assert_true(holds("2001:db8::/33", "2001:db8:7fff::1"));
    assert_false(holds("2001:db8::/33", "2001:db8:8000::1"));
    assert_false(holds("", "127.0.0.1"));
    gh_networks_t n;
    static const char *const bad[] = {"127.0.0.1/33", "::1/129", "x", "127.0.0.1/",
                                      "127.0.0.1/8x", "1.2.3",   "/8"};
    for (size_t i = 0; i < GH_COUNT(bad); i++)
        assert_int_equal(gh_networks_parse(bad[i], &n), -1);
}

int
main(void)
{
    gh_log_init("test", GH_LOG_ERROR + 1, GH_LOGFMT);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(revoked_sessions_and_users_are_found),
        cmocka_unit_test(loading_again_keeps_the_later_bounds),
        cmocka_unit_test(a_hundred_thousand_entries_come_and_go),
        cmocka_unit_test(verified_tokens_are_kept_and_bounded),
        cmocka_unit_test(a_kept_token_still_ends),
        cmocka_unit_test(networks_hold_their_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
