/*
 * workers/system/verify.c - POST /api/v1/system/audit-log/verify: walks the chain of hashes in pieces (SY-08, R-214)
 *
 * One statement a piece, so that none takes long. Pieces follow each other by id; each entry is compared with the one before it in
 * the chain, wherever that stands, so that nothing can hide between two pieces.
 */
#include <libpq-fe.h>

#include "base/json.h"
#include "worker/args.h"
#include "workers/system/system.h"

#define PIECE 20000 /* ids */

typedef struct work {
    int64_t next, last; /* ids still to be looked at */
    int64_t checked, unsealed;
} work_t;

static gh_step_t
reply(gh_batch_t *b, const work_t *w, int64_t bad)
{
    gh_buf_t out GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_json_t j;
    gh_json_init(&j, &out);
    gh_json_obj(&j);
    gh_json_ki64(&j, "checked", w->checked);
    gh_json_kbool(&j, "ok", bad == 0);
    if (bad)
        gh_json_ki64(&j, "first_bad_id", bad);
    gh_json_ki64(&j, "unsealed", w->unsealed);
    gh_json_obj_end(&j);
    if (!gh_buf_ok(&out))
        return GH_STEP_FAIL;
    gh_job_ok(b, b->jobs[0], 0, gh_buf_view(&out));
    return GH_STEP_DONE;
}

static gh_step_t
next_piece(gh_batch_t *b, work_t *w)
{
    if (w->next > w->last)
        return reply(b, w, 0);
    int64_t end = w->last - w->next < PIECE ? w->last : w->next + PIECE - 1;
    gh_batch_query(b, "audit_verify", 2, (const char *[]){gh_text_i64(b, w->next), gh_text_i64(b, end)});
    w->next = end + 1;
    return GH_STEP_MORE;
}

static gh_step_t
ask_range(gh_batch_t *b)
{
    const char *ids[2] = {NULL, NULL};
    static const char *const names[2] = {"body.from_id", "body.to_id"};
    for (size_t i = 0; i < 2; i++) {
        int64_t id = gh_arg_id(b->jobs[0]->args, names[i]);
        ids[i] = id ? gh_text_i64(b, id) : NULL;
    }
    b->state = gh_batch_alloc(b, sizeof(work_t));
    gh_batch_query(b, "audit_range", 2, ids);
    return GH_STEP_MORE;
}

gh_step_t
gh_verify_audit_log(gh_batch_t *b)
{
    enum { CHECKED, UNSEALED, BAD };
    work_t *w = b->state;
    if (b->phase == 0)
        return GH_STEP_MORE; /* the runtime decides x-access first */
    if (b->jobs[0]->done)
        return GH_STEP_DONE;
    if (b->phase == 1)
        return ask_range(b);
    const PGresult *r = gh_batch_result(b, 0);
    if (b->phase == 2) {
        w->next = gh_pg_i64(r, 0, 0, 1);
        w->last = gh_pg_i64(r, 0, 1, 0);
        return next_piece(b, w);
    }
    w->checked += gh_pg_i64(r, 0, CHECKED, 0);
    w->unsealed += gh_pg_i64(r, 0, UNSEALED, 0);
    int64_t bad = gh_pg_i64(r, 0, BAD, 0);
    return bad ? reply(b, w, bad) : next_piece(b, w);
}
