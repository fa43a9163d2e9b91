/*
 * workers/booking/check.c - AP-12: would this booking be accepted, and if not, what speaks against it? (api/24)
 *
 *   phase 0   read what a booking reads, without its locks (check.sql)
 *   phase 1   taken places of the sessions in question
 *   phase 2   every reason of every job
 *
 * The same arguments, facts and rules as AP-01. Who may not ask at all is refused as there; nothing is stored.
 */
#include "workers/booking/booking.h"

#include <libpq-fe.h>
#include <stdio.h>

#include "base/timez.h"

static gh_book_t *
begin(gh_batch_t *b)
{
    gh_book_t *book = gh_book_new(b);
    if (!book)
        return NULL;
    book->peek = true;
    for (size_t i = 0; i < book->n; i++) {
        book->jobs[i].dialect = &gh_dialect_v1;
        gh_dialect_v1.parse(&book->jobs[i]);
    }
    gh_facts_ask(book);
    return book;
}

static void
ask_taken(gh_book_t *book)
{
    int64_t *ids = gh_batch_alloc(book->b, (book->n_sessions + 1) * sizeof *ids);
    for (size_t i = 0; i < book->n_sessions && gh_batch_ok(book->b); i++)
        ids[i] = book->sessions[i].s.id;
    gh_facts_ask_taken(book, ids, book->n_sessions);
}

/* ---- answering */

static void
put_reason(gh_book_t *book, const gh_book_job_t *bj, gh_json_t *j, gh_err_t err)
{
    const gh_error_row_t *row = gh_error_row(err);
    gh_buf_t text GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    char p[16], m[16];
    const gh_registration_t *rules = gh_facts_rules_of(
        book->rules, book->n_rules, bj->session ? bj->session->s.doctor_id : bj->ask.doctor_id);
    snprintf(p, sizeof p, "%d", rules->period_days);
    snprintf(m, sizeof m, "%d", rules->max_per_period);
    gh_error_text(&text, row->en, (const gh_error_arg_t[]){{"P", gh_str(p)}, {"M", gh_str(m)}, {NULL, {0}}});
    gh_json_obj(j);
    gh_json_kcstr(j, "code", gh_error_row(row->v1)->name);
    gh_json_kstr(j, "message", gh_buf_view(&text));
    gh_json_obj_end(j);
}

static void
put_slot(gh_json_t *j, const gh_session_t *s, const gh_book_verdict_t *v)
{
    gh_json_obj(j);
    gh_json_ki64(j, "schedule_id", s->id);
    gh_json_ki64(j, "slot_no", v->slot_no);
    gh_json_ts(j, "starts_at", v->starts_us);
    gh_json_ts(j, "ends_at", v->ends_us);
    gh_json_kcstr(j, "slot_type", gh_v1_slot_type(s->slot_type));
    gh_json_kmoney(j, "price", s->list_price);
    gh_json_kbool(j, "available", true);
    gh_json_obj_end(j);
}

static void
reply(gh_book_t *book, gh_book_job_t *bj, const gh_err_t *reasons, size_t n, const gh_book_verdict_t *v)
{
    gh_buf_t out GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_json_t j;
    bool bookable = bj->session && n == 0;
    gh_json_init(&j, &out);
    gh_json_obj(&j);
    gh_json_kbool(&j, "bookable", bookable);
    gh_json_key(&j, "slot");
    if (bookable)
        put_slot(&j, &bj->session->s, v);
    else
        gh_json_null(&j);
    gh_json_key(&j, "reasons");
    gh_json_arr(&j);
    for (size_t i = 0; i < n; i++)
        put_reason(book, bj, &j, reasons[i]);
    gh_json_arr_end(&j);
    gh_json_obj_end(&j);
    gh_job_ok(book->b, bj->job, 0, gh_buf_view(&out));
}

/* ---- deciding */

/* Who may not book there is told so, as by AP-01. */
static gh_err_t
may_ask(const gh_book_job_t *bj, const gh_booker_t *who)
{
    if (bj->early != GH_E_NONE)
        return bj->early;
    if (!bj->ask.schedule_id && !bj->person.doctor_exists)
        return GH_E_DOCTOR_NOT_FOUND;
    gh_err_t err = gh_br72_may_book_for(who);
    return err != GH_E_NONE ? err : gh_r101_may_override(who);
}

static int
decide_job(gh_book_t *book, gh_book_job_t *bj)
{
    gh_booker_t who = gh_book_booker(bj);
    gh_err_t err = may_ask(bj, &who), reasons[GH_BOOK_REASONS];
    gh_book_verdict_t v = {0};
    if (bj->fault_field) {
        gh_job_invalid(book->b, bj->job, bj->fault_field, bj->fault_type, bj->fault_text);
        return 0;
    }
    if (err != GH_E_NONE) {
        gh_job_refuse(book->b, bj->job, err, NULL);
        return 0;
    }
    gh_bpatient_t *patient = gh_facts_patient(book, bj->person.patient_id);
    if (!patient)
        return -1;
    gh_wish_t wish = gh_book_wish(bj);
    gh_book_facts_t facts = gh_book_facts_of(book, bj, patient->orders, patient->n);
    size_t n;
    if (bj->session) {
        gh_slots_t none = {0};
        n = gh_book_reasons(&bj->session->s, bj->session->slots ? bj->session->slots : &none, &wish, &who,
                            &facts, reasons, &v);
    } else {
        facts.rules = gh_facts_rules_of(book->rules, book->n_rules, bj->ask.doctor_id);
        n = gh_book_reasons_nowhere(bj->ask.schedule_id ? GH_E_SCHEDULE_NOT_FOUND : GH_E_DOCTOR_UNAVAILABLE,
                                    wish.at_us, gh_tz_day(wish.at_us), &who, &facts, reasons);
    }
    reply(book, bj, reasons, n, &v);
    return 0;
}

/* Bitmaps of this batch alone: what is remembered in the pool belongs to those who hold the locks. */
static int
take_taken(gh_book_t *book, gh_slots_t *slots)
{
    const PGresult *r = gh_batch_result(book->b, book->at_taken);
    for (size_t i = 0; i < book->n_sessions; i++)
        book->sessions[i].slots = &slots[i];
    for (int i = 0; i < PQntuples(r); i++) {
        gh_bsession_t *x = gh_facts_session(book, gh_pg_i64(r, i, 0, 0));
        if (x && gh_facts_fill(x->slots, gh_pg_str(r, i, 1)) != 0)
            return -1;
    }
    return 0;
}

static gh_step_t
decide_all(gh_book_t *book)
{
    gh_slots_t *slots = gh_batch_alloc(book->b, (book->n_sessions + 1) * sizeof *slots);
    int rc = gh_batch_ok(book->b) ? take_taken(book, slots) : -1;
    for (size_t i = 0; i < book->n && rc == 0; i++)
        if (!book->jobs[i].job->done)
            rc = decide_job(book, &book->jobs[i]);
    for (size_t i = 0; i < book->n_sessions; i++)
        gh_slots_fini(&slots[i]);
    return rc == 0 ? GH_STEP_DONE : GH_STEP_FAIL;
}

gh_step_t
gh_check_step(gh_batch_t *b)
{
    gh_book_t *book = b->state;
    if (!book)
        return begin(b) && gh_batch_ok(b) ? GH_STEP_MORE : GH_STEP_FAIL;
    if (book->stage == GH_BOOK_PLACES)
        return decide_all(book);
    if (gh_facts_take(book) != 0)
        return GH_STEP_FAIL;
    gh_book_resolve(book);
    ask_taken(book);
    book->stage = GH_BOOK_PLACES;
    return gh_batch_ok(b) ? GH_STEP_MORE : GH_STEP_FAIL;
}
