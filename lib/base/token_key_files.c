/*
 * lib/base/token_key_files.c - where keys of tokens come from: settings, files, rotation (lib/base/token.h)
 *
 * Secrets come from the environment or a file and are never printed. A file made here holds 48 random bytes in hex, or a
 * private key as PEM (PKCS #8).
 */
#include <errno.h>
#include <libgen.h>
#include <openssl/crypto.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/keyfile.h"
#include "base/log.h"
#include "base/token_keys.h"

#define RANDOM_SIZE 48
#define RSA_BITS    3072

/* The settings of a key and of the one before it. */
typedef struct source {
    const char *secret, *file;
    const char *algorithm; /* NULL: HS256 */
} source_t;

static const source_t s_sources[2][GH_TOKEN_KEYS] = {
    {{"token.secret", "token.secret_file", "token.algorithm"},
     {"token.previous_secret", "token.previous_secret_file", "token.previous_algorithm"}},
    {{"token.refresh_secret", "token.refresh_secret_file", NULL},
     {"token.previous_refresh_secret", "token.previous_refresh_secret_file", NULL}},
};

static const char *
algorithm_of(const gh_conf_t *conf, const source_t *s)
{
    return s->algorithm ? gh_conf_str(conf, s->algorithm) : "HS256";
}

/* ---- making keys */

static int
random_secret(gh_buf_t *out)
{
    uint8_t bytes[RANDOM_SIZE];
    char text[2 * RANDOM_SIZE + 1];
    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
        return -1;
    gh_hex(bytes, sizeof bytes, text);
    gh_buf_puts(out, text);
    gh_buf_putc(out, '\n');
    OPENSSL_cleanse(text, sizeof text);
    OPENSSL_cleanse(bytes, sizeof bytes);
    return gh_buf_ok(out) ? 0 : -1;
}

static int
key_pair(bool rsa, gh_buf_t *out)
{
    EVP_PKEY *key = rsa ? EVP_RSA_gen(RSA_BITS) : EVP_EC_gen("P-256");
    BIO *mem = BIO_new(BIO_s_mem());
    char *data = NULL;
    if (key && mem && PEM_write_bio_PrivateKey(mem, key, NULL, NULL, 0, NULL, NULL) == 1) {
        long n = BIO_get_mem_data(mem, &data);
        gh_buf_str(out, (gh_str_t){data, n > 0 ? (size_t)n : 0});
        OPENSSL_cleanse(data, n > 0 ? (size_t)n : 0);
    }
    BIO_free(mem);
    EVP_PKEY_free(key);
    return gh_buf_ok(out) && gh_buf_view(out).n > 0 ? 0 : -1;
}

static void
wipe(gh_buf_t *buf)
{
    if (buf->p)
        OPENSSL_cleanse(buf->p, gh_buf_view(buf).n);
    gh_buf_fini(buf);
}

/* Write a new key of the algorithm. Without replace a file that is there stays. */
static int
make_file(const char *file, const char *algorithm, bool replace)
{
    gh_buf_t key GH_CLEANUP(wipe) = GH_BUF_INIT;
    char dir[4096];
    snprintf(dir, sizeof dir, "%s", file);
    if (mkdir(dirname(dir), 0700) && errno != EEXIST)
        return -1;
    if (algorithm[0] == 'H' ? random_secret(&key) : key_pair(algorithm[0] == 'R', &key))
        return -1;
    return gh_keyfile_write(file, gh_buf_view(&key), replace);
}

/* ---- reading keys */

static int
read_secret(const char *file, char *out, size_t *n)
{
    int64_t got = gh_keyfile_read(file, out, GH_TOKEN_SECRET_MAX);
    while (got > 0 && (out[got - 1] == '\n' || out[got - 1] == '\r'))
        got--;
    *n = got > 0 ? (size_t)got : 0;
    return got > 0 ? 0 : -1;
}

static int
load_secret(const gh_conf_t *conf, const source_t *s, bool create, char *out, size_t *n)
{
    const char *secret = gh_conf_str(conf, s->secret), *file = gh_conf_str(conf, s->file);
    if (*secret) {
        *n = strlen(secret);
        if (*n <= GH_TOKEN_SECRET_MAX)
            memcpy(out, secret, *n);
        return *n <= GH_TOKEN_SECRET_MAX ? 0 : -1;
    }
    if (create && access(file, F_OK) && make_file(file, algorithm_of(conf, s), false)) {
        gh_log(GH_LOG_ERROR, "token_key_not_made", GH_KS("file", file), GH_KS("reason", strerror(errno)));
        return -1;
    }
    if (read_secret(file, out, n)) {
        gh_log(GH_LOG_ERROR, "token_key_missing", GH_KS("setting", s->secret), GH_KS("file", file),
               GH_KS("reason", strerror(errno)));
        return -1;
    }
    return 0;
}

/* The key before, when there is one. */
static int
load_previous(const gh_conf_t *conf, bool refresh, gh_token_keys_t *keys)
{
    const source_t *s = &s_sources[refresh][GH_TOKEN_PREVIOUS];
    const char *algorithm = algorithm_of(conf, s);
    char text[GH_TOKEN_SECRET_MAX];
    size_t n = 0;
    if (!*gh_conf_str(conf, s->secret) && access(gh_conf_str(conf, s->file), F_OK))
        return 0;
    if (load_secret(conf, s, false, text, &n))
        return -1;
    if (strcmp(algorithm, "same") == 0)
        algorithm = algorithm_of(conf, &s_sources[refresh][GH_TOKEN_SIGNS]);
    int rc = gh_token_keys_accept(keys, refresh, algorithm, (gh_str_t){text, n});
    OPENSSL_cleanse(text, sizeof text);
    return rc;
}

gh_token_keys_t *
gh_token_keys_load(const gh_conf_t *conf, bool create)
{
    char text[2][GH_TOKEN_SECRET_MAX];
    size_t n[2] = {0, 0};
    gh_token_keys_t *keys = NULL;
    if (!load_secret(conf, &s_sources[0][GH_TOKEN_SIGNS], create, text[0], &n[0]) &&
        !load_secret(conf, &s_sources[1][GH_TOKEN_SIGNS], create, text[1], &n[1]))
        keys = gh_token_keys_new(gh_conf_str(conf, "token.algorithm"), (gh_str_t){text[0], n[0]},
                                 (gh_str_t){text[1], n[1]}, gh_conf_str(conf, "token.issuer"),
                                 (int)gh_conf_int(conf, "token.leeway_s"));
    OPENSSL_cleanse(text, sizeof text);
    if (keys && (load_previous(conf, false, keys) || load_previous(conf, true, keys)))
        gh_token_keys_destroy(&keys);
    return keys;
}

/* ---- rotation */

int
gh_token_keys_rotate(const gh_conf_t *conf, bool refresh)
{
    const source_t *now = &s_sources[refresh][GH_TOKEN_SIGNS],
                   *before = &s_sources[refresh][GH_TOKEN_PREVIOUS];
    const char *file = gh_conf_str(conf, now->file), *earlier = gh_conf_str(conf, before->file);
    char text[GH_TOKEN_SECRET_MAX];
    int64_t n = gh_keyfile_read(file, text, sizeof text);
    /* The earlier key is in its place before the new one signs: at no moment is a valid token without its key. */
    bool done = n > 0 && gh_keyfile_write(earlier, (gh_str_t){text, (size_t)n}, true) == 0 &&
                make_file(file, algorithm_of(conf, now), true) == 0;
    if (!done)
        gh_log(GH_LOG_ERROR, "token_key_not_rotated", GH_KS("file", file), GH_KS("reason", strerror(errno)));
    OPENSSL_cleanse(text, sizeof text);
    return done ? 0 : -1;
}
