/* link: workers/billing/signature.c */
/* Signatures of payment providers: R-134. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "workers/billing/signature.h"

#define NOW INT64_C(1800000000)

/* HMAC-SHA256("secret", "1800000000.{\"a\":1}"), by another program */
#define BODY "{\"a\":1}"
#define V1   "440dfbb83aabca24d9e5027629cfd81cb45254690f8d410bb28f1cc17c990dbc"

static const gh_sign_keys_t keys = {{{"secret", 6}, {NULL, 0}}};

static gh_err_t
check(const char *header, const char *body, int64_t now)
{
    return gh_signature_check(&keys, gh_str(header), gh_str(body), now);
}

static void
r134_a_right_signature_is_taken(void **state)
{
    (void)state;
    gh_buf_t out GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    assert_int_equal(check("t=1800000000,v1=" V1, BODY, NOW), GH_E_NONE);
    assert_int_equal(gh_signature_put(&keys, GH_STR(BODY), NOW, &out), 0);
    assert_true(gh_str_is(gh_buf_view(&out), "t=1800000000,v1=" V1));
}

static void
r134_missing_malformed_or_wrong_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "t=1800000000",
                                      "v1=" V1,
                                      "v1=" V1 ",t=1800000000",
                                      "t=1800000000,v2=" V1,
                                      "t=1800000001,v1=" V1,
                                      "t=,v1=" V1,
                                      "t=18000000x0,v1=" V1,
                                      "t=1800000000,v1=",
                                      "t=1800000000,v1=00" V1,
                                      "t=1800000000;v1=" V1};
    for (size_t i = 0; i < GH_COUNT(bad); i++)
        assert_int_equal(check(bad[i], BODY, NOW), GH_E_SIGNATURE_INVALID);
    assert_int_equal(check("t=1800000000,v1=" V1, BODY " ", NOW), GH_E_SIGNATURE_INVALID);
    gh_sign_keys_t none = {0};
    assert_int_equal(gh_signature_check(&none, GH_STR("t=1800000000,v1=" V1), GH_STR(BODY), NOW),
                     GH_E_SIGNATURE_INVALID);
}

static void
r134_its_time_is_at_most_300_s_off(void **state)
{
    (void)state;
    assert_int_equal(check("t=1800000000,v1=" V1, BODY, NOW + 300), GH_E_NONE);
    assert_int_equal(check("t=1800000000,v1=" V1, BODY, NOW + 301), GH_E_SIGNATURE_STALE);
    assert_int_equal(check("t=1800000000,v1=" V1, BODY, NOW - 300), GH_E_NONE);
    assert_int_equal(check("t=1800000000,v1=" V1, BODY, NOW - 301), GH_E_SIGNATURE_STALE);
}

static void
keys_change_with_an_overlap(void **state)
{
    (void)state;
    gh_sign_keys_t both = {{GH_STR("new"), GH_STR("secret")}}, new_only = {{GH_STR("new"), {NULL, 0}}};
    gh_buf_t out GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    char two[400];
    assert_int_equal(gh_signature_check(&both, GH_STR("t=1800000000,v1=" V1), GH_STR(BODY), NOW), GH_E_NONE);
    assert_int_equal(gh_signature_check(&new_only, GH_STR("t=1800000000,v1=" V1), GH_STR(BODY), NOW),
                     GH_E_SIGNATURE_INVALID);
    assert_int_equal(gh_signature_put(&both, GH_STR(BODY), NOW, &out), 0); /* the first one signs */
    gh_str_t fresh = gh_buf_view(&out);
    assert_int_equal(gh_signature_check(&new_only, fresh, GH_STR(BODY), NOW), GH_E_NONE);
    snprintf(two, sizeof two, "%.*s,v1=%s", (int)fresh.n, fresh.p, V1); /* the provider signs with both */
    assert_int_equal(check(two, BODY, NOW), GH_E_NONE);
    assert_int_equal(gh_signature_check(&new_only, gh_str(two), GH_STR(BODY), NOW), GH_E_NONE);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(r134_a_right_signature_is_taken),
        cmocka_unit_test(r134_missing_malformed_or_wrong_is_refused),
        cmocka_unit_test(r134_its_time_is_at_most_300_s_off),
        cmocka_unit_test(keys_change_with_an_overlap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
