/*
 * lib/domain/order_no.c - the permutation behind order numbers; see the header
 */
#include "domain/order_no.h"

#include <errno.h>
#include <stdio.h>
#include <sys/random.h>

#include "base/keyfile.h"
#include "base/log.h"
#include "base/timez.h"

/* 2^27 is the smallest power of two above 10^8: a walk takes 1.34 steps on average. */
#define LEFT_BITS  13
#define RIGHT_BITS 14
#define ROUNDS     4

/* Two processes may start together: the first one's key counts. */
static int
create_key(const char *file)
{
    uint8_t bytes[sizeof(gh_order_key_t)];
    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
        return -1;
    return gh_keyfile_write(file, (gh_str_t){(const char *)bytes, sizeof bytes}, false);
}

int
gh_order_key_load(const char *file, bool create, gh_order_key_t *key)
{
    int64_t n = gh_keyfile_read(file, (char *)key->bytes, sizeof key->bytes);
    if (n < 0 && errno == ENOENT && create && create_key(file) == 0)
        n = gh_keyfile_read(file, (char *)key->bytes, sizeof key->bytes);
    if (n < 0)
        gh_log(GH_LOG_ERROR, "order_key_missing", GH_KS("file", file), GH_KS("reason", strerror(errno)));
    else if ((size_t)n < sizeof key->bytes)
        gh_log(GH_LOG_ERROR, "order_key_short", GH_KS("file", file), GH_KI("bytes", sizeof key->bytes));
    return n == (int64_t)sizeof key->bytes ? 0 : -1;
}

/* Round function: eight key bytes a round and a 64-bit mixer (the finaliser of SplitMix64). */
static uint32_t
round_bits(const gh_order_key_t *key, int round, uint32_t half)
{
    uint64_t k;
    memcpy(&k, key->bytes + 8 * round, sizeof k);
    uint64_t x = k + (uint64_t)half * UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return (uint32_t)(x ^ x >> 31);
}

static uint32_t
encrypt(const gh_order_key_t *key, uint32_t x)
{
    uint32_t left = x >> RIGHT_BITS, right = x & ((1u << RIGHT_BITS) - 1);
    for (int r = 0; r < ROUNDS; r++) {
        /* Unequal halves: each keeps its own width, alternately masked by the other. */
        if (r % 2 == 0)
            left = (left ^ round_bits(key, r, right)) & ((1u << LEFT_BITS) - 1);
        else
            right = (right ^ round_bits(key, r, left)) & ((1u << RIGHT_BITS) - 1);
    }
    return left << RIGHT_BITS | right;
}

uint32_t
gh_order_no_permute(const gh_order_key_t *key, int64_t sequence)
{
    int64_t in = sequence % GH_ORDER_NO_RANGE;
    uint32_t x = (uint32_t)(in < 0 ? in + GH_ORDER_NO_RANGE : in);
    do
        x = encrypt(key, x);
    while (x >= GH_ORDER_NO_RANGE);
    return x;
}

void
gh_order_no_text(const gh_order_key_t *key, int32_t day, int64_t sequence, char out[GH_ORDER_NO_TEXT])
{
    int y, m, d;
    gh_day_to_ymd(day, &y, &m, &d);
    char text[48];
    snprintf(text, sizeof text, "%04u%02u%02u%08u", (unsigned)y % 10000u, (unsigned)m % 100u,
             (unsigned)d % 100u, gh_order_no_permute(key, sequence) % 100000000u);
    memcpy(out, text, GH_ORDER_NO_TEXT - 1);
    out[GH_ORDER_NO_TEXT - 1] = '\0';
}
