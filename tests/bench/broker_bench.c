/*
 * tests/bench/broker_bench.c - the broker alone: clients with a window of jobs in flight, echo workers with credit
 *
 * Starts the broker beside it (or takes --endpoint), runs clients in one thread and workers in another over raw libzmq,
 * and prints one JSON object: jobs/s, p50/p99 of the round trip, and what the broker used of CPU and memory.
 * Every answer is checked to belong to a job that is open; a wrong or missing one makes the run fail.
 */
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>

#include "base/timez.h"
#include "broker/hist.h"
#include "wire/job.h"
#include "wire/mdp.h"

#define MAX_PEERS 64

typedef struct bench {
    double seconds;
    uint32_t window, clients, workers, credit, payload, shards;
    const char *broker; /* program to start, NULL with --endpoint */
    char endpoint[128], dir[64];
    pid_t pid;
    void *ctx;
    atomic_bool stop;
    uint64_t jobs, wrong, refused;
    gh_hist_t hist;
    double took;
} bench_t;

static void
die(const char *what)
{
    fprintf(stderr, "broker-bench: %s: %s\n", what, zmq_strerror(zmq_errno()));
    exit(1);
}

/* ---- the broker under test */

static void
start_broker(bench_t *t)
{
    snprintf(t->dir, sizeof t->dir, "/tmp/ghb.XXXXXX");
    if (!mkdtemp(t->dir))
        die("mkdtemp");
    snprintf(t->endpoint, sizeof t->endpoint, "ipc://%s/run/inner.sock", t->dir);
    fflush(NULL);
    t->pid = fork();
    if (t->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        setenv("GUAHAO_VAR", t->dir, 1);
        setenv("GUAHAO_LOG_LEVEL", "warn", 1);
        execl(t->broker, t->broker, (char *)NULL);
        perror(t->broker);
        _exit(127);
    }
    char path[128];
    snprintf(path, sizeof path, "%s/run/events-out.sock", t->dir);
    for (int i = 0; i < 200 && access(path, F_OK) < 0; i++)
        usleep(20000);
}

/* Number n (from 1) of the blank-separated fields at text. */
static long
field(const char *text, int n)
{
    while (--n > 0 && (text = strchr(text, ' ')))
        text++;
    return text ? strtol(text, NULL, 10) : 0;
}

/* utime + stime in ticks, resident kB: fields 14, 15 and 24 of /proc/PID/stat (proc(5)). */
static void
usage_of(pid_t pid, long *ticks, long *rss_kb)
{
    char path[64], text[1024];

    *ticks = *rss_kb = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *f = fopen(path, "r");
    if (!f)
        return;
    size_t n = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    text[n] = '\0';
    const char *after = strrchr(text, ')');
    if (!after || after[1] != ' ')
        return;
    *ticks = field(after + 2, 12) + field(after + 2, 13);
    *rss_kb = field(after + 2, 22) * (sysconf(_SC_PAGESIZE) / 1024);
}

static void
remove_dir(const char *dir)
{
    char command[128];

    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    if (system(command) != 0)
        fprintf(stderr, "broker-bench: %s stays behind\n", dir);
}

static void
stop_broker(bench_t *t)
{
    int status;

    if (t->pid <= 0)
        return;
    kill(t->pid, SIGTERM);
    waitpid(t->pid, &status, 0);
    remove_dir(t->dir);
}

/* ---- peers */

static void *
dealer(bench_t *t)
{
    int zero = 0, hwm = 100000;
    void *s = zmq_socket(t->ctx, ZMQ_DEALER);

    if (!s || zmq_setsockopt(s, ZMQ_LINGER, &zero, sizeof zero) < 0 ||
        zmq_setsockopt(s, ZMQ_SNDHWM, &hwm, sizeof hwm) < 0 ||
        zmq_setsockopt(s, ZMQ_RCVHWM, &hwm, sizeof hwm) < 0 || zmq_connect(s, t->endpoint) < 0)
        die("connect");
    return s;
}

static void
put(void *s, const void *data, size_t n, int more)
{
    if (zmq_send(s, data, n, more) < 0)
        die("send");
}

/* Answer a request with its own arguments. The first two frames (header, command) are read. */
static void
echo(void *s, gh_buf_t *head)
{
    zmq_msg_t f[4]; /* client, "", header, arguments */
    gh_job_head_t job;

    for (int i = 0; i < 4; i++) {
        zmq_msg_init(&f[i]);
        if (zmq_msg_recv(&f[i], s, 0) < 0)
            die("recv");
    }
    if (gh_job_head_decode(zmq_msg_data(&f[2]), zmq_msg_size(&f[2]), &job) < 0)
        die("job header");
    gh_reply_head_t reply = {.attempt = job.attempt};
    memcpy(reply.id, job.id, 16);
    gh_buf_clear(head);
    gh_reply_head_encode(&reply, head);
    put(s, GH_MDPW02, 6, ZMQ_SNDMORE);
    put(s, "\x04", 1, ZMQ_SNDMORE);
    zmq_msg_send(&f[0], s, ZMQ_SNDMORE);
    zmq_msg_send(&f[1], s, ZMQ_SNDMORE);
    put(s, head->p, head->n, ZMQ_SNDMORE);
    zmq_msg_send(&f[3], s, 0);
    zmq_msg_close(&f[2]);
}

static void
serve_socket(void *s, gh_buf_t *head)
{
    char frame[8];

    for (;;) {
        if (zmq_recv(s, frame, 6, ZMQ_DONTWAIT) < 0)
            return;
        if (zmq_recv(s, frame, 1, 0) != 1)
            die("command");
        if (frame[0] == GH_MDPW_REQUEST) {
            echo(s, head);
        } else if (frame[0] == GH_MDPW_HEARTBEAT) {
            put(s, GH_MDPW02, 6, ZMQ_SNDMORE);
            put(s, "\x05", 1, 0);
        } else {
            die("DISCONNECT");
        }
    }
}

static void *
worker_thread(void *arg)
{
    bench_t *t = arg;
    zmq_pollitem_t items[MAX_PEERS];
    gh_buf_t head = GH_BUF_INIT;
    char credit[16];

    snprintf(credit, sizeof credit, "%u", t->credit);
    for (uint32_t i = 0; i < t->workers; i++) {
        items[i] = (zmq_pollitem_t){.socket = dealer(t), .events = ZMQ_POLLIN};
        put(items[i].socket, GH_MDPW02, 6, ZMQ_SNDMORE);
        put(items[i].socket, "\x01", 1, ZMQ_SNDMORE);
        put(items[i].socket, "echo", 4, ZMQ_SNDMORE);
        put(items[i].socket, credit, strlen(credit), 0);
    }
    while (!atomic_load(&t->stop)) {
        if (zmq_poll(items, (int)t->workers, 50) <= 0)
            continue;
        for (uint32_t i = 0; i < t->workers; i++)
            if (items[i].revents)
                serve_socket(items[i].socket, &head);
    }
    for (uint32_t i = 0; i < t->workers; i++)
        zmq_close(items[i].socket);
    gh_buf_fini(&head);
    return NULL;
}

/* ---- clients */

typedef struct slot {
    int64_t sent_us; /* 0: free */
    uint32_t round;
} slot_t;

typedef struct load {
    bench_t *t;
    gh_buf_t head;
    size_t id_at, shard_at; /* in head */
    slot_t *slot;
    char *payload;
    uint32_t counter, open;
} load_t;

static void
make_head(load_t *l)
{
    gh_job_head_t h = {
        .op = GH_STR("echo.echo"), .budget_ms = 5000, .priority = GH_PRIO_NORMAL, .has_actor = true};
    const char *at;

    h.trace = GH_STR("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    if (l->t->shards > 0)
        h.shard = GH_STR("s:00000000");
    h.actor.user_id = 4711;
    h.actor.session = GH_STR("0123456789abcdef");
    h.actor.ip = GH_STR("127.0.0.1");
    memset(h.id, 0xAA, 16);
    gh_job_head_encode(&h, &l->head);
    at = memmem(l->head.p, l->head.n, h.id, 16);
    l->id_at = (size_t)(at - l->head.p);
    at = memmem(l->head.p, l->head.n, "s:00000000", 10);
    l->shard_at = at ? (size_t)(at - l->head.p) : 0;
}

static void
send_job(load_t *l, void *s, uint32_t i)
{
    slot_t *slot = &l->slot[i];
    uint32_t round = ++slot->round;
    uint8_t *id = (uint8_t *)l->head.p + l->id_at;
    char digits[16];

    memcpy(id + 8, &i, 4);
    memcpy(id + 12, &round, 4);
    if (l->shard_at > 0) {
        snprintf(digits, sizeof digits, "%08u", l->counter++ % l->t->shards);
        memcpy(l->head.p + l->shard_at + 2, digits, 8);
    }
    slot->sent_us = gh_mono_us();
    put(s, GH_MDPC02, 6, ZMQ_SNDMORE);
    put(s, "\x01", 1, ZMQ_SNDMORE);
    put(s, "echo", 4, ZMQ_SNDMORE);
    put(s, l->head.p, l->head.n, ZMQ_SNDMORE);
    put(s, l->payload, l->t->payload, 0);
    l->open++;
}

/* Read one answer: the slot it frees, or UINT32_MAX. */
static uint32_t
take_answer(load_t *l, zmq_msg_t *frame, size_t n)
{
    gh_reply_head_t reply;
    uint32_t i, round;

    if (n < 4 || gh_reply_head_decode(zmq_msg_data(&frame[3]), zmq_msg_size(&frame[3]), &reply) < 0) {
        l->t->wrong++;
        return UINT32_MAX;
    }
    memcpy(&i, reply.id + 8, 4);
    memcpy(&round, reply.id + 12, 4);
    if (i >= l->t->window || l->slot[i].sent_us == 0 || l->slot[i].round != round) {
        l->t->wrong++;
        return UINT32_MAX;
    }
    if (reply.error.n > 0)
        l->t->refused++;
    else if (n != 5 || zmq_msg_size(&frame[4]) != l->t->payload)
        l->t->wrong++;
    gh_hist_add(&l->t->hist, gh_mono_us() - l->slot[i].sent_us);
    l->slot[i].sent_us = 0;
    l->open--;
    l->t->jobs++;
    return i;
}

static void
read_answers(load_t *l, void *s, bool again)
{
    zmq_msg_t frame[8];

    for (;;) {
        size_t n = 0;
        int more = 1;
        while (more && n < 8) {
            zmq_msg_init(&frame[n]);
            if (zmq_msg_recv(&frame[n], s, n ? 0 : ZMQ_DONTWAIT) < 0)
                return;
            more = zmq_msg_more(&frame[n++]);
        }
        uint32_t i = take_answer(l, frame, n);
        for (size_t k = 0; k < n; k++)
            zmq_msg_close(&frame[k]);
        if (again && i != UINT32_MAX)
            send_job(l, s, i);
    }
}

static void
run_clients(bench_t *t)
{
    zmq_pollitem_t items[MAX_PEERS];
    load_t l = {.t = t, .slot = calloc(t->window, sizeof *l.slot), .payload = calloc(1, t->payload + 1)};
    int64_t start, end;

    make_head(&l);
    for (uint32_t i = 0; i < t->clients; i++)
        items[i] = (zmq_pollitem_t){.socket = dealer(t), .events = ZMQ_POLLIN};
    usleep(300000); /* workers say READY */
    start = gh_mono_us();
    end = start + (int64_t)(t->seconds * 1e6);
    for (uint32_t i = 0; i < t->window; i++)
        send_job(&l, items[i % t->clients].socket, i);
    while (l.open > 0 && gh_mono_us() < end + 10000000) {
        if (zmq_poll(items, (int)t->clients, 100) <= 0)
            continue;
        bool again = gh_mono_us() < end;
        if (again)
            t->took = 0;
        for (uint32_t i = 0; i < t->clients; i++)
            if (items[i].revents)
                read_answers(&l, items[i].socket, again);
    }
    t->took = (double)(gh_mono_us() - start) / 1e6;
    t->wrong += l.open; /* lost */
    for (uint32_t i = 0; i < t->clients; i++)
        zmq_close(items[i].socket);
    gh_buf_fini(&l.head);
    free(l.slot);
    free(l.payload);
}

/* ---- */

static void
print(const bench_t *t, long ticks, long rss_kb)
{
    printf(
        "{\"name\": \"broker\", \"jobs_per_s\": %.0f, \"p50_us\": %llu, \"p99_us\": %llu, \"max_us\": %llu, "
        "\"jobs\": %llu, \"refused\": %llu, \"wrong\": %llu, \"seconds\": %.2f, \"window\": %u, \"clients\": "
        "%u, "
        "\"workers\": %u, \"credit\": %u, \"payload\": %u, \"shards\": %u, \"broker_cpu\": %.2f, "
        "\"broker_rss_mb\": %.1f}\n",
        (double)t->jobs / t->took, (unsigned long long)gh_hist_quantile(&t->hist, 500),
        (unsigned long long)gh_hist_quantile(&t->hist, 990), (unsigned long long)t->hist.max,
        (unsigned long long)t->jobs, (unsigned long long)t->refused, (unsigned long long)t->wrong, t->took,
        t->window, t->clients, t->workers, t->credit, t->payload, t->shards,
        (double)ticks / (double)sysconf(_SC_CLK_TCK) / t->took, (double)rss_kb / 1024);
}

static uint32_t
number(const char *text, uint32_t min, uint32_t max)
{
    char *end;
    unsigned long v = strtoul(text, &end, 10);

    if (*end || v < min || v > max) {
        fprintf(stderr, "broker-bench: %s is not a number from %u to %u\n", text, min, max);
        exit(2);
    }
    return (uint32_t)v;
}

static void
parse(bench_t *t, int argc, char **argv)
{
    static const struct option options[] = {
        {"seconds", required_argument, NULL, 's'},  {"window", required_argument, NULL, 'w'},
        {"clients", required_argument, NULL, 'c'},  {"workers", required_argument, NULL, 'k'},
        {"credit", required_argument, NULL, 'r'},   {"payload", required_argument, NULL, 'p'},
        {"shards", required_argument, NULL, 'x'},   {"broker", required_argument, NULL, 'b'},
        {"endpoint", required_argument, NULL, 'e'}, {NULL, 0, NULL, 0}};
    int c;

    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (c) {
        case 's':
            t->seconds = number(optarg, 1, 3600);
            break;
        case 'w':
            t->window = number(optarg, 1, 100000);
            break;
        case 'c':
            t->clients = number(optarg, 1, MAX_PEERS);
            break;
        case 'k':
            t->workers = number(optarg, 1, MAX_PEERS);
            break;
        case 'r':
            t->credit = number(optarg, 1, 65535);
            break;
        case 'p':
            t->payload = number(optarg, 0, 1 << 20);
            break;
        case 'x':
            t->shards = number(optarg, 0, 1000000);
            break;
        case 'b':
            t->broker = optarg;
            break;
        case 'e':
            t->broker = NULL;
            snprintf(t->endpoint, sizeof t->endpoint, "%s", optarg);
            break;
        default:
            fprintf(
                stderr,
                "usage: broker-bench [--seconds N] [--window N] [--clients N] [--workers N] [--credit N]\n"
                "                    [--payload BYTES] [--shards N] [--broker PROGRAM | --endpoint E]\n");
            exit(2);
        }
    }
}

int
main(int argc, char **argv)
{
    static bench_t t = {
        .seconds = 3, .window = 256, .clients = 2, .workers = 2, .credit = 128, .payload = 64};
    char beside[4096];
    pthread_t thread;
    long before, after, rss;

    snprintf(beside, sizeof beside, "%s", argv[0]);
    char *slash = strrchr(beside, '/');
    snprintf(slash ? slash + 1 : beside, 64, "../guahao-broker");
    t.broker = beside;
    parse(&t, argc, argv);
    if (t.broker)
        start_broker(&t);
    t.ctx = zmq_ctx_new();
    if (pthread_create(&thread, NULL, worker_thread, &t) != 0)
        die("thread");
    usage_of(t.pid, &before, &rss);
    run_clients(&t);
    usage_of(t.pid, &after, &rss);
    atomic_store(&t.stop, true);
    pthread_join(thread, NULL);
    zmq_ctx_term(t.ctx);
    stop_broker(&t);
    print(&t, after - before, rss);
    return t.wrong > 0 || t.jobs == 0;
}
