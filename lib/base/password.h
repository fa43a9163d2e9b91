/*
 * lib/base/password.h - bcrypt passwords by libxcrypt (api/20 section 5, BR-16)
 *
 * Stored as "$2b$cc$" and 53 characters; "$2a$" and "$2y$" hashes brought over from older systems verify too.
 * Hashing takes about 60 ms at cost 10 and doubles with each step: callers with other work to do run it on a thread of
 * its own (decisions 24). No function keeps or logs a password; scratch memory is wiped.
 */
#ifndef GH_BASE_PASSWORD_H
#define GH_BASE_PASSWORD_H

#include "base/gh.h"

#define GH_PASSWORD_MAX      72 /* bytes that bcrypt reads; longer ones are refused, never cut */
#define GH_PASSWORD_HASH     61 /* size of a hash with its NUL */
#define GH_PASSWORD_COST_MIN 4
#define GH_PASSWORD_COST_MAX 16

/* False for a password that bcrypt would read only in part: empty, over GH_PASSWORD_MAX, with a NUL. */
bool gh_password_usable(gh_str_t password);

/* Hash with a fresh random salt. -1 when the password is not usable, the cost lies outside MIN..MAX, or the
 * system has no randomness. */
int gh_password_hash(gh_str_t password, int cost, char out[GH_PASSWORD_HASH]) GH_MUSTCHECK;

/* Does the password belong to the hash? Compared in constant time. False as well, and at once, for a hash that is not
 * bcrypt and for a password that is not usable. */
bool gh_password_verify(gh_str_t password, gh_str_t hash);

/* Spend the time of one verification at this cost: for names that do not exist. */
void gh_password_burn(gh_str_t password, int cost);

/* The cost of a hash, -1 when it is not a bcrypt hash of ours. */
int gh_password_cost(gh_str_t hash);

#endif
