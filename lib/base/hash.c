/*
 * lib/base/hash.c - digests (OpenSSL), hex, keyed 64 bit hash (SipHash-1-3)
 */
#include "base/hash.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/log.h"

int
gh_sha256(const void *data, size_t n, uint8_t out[32])
{
    unsigned len = 0;
    if (EVP_Digest(n ? data : "", n, out, &len, EVP_sha256(), NULL) == 1 && len == 32)
        return 0;
    gh_log(GH_LOG_ERROR, "sha256_failed");
    return -1;
}

int
gh_hmac_sha256(gh_str_t key, gh_str_t data, uint8_t out[32])
{
    unsigned len = 0;
    const char *k = key.n ? key.p : ""; /* OpenSSL takes NULL as "the key of last time" */
    if (key.n <= INT32_MAX &&
        HMAC(EVP_sha256(), k, (int)key.n, (const uint8_t *)(data.n ? data.p : ""), data.n, out, &len) &&
        len == 32)
        return 0;
    gh_log(GH_LOG_ERROR, "hmac_failed");
    return -1;
}

void
gh_hex(const uint8_t *bytes, size_t n, char *out)
{
    static const char hex[] = "0123456789abcdef";
    for (size_t i = 0; i < n; i++) {
        *out++ = hex[bytes[i] >> 4];
        *out++ = hex[bytes[i] & 15];
    }
    *out = 0;
}

/* ---- SipHash-1-3 (Aumasson, Bernstein 2012, with the reduced rounds that hash tables use) */

static inline uint64_t
rotl(uint64_t x, int b)
{
    return x << b | x >> (64 - b);
}

static inline void
sip_round(uint64_t v[4])
{
    v[0] += v[1], v[1] = rotl(v[1], 13) ^ v[0], v[0] = rotl(v[0], 32);
    v[2] += v[3], v[3] = rotl(v[3], 16) ^ v[2];
    v[0] += v[3], v[3] = rotl(v[3], 21) ^ v[0];
    v[2] += v[1], v[1] = rotl(v[1], 17) ^ v[2], v[2] = rotl(v[2], 32);
}

static inline uint64_t
load_le64(const uint8_t *p, size_t n)
{
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++)
        v |= (uint64_t)p[i] << (8 * i);
    return v;
}

uint64_t
gh_siphash13(const uint8_t key[16], const void *data, size_t n)
{
    const uint8_t *p = data;
    uint64_t k0 = load_le64(key, 8), k1 = load_le64(key + 8, 8);
    uint64_t v[4] = {k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d, k0 ^ 0x6c7967656e657261,
                     k1 ^ 0x7465646279746573};
    size_t left = n;
    for (; left >= 8; left -= 8, p += 8) {
        uint64_t m = load_le64(p, 8);
        v[3] ^= m;
        sip_round(v);
        v[0] ^= m;
    }
    uint64_t last = (uint64_t)n << 56 | load_le64(p, left);
    v[3] ^= last;
    sip_round(v);
    v[0] ^= last;
    v[2] ^= 0xff;
    for (int i = 0; i < 3; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static uint8_t process_key[16];

static void
make_process_key(void)
{
    if (getrandom(process_key, sizeof(process_key), 0) != (ssize_t)sizeof(process_key))
        abort();
}

uint64_t
gh_hash64(const void *data, size_t n)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_process_key);
    return gh_siphash13(process_key, data, n);
}
