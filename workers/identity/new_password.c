/*
 * workers/identity/new_password.c - giving an account that has a password a new one
 */
#include "workers/identity/new_password.h"

#include <libpq-fe.h>

#include "base/timez.h"
#include "base/uuid7.h"
#include "db/arrays.h"
#include "domain/password_refusal.h"

/* Columns of password_facts. */
enum { C_HASH, C_USERNAME, C_EMAIL, C_BRIEF, C_ROLES, C_NAMES, C_LOCKED_UNTIL, C_HISTORY };

void
gh_new_password_ask(gh_batch_t *b, gh_new_password_t *p, int64_t user_id)
{
    p->user_id = user_id;
    p->user = gh_text_i64(b, user_id);
    p->now = gh_text_time(b, b->now_us);
    gh_password_policy_t policy = gh_password_policy(gh_worker_conf(b->worker));
    p->history = gh_text_i64(b, policy.history);
    gh_batch_query(b, "password_facts", 3, (const char *[]){p->user, p->now, p->history});
}

/* The next element of a comma list; false at its end. */
static bool
next(gh_str_t *list, gh_str_t *out)
{
    if (list->n == 0)
        return false;
    const char *comma = memchr(list->p, ',', list->n);
    size_t n = comma ? (size_t)(comma - list->p) : list->n;
    *out = (gh_str_t){list->p, n};
    size_t used = comma ? n + 1 : n;
    *list = (gh_str_t){list->p + used, list->n - used};
    return true;
}

bool
gh_new_password_take(gh_batch_t *b, gh_new_password_t *p, const PGresult *r)
{
    if (PQntuples(r) != 1)
        return false;
    gh_str_t hash = gh_pg_str(r, 0, C_HASH), one;
    gh_str_t names = gh_pg_str(r, 0, C_NAMES), history = gh_batch_dup(b, gh_pg_str(r, 0, C_HISTORY));
    p->username = gh_batch_dup(b, gh_pg_str(r, 0, C_USERNAME));
    p->email = gh_batch_dup(b, gh_pg_str(r, 0, C_EMAIL));
    p->brief = gh_batch_dup(b, gh_pg_str(r, 0, C_BRIEF));
    p->roles = gh_batch_dup(b, gh_pg_str(r, 0, C_ROLES));
    p->locked_until_us = gh_pg_time(r, 0, C_LOCKED_UNTIL, 0);
    while (p->n_names < GH_NAMES_MAX && next(&names, &one))
        p->names[p->n_names++] = gh_text(b, one);
    if (hash.n) {
        p->stored = gh_text(b, hash);
        p->former[p->n_former++] = gh_str(p->stored);
    }
    while (p->n_former < GH_PASSWORD_HISTORY_MAX && next(&history, &one))
        p->former[p->n_former++] = one;
    return true;
}

/* ---- the thread */

static bool
knows_current(gh_new_password_t *p)
{
    gh_str_t stored = gh_str(p->stored);
    p->hashes++;
    if (gh_password_cost(stored) >= 0 && gh_password_usable(p->current))
        return gh_password_verify(p->current, stored);
    gh_password_burn(p->current, p->cost);
    return false;
}

static bool
used_before(gh_new_password_t *p)
{
    for (int i = 0; i < p->n_former; i++) {
        p->hashes++;
        if (gh_password_verify(p->wanted, p->former[i]))
            return true;
    }
    return false;
}

static void
work(void *arg)
{
    gh_new_password_t *p = arg;
    int64_t began = gh_mono_us();
    p->right = !p->check_current || knows_current(p);
    if (p->right && p->acceptable) {
        p->reused = used_before(p);
        if (!p->reused && gh_password_hash(p->wanted, p->cost, p->hash))
            p->hash[0] = 0;
        p->hashes++;
    }
    p->took_us = gh_mono_us() - began;
}

bool
gh_new_password_hash(gh_batch_t *b, gh_new_password_t *p, const gh_str_t *current, gh_str_t wanted)
{
    p->check_current = current != NULL;
    p->current = current ? *current : (gh_str_t){0};
    p->wanted = wanted;
    p->cost = gh_identity_of(b)->cost;
    gh_password_policy_t policy = gh_password_policy(gh_worker_conf(b->worker));
    p->acceptable = gh_password_faults(&policy, wanted, p->username, p->email) == 0;
    if (!gh_hash_admit(b, (current ? 1 : 0) + (p->acceptable ? p->n_former + 1 : 0)))
        return false;
    gh_batch_work(b, work, p);
    return true;
}

/* ---- deciding and writing */

bool
gh_new_password_allowed(gh_batch_t *b, gh_new_password_t *p, const char *field)
{
    gh_wjob_t *job = b->jobs[0];
    if (!gh_password_accept(b, job, field, p->wanted, p->username, p->email))
        return false;
    if (p->reused)
        gh_job_refuse(b, job, GH_E_PASSWORD_REUSED, NULL);
    return !p->reused;
}

void
gh_new_password_sessions(gh_batch_t *b, const gh_new_password_t *p, const char *but)
{
    gh_batch_query(b, "password_sessions", 2, (const char *[]){p->user, but});
}

int
gh_new_password_write(gh_batch_t *b, const gh_new_password_t *p, const char *but, const PGresult *ending,
                      const char *reason)
{
    gh_pgarr_t ids GH_CLEANUP(gh_pgarr_fini) = {0};
    for (int i = 0; i < PQntuples(ending); i++) {
        uint8_t sid[16];
        if (gh_uuid_parse(gh_pg_str(ending, i, 0), sid))
            return -1;
        gh_pgarr_uuid(&ids, sid);
    }
    const char *sids = gh_pgarr_literal(&ids);
    if (!sids || !p->hash[0])
        return -1;
    gh_batch_query(b, "login_lock_user", 1, (const char *[]){p->user});
    gh_batch_query(b, "password_unchanged", 4, (const char *[]){p->user, p->stored, but, sids});
    gh_batch_query(b, "password_set", 4, (const char *[]){p->user, p->hash, p->now, p->history});
    /* workers remember who has to change the password first */
    return gh_end_sessions(b, ending, reason) < 0 || gh_authz_publish(b, p->user_id) ? -1 : 0;
}
