/*
 * workers/identity/doctor_delete.c - removing doctors on every surface (BR-22, R-67, R-68)
 *
 *   phase 0   nothing: the runtime loads the caller and decides x-access first
 *   phase 1   lock who administers, the doctor, the account with its sign-ins, what is still to be held; read what the rules ask
 *   phase 2   decide; hand sessions over, close the others with their orders (domain/close.h)
 *   phase 3   close the account, end its sign-ins, remove the doctor, answer
 *
 * On the office's screens a removal cancels what is to come, as deleting a session does (BR-46); the other surfaces ask first.
 */
#include <libpq-fe.h>

#include "base/timez.h"
#include "db/arrays.h"
#include "domain/close.h"
#include "domain/if_match.h"
#include "domain/message.h"
#include "worker/args.h"
#include "workers/identity/admin_rules.h"
#include "workers/identity/doctors.h"

#define REASON "医生已停止出诊"

/* Columns of doctor_leave_lock, doctor_leave_account and doctor_leave_sessions. */
enum { D_VERSION, D_USER, D_NAME, D_SHOWN, D_CHANGES };
enum { A_ID, A_ACTIVE, A_SUPERUSER, A_ADMIN, A_OTHER_ADMIN, A_RIGHTS };
enum { S_ID, S_HELD };

typedef struct work {
    gh_doctor_surface_t surface;
    bool cancels;
    int64_t doctor, target, account;
    const char *id, *caller, *now, *shown, *name, *changes;
    const char *sids; /* sign-ins that end */
    size_t at_doctor, at_account, at_sign_ins, at_sessions, at_appointments, at_target;
    bool closes;
    gh_close_t close;
} work_t;

static gh_step_t
begin(gh_batch_t *b)
{
    work_t *w = gh_batch_alloc(b, sizeof *w);
    gh_wjob_t *job = b->jobs[0];
    b->state = w;
    w->surface = gh_str_is(job->head.op, "identity.delete_doctor")      ? GH_DOCTOR_CODE
                 : gh_str_is(job->head.op, "identity.v1_delete_doctor") ? GH_DOCTOR_V1
                                                                        : GH_DOCTOR_HB;
    if (!gh_doctor_take_id(b, w->surface, &w->doctor))
        return GH_STEP_DONE;
    w->cancels = w->surface == GH_DOCTOR_CODE || gh_arg_bool(job->args, "query.cancel_appointments");
    w->target = gh_arg_id(job->args, "query.reassign_to");
    if (w->target && (w->cancels || w->target == w->doctor)) {
        (void)gh_arg_invalid(b, "reassign_to",
                             w->cancels ? "not together with cancel_appointments"
                                        : "is the doctor who leaves");
        return GH_STEP_DONE;
    }
    w->id = gh_text_i64(b, w->doctor);
    w->caller = gh_text_i64(b, job->actor.user_id);
    w->now = gh_text_time(b, b->now_us);
    gh_batch_query(b, "admin_lock", 0, NULL);
    w->at_doctor = gh_batch_query(b, "doctor_leave_lock", 2, (const char *[]){w->id, gh_tz_name()});
    w->at_account = gh_batch_query(b, "doctor_leave_account", 2, (const char *[]){w->id, w->caller});
    w->at_sign_ins = gh_batch_query(b, "doctor_leave_sign_ins", 1, (const char *[]){w->id});
    w->at_target = gh_batch_query(b, "doctor_leave_target", 1, (const char *[]){gh_text_i64(b, w->target)});
    w->at_sessions = gh_batch_query(b, "doctor_leave_sessions", 2, (const char *[]){w->id, w->now});
    w->at_appointments = gh_batch_query(b, "doctor_leave_appointments", 2, (const char *[]){w->id, w->now});
    return GH_STEP_MORE;
}

/* ---- the decision */

static gh_err_t
judge_account(const gh_batch_t *b, work_t *w)
{
    const PGresult *r = gh_batch_result(b, w->at_account);
    if (PQntuples(r) == 0)
        return GH_E_NONE;
    w->account = gh_pg_i64(r, 0, A_ID, 0);
    int64_t rights = gh_pg_i64(r, 0, A_RIGHTS, 0);
    gh_admin_account_t account = {
        .id = w->account,
        .known = true,
        .active = gh_pg_bool(r, 0, A_ACTIVE),
        .superuser = gh_pg_bool(r, 0, A_SUPERUSER),
        .admin = gh_pg_bool(r, 0, A_ADMIN),
        .other_admin = gh_pg_bool(r, 0, A_OTHER_ADMIN),
    };
    gh_admin_caller_t caller = {
        .id = b->jobs[0]->actor.user_id, .superuser = rights & 1, .admin = rights & 2};
    gh_admin_change_t change = {.deletes = true};
    return gh_admin_decide(&caller, &account, &change);
}

static gh_err_t
judge(gh_batch_t *b, work_t *w)
{
    const PGresult *r = gh_batch_result(b, w->at_doctor);
    gh_str_t wanted = gh_arg_str(b->jobs[0]->args, "if_match");
    char tag[GH_ETAG_TEXT];
    if (PQntuples(r) == 0)
        return w->surface == GH_DOCTOR_V1 ? GH_E_NOT_FOUND : GH_E_DOCTOR_NOT_FOUND;
    w->name = gh_text(b, gh_pg_str(r, 0, D_NAME));
    w->shown = gh_text(b, gh_pg_str(r, 0, D_SHOWN));
    w->changes = gh_text(b, gh_pg_str(r, 0, D_CHANGES));
    gh_etag(tag, "doctor", w->doctor, gh_pg_i64(r, 0, D_VERSION, 0));
    if (wanted.p && !gh_if_match(wanted, tag))
        return GH_E_PRECONDITION_FAILED;
    gh_err_t err = judge_account(b, w);
    if (err != GH_E_NONE)
        return err;
    if (w->target && PQntuples(gh_batch_result(b, w->at_target)) == 0) {
        (void)gh_arg_invalid(b, "reassign_to", "no such doctor who sees patients");
        return GH_E_NONE;
    }
    bool asks = !w->cancels && !w->target && gh_pg_i64(gh_batch_result(b, w->at_appointments), 0, 0, 0) > 0;
    return asks ? GH_E_DOCTOR_HAS_APPOINTMENTS : GH_E_NONE;
}

/* ---- the writes */

/* Sessions that are handed over (`held`, when somebody takes over) or closed, as an array literal; NULL: memory ran out. */
static const char *
sessions(gh_batch_t *b, const work_t *w, bool handed, int *n)
{
    const PGresult *r = gh_batch_result(b, w->at_sessions);
    gh_pgarr_t list GH_CLEANUP(gh_pgarr_fini) = {0};
    *n = 0;
    for (int i = 0; i < PQntuples(r); i++)
        if ((w->target && gh_pg_bool(r, i, S_HELD)) == handed) {
            gh_pgarr_i64(&list, gh_pg_i64(r, i, S_ID, 0));
            ++*n;
        }
    const char *literal = gh_pgarr_literal(&list);
    return literal ? gh_text(b, gh_str(literal)) : NULL;
}

/* -1: memory ran out. */
static int
hand_over(gh_batch_t *b, const work_t *w, const char *over)
{
    static const gh_message_t told[] = {GH_MESSAGE_VISIT_HANDED, GH_MESSAGE_SESSION_HANDED};
    gh_pgarr_t names GH_CLEANUP(gh_pgarr_fini) = {0}, subjects GH_CLEANUP(gh_pgarr_fini) = {0},
                     texts GH_CLEANUP(gh_pgarr_fini) = {0};
    for (size_t i = 0; i < GH_COUNT(told); i++) {
        const gh_message_row_t *m = gh_message_row(told[i]);
        gh_pgarr_text(&names, gh_str(m->name));
        gh_pgarr_text(&subjects, gh_str(m->subject));
        gh_pgarr_text(&texts, gh_str(m->text));
    }
    const char *by = b->jobs[0]->actor.user_id ? w->caller : NULL;
    const char *const params[] = {over,
                                  w->id,
                                  gh_text_i64(b, w->target),
                                  w->now,
                                  by,
                                  gh_pgarr_literal(&names),
                                  gh_pgarr_literal(&subjects),
                                  gh_pgarr_literal(&texts)};
    if (!params[5] || !params[6] || !params[7])
        return -1;
    gh_batch_query(b, "doctor_hand_over", 8, params);
    return 0;
}

static gh_step_t
carry_out(gh_batch_t *b, work_t *w)
{
    gh_wjob_t *job = b->jobs[0];
    gh_err_t err = judge(b, w);
    if (err != GH_E_NONE)
        gh_job_refuse(b, job, err, NULL);
    if (job->done)
        return GH_STEP_DONE;
    int handed = 0, closed = 0;
    const char *over = sessions(b, w, true, &handed), *shut = sessions(b, w, false, &closed);
    gh_pgarr_t ids GH_CLEANUP(gh_pgarr_fini) = {0};
    const char *sids = gh_revoke_rows(b, gh_batch_result(b, w->at_sign_ins), &ids);
    if (!over || !shut || !sids)
        return GH_STEP_FAIL;
    w->sids = gh_text(b, gh_str(sids));
    if (handed && hand_over(b, w, over))
        return GH_STEP_FAIL;
    w->closes = closed > 0;
    w->close = (gh_close_t){.sessions = shut,
                            .mode = GH_CLOSE_DELETE,
                            .by = "staff",
                            .user_id = job->actor.user_id,
                            .reason = REASON};
    if (w->closes)
        gh_close_begin(b, &w->close);
    return GH_STEP_MORE;
}

static gh_step_t
answer(gh_batch_t *b, const work_t *w)
{
    gh_buf_t text GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT, detail GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_json_t json;
    gh_json_init(&json, &text);
    if (w->surface == GH_DOCTOR_HB)
        gh_json_raw(&json, gh_str(w->shown));
    else if (w->surface == GH_DOCTOR_V1)
        gh_json_raw(&json, GH_STR("null"));
    else {
        gh_buf_puts(&detail, "成功删除医生 ");
        gh_buf_puts(&detail, w->name);
        gh_json_obj(&json);
        gh_json_kstr(&json, "detail", gh_buf_view(&detail));
        gh_json_obj_end(&json);
    }
    if (!gh_buf_ok(&text) || !gh_buf_ok(&detail))
        return GH_STEP_FAIL;
    gh_job_ok(b, b->jobs[0], 0, gh_buf_view(&text));
    return GH_STEP_DONE;
}

static gh_step_t
finish(gh_batch_t *b, work_t *w)
{
    if (w->closes && gh_close_finish(b, &w->close))
        return GH_STEP_FAIL;
    if (w->account) {
        gh_batch_query(b, "user_delete", 2, (const char *[]){gh_text_i64(b, w->account), w->now});
        gh_batch_query(b, "sessions_end", 3, (const char *[]){w->sids, w->now, "deleted"});
        if (gh_authz_publish(b, w->account))
            return GH_STEP_FAIL;
    }
    gh_batch_query(b, "doctor_leave", 2, (const char *[]){w->id, w->now});
    gh_batch_audit(
        b, b->jobs[0],
        &(gh_audit_t){
            .action = "doctor.delete", .entity = "doctor", .entity_id = w->doctor, .changes = w->changes});
    return answer(b, w);
}

gh_step_t
gh_delete_doctor(gh_batch_t *b)
{
    if (b->phase == 0)
        return GH_STEP_MORE;
    if (b->jobs[0]->done)
        return GH_STEP_DONE;
    return b->phase == 1 ? begin(b) : b->phase == 2 ? carry_out(b, b->state) : finish(b, b->state);
}
