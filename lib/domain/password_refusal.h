/*
 * lib/domain/password_refusal.h - refusing a password that may not be set, the same way in every pool
 */
#ifndef GH_DOMAIN_PASSWORD_REFUSAL_H
#define GH_DOMAIN_PASSWORD_REFUSAL_H

#include "worker/worker.h"

/* True when the password may be set. Else the job is refused: PASSWORD_TOO_LONG, or PASSWORD_WEAK with every
 * failed check in `errors` ({field, code, message}; code is the fault's word). username, email: of the account the password
 * is for, empty when it has none. */
bool gh_password_accept(gh_batch_t *b, gh_wjob_t *job, const char *field, gh_str_t password,
                        gh_str_t username, gh_str_t email) GH_MUSTCHECK;

#endif
