/*
 * workers/identity/person_account.h - the account of a doctor or a patient, made and changed together with the person
 */
#ifndef GH_IDENTITY_PERSON_ACCOUNT_H
#define GH_IDENTITY_PERSON_ACCOUNT_H

#include "workers/identity/admin_rules.h"
#include "workers/identity/identity.h"

/* May the first job's caller change the account so, as if it were changed by itself? Row 0 of r has from `column` on:
 * account, active, superuser, administrator, names it has, rights of the caller. *high: it is an administrator's or superuser's. A
 * name that would be missed is a fault of its member: the job is then refused, and the error is none. */
gh_err_t gh_person_judge(gh_batch_t *b, const struct pg_result *r, int column,
                         const gh_admin_change_t *change, bool *high);

typedef struct gh_person_account {
    bool makes;                /* the account is new */
    bool renames;              /* names are among what changes */
    const char *id, *names;    /* of the account; an object of names */
    const char *base_of;       /* a mail address that a new one's user name is made of, or NULL */
    const char *person, *kind; /* of a new one: full name, users.user_type */
    const char *hash;          /* of the password, or NULL */
    const char *now;
} gh_person_account_t;
/* Write it with what this phase writes. */
void gh_person_account_write(gh_batch_t *b, const gh_person_account_t *a);

/* The session of the first job's caller when the account is his own: it goes on after a new password. NULL: none. */
const char *gh_person_session(gh_batch_t *b, int64_t account);

/* After hashing: hold an account whose password is set with what this phase writes, if all that was read still holds (else the job
 * starts over), and end its sessions. living: rows of account_sessions; high: as above when it was read; session: one that goes
 * on, or NULL. -1 when memory ran out: the batch must fail. */
int gh_person_hold(gh_batch_t *b, const struct pg_result *living, const char *account_id, bool high,
                   const char *session) GH_MUSTCHECK;

#endif
