/*
 * workers/jobs/dispatcher.c - see dispatcher.h
 */
#include "workers/jobs/dispatcher.h"

#include <libpq-fe.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/json.h"
#include "base/log.h"
#include "base/timez.h"
#include "base/uuid7.h"
#include "db/arrays.h"
#include "gen/sql_jobs.h"
#include "workers/jobs/brokers.h"
#include "workers/jobs/jobs_rules.h"
#include "workers/jobs/results.h"

#define RUNS_MAX      512  /* twice jobs.parallel: those under way, and those that ended meanwhile */
#define REPLY_MORE_MS 2000 /* a worker answers a job that ran out of time, shortly after */
#define TURN_MS       200  /* looks at the stop flag and at deadlines at least so often */
#define IDLE_MS       1000 /* looks for due jobs at least so often */
#define PRUNE_MS      60000
#define FILE_STEP     2000 /* ended jobs that are moved to their day at a time */
#define STOP_MS       2000
#define PARAMS_MAX    8
#define DIAGNOSED_MAX 1024 /* between two looks, a second */

/* One attempt: claimed, sent, then ended. */
typedef struct run {
    uint8_t id[16], run_id[16];
    char op[96], service[129], trace[80];
    char key[256], ip[64], agent[304];
    gh_buf_t args;
    int64_t owner_id;
    int priority, attempt, max_attempts;
    uint32_t budget_ms;
    int64_t deadline_ms, lease_ms; /* not sent, or sent again, past either */
    int broker;                    /* -1: to be sent */
    bool sent_before;
    bool ended; /* to be noted */
    bool diagnosis;
    char code[48]; /* of the error, "ok" without one */
    bool ours;     /* said so when leases were renewed */
    gh_run_end_t end;
    int status;
    gh_buf_t body, headers, error;
    char type[121]; /* media type of a body that is a file */
} run_t;

typedef struct diagnosed {
    char model[48], outcome[48];
} diagnosed_t;

struct gh_dispatcher {
    const gh_conf_t *conf;
    gh_blocking_t *db;
    gh_brokers_t *brokers;
    gh_seal_t *seal; /* for answers that are files; NULL: no key */
    char name[80];
    run_t *runs[RUNS_MAX];
    size_t n_runs, parallel;
    int64_t due_ms, upkeep_ms, pruned_ms, renewed_ms;
    int64_t lease_ms; /* how long a lease lasts */
    uint32_t given;   /* jobs claimed so far */
    int64_t seen_us;  /* the clock at the last look at recurring jobs */
    bool kept;        /* the recurring jobs have their rows */
    bool more;        /* the last claim found all that it asked for */
    pthread_t thread;
    atomic_bool stop;
    pthread_mutex_t lock; /* of what follows */
    diagnosed_t diagnosed[DIAGNOSED_MAX];
    size_t n_diagnosed;
};

static void
free_run(run_t *r)
{
    gh_buf_fini(&r->args);
    gh_buf_fini(&r->body);
    gh_buf_fini(&r->headers);
    gh_buf_fini(&r->error);
    free(r);
}

/* ---- the end of an attempt */

/* The English text of a refusal with the values that came with it. */
static void
put_message(gh_json_t *j, gh_err_t err, gh_mp_t params)
{
    gh_buf_t text GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_error_arg_t args[PARAMS_MAX + 1] = {0};
    char names[PARAMS_MAX][40];
    size_t n = 0;
    for (gh_mp_iter_t it = gh_mp_iter(params); n < PARAMS_MAX && gh_mp_next(&it);) {
        if (it.key.n >= sizeof names[n] || !gh_mp_str(it.value, &args[n].value))
            continue;
        memcpy(names[n], it.key.p, it.key.n);
        names[n][it.key.n] = '\0';
        args[n].name = names[n];
        n++;
    }
    gh_error_text(&text, gh_error_row(err)->en, args);
    gh_json_kstr(j, "message", gh_buf_view(&text));
}

/* error: {code, message, params, extra}; extra: JSON object text of further members, or empty */
static void
end_run(run_t *r, bool failed, gh_str_t code, gh_mp_t params, gh_str_t extra)
{
    gh_json_t j;
    r->end = gh_run_decide(failed, gh_error_find(code), r->attempt, r->max_attempts);
    r->ended = true;
    snprintf(r->code, sizeof r->code, "%.*s", failed ? (int)code.n : 2, failed && code.p ? code.p : "ok");
    gh_buf_clear(&r->error);
    if (!failed)
        return;
    gh_json_init(&j, &r->error);
    gh_json_obj(&j);
    gh_json_kstr(&j, "code", code);
    put_message(&j, gh_error_find(code), params);
    if (gh_mp_type(params) == GH_MP_MAP) {
        gh_buf_t text GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
        gh_mp_to_json(params, &text);
        gh_json_kraw(&j, "params", gh_buf_view(&text));
    }
    if (extra.n)
        gh_json_kraw(&j, "extra", extra);
    gh_json_obj_end(&j);
    gh_log(r->end == GH_RUN_AGAIN ? GH_LOG_INFO : GH_LOG_WARN,
           r->end == GH_RUN_DEAD ? "job_dead" : "job_attempt_failed",
           GH_KB("job", ((gh_str_t){(char *)r->id, 16})), GH_KS("op", r->op), GH_KI("attempt", r->attempt),
           GH_KN("code", code));
}

static void
on_reply(void *arg, int broker, const gh_reply_head_t *head, gh_str_t body)
{
    gh_dispatcher_t *d = arg;
    run_t *r = NULL;
    for (size_t i = 0; i < d->n_runs && !r; i++)
        if (memcmp(d->runs[i]->run_id, head->id, 16) == 0 && !d->runs[i]->ended)
            r = d->runs[i];
    if (!r || (head->error.n && r->broker != broker))
        return; /* too late, or twice, or refused by a broker that has it no more */
    if (head->elsewhere) {
        r->broker = -1; /* watch_runs() gives it to another one */
        return;
    }
    if (gh_mp_type(head->headers) == GH_MP_MAP)
        gh_mp_to_json(head->headers, &r->headers);
    r->status = head->status;
    if (head->error.n == 0) {
        gh_buf_str(&r->body, body);
        snprintf(r->type, sizeof r->type, "%.*s", (int)head->type.n, head->type.p ? head->type.p : "");
    }
    if (!gh_buf_ok(&r->body)) {
        end_run(r, true, GH_STR("INTERNAL"), (gh_mp_t){0}, (gh_str_t){0});
        return;
    }
    end_run(r, head->error.n > 0, head->error, head->params, head->extra);
}

static void
on_wake(void *arg)
{
    gh_dispatcher_t *d = arg;
    d->due_ms = 0;
}

static bool
on_awaited(void *arg, int broker)
{
    const gh_dispatcher_t *d = arg;
    for (size_t i = 0; i < d->n_runs; i++)
        if (!d->runs[i]->ended && d->runs[i]->broker == broker)
            return true;
    return false;
}

static const gh_brokers_events_t broker_events = {on_reply, on_wake, on_awaited};

/* ---- noting ends */

/* An answer that is a file is kept before its attempt is noted; when that fails, so has the attempt. */
static void
keep_file(gh_dispatcher_t *d, run_t *r)
{
    gh_str_t type = gh_str(r->type), body = gh_buf_view(&r->body);
    if (r->end != GH_RUN_DONE || !gh_result_is_file(type, body))
        return;
    if (gh_result_keep(d->db, d->seal, r->id, r->attempt, type, body))
        end_run(r, true, GH_STR("INTERNAL"), (gh_mp_t){0}, (gh_str_t){0});
    gh_buf_fini(&r->body); /* it is there now, should the note itself have to be repeated */
    r->type[0] = '\0';
}

enum { ID, ATTEMPT, STATE, DEAD, STATUS, BODY, HEADERS, ERROR, NEXT, COLUMNS };

static void
put_text_or_null(gh_pgarr_t *a, const gh_buf_t *text)
{
    text->n > 0 ? gh_pgarr_text(a, gh_buf_view(text)) : gh_pgarr_null(a);
}

static void
put_end(gh_pgarr_t a[COLUMNS], const run_t *r, int64_t now_us)
{
    static const char *const states[] = {[GH_RUN_DONE] = "DONE",
                                         [GH_RUN_AGAIN] = "QUEUED",
                                         [GH_RUN_FAILED] = "FAILED",
                                         [GH_RUN_DEAD] = "FAILED"};
    uint32_t random = 0;
    if (getrandom(&random, sizeof random, 0) != sizeof random)
        random = (uint32_t)now_us;
    gh_pgarr_uuid(&a[ID], r->id);
    gh_pgarr_i64(&a[ATTEMPT], r->attempt);
    gh_pgarr_text(&a[STATE], gh_str(states[r->end]));
    gh_pgarr_bool(&a[DEAD], r->end == GH_RUN_DEAD);
    r->end == GH_RUN_DONE ? gh_pgarr_i64(&a[STATUS], r->status) : gh_pgarr_null(&a[STATUS]);
    put_text_or_null(&a[BODY], &r->body);
    put_text_or_null(&a[HEADERS], &r->headers);
    put_text_or_null(&a[ERROR], &r->error);
    r->end == GH_RUN_AGAIN ? gh_pgarr_time(&a[NEXT], now_us + gh_run_pause_us(r->attempt, random))
                           : gh_pgarr_null(&a[NEXT]);
}

/* Somebody may watch a job that he asked for. */
static void
tell(gh_dispatcher_t *d, const run_t *r)
{
    if (r->owner_id)
        gh_brokers_tell(d->brokers, r->id);
}

/* Its end counts, no attempt that is repeated. */
static void
count_diagnosis(gh_dispatcher_t *d, const run_t *r)
{
    gh_mp_t args;
    gh_str_t model;
    if (!r->diagnosis || r->end == GH_RUN_AGAIN)
        return;
    if (gh_mp_check(r->args.p, r->args.n, r->args.n, &args) ||
        !gh_mp_str(gh_mp_path(args, "body.model"), &model))
        model = GH_STR("none");
    pthread_mutex_lock(&d->lock);
    if (d->n_diagnosed < DIAGNOSED_MAX) {
        diagnosed_t *e = &d->diagnosed[d->n_diagnosed++];
        snprintf(e->model, sizeof e->model, "%.*s", (int)model.n, model.p);
        snprintf(e->outcome, sizeof e->outcome, "%s", r->code);
    }
    pthread_mutex_unlock(&d->lock);
}

void
gh_dispatcher_diagnosed(gh_dispatcher_t *d, gh_diagnosed_fn fn, void *arg)
{
    pthread_mutex_lock(&d->lock);
    for (size_t i = 0; i < d->n_diagnosed; i++)
        fn(arg, d->diagnosed[i].model, d->diagnosed[i].outcome);
    d->n_diagnosed = 0;
    pthread_mutex_unlock(&d->lock);
}

static void
drop_ended(gh_dispatcher_t *d)
{
    size_t kept = 0;
    for (size_t i = 0; i < d->n_runs; i++)
        if (d->runs[i]->ended) {
            tell(d, d->runs[i]);
            count_diagnosis(d, d->runs[i]);
            free_run(d->runs[i]);
        } else
            d->runs[kept++] = d->runs[i];
    d->n_runs = kept;
}

/* Without a database the ends are kept and noted later, or the lease runs out and somebody repeats the delivery. */
static void
settle(gh_dispatcher_t *d)
{
    gh_pgarr_t a[COLUMNS] = {0};
    const char *params[COLUMNS + 1];
    char now[GH_PG_TIME_TEXT];
    int64_t now_us = gh_now_us();
    size_t n = 0;
    for (size_t i = 0; i < d->n_runs; i++)
        if (d->runs[i]->ended) {
            keep_file(d, d->runs[i]);
            put_end(a, d->runs[i], now_us);
            n++;
        }
    gh_pg_time_text(now_us, now);
    bool whole = true;
    for (size_t i = 0; i < COLUMNS; i++)
        whole &= (params[i] = gh_pgarr_literal(&a[i])) != NULL;
    params[COLUMNS] = now;
    PGresult *r = n > 0 && whole ? gh_blocking_run(d->db, "jobs_settle", COLUMNS + 1, params) : NULL;
    if (r) {
        drop_ended(d);
        d->due_ms = 0; /* places are free */
    }
    PQclear(r);
    for (size_t i = 0; i < COLUMNS; i++)
        gh_pgarr_fini(&a[i]);
}

/* ---- claiming and sending */

/* Places for further jobs: who has ended, and waits to be noted, is not under way. */
static size_t
places(const gh_dispatcher_t *d)
{
    size_t under_way = 0;
    for (size_t i = 0; i < d->n_runs; i++)
        under_way += !d->runs[i]->ended;
    size_t free_runs = RUNS_MAX - d->n_runs, left = d->parallel > under_way ? d->parallel - under_way : 0;
    return left < free_runs ? left : free_runs;
}

static void
send_run(gh_dispatcher_t *d, run_t *r)
{
    int64_t now = gh_mono_ms(), left = r->deadline_ms - REPLY_MORE_MS - now;
    if (left <= 0 || now >= r->lease_ms)
        return; /* this process stood still: somebody else may have it */
    gh_job_head_t head = {.op = gh_str(r->op),
                          .budget_ms = (uint32_t)left,
                          .priority = (uint8_t)r->priority,
                          .resend = r->sent_before || r->attempt > 1,
                          .key = gh_str(r->key),
                          .trace = gh_str(r->trace),
                          .has_actor = true,
                          .actor = {.user_id = r->owner_id, .ip = gh_str(r->ip), .agent = gh_str(r->agent)}};
    memcpy(head.id, r->run_id, 16);
    r->broker = gh_brokers_send(d->brokers, r->service, &head, gh_buf_view(&r->args));
    r->sent_before |= r->broker >= 0;
}

static void
put_hex(gh_buf_t *out, const char *hex)
{
    for (; hex[0] && hex[1]; hex += 2)
        gh_buf_putc(out, (char)gh_hex_byte(hex));
}

/* asked_ms: when it was claimed, at the latest. */
static run_t *
run_of(const gh_dispatcher_t *d, const PGresult *r, int row, int64_t asked_ms)
{
    run_t *run = calloc(1, sizeof *run);
    if (!run)
        return NULL;
    run->broker = -1;
    snprintf(run->op, sizeof run->op, "%s", PQgetvalue(r, row, 1));
    snprintf(run->service, sizeof run->service, "%s", PQgetvalue(r, row, 2));
    put_hex(&run->args, PQgetvalue(r, row, 3));
    run->owner_id = gh_pg_i64(r, row, 4, 0);
    run->priority = (int)gh_pg_i64(r, row, 5, GH_PRIO_BATCH);
    run->budget_ms = (uint32_t)gh_pg_i64(r, row, 6, 1000);
    run->attempt = (int)gh_pg_i64(r, row, 7, 1);
    run->max_attempts = (int)gh_pg_i64(r, row, 8, 1);
    snprintf(run->trace, sizeof run->trace, "%s", PQgetvalue(r, row, 10));
    snprintf(run->key, sizeof run->key, "%s", PQgetvalue(r, row, 11));
    snprintf(run->ip, sizeof run->ip, "%s", PQgetvalue(r, row, 12));
    snprintf(run->agent, sizeof run->agent, "%s", PQgetvalue(r, row, 13));
    run->diagnosis = gh_pg_bool(r, row, 14);
    run->deadline_ms = asked_ms + run->budget_ms + REPLY_MORE_MS;
    run->lease_ms = asked_ms + d->lease_ms;
    if (gh_buf_ok(&run->args) && gh_uuid_parse(gh_pg_str(r, row, 0), run->id) == 0 &&
        gh_uuid_parse(gh_pg_str(r, row, 9), run->run_id) == 0)
        return run;
    free_run(run);
    return NULL;
}

static void
claim(gh_dispatcher_t *d)
{
    size_t room = places(d);
    gh_pgarr_t ids = {0};
    char now[GH_PG_TIME_TEXT], machine[GH_PG_TIME_TEXT], count[24], lease[24], by_age[16];
    int64_t asked_ms = gh_mono_ms();
    for (size_t i = 0; i < room; i++) {
        uint8_t id[16];
        gh_uuid7_new(id);
        gh_pgarr_uuid(&ids, id);
    }
    gh_pg_time_text(gh_now_us(), now);
    gh_pg_time_text(gh_machine_us(), machine);
    snprintf(count, sizeof count, "%zu", room);
    snprintf(lease, sizeof lease, "%lld", (long long)d->lease_ms);
    snprintf(by_age, sizeof by_age, "%d", gh_claim_by_age((int)room, d->given));
    const char *params[] = {now, count, d->name, lease, gh_pgarr_literal(&ids), machine, by_age};
    PGresult *r = params[4] ? gh_blocking_run(d->db, "jobs_claim", (int)GH_COUNT(params), params) : NULL;
    d->given += r ? (uint32_t)PQntuples(r) : 0;
    d->more = r && (size_t)PQntuples(r) == room;
    for (int row = 0; r && row < PQntuples(r) && d->n_runs < RUNS_MAX; row++) {
        run_t *run = run_of(d, r, row, asked_ms);
        if (!run)
            continue; /* its lease runs out */
        d->runs[d->n_runs++] = run;
        tell(d, run);
        send_run(d, run);
    }
    PQclear(r);
    gh_pgarr_fini(&ids);
}

/* Ids and attempts of what is in hand. False: there is nothing, or memory ran out. */
static bool
put_in_hand(const gh_dispatcher_t *d, gh_pgarr_t *ids, gh_pgarr_t *attempts, const char *params[2])
{
    for (size_t i = 0; i < d->n_runs; i++) {
        gh_pgarr_uuid(ids, d->runs[i]->id);
        gh_pgarr_i64(attempts, d->runs[i]->attempt);
    }
    params[0] = gh_pgarr_literal(ids);
    params[1] = gh_pgarr_literal(attempts);
    return d->n_runs > 0 && params[0] && params[1];
}

/* Of the job's attempts the one that goes on: an earlier one may have ended here and not be noted yet. */
static run_t *
run_by_id(gh_dispatcher_t *d, gh_str_t id_text)
{
    uint8_t id[16];
    for (size_t i = 0; gh_uuid_parse(id_text, id) == 0 && i < d->n_runs; i++)
        if (!d->runs[i]->ended && memcmp(d->runs[i]->id, id, sizeof id) == 0)
            return d->runs[i];
    return NULL;
}

/* What the database no longer calls ours is forgotten: it was cancelled, or goes on elsewhere. */
static void
keep_ours(gh_dispatcher_t *d, const PGresult *r, int64_t asked_ms)
{
    size_t kept = 0;
    for (int row = 0; row < PQntuples(r); row++) {
        run_t *run = run_by_id(d, gh_pg_str(r, row, 0));
        if (!run)
            continue;
        run->ours = true;
        run->lease_ms = asked_ms + d->lease_ms;
    }
    for (size_t i = 0; i < d->n_runs; i++) {
        run_t *run = d->runs[i];
        if (run->ours || run->ended) {
            run->ours = false;
            d->runs[kept++] = run;
            continue;
        }
        gh_log(GH_LOG_INFO, "job_lost", GH_KB("job", ((gh_str_t){(char *)run->id, 16})), GH_KS("op", run->op),
               GH_KI("attempt", run->attempt));
        free_run(run);
    }
    d->n_runs = kept;
}

/* Leases are renewed when a third of their time is over. */
static void
renew(gh_dispatcher_t *d)
{
    gh_pgarr_t ids = {0}, attempts = {0};
    char machine[GH_PG_TIME_TEXT], lease[24];
    const char *params[4];
    int64_t asked_ms = gh_mono_ms();
    if (asked_ms - d->renewed_ms < d->lease_ms / 3)
        return;
    d->renewed_ms = asked_ms;
    gh_pg_time_text(gh_machine_us(), machine);
    snprintf(lease, sizeof lease, "%lld", (long long)d->lease_ms);
    bool any = put_in_hand(d, &ids, &attempts, params);
    params[2] = machine;
    params[3] = lease;
    PGresult *r = any ? gh_blocking_run(d->db, "jobs_renew", (int)GH_COUNT(params), params) : NULL;
    if (r)
        keep_ours(d, r, asked_ms);
    PQclear(r);
    gh_pgarr_fini(&ids);
    gh_pgarr_fini(&attempts);
}

static void
bury(gh_dispatcher_t *d)
{
    char now[GH_PG_TIME_TEXT], machine[GH_PG_TIME_TEXT];
    gh_pg_time_text(gh_now_us(), now);
    gh_pg_time_text(gh_machine_us(), machine);
    PGresult *r = gh_blocking_run(d->db, "jobs_bury_lost", 2, (const char *[]){now, machine});
    for (int row = 0; r && row < PQntuples(r); row++)
        gh_log(GH_LOG_ERROR, "job_dead", GH_KS("job", PQgetvalue(r, row, 0)),
               GH_KS("op", PQgetvalue(r, row, 1)), GH_KI("attempt", gh_pg_i64(r, row, 2, 0)),
               GH_KS("code", "WORKER_LOST"));
    PQclear(r);
}

/* When something is due next, from now. */
static int64_t
next_due_ms(gh_dispatcher_t *d)
{
    char now[GH_PG_TIME_TEXT], machine[GH_PG_TIME_TEXT], most[16];
    gh_pg_time_text(gh_now_us(), now);
    gh_pg_time_text(gh_machine_us(), machine);
    snprintf(most, sizeof most, "%d", IDLE_MS);
    PGresult *r = gh_blocking_run(d->db, "jobs_next", 3, (const char *[]){now, most, machine});
    int64_t ms = r && PQntuples(r) == 1 ? gh_pg_i64(r, 0, 0, IDLE_MS) : IDLE_MS;
    PQclear(r);
    return ms < TURN_MS / 2 ? TURN_MS / 2 : ms;
}

static void
prune(gh_dispatcher_t *d)
{
    char now[GH_PG_TIME_TEXT], most[16];
    if (gh_mono_ms() - d->pruned_ms < PRUNE_MS)
        return;
    gh_pg_time_text(gh_now_us(), now);
    snprintf(most, sizeof most, "%d", FILE_STEP);
    PGresult *r = gh_blocking_run(d->db, "jobs_days", 2, (const char *[]){now, most});
    if (!r || gh_pg_i64(r, 0, 2, 0) < FILE_STEP) /* else the next turn moves more */
        d->pruned_ms = gh_mono_ms();
    PQclear(r);
    PQclear(gh_blocking_run(d->db, "jobs_prune", 1, (const char *[]){now}));
    PQclear(gh_blocking_run(d->db, "result_prune", 1, (const char *[]){now}));
}

/* ---- the thread */

/* Attempts out of time end; those whose broker vanished go to another one. */
static void
watch_runs(gh_dispatcher_t *d)
{
    int64_t now = gh_mono_ms();
    for (size_t i = 0; i < d->n_runs; i++) {
        run_t *r = d->runs[i];
        if (r->ended)
            continue;
        if (now >= r->deadline_ms)
            end_run(r, true, GH_STR("UPSTREAM_TIMEOUT"), (gh_mp_t){0}, (gh_str_t){0});
        else if (!gh_brokers_usable(d->brokers, r->broker))
            send_run(d, r);
    }
}

static bool
any_ended(const gh_dispatcher_t *d)
{
    for (size_t i = 0; i < d->n_runs; i++)
        if (d->runs[i]->ended)
            return true;
    return false;
}

static void
work(gh_dispatcher_t *d)
{
    if (!gh_blocking_up(d->db))
        return;
    if (any_ended(d)) {
        /* In a rush the next ones run while these are noted, which waits for the disk. */
        if (d->more && places(d) > 0 && gh_brokers_any(d->brokers))
            claim(d);
        settle(d);
    }
    renew(d);
    if (!d->kept)
        d->kept = gh_recurring_keep(d->db) == 0;
    if (gh_mono_ms() < d->due_ms || !gh_brokers_any(d->brokers))
        return;
    d->due_ms = gh_mono_ms() + IDLE_MS;
    if (gh_mono_ms() >= d->upkeep_ms) {
        d->upkeep_ms = gh_mono_ms() + TURN_MS / 2;
        gh_recurring_turn(d->db, &d->seen_us);
        bury(d);
        prune(d);
    }
    if (places(d) > 0)
        claim(d);
    if (places(d) > 0) /* else the next end asks anew */
        d->due_ms = gh_mono_ms() + next_due_ms(d);
}

static void
give_back(gh_dispatcher_t *d)
{
    gh_pgarr_t ids = {0}, attempts = {0};
    char machine[GH_PG_TIME_TEXT];
    const char *params[3];
    gh_pg_time_text(gh_machine_us(), machine);
    params[2] = machine;
    if (put_in_hand(d, &ids, &attempts, params))
        PQclear(gh_blocking_run(d->db, "jobs_release", (int)GH_COUNT(params), params));
    gh_pgarr_fini(&ids);
    gh_pgarr_fini(&attempts);
}

static void
wind_up(gh_dispatcher_t *d)
{
    int64_t until = gh_mono_ms() + STOP_MS;
    for (bool more = true; more && gh_mono_ms() < until;) {
        watch_runs(d);
        more = false;
        for (size_t i = 0; i < d->n_runs; i++)
            more |= !d->runs[i]->ended;
        if (more)
            gh_brokers_turn(d->brokers, TURN_MS / 4);
    }
    if (!gh_blocking_up(d->db))
        return;
    if (any_ended(d))
        settle(d);
    give_back(d);
}

static void *
thread_main(void *arg)
{
    gh_dispatcher_t *d = arg;
    while (!atomic_load(&d->stop)) {
        int64_t wait = d->due_ms - gh_mono_ms();
        gh_brokers_turn(d->brokers, wait < 0 ? 0 : wait > TURN_MS ? TURN_MS : (long)wait);
        watch_runs(d);
        work(d);
        if (gh_mono_ms() >= d->due_ms && (!gh_blocking_up(d->db) || !gh_brokers_any(d->brokers)))
            d->due_ms = gh_mono_ms() + TURN_MS; /* nothing can be done now */
    }
    wind_up(d);
    return NULL;
}

static void
destroy(gh_dispatcher_t **d_p)
{
    gh_dispatcher_t *d = *d_p;
    *d_p = NULL;
    if (!d)
        return;
    for (size_t i = 0; i < d->n_runs; i++)
        free_run(d->runs[i]);
    gh_brokers_destroy(&d->brokers);
    gh_blocking_destroy(&d->db);
    gh_seal_destroy(&d->seal);
    (void)pthread_mutex_destroy(&d->lock);
    free(d);
}

gh_dispatcher_t *
gh_dispatcher_start(const gh_conf_t *conf)
{
    char host[48] = "";
    gh_dispatcher_t *d = calloc(1, sizeof *d);
    if (!d)
        return NULL;
    d->conf = conf;
    (void)pthread_mutex_init(&d->lock, NULL); /* of the default kind: cannot fail */
    d->parallel = (size_t)gh_conf_int(conf, "jobs.parallel");
    d->lease_ms = gh_conf_int(conf, "jobs.lease_ms");
    d->pruned_ms = gh_mono_ms() - PRUNE_MS;
    (void)gethostname(host, sizeof host - 1);
    snprintf(d->name, sizeof d->name, "%s/%d", host, (int)getpid());
    d->db = gh_blocking_new(conf, "guahao-worker dispatcher", gh_sql_jobs, gh_sql_jobs_count);
    d->brokers = gh_brokers_new(conf, &broker_events, d);
    d->seal = gh_seal_load(gh_conf_str(conf, "data.key_file"));
    if (d->db && d->brokers && pthread_create(&d->thread, NULL, thread_main, d) == 0)
        return d;
    gh_log(GH_LOG_ERROR, "dispatcher_start");
    destroy(&d);
    return NULL;
}

void
gh_dispatcher_stop(gh_dispatcher_t **d_p)
{
    gh_dispatcher_t *d = *d_p;
    *d_p = NULL;
    if (!d)
        return;
    atomic_store(&d->stop, true);
    pthread_join(d->thread, NULL);
    destroy(&d);
}
