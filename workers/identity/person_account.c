/*
 * workers/identity/person_account.c - see person_account.h
 */
#include "domain/password_rules.h"
#include "workers/identity/person_account.h"

#include <libpq-fe.h>

#include "base/uuid7.h"
#include "db/arrays.h"
#include "workers/identity/register_rules.h"

/* Columns from the first on, and bits of gh_admin_rights(). */
enum { ACCOUNT, ACTIVE, SUPERUSER, ADMIN, NAMES, RIGHTS };
enum { RIGHT_SUPERUSER = 1, RIGHT_ADMIN = 2, RIGHT_ROLES = 4 };

gh_err_t
gh_person_judge(gh_batch_t *b, const PGresult *r, int column, const gh_admin_change_t *change, bool *high)
{
    int64_t rights = gh_pg_i64(r, 0, column + RIGHTS, 0);
    gh_admin_account_t account = {
        .id = gh_pg_i64(r, 0, column + ACCOUNT, 0),
        .known = true,
        .active = gh_pg_bool(r, 0, column + ACTIVE),
        .superuser = gh_pg_bool(r, 0, column + SUPERUSER),
        .admin = gh_pg_bool(r, 0, column + ADMIN),
        .names = (unsigned)gh_pg_i64(r, 0, column + NAMES, 0),
    };
    gh_admin_caller_t caller = {
        .id = b->jobs[0]->actor.user_id,
        .superuser = rights & RIGHT_SUPERUSER,
        .admin = rights & RIGHT_ADMIN,
        .role_manager = rights & RIGHT_ROLES,
    };
    *high = account.admin || account.superuser;
    gh_err_t err = gh_admin_decide(&caller, &account, change);
    unsigned missed = gh_admin_name_missed(&account, change);
    if (err == GH_E_NONE && missed)
        (void)gh_arg_invalid(b, missed & GH_NAME_EMAIL ? "email" : "phone",
                             "the account would have no name left to sign in by");
    return err;
}

static void
make(gh_batch_t *b, const gh_person_account_t *a)
{
    char base[GH_NAME_BASE_SIZE] = "";
    if (a->base_of) {
        gh_name_base(gh_str(a->base_of), base);
        gh_batch_query(b, "register_lock", 1, (const char *[]){base});
    }
    gh_batch_query(
        b, "person_account_make", 7,
        (const char *[]){a->id, a->names, base[0] ? base : NULL, a->person, a->hash, a->now, a->kind});
}

void
gh_person_account_write(gh_batch_t *b, const gh_person_account_t *a)
{
    if (a->makes) {
        make(b, a);
        return;
    }
    if (a->renames)
        gh_batch_query(b, "user_change", 3, (const char *[]){a->id, a->names, a->now});
    if (!a->hash)
        return;
    gh_password_policy_t policy = gh_password_policy(gh_worker_conf(b->worker));
    gh_batch_query(b, "password_set", 4,
                   (const char *[]){a->id, a->hash, a->now, gh_text_i64(b, policy.history)});
    gh_batch_query(b, "password_given", 3, (const char *[]){a->id, a->now, "f"});
}

const char *
gh_person_session(gh_batch_t *b, int64_t account)
{
    const gh_wjob_t *job = b->jobs[0];
    gh_str_t sid = job->head.actor.session;
    return sid.n == 16 && account == job->actor.user_id ? gh_text_uuid(b, (const uint8_t *)sid.p) : NULL;
}

int
gh_person_hold(gh_batch_t *b, const PGresult *living, const char *account_id, bool high, const char *session)
{
    gh_pgarr_t ids GH_CLEANUP(gh_pgarr_fini) = {0};
    for (int i = 0; i < PQntuples(living); i++) {
        uint8_t sid[16];
        if (gh_uuid_parse(gh_pg_str(living, i, 0), sid))
            return -1;
        gh_pgarr_uuid(&ids, sid);
    }
    const char *sids = gh_pgarr_literal(&ids);
    if (!sids)
        return -1;
    gh_batch_query(b, "login_lock_user", 1, (const char *[]){account_id});
    gh_batch_query(b, "account_sessions_still", 4,
                   (const char *[]){account_id, sids, high ? "t" : "f", session});
    return gh_end_sessions(b, living, "password_reset") < 0 ? -1 : 0;
}
