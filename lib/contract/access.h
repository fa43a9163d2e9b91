/*
 * lib/contract/access.h - x-access of an operation, as workers enforce it (decisions 3)
 */
#ifndef GH_CONTRACT_ACCESS_H
#define GH_CONTRACT_ACCESS_H

#include "base/error.h"

typedef enum { GH_ACCESS_PUBLIC, GH_ACCESS_ANY, GH_ACCESS_ROLES, GH_ACCESS_PERMISSION } gh_access_kind_t;

typedef struct gh_access {
    gh_access_kind_t kind;
    uint32_t roles;         /* ROLES: set of GH_ROLE_* */
    const char *permission; /* PERMISSION: "appointment:book" */
    uint32_t scopes;        /* PERMISSION: set of GH_SCOPE_* that the operation accepts */
    gh_err_t refusal;       /* what the guard says: ADMIN_REQUIRED, DOCTOR_REQUIRED, HEAD_REQUIRED, ..., else FORBIDDEN */
    const char *public_if;  /* x-public-if: a setting (boolean) that opens the operation; NULL if none */
} gh_access_t;

#endif
