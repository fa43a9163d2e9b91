/*
 * lib/base/token_keys.c - where token keys come from (lib/base/token.h)
 *
 * Secrets come from the environment or a file and are never printed. A file made here holds 48 random bytes in hex.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <openssl/crypto.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/log.h"
#include "base/token_keys.h"

#define SECRET_MIN  32
#define SECRET_MAX  (16u << 10)
#define RANDOM_SIZE 48

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
    if (k->alg == JWT_ALG_NONE || secret.n > SECRET_MAX)
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

gh_token_keys_t *
gh_token_keys_new(const char *algorithm, gh_str_t secret, gh_str_t refresh_secret, const char *issuer,
                  int leeway_s)
{
    gh_token_keys_t *keys = calloc(1, sizeof *keys);
    if (!keys)
        return NULL;
    keys->leeway_s = leeway_s;
    snprintf(keys->issuer, sizeof keys->issuer, "%s", issuer);
    const char *bad = init_key(&keys->access, algorithm, secret)          ? "access"
                      : init_key(&keys->refresh, "HS256", refresh_secret) ? "refresh"
                                                                          : NULL;
    if (bad) {
        gh_log(GH_LOG_ERROR, "token_key_unusable", GH_KS("key", bad), GH_KS("algorithm", algorithm),
               GH_KI("min_bytes", SECRET_MIN));
        gh_token_keys_destroy(&keys);
    }
    return keys;
}

void
gh_token_keys_destroy(gh_token_keys_t **keys_p)
{
    gh_token_keys_t *keys = *keys_p;
    *keys_p = NULL;
    if (!keys)
        return;
    gh_token_key_t *both[] = {&keys->access, &keys->refresh};
    for (size_t i = 0; i < GH_COUNT(both); i++) {
        wipe(both[i]->sign, both[i]->sign_n);
        wipe(both[i]->check, both[i]->check_n);
    }
    free(keys);
}

/* Make the file with a random secret; another process may have been first, which is as good. */
static int
create_file(const char *path)
{
    uint8_t bytes[RANDOM_SIZE];
    char text[2 * RANDOM_SIZE + 2], dir[4096];
    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
        return -1;
    gh_hex(bytes, sizeof bytes, text);
    text[2 * RANDOM_SIZE] = '\n';
    snprintf(dir, sizeof dir, "%s", path);
    if (mkdir(dirname(dir), 0700) && errno != EEXIST)
        return -1;
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno == EEXIST ? 0 : -1;
    bool ok = write(fd, text, sizeof text - 1) == (ssize_t)sizeof text - 1;
    ok = fsync(fd) == 0 && ok;
    close(fd);
    OPENSSL_cleanse(text, sizeof text);
    OPENSSL_cleanse(bytes, sizeof bytes);
    return ok ? 0 : -1;
}

/* Read a secret without the newline at its end. out has SECRET_MAX bytes. */
static int
read_file(const char *path, char *out, size_t *n)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    ssize_t got = read(fd, out, SECRET_MAX);
    close(fd);
    if (got <= 0)
        return -1;
    while (got > 0 && (out[got - 1] == '\n' || out[got - 1] == '\r'))
        got--;
    *n = (size_t)got;
    return 0;
}

static int
load_secret(const gh_conf_t *conf, const char *direct, const char *file, bool create, char *out, size_t *n)
{
    const char *secret = gh_conf_str(conf, direct), *path = gh_conf_str(conf, file);
    if (*secret) {
        *n = strlen(secret);
        if (*n <= SECRET_MAX)
            memcpy(out, secret, *n);
        return *n <= SECRET_MAX ? 0 : -1;
    }
    if (create && access(path, F_OK) && create_file(path)) {
        gh_log(GH_LOG_ERROR, "token_key_not_made", GH_KS("file", path), GH_KS("reason", strerror(errno)));
        return -1;
    }
    if (read_file(path, out, n)) {
        gh_log(GH_LOG_ERROR, "token_key_missing", GH_KS("setting", direct), GH_KS("file", path),
               GH_KS("reason", strerror(errno)));
        return -1;
    }
    return 0;
}

gh_token_keys_t *
gh_token_keys_load(const gh_conf_t *conf, bool create)
{
    char access_key[SECRET_MAX], refresh_key[SECRET_MAX];
    size_t access_n = 0, refresh_n = 0;
    gh_token_keys_t *keys = NULL;
    /* RS256 and ES256 need a PEM key that an operator provides: only shared secrets are made here. */
    bool make = create && gh_conf_str(conf, "token.algorithm")[0] == 'H';
    if (!load_secret(conf, "token.secret", "token.secret_file", make, access_key, &access_n) &&
        !load_secret(conf, "token.refresh_secret", "token.refresh_secret_file", create, refresh_key,
                     &refresh_n))
        keys = gh_token_keys_new(gh_conf_str(conf, "token.algorithm"), (gh_str_t){access_key, access_n},
                                 (gh_str_t){refresh_key, refresh_n}, gh_conf_str(conf, "token.issuer"),
                                 (int)gh_conf_int(conf, "token.leeway_s"));
    OPENSSL_cleanse(access_key, sizeof access_key);
    OPENSSL_cleanse(refresh_key, sizeof refresh_key);
    return keys;
}
