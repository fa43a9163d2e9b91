/*
 * lib/domain/close.c - closing sessions: the statements of close.sql in their order; see the header
 */
#include "domain/close.h"

#include <libpq-fe.h>
#include <stdio.h>

#include "base/timez.h"
#include "domain/message.h"
#include "domain/payment.h"

enum { ORDERS, BOOKINGS, REFUNDS, WAITING };

static const char *const modes[] = {[GH_CLOSE_SUSPEND] = "suspend",
                                    [GH_CLOSE_SUPERSEDE] = "supersede",
                                    [GH_CLOSE_DELETE] = "delete",
                                    [GH_CLOSE_CLEAR] = "clear"};

/* In the order that close_messages expects. */
static const gh_message_t told[] = {GH_MESSAGE_VISIT_CANCELLED, GH_MESSAGE_VISIT_REFUNDED,
                                    GH_MESSAGE_WAIT_CANCELLED, GH_MESSAGE_SESSION_CLOSED};

static const char *
user_text(const gh_close_t *c, char out[24])
{
    snprintf(out, 24, "%lld", (long long)c->user_id);
    return c->user_id ? out : NULL;
}

void
gh_close_begin(gh_batch_t *b, gh_close_t *c)
{
    char now[GH_PG_TIME_TEXT], user[24], patient[24];
    gh_pg_time_text(b->now_us, now);
    snprintf(patient, sizeof patient, "%lld", (long long)c->patient_id);
    const char *const params[] = {c->sessions,
                                  modes[c->mode],
                                  c->by,
                                  user_text(c, user),
                                  c->reason,
                                  now,
                                  c->patient_id ? patient : NULL};
    c->at = gh_batch_query(b, "close_sessions", 7, params);
}

static int
tell(gh_batch_t *b, const gh_close_t *c, const char *orders, const char *now)
{
    gh_pgarr_t names = {0}, subjects = {0}, texts = {0};
    for (size_t i = 0; i < GH_COUNT(told); i++) {
        const gh_message_row_t *row = gh_message_row(told[i]);
        gh_pgarr_text(&names, gh_str(row->name));
        gh_pgarr_text(&subjects, gh_str(row->subject));
        gh_pgarr_text(&texts, gh_str(row->text));
    }
    char user[24];
    const gh_conf_t *conf = gh_worker_conf(b->worker);
    const gh_message_row_t *first = gh_message_row(told[0]); /* patients' rows have one WeChat template */
    const char *const params[] = {orders,
                                  c->patient_id ? "{}" : c->sessions,
                                  user_text(c, user),
                                  now,
                                  gh_pgarr_literal(&names),
                                  gh_pgarr_literal(&subjects),
                                  gh_pgarr_literal(&texts),
                                  c->reason,
                                  gh_message_wechat_template(conf, first->purpose),
                                  gh_message_wechat_data(conf, first->purpose),
                                  first->scene,
                                  gh_conf_str(conf, "hospital.timezone")};
    int rc = params[4] && params[5] && params[6] ? 0 : -1;
    if (rc == 0)
        gh_batch_query(b, "close_messages", (int)GH_COUNT(params), params);
    gh_pgarr_fini(&names);
    gh_pgarr_fini(&subjects);
    gh_pgarr_fini(&texts);
    return rc;
}

int
gh_close_finish(gh_batch_t *b, gh_close_t *c)
{
    const PGresult *r = gh_batch_result(b, c->at);
    const char *orders = gh_batch_dup(b, gh_pg_str(r, 0, ORDERS)).p;
    char now[GH_PG_TIME_TEXT];
    if (!gh_batch_ok(b))
        return -1;
    c->bookings = gh_pg_i64(r, 0, BOOKINGS, 0);
    c->refunds = gh_pg_i64(r, 0, REFUNDS, 0);
    c->waiting = gh_pg_i64(r, 0, WAITING, 0);
    gh_pg_time_text(b->now_us, now);
    if (c->bookings > 0)
        gh_books_close(b, orders, c->reason);
    return tell(b, c, orders, now);
}
