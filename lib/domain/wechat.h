/*
 * lib/domain/wechat.h - WeChat members of requests: a sign-in code of the mini program, and what may be sent (BR-149, api/07)
 *
 * `wxCode`, `subscribeAuthResult` and `subscribeScene` come along with bookings and the like. They never refuse the call they come
 * with: what is unusable in them is left out. Authorisations are stored in the transaction of the call. A code has to be exchanged
 * for a WeChat id over the network, so it becomes a durable job, the inner operation notify.bind_code with the arguments
 * {"body": {"user_id": .., "code": ".."}}; one of an account at a time.
 *
 * The pool lists gh_sql_domain among its statement tables.
 */
#ifndef GH_DOMAIN_WECHAT_H
#define GH_DOMAIN_WECHAT_H

#include "worker/worker.h"

#define GH_WECHAT_ANSWERS  50 /* of one request; the client asks for three templates at a time */
#define GH_WECHAT_TEMPLATE 128
#define GH_WECHAT_CODE     256
#define GH_WECHAT_SCENE    40

/* What an account answered for one template. Borrowed from the message; word is literal. */
typedef struct gh_wechat_answer {
    gh_str_t template_id;
    const char *word; /* accept, reject, ban */
} gh_wechat_answer_t;

/* Pure: the usable answers of a subscribeAuthResult (the client leaves a stray errMsg in it), at most GH_WECHAT_ANSWERS. Anything but a
 * map has none. */
size_t gh_wechat_answers(gh_mp_t result, gh_wechat_answer_t out[GH_WECHAT_ANSWERS]);
/* Pure: may this be a code (printable ASCII, at most GH_WECHAT_CODE), and the name of a scene (letters, digits, _ and -)? */
bool gh_wechat_code_ok(gh_str_t code);
bool gh_wechat_scene_ok(gh_str_t scene);

/* Queue the answers of an account with the writes of this phase. scene: where it was asked. All is copied. */
void gh_wechat_authorise(gh_batch_t *b, int64_t user_id, const gh_wechat_answer_t *answers, size_t n,
                         const char *scene);
/* With the writes of a job that succeeded: the WeChat members of its body, if it has any. scene: when the body names none. */
void gh_wechat_note(gh_batch_t *b, const gh_wjob_t *job, const char *scene);

#endif
