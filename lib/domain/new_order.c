/*
 * lib/domain/new_order.c - see new_order.h; statements in new_order.sql
 */
#include "domain/new_order.h"

#include <libpq-fe.h>
#include <stdio.h>

#include "base/timez.h"
#include "worker/args.h"

/* ---- reading */

gh_order_numbers_t
gh_order_numbers_row(const PGresult *r, int row)
{
    return (gh_order_numbers_t){gh_pg_i64(r, row, 0, 0), gh_pg_i64(r, row, 1, 0), gh_pg_i64(r, row, 2, 0),
                                gh_pg_i64(r, row, 3, 0)};
}

static void
copy_word(char out[8], gh_str_t s)
{
    size_t n = s.n < 7 ? s.n : 7;
    memcpy(out, s.p ? s.p : "", n);
    out[n] = '\0';
}

gh_session_t
gh_session_row(const PGresult *r, int row, int64_t *writer)
{
    gh_session_t s = {.id = gh_pg_i64(r, row, 0, 0),
                      .doctor_id = gh_pg_i64(r, row, 1, 0),
                      .clinic_id = gh_pg_i64(r, row, 2, 0),
                      .area_id = gh_pg_i64(r, row, 3, 0),
                      .dept_id = gh_pg_i64(r, row, 4, 0),
                      .starts_us = gh_pg_i64(r, row, 5, 0),
                      .ends_us = gh_pg_i64(r, row, 6, 0),
                      .day = (int32_t)gh_pg_i64(r, row, 7, 0),
                      .slot_minutes = (int32_t)gh_pg_i64(r, row, 8, 1),
                      .total = (int32_t)gh_pg_i64(r, row, 9, 0),
                      .remaining = (int32_t)gh_pg_i64(r, row, 10, 0),
                      .open = gh_pg_bool(r, row, 11),
                      .list_price = gh_pg_money(r, row, 12, 0)};
    if (s.total > GH_SLOT_MAX)
        s.total = GH_SLOT_MAX;
    copy_word(s.section, gh_pg_str(r, row, 13));
    copy_word(s.slot_type, gh_pg_str(r, row, 14));
    if (writer)
        *writer = gh_pg_i64(r, row, 15, 0);
    return s;
}

gh_rates_t
gh_rates_row(const PGresult *r)
{
    gh_rates_t rates = gh_rates_default;
    if (PQntuples(r) == 1)
        rates = (gh_rates_t){(int32_t)gh_pg_i64(r, 0, 0, -1), (int32_t)gh_pg_i64(r, 0, 1, -1),
                             (int32_t)gh_pg_i64(r, 0, 2, -1), (int32_t)gh_pg_i64(r, 0, 3, -1)};
    gh_rates_mend(&rates);
    return rates;
}

/* ---- writing */

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
    BILL_ID = N_FIRST, /* $21.. */
    BILL_NO,
    SOURCE,
    SLOT_TYPE,
    PRIORITY,
    N_ARRAYS
};

static void
put_bill(gh_pgarr_t *ids, gh_pgarr_t *nos, const gh_new_order_t *o, int32_t today)
{
    if (o->price <= 0) {
        gh_pgarr_null(ids);
        gh_pgarr_null(nos);
        return;
    }
    int y, m, d;
    char no[48];
    gh_day_to_ymd(today, &y, &m, &d);
    snprintf(no, sizeof no, "B%04d%02d%02d%08lld", y, m, d, (long long)o->numbers.bill_seq);
    gh_pgarr_i64(ids, o->numbers.bill_id);
    gh_pgarr_text(nos, gh_str(no));
}

static void
put_order(gh_pgarr_t *a, const gh_new_order_t *o, int32_t today)
{
    gh_pgarr_i64(&a[ID], o->numbers.order_id);
    gh_pgarr_text(&a[ORDER_NO], gh_str(o->order_no));
    gh_pgarr_i64(&a[PATIENT], o->patient_id);
    gh_pgarr_id(&a[USER], o->user_id);
    gh_pgarr_id(&a[INITIATOR], o->initiator_id);
    gh_pgarr_i64(&a[SCHEDULE], o->schedule_id);
    gh_pgarr_i64(&a[SLOT], o->slot_no);
    gh_pgarr_time(&a[STARTS], o->starts_us);
    gh_pgarr_time(&a[ENDS], o->ends_us);
    gh_pgarr_i64(&a[RATE], o->rate);
    gh_pgarr_money(&a[PRICE], o->price);
    gh_pgarr_opt(&a[REASON], o->reason);
    gh_pgarr_opt(&a[NOTES], o->notes);
    gh_pgarr_text(&a[STATUS], gh_str(gh_order_state_name(o->state)));
    gh_pgarr_text(&a[PAYMENT], gh_str(gh_pay_state_name(o->payment)));
    gh_pgarr_text(&a[CHANNEL], gh_str(o->channel));
    gh_pgarr_text(&a[VISIT], gh_str(o->visit_type));
    put_bill(&a[BILL_ID], &a[BILL_NO], o, today);
    gh_pgarr_text(&a[SOURCE], gh_str(o->source));
    gh_pgarr_opt(&a[SLOT_TYPE], gh_str(o->slot_type));
    gh_pgarr_i64(&a[PRIORITY], o->priority);
}

/* Queue the statement unless an array failed: no literal would be no rows, and a lost booking. */
static int
query(gh_batch_t *b, const char *statement, int n, const char *const *params)
{
    for (int i = 0; i < n; i++)
        if (!params[i])
            return -1;
    gh_batch_query(b, statement, n, params);
    return 0;
}

int
gh_new_orders_write(gh_batch_t *b, const gh_new_order_t *orders, size_t n, int32_t today,
                    const char *currency)
{
    gh_pgarr_t a[N_ARRAYS] = {0};
    for (size_t i = 0; i < n; i++)
        put_order(a, &orders[i], today);
    const char *params[N_ARRAYS + 3];
    for (int i = 0; i < N_ARRAYS; i++)
        params[i < N_FIRST ? i : i + 3] = gh_pgarr_literal(&a[i]);
    params[N_FIRST] = gh_text_time(b, b->now_us);
    params[N_FIRST + 1] = gh_text_day(b, today);
    params[N_FIRST + 2] = currency;
    int rc = query(b, "write_bookings", N_ARRAYS + 3, params);
    for (int i = 0; i < N_ARRAYS; i++)
        gh_pgarr_fini(&a[i]);
    return rc;
}

int
gh_places_count(gh_batch_t *b, const gh_places_taken_t *taken, size_t n)
{
    gh_pgarr_t ids = {0}, counts = {0};
    for (size_t i = 0; i < n; i++) {
        gh_pgarr_i64(&ids, taken[i].schedule_id);
        gh_pgarr_i64(&counts, taken[i].n);
    }
    const char *const params[] = {gh_pgarr_literal(&ids), gh_pgarr_literal(&counts),
                                  gh_text_time(b, b->now_us)};
    int rc = query(b, "count_places", 3, params);
    gh_pgarr_fini(&ids);
    gh_pgarr_fini(&counts);
    return rc;
}
