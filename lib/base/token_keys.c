/*
 * lib/base/token_keys.c - keys of tokens in memory (lib/base/token.h)
 */
#include <openssl/crypto.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/log.h"
#include "base/token_keys.h"

#define SECRET_MIN 32

static const struct {
    const char *name;
    jwt_alg_t alg;
} s_algorithms[] = {{"HS256", JWT_ALG_HS256},
                    {"HS384", JWT_ALG_HS384},
                    {"HS512", JWT_ALG_HS512},
                    {"RS256", JWT_ALG_RS256},
                    {"ES256", JWT_ALG_ES256}};

static jwt_alg_t
find_algorithm(const char *name)
{
    for (size_t i = 0; i < GH_COUNT(s_algorithms); i++)
        if (strcmp(s_algorithms[i].name, name) == 0)
            return s_algorithms[i].alg;
    return JWT_ALG_NONE;
}

static void
wipe(char *p, int n)
{
    if (p)
        OPENSSL_cleanse(p, (size_t)n);
    free(p);
}

static char *
copy_text(gh_str_t s)
{
    char *p = malloc(s.n + 1);
    if (p) {
        memcpy(p, s.p, s.n);
        p[s.n] = '\0';
    }
    return p;
}

/* The public half of a PEM private key, as PEM; NULL when it is no key of the algorithm's family. */
static char *
public_pem(gh_str_t private_pem, jwt_alg_t alg)
{
    BIO *in = BIO_new_mem_buf(private_pem.p, (int)private_pem.n), *mem = NULL;
    EVP_PKEY *key = in ? PEM_read_bio_PrivateKey(in, NULL, NULL, NULL) : NULL;
    int want = alg == JWT_ALG_RS256 ? EVP_PKEY_RSA : EVP_PKEY_EC;
    bool fits = key && EVP_PKEY_get_base_id(key) == want &&
                EVP_PKEY_get_bits(key) >= (want == EVP_PKEY_EC ? 256 : 2048);
    char *text = NULL, *data = NULL;
    if (fits && (mem = BIO_new(BIO_s_mem())) && PEM_write_bio_PUBKEY(mem, key) == 1) {
        long n = BIO_get_mem_data(mem, &data);
        text = n > 0 ? copy_text((gh_str_t){data, (size_t)n}) : NULL;
    }
    EVP_PKEY_free(key);
    BIO_free(in);
    BIO_free(mem);
    return text;
}

/* The key id is a digest of the checking key with a label; 64 bits tell keys apart and give nothing away that a
 * signature does not. */
static int
set_kid(gh_token_key_t *k)
{
    uint8_t digest[32];
    if (gh_hmac_sha256((gh_str_t){k->check, (size_t)k->check_n}, GH_STR("guahao key id"), digest))
        return -1;
    gh_hex(digest, 8, k->kid);
    return 0;
}

static int
init_key(gh_token_key_t *k, const char *algorithm, gh_str_t secret)
{
    k->alg = find_algorithm(algorithm);
    if (k->alg == JWT_ALG_NONE || secret.n > GH_TOKEN_SECRET_MAX)
        return -1;
    snprintf(k->alg_name, sizeof k->alg_name, "%s", algorithm);
    bool shared = algorithm[0] == 'H';
    if (shared && secret.n < SECRET_MIN)
        return -1;
    k->sign = copy_text(secret);
    k->check = shared ? copy_text(secret) : public_pem(secret, k->alg);
    if (!k->sign || !k->check)
        return -1;
    k->sign_n = (int)secret.n;
    k->check_n = (int)(shared ? secret.n : strlen(k->check));
    return set_kid(k);
}

static int
add_key(gh_token_key_t *keys, int which, const char *name, const char *algorithm, gh_str_t secret)
{
    if (init_key(&keys[which], algorithm, secret) == 0)
        return 0;
    gh_log(GH_LOG_ERROR, "token_key_unusable", GH_KS("key", name), GH_KS("algorithm", algorithm),
           GH_KI("min_bytes", SECRET_MIN));
    return -1;
}

gh_token_keys_t *
gh_token_keys_new(const char *algorithm, gh_str_t secret, gh_str_t refresh_secret, const char *issuer,
                  int leeway_s)
{
    gh_token_keys_t *keys = calloc(1, sizeof *keys);
    if (!keys)
        return NULL;
    keys->leeway_s = leeway_s;
    snprintf(keys->issuer, sizeof keys->issuer, "%s", issuer);
    if (add_key(keys->access, GH_TOKEN_SIGNS, "access", algorithm, secret) ||
        add_key(keys->refresh, GH_TOKEN_SIGNS, "refresh", "HS256", refresh_secret))
        gh_token_keys_destroy(&keys);
    return keys;
}

int
gh_token_keys_accept(gh_token_keys_t *keys, bool refresh, const char *algorithm, gh_str_t secret)
{
    return refresh ? add_key(keys->refresh, GH_TOKEN_PREVIOUS, "earlier refresh", "HS256", secret)
                   : add_key(keys->access, GH_TOKEN_PREVIOUS, "earlier access", algorithm, secret);
}

void
gh_token_keys_destroy(gh_token_keys_t **keys_p)
{
    gh_token_keys_t *keys = *keys_p;
    *keys_p = NULL;
    if (!keys)
        return;
    for (size_t i = 0; i < GH_TOKEN_KEYS; i++) {
        gh_token_key_t *both[] = {&keys->access[i], &keys->refresh[i]};
        for (size_t k = 0; k < GH_COUNT(both); k++) {
            wipe(both[k]->sign, both[k]->sign_n);
            wipe(both[k]->check, both[k]->check_n);
        }
    }
    free(keys);
}
