/*
 * front/token_cache.h - tokens whose signature was checked, by SHA-256 of their text; bounded, least recently used out
 *
 * An entry is trusted for a minute at most and never beyond the token's own end; refusals are not kept (pitfalls 3.1).
 * Revocation is looked up on every use, not here.
 */
#ifndef GH_FRONT_TOKEN_CACHE_H
#define GH_FRONT_TOKEN_CACHE_H

#include "base/token.h"

typedef struct front_tokens front_tokens_t;

front_tokens_t *front_tokens_new(size_t capacity);
void front_tokens_destroy(front_tokens_t **cache_p);
/* Verify a token or find that it was verified. Same results as gh_token_verify. */
gh_err_t front_tokens_verify(front_tokens_t *cache, const gh_token_keys_t *keys, gh_str_t token,
                             int64_t now_s, gh_token_t *out);
void front_tokens_counts(const front_tokens_t *cache, uint64_t *hits, uint64_t *misses);
size_t front_tokens_clear(front_tokens_t *cache);      /* forget all; how many they were */
size_t front_tokens_size(const front_tokens_t *cache); /* tokens that are kept */

#endif
