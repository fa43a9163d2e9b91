/*
 * lib/deliver/wechat_text.c - what is said to the WeChat platform and what it says: pure; see wechat_api.h
 */
#include "base/json.h"
#include "base/json_read.h"
#include "deliver/wechat_api.h"

#define RENEW_BEFORE_S 300

int64_t
gh_wechat_errcode(gh_str_t answer)
{
    json_t *o = gh_json_object(answer);
    int64_t code = o ? json_integer_value(json_object_get(o, "errcode")) : INT64_MIN;
    json_decref(o);
    return code;
}

int
gh_wechat_read_token(gh_str_t answer, int64_t now_ms, gh_wechat_token_t *out)
{
    json_t *o = gh_json_object(answer);
    int64_t life_s = o ? json_integer_value(json_object_get(o, "expires_in")) : 0;
    int rc = life_s > 0 && gh_json_take(o, "access_token", out->text, sizeof out->text) ? 0 : -1;
    out->until_ms = now_ms + (life_s > RENEW_BEFORE_S ? life_s - RENEW_BEFORE_S : 0) * 1000;
    if (rc)
        *out = (gh_wechat_token_t){0};
    json_decref(o);
    return rc;
}

int
gh_wechat_read_identity(gh_str_t answer, gh_wechat_identity_t *out)
{
    json_t *o = gh_json_object(answer);
    *out = (gh_wechat_identity_t){0};
    int rc = o && gh_json_take(o, "openid", out->openid, sizeof out->openid) ? 0 : -1;
    if (rc == 0 && !gh_json_take(o, "unionid", out->unionid, sizeof out->unionid))
        out->unionid[0] = 0;
    json_decref(o);
    return rc;
}

int
gh_wechat_body(gh_buf_t *out, const char *openid, const char *template_id, const char *data)
{
    gh_json_t j;
    json_t *members = gh_json_object(gh_str(data));
    if (!members)
        return -1;
    json_decref(members);
    gh_json_init(&j, out);
    gh_json_obj(&j);
    gh_json_kcstr(&j, "touser", openid);
    gh_json_kcstr(&j, "template_id", template_id);
    gh_json_kraw(&j, "data", gh_str(data));
    gh_json_obj_end(&j);
    return 0;
}

gh_wechat_verdict_t
gh_wechat_verdict(int64_t errcode)
{
    switch (errcode) {
    case 0:
        return GH_WECHAT_SENT;
    case 40001: /* invalid credential */
    case 40014: /* invalid access_token */
    case 42001: /* access_token expired */
        return GH_WECHAT_RENEW;
    case 40003: /* invalid openid */
    case 40037: /* invalid template_id */
    case 41030: /* invalid page */
    case 43101: /* user refuse to accept the msg */
    case 43107: /* subscribe message capability is banned */
    case 47003: /* argument invalid */
        return GH_WECHAT_NEVER;
    default:
        return GH_WECHAT_LATER;
    }
}
