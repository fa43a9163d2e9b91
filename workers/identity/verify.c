/*
 * workers/identity/verify.c - POST /patient/identity/verify: the caller is who the campus directory says (BR-113, BR-134)
 *
 *   phase 0   nothing: the runtime loads the caller first
 *   phase 1   ask the directory on a thread (campus.h)
 *   phase 2   is the number somebody else's? Told only to who has its password
 *   phase 3   write: number, name and type of patient and account
 *   phase 4   answer
 */
#include <libpq-fe.h>

#include "base/timez.h"
#include "db/arrays.h"
#include "workers/identity/campus.h"
#include "workers/identity/identity.h"

typedef struct work {
    gh_campus_ask_t ask;
    const char *patient, *user, *now;
    size_t at_facts, at_changes;
} work_t;

static void
over(void *arg, bool committed)
{
    size_t *open = arg;
    (void)committed;
    --*open;
}

static gh_step_t
refuse(gh_batch_t *b, gh_err_t err)
{
    gh_job_refuse(b, b->jobs[0], err, NULL);
    return GH_STEP_DONE;
}

static gh_step_t
begin(gh_batch_t *b)
{
    gh_wjob_t *job = b->jobs[0];
    const gh_conf_t *conf = gh_worker_conf(b->worker);
    size_t *open = &gh_identity_checks(b)->campus, most = (size_t)gh_identity_of(b)->threads - 1;
    if (!job->actor.patient_id)
        return refuse(b, GH_E_PATIENT_RECORD_MISSING); /* BR-105 */
    if (!gh_campus_offered(conf))
        return refuse(b, GH_E_CAMPUS_OFF);
    if (*open >= (most ? most : 1)) /* a slow directory must not hold up all sign-ins */
        return refuse(b, GH_E_QUEUE_FULL);
    work_t *w = b->state;
    w->patient = gh_text_i64(b, job->actor.patient_id);
    w->user = gh_text_i64(b, job->actor.user_id);
    w->now = gh_text_time(b, b->now_us);
    w->ask = (gh_campus_ask_t){
        .conf = conf, .identifier = gh_arg_text(job, "identifier"), .password = gh_arg_text(job, "password")};
    ++*open;
    gh_batch_on_end(b, over, open);
    gh_batch_work(b, gh_campus_ask, &w->ask);
    return GH_STEP_WAIT;
}

static gh_step_t
asked(gh_batch_t *b)
{
    work_t *w = b->state;
    static const gh_err_t refusals[] = {[GH_CAMPUS_REFUSED] = GH_E_CAMPUS_LOGIN_FAILED,
                                        [GH_CAMPUS_STRANGE] = GH_E_CAMPUS_IDENTITY_FAILED,
                                        [GH_CAMPUS_SILENT] = GH_E_CAMPUS_UNAVAILABLE};
    if (w->ask.word != GH_CAMPUS_KNOWN)
        return refuse(b, refusals[w->ask.word]);
    w->at_facts = gh_batch_query(b, "campus_facts", 3,
                                 (const char *[]){w->ask.person.user_id, w->patient, w->user});
    return GH_STEP_MORE;
}

static gh_step_t
write_all(gh_batch_t *b)
{
    work_t *w = b->state;
    enum { BY_PATIENT, BY_ACCOUNT, CHANGES };
    const PGresult *r = gh_batch_result(b, w->at_facts);
    const gh_campus_person_t *p = &w->ask.person;
    if (PQntuples(r) == 0)
        return refuse(b, GH_E_PATIENT_RECORD_MISSING);
    if (gh_pg_bool(r, 0, BY_PATIENT))
        return refuse(b, GH_E_CAMPUS_ID_TAKEN_BY_PATIENT);
    if (gh_pg_bool(r, 0, BY_ACCOUNT))
        return refuse(b, GH_E_CAMPUS_ID_TAKEN_BY_ACCOUNT);
    gh_batch_query(b, "campus_good", 4, (const char *[]){w->patient, w->user, p->user_id, w->now});
    gh_batch_query(b, "campus_verified", 6,
                   (const char *[]){w->patient, w->user, p->user_id, p->name, gh_campus_type(p), w->now});
    gh_batch_audit(b, b->jobs[0],
                   &(gh_audit_t){.action = "patient.verify",
                                 .entity = "patient",
                                 .entity_id = b->jobs[0]->actor.patient_id,
                                 .patient_id = b->jobs[0]->actor.patient_id,
                                 .changes = gh_pg_str(r, 0, CHANGES).p});
    return GH_STEP_MORE;
}

static gh_step_t
answer(gh_batch_t *b)
{
    const work_t *w = b->state;
    const gh_campus_person_t *p = &w->ask.person;
    gh_buf_t out GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_json_t json;
    gh_json_init(&json, &out);
    gh_json_obj(&json);
    gh_json_kcstr(&json, "status", "0");
    gh_json_ki64(&json, "patient_id", b->jobs[0]->actor.patient_id);
    gh_json_kcstr(&json, "identifier", p->user_id);
    gh_json_kcstr(&json, "patient_type", gh_campus_type(p));
    gh_json_kcstr(&json, "userId", p->user_id);
    gh_json_kcstr(&json, "userName", p->name);
    gh_json_kcstr(&json, "roleCode", p->role_code);
    gh_json_kcstr(&json, "roleName", p->role_name);
    gh_json_obj_end(&json);
    if (!gh_buf_ok(&out))
        return GH_STEP_FAIL;
    gh_job_ok(b, b->jobs[0], 0, gh_buf_view(&out));
    return GH_STEP_DONE;
}

gh_step_t
gh_verify_campus(gh_batch_t *b)
{
    static const gh_step_fn phases[] = {begin, asked, write_all, answer};
    return gh_batch_phases(b, sizeof(work_t), phases, GH_COUNT(phases));
}
