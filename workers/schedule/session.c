/*
 * workers/schedule/session.c - making, changing and deleting one session, on either surface (api/04; SC-02, SC-04, SC-05)
 *
 *   phase 0   nothing: the runtime loads the caller and decides x-access first
 *   phase 1   lock the doctor, the clinic and the sessions concerned; read what the rules ask
 *   phase 2   decide (session_rules.h); close what has to go (lib/domain/close.h), write
 *   phase 3   bills and messages of the closed; places that came go to who waits for them; answer
 *   [phase 4] /api/v1 answers with the session as it is after that
 */
#include <libpq-fe.h>
#include <stdio.h>

#include "base/timez.h"
#include "domain/close.h"
#include "domain/if_match.h"
#include "domain/offer.h"
#include "worker/args.h"
#include "workers/schedule/schedule.h"
#include "workers/schedule/session_rules.h"

/* Columns of session_facts. */
enum {
    F_KNOWN,
    F_CURRENT,
    F_VERSION,
    F_DOCTOR,
    F_DEPT,
    F_DOCTOR_USER,
    F_HAS_DOCTOR,
    F_HAS_CLINIC,
    F_MOVED,
    F_OTHER_CLINIC,
    F_OTHER_DAY,
    F_BEYOND,
    F_BEGUN,
    F_HAS_LENGTH,
    F_OPEN,
    F_STAYS,
    F_WAS_OPEN,
    F_TOO_FEW,
    F_TOO_FEW_OVER,
    F_BOOKED,
    F_AWAITED,
    F_DOCTOR_HAS,
    F_DOCTOR_DAY,
    F_DOCTOR_SECTION,
    F_CLINIC_HAS,
    F_PLAN,
    F_WAS
};

typedef struct work {
    gh_session_act_t act;
    bool v1;
    int64_t id; /* 0: a new one */
    int64_t displaced_id;
    const char *id_text, *asked;
    gh_session_verdict_t verdict;
    gh_close_t own, displaced; /* sessions NULL: nothing to close */
    gh_offer_t offer;
    bool offering;
    size_t at_facts, at_written, at_promoted, at_shown;
} work_t;

static const struct {
    const char *op;
    gh_session_act_t act;
    bool v1;
} acts[] = {
    {"schedule.create_schedule", GH_SESSION_CREATE, false},
    {"schedule.update_schedule", GH_SESSION_CHANGE, false},
    {"schedule.delete_schedule", GH_SESSION_DELETE, false},
    {"schedule.v1_create_session", GH_SESSION_CREATE, true},
    {"schedule.v1_update_session", GH_SESSION_CHANGE, true},
    {"schedule.v1_delete_session", GH_SESSION_DELETE, true},
};

/* ---- asking */

static gh_step_t
begin(gh_batch_t *b)
{
    gh_wjob_t *job = b->jobs[0];
    work_t *w = gh_batch_alloc(b, sizeof *w);
    b->state = w;
    for (size_t i = 0; i < GH_COUNT(acts); i++)
        if (gh_str_is(job->head.op, acts[i].op)) {
            w->act = acts[i].act;
            w->v1 = acts[i].v1;
        }
    if (w->act != GH_SESSION_CREATE)
        w->id = gh_arg_id(job->args, w->v1 ? "path.id" : "path.schedule_id");
    w->id_text = w->id ? gh_text_i64(b, w->id) : NULL;
    w->asked = w->act == GH_SESSION_DELETE ? "{}" : gh_text_json(b, gh_mp_get(job->args, "body"));
    if (!w->asked)
        w->asked = "{}";
    if (!gh_batch_ok(b))
        return GH_STEP_FAIL;
    const char *const params[] = {w->id_text,
                                  w->asked,
                                  gh_tz_name(),
                                  gh_text_time(b, b->now_us),
                                  gh_text_day(b, gh_tz_day(b->now_us)),
                                  w->v1 ? "t" : "f"};
    if (w->act != GH_SESSION_DELETE) {
        gh_batch_query(b, "session_lock_doctor", 2, params);
        gh_batch_query(b, "session_lock_clinic", 2, params);
    }
    gh_batch_query(b, "session_lock", 3, params);
    w->at_facts = gh_batch_query(b, "session_facts", 6, params);
    return GH_STEP_MORE;
}

/* ---- deciding */

/* all, the own department, the own. */
static bool
may_change(const gh_wjob_t *job, const PGresult *r)
{
    const gh_actor_t *a = &job->actor;
    return (a->scopes & GH_SCOPE_ALL) ||
           ((a->scopes & GH_SCOPE_DEPT) && a->dept_id && a->dept_id == gh_pg_i64(r, 0, F_DEPT, 0)) ||
           ((a->scopes & GH_SCOPE_OWN) && a->doctor_id && a->doctor_id == gh_pg_i64(r, 0, F_DOCTOR, 0));
}

static bool
tag_matches(const gh_wjob_t *job, const work_t *w, const PGresult *r)
{
    char tag[GH_ETAG_TEXT];
    gh_etag(tag, "schedule", w->id, gh_pg_i64(r, 0, F_VERSION, 0));
    return gh_if_match(gh_arg_str(job->args, "if_match"), tag);
}

static gh_session_facts_t
facts_of(const gh_wjob_t *job, const work_t *w, const PGresult *r)
{
    return (gh_session_facts_t){
        .act = w->act,
        .v1 = w->v1,
        .cancel = gh_arg_bool(job->args, w->act == GH_SESSION_DELETE ? "query.cancel_appointments"
                                                                     : "body.cancel_appointments"),
        .may = may_change(job, r),
        .matches = tag_matches(job, w, r),
        .known = gh_pg_bool(r, 0, F_KNOWN),
        .current = gh_pg_bool(r, 0, F_CURRENT),
        .has_doctor = gh_pg_bool(r, 0, F_HAS_DOCTOR),
        .has_clinic = gh_pg_bool(r, 0, F_HAS_CLINIC),
        .moved = gh_pg_bool(r, 0, F_MOVED),
        .other_clinic = gh_pg_bool(r, 0, F_OTHER_CLINIC),
        .other_day = gh_pg_bool(r, 0, F_OTHER_DAY),
        .beyond = gh_pg_bool(r, 0, F_BEYOND),
        .begun = gh_pg_bool(r, 0, F_BEGUN),
        .has_length = gh_pg_bool(r, 0, F_HAS_LENGTH),
        .open = gh_pg_bool(r, 0, F_OPEN),
        .stays = gh_pg_bool(r, 0, F_STAYS),
        .was_open = gh_pg_bool(r, 0, F_WAS_OPEN),
        .too_few = gh_pg_bool(r, 0, F_TOO_FEW),
        .too_few_over = gh_pg_bool(r, 0, F_TOO_FEW_OVER),
        .booked = gh_pg_bool(r, 0, F_BOOKED),
        .awaited = gh_pg_bool(r, 0, F_AWAITED),
        .doctor_has = gh_pg_i64(r, 0, F_DOCTOR_HAS, 0) != 0,
        .clinic_has = gh_pg_i64(r, 0, F_CLINIC_HAS, 0) != 0,
    };
}

static void
refuse(gh_batch_t *b, gh_err_t err, const PGresult *r)
{
    if (err == GH_E_VALIDATION_FAILED) {
        gh_job_invalid(b, b->jobs[0], "end_time", "value_error", "is not one place after start_time");
        return;
    }
    const gh_error_arg_t args[] = {{"date", gh_pg_str(r, 0, F_DOCTOR_DAY)},
                                   {"section", gh_pg_str(r, 0, F_DOCTOR_SECTION)},
                                   {"id", gh_pg_str(r, 0, F_DOCTOR_HAS)},
                                   {NULL, {0}}};
    gh_job_refuse(b, b->jobs[0], err, err == GH_E_DOCTOR_ALREADY_SCHEDULED ? args : NULL);
}

/* ---- writing */

static const char *
list_of(gh_batch_t *b, int64_t id)
{
    char *literal = gh_batch_alloc(b, 32);
    snprintf(literal, 32, "{%lld}", (long long)id);
    return literal;
}

static void
close_one(gh_batch_t *b, gh_close_t *c, int64_t id, gh_close_mode_t mode, const char *by, const char *reason)
{
    *c = (gh_close_t){.sessions = list_of(b, id),
                      .mode = mode,
                      .by = by,
                      .user_id = b->jobs[0]->actor.user_id,
                      .reason = reason};
    gh_close_begin(b, c);
}

static void
close_what_goes(gh_batch_t *b, work_t *w, const PGresult *r)
{
    static const struct {
        gh_close_mode_t mode;
        const char *reason;
    } ways[] = {[GH_ORDERS_CLEAR] = {GH_CLOSE_CLEAR, "出诊安排变更"},
                [GH_ORDERS_SUSPEND] = {GH_CLOSE_SUSPEND, "医生停诊"},
                [GH_ORDERS_SUPERSEDE] = {GH_CLOSE_SUPERSEDE, "出诊取消"},
                [GH_ORDERS_DELETE] = {GH_CLOSE_DELETE, "出诊取消"}};
    int64_t doctor_user = gh_pg_i64(r, 0, F_DOCTOR_USER, 0);
    const char *by = doctor_user && doctor_user == b->jobs[0]->actor.user_id ? "doctor" : "staff";
    if (w->verdict.displaces) {
        w->displaced_id = gh_pg_i64(r, 0, F_CLINIC_HAS, 0);
        close_one(b, &w->displaced, w->displaced_id, GH_CLOSE_SUPERSEDE, "staff", "出诊安排变更");
    }
    if (w->verdict.orders != GH_ORDERS_STAY)
        close_one(b, &w->own, w->id, ways[w->verdict.orders].mode, by, ways[w->verdict.orders].reason);
}

static void
ask_shown(gh_batch_t *b, work_t *w)
{
    const char *currency = gh_conf_str(gh_worker_conf(b->worker), "hospital.currency");
    w->at_shown = gh_batch_query(b, "v1_session_shown", 3,
                                 (const char *const[]){w->id_text, gh_tz_name(), currency});
}

static gh_step_t
carry_out(gh_batch_t *b, work_t *w)
{
    const PGresult *r = gh_batch_result(b, w->at_facts);
    const gh_session_facts_t facts = facts_of(b->jobs[0], w, r);
    w->verdict = gh_session_decide(&facts);
    if (w->verdict.err != GH_E_NONE) {
        refuse(b, w->verdict.err, r);
        return GH_STEP_DONE;
    }
    close_what_goes(b, w, r);
    const char *plan = gh_batch_dup(b, gh_pg_str(r, 0, F_PLAN)).p, *now = gh_text_time(b, b->now_us);
    const char *was = w->id ? gh_batch_dup(b, gh_pg_str(r, 0, F_WAS)).p : NULL;
    if (!gh_batch_ok(b))
        return GH_STEP_FAIL;
    switch (w->act) {
    case GH_SESSION_CREATE:
        w->at_written = gh_batch_query(b, "session_make", 2, (const char *const[]){plan, now});
        break;
    case GH_SESSION_CHANGE:
        w->at_written = gh_batch_query(b, "session_change", 3, (const char *const[]){plan, now, was});
        break;
    case GH_SESSION_DELETE:
        w->at_written = gh_batch_query(b, "session_gone", 2, (const char *const[]){w->id_text, was});
        break;
    }
    if (w->verdict.promotes)
        w->at_promoted = gh_batch_query(b, "session_promote", 2, (const char *const[]){w->id_text, now});
    w->offering = w->act == GH_SESSION_CHANGE; /* more places, or open again */
    if (w->offering)
        gh_offer_ask(b, &w->offer, list_of(b, w->id));
    if (w->v1 && w->act != GH_SESSION_DELETE)
        ask_shown(b, w);
    return GH_STEP_MORE;
}

/* ---- answering */

static void
answer_code(gh_batch_t *b, const work_t *w)
{
    static const char *const details[] = {[GH_SESSION_CREATE] = "排班创建成功",
                                          [GH_SESSION_CHANGE] = "排班更新成功",
                                          [GH_SESSION_DELETE] = "排班删除成功"};
    gh_buf_t out GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_json_t j;
    gh_json_init(&j, &out);
    gh_json_obj(&j);
    if (w->act == GH_SESSION_CREATE)
        gh_json_ki64(&j, "schedule_id", gh_pg_i64(gh_batch_result(b, w->at_written), 0, 0, 0));
    gh_json_kcstr(&j, "detail", details[w->act]);
    gh_json_obj_end(&j);
    gh_job_ok(b, b->jobs[0], 0, gh_buf_view(&out));
}

static void
answer_v1(gh_batch_t *b, const work_t *w)
{
    gh_wjob_t *job = b->jobs[0];
    if (w->act == GH_SESSION_DELETE) {
        gh_job_ok(b, job, 0, GH_STR("null"));
        return;
    }
    const PGresult *r = gh_batch_result(b, w->at_shown);
    char text[GH_ETAG_TEXT];
    gh_etag(text, "schedule", gh_pg_i64(r, 0, 2, 0), gh_pg_i64(r, 0, 1, 0));
    gh_job_header(b, job, "ETag", text);
    if (w->act == GH_SESSION_CREATE) {
        snprintf(text, sizeof text, "/api/v1/schedules/%lld", (long long)gh_pg_i64(r, 0, 2, 0));
        gh_job_header(b, job, "Location", text);
    }
    gh_job_ok(b, job, 0, gh_pg_str(r, 0, 0));
}

static void
audit(gh_batch_t *b, const work_t *w)
{
    static const char *const actions[] = {[GH_SESSION_CREATE] = "schedule.create",
                                          [GH_SESSION_CHANGE] = "schedule.update",
                                          [GH_SESSION_DELETE] = "schedule.delete"};
    const PGresult *r = gh_batch_result(b, w->at_written);
    gh_str_t changes = gh_batch_dup(b, gh_pg_str(r, 0, 1));
    if (!gh_str_is(changes, "{}"))
        gh_batch_audit(b, b->jobs[0],
                       &(gh_audit_t){.action = actions[w->act],
                                     .entity = "schedule",
                                     .entity_id = gh_pg_i64(r, 0, 0, 0),
                                     .changes = changes.p});
    if (w->displaced_id)
        gh_batch_audit(b, b->jobs[0],
                       &(gh_audit_t){.action = "schedule.supersede",
                                     .entity = "schedule",
                                     .entity_id = w->displaced_id,
                                     .changes = "{\"is_latest\": [true, false]}"});
    if (w->verdict.promotes && PQntuples(gh_batch_result(b, w->at_promoted)))
        gh_batch_audit(b, b->jobs[0],
                       &(gh_audit_t){.action = "schedule.promote",
                                     .entity = "schedule",
                                     .entity_id = gh_pg_i64(gh_batch_result(b, w->at_promoted), 0, 0, 0),
                                     .changes = "{\"is_latest\": [false, true]}"});
}

static gh_step_t
finish(gh_batch_t *b, work_t *w)
{
    if ((w->displaced.sessions && gh_close_finish(b, &w->displaced) != 0) ||
        (w->own.sessions && gh_close_finish(b, &w->own) != 0))
        return GH_STEP_FAIL;
    if (w->offering &&
        gh_offer_take(b, &w->offer, gh_conf_str(gh_worker_conf(b->worker), "hospital.currency")) != 0)
        return GH_STEP_FAIL;
    audit(b, w);
    if (w->v1 && w->offer.n_orders > 0) {
        ask_shown(b, w);
        return gh_batch_ok(b) ? GH_STEP_MORE : GH_STEP_FAIL;
    }
    w->v1 ? answer_v1(b, w) : answer_code(b, w);
    return gh_batch_ok(b) ? GH_STEP_DONE : GH_STEP_FAIL;
}

static gh_step_t
answer_after_offer(gh_batch_t *b, work_t *w)
{
    answer_v1(b, w);
    return gh_batch_ok(b) ? GH_STEP_DONE : GH_STEP_FAIL;
}

gh_step_t
gh_session_step(gh_batch_t *b)
{
    if (b->phase == 0)
        return GH_STEP_MORE;
    if (b->jobs[0]->done)
        return GH_STEP_DONE;
    switch (b->phase) {
    case 1:
        return begin(b);
    case 2:
        return carry_out(b, b->state);
    case 3:
        return finish(b, b->state);
    default:
        return answer_after_offer(b, b->state);
    }
}
