/*
 * lib/domain/order_steps.c - see order_steps.h; the statements are in order_steps.sql
 */
#include "domain/order_steps.h"

#include "base/timez.h"

int
gh_order_steps_write(gh_batch_t *b, const gh_step_row_t *rows, size_t n)
{
    enum { ID, STATUS, ACTION, NOTE, USER, N };
    gh_pgarr_t a[N] = {0};
    const char *params[N + 2];
    char now[GH_PG_TIME_TEXT];
    bool whole = true;
    gh_pg_time_text(b->now_us, now);
    for (size_t i = 0; i < n; i++) {
        gh_pgarr_i64(&a[ID], rows[i].order_id);
        gh_pgarr_text(&a[STATUS], gh_str(gh_order_state_name(rows[i].state)));
        gh_pgarr_text(&a[ACTION], gh_str(gh_order_step_action(rows[i].step)));
        gh_pgarr_opt(&a[NOTE], rows[i].note);
        gh_pgarr_id(&a[USER], rows[i].by_user);
    }
    for (int i = 0; i < N; i++)
        whole = (params[i] = gh_pgarr_literal(&a[i])) && whole;
    params[N] = now;
    params[N + 1] = gh_tz_name();
    if (n > 0 && whole)
        gh_batch_query(b, "write_steps", N + 2, params);
    for (int i = 0; i < N; i++)
        gh_pgarr_fini(&a[i]);
    return whole ? 0 : -1;
}
