/*
 * workers/notify/remind_day.c - the reminders of tomorrow's visits (BR-147)
 *
 * An inner operation, sent every evening by the jobs pool (workers/jobs/recurring.c) with the slot it is for: so a run that comes
 * late is still about the day after its slot. PAGE orders in a transaction, in order of their ids; while there are more, a further
 * job is queued with the writes. What was said is known by the outbox, so a second run says nothing twice.
 */
#include <libpq-fe.h>

#include "domain/later.h"
#include "domain/message.h"
#include "worker/args.h"
#include "workers/notify/notify.h"

#define PAGE 1000

static gh_step_t
find(gh_batch_t *b)
{
    const gh_conf_t *conf = gh_worker_conf(b->worker);
    const char *template = gh_message_wechat_template(conf,
                                                      gh_message_row(GH_MESSAGE_VISIT_REMINDER)->purpose);
    size_t *at = gh_batch_alloc(b, sizeof *at);
    int64_t slot_us;
    b->state = at;
    if (gh_arg_moment(b->jobs[0]->args, "body.slot", &slot_us) != 1) {
        gh_job_invalid(b, b->jobs[0], "slot", "value_error", "must be an instant");
        return GH_STEP_DONE;
    }
    if (!template) { /* BR-149: nothing can be sent */
        gh_job_ok(b, b->jobs[0], 0, GH_STR("{\"reminders\":0}"));
        gh_job_no_effect(b->jobs[0]);
        return GH_STEP_DONE;
    }
    const char *params[] = {gh_text_time(b, slot_us),
                            gh_text_i64(b, gh_arg_id(b->jobs[0]->args, "body.after")),
                            template,
                            gh_text_time(b, b->now_us),
                            gh_conf_str(conf, "hospital.timezone"),
                            gh_text_i64(b, PAGE)};
    *at = gh_batch_query(b, "remind_due", 6, params);
    return gh_batch_ok(b) ? GH_STEP_MORE : GH_STEP_FAIL;
}

static void
go_on(gh_batch_t *b, int64_t after)
{
    gh_buf_t args GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_mpw_map(&args, 1);
    gh_mpw_cstr(&args, "body");
    gh_mpw_map(&args, 2);
    gh_mpw_cstr(&args, "slot");
    gh_mpw_str(&args, gh_arg_str(b->jobs[0]->args, "body.slot"));
    gh_mpw_cstr(&args, "after");
    gh_mpw_int(&args, after);
    gh_later_put(b,
                 &(gh_later_t){.kind = "mail",
                               .op = "notify.remind_visits",
                               .service = "notify",
                               .args = gh_buf_view(&args),
                               .priority = GH_PRIO_BATCH},
                 NULL);
}

static gh_step_t
write(gh_batch_t *b)
{
    enum { ORDERS, N, SEEN, LAST };
    const PGresult *r = gh_batch_result(b, *(size_t *)b->state);
    int64_t n = gh_pg_i64(r, 0, N, 0);
    gh_buf_t out GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    if (n > 0)
        gh_message_orders(b, GH_MESSAGE_VISIT_REMINDER, PQgetvalue(r, 0, ORDERS), NULL);
    if (gh_pg_i64(r, 0, SEEN, 0) == PAGE)
        go_on(b, gh_pg_i64(r, 0, LAST, 0));
    else if (n == 0)
        gh_job_no_effect(b->jobs[0]);
    gh_buf_printf(&out, "{\"reminders\":%lld}", (long long)n);
    gh_job_ok(b, b->jobs[0], 0, gh_buf_view(&out));
    return gh_batch_ok(b) && gh_buf_ok(&out) ? GH_STEP_DONE : GH_STEP_FAIL;
}

gh_step_t
gh_remind_day(gh_batch_t *b)
{
    if (b->phase == 0)
        return find(b);
    return b->jobs[0]->done ? GH_STEP_DONE : write(b);
}
