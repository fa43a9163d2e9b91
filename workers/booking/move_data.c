/*
 * workers/booking/move_data.c - what a batch of moves reads and writes (move.sql, and the statements of booking and cancelling)
 */
#include "workers/booking/move.h"

#include <libpq-fe.h>

#include "base/timez.h"
#include "domain/payment.h"
#include "worker/args.h"
#include "domain/message.h"

/* ---- reading */

static const char *
order_ids(gh_moving_t *m, gh_pgarr_t *ids)
{
    for (size_t i = 0; i < m->n; i++)
        gh_pgarr_i64(ids, m->jobs[i].order_id);
    return gh_pgarr_literal(ids);
}

void
gh_move_ask_origins(gh_moving_t *m)
{
    gh_pgarr_t ids = {0};
    const char *const params[] = {order_ids(m, &ids)};
    m->at_origins = gh_batch_query(m->b, "move_origins", 1, params);
    gh_pgarr_fini(&ids);
}

/* Columns of move_origins. */
enum { FROM_ORDER, FROM_SESSION, FROM_DOCTOR, FROM_PATIENT, FROM_STARTS };

int
gh_move_take_origins(gh_moving_t *m)
{
    const PGresult *r = gh_batch_result(m->b, m->at_origins);
    int rows = PQntuples(r);
    int64_t *held = gh_batch_alloc(m->b, ((size_t)rows + 1) * sizeof *held);
    if (!gh_batch_ok(m->b))
        return -1;
    for (int row = 0; row < rows; row++)
        held[row] = gh_pg_i64(r, row, FROM_SESSION, 0);
    m->book.held = held;
    m->book.n_held = (size_t)rows;
    for (size_t i = 0; i < m->n; i++) {
        gh_ask_t *ask = &m->jobs[i].bj->ask;
        int row = 0;
        while (row < rows && gh_pg_i64(r, row, FROM_ORDER, 0) != m->jobs[i].order_id)
            row++;
        if (row == rows)
            continue;
        ask->patient_id = gh_pg_i64(r, row, FROM_PATIENT, 0);
        if (ask->schedule_id)
            continue;
        m->jobs[i].same_doctor = ask->doctor_id == 0;
        m->jobs[i].same_time = ask->at_us == 0;
        if (!ask->doctor_id)
            ask->doctor_id = gh_pg_i64(r, row, FROM_DOCTOR, 0);
        if (!ask->at_us)
            ask->at_us = gh_pg_i64(r, row, FROM_STARTS, 0);
    }
    return 0;
}

void
gh_move_ask(gh_moving_t *m)
{
    gh_pgarr_t ids = {0}, users = {0}, override = {0}, sessions = {0};
    for (size_t i = 0; i < m->n; i++) {
        gh_pgarr_i64(&users, m->jobs[i].bj->job->head.actor.user_id);
        gh_pgarr_bool(&override, m->jobs[i].bj->ask.override);
    }
    for (size_t i = 0; i < m->book.n_held; i++)
        gh_pgarr_i64(&sessions, m->book.held[i]);
    const char *orders = order_ids(m, &ids);
    const char *const people[] = {gh_pgarr_literal(&users), orders, gh_pgarr_literal(&override)};
    gh_facts_ask(&m->book);
    m->at_waited = gh_batch_query(m->b, "waited_sessions", 1,
                                  (const char *const[]){gh_pgarr_literal(&sessions)});
    m->at_orders = gh_batch_query(m->b, "lock_orders", 1, people + 1);
    m->at_facts = gh_batch_query(m->b, "move_facts", 1, people + 1);
    m->at_people = gh_batch_query(m->b, "cancel_people", 3, people);
    gh_pgarr_fini(&ids);
    gh_pgarr_fini(&users);
    gh_pgarr_fini(&override);
    gh_pgarr_fini(&sessions);
}

static void
take_waited(gh_moving_t *m)
{
    const PGresult *r = gh_batch_result(m->b, m->at_waited);
    for (size_t i = 0; i < m->book.n_held; i++) {
        gh_bsession_t *x = gh_facts_session(&m->book, m->book.held[i]);
        if (x)
            x->leaves = true;
    }
    for (int row = 0; row < PQntuples(r); row++) {
        gh_bsession_t *x = gh_facts_session(&m->book, gh_pg_i64(r, row, 0, 0));
        if (x)
            x->waited = true;
    }
}

/* Columns of move_facts, in the order of lock_orders. */
enum { FACT_ORDER, FACT_SLOT_TYPE, FACT_RATE, FACT_MOVES, FACT_MAX, FACT_BILLED };

static int
take_order(gh_moving_t *m, int row)
{
    const PGresult *orders = gh_batch_result(m->b, m->at_orders), *r = gh_batch_result(m->b, m->at_facts);
    gh_move_order_t *x = &m->orders[row];
    if (gh_cancel_order_row(m->b, orders, row, &x->o) != 0 || gh_pg_i64(r, row, FACT_ORDER, 0) != x->o.id)
        return -1;
    x->slot_type = gh_batch_dup(m->b, gh_pg_str(r, row, FACT_SLOT_TYPE));
    x->rate = (int32_t)gh_pg_i64(r, row, FACT_RATE, GH_RATE_ONE);
    x->moves = (int32_t)gh_pg_i64(r, row, FACT_MOVES, 0);
    x->billed = gh_pg_bool(r, row, FACT_BILLED);
    m->max_moves = (int32_t)gh_pg_i64(r, row, FACT_MAX, 0);
    return 0;
}

/* Between the two reads the order moved, or what the wish leaves as it is changed: what is locked is not what is wanted. */
static bool
has_changed(gh_moving_t *m, const gh_move_job_t *mj)
{
    const gh_cancel_order_t *o = &mj->order->o;
    return !gh_facts_session(&m->book, o->schedule_id) || !gh_move_wish_holds(mj);
}

gh_step_t
gh_move_take(gh_moving_t *m)
{
    if (gh_facts_take(&m->book) != 0)
        return GH_STEP_FAIL;
    const PGresult *orders = gh_batch_result(m->b, m->at_orders),
                   *people = gh_batch_result(m->b, m->at_people);
    int rows = PQntuples(orders);
    take_waited(m);
    m->orders = gh_batch_alloc(m->b, ((size_t)rows + 1) * sizeof *m->orders);
    if (!gh_batch_ok(m->b) || PQntuples(gh_batch_result(m->b, m->at_facts)) != rows)
        return GH_STEP_FAIL;
    for (int row = 0; row < rows; row++)
        if (take_order(m, row) != 0)
            return GH_STEP_FAIL;
    m->n_orders = (size_t)rows;
    for (size_t i = 0; i < m->n && i < (size_t)PQntuples(people); i++) {
        m->jobs[i].related = gh_pg_bool(people, (int)i, 0);
        m->jobs[i].may_override = gh_pg_bool(people, (int)i, 1);
        for (size_t k = 0; k < m->n_orders; k++)
            if (m->orders[k].o.id == m->jobs[i].order_id)
                m->jobs[i].order = &m->orders[k];
        if (m->jobs[i].order && has_changed(m, &m->jobs[i]))
            return GH_STEP_AGAIN;
    }
    return gh_batch_ok(m->b) ? GH_STEP_MORE : GH_STEP_FAIL;
}

/* ---- writing */

/* The moves of one wave; how many there were, -1: memory ran out. */
static int
write_wave(gh_moving_t *m, int wave)
{
    enum { ID, SESSION, SLOT, STARTS, ENDS, RATE, PRICE, STATUS, PAYMENT, USER, REASON, REFUND, N };
    gh_pgarr_t a[N] = {0};
    int n = 0, rc = 0;
    for (size_t i = 0; i < m->n; i++) {
        const gh_move_job_t *mj = &m->jobs[i];
        const gh_move_verdict_t *v = &mj->verdict;
        if (!mj->moved || mj->wave != wave)
            continue;
        n++;
        gh_pgarr_i64(&a[ID], mj->order_id);
        gh_pgarr_i64(&a[SESSION], mj->bj->session->s.id);
        gh_pgarr_i64(&a[SLOT], v->slot_no);
        gh_pgarr_time(&a[STARTS], v->starts_us);
        gh_pgarr_time(&a[ENDS], v->ends_us);
        gh_pgarr_i64(&a[RATE], v->rate);
        gh_pgarr_money(&a[PRICE], v->fee.price);
        gh_pgarr_text(&a[STATUS], gh_str(gh_order_state_name(v->fee.state)));
        gh_pgarr_text(&a[PAYMENT], gh_str(gh_pay_state_name(v->fee.payment)));
        int64_t user = mj->bj->job->actor.user_id;
        gh_pgarr_id(&a[USER], user);
        gh_pgarr_opt(&a[REASON], mj->reason);
        v->fee.refund > 0 ? gh_pgarr_money(&a[REFUND], v->fee.refund) : gh_pgarr_null(&a[REFUND]);
    }
    const char *params[N + 1];
    for (int i = 0; i < N; i++)
        if (!(params[i] = gh_pgarr_literal(&a[i])))
            rc = -1;
    params[N] = gh_text_time(m->b, m->b->now_us);
    if (n > 0 && rc == 0)
        gh_batch_query(m->b, "write_moves", N + 1, params);
    for (int i = 0; i < N; i++)
        gh_pgarr_fini(&a[i]);
    return rc == 0 ? n : -1;
}

static int
write_edits(gh_moving_t *m)
{
    gh_edit_row_t *rows = gh_batch_alloc(m->b, (m->n + 1) * sizeof *rows);
    size_t n = 0;
    for (size_t i = 0; i < m->n && gh_batch_ok(m->b); i++)
        if (m->jobs[i].moved && m->jobs[i].edit.given[GH_EDIT_REASON])
            rows[n++] = (gh_edit_row_t){m->jobs[i].order_id, &m->jobs[i].edit};
    return gh_batch_ok(m->b) ? gh_edits_write(m->b, rows, n) : -1;
}

/* Sessions whose row must change: also where as many came as left, for other workers remember its places by its writer. */
static int
write_places(gh_moving_t *m)
{
    const gh_book_t *book = &m->book;
    gh_places_taken_t *taken = gh_batch_alloc(m->b, (book->n_sessions + 1) * sizeof *taken);
    size_t n = 0;
    if (!gh_batch_ok(m->b))
        return -1;
    for (size_t i = 0; i < book->n_sessions; i++) {
        const gh_bsession_t *x = &book->sessions[i];
        if (x->taken_now > 0 || x->freed > 0)
            taken[n++] = (gh_places_taken_t){x->s.id, x->taken_now - x->freed};
    }
    return n > 0 ? gh_places_count(m->b, taken, n) : 0;
}

/* Bills of those whose fee is another. */
static int
write_bills(gh_moving_t *m)
{
    gh_pgarr_t ids = {0};
    bool any = false;
    for (size_t i = 0; i < m->n; i++)
        if (m->jobs[i].moved && m->jobs[i].verdict.fee.rebill) {
            gh_pgarr_i64(&ids, m->jobs[i].order_id);
            any = true;
        }
    const char *orders = gh_pgarr_literal(&ids);
    if (any && orders)
        gh_books_reprice(m->b, orders, "改约差价");
    if (any && orders)
        gh_batch_query(m->b, "move_free_bills", 2,
                       (const char *const[]){orders, gh_text_time(m->b, m->b->now_us)});
    gh_pgarr_fini(&ids);
    return any && !orders ? -1 : 0;
}

/* Patients who moved an appointment are told by WeChat, those whom the hospital moved by all ways. */
static int
tell(gh_moving_t *m)
{
    int rc = 0;
    for (int own = 0; own <= 1; own++) {
        gh_pgarr_t ids GH_CLEANUP(gh_pgarr_fini) = {0};
        bool any = false;
        for (size_t i = 0; i < m->n; i++) {
            const gh_move_job_t *mj = &m->jobs[i];
            if (!mj->moved || (strcmp(gh_caller_word(&mj->bj->job->actor, mj->by), "patient") == 0) != own)
                continue;
            gh_pgarr_i64(&ids, mj->order_id);
            any = true;
        }
        const char *orders = any ? gh_pgarr_literal(&ids) : NULL;
        if (orders)
            gh_message_orders(m->b, own ? GH_MESSAGE_VISIT_MOVED : GH_MESSAGE_VISIT_ARRANGED, orders, NULL);
        rc |= any && !orders ? -1 : 0;
    }
    return rc;
}

int
gh_move_write(gh_moving_t *m)
{
    int wave = 0, n;
    while ((n = write_wave(m, wave)) > 0)
        wave++;
    if (n < 0 || write_edits(m) != 0 || write_places(m) != 0)
        return -1;
    return write_bills(m) != 0 || tell(m) != 0 ? -1 : 0;
}

bool
gh_move_ask_waiting(gh_moving_t *m)
{
    gh_pgarr_t ids = {0};
    bool any = false;
    for (size_t i = 0; i < m->book.n_sessions; i++)
        if (m->book.sessions[i].freed > 0 && m->book.sessions[i].waited) {
            gh_pgarr_i64(&ids, m->book.sessions[i].s.id);
            any = true;
        }
    const char *sessions = gh_pgarr_literal(&ids);
    if (any)
        gh_offer_ask(m->b, &m->offer, sessions);
    gh_pgarr_fini(&ids);
    return any;
}

int
gh_move_offer(gh_moving_t *m)
{
    if (gh_offer_take(m->b, &m->offer, m->book.pool->currency) != 0)
        return -1;
    for (size_t i = 0; i < m->offer.n_sessions; i++)
        gh_places_forget(m->book.pool->places, m->offer.sessions[i]);
    return 0;
}
