/*
 * lib/base/token.h - access and refresh tokens: JWT by libjwt, algorithm pinned (api/20 section 5, decisions 5)
 *
 * Claims: iss, sub (decimal string), jti and sid (UUID text), typ "access" or "refresh", iat, nbf, exp, roles
 * (informative; workers read roles from the database). The header is parsed before libjwt sees the token: the key id
 * names one of at most two keys of that kind, the one that signs and the one before it, and the algorithm must be
 * that key's, so a token cannot choose how it is checked. Refresh tokens are always HS256 with a secret of their own.
 */
#ifndef GH_BASE_TOKEN_H
#define GH_BASE_TOKEN_H

#include "base/conf.h"
#include "base/error.h"

#define GH_TOKEN_MAX 4096 /* longer tokens are refused unread */

typedef struct gh_token {
    int64_t user_id;
    uint8_t jti[16], sid[16];
    int64_t iat, exp;    /* seconds since the epoch */
    char roles_csv[128]; /* "PATIENT,DOCTOR"; informative */
    bool refresh;
    /* Of tokens of /auth/swagger-login (api/00 section 0.6), which carry login_time too; issued, never read back. */
    char user_type[16], login_ip[48];
} gh_token_t;

typedef struct gh_token_keys
    gh_token_keys_t; /* read-only after loading: may be shared by threads and forks */

/* Keys named by the settings token.*: a secret given directly, else the file; create makes missing files (a random
 * secret, or a key pair of token.algorithm; mode 0600). An earlier key counts when it is there. NULL after a message on
 * the log when there is no key or it is too short (32 bytes for the HS family, 2048 bits of RSA). */
gh_token_keys_t *gh_token_keys_load(const gh_conf_t *conf, bool create);

/* Make a new key that signs from now on; the present one becomes the earlier one and is accepted until the next
 * rotation. Programs see it when they start: fronts first, so that they know the new key before it is used. 0, or
 * -1 after a message; then the files are as before. */
int gh_token_keys_rotate(const gh_conf_t *conf, bool refresh) GH_MUSTCHECK;

/* Keys from memory. algorithm: HS256, HS384, HS512, or RS256, ES256 with a PEM private key as secret. NULL when they
 * are unusable (logged). */
gh_token_keys_t *gh_token_keys_new(const char *algorithm, gh_str_t secret, gh_str_t refresh_secret,
                                   const char *issuer, int leeway_s);
/* Accept the tokens of an earlier key too, by its key id. 0, or -1 after a message when it is unusable. */
int gh_token_keys_accept(gh_token_keys_t *keys, bool refresh, const char *algorithm,
                         gh_str_t secret) GH_MUSTCHECK;
void gh_token_keys_destroy(gh_token_keys_t **keys_p); /* wipes the secrets */

/* Sign. claims->refresh chooses the kind; nbf = iat. *out is malloc'ed. */
int gh_token_issue(const gh_token_keys_t *keys, const gh_token_t *claims, char **out) GH_MUSTCHECK;

/* Check signature, header, typ, iss, nbf and exp (with the leeway), and the claims' forms. Gives GH_E_NONE,
 * GH_E_TOKEN_INVALID, or GH_E_TOKEN_EXPIRED; out is filled for NONE and for EXPIRED (a sign-out needs the session of an
 * expired token). Revocation is the caller's business. */
gh_err_t gh_token_verify(const gh_token_keys_t *keys, gh_str_t token, bool refresh, int64_t now_s,
                         gh_token_t *out);

/* Tokens that prove who reads a mail address: sub is the address, typ "mail". No access token, and no session behind it.
 * *out is malloc'ed. */
int gh_token_issue_mail(const gh_token_keys_t *keys, const char *address, int64_t iat, int64_t exp,
                        char **out) GH_MUSTCHECK;
/* As gh_token_verify(); address is filled for GH_E_NONE alone. */
#define GH_TOKEN_ADDRESS 255
gh_err_t gh_token_verify_mail(const gh_token_keys_t *keys, gh_str_t token, int64_t now_s,
                              char address[GH_TOKEN_ADDRESS]);

#endif
