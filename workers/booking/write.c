/*
 * workers/booking/write.c - what a batch of bookings writes: orders with bills and history, counters (booking.sql)
 */
#include "workers/booking/booking.h"

#include <stdio.h>

#include "base/timez.h"

/* Parameters of write_bookings that are arrays, by their number. */
enum {
    ID,
    ORDER_NO,
    PATIENT,
    USER,
    INITIATOR,
    SCHEDULE,
    SLOT,
    STARTS,
    ENDS,
    RATE,
    PRICE,
    REASON,
    NOTES,
    STATUS,
    PAYMENT,
    CHANNEL,
    VISIT,
    N_FIRST,           /* $1..$17 */
    BILL_ID = N_FIRST, /* $21 */
    BILL_NO,           /* $22 */
    N_ARRAYS
};

static void
put_id(gh_pgarr_t *a, int64_t id)
{
    id ? gh_pgarr_i64(a, id) : gh_pgarr_null(a);
}

static void
put_text(gh_pgarr_t *a, gh_str_t s)
{
    s.p ? gh_pgarr_text(a, s) : gh_pgarr_null(a);
}

static void
put_bill(gh_pgarr_t *ids, gh_pgarr_t *nos, const gh_book_job_t *bj, int32_t today)
{
    if (!bj->bill_id) {
        gh_pgarr_null(ids);
        gh_pgarr_null(nos);
        return;
    }
    int y, m, d;
    char no[48];
    gh_day_to_ymd(today, &y, &m, &d);
    snprintf(no, sizeof no, "B%04d%02d%02d%08lld", y, m, d, (long long)bj->numbers.bill_seq);
    gh_pgarr_i64(ids, bj->bill_id);
    gh_pgarr_text(nos, gh_str(no));
}

static void
put_job(gh_pgarr_t *a, const gh_book_job_t *bj, int32_t today)
{
    const gh_book_verdict_t *v = &bj->verdict;
    gh_pgarr_i64(&a[ID], bj->numbers.order_id);
    gh_pgarr_text(&a[ORDER_NO], gh_str(bj->order_no));
    gh_pgarr_i64(&a[PATIENT], bj->person.patient_id);
    put_id(&a[USER], bj->person.user_id);
    put_id(&a[INITIATOR], bj->job->actor.user_id);
    gh_pgarr_i64(&a[SCHEDULE], bj->session->s.id);
    gh_pgarr_i64(&a[SLOT], v->slot_no);
    gh_pgarr_time(&a[STARTS], v->starts_us);
    gh_pgarr_time(&a[ENDS], v->ends_us);
    gh_pgarr_i64(&a[RATE], v->rate);
    gh_pgarr_money(&a[PRICE], v->price);
    put_text(&a[REASON], bj->ask.reason);
    put_text(&a[NOTES], bj->ask.notes);
    gh_pgarr_text(&a[STATUS], gh_str(gh_order_state_name(v->state)));
    gh_pgarr_text(&a[PAYMENT], gh_str(gh_pay_state_name(v->payment)));
    gh_pgarr_text(&a[CHANNEL], gh_str(bj->channel));
    gh_pgarr_text(&a[VISIT], gh_str(bj->ask.visit_type));
    put_bill(&a[BILL_ID], &a[BILL_NO], bj, today);
}

/* Queue the statement unless an array failed: no literal would be no rows, and a lost booking. */
static int
query(gh_book_t *book, const char *statement, int n, const char *const *params)
{
    for (int i = 0; i < n; i++)
        if (!params[i])
            return -1;
    gh_batch_query(book->b, statement, n, params);
    return 0;
}

static int
write_orders(gh_book_t *book, const char *now)
{
    gh_pgarr_t a[N_ARRAYS] = {0};
    for (size_t i = 0; i < book->n; i++)
        if (book->jobs[i].booked)
            put_job(a, &book->jobs[i], book->today);
    char today[GH_TEXT_DATE];
    gh_day_text(book->today, today);
    const char *params[N_ARRAYS + 3];
    for (int i = 0; i < N_FIRST; i++)
        params[i] = gh_pgarr_literal(&a[i]);
    params[17] = now;
    params[18] = today;
    params[19] = book->pool->currency;
    params[20] = gh_pgarr_literal(&a[BILL_ID]);
    params[21] = gh_pgarr_literal(&a[BILL_NO]);
    int rc = query(book, "write_bookings", N_ARRAYS + 3, params);
    for (int i = 0; i < N_ARRAYS; i++)
        gh_pgarr_fini(&a[i]);
    return rc;
}

static int
write_counters(gh_book_t *book, const char *now)
{
    gh_pgarr_t ids = {0}, taken = {0};
    for (size_t i = 0; i < book->n_sessions; i++) {
        if (book->sessions[i].taken_now == 0)
            continue;
        gh_pgarr_i64(&ids, book->sessions[i].s.id);
        gh_pgarr_i64(&taken, book->sessions[i].taken_now);
    }
    const char *const params[] = {gh_pgarr_literal(&ids), gh_pgarr_literal(&taken), now};
    int rc = query(book, "count_places", 3, params);
    gh_pgarr_fini(&ids);
    gh_pgarr_fini(&taken);
    return rc;
}

int
gh_book_write(gh_book_t *book)
{
    bool any = false;
    for (size_t i = 0; i < book->n && !any; i++)
        any = book->jobs[i].booked;
    if (!any)
        return 0;
    char now[GH_PG_TIME_TEXT];
    gh_pg_time_text(book->b->now_us, now);
    return write_orders(book, now) != 0 || write_counters(book, now) != 0 ? -1 : 0;
}
