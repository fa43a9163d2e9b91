/*
 * workers/notify/bind.c - WeChat ids of accounts: a code is exchanged for the id and stored (BR-149, BR-150)
 *
 *   phase 0   nothing: the runtime loads the caller first
 *   phase 1   exchange the code on a thread, if there is one and not all threads are taken by such
 *   phase 2   write
 *   phase 3   answer
 */
#include <libpq-fe.h>

#include "base/json.h"
#include "deliver/wechat_api.h"
#include "domain/wechat.h"
#include "worker/args.h"
#include "workers/notify/notify.h"

typedef struct work {
    gh_wechat_exchange_t exchange;
    bool asked;
    size_t at;
} work_t;

static void
over(void *arg, bool committed)
{
    gh_notify_t *self = arg;
    (void)committed;
    self->exchanging--;
}

/* A slow platform must not hold up everything else on the process's threads. */
static bool
room(const gh_batch_t *b)
{
    int64_t threads = gh_conf_int(gh_worker_conf(b->worker), "password.threads");
    return (int64_t)gh_notify_of(b)->exchanging < (threads > 2 ? threads - 1 : 1);
}

static gh_step_t
begin(gh_batch_t *b, work_t *w, int64_t user_id, gh_str_t code)
{
    gh_notify_t *self = gh_notify_of(b);
    w->exchange = (gh_wechat_exchange_t){
        .conf = gh_worker_conf(b->worker), .user_id = user_id, .code = gh_text(b, code)};
    if (!gh_batch_ok(b))
        return GH_STEP_FAIL;
    w->asked = true;
    self->exchanging++;
    gh_batch_on_end(b, over, self);
    gh_batch_work(b, gh_wechat_exchange, &w->exchange);
    return GH_STEP_WAIT;
}

static void
store(gh_batch_t *b, work_t *w)
{
    const gh_wechat_identity_t *who = &w->exchange.who;
    w->at = gh_batch_query(b, "wechat_bind", 5,
                           (const char *[]){gh_text_i64(b, w->exchange.user_id), who->openid,
                                            *who->unionid ? who->unionid : NULL, NULL,
                                            gh_text_time(b, b->now_us)});
}

static gh_step_t
refuse(gh_batch_t *b, gh_err_t err)
{
    gh_job_refuse(b, b->jobs[0], err, NULL);
    return GH_STEP_DONE;
}

/* ---- a code alone */

static gh_step_t
bind_begin(gh_batch_t *b)
{
    work_t *w = b->state;
    gh_wjob_t *job = b->jobs[0];
    gh_str_t code = gh_arg_str(job->args, "body.code");
    int64_t user = b->op->inner ? gh_arg_id(job->args, "body.user_id") : job->actor.user_id;
    if (!gh_wechat_code_ok(code))
        return refuse(b, GH_E_WECHAT_CODE_INVALID);
    return room(b) ? begin(b, w, user, code) : refuse(b, GH_E_QUEUE_FULL);
}

static gh_step_t
bind_write(gh_batch_t *b)
{
    work_t *w = b->state;
    /* whoever carries out durable jobs tries again when the platform was silent */
    if (w->exchange.word == GH_WECHAT_SILENT && b->op->inner)
        return refuse(b, GH_E_SERVICE_UNAVAILABLE);
    if (w->exchange.word != GH_WECHAT_KNOWN)
        return refuse(b, GH_E_WECHAT_CODE_INVALID);
    store(b, w);
    return gh_batch_ok(b) ? GH_STEP_MORE : GH_STEP_FAIL;
}

static gh_step_t
bind_answer(gh_batch_t *b)
{
    const work_t *w = b->state;
    const PGresult *r = gh_batch_result(b, w->at);
    gh_buf_t out GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_json_t json;
    if (PQntuples(r) == 0) /* the account was deleted meanwhile */
        return refuse(b, GH_E_WECHAT_CODE_INVALID);
    gh_json_init(&json, &out);
    gh_json_obj(&json);
    gh_json_kbool(&json, "bound", true);
    gh_json_kstr(&json, "openid", gh_pg_str(r, 0, 0));
    gh_json_obj_end(&json);
    gh_job_ok(b, b->jobs[0], 0, gh_buf_view(&out));
    return gh_buf_ok(&out) ? GH_STEP_DONE : GH_STEP_FAIL;
}

gh_step_t
gh_wechat_bind(gh_batch_t *b)
{
    static const gh_step_fn phases[] = {bind_begin, bind_write, bind_answer};
    return gh_batch_phases(b, sizeof(work_t), phases, GH_COUNT(phases));
}

/* ---- what the home screen sends: a code that is of no use is no error */

static gh_step_t
store_begin(gh_batch_t *b)
{
    work_t *w = b->state;
    gh_wjob_t *job = b->jobs[0];
    gh_str_t code = gh_arg_str(job->args, "body.wxCode");
    return gh_wechat_code_ok(code) && room(b) ? begin(b, w, job->actor.user_id, code) : GH_STEP_MORE;
}

/* A code that nobody could exchange just now becomes a durable job, with the answers (gh_wechat_note). */
static gh_step_t
store_write(gh_batch_t *b)
{
    work_t *w = b->state;
    gh_wjob_t *job = b->jobs[0];
    gh_wechat_answer_t answers[GH_WECHAT_ANSWERS];
    gh_str_t scene = gh_arg_str(job->args, "body.subscribeScene");
    if (!w->asked) {
        gh_wechat_note(b, job, "general");
        return gh_batch_ok(b) ? GH_STEP_MORE : GH_STEP_FAIL;
    }
    if (w->exchange.word == GH_WECHAT_KNOWN)
        store(b, w);
    size_t n = gh_wechat_answers(gh_mp_path(job->args, "body.subscribeAuthResult"), answers);
    gh_wechat_authorise(b, job->actor.user_id, answers, n,
                        gh_wechat_scene_ok(scene) ? gh_text(b, scene) : "general");
    return gh_batch_ok(b) ? GH_STEP_MORE : GH_STEP_FAIL;
}

static gh_step_t
store_read(gh_batch_t *b)
{
    work_t *w = b->state;
    w->at = gh_batch_query(b, "wechat_binding", 2,
                           (const char *[]){gh_text_i64(b, b->jobs[0]->actor.user_id), "f"});
    return gh_batch_ok(b) ? GH_STEP_MORE : GH_STEP_FAIL;
}

static gh_step_t
store_answer(gh_batch_t *b)
{
    const work_t *w = b->state;
    gh_job_ok(b, b->jobs[0], 0, gh_pg_str(gh_batch_result(b, w->at), 0, 0));
    return GH_STEP_DONE;
}

gh_step_t
gh_wechat_store(gh_batch_t *b)
{
    static const gh_step_fn phases[] = {store_begin, store_write, store_read, store_answer};
    return gh_batch_phases(b, sizeof(work_t), phases, GH_COUNT(phases));
}
