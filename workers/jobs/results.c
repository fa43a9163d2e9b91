/*
 * workers/jobs/results.c - see results.h
 */
#include "workers/jobs/results.h"

#include <libpq-fe.h>
#include <stdio.h>

#include "base/hash.h"
#include "base/log.h"
#include "base/timez.h"
#include "base/uuid7.h"
#include "domain/job_file.h"
#include "worker/args.h"

#define PIECES_PHASE 8 /* read in one round trip */

bool
gh_result_is_file(gh_str_t type, gh_str_t body)
{
    return type.n > 0 || body.n > GH_RESULT_ROW_MAX;
}

/* ---- keeping */

static int
run(gh_blocking_t *db, const char *name, int n, const char *const *params)
{
    PGresult *r = gh_blocking_run(db, name, n, params);
    PQclear(r);
    return r ? 0 : -1;
}

typedef struct keeping {
    gh_blocking_t *db;
    char job[GH_UUID_TEXT], attempt[16], now[GH_PG_TIME_TEXT], digest[2 + 64 + 1], plain_size[24],
        sealed_size[24];
    const char *type; /* NULL: JSON */
} keeping_t;

static int
put_content(const keeping_t *k, gh_str_t sealed)
{
    gh_buf_t text GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    if (run(k->db, "result_blob", 4, (const char *[]){k->digest, k->sealed_size, k->job, k->now}))
        return -1;
    for (size_t at = 0, n = 0; at < sealed.n; at += GH_JOB_CHUNK, n++) {
        char seq[24];
        size_t left = sealed.n - at;
        snprintf(seq, sizeof seq, "%zu", n);
        const char *bytes = gh_job_file_bytea(
            &text, (gh_str_t){sealed.p + at, left < GH_JOB_CHUNK ? left : GH_JOB_CHUNK});
        if (!bytes || run(k->db, "result_chunk", 3, (const char *[]){k->digest, seq, bytes}))
            return -1;
    }
    return run(k->db, "result_file", 6,
               (const char *[]){k->job, k->attempt, k->digest, k->type, k->plain_size, k->now});
}

static int
put_if_under_way(const keeping_t *k, gh_str_t sealed)
{
    PGresult *held = gh_blocking_run(k->db, "result_hold", 2, (const char *[]){k->job, k->attempt});
    int rc = !held ? -1 : PQntuples(held) == 0 ? 0 : put_content(k, sealed);
    PQclear(held);
    return rc;
}

int
gh_result_keep(gh_blocking_t *db, const gh_seal_t *seal, const uint8_t job[16], int attempt, gh_str_t type,
               gh_str_t body)
{
    gh_buf_t sealed GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    char type_text[121];
    uint8_t digest[32];
    keeping_t k = {.db = db};
    if (!seal || body.n == 0 || type.n >= sizeof type_text || gh_job_file_seal(seal, job, body, &sealed) ||
        gh_sha256(sealed.p, sealed.n, digest)) {
        gh_log(GH_LOG_ERROR, "job_result_unsealed", GH_KI("bytes", body.n));
        return -1;
    }
    memcpy(type_text, type.p ? type.p : "", type.n);
    type_text[type.n] = '\0';
    k.type = type.n ? type_text : NULL;
    gh_uuid_text(job, k.job);
    snprintf(k.attempt, sizeof k.attempt, "%d", attempt);
    gh_pg_time_text(gh_now_us(), k.now);
    memcpy(k.digest, "\\x", 2);
    gh_hex(digest, sizeof digest, k.digest + 2);
    snprintf(k.plain_size, sizeof k.plain_size, "%zu", body.n);
    snprintf(k.sealed_size, sizeof k.sealed_size, "%zu", sealed.n);
    if (run(db, "schedules_begin", 0, NULL))
        return -1;
    if (put_if_under_way(&k, gh_buf_view(&sealed)) == 0 && run(db, "schedules_commit", 0, NULL) == 0)
        return 0;
    (void)run(db, "schedules_rollback", 0, NULL);
    return -1;
}

/* ---- answering (JB-03) */

typedef struct answer {
    uint8_t job[16];
    const char *digest, *type; /* of a file; type NULL: JSON */
    size_t size, pieces, read; /* bytes; pieces in all, and those that are here */
    int status;
    size_t at; /* index of the result */
    gh_buf_t plain;
} answer_t;

/* What was opened is wiped. */
static void
wipe(void *arg, bool committed)
{
    answer_t *a = arg;
    (void)committed;
    if (a->plain.n)
        explicit_bzero(a->plain.p, a->plain.n);
    gh_buf_fini(&a->plain);
}

static gh_step_t
ask(gh_batch_t *b)
{
    answer_t *a = b->state;
    const gh_wjob_t *job = b->jobs[0];
    gh_str_t id = gh_arg_str(job->args, "path.id");
    if (!id.p || gh_uuid_parse(id, a->job))
        return GH_STEP_FAIL;
    const char *params[] = {gh_text(b, id), gh_text_i64(b, job->actor.user_id),
                            gh_text_i64(b, job->actor.scopes)};
    a->at = gh_batch_query(b, "v1_job_result", (int)GH_COUNT(params), params);
    return GH_STEP_MORE;
}

static gh_step_t
ask_pieces(gh_batch_t *b)
{
    answer_t *a = b->state;
    const char *params[] = {a->digest, gh_text_i64(b, (int64_t)a->read), gh_text_i64(b, PIECES_PHASE)};
    a->at = gh_batch_query(b, "result_pieces", (int)GH_COUNT(params), params);
    return GH_STEP_MORE;
}

static gh_step_t
take_row(gh_batch_t *b)
{
    answer_t *a = b->state;
    gh_wjob_t *job = b->jobs[0];
    const PGresult *r = gh_batch_result(b, a->at);
    int file = PQfnumber(r, "file"), type = PQfnumber(r, "type");
    if (PQntuples(r) == 0 || PQgetisnull(r, 0, file)) {
        gh_job_row(b, job, r);
        return GH_STEP_DONE;
    }
    if (gh_job_row_refuses(b, job, r))
        return GH_STEP_DONE;
    gh_batch_on_end(b, wipe, a);
    a->digest = gh_text(b, gh_pg_str(r, 0, file));
    a->type = PQgetisnull(r, 0, type) ? NULL : gh_text(b, gh_pg_str(r, 0, type));
    a->size = (size_t)gh_pg_i64(r, 0, PQfnumber(r, "size"), 0);
    a->pieces = (a->size + GH_JOB_PIECE - 1) / GH_JOB_PIECE;
    a->status = (int)gh_pg_i64(r, 0, PQfnumber(r, "status"), 0);
    gh_buf_reserve(&a->plain, a->size + 1);
    return ask_pieces(b);
}

/* One piece of the result. -1: it is not what was kept. */
static int
open_piece(answer_t *a, const gh_seal_t *seal, gh_str_t hex)
{
    gh_buf_t sealed GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    for (size_t i = 2; i + 1 < hex.n; i += 2)
        gh_buf_putc(&sealed, (char)gh_hex_byte(hex.p + i));
    if (!gh_buf_ok(&sealed) || !seal)
        return -1;
    return gh_seal_open(seal, gh_job_file_place(a->job, a->read), gh_buf_view(&sealed), &a->plain);
}

static gh_step_t
take_pieces(gh_batch_t *b)
{
    answer_t *a = b->state;
    const PGresult *r = gh_batch_result(b, a->at);
    const gh_seal_t *seal = gh_worker_seal(b->worker);
    bool good = PQntuples(r) > 0;
    for (int row = 0; good && row < PQntuples(r); row++, a->read++)
        good = open_piece(a, seal, gh_pg_str(r, row, 0)) == 0;
    if (good && a->read < a->pieces)
        return ask_pieces(b);
    if (!good || a->plain.n != a->size || !gh_buf_ok(&a->plain)) {
        gh_log(GH_LOG_ERROR, "job_result_damaged", GH_KB("job", ((gh_str_t){(const char *)a->job, 16})));
        gh_job_refuse(b, b->jobs[0], GH_E_INTERNAL, NULL);
        return GH_STEP_DONE;
    }
    if (a->type)
        gh_job_type(b, b->jobs[0], a->type);
    gh_job_ok(b, b->jobs[0], a->status, gh_buf_view(&a->plain));
    return GH_STEP_DONE;
}

gh_step_t
gh_result_step(gh_batch_t *b)
{
    static const gh_step_fn phases[] = {ask, take_row, take_pieces};
    return gh_batch_phases(b, sizeof(answer_t), phases, GH_COUNT(phases));
}
