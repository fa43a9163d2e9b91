/*
 * workers/identity/login_rules.c - pure decisions of the identity pool
 */
#include "workers/identity/login_rules.h"

#include <stdio.h>

#define SECOND_US     INT64_C(1000000)
#define REDELIVERY_US (60 * SECOND_US)

gh_err_t
gh_login_decide(const gh_account_t *account, bool right_password)
{
    if (!account->known || !right_password)
        return GH_E_BAD_CREDENTIALS;
    if (!account->active)
        return GH_E_ACCOUNT_DISABLED;
    if (account->banned)
        return GH_E_ACCOUNT_BANNED;
    if (!account->verified)
        return account->by_identifier ? GH_E_STAFF_NOT_VERIFIED : GH_E_PATIENT_NOT_VERIFIED;
    return GH_E_NONE;
}

int64_t
gh_seconds_until(int64_t until_us, int64_t now_us)
{
    return until_us <= now_us ? 1 : (until_us - now_us + SECOND_US - 1) / SECOND_US;
}

bool
gh_check_in_time(size_t open, int threads, int64_t mean_us, int64_t left_ms)
{
    int64_t rounds = (int64_t)open / (threads > 0 ? threads : 1) + 1;
    return open < GH_CHECKS_MAX && rounds * mean_us <= left_ms * 1000;
}

gh_refresh_t
gh_refresh_decide(const gh_refresh_facts_t *facts, int64_t now_us)
{
    if (facts->revoked || facts->expired || (!facts->current && !facts->burnt))
        return GH_REFRESH_REFUSE;
    if (facts->burnt && !(facts->redelivered && now_us - facts->burnt_at_us <= REDELIVERY_US))
        return GH_REFRESH_REVOKE;
    return facts->welcome ? GH_REFRESH_ROTATE : GH_REFRESH_REFUSE;
}

gh_err_t
gh_refresh_error(const gh_refresh_facts_t *facts)
{
    if (facts->revoked)
        return GH_E_TOKEN_REVOKED;
    return facts->expired ? GH_E_TOKEN_EXPIRED : GH_E_REFRESH_INVALID;
}

bool
gh_login_recount(int64_t logins)
{
    return logins >= GH_LOGINS_TOO_MANY / 2;
}
