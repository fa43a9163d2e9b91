/*
 * workers/billing/signature.h - signatures of payment providers (api/26, R-134)
 *
 * "t=<unix seconds>,v1=<hex>[,v1=<hex>...]": v1 is HMAC-SHA256(key, "<t>.<message>"). Several v1, and several keys here,
 * while a key is changed. Pure.
 */
#ifndef GH_BILLING_SIGNATURE_H
#define GH_BILLING_SIGNATURE_H

#include "base/buf.h"
#include "base/error.h"

#define GH_SIGNATURE_SKEW_S 300
#define GH_SIGNATURE_KEYS   2 /* the present key and the one before */
#define GH_SIGNATURE_MAX    1024

typedef struct gh_sign_keys {
    gh_str_t key[GH_SIGNATURE_KEYS]; /* empty ones are none */
} gh_sign_keys_t;

/* GH_E_NONE; SIGNATURE_INVALID: missing, malformed, of no key or over another message; SIGNATURE_STALE: right, but its time is more than
 * 300 s off. Compares in constant time. */
gh_err_t gh_signature_check(const gh_sign_keys_t *keys, gh_str_t header, gh_str_t message, int64_t now_s);

/* Append the header for a message, signed with the first key. -1: the digest failed. */
int gh_signature_put(const gh_sign_keys_t *keys, gh_str_t message, int64_t now_s, gh_buf_t *out) GH_MUSTCHECK;

#endif
