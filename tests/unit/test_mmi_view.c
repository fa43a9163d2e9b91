/* link: ops/cmd/mmi_view.c */
/*
 * tests/unit/test_mmi_view.c - reading what a broker says, and percentiles between two looks
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "ops/cmd/mmi_view.h"

static const char queues[] =
    "{\"broker\":{\"id\":\"ab\\u001b[31m\",\"uptime_s\":7,\"version\":\"0.1\",\"inner_peers\":4},"
    "\"services\":["
    "{\"name\":\"identity\",\"workers\":1,\"credit\":64,\"running\":0,\"waiting\":[0,0,0],\"depth\":0},"
    "{\"name\":\"booking\",\"workers\":2,\"credit\":128,\"running\":3,\"waiting\":[1,2,3],\"depth\":6,"
    "\"oldest_ms\":12,"
    "\"paused\":true,\"accepted\":100,\"done\":90,\"refused_full\":1,\"refused_no_worker\":2,\"expired\":3,"
    "\"requeued\":4,"
    "\"dead\":5,\"work_us\":{\"count\":4,\"sum\":400,\"p50\":100,\"p95\":200,\"p99\":300,\"max\":900,"
    "\"buckets\":[[100,1],[200,3],[null,4]]}}]}";

static void
services_are_read_and_sorted(void **state)
{
    (void)state;
    gh_view_t v;
    assert_int_equal(
        gh_view_parse(
            &v, GH_STR(queues),
            GH_STR("{\"workers\":[{\"id\":\"00ff\",\"service\":\"booking\",\"credit\":64,\"running\":2,"
                   "\"done\":9,\"age_s\":5,\"silent_ms\":40,\"trusted\":true}]}")),
        0);
    assert_string_equal(v.broker, "ab?[31m"); /* no control characters on an operator's terminal */
    assert_int_equal(v.n_services, 2);
    const gh_view_service_t *s = &v.services[0];
    assert_string_equal(s->name, "booking");
    assert_ptr_equal(gh_view_find(&v, "booking"), s);
    assert_null(gh_view_find(&v, "pricing"));
    assert_int_equal(s->waiting[0] + s->waiting[1] + s->waiting[2], s->depth);
    assert_true(s->paused);
    assert_int_equal(s->work.n, 3);
    assert_int_equal(v.n_workers, 1);
    assert_int_equal(v.workers[0].silent_ms, 40);
    gh_view_fini(&v);
    gh_view_fini(&v);
}

static void
other_texts_are_refused_or_read_as_nothing(void **state)
{
    (void)state;
    gh_view_t v;
    assert_int_equal(gh_view_parse(&v, GH_STR("{"), GH_STR("")), -1);
    assert_int_equal(gh_view_parse(&v, GH_STR("[]"), GH_STR("")), -1);
    assert_int_equal(gh_view_parse(&v, GH_STR(queues), GH_STR("nonsense")), -1);
    assert_int_equal(
        gh_view_parse(&v, GH_STR("{\"services\":[{\"name\":7,\"workers\":\"x\"},null]}"), GH_STR("{}")), 0);
    assert_int_equal(v.n_services, 2);
    assert_int_equal(v.services[1].workers, 0);
    gh_view_fini(&v);
}

static void
percentiles_are_those_between_two_looks(void **state)
{
    (void)state;
    gh_view_hist_t before = {
        .count = 100, .n = 3, .le = {100, 200, INT64_MAX}, .cumulative = {100, 100, 100}};
    gh_view_hist_t after = {
        .count = 200, .max = 1000, .n = 3, .le = {100, 200, INT64_MAX}, .cumulative = {100, 150, 200}};
    assert_int_equal(gh_view_percentile(NULL, &after, 0.25), 50);
    assert_int_equal(gh_view_percentile(&before, &after, 0.25), 150);
    assert_int_equal(gh_view_percentile(&before, &after, 0.75),
                     600);                                         /* between 200 and the largest one seen */
    assert_int_equal(gh_view_percentile(&after, &after, 0.5), -1); /* nothing happened */
    before.count = 900;                                            /* the broker was started again */
    assert_int_equal(gh_view_percentile(&before, &after, 0.25), 50);
    gh_view_hist_t none = {0};
    assert_int_equal(gh_view_percentile(NULL, &none, 0.5), -1);
}

static void
durations_are_short(void **state)
{
    (void)state;
    char out[16];
    assert_string_equal(gh_view_us(-1, out), "-");
    assert_string_equal(gh_view_us(850, out), "850us");
    assert_string_equal(gh_view_us(4200, out), "4.2ms");
    assert_string_equal(gh_view_us(1300000, out), "1.3s");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(services_are_read_and_sorted),
                                       cmocka_unit_test(other_texts_are_refused_or_read_as_nothing),
                                       cmocka_unit_test(percentiles_are_those_between_two_looks),
                                       cmocka_unit_test(durations_are_short)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
