/*
 * tests/unit/test_worker_fail.c - what follows an error of the database
 */
#include "unit.h"

#include "worker/internal.h"

static gh_verdict_t
decide(const char *sqlstate, bool lost, size_t n, unsigned tries)
{
    return gh_fail_decide(sqlstate, lost, n, tries, GH_OP_WRITE);
}

static void
a_lost_connection_is_tried_again_when_there_is_one(void **state)
{
    (void)state;
    static const char *const away[] = {"08006", "57P01", "57P02", "57P03", "25006", "25P03"};
    for (size_t i = 0; i < GH_COUNT(away); i++) {
        assert_int_equal(decide(away[i], false, 1, 0), GH_RETRY_WHEN_UP);
        assert_int_equal(decide(away[i], false, 64, 0), GH_RETRY_WHEN_UP);
        assert_int_equal(decide(away[i], false, 64, 1), GH_ALONE);
    }
    assert_int_equal(decide("", true, 1, 3), GH_RETRY_WHEN_UP);
    assert_int_equal(decide("", true, 1, 255), GH_GIVE_UP);
}

static void
contention_is_tried_again_a_few_times(void **state)
{
    (void)state;
    static const char *const contended[] = {"40001", "40P01", "55P03"};
    for (size_t i = 0; i < GH_COUNT(contended); i++) {
        assert_int_equal(decide(contended[i], false, 1, 0), GH_RETRY);
        assert_int_equal(decide(contended[i], false, 1, 5), GH_RETRY);
        assert_int_equal(decide(contended[i], false, 1, 6), GH_GIVE_UP);
    }
    assert_int_equal(decide("40P01", false, 8, 0), GH_RETRY); /* together once, then apart */
    assert_int_equal(decide("40P01", false, 8, 1), GH_ALONE);
    assert_int_equal(decide("55P03", false, 8, 0), GH_ALONE);
}

static void
other_errors_run_one_by_one_and_then_end(void **state)
{
    (void)state;
    static const char *const bad[] = {"23505", "23514", "22P02", "42P01", "53100", "57014", "XX000", ""};
    for (size_t i = 0; i < GH_COUNT(bad); i++) {
        assert_int_equal(decide(bad[i], false, 2, 0), GH_ALONE);
        assert_int_equal(decide(bad[i], false, 1, 0), GH_GIVE_UP);
    }
}

static void
a_job_alone_gets_the_refusal_its_operation_names(void **state)
{
    (void)state;
    static const struct gh_constraint_map map[] = {
        {"orders_active_uq", GH_E_DUPLICATE_BOOKING}, {"places_ck", GH_E_SLOT_FULL}, {0}};
    const gh_op_t op = {.name = "x", .constraints = map}, bare = {.name = "y"};
    gh_pg_error_t e = {.sqlstate = "23505", .constraint = "orders_active_uq"};
    assert_int_equal(gh_fail_error(&op, &e), GH_E_DUPLICATE_BOOKING);
    assert_int_equal(gh_fail_error(&bare, &e), GH_E_INTERNAL);
    e = (gh_pg_error_t){.sqlstate = "23514", .constraint = "places_ck"};
    assert_int_equal(gh_fail_error(&op, &e), GH_E_SLOT_FULL);
    e = (gh_pg_error_t){.sqlstate = "23503", .constraint = "other_fk"};
    assert_int_equal(gh_fail_error(&op, &e), GH_E_INTERNAL);
    e = (gh_pg_error_t){.sqlstate = "42501", .constraint = "places_ck"}; /* not an integrity error */
    assert_int_equal(gh_fail_error(&op, &e), GH_E_INTERNAL);
}

static void
lack_of_resources_and_time_are_not_internal(void **state)
{
    (void)state;
    static const struct {
        const char *sqlstate;
        gh_err_t err;
    } cases[] = {{"53200", GH_E_SERVICE_UNAVAILABLE}, {"53300", GH_E_SERVICE_UNAVAILABLE},
                 {"57014", GH_E_UPSTREAM_TIMEOUT},    {"40P01", GH_E_SERVICE_UNAVAILABLE},
                 {"57P01", GH_E_SERVICE_UNAVAILABLE}, {"XX001", GH_E_INTERNAL}};
    const gh_op_t op = {.name = "x"};
    for (size_t i = 0; i < GH_COUNT(cases); i++) {
        gh_pg_error_t e = {0};
        snprintf(e.sqlstate, sizeof(e.sqlstate), "%s", cases[i].sqlstate);
        assert_int_equal(gh_fail_error(&op, &e), cases[i].err);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lost_connection_is_tried_again_when_there_is_one),
        cmocka_unit_test(contention_is_tried_again_a_few_times),
        cmocka_unit_test(other_errors_run_one_by_one_and_then_end),
        cmocka_unit_test(a_job_alone_gets_the_refusal_its_operation_names),
        cmocka_unit_test(lack_of_resources_and_time_are_not_internal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
