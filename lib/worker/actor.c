/*
 * lib/worker/actor.c - who calls: loaded set-based with the batch, for reads from a cache; then x-access
 *
 * The cache is direct-mapped and of fixed size. An entry is good for five seconds at most and goes at once
 * when an "authz" or "revoke" event names its user, so that a lost event costs seconds and no memory.
 */
#include <stdlib.h>
#include <libpq-fe.h>

#include "base/hash.h"
#include "base/timez.h"
#include "worker/internal.h"

#define CACHE_SLOTS  4096
#define CACHE_AGE_MS 5000

typedef struct entry {
    gh_actor_t actor;
    uint64_t held;
    uint64_t roles_serial; /* the role table that `held` is numbered by */
    int64_t loaded_ms;     /* 0: free */
} entry_t;

struct gh_actor_cache {
    entry_t slots[CACHE_SLOTS];
};

gh_actor_cache_t *
gh_actor_cache_new(void)
{
    return calloc(1, sizeof(gh_actor_cache_t));
}

void
gh_actor_cache_destroy(gh_actor_cache_t **c_p)
{
    free(*c_p);
    *c_p = NULL;
}

size_t
gh_actor_cache_used(const gh_actor_cache_t *c)
{
    int64_t now = gh_mono_ms();
    size_t n = 0;
    for (size_t i = 0; i < CACHE_SLOTS; i++)
        n += c->slots[i].loaded_ms && now - c->slots[i].loaded_ms < CACHE_AGE_MS;
    return n;
}

static entry_t *
slot_of(gh_actor_cache_t *c, int64_t user_id)
{
    return &c->slots[((uint64_t)user_id * UINT64_C(0x9e3779b97f4a7c15)) >> 52];
}

void
gh_actor_cache_forget(gh_actor_cache_t *c, int64_t user_id)
{
    if (user_id == 0)
        memset(c, 0, sizeof(*c));
    else if (slot_of(c, user_id)->actor.user_id == user_id)
        slot_of(c, user_id)->loaded_ms = 0;
}

static void
set_actor(gh_wjob_priv_t *j, const gh_actor_t *actor, uint64_t held)
{
    j->job.actor = *actor;
    j->held = held;
    j->actor_known = true;
}

/* Callers about whom there is nothing to load. */
static bool
known_already(gh_batch_priv_t *b, gh_wjob_priv_t *j)
{
    int64_t user_id = j->job.head.actor.user_id;
    if (user_id == 0)
        set_actor(j, &(gh_actor_t){0}, 0);
    else if (b->pool->def->no_database) /* the front has checked the token; nothing more can be known here */
        set_actor(j, &(gh_actor_t){.user_id = user_id, .alive = true}, 0);
    return j->actor_known;
}

bool
gh_actors_from_cache(gh_batch_priv_t *b)
{
    gh_worker_t *w = b->pool->worker;
    uint64_t serial = gh_role_table_serial(w->roles);
    int64_t oldest = gh_mono_ms() - CACHE_AGE_MS;
    bool all = true;
    for (size_t i = 0; i < b->batch.n; i++) {
        gh_wjob_priv_t *j = gh_priv(b->batch.jobs[i]);
        if (known_already(b, j))
            continue;
        const entry_t *e = slot_of(w->actors, j->job.head.actor.user_id);
        if (b->kind == GH_OP_READ && e->actor.user_id == j->job.head.actor.user_id && e->loaded_ms > oldest &&
            e->loaded_ms > 0 && e->roles_serial == serial)
            set_actor(j, &e->actor, e->held);
        all &= j->actor_known;
    }
    return all;
}

void
gh_actors_ask(gh_batch_priv_t *b)
{
    gh_pgarr_t ids = {0};
    for (size_t i = 0; i < b->batch.n; i++) {
        gh_wjob_priv_t *j = gh_priv(b->batch.jobs[i]);
        if (!j->actor_known && !known_already(b, j))
            gh_pgarr_i64(&ids, j->job.head.actor.user_id);
    }
    if (ids.count > 0) {
        const char *literal = gh_pgarr_literal(&ids);
        if (literal)
            b->at_actors = gh_batch_ask_own(b, "rt_actors", 1, &literal);
        else
            b->failed = true;
    }
    gh_pgarr_fini(&ids);
}

static void
read_row(const PGresult *r, int row, const gh_role_table_t *roles, gh_actor_t *a, uint64_t *held)
{
    *a = (gh_actor_t){
        .user_id = gh_pg_i64(r, row, 0, 0),
        .alive = gh_pg_bool(r, row, 1),
        .must_change_password = gh_pg_bool(r, row, 2),
        .roles = gh_roles_parse(roles, gh_pg_str(r, row, 4), held),
        .patient_id = gh_pg_i64(r, row, 5, 0),
        .doctor_id = gh_pg_i64(r, row, 6, 0),
        .dept_id = gh_pg_i64(r, row, 7, 0),
    };
    if (gh_pg_bool(r, row, 3))
        a->roles |= GH_ROLE_SUPERUSER;
    if (gh_pg_bool(r, row, 8) && (a->roles & GH_ROLE_DOCTOR))
        a->roles |= GH_ROLE_HEAD;
}

/* Rows by user id, in a table of batch memory. */
static int *
index_rows(gh_batch_priv_t *b, const PGresult *r, int rows, size_t *mask)
{
    for (*mask = 7; *mask < (size_t)rows * 2; *mask = *mask * 2 + 1)
        ;
    int *table = gh_arena_alloc(&b->arena, (*mask + 1) * sizeof(*table)); /* row + 1, 0 = free */
    for (int row = 0; row < rows && !b->arena.failed; row++) {
        size_t i = (size_t)gh_pg_i64(r, row, 0, 0) & *mask;
        while (table[i])
            i = (i + 1) & *mask;
        table[i] = row + 1;
    }
    return table;
}

void
gh_actors_take(gh_batch_priv_t *b)
{
    const PGresult *r = gh_batch_own(b, b->at_actors);
    gh_worker_t *w = b->pool->worker;
    if (!r)
        return;
    size_t mask;
    const int *table = index_rows(b, r, PQntuples(r), &mask);
    if (b->arena.failed)
        return;
    int64_t now = gh_mono_ms();
    for (size_t n = 0; n < b->batch.n; n++) {
        gh_wjob_priv_t *j = gh_priv(b->batch.jobs[n]);
        int64_t user_id = j->job.head.actor.user_id;
        gh_actor_t actor = {.user_id = user_id};
        uint64_t held = 0;
        if (j->actor_known)
            continue;
        size_t i = (size_t)user_id & mask;
        while (table[i] && gh_pg_i64(r, table[i] - 1, 0, 0) != user_id)
            i = (i + 1) & mask;
        if (table[i])
            read_row(r, table[i] - 1, w->roles, &actor, &held);
        *slot_of(w->actors, user_id) = (entry_t){actor, held, gh_role_table_serial(w->roles), now};
        set_actor(j, &actor, held);
    }
}

static const uint32_t *
grants_of(gh_worker_t *w, gh_wop_t *op)
{
    uint64_t serial = gh_role_table_serial(w->roles);
    if (op->access.kind == GH_ACCESS_PERMISSION && w->roles && op->grants_of != serial) {
        gh_role_table_grants(w->roles, op->access.permission, op->grants);
        op->grants_of = serial;
    }
    return op->grants;
}

void
gh_access_check_batch(gh_batch_priv_t *b)
{
    for (size_t i = 0; i < b->batch.n; i++) {
        gh_wjob_priv_t *j = gh_priv(b->batch.jobs[i]);
        gh_wop_t *op = j->op;
        if (j->job.done || j->access_done)
            continue;
        j->access_done = true;
        uint32_t granted = gh_access_granted(&op->access, j->job.actor.roles, j->held,
                                             grants_of(b->pool->worker, op));
        gh_err_t err = gh_access_decide(&op->access, op->open, op->def->while_must_change, granted,
                                        &j->job.actor);
        if (err != GH_E_NONE) {
            gh_job_refuse_by_runtime(b, j, err);
            gh_audit_denied(b, j, err);
        }
    }
}
