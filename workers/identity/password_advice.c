/*
 * workers/identity/password_advice.c - AU-11 and AU-12: the password rule told, and tried on a password; no database
 */
#include "domain/password_rules.h"
#include "workers/identity/identity.h"

static void
reply(gh_batch_t *b, gh_wjob_t *job, const gh_buf_t *out)
{
    if (gh_buf_ok(out))
        gh_job_ok(b, job, 0, gh_buf_view(out));
    else
        gh_job_refuse(b, job, GH_E_INTERNAL, NULL);
}

static void
put_policy(gh_json_t *j, const gh_password_policy_t *policy)
{
    gh_json_obj(j);
    gh_json_ki64(j, "min_length", policy->min_length);
    gh_json_ki64(j, "max_bytes", GH_PASSWORD_MAX);
    gh_json_ki64(j, "min_classes", policy->min_classes);
    gh_json_kbool(j, "forbid_common", true);
    gh_json_ki64(j, "history", policy->history);
    gh_json_obj_end(j);
}

static void
put_verdict(gh_json_t *j, gh_str_t password, unsigned faults)
{
    gh_json_obj(j);
    gh_json_kbool(j, "ok", faults == 0);
    gh_json_ki64(j, "score", gh_password_score(password, faults));
    gh_json_key(j, "failed");
    gh_json_arr(j);
    for (unsigned bit = 1; bit < 1u << GH_PW_FAULTS; bit <<= 1)
        if (faults & bit)
            gh_json_cstr(j, gh_password_fault_word(bit));
    gh_json_arr_end(j);
    gh_json_obj_end(j);
}

gh_step_t
gh_tell_password_policy(gh_batch_t *b)
{
    gh_password_policy_t policy = gh_password_policy(gh_worker_conf(b->worker));
    for (size_t i = 0; i < b->n; i++) {
        gh_buf_t out GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
        gh_json_t j;
        gh_json_init(&j, &out);
        put_policy(&j, &policy);
        if (!b->jobs[i]->done)
            reply(b, b->jobs[i], &out);
    }
    return GH_STEP_DONE;
}

gh_step_t
gh_password_check(gh_batch_t *b)
{
    gh_password_policy_t policy = gh_password_policy(gh_worker_conf(b->worker));
    for (size_t i = 0; i < b->n; i++) {
        gh_wjob_t *job = b->jobs[i];
        gh_buf_t out GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
        gh_json_t j;
        if (job->done)
            continue;
        gh_str_t password = gh_arg_text(job, "password");
        unsigned faults = gh_password_faults(&policy, password, gh_arg_text(job, "username"),
                                             gh_arg_text(job, "email"));
        gh_json_init(&j, &out);
        put_verdict(&j, password, faults);
        reply(b, job, &out);
    }
    return GH_STEP_DONE;
}
