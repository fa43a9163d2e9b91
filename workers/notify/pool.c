/*
 * workers/notify/pool.c - the pool between the hospital and people: reminders, messages, WeChat, feedback (api/07, api/08, api/11)
 */
#include "workers/notify/pool.h"

#include <stdlib.h>

#include "gen/sql_domain.h"
#include "gen/sql_notify.h"
#include "workers/notify/notify.h"

static const gh_op_t ops[] = {
    {.name = "notify.create_feedback",
     .kind = GH_OP_WRITE,
     .sql = "feedback_create",
     .bind = {"body", "actor.user_id", "now", "tz"}},
    {.name = "notify.list_own_feedback", .sql = "feedback_list", .bind = {"actor.user_id", "tz"}},
    {.name = "notify.get_own_feedback",
     .sql = "feedback_get",
     .bind = {"path.feedback_id", "actor.user_id", "tz"}},
    {.name = "notify.list_feedback", .sql = "feedback_list", .bind = {"query.none", "tz"}},
    {.name = "notify.set_feedback_status",
     .kind = GH_OP_WRITE,
     .sql = "feedback_status",
     .bind = {"path.feedback_id", "body.status", "now"}},
    {.name = "notify.get_doctor_settings", .sql = "doctor_settings", .bind = {"actor.doctor_id"}},
    {.name = "notify.set_doctor_settings",
     .kind = GH_OP_WRITE,
     .sql = "doctor_settings_set",
     .bind = {"actor.doctor_id", "body", "now"}},
    {.name = "notify.send_visit_reminder", .kind = GH_OP_WRITE, .step = gh_remind_one},
    {.name = "notify.remind_visits",
     .kind = GH_OP_WRITE,
     .batch_max = 1,
     .step = gh_remind_day,
     .inner = true},
    {.name = "notify.list_messages",
     .sql = "list_messages",
     .bind = {"actor.user_id", "query.page", "query.pageSize", "tz"}},
    {.name = "notify.mark_message_read",
     .kind = GH_OP_WRITE,
     .sql = "read_message",
     .bind = {"path.id", "actor.user_id", "now"}},
    {.name = "notify.delete_message",
     .kind = GH_OP_WRITE,
     .sql = "delete_message",
     .bind = {"path.id", "actor.user_id"}},
    {.name = "notify.bind_wechat", .kind = GH_OP_TASK, .batch_max = 1, .step = gh_wechat_bind},
    {.name = "notify.bind_code", .kind = GH_OP_TASK, .batch_max = 1, .step = gh_wechat_bind, .inner = true},
    {.name = "notify.store_wechat_subscription", .kind = GH_OP_TASK, .batch_max = 1, .step = gh_wechat_store},
    {.name = "notify.check_wechat_template",
     .sql = "wechat_template",
     .bind = {"actor.user_id", "query.templateId"}},
    {.name = "notify.get_wechat_binding", .sql = "wechat_binding", .bind = {"actor.user_id", "query.none"}},
    {0},
};

gh_notify_t *
gh_notify_of(const gh_batch_t *b)
{
    return gh_worker_state(b->worker, &gh_pool_notify);
}

static void
stop(gh_worker_t *w)
{
    gh_notify_t *self = gh_worker_state(w, &gh_pool_notify);
    if (!self)
        return;
    gh_worker_set_state(w, &gh_pool_notify, NULL);
    gh_sender_stop(&self->wechat);
    free(self);
}

static int
start(gh_worker_t *w)
{
    gh_notify_t *self = calloc(1, sizeof *self);
    if (!self)
        return -1;
    gh_worker_set_state(w, &gh_pool_notify, self);
    self->wechat = gh_sender_start(gh_worker_conf(w), "wechat");
    if (self->wechat)
        return 0;
    stop(w);
    return -1;
}

const gh_pool_t gh_pool_notify = {
    .name = "notify",
    .ops = ops,
    .sql = {gh_sql_notify, gh_sql_domain},
    .sql_count = {&gh_sql_notify_count, &gh_sql_domain_count},
    .start = start,
    .stop = stop,
};
