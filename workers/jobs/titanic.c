/*
 * workers/jobs/titanic.c - see titanic.h
 */
#include "workers/jobs/titanic.h"

#include <libpq-fe.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <zmq.h>

#include "base/log.h"
#include "base/timez.h"
#include "base/uuid7.h"
#include "db/arrays.h"
#include "db/blocking.h"
#include "gen/sql_jobs.h"
#include "wire/broker_list.h"
#include "wire/frames.h"
#include "wire/job.h"
#include "wire/mdp.h"
#include "wire/dial.h"
#include "workers/jobs/jobs_rules.h"

#define SERVICES 3
#define RUNS_MAX 64
#define FRAMES_MAX                                                                                           \
    58 /* of a request with its service, of a reply: what fits a message that the broker carries */
#define PARTS_MAX  (FRAMES_MAX + 8)
#define BYTES_MAX  (1u << 20) /* of a request */
#define REPLY_MAX  (4u << 20)
#define TURN_MS    50
#define LOOK_MS    500 /* looks for due requests at least so often */
#define PRUNE_MS   30000
#define ATTEMPT_MS 60000 /* one delivery, there and back */
#define ASK_MS     2000  /* whether somebody serves it */
#define LEASE_MS   (ATTEMPT_MS + 15000)
#define REOPEN_MS  1000
#define LINGER_MS  200
#define TAKE_MAX   64 /* requests of one socket in a turn */

static const char *const s_services[SERVICES] = {"titanic.request", "titanic.reply", "titanic.close"};

/* We as a worker of one service at one broker. */
typedef struct served {
    void *socket; /* NULL: closed until open_ms */
    int64_t heard_ms, sent_ms, open_ms;
} served_t;

typedef struct broker {
    gh_broker_at_t at;
    bool listed; /* false: the place is free */
    served_t served[SERVICES];
} broker_t;

/* A request in hand. */
typedef struct run {
    uint8_t id[16];
    int attempt;
    char service[GH_MDP_SERVICE_MAX + 1];
    gh_buf_t frames; /* hexadecimal, with commas between */
    void *socket;
    bool asked; /* somebody serves it: the request was sent */
    int64_t deadline_ms;
} run_t;

struct gh_titanic {
    const gh_conf_t *conf;
    gh_blocking_t *db;
    void *ctx;
    broker_t brokers[GH_BROKERS_MAX];
    size_t turn;
    gh_broker_list_t list;
    gh_broker_follow_t follow;
    run_t *runs[RUNS_MAX];
    size_t n_runs, parallel;
    int64_t due_ms, pruned_ms;
    pthread_t thread;
    atomic_bool stop;
};

/* ---- sockets */

static void *
open_socket(gh_titanic_t *t, size_t broker)
{
    const gh_broker_at_t *at = &t->brokers[broker].at;
    const gh_dial_t how = {.linger_ms = LINGER_MS,
                           .reconnect_ms = 100,
                           .reconnect_max_ms = 2000,
                           .frame_max = REPLY_MAX + (64 << 10)};
    return gh_dial(t->ctx, ZMQ_DEALER, &how, t->conf, at->inner, at->cert);
}

/* The frames of a message, sent whole or not at all. */
static bool
send_all(void *socket, const gh_str_t *frames, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (zmq_send(socket, frames[i].p ? frames[i].p : "", frames[i].n,
                     ZMQ_DONTWAIT | (i + 1 < n ? ZMQ_SNDMORE : 0)) < 0)
            return false;
    return true;
}

static bool
command(served_t *s, char which, gh_str_t more)
{
    gh_str_t frames[] = {GH_STR(GH_MDPW02), {&which, 1}, more};
    s->sent_ms = gh_mono_ms();
    return send_all(s->socket, frames, more.p ? 3 : 2);
}

static void
close_served(served_t *s)
{
    if (s->socket)
        zmq_close(s->socket);
    s->socket = NULL;
    s->open_ms = gh_mono_ms() + REOPEN_MS;
}

static void
keep_served(gh_titanic_t *t, size_t broker, size_t service)
{
    served_t *s = &t->brokers[broker].served[service];
    int64_t now = gh_mono_ms(), beat = gh_conf_int(t->conf, "broker.heartbeat_ms"),
            silence = beat * gh_conf_int(t->conf, "broker.liveness");
    if (!s->socket) {
        if (now < s->open_ms || !(s->socket = open_socket(t, broker)))
            return;
        s->heard_ms = now;
        (void)command(s, GH_MDPW_READY, gh_str(s_services[service]));
    } else if (now - s->heard_ms > silence) {
        close_served(s);
    } else if (now - s->sent_ms >= gh_conf_int(t->conf, "worker.heartbeat_ms")) {
        (void)command(s, GH_MDPW_HEARTBEAT, (gh_str_t){0});
    }
}

/* A broker that was heard lately; -1: none. */
static int
usable_broker(gh_titanic_t *t)
{
    int64_t now = gh_mono_ms(), silence = gh_broker_silence_ms(t->conf);
    for (size_t i = 0; i < GH_BROKERS_MAX; i++) {
        size_t at = t->turn++ % GH_BROKERS_MAX;
        const served_t *s = &t->brokers[at].served[0];
        if (t->brokers[at].listed && s->socket && s->heard_ms && now - s->heard_ms < silence)
            return (int)at;
    }
    return -1;
}

/* ---- which brokers there are */

static void
leave(broker_t *b)
{
    for (size_t s = 0; s < SERVICES; s++) {
        if (b->served[s].socket)
            (void)command(&b->served[s], GH_MDPW_DISCONNECT, (gh_str_t){0});
        close_served(&b->served[s]);
    }
    *b = (broker_t){.listed = false};
}

static void
join(gh_titanic_t *t, const gh_broker_at_t *at)
{
    broker_t *place = NULL;
    for (size_t i = 0; i < GH_BROKERS_MAX; i++) {
        broker_t *b = &t->brokers[i];
        if (b->listed && gh_broker_same(&b->at, at))
            return;
        if (!b->listed && !place)
            place = b;
    }
    if (place)
        *place = (broker_t){.at = *at, .listed = true};
}

/* Requests in hand keep their sockets. */
static void
follow_list(gh_titanic_t *t)
{
    if (!gh_broker_follow(&t->follow, t->conf, gh_mono_ms(), &t->list))
        return;
    for (size_t i = 0; i < GH_BROKERS_MAX; i++)
        if (t->brokers[i].listed && !gh_broker_listed(&t->list, &t->brokers[i].at))
            leave(&t->brokers[i]);
    for (size_t i = 0; i < t->list.n; i++)
        join(t, &t->list.at[i]);
}

/* ---- the three services */

static void
machine_now(char out[GH_PG_TIME_TEXT])
{
    gh_pg_time_text(gh_machine_us(), out);
}

/* The statement's result; NULL: there is no database now. */
static PGresult *
ask(gh_titanic_t *t, const char *name, int n, const char *const *params)
{
    return gh_blocking_up(t->db) ? gh_blocking_run(t->db, name, n, params) : NULL;
}

typedef struct answer {
    gh_str_t frames[FRAMES_MAX + 1];
    size_t n;
    char id[33];
    gh_buf_t bytes; /* what frames point into */
} answer_t;

static void
say(answer_t *a, const char *status)
{
    a->n = 0;
    a->frames[a->n++] = gh_str(status);
}

/* Frames out of hexadecimal digits with commas between; -1: too many, or memory ran out. The buffer is theirs. */
static int
read_frames(const char *hex, gh_buf_t *bytes, gh_str_t *frames, size_t *n, size_t most)
{
    size_t ends[FRAMES_MAX], count = 0;
    gh_buf_clear(bytes);
    for (;;) {
        while (hex[0] && hex[0] != ',' && hex[1]) {
            gh_buf_putc(bytes, (char)gh_hex_byte(hex));
            hex += 2;
        }
        if (count == FRAMES_MAX || count == most)
            return -1;
        ends[count++] = bytes->n;
        if (*hex != ',')
            break;
        hex++;
    }
    if (!gh_buf_ok(bytes))
        return -1;
    for (size_t i = 0; i < count; i++) {
        size_t from = i ? ends[i - 1] : 0;
        frames[i] = (gh_str_t){bytes->p ? bytes->p + from : "", ends[i] - from};
    }
    *n = count;
    return 0;
}

/* Whether a request of these frames can be kept. A header of ours must be one, or nobody could take its actor away. */
static bool
is_request(const gh_str_t *body, size_t n)
{
    gh_job_head_t head;
    size_t bytes = 0;
    for (size_t i = 0; i < n; i++)
        bytes += body[i].n;
    if (n < 2 || n > FRAMES_MAX || bytes > BYTES_MAX || !gh_titanic_target(body[0]))
        return false;
    return !gh_job_is_head(body[1].p, body[1].n) || gh_job_head_decode(body[1].p, body[1].n, &head) == 0;
}

static void
serve_request(gh_titanic_t *t, const gh_str_t *body, size_t n, answer_t *a)
{
    gh_pgarr_t frames = {0};
    uint8_t id[16];
    char id_text[GH_UUID_TEXT], service[GH_MDP_SERVICE_MAX + 1], now[GH_PG_TIME_TEXT], keep[24], most[24];
    if (!is_request(body, n)) {
        say(a, "400");
        return;
    }
    for (size_t i = 1; i < n; i++)
        gh_pgarr_bytea(&frames, body[i]);
    gh_uuid7_new(id);
    /* not the time alone: whoever knows it may read the answer */
    if (getrandom(id + 8, 8, 0) == 8)
        id[8] = (uint8_t)((id[8] & 0x3f) | 0x80);
    gh_uuid_text(id, id_text);
    machine_now(now);
    snprintf(service, sizeof service, "%.*s", (int)body[0].n, body[0].p);
    snprintf(keep, sizeof keep, "%lld", (long long)gh_conf_int(t->conf, "jobs.titanic_keep_s"));
    snprintf(most, sizeof most, "%lld", (long long)gh_conf_int(t->conf, "jobs.titanic_max"));
    const char *params[] = {id_text, service, gh_pgarr_literal(&frames), now, keep, most};
    PGresult *r = params[2] ? ask(t, "titanic_put", (int)GH_COUNT(params), params) : NULL;
    if (r && PQntuples(r) == 1) {
        static const char digits[] = "0123456789ABCDEF";
        for (size_t i = 0; i < 16; i++) {
            a->id[2 * i] = digits[id[i] >> 4];
            a->id[2 * i + 1] = digits[id[i] & 15];
        }
        say(a, "200");
        a->frames[a->n++] = (gh_str_t){a->id, 32};
        t->due_ms = 0;
    } else
        say(a, r ? "500 too many requests are kept" : "500 later");
    PQclear(r);
    gh_pgarr_fini(&frames);
}

static void
serve_reply(gh_titanic_t *t, const gh_str_t *body, size_t n, answer_t *a)
{
    uint8_t id[16];
    char id_text[GH_UUID_TEXT], now[GH_PG_TIME_TEXT];
    if (n != 1 || gh_titanic_uuid(body[0], id)) {
        say(a, "400");
        return;
    }
    gh_uuid_text(id, id_text);
    machine_now(now);
    PGresult *r = ask(t, "titanic_reply", 2, (const char *[]){id_text, now});
    const char *status = r && PQntuples(r) == 1 ? PQgetvalue(r, 0, 0) : "";
    bool done = strcmp(status, "DONE") == 0, failed = strcmp(status, "FAILED") == 0;
    say(a, !r ? "500 later" : PQntuples(r) == 0 ? "400" : done ? "200" : failed ? "500" : "300");
    if (done || failed) {
        size_t more = 0;
        if (read_frames(PQgetvalue(r, 0, 1), &a->bytes, a->frames + 1, &more, FRAMES_MAX))
            say(a, "500 later");
        else
            a->n += more;
    }
    PQclear(r);
}

static void
serve_close(gh_titanic_t *t, const gh_str_t *body, size_t n, answer_t *a)
{
    uint8_t id[16];
    char id_text[GH_UUID_TEXT];
    if (n != 1 || gh_titanic_uuid(body[0], id)) {
        say(a, "200"); /* nothing of that name is kept */
        return;
    }
    gh_uuid_text(id, id_text);
    PGresult *r = ask(t, "titanic_close", 1, (const char *[]){id_text});
    say(a, r ? "200" : "500 later");
    PQclear(r);
}

static void
serve(gh_titanic_t *t, served_t *s, size_t service, const gh_mdp_msg_t *msg, const gh_str_t *frames, size_t n)
{
    static void (*const serves[SERVICES])(gh_titanic_t *, const gh_str_t *, size_t,
                                          answer_t *) = {serve_request, serve_reply, serve_close};
    static const char final[1] = {GH_MDPW_FINAL};
    answer_t a = {.n = 0};
    gh_str_t out[FRAMES_MAX + 5] = {GH_STR(GH_MDPW02), {final, 1}, msg->client, {"", 0}};
    serves[service](t, frames + msg->body, n - msg->body, &a);
    memcpy(out + 4, a.frames, a.n * sizeof *out);
    s->sent_ms = gh_mono_ms();
    if (!send_all(s->socket, out, a.n + 4))
        gh_log(GH_LOG_WARN, "titanic_unsent", GH_KS("service", s_services[service]));
    gh_buf_fini(&a.bytes);
}

static void
take_served(gh_titanic_t *t, served_t *s, size_t service)
{
    for (int i = 0; i < TAKE_MAX && s->socket; i++) {
        zmq_msg_t parts[PARTS_MAX];
        gh_str_t frames[PARTS_MAX];
        gh_mdp_msg_t msg;
        size_t n = gh_frames_recv(s->socket, parts, PARTS_MAX);
        if (n == 0)
            return;
        for (size_t k = 0; k < n; k++)
            frames[k] = gh_frame(&parts[k]);
        s->heard_ms = gh_mono_ms();
        bool ours = gh_mdp_parse(frames, n, &msg) == 0 && msg.side == GH_MDP_WORKER;
        if (ours && msg.command == GH_MDPW_REQUEST)
            serve(t, s, service, &msg, frames, n);
        bool leave = ours && msg.command == GH_MDPW_DISCONNECT;
        gh_frames_close(parts, n);
        if (leave)
            close_served(s);
    }
}

/* ---- carrying requests out */

static void
free_run(run_t *r)
{
    if (r->socket)
        zmq_close(r->socket);
    gh_buf_fini(&r->frames);
    free(r);
}

/* Note the end of an attempt; reply: of DONE and FAILED. counts: the attempt is one of those that are numbered. */
static void
settle(gh_titanic_t *t, run_t *r, gh_titanic_end_t end, const gh_str_t *reply, size_t n, bool counts)
{
    static const char *const states[] = {"DONE", "QUEUED", "FAILED"};
    char id[GH_UUID_TEXT], attempt[16], now[GH_PG_TIME_TEXT], next[GH_PG_TIME_TEXT], keep[24], counted[16];
    gh_pgarr_t frames = {0};
    uint32_t random = 0;
    if (getrandom(&random, sizeof random, 0) != sizeof random)
        random = (uint32_t)gh_mono_us();
    for (size_t i = 0; i < n; i++)
        gh_pgarr_bytea(&frames, reply[i]);
    gh_uuid_text(r->id, id);
    snprintf(attempt, sizeof attempt, "%d", r->attempt);
    snprintf(counted, sizeof counted, "%d", counts ? r->attempt : r->attempt - 1);
    machine_now(now);
    gh_pg_time_text(gh_machine_us() +
                        (end == GH_TITANIC_AGAIN ? gh_run_pause_us(counts ? r->attempt : 1, random) : 0),
                    next);
    snprintf(keep, sizeof keep, "%lld", (long long)gh_conf_int(t->conf, "jobs.titanic_keep_s"));
    const char *literal = end == GH_TITANIC_AGAIN ? NULL : gh_pgarr_literal(&frames);
    PQclear(ask(t, "titanic_settle", 8,
                (const char *[]){id, attempt, states[end], literal, next, now, keep, counted}));
    gh_pgarr_fini(&frames);
}

static void
settle_silent(gh_titanic_t *t, run_t *r)
{
    static const gh_str_t said[] = {{"no answer in time", sizeof "no answer in time" - 1}};
    gh_titanic_end_t end = gh_titanic_silence(r->attempt);
    settle(t, r, end, said, end == GH_TITANIC_FAILED ? 1 : 0, true);
}

/* First whether somebody serves it: a job for nobody would wait in the broker, not here. */
static bool
begin(gh_titanic_t *t, run_t *r)
{
    static const char request[1] = {GH_MDPC_REQUEST};
    int broker = usable_broker(t);
    if (broker < 0 || !(r->socket = open_socket(t, (size_t)broker)))
        return false;
    gh_str_t frames[] = {GH_STR(GH_MDPC02), {request, 1}, GH_STR("mmi.service"), gh_str(r->service)};
    r->deadline_ms = gh_mono_ms() + ASK_MS;
    return send_all(r->socket, frames, 4);
}

/* The request itself, without a stranger's actor. */
static bool
deliver(run_t *r)
{
    static const char request[1] = {GH_MDPC_REQUEST};
    gh_buf_t bytes GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT, head GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_str_t frames[FRAMES_MAX + 3] = {GH_STR(GH_MDPC02), {request, 1}, gh_str(r->service)};
    size_t n = 0;
    if (!gh_buf_cstr(&r->frames) || read_frames(gh_buf_cstr(&r->frames), &bytes, frames + 3, &n, FRAMES_MAX))
        return false;
    if (gh_job_is_head(frames[3].p, frames[3].n)) {
        if (gh_job_head_forward(frames[3].p, frames[3].n, ATTEMPT_MS - 1000, 0, 0, true, &head))
            return false;
        frames[3] = gh_buf_view(&head);
    }
    r->asked = true;
    r->deadline_ms = gh_mono_ms() + ATTEMPT_MS;
    return send_all(r->socket, frames, n + 3);
}

/* An answer came; true: the attempt is over. */
static bool
take_answer(gh_titanic_t *t, run_t *r, const gh_str_t *frames, size_t n)
{
    static const gh_str_t large[] = {{"the answer is too large", sizeof "the answer is too large" - 1}};
    size_t bytes = 0;
    if (n < 4 || !gh_str_is(frames[0], GH_MDPC02) || frames[1].n != 1 || *frames[1].p != GH_MDPC_FINAL)
        return false; /* a part of an answer does not end it */
    if (!r->asked) {
        if (frames[3].n >= 3 && memcmp(frames[3].p, "200", 3) == 0 && deliver(r))
            return false;
        settle(t, r, GH_TITANIC_AGAIN, NULL, 0, false);
        return true;
    }
    for (size_t i = 3; i < n; i++)
        bytes += frames[i].n;
    if (n - 3 > FRAMES_MAX || bytes > REPLY_MAX) {
        settle(t, r, GH_TITANIC_FAILED, large, 1, true);
        return true;
    }
    settle(t, r, gh_titanic_answer(frames[3], r->attempt), frames + 3, n - 3, true);
    return true;
}

static bool
turn_run(gh_titanic_t *t, run_t *r)
{
    bool over = false;
    zmq_msg_t parts[PARTS_MAX];
    gh_str_t frames[PARTS_MAX];
    for (size_t n; !over && (n = gh_frames_recv(r->socket, parts, PARTS_MAX)) > 0;
         gh_frames_close(parts, n)) {
        for (size_t k = 0; k < n; k++)
            frames[k] = gh_frame(&parts[k]);
        over = take_answer(t, r, frames, n);
    }
    if (!over && gh_mono_ms() >= r->deadline_ms) {
        if (r->asked)
            settle_silent(t, r);
        else
            settle(t, r, GH_TITANIC_AGAIN, NULL, 0, false);
        over = true;
    }
    return over;
}

static void
turn_runs(gh_titanic_t *t)
{
    size_t kept = 0;
    for (size_t i = 0; i < t->n_runs; i++)
        if (turn_run(t, t->runs[i])) {
            free_run(t->runs[i]);
            t->due_ms = 0; /* there is room */
        } else
            t->runs[kept++] = t->runs[i];
    t->n_runs = kept;
}

static run_t *
run_of(const PGresult *r, int row)
{
    run_t *run = calloc(1, sizeof *run);
    if (!run)
        return NULL;
    snprintf(run->service, sizeof run->service, "%s", PQgetvalue(r, row, 1));
    run->attempt = (int)gh_pg_i64(r, row, 2, 1);
    gh_buf_puts(&run->frames, PQgetvalue(r, row, 3));
    if (gh_uuid_parse(gh_pg_str(r, row, 0), run->id) == 0 && gh_buf_ok(&run->frames))
        return run;
    free_run(run);
    return NULL;
}

static void
claim(gh_titanic_t *t)
{
    char now[GH_PG_TIME_TEXT], most[24], lease[24];
    machine_now(now);
    snprintf(most, sizeof most, "%zu", t->parallel - t->n_runs);
    snprintf(lease, sizeof lease, "%d", LEASE_MS);
    PGresult *r = ask(t, "titanic_claim", 3, (const char *[]){now, most, lease});
    for (int row = 0; r && row < PQntuples(r) && t->n_runs < t->parallel; row++) {
        run_t *run = run_of(r, row);
        if (!run)
            continue;                                                    /* its lease runs out */
        if (gh_titanic_silence(run->attempt - 1) == GH_TITANIC_FAILED) { /* it took down whoever had it */
            settle_silent(t, run);
            free_run(run);
            continue;
        }
        if (begin(t, run)) {
            t->runs[t->n_runs++] = run;
            continue;
        }
        settle(t, run, GH_TITANIC_AGAIN, NULL, 0, false);
        free_run(run);
    }
    PQclear(r);
}

static void
work(gh_titanic_t *t)
{
    char now[GH_PG_TIME_TEXT];
    if (gh_mono_ms() >= t->due_ms && t->n_runs < t->parallel && gh_blocking_up(t->db)) {
        t->due_ms = gh_mono_ms() + LOOK_MS;
        claim(t);
    }
    if (gh_mono_ms() - t->pruned_ms > PRUNE_MS) {
        t->pruned_ms = gh_mono_ms();
        machine_now(now);
        PQclear(ask(t, "titanic_prune", 1, (const char *[]){now}));
    }
}

/* ---- the thread */

static void
wait_turn(gh_titanic_t *t)
{
    zmq_pollitem_t items[GH_BROKERS_MAX * SERVICES + RUNS_MAX];
    int n = 0;
    for (size_t b = 0; b < GH_BROKERS_MAX; b++)
        for (size_t s = 0; s < SERVICES; s++)
            if (t->brokers[b].served[s].socket)
                items[n++] = (zmq_pollitem_t){t->brokers[b].served[s].socket, 0, ZMQ_POLLIN, 0};
    for (size_t i = 0; i < t->n_runs; i++)
        items[n++] = (zmq_pollitem_t){t->runs[i]->socket, 0, ZMQ_POLLIN, 0};
    int64_t wait = t->due_ms - gh_mono_ms();
    (void)zmq_poll(items, n,
                   t->n_runs < t->parallel && wait < TURN_MS ? (wait > 0 ? (long)wait : 0) : TURN_MS);
}

static void *
thread_main(void *arg)
{
    gh_titanic_t *t = arg;
    while (!atomic_load(&t->stop)) {
        wait_turn(t);
        follow_list(t);
        for (size_t b = 0; b < GH_BROKERS_MAX; b++)
            for (size_t s = 0; t->brokers[b].listed && s < SERVICES; s++) {
                take_served(t, &t->brokers[b].served[s], s);
                keep_served(t, b, s);
            }
        turn_runs(t);
        work(t);
        if (gh_mono_ms() >= t->due_ms)
            t->due_ms = gh_mono_ms() + TURN_MS; /* nothing can be done now */
    }
    for (size_t b = 0; b < GH_BROKERS_MAX; b++)
        leave(&t->brokers[b]);
    return NULL;
}

static void
destroy(gh_titanic_t **t_p)
{
    gh_titanic_t *t = *t_p;
    *t_p = NULL;
    if (!t)
        return;
    for (size_t i = 0; i < t->n_runs; i++)
        free_run(t->runs[i]);
    for (size_t b = 0; b < GH_BROKERS_MAX; b++)
        leave(&t->brokers[b]);
    if (t->ctx)
        zmq_ctx_term(t->ctx);
    gh_blocking_destroy(&t->db);
    free(t);
}

/* The brokers there are at first; later follow_list(). */
static int
read_list(gh_titanic_t *t)
{
    char why[256];
    if (gh_broker_list_load(t->conf, &t->list, why, sizeof why) == 0) {
        for (size_t i = 0; i < t->list.n; i++)
            join(t, &t->list.at[i]);
        return 0;
    }
    gh_log(GH_LOG_ERROR, "broker_list", GH_KS("reason", why));
    return -1;
}

int
gh_titanic_start(const gh_conf_t *conf, gh_titanic_t **out)
{
    *out = NULL;
    if (gh_conf_int(conf, "jobs.titanic_max") == 0)
        return 0;
    gh_titanic_t *t = calloc(1, sizeof *t);
    if (!t)
        return -1;
    t->conf = conf;
    t->parallel = (size_t)gh_conf_int(conf, "jobs.titanic_parallel");
    t->pruned_ms = gh_mono_ms() - PRUNE_MS;
    t->ctx = zmq_ctx_new();
    t->db = gh_blocking_new(conf, "guahao-worker titanic", gh_sql_jobs, gh_sql_jobs_count);
    if (t->ctx && t->db && read_list(t) == 0 && pthread_create(&t->thread, NULL, thread_main, t) == 0) {
        *out = t;
        return 0;
    }
    gh_log(GH_LOG_ERROR, "titanic_start");
    destroy(&t);
    return -1;
}

void
gh_titanic_stop(gh_titanic_t **t_p)
{
    gh_titanic_t *t = *t_p;
    *t_p = NULL;
    if (!t)
        return;
    atomic_store(&t->stop, true);
    pthread_join(t->thread, NULL);
    destroy(&t);
}
