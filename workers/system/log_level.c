/*
 * workers/system/log_level.c - PATCH /api/v1/system/log-level (api/29 SY-11, R-215): a least level of log lines for a component, for a
 * while or until the next change
 *
 * It is the setting log.override, told to every program with the event "config" as all settings are; each program goes back by itself
 * when the time is over, also one that hears nobody then.
 */
#include <libpq-fe.h>

#include "base/log_override.h"
#include "base/timez.h"
#include "db/arrays.h"
#include "worker/args.h"
#include "workers/system/system.h"

typedef struct work {
    gh_str_t component, level;
    int64_t until_s; /* 0: never */
    size_t at_told;
    const char *before; /* level, or NULL */
} work_t;

static gh_step_t
begin(gh_batch_t *b)
{
    work_t *w = b->state;
    gh_wjob_t *job = b->jobs[0];
    int64_t ttl_s = gh_arg_id(job->args, "body.ttl_s");
    w->component = gh_arg_str(job->args, "body.component");
    w->level = gh_arg_str(job->args, "body.level");
    w->until_s = ttl_s ? gh_machine_us() / 1000000 + ttl_s : 0;
    if (!w->component.n)
        w->component = GH_STR(GH_OVERRIDE_ALL);
    if (!gh_str_is(w->component, GH_OVERRIDE_ALL) && !gh_log_component_ok(w->component)) {
        gh_job_invalid(b, job, "component", "value_error",
                       "a component is all, front, broker, worker or guahao, or access, job, db, link, send "
                       "or kore, or both "
                       "with a point between");
        return GH_STEP_DONE;
    }
    gh_batch_query(b, "settings_lock", 0, NULL);
    gh_batch_query(b, "log_override", 0, NULL);
    return GH_STEP_MORE;
}

static gh_step_t
write_rule(gh_batch_t *b)
{
    work_t *w = b->state;
    gh_buf_t text GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_pgarr_t keys GH_CLEANUP(gh_pgarr_fini) = {0}, values GH_CLEANUP(gh_pgarr_fini) = {0};
    const PGresult *r = gh_batch_result(b, 1);
    const char *was = PQntuples(r) && !PQgetisnull(r, 0, 0) ? PQgetvalue(r, 0, 0) : "",
               *level = gh_text(b, w->level);
    int64_t now_s = gh_machine_us() / 1000000, until_s;
    gh_str_t before = gh_override_find(was, w->component, now_s, &until_s);
    w->before = before.n ? gh_text(b, before) : NULL;
    gh_override_put(was, w->component, level, w->until_s, now_s, &text);
    gh_pgarr_text(&keys, GH_STR("log.override"));
    gh_buf_t json GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_json_t j;
    gh_json_init(&j, &json);
    gh_json_str(&j, gh_buf_view(&text));
    gh_pgarr_text(&values, gh_buf_view(&json));
    const char *params[] = {gh_pgarr_literal(&keys), gh_pgarr_literal(&values),
                            gh_text_i64(b, b->jobs[0]->actor.user_id), gh_text_time(b, b->now_us)};
    if (!params[0] || !params[1] || !gh_buf_ok(&text) || !gh_buf_ok(&json) || text.n > GH_OVERRIDE_TEXT_MAX)
        return GH_STEP_FAIL;
    gh_batch_query(b, "settings_write", 4, params);
    w->at_told = gh_batch_query(b, "settings_told", 0, NULL);
    return GH_STEP_MORE;
}

static void
note(gh_batch_t *b, const work_t *w)
{
    gh_buf_t out GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_json_t j;
    gh_json_init(&j, &out);
    gh_json_obj(&j);
    gh_json_key(&j, "level");
    gh_json_arr(&j);
    gh_json_cstr(&j, w->before);
    gh_json_str(&j, w->level);
    gh_json_arr_end(&j);
    gh_json_obj_end(&j);
    gh_batch_audit(b, b->jobs[0],
                   &(gh_audit_t){.action = "log_level.update",
                                 .entity = "log_level",
                                 .entity_key = gh_text(b, w->component),
                                 .changes = gh_buf_cstr(&out)});
}

static gh_step_t
answer(gh_batch_t *b)
{
    work_t *w = b->state;
    gh_buf_t out GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    char until[GH_TEXT_TS];
    gh_json_t j;
    note(b, w);
    gh_settings_tell(b, gh_batch_result(b, w->at_told));
    gh_json_init(&j, &out);
    gh_json_obj(&j);
    gh_json_kstr(&j, "component", w->component);
    gh_json_kstr(&j, "level", w->level);
    if (w->until_s) {
        gh_ts_text(w->until_s * 1000000, until);
        gh_json_kcstr(&j, "until", until);
    }
    gh_json_obj_end(&j);
    if (!gh_buf_ok(&out))
        return GH_STEP_FAIL;
    gh_job_ok(b, b->jobs[0], 0, gh_buf_view(&out));
    return GH_STEP_DONE;
}

gh_step_t
gh_change_log_level(gh_batch_t *b)
{
    static const gh_step_fn phases[] = {begin, write_rule, answer};
    return gh_batch_phases(b, sizeof(work_t), phases, GH_COUNT(phases));
}
