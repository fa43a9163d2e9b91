/*
 * lib/worker/upkeep.c - the runtime's own work between batches, on the lanes of the process's first pool with
 * a database
 *
 *   roles       role_permissions, the settings that open operations, those of running programs; at start, on events, once a
 *               minute
 *   partitions  of job_done, made ahead and dropped; at start and every ten minutes
 *   sent        marks outbox rows whose event came back from a broker: a PUB socket that is not connected just now loses in silence
 *   flushed     notes what a flush of caches has dropped here
 *   relay       publishes outbox rows that nobody has marked for a second (their process died, or no broker got them)
 *   seal        gives entries of the audit log their place in its chain: soon after our own, now and then for others'
 *   expire      idempotency keys and outbox rows older than a day, content of files that nothing refers to, in small steps
 *
 * Each is a batch without jobs, one at a time. All are safe to run in many processes at once.
 */
#include <stdio.h>
#include <stdlib.h>
#include <libpq-fe.h>

#include "base/log.h"
#include "base/timez.h"
#include "base/uuid7.h"
#include "worker/internal.h"

#define SENT_MAX      256
#define RELAY_AGE_US  1000000
#define DAY_US        (INT64_C(86400) * 1000000)
#define EXPIRE_STEP   2000 /* rows a statement of upkeep.sql removes */
#define SEAL_STEP     500  /* rows that gh_audit_seal() takes */
#define RETRY_MS      1000
#define BLOB_GRACE_US (INT64_C(3600) * 1000000)
#define SEAL_MS       200 /* entries of this long are sealed together */

typedef enum { ROLES, PARTITIONS, SENT, FLUSHED, RELAY, SEAL, EXPIRE, TASKS } task_t;

struct gh_upkeep {
    gh_worker_t *worker;
    gh_wpool_t *pool;
    bool writes; /* the process has operations that write */
    bool busy;
    task_t running;
    int64_t due_ms[TASKS];
    bool have_roles, have_partitions; /* tried once, both */
    int64_t told[SENT_MAX];           /* published, and not yet heard from a broker */
    size_t n_told;
    int64_t sent[SENT_MAX]; /* to be marked */
    size_t n_sent;
    char flush[GH_UUID_TEXT]; /* to be noted; empty: none */
    size_t flushed;           /* entries */
    bool more_to_expire;
    bool roles_stale; /* something has changed since they were last asked for */
    bool to_seal;     /* entries are left or have come since, or somebody else is sealing */
};

static const int64_t every_ms[TASKS] = {60000, 600000, INT64_MAX / 4, INT64_MAX / 4, 1000, 5000, 600000};

/* ---- steps */

static gh_upkeep_t *
upkeep_of(gh_batch_t *b)
{
    return b->worker->upkeep;
}

static const char *
moment(gh_batch_t *b, int64_t at_us)
{
    char *text = gh_batch_alloc(b, GH_PG_TIME_TEXT);
    gh_pg_time_text(at_us, text);
    return text;
}

static void
ask_open_settings(gh_batch_t *b)
{
    gh_worker_t *w = b->worker;
    gh_pgarr_t keys = {0};
    for (size_t p = 0; p < w->n_pools; p++)
        for (size_t i = 0; i < w->pools[p].n_ops; i++)
            if (w->pools[p].ops[i].access.public_if)
                gh_pgarr_text(&keys, gh_str(w->pools[p].ops[i].access.public_if));
    const char *literal = gh_pgarr_literal(&keys);
    if (literal)
        gh_batch_query(b, "rt_open_settings", 1, &literal);
    gh_pgarr_fini(&keys);
}

static bool
is_production(const gh_worker_t *w)
{
    return strcmp(gh_conf_str(w->conf, "system.mode"), "production") == 0;
}

/* a production system whose settings open operations to everybody does not start; one that runs goes on, closed. */
static bool
refuses_to_start(gh_worker_t *w, const PGresult *r)
{
    if (!is_production(w) || PQntuples(r) == 0 || w->upkeep->have_roles)
        return false;
    gh_log(GH_LOG_ERROR, "open_to_everybody_in_production", GH_KN("setting", gh_pg_str(r, 0, 0)));
    w->failed = w->draining = true;
    return true;
}

static void
set_open(gh_worker_t *w, const PGresult *r)
{
    bool production = is_production(w); /* */
    for (size_t p = 0; p < w->n_pools; p++)
        for (size_t i = 0; i < w->pools[p].n_ops; i++) {
            gh_wop_t *op = &w->pools[p].ops[i];
            op->open = false;
            for (int row = 0; op->access.public_if && !production && row < PQntuples(r); row++)
                op->open |= gh_str_is(gh_pg_str(r, row, 0), op->access.public_if);
        }
}

static void
take_settings(gh_worker_t *w, const PGresult *r)
{
    gh_conf_value_t values[GH_CONF_VALUES_MAX];
    size_t n = 0;
    for (int row = 0; row < PQntuples(r) && n < GH_CONF_VALUES_MAX; row++)
        if (gh_pg_str(r, row, 2).p)
            values[n++] = (gh_conf_value_t){gh_pg_str(r, row, 1), gh_pg_str(r, row, 2)};
    int64_t revision = PQntuples(r) ? gh_pg_i64(r, 0, 0, 0) : 0;
    if (gh_conf_take(w->conf, revision, values, n))
        gh_worker_configured(w);
}

static gh_step_t
step_roles(gh_batch_t *b)
{
    gh_worker_t *w = b->worker;
    if (b->phase == 0) {
        gh_batch_query(b, "rt_role_permissions", 0, NULL);
        ask_open_settings(b);
        gh_batch_query(b, "rt_settings", 0, NULL);
        return GH_STEP_MORE;
    }
    if (refuses_to_start(w, gh_batch_result(b, 1)))
        return GH_STEP_DONE;
    const PGresult *r = gh_batch_result(b, 0);
    gh_role_table_t *roles = gh_role_table_new();
    for (int row = 0; roles && row < PQntuples(r); row++)
        if (gh_role_table_add(roles, gh_pg_str(r, row, 0), gh_pg_str(r, row, 1), gh_pg_str(r, row, 2)))
            gh_log(GH_LOG_ERROR, "role_permission_ignored", GH_KN("role", gh_pg_str(r, row, 0)));
    if (!roles)
        return GH_STEP_FAIL;
    set_open(w, gh_batch_result(b, 1));
    take_settings(w, gh_batch_result(b, 2));
    gh_role_table_destroy(&w->roles);
    w->roles = roles;
    return GH_STEP_DONE;
}

static gh_step_t
step_partitions(gh_batch_t *b)
{
    const char *params[] = {moment(b, gh_machine_us()), moment(b, b->now_us)};
    gh_batch_query(b, "rt_partitions", 2, params);
    return GH_STEP_DONE;
}

static gh_step_t
mark_sent(gh_batch_t *b, gh_pgarr_t *ids)
{
    const char *params[] = {gh_pgarr_literal(ids), moment(b, gh_machine_us())};
    if (params[0])
        gh_batch_query(b, "rt_outbox_sent", 2, params);
    gh_pgarr_fini(ids);
    return params[0] ? GH_STEP_DONE : GH_STEP_FAIL;
}

static gh_step_t
step_sent(gh_batch_t *b)
{
    gh_upkeep_t *u = upkeep_of(b);
    gh_pgarr_t ids = {0};
    for (size_t i = 0; i < u->n_sent; i++)
        gh_pgarr_i64(&ids, u->sent[i]);
    u->n_sent = 0; /* lost if this fails: the relay then publishes them once more */
    return mark_sent(b, &ids);
}

/* Two flushes at once: the later one is noted. */
static gh_step_t
step_flushed(gh_batch_t *b)
{
    gh_upkeep_t *u = upkeep_of(b);
    char entries[24];
    snprintf(entries, sizeof entries, "%zu", u->flushed);
    const char *params[] = {u->flush, b->worker->name, entries, moment(b, b->now_us)};
    gh_batch_query(b, "rt_flushed", 4, params);
    u->flush[0] = '\0';
    return GH_STEP_DONE;
}

/* bytea in hex format -> bytes in batch memory. */
static gh_str_t
bytea(gh_batch_t *b, gh_str_t hex)
{
    if (hex.n < 2 || hex.p[0] != '\\' || hex.p[1] != 'x')
        return (gh_str_t){0};
    size_t n = (hex.n - 2) / 2;
    char *out = gh_batch_alloc(b, n + 1);
    for (size_t i = 0; i < n; i++)
        out[i] = (char)gh_hex_byte(hex.p + 2 + 2 * i); /* PostgreSQL writes nothing else */
    return (gh_str_t){out, n};
}

/* Published again and again until a broker has carried them: receivers take an event twice without harm. */
static gh_step_t
step_relay(gh_batch_t *b)
{
    if (b->phase == 0) {
        const char *before = moment(b, gh_machine_us() - RELAY_AGE_US);
        gh_batch_query(b, "rt_outbox_overdue", 1, &before);
        return GH_STEP_MORE;
    }
    const PGresult *r = gh_batch_result(b, 0);
    for (int row = 0; row < PQntuples(r); row++) {
        gh_str_t topic = gh_batch_dup(b, gh_pg_str(r, row, 1));
        int64_t seq = gh_pg_i64(r, row, 0, 0);
        gh_bus_publish(b->worker->bus, seq, topic.p, bytea(b, gh_pg_str(r, row, 2)));
        gh_upkeep_told(upkeep_of(b), seq, topic.p);
    }
    if (PQntuples(r) > 0)
        gh_log(GH_LOG_INFO, "outbox_relayed", GH_KI("rows", PQntuples(r)));
    return GH_STEP_DONE;
}

static gh_step_t
step_seal(gh_batch_t *b)
{
    if (b->phase == 0) {
        gh_batch_query(b, "rt_audit_seal", 0, NULL);
        return GH_STEP_MORE;
    }
    upkeep_of(b)->to_seal |= gh_pg_i64(gh_batch_result(b, 0), 0, 0, SEAL_STEP) >= SEAL_STEP;
    return GH_STEP_DONE;
}

static gh_step_t
step_expire(gh_batch_t *b)
{
    if (b->phase == 0) {
        const char *before = moment(b, b->now_us - DAY_US);
        gh_batch_query(b, "rt_idem_expire", 1, &before);
        const char *published = moment(b, gh_machine_us() - DAY_US);
        gh_batch_query(b, "rt_outbox_expire", 1, &published);
        const char *dropped = moment(b, b->now_us - BLOB_GRACE_US);
        gh_batch_query(b, "rt_blob_collect", 1, &dropped);
        return GH_STEP_MORE;
    }
    upkeep_of(b)->more_to_expire = false;
    for (size_t i = 0; i < 2; i++)
        if (strtol(PQcmdTuples((PGresult *)gh_batch_result(b, i)), NULL, 10) >= EXPIRE_STEP)
            upkeep_of(b)->more_to_expire = true;
    return GH_STEP_DONE;
}

/* ---- choosing */

static const struct {
    gh_step_fn step;
    gh_op_kind_t kind;
} tasks[TASKS] = {
    [ROLES] = {step_roles, GH_OP_READ},   [PARTITIONS] = {step_partitions, GH_OP_TASK},
    [SENT] = {step_sent, GH_OP_TASK},     [FLUSHED] = {step_flushed, GH_OP_TASK},
    [RELAY] = {step_relay, GH_OP_WRITE},  [SEAL] = {step_seal, GH_OP_TASK},
    [EXPIRE] = {step_expire, GH_OP_TASK},
};

static bool
is_due(const gh_upkeep_t *u, task_t t, int64_t now)
{
    if ((t == SENT && u->n_sent == 0) || (t == FLUSHED && !u->flush[0]))
        return false;
    if (t != ROLES && !u->writes)
        return false;
    if ((t == RELAY || t == SEAL || t == EXPIRE) && !gh_upkeep_ready(u))
        return false;
    return now >= u->due_ms[t];
}

bool
gh_upkeep_due(gh_wpool_t *p)
{
    const gh_upkeep_t *u = p->worker->upkeep;
    if (u->pool != p || u->busy || p->worker->draining)
        return false;
    int64_t now = gh_mono_ms();
    for (task_t t = 0; t < TASKS; t++)
        if (is_due(u, t, now))
            return true;
    return false;
}

static void
ended(void *arg, bool ok)
{
    gh_upkeep_t *u = arg;
    task_t t = u->running;
    bool was_ready = gh_upkeep_ready(u);
    u->busy = false;
    u->due_ms[t] = gh_mono_ms() + (ok ? every_ms[t] : RETRY_MS);
    if (t == SENT || t == FLUSHED)
        u->due_ms[t] = 0;
    if (t == EXPIRE && u->more_to_expire)
        u->due_ms[t] = gh_mono_ms() + RETRY_MS / 10;
    if (t == SEAL && ok && u->to_seal)
        u->due_ms[t] = gh_mono_ms() + SEAL_MS;
    if (t == ROLES && ok && u->roles_stale) /* it may have read what was before */
        u->due_ms[t] = 0;
    if (t == ROLES)
        u->have_roles |= ok;
    if (t == PARTITIONS) /* the default partition serves when this fails */
        u->have_partitions = true;
    if (!was_ready && gh_upkeep_ready(u))
        for (size_t i = 0; i < u->worker->n_pools; i++)
            gh_worker_pool_up(&u->worker->pools[i]);
}

void
gh_upkeep_start(gh_wpool_t *p, gh_lane_t *lane)
{
    gh_upkeep_t *u = p->worker->upkeep;
    int64_t now = gh_mono_ms();
    task_t t = 0;
    while (t < TASKS && !is_due(u, t, now))
        t++;
    gh_batch_priv_t *b = t < TASKS ? gh_batch_new(p, NULL, 0) : NULL;
    if (!b)
        return;
    u->busy = true;
    u->running = t;
    if (t == SEAL)
        u->to_seal = false;
    if (t == ROLES)
        u->roles_stale = false;
    b->kind = tasks[t].kind;
    b->step = tasks[t].step;
    gh_batch_on_end(&b->batch, ended, u);
    gh_exec_start(b, lane);
}

/* ---- public */

gh_upkeep_t *
gh_upkeep_new(gh_worker_t *w)
{
    gh_upkeep_t *u = calloc(1, sizeof(*u));
    if (!u)
        return NULL;
    u->worker = w;
    for (size_t p = 0; p < w->n_pools; p++) {
        if (!u->pool && !w->pools[p].def->no_database)
            u->pool = &w->pools[p];
        for (size_t i = 0; i < w->pools[p].n_ops; i++)
            u->writes |= w->pools[p].ops[i].def->kind != GH_OP_READ;
    }
    return u;
}

void
gh_upkeep_destroy(gh_upkeep_t **u_p)
{
    free(*u_p);
    *u_p = NULL;
}

bool
gh_upkeep_ready(const gh_upkeep_t *u)
{
    return u->have_roles && (u->have_partitions || !u->writes);
}

void
gh_upkeep_roles_changed(gh_upkeep_t *u)
{
    u->due_ms[ROLES] = 0;
    u->roles_stale = true;
}

void
gh_upkeep_flushed(gh_upkeep_t *u, gh_str_t flush, size_t entries)
{
    uint8_t id[16];
    if (gh_uuid_parse(flush, id))
        return;
    gh_uuid_text(id, u->flush);
    u->flushed = entries;
}

void
gh_upkeep_audited(gh_upkeep_t *u)
{
    int64_t soon = gh_mono_ms() + SEAL_MS;
    u->to_seal = true;
    if (u->due_ms[SEAL] > soon)
        u->due_ms[SEAL] = soon;
}

static void
add_seq(int64_t *list, size_t *n, int64_t seq)
{
    for (size_t i = 0; i < *n; i++)
        if (list[i] == seq)
            return;
    if (*n == SENT_MAX) /* the relay comes upon its row again */
        memmove(list, list + 1, --*n * sizeof *list);
    list[(*n)++] = seq;
}

void
gh_upkeep_told(gh_upkeep_t *u, int64_t seq, const char *topic)
{
    if (gh_bus_hears(topic))
        add_seq(u->told, &u->n_told, seq);
    else
        add_seq(u->sent, &u->n_sent, seq);
}

void
gh_upkeep_heard(gh_upkeep_t *u, int64_t seq)
{
    for (size_t i = 0; i < u->n_told; i++)
        if (u->told[i] == seq) {
            u->told[i] = u->told[--u->n_told];
            add_seq(u->sent, &u->n_sent, seq);
            return;
        }
}
