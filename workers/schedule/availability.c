/*
 * workers/schedule/availability.c - weekly rules of a doctor and the sessions they become (AV-02 to AV-05)
 *
 *   phase 0   nothing: the runtime loads the caller and decides x-access first
 *   phase 1   lock the doctor and the sessions that may go; read what the rules ask
 *   phase 2   refuse, or write: what goes, the rules, their sessions, the application when they wait for approval
 *   phase 3   answer with what there is now
 * What overlaps is refused by the constraints of availability_rules and schedules.
 */
#include <libpq-fe.h>
#include <string.h>

#include "base/timez.h"
#include "worker/args.h"
#include "workers/schedule/schedule.h"

/* Columns of availability_facts and availability_answer. */
enum { F_ERROR, F_FAULTS, F_FIELD, F_WAITS, F_RULES, F_KEPT, F_REMOVED };
enum { A_BODY, A_STATUS, A_CHANGES };

typedef enum { ADD, REPLACE, UPDATE, REMOVE } act_t;

static const struct {
    const char *op, *word, *action;
} acts[] = {[ADD] = {"schedule.v1_add_availability", "add", "availability.add"},
            [REPLACE] = {"schedule.v1_replace_availability", "replace", "availability.replace"},
            [UPDATE] = {"schedule.v1_update_availability_rule", "update", "availability.update"},
            [REMOVE] = {"schedule.v1_delete_availability_rule", "remove", "availability.remove"}};

typedef struct work {
    act_t act;
    int64_t doctor_id;
    const char *ctx, *waits; /* parameter texts; waits: t or f */
    size_t at_facts, at_answer;
} work_t;

/* ---- asking */

/* From when on sessions may go: today; a replacement takes effect tomorrow or on a later day it names. */
static const char *
effective_from(gh_batch_t *b, act_t act)
{
    int32_t today = gh_tz_day(b->now_us);
    const char *first = gh_text_day(b, today);
    if (act != REPLACE)
        return first;
    gh_str_t asked = gh_arg_str(b->jobs[0]->args, "body.effective_from");
    if (!asked.p)
        return gh_text_day(b, today + 1);
    const char *day = gh_text(b, asked);
    return strcmp(day, first) < 0 ? first : day;
}

static const char *
context(gh_batch_t *b, const work_t *w)
{
    const gh_wjob_t *job = b->jobs[0];
    int64_t rule = gh_arg_id(job->args, "path.rule_id");
    gh_mp_t body = gh_mp_get(job->args, "body");
    gh_buf_t out GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_json_t j;
    gh_json_init(&j, &out);
    gh_json_obj(&j);
    gh_json_kcstr(&j, "op", acts[w->act].word);
    gh_json_ki64(&j, "doctor_id", w->doctor_id);
    if (rule)
        gh_json_ki64(&j, "rule_id", rule);
    gh_json_kcstr(&j, "now", gh_text_time(b, b->now_us));
    gh_json_kcstr(&j, "today", gh_text_day(b, gh_tz_day(b->now_us)));
    gh_json_kcstr(&j, "effective_from", effective_from(b, w->act));
    gh_json_kcstr(&j, "tz", gh_tz_name());
    gh_json_kcstr(&j, "currency", gh_conf_str(gh_worker_conf(b->worker), "hospital.currency"));
    gh_json_ki64(&j, "scopes", job->actor.scopes);
    gh_json_ki64(&j, "me", job->actor.doctor_id);
    gh_json_ki64(&j, "dept", job->actor.dept_id);
    const char *asked = gh_text_json(b, body);
    if (asked) {
        gh_json_key(&j, "body");
        gh_json_raw(&j, gh_str(asked));
    }
    gh_json_obj_end(&j);
    return gh_buf_ok(&out) ? gh_text(b, gh_buf_view(&out)) : NULL;
}

static gh_step_t
begin(gh_batch_t *b)
{
    work_t *w = gh_batch_alloc(b, sizeof *w);
    b->state = w;
    for (size_t i = 0; i < GH_COUNT(acts); i++)
        if (gh_str_is(b->jobs[0]->head.op, acts[i].op))
            w->act = (act_t)i;
    w->doctor_id = gh_arg_id(b->jobs[0]->args, "path.id");
    w->ctx = context(b, w);
    if (!w->ctx || !gh_batch_ok(b))
        return GH_STEP_FAIL;
    gh_batch_query(b, "availability_lock_doctor", 1, &w->ctx);
    if (w->act != ADD)
        gh_batch_query(b, "availability_lock_sessions", 1, &w->ctx);
    w->at_facts = gh_batch_query(b, "availability_facts", 1, &w->ctx);
    return GH_STEP_MORE;
}

/* ---- deciding and writing */

/* True: refused. */
static bool
refused(gh_batch_t *b, const PGresult *r)
{
    gh_wjob_t *job = b->jobs[0];
    gh_str_t error = gh_pg_str(r, 0, F_ERROR);
    if (!error.p)
        return false;
    if (gh_pg_str(r, 0, F_FAULTS).p)
        gh_job_extra(b, job, "errors", gh_pg_str(r, 0, F_FAULTS));
    gh_job_refuse(b, job, gh_error_find(error),
                  (const gh_error_arg_t[]){{"field", gh_pg_str(r, 0, F_FIELD)}, {0}});
    return true;
}

static gh_step_t
carry_out(gh_batch_t *b, work_t *w)
{
    const PGresult *r = gh_batch_result(b, w->at_facts);
    if (refused(b, r))
        return GH_STEP_DONE;
    const char *kept = gh_text(b, gh_pg_str(r, 0, F_KEPT)), *removed = gh_text(b, gh_pg_str(r, 0, F_REMOVED)),
               *rules = gh_text(b, gh_pg_str(r, 0, F_RULES));
    w->waits = gh_pg_bool(r, 0, F_WAITS) ? "t" : "f";
    if (!gh_batch_ok(b))
        return GH_STEP_FAIL;
    const char *const ctx[] = {w->ctx}, *const with_kept[] = {w->ctx, kept},
                      *const with_waits[] = {w->ctx, w->waits};
    if (w->act != ADD)
        gh_batch_query(b, "availability_drop", 1, ctx);
    if (w->act == REPLACE) {
        gh_batch_query(b, "availability_detach", 2, with_kept);
        gh_batch_query(b, "availability_end", 1, ctx);
    }
    if (w->act == REMOVE)
        gh_batch_query(b, "availability_remove", 1, ctx);
    else {
        gh_batch_query(b, w->act == UPDATE ? "availability_rule_change" : "availability_rules_make", 2,
                       with_waits);
        gh_batch_query(b, "availability_sessions_make", 2, with_waits);
        if (*w->waits == 't')
            gh_batch_query(b, "availability_apply", 1, ctx);
    }
    w->at_answer = gh_batch_query(b, "availability_answer", 5,
                                  (const char *const[]){w->ctx, kept, removed, w->waits, rules});
    return GH_STEP_MORE;
}

static gh_step_t
answer(gh_batch_t *b, const work_t *w)
{
    const PGresult *r = gh_batch_result(b, w->at_answer);
    gh_batch_audit(b, b->jobs[0],
                   &(gh_audit_t){.action = acts[w->act].action,
                                 .entity = "doctor",
                                 .entity_id = w->doctor_id,
                                 .changes = gh_text(b, gh_pg_str(r, 0, A_CHANGES))});
    gh_job_ok(b, b->jobs[0], (int)gh_pg_i64(r, 0, A_STATUS, 0), gh_pg_str(r, 0, A_BODY));
    return gh_batch_ok(b) ? GH_STEP_DONE : GH_STEP_FAIL;
}

gh_step_t
gh_availability_step(gh_batch_t *b)
{
    if (b->phase == 0)
        return GH_STEP_MORE;
    if (b->jobs[0]->done)
        return GH_STEP_DONE;
    return b->phase == 1 ? begin(b) : b->phase == 2 ? carry_out(b, b->state) : answer(b, b->state);
}
