/*
 * workers/clinical/queue.c - the queue of a session moves on: next, pass, complete (BR-116 to BR-119)
 *
 *   phase 0   nothing: the runtime loads the caller first
 *   phase 1   lock the session, then (pass, complete) the order; read what the rules need
 *   phase 2   decide; write; read what is shown
 *   phase 3   answer; (complete) the record gets what was found, sealed for its row
 */
#include <libpq-fe.h>
#include <stdio.h>

#include "base/json.h"
#include "base/seal_text.h"
#include "base/timez.h"
#include "domain/order_steps.h"
#include "worker/args.h"
#include "workers/clinical/clinical.h"
#include "workers/clinical/queue_rules.h"

typedef struct work {
    int64_t schedule_id, order_id;
    gh_seen_facts_t facts;
    gh_str_t name, reason; /* of the patient; of the booking */
    int passed, limit_doctor, limit_hospital;
    int64_t patient_id;
    bool no_show;
    size_t at_lock, at_seen, at_order, at_shown;
} work_t;

static gh_step_t
refuse(gh_batch_t *b, gh_err_t err, int64_t id, const char *state)
{
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)id);
    gh_job_refuse(b, b->jobs[0], err, (gh_error_arg_t[]){{"id", gh_str(text)}, {"s", gh_str(state)}, {0}});
    return GH_STEP_DONE;
}

static const char *
today(gh_batch_t *b)
{
    return gh_text_day(b, gh_tz_day(b->now_us));
}

/* The patient who is called now, as the last statement of this phase. */
static void
call_head(gh_batch_t *b, work_t *w)
{
    const char *schedule = gh_text_i64(b, w->schedule_id);
    gh_batch_query(b, "queue_call", 3,
                   (const char *[]){schedule, gh_text_i64(b, w->order_id), gh_text_time(b, b->now_us)});
    w->at_shown = gh_batch_query(b, "queue_called", 3, (const char *[]){schedule, gh_tz_name(), today(b)});
}

static gh_str_t
called(gh_batch_t *b, const work_t *w)
{
    const PGresult *r = gh_batch_result(b, w->at_shown);
    return PQntuples(r) ? gh_pg_str(r, 0, 0) : GH_STR("null");
}

static gh_step_t
answer(gh_batch_t *b, gh_json_t *json, const work_t *w)
{
    gh_json_ki64(json, "scheduleId", w->schedule_id);
    gh_json_obj_end(json);
    gh_job_ok(b, b->jobs[0], 0, gh_buf_view(json->out));
    return gh_buf_ok(json->out) && gh_batch_ok(b) ? GH_STEP_DONE : GH_STEP_FAIL;
}

/* ---- next */

static gh_step_t
next_ask(gh_batch_t *b)
{
    work_t *w = b->state;
    w->schedule_id = gh_arg_id(b->jobs[0]->args, "body.schedule_id");
    const char *schedule = gh_text_i64(b, w->schedule_id);
    w->at_lock = gh_batch_query(b, "queue_lock", 2, (const char *[]){schedule, NULL});
    w->at_seen = gh_batch_query(b, "queue_seen_now", 1, &schedule);
    return gh_batch_ok(b) ? GH_STEP_MORE : GH_STEP_FAIL;
}

static gh_step_t
next_decide(gh_batch_t *b)
{
    work_t *w = b->state;
    const PGresult *lock = gh_batch_result(b, w->at_lock), *seen = gh_batch_result(b, w->at_seen);
    int64_t doctor = b->jobs[0]->actor.doctor_id;
    gh_call_facts_t facts = {.found = PQntuples(lock) == 1,
                             .own = PQntuples(lock) == 1 && doctor && gh_pg_i64(lock, 0, 1, 0) == doctor,
                             .seen = PQntuples(seen) ? gh_pg_i64(seen, 0, 0, 0) : 0};
    gh_err_t err = gh_br116_next(&facts);
    if (err != GH_E_NONE)
        return refuse(b, err, err == GH_E_PATIENT_IN_CONSULTATION ? facts.seen : w->schedule_id, "");
    call_head(b, w);
    return gh_batch_ok(b) ? GH_STEP_MORE : GH_STEP_FAIL;
}

static gh_step_t
next_answer(gh_batch_t *b)
{
    work_t *w = b->state;
    gh_buf_t out GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_json_t json;
    gh_str_t patient = called(b, w);
    bool none = gh_str_is(patient, "null");
    if (none)
        gh_job_no_effect(b->jobs[0]);
    gh_json_init(&json, &out);
    gh_json_obj(&json);
    gh_json_kcstr(&json, "detail", none ? "队列已空" : "已呼叫下一位");
    gh_json_kraw(&json, "nextPatient", patient);
    return answer(b, &json, w);
}

gh_step_t
gh_queue_next(gh_batch_t *b)
{
    static const gh_step_fn phases[] = {next_ask, next_decide, next_answer};
    return gh_batch_phases(b, sizeof(work_t), phases, GH_COUNT(phases));
}

/* ---- the order whose patient is being seen */

static gh_step_t
order_ask(gh_batch_t *b)
{
    work_t *w = b->state;
    w->order_id = gh_arg_id(b->jobs[0]->args, "body.order_id");
    const char *order = gh_text_i64(b, w->order_id);
    w->at_lock = gh_batch_query(b, "queue_lock", 2, (const char *[]){NULL, order});
    w->at_order = gh_batch_query(b, "queue_order", 1, &order);
    return gh_batch_ok(b) ? GH_STEP_MORE : GH_STEP_FAIL;
}

/* -1: the order has moved to another session meanwhile, the batch must run again. */
static int
order_take(gh_batch_t *b, work_t *w)
{
    enum {
        SCHEDULE,
        STATUS,
        CALLING,
        PASSED,
        ARRIVED,
        STARTS,
        PATIENT,
        NAME,
        REASON,
        BY_DOCTOR,
        BY_HOSPITAL,
        ENFORCED
    };
    const PGresult *lock = gh_batch_result(b, w->at_lock), *r = gh_batch_result(b, w->at_order);
    int64_t doctor = b->jobs[0]->actor.doctor_id;
    if (PQntuples(lock) != 1 || PQntuples(r) != 1)
        return 0;
    w->schedule_id = gh_pg_i64(r, 0, SCHEDULE, 0);
    if (gh_pg_i64(lock, 0, 0, 0) != w->schedule_id ||
        gh_order_state_parse(gh_pg_str(r, 0, STATUS), &w->facts.order.state) != 0)
        return -1;
    w->facts.found = true;
    w->facts.own = doctor && gh_pg_i64(lock, 0, 1, 0) == doctor;
    w->facts.calling = gh_pg_bool(r, 0, CALLING);
    w->facts.order.arrived = gh_pg_bool(r, 0, ARRIVED);
    w->facts.order.starts_us = gh_pg_i64(r, 0, STARTS, 0);
    w->facts.order.now_us = b->now_us;
    w->facts.order.start_before_complete = gh_pg_bool(r, 0, ENFORCED);
    w->passed = (int)gh_pg_i64(r, 0, PASSED, 0);
    w->patient_id = gh_pg_i64(r, 0, PATIENT, 0);
    w->name = gh_batch_dup(b, gh_pg_str(r, 0, NAME));
    w->reason = gh_batch_dup(b, gh_pg_str(r, 0, REASON));
    w->limit_doctor = (int)gh_pg_i64(r, 0, BY_DOCTOR, 0);
    w->limit_hospital = (int)gh_pg_i64(r, 0, BY_HOSPITAL, 0);
    return 0;
}

static int
step(gh_batch_t *b, const work_t *w, gh_order_step_t what)
{
    static const char *const actions[GH_ORDER_STEPS] = {
        [GH_DO_COMPLETE] = "appointment.complete", [GH_DO_MISS] = "appointment.no_show"};
    gh_order_state_t to = gh_order_after(what, w->facts.order.state);
    const gh_step_row_t row = {
        .order_id = w->order_id, .state = to, .step = what, .by_user = b->jobs[0]->actor.user_id};
    char changes[80];
    snprintf(changes, sizeof changes, "{\"status\":[\"%s\",\"%s\"]}",
             gh_order_state_name(w->facts.order.state), gh_order_state_name(to));
    gh_batch_audit(b, b->jobs[0],
                   &(gh_audit_t){.action = actions[what],
                                 .entity = "appointment",
                                 .entity_id = w->order_id,
                                 .patient_id = w->patient_id,
                                 .changes = changes});
    return gh_order_steps_write(b, &row, 1);
}

/* ---- pass */

static gh_step_t
pass_decide(gh_batch_t *b)
{
    work_t *w = b->state;
    if (order_take(b, w) != 0)
        return GH_STEP_FAIL;
    gh_err_t err = gh_br117_pass(&w->facts);
    if (err != GH_E_NONE)
        return refuse(b, err, w->order_id, gh_order_state_name(w->facts.order.state));
    int asked = (int)gh_arg_id(b->jobs[0]->args, "body.max_pass_count");
    w->no_show = gh_br117_no_show(w->passed, gh_br119_limit(asked, w->limit_doctor, w->limit_hospital));
    gh_batch_query(b, "queue_pass", 2,
                   (const char *[]){gh_text_i64(b, w->order_id), gh_text_time(b, b->now_us)});
    if (w->no_show && step(b, w, GH_DO_MISS) != 0)
        return GH_STEP_FAIL;
    call_head(b, w);
    return gh_batch_ok(b) ? GH_STEP_MORE : GH_STEP_FAIL;
}

static gh_step_t
pass_answer(gh_batch_t *b)
{
    work_t *w = b->state;
    gh_buf_t out GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_json_t json;
    gh_json_init(&json, &out);
    gh_json_obj(&json);
    gh_json_kcstr(&json, "detail", w->no_show ? "过号成功，患者已标记为爽约" : "过号成功");
    gh_json_key(&json, "passedPatient");
    gh_json_obj(&json);
    gh_json_ki64(&json, "orderId", w->order_id);
    gh_json_kstr(&json, "patientName", w->name);
    gh_json_ki64(&json, "passCount", w->passed + 1);
    gh_json_kbool(&json, "isNoShow", w->no_show);
    gh_json_kcstr(&json, "status", w->no_show ? "no_show" : "confirmed");
    gh_json_obj_end(&json);
    gh_json_kraw(&json, "nextPatient", called(b, w));
    return answer(b, &json, w);
}

gh_step_t
gh_queue_pass(gh_batch_t *b)
{
    static const gh_step_fn phases[] = {order_ask, pass_decide, pass_answer};
    return gh_batch_phases(b, sizeof(work_t), phases, GH_COUNT(phases));
}

/* ---- complete */

static const struct found {
    const char *path, *member; /* of the request; of the record's body, NULL: it is the diagnosis */
} found[] = {{"body.diagnosis", NULL}, {"body.prescription", "treatment_plan"}, {"body.advice", "advice"}};

/* True when all that was found can be stored; else the job has its refusal. */
static bool
found_ok(gh_batch_t *b, bool *any)
{
    *any = false;
    for (size_t i = 0; i < GH_COUNT(found); i++) {
        gh_str_t s = gh_arg_str(b->jobs[0]->args, found[i].path);
        if (s.n > 0 && memchr(s.p, '\0', s.n)) {
            gh_job_invalid(b, b->jobs[0], found[i].path + strlen("body."), "value_error",
                           "contains a character that cannot be stored");
            return false;
        }
        *any = *any || s.n > 0;
    }
    return true;
}

static gh_step_t
complete_decide(gh_batch_t *b)
{
    work_t *w = b->state;
    bool any;
    if (order_take(b, w) != 0)
        return GH_STEP_FAIL;
    gh_err_t err = gh_br118_complete(&w->facts);
    if (err != GH_E_NONE)
        return refuse(b, err, w->order_id, gh_order_state_name(w->facts.order.state));
    if (!found_ok(b, &any))
        return GH_STEP_DONE;
    if (step(b, w, GH_DO_COMPLETE) != 0)
        return GH_STEP_FAIL;
    w->at_shown = gh_batch_query(b, "queue_completed", 4,
                                 (const char *[]){gh_text_i64(b, w->order_id), gh_text_i64(b, w->schedule_id),
                                                  gh_tz_name(), today(b)});
    return gh_batch_ok(b) ? GH_STEP_MORE : GH_STEP_FAIL;
}

/* What was found, beside the complaint of the booking. -1: it cannot be sealed. */
static int
fill_record(gh_batch_t *b, const work_t *w, int64_t record)
{
    gh_buf_t body GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT, sealed GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_json_t json;
    gh_str_t diagnosis = gh_arg_str(b->jobs[0]->args, found[0].path);
    gh_json_init(&json, &body);
    gh_json_obj(&json);
    if (w->reason.n > 0)
        gh_json_kstr(&json, "chief_complaint", w->reason);
    for (size_t i = 1; i < GH_COUNT(found); i++) {
        gh_str_t s = gh_arg_str(b->jobs[0]->args, found[i].path);
        if (s.n > 0)
            gh_json_kstr(&json, found[i].member, s);
    }
    gh_json_obj_end(&json);
    gh_seal_place_t place = {"medical_records", "body_enc", record};
    int rc = gh_buf_ok(&body) ? gh_seal_param(gh_worker_seal(b->worker), place, gh_buf_view(&body), &sealed)
                              : -1;
    if (body.p)
        explicit_bzero(body.p, body.n);
    const char *bytes = rc == 0 ? gh_buf_cstr(&sealed) : NULL;
    if (!bytes)
        return -1;
    gh_batch_query(b, "record_fill", 5,
                   (const char *[]){gh_text_i64(b, record), bytes,
                                    diagnosis.n > 0 ? gh_text(b, diagnosis) : NULL,
                                    gh_text_i64(b, b->jobs[0]->actor.user_id), gh_text_time(b, b->now_us)});
    return 0;
}

static gh_step_t
complete_answer(gh_batch_t *b)
{
    work_t *w = b->state;
    const PGresult *r = gh_batch_result(b, w->at_shown);
    gh_buf_t out GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_json_t json;
    bool any;
    if (PQntuples(r) != 1 || !found_ok(b, &any) || (any && fill_record(b, w, gh_pg_i64(r, 0, 1, 0)) != 0))
        return GH_STEP_FAIL;
    gh_json_init(&json, &out);
    gh_json_obj(&json);
    gh_json_kcstr(&json, "detail", "就诊完成");
    gh_json_kraw(&json, "completedPatient", gh_pg_str(r, 0, 0));
    return answer(b, &json, w);
}

gh_step_t
gh_queue_complete(gh_batch_t *b)
{
    static const gh_step_fn phases[] = {order_ask, complete_decide, complete_answer};
    return gh_batch_phases(b, sizeof(work_t), phases, GH_COUNT(phases));
}
