/*
 * ops/cmd/jobs_change.c - `guahao jobs enqueue`, `retry` and `drop`
 */
#include <libpq-fe.h>
#include <stdio.h>

#include "base/timez.h"
#include "ops/cmd/dbq.h"
#include "ops/cmd/jobs.h"
#include "wire/job.h"

#define TRIES      5
#define TRIES_MAX  1000
#define BUDGET_MS  30000
#define BUDGET_MAX 86400000
#define NAME_MAX_  80  /* jobs.op */
#define KEY_MAX    200 /* jobs.unique_key */

/* ---- enqueue */

typedef struct asked {
    gh_buf_t args;
    char service[NAME_MAX_ + 1], owner[24], priority[8], budget[24], tries[24], at[GH_PG_TIME_TEXT];
    const char *kind, *op, *key;
} asked_t;

static int
kind_known(gh_cmd_t *c, PGconn *db, const char *kind)
{
    PGresult *r = gh_dbq_named(db, "jobs_kind_known", 1, &kind);
    int rc = !r             ? GH_EXIT_FAILED
             : PQntuples(r) ? GH_EXIT_DONE
                            : gh_cmd_usage(c, "there is no kind %s (see guahao jobs kinds)", kind);
    PQclear(r);
    return rc;
}

static int
owner_known(gh_cmd_t *c, PGconn *db, const char *owner)
{
    PGresult *r = gh_dbq_named(db, "jobs_owner_known", 1, &owner);
    int rc = !r             ? GH_EXIT_FAILED
             : PQntuples(r) ? GH_EXIT_DONE
                            : gh_cmd_failed(c, "--owner: there is no account with the id %s", owner);
    PQclear(r);
    return rc;
}

/* The exit status. */
static int
take_numbers(gh_cmd_t *c, asked_t *a)
{
    int64_t owner, budget, tries, at_us = gh_now_us();
    int priority;
    const char *at = gh_args_str(&c->args, "at", NULL);
    if (gh_args_int(&c->args, "owner", 1, INT64_MAX, 0, &owner) != 0 ||
        gh_args_int(&c->args, "budget", 1, BUDGET_MAX, BUDGET_MS, &budget) != 0 ||
        gh_args_int(&c->args, "tries", 1, TRIES_MAX, TRIES, &tries) != 0 ||
        gh_args_word(&c->args, "priority", "high|normal|batch", GH_PRIO_BATCH, &priority) != 0)
        return gh_cmd_bad_option(c);
    if (at && gh_ts_parse(gh_str(at), &at_us) != 0)
        return gh_cmd_usage(c, "--at: %s is no moment such as 2026-12-01T08:00:00", at);
    if (owner)
        snprintf(a->owner, sizeof a->owner, "%lld", (long long)owner);
    snprintf(a->priority, sizeof a->priority, "%d", priority);
    snprintf(a->budget, sizeof a->budget, "%lld", (long long)budget);
    snprintf(a->tries, sizeof a->tries, "%lld", (long long)tries);
    gh_pg_time_text(at_us, a->at);
    return GH_EXIT_DONE;
}

/* What was typed; the exit status. */
static int
take(gh_cmd_t *c, asked_t *a)
{
    const char *args = gh_args_str(&c->args, "args", "{}");
    a->op = c->args.words[1];
    a->kind = gh_args_str(&c->args, "kind", "maintenance");
    a->key = gh_args_str(&c->args, "key", NULL);
    const char *dot = strchr(a->op, '.');
    if (!dot || dot == a->op || !dot[1] || strlen(a->op) > NAME_MAX_)
        return gh_cmd_usage(c, "%.100s is no operation such as booking.expire_unpaid", a->op);
    snprintf(a->service, sizeof a->service, "%.*s", (int)(dot - a->op), a->op);
    if (a->key && (!*a->key || strlen(a->key) > KEY_MAX))
        return gh_cmd_usage(c, "--key takes 1 to %d characters", KEY_MAX);
    if (gh_args_has(&c->args, "join") && !a->key)
        return gh_cmd_usage(c, "--join goes with --key");
    if (gh_jobs_args(gh_str(args), &a->args) != 0)
        return gh_cmd_usage(c, "--args takes a JSON object such as {\"body\": {\"order_id\": 7}}");
    return take_numbers(c, a);
}

static int
put(gh_cmd_t *c, PGconn *db, asked_t *a)
{
    gh_change_t change = gh_change_new();
    char id_text[GH_UUID_TEXT];
    uint8_t id[16];
    gh_uuid7_new(id);
    gh_uuid_text(id, id_text);
    const char *params[] = {id_text,
                            a->kind,
                            a->op,
                            a->service,
                            gh_buf_cstr(&a->args),
                            *a->owner ? a->owner : NULL,
                            a->key,
                            a->priority,
                            a->budget,
                            a->tries,
                            a->at,
                            change.now,
                            change.request};
    PGresult *r = gh_dbq_named(db, "jobs_enqueue", (int)GH_COUNT(params), params);
    if (!r)
        return GH_EXIT_FAILED;
    bool is_new = gh_pg_bool(r, 0, 1);
    int rc = is_new || gh_args_has(&c->args, "join")
                 ? GH_EXIT_DONE
                 : gh_cmd_failed(c, "job %s of this key is unfinished (--join answers with it)",
                                 PQgetvalue(r, 0, 0));
    if (rc == GH_EXIT_DONE && c->json)
        printf("{\"id\": \"%s\", \"new\": %s}\n", PQgetvalue(r, 0, 0), is_new ? "true" : "false");
    else if (rc == GH_EXIT_DONE)
        puts(PQgetvalue(r, 0, 0));
    PQclear(r);
    return rc;
}

int
gh_jobs_enqueue(gh_cmd_t *c, PGconn *db)
{
    asked_t a = {.args = GH_BUF_INIT};
    int rc = c->args.n_words == 2 ? take(c, &a) : gh_cmd_usage(c, "enqueue takes one operation");
    if (rc == GH_EXIT_DONE)
        rc = kind_known(c, db, a.kind);
    if (rc == GH_EXIT_DONE && *a.owner)
        rc = owner_known(c, db, a.owner);
    if (rc == GH_EXIT_DONE)
        rc = put(c, db, &a);
    gh_buf_fini(&a.args);
    return rc;
}

/* ---- retry, drop */

static bool
is_among(const PGresult *r, const char *id)
{
    for (int row = 0; row < PQntuples(r); row++)
        if (strcasecmp(PQgetvalue(r, row, 0), id) == 0)
            return true;
    return false;
}

/* Ids that no row was changed for: letters of a broker, or a message each. The exit status. */
static int
others(gh_cmd_t *c, PGconn *db, const PGresult *done, bool drop, int *count)
{
    int rc = GH_EXIT_DONE;
    for (size_t i = 1; i < c->args.n_words; i++) {
        const char *id = c->args.words[i];
        int letter = is_among(done, id) ? 2 : gh_jobs_letter(c, db, id, drop);
        *count += letter == 1;
        if (letter == 0)
            rc = gh_cmd_failed(c, "%s: %s", id,
                               drop ? "there is no such job"
                                    : "there is no such failed job, or one with its key is unfinished");
        if (letter < 0)
            rc = GH_EXIT_FAILED;
    }
    return rc;
}

int
gh_jobs_again(gh_cmd_t *c, PGconn *db, bool drop)
{
    gh_change_t change = gh_change_new();
    gh_pgarr_t ids = {0};
    char tries[24];
    int64_t n_tries;
    bool dead = gh_args_has(&c->args, "dead");
    if (gh_args_int(&c->args, "tries", 1, TRIES_MAX, TRIES, &n_tries) != 0)
        return gh_cmd_bad_option(c);
    if (dead == (c->args.n_words > 1))
        return gh_cmd_usage(c, "%s takes ids of jobs, or --dead for all dead ones", c->args.words[0]);
    snprintf(tries, sizeof tries, "%lld", (long long)n_tries);
    for (size_t i = 1; i < c->args.n_words; i++) {
        uint8_t id[16];
        if (gh_uuid_parse(gh_str(c->args.words[i]), id) != 0) {
            gh_pgarr_fini(&ids);
            return gh_cmd_usage(c, "%s is no id of a job", c->args.words[i]);
        }
        gh_pgarr_uuid(&ids, id);
    }
    const char *of = dead ? NULL : gh_pgarr_literal(&ids), *kinds = gh_args_str(&c->args, "kind", NULL);
    const char *retry[] = {of, kinds, tries, change.now, change.request},
               *gone[] = {of, kinds, change.now, change.request};
    PGresult *r = drop ? gh_dbq_named(db, "jobs_drop", (int)GH_COUNT(gone), gone)
                       : gh_dbq_named(db, "jobs_retry", (int)GH_COUNT(retry), retry);
    gh_pgarr_fini(&ids);
    if (!r)
        return GH_EXIT_FAILED;
    int count = PQntuples(r), rc = others(c, db, r, drop, &count);
    PQclear(r);
    if (c->json)
        printf("{\"%s\": %d}\n", drop ? "dropped" : "retried", count);
    else
        gh_cmd_say(c, "%d %s", count, drop ? "dropped" : "run again");
    return rc;
}
