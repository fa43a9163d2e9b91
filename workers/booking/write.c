/*
 * workers/booking/write.c - what a batch of bookings writes: orders with bills and history, counters (domain/new_order.h)
 */
#include "workers/booking/booking.h"

#include "base/uuid7.h"

static gh_new_order_t
order_of(const gh_book_job_t *bj)
{
    const gh_book_verdict_t *v = &bj->verdict;
    gh_new_order_t o = {.numbers = bj->numbers,
                        .patient_id = bj->person.patient_id,
                        .user_id = bj->person.user_id,
                        .initiator_id = bj->job->actor.user_id,
                        .schedule_id = bj->session->s.id,
                        .slot_no = v->slot_no,
                        .starts_us = v->starts_us,
                        .ends_us = v->ends_us,
                        .rate = v->rate,
                        .price = v->price,
                        .state = v->state,
                        .payment = v->payment,
                        .reason = bj->ask.reason,
                        .notes = bj->ask.notes,
                        .channel = bj->channel,
                        .visit_type = bj->ask.visit_type,
                        .source = "normal"};
    memcpy(o.order_no, bj->order_no, sizeof o.order_no);
    return o;
}

/* {"body": {"user_id": ..}} */
static void
put_args(gh_pgarr_t *out, int64_t user_id)
{
    gh_buf_t args GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_mpw_map(&args, 1);
    gh_mpw_cstr(&args, "body");
    gh_mpw_map(&args, 1);
    gh_mpw_cstr(&args, "user_id");
    gh_mpw_int(&args, user_id);
    gh_pgarr_bytea(out, gh_buf_view(&args));
}

/* BR-128, BR-129: accounts that have booked for themselves or a relative; who books for patients as staff is not weighed. */
static int
weigh_later(const gh_book_t *book)
{
    gh_pgarr_t users = {0}, ids = {0}, args = {0};
    bool any = false;
    for (size_t i = 0; i < book->n; i++) {
        const gh_book_job_t *bj = &book->jobs[i];
        bool own = bj->person.own_id && bj->person.own_id == bj->person.patient_id;
        uint8_t id[16];
        if (!bj->booked || !bj->job->actor.user_id || (!own && !bj->person.related))
            continue;
        any = true;
        gh_uuid7_new(id);
        gh_pgarr_i64(&users, bj->job->actor.user_id);
        gh_pgarr_uuid(&ids, id);
        put_args(&args, bj->job->actor.user_id);
    }
    char now[GH_PG_TIME_TEXT];
    gh_pg_time_text(book->b->now_us, now);
    const char *const params[] = {gh_pgarr_literal(&users), gh_pgarr_literal(&ids), gh_pgarr_literal(&args),
                                  now};
    int rc = params[0] && params[1] && params[2] ? 0 : -1;
    if (any && rc == 0)
        gh_batch_query(book->b, "weigh_later", 4, params);
    gh_pgarr_fini(&users);
    gh_pgarr_fini(&ids);
    gh_pgarr_fini(&args);
    return rc;
}

int
gh_book_write(gh_book_t *book)
{
    gh_batch_t *b = book->b;
    gh_new_order_t *orders = gh_batch_alloc(b, (book->n + 1) * sizeof *orders);
    gh_places_taken_t *taken = gh_batch_alloc(b, (book->n_sessions + 1) * sizeof *taken);
    size_t n = 0, n_taken = 0;
    if (!gh_batch_ok(b))
        return -1;
    for (size_t i = 0; i < book->n; i++)
        if (book->jobs[i].booked)
            orders[n++] = order_of(&book->jobs[i]);
    if (n == 0)
        return 0;
    for (size_t i = 0; i < book->n_sessions; i++)
        if (book->sessions[i].taken_now > 0)
            taken[n_taken++] = (gh_places_taken_t){book->sessions[i].s.id, book->sessions[i].taken_now};
    return gh_new_orders_write(b, orders, n, book->today, book->pool->currency) != 0 ||
                   gh_places_count(b, taken, n_taken) != 0 || weigh_later(book) != 0
               ? -1
               : 0;
}
