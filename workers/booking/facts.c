/*
 * workers/booking/facts.c - what a batch of bookings reads: one round trip for all its jobs (booking.sql)
 */
#include "workers/booking/booking.h"

#include <libpq-fe.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/timez.h"

/* ---- asking */

/* Jobs of remembered full sessions are read without locks (full.c), the others with them. */
enum { LOCKED = 1, LIGHT = 2, ALL = LOCKED | LIGHT };

static bool
in_part(const gh_book_job_t *bj, int part)
{
    return part & (bj->light ? LIGHT : LOCKED);
}

static const char *
statement_of(const gh_book_t *book, int part, const char *locking, const char *looking)
{
    return part == LIGHT || book->peek ? looking : locking;
}

static size_t
ask_sessions(gh_book_t *book, int part, const char *statement, int n_params)
{
    gh_pgarr_t ids = {0}, doctors = {0}, days = {0};
    for (size_t i = 0; i < book->n; i++) {
        const gh_ask_t *ask = &book->jobs[i].ask;
        if (!in_part(&book->jobs[i], part))
            continue;
        if (ask->schedule_id) {
            gh_pgarr_i64(&ids, ask->schedule_id);
        } else if (ask->doctor_id) {
            gh_pgarr_i64(&doctors, ask->doctor_id);
            gh_pgarr_day(&days, gh_tz_day(ask->at_us));
        }
    }
    for (size_t i = 0; i < book->n_held && (part & LOCKED); i++)
        gh_pgarr_i64(&ids, book->held[i]);
    const char *const wanted[] = {gh_pgarr_literal(&ids), gh_pgarr_literal(&doctors),
                                  gh_pgarr_literal(&days)};
    size_t at = gh_batch_query(book->b, statement, n_params, wanted);
    gh_pgarr_fini(&ids);
    gh_pgarr_fini(&doctors);
    gh_pgarr_fini(&days);
    return at;
}

static size_t
ask_people(gh_book_t *book, int part, const char *now)
{
    gh_pgarr_t users = {0}, patients = {0}, override = {0}, doctors = {0};
    for (size_t i = 0; i < book->n; i++) {
        const gh_book_job_t *bj = &book->jobs[i];
        if (!in_part(bj, part))
            continue;
        gh_pgarr_i64(&users, bj->job->head.actor.user_id);
        bj->ask.patient_id ? gh_pgarr_i64(&patients, bj->ask.patient_id) : gh_pgarr_null(&patients);
        gh_pgarr_bool(&override, bj->ask.override);
        bj->ask.schedule_id ? gh_pgarr_null(&doctors) : gh_pgarr_i64(&doctors, bj->ask.doctor_id);
    }
    char today[GH_TEXT_DATE];
    gh_day_text(book->today, today);
    const char *const params[] = {gh_pgarr_literal(&users),    gh_pgarr_literal(&patients),
                                  gh_pgarr_literal(&override), now,
                                  gh_pgarr_literal(&doctors),  today};
    size_t at = gh_batch_query(book->b, statement_of(book, part, "book_people", "peek_people"), 6, params);
    gh_pgarr_fini(&users);
    gh_pgarr_fini(&patients);
    gh_pgarr_fini(&override);
    gh_pgarr_fini(&doctors);
    return at;
}

static void
ask_orders(gh_book_t *book)
{
    gh_pgarr_t patients = {0}, users = {0};
    for (size_t i = 0; i < book->n; i++) {
        const gh_book_job_t *bj = &book->jobs[i];
        if (!in_part(bj, LOCKED))
            continue;
        if (bj->ask.patient_id)
            gh_pgarr_i64(&patients, bj->ask.patient_id);
        else
            gh_pgarr_i64(&users, bj->job->head.actor.user_id);
    }
    char since[GH_PG_TIME_TEXT];
    gh_pg_time_text(gh_day_at(book->today - GH_NO_SHOW_DAYS, 0), since);
    const char *const params[] = {gh_pgarr_literal(&patients), gh_pgarr_literal(&users), since};
    book->at_orders = gh_batch_query(book->b, "patient_orders", 3, params);
    gh_pgarr_fini(&patients);
    gh_pgarr_fini(&users);
}

/* Places of sessions asked for by id of which nothing is remembered: read now, most likely they are needed. */
static void
ask_cold_places(gh_book_t *book)
{
    int64_t *cold = gh_batch_alloc(book->b, book->n * sizeof *cold);
    size_t n = 0;
    for (size_t i = 0; i < book->n; i++) {
        int64_t id = in_part(&book->jobs[i], LOCKED) ? book->jobs[i].ask.schedule_id : 0;
        bool known = id == 0 || gh_places_has(book->pool->places, id);
        for (size_t k = 0; k < n && !known; k++)
            known = cold[k] == id;
        if (!known)
            cold[n++] = id;
    }
    if (n > 0)
        gh_facts_ask_taken(book, cold, n);
}

/* Every job that may book gets a set of numbers beforehand, from the stock or from the sequences; refused jobs give theirs back. */
static bool
needs_numbers(const gh_book_job_t *bj)
{
    return in_part(bj, LOCKED) && !bj->numbers.order_id;
}

static void
ask_numbers(gh_book_t *book)
{
    gh_booking_t *pool = book->pool;
    size_t n = 0;
    for (size_t i = 0; i < book->n; i++)
        n += needs_numbers(&book->jobs[i]);
    book->asked_numbers = pool->n_numbers < n;
    if (!book->asked_numbers) {
        for (size_t i = 0; i < book->n; i++)
            if (needs_numbers(&book->jobs[i]))
                book->jobs[i].numbers = pool->numbers[--pool->n_numbers];
        return;
    }
    char draw[24];
    snprintf(draw, sizeof draw, "%zu", n > GH_NUMBERS_DRAW ? n : (size_t)GH_NUMBERS_DRAW);
    book->at_numbers = gh_batch_query(book->b, "order_numbers", 1, (const char *const[]){draw});
}

void
gh_facts_ask(gh_book_t *book)
{
    char now[GH_PG_TIME_TEXT];
    gh_pg_time_text(book->b->now_us, now);
    book->locks = book->n_light < book->n || book->n_held > 0;
    if (book->n_light > 0) {
        book->at_light_people = ask_people(book, LIGHT, now);
        book->at_light_sessions = ask_sessions(book, LIGHT, "peek_sessions", 3);
    }
    if (book->locks) {
        book->at_people = ask_people(book, LOCKED,
                                     now); /* before the settings: it holds the rates (decisions 21) */
        ask_orders(book);
    }
    book->at_rules = ask_sessions(book, ALL, "registration_settings", 2);
    book->at_settings = gh_batch_query(book->b, "booking_settings", 0, NULL);
    if (!book->locks)
        return;
    if (!book->numberless && !book->peek)
        ask_numbers(book);
    /* Last of what does not need it: while this waits for the former batch of a hot session, the reading is done. */
    book->at_sessions = ask_sessions(book, LOCKED,
                                     statement_of(book, LOCKED, "lock_sessions", "peek_sessions"), 3);
    if (!book->peek)
        ask_cold_places(book);
}

void
gh_facts_ask_taken(gh_book_t *book, const int64_t *ids, size_t n)
{
    gh_pgarr_t list = {0};
    for (size_t i = 0; i < n; i++)
        gh_pgarr_i64(&list, ids[i]);
    book->at_taken = gh_batch_query(book->b, "taken_slots", 1,
                                    (const char *const[]){gh_pgarr_literal(&list)});
    book->asked_ids = ids;
    book->n_asked = n;
    gh_pgarr_fini(&list);
}

/* ---- taking in */

static gh_str_t
keep(gh_book_t *book, const PGresult *r, int row, int col)
{
    gh_str_t s = gh_pg_str(r, row, col);
    return s.p ? gh_batch_dup(book->b, s) : s; /* SQL NULL stays null in the answer */
}

static void
take_session(gh_book_t *book, const PGresult *r, int row, bool locked)
{
    gh_bsession_t *x = &book->sessions[book->n_sessions++];
    x->s = gh_session_row(r, row, &x->writer);
    if (locked)
        book->this_xid = gh_pg_i64(r, row, 16, 0);
    x->doctor_name = keep(book, r, row, 17);
    x->doctor_title = keep(book, r, row, 18);
    x->dept_name = keep(book, r, row, 19);
    x->clinic_name = keep(book, r, row, 20);
    x->listed_in = gh_pg_i64(r, row, 21, 0);
}

/* The locked and the looked at, both by id; of one that is among both the locked row counts. */
static void
take_sessions(gh_book_t *book)
{
    const PGresult *locked = book->locks ? gh_batch_result(book->b, book->at_sessions) : NULL;
    const PGresult *light = book->n_light ? gh_batch_result(book->b, book->at_light_sessions) : NULL;
    int n = locked ? PQntuples(locked) : 0, m = light ? PQntuples(light) : 0, i = 0, k = 0;
    book->n_sessions = 0;
    book->sessions = gh_batch_alloc(book->b, (size_t)(n + m) * sizeof *book->sessions + 1);
    if (!gh_batch_ok(book->b))
        return;
    while (i < n || k < m) {
        int64_t a = i < n ? gh_pg_i64(locked, i, 0, 0) : INT64_MAX,
                b = k < m ? gh_pg_i64(light, k, 0, 0) : INT64_MAX;
        if (a <= b)
            take_session(book, locked, i++, true);
        else
            take_session(book, light, k, false);
        k += b <= a;
    }
}

static void
take_people(gh_book_t *book, int part, size_t at)
{
    const PGresult *r = gh_batch_result(book->b, at);
    int row = 0;
    for (size_t i = 0; i < book->n && row < PQntuples(r); i++) {
        if (!in_part(&book->jobs[i], part))
            continue;
        book->jobs[i].person = (gh_bperson_t){.own_id = gh_pg_i64(r, row, 0, 0),
                                              .patient_id = gh_pg_i64(r, row, 1, 0),
                                              .user_id = gh_pg_i64(r, row, 2, 0),
                                              .name = keep(book, r, row, 3),
                                              .phone = keep(book, r, row, 4),
                                              .type = keep(book, r, row, 5),
                                              .related = gh_pg_bool(r, row, 6),
                                              .assigned = gh_pg_bool(r, row, 7),
                                              .banned = gh_pg_bool(r, row, 8),
                                              .may_override = gh_pg_bool(r, row, 9),
                                              .doctor_exists = gh_pg_bool(r, row, 10)};
        row++;
    }
}

static int
take_orders(gh_book_t *book)
{
    const PGresult *r = gh_batch_result(book->b, book->at_orders);
    for (int i = 0; i < PQntuples(r); i++) {
        gh_patient_order_t o = {.schedule_id = gh_pg_i64(r, i, 1, 0),
                                .dept_id = gh_pg_i64(r, i, 2, 0),
                                .starts_us = gh_pg_i64(r, i, 3, 0),
                                .ends_us = gh_pg_i64(r, i, 4, 0),
                                .day = (int32_t)gh_pg_i64(r, i, 5, 0),
                                .id = gh_pg_i64(r, i, 7, 0)};
        gh_bpatient_t *p = gh_facts_patient(book, gh_pg_i64(r, i, 0, 0));
        if (!p || gh_order_state_parse(gh_pg_str(r, i, 6), &o.state) != 0 ||
            gh_facts_add_order(book, p, &o) != 0)
            return -1;
    }
    return 0;
}

struct gh_doctor_rules *
gh_facts_rules(gh_batch_t *b, const struct pg_result *r, bool interval_on, size_t *n)
{
    int rows = PQntuples(r);
    struct gh_doctor_rules *rules = gh_batch_alloc(b, ((size_t)rows + 1) * sizeof *rules);
    *n = 0;
    if (!gh_batch_ok(b))
        return rules;
    rules[0] = (struct gh_doctor_rules){.doctor_id = 0, .r = gh_registration_default};
    *n = 1;
    for (int i = 0; i < rows; i++) {
        int64_t doctor_id = gh_pg_i64(r, i, 0, 0);
        struct gh_doctor_rules *x = doctor_id ? &rules[(*n)++] : &rules[0];
        x->doctor_id = doctor_id;
        x->r = (gh_registration_t){.advance_days = (int32_t)gh_pg_i64(r, i, 1, -1),
                                   .deadline_minute = (int32_t)gh_pg_i64(r, i, 2, -1),
                                   .no_show_limit = (int32_t)gh_pg_i64(r, i, 3, -1),
                                   .cancel_hours = (int32_t)gh_pg_i64(r, i, 4, -1),
                                   .interval_days = (int32_t)gh_pg_i64(r, i, 5, -1),
                                   .payment_minutes = (int32_t)gh_pg_i64(r, i, 6, -1),
                                   .max_per_period = (int32_t)gh_pg_i64(r, i, 7, -1),
                                   .period_days = (int32_t)gh_pg_i64(r, i, 8, -1)};
        gh_registration_mend(&x->r);
    }
    for (size_t i = 0; i < *n; i++)
        rules[i].r.interval_on = interval_on;
    return rules;
}

const gh_registration_t *
gh_facts_rules_of(const struct gh_doctor_rules *rules, size_t n, int64_t doctor_id)
{
    for (size_t i = 1; i < n; i++)
        if (rules[i].doctor_id == doctor_id)
            return &rules[i].r;
    return &rules[0].r;
}

static void
take_settings(gh_book_t *book)
{
    const PGresult *r = gh_batch_result(book->b, book->at_settings);
    book->rates = gh_rates_row(r);
    book->registration_rules = true;
    if (PQntuples(r) == 1) {
        book->registration_rules = gh_pg_bool(r, 0, 4);
        book->require_prepayment = gh_pg_bool(r, 0, 5);
        book->interval_on = gh_pg_bool(r, 0, 6);
        book->strict = gh_pg_bool(r, 0, 7);
    }
    book->rules = gh_facts_rules(book->b, gh_batch_result(book->b, book->at_rules), book->interval_on,
                                 &book->n_rules);
}

static int
take_numbers(gh_book_t *book)
{
    const PGresult *r = gh_batch_result(book->b, book->at_numbers);
    gh_booking_t *pool = book->pool;
    int rows = PQntuples(r), row = 0;
    for (size_t i = 0; i < book->n; i++) {
        if (!needs_numbers(&book->jobs[i]))
            continue;
        if (row == rows)
            return -1;
        book->jobs[i].numbers = gh_order_numbers_row(r, row++);
    }
    while (rows-- > row)
        if (pool->n_numbers < GH_NUMBERS_MAX)
            pool->numbers[pool->n_numbers++] = gh_order_numbers_row(r, rows);
    return 0;
}

int
gh_facts_take(gh_book_t *book)
{
    take_sessions(book);
    if (book->n_light)
        take_people(book, LIGHT, book->at_light_people);
    if (book->locks)
        take_people(book, LOCKED, book->at_people);
    take_settings(book);
    if (!gh_batch_ok(book->b) || (book->locks && take_orders(book) != 0) ||
        (book->asked_numbers && take_numbers(book) != 0))
        return -1;
    for (size_t i = 0; i < book->n_sessions; i++)
        book->sessions[i].rules = gh_facts_rules_of(book->rules, book->n_rules,
                                                    book->sessions[i].s.doctor_id);
    return book->n_asked ? gh_facts_take_taken(book) : 0;
}

int
gh_facts_fill(gh_slots_t *slots, gh_str_t list)
{
    const char *p = list.p, *end = list.p + list.n;
    while (p < end) {
        int32_t k = 0;
        for (; p < end && *p >= '0' && *p <= '9'; p++)
            k = k * 10 + (*p - '0');
        if (gh_slots_take(slots, k) != 0)
            return -1;
        p++;
    }
    return 0;
}

/* A session that was asked for and has no row in the answer has no place taken. */
int
gh_facts_take_taken(gh_book_t *book)
{
    const PGresult *r = gh_batch_result(book->b, book->at_taken);
    gh_places_t *places = book->pool->places;
    for (size_t i = 0; i < book->n_asked; i++) {
        gh_bsession_t *x = gh_facts_session(book, book->asked_ids[i]);
        if (x && !gh_places_put(places, x->s.id, x->writer))
            return -1;
    }
    for (int i = 0; i < PQntuples(r); i++) {
        gh_bsession_t *x = gh_facts_session(book, gh_pg_i64(r, i, 0, 0));
        gh_slots_t *slots = x ? gh_places_get(places, x->s.id, x->writer) : NULL;
        if (slots && gh_facts_fill(slots, gh_pg_str(r, i, 1)) != 0) {
            gh_places_forget(places, x->s.id);
            return -1;
        }
    }
    book->n_asked = 0;
    return 0;
}

gh_bsession_t *
gh_facts_session(gh_book_t *book, int64_t id)
{
    size_t low = 0, high = book->n_sessions;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (book->sessions[mid].s.id == id)
            return &book->sessions[mid];
        if (book->sessions[mid].s.id < id)
            low = mid + 1;
        else
            high = mid;
    }
    return NULL;
}

gh_bpatient_t *
gh_facts_patient(gh_book_t *book, int64_t id)
{
    gh_bpatient_t **at = &book->buckets[(uint64_t)id % GH_COUNT(book->buckets)];
    for (gh_bpatient_t *p = *at; p; p = p->next)
        if (p->id == id)
            return p;
    gh_bpatient_t *p = gh_batch_alloc(book->b, sizeof *p);
    if (!gh_batch_ok(book->b))
        return NULL;
    p->id = id;
    p->next = *at;
    *at = p;
    return p;
}

int
gh_facts_add_order(gh_book_t *book, gh_bpatient_t *p, const gh_patient_order_t *o)
{
    if (p->n == p->cap) {
        size_t cap = p->cap ? p->cap * 2 : 8;
        gh_patient_order_t *orders = gh_batch_alloc(book->b, cap * sizeof *orders);
        if (!gh_batch_ok(book->b))
            return -1;
        if (p->n > 0)
            memcpy(orders, p->orders, p->n * sizeof *orders);
        p->orders = orders;
        p->cap = cap;
    }
    p->orders[p->n++] = *o;
    return 0;
}
