/*
 * lib/backup/archive.c - see archive.h
 */
#include "backup/archive.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/hash.h"

#define CHUNK   (256u << 10)
#define LAST    0x80000000u
#define SALT    16
#define TAG     16
#define HEAD    4
#define WAIT_MS 200

static const char s_magic[9] = "GHBACKUP1";
static const char s_dump_magic[5] = "PGDMP"; /* of pg_dump's custom format */

typedef struct stream {
    int from, to;
    EVP_MD_CTX *digest;
    EVP_CIPHER_CTX *cipher; /* NULL: plain, or a sealed one that is not opened */
    uint8_t key[32];
    uint64_t chunks;
    gh_archive_sum_t *sum;
    char *err;
    uint8_t *in, *out; /* HEAD + CHUNK + TAG each */
} stream_t;

static int
fail(stream_t *s, const char *why)
{
    snprintf(s->err, 160, "%s", why);
    return -1;
}

static int
fail_errno(stream_t *s, const char *what)
{
    snprintf(s->err, 160, "%s: %s", what, strerror(errno));
    return -1;
}

/* Up to n bytes; less at the end of the file only. -1 with errno. */
static ssize_t
read_full(int fd, uint8_t *p, size_t n)
{
    size_t at = 0;
    while (at < n) {
        ssize_t got = read(fd, p + at, n - at);
        if (got == 0)
            break;
        if (got < 0)
            return -1;
        at += (size_t)got;
    }
    return (ssize_t)at;
}

static int
write_full(int fd, const uint8_t *p, size_t n)
{
    while (n > 0) {
        ssize_t put = write(fd, p, n);
        if (put < 0)
            return -1;
        p += put;
        n -= (size_t)put;
    }
    return 0;
}

static int
count_bytes(stream_t *s, const uint8_t *p, size_t n)
{
    s->sum->size += (int64_t)n;
    return EVP_DigestUpdate(s->digest, p, n) == 1 ? 0 : fail(s, "the digest cannot be made");
}

static int
begin(stream_t *s)
{
    *s->sum = (gh_archive_sum_t){0};
    s->digest = EVP_MD_CTX_new();
    s->in = malloc(HEAD + CHUNK + TAG);
    s->out = malloc(HEAD + CHUNK + TAG);
    if (!s->digest || !s->in || !s->out || EVP_DigestInit_ex(s->digest, EVP_sha256(), NULL) != 1)
        return fail(s, "out of memory");
    return 0;
}

/* Ends the digest too. Gives rc, or -1. */
static int
end(stream_t *s, int rc)
{
    uint8_t sha[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    if (rc == 0 && (EVP_DigestFinal_ex(s->digest, sha, &n) != 1 || n != 32))
        rc = fail(s, "the digest cannot be made");
    if (rc == 0)
        gh_hex(sha, n, s->sum->sha256);
    EVP_MD_CTX_free(s->digest);
    EVP_CIPHER_CTX_free(s->cipher);
    explicit_bzero(s->key, sizeof s->key);
    if (s->in)
        explicit_bzero(s->in, HEAD + CHUNK + TAG);
    if (s->out)
        explicit_bzero(s->out, HEAD + CHUNK + TAG);
    free(s->in);
    free(s->out);
    return rc;
}

static int
make_key(stream_t *s, const char *secret, const uint8_t salt[SALT])
{
    s->cipher = EVP_CIPHER_CTX_new();
    if (!s->cipher || EVP_PBE_scrypt(secret, strlen(secret), salt, SALT, 1u << 15, 8, 1, 64u << 20, s->key,
                                     sizeof s->key) != 1)
        return fail(s, "the key cannot be made");
    return 0;
}

static void
put_head(uint8_t head[HEAD], uint32_t v)
{
    for (int i = 0; i < HEAD; i++)
        head[i] = (uint8_t)(v >> (24 - 8 * i));
}

/* Start the cipher for the next chunk under its head. */
static bool
next_chunk(stream_t *s, const uint8_t head[HEAD], int encrypt)
{
    uint8_t nonce[12] = {0};
    int n;
    uint64_t k = s->chunks++;
    for (int i = 0; i < 8; i++)
        nonce[11 - i] = (uint8_t)(k >> (8 * i));
    return EVP_CipherInit_ex(s->cipher, EVP_aes_256_gcm(), NULL, s->key, nonce, encrypt) == 1 &&
           EVP_CipherUpdate(s->cipher, NULL, &n, head, HEAD) == 1;
}

static int
seal_chunk(stream_t *s, size_t n, bool last)
{
    int done, rest;
    put_head(s->out, (uint32_t)n | (last ? LAST : 0));
    if (!next_chunk(s, s->out, 1) || EVP_CipherUpdate(s->cipher, s->out + HEAD, &done, s->in, (int)n) != 1 ||
        EVP_CipherFinal_ex(s->cipher, s->out + HEAD + done, &rest) != 1 ||
        EVP_CIPHER_CTX_ctrl(s->cipher, EVP_CTRL_GCM_GET_TAG, TAG, s->out + HEAD + n) != 1)
        return fail(s, "encryption failed");
    return 0;
}

static int
emit(stream_t *s, const uint8_t *p, size_t n)
{
    if (count_bytes(s, p, n) != 0)
        return -1;
    return write_full(s->to, p, n) == 0 ? 0 : fail_errno(s, "cannot write");
}

/* A chunk from a pipe. While nothing comes the step is asked now and then: a signal may have come just before the read. */
static ssize_t
fill(stream_t *s, gh_archive_step_fn step, void *arg, int64_t bytes)
{
    size_t at = 0;
    while (at < CHUNK) {
        struct pollfd p = {.fd = s->from, .events = POLLIN};
        int ready = poll(&p, 1, WAIT_MS);
        if (ready <= 0 && !step(arg, bytes + (int64_t)at))
            return fail(s, "interrupted");
        if (ready <= 0)
            continue;
        ssize_t got = read(s->from, s->in + at, CHUNK - at);
        if (got == 0)
            break;
        if (got < 0 && errno != EINTR)
            return fail_errno(s, "cannot read");
        at += got > 0 ? (size_t)got : 0;
    }
    return (ssize_t)at;
}

static int
pack(stream_t *s, const char *secret, gh_archive_step_fn step, void *arg)
{
    if ((s->sum->sealed = *secret != '\0')) {
        uint8_t head[sizeof s_magic + SALT];
        memcpy(head, s_magic, sizeof s_magic);
        if (RAND_bytes(head + sizeof s_magic, SALT) != 1)
            return fail(s, "the system has no randomness");
        if (make_key(s, secret, head + sizeof s_magic) != 0 || emit(s, head, sizeof head) != 0)
            return -1;
    }
    int64_t bytes = 0;
    for (bool last = false; !last;) {
        ssize_t n = fill(s, step, arg, bytes);
        if (n < 0)
            return -1;
        last = (size_t)n < CHUNK;
        if (s->cipher && seal_chunk(s, (size_t)n, last) != 0)
            return -1;
        if (emit(s, s->cipher ? s->out : s->in, s->cipher ? HEAD + (size_t)n + TAG : (size_t)n) != 0)
            return -1;
        bytes += n;
        if (!step(arg, bytes))
            return fail(s, "interrupted");
    }
    return 0;
}

int
gh_archive_pack(int from, int to, const char *secret, gh_archive_step_fn step, void *arg,
                gh_archive_sum_t *sum, char err[160])
{
    stream_t s = {.from = from, .to = to, .sum = sum, .err = err};
    return end(&s, begin(&s) == 0 ? pack(&s, secret, step, arg) : -1);
}

/* The next chunk of a sealed archive into s->out; its length, -1 after a reason. */
static ssize_t
open_chunk(stream_t *s, bool *last)
{
    static const char cut[] = "the archive is damaged: it ends too early";
    if (read_full(s->from, s->in, HEAD) != HEAD)
        return fail(s, cut);
    uint32_t head = (uint32_t)s->in[0] << 24 | (uint32_t)s->in[1] << 16 | (uint32_t)s->in[2] << 8 | s->in[3];
    size_t n = head & ~LAST;
    *last = (head & LAST) != 0;
    if (n > CHUNK)
        return fail(s, "the archive is damaged");
    if (read_full(s->from, s->in + HEAD, n + TAG) != (ssize_t)(n + TAG))
        return fail(s, cut);
    if (count_bytes(s, s->in, HEAD + n + TAG) != 0)
        return -1;
    int done, rest;
    if (!next_chunk(s, s->in, 0) || EVP_CipherUpdate(s->cipher, s->out, &done, s->in + HEAD, (int)n) != 1 ||
        EVP_CIPHER_CTX_ctrl(s->cipher, EVP_CTRL_GCM_SET_TAG, TAG, s->in + HEAD + n) != 1 ||
        EVP_CipherFinal_ex(s->cipher, s->out + done, &rest) != 1)
        return fail(s, s->chunks == 1 ? "the key is not that of the archive, or the archive is damaged"
                                      : "the archive is damaged");
    return (ssize_t)n;
}

static ssize_t
plain_chunk(stream_t *s, bool *last)
{
    ssize_t n = read_full(s->from, s->out, CHUNK);
    if (n < 0)
        return fail_errno(s, "cannot read");
    *last = (size_t)n < CHUNK;
    return count_bytes(s, s->out, (size_t)n) == 0 ? n : -1;
}

/* Which kind it is, by its first bytes; they stay unread in a plain one. */
static int
look(stream_t *s, const char *secret)
{
    uint8_t head[sizeof s_magic + SALT];
    ssize_t n = read_full(s->from, head, sizeof head);
    if (n < 0)
        return fail_errno(s, "cannot read");
    s->sum->sealed = n == sizeof head && memcmp(head, s_magic, sizeof s_magic) == 0;
    if (!s->sum->sealed &&
        (n < (ssize_t)sizeof s_dump_magic || memcmp(head, s_dump_magic, sizeof s_dump_magic) != 0))
        return fail(s, "this is no archive of guahao backup");
    if (s->sum->sealed && s->to >= 0 && *secret == '\0')
        return fail(s, "the archive is encrypted: its key goes into GUAHAO_BACKUP_KEY");
    if (s->sum->sealed && *secret != '\0')
        return make_key(s, secret, head + sizeof s_magic) == 0 ? count_bytes(s, head, sizeof head) : -1;
    return lseek(s->from, 0, SEEK_SET) == 0 ? 0 : fail_errno(s, "cannot read");
}

static int
unpack(stream_t *s, const char *secret, gh_archive_step_fn step, void *arg)
{
    if (look(s, secret) != 0)
        return -1;
    for (bool last = false; !last;) {
        ssize_t n = s->cipher ? open_chunk(s, &last) : plain_chunk(s, &last);
        if (n < 0)
            return -1;
        if (s->to >= 0 && write_full(s->to, s->out, (size_t)n) != 0)
            return fail_errno(s, "cannot write");
        if (!step(arg, s->sum->size))
            return fail(s, "interrupted");
    }
    uint8_t more;
    return !s->cipher || read_full(s->from, &more, 1) == 0
               ? 0
               : fail(s, "the archive is damaged: something follows its end");
}

int
gh_archive_unpack(int from, int to, const char *secret, gh_archive_step_fn step, void *arg,
                  gh_archive_sum_t *sum, char err[160])
{
    stream_t s = {.from = from, .to = to, .sum = sum, .err = err};
    return end(&s, begin(&s) == 0 ? unpack(&s, secret, step, arg) : -1);
}
