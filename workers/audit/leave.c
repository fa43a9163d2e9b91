/*
 * workers/audit/leave.c - a doctor asks for leave (api/08 section 8.6; BR-60, BR-61)
 *
 *   phase 1   the application; read what the rules ask of the caller's doctor row
 *   phase 2   decide (leave_rules.h), write it
 *   phase 3   answer with its id
 */
#include <libpq-fe.h>
#include <stdio.h>

#include "base/timez.h"
#include "workers/audit/audit.h"
#include "workers/audit/leave_rules.h"

typedef struct work {
    gh_leave_t leave;
    gh_str_t reason;
    const char *attachments; /* JSON */
    size_t at_facts, at_put;
} work_t;

enum { F_DOCTOR, F_TAKEN, F_BEGINS, F_UNSAFE };

/* The attachments as they are stored: JSON. */
static const char *
attachments_of(gh_batch_t *b)
{
    gh_mp_t list = gh_mp_path(b->jobs[0]->args, "body.attachments");
    gh_buf_t text GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    if (gh_mp_type(list) == GH_MP_ARRAY)
        gh_mp_to_json(list, &text);
    else
        gh_buf_puts(&text, "[]");
    return gh_buf_ok(&text) ? gh_text(b, gh_buf_view(&text)) : NULL;
}

static gh_step_t
ask(gh_batch_t *b)
{
    gh_wjob_t *job = b->jobs[0];
    work_t *w = gh_batch_alloc(b, sizeof *w);
    b->state = w;
    if (job->actor.doctor_id == 0) {
        gh_job_refuse(b, job, GH_E_DOCTOR_REQUIRED, NULL);
        return GH_STEP_DONE;
    }
    if (gh_day_parse(gh_arg_str(job->args, "body.date"), &w->leave.from) != 0 ||
        gh_shift_parse(gh_arg_str(job->args, "body.shift"), &w->leave.shift) != 0)
        return GH_STEP_FAIL; /* the contract lets neither pass */
    w->leave.to = w->leave.from;
    if (!gh_audit_text(b, "body.reason", &w->reason))
        return GH_STEP_DONE;
    if (!(w->attachments = attachments_of(b)))
        return GH_STEP_FAIL;
    const char *day = gh_text_day(b, w->leave.from);
    w->at_facts = gh_batch_query(b, "leave_facts", 6,
                                 (const char *[]){gh_text_i64(b, job->actor.doctor_id), day, day,
                                                  gh_shift_name(w->leave.shift), gh_tz_name(),
                                                  w->attachments});
    return gh_batch_ok(b) ? GH_STEP_MORE : GH_STEP_FAIL;
}

static gh_step_t
put(gh_batch_t *b, work_t *w)
{
    gh_wjob_t *job = b->jobs[0];
    const PGresult *facts = gh_batch_result(b, w->at_facts);
    gh_err_t err = gh_br60_in_time(&w->leave, gh_tz_day(b->now_us), gh_pg_i64(facts, 0, F_BEGINS, 0),
                                   b->now_us);
    if (err == GH_E_NONE && gh_pg_bool(facts, 0, F_TAKEN))
        err = GH_E_LEAVE_DUPLICATE;
    if (err == GH_E_NONE && gh_pg_bool(facts, 0, F_UNSAFE))
        err = GH_E_PATH_UNSAFE;
    if (err != GH_E_NONE) {
        gh_job_refuse(b, job, err, NULL);
        return GH_STEP_DONE;
    }
    const char *day = gh_text_day(b, w->leave.from);
    w->at_put = gh_batch_query(b, "put_leave", 8,
                               (const char *[]){gh_text_i64(b, job->actor.doctor_id), day, day,
                                                gh_shift_name(w->leave.shift), gh_text(b, w->reason),
                                                w->attachments, gh_text_time(b, b->now_us), NULL});
    return gh_batch_ok(b) ? GH_STEP_MORE : GH_STEP_FAIL;
}

static gh_step_t
answer(gh_batch_t *b, const work_t *w)
{
    const PGresult *r = gh_batch_result(b, w->at_put);
    gh_buf_t out GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_json_t j;
    gh_json_init(&j, &out);
    gh_json_obj(&j);
    gh_json_kstr(&j, "applicationId", gh_pg_str(r, 0, 0));
    gh_json_obj_end(&j);
    gh_job_ok(b, b->jobs[0], 0, gh_buf_view(&out));
    gh_batch_audit(b, b->jobs[0],
                   &(gh_audit_t){.action = "leave_audit.submit",
                                 .entity = "leave_audit",
                                 .entity_id = gh_pg_i64(r, 0, 0, 0),
                                 .changes = gh_text(b, gh_pg_str(r, 0, 1))});
    return GH_STEP_DONE;
}

gh_step_t
gh_apply_leave(gh_batch_t *b)
{
    if (b->phase == 0)
        return GH_STEP_MORE;
    if (b->jobs[0]->done)
        return GH_STEP_DONE;
    return b->phase == 1 ? ask(b) : b->phase == 2 ? put(b, b->state) : answer(b, b->state);
}
