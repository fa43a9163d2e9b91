/*
 * lib/base/uuid7.c - UUIDv7
 *
 * Layout: 48 bits Unix ms, version, then a counter of 26 bits (12 in rand_a, 14 at the head of rand_b) and 48 random
 * bits. The counter starts at a random value below 2^25 with each new millisecond and is increased within it
 * (RFC 9562 section 6.2, method 1); when it is used up, or the clock steps back, the last timestamp is kept or
 * moved on, so ids always grow.
 */
#include "base/uuid7.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/timez.h"

#define COUNTER_BITS 26
#define COUNTER_MAX  ((1u << COUNTER_BITS) - 1)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int64_t last_ms;
static uint32_t counter;
static uint8_t pool[480]; /* random bytes not used yet: one system call for 80 ids */
static size_t pool_left;

/* A forked child must not go on with its parent's random bytes. */
static void
forget(void)
{
    pthread_mutex_init(&lock, NULL);
    pool_left = 0;
    last_ms = 0;
}

static void
watch_fork(void)
{
    pthread_atfork(NULL, NULL, forget);
}

static uint8_t
random_byte(void)
{
    for (size_t got = 0; pool_left == 0 && got < sizeof(pool);) {
        ssize_t n = getrandom(pool + got, sizeof(pool) - got, 0);
        if (n < 0 && errno != EINTR)
            abort(); /* ids that may repeat would let two jobs share one record */
        got += n > 0 ? (size_t)n : 0;
        if (got == sizeof(pool))
            pool_left = sizeof(pool);
    }
    return pool[--pool_left];
}

static void
next_tick(int64_t now_ms)
{
    if (now_ms > last_ms) {
        last_ms = now_ms;
        counter = ((uint32_t)random_byte() << 16 | (uint32_t)random_byte() << 8 | random_byte()) << 1;
        counter &= COUNTER_MAX >> 1;
    } else if (counter == COUNTER_MAX) {
        last_ms++;
        counter = 0;
    } else {
        counter++;
    }
}

void
gh_uuid7_new(uint8_t out[16])
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, watch_fork);
    pthread_mutex_lock(&lock);
    next_tick(gh_machine_us() / 1000);
    for (int i = 0; i < 6; i++)
        out[i] = (uint8_t)(last_ms >> (40 - 8 * i));
    out[6] = (uint8_t)(0x70 | counter >> 22);
    out[7] = (uint8_t)(counter >> 14);
    out[8] = (uint8_t)(0x80 | (counter >> 8 & 0x3f));
    out[9] = (uint8_t)counter;
    for (int i = 10; i < 16; i++)
        out[i] = random_byte();
    pthread_mutex_unlock(&lock);
}

int64_t
gh_uuid7_ms(const uint8_t id[16])
{
    int64_t ms = 0;
    for (int i = 0; i < 6; i++)
        ms = ms << 8 | id[i];
    return ms;
}

bool
gh_uuid7_valid(const uint8_t id[16])
{
    return id[6] >> 4 == 7 && id[8] >> 6 == 2;
}

void
gh_uuid_text(const uint8_t id[16], char out[GH_UUID_TEXT])
{
    static const char hex[] = "0123456789abcdef";
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *out++ = '-';
        *out++ = hex[id[i] >> 4];
        *out++ = hex[id[i] & 15];
    }
    *out = 0;
}

int
gh_uuid_parse(gh_str_t s, uint8_t out[16])
{
    if (s.n != GH_UUID_TEXT - 1)
        return -1;
    uint8_t id[16];
    size_t at = 0;
    for (size_t i = 0; i < 16; i++) {
        if ((i == 4 || i == 6 || i == 8 || i == 10) && s.p[at++] != '-')
            return -1;
        int byte = gh_hex_byte(s.p + at);
        if (byte < 0)
            return -1;
        id[i] = (uint8_t)byte;
        at += 2;
    }
    memcpy(out, id, 16);
    return 0;
}
