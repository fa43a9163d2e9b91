/*
 * lib/domain/order_no.h - order numbers: yyyymmdd and eight digits (BR-82, decisions 18)
 *
 * The digits are a keyed permutation of a sequence over 10^8: never twice for one sequence value, and not to be guessed
 * from a neighbour's number. A Feistel network of four rounds over 27 bits (halves of 13 and 14) with cycle walking.
 */
#ifndef GH_DOMAIN_ORDER_NO_H
#define GH_DOMAIN_ORDER_NO_H

#include "base/gh.h"

#define GH_ORDER_NO_RANGE INT64_C(100000000)
#define GH_ORDER_NO_TEXT  17 /* 16 digits and a NUL */

typedef struct gh_order_key {
    uint8_t bytes[32];
} gh_order_key_t;

/* Read the key file; with create, make it (mode 0600, 32 random bytes) when it is missing. -1 with a log line. */
int gh_order_key_load(const char *file, bool create, gh_order_key_t *key) GH_MUSTCHECK;
/* sequence >= 0 (taken modulo 10^8) -> 0..10^8-1, one to one. */
uint32_t gh_order_no_permute(const gh_order_key_t *key, int64_t sequence);
/* The number's text for the day on which it is given out. */
void gh_order_no_text(const gh_order_key_t *key, int32_t day, int64_t sequence, char out[GH_ORDER_NO_TEXT]);

#endif
