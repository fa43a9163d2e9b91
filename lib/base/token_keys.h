/*
 * lib/base/token_keys.h - what token.c and token_keys.c share; not for others
 */
#ifndef GH_BASE_TOKEN_KEYS_H
#define GH_BASE_TOKEN_KEYS_H

#include <jwt.h>

#include "base/token.h"

#define GH_TOKEN_SECRET_MAX (16u << 10)

/* One kind of token: how it is signed and checked. */
typedef struct gh_token_key {
    jwt_alg_t alg;
    char alg_name[8];
    char kid[17]; /* derived from the key, so that a change of key changes it */
    char *sign;   /* owned; secret or PEM */
    char *check;  /* owned; secret or public PEM */
    int sign_n, check_n;
} gh_token_key_t;

/* Of each kind the key that signs, and the one before it, which is still accepted (check NULL: there is none). */
enum { GH_TOKEN_SIGNS, GH_TOKEN_PREVIOUS, GH_TOKEN_KEYS };

struct gh_token_keys {
    gh_token_key_t access[GH_TOKEN_KEYS], refresh[GH_TOKEN_KEYS];
    char issuer[64];
    int leeway_s;
};

#endif
