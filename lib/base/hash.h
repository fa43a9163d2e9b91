/*
 * lib/base/hash.h - digests and hex
 */
#ifndef GH_BASE_HASH_H
#define GH_BASE_HASH_H

#include "base/gh.h"

int gh_sha256(const void *data, size_t n, uint8_t out[32]) GH_MUSTCHECK;
int gh_hmac_sha256(gh_str_t key, gh_str_t data, uint8_t out[32]) GH_MUSTCHECK;
void gh_hex(const uint8_t *bytes, size_t n, char *out); /* 2n characters and a NUL, lower case */
uint64_t gh_siphash13(const uint8_t key[16], const void *data, size_t n);
/* 64 bits for hash tables fed by outsiders: SipHash-1-3 under a key of this process (getrandom once). */
uint64_t gh_hash64(const void *data, size_t n);

#endif
