/*
 * workers/booking/book.c - the batch of bookings: read once, decide in order of arrival, write once
 *
 *   phase 0   read people, their orders, settings, numbers; lock sessions, unknown taken places    (facts.c)
 *   phase 1   [taken places of sessions whose remembered bitmap is out of date]
 *   phase 1/2 decide each job over what earlier jobs of the batch have left; queue the writes      (write.c)
 *   [then]    free places nearby, for refusals that carry them
 *
 * Jobs of the three surfaces share the batch: an adapter turns arguments into gh_ask_t and the outcome into its payload.
 */
#include "workers/booking/booking.h"

#include <libpq-fe.h>
#include <stdio.h>

#include "base/log.h"
#include "base/timez.h"
#include "domain/wechat.h"

static const gh_dialect_t *const dialects[] = {&gh_dialect_code, &gh_dialect_v1, &gh_dialect_hb};

static const gh_dialect_t *
dialect_of(gh_str_t op)
{
    for (size_t i = 0; i < GH_COUNT(dialects); i++)
        if (gh_str_is(op, dialects[i]->op))
            return dialects[i];
    return NULL;
}

gh_book_t *
gh_book_new(gh_batch_t *b)
{
    gh_book_t *book = gh_batch_alloc(b, sizeof *book);
    gh_book_job_t *jobs = gh_batch_alloc(b, b->n * sizeof *jobs);
    if (!gh_batch_ok(b))
        return NULL;
    b->state = book;
    book->b = b;
    book->pool = gh_booking_state(b->worker);
    book->jobs = jobs;
    book->n = b->n;
    gh_civil_t c = gh_tz_civil(b->now_us);
    book->today = gh_tz_day(b->now_us);
    book->now_minute = c.hour * 60 + c.minute;
    for (size_t i = 0; i < b->n; i++)
        jobs[i].job = b->jobs[i];
    return book;
}

static gh_book_t *
begin(gh_batch_t *b)
{
    gh_book_t *book = gh_book_new(b);
    gh_book_job_t *jobs = book ? book->jobs : NULL;
    for (size_t i = 0; book && i < b->n; i++) {
        jobs[i].dialect = dialect_of(b->jobs[i]->head.op);
        if (!jobs[i].dialect)
            return NULL; /* an operation of another batch: a bug in the table of operations */
        jobs[i].dialect->parse(&jobs[i]);
    }
    return book;
}

/* ---- which session */

/* The open session of the doctor that contains the time, of the wanted class. */
static gh_bsession_t *
session_at(gh_book_t *book, const gh_ask_t *ask)
{
    for (size_t i = 0; i < book->n_sessions; i++) {
        gh_session_t *s = &book->sessions[i].s;
        if (gh_r83_session_at(&s, 1, ask->doctor_id, ask->at_us) &&
            (!ask->slot_type || strcmp(ask->slot_type, s->slot_type) == 0))
            return &book->sessions[i];
    }
    return NULL;
}

void
gh_book_resolve(gh_book_t *book)
{
    for (size_t i = 0; i < book->n; i++) {
        gh_book_job_t *bj = &book->jobs[i];
        const gh_ask_t *ask = &bj->ask;
        if (bj->job->done || bj->fault_field)
            continue;
        bj->session = ask->schedule_id ? gh_facts_session(book, ask->schedule_id) : session_at(book, ask);
        bj->dialect->person(bj);
    }
}

/* Sessions with places left whose taken places we do not know in the locked version: ask. A full one needs none. */
bool
gh_book_ask_places(gh_book_t *book)
{
    int64_t *missing = gh_batch_alloc(book->b, book->n_sessions * sizeof *missing + 1);
    size_t n = 0;
    for (size_t i = 0; i < book->n_sessions; i++)
        book->sessions[i].slots = NULL;
    for (size_t i = 0; i < book->n && gh_batch_ok(book->b); i++) {
        gh_bsession_t *x = book->jobs[i].session;
        if (!x || book->jobs[i].job->done || x->slots || !x->s.open || (x->s.remaining <= 0 && !x->leaves))
            continue;
        x->slots = gh_places_get(book->pool->places, x->s.id, x->writer);
        bool asked = x->slots != NULL;
        for (size_t k = 0; k < n && !asked; k++)
            asked = missing[k] == x->s.id;
        if (!asked)
            missing[n++] = x->s.id;
    }
    if (n > 0)
        gh_facts_ask_taken(book, missing, n);
    return n > 0;
}

/* ---- one decision */

void
gh_book_refuse(gh_book_t *book, gh_book_job_t *bj, gh_err_t err)
{
    char p[16] = "", m[16] = "";
    if (err == GH_E_BOOKING_LIMIT && bj->session) {
        snprintf(p, sizeof p, "%d", bj->session->rules->period_days);
        snprintf(m, sizeof m, "%d", bj->session->rules->max_per_period);
    }
    const gh_error_arg_t args[] = {{"P", gh_str(p)}, {"M", gh_str(m)}, {NULL, {0}}};
    gh_job_refuse(book->b, bj->job, err, err == GH_E_BOOKING_LIMIT ? args : NULL);
}

gh_booker_t
gh_book_booker(const gh_book_job_t *bj)
{
    const gh_actor_t *a = &bj->job->actor;
    const gh_bperson_t *p = &bj->person;
    return (gh_booker_t){.must_be_patient = bj->dialect->must_be_patient,
                         .has_patient = p->own_id != 0,
                         .patient_exists = p->patient_id != 0,
                         .own = p->own_id != 0 && p->own_id == p->patient_id,
                         .related = p->related,
                         /* nobody passes the guard only while heartbeat.open_access is on */
                         .scope_all = (a->scopes & GH_SCOPE_ALL) || a->user_id == 0,
                         .scope_assigned = a->scopes & GH_SCOPE_ASSIGNED,
                         .assigned = p->assigned,
                         .banned = p->banned,
                         .wants_override = bj->ask.override,
                         .may_override = p->may_override || (a->roles & GH_ROLE_SUPERUSER)};
}

gh_err_t
gh_book_nowhere(const gh_book_job_t *bj, int64_t now_us)
{
    if (bj->ask.schedule_id)
        return GH_E_SCHEDULE_NOT_FOUND;
    if (!bj->person.doctor_exists)
        return GH_E_DOCTOR_NOT_FOUND;
    return gh_claim_future(bj->ask.at_us, now_us) != GH_E_NONE ? GH_E_APPOINTMENT_IN_PAST
                                                               : GH_E_DOCTOR_UNAVAILABLE;
}

/* Before the rules: is there anything they could be asked about? */
static gh_err_t
find_target(gh_book_t *book, const gh_book_job_t *bj, const gh_booker_t *who)
{
    const gh_ask_t *ask = &bj->ask;
    if (who->must_be_patient && !who->has_patient)
        return GH_E_PATIENT_NOT_BOUND;
    if (!bj->session && ask->schedule_id)
        return GH_E_SCHEDULE_NOT_FOUND;
    if (!ask->schedule_id && !bj->person.doctor_exists)
        return GH_E_DOCTOR_NOT_FOUND;
    gh_err_t err = gh_br72_may_book_for(who);
    if (err != GH_E_NONE)
        return err;
    if (!bj->session)
        return gh_book_nowhere(bj, book->b->now_us);
    const gh_session_t *s = &bj->session->s;
    if (book->strict &&
        ((ask->hospital_id && ask->hospital_id != s->area_id) ||
         (ask->dept_id && ask->dept_id != s->dept_id && ask->dept_id != bj->session->listed_in)))
        return GH_E_SCHEDULE_MISMATCH;
    return GH_E_NONE;
}

gh_wish_t
gh_book_wish(const gh_book_job_t *bj)
{
    const gh_ask_t *ask = &bj->ask;
    return (gh_wish_t){.slot_no = ask->slot_no,
                       .at_us = ask->schedule_id ? 0 : ask->at_us,
                       .down = ask->down,
                       .whole_session = bj->dialect->whole_session};
}

gh_book_facts_t
gh_book_facts_of(const gh_book_t *book, const gh_book_job_t *bj, const gh_patient_order_t *orders, size_t n)
{
    return (gh_book_facts_t){.now_us = book->b->now_us,
                             .today = book->today,
                             .now_minute = book->now_minute,
                             .registration_rules = book->registration_rules,
                             .prepayment = bj->dialect->prepaid || book->require_prepayment,
                             .rules = bj->session ? bj->session->rules : NULL,
                             .rates = &book->rates,
                             .patient_type = bj->person.type,
                             .orders = orders,
                             .n_orders = n};
}

static gh_book_verdict_t
decide(gh_book_t *book, gh_book_job_t *bj, const gh_booker_t *who, gh_bpatient_t *patient)
{
    gh_slots_t unknown = {0}; /* closed or full: never looked at */
    gh_wish_t wish = gh_book_wish(bj);
    gh_book_facts_t facts = gh_book_facts_of(book, bj, patient->orders, patient->n);
    return gh_book_decide(&bj->session->s, bj->session->slots ? bj->session->slots : &unknown, &wish, who,
                          &facts);
}

/* Write the place down: what later jobs of the batch see. */
static int
take(gh_book_t *book, gh_book_job_t *bj, gh_bpatient_t *patient)
{
    gh_bsession_t *x = bj->session;
    const gh_book_verdict_t *v = &bj->verdict;
    gh_patient_order_t o = {.schedule_id = x->s.id,
                            .dept_id = x->s.dept_id,
                            .starts_us = v->starts_us,
                            .ends_us = v->ends_us,
                            .day = x->s.day,
                            .state = v->state};
    if (!x->slots || gh_claim_take(&x->s, x->slots, v->slot_no) != 0 ||
        gh_facts_add_order(book, patient, &o) != 0)
        return -1;
    /* remembered for what this transaction writes: should it fail, the memory is never valid again */
    gh_places_moved(book->pool->places, x->s.id, book->this_xid);
    x->taken_now++;
    bj->booked = true;
    bj->bill_id = v->price > 0 ? bj->numbers.bill_id : 0;
    gh_order_no_text(&book->pool->key, book->today, bj->numbers.order_seq, bj->order_no);
    bool for_oneself = bj->person.related ||
                       (bj->person.own_id && bj->person.own_id == bj->person.patient_id);
    bj->channel = bj->dialect == &gh_dialect_v1 && !for_oneself ? "staff" : bj->dialect->channel;
    return 0;
}

/* Refusals of a time are answered once the places nearby are known. */
bool
gh_book_wants_suggestions(gh_book_job_t *bj, gh_err_t err)
{
    if (!bj->dialect->suggests ||
        (err != GH_E_SLOT_TAKEN && err != GH_E_SLOT_NOT_ALIGNED && err != GH_E_DOCTOR_UNAVAILABLE))
        return false;
    bj->suggest_at = bj->ask.at_us;
    if (bj->session && bj->ask.schedule_id) {
        int64_t end;
        gh_slot_bounds(&bj->session->s, bj->ask.slot_no, &bj->suggest_at, &end);
    }
    return true;
}

static int
decide_job(gh_book_t *book, gh_book_job_t *bj, int64_t mono_ms)
{
    gh_wjob_t *job = bj->job;
    if (job->done)
        return 0;
    if (mono_ms >= job->deadline_ms) { /* its client was told no (decisions 9) */
        gh_job_refuse(book->b, job, GH_E_UPSTREAM_TIMEOUT, NULL);
        return 0;
    }
    if (bj->fault_field) {
        gh_job_invalid(book->b, job, bj->fault_field, bj->fault_type, bj->fault_text);
        return 0;
    }
    gh_booker_t who = gh_book_booker(bj);
    gh_err_t err = bj->early != GH_E_NONE ? bj->early : find_target(book, bj, &who);
    if (err == GH_E_NONE) {
        gh_bpatient_t *patient = gh_facts_patient(book, bj->person.patient_id);
        if (!patient)
            return -1;
        bj->verdict = decide(book, bj, &who, patient);
        err = bj->verdict.err;
        if (err == GH_E_NONE)
            return take(book, bj, patient);
        if (err == GH_E_SLOT_FULL && bj->session->s.remaining > 0)
            gh_log(GH_LOG_ERROR, "places_disagree", GH_KI("schedule_id", bj->session->s.id),
                   GH_KI("remaining", bj->session->s.remaining));
    }
    if (!gh_book_wants_suggestions(bj, err))
        gh_book_refuse(book, bj, err);
    bj->verdict.err = err;
    return 0;
}

/* ---- after deciding */

static void
give_numbers_back(gh_book_t *book)
{
    gh_booking_t *pool = book->pool;
    for (size_t i = book->n; i-- > 0;)
        if (!book->jobs[i].booked && book->jobs[i].numbers.order_id && pool->n_numbers < GH_NUMBERS_MAX)
            pool->numbers[pool->n_numbers++] = book->jobs[i].numbers;
}

bool
gh_book_ask_suggestions(gh_book_t *book)
{
    gh_pgarr_t doctors = {0}, moments = {0};
    size_t n = 0;
    for (size_t i = 0; i < book->n; i++) {
        const gh_book_job_t *bj = &book->jobs[i];
        if (!bj->suggest_at)
            continue;
        gh_pgarr_i64(&doctors, bj->session ? bj->session->s.doctor_id : bj->ask.doctor_id);
        gh_pgarr_time(&moments, bj->suggest_at);
        n++;
    }
    if (n > 0) {
        char now[GH_PG_TIME_TEXT], last[GH_TEXT_DATE];
        gh_pg_time_text(book->b->now_us, now);
        gh_day_text(book->today + book->rules[0].r.advance_days, last);
        const char *const params[] = {gh_pgarr_literal(&doctors), gh_pgarr_literal(&moments), now, last,
                                      gh_tz_name()};
        book->at_suggest = gh_batch_query(book->b, "nearest_slots", 5, params);
    }
    gh_pgarr_fini(&doctors);
    gh_pgarr_fini(&moments);
    return n > 0;
}

gh_step_t
gh_book_answer_suggestions(gh_book_t *book)
{
    const PGresult *r = gh_batch_result(book->b, book->at_suggest);
    int row = 0;
    for (size_t i = 0; i < book->n; i++) {
        gh_book_job_t *bj = &book->jobs[i];
        if (!bj->suggest_at)
            continue;
        if (row < PQntuples(r))
            gh_job_extra(book->b, bj->job, "suggestions", gh_pg_str(r, row++, 0));
        gh_book_refuse(book, bj, bj->verdict.err);
    }
    return GH_STEP_DONE;
}

static gh_step_t
decide_all(gh_book_t *book)
{
    int64_t mono_ms = gh_mono_ms();
    for (size_t i = 0; i < book->n; i++)
        if (decide_job(book, &book->jobs[i], mono_ms) != 0)
            return GH_STEP_FAIL;
    if (gh_book_write(book) != 0)
        return GH_STEP_FAIL;
    gh_full_remember(book);
    for (size_t i = 0; i < book->n; i++)
        if (book->jobs[i].booked) {
            book->jobs[i].dialect->reply(book, &book->jobs[i]);
            if (book->jobs[i].dialect->wechat)
                gh_wechat_note(book->b, book->jobs[i].job, "general");
        }
    give_numbers_back(book);
    if (!gh_batch_ok(book->b))
        return GH_STEP_FAIL;
    if (!gh_book_ask_suggestions(book))
        return GH_STEP_DONE;
    book->stage = GH_BOOK_SUGGEST;
    return GH_STEP_MORE;
}

gh_step_t
gh_book_step(gh_batch_t *b)
{
    gh_book_t *book = b->state;
    if (!book) {
        book = begin(b);
        if (!book)
            return GH_STEP_FAIL;
        gh_full_mark(book);
        gh_facts_ask(book);
        return gh_batch_ok(b) ? GH_STEP_MORE : GH_STEP_FAIL;
    }
    if (book->stage == GH_BOOK_SUGGEST)
        return gh_book_answer_suggestions(book);
    if (book->stage == GH_BOOK_FACTS) {
        if (gh_facts_take(book) != 0)
            return GH_STEP_FAIL;
        gh_step_t next = gh_full_reread(book);
        if (next != GH_STEP_DONE)
            return gh_batch_ok(b) ? next : GH_STEP_FAIL;
        gh_book_resolve(book);
        book->stage = GH_BOOK_PLACES;
    } else if (gh_facts_take_taken(book) != 0) {
        return GH_STEP_FAIL;
    }
    if (gh_book_ask_places(book))
        return ++book->place_reads <= GH_PLACE_READS_MAX ? GH_STEP_MORE : GH_STEP_FAIL;
    return decide_all(book);
}
