/*
 * workers/booking/cancel.c - the batch of cancellations, of all surfaces (BR-85..BR-88, R-93..R-95, R-225), and of other changes
 * that leave an appointment its place (status.c)
 *
 *   phase 0   lock the sessions of the orders, then the orders; read who asks and the settings
 *   phase 1   decide each job in order of arrival; write orders with history, bills with refunds, places
 *   [phase 2] v1 answers with the appointment as it is now; freed places go to whoever waits for them
 */
#include "workers/booking/cancel.h"

#include <libpq-fe.h>
#include <stdio.h>

#include "base/timez.h"
#include "domain/if_match.h"
#include "domain/wechat.h"

/* ---- what arrives */

static gh_cancel_surface_t
surface_of(const gh_cancel_job_t *cj)
{
    gh_str_t op = cj->job->head.op;
    if (cj->way == &gh_cancel_payment || gh_str_is(op, "booking.cancel_appointment"))
        return GH_CANCEL_CODE;
    return gh_str_is(op, "booking.hb_delete_appointment") ? GH_CANCEL_HB : GH_CANCEL_V1;
}

static const gh_cancel_way_t *
way_of(gh_str_t op)
{
    bool payment = gh_str_is(op, "booking.cancel_payment") || gh_str_is(op, "booking.cancel_open_payment");
    return payment ? &gh_cancel_payment : &gh_cancel_appointment;
}

static void
fault(gh_cancel_job_t *cj, const char *field, const char *type, const char *text)
{
    cj->fault_field = field;
    cj->fault_type = type;
    cj->fault_text = text;
}

/* */
static void
parse_heartbeat(gh_cancel_job_t *cj)
{
    const char *type = NULL, *text = NULL;
    cj->order_id = gh_hb_order_id(cj->job->args, &type, &text);
    if (type)
        fault(cj, "appointment_id", type, text);
}

static void
parse(gh_cancel_job_t *cj)
{
    gh_mp_t args = cj->job->args;
    cj->way = way_of(cj->job->head.op);
    if (gh_change_parse(cj))
        return;
    cj->surface = surface_of(cj);
    switch (cj->surface) {
    case GH_CANCEL_CODE:
        cj->order_id = gh_arg_id(args, "path.appointmentId");
        if (!cj->order_id)
            cj->order_id = gh_arg_id(args, "path.orderId");
        if (cj->way == &gh_cancel_payment)
            cj->reason = gh_arg_str(args, "body.reason");
        break;
    case GH_CANCEL_HB:
        parse_heartbeat(cj);
        break;
    case GH_CANCEL_V1:
        cj->order_id = gh_arg_id(args, "path.id");
        cj->reason = gh_arg_str(args, "body.reason");
        cj->override = gh_arg_bool(args, "body.override");
        cj->if_match = gh_arg_str(args, "if_match");
        break;
    }
    if (cj->reason.n > 0 && memchr(cj->reason.p, '\0', cj->reason.n))
        fault(cj, "reason", "value_error", "contains a character that cannot be stored");
}

/* ---- deciding */

uint32_t
gh_cancel_by(const gh_cancel_job_t *cj)
{
    return gh_caller_by(&cj->job->actor, cj->order, cj->surface, cj->related);
}

/* Who asks: is the order his, and does the deadline bind him? On the code surface it binds everybody. */
static gh_canceller_t
canceller_of(gh_cancel_job_t *cj, uint32_t by)
{
    cj->by = gh_caller_word(&cj->job->actor, by);
    return (gh_canceller_t){.way = cj->way,
                            .allowed = by != 0,
                            .has_deadline = gh_order_step_by(GH_DO_CANCEL, by) == GH_BY_PATIENT,
                            .wants_override = cj->override,
                            .may_override = cj->may_override || (cj->job->actor.roles & GH_ROLE_SUPERUSER)};
}

static gh_err_t
find_target(const gh_cancel_job_t *cj)
{
    const gh_cancel_order_t *o = cj->order;
    if (cj->surface == GH_CANCEL_CODE && !cj->job->actor.patient_id)
        return GH_E_PATIENT_RECORD_MISSING;
    if (!o || (cj->surface != GH_CANCEL_CODE && o->state == GH_ORDER_WAITLIST) ||
        (cj->surface == GH_CANCEL_HB && o->hidden))
        return cj->way->missing;
    return GH_E_NONE;
}

/* */
static bool
tag_matches(const gh_cancel_job_t *cj)
{
    char tag[GH_ETAG_TEXT];
    gh_etag(tag, "appointment", cj->order->id, cj->order->version);
    return gh_if_match(cj->if_match, tag);
}

static void
refuse(gh_cancel_t *c, gh_cancel_job_t *cj, gh_err_t err, const gh_registration_t *rules)
{
    char hours[16] = "";
    if (rules)
        snprintf(hours, sizeof hours, "%d", rules->cancel_hours);
    const gh_error_arg_t args[] = {{"H", gh_str(hours)}, {NULL, {0}}};
    gh_job_refuse(c->b, cj->job, err, err == GH_E_CANCEL_TOO_LATE ? args : NULL);
}

bool
gh_cancel_hides(const gh_cancel_job_t *cj)
{
    return cj->surface == GH_CANCEL_HB && cj->change == GH_CHANGE_NONE;
}

/* The row changes for the jobs behind this one, and the place is free for the bookings behind this batch. */
void
gh_cancel_apply(gh_cancel_t *c, gh_cancel_job_t *cj)
{
    gh_cancel_order_t *o = cj->order;
    c->twice = c->twice || o->changed; /* by an earlier job of the batch: they run one by one */
    o->state = cj->verdict.state;
    o->payment = cj->verdict.payment;
    o->version++;
    o->hidden = o->hidden || gh_cancel_hides(cj);
    gh_cancel_session_t *s = gh_cancel_session(c, o->schedule_id);
    s->freed++;
    gh_slots_t *slots = gh_places_get(c->pool->places, s->id, s->writer);
    if (slots) { /* remembered for what this transaction writes: should it fail, the memory is never valid again */
        gh_slots_free(slots, o->slot_no);
        gh_places_moved(c->pool->places, s->id, c->this_xid);
        s->writer = c->this_xid;
    }
    cj->cancelled = true;
}

gh_cancel_facts_t
gh_cancel_facts_of(const gh_cancel_t *c, const gh_cancel_job_t *cj)
{
    const gh_cancel_order_t *o = cj->order;
    return (gh_cancel_facts_t){.state = o->state,
                               .payment = o->payment,
                               .price = o->price - cj->owed,
                               .deadline_start_us = cj->surface == GH_CANCEL_CODE ? o->session_starts_us
                                                                                  : o->starts_us,
                               .payable_since_us = o->payable_since_us,
                               .now_us = c->b->now_us,
                               .rules = gh_facts_rules_of(c->rules, c->n_rules, o->doctor_id)};
}

static void put_heartbeat(gh_cancel_t *c, gh_cancel_job_t *cj);

static void
decide_job(gh_cancel_t *c, gh_cancel_job_t *cj)
{
    if (cj->job->done)
        return;
    if (cj->fault_field) {
        gh_job_invalid(c->b, cj->job, cj->fault_field, cj->fault_type, cj->fault_text);
        return;
    }
    gh_err_t err = find_target(cj);
    if (err != GH_E_NONE) {
        refuse(c, cj, err, NULL);
        return;
    }
    uint32_t by = gh_cancel_by(cj);
    gh_canceller_t who = canceller_of(cj, by);
    if (who.allowed && !tag_matches(cj)) {
        refuse(c, cj, GH_E_PRECONDITION_FAILED, NULL);
        return;
    }
    if (cj->change != GH_CHANGE_NONE && !gh_change_decide(c, cj))
        return;
    if (who.allowed && gh_order_step_by(GH_DO_CANCEL, by) == 0) { /* a nurse (api/20 section 6) */
        refuse(c, cj, GH_E_FORBIDDEN, NULL);
        return;
    }
    gh_cancel_facts_t facts = gh_cancel_facts_of(c, cj);
    cj->verdict = gh_cancel_decide(&who, &facts);
    if (gh_cancel_hides(cj) && cj->verdict.err == GH_E_APPOINTMENT_NOT_CANCELLABLE) {
        put_heartbeat(c, cj); /* final already, only hidden */
        cj->hide_only = true;
        cj->order->hidden = true;
        return;
    }
    if (cj->verdict.err != GH_E_NONE) {
        refuse(c, cj, cj->verdict.err, facts.rules);
        return;
    }
    if (gh_cancel_hides(cj))
        put_heartbeat(c, cj); /* as it was */
    if (cj->verdict.state == GH_ORDER_TIMEOUT && cj->surface == GH_CANCEL_CODE)
        cj->reason = GH_STR("支付超时"); /* BR-88 */
    gh_order_state_t from = cj->order->state;
    cj->step = GH_DO_CANCEL;
    gh_cancel_apply(c, cj);
    if (gh_order_step_by(cj->step, by) != GH_BY_PATIENT)
        gh_change_audit(c, cj, from);
}

/* ---- answering */

static void
put_payment(gh_json_t *j, const gh_cancel_t *c, const gh_cancel_job_t *cj)
{
    char at[GH_TEXT_DT];
    gh_dt_text(c->b->now_us, ' ', at);
    gh_json_ki64(j, "orderId", cj->order_id);
    gh_json_kcstr(j, "status", gh_order_state_name(cj->verdict.state));
    gh_json_kcstr(j, "cancelTime", at);
    gh_json_kstr(j, "reason", cj->reason);
}

static void
put_code(gh_cancel_t *c, gh_cancel_job_t *cj)
{
    gh_buf_t out GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_json_t j;
    gh_json_init(&j, &out);
    gh_json_obj(&j);
    gh_json_kbool(&j, "success", true);
    if (cj->way == &gh_cancel_payment)
        put_payment(&j, c, cj);
    else if (cj->verdict.refund > 0)
        gh_json_kmoney(&j, "refundAmount", cj->verdict.refund);
    else
        gh_json_knull(&j, "refundAmount");
    gh_json_obj_end(&j);
    gh_job_ok(c->b, cj->job, 0, gh_buf_view(&out));
}

static void
put_heartbeat(gh_cancel_t *c, gh_cancel_job_t *cj)
{
    const gh_cancel_order_t *o = cj->order;
    gh_buf_t out GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_json_t j;
    gh_json_init(&j, &out);
    gh_json_obj(&j);
    gh_json_ki64(&j, "id", o->id);
    gh_json_ki64(&j, "patient_id", o->patient_id);
    gh_json_ki64(&j, "doctor_id", o->doctor_id);
    gh_json_ts(&j, "date_time", o->starts_us);
    gh_json_ts(&j, "end_time", o->ends_us);
    gh_json_kcstr(&j, "status", gh_order_shown(o->state));
    gh_json_kstr(&j, "description", o->reason);
    gh_json_ts(&j, "created_at", o->created_us);
    gh_json_obj_end(&j);
    gh_job_ok(c->b, cj->job, 0, gh_buf_view(&out));
}

/* Jobs that are answered with the appointment as it is then; HB-17 with what it was. */
static bool
shows_after(const gh_cancel_job_t *cj)
{
    return (cj->surface == GH_CANCEL_V1 || (cj->surface == GH_CANCEL_HB && cj->change != GH_CHANGE_NONE)) &&
           (cj->cancelled || cj->changed || cj->same);
}

static bool
ask_after(gh_cancel_t *c)
{
    for (size_t i = 0; i < c->n; i++)
        if (shows_after(&c->jobs[i]))
            gh_after_want(&c->after, c->jobs[i].surface == GH_CANCEL_HB, c->jobs[i].order_id);
    return gh_after_ask(c->b, &c->after, c->pool->currency);
}

static gh_step_t
answer_after(gh_cancel_t *c)
{
    for (size_t i = 0; i < c->n; i++) {
        const gh_cancel_job_t *cj = &c->jobs[i];
        if (shows_after(cj) &&
            gh_after_answer(c->b, &c->after, cj->job, cj->surface == GH_CANCEL_HB, cj->order_id) != 0)
            return GH_STEP_FAIL;
    }
    return GH_STEP_DONE;
}

static gh_cancel_t *
begin(gh_batch_t *b)
{
    gh_cancel_t *c = gh_batch_alloc(b, sizeof *c);
    gh_cancel_job_t *jobs = gh_batch_alloc(b, b->n * sizeof *jobs);
    if (!gh_batch_ok(b))
        return NULL;
    b->state = c;
    c->b = b;
    c->pool = gh_booking_state(b->worker);
    c->jobs = jobs;
    c->n = b->n;
    for (size_t i = 0; i < b->n; i++) {
        jobs[i].job = b->jobs[i];
        parse(&jobs[i]);
    }
    return c;
}

gh_step_t
gh_cancel_step(gh_batch_t *b)
{
    gh_cancel_t *c = b->state;
    if (!c) {
        c = begin(b);
        if (!c)
            return GH_STEP_FAIL;
        gh_cancel_ask(c);
        return gh_batch_ok(b) ? GH_STEP_MORE : GH_STEP_FAIL;
    }
    if (c->written) {
        if (gh_cancel_offer(c) != 0)
            return GH_STEP_FAIL;
        return c->reading_after ? answer_after(c) : GH_STEP_DONE;
    }
    if (gh_cancel_take(c) != 0)
        return gh_batch_ok(b) ? GH_STEP_AGAIN : GH_STEP_FAIL;
    for (size_t i = 0; i < c->n; i++)
        decide_job(c, &c->jobs[i]);
    for (size_t i = 0; i < c->n; i++)
        if (c->jobs[i].cancelled && c->jobs[i].surface == GH_CANCEL_CODE) {
            put_code(c, &c->jobs[i]);
            gh_wechat_note(b, c->jobs[i].job, "cancel");
        }
    if (gh_cancel_write(c) != 0 || !gh_batch_ok(b))
        return GH_STEP_FAIL;
    c->written = true;
    c->reading_after = ask_after(c);
    bool more = gh_cancel_ask_waiting(c) || c->reading_after;
    if (!gh_batch_ok(b))
        return GH_STEP_FAIL;
    return more ? GH_STEP_MORE : GH_STEP_DONE;
}
