/*
 * workers/notify/remind.c - POST /patient/appointments/{id}/send-reminder: somebody asks for the reminder of an order (BR-148)
 *
 *   phase 0   nothing: the runtime loads the callers first
 *   phase 1   read the orders
 *   phase 2   decide each, queue the messages. One that was sent already, or waits, is not sent again.
 */
#include <libpq-fe.h>
#include <stdio.h>

#include "base/timez.h"
#include "domain/message.h"
#include "worker/args.h"
#include "workers/notify/notify.h"
#include "workers/notify/remind_rules.h"

static gh_step_t
ask(gh_batch_t *b)
{
    gh_pgarr_t orders = {0}, users = {0}, patients = {0};
    size_t *at = gh_batch_alloc(b, sizeof *at);
    b->state = at;
    for (size_t i = 0; i < b->n; i++) {
        gh_wjob_t *job = b->jobs[i];
        gh_pgarr_i64(&orders, job->done ? 0 : gh_arg_id(job->args, "path.appointmentId"));
        gh_pgarr_i64(&users, job->done ? 0 : job->actor.user_id);
        gh_pgarr_i64(&patients, job->done ? 0 : job->actor.patient_id);
    }
    const char *params[] = {gh_pgarr_literal(&orders), gh_pgarr_literal(&users), gh_pgarr_literal(&patients),
                            gh_message_wechat_template(gh_worker_conf(b->worker),
                                                       gh_message_row(GH_MESSAGE_VISIT_REMINDER)->purpose),
                            gh_text_day(b, gh_tz_day(b->now_us))};
    bool whole = params[0] && params[1] && params[2];
    if (whole)
        *at = gh_batch_query(b, "remind_facts", 5, params);
    gh_pgarr_fini(&orders);
    gh_pgarr_fini(&users);
    gh_pgarr_fini(&patients);
    return whole && gh_batch_ok(b) ? GH_STEP_MORE : GH_STEP_FAIL;
}

static gh_step_t
decide(gh_batch_t *b)
{
    enum { FOUND, RELATED, PAID, CONFIRMED, DAYS, REACHABLE };
    const PGresult *r = gh_batch_result(b, *(size_t *)b->state);
    gh_pgarr_t orders = {0};
    size_t sent = 0;
    for (size_t i = 0; i < b->n; i++) {
        gh_wjob_t *job = b->jobs[i];
        int row = (int)i;
        char days[16];
        if (job->done)
            continue;
        gh_remind_facts_t facts = {.has_patient = job->actor.patient_id != 0,
                                   .found = gh_pg_bool(r, row, FOUND),
                                   .related = gh_pg_bool(r, row, RELATED),
                                   .paid = gh_pg_bool(r, row, PAID),
                                   .confirmed = gh_pg_bool(r, row, CONFIRMED),
                                   .days = (int)gh_pg_i64(r, row, DAYS, 0),
                                   .reachable = gh_pg_bool(r, row, REACHABLE)};
        gh_err_t err = gh_br148_remind(&facts);
        snprintf(days, sizeof days, "%d", facts.days);
        if (err != GH_E_NONE) {
            gh_job_refuse(b, job, err, (gh_error_arg_t[]){{"n", gh_str(days)}, {0}});
            continue;
        }
        gh_pgarr_i64(&orders, gh_arg_id(job->args, "path.appointmentId"));
        gh_job_ok(b, job, 0, GH_STR("\"提醒已发送\""));
        sent++;
    }
    const char *ids = gh_pgarr_literal(&orders);
    if (sent > 0 && ids)
        gh_message_orders(b, GH_MESSAGE_VISIT_REMINDER, ids, NULL);
    gh_pgarr_fini(&orders);
    return ids && gh_batch_ok(b) ? GH_STEP_DONE : GH_STEP_FAIL;
}

gh_step_t
gh_remind_one(gh_batch_t *b)
{
    if (b->phase == 0)
        return GH_STEP_MORE;
    return b->phase == 1 ? ask(b) : decide(b);
}
