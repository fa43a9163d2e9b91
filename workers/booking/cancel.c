/*
 * workers/booking/cancel.c - the batch of cancellations, of all surfaces (BR-85..BR-87, R-93..R-95, R-225)
 *
 *   phase 0   lock the sessions of the orders, then the orders; read who asks and the settings
 *   phase 1   decide each job in order of arrival; write orders with history, bills with refunds, places
 *   [phase 2] v1 answers with the appointment as it is now
 */
#include "workers/booking/booking.h"

#include <libpq-fe.h>
#include <stdio.h>

#include "base/log.h"
#include "base/timez.h"

typedef enum { CODE, V1, HEARTBEAT } surface_t;

typedef struct order {
    int64_t id, schedule_id, price;
    int32_t slot_no;
    gh_order_state_t state;
    gh_pay_state_t payment;
    int64_t session_starts_us, starts_us, ends_us, created_us, payable_since_us;
    int64_t patient_id, patient_user_id, initiator_id, doctor_id, dept_id;
    bool hidden;
    int64_t version;
    gh_str_t reason;
} order_t;

typedef struct cancel_job {
    gh_wjob_t *job;
    surface_t surface;
    int64_t order_id;
    bool override;
    gh_str_t reason, if_match;
    const char *fault_field, *fault_type, *fault_text;
    bool related, may_override;
    order_t *order;
    gh_cancel_verdict_t verdict;
    bool cancelled, hide_only;
    const char *by;
} cancel_job_t;

typedef struct locked_session {
    int64_t id, writer;
    int32_t freed;
} locked_session_t;

typedef struct cancel {
    gh_batch_t *b;
    gh_booking_t *pool;
    cancel_job_t *jobs;
    size_t n;
    order_t *orders; /* by id */
    size_t n_orders;
    locked_session_t *sessions; /* by id */
    size_t n_sessions;
    int64_t this_xid;
    struct gh_doctor_rules *rules;
    size_t n_rules;
    bool reading_after;
    size_t at_sessions, at_orders, at_people, at_rules, at_after;
} cancel_t;

/* ---- what arrives */

static surface_t
surface_of(gh_str_t op)
{
    if (gh_str_is(op, "booking.cancel_appointment"))
        return CODE;
    return gh_str_is(op, "booking.hb_delete_appointment") ? HEARTBEAT : V1;
}

static void
fault(cancel_job_t *cj, const char *field, const char *type, const char *text)
{
    cj->fault_field = field;
    cj->fault_type = type;
    cj->fault_text = text;
}

/* the id stands in the query or the body; none, or two that differ, is a fault. */
static void
parse_heartbeat(cancel_job_t *cj)
{
    static const char *const names[] = {"query.appointment_id", "query.id", "body.id"};
    for (size_t i = 0; i < GH_COUNT(names); i++) {
        int64_t id = gh_arg_id(cj->job->args, names[i]);
        if (id && cj->order_id && id != cj->order_id)
            fault(cj, "appointment_id", "value_error", "is given twice with different values");
        if (id)
            cj->order_id = id;
    }
    if (!cj->order_id)
        fault(cj, "appointment_id", "missing", "is needed");
}

static void
parse(cancel_job_t *cj)
{
    gh_mp_t args = cj->job->args;
    cj->surface = surface_of(cj->job->head.op);
    switch (cj->surface) {
    case CODE:
        cj->order_id = gh_arg_id(args, "path.appointmentId");
        break;
    case HEARTBEAT:
        parse_heartbeat(cj);
        break;
    case V1:
        cj->order_id = gh_arg_id(args, "path.id");
        cj->reason = gh_arg_str(args, "body.reason");
        cj->override = gh_arg_bool(args, "body.override");
        cj->if_match = gh_arg_str(args, "if_match");
        if (cj->reason.n > 0 && memchr(cj->reason.p, '\0', cj->reason.n))
            fault(cj, "reason", "value_error", "contains a character that cannot be stored");
        break;
    }
}

/* ---- reading */

static void
ask(cancel_t *c)
{
    gh_pgarr_t ids = {0}, users = {0}, override = {0};
    for (size_t i = 0; i < c->n; i++) {
        gh_pgarr_i64(&ids, c->jobs[i].order_id);
        gh_pgarr_i64(&users, c->jobs[i].job->head.actor.user_id);
        gh_pgarr_bool(&override, c->jobs[i].override);
    }
    const char *const orders[] = {gh_pgarr_literal(&ids)};
    const char *const people[] = {gh_pgarr_literal(&users), orders[0], gh_pgarr_literal(&override)};
    c->at_sessions = gh_batch_query(c->b, "lock_order_sessions", 1, orders);
    c->at_orders = gh_batch_query(c->b, "lock_orders", 1, orders);
    c->at_people = gh_batch_query(c->b, "cancel_people", 3, people);
    c->at_rules = gh_batch_query(c->b, "cancel_settings", 1, orders);
    gh_pgarr_fini(&ids);
    gh_pgarr_fini(&users);
    gh_pgarr_fini(&override);
}

static locked_session_t *
find_session(cancel_t *c, int64_t id)
{
    for (size_t i = 0; i < c->n_sessions; i++)
        if (c->sessions[i].id == id)
            return &c->sessions[i];
    return NULL;
}

static void
take_sessions(cancel_t *c)
{
    const PGresult *r = gh_batch_result(c->b, c->at_sessions);
    c->sessions = gh_batch_alloc(c->b, (size_t)PQntuples(r) * sizeof *c->sessions + 1);
    if (!gh_batch_ok(c->b))
        return;
    for (int i = 0; i < PQntuples(r); i++) {
        c->sessions[c->n_sessions++] = (locked_session_t){gh_pg_i64(r, i, 0, 0), gh_pg_i64(r, i, 1, 0), 0};
        c->this_xid = gh_pg_i64(r, i, 2, 0);
    }
}

static int
take_order(cancel_t *c, const PGresult *r, int i)
{
    order_t *o = &c->orders[i];
    *o = (order_t){.id = gh_pg_i64(r, i, 0, 0),
                   .schedule_id = gh_pg_i64(r, i, 1, 0),
                   .slot_no = (int32_t)gh_pg_i64(r, i, 2, 0),
                   .price = gh_pg_money(r, i, 5, 0),
                   .session_starts_us = gh_pg_i64(r, i, 6, 0),
                   .starts_us = gh_pg_i64(r, i, 7, 0),
                   .ends_us = gh_pg_i64(r, i, 8, 0),
                   .created_us = gh_pg_i64(r, i, 9, 0),
                   .payable_since_us = gh_pg_i64(r, i, 10, 0),
                   .version = gh_pg_i64(r, i, 11, 1),
                   .patient_id = gh_pg_i64(r, i, 12, 0),
                   .patient_user_id = gh_pg_i64(r, i, 13, 0),
                   .initiator_id = gh_pg_i64(r, i, 14, 0),
                   .doctor_id = gh_pg_i64(r, i, 15, 0),
                   .dept_id = gh_pg_i64(r, i, 16, 0),
                   .hidden = gh_pg_bool(r, i, 17),
                   .reason = gh_pg_str(r, i, 18)};
    if (o->reason.p)
        o->reason = gh_batch_dup(c->b, o->reason);
    c->n_orders++;
    /* Moved to another session between the two reads: that one is not locked, so the jobs run again. */
    if (!find_session(c, o->schedule_id))
        return -1;
    return gh_order_state_parse(gh_pg_str(r, i, 3), &o->state) != 0 ||
                   gh_pay_state_parse(gh_pg_str(r, i, 4), &o->payment) != 0
               ? -1
               : 0;
}

static int
take(cancel_t *c)
{
    const PGresult *orders = gh_batch_result(c->b, c->at_orders),
                   *people = gh_batch_result(c->b, c->at_people);
    take_sessions(c);
    c->orders = gh_batch_alloc(c->b, (size_t)PQntuples(orders) * sizeof *c->orders + 1);
    c->rules = gh_facts_rules(c->b, gh_batch_result(c->b, c->at_rules), false, &c->n_rules);
    if (!gh_batch_ok(c->b))
        return -1;
    for (int i = 0; i < PQntuples(orders); i++)
        if (take_order(c, orders, i) != 0)
            return -1;
    for (size_t i = 0; i < c->n && i < (size_t)PQntuples(people); i++) {
        c->jobs[i].related = gh_pg_bool(people, (int)i, 0);
        c->jobs[i].may_override = gh_pg_bool(people, (int)i, 1);
        for (size_t k = 0; k < c->n_orders; k++)
            if (c->orders[k].id == c->jobs[i].order_id)
                c->jobs[i].order = &c->orders[k];
    }
    return 0;
}

/* ---- deciding */

/* Who asks, by the surface: may he, does the deadline bind him, and as what he is recorded. */
static gh_canceller_t
canceller_of(cancel_job_t *cj)
{
    const gh_actor_t *a = &cj->job->actor;
    const order_t *o = cj->order;
    gh_canceller_t who = {.wants_override = cj->override,
                          .may_override = cj->may_override || (a->roles & GH_ROLE_SUPERUSER)};
    bool own_doctor = a->doctor_id && a->doctor_id == o->doctor_id;
    bool own_patient = (a->patient_id && a->patient_id == o->patient_id) || cj->related;
    if (cj->surface == CODE) {
        who.allowed = a->user_id == o->patient_user_id || a->user_id == o->initiator_id;
        who.has_deadline = true;
        cj->by = "patient";
    } else if ((a->scopes & GH_SCOPE_ALL) || a->user_id == 0) { /* nobody: only with heartbeat.open_access */
        who.allowed = true;
        cj->by = a->user_id == 0 ? "system" : "staff";
    } else if ((a->scopes & GH_SCOPE_DEPT) && a->dept_id && a->dept_id == o->dept_id) {
        who.allowed = true;
        cj->by = own_doctor ? "doctor" : "staff";
    } else if (a->scopes & GH_SCOPE_OWN) {
        who.allowed = own_doctor || own_patient;
        who.has_deadline = !own_doctor; /* R-94 binds patients */
        cj->by = own_doctor ? "doctor" : "patient";
    }
    return who;
}

static gh_err_t
find_target(const cancel_job_t *cj)
{
    const order_t *o = cj->order;
    if (cj->surface == CODE && !cj->job->actor.patient_id)
        return GH_E_PATIENT_RECORD_MISSING;
    if (!o || (cj->surface != CODE && o->state == GH_ORDER_WAITLIST) ||
        (cj->surface == HEARTBEAT && o->hidden))
        return GH_E_APPOINTMENT_NOT_FOUND;
    return GH_E_NONE;
}

/* If-Match names the row's entity tag (RFC 9110 section 13.1.1: a list of tags, compared strongly, or *). */
static bool
tag_matches(const cancel_job_t *cj)
{
    char tag[80];
    gh_str_t list = cj->if_match;
    size_t n = (size_t)snprintf(tag, sizeof tag, "\"appointment-%lld-%lld\"", (long long)cj->order->id,
                                (long long)cj->order->version);
    if (!list.p || gh_str_is(list, "*"))
        return true;
    for (size_t i = 0; i + n <= list.n; i++)
        if (memcmp(list.p + i, tag, n) == 0 && (i == 0 || list.p[i - 1] == ' ' || list.p[i - 1] == ','))
            return true;
    return false;
}

static void
refuse(cancel_t *c, cancel_job_t *cj, gh_err_t err, const gh_registration_t *rules)
{
    char hours[16] = "";
    if (rules)
        snprintf(hours, sizeof hours, "%d", rules->cancel_hours);
    const gh_error_arg_t args[] = {{"H", gh_str(hours)}, {NULL, {0}}};
    gh_job_refuse(c->b, cj->job, err, err == GH_E_CANCEL_TOO_LATE ? args : NULL);
}

/* The row changes for the jobs behind this one, and the place is free for the bookings behind this batch. */
static void
apply(cancel_t *c, cancel_job_t *cj)
{
    order_t *o = cj->order;
    o->state = cj->verdict.state;
    o->payment = cj->verdict.payment;
    o->version++;
    o->hidden = o->hidden || cj->surface == HEARTBEAT;
    locked_session_t *s = find_session(c, o->schedule_id);
    s->freed++;
    gh_slots_t *slots = gh_places_get(c->pool->places, s->id, s->writer);
    if (slots)
        gh_slots_free(slots, o->slot_no);
    cj->cancelled = true;
}

static void put_heartbeat(cancel_t *c, cancel_job_t *cj);

static void
decide_job(cancel_t *c, cancel_job_t *cj)
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
    const order_t *o = cj->order;
    const gh_registration_t *rules = gh_facts_rules_of(c->rules, c->n_rules, o->doctor_id);
    gh_canceller_t who = canceller_of(cj);
    if (who.allowed && !tag_matches(cj)) {
        refuse(c, cj, GH_E_PRECONDITION_FAILED, NULL);
        return;
    }
    gh_cancel_facts_t facts = {.state = o->state,
                               .payment = o->payment,
                               .price = o->price,
                               .deadline_start_us = cj->surface == CODE ? o->session_starts_us : o->starts_us,
                               .payable_since_us = o->payable_since_us,
                               .now_us = c->b->now_us,
                               .rules = rules};
    cj->verdict = gh_cancel_decide(&who, &facts);
    if (cj->surface == HEARTBEAT && cj->verdict.err == GH_E_APPOINTMENT_NOT_CANCELLABLE) {
        put_heartbeat(c, cj); /* final already, only hidden */
        cj->hide_only = true;
        cj->order->hidden = true;
        return;
    }
    if (cj->verdict.err != GH_E_NONE) {
        refuse(c, cj, cj->verdict.err, rules);
        return;
    }
    if (cj->surface == HEARTBEAT)
        put_heartbeat(c, cj); /* as it was */
    apply(c, cj);
}

/* ---- writing */

static int
query(cancel_t *c, const char *statement, int n, const char *const *params)
{
    for (int i = 0; i < n; i++)
        if (!params[i])
            return -1;
    gh_batch_query(c->b, statement, n, params);
    return 0;
}

static int
write_orders(cancel_t *c, const char *now)
{
    enum { ID, STATUS, PAYMENT, REFUND, REASON, BY, HIDE, USER, N };
    gh_pgarr_t a[N] = {0};
    for (size_t i = 0; i < c->n; i++) {
        const cancel_job_t *cj = &c->jobs[i];
        if (!cj->cancelled)
            continue;
        gh_pgarr_i64(&a[ID], cj->order_id);
        gh_pgarr_text(&a[STATUS], gh_str(gh_order_state_name(cj->verdict.state)));
        gh_pgarr_text(&a[PAYMENT], gh_str(gh_pay_state_name(cj->verdict.payment)));
        cj->verdict.refund > 0 ? gh_pgarr_money(&a[REFUND], cj->verdict.refund) : gh_pgarr_null(&a[REFUND]);
        cj->reason.p ? gh_pgarr_text(&a[REASON], cj->reason) : gh_pgarr_null(&a[REASON]);
        gh_pgarr_text(&a[BY], gh_str(cj->by));
        gh_pgarr_bool(&a[HIDE], cj->surface == HEARTBEAT);
        cj->job->actor.user_id ? gh_pgarr_i64(&a[USER], cj->job->actor.user_id) : gh_pgarr_null(&a[USER]);
    }
    const char *params[N + 1];
    for (int i = 0; i < N; i++)
        params[i] = gh_pgarr_literal(&a[i]);
    params[N] = now;
    char day[GH_TEXT_DATE];
    gh_day_text(gh_tz_day(c->b->now_us), day);
    const char *const bills[] = {params[ID], now, day, "取消预约"};
    int rc = query(c, "write_cancellations", N + 1, params) != 0 || query(c, "close_bills", 4, bills) != 0
                 ? -1
                 : 0;
    for (int i = 0; i < N; i++)
        gh_pgarr_fini(&a[i]);
    return rc;
}

/* Give the places back: the one step in which a freed place can be offered to whom waits for it. */
static int
release_places(cancel_t *c, const char *now)
{
    gh_pgarr_t ids = {0}, freed = {0};
    for (size_t i = 0; i < c->n_sessions; i++) {
        const locked_session_t *s = &c->sessions[i];
        if (s->freed == 0)
            continue;
        gh_pgarr_i64(&ids, s->id);
        gh_pgarr_i64(&freed, s->freed);
        if (gh_places_get(c->pool->places, s->id, s->writer))
            gh_places_moved(c->pool->places, s->id, c->this_xid);
    }
    const char *const params[] = {gh_pgarr_literal(&ids), gh_pgarr_literal(&freed), now};
    int rc = query(c, "release_places", 3, params);
    gh_pgarr_fini(&ids);
    gh_pgarr_fini(&freed);
    return rc;
}

static int
write_hidden(cancel_t *c, const char *now)
{
    gh_pgarr_t ids = {0};
    bool any = false;
    for (size_t i = 0; i < c->n; i++)
        if (c->jobs[i].hide_only) {
            gh_pgarr_i64(&ids, c->jobs[i].order_id);
            any = true;
        }
    const char *const params[] = {gh_pgarr_literal(&ids), now};
    int rc = any ? query(c, "hide_orders", 2, params) : 0;
    gh_pgarr_fini(&ids);
    return rc;
}

static int
write_all(cancel_t *c)
{
    char now[GH_PG_TIME_TEXT];
    gh_pg_time_text(c->b->now_us, now);
    bool any = false;
    for (size_t i = 0; i < c->n; i++)
        any = any || c->jobs[i].cancelled;
    if (any && (write_orders(c, now) != 0 || release_places(c, now) != 0))
        return -1;
    return write_hidden(c, now);
}

/* ---- answering */

static void
put_code(cancel_t *c, cancel_job_t *cj)
{
    gh_buf_t out GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_json_t j;
    gh_json_init(&j, &out);
    gh_json_obj(&j);
    gh_json_kbool(&j, "success", true);
    if (cj->verdict.refund > 0)
        gh_json_kmoney(&j, "refundAmount", cj->verdict.refund);
    else
        gh_json_knull(&j, "refundAmount");
    gh_json_obj_end(&j);
    gh_job_ok(c->b, cj->job, 0, gh_buf_view(&out));
}

static void
put_heartbeat(cancel_t *c, cancel_job_t *cj)
{
    const order_t *o = cj->order;
    gh_buf_t out GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_json_t j;
    gh_json_init(&j, &out);
    gh_json_obj(&j);
    gh_json_ki64(&j, "id", o->id);
    gh_json_ki64(&j, "patient_id", o->patient_id);
    gh_json_ki64(&j, "doctor_id", o->doctor_id);
    gh_json_ts(&j, "date_time", o->starts_us);
    gh_json_ts(&j, "end_time", o->ends_us);
    gh_json_kcstr(&j, "status",
                  gh_order_active(o->state)        ? "SCHEDULED"
                  : o->state == GH_ORDER_COMPLETED ? "COMPLETED"
                                                   : "CANCELLED");
    gh_json_kstr(&j, "description", o->reason);
    gh_json_ts(&j, "created_at", o->created_us);
    gh_json_obj_end(&j);
    gh_job_ok(c->b, cj->job, 0, gh_buf_view(&out));
}

static bool
ask_after(cancel_t *c)
{
    gh_pgarr_t ids = {0};
    bool any = false;
    for (size_t i = 0; i < c->n; i++)
        if (c->jobs[i].cancelled && c->jobs[i].surface == V1) {
            gh_pgarr_i64(&ids, c->jobs[i].order_id);
            any = true;
        }
    const char *const params[] = {gh_pgarr_literal(&ids), gh_tz_name(), c->pool->currency};
    if (any)
        c->at_after = gh_batch_query(c->b, "v1_after", 3, params);
    gh_pgarr_fini(&ids);
    return any;
}

static gh_step_t
answer_after(cancel_t *c)
{
    const PGresult *r = gh_batch_result(c->b, c->at_after);
    for (size_t i = 0; i < c->n; i++) {
        cancel_job_t *cj = &c->jobs[i];
        if (!cj->cancelled || cj->surface != V1)
            continue;
        int row = 0;
        while (row < PQntuples(r) && gh_pg_i64(r, row, 0, 0) != cj->order_id)
            row++;
        if (row == PQntuples(r))
            return GH_STEP_FAIL;
        char etag[80];
        snprintf(etag, sizeof etag, "\"appointment-%lld-%lld\"", (long long)cj->order_id,
                 (long long)gh_pg_i64(r, row, 2, 0));
        gh_job_header(c->b, cj->job, "ETag", etag);
        gh_job_ok(c->b, cj->job, 0, gh_pg_str(r, row, 1));
    }
    return GH_STEP_DONE;
}

static cancel_t *
begin(gh_batch_t *b)
{
    cancel_t *c = gh_batch_alloc(b, sizeof *c);
    cancel_job_t *jobs = gh_batch_alloc(b, b->n * sizeof *jobs);
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
    cancel_t *c = b->state;
    if (!c) {
        c = begin(b);
        if (!c)
            return GH_STEP_FAIL;
        ask(c);
        return gh_batch_ok(b) ? GH_STEP_MORE : GH_STEP_FAIL;
    }
    if (c->reading_after)
        return answer_after(c);
    if (take(c) != 0)
        return GH_STEP_FAIL;
    for (size_t i = 0; i < c->n; i++)
        decide_job(c, &c->jobs[i]);
    for (size_t i = 0; i < c->n; i++)
        if (c->jobs[i].cancelled && c->jobs[i].surface == CODE)
            put_code(c, &c->jobs[i]);
    if (write_all(c) != 0 || !gh_batch_ok(b))
        return GH_STEP_FAIL;
    c->reading_after = ask_after(c);
    return c->reading_after ? GH_STEP_MORE : GH_STEP_DONE;
}
