/*
 * tests/unit/test_worker_queue.c - how waiting jobs become batches
 *
 * The link of the jobs is closed, so that what is refused counts as dropped and needs no broker.
 */
#include "unit.h"

#include "base/timez.h"
#include "worker/internal.h"

typedef struct site {
    gh_worker_t worker;
    gh_wpool_t pool;
    gh_group_t groups[3];
    gh_pool_t def;
} site_t;

static int
set_up(void **state)
{
    site_t *s = calloc(1, sizeof(*s));
    s->def.name = "test";
    s->pool = (gh_wpool_t){
        .worker = &s->worker, .def = &s->def, .groups = s->groups, .n_groups = 3, .credit = 64};
    s->pool.links[0] = (gh_link_t){.pool = &s->pool, .generation = 1};
    for (size_t i = 0; i < 3; i++)
        s->groups[i] = (gh_group_t){.pool = &s->pool, .name = "g", .kind = GH_OP_WRITE, .batch_max = 64};
    *state = s;
    return 0;
}

static int
tear_down(void **state)
{
    site_t *s = *state;
    for (size_t i = 0; i < 3; i++)
        for (gh_wjob_priv_t *j; (j = s->groups[i].head);) {
            s->groups[i].head = j->next;
            free(j);
        }
    for (gh_wjob_priv_t *j; (j = s->worker.free_jobs);) {
        s->worker.free_jobs = j->next;
        free(j);
    }
    gh_buf_fini(&s->worker.scratch);
    gh_buf_fini(&s->worker.maps);
    free(s);
    return 0;
}

static gh_wjob_priv_t *
job(site_t *s, size_t group, uint8_t id)
{
    gh_wjob_priv_t *j = calloc(1, sizeof(*j));
    j->link = &s->pool.links[0];
    j->link_generation = j->link->generation;
    j->seq = s->worker.next_seq++;
    j->job.head.id[15] = id;
    j->job.deadline_ms = gh_mono_ms() + 60000;
    j->received_us = gh_mono_us() + 3600000000; /* whatever the test takes, it has just come */
    zmq_msg_init(&j->client);
    zmq_msg_init(&j->head_msg);
    zmq_msg_init(&j->args_msg);
    s->pool.in_hand++;
    gh_group_push(&s->groups[group], j);
    return j;
}

/* Take a batch and write its ids as text: "123". */
static const char *
take(site_t *s, size_t group, size_t max)
{
    static char text[128];
    gh_wjob_priv_t *jobs[64];
    size_t n = gh_group_take(&s->groups[group], jobs, max, gh_mono_ms());
    for (size_t i = 0; i < n; i++) {
        text[i] = (char)('0' + jobs[i]->job.head.id[15]);
        gh_job_free(&s->worker, jobs[i]);
    }
    text[n] = '\0';
    return text;
}

static void
batches_keep_the_order_of_arrival_and_their_limit(void **state)
{
    site_t *s = *state;
    for (uint8_t i = 1; i <= 5; i++)
        job(s, 0, i);
    assert_string_equal(take(s, 0, 3), "123");
    assert_int_equal(s->groups[0].waiting, 2);
    assert_string_equal(take(s, 0, 3), "45");
    assert_string_equal(take(s, 0, 3), "");
    assert_int_equal(s->pool.waiting, 0);
}

/* The broker has given them to others meanwhile. */
static void
jobs_of_a_link_that_was_closed_are_not_begun(void **state)
{
    site_t *s = *state;
    job(s, 0, 1);
    job(s, 0, 2);
    s->pool.links[0].generation++;
    job(s, 0, 3);
    assert_string_equal(take(s, 0, 5), "3");
    assert_int_equal(s->pool.waiting, 0);
}

static void
a_second_batch_of_writes_waits_until_as_many_jobs_have_come_as_the_first_has(void **state)
{
    site_t *s = *state;
    gh_group_t *g = &s->groups[0];
    g->running = 1;
    g->jobs_running = 3;
    job(s, 0, 1);
    job(s, 0, 2);
    assert_null(gh_pool_pick(&s->pool));
    job(s, 0, 3);
    assert_ptr_equal(gh_pool_pick(&s->pool), g);
    g->jobs_running = 4;
    assert_null(gh_pool_pick(&s->pool));
    g->running = 2; /* two a batch */
    assert_ptr_equal(gh_pool_pick(&s->pool), g);
    g->running = 1;
    g->batch_max = 3; /* more would not go into a batch */
    assert_ptr_equal(gh_pool_pick(&s->pool), g);
    g->batch_max = 64;
    g->kind = GH_OP_READ; /* reads do not wait for each other */
    assert_ptr_equal(gh_pool_pick(&s->pool), g);
    g->kind = GH_OP_WRITE;
    g->jobs_running = 9;
    assert_null(gh_pool_pick(&s->pool));
    g->head->received_us = gh_mono_us() - 50000; /* it has waited long enough */
    assert_ptr_equal(gh_pool_pick(&s->pool), g);
    g->running = g->jobs_running = 0;
    assert_ptr_equal(gh_pool_pick(&s->pool), g);
}

static void
the_group_that_waits_longest_is_next_unless_its_gate_is_shut(void **state)
{
    site_t *s = *state;
    gh_batch_priv_t batch;
    assert_null(gh_pool_pick(&s->pool));
    job(s, 2, 1);
    job(s, 0, 2);
    job(s, 1, 3);
    assert_ptr_equal(gh_pool_pick(&s->pool), &s->groups[2]);
    s->groups[2].gate = &batch; /* its last batch does not hold its locks yet */
    assert_ptr_equal(gh_pool_pick(&s->pool), &s->groups[0]);
    s->groups[0].alone_first = true; /* a postponed twin waits for the running batch */
    s->groups[0].running = 1;
    assert_ptr_equal(gh_pool_pick(&s->pool), &s->groups[1]);
    s->groups[0].running = 0;
    assert_ptr_equal(gh_pool_pick(&s->pool), &s->groups[0]);
}

static void
reads_leave_the_last_lane_to_writes(void **state)
{
    site_t *s = *state;
    s->groups[0].kind = GH_OP_READ;
    s->pool.n_lanes = 2;
    job(s, 1, 1);
    take(s, 1, 64);
    job(s, 0, 1);
    assert_ptr_equal(gh_pool_pick(&s->pool), &s->groups[0]);
    s->groups[0].running = 1;
    assert_null(gh_pool_pick(&s->pool));
    job(s, 1, 2);
    assert_ptr_equal(gh_pool_pick(&s->pool), &s->groups[1]);
    s->pool.n_lanes = 1; /* there is only one for all */
    assert_ptr_equal(gh_pool_pick(&s->pool), &s->groups[0]);
    s->pool.n_lanes = 2;
    take(s, 1, 64);
    assert_null(gh_pool_pick(&s->pool)); /* there may be more to write */
    s->pool.wrote_ms -= 5001;
    assert_ptr_equal(gh_pool_pick(&s->pool), &s->groups[0]);
}

static void
jobs_whose_time_is_over_are_answered_and_not_begun(void **state)
{
    site_t *s = *state;
    job(s, 0, 1);
    job(s, 0, 2)->job.deadline_ms = gh_mono_ms() - 1;
    job(s, 0, 3);
    assert_string_equal(take(s, 0, 64), "13");
    assert_int_equal(s->pool.stats.refused, 1);
    assert_int_equal(s->pool.in_hand, 2);
}

static void
a_job_from_a_failed_batch_runs_alone_and_first(void **state)
{
    site_t *s = *state;
    gh_wjob_priv_t *jobs[64];
    for (uint8_t i = 1; i <= 4; i++)
        job(s, 0, i);
    size_t n = gh_group_take(&s->groups[0], jobs, 2, gh_mono_ms());
    assert_int_equal(n, 2);
    while (n-- > 0) {
        jobs[n]->alone = true;
        gh_group_push_front(&s->groups[0], jobs[n]);
    }
    assert_string_equal(take(s, 0, 64), "1");
    assert_string_equal(take(s, 0, 64), "2");
    assert_string_equal(take(s, 0, 64), "34");
}

static void
one_of_two_jobs_under_one_key_is_in_progress(void **state)
{
    site_t *s = *state;
    for (uint8_t i = 1; i <= 4; i++) {
        gh_wjob_priv_t *j = job(s, 0, i);
        j->keyed = true;
        j->lock_key = i == 3 ? 70 : i == 4 ? 0 : 70 + i % 2;
    }
    /* keys 71, 70, 70 (a twin of the second), 0 */
    assert_string_equal(take(s, 0, 64), "124");
    assert_int_equal(s->pool.stats.refused, 1);
}

static void
the_same_job_again_is_postponed_to_find_its_record(void **state)
{
    site_t *s = *state;
    job(s, 0, 1);
    job(s, 0, 2);
    job(s, 0, 1)->recheck = true;
    job(s, 0, 3);
    assert_string_equal(take(s, 0, 64), "12");
    assert_true(s->groups[0].alone_first);
    assert_true(s->groups[0].head->recheck);
    assert_string_equal(take(s, 0, 64), "13");
    assert_false(s->groups[0].alone_first);
}

static void
sweep_answers_the_late_and_without_a_database_all_but_the_doubtful(void **state)
{
    site_t *s = *state;
    job(s, 0, 1)->job.deadline_ms = gh_mono_ms() - 1;
    job(s, 0, 2);
    job(s, 1, 3)->recheck = true;
    gh_pool_sweep(&s->pool);
    assert_int_equal(s->pool.waiting, 2);
    s->pool.down_since_ms = gh_mono_ms() - 60000;
    gh_pool_sweep(&s->pool);
    assert_int_equal(s->pool.waiting, 1);
    assert_string_equal(take(s, 1, 64), "3");
    assert_int_equal(s->pool.stats.refused, 2);
}

static void
percentiles_are_the_upper_edge_of_their_bucket(void **state)
{
    (void)state;
    gh_pool_stats_t st = {0};
    assert_int_equal(gh_stats_percentile(&st, 95), 0);
    for (int i = 0; i < 99; i++)
        gh_stats_job(&st, 100);
    gh_stats_job(&st, 5000000);
    assert_in_range(gh_stats_percentile(&st, 50), 100, 125);
    assert_in_range(gh_stats_percentile(&st, 99), 100, 125);
    assert_in_range(gh_stats_percentile(&st, 100), 5000000, 6250000);
    gh_stats_job(&st, INT64_MAX);
    gh_stats_job(&st, -5);
    assert_int_equal(st.jobs, 102);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(batches_keep_the_order_of_arrival_and_their_limit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(jobs_of_a_link_that_was_closed_are_not_begun, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            a_second_batch_of_writes_waits_until_as_many_jobs_have_come_as_the_first_has, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_group_that_waits_longest_is_next_unless_its_gate_is_shut, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(reads_leave_the_last_lane_to_writes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(jobs_whose_time_is_over_are_answered_and_not_begun, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_job_from_a_failed_batch_runs_alone_and_first, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_of_two_jobs_under_one_key_is_in_progress, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_same_job_again_is_postponed_to_find_its_record, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(sweep_answers_the_late_and_without_a_database_all_but_the_doubtful,
                                        set_up, tear_down),
        cmocka_unit_test(percentiles_are_the_upper_edge_of_their_bucket),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
