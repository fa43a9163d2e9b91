/*
 * front/limiter.c - shared table of token buckets
 */
#include "front/limiter.h"

#include <stdatomic.h>
#include <sys/mman.h>

#define WAYS      8 /* two cache lines */
#define CLAIM_MAX 4 /* tries for a slot that others race for */

typedef struct slot {
    atomic_uint_fast64_t key;     /* 0: never used */
    atomic_uint_fast64_t full_ns; /* front/bucket.h */
} slot_t;

struct front_limiter {
    size_t bytes, sets; /* sets: a power of two */
    _Alignas(64) slot_t slots[];
};

front_limiter_t *
front_limiter_new(size_t keys)
{
    size_t sets = 1;
    while (sets * WAYS < keys)
        sets *= 2;
    size_t bytes = sizeof(front_limiter_t) + sets * WAYS * sizeof(slot_t);
    front_limiter_t *l = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (l == MAP_FAILED)
        return NULL;
    l->bytes = bytes;
    l->sets = sets;
    return l;
}

void
front_limiter_destroy(front_limiter_t **l_p)
{
    if (*l_p)
        (void)munmap(*l_p, (*l_p)->bytes);
    *l_p = NULL;
}

static slot_t *
find(slot_t *set, uint64_t key)
{
    for (size_t i = 0; i < WAYS; i++)
        if (atomic_load_explicit(&set[i].key, memory_order_acquire) == key)
            return &set[i];
    return NULL;
}

/* The slot that a new key costs least: unused, else nearest to full. */
static slot_t *
cheapest(slot_t *set, uint64_t *key, uint64_t *full_ns)
{
    slot_t *best = NULL;
    for (size_t i = 0; i < WAYS; i++) {
        uint64_t k = atomic_load_explicit(&set[i].key, memory_order_acquire);
        uint64_t f = k ? atomic_load_explicit(&set[i].full_ns, memory_order_acquire) : 0;
        if (best && f >= *full_ns)
            continue;
        best = &set[i];
        *key = k;
        *full_ns = f;
    }
    return best;
}

/* Give a key a slot with a full bucket. NULL when others were quicker every time. */
static slot_t *
claim(slot_t *set, uint64_t key)
{
    for (int i = 0; i < CLAIM_MAX; i++) {
        uint64_t old = 0, full = 0;
        slot_t *s = cheapest(set, &old, &full);
        /* The bucket first: whoever finds the new key must find it full. */
        if (full && !atomic_compare_exchange_strong(&s->full_ns, &full, 0))
            continue;
        if (atomic_compare_exchange_strong(&s->key, &old, key) || old == key)
            return s;
    }
    return NULL;
}

void
front_limiter_take(front_limiter_t *l, uint64_t key, const front_bucket_t *bucket, uint64_t now_ns,
                   front_take_t *out)
{
    key = key ? key : 1;
    slot_t *set = &l->slots[(key & (l->sets - 1)) * WAYS], *s = find(set, key);
    if (!s)
        s = claim(set, key);
    if (!s) {
        (void)front_bucket_take(bucket, 0, now_ns, out);
        return;
    }
    uint64_t full = atomic_load_explicit(&s->full_ns, memory_order_acquire), next;
    do {
        next = front_bucket_take(bucket, full, now_ns, out);
    } while (next != full && !atomic_compare_exchange_weak(&s->full_ns, &full, next));
}
