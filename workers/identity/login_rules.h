/*
 * workers/identity/login_rules.h - what a sign-in comes to: pure decisions, no I/O, no clock
 */
#ifndef GH_WORKERS_IDENTITY_LOGIN_RULES_H
#define GH_WORKERS_IDENTITY_LOGIN_RULES_H

#include "base/error.h"

typedef struct gh_account {
    bool known; /* the name belongs to a living account with a password */
    bool active, verified, banned;
    bool by_identifier; /* found by its staff number */
} gh_account_t;

/* GH_E_NONE: signed in. A wrong password and an unknown name look the same; only who knows the password
 * learns that the account is closed (R-27, BR-03, BR-04). */
gh_err_t gh_login_decide(const gh_account_t *account, bool right_password);

/* Seconds until a moment, at least 1: what Retry-After says of a lock. */
int64_t gh_seconds_until(int64_t until_us, int64_t now_us);

/* Can one more password be checked within the time left, with `open` checks on `threads` before it? Never more than
 * GH_CHECKS_MAX at a time: a quarter of a worker's usual credit. */
#define GH_CHECKS_MAX 64
bool gh_check_in_time(size_t open, int threads, int64_t mean_us, int64_t left_ms);

/* BR-130: so many sign-ins within the hour raise the risk score. Those are used up then: the next ones count anew. */
#define GH_LOGINS_TOO_MANY 10
/* Is it worth counting again under the account's lock? logins: good ones before this one, as read without it; others may
 * come at the same moment. */
bool gh_login_recount(int64_t logins);

typedef enum { GH_REFRESH_ROTATE, GH_REFRESH_REFUSE, GH_REFRESH_REVOKE } gh_refresh_t;

typedef struct gh_refresh_facts {
    bool current; /* the token is the live one of its session */
    bool burnt;   /* it was exchanged before */
    int64_t burnt_at_us;
    bool revoked, expired; /* the session */
    bool welcome;          /* its user may be signed in */
    bool redelivered;      /* this very job may have been carried out before (its worker died, a front sent it
                                   again): known from the trusted header, never from the client */
} gh_refresh_facts_t;

/* A burnt token of a living session ends it: somebody else has a copy. Not so for a job that comes again
 * within the minute: the token was burnt by its own first attempt, whose answer was lost. */
gh_refresh_t gh_refresh_decide(const gh_refresh_facts_t *facts, int64_t now_us);

/* What a refused refresh is called: the session has ended, has run out, or the token is none of its (or its user
 * may not come in). */
gh_err_t gh_refresh_error(const gh_refresh_facts_t *facts);

#endif
