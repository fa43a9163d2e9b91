/*
 * lib/contract/access.h - x-access of an operation, as workers enforce it (decisions 3)
 */
#ifndef GH_CONTRACT_ACCESS_H
#define GH_CONTRACT_ACCESS_H

#include "base/error.h"

/* Roles, built-in ones of api/20 section 6. */
enum {
    GH_ROLE_ADMIN = 1 << 0,
    GH_ROLE_DOCTOR = 1 << 1,
    GH_ROLE_NURSE = 1 << 2,
    GH_ROLE_STAFF = 1 << 3,
    GH_ROLE_PATIENT = 1 << 4,
    GH_ROLE_SUPERUSER = 1 << 5, /* the flag of the user row */
    GH_ROLE_HEAD = 1 << 6       /* department head (derived) */
};

/* Scopes of a permission, widest first (api/20 section 6). */
enum { GH_SCOPE_ALL = 1 << 0, GH_SCOPE_DEPT = 1 << 1, GH_SCOPE_ASSIGNED = 1 << 2, GH_SCOPE_OWN = 1 << 3 };

typedef enum { GH_ACCESS_PUBLIC, GH_ACCESS_ANY, GH_ACCESS_ROLES, GH_ACCESS_PERMISSION } gh_access_kind_t;

typedef struct gh_access {
    gh_access_kind_t kind;
    uint32_t roles;         /* ROLES: set of GH_ROLE_* */
    const char *permission; /* PERMISSION: "appointment:book" */
    uint32_t scopes;        /* PERMISSION: set of GH_SCOPE_* that the operation accepts */
    gh_err_t
        refusal; /* what the guard says: ADMIN_REQUIRED, DOCTOR_REQUIRED, HEAD_REQUIRED, ..., else FORBIDDEN */
    const char *public_if; /* x-public-if: a setting (boolean) that opens the operation; NULL if none */
} gh_access_t;

#endif
