/*
 * workers/identity/code_rules.c - see code_rules.h
 */
#include "workers/identity/code_rules.h"

#include <stdio.h>

#define CODES UINT32_C(1000000)

gh_code_verdict_t
gh_code_decide(const gh_code_facts_t *facts)
{
    if (!facts->live || facts->expired)
        return GH_CODE_EXPIRED;
    if (facts->foreign)
        return GH_CODE_FOREIGN;
    if (facts->equal)
        return GH_CODE_RIGHT;
    return facts->tries_left > 1 ? GH_CODE_WRONG : GH_CODE_EXHAUSTED;
}

bool
gh_code_digits(uint32_t random, char out[GH_CODE_TEXT])
{
    snprintf(out, GH_CODE_TEXT, "%06u", random % CODES);
    return random < UINT32_MAX - UINT32_MAX % CODES;
}

size_t
gh_mask_mail(gh_str_t address, char *out)
{
    const char *at = memchr(address.p, '@', address.n);
    size_t local = at ? (size_t)(at - address.p) : address.n, shown = 0, n = 0;
    for (size_t i = 0; i < local; i++) { /* three characters, not bytes */
        shown += ((unsigned char)address.p[i] & 0xc0) != 0x80;
        if (shown > 3)
            break;
        out[n++] = address.p[i];
    }
    memset(out + n, '*', 3);
    memcpy(out + n + 3, address.p + local, address.n - local);
    return n + 3 + address.n - local;
}
