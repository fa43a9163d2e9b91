/*
 * workers/audit/decision.c - what every approval says: the refusal of a second one, the reply, the entry in the audit log
 */
#include <libpq-fe.h>

#include "base/timez.h"
#include "workers/audit/audit.h"

void
gh_decision_refuse(gh_batch_t *b, gh_err_t err, gh_str_t status)
{
    gh_job_refuse(b, b->jobs[0], err, (const gh_error_arg_t[]){{"status", status}, {0}});
}

void
gh_decision_put(gh_batch_t *b, int64_t audit_id)
{
    char at[GH_TEXT_DT];
    gh_buf_t out GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_json_t j;
    gh_dt_text(b->now_us, 'T', at);
    gh_json_init(&j, &out);
    gh_json_obj(&j);
    gh_json_ki64(&j, "audit_id", audit_id);
    gh_json_kcstr(&j, "status", "approved");
    gh_json_ki64(&j, "auditor_id", b->jobs[0]->actor.user_id);
    gh_json_kcstr(&j, "audit_time", at);
    gh_json_obj_end(&j);
    gh_job_ok(b, b->jobs[0], 0, gh_buf_view(&out));
}

static void
changed(gh_json_t *j, const char *member, const char *was, int64_t is)
{
    gh_json_key(j, member);
    gh_json_arr(j);
    gh_json_cstr(j, was);
    gh_json_i64(j, is);
    gh_json_arr_end(j);
}

void
gh_decision_note(gh_batch_t *b, const char *entity, int64_t audit_id, int64_t patient_id,
                 const gh_effect_t *effects)
{
    gh_buf_t text GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT, action GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_json_t j;
    gh_json_init(&j, &text);
    gh_json_obj(&j);
    gh_json_key(&j, "status");
    gh_json_arr(&j);
    gh_json_cstr(&j, "pending");
    gh_json_cstr(&j, "approved");
    gh_json_arr_end(&j);
    gh_json_key(&j, "audit_remark");
    gh_json_arr(&j);
    gh_json_null(&j);
    gh_json_str(&j, gh_arg_str(b->jobs[0]->args, "body.comment"));
    gh_json_arr_end(&j);
    for (; effects->member; effects++)
        changed(&j, effects->member, NULL, effects->value);
    gh_json_obj_end(&j);
    gh_buf_puts(&action, entity);
    gh_buf_puts(&action, ".approve");
    gh_batch_audit(b, b->jobs[0],
                   &(gh_audit_t){.action = gh_buf_cstr(&action),
                                 .entity = entity,
                                 .entity_id = audit_id,
                                 .patient_id = patient_id,
                                 .changes = gh_buf_cstr(&text)});
}
