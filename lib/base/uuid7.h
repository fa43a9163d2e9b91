/*
 * lib/base/uuid7.h - UUIDv7 (RFC 9562 section 5.7): 48 bits of Unix milliseconds, then a counter and randomness
 *
 * Ids of one process never repeat and grow, also within a millisecond and when the clock steps back.
 */
#ifndef GH_BASE_UUID7_H
#define GH_BASE_UUID7_H

#include "base/gh.h"

#define GH_UUID_TEXT 37 /* with NUL */

void gh_uuid7_new(uint8_t out[16]); /* reads the clock and getrandom(2); aborts if there is no randomness */
int64_t gh_uuid7_ms(const uint8_t id[16]); /* its Unix milliseconds */
bool gh_uuid7_valid(const uint8_t id[16]); /* version 7 and the RFC variant */
void gh_uuid_text(const uint8_t id[16], char out[GH_UUID_TEXT]);
int gh_uuid_parse(gh_str_t s, uint8_t out[16]) GH_MUSTCHECK; /* 36 characters with dashes, either case */

#endif
