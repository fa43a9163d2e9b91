/*
 * lib/base/seal.c - columns encrypted at rest
 */
#include "base/seal.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/log.h"

#define KEY_ID    1
#define NONCE     12
#define TAG       16
#define BLIND_MAX 256

struct gh_seal {
    uint8_t cipher[32], blind[32];
};

gh_seal_t *
gh_seal_new(const uint8_t master[32])
{
    gh_str_t key = {(const char *)master, 32};
    gh_seal_t *seal = calloc(1, sizeof *seal);
    if (!seal)
        return NULL;
    if (gh_hmac_sha256(key, GH_STR("guahao sealed column 1"), seal->cipher) ||
        gh_hmac_sha256(key, GH_STR("guahao blind index 1"), seal->blind))
        gh_seal_destroy(&seal);
    return seal;
}

void
gh_seal_destroy(gh_seal_t **seal_p)
{
    if (*seal_p)
        OPENSSL_cleanse(*seal_p, sizeof **seal_p);
    free(*seal_p);
    *seal_p = NULL;
}

/* 64 hex digits, then nothing but line ends. */
static int
read_hex_key(const char *text, size_t n, uint8_t key[32])
{
    if (n < 64)
        return -1;
    for (size_t i = 0; i < 32; i++) {
        int byte = gh_hex_byte(text + 2 * i);
        if (byte < 0)
            return -1;
        key[i] = (uint8_t)byte;
    }
    for (size_t i = 64; i < n; i++)
        if (text[i] != '\n' && text[i] != '\r')
            return -1;
    return 0;
}

gh_seal_t *
gh_seal_load(const char *file)
{
    char text[80];
    uint8_t master[32];
    struct stat st;
    gh_seal_t *seal = NULL;
    const char *reason = NULL;
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text);
    if (n < 0)
        reason = strerror(errno);
    else if (read_hex_key(text, (size_t)n, master) != 0)
        reason = "not 64 hex digits";
    else if (!(seal = gh_seal_new(master)))
        reason = "out of memory";
    else if (fstat(fd, &st) == 0 && (st.st_mode & 077) != 0)
        gh_log(GH_LOG_WARN, "data_key_readable_by_others", GH_KS("file", file));
    if (fd >= 0)
        close(fd);
    OPENSSL_cleanse(text, sizeof text);
    OPENSSL_cleanse(master, sizeof master);
    if (reason)
        gh_log(GH_LOG_ERROR, "data_key_unusable", GH_KS("file", file), GH_KS("reason", reason));
    return seal;
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
    to[0] = KEY_ID;
    uint8_t *body = to + 1 + NONCE;
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    bool ok = c && EVP_EncryptInit_ex(c, EVP_aes_256_gcm(), NULL, seal->cipher, to + 1) == 1 &&
              EVP_EncryptUpdate(c, NULL, &len, (const uint8_t *)data, data_n) == 1 &&
              EVP_EncryptUpdate(c, body, &len, (const uint8_t *)(plain.n ? plain.p : ""), (int)plain.n) ==
                  1 &&
              EVP_EncryptFinal_ex(c, body + plain.n, &len) == 1 &&
              EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, TAG, body + plain.n) == 1;
    EVP_CIPHER_CTX_free(c);
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
    if (data_n == 0 || sealed.n < GH_SEAL_OVERHEAD || sealed.n > GH_SEAL_MAX + GH_SEAL_OVERHEAD ||
        sealed.p[0] != KEY_ID)
        return -1;
    const uint8_t *nonce = (const uint8_t *)sealed.p + 1, *body = nonce + NONCE;
    size_t n = sealed.n - GH_SEAL_OVERHEAD;
    uint8_t tag[TAG];
    memcpy(tag, body + n, TAG);
    uint8_t *to = (uint8_t *)gh_buf_reserve(out, n + 1);
    if (!to)
        return -1;
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    bool ok = c && EVP_DecryptInit_ex(c, EVP_aes_256_gcm(), NULL, seal->cipher, nonce) == 1 &&
              EVP_DecryptUpdate(c, NULL, &len, (const uint8_t *)data, data_n) == 1 &&
              EVP_DecryptUpdate(c, to, &len, body, (int)n) == 1 &&
              EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, TAG, tag) == 1 &&
              EVP_DecryptFinal_ex(c, to + n, &len) == 1;
    EVP_CIPHER_CTX_free(c);
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
