/*
 * lib/base/hash.h - digests and hex
 */
#ifndef GH_BASE_HASH_H
#define GH_BASE_HASH_H

#include "base/gh.h"

int gh_sha256(const void *data, size_t n, uint8_t out[32]) GH_MUSTCHECK;
int gh_hmac_sha256(gh_str_t key, gh_str_t data, uint8_t out[32]) GH_MUSTCHECK;
void gh_hex(const uint8_t *bytes, size_t n, char *out); /* 2n characters and a NUL, lower case */
/* 64 bits for hash tables fed by outsiders: SipHash-like keyed per process (seeded by getrandom once). */
uint64_t gh_hash64(const void *data, size_t n);

#endif
