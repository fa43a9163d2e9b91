/*
 * workers/identity/new_password.h - giving an account that has a password a new one
 *
 * What changing it (AU-08) and resetting it (AU-06) share: the facts, the hashing, the writes. All memory is the batch's.
 */
#ifndef GH_WORKERS_IDENTITY_NEW_PASSWORD_H
#define GH_WORKERS_IDENTITY_NEW_PASSWORD_H

#include "domain/password_rules.h"
#include "workers/identity/identity.h"

#define GH_NAMES_MAX 4 /* user name, mail address, phone number, staff number */

typedef struct gh_new_password {
    int64_t user_id;
    const char *user, *now, *history; /* texts of parameters */
    const char *stored;               /* the present hash, NULL: none */
    gh_str_t username, email, brief, roles;
    const char *names[GH_NAMES_MAX]; /* hashes of its names in hex, in order */
    int n_names;
    int64_t locked_until_us; /* 0: no name is locked */

    /* For the thread. */
    bool check_current;
    gh_str_t current;
    gh_str_t wanted;
    gh_str_t former[GH_PASSWORD_HISTORY_MAX]; /* hashes that the new one must not belong to */
    int n_former, cost, hashes;
    int64_t took_us;
    bool acceptable; /* by the rule; else nothing but the current one is tried */
    bool right, reused;
    char hash[GH_PASSWORD_HASH]; /* of the new one, empty when it was not made */
} gh_new_password_t;

/* Ask for the facts of an account; one statement of this phase. */
void gh_new_password_ask(gh_batch_t *b, gh_new_password_t *p, int64_t user_id);
/* Read them from its result. False: there is no such account. */
bool gh_new_password_take(gh_batch_t *b, gh_new_password_t *p, const struct pg_result *r) GH_MUSTCHECK;
/* Try and hash on a thread; return GH_STEP_WAIT then. current: what must be the present password, NULL: it need not be known;
 * current and wanted live as long as the batch. False: the job is refused. */
bool gh_new_password_hash(gh_batch_t *b, gh_new_password_t *p, const gh_str_t *current,
                          gh_str_t wanted) GH_MUSTCHECK;
/* After the thread, with the right current one: false when the job is refused (PASSWORD_WEAK, PASSWORD_TOO_LONG,
 * PASSWORD_REUSED). field: the member that holds the new one. */
bool gh_new_password_allowed(gh_batch_t *b, gh_new_password_t *p, const char *field) GH_MUSTCHECK;
/* Ask which sessions end: all but one (its id as text), or all (NULL). */
void gh_new_password_sessions(gh_batch_t *b, const gh_new_password_t *p, const char *but);
/* Queue the writes, with the account's row locked and everything unchanged, else the job starts over. ending: the result of
 * the sessions. -1: the batch must fail. */
int gh_new_password_write(gh_batch_t *b, const gh_new_password_t *p, const char *but,
                          const struct pg_result *ending, const char *reason) GH_MUSTCHECK;

#endif
