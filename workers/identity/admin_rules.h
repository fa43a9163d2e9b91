/*
 * workers/identity/admin_rules.h - who may change which account and role how: pure decisions, no I/O (R-46 to R-54, BR-14,
 * BR-15)
 */
#ifndef GH_WORKERS_IDENTITY_ADMIN_RULES_H
#define GH_WORKERS_IDENTITY_ADMIN_RULES_H

#include "base/error.h"

/* Names by which an account signs in, as a set. */
enum { GH_NAME_USERNAME = 1, GH_NAME_EMAIL = 2, GH_NAME_PHONE = 4, GH_NAME_IDENTIFIER = 8 };

typedef struct gh_admin_caller {
    int64_t id;
    bool superuser, admin;
    bool role_manager; /* holds role:manage */
} gh_admin_caller_t;

typedef struct gh_admin_account {
    int64_t id;
    bool known; /* there, and not deleted */
    bool active, superuser, admin;
    bool other_admin; /* somebody else is an active administrator */
    unsigned names;
} gh_admin_account_t;

typedef struct gh_admin_change {
    bool only_own;      /* the names of one's own account; administrators may change any (BR-14) */
    bool spares_admins; /* administrators are not deleted this way (BR-15) */
    bool
        edits; /* members, roles or password of the account; clearing locks or ending sessions is no such change */
    bool deletes;
    bool sets_active, active;
    bool sets_superuser, superuser;
    bool sets_roles; /* to others than it has */
    bool no_roles;   /* the roles asked for are none */
    bool to_admin;   /* ADMIN is among them */
    unsigned names_set, names_cleared;
} gh_admin_change_t;

/* GH_E_NONE or the refusal. */
gh_err_t gh_admin_decide(const gh_admin_caller_t *caller, const gh_admin_account_t *account,
                         const gh_admin_change_t *change);

/* An account keeps a name to sign in by. The one that must stay is among names_cleared; 0 when all is well. */
unsigned gh_admin_name_missed(const gh_admin_account_t *account, const gh_admin_change_t *change);

/* ---- roles */

typedef enum { GH_ROLE_MADE, GH_ROLE_CHANGED, GH_ROLE_GONE } gh_role_act_t;

#define GH_ROLE_COUNT_MAX 64 /* what a worker keeps in memory (lib/worker/access_check.h) */

typedef struct gh_role_facts {
    bool known, builtin;
    bool admin;        /* the role ADMIN */
    bool renamed;      /* another name is asked for */
    bool shrinks;      /* a permission it has would be missing */
    int64_t holders;   /* living accounts */
    int64_t all_roles; /* defined */
} gh_role_facts_t;

/* GH_E_NONE or the refusal. GH_E_VALIDATION_FAILED: there are as many roles as can be. */
gh_err_t gh_role_decide(gh_role_act_t act, const gh_role_facts_t *role);

#endif
