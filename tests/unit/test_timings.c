/*
 * tests/unit/test_timings.c - how long statements take (lib/db/timings.c)
 */
#include "unit.h"

#include "db/timings.h"

static const gh_sql_t s_one[] = {{"lock_schedules", ""}, {"read_orders", ""}}, s_two[] = {{"rt_begin", ""}};

static gh_timings_t *
make(void)
{
    const gh_sql_t *tables[] = {s_one, s_two};
    const size_t counts[] = {2, 1};
    gh_timings_t *t = gh_timings_new(tables, counts, 2);
    assert_non_null(t);
    return t;
}

static void
statements_are_found_by_name(void **state)
{
    (void)state;
    gh_timings_t *t = make();
    assert_int_equal(t->n, 3);
    assert_string_equal(t->at[gh_timings_find(t, "read_orders")].name, "read_orders");
    assert_string_equal(t->at[gh_timings_find(t, "rt_begin")].name, "rt_begin");
    assert_int_equal(gh_timings_find(t, "rt_commit"), t->n);
    gh_timings_add(t, t->n, 5); /* counts nowhere */
    assert_int_equal(t->queries, 0);
    gh_timings_destroy(&t);
    assert_null(t);
    gh_timings_destroy(&t);
}

static void
a_time_belongs_to_the_bucket_of_its_edge(void **state)
{
    (void)state;
    gh_timings_t *t = make();
    for (size_t b = 0; b < GH_TIMING_BUCKETS - 1; b++) {
        gh_timings_add(t, 1, gh_timing_edges_us[b]);
        gh_timings_add(t, 1, (int64_t)gh_timing_edges_us[b] + 1);
    }
    assert_int_equal(t->at[1].bucket[0], 1);
    for (size_t b = 1; b < GH_TIMING_BUCKETS - 1; b++)
        assert_int_equal(t->at[1].bucket[b], 2);
    assert_int_equal(t->at[1].bucket[GH_TIMING_BUCKETS - 1], 1);
    assert_int_equal(t->queries, 2 * (GH_TIMING_BUCKETS - 1));
    gh_timings_add(t, 0, -3); /* a clock that stood still */
    assert_int_equal(t->at[0].bucket[0], 1);
    assert_int_equal(t->at[0].sum_us, 0);
    gh_timings_destroy(&t);
}

static void
slow_segments_are_counted(void **state)
{
    (void)state;
    gh_timings_t *t = make();
    gh_timings_segment(t, GH_TIMING_SLOW_US - 1);
    assert_int_equal(t->slow, 0);
    gh_timings_segment(t, GH_TIMING_SLOW_US);
    gh_timings_segment(t, GH_TIMING_SLOW_US + 1);
    assert_int_equal(t->slow, 2);
    assert_int_equal(t->segments, 3);
    assert_int_equal(t->segment_us, 3 * GH_TIMING_SLOW_US);
    gh_timings_destroy(&t);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statements_are_found_by_name),
        cmocka_unit_test(a_time_belongs_to_the_bucket_of_its_edge),
        cmocka_unit_test(slow_segments_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
