/*
 * lib/domain/password_refusal.c - refusing a password that may not be set
 */
#include "domain/password_refusal.h"

#include "domain/password_rules.h"

static void
put_faults(gh_json_t *j, const gh_password_policy_t *policy, const char *field, unsigned faults)
{
    gh_json_arr(j);
    for (unsigned bit = 1; bit < 1u << GH_PW_FAULTS; bit <<= 1) {
        if (!(faults & bit))
            continue;
        char text[GH_PASSWORD_FAULT_TEXT];
        gh_json_obj(j);
        gh_json_kcstr(j, "field", field);
        gh_json_kcstr(j, "code", gh_password_fault_word(bit));
        gh_json_kcstr(j, "message", gh_password_fault_text(policy, bit, text));
        gh_json_obj_end(j);
    }
    gh_json_arr_end(j);
}

bool
gh_password_accept(gh_batch_t *b, gh_wjob_t *job, const char *field, gh_str_t password, gh_str_t username,
                   gh_str_t email)
{
    gh_buf_t out GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_json_t j;
    gh_password_policy_t policy = gh_password_policy(gh_worker_conf(b->worker));
    unsigned faults = gh_password_faults(&policy, password, username, email);
    if (!faults)
        return true;
    gh_json_init(&j, &out);
    put_faults(&j, &policy, field, faults);
    if (gh_buf_ok(&out))
        gh_job_extra(b, job, "errors", gh_buf_view(&out));
    gh_job_refuse(b, job, faults & GH_PW_TOO_LONG ? GH_E_PASSWORD_TOO_LONG : GH_E_PASSWORD_WEAK, NULL);
    return false;
}
