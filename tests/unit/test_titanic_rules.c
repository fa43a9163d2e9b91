/* link: workers/jobs/titanic_rules.c workers/jobs/jobs_rules.c */
#include "unit.h"

#include "base/buf.h"
#include "wire/job.h"
#include "workers/jobs/titanic.h"

static void
a_request_is_for_services_of_workers(void **state)
{
    char longest[130];
    (void)state;
    memset(longest, 'a', sizeof longest);
    assert_true(gh_titanic_target(GH_STR("booking")));
    assert_true(gh_titanic_target(GH_STR("my.titanic.x")));
    assert_true(gh_titanic_target(GH_STR("titanic")));
    assert_true(gh_titanic_target((gh_str_t){longest, 128}));
    assert_false(gh_titanic_target((gh_str_t){longest, 129}));
    assert_false(gh_titanic_target(GH_STR("titanic.request")));
    assert_false(gh_titanic_target(GH_STR("mmi.service")));
    assert_false(gh_titanic_target(GH_STR("a/b")));
    assert_false(gh_titanic_target((gh_str_t){"", 0}));
}

static void
a_uuid_is_32_digits_of_either_case(void **state)
{
    uint8_t a[16], b[16];
    (void)state;
    assert_int_equal(gh_titanic_uuid(GH_STR("0123456789abcdefABCDEF0011223344"), a), 0);
    assert_int_equal(gh_titanic_uuid(GH_STR("0123456789ABCDEFabcdef0011223344"), b), 0);
    assert_memory_equal(a, b, 16);
    assert_int_equal(a[0], 0x01);
    assert_int_equal(a[15], 0x44);
    assert_int_equal(gh_titanic_uuid(GH_STR("0123456789abcdefABCDEF001122334"), a), -1);
    assert_int_equal(gh_titanic_uuid(GH_STR("0123456789abcdefABCDEF00112233445"), a), -1);
    assert_int_equal(gh_titanic_uuid(GH_STR("../../etc/passwd0000000000000000"), a), -1);
    assert_int_equal(gh_titanic_uuid((gh_str_t){0}, a), -1);
}

static gh_titanic_end_t
end_of(const char *error, int attempt)
{
    gh_buf_t head GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_reply_head_t h = {.error = gh_str(error)};
    gh_reply_head_encode(&h, &head);
    return gh_titanic_answer(gh_buf_view(&head), attempt);
}

static void
answers_of_plain_workers_are_answers(void **state)
{
    (void)state;
    assert_int_equal(gh_titanic_answer(GH_STR("anything"), 1), GH_TITANIC_DONE);
    assert_int_equal(gh_titanic_answer((gh_str_t){"", 0}, 9), GH_TITANIC_DONE);
    assert_int_equal(gh_titanic_answer(GH_STR("GHR1 but not a header"), 1), GH_TITANIC_FAILED);
}

static void
what_passes_is_tried_again_a_rule_is_not(void **state)
{
    (void)state;
    assert_int_equal(end_of("", 1), GH_TITANIC_DONE);
    assert_int_equal(end_of("SLOT_FULL", 1), GH_TITANIC_FAILED);
    assert_int_equal(end_of("FORBIDDEN", 1), GH_TITANIC_FAILED);
    assert_int_equal(end_of("QUEUE_FULL", 4), GH_TITANIC_AGAIN);
    assert_int_equal(end_of("QUEUE_FULL", 5), GH_TITANIC_FAILED);
    assert_int_equal(end_of("INTERNAL", 1), GH_TITANIC_AGAIN);
    assert_int_equal(gh_titanic_silence(4), GH_TITANIC_AGAIN);
    assert_int_equal(gh_titanic_silence(5), GH_TITANIC_FAILED);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_request_is_for_services_of_workers),
                                       cmocka_unit_test(a_uuid_is_32_digits_of_either_case),
                                       cmocka_unit_test(answers_of_plain_workers_are_answers),
                                       cmocka_unit_test(what_passes_is_tried_again_a_rule_is_not)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
