/*
 * front/token_cache.c - hash chains and a ring of use over one array
 */
#include "front/token_cache.h"

#include <stdlib.h>

#include "base/hash.h"

#define TRUST_S 60
#define NONE    UINT32_MAX

typedef struct entry {
    uint8_t digest[32];
    gh_token_t token;
    int64_t until_s;
    uint32_t chain;        /* next in the bucket */
    uint32_t newer, older; /* ring of use */
} entry_t;

struct front_tokens {
    entry_t *at;
    uint32_t *buckets;
    size_t mask;
    uint32_t capacity, n;
    uint32_t newest, oldest;
    uint64_t hits, misses;
};

front_tokens_t *
front_tokens_new(size_t capacity)
{
    size_t buckets = 16;
    while (buckets < capacity)
        buckets *= 2;
    front_tokens_t *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    c->at = calloc(capacity, sizeof *c->at);
    c->buckets = malloc(buckets * sizeof *c->buckets);
    if (!c->at || !c->buckets) {
        front_tokens_destroy(&c);
        return NULL;
    }
    memset(c->buckets, 0xff, buckets * sizeof *c->buckets);
    c->mask = buckets - 1;
    c->capacity = (uint32_t)capacity;
    c->newest = c->oldest = NONE;
    return c;
}

void
front_tokens_destroy(front_tokens_t **cache_p)
{
    if (*cache_p) {
        free((*cache_p)->at);
        free((*cache_p)->buckets);
    }
    free(*cache_p);
    *cache_p = NULL;
}

static uint32_t *
bucket(front_tokens_t *c, const uint8_t digest[32])
{
    size_t h;
    memcpy(&h, digest, sizeof h);
    return &c->buckets[h & c->mask];
}

static void
unlink_use(front_tokens_t *c, uint32_t i)
{
    entry_t *e = &c->at[i];
    *(e->newer == NONE ? &c->newest : &c->at[e->newer].older) = e->older;
    *(e->older == NONE ? &c->oldest : &c->at[e->older].newer) = e->newer;
}

static void
link_newest(front_tokens_t *c, uint32_t i)
{
    entry_t *e = &c->at[i];
    e->newer = NONE;
    e->older = c->newest;
    *(c->newest == NONE ? &c->oldest : &c->at[c->newest].newer) = i;
    c->newest = i;
}

static void
unchain(front_tokens_t *c, uint32_t i)
{
    uint32_t *at = bucket(c, c->at[i].digest);
    while (*at != i)
        at = &c->at[*at].chain;
    *at = c->at[i].chain;
}

static uint32_t
find(front_tokens_t *c, const uint8_t digest[32])
{
    uint32_t i = *bucket(c, digest);
    while (i != NONE && memcmp(c->at[i].digest, digest, 32) != 0)
        i = c->at[i].chain;
    return i;
}

static void
keep(front_tokens_t *c, const uint8_t digest[32], const gh_token_t *token, int64_t now_s)
{
    uint32_t i = find(c, digest);
    if (i != NONE) {
        unlink_use(c, i);
    } else {
        if (c->n < c->capacity) {
            i = c->n++;
        } else {
            i = c->oldest;
            unlink_use(c, i);
            unchain(c, i);
        }
        uint32_t *b = bucket(c, digest);
        memcpy(c->at[i].digest, digest, 32);
        c->at[i].chain = *b;
        *b = i;
    }
    c->at[i].token = *token;
    c->at[i].until_s = token->exp < now_s + TRUST_S ? token->exp : now_s + TRUST_S;
    link_newest(c, i);
}

gh_err_t
front_tokens_verify(front_tokens_t *c, const gh_token_keys_t *keys, gh_str_t token, int64_t now_s,
                    gh_token_t *out)
{
    uint8_t digest[32];
    if (token.n == 0 || token.n > GH_TOKEN_MAX || gh_sha256(token.p, token.n, digest))
        return GH_E_TOKEN_INVALID;
    uint32_t i = find(c, digest);
    if (i != NONE && now_s < c->at[i].until_s && now_s >= c->at[i].token.iat) {
        c->hits++;
        unlink_use(c, i);
        link_newest(c, i);
        *out = c->at[i].token;
        return GH_E_NONE;
    }
    c->misses++;
    gh_err_t err = gh_token_verify(keys, token, false, now_s, out);
    if (err == GH_E_NONE)
        keep(c, digest, out, now_s);
    return err;
}

void
front_tokens_counts(const front_tokens_t *c, uint64_t *hits, uint64_t *misses)
{
    *hits = c->hits;
    *misses = c->misses;
}

size_t
front_tokens_clear(front_tokens_t *c)
{
    size_t n = c->n;
    memset(c->buckets, 0xff, (c->mask + 1) * sizeof *c->buckets);
    c->n = 0;
    c->newest = c->oldest = NONE;
    return n;
}

size_t
front_tokens_size(const front_tokens_t *c)
{
    return c->n;
}
