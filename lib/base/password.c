/*
 * lib/base/password.c - bcrypt passwords
 */
#include "base/password.h"

#include <crypt.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/log.h"

#define SETTING_LEN 29 /* "$2b$12$" and 22 characters of salt */

/* Run bcrypt; true and the hash in out when it worked. crypt_r wants 32 KiB of scratch, too much for a small stack. */
static bool
run(gh_str_t password, const char *setting, char out[GH_PASSWORD_HASH])
{
    char phrase[GH_PASSWORD_MAX + 1];
    struct crypt_data *scratch = calloc(1, sizeof *scratch);
    if (!scratch)
        return false;
    memcpy(phrase, password.p, password.n);
    phrase[password.n] = 0;
    const char *hash = crypt_r(phrase, setting, scratch);
    bool ok = hash && strlen(hash) == GH_PASSWORD_HASH - 1;
    if (ok)
        memcpy(out, hash, GH_PASSWORD_HASH);
    OPENSSL_cleanse(phrase, sizeof phrase);
    OPENSSL_cleanse(scratch, sizeof *scratch);
    free(scratch);
    return ok;
}

/* bcrypt stops at a NUL and after 72 bytes: such passwords would match others. */
bool
gh_password_usable(gh_str_t password)
{
    return password.n > 0 && password.n <= GH_PASSWORD_MAX && !memchr(password.p, 0, password.n);
}

int
gh_password_cost(gh_str_t hash)
{
    if (hash.n != GH_PASSWORD_HASH - 1 || memcmp(hash.p, "$2", 2) != 0 || !strchr("aby", hash.p[2]) ||
        hash.p[3] != '$' || hash.p[6] != '$')
        return -1;
    char tens = hash.p[4], ones = hash.p[5];
    if (tens < '0' || tens > '9' || ones < '0' || ones > '9')
        return -1;
    int cost = (tens - '0') * 10 + (ones - '0');
    return cost >= GH_PASSWORD_COST_MIN && cost <= GH_PASSWORD_COST_MAX ? cost : -1;
}

int
gh_password_hash(gh_str_t password, int cost, char out[GH_PASSWORD_HASH])
{
    char random[16], setting[CRYPT_GENSALT_OUTPUT_SIZE];
    if (!gh_password_usable(password) || cost < GH_PASSWORD_COST_MIN || cost > GH_PASSWORD_COST_MAX)
        return -1;
    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random ||
        !crypt_gensalt_rn("$2b$", (unsigned long)cost, random, sizeof random, setting, sizeof setting) ||
        !run(password, setting, out)) {
        gh_log(GH_LOG_ERROR, "password_hash_failed", GH_KI("cost", cost));
        return -1;
    }
    return 0;
}

bool
gh_password_verify(gh_str_t password, gh_str_t hash)
{
    char setting[GH_PASSWORD_HASH], again[GH_PASSWORD_HASH];
    if (!gh_password_usable(password) || gh_password_cost(hash) < 0)
        return false;
    memcpy(setting, hash.p, hash.n);
    setting[hash.n] = 0;
    return run(password, setting, again) && CRYPTO_memcmp(again, setting, GH_PASSWORD_HASH) == 0;
}

void
gh_password_burn(gh_str_t password, int cost)
{
    char setting[SETTING_LEN + 1], hash[GH_PASSWORD_HASH];
    if (cost < GH_PASSWORD_COST_MIN || cost > GH_PASSWORD_COST_MAX)
        return;
    snprintf(setting, sizeof setting, "$2b$%02d$......................", cost);
    (void)run(gh_password_usable(password) ? password : GH_STR("x"), setting, hash);
}
