/*
 * lib/domain/message.c - the templates, and the row in message_outbox
 */
#include "domain/message.h"

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
                                    "预约号{no}已作废，无需支付费用。给您带来不便，敬请谅解。"},
    [GH_MESSAGE_VISIT_REFUNDED] = {"visit_refunded", NULL, "门诊取消通知",
                                   "{name}，您预约的{day}{section}{doctor}医生的门诊已取消（{reason}），"
                                   "预约号{no}已作废，挂号费{amount}元已原路退回。给您带来不便，敬请谅解。"},
    [GH_MESSAGE_WAIT_CANCELLED] = {"wait_cancelled", NULL, "候补取消通知",
                                   "{name}，您候补的{day}{section}{doctor}医生的门诊已取消（{reason}），"
                                   "候补已失效。给您带来不便，敬请谅解。"},
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
                                  "已为您预约，预约号{no}。如需支付，请按时支付，逾期号源将释放。"},
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
        row->channel, recipient, row->name, filled(b, row->subject, args), filled(b, row->text, args),
        now,          until};
    gh_batch_query(b, "rt_message_put", 7, params);
}
