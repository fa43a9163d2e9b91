/*
 * workers/identity/own_profile.c - PUT /auth/profile: a patient changes name, gender or birth date (api/01 section 1.5)
 */
#include <libpq-fe.h>

#include "base/timez.h"
#include "db/arrays.h"
#include "workers/identity/identity.h"
#include "workers/identity/register_rules.h"

/* What is to be changed; NULL: left alone. */
typedef struct change {
    const char *name, *gender, *born;
} change_t;

static gh_step_t
refuse(gh_batch_t *b, gh_err_t err)
{
    gh_job_refuse(b, b->jobs[0], err, NULL);
    return GH_STEP_DONE;
}

static gh_err_t
read_change(gh_batch_t *b, change_t *change)
{
    const gh_wjob_t *job = b->jobs[0];
    int32_t day;
    if (gh_arg_has(job, "realName"))
        change->name = gh_text(b, gh_arg_text(job, "realName"));
    if (gh_arg_has(job, "gender") && !(change->gender = gh_gender_word(gh_arg_text(job, "gender"))))
        return GH_E_PROFILE_GENDER_INVALID;
    if (!gh_arg_has(job, "birthDate"))
        return GH_E_NONE;
    gh_str_t born = gh_arg_text(job, "birthDate");
    if (gh_day_parse(born, &day) || !gh_birth_day_ok(day, gh_tz_day(b->now_us)))
        return GH_E_PROFILE_BIRTH_DATE_INVALID;
    change->born = gh_text(b, born);
    return GH_E_NONE;
}

static const char *
gender_shown(const char *word)
{
    if (!word)
        return NULL;
    return strcmp(word, "male") == 0 ? "男" : strcmp(word, "female") == 0 ? "女" : "未知";
}

static gh_step_t
reply(gh_batch_t *b, const change_t *change)
{
    gh_buf_t out GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_json_t j;
    gh_json_init(&j, &out);
    gh_json_obj(&j);
    gh_json_kcstr(&j, "detail", "个人信息更新成功");
    gh_json_key(&j, "updatedFields");
    gh_json_obj(&j);
    gh_json_kcstr(&j, "realName", change->name);
    gh_json_kcstr(&j, "gender", gender_shown(change->gender));
    gh_json_kcstr(&j, "birthDate", change->born);
    gh_json_obj_end(&j);
    gh_json_obj_end(&j);
    if (!gh_buf_ok(&out))
        return GH_STEP_FAIL;
    gh_job_ok(b, b->jobs[0], 0, gh_buf_view(&out));
    return GH_STEP_DONE;
}

static gh_step_t
update(gh_batch_t *b)
{
    const PGresult *r = gh_batch_result(b, 0);
    change_t change = {0};
    if (PQntuples(r) == 0)
        return refuse(b, GH_E_PROFILE_PATIENT_MISSING);
    gh_err_t err = read_change(b, &change);
    if (err != GH_E_NONE)
        return refuse(b, err);
    const char *id = gh_text_i64(b, gh_pg_i64(r, 0, 0, 0));
    if (change.name || change.gender || change.born)
        gh_batch_query(b, "profile_update", 4, (const char *[]){id, change.name, change.gender, change.born});
    else
        gh_job_no_effect(b->jobs[0]);
    return reply(b, &change);
}

gh_step_t
gh_update_profile(gh_batch_t *b)
{
    if (b->jobs[0]->done)
        return GH_STEP_DONE;
    if (b->phase > 0)
        return update(b);
    gh_batch_query(b, "profile_find", 1, (const char *[]){gh_text_i64(b, b->jobs[0]->head.actor.user_id)});
    return GH_STEP_MORE;
}
