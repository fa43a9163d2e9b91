/*
 * workers/identity/patient_delete.c - removing patients (api/22 PA-08, api/30 HB-06)
 *
 *   phase 0   nothing: the runtime loads the caller and decides x-access first
 *   phase 1   hold the patient against bookings, its account and sign-ins; what is still to come?
 *   phase 2   decide; cancel what is to come, when that was asked for (domain/close.h)
 *   phase 3   close the account, end its sign-ins, remove the patient, answer
 *
 * The row stays, and with it the history. An account that is a doctor's or an administrator's too goes on without the patient.
 */
#include <libpq-fe.h>

#include "base/timez.h"
#include "db/arrays.h"
#include "domain/close.h"
#include "domain/if_match.h"
#include "worker/args.h"
#include "workers/identity/patients.h"

#define REASON "患者档案已注销"

enum { P_VERSION, P_SHOWN, P_CHANGES }; /* patient_leave_lock */
enum { O_SESSIONS, O_PLACES };          /* patient_leave_orders */

typedef struct work {
    bool heartbeat, cancels;
    int64_t patient, account;
    const char *id, *now, *shown, *changes, *sids;
    size_t at_patient, at_account, at_sign_ins, at_orders;
    gh_close_t close;
} work_t;

static gh_step_t
begin(gh_batch_t *b)
{
    work_t *w = gh_batch_alloc(b, sizeof *w);
    gh_wjob_t *job = b->jobs[0];
    b->state = w;
    w->heartbeat = gh_str_is(job->head.op, "identity.hb_delete_patient");
    w->patient = w->heartbeat ? gh_patient_hb_id(b, "patient_id") : gh_arg_id(job->args, "path.id");
    if (job->done)
        return GH_STEP_DONE;
    w->cancels = gh_arg_bool(job->args, "query.cancel_appointments");
    w->id = gh_text_i64(b, w->patient);
    w->now = gh_text_time(b, b->now_us);
    gh_batch_query(b, "patient_leave_hold", 1, &w->id);
    w->at_patient = gh_batch_query(b, "patient_leave_lock", 2, (const char *[]){w->id, gh_tz_name()});
    w->at_account = gh_batch_query(b, "patient_leave_account", 1, &w->id);
    w->at_sign_ins = gh_batch_query(b, "patient_leave_sign_ins", 1, &w->id);
    w->at_orders = gh_batch_query(b, "patient_leave_orders", 2, (const char *[]){w->id, w->now});
    return GH_STEP_MORE;
}

static gh_err_t
judge(gh_batch_t *b, work_t *w)
{
    const PGresult *r = gh_batch_result(b, w->at_patient), *account = gh_batch_result(b, w->at_account);
    gh_str_t wanted = gh_arg_str(b->jobs[0]->args, "if_match");
    char tag[GH_ETAG_TEXT];
    if (PQntuples(r) == 0)
        return w->heartbeat ? GH_E_PATIENT_NOT_FOUND : GH_E_NOT_FOUND;
    w->shown = gh_text(b, gh_pg_str(r, 0, P_SHOWN));
    w->changes = gh_text(b, gh_pg_str(r, 0, P_CHANGES));
    w->account = PQntuples(account) ? gh_pg_i64(account, 0, 0, 0) : 0;
    gh_etag(tag, "patient", w->patient, gh_pg_i64(r, 0, P_VERSION, 0));
    if (wanted.p && !gh_if_match(wanted, tag))
        return GH_E_PRECONDITION_FAILED;
    bool has_places = gh_pg_i64(gh_batch_result(b, w->at_orders), 0, O_PLACES, 0) > 0;
    return has_places && !w->cancels ? GH_E_PATIENT_HAS_APPOINTMENTS : GH_E_NONE;
}

static gh_step_t
carry_out(gh_batch_t *b, work_t *w)
{
    gh_wjob_t *job = b->jobs[0];
    gh_err_t err = judge(b, w);
    if (err != GH_E_NONE) {
        gh_job_refuse(b, job, err, NULL);
        return GH_STEP_DONE;
    }
    gh_pgarr_t ids GH_CLEANUP(gh_pgarr_fini) = {0};
    const char *sids = gh_revoke_rows(b, gh_batch_result(b, w->at_sign_ins), &ids);
    if (!sids)
        return GH_STEP_FAIL;
    w->sids = gh_text(b, gh_str(sids));
    const char *sessions = gh_text(b, gh_pg_str(gh_batch_result(b, w->at_orders), 0, O_SESSIONS));
    gh_batch_query(b, "patient_leave_sessions", 1, &sessions);
    w->close = (gh_close_t){.sessions = sessions,
                            .mode = GH_CLOSE_CLEAR,
                            .patient_id = w->patient,
                            .by = "staff",
                            .user_id = job->actor.user_id,
                            .reason = REASON};
    gh_close_begin(b, &w->close);
    return GH_STEP_MORE;
}

static gh_step_t
finish(gh_batch_t *b, work_t *w)
{
    if (gh_close_finish(b, &w->close))
        return GH_STEP_FAIL;
    gh_batch_query(b, "patient_leave", 3,
                   (const char *[]){w->id, w->account ? gh_text_i64(b, w->account) : NULL, w->now});
    if (w->account)
        gh_batch_query(b, "sessions_end", 3, (const char *[]){w->sids, w->now, "deleted"});
    if (w->account && gh_authz_publish(b, w->account))
        return GH_STEP_FAIL;
    gh_batch_audit(b, b->jobs[0],
                   &(gh_audit_t){.action = "patient.delete",
                                 .entity = "patient",
                                 .entity_id = w->patient,
                                 .patient_id = w->patient,
                                 .changes = w->changes});
    gh_job_ok(b, b->jobs[0], 0, w->heartbeat ? gh_str(w->shown) : GH_STR("null"));
    return GH_STEP_DONE;
}

gh_step_t
gh_remove_patient(gh_batch_t *b)
{
    if (b->phase == 0)
        return GH_STEP_MORE;
    if (b->jobs[0]->done)
        return GH_STEP_DONE;
    if (b->phase == 1)
        return begin(b);
    return b->phase == 2 ? carry_out(b, b->state) : finish(b, b->state);
}
