/*
 * lib/worker/exactly.c - exactly once: job records and idempotency keys (decisions 13 and 14)
 *
 * A write leaves its job id and reply in the transaction of its effect. Whoever gets the job again (attempt >
 * 0, sent again through another broker, or after an error that leaves the commit in doubt) finds them. Two
 * deliveries at the same moment meet at the primary key: the second waits, fails, and looks the record up.
 *
 * A delivery that was sent before (recheck) leaves a record of its refusal too. Its sender counts the broker of the earlier delivery as
 * lost, but that broker, or its worker, may only be cut off from the sender and carry the job out later: the caller was told no
 * by then. With the record that commit fails at the primary key, whatever clocks and heartbeats say. An ordinary refusal in
 * the rush writes nothing (decisions 13).
 */
#include <libpq-fe.h>

#include "base/hash.h"
#include "base/log.h"
#include "base/uuid7.h"
#include "worker/internal.h"

#define KEY_MAX 255

/* What the same key must come with again: the arguments, and the files that they tell of. */
static int
digest_job(gh_wjob_priv_t *j)
{
    const gh_wjob_t *job = &j->job;
    gh_str_t args = gh_mp_raw(job->args);
    uint8_t all[(1 + GH_BLOBS_MAX) * 32];
    if (gh_sha256(args.p, args.n, j->digest))
        return -1;
    if (job->n_blobs == 0)
        return 0;
    memcpy(all, j->digest, 32);
    for (size_t i = 0; i < job->n_blobs; i++)
        if (gh_sha256(job->blobs[i].p, job->blobs[i].n, all + (i + 1) * 32))
            return -1;
    return gh_sha256(all, (job->n_blobs + 1) * 32, j->digest);
}

gh_err_t
gh_job_prepare_key(gh_wjob_priv_t *j)
{
    const gh_job_head_t *h = &j->job.head;
    for (size_t i = 0; i < h->key.n; i++)
        if (h->key.p[i] < 0x20 || h->key.p[i] > 0x7e || h->key.n > KEY_MAX)
            return GH_E_IDEMPOTENCY_KEY_INVALID;
    gh_buf_t scope GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_buf_i64(&scope, h->actor.user_id);
    gh_buf_putc(&scope, ' ');
    gh_buf_str(&scope, h->op);
    gh_buf_putc(&scope, ' ');
    gh_buf_str(&scope, h->key);
    uint8_t hash[32];
    if (!gh_buf_ok(&scope) || gh_sha256(scope.p, scope.n, hash) || digest_job(j))
        return GH_E_INTERNAL;
    memcpy(&j->lock_key, hash, sizeof(j->lock_key)); /* the same in every process, whatever its hash seed */
    j->keyed = true;
    return GH_E_NONE;
}

/* ---- asking */

static void
ask_with(gh_batch_priv_t *b, size_t *at, const char *statement, gh_pgarr_t *arrays, int n, const char *last)
{
    const char *params[GH_BIND_MAX];
    for (int i = 0; i < n; i++)
        if (!(params[i] = gh_pgarr_literal(&arrays[i])))
            b->failed = true;
    int total = n;
    if (last)
        params[total++] = last;
    size_t index = gh_batch_ask_own(b, statement, total, params);
    if (at)
        *at = index;
    for (int i = 0; i < n; i++)
        gh_pgarr_fini(&arrays[i]);
}

static void
ask_records(gh_batch_priv_t *b)
{
    gh_pgarr_t ids = {0};
    for (size_t i = 0; i < b->batch.n; i++)
        if (gh_priv(b->batch.jobs[i])->recheck)
            gh_pgarr_uuid(&ids, b->batch.jobs[i]->head.id);
    if (ids.count > 0)
        ask_with(b, &b->at_records, "rt_job_done_get", &ids, 1, NULL);
}

static void
ask_keys(gh_batch_priv_t *b)
{
    gh_pgarr_t locks = {0}, a[4] = {0};
    for (size_t i = 0; i < b->batch.n; i++) {
        gh_wjob_priv_t *j = gh_priv(b->batch.jobs[i]);
        if (!j->keyed)
            continue;
        gh_pgarr_i64(&locks, j->lock_key);
        gh_pgarr_i64(&a[0], j->job.head.actor.user_id);
        gh_pgarr_text(&a[1], j->job.head.op);
        gh_pgarr_text(&a[2], j->job.head.key);
        gh_pgarr_bytea(&a[3], (gh_str_t){(const char *)j->digest, sizeof(j->digest)});
    }
    if (locks.count == 0)
        return;
    ask_with(b, &b->at_locks, "rt_idem_lock", &locks, 1, NULL);
    ask_with(b, &b->at_keys, "rt_idem_get", a, 4, NULL);
}

void
gh_exactly_ask(gh_batch_priv_t *b)
{
    ask_records(b);
    ask_keys(b);
}

/* ---- what was found */

void
gh_exactly_take_records(gh_batch_priv_t *b)
{
    const PGresult *r = gh_batch_own(b, b->at_records);
    for (int row = 0; r && row < PQntuples(r); row++) {
        uint8_t id[16];
        if (gh_uuid_parse(gh_pg_str(r, row, 0), id))
            continue;
        for (size_t i = 0; i < b->batch.n; i++)
            if (!b->batch.jobs[i]->done && memcmp(b->batch.jobs[i]->head.id, id, sizeof(id)) == 0)
                gh_job_replay(b, gh_priv(b->batch.jobs[i]), (int)gh_pg_i64(r, row, 1, 0),
                              gh_pg_str(r, row, 2), gh_pg_str(r, row, 3), false);
    }
}

/* The n-th job with a key, counted as ask_keys() did. */
static gh_wjob_priv_t **
keyed_jobs(gh_batch_priv_t *b, size_t *n)
{
    gh_wjob_priv_t **list = gh_arena_alloc(&b->arena, (b->batch.n + 1) * sizeof(*list));
    *n = 0;
    for (size_t i = 0; i < b->batch.n; i++)
        if (gh_priv(b->batch.jobs[i])->keyed)
            list[(*n)++] = gh_priv(b->batch.jobs[i]);
    return list;
}

void
gh_exactly_take_keys(gh_batch_priv_t *b)
{
    const PGresult *locks = gh_batch_own(b, b->at_locks), *rows = gh_batch_own(b, b->at_keys);
    if (!locks || !rows)
        return;
    size_t n;
    gh_wjob_priv_t **jobs = keyed_jobs(b, &n);
    for (size_t i = 0; i < n && (int)i < PQntuples(locks); i++)
        if (!jobs[i]->job.done && !gh_pg_bool(locks, (int)i, 0))
            gh_job_refuse_by_runtime(b, jobs[i], GH_E_IDEMPOTENCY_IN_PROGRESS);
    for (int row = 0; row < PQntuples(rows); row++) {
        int64_t i = gh_pg_i64(rows, row, 0, 0) - 1;
        if (i < 0 || (size_t)i >= n || jobs[i]->job.done)
            continue;
        if (!gh_pg_bool(rows, row, 1))
            gh_job_refuse_by_runtime(b, jobs[i], GH_E_IDEMPOTENCY_KEY_REUSED);
        else
            gh_job_replay(b, jobs[i], (int)gh_pg_i64(rows, row, 2, 0), gh_pg_str(rows, row, 3),
                          gh_pg_str(rows, row, 4), true);
    }
}

/* ---- recording */

static void
put_answer(gh_batch_priv_t *b, const gh_wjob_priv_t *j, gh_pgarr_t *status, gh_pgarr_t *headers,
           gh_pgarr_t *body)
{
    gh_str_t h = gh_job_headers_json(b, j);
    gh_pgarr_i64(status, j->answer.status);
    if (h.p)
        gh_pgarr_text(headers, h);
    else
        gh_pgarr_null(headers);
    gh_pgarr_text(body, j->answer.body);
}

static void
put_records(gh_batch_priv_t *b)
{
    gh_pgarr_t a[5] = {0};
    for (size_t i = 0; i < b->batch.n; i++) {
        gh_wjob_priv_t *j = gh_priv(b->batch.jobs[i]);
        if (!gh_job_is_recorded(b, j))
            continue;
        gh_pgarr_uuid(&a[0], j->job.head.id);
        gh_pgarr_text(&a[1], j->job.head.op);
        put_answer(b, j, &a[2], &a[3], &a[4]);
    }
    if (a[0].count > 0)
        ask_with(b, NULL, "rt_job_done_put", a, 5, NULL);
}

/* Only 2xx is kept under the key: a refusal is decided anew, so that one in the rush writes nothing. */
static bool
kept_by_key(const gh_batch_priv_t *b, const gh_wjob_priv_t *j)
{
    return j->keyed && gh_job_has_effect(b, j) && j->answer.err == GH_E_NONE && j->answer.status < 300;
}

static void
put_keys(gh_batch_priv_t *b)
{
    gh_pgarr_t a[7] = {0};
    for (size_t i = 0; i < b->batch.n; i++) {
        gh_wjob_priv_t *j = gh_priv(b->batch.jobs[i]);
        if (!kept_by_key(b, j))
            continue;
        gh_pgarr_i64(&a[0], j->job.head.actor.user_id);
        gh_pgarr_text(&a[1], j->job.head.op);
        gh_pgarr_text(&a[2], j->job.head.key);
        gh_pgarr_bytea(&a[3], (gh_str_t){(const char *)j->digest, sizeof(j->digest)});
        put_answer(b, j, &a[4], &a[5], &a[6]);
    }
    if (a[0].count == 0)
        return;
    char now[GH_PG_TIME_TEXT];
    gh_pg_time_text(b->batch.now_us, now);
    ask_with(b, NULL, "rt_idem_put", a, 7, now);
}

void
gh_exactly_put(gh_batch_priv_t *b)
{
    put_records(b);
    put_keys(b);
    if (b->arena.failed)
        b->failed = true;
}
