/*
 * lib/deliver/wechat_api.h - the WeChat open platform: sign-in codes exchanged for ids, subscription messages (BR-149, BR-150)
 *
 * Requests are those of api.weixin.qq.com: /cgi-bin/stable_token, /cgi-bin/message/subscribe/send and /sns/jscode2session. The
 * secret of the mini program is the first line of wechat.secret_file. Neither ids, codes, secrets nor what the platform says is
 * logged; its numbers are. In production only https. With message.wechat = dry_run nothing leaves: a message counts as sent, and
 * a code becomes an id made up of it, which production refuses.
 */
#ifndef GH_DELIVER_WECHAT_API_H
#define GH_DELIVER_WECHAT_API_H

#include "base/buf.h"
#include "base/conf.h"
#include "deliver/sender.h"

/* The platform's access token; memory of one thread, all zero at first. */
typedef struct gh_wechat_token {
    char text[600];
    int64_t until_ms; /* gh_mono_ms() from when on it is asked for anew */
} gh_wechat_token_t;

typedef struct gh_wechat_identity {
    char openid[129], unionid[129]; /* unionid: "" when the platform told none */
} gh_wechat_identity_t;

/* ---- wechat_api.c: over the network */

/* Deliver one message of the channel "wechat" (sender.h). */
int gh_wechat_deliver(const gh_conf_t *conf, const gh_delivery_t *d, const atomic_bool *stop,
                      char why[200]) GH_MUSTCHECK;
int gh_wechat_dry_run(const gh_conf_t *conf, const gh_delivery_t *d, const atomic_bool *stop,
                      char why[200]) GH_MUSTCHECK;

typedef enum {
    GH_WECHAT_KNOWN,   /* who is filled */
    GH_WECHAT_REFUSED, /* the code is not good, or codes are not exchanged here */
    GH_WECHAT_SILENT   /* the platform did not answer as it should: worth another try */
} gh_wechat_word_t;

typedef struct gh_wechat_exchange {
    const gh_conf_t *conf; /* borrowed */
    int64_t user_id;
    const char *code; /* borrowed */
    gh_wechat_identity_t who;
    gh_wechat_word_t word;
} gh_wechat_exchange_t;

/* Exchange a code; the argument is a gh_wechat_exchange_t. Blocks up to wechat.timeout_s: for a thread. */
void gh_wechat_exchange(void *exchange);

/* ---- wechat_text.c: pure */

/* The errcode of an answer: 0 when it has none; INT64_MIN when it is no JSON object. */
int64_t gh_wechat_errcode(gh_str_t answer);
/* -1: the answer holds no token. now_ms: gh_mono_ms(); the token is renewed five minutes before its end. */
int gh_wechat_read_token(gh_str_t answer, int64_t now_ms, gh_wechat_token_t *out) GH_MUSTCHECK;
/* -1: the answer holds no id. */
int gh_wechat_read_identity(gh_str_t answer, gh_wechat_identity_t *out) GH_MUSTCHECK;
/* The body of a message. data: the JSON object of the template's members. -1: it is none. */
int gh_wechat_body(gh_buf_t *out, const char *openid, const char *template_id, const char *data) GH_MUSTCHECK;

typedef enum {
    GH_WECHAT_SENT,
    GH_WECHAT_RENEW, /* the token is not good (any more) */
    GH_WECHAT_NEVER, /* this message will not be taken: the user refused, the template or its data are wrong */
    GH_WECHAT_LATER
} gh_wechat_verdict_t;

gh_wechat_verdict_t gh_wechat_verdict(int64_t errcode);

#endif
