/* link: broker/queue.c broker/wheel.c broker/hist.c */
/*
 * tests/unit/test_queue.c - priorities without starvation, deadlines, histograms (broker/queue.c, wheel.c, hist.c)
 */
#include "broker/queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "broker/wheel.h"

static void
init_job(gh_bjob_t *job, int prio)
{
    *job = (gh_bjob_t){.prio = (uint8_t)prio};
    gh_list_init(&job->link);
    gh_list_init(&job->shard_link);
    gh_list_init(&job->wheel_link);
}

static void
a_priority_is_first_in_first_out(void **state)
{
    (void)state;
    gh_queue_t q;
    gh_bjob_t job[4];

    gh_queue_init(&q);
    assert_null(gh_queue_first(&q, GH_PRIO_NORMAL));
    for (int i = 0; i < 4; i++)
        init_job(&job[i], GH_PRIO_NORMAL);
    gh_queue_push_tail(&q, &job[1]);
    gh_queue_push_tail(&q, &job[2]);
    gh_queue_push_head(&q, &job[0]);
    gh_queue_push_tail(&q, &job[3]);
    assert_int_equal(q.n, 4);
    assert_null(gh_queue_first(&q, GH_PRIO_HIGH));
    gh_queue_remove(&q, &job[2]);
    static const int order[] = {0, 1, 3};
    for (size_t i = 0; i < GH_COUNT(order); i++) {
        assert_ptr_equal(gh_queue_first(&q, GH_PRIO_NORMAL), &job[order[i]]);
        gh_queue_remove(&q, &job[order[i]]);
    }
    assert_int_equal(q.n, 0);
}

static void
no_priority_starves(void **state)
{
    (void)state;
    const bool all[GH_PRIO_COUNT] = {true, true, true};
    gh_fair_t f = {{0}};
    int taken[GH_PRIO_COUNT] = {0};

    for (int i = 0; i < 1000; i++) {
        int prio = gh_fair_choose(&f, all);
        taken[prio]++;
        gh_fair_took(&f, all, prio);
        if (i < 4)
            assert_int_equal(prio, GH_PRIO_HIGH);
    }
    assert_in_range(taken[GH_PRIO_HIGH], 700, 800);
    assert_in_range(taken[GH_PRIO_NORMAL], 150, 210);
    assert_in_range(taken[GH_PRIO_BATCH], 50, 62);
}

static void
only_waiting_priorities_are_chosen(void **state)
{
    (void)state;
    const bool none[GH_PRIO_COUNT] = {false, false, false}, batch[GH_PRIO_COUNT] = {false, false, true},
               two[GH_PRIO_COUNT] = {true, false, true};
    gh_fair_t f = {{0}};

    assert_int_equal(gh_fair_choose(&f, none), -1);
    assert_int_equal(gh_fair_choose(&f, batch), GH_PRIO_BATCH);
    for (int i = 0; i < 16; i++) {
        assert_int_equal(gh_fair_choose(&f, two), GH_PRIO_HIGH);
        gh_fair_took(&f, two, GH_PRIO_HIGH);
    }
    assert_int_equal(gh_fair_choose(&f, two), GH_PRIO_BATCH);
    gh_fair_took(&f, two, GH_PRIO_BATCH);
    assert_int_equal(gh_fair_choose(&f, two), GH_PRIO_HIGH);
}

/* ---- deadlines */

static size_t
advance(gh_wheel_t *w, int64_t now, gh_bjob_t **got, size_t max)
{
    gh_link_t out;
    size_t n = 0;

    gh_list_init(&out);
    gh_wheel_advance(w, now, &out);
    while (!gh_list_empty(&out)) {
        gh_bjob_t *job = GH_LINK_OWNER(out.next, gh_bjob_t, wheel_link);
        gh_list_remove(&job->wheel_link);
        assert_true(n < max);
        got[n++] = job;
    }
    return n;
}

static void
jobs_expire_after_their_deadline_and_soon(void **state)
{
    (void)state;
    static const int64_t deadlines[] = {1000, 1001, 1007, 1008, 1050, 5000, 9191, 9192, 20000, 100000};
    gh_wheel_t *w = test_malloc(sizeof *w);
    gh_bjob_t job[GH_COUNT(deadlines)], *got[GH_COUNT(deadlines)];
    bool over[GH_COUNT(deadlines)] = {false};

    gh_wheel_init(w, 1000);
    for (size_t i = 0; i < GH_COUNT(deadlines); i++) {
        init_job(&job[i], 1);
        job[i].deadline_ms = deadlines[i];
        gh_wheel_add(w, &job[i]);
    }
    for (int64_t now = 1000; now < 101000; now += 3) {
        size_t n = advance(w, now, got, GH_COUNT(deadlines));
        for (size_t i = 0; i < n; i++) {
            assert_true(got[i]->deadline_ms <= now);
            assert_true(now - got[i]->deadline_ms <= 2 * GH_WHEEL_SLOT_MS + 3);
            over[got[i] - job] = true;
        }
    }
    for (size_t i = 0; i < GH_COUNT(deadlines); i++)
        assert_true(over[i]);
    assert_int_equal(w->n, 0);
    test_free(w);
}

static void
a_long_stop_of_the_process_misses_no_deadline(void **state)
{
    (void)state;
    gh_wheel_t *w = test_malloc(sizeof *w);
    gh_bjob_t job[100], *got[100];

    gh_wheel_init(w, 0);
    for (int i = 0; i < 100; i++) {
        init_job(&job[i], 1);
        job[i].deadline_ms = i * 400;
        gh_wheel_add(w, &job[i]);
    }
    gh_wheel_remove(w, &job[7]);
    gh_wheel_remove(w, &job[7]);
    assert_int_equal(w->n, 99);
    assert_int_equal(advance(w, 3600000, got, 100), 99);
    assert_int_equal(w->n, 0);
    /* A deadline that is over when it is added comes at the next turn. */
    job[7].deadline_ms = 5;
    gh_wheel_add(w, &job[7]);
    assert_int_equal(advance(w, 3600000 + GH_WHEEL_SLOT_MS, got, 100), 1);
    test_free(w);
}

/* ---- histograms */

static void
quantiles_are_close_and_never_too_low(void **state)
{
    (void)state;
    gh_hist_t h = {.count = 0};

    assert_int_equal(gh_hist_quantile(&h, 500), 0);
    for (int i = 1; i <= 10000; i++)
        gh_hist_add(&h, i);
    static const unsigned q[] = {1, 10, 500, 950, 990, 999, 1000};
    for (size_t i = 0; i < GH_COUNT(q); i++) {
        uint64_t exact = q[i] * 10, got = gh_hist_quantile(&h, q[i]);
        assert_true(got >= exact);
        assert_true(got <= exact + exact / 8 + 1);
    }
    assert_int_equal(h.max, 10000);
    assert_int_equal(h.sum, 50005000);
}

static void
extreme_values_have_a_bucket(void **state)
{
    (void)state;
    gh_hist_t h = {.count = 0};

    gh_hist_add(&h, -5);
    gh_hist_add(&h, 0);
    gh_hist_add(&h, INT64_MAX);
    assert_int_equal(h.count, 3);
    assert_true(gh_hist_quantile(&h, 1000) == (uint64_t)INT64_MAX);
    assert_int_equal(gh_hist_quantile(&h, 100), 1);
}

static void
buckets_count_what_is_not_above_their_edge(void **state)
{
    (void)state;
    gh_hist_t h = {.count = 0};
    gh_buf_t out GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_json_t j;

    gh_hist_add(&h, 64);
    gh_hist_add(&h, 65);
    gh_hist_add(&h, 128);
    gh_hist_add(&h, 129);
    gh_json_init(&j, &out);
    gh_hist_json(&h, &j);
    assert_non_null(strstr(gh_buf_cstr(&out), "\"buckets\":[[64,1],[128,3],[256,4],"));
    assert_non_null(strstr(gh_buf_cstr(&out), "\"count\":4"));
    assert_non_null(strstr(gh_buf_cstr(&out), "\"max\":129"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_priority_is_first_in_first_out),
        cmocka_unit_test(no_priority_starves),
        cmocka_unit_test(only_waiting_priorities_are_chosen),
        cmocka_unit_test(jobs_expire_after_their_deadline_and_soon),
        cmocka_unit_test(a_long_stop_of_the_process_misses_no_deadline),
        cmocka_unit_test(quantiles_are_close_and_never_too_low),
        cmocka_unit_test(extreme_values_have_a_bucket),
        cmocka_unit_test(buckets_count_what_is_not_above_their_edge),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
