/*
 * workers/booking/move.c - the batch of orders that move, of all surfaces (BR-89..BR-92, R-93, R-94, R-96, R-97; D7)
 *
 *   phase 0   where are the orders now? nothing is locked yet
 *   phase 1   lock patients, the sessions left and wanted, the orders; read what booking reads (facts.c)
 *   phase 2   [taken places of sessions whose remembered bitmap is out of date]
 *   then      decide each job in order of arrival over what earlier jobs have left: claim the new place, free the old one; write
 *   [last]    freed places go to whoever waits for them; v1 and Heartbeat answer with the appointment as it is now
 *
 * A place that is freed where somebody waits is theirs: no later job of the batch gets it.
 */
#include "workers/booking/move.h"

#include <libpq-fe.h>
#include <stdio.h>

#include "base/log.h"
#include "base/timez.h"
#include "domain/if_match.h"
#include "domain/wechat.h"

/* ---- what arrives */

static void
parse_code(gh_move_job_t *mj)
{
    gh_mp_t args = mj->bj->job->args;
    mj->order_id = gh_arg_id(args, "path.appointmentId");
    mj->bj->ask.schedule_id = gh_arg_id(args, "body.scheduleId");
}

static void
parse_v1(gh_move_job_t *mj)
{
    gh_book_job_t *bj = mj->bj;
    gh_mp_t args = bj->job->args;
    int64_t slot_no = 0;
    mj->order_id = gh_arg_id(args, "path.id");
    mj->if_match = gh_arg_str(args, "if_match");
    mj->reason = gh_book_text(bj, "body.reason");
    bj->ask.schedule_id = gh_arg_id(args, "body.schedule_id");
    bj->ask.doctor_id = gh_arg_id(args, "body.doctor_id");
    bj->ask.override = gh_arg_bool(args, "body.override");
    if (gh_mp_int(gh_mp_path(args, "body.slot_no"), &slot_no) && slot_no > 0 && slot_no <= GH_SLOT_MAX)
        bj->ask.slot_no = (int32_t)slot_no;
    if (bj->ask.schedule_id)
        return;
    bj->ask.slot_no = 0;
    if (gh_arg_moment(args, "body.start_time", &bj->ask.at_us) != 1)
        gh_book_fault(bj, "start_time", "datetime_parsing", "is not a date with a time");
}

/* HB-16: the time is rounded down to its place. A status beside a move can only be the one it has. */
static void
parse_hb(gh_move_job_t *mj)
{
    gh_book_job_t *bj = mj->bj;
    gh_mp_t args = bj->job->args;
    const char *type = NULL, *text = NULL;
    mj->order_id = gh_hb_order_id(args, &type, &text);
    if (type)
        gh_book_fault(bj, "id", type, text);
    bj->ask.doctor_id = gh_arg_id(args, "body.doctor_id");
    bj->ask.down = true;
    if (gh_arg_moment(args, "body.date_time", &bj->ask.at_us) < 0)
        gh_book_fault(bj, "date_time", "datetime_parsing", "is not a date with a time");
    gh_str_t status = gh_arg_str(args, "body.status");
    if (status.p && !gh_str_is(status, "SCHEDULED"))
        gh_book_fault(bj, "status", "value_error", "cannot change together with the time or the doctor");
    gh_book_text(bj, "body.description");
    gh_edit_parse_hb(args, &mj->edit);
}

static const struct {
    const char *op;
    gh_cancel_surface_t surface;
    const gh_dialect_t *dialect;
    void (*parse)(gh_move_job_t *mj);
} surfaces[] = {
    {"booking.reschedule_appointment", GH_CANCEL_CODE, &gh_dialect_code, parse_code},
    {"booking.v1_reschedule_appointment", GH_CANCEL_V1, &gh_dialect_v1, parse_v1},
    {"booking.hb_update_appointment", GH_CANCEL_HB, &gh_dialect_hb, parse_hb},
};

static int
parse(gh_move_job_t *mj)
{
    for (size_t i = 0; i < GH_COUNT(surfaces); i++)
        if (gh_str_is(mj->bj->job->head.op, surfaces[i].op)) {
            mj->surface = surfaces[i].surface;
            mj->bj->dialect = surfaces[i].dialect;
            surfaces[i].parse(mj);
            return 0;
        }
    return -1; /* an operation of another batch: a bug in the table of operations */
}

static gh_moving_t *
begin(gh_batch_t *b)
{
    gh_moving_t *m = gh_batch_alloc(b, sizeof *m);
    m->jobs = gh_batch_alloc(b, b->n * sizeof *m->jobs);
    m->book.jobs = gh_batch_alloc(b, b->n * sizeof *m->book.jobs);
    if (!gh_batch_ok(b))
        return NULL;
    b->state = m;
    m->b = m->book.b = b;
    m->n = m->book.n = b->n;
    m->book.pool = gh_booking_state(b->worker);
    m->book.numberless = true;
    gh_civil_t c = gh_tz_civil(b->now_us);
    m->book.today = gh_tz_day(b->now_us);
    m->book.now_minute = c.hour * 60 + c.minute;
    for (size_t i = 0; i < b->n; i++) {
        m->jobs[i].bj = &m->book.jobs[i];
        m->jobs[i].bj->job = b->jobs[i];
        if (parse(&m->jobs[i]) != 0)
            return NULL;
    }
    return m;
}

/* ---- one decision */

static void
refuse(gh_moving_t *m, gh_move_job_t *mj, gh_err_t err)
{
    if (err != GH_E_CANCEL_TOO_LATE) {
        gh_book_refuse(&m->book, mj->bj, err);
        return;
    }
    char hours[16];
    snprintf(hours, sizeof hours, "%d",
             gh_facts_rules_of(m->book.rules, m->book.n_rules, mj->order->o.doctor_id)->cancel_hours);
    const gh_error_arg_t args[] = {{"H", gh_str(hours)}, {NULL, {0}}};
    gh_job_refuse(m->b, mj->bj->job, err, args);
}

static gh_err_t
find_order(const gh_move_job_t *mj)
{
    const gh_move_order_t *order = mj->order;
    if (mj->surface == GH_CANCEL_CODE && !mj->bj->job->actor.patient_id)
        return GH_E_PATIENT_RECORD_MISSING;
    if (!order || (mj->surface != GH_CANCEL_CODE && order->o.state == GH_ORDER_WAITLIST) ||
        (mj->surface == GH_CANCEL_HB && order->o.hidden))
        return GH_E_APPOINTMENT_NOT_FOUND;
    return GH_E_NONE;
}

static gh_mover_t
mover_of(gh_move_job_t *mj)
{
    const gh_book_job_t *bj = mj->bj;
    const gh_actor_t *a = &bj->job->actor;
    mj->by = gh_caller_by(a, &mj->order->o, mj->surface, mj->related);
    return (gh_mover_t){.by = mj->by,
                        .code = mj->surface == GH_CANCEL_CODE,
                        .banned = bj->person.banned,
                        .wants_override = bj->ask.override,
                        .may_override = mj->may_override || (a->roles & GH_ROLE_SUPERUSER)};
}

/* */
static bool
tag_matches(const gh_move_job_t *mj)
{
    char tag[GH_ETAG_TEXT];
    gh_etag(tag, "appointment", mj->order->o.id, mj->order->o.version);
    return gh_if_match(mj->if_match, tag);
}

bool
gh_move_wish_holds(const gh_move_job_t *mj)
{
    const gh_cancel_order_t *o = &mj->order->o;
    const gh_ask_t *ask = &mj->bj->ask;
    return (!mj->same_doctor || ask->doctor_id == o->doctor_id) &&
           (!mj->same_time || ask->at_us == o->starts_us);
}

/* What the patient has besides the order: the lists that the rules count. -1: memory ran out. */
static int
other_orders(gh_moving_t *m, const gh_move_job_t *mj, gh_patient_order_t **out, size_t *n)
{
    const gh_bpatient_t *p = gh_facts_patient(&m->book, mj->order->o.patient_id);
    if (!p)
        return -1;
    *out = gh_batch_alloc(m->b, (p->n + 1) * sizeof **out);
    *n = 0;
    for (size_t i = 0; i < p->n && gh_batch_ok(m->b); i++)
        if (p->orders[i].id != mj->order->o.id)
            (*out)[(*n)++] = p->orders[i];
    return gh_batch_ok(m->b) ? 0 : -1;
}

/* Has an earlier job of the batch changed the fee of this order? Bills follow once a batch, by the price at its end. */
static bool
repriced(const gh_moving_t *m, const gh_move_job_t *mj)
{
    for (const gh_move_job_t *k = m->jobs; k < mj; k++)
        if (k->moved && k->order == mj->order && k->verdict.fee.rebill)
            return true;
    return false;
}

static int
decide(gh_moving_t *m, gh_move_job_t *mj, const gh_mover_t *who)
{
    gh_book_job_t *bj = mj->bj;
    const gh_cancel_order_t *o = &mj->order->o;
    gh_bsession_t *from = gh_facts_session(&m->book, o->schedule_id), *to = bj->session;
    gh_slots_t unknown = {0}; /* closed or full: never looked at */
    gh_patient_order_t *others;
    size_t n;
    if (!gh_move_wish_holds(mj)) /* an earlier job of the batch moved the order: each alone then */
        return -1;
    if (other_orders(m, mj, &others, &n) != 0)
        return -1;
    gh_movable_t order = {.schedule_id = o->schedule_id,
                          .doctor_id = o->doctor_id,
                          .clinic_id = from->s.clinic_id,
                          .slot_type = mj->order->slot_type,
                          .slot_no = o->slot_no,
                          .starts_us = o->starts_us,
                          .ends_us = o->ends_us,
                          .state = o->state,
                          .payment = o->payment,
                          .price = o->price,
                          .rate = mj->order->rate,
                          .billed = mj->order->billed,
                          .payable_since_us = o->payable_since_us,
                          .moves = mj->order->moves,
                          .rules = gh_facts_rules_of(m->book.rules, m->book.n_rules, o->doctor_id)};
    gh_move_wish_t wish = {.session = to ? &to->s : NULL,
                           .slots = to && to->slots ? to->slots : &unknown,
                           .missing = gh_book_nowhere(bj, m->book.b->now_us),
                           .place = gh_book_wish(bj)};
    gh_book_facts_t facts = gh_book_facts_of(&m->book, bj, others, n);
    mj->verdict = gh_move_decide(who, &order, &wish, m->max_moves, &facts);
    /* a fee that changes twice, over free perhaps: each alone */
    return mj->verdict.err == GH_E_NONE && mj->verdict.fee.rebill && repriced(m, mj) ? -1 : 0;
}

/* Jobs that give what a later one takes are written before it: a place, the session or the time of the patient, the order itself. */
static int
wave_of(const gh_moving_t *m, const gh_move_job_t *mj)
{
    const gh_bsession_t *to = mj->bj->session;
    int wave = 0;
    for (const gh_move_job_t *k = m->jobs; k < mj && to; k++)
        if (k->moved && k->wave >= wave &&
            (k->order->o.patient_id == mj->order->o.patient_id ||
             (k->from_schedule_id == to->s.id && k->from_slot_no == mj->verdict.slot_no)))
            wave = k->wave + 1;
    return wave;
}

/* Later jobs of the batch find the new place taken, and the old one free unless somebody waits for it. */
static int
move_place(gh_bsession_t *from, gh_bsession_t *to, int32_t old_slot, int32_t new_slot)
{
    if (!to || !to->slots || gh_claim_take(&to->s, to->slots, new_slot) != 0)
        return -1;
    to->taken_now++;
    from->freed++;
    if (from->waited || !from->slots)
        return 0;
    return gh_claim_release(&from->s, from->slots, old_slot);
}

static void
put_change(gh_json_t *j, const char *member, int64_t from, int64_t to)
{
    gh_json_key(j, member);
    gh_json_arr(j);
    gh_json_i64(j, from);
    gh_json_i64(j, to);
    gh_json_arr_end(j);
}

/* What others than the patient do is in the audit log. */
static void
audit(gh_moving_t *m, const gh_move_job_t *mj)
{
    const gh_cancel_order_t *o = &mj->order->o;
    const gh_bsession_t *to = mj->bj->session;
    gh_buf_t out GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_json_t j;
    gh_json_init(&j, &out);
    gh_json_obj(&j);
    put_change(&j, "schedule_id", o->schedule_id, to ? to->s.id : 0);
    put_change(&j, "slot_no", o->slot_no, mj->verdict.slot_no);
    gh_json_obj_end(&j);
    const gh_audit_t entry = {.action = "appointment.reschedule",
                              .entity = "appointment",
                              .entity_id = o->id,
                              .patient_id = o->patient_id,
                              .changes = gh_text(m->b, gh_buf_view(&out))};
    gh_batch_audit(m->b, mj->bj->job, &entry);
}

static int
apply(gh_moving_t *m, gh_move_job_t *mj)
{
    gh_cancel_order_t *o = &mj->order->o;
    const gh_move_verdict_t *v = &mj->verdict;
    gh_bsession_t *from = gh_facts_session(&m->book, o->schedule_id), *to = mj->bj->session;
    gh_bpatient_t *p = gh_facts_patient(&m->book, o->patient_id);
    bool as_patient = gh_order_step_by(GH_DO_MOVE, mj->by) == GH_BY_PATIENT;
    if (!as_patient)
        audit(m, mj);
    mj->wave = wave_of(m, mj);
    mj->from_schedule_id = o->schedule_id;
    mj->from_slot_no = o->slot_no;
    mj->price_before = o->price;
    mj->moved = true;
    if (!p || move_place(from, to, o->slot_no, v->slot_no) != 0)
        return -1;
    for (size_t i = 0; i < p->n; i++)
        if (p->orders[i].id == o->id)
            p->orders[i] = (gh_patient_order_t){.id = o->id,
                                                .schedule_id = to->s.id,
                                                .dept_id = to->s.dept_id,
                                                .starts_us = v->starts_us,
                                                .ends_us = v->ends_us,
                                                .day = to->s.day,
                                                .state = v->fee.state};
    if (to != from)
        mj->order->slot_type = gh_str(to->s.slot_type);
    mj->order->rate = v->rate;
    mj->order->billed = v->fee.payment == GH_PAY_PENDING ? v->fee.price > 0 : mj->order->billed;
    mj->order->moves += as_patient;
    o->schedule_id = to->s.id;
    o->slot_no = v->slot_no;
    o->doctor_id = to->s.doctor_id;
    o->dept_id = to->s.dept_id;
    o->session_starts_us = to->s.starts_us;
    o->starts_us = v->starts_us;
    o->ends_us = v->ends_us;
    o->price = v->fee.price;
    o->state = v->fee.state;
    o->payment = v->fee.payment;
    o->version++;
    return 0;
}

static int
decide_job(gh_moving_t *m, gh_move_job_t *mj, int64_t mono_ms)
{
    gh_book_job_t *bj = mj->bj;
    if (bj->job->done)
        return 0;
    if (mono_ms >= bj->job->deadline_ms) { /* its client was told no (decisions 9) */
        gh_job_refuse(m->b, bj->job, GH_E_UPSTREAM_TIMEOUT, NULL);
        return 0;
    }
    gh_err_t err = find_order(mj);
    if (err == GH_E_NONE) {
        gh_mover_t who = mover_of(mj);
        gh_book_same_doctor(bj);
        if (who.by && !tag_matches(mj))
            err = GH_E_PRECONDITION_FAILED;
        else if (!bj->fault_field && decide(m, mj, &who) != 0)
            return -1;
        else
            err = mj->verdict.err;
    }
    if (err == GH_E_NONE && bj->fault_field) {
        gh_job_invalid(m->b, bj->job, bj->fault_field, bj->fault_type, bj->fault_text);
        return 0;
    }
    if (err == GH_E_NONE)
        return mj->verdict.stays ? 0 : apply(m, mj);
    bj->verdict.err = err;
    if (!gh_book_wants_suggestions(bj, err))
        refuse(m, mj, err);
    return 0;
}

/* ---- answering */

static void
put_code(gh_moving_t *m, gh_move_job_t *mj)
{
    const gh_cancel_order_t *o = &mj->order->o;
    const gh_session_t *s = &mj->bj->session->s;
    gh_buf_t out GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_json_t j;
    char day[GH_TEXT_DATE];
    gh_day_text(s->day, day);
    gh_json_init(&j, &out);
    gh_json_obj(&j);
    gh_json_ki64(&j, "id", mj->order_id);
    gh_json_kcstr(&j, "appointmentDate", day);
    gh_json_kcstr(&j, "appointmentTime", s->section);
    gh_json_kmoney(&j, "price", mj->verdict.fee.price);
    gh_json_kmoney(&j, "priceDiff", mj->verdict.fee.price - mj->price_before);
    gh_json_kcstr(&j, "status", gh_order_state_name(o->state));
    gh_json_kcstr(&j, "paymentStatus", gh_pay_state_name(o->payment));
    gh_json_obj_end(&j);
    gh_job_ok(m->b, mj->bj->job, 0, gh_buf_view(&out));
}

static bool
shows_after(const gh_move_job_t *mj)
{
    return mj->surface != GH_CANCEL_CODE && (mj->moved || mj->verdict.stays);
}

static bool
ask_after(gh_moving_t *m)
{
    for (size_t i = 0; i < m->n; i++)
        if (shows_after(&m->jobs[i]))
            gh_after_want(&m->after, m->jobs[i].surface == GH_CANCEL_HB, m->jobs[i].order_id);
    return gh_after_ask(m->b, &m->after, m->book.pool->currency);
}

static int
answer_after(gh_moving_t *m)
{
    for (size_t i = 0; i < m->n; i++) {
        const gh_move_job_t *mj = &m->jobs[i];
        gh_wjob_t *job = mj->bj->job;
        if (!shows_after(mj))
            continue;
        if (gh_after_answer(m->b, &m->after, job, mj->surface == GH_CANCEL_HB, mj->order_id) != 0)
            return -1;
        if (!mj->moved)
            gh_job_no_effect(job);
    }
    return 0;
}

/* ---- the batch */

/* What is remembered of the sessions that are left shall stay right too. */
static void
recall_places(gh_moving_t *m)
{
    for (size_t i = 0; i < m->book.n_sessions; i++) {
        gh_bsession_t *x = &m->book.sessions[i];
        if (x->leaves && !x->slots)
            x->slots = gh_places_get(m->book.pool->places, x->s.id, x->writer);
    }
}

/* Remembered places follow what was written; where they are not known, or go to the waitlist, they are read anew. */
static void
remember_places(gh_moving_t *m, bool written)
{
    gh_places_t *places = m->book.pool->places;
    for (size_t i = 0; i < m->book.n_sessions; i++) {
        const gh_bsession_t *x = &m->book.sessions[i];
        if (x->taken_now == 0 && x->freed == 0)
            continue;
        if (written && x->slots && !(x->waited && x->freed > 0))
            gh_places_moved(places, x->s.id, m->book.this_xid);
        else
            gh_places_forget(places, x->s.id);
    }
}

static gh_step_t
decide_all(gh_moving_t *m)
{
    int64_t mono_ms = gh_mono_ms();
    int rc = 0;
    recall_places(m);
    for (size_t i = 0; i < m->n && rc == 0; i++)
        rc = decide_job(m, &m->jobs[i], mono_ms);
    if (rc == 0)
        rc = gh_move_write(m);
    remember_places(m, rc == 0);
    if (rc != 0)
        return GH_STEP_FAIL;
    for (size_t i = 0; i < m->n; i++)
        if (m->jobs[i].moved && m->jobs[i].surface == GH_CANCEL_CODE) {
            put_code(m, &m->jobs[i]);
            gh_wechat_note(m->b, m->jobs[i].bj->job, "reschedule");
        }
    m->offering = gh_move_ask_waiting(m);
    m->suggesting = gh_book_ask_suggestions(&m->book);
    m->reading_after = ask_after(m);
    m->stage = GH_MOVE_LAST;
    if (!gh_batch_ok(m->b))
        return GH_STEP_FAIL;
    return m->offering || m->suggesting || m->reading_after ? GH_STEP_MORE : GH_STEP_DONE;
}

static gh_step_t
last(gh_moving_t *m)
{
    if ((m->offering && gh_move_offer(m) != 0) || (m->reading_after && answer_after(m) != 0))
        return GH_STEP_FAIL;
    return m->suggesting ? gh_book_answer_suggestions(&m->book) : GH_STEP_DONE;
}

gh_step_t
gh_move_step(gh_batch_t *b)
{
    gh_moving_t *m = b->state;
    gh_step_t next;
    if (!m) {
        m = begin(b);
        if (!m)
            return GH_STEP_FAIL;
        gh_move_ask_origins(m);
        return gh_batch_ok(b) ? GH_STEP_MORE : GH_STEP_FAIL;
    }
    switch (m->stage) {
    case GH_MOVE_ORIGINS:
        if (gh_move_take_origins(m) != 0)
            return GH_STEP_FAIL;
        gh_move_ask(m);
        gh_batch_hold(b);
        m->stage = GH_MOVE_FACTS;
        return gh_batch_ok(b) ? GH_STEP_MORE : GH_STEP_FAIL;
    case GH_MOVE_FACTS:
        if ((next = gh_move_take(m)) != GH_STEP_MORE)
            return next;
        gh_book_resolve(&m->book);
        m->stage = GH_MOVE_PLACES;
        break;
    case GH_MOVE_PLACES:
        if (gh_facts_take_taken(&m->book) != 0)
            return GH_STEP_FAIL;
        break;
    default:
        return last(m);
    }
    if (gh_book_ask_places(&m->book))
        return ++m->book.place_reads <= GH_PLACE_READS_MAX ? GH_STEP_MORE : GH_STEP_FAIL;
    return decide_all(m);
}
