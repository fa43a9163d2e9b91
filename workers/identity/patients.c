/*
 * workers/identity/patients.c - patients made and changed, their medical profiles, and their accounts with them (patients.h; api/22
 * PA-02, PA-03, PA-05, PA-07, PA-10; api/30 HB-04, HB-05)
 *
 *   phase 0   nothing: the runtime loads the caller and decides x-access first
 *   phase 1   read what the rules ask; has this very job made the patient before?
 *   phase 2   decide (patient_rules.h); without a password write at once
 *   then      with one: bcrypt on a thread; which sessions end; under the locks, and only if what was read still holds: write
 *   then      read the patient as it is now, answer
 *
 * Operations that may bring a password are TASKs, the others WRITEs; both take these steps. The database has the last word on names,
 * national ids and links: the constraints of pool.c, so that of two at once one is told. A national id is sealed for the row it is
 * in, so a new row gets its id before it is written; replies stay sealed until they leave.
 */
#include <libpq-fe.h>
#include <stdio.h>

#include "base/seal_text.h"
#include "base/timez.h"
#include "db/arrays.h"
#include "domain/if_match.h"
#include "domain/password_refusal.h"
#include "worker/args.h"
#include "workers/identity/patient_rules.h"
#include "workers/identity/patients.h"
#include "workers/identity/person_account.h"

static const struct {
    const char *op;
    gh_patient_act_t act;
    bool heartbeat, own;
    const char *shape, *action; /* of patient_show; of the audit log */
} ops[] = {
    {"identity.v1_update_my_patient", GH_PATIENT_CHANGE, false, true, "v1", "patient.update"},
    {"identity.v1_create_my_patient", GH_PATIENT_MAKE, false, true, "v1", "patient.create"},
    {"identity.v1_create_patient", GH_PATIENT_MAKE, false, false, "v1", "patient.create"},
    {"identity.v1_update_patient", GH_PATIENT_CHANGE, false, false, "v1", "patient.update"},
    {"identity.v1_update_medical_profile", GH_PATIENT_PROFILE, false, false, "profile",
     "medical_profile.update"},
    {"identity.v1_update_my_medical_profile", GH_PATIENT_PROFILE, false, true, "profile",
     "medical_profile.update"},
    {"identity.hb_create_patient", GH_PATIENT_MAKE, true, false, "heartbeat", "patient.create"},
    {"identity.hb_update_patient", GH_PATIENT_CHANGE, true, false, "heartbeat", "patient.update"},
};

/* Columns of patient_facts. */
enum {
    F_ID,
    F_VERSION,
    F_FORMER,
    F_ACCOUNT,
    F_ACTIVE,
    F_SUPERUSER,
    F_ADMIN,
    F_NAMES,
    F_RIGHTS,
    F_OWN,
    F_ASSIGNED,
    F_MANAGES,
    F_NUMBER_TAKEN,
    F_NO_ACCOUNT,
    F_LINKED,
    F_NO_DOCTOR,
    F_TAKEN,
    F_NEW_PATIENT,
    F_NEW_ACCOUNT,
    F_CHANGES,
    F_PROFILE_CHANGES
};

typedef enum { FACTS, HASHED, WRITES, SHOWN } stage_t; /* whose results come next */

typedef struct work {
    size_t op;
    gh_patient_ask_t ask;
    stage_t stage;
    bool task, makes_account, high, links, clear, own;
    int64_t patient, account, former, version;
    const char *caller, *now, *today, *job, *rights, *session, *blind;
    const char *id, *account_id, *changes, *profile_changes;
    size_t at_mark, at_facts, at_sessions, at_shown;
    gh_hashing_t hashing;
} work_t;

/* ---- what is asked for */

static gh_step_t
ask_facts(gh_batch_t *b, work_t *w)
{
    const gh_actor_t *a = &b->jobs[0]->actor;
    const gh_patient_ask_t *ask = &w->ask;
    const char *own = a->patient_id ? gh_text_i64(b, a->patient_id) : NULL;
    const char *params[] = {w->id,
                            ask->columns,
                            ask->names,
                            ask->profile,
                            w->caller,
                            own,
                            a->doctor_id ? gh_text_i64(b, a->doctor_id) : NULL,
                            a->dept_id ? gh_text_i64(b, a->dept_id) : NULL,
                            gh_text_i64(b, a->roles),
                            ask->has_number ? "t" : "f",
                            w->blind,
                            ask->wants_account ? "t" : "f",
                            ask->password.p ? "t" : "f",
                            w->today};
    if (w->task)
        w->at_mark = gh_batch_query(b, "account_mark_find", 2, (const char *[]){w->job, ops[w->op].op});
    w->at_facts = gh_batch_query(b, "patient_facts", (int)GH_COUNT(params), params);
    return GH_STEP_MORE;
}

static gh_step_t
begin(gh_batch_t *b)
{
    work_t *w = gh_batch_alloc(b, sizeof *w);
    gh_wjob_t *job = b->jobs[0];
    gh_buf_t blind GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    b->state = w;
    while (w->op < GH_COUNT(ops) && !gh_str_is(job->head.op, ops[w->op].op))
        w->op++;
    if (w->op == GH_COUNT(ops))
        return GH_STEP_FAIL;
    w->task = b->op->kind == GH_OP_TASK;
    w->ask.act = ops[w->op].act;
    w->ask.heartbeat = ops[w->op].heartbeat;
    w->ask.own = ops[w->op].own;
    if (!gh_patient_take(b, &w->ask))
        return job->done ? GH_STEP_DONE : GH_STEP_FAIL;
    w->patient = w->ask.id;
    w->caller = gh_text_i64(b, job->actor.user_id);
    w->now = gh_text_time(b, b->now_us);
    w->today = gh_text_day(b, gh_tz_day(b->now_us));
    w->job = gh_text_uuid(b, job->head.id);
    w->id = w->patient ? gh_text_i64(b, w->patient) : NULL;
    if (w->ask.number.p && gh_blind_param(gh_worker_seal(b->worker), w->ask.number, &blind))
        return GH_STEP_FAIL;
    w->blind = w->ask.number.p ? gh_text(b, gh_buf_view(&blind)) : NULL;
    return ask_facts(b, w);
}

/* ---- the decision */

/* may he, and all of it? */
static gh_err_t
judge_parts(gh_batch_t *b, const work_t *w, const PGresult *r, gh_str_t *field)
{
    const gh_actor_t *a = &b->jobs[0]->actor;
    const gh_patient_ask_t *ask = &w->ask;
    gh_patient_caller_t caller = {.roles = a->roles,
                                  .scopes = a->scopes,
                                  .own = gh_pg_bool(r, 0, F_OWN),
                                  .assigned = gh_pg_bool(r, 0, F_ASSIGNED)};
    unsigned parts = GH_PATIENT_PERSON;
    if (a->user_id == 0 && ask->act == GH_PATIENT_CHANGE)
        parts = GH_PATIENT_PERSON; /* only with heartbeat.open_access */
    else if (ask->act == GH_PATIENT_MAKE)
        parts = ask->heartbeat ? GH_PATIENT_PERSON : gh_patient_new_parts(a->roles, ask->own);
    else if (!(parts = gh_patient_parts(&caller)))
        return gh_patient_refusal(&caller);
    for (unsigned i = 0; i < GH_COUNT(ask->first); i++)
        if (ask->parts & ~parts & 1U << i) {
            *field = gh_str(ask->first[i]);
            return ask->act == GH_PATIENT_PROFILE ? GH_E_FORBIDDEN : GH_E_FIELD_NOT_ALLOWED;
        }
    return GH_E_NONE;
}

static gh_err_t
name_taken(int64_t kind)
{
    static const gh_err_t taken[] = {GH_E_USERNAME_TAKEN, GH_E_EMAIL_TAKEN, GH_E_PHONE_TAKEN};
    return taken[kind];
}

static gh_err_t
judge_rows(const work_t *w, const PGresult *r)
{
    bool by_account = w->makes_account || w->account; /* without one these are ways to reach the patient */
    if (w->links && gh_pg_bool(r, 0, F_LINKED))
        return GH_E_DUPLICATE; /* */
    if (by_account && gh_pg_str(r, 0, F_TAKEN).p)
        return name_taken(gh_pg_i64(r, 0, F_TAKEN, 0));
    return gh_pg_bool(r, 0, F_NUMBER_TAKEN) ? GH_E_NATIONAL_ID_TAKEN : GH_E_NONE; /* */
}

/* What is done to the account: its owner may, and administrators. */
static gh_err_t
judge_account(gh_batch_t *b, work_t *w, const PGresult *r)
{
    enum { ADMINISTERS = 3 }; /* bits of gh_admin_rights(): superuser, administrator */
    gh_admin_change_t change = {
        .edits = true, .names_set = w->ask.names_set, .names_cleared = w->ask.names_cleared};
    const gh_actor_t *caller = &b->jobs[0]->actor;
    if (!w->own && caller->user_id != 0 && !(gh_pg_i64(r, 0, F_RIGHTS, 0) & ADMINISTERS))
        return GH_E_FORBIDDEN;
    return gh_person_judge(b, r, F_ACCOUNT, &change, &w->high);
}

/* Faults of members that only the database shows. */
static void
find_faults(gh_batch_t *b, const work_t *w, const PGresult *r)
{
    const gh_patient_ask_t *ask = &w->ask;
    if (gh_pg_bool(r, 0, F_NO_DOCTOR))
        (void)gh_arg_invalid(b, "primary_doctor_id", "no such doctor");
    else if (gh_pg_bool(r, 0, F_NO_ACCOUNT))
        (void)gh_arg_invalid(b, "user_id", "no such account");
    else if (ask->wants_account && w->links)
        (void)gh_arg_invalid(b, "account", "user_id names an account already");
    else if (ask->wants_account && !ask->username && !ask->email)
        (void)gh_arg_invalid(b, "account.username", "give a user name or a mail address");
    else if (ask->wants_account && !ask->password.n && !ask->email)
        gh_job_invalid(b, b->jobs[0], ask->password_field, "missing",
                       "is needed: without a mail address none can be set later");
    else if (ask->password.n && !w->makes_account && !w->account)
        (void)gh_arg_invalid(b, ask->password_field, "the patient has no account");
}

static gh_err_t
judge(gh_batch_t *b, work_t *w, const PGresult *r, gh_str_t *field)
{
    gh_str_t wanted = gh_arg_str(b->jobs[0]->args, "if_match");
    char tag[GH_ETAG_TEXT];
    if (w->ask.act != GH_PATIENT_MAKE && !gh_pg_str(r, 0, F_ID).p)
        return w->ask.heartbeat ? GH_E_PATIENT_NOT_FOUND : GH_E_NOT_FOUND;
    gh_err_t err = judge_parts(b, w, r, field);
    gh_etag(tag, "patient", w->patient, w->version);
    if (err == GH_E_NONE && w->ask.act == GH_PATIENT_CHANGE && wanted.p && !gh_if_match(wanted, tag))
        err = GH_E_PRECONDITION_FAILED; /* */
    if (err == GH_E_NONE)
        err = judge_rows(w, r);
    if (err == GH_E_NONE && w->account && !w->ask.wants_account && w->ask.touches_account)
        err = judge_account(b, w, r);
    if (err == GH_E_NONE && !b->jobs[0]->done)
        find_faults(b, w, r);
    return err;
}

static void
keep_facts(gh_batch_t *b, work_t *w, const PGresult *r)
{
    w->version = gh_pg_i64(r, 0, F_VERSION, 0);
    w->former = gh_pg_i64(r, 0, F_FORMER, 0);
    w->account = gh_pg_i64(r, 0, F_ACCOUNT, 0);
    w->own = gh_pg_bool(r, 0, F_OWN) || w->ask.own;
    w->clear = w->own || gh_pg_bool(r, 0, F_MANAGES);
    w->rights = gh_text(b, gh_pg_str(r, 0, F_RIGHTS));
    w->changes = gh_text(b, gh_pg_str(r, 0, F_CHANGES));
    w->profile_changes = w->ask.profile ? gh_text(b, gh_pg_str(r, 0, F_PROFILE_CHANGES)) : NULL;
    w->makes_account = w->ask.wants_account && !w->account;
    if (w->ask.act == GH_PATIENT_MAKE) {
        w->patient = gh_pg_i64(r, 0, F_NEW_PATIENT, 0);
        w->id = gh_text_i64(b, w->patient);
    }
    w->links = w->account && (w->ask.act == GH_PATIENT_MAKE || w->former != w->account);
    if (w->makes_account)
        w->account_id = gh_text(b, gh_pg_str(r, 0, F_NEW_ACCOUNT));
    else if (w->account)
        w->account_id = gh_text_i64(b, w->account);
    w->session = gh_person_session(b, w->account);
}

/* ---- the writes */

static void
write_account(gh_batch_t *b, const work_t *w)
{
    const gh_patient_ask_t *ask = &w->ask;
    gh_person_account_t account = {.makes = w->makes_account,
                                   .renames = ask->names_set || ask->names_cleared,
                                   .id = w->account_id,
                                   .names = ask->names,
                                   .base_of = ask->username ? NULL : ask->email,
                                   .person = ask->full_name,
                                   .kind = "external",
                                   .hash = ask->password.n ? w->hashing.hash : NULL,
                                   .now = w->now};
    if (w->makes_account || (w->account && ask->touches_account))
        gh_person_account_write(b, &account);
}

/* A sealed value as a parameter; NULL: the batch must fail. */
static const char *
sealed(gh_batch_t *b, const work_t *w, const char *table, const char *column, gh_str_t plain)
{
    gh_buf_t text GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_seal_place_t place = {table, column, w->patient};
    return gh_seal_param(gh_worker_seal(b->worker), place, plain, &text) ? NULL
                                                                         : gh_text(b, gh_buf_view(&text));
}

static int
write_person(gh_batch_t *b, const work_t *w)
{
    const gh_patient_ask_t *ask = &w->ask;
    const char *number = NULL, *contacts = w->account_id ? NULL : ask->names;
    if (ask->number.p && !(number = sealed(b, w, "patients", "national_id_enc", ask->number)))
        return -1;
    if (ask->act == GH_PATIENT_MAKE)
        gh_batch_query(b, "patient_make", 3, (const char *[]){w->id, w->account_id, w->now});
    gh_batch_query(b, "patient_change", 7,
                   (const char *[]){w->id, ask->columns, contacts, ask->has_number ? "t" : "f", number,
                                    w->blind, w->now});
    if (w->makes_account || w->links)
        gh_batch_query(b, "patient_linked", 4, (const char *[]){w->id, w->account_id, w->caller, w->now});
    const gh_actor_t *a = &b->jobs[0]->actor;
    if (ask->act == GH_PATIENT_MAKE && !ask->own && !ask->heartbeat && a->doctor_id &&
        a->roles & GH_ROLE_DOCTOR)
        gh_batch_query(b, "patient_taken_on", 5,
                       (const char *[]){w->id, gh_text_i64(b, a->doctor_id), w->caller, w->now, w->today});
    return 0;
}

static int
write_profile(gh_batch_t *b, const work_t *w)
{
    const gh_patient_ask_t *ask = &w->ask;
    const char *notes = NULL;
    if (!ask->profile)
        return 0;
    if (ask->notes.p && !(notes = sealed(b, w, "medical_profiles", "notes_enc", ask->notes)))
        return -1;
    gh_batch_query(b, "profile_write", 8,
                   (const char *[]){w->id, ask->profile, ask->has_notes ? "t" : "f", notes,
                                    w->own ? "t" : "f", w->caller, w->now, gh_tz_name()});
    if (ask->act == GH_PATIENT_PROFILE)
        gh_batch_query(b, "patient_touch", 2, (const char *[]){w->id, w->now});
    gh_batch_audit(b, b->jobs[0],
                   &(gh_audit_t){.action = "medical_profile.update",
                                 .entity = "medical_profile",
                                 .entity_id = w->patient,
                                 .patient_id = w->patient,
                                 .changes = w->profile_changes});
    return 0;
}

static gh_step_t
show(gh_batch_t *b, work_t *w)
{
    w->at_shown = gh_batch_query(b, "patient_show", 6,
                                 (const char *[]){w->id, ops[w->op].shape, w->clear ? "t" : "f",
                                                  w->ask.profile ? "t" : "f", gh_tz_name(), w->today});
    w->stage = SHOWN;
    return GH_STEP_MORE;
}

static gh_step_t
write_all(gh_batch_t *b, work_t *w)
{
    bool makes = w->ask.act == GH_PATIENT_MAKE, hashes = w->ask.password.n > 0;
    if (hashes && w->task)
        gh_batch_query(b, "admin_still", 2, (const char *[]){w->caller, w->rights});
    if (hashes && w->account && !w->makes_account &&
        gh_person_hold(b, gh_batch_result(b, w->at_sessions), w->account_id, w->high, w->session))
        return GH_STEP_FAIL;
    if (w->task && !makes)
        gh_batch_query(b, "patient_still", 2, (const char *[]){w->id, gh_text_i64(b, w->version)});
    write_account(b, w);
    if ((w->ask.act != GH_PATIENT_PROFILE && write_person(b, w)) || write_profile(b, w))
        return GH_STEP_FAIL;
    if (w->task)
        gh_batch_query(b, "account_mark", 3, (const char *[]){w->job, ops[w->op].op, w->id});
    if (w->ask.act != GH_PATIENT_PROFILE && (makes || (w->changes && strcmp(w->changes, "{}") != 0)))
        gh_batch_audit(b, b->jobs[0],
                       &(gh_audit_t){.action = ops[w->op].action,
                                     .entity = "patient",
                                     .entity_id = w->patient,
                                     .patient_id = w->patient,
                                     .changes = w->changes});
    bool other_rights = w->links || w->ask.touches_account || w->former != w->account;
    if (other_rights && ((w->account && gh_authz_publish(b, w->account)) ||
                         (w->former && w->former != w->account && gh_authz_publish(b, w->former))))
        return GH_STEP_FAIL;
    return show(b, w);
}

static gh_step_t
decide(gh_batch_t *b, work_t *w)
{
    gh_wjob_t *job = b->jobs[0];
    const PGresult *r = gh_batch_result(b, w->at_facts);
    gh_str_t field = {0};
    if (w->task && PQntuples(gh_batch_result(b, w->at_mark))) { /* delivered again: it is done */
        w->clear = gh_pg_bool(r, 0, F_OWN) || gh_pg_bool(r, 0, F_MANAGES);
        w->patient = gh_pg_i64(gh_batch_result(b, w->at_mark), 0, 0, 0);
        w->id = gh_text_i64(b, w->patient);
        return show(b, w);
    }
    keep_facts(b, w, r);
    gh_err_t err = judge(b, w, r, &field);
    if (err != GH_E_NONE && !job->done)
        gh_job_refuse(b, job, err, (const gh_error_arg_t[]){{"field", field}, {0}});
    if (job->done)
        return GH_STEP_DONE;
    if (!w->ask.password.p)
        return write_all(b, w);
    if (!gh_password_accept(b, job, w->ask.password_field, w->ask.password,
                            gh_str(w->ask.username ? w->ask.username : ""),
                            gh_str(w->ask.email ? w->ask.email : "")))
        return GH_STEP_DONE;
    w->stage = HASHED;
    return gh_hash_start(b, &w->hashing, w->ask.password) ? GH_STEP_WAIT : GH_STEP_DONE;
}

static gh_step_t
hashed(gh_batch_t *b, work_t *w)
{
    gh_hash_took(b, w->hashing.took_us, 1);
    if (!w->hashing.hash[0])
        return GH_STEP_FAIL;
    if (w->makes_account || !w->account)
        return write_all(b, w);
    w->at_sessions = gh_batch_query(b, "account_sessions", 2, (const char *[]){w->account_id, w->session});
    w->stage = WRITES;
    return GH_STEP_MORE;
}

static gh_step_t
answer(gh_batch_t *b, const work_t *w)
{
    gh_wjob_t *job = b->jobs[0];
    const PGresult *r = gh_batch_result(b, w->at_shown);
    char text[GH_ETAG_TEXT];
    if (PQntuples(r) != 1)
        return GH_STEP_FAIL;
    if (!w->ask.heartbeat && w->ask.act != GH_PATIENT_PROFILE) {
        gh_etag(text, "patient", w->patient, gh_pg_i64(r, 0, 1, 0));
        gh_job_header(b, job, "ETag", text);
    }
    if (w->ask.act == GH_PATIENT_MAKE) {
        snprintf(text, sizeof text, w->ask.heartbeat ? "/patient/%s" : "/api/v1/patients/%s", w->id);
        gh_job_header(b, job, "Location", text);
    }
    gh_job_ok(b, job, 0, gh_pg_str(r, 0, 0));
    return GH_STEP_DONE;
}

gh_step_t
gh_keep_patient(gh_batch_t *b)
{
    if (b->phase == 0)
        return GH_STEP_MORE;
    if (b->jobs[0]->done)
        return GH_STEP_DONE;
    work_t *w = b->state;
    if (!w)
        return begin(b);
    switch (w->stage) {
    case FACTS:
        return decide(b, w);
    case HASHED:
        return hashed(b, w);
    case WRITES:
        return write_all(b, w);
    default:
        return answer(b, w);
    }
}
