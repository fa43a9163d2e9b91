/*
 * lib/domain/wechat.c - see wechat.h
 */
#include "domain/wechat.h"

#include <stdio.h>

#include "domain/later.h"
#include "worker/args.h"

/* ---- what is usable */

static bool
is_name(gh_str_t s, size_t max)
{
    if (!s.p || s.n == 0 || s.n > max)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
              c == '-'))
            return false;
    }
    return true;
}

bool
gh_wechat_scene_ok(gh_str_t scene)
{
    return is_name(scene, GH_WECHAT_SCENE);
}

bool
gh_wechat_code_ok(gh_str_t code)
{
    if (!code.p || code.n == 0 || code.n > GH_WECHAT_CODE)
        return false;
    for (size_t i = 0; i < code.n; i++)
        if (code.p[i] <= ' ' || code.p[i] > '~')
            return false;
    return true;
}

size_t
gh_wechat_answers(gh_mp_t result, gh_wechat_answer_t out[GH_WECHAT_ANSWERS])
{
    static const char *const words[] = {"accept", "reject", "ban"};
    size_t n = 0;
    if (gh_mp_type(result) != GH_MP_MAP)
        return 0;
    for (gh_mp_iter_t it = gh_mp_iter(result); n < GH_WECHAT_ANSWERS && gh_mp_next(&it);) {
        gh_str_t word;
        if (!is_name(it.key, GH_WECHAT_TEMPLATE) || !gh_mp_str(it.value, &word))
            continue;
        for (size_t i = 0; i < GH_COUNT(words); i++)
            if (gh_str_is(word, words[i]))
                out[n++] = (gh_wechat_answer_t){it.key, words[i]};
    }
    return n;
}

/* ---- what is written */

void
gh_wechat_authorise(gh_batch_t *b, int64_t user_id, const gh_wechat_answer_t *answers, size_t n,
                    const char *scene)
{
    gh_pgarr_t templates = {0}, words = {0};
    if (n == 0)
        return;
    for (size_t i = 0; i < n; i++) {
        gh_pgarr_text(&templates, answers[i].template_id);
        gh_pgarr_text(&words, gh_str(answers[i].word));
    }
    gh_batch_query(b, "wechat_authorise", 5,
                   (const char *const[]){gh_text_i64(b, user_id), gh_pgarr_literal(&templates),
                                         gh_pgarr_literal(&words), scene, gh_text_time(b, b->now_us)});
    gh_pgarr_fini(&templates);
    gh_pgarr_fini(&words);
}

/* The code leaves with the commit: somebody else exchanges it, while it is fresh. */
static void
exchange(gh_batch_t *b, int64_t user_id, gh_str_t code)
{
    gh_buf_t args GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    char key[48];
    snprintf(key, sizeof key, "wechat-bind:%lld", (long long)user_id);
    gh_mpw_map(&args, 1);
    gh_mpw_cstr(&args, "body");
    gh_mpw_map(&args, 2);
    gh_mpw_cstr(&args, "user_id");
    gh_mpw_int(&args, user_id);
    gh_mpw_cstr(&args, "code");
    gh_mpw_str(&args, code);
    if (!gh_buf_ok(&args))
        return;
    gh_later_put(b,
                 &(gh_later_t){.kind = "gateway",
                               .op = "notify.bind_code",
                               .service = "notify",
                               .args = gh_buf_view(&args),
                               .unique_key = key,
                               .priority = GH_PRIO_BATCH,
                               .max_attempts = 2},
                 NULL);
}

void
gh_wechat_note(gh_batch_t *b, const gh_wjob_t *job, const char *scene)
{
    gh_wechat_answer_t answers[GH_WECHAT_ANSWERS];
    gh_str_t code = gh_arg_str(job->args, "body.wxCode");
    gh_str_t named = gh_arg_str(job->args, "body.subscribeScene");
    size_t n = gh_wechat_answers(gh_mp_path(job->args, "body.subscribeAuthResult"), answers);
    if (!job->actor.user_id)
        return;
    if (n > 0)
        gh_wechat_authorise(b, job->actor.user_id, answers, n,
                            gh_wechat_scene_ok(named) ? gh_text(b, named) : scene);
    if (gh_wechat_code_ok(code))
        exchange(b, job->actor.user_id, code);
}
