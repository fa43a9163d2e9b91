/*
 * workers/audit/audit.h - what the files of the audit pool share
 *
 * Applications are decided one a transaction (batch_max 1): the row of the application is locked first, then sessions by id,
 * orders by id, bills by id (decisions 17). What is decided under those locks is pure: *_rules.c.
 */
#ifndef GH_AUDIT_AUDIT_H
#define GH_AUDIT_AUDIT_H

#include "worker/args.h"
#include "workers/audit/pool.h"

/* A text of the request that is to be stored. False: the job was refused, PostgreSQL cannot hold it. */
bool gh_audit_text(gh_batch_t *b, const char *path, gh_str_t *out);

/* plan.c: a head of department submits a week of a clinic (BR-50, BR-51). */
gh_step_t gh_submit_plan(gh_batch_t *b);

/* leave.c: a doctor asks for leave (BR-60, BR-61). */
gh_step_t gh_apply_leave(gh_batch_t *b);

#endif
