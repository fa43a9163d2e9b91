/*
 * lib/base/seal.c - columns encrypted at rest
 */
#include "base/seal.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/keyfile.h"
#include "base/log.h"

#define NONCE     12
#define TAG       16
#define BLIND_MAX 256
#define FILE_MAX  4096

typedef struct key {
    uint8_t id;
    uint8_t master[32], cipher[32];
} seal_key_t;

struct gh_seal {
    pthread_mutex_t lock; /* of keys: they are read again when a value has a key that is not among them */
    seal_key_t keys[GH_SEAL_KEYS_MAX];
    size_t n;          /* the first one seals */
    uint8_t blind[32]; /* of the oldest key, always: the index of a value stays what it is */
    char *file;        /* owned; NULL: there is none */
};

/* The working keys of what stands in keys; blind may be NULL. */
static int
derive(seal_key_t *keys, size_t n, uint8_t blind[32])
{
    for (size_t i = 0; i < n; i++)
        if (gh_hmac_sha256((gh_str_t){(const char *)keys[i].master, 32}, GH_STR("guahao sealed column 1"),
                           keys[i].cipher))
            return -1;
    gh_str_t oldest = {(const char *)keys[n - 1].master, 32};
    return blind ? gh_hmac_sha256(oldest, GH_STR("guahao blind index 1"), blind) : 0;
}

gh_seal_t *
gh_seal_new(const uint8_t master[32])
{
    gh_seal_t *seal = calloc(1, sizeof *seal);
    if (!seal)
        return NULL;
    pthread_mutex_init(&seal->lock, NULL);
    seal->n = 1;
    seal->keys[0].id = 1;
    memcpy(seal->keys[0].master, master, 32);
    if (derive(seal->keys, 1, seal->blind))
        gh_seal_destroy(&seal);
    return seal;
}

void
gh_seal_destroy(gh_seal_t **seal_p)
{
    gh_seal_t *seal = *seal_p;
    *seal_p = NULL;
    if (!seal)
        return;
    pthread_mutex_destroy(&seal->lock);
    free(seal->file);
    OPENSSL_cleanse(seal, sizeof *seal);
    free(seal);
}

static int
read_hex(gh_str_t hex, uint8_t out[32])
{
    if (hex.n != 64)
        return -1;
    for (size_t i = 0; i < 32; i++) {
        int byte = gh_hex_byte(hex.p + 2 * i);
        if (byte < 0)
            return -1;
        out[i] = (uint8_t)byte;
    }
    return 0;
}

/* "ID HEX", or HEX alone for key 1. */
static int
read_line(gh_str_t line, seal_key_t *out)
{
    const char *blank = memchr(line.p, ' ', line.n);
    unsigned id = blank ? 0 : 1;
    for (const char *p = line.p; blank && p < blank; p++)
        id = *p >= '0' && *p <= '9' && id < 256 ? id * 10 + (unsigned)(*p - '0') : 256;
    if (id < 1 || id > 255)
        return -1;
    out->id = (uint8_t)id;
    if (blank)
        line = (gh_str_t){blank + 1, line.n - (size_t)(blank + 1 - line.p)};
    return read_hex(line, out->master);
}

/* Lines with falling ids, line ends behind them. How many, 0 when it is no key file. */
static size_t
read_keys(const char *text, size_t len, seal_key_t keys[GH_SEAL_KEYS_MAX])
{
    size_t n = 0;
    while (len > 0) {
        const char *end = memchr(text, '\n', len);
        size_t line = end ? (size_t)(end - text) : len, whole = line + (end != NULL);
        while (line > 0 && text[line - 1] == '\r')
            line--;
        if (line > 0) {
            if (n == GH_SEAL_KEYS_MAX || read_line((gh_str_t){text, line}, &keys[n]) != 0 ||
                (n > 0 && keys[n].id >= keys[n - 1].id))
                return 0;
            n++;
        }
        text += whole;
        len -= whole;
    }
    return n;
}

/* Read a file into keys. How many; 0 with a reason (static, or of errno). */
static size_t
load_keys(const char *file, seal_key_t keys[GH_SEAL_KEYS_MAX], const char **reason)
{
    char text[FILE_MAX];
    struct stat st;
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof text);
    size_t n = 0;
    *reason = NULL;
    if (got < 0)
        *reason = strerror(errno);
    else if ((n = read_keys(text, (size_t)got, keys)) == 0)
        *reason = "not lines of 64 hex digits, with falling numbers before them";
    else if (derive(keys, n, NULL)) {
        *reason = "out of memory";
        n = 0;
    } else if (fstat(fd, &st) == 0 && (st.st_mode & 077) != 0)
        gh_log(GH_LOG_WARN, "data_key_readable_by_others", GH_KS("file", file));
    if (fd >= 0)
        close(fd);
    OPENSSL_cleanse(text, sizeof text);
    return n;
}

gh_seal_t *
gh_seal_load(const char *file)
{
    const char *reason;
    gh_seal_t *seal = calloc(1, sizeof *seal);
    if (!seal)
        return NULL;
    pthread_mutex_init(&seal->lock, NULL);
    seal->n = load_keys(file, seal->keys, &reason);
    if (seal->n > 0 && (!(seal->file = strdup(file)) || derive(seal->keys, seal->n, seal->blind)))
        reason = "out of memory";
    if (!reason)
        return seal;
    gh_log(GH_LOG_ERROR, "data_key_unusable", GH_KS("file", file), GH_KS("reason", reason));
    gh_seal_destroy(&seal);
    return NULL;
}

static bool
find_key(const gh_seal_t *seal, uint8_t id, uint8_t cipher[32])
{
    for (size_t i = 0; i < seal->n; i++)
        if (seal->keys[i].id == id) {
            memcpy(cipher, seal->keys[i].cipher, 32);
            return true;
        }
    return false;
}

/* The cipher key with an id. One that is unknown may have come into the file since: somebody has rotated the keys. */
static bool
key_of(const gh_seal_t *seal_, uint8_t id, uint8_t cipher[32])
{
    gh_seal_t *seal = (gh_seal_t *)(uintptr_t)seal_;
    seal_key_t fresh[GH_SEAL_KEYS_MAX];
    const char *reason;
    pthread_mutex_lock(&seal->lock);
    bool found = find_key(seal, id, cipher);
    size_t n = !found && id > seal->keys[0].id && seal->file ? load_keys(seal->file, fresh, &reason) : 0;
    if (n > 0) {
        memcpy(seal->keys, fresh, sizeof fresh);
        seal->n = n;
        found = find_key(seal, id, cipher);
    }
    pthread_mutex_unlock(&seal->lock);
    OPENSSL_cleanse(fresh, sizeof fresh);
    return found;
}

uint8_t
gh_seal_key_id(const gh_seal_t *seal_)
{
    gh_seal_t *seal = (gh_seal_t *)(uintptr_t)seal_;
    pthread_mutex_lock(&seal->lock);
    uint8_t id = seal->keys[0].id;
    pthread_mutex_unlock(&seal->lock);
    return id;
}

int
gh_seal_rotate(const char *file)
{
    seal_key_t keys[GH_SEAL_KEYS_MAX];
    const char *reason;
    gh_buf_t text GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    uint8_t fresh[32];
    char hex[65];
    size_t n = load_keys(file, keys, &reason);
    if (n == 0 || n == GH_SEAL_KEYS_MAX || keys[0].id == 255 ||
        getrandom(fresh, sizeof fresh, 0) != sizeof fresh) {
        if (n > 0)
            reason = "it has all the keys that it can have";
        gh_log(GH_LOG_ERROR, "data_key_unusable", GH_KS("file", file), GH_KS("reason", reason));
        return -1;
    }
    gh_hex(fresh, sizeof fresh, hex);
    gh_buf_printf(&text, "%d %s\n", keys[0].id + 1, hex);
    for (size_t i = 0; i < n; i++) {
        gh_hex(keys[i].master, 32, hex);
        gh_buf_printf(&text, "%d %s\n", keys[i].id, hex);
    }
    int rc = gh_buf_ok(&text) ? gh_keyfile_write(file, gh_buf_view(&text), true) : -1;
    if (rc != 0)
        gh_log(GH_LOG_ERROR, "data_key_written", GH_KS("file", file), GH_KS("reason", strerror(errno)));
    OPENSSL_cleanse(keys, sizeof keys);
    OPENSSL_cleanse(fresh, sizeof fresh);
    OPENSSL_cleanse(hex, sizeof hex);
    if (text.p)
        OPENSSL_cleanse(text.p, text.n);
    return rc;
}

/* "table.column:row"; its length, 0 when the names are too long. */
static int
associated(gh_seal_place_t place, char out[160])
{
    int n = snprintf(out, 160, "%s.%s:%lld", place.table, place.column, (long long)place.row);
    return n > 0 && n < 160 ? n : 0;
}

int
gh_seal_close(const gh_seal_t *seal, gh_seal_place_t place, gh_str_t plain, gh_buf_t *out)
{
    char data[160];
    int data_n = associated(place, data), len = 0;
    uint8_t *to = NULL;
    if (data_n == 0 || plain.n > GH_SEAL_MAX ||
        !(to = (uint8_t *)gh_buf_reserve(out, plain.n + GH_SEAL_OVERHEAD)) ||
        getrandom(to + 1, NONCE, 0) != NONCE)
        return -1;
    uint8_t cipher[32];
    to[0] = gh_seal_key_id(seal);
    if (!key_of(seal, to[0], cipher))
        return -1;
    uint8_t *body = to + 1 + NONCE;
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    bool ok = c && EVP_EncryptInit_ex(c, EVP_aes_256_gcm(), NULL, cipher, to + 1) == 1 &&
              EVP_EncryptUpdate(c, NULL, &len, (const uint8_t *)data, data_n) == 1 &&
              EVP_EncryptUpdate(c, body, &len, (const uint8_t *)(plain.n ? plain.p : ""), (int)plain.n) ==
                  1 &&
              EVP_EncryptFinal_ex(c, body + plain.n, &len) == 1 &&
              EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, TAG, body + plain.n) == 1;
    EVP_CIPHER_CTX_free(c);
    OPENSSL_cleanse(cipher, sizeof cipher);
    if (!ok)
        return -1;
    out->n += plain.n + GH_SEAL_OVERHEAD;
    return 0;
}

int
gh_seal_open(const gh_seal_t *seal, gh_seal_place_t place, gh_str_t sealed, gh_buf_t *out)
{
    char data[160];
    int data_n = associated(place, data), len = 0;
    uint8_t cipher[32];
    if (data_n == 0 || sealed.n < GH_SEAL_OVERHEAD || sealed.n > GH_SEAL_MAX + GH_SEAL_OVERHEAD ||
        !key_of(seal, (uint8_t)sealed.p[0], cipher))
        return -1;
    const uint8_t *nonce = (const uint8_t *)sealed.p + 1, *body = nonce + NONCE;
    size_t n = sealed.n - GH_SEAL_OVERHEAD;
    uint8_t tag[TAG];
    memcpy(tag, body + n, TAG);
    uint8_t *to = (uint8_t *)gh_buf_reserve(out, n + 1);
    if (!to)
        return -1;
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    bool ok = c && EVP_DecryptInit_ex(c, EVP_aes_256_gcm(), NULL, cipher, nonce) == 1 &&
              EVP_DecryptUpdate(c, NULL, &len, (const uint8_t *)data, data_n) == 1 &&
              EVP_DecryptUpdate(c, to, &len, body, (int)n) == 1 &&
              EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, TAG, tag) == 1 &&
              EVP_DecryptFinal_ex(c, to + n, &len) == 1;
    EVP_CIPHER_CTX_free(c);
    OPENSSL_cleanse(cipher, sizeof cipher);
    if (!ok) {
        OPENSSL_cleanse(to, n);
        return -1;
    }
    out->n += n;
    return 0;
}

int
gh_seal_blind(const gh_seal_t *seal, gh_str_t value, uint8_t out[32])
{
    char text[BLIND_MAX];
    size_t n = 0;
    for (size_t i = 0; i < value.n; i++) {
        char c = value.p[i];
        if (c == ' ' || c == '\t')
            continue;
        if (n == sizeof text)
            return -1;
        text[n++] = c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
    }
    int rc = gh_hmac_sha256((gh_str_t){(const char *)seal->blind, 32}, (gh_str_t){text, n}, out);
    OPENSSL_cleanse(text, sizeof text);
    return rc;
}
