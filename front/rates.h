/*
 * front/rates.h - rate limits: which policy a request falls under, and the lines that tell of it (api/20 section 8, R-10)
 *
 * Every request falls under one policy: that of its operation's x-rate-limit, else `user` with a valid token, else
 * `anon`. x-rate-limit: none exempts an operation (probes), ratelimit.exempt exempts networks, from all policies.
 * A policy may count a key of the arguments (x-rate-key): `callback` does so instead of the caller, `reset` counts the
 * account besides, by the policy `reset_account`. A policy by user counts a caller without a token by its address. IPv6 addresses count by their first 64 bits, which
 * is what one subscriber has.
 */
#ifndef GH_FRONT_RATES_H
#define GH_FRONT_RATES_H

#include "base/buf.h"
#include "base/conf.h"
#include "contract/contract.h"
#include "front/forwarded.h"
#include "front/limiter.h"

#define FRONT_POLICIES 10 /* rows of the table in rates.c */

/* What became of a request: policy NULL when it falls under none. */
typedef struct front_rate {
    const struct front_policy *policy;
    front_take_t take;
    bool exempt; /* the caller is, so its keys are too */
} front_rate_t;

/* Once, before the fork: settings, table, and the x-rate-limit of all operations. -1 after a message on the log. */
int front_rates_init(const gh_conf_t *conf, const gh_contract_t *contract) GH_MUSTCHECK;
/* Again, when settings have changed: the buckets that are in use keep their level. -1 after a message on the log. */
int front_rates_configure(const gh_conf_t *conf) GH_MUSTCHECK;
/* Count a request; op NULL: no such route. user_id 0: no valid token. False: refuse it with RATE_LIMITED. */
bool front_rates_take(const gh_operation_t *op, const front_address_t *from, int64_t user_id, int64_t now_us,
                      front_rate_t *out);
/* Count the key of a request that front_rates_take() let pass; key is lower-cased in place. out tells of whichever has
 * less left. False: refuse it. */
bool front_rates_take_key(const gh_operation_t *op, gh_buf_t *key, int64_t now_us, front_rate_t *out);
/* The header lines, Retry-After too when refused; nothing without a policy. */
void front_rates_lines(const front_rate_t *rate, gh_buf_t *out);
/* Index and name of a policy, for counters. */
size_t front_rates_index(const front_rate_t *rate);
const char *front_rates_name(size_t index);

#endif
