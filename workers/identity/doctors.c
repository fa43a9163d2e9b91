/*
 * workers/identity/doctors.c - doctors made and changed, and their accounts with them (doctors.h; BR-21, BR-24, BR-25, BR-32, R-45,
 *
 *
 *   phase 0   nothing: the runtime loads the caller and decides x-access first
 *   phase 1   read what the rules ask; has this very job made the doctor before?
 *   phase 2   decide; without a password write at once
 *   then      with one: bcrypt on a thread; which sessions end; under the locks, and only if what was read still holds: write
 *   then      read the doctor as it is now, answer
 *
 * Operations that may bring a password are TASKs, the others WRITEs; both take these steps. The database has the last word on names,
 * licences, links and departments: the constraints of pool.c, so that of two at once one is told.
 */
#include <libpq-fe.h>
#include <stdio.h>

#include "base/timez.h"
#include "db/arrays.h"
#include "domain/if_match.h"
#include "domain/password_refusal.h"
#include "worker/args.h"
#include "workers/identity/admin_rules.h"
#include "workers/identity/doctor_rules.h"
#include "workers/identity/doctors.h"
#include "workers/identity/person_account.h"

static const struct {
    const char *op;
    gh_doctor_act_t act;
    gh_doctor_surface_t surface;
    bool own;
    const char *shape, *action; /* of doctor_show; of the audit log */
} ops[] = {
    {"identity.create_doctor", GH_DOCTOR_MAKE, GH_DOCTOR_CODE, false, "made", "doctor.create"},
    {"identity.v1_create_doctor", GH_DOCTOR_MAKE, GH_DOCTOR_V1, false, "v1", "doctor.create"},
    {"identity.v1_create_my_doctor", GH_DOCTOR_MAKE, GH_DOCTOR_V1, true, "v1", "doctor.create"},
    {"identity.hb_create_doctor", GH_DOCTOR_MAKE, GH_DOCTOR_HB, false, "heartbeat", "doctor.create"},
    {"identity.update_doctor", GH_DOCTOR_CHANGE, GH_DOCTOR_CODE, false, "changed", "doctor.update"},
    {"identity.v1_update_doctor", GH_DOCTOR_CHANGE, GH_DOCTOR_V1, false, "v1", "doctor.update"},
    {"identity.v1_update_my_doctor", GH_DOCTOR_CHANGE, GH_DOCTOR_V1, true, "v1", "doctor.update"},
    {"identity.hb_update_doctor", GH_DOCTOR_CHANGE, GH_DOCTOR_HB, false, "heartbeat", "doctor.update"},
    {"identity.transfer_doctor", GH_DOCTOR_MOVE, GH_DOCTOR_CODE, false, "moved", "doctor.transfer"},
    {"identity.create_doctor_account", GH_DOCTOR_ACCOUNT, GH_DOCTOR_CODE, false, "account", "doctor.account"},
};

/* Columns of doctor_facts. */
enum {
    F_ID,
    F_VERSION,
    F_DEPT,
    F_NAME,
    F_ACCOUNT,
    F_ACTIVE,
    F_SUPERUSER,
    F_ADMIN,
    F_NAMES,
    F_RIGHTS,
    F_NO_DEPT,
    F_LICENSE_TAKEN,
    F_NO_SPECIALTY,
    F_SPECIALTIES,
    F_NO_ACCOUNT,
    F_LINKED,
    F_TAKEN,
    F_GUARDED,
    F_NEW_DOCTOR,
    F_NEW_ACCOUNT,
    F_FORMER,
    F_CHANGES
};

typedef enum { FACTS, HASHED, WRITES, SHOWN } stage_t; /* whose results come next */

typedef struct work {
    size_t op;
    gh_doctor_ask_t ask;
    stage_t stage;
    bool task;
    const char *caller, *now, *job, *rights, *session;
    int64_t doctor, account, former, old_dept, version;
    bool makes_account, high;
    const char *id, *account_id, *name, *specialties, *changes;
    size_t at_mark, at_facts, at_sessions, at_shown;
    gh_hashing_t hashing;
} work_t;

static gh_step_t
begin(gh_batch_t *b)
{
    work_t *w = gh_batch_alloc(b, sizeof *w);
    gh_wjob_t *job = b->jobs[0];
    b->state = w;
    while (w->op < GH_COUNT(ops) && !gh_str_is(job->head.op, ops[w->op].op))
        w->op++;
    if (w->op == GH_COUNT(ops))
        return GH_STEP_FAIL;
    w->task = b->op->kind == GH_OP_TASK;
    w->ask.act = ops[w->op].act;
    w->ask.surface = ops[w->op].surface;
    w->ask.own = ops[w->op].own;
    if (w->ask.own && w->ask.act == GH_DOCTOR_CHANGE) {
        w->ask.id = job->actor.doctor_id;
        if (!w->ask.id) {
            gh_job_refuse(b, job, GH_E_PROFILE_NOT_FOUND, NULL);
            return GH_STEP_DONE;
        }
    }
    if (!gh_doctor_take(b, &w->ask))
        return GH_STEP_DONE;
    w->doctor = w->ask.id;
    w->caller = gh_text_i64(b, job->actor.user_id);
    w->now = gh_text_time(b, b->now_us);
    w->job = gh_text_uuid(b, job->head.id);
    w->id = w->doctor ? gh_text_i64(b, w->doctor) : NULL;
    if (w->task)
        w->at_mark = gh_batch_query(b, "account_mark_find", 2, (const char *[]){w->job, ops[w->op].op});
    w->at_facts = gh_batch_query(b, "doctor_facts", 8,
                                 (const char *[]){w->id, w->ask.columns, w->ask.names, w->ask.specialties,
                                                  w->ask.prices, w->caller, w->ask.wants_account ? "t" : "f",
                                                  w->ask.password.n ? "t" : "f"});
    return GH_STEP_MORE;
}

/* ---- the decision */

static gh_err_t
not_found(const gh_doctor_ask_t *ask)
{
    return ask->surface == GH_DOCTOR_V1 ? GH_E_NOT_FOUND : GH_E_DOCTOR_NOT_FOUND;
}

/* where the path does not say `me`: who does not manage all doctors has the own row alone, and not all of it. */
static gh_err_t
scope(const gh_batch_t *b, const work_t *w, const PGresult *r, gh_str_t *field)
{
    const gh_actor_t *a = &b->jobs[0]->actor;
    if (w->ask.own || w->ask.surface != GH_DOCTOR_HB || a->user_id == 0 || (a->scopes & GH_SCOPE_ALL))
        return GH_E_NONE;
    if (w->doctor != a->doctor_id)
        return GH_E_NOT_OWNER;
    *field = gh_pg_str(r, 0, F_GUARDED);
    return field->p ? GH_E_FIELD_NOT_ALLOWED : GH_E_NONE;
}

static gh_err_t
judge_rows(const work_t *w, const PGresult *r)
{
    const gh_doctor_ask_t *ask = &w->ask;
    bool code = ask->surface == GH_DOCTOR_CODE;
    if (gh_pg_bool(r, 0, F_NO_DEPT) && ask->surface != GH_DOCTOR_HB) /* there it is a fault of a member */
        return code && ask->act != GH_DOCTOR_MAKE ? GH_E_TARGET_DEPARTMENT_INVALID : GH_E_DEPARTMENT_INVALID;
    if (code && ask->act == GH_DOCTOR_MAKE && !ask->identifier != !ask->password.n)
        return GH_E_ACCOUNT_PAIR_INCOMPLETE;
    if (gh_pg_bool(r, 0, F_LINKED))
        return GH_E_USER_ALREADY_LINKED;
    if (gh_pg_str(r, 0, F_TAKEN).p)
        return gh_doctor_name_taken(ask->act == GH_DOCTOR_ACCOUNT, (int)gh_pg_i64(r, 0, F_TAKEN, 0));
    return gh_pg_bool(r, 0, F_LICENSE_TAKEN) ? GH_E_LICENSE_TAKEN : GH_E_NONE;
}

static gh_err_t
judge_account(gh_batch_t *b, work_t *w, const PGresult *r)
{
    gh_admin_change_t change = {
        .edits = w->ask.names_set || w->ask.names_cleared || w->ask.password.n || w->ask.links,
        .names_set = w->ask.names_set,
        .names_cleared = w->ask.names_cleared,
    };
    return gh_person_judge(b, r, F_ACCOUNT, &change, &w->high);
}

/* Faults of members that only the database shows. */
static void
find_faults(gh_batch_t *b, const work_t *w, const PGresult *r)
{
    gh_str_t word = gh_pg_str(r, 0, F_NO_SPECIALTY);
    const gh_doctor_ask_t *ask = &w->ask;
    char text[160];
    if (word.p) {
        snprintf(text, sizeof text, "no such specialty: %.*s", (int)(word.n < 100 ? word.n : 100), word.p);
        (void)gh_arg_invalid(b, ask->specialty_field, text);
    } else if (gh_pg_bool(r, 0, F_NO_DEPT))
        (void)gh_arg_invalid(b, "dept_id", "no such department, or not of the lower level");
    else if (gh_pg_bool(r, 0, F_NO_ACCOUNT))
        (void)gh_arg_invalid(b, "user_id", "no such account");
    else if (w->makes_account && !ask->username && !ask->email && !ask->phone && !ask->identifier)
        (void)gh_arg_invalid(b, ask->password_field, "there is no account; give a name to sign in by too");
    else if (w->makes_account && !ask->password.n)
        gh_job_invalid(b, b->jobs[0], ask->password_field, "missing", "is needed");
}

static gh_err_t
judge(gh_batch_t *b, work_t *w, const PGresult *r, gh_str_t *field)
{
    gh_str_t wanted = gh_arg_str(b->jobs[0]->args, "if_match");
    char tag[GH_ETAG_TEXT];
    if (w->ask.act != GH_DOCTOR_MAKE && !gh_pg_str(r, 0, F_ID).p)
        return not_found(&w->ask);
    gh_err_t err = scope(b, w, r, field);
    gh_etag(tag, "doctor", w->doctor, w->version);
    if (err == GH_E_NONE && wanted.p && !gh_if_match(wanted, tag))
        err = GH_E_PRECONDITION_FAILED;
    if (err == GH_E_NONE)
        err = judge_rows(w, r);
    if (err == GH_E_NONE && w->account)
        err = judge_account(b, w, r);
    if (err == GH_E_NONE && !b->jobs[0]->done)
        find_faults(b, w, r);
    return err;
}

static void
keep_facts(gh_batch_t *b, work_t *w, const PGresult *r)
{
    w->version = gh_pg_i64(r, 0, F_VERSION, 0);
    w->old_dept = gh_pg_i64(r, 0, F_DEPT, 0);
    w->account = gh_pg_i64(r, 0, F_ACCOUNT, 0);
    w->former = gh_pg_i64(r, 0, F_FORMER, 0);
    w->name = gh_text(b, gh_pg_str(r, 0, F_NAME));
    w->rights = gh_text(b, gh_pg_str(r, 0, F_RIGHTS));
    w->specialties = w->ask.specialties ? gh_text(b, gh_pg_str(r, 0, F_SPECIALTIES)) : NULL;
    w->changes = gh_text(b, gh_pg_str(r, 0, F_CHANGES));
    w->makes_account = w->ask.wants_account && !w->account;
    if (w->ask.act == GH_DOCTOR_MAKE) {
        w->doctor = gh_pg_i64(r, 0, F_NEW_DOCTOR, 0);
        w->id = gh_text_i64(b, w->doctor);
    }
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
    const gh_doctor_ask_t *ask = &w->ask;
    bool names_it = ask->surface == GH_DOCTOR_V1 && !ask->username && ask->email;
    gh_person_account_t account = {.makes = w->makes_account,
                                   .renames = ask->names_set || ask->names_cleared,
                                   .id = w->account_id,
                                   .names = ask->names,
                                   .base_of = names_it ? ask->email : NULL,
                                   .person = w->name && *w->name ? w->name : ask->name,
                                   .kind = "doctor",
                                   .hash = ask->password.n ? w->hashing.hash : NULL,
                                   .now = w->now};
    gh_person_account_write(b, &account);
    if (!w->makes_account && ask->password.n && ask->act == GH_DOCTOR_ACCOUNT)
        gh_batch_query(b, "doctor_reopen", 2, (const char *[]){w->account_id, w->now});
}

static void
write_doctor(gh_batch_t *b, const work_t *w)
{
    const gh_doctor_ask_t *ask = &w->ask;
    const char *contacts = w->account_id ? NULL : ask->names, *columns = ask->columns;
    char link[48];
    if (ask->act == GH_DOCTOR_MAKE)
        gh_batch_query(b, "doctor_make", 5,
                       (const char *[]){w->id, w->account_id, columns, ask->names, w->now});
    else
        gh_batch_query(b, "doctor_change", 4, (const char *[]){w->id, columns, contacts, w->now});
    if (ask->act != GH_DOCTOR_MAKE && w->makes_account) {
        snprintf(link, sizeof link, "{\"user_id\": %s}", w->account_id);
        gh_batch_query(b, "doctor_change", 4, (const char *[]){w->id, link, NULL, w->now});
    }
    if (w->account_id && (ask->act == GH_DOCTOR_MAKE || w->makes_account || ask->links))
        gh_batch_query(b, "doctor_role", 3, (const char *[]){w->account_id, w->caller, w->now});
    if (w->specialties)
        gh_batch_query(b, "doctor_specialties_set", 2, (const char *[]){w->id, w->specialties});
    if (ask->prices)
        gh_batch_query(b, "doctor_prices_set", 3, (const char *[]){w->id, ask->prices, w->now});
}

/* After hashing: only if what was read still holds. -1: memory ran out. */
static int
check_again(gh_batch_t *b, work_t *w)
{
    gh_batch_query(b, "admin_still", 2, (const char *[]){w->caller, w->rights});
    if (w->makes_account || !w->account)
        return 0;
    return gh_person_hold(b, gh_batch_result(b, w->at_sessions), w->account_id, w->high, w->session);
}

static gh_step_t
write_all(gh_batch_t *b, work_t *w)
{
    char old[24];
    if (w->ask.password.n && check_again(b, w))
        return GH_STEP_FAIL;
    if (w->task && w->ask.act != GH_DOCTOR_MAKE)
        gh_batch_query(b, "doctor_still", 2, (const char *[]){w->id, gh_text_i64(b, w->version)});
    write_account(b, w);
    write_doctor(b, w);
    if (w->task)
        gh_batch_query(b, "account_mark", 3, (const char *[]){w->job, ops[w->op].op, w->id});
    gh_batch_audit(
        b, b->jobs[0],
        &(gh_audit_t){
            .action = ops[w->op].action, .entity = "doctor", .entity_id = w->doctor, .changes = w->changes});
    if ((w->account && gh_authz_publish(b, w->account)) ||
        (w->former && w->former != w->account && gh_authz_publish(b, w->former)))
        return GH_STEP_FAIL;
    snprintf(old, sizeof old, "%lld", (long long)w->old_dept);
    w->at_shown = gh_batch_query(b, "doctor_show", 5,
                                 (const char *[]){w->id, ops[w->op].shape, gh_tz_name(),
                                                  w->old_dept ? old : NULL, w->makes_account ? "t" : "f"});
    w->stage = SHOWN;
    return GH_STEP_MORE;
}

static gh_step_t
decide(gh_batch_t *b, work_t *w)
{
    gh_wjob_t *job = b->jobs[0];
    const PGresult *r = gh_batch_result(b, w->at_facts);
    gh_str_t field = {0};
    if (w->task && PQntuples(gh_batch_result(b, w->at_mark))) { /* delivered again: it is done */
        w->id = gh_text(b, gh_pg_str(gh_batch_result(b, w->at_mark), 0, 0));
        w->at_shown = gh_batch_query(
            b, "doctor_show", 5,
            (const char *[]){w->id, ops[w->op].shape, gh_tz_name(), NULL, w->ask.wants_account ? "t" : "f"});
        w->stage = SHOWN;
        return GH_STEP_MORE;
    }
    keep_facts(b, w, r);
    gh_err_t err = judge(b, w, r, &field);
    if (err != GH_E_NONE && !job->done)
        gh_job_refuse(b, job, err, (const gh_error_arg_t[]){{"field", field}, {0}});
    if (job->done)
        return GH_STEP_DONE;
    if (!w->ask.password.n)
        return write_all(b, w);
    if (w->ask.surface != GH_DOCTOR_CODE &&
        !gh_password_accept(b, job, w->ask.password_field, w->ask.password,
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
    if (!w->account)
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
    if (w->ask.surface == GH_DOCTOR_V1) {
        snprintf(text, sizeof text, "\"doctor-%s-%lld\"", w->id, (long long)gh_pg_i64(r, 0, 1, 0));
        gh_job_header(b, job, "ETag", text);
    }
    if (w->ask.surface == GH_DOCTOR_V1 && w->ask.act == GH_DOCTOR_MAKE) {
        snprintf(text, sizeof text, "/api/v1/doctors/%s", w->ask.own ? "me/profile" : w->id);
        gh_job_header(b, job, "Location", text);
    }
    gh_job_ok(b, job, 0, gh_pg_str(r, 0, 0));
    return GH_STEP_DONE;
}

gh_step_t
gh_write_doctor(gh_batch_t *b)
{
    work_t *w = b->state;
    if (b->phase == 0)
        return GH_STEP_MORE;
    if (b->jobs[0]->done)
        return GH_STEP_DONE;
    if (b->phase == 1)
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
