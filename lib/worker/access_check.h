/*
 * lib/worker/access_check.h - may this caller do this? Pure decisions over the role table (api/20 section 6,
 * decisions 3)
 */
#ifndef GH_WORKER_ACCESS_CHECK_H
#define GH_WORKER_ACCESS_CHECK_H

#include "contract/access.h"
#include "worker/worker.h"

#define GH_ROLES_MAX 64 /* built-in and defined by the hospital */

/* role_permissions in memory. Roles are numbered in the order they were first seen. */
typedef struct gh_role_table gh_role_table_t;

gh_role_table_t *gh_role_table_new(void);
void gh_role_table_destroy(gh_role_table_t **t_p);
/* -1 when out of memory or over GH_ROLES_MAX roles. Scope words of the table: all, dept, assigned, own. */
int gh_role_table_add(gh_role_table_t *t, gh_str_t role, gh_str_t permission, gh_str_t scope) GH_MUSTCHECK;
uint64_t
gh_role_table_serial(const gh_role_table_t *t); /* a number of its own for each table of the process */
/* Scopes that each role (by number) gives for a permission. */
void gh_role_table_grants(const gh_role_table_t *t, const char *permission, uint32_t grants[GH_ROLES_MAX]);
/* Comma list of role codes -> GH_ROLE_* bits; held: bit set of numbered roles. */
uint32_t gh_roles_parse(const gh_role_table_t *t, gh_str_t codes, uint64_t *held);

/* Code of a numbered role; NULL past the last. Borrowed from the table. */
const char *gh_role_table_code(const gh_role_table_t *t, size_t i);

/* Scopes that a caller's roles give, the derived ones of a department head included. */
uint32_t gh_access_granted(const gh_access_t *access, uint32_t roles, uint64_t held, const uint32_t *grants);
/* GH_E_NONE and actor->scopes set, or the refusal. open: x-public-if is on. */
gh_err_t gh_access_decide(const gh_access_t *access, bool open, bool while_must_change, uint32_t granted,
                          gh_actor_t *actor);

#endif
