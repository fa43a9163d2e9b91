/*
 * tests/bench/worker_bench.c - the worker alone: this program is the broker, guahao-worker serves "echo"
 *
 * Keeps `window` jobs in the worker's hands over one ROUTER and counts the answers, each checked to be one of
 * ours. Prints one JSON object: jobs/s, p50/p99 of the round trip, CPU time of the worker a job, its resident
 * memory.
 *
 *   worker-bench [--seconds 3] [--window 128] [--worker build/guahao-worker]
 */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>

#include "base/buf.h"
#include "base/timez.h"
#include "base/uuid7.h"
#include "broker/hist.h"
#include "wire/job.h"
#include "wire/mdp.h"

#define WINDOW_MAX 4096

typedef struct bench {
    int seconds, window;
    const char *worker;
    char dir[32], endpoint[64];
    pid_t pid;
    void *ctx, *router;
    char identity[256];
    size_t identity_n;
    gh_buf_t head, args;
    size_t id_at; /* where the id stands in head */
    uint8_t id[16];
    int64_t sent_us[WINDOW_MAX];
    uint64_t jobs, wrong;
    gh_hist_t hist;
} bench_t;

static void
die(const char *what)
{
    fprintf(stderr, "worker-bench: %s: %s\n", what, zmq_strerror(zmq_errno()));
    exit(1);
}

static void
start_worker(bench_t *t)
{
    snprintf(t->dir, sizeof(t->dir), "/tmp/ghw.XXXXXX");
    if (!mkdtemp(t->dir))
        die("mkdtemp");
    snprintf(t->endpoint, sizeof(t->endpoint), "ipc://%s/in.sock", t->dir);
    t->ctx = zmq_ctx_new();
    t->router = zmq_socket(t->ctx, ZMQ_ROUTER);
    if (!t->router || zmq_setsockopt(t->router, ZMQ_LINGER, &(int){0}, sizeof(int)) ||
        zmq_setsockopt(t->router, ZMQ_SNDHWM, &(int){0}, sizeof(int)) || zmq_bind(t->router, t->endpoint))
        die("bind");
    fflush(NULL);
    t->pid = fork();
    if (t->pid != 0)
        return;
    char credit[16];
    snprintf(credit, sizeof(credit), "%d", t->window);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setenv("GUAHAO_VAR", t->dir, 1);
    setenv("GUAHAO_LINK_INNER", t->endpoint, 1);
    setenv("GUAHAO_WORKER_CREDIT", credit, 1);
    setenv("GUAHAO_FRONT_CONTRACT_EXTRA", "tests/bench/openapi", 1);
    execl(t->worker, t->worker, "echo", (char *)NULL);
    perror(t->worker);
    _exit(127);
}

/* ---- jobs: one prepared header, of which only the id changes: bytes 8.. of the id carry the slot */

static void
prepare(bench_t *t)
{
    gh_uuid7_new(t->id);
    gh_job_head_t h = {.op = GH_STR("echo.echo"), .budget_ms = 30000, .priority = GH_PRIO_NORMAL};
    memcpy(h.id, t->id, 16);
    gh_job_head_encode(&h, &t->head);
    gh_mpw_map(&t->args, 1);
    gh_mpw_cstr(&t->args, "body");
    gh_mpw_map(&t->args, 2);
    gh_mpw_cstr(&t->args, "scheduleId");
    gh_mpw_int(&t->args, 12345);
    gh_mpw_cstr(&t->args, "note");
    gh_mpw_cstr(&t->args, "sixteen byte txt");
    char *at = memmem(t->head.p, t->head.n, t->id, 16);
    if (!at)
        die("header");
    t->id_at = (size_t)(at - t->head.p);
}

static void
send_job(bench_t *t, uint32_t slot)
{
    memcpy(t->head.p + t->id_at + 12, &slot, 4);
    t->sent_us[slot] = gh_mono_us();
    zmq_send(t->router, t->identity, t->identity_n, ZMQ_SNDMORE);
    zmq_send(t->router, GH_MDPW02, 6, ZMQ_SNDMORE);
    zmq_send(t->router, "\002", 1, ZMQ_SNDMORE);
    zmq_send(t->router, "clnt5", 5, ZMQ_SNDMORE);
    zmq_send(t->router, "", 0, ZMQ_SNDMORE);
    zmq_send(t->router, t->head.p, t->head.n, ZMQ_SNDMORE);
    if (zmq_send(t->router, t->args.p, t->args.n, 0) < 0)
        die("send");
}

/* Frames of one message into m; their number, 0 when nothing came in 100 ms. */
static int
receive(bench_t *t, zmq_msg_t m[8])
{
    zmq_pollitem_t item = {t->router, 0, ZMQ_POLLIN, 0};
    int n = 0;
    zmq_msg_init(&m[0]);
    if (zmq_msg_recv(&m[0], t->router, ZMQ_DONTWAIT) < 0) {
        zmq_poll(&item, 1, 100);
        if (zmq_msg_recv(&m[0], t->router, ZMQ_DONTWAIT) < 0)
            return 0;
    }
    for (n = 1; n < 8 && zmq_msg_more(&m[n - 1]); n++) {
        zmq_msg_init(&m[n]);
        if (zmq_msg_recv(&m[n], t->router, 0) < 0)
            die("recv");
    }
    return n;
}

static void
on_answer(bench_t *t, zmq_msg_t *m, bool more)
{
    gh_reply_head_t h;
    uint32_t slot;
    if (gh_reply_head_decode(zmq_msg_data(&m[5]), zmq_msg_size(&m[5]), &h) || h.error.n > 0 ||
        memcmp(h.id, t->id, 12) != 0) {
        t->wrong++;
        return;
    }
    memcpy(&slot, h.id + 12, 4);
    if (slot >= (uint32_t)t->window || t->sent_us[slot] == 0) {
        t->wrong++;
        return;
    }
    gh_hist_add(&t->hist, gh_mono_us() - t->sent_us[slot]);
    t->sent_us[slot] = 0;
    t->jobs++;
    if (more)
        send_job(t, slot);
}

static void
run(bench_t *t)
{
    int64_t end = 0, beat = 0;
    for (;;) {
        zmq_msg_t m[8];
        int n = receive(t, m);
        int64_t now = gh_mono_us();
        if (t->identity_n > 0 && now > beat) {
            beat = now + 500000;
            zmq_send(t->router, t->identity, t->identity_n, ZMQ_SNDMORE);
            zmq_send(t->router, GH_MDPW02, 6, ZMQ_SNDMORE);
            zmq_send(t->router, "\005", 1, 0);
        }
        char command = n >= 3 && zmq_msg_size(&m[2]) == 1 ? *(char *)zmq_msg_data(&m[2]) : 0;
        if (command == GH_MDPW_READY && t->identity_n == 0) {
            t->identity_n = zmq_msg_size(&m[0]);
            memcpy(t->identity, zmq_msg_data(&m[0]), t->identity_n);
            end = now + (int64_t)t->seconds * 1000000;
            for (int slot = 0; slot < t->window; slot++)
                send_job(t, (uint32_t)slot);
        } else if (command == GH_MDPW_FINAL && n == 7)
            on_answer(t, m, now < end);
        for (int i = 0; i < n; i++)
            zmq_msg_close(&m[i]);
        if (end && now > end + 200000)
            return;
    }
}

static double
cpu_and_memory(pid_t pid, long *rss_kb)
{
    char path[64], line[512];
    unsigned long user = 0, sys = 0;
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    FILE *f = fopen(path, "re");
    char *at = f && fgets(line, sizeof(line), f) ? strrchr(line, ')') : NULL;
    for (int field = 2; at && field < 14; field++) /* after the name, field 2: state is 3, utime 14 */
        at = strchr(at + 1, ' ');
    if (at) {
        user = strtoul(at, &at, 10);
        sys = strtoul(at, NULL, 10);
    }
    if (f)
        fclose(f);
    snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    f = fopen(path, "re");
    while (f && fgets(line, sizeof(line), f))
        if (strncmp(line, "VmRSS:", 6) == 0)
            *rss_kb = strtol(line + 6, NULL, 10);
    if (f)
        fclose(f);
    return (double)(user + sys) / (double)sysconf(_SC_CLK_TCK);
}

int
main(int argc, char **argv)
{
    static const struct option options[] = {{"seconds", required_argument, NULL, 's'},
                                            {"window", required_argument, NULL, 'w'},
                                            {"worker", required_argument, NULL, 'p'},
                                            {0}};
    static bench_t t = {.seconds = 3, .window = 128, .worker = "build/guahao-worker"};
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c == 's')
            t.seconds = (int)strtol(optarg, NULL, 10);
        else if (c == 'w')
            t.window = (int)strtol(optarg, NULL, 10);
        else if (c == 'p')
            t.worker = optarg;
        else
            return 2;
    }
    if (t.window < 1 || t.window > WINDOW_MAX || t.seconds < 1)
        return 2;
    start_worker(&t);
    prepare(&t);
    run(&t);
    long rss_kb = 0;
    double cpu_s = cpu_and_memory(t.pid, &rss_kb);
    kill(t.pid, SIGTERM);
    int status = 0;
    waitpid(t.pid, &status, 0);
    zmq_close(t.router);
    zmq_ctx_term(t.ctx);
    char path[64];
    snprintf(path, sizeof(path), "%s/in.sock", t.dir);
    unlink(path);
    rmdir(t.dir);
    printf("{\"name\": \"worker\", \"jobs_per_s\": %.0f, \"p50_us\": %llu, \"p99_us\": %llu, "
           "\"cpu_us_per_job\": %.2f, "
           "\"rss_kb\": %ld, \"jobs\": %llu, \"wrong\": %llu, \"exit\": %d}\n",
           (double)t.jobs / t.seconds, (unsigned long long)gh_hist_quantile(&t.hist, 500),
           (unsigned long long)gh_hist_quantile(&t.hist, 990), t.jobs ? cpu_s * 1e6 / (double)t.jobs : 0,
           rss_kb, (unsigned long long)t.jobs, (unsigned long long)t.wrong, status);
    return t.wrong || !t.jobs || status ? 1 : 0;
}
