/*
 * lib/domain/message.c - the templates, and the row in message_outbox
 */
#include "domain/message.h"

#include <stdio.h>

#include "base/buf.h"
#include "db/arrays.h"

static const gh_message_row_t rows[GH_MESSAGE_COUNT] = {
    [GH_MESSAGE_SMS_CODE] = {"sms_code", "sms", NULL, "您的验证码是 {code}，{n}分钟内有效。请勿告诉他人。"},
    [GH_MESSAGE_MAIL_CODE] = {"mail_code", "mail", "邮箱验证码",
                              "您好：\n\n您正在绑定邮箱，验证码是 {code}，{n}分钟内有效。\n"
                              "如果这不是您本人的操作，请忽略此邮件。\n"},
    [GH_MESSAGE_MAIL_LINK] = {"mail_link", "mail", "请验证您的邮箱",
                              "您好：\n\n请在{n}分钟内打开下面的链接，完成邮箱验证：\n\n{url}\n\n"
                              "如果这不是您本人的操作，请忽略此邮件。\n"},
    [GH_MESSAGE_PASSWORD_RESET] = {"password_reset", "mail", "重置密码",
                                   "您好：\n\n请在{n}分钟内打开下面的链接，重新设置密码：\n\n{url}\n\n"
                                   "如果这不是您本人的操作，请忽略此邮件，您的密码不会改变。\n"},
    [GH_MESSAGE_VISIT_CANCELLED] = {"visit_cancelled", NULL, "门诊取消通知",
                                    "{name}，您预约的{day}{section}{doctor}医生的门诊已取消（{reason}），"
                                    "预约号{no}已作废，无需支付费用。给您带来不便，敬请谅解。",
                                    "cancel", "cancel", .over = true},
    [GH_MESSAGE_VISIT_REFUNDED] = {"visit_refunded", NULL, "门诊取消通知",
                                   "{name}，您预约的{day}{section}{doctor}医生的门诊已取消（{reason}），"
                                   "预约号{no}已作废，挂号费{amount}元已原路退回。给您带来不便，敬请谅解。",
                                   "cancel", "cancel", .over = true},
    [GH_MESSAGE_WAIT_CANCELLED] = {"wait_cancelled", NULL, "候补取消通知",
                                   "{name}，您候补的{day}{section}{doctor}医生的门诊已取消（{reason}），"
                                   "候补已失效。给您带来不便，敬请谅解。",
                                   "cancel", "cancel", .over = true},
    [GH_MESSAGE_SESSION_CLOSED] = {"session_closed", NULL, "出诊取消通知",
                                   "{doctor}医生，您{day}{section}的出诊已取消（{reason}），"
                                   "已取消预约{n}个，患者已收到通知。"},
    [GH_MESSAGE_VISIT_HANDED] = {"visit_handed", NULL, "接诊医生变更通知",
                                 "{name}，您预约的{day}{section}{former}医生的门诊改由{doctor}医生接诊，"
                                 "预约号{no}继续有效，时间和地点不变。"},
    [GH_MESSAGE_SESSION_HANDED] =
        {"session_handed", NULL, "接诊变更通知",
         "{doctor}医生，{former}医生{day}{section}的出诊已转由您接诊，现有预约{n}个。"},
    [GH_MESSAGE_PLACE_OFFERED] = {"place_offered", NULL, "候补成功通知",
                                  "{name}，您候补的{day}{section}{doctor}医生的门诊已有号源，"
                                  "已为您预约，预约号{no}。如需支付，请按时支付，逾期号源将释放。",
                                  "waitlist", "waitlist_to_appointment", .booker_first = true},
    [GH_MESSAGE_VISIT_REMINDER] = {"visit_reminder", "wechat", "就诊提醒",
                                   "{name}，您预约的{day}{section}{doctor}医生的门诊{start}开始，"
                                   "预约号{no}，请按时就诊。",
                                   "reminder", "reminder", .once = true},
    [GH_MESSAGE_BOOKING_PAID] = {"booking_paid", "wechat", "预约成功通知",
                                 "{name}，您已成功预约{day}{section}{doctor}医生的门诊，预约号{no}，"
                                 "挂号费{amount}元，请按时就诊。",
                                 "paid", "appointment_paid", .once = true},
    [GH_MESSAGE_VISIT_MOVED] = {"visit_moved", "wechat", "改约成功通知",
                                "{name}，您的预约已改为{day}{section}{doctor}医生的门诊，{start}开始，"
                                "预约号{no}不变。",
                                "reschedule", "reschedule"},
    [GH_MESSAGE_VISIT_ARRANGED] =
        {"visit_arranged", NULL, "改约通知",
         "{name}，医院已将您的预约改为{day}{section}{doctor}医生的门诊，{start}开始，"
         "预约号{no}不变。给您带来不便，敬请谅解。",
         "reschedule", "reschedule"},
    [GH_MESSAGE_VISIT_GIVEN_UP] =
        {"visit_given_up", "wechat", "取消成功通知",
         "{name}，您预约的{day}{section}{doctor}医生的门诊已取消，预约号{no}已作废。", "cancel", "cancel",
         .over = true},
};

const gh_message_row_t *
gh_message_row(gh_message_t which)
{
    return &rows[which];
}

static const char *
filled(gh_batch_t *b, const char *text, const gh_error_arg_t *args)
{
    gh_buf_t out GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    if (!text)
        return NULL;
    gh_error_text(&out, text, args);
    const char *done = gh_buf_cstr(&out);
    if (!done)
        return NULL;
    done = gh_batch_dup(b, (gh_str_t){done, out.n + 1}).p;
    explicit_bzero(out.p, out.n);
    return done;
}

void
gh_message_queue(gh_batch_t *b, gh_message_t which, const char *recipient, int64_t expires_us,
                 const gh_error_arg_t *args)
{
    const gh_message_row_t *row = &rows[which];
    char now[GH_PG_TIME_TEXT], until[GH_PG_TIME_TEXT];
    gh_pg_time_text(b->now_us, now);
    gh_pg_time_text(expires_us, until);
    /* a text that memory did not suffice for is null, which the table refuses: the batch fails */
    const char *params[] = {
        row->channel, recipient, row->name,        filled(b, row->subject, args), filled(b, row->text, args),
        now,          until,     gh_batch_trace(b)};
    gh_batch_query(b, "rt_message_put", (int)GH_COUNT(params), params);
}

/* ---- about orders */

#define WECHAT_DATA                                                                                          \
    "{\"name1\":{\"value\":\"{name}\"},\"thing2\":{\"value\":\"{doctor}\"},"                                 \
    "\"date3\":{\"value\":\"{day} {section}\"},\"character_string4\":{\"value\":\"{no}\"}}"

static const char *
setting_of(const gh_conf_t *conf, const char *what, const char *purpose)
{
    char name[64];
    snprintf(name, sizeof name, "wechat.%s_%s", what, purpose);
    return gh_conf_str(conf, name);
}

const char *
gh_message_wechat_template(const gh_conf_t *conf, const char *purpose)
{
    const char *id = purpose ? setting_of(conf, "template", purpose) : "";
    return *id ? id : NULL;
}

const char *
gh_message_wechat_data(const gh_conf_t *conf, const char *purpose)
{
    const char *data = purpose ? setting_of(conf, "data", purpose) : "";
    return *data ? data : WECHAT_DATA;
}

void
gh_message_orders(gh_batch_t *b, gh_message_t which, const char *orders, const char *reason)
{
    const gh_message_row_t *row = &rows[which];
    const gh_conf_t *conf = gh_worker_conf(b->worker);
    const char *template = gh_message_wechat_template(conf, row->purpose);
    char now[GH_PG_TIME_TEXT];
    if (row->channel && !template) /* by WeChat or not at all */
        return;
    gh_pg_time_text(b->now_us, now);
    const char *params[] = {orders,
                            row->name,
                            row->subject,
                            row->text,
                            row->booker_first ? "t" : "f",
                            row->channel ? "f" : "t",
                            template,
                            gh_message_wechat_data(conf, row->purpose),
                            row->scene,
                            row->once ? "t" : "f",
                            reason,
                            now,
                            gh_conf_str(conf, "hospital.timezone"),
                            row->over ? "t" : "f",
                            gh_batch_trace(b)};
    gh_batch_query(b, "rt_message_orders", (int)GH_COUNT(params), params);
}
