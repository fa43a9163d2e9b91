/*
 * workers/booking/cancel_data.c - what a batch of cancellations reads and writes (cancel.sql)
 */
#include "workers/booking/cancel.h"

#include <libpq-fe.h>

#include "base/timez.h"
#include "domain/payment.h"
#include "domain/message.h"

/* ---- reading */

void
gh_cancel_ask(gh_cancel_t *c)
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
    c->at_switches = gh_batch_query(c->b, "status_settings", 0, NULL);
    gh_pgarr_fini(&ids);
    gh_pgarr_fini(&users);
    gh_pgarr_fini(&override);
}

gh_cancel_session_t *
gh_cancel_session(gh_cancel_t *c, int64_t id)
{
    for (size_t i = 0; i < c->n_sessions; i++)
        if (c->sessions[i].id == id)
            return &c->sessions[i];
    return NULL;
}

static void
take_sessions(gh_cancel_t *c)
{
    const PGresult *r = gh_batch_result(c->b, c->at_sessions);
    c->sessions = gh_batch_alloc(c->b, (size_t)PQntuples(r) * sizeof *c->sessions + 1);
    if (!gh_batch_ok(c->b))
        return;
    for (int i = 0; i < PQntuples(r); i++) {
        c->sessions[c->n_sessions++] = (gh_cancel_session_t){
            .id = gh_pg_i64(r, i, 0, 0), .writer = gh_pg_i64(r, i, 1, 0), .waited = gh_pg_bool(r, i, 3)};
        c->this_xid = gh_pg_i64(r, i, 2, 0);
    }
}

int
gh_cancel_order_row(gh_batch_t *b, const PGresult *r, int i, gh_cancel_order_t *o)
{
    *o = (gh_cancel_order_t){.id = gh_pg_i64(r, i, 0, 0),
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
                             .reason = gh_pg_str(r, i, 18),
                             .arrived = gh_pg_bool(r, i, 19),
                             .notes = gh_pg_str(r, i, 20),
                             .visit_type = gh_pg_str(r, i, 21)};
    gh_str_t *const texts[] = {&o->reason, &o->notes, &o->visit_type};
    for (size_t k = 0; k < GH_COUNT(texts); k++)
        if (texts[k]->p)
            *texts[k] = gh_batch_dup(b, *texts[k]);
    return gh_order_state_parse(gh_pg_str(r, i, 3), &o->state) != 0 ||
                   gh_pay_state_parse(gh_pg_str(r, i, 4), &o->payment) != 0
               ? -1
               : 0;
}

static int
take_order(gh_cancel_t *c, const PGresult *r, int i)
{
    gh_cancel_order_t *o = &c->orders[c->n_orders++];
    /* Moved to another session between the two reads: that one is not locked, so the jobs run again. */
    return gh_cancel_order_row(c->b, r, i, o) != 0 || !gh_cancel_session(c, o->schedule_id) ? -1 : 0;
}

int
gh_cancel_take(gh_cancel_t *c)
{
    const PGresult *orders = gh_batch_result(c->b, c->at_orders),
                   *people = gh_batch_result(c->b, c->at_people);
    take_sessions(c);
    c->orders = gh_batch_alloc(c->b, (size_t)PQntuples(orders) * sizeof *c->orders + 1);
    c->rules = gh_facts_rules(c->b, gh_batch_result(c->b, c->at_rules), false, &c->n_rules);
    if (!gh_batch_ok(c->b))
        return -1;
    c->start_before_complete = gh_pg_bool(gh_batch_result(c->b, c->at_switches), 0, 0);
    for (int i = 0; i < PQntuples(orders); i++)
        if (take_order(c, orders, i) != 0)
            return -1;
    for (size_t i = 0; i < c->n && i < (size_t)PQntuples(people); i++) {
        c->jobs[i].related = gh_pg_bool(people, (int)i, 0);
        c->jobs[i].may_override = gh_pg_bool(people, (int)i, 1);
        c->jobs[i].owed = gh_pg_money(people, (int)i, 2, 0);
        for (size_t k = 0; k < c->n_orders; k++)
            if (c->orders[k].id == c->jobs[i].order_id)
                c->jobs[i].order = &c->orders[k];
    }
    return 0;
}

/* ---- writing */

static int
query(gh_cancel_t *c, const char *statement, int n, const char *const *params)
{
    for (int i = 0; i < n; i++)
        if (!params[i])
            return -1;
    gh_batch_query(c->b, statement, n, params);
    return 0;
}

static int
write_orders(gh_cancel_t *c, const char *now)
{
    enum { ID, STATUS, PAYMENT, REFUND, REASON, BY, HIDE, USER, N };
    gh_pgarr_t a[N] = {0};
    for (size_t i = 0; i < c->n; i++) {
        const gh_cancel_job_t *cj = &c->jobs[i];
        if (!cj->cancelled)
            continue;
        gh_pgarr_i64(&a[ID], cj->order_id);
        gh_pgarr_text(&a[STATUS], gh_str(gh_order_state_name(cj->verdict.state)));
        gh_pgarr_text(&a[PAYMENT], gh_str(gh_pay_state_name(cj->verdict.payment)));
        cj->verdict.refund > 0 ? gh_pgarr_money(&a[REFUND], cj->verdict.refund) : gh_pgarr_null(&a[REFUND]);
        gh_pgarr_opt(&a[REASON], cj->reason);
        gh_pgarr_text(&a[BY], gh_str(cj->by));
        gh_pgarr_bool(&a[HIDE], gh_cancel_hides(cj));
        gh_pgarr_id(&a[USER], cj->job->actor.user_id);
    }
    const char *params[N + 2];
    for (int i = 0; i < N; i++)
        params[i] = gh_pgarr_literal(&a[i]);
    params[N] = now;
    params[N + 1] = gh_tz_name();
    int rc = query(c, "write_cancellations", N + 2, params);
    if (rc == 0)
        gh_books_close(c->b, params[ID], "取消预约");
    for (int i = 0; i < N; i++)
        gh_pgarr_fini(&a[i]);
    return rc;
}

/* Give the places back: the one step in which a freed place can be offered to whom waits for it. */
static int
release_places(gh_cancel_t *c, const char *now)
{
    gh_pgarr_t ids = {0}, freed = {0};
    for (size_t i = 0; i < c->n_sessions; i++) {
        const gh_cancel_session_t *s = &c->sessions[i];
        if (s->freed == 0)
            continue;
        gh_pgarr_i64(&ids, s->id);
        gh_pgarr_i64(&freed, s->freed);
    }
    const char *const params[] = {gh_pgarr_literal(&ids), gh_pgarr_literal(&freed), now};
    int rc = query(c, "release_places", 3, params);
    gh_pgarr_fini(&ids);
    gh_pgarr_fini(&freed);
    return rc;
}

static int
write_hidden(gh_cancel_t *c, const char *now)
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

/* Patients who gave up are told by WeChat, those whose appointment the hospital cancelled by all ways; of time-outs nobody is. */
static int
tell(gh_cancel_t *c)
{
    static const gh_message_t kinds[] = {GH_MESSAGE_VISIT_GIVEN_UP, GH_MESSAGE_VISIT_CANCELLED,
                                         GH_MESSAGE_VISIT_REFUNDED};
    int rc = 0;
    for (int kind = 0; kind < (int)GH_COUNT(kinds); kind++) {
        gh_pgarr_t ids GH_CLEANUP(gh_pgarr_fini) = {0};
        bool any = false;
        for (size_t i = 0; i < c->n; i++) {
            const gh_cancel_job_t *cj = &c->jobs[i];
            if (!cj->cancelled || cj->verdict.state != GH_ORDER_CANCELLED || !cj->by ||
                strcmp(cj->by, "system") == 0)
                continue;
            if (kind != (strcmp(cj->by, "patient") == 0 ? 0 : cj->verdict.refund > 0 ? 2 : 1))
                continue;
            gh_pgarr_i64(&ids, cj->order_id);
            any = true;
        }
        const char *orders = any ? gh_pgarr_literal(&ids) : NULL;
        if (orders)
            gh_message_orders(c->b, kinds[kind], orders, NULL);
        rc |= any && !orders ? -1 : 0;
    }
    return rc;
}

int
gh_cancel_write(gh_cancel_t *c)
{
    char now[GH_PG_TIME_TEXT];
    gh_pg_time_text(c->b->now_us, now);
    bool any = false;
    for (size_t i = 0; i < c->n; i++)
        any = any || c->jobs[i].cancelled;
    if (gh_change_write(c) != 0)
        return -1;
    if (any && (write_orders(c, now) != 0 || release_places(c, now) != 0 || tell(c) != 0))
        return -1;
    return write_hidden(c, now);
}

bool
gh_cancel_ask_waiting(gh_cancel_t *c)
{
    gh_pgarr_t ids = {0};
    for (size_t i = 0; i < c->n_sessions; i++)
        if (c->sessions[i].freed > 0 && c->sessions[i].waited) {
            gh_pgarr_i64(&ids, c->sessions[i].id);
            c->offering = true;
        }
    const char *sessions = gh_pgarr_literal(&ids);
    if (c->offering)
        gh_offer_ask(c->b, &c->offer, sessions);
    gh_pgarr_fini(&ids);
    return c->offering;
}

int
gh_cancel_offer(gh_cancel_t *c)
{
    if (!c->offering)
        return 0;
    if (gh_offer_take(c->b, &c->offer, c->pool->currency) != 0)
        return -1;
    for (size_t i = 0; i < c->offer.n_sessions; i++)
        gh_places_forget(c->pool->places, c->offer.sessions[i]);
    return 0;
}
