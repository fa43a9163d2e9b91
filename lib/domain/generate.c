/*
 * lib/domain/generate.c - see generate.h
 */
#include "domain/generate.h"

#include "domain/password_rules.h"

/* Without 0 O o 1 l I i: read out on the telephone and typed from paper. */
static const char alphabet[] = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghjkmnpqrstuvwxyz23456789";

bool
gh_password_make(const uint8_t *random, size_t n, char out[GH_MADE_PASSWORD + 4])
{
    const size_t letters = sizeof alphabet - 1;
    const size_t fair = 256 - 256 % letters; /* bytes from here on would favour the first letters */
    size_t put = 0, made = 0;
    for (size_t i = 0; i < n && made < GH_MADE_PASSWORD; i++) {
        if (random[i] >= fair)
            continue;
        if (made && made % 4 == 0)
            out[put++] = '-';
        out[put++] = alphabet[random[i] % letters];
        made++;
    }
    out[put] = 0;
    return made == GH_MADE_PASSWORD && gh_password_faults(&gh_password_policy_default, (gh_str_t){out, put},
                                                          (gh_str_t){0}, (gh_str_t){0}) == 0;
}
