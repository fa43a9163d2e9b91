/* link: broker/queue.c broker/dispatch.c broker/endpoint.c */
/*
 * tests/unit/test_dispatch.c - which worker gets which job (broker/dispatch.c), what may be bound (broker/endpoint.c)
 */
#include "broker/dispatch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "broker/broker.h"

#define SOLO 2

typedef struct world {
    gh_bservice_t s;
    gh_bworker_t w[4];
    gh_bjob_t job[64];
    size_t n;
} world_t;

static int
setup(void **state)
{
    world_t *t = calloc(1, sizeof *t);

    gh_dispatch_service_init(&t->s);
    *state = t;
    return 0;
}

static int
teardown(void **state)
{
    world_t *t = *state;

    gh_dispatch_service_fini(&t->s);
    free(t);
    return 0;
}

static gh_bworker_t *
join(world_t *t, int i, uint32_t credit)
{
    t->w[i].credit = credit;
    gh_dispatch_join(&t->s, &t->w[i]);
    return &t->w[i];
}

static gh_bjob_t *
put(world_t *t, const char *shard, int prio)
{
    gh_bjob_t *job = &t->job[t->n];

    *job = (gh_bjob_t){.prio = (uint8_t)prio, .seq = ++t->n, .service = &t->s};
    gh_list_init(&job->link);
    gh_list_init(&job->shard_link);
    gh_list_init(&job->wheel_link);
    assert_int_equal(gh_dispatch_enqueue(&t->s, job, gh_str(shard)), 0);
    return job;
}

static void
finish(world_t *t, gh_bjob_t *job)
{
    gh_dispatch_finish(&t->s, job);
    gh_dispatch_forget(&t->s, job, 0);
}

/* Everything that the worker may be given now, as the broker does when it has become free. */
static size_t
take_all(world_t *t, gh_bworker_t *w)
{
    size_t n = 0;

    while (gh_dispatch_take(&t->s, w, SOLO))
        n++;
    return n;
}

static void
one_worker_is_filled_before_the_next(void **state)
{
    world_t *t = *state;
    gh_bworker_t *a = join(t, 0, 3), *b = join(t, 1, 3);

    for (int i = 0; i < 5; i++) {
        put(t, NULL, GH_PRIO_NORMAL);
        gh_bworker_t *w = gh_dispatch_next_worker(&t->s);
        assert_ptr_equal(w, i < 3 ? a : b);
        assert_non_null(gh_dispatch_take(&t->s, w, SOLO));
    }
    assert_int_equal(a->running, 3);
    assert_int_equal(b->running, 2);
    /* b goes on being filled, though a has room again. */
    finish(t, GH_LINK_OWNER(a->hand.next, gh_bjob_t, link));
    assert_ptr_equal(gh_dispatch_next_worker(&t->s), b);
    put(t, NULL, GH_PRIO_NORMAL);
    assert_non_null(gh_dispatch_take(&t->s, b, SOLO));
    assert_ptr_equal(gh_dispatch_next_worker(&t->s), a);
}

static void
plain_workers_take_turns(void **state)
{
    world_t *t = *state;
    gh_bworker_t *w[3] = {join(t, 0, 1), join(t, 1, 1), join(t, 2, 1)};

    for (int i = 0; i < 9; i++) {
        put(t, NULL, GH_PRIO_NORMAL);
        gh_bworker_t *next = gh_dispatch_next_worker(&t->s);
        assert_ptr_equal(next, w[i % 3]);
        finish(t, gh_dispatch_take(&t->s, next, SOLO));
    }
}

static void
a_full_worker_gets_nothing(void **state)
{
    world_t *t = *state;
    gh_bworker_t *a = join(t, 0, 2);

    for (int i = 0; i < 3; i++)
        put(t, NULL, GH_PRIO_NORMAL);
    assert_int_equal(take_all(t, a), 2);
    assert_null(gh_dispatch_next_worker(&t->s));
    assert_int_equal(t->s.running, 2);
    assert_int_equal(gh_bservice_depth(&t->s), 1);
    finish(t, &t->job[0]);
    assert_ptr_equal(gh_dispatch_next_worker(&t->s), a);
    assert_int_equal(take_all(t, a), 1);
}

static void
a_shard_stays_with_its_worker(void **state)
{
    world_t *t = *state;
    gh_bworker_t *a = join(t, 0, 2), *b = join(t, 1, 10);

    put(t, "s:1", GH_PRIO_NORMAL);
    assert_non_null(gh_dispatch_take(&t->s, a, SOLO));
    for (int i = 0; i < 3; i++)
        put(t, "s:1", GH_PRIO_NORMAL);
    /* b is free and gets none of them; a gets one, and the others in order as it answers. */
    assert_int_equal(take_all(t, b), 0);
    assert_int_equal(take_all(t, a), 1);
    assert_int_equal(a->own.n, 2);
    finish(t, &t->job[0]);
    assert_ptr_equal(gh_dispatch_take(&t->s, a, SOLO), &t->job[2]);
    finish(t, &t->job[1]);
    assert_ptr_equal(gh_dispatch_take(&t->s, a, SOLO), &t->job[3]);
    /* Another shard goes to b meanwhile. */
    put(t, "s:2", GH_PRIO_NORMAL);
    assert_ptr_equal(gh_dispatch_take(&t->s, b, SOLO), &t->job[4]);
}

static void
binding_takes_along_what_waits_already(void **state)
{
    world_t *t = *state;
    static const char *const shards[] = {"s:1", "s:2", "s:1", NULL, "s:1"};

    for (size_t i = 0; i < GH_COUNT(shards); i++)
        put(t, shards[i], GH_PRIO_NORMAL);
    gh_bworker_t *a = join(t, 0, 1), *b = join(t, 1, 10);
    assert_ptr_equal(gh_dispatch_take(&t->s, a, SOLO), &t->job[0]);
    assert_int_equal(a->own.n, 2); /* both other jobs of s:1 */
    assert_ptr_equal(gh_dispatch_take(&t->s, b, SOLO), &t->job[1]);
    assert_ptr_equal(gh_dispatch_take(&t->s, b, SOLO), &t->job[3]);
    assert_null(gh_dispatch_take(&t->s, b, SOLO));
    put(t, "s:1", GH_PRIO_NORMAL);
    for (int i = 0; i < 3; i++) {
        static const int order[] = {2, 4, 5};
        finish(t, GH_LINK_OWNER(a->hand.next, gh_bjob_t, link));
        assert_ptr_equal(gh_dispatch_take(&t->s, a, SOLO), &t->job[order[i]]);
    }
}

static void
an_idle_shard_is_remembered_and_then_forgotten(void **state)
{
    world_t *t = *state;
    gh_bworker_t *a = join(t, 0, 2);

    put(t, "s:1", GH_PRIO_NORMAL);
    finish(t, gh_dispatch_take(&t->s, a, SOLO));
    gh_bworker_t *b = join(t, 1, 2);
    (void)b;
    gh_bjob_t *job = put(t, "s:1", GH_PRIO_NORMAL);
    assert_ptr_equal(job->worker, a);
    finish(t, gh_dispatch_take(&t->s, a, SOLO));
    gh_dispatch_sweep(&t->s, GH_SHARD_MEMORY_MS - 1);
    assert_int_equal(HASH_COUNT(t->s.shards), 1);
    gh_dispatch_sweep(&t->s, GH_SHARD_MEMORY_MS);
    assert_int_equal(HASH_COUNT(t->s.shards), 0);
    assert_null(put(t, "s:1", GH_PRIO_NORMAL)->worker);
}

static void
an_idle_shard_leaves_a_full_worker(void **state)
{
    world_t *t = *state;
    gh_bworker_t *a = join(t, 0, 1);

    put(t, "s:1", GH_PRIO_NORMAL);
    finish(t, gh_dispatch_take(&t->s, a, SOLO));
    put(t, "s:2", GH_PRIO_NORMAL);
    assert_non_null(gh_dispatch_take(&t->s, a, SOLO)); /* a is full now */
    gh_bworker_t *b = join(t, 1, 1);
    gh_bjob_t *job = put(t, "s:1", GH_PRIO_NORMAL);
    assert_null(job->worker);
    assert_ptr_equal(gh_dispatch_take(&t->s, b, SOLO), job);
}

static void
what_a_lost_worker_held_and_awaited_comes_first_and_in_order(void **state)
{
    world_t *t = *state;
    gh_bworker_t *a = join(t, 0, 2);

    for (int i = 0; i < 4; i++)
        put(t, "s:1", GH_PRIO_NORMAL);
    assert_int_equal(take_all(t, a), 2);
    put(t, NULL, GH_PRIO_NORMAL);
    put(t, "s:1", GH_PRIO_NORMAL);
    /* As worker.c does: empty the hand, leave, then put back the last first. */
    gh_dispatch_finish(&t->s, &t->job[0]);
    gh_dispatch_finish(&t->s, &t->job[1]);
    gh_dispatch_leave(&t->s, a);
    gh_dispatch_requeue(&t->s, &t->job[1]);
    gh_dispatch_requeue(&t->s, &t->job[0]);
    assert_int_equal(gh_bservice_depth(&t->s), 6);
    assert_int_equal(t->s.running, 0);
    gh_bworker_t *b = join(t, 1, 10);
    static const int order[] = {0, 1, 2, 3, 5, 4};
    for (size_t i = 0; i < GH_COUNT(order); i++) {
        gh_bjob_t *job = gh_dispatch_take(&t->s, b, SOLO);
        assert_non_null(job);
        /* the job without a shard stands where it came in; the shard's own order is 0 1 2 3 5 */
        if (order[i] < 4)
            assert_ptr_equal(job, &t->job[order[i]]);
    }
    assert_int_equal(gh_bservice_depth(&t->s), 0);
}

static void
priorities_go_first_within_a_worker_too(void **state)
{
    world_t *t = *state;

    put(t, "s:1", GH_PRIO_BATCH);
    put(t, "s:1", GH_PRIO_NORMAL);
    put(t, "s:1", GH_PRIO_HIGH);
    put(t, NULL, GH_PRIO_HIGH);
    gh_bworker_t *a = join(t, 0, 10);
    static const int order[] = {2, 3, 1, 0};
    for (size_t i = 0; i < GH_COUNT(order); i++)
        assert_ptr_equal(gh_dispatch_take(&t->s, a, SOLO), &t->job[order[i]]);
}

static void
a_job_that_took_workers_down_runs_alone(void **state)
{
    world_t *t = *state;
    gh_bworker_t *a = join(t, 0, 4);

    put(t, NULL, GH_PRIO_NORMAL);
    put(t, NULL, GH_PRIO_NORMAL)->crashes = SOLO;
    put(t, NULL, GH_PRIO_NORMAL);
    assert_ptr_equal(gh_dispatch_take(&t->s, a, SOLO), &t->job[0]);
    assert_null(gh_dispatch_take(&t->s, a, SOLO)); /* not beside another */
    finish(t, &t->job[0]);
    assert_ptr_equal(gh_dispatch_take(&t->s, a, SOLO), &t->job[1]);
    assert_null(gh_dispatch_take(&t->s, a, SOLO)); /* and no other beside it */
    finish(t, &t->job[1]);
    assert_ptr_equal(gh_dispatch_take(&t->s, a, SOLO), &t->job[2]);
}

static void
a_paused_service_delivers_nothing(void **state)
{
    world_t *t = *state;
    gh_bworker_t *a = join(t, 0, 4);

    put(t, NULL, GH_PRIO_NORMAL);
    t->s.paused = true;
    assert_null(gh_dispatch_take(&t->s, a, SOLO));
    t->s.paused = false;
    assert_non_null(gh_dispatch_take(&t->s, a, SOLO));
}

static void
a_removed_job_leaves_no_trace(void **state)
{
    world_t *t = *state;
    gh_bworker_t *a = join(t, 0, 1);

    for (int i = 0; i < 3; i++)
        put(t, "s:1", GH_PRIO_NORMAL);
    assert_non_null(gh_dispatch_take(&t->s, a, SOLO));
    gh_dispatch_remove(&t->s, &t->job[1]); /* waits in a's own queue */
    gh_dispatch_forget(&t->s, &t->job[1], 0);
    finish(t, &t->job[0]);
    assert_ptr_equal(gh_dispatch_take(&t->s, a, SOLO), &t->job[2]);
    finish(t, &t->job[2]);
    assert_int_equal(gh_bservice_depth(&t->s), 0);
    gh_dispatch_leave(&t->s, a);
    assert_int_equal(HASH_COUNT(t->s.shards), 0);
}

/* Random traffic: every job is given out exactly once, shards never overlap between workers and keep their order. */
static void
random_traffic_keeps_the_promises(void **state)
{
    world_t *t = *state;
    enum { JOBS = 20000, SHARDS = 9 };
    gh_bjob_t *jobs = calloc(JOBS, sizeof *jobs), *held[JOBS];
    uint64_t last[SHARDS] = {0};
    size_t put_n = 0, done = 0, n_held = 0;
    unsigned seed = 42;

    assert_non_null(jobs);
    for (int i = 0; i < 4; i++)
        join(t, i, (uint32_t)(1 + i * 3));
    while (done < JOBS) {
        if (put_n < JOBS && rand_r(&seed) % 2) {
            gh_bjob_t *job = &jobs[put_n];
            char shard[8];
            snprintf(shard, sizeof shard, "s%d", rand_r(&seed) % SHARDS);
            *job = (gh_bjob_t){.prio = GH_PRIO_NORMAL, .seq = ++put_n, .service = &t->s};
            gh_list_init(&job->link);
            gh_list_init(&job->shard_link);
            assert_int_equal(gh_dispatch_enqueue(&t->s, job, gh_str(rand_r(&seed) % 4 ? shard : NULL)), 0);
        } else if (n_held > 0 && rand_r(&seed) % 2) {
            size_t i = (size_t)rand_r(&seed) % n_held;
            finish(t, held[i]);
            held[i] = held[--n_held];
            done++;
        }
        gh_bworker_t *w = &t->w[rand_r(&seed) % 4];
        gh_bjob_t *job = gh_dispatch_take(&t->s, w, SOLO);
        if (!job)
            continue;
        if (job->shard) {
            int k = job->shard->key[1] - '0';
            assert_ptr_equal(job->shard->worker, w);
            assert_true(job->seq > last[k]);
            last[k] = job->seq;
        }
        held[n_held++] = job;
    }
    assert_int_equal(gh_bservice_depth(&t->s), 0);
    assert_int_equal(t->s.running, 0);
    for (int i = 0; i < 4; i++)
        gh_dispatch_leave(&t->s, &t->w[i]);
    assert_int_equal(HASH_COUNT(t->s.shards), 0);
    free(jobs);
}

/* ---- endpoints */

static void
endpoints_are_told_apart(void **state)
{
    (void)state;
    assert_int_equal(gh_endpoint_kind("ipc:///run/guahao/inner.sock"), GH_ENDPOINT_IPC);
    assert_int_equal(gh_endpoint_kind("ipc://relative"), GH_ENDPOINT_BAD);
    assert_int_equal(gh_endpoint_kind("ipc://@abstract"), GH_ENDPOINT_BAD);
    assert_int_equal(gh_endpoint_kind("tcp://127.0.0.1:5555"), GH_ENDPOINT_LOOPBACK);
    assert_int_equal(gh_endpoint_kind("tcp://127.8.9.1:5555"), GH_ENDPOINT_LOOPBACK);
    assert_int_equal(gh_endpoint_kind("tcp://[::1]:5555"), GH_ENDPOINT_LOOPBACK);
    assert_int_equal(gh_endpoint_kind("tcp://0.0.0.0:5555"), GH_ENDPOINT_TCP);
    assert_int_equal(gh_endpoint_kind("tcp://[::]:5555"), GH_ENDPOINT_TCP);
    assert_int_equal(gh_endpoint_kind("tcp://*:5555"), GH_ENDPOINT_TCP);
    assert_int_equal(gh_endpoint_kind("tcp://eth0:5555"), GH_ENDPOINT_TCP);
    assert_int_equal(gh_endpoint_kind("tcp://127.0.0.1.example.org:5555"), GH_ENDPOINT_TCP);
    assert_int_equal(gh_endpoint_kind("tcp://10.1.2.3:5555"), GH_ENDPOINT_TCP);
    assert_int_equal(gh_endpoint_kind("tcp://127.0.0.1"), GH_ENDPOINT_BAD);
    assert_int_equal(gh_endpoint_kind("tcp://:5555"), GH_ENDPOINT_BAD);
    assert_int_equal(gh_endpoint_kind("inproc://x"), GH_ENDPOINT_BAD);
    assert_int_equal(gh_endpoint_kind("pgm://x"), GH_ENDPOINT_BAD);
    assert_int_equal(gh_endpoint_kind(""), GH_ENDPOINT_BAD);
}

static void
sockets_of_trusted_peers_need_a_directory_of_our_own(void **state)
{
    (void)state;
    char dir[] = "/tmp/ght.XXXXXX", endpoint[64];

    assert_non_null(mkdtemp(dir));
    snprintf(endpoint, sizeof endpoint, "ipc://%s/x.sock", dir);
    assert_int_equal(gh_endpoint_ipc_dir(endpoint, true), 0);
    assert_int_equal(chmod(dir, 0750), 0);
    assert_int_equal(gh_endpoint_ipc_dir(endpoint, true), -1);
    assert_int_equal(gh_endpoint_ipc_dir(endpoint, false), 0);
    /* A missing directory is made, closed to others. */
    snprintf(endpoint, sizeof endpoint, "ipc://%s/a/b/x.sock", dir);
    assert_int_equal(gh_endpoint_ipc_dir(endpoint, true), 0);
    snprintf(endpoint, sizeof endpoint, "%s/a/b", dir);
    assert_int_equal(rmdir(endpoint), 0);
    snprintf(endpoint, sizeof endpoint, "%s/a", dir);
    assert_int_equal(rmdir(endpoint), 0);
    assert_int_equal(rmdir(dir), 0);
    assert_int_equal(gh_endpoint_ipc_dir("ipc:///x.sock", true), -1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(one_worker_is_filled_before_the_next),
        TEST(plain_workers_take_turns),
        TEST(a_full_worker_gets_nothing),
        TEST(a_shard_stays_with_its_worker),
        TEST(binding_takes_along_what_waits_already),
        TEST(an_idle_shard_is_remembered_and_then_forgotten),
        TEST(an_idle_shard_leaves_a_full_worker),
        TEST(what_a_lost_worker_held_and_awaited_comes_first_and_in_order),
        TEST(priorities_go_first_within_a_worker_too),
        TEST(a_job_that_took_workers_down_runs_alone),
        TEST(a_paused_service_delivers_nothing),
        TEST(a_removed_job_leaves_no_trace),
        TEST(random_traffic_keeps_the_promises),
        cmocka_unit_test(endpoints_are_told_apart),
        cmocka_unit_test(sockets_of_trusted_peers_need_a_directory_of_our_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
