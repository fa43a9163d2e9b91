/*
 * tests/unit/test_figures.c - what workers say of themselves, read and gathered over brokers (lib/wire/figures.c)
 */
#include "unit.h"

#include "wire/figures.h"

static void
put_frame(gh_buf_t *out, const char *pool, int64_t pid, int64_t n)
{
    gh_mpw_map(out, 6);
    gh_mpw_cstr(out, "pool");
    gh_mpw_cstr(out, pool);
    gh_mpw_cstr(out, "host");
    gh_mpw_cstr(out, "h1");
    gh_mpw_cstr(out, "pid");
    gh_mpw_int(out, pid);
    gh_mpw_cstr(out, "n");
    gh_mpw_int(out, n);
    gh_mpw_cstr(out, "lanes");
    gh_mpw_array(out, 3);
    for (int i = 4; i > 1; i--)
        gh_mpw_int(out, i);
    gh_mpw_cstr(out, "jobs");
    gh_mpw_array(out, 2); /* shorter than ours: an older program */
    gh_mpw_int(out, 70);
    gh_mpw_int(out, 7);
}

/* One worker of a broker's answer. */
static void
put_worker(gh_buf_t *out, const char *id, const char *pool, int64_t pid, int64_t n)
{
    gh_buf_t frame GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    put_frame(&frame, pool, pid, n);
    gh_mpw_array(out, 3);
    gh_mpw_cstr(out, id);
    gh_mpw_int(out, 1500);
    gh_mpw_bin(out, frame.p, frame.n);
}

static void
a_frame_is_read(void **state)
{
    (void)state;
    gh_buf_t frame GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_figures_t f;
    put_frame(&frame, "booking", 12, 3);
    assert_int_equal(gh_figures_read(gh_buf_view(&frame), &f), 0);
    assert_span(f.pool, "booking");
    assert_span(f.host, "h1");
    assert_int_equal(f.pid, 12);
    assert_int_equal(f.lanes[GH_LANES_SIZE], 4);
    assert_int_equal(f.lanes[GH_LANES_BUSY], 2);
    assert_int_equal(f.jobs[GH_JOBS_REFUSED], 7);
    assert_int_equal(f.jobs[GH_JOBS_FAILED], 0);
    assert_int_equal(f.rss, 0);
    assert_int_equal(f.version.n, 0);
}

static void
no_number_is_below_zero(void **state)
{
    (void)state;
    gh_buf_t frame GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_figures_t f;
    put_frame(&frame, "booking", INT64_MIN, -1);
    assert_int_equal(gh_figures_read(gh_buf_view(&frame), &f), 0);
    assert_int_equal(f.pid, 0);
    assert_int_equal(f.n, 0);
}

static void
other_frames_are_refused(void **state)
{
    (void)state;
    gh_buf_t frame GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_figures_t f;
    assert_int_equal(gh_figures_read(GH_STR(""), &f), -1);
    assert_int_equal(gh_figures_read(GH_STR("\x01"), &f), -1);
    put_frame(&frame, "", 12, 3); /* of no pool */
    assert_int_equal(gh_figures_read(gh_buf_view(&frame), &f), -1);
    gh_buf_clear(&frame);
    put_frame(&frame, "booking", 12, 3);
    assert_int_equal(gh_figures_read((gh_str_t){frame.p, frame.n - 1}, &f), -1);
}

static void
a_worker_of_several_brokers_is_one(void **state)
{
    (void)state;
    gh_buf_t one GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT, two GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_figures_t list[4];
    size_t n = 0;
    gh_mpw_array(&one, 3);
    put_worker(&one, "0a", "booking", 12, 5);
    put_worker(&one, "0b", "identity", 12, 5); /* the same process for another pool */
    put_worker(&one, "0c", "booking", 13, 9);
    gh_mpw_array(&two, 2);
    put_worker(&two, "1a", "booking", 12, 6);
    put_worker(&two, "1c", "booking", 13, 8);
    assert_int_equal(gh_figures_collect(gh_buf_view(&one), list, &n, GH_COUNT(list)), 0);
    assert_int_equal(gh_figures_collect(gh_buf_view(&two), list, &n, GH_COUNT(list)), 0);
    assert_int_equal(n, 3);
    assert_span(list[0].worker, "1a"); /* the newer word */
    assert_int_equal(list[0].n, 6);
    assert_int_equal(list[0].age_ms, 1500);
    assert_span(list[2].worker, "0c");
    assert_int_equal(list[2].n, 9);
}

static void
no_more_than_there_is_room_for(void **state)
{
    (void)state;
    gh_buf_t answer GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_figures_t list[2];
    size_t n = 0;
    gh_mpw_array(&answer, 4);
    gh_mpw_nil(&answer); /* no worker at all */
    for (int64_t pid = 1; pid <= 3; pid++)
        put_worker(&answer, "0a", "booking", pid, 1);
    assert_int_equal(gh_figures_collect(gh_buf_view(&answer), list, &n, 2), 0);
    assert_int_equal(n, 2);
    assert_int_equal(gh_figures_collect(GH_STR("{}"), list, &n, 2), -1);
    assert_int_equal(n, 2);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_frame_is_read),
        cmocka_unit_test(no_number_is_below_zero),
        cmocka_unit_test(other_frames_are_refused),
        cmocka_unit_test(a_worker_of_several_brokers_is_one),
        cmocka_unit_test(no_more_than_there_is_room_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
