/*
 * workers/booking/waitlist.c - joining the waitlist of a full session, turning an entry into an order, and its upkeep (BR-96 to
 * BR-104; api/07 section 7.3)
 *
 * Freed places are offered where they become free (lib/domain/offer.h): in cancellations, time-outs, wherever places are
 * added. What stands here for the rest: a patient who was passed over, because of another appointment then, may still ask
 * for a place that is left, and every minute such places are offered again.
 *
 *   join      0  lock sessions; who asks, settings, numbers, who waits     1  decide in order of arrival, write
 *   convert   0  lock the session; the entry     1  decide, ask who waits     2  give places     3  what became of the entry
 *   leave     0  lock the entries     1  decide in order of arrival, write
 *   tidy      0  end entries of begun sessions; sessions with places left     1  lock them, ask who waits     2  give places
 */
#include "workers/booking/booking.h"

#include <libpq-fe.h>
#include <stdio.h>

#include "base/timez.h"
#include "domain/offer.h"
#include "domain/wait_rules.h"
#include "domain/wechat.h"
#include "worker/args.h"

/* ---- joining */

typedef struct wait_job {
    gh_wjob_t *job;
    int64_t schedule_id, patient_id;
    gh_order_numbers_t numbers;
    char order_no[GH_ORDER_NO_TEXT];
    int64_t patient_user_id, price;
    int32_t rate;
    int64_t position;
    bool joined;
} wait_job_t;

typedef struct wait_batch {
    wait_job_t *jobs;
    size_t n;
    size_t at_people, at_settings, at_numbers, at_sessions, at_facts;
} wait_batch_t;

static void
ask_join(gh_batch_t *b, wait_batch_t *w)
{
    gh_pgarr_t users = {0}, patients = {0}, override = {0}, doctors = {0}, sessions = {0};
    const char *none = "{}";
    for (size_t i = 0; i < w->n; i++) {
        gh_pgarr_i64(&users, w->jobs[i].job->head.actor.user_id);
        gh_pgarr_i64(&patients, w->jobs[i].patient_id);
        gh_pgarr_bool(&override, false);
        gh_pgarr_null(&doctors);
        gh_pgarr_i64(&sessions, w->jobs[i].schedule_id);
    }
    const char *ids = gh_pgarr_literal(&sessions), *people = gh_pgarr_literal(&patients);
    const char *const who[] = {gh_pgarr_literal(&users),    people,
                               gh_pgarr_literal(&override), gh_text_time(b, b->now_us),
                               gh_pgarr_literal(&doctors),  gh_text_day(b, gh_tz_day(b->now_us))};
    /* Not the lock of patients: nothing is taken from the patient, and an offer passes over whoever's lock is held, be it for the moment
     * in which a committed transaction lets go of it. */
    gh_batch_query(b, "share_rates", 0, NULL);
    w->at_people = gh_batch_query(b, "peek_people", 6, who);
    w->at_settings = gh_batch_query(b, "booking_settings", 0, NULL);
    w->at_sessions = gh_batch_query(b, "lock_sessions", 3, (const char *const[]){ids, none, none});
    /* drawn under the locks: who comes later gets a higher number, and that is the order of joining */
    w->at_numbers = gh_batch_query(b, "order_numbers", 1,
                                   (const char *const[]){gh_text_i64(b, (int64_t)w->n)});
    w->at_facts = gh_batch_query(b, "wait_facts", 2, (const char *const[]){ids, people});
    gh_pgarr_fini(&users);
    gh_pgarr_fini(&patients);
    gh_pgarr_fini(&override);
    gh_pgarr_fini(&doctors);
    gh_pgarr_fini(&sessions);
}

static gh_step_t
begin_join(gh_batch_t *b)
{
    wait_batch_t *w = gh_batch_alloc(b, sizeof *w);
    w->jobs = gh_batch_alloc(b, b->n * sizeof *w->jobs);
    if (!gh_batch_ok(b))
        return GH_STEP_FAIL;
    b->state = w;
    w->n = b->n;
    for (size_t i = 0; i < b->n; i++)
        w->jobs[i] = (wait_job_t){.job = b->jobs[i],
                                  .schedule_id = gh_arg_id(b->jobs[i]->args, "body.scheduleId"),
                                  .patient_id = gh_arg_id(b->jobs[i]->args, "body.patientId")};
    ask_join(b, w);
    return gh_batch_ok(b) ? GH_STEP_MORE : GH_STEP_FAIL;
}

/* Columns of peek_people. */
enum { OWN_ID, PATIENT, PATIENT_USER, NAME, PHONE, TYPE, RELATED, ASSIGNED, BANNED };
/* Columns of wait_facts. */
enum { WAITING, WAITS, HAS_PLACE };

static int
session_row_of(const PGresult *r, int64_t id)
{
    for (int i = 0; i < PQntuples(r); i++)
        if (gh_pg_i64(r, i, 0, 0) == id)
            return i;
    return -1;
}

static gh_err_t
may_join(gh_batch_t *b, const wait_batch_t *w, size_t i, const gh_session_t *s)
{
    const PGresult *people = gh_batch_result(b, w->at_people), *facts = gh_batch_result(b, w->at_facts);
    int row = (int)i;
    const gh_wait_ask_t ask = {.own_id = gh_pg_i64(people, row, OWN_ID, 0),
                               .patient_id = gh_pg_i64(people, row, PATIENT, 0),
                               .related = gh_pg_bool(people, row, RELATED),
                               .banned = gh_pg_bool(people, row, BANNED),
                               .has_place = gh_pg_bool(facts, row, HAS_PLACE),
                               .waits = gh_pg_bool(facts, row, WAITS),
                               .session = s,
                               .now_us = b->now_us};
    return gh_br96_may_join(&ask);
}

static void
answer_join(gh_batch_t *b, const wait_job_t *wj)
{
    gh_buf_t out GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_json_t j;
    char at[GH_TEXT_DT], wait[48];
    gh_dt_text(b->now_us, ' ', at);
    snprintf(wait, sizeof wait, "%lld分钟", (long long)gh_br98_estimate_minutes(wj->position));
    gh_json_init(&j, &out);
    gh_json_obj(&j);
    gh_json_ki64(&j, "id", wj->numbers.order_id);
    gh_json_ki64(&j, "queueNumber", wj->position);
    gh_json_kcstr(&j, "estimatedTime", wait);
    gh_json_kcstr(&j, "createdAt", at);
    gh_json_obj_end(&j);
    gh_job_ok(b, wj->job, 0, gh_buf_view(&out));
}

/* Behind those who wait already, and those of this batch. */
static gh_err_t
place_in_line(const wait_batch_t *w, size_t i, int64_t waiting)
{
    wait_job_t *wj = &w->jobs[i];
    wj->position = gh_br97_position(waiting);
    for (size_t k = 0; k < i; k++) {
        if (!w->jobs[k].joined || w->jobs[k].schedule_id != wj->schedule_id)
            continue;
        if (w->jobs[k].patient_id == wj->patient_id)
            return GH_E_WAITLIST_DUPLICATE;
        wj->position++;
    }
    return GH_E_NONE;
}

static void
decide_join(gh_batch_t *b, wait_batch_t *w, size_t i, const gh_rates_t *rates)
{
    wait_job_t *wj = &w->jobs[i];
    const PGresult *sessions = gh_batch_result(b, w->at_sessions);
    gh_session_t s = {0};
    int row = session_row_of(sessions, wj->schedule_id);
    if (wj->job->done)
        return;
    if (row >= 0)
        s = gh_session_row(sessions, row, NULL);
    gh_err_t err = may_join(b, w, i, row >= 0 ? &s : NULL);
    if (err == GH_E_NONE)
        err = place_in_line(w, i, gh_pg_i64(gh_batch_result(b, w->at_facts), (int)i, WAITING, 0));
    if (err != GH_E_NONE) {
        gh_job_refuse(b, wj->job, err, NULL);
        return;
    }
    const PGresult *people = gh_batch_result(b, w->at_people);
    wj->numbers = gh_order_numbers_row(gh_batch_result(b, w->at_numbers), (int)i);
    gh_order_no_text(&gh_booking_state(b->worker)->key, gh_tz_day(b->now_us), wj->numbers.order_seq,
                     wj->order_no);
    wj->patient_user_id = gh_pg_i64(people, (int)i, PATIENT_USER, 0);
    wj->rate = gh_rate_of(rates, gh_pg_str(people, (int)i, TYPE));
    wj->price = gh_price_payable(s.list_price, wj->rate);
    wj->joined = true;
    answer_join(b, wj);
    gh_wechat_note(b, wj->job, "waitlist");
}

static int
write_joins(gh_batch_t *b, const wait_batch_t *w)
{
    enum { ID, NO, PERSON, USER, INITIATOR, SESSION, RATE, PRICE, N };
    gh_pgarr_t a[N] = {0};
    size_t joined = 0;
    for (size_t i = 0; i < w->n; i++) {
        const wait_job_t *wj = &w->jobs[i];
        if (!wj->joined)
            continue;
        joined++;
        gh_pgarr_i64(&a[ID], wj->numbers.order_id);
        gh_pgarr_text(&a[NO], gh_str(wj->order_no));
        gh_pgarr_i64(&a[PERSON], wj->patient_id);
        gh_pgarr_id(&a[USER], wj->patient_user_id);
        gh_pgarr_i64(&a[INITIATOR], wj->job->actor.user_id);
        gh_pgarr_i64(&a[SESSION], wj->schedule_id);
        gh_pgarr_i64(&a[RATE], wj->rate);
        gh_pgarr_money(&a[PRICE], wj->price);
    }
    const char *params[N + 1];
    int rc = 0;
    for (int i = 0; i < N; i++)
        if (!(params[i] = gh_pgarr_literal(&a[i])))
            rc = -1;
    params[N] = gh_text_time(b, b->now_us);
    if (joined > 0 && rc == 0)
        gh_batch_query(b, "write_waits", N + 1, params);
    for (int i = 0; i < N; i++)
        gh_pgarr_fini(&a[i]);
    return rc;
}

gh_step_t
gh_wait_join_step(gh_batch_t *b)
{
    wait_batch_t *w = b->state;
    if (!w)
        return begin_join(b);
    gh_rates_t rates = gh_rates_row(gh_batch_result(b, w->at_settings));
    for (size_t i = 0; i < w->n; i++)
        decide_join(b, w, i, &rates);
    return write_joins(b, w) == 0 && gh_batch_ok(b) ? GH_STEP_DONE : GH_STEP_FAIL;
}

/* ---- converting (one job a batch) */

typedef struct convert {
    int stage;
    const char *order_id;
    size_t at;
    gh_offer_t offer;
} convert_t;

static const char *
session_list(gh_batch_t *b, int64_t id)
{
    char text[32];
    int n = snprintf(text, sizeof text, "{%lld}", (long long)id);
    return gh_text(b, (gh_str_t){text, (size_t)n});
}

static gh_step_t
begin_convert(gh_batch_t *b)
{
    convert_t *c = gh_batch_alloc(b, sizeof *c);
    int64_t id = gh_arg_id(b->jobs[0]->args, "path.waitlistId");
    if (!gh_batch_ok(b))
        return GH_STEP_FAIL;
    b->state = c;
    c->order_id = gh_text_i64(b, id);
    gh_batch_query(b, "lock_order_sessions", 1, (const char *const[]){session_list(b, id)});
    c->at = gh_batch_query(b, "wait_entry", 1, &c->order_id);
    return gh_batch_ok(b) ? GH_STEP_MORE : GH_STEP_FAIL;
}

/* Row `row` of wait_entry or wait_leaving; -1: there is none. */
static gh_wait_entry_t
entry_row(const PGresult *r, int row)
{
    gh_wait_entry_t e = {.exists = row >= 0};
    if (!e.exists || gh_order_state_parse(gh_pg_str(r, row, 0), &e.state) != 0)
        return (gh_wait_entry_t){0};
    e.initiator_id = gh_pg_i64(r, row, 1, 0);
    e.patient_id = gh_pg_i64(r, row, 2, 0);
    return e;
}

static gh_step_t
decide_convert(gh_batch_t *b, convert_t *c)
{
    const PGresult *entry = gh_batch_result(b, c->at);
    const gh_actor_t *a = &b->jobs[0]->actor;
    gh_wait_entry_t e = entry_row(entry, PQntuples(entry) - 1);
    gh_err_t err = gh_br100_may_convert(&e, a->user_id, a->patient_id);
    if (err != GH_E_NONE) {
        gh_job_refuse(b, b->jobs[0], err, NULL);
        return GH_STEP_DONE;
    }
    c->stage = 1;
    gh_offer_ask(b, &c->offer, session_list(b, gh_pg_i64(entry, 0, 3, 0)));
    return gh_batch_ok(b) ? GH_STEP_MORE : GH_STEP_FAIL;
}

static gh_step_t
give_converted(gh_batch_t *b, convert_t *c)
{
    gh_booking_t *pool = gh_booking_state(b->worker);
    c->stage = 2;
    if (gh_offer_take(b, &c->offer, pool->currency) != 0)
        return GH_STEP_FAIL;
    for (size_t i = 0; i < c->offer.n_sessions; i++)
        gh_places_forget(pool->places, c->offer.sessions[i]);
    c->at = gh_batch_query(b, "wait_converted", 2, (const char *const[]){c->order_id, gh_tz_name()});
    return gh_batch_ok(b) ? GH_STEP_MORE : GH_STEP_FAIL;
}

static gh_step_t
answer_convert(gh_batch_t *b, const convert_t *c)
{
    enum { GIVEN, ELSEWHERE, BODY }; /* columns of wait_converted */
    const PGresult *r = gh_batch_result(b, c->at);
    if (PQntuples(r) == 1 && gh_pg_bool(r, 0, GIVEN)) {
        gh_job_ok(b, b->jobs[0], 0, gh_pg_str(r, 0, BODY));
        gh_wechat_note(b, b->jobs[0], "waitlist_to_appointment");
    } else {
        bool elsewhere = PQntuples(r) == 1 && gh_pg_bool(r, 0, ELSEWHERE);
        gh_job_refuse(b, b->jobs[0], elsewhere ? GH_E_PATIENT_CONFLICT : GH_E_WAITLIST_CONVERT_FULL, NULL);
    }
    return GH_STEP_DONE;
}

gh_step_t
gh_wait_convert_step(gh_batch_t *b)
{
    convert_t *c = b->state;
    if (!c)
        return begin_convert(b);
    if (b->jobs[0]->done)
        return GH_STEP_DONE;
    if (c->stage == 0)
        return decide_convert(b, c);
    return c->stage == 1 ? give_converted(b, c) : answer_convert(b, c);
}

/* ---- leaving */

typedef struct leaving {
    size_t at;
} leaving_t;

static gh_step_t
begin_leave(gh_batch_t *b)
{
    leaving_t *l = gh_batch_alloc(b, sizeof *l);
    gh_pgarr_t ids = {0};
    for (size_t i = 0; i < b->n; i++)
        gh_pgarr_i64(&ids, gh_arg_id(b->jobs[i]->args, "path.waitlistId"));
    const char *entries = gh_pgarr_literal(&ids);
    b->state = l;
    if (entries)
        l->at = gh_batch_query(b, "wait_leaving", 1, &entries);
    bool whole = entries && gh_batch_ok(b);
    gh_pgarr_fini(&ids);
    return whole ? GH_STEP_MORE : GH_STEP_FAIL;
}

static int
leaving_row_of(const PGresult *r, int64_t id)
{
    for (int i = 0; i < PQntuples(r); i++)
        if (gh_pg_i64(r, i, 3, 0) == id)
            return i;
    return -1;
}

/* BR-103. Of two jobs of one batch for one entry the second finds it left. */
gh_step_t
gh_wait_leave_step(gh_batch_t *b)
{
    leaving_t *l = b->state;
    if (!l)
        return begin_leave(b);
    const PGresult *r = gh_batch_result(b, l->at);
    gh_pgarr_t ids = {0}, users = {0};
    int64_t *left = gh_batch_alloc(b, (b->n + 1) * sizeof *left);
    size_t n = 0;
    for (size_t i = 0; i < b->n && gh_batch_ok(b); i++) {
        gh_wjob_t *job = b->jobs[i];
        int64_t id = gh_arg_id(job->args, "path.waitlistId");
        gh_wait_entry_t e = entry_row(r, leaving_row_of(r, id));
        if (job->done)
            continue;
        for (size_t k = 0; k < n; k++)
            if (left[k] == id)
                e.state = GH_ORDER_CANCELLED;
        gh_err_t err = gh_br103_may_leave(&e, job->actor.user_id, job->actor.patient_id);
        if (err != GH_E_NONE) {
            gh_job_refuse(b, job, err, NULL);
            continue;
        }
        left[n++] = id;
        gh_pgarr_i64(&ids, id);
        gh_pgarr_i64(&users, job->actor.user_id);
        gh_job_ok(b, job, 0, GH_STR("{\"success\":true}"));
    }
    const char *params[] = {gh_pgarr_literal(&ids), gh_pgarr_literal(&users), gh_text_time(b, b->now_us)};
    bool whole = params[0] && params[1];
    if (n > 0 && whole)
        gh_batch_query(b, "write_leaves", 3, params);
    gh_pgarr_fini(&ids);
    gh_pgarr_fini(&users);
    return whole && gh_batch_ok(b) ? GH_STEP_DONE : GH_STEP_FAIL;
}

/* ---- upkeep: an inner operation of the jobs pool, every minute */

typedef struct tidy {
    int stage;
    size_t at_ended, at_free;
    int64_t ended;
    gh_offer_t offer;
} tidy_t;

static gh_step_t
begin_tidy(gh_batch_t *b)
{
    tidy_t *t = gh_batch_alloc(b, sizeof *t);
    const char *now = gh_text_time(b, b->now_us);
    if (!gh_batch_ok(b))
        return GH_STEP_FAIL;
    b->state = t;
    t->at_free = gh_batch_query(b, "wait_free", 1, &now);
    return GH_STEP_MORE;
}

/* Sessions are locked before orders (decisions 17), so entries end after them. */
static gh_step_t
lock_tidy(gh_batch_t *b, tidy_t *t)
{
    const PGresult *r = gh_batch_result(b, t->at_free);
    const char *now = gh_text_time(b, b->now_us), *none = "{}";
    gh_pgarr_t ids = {0};
    for (int i = 0; i < PQntuples(r); i++)
        gh_pgarr_i64(&ids, gh_pg_i64(r, i, 0, 0));
    const char *sessions = gh_pgarr_literal(&ids);
    t->stage = 1;
    if (sessions) {
        gh_batch_query(b, "lock_sessions", 3, (const char *const[]){sessions, none, none});
        gh_offer_ask(b, &t->offer, sessions);
    }
    t->at_ended = gh_batch_query(b, "wait_expire", 1, &now);
    bool whole = sessions && gh_batch_ok(b);
    gh_pgarr_fini(&ids);
    return whole ? GH_STEP_MORE : GH_STEP_FAIL;
}

static gh_step_t
end_tidy(gh_batch_t *b, tidy_t *t)
{
    gh_booking_t *pool = gh_booking_state(b->worker);
    gh_buf_t out GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    int64_t ended = gh_pg_i64(gh_batch_result(b, t->at_ended), 0, 0, 0);
    if (gh_offer_take(b, &t->offer, pool->currency) != 0)
        return GH_STEP_FAIL;
    for (size_t i = 0; i < t->offer.n_sessions; i++)
        gh_places_forget(pool->places, t->offer.sessions[i]);
    gh_buf_printf(&out, "{\"ended\":%lld,\"offered\":%zu}", (long long)ended, t->offer.n_orders);
    gh_job_ok(b, b->jobs[0], 0, gh_buf_view(&out));
    if (ended == 0 && t->offer.n_orders == 0)
        gh_job_no_effect(b->jobs[0]);
    return gh_batch_ok(b) ? GH_STEP_DONE : GH_STEP_FAIL;
}

gh_step_t
gh_wait_tidy_step(gh_batch_t *b)
{
    tidy_t *t = b->state;
    if (!t)
        return begin_tidy(b);
    if (b->jobs[0]->done)
        return GH_STEP_DONE;
    return t->stage == 0 ? lock_tidy(b, t) : end_tidy(b, t);
}
