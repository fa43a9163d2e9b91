/*
 * ops/cmd/curve_certs.h - certificates of `guahao curve`: czmq's zcert, NAME.key and NAME.key_secret (decisions 12)
 */
#ifndef GH_CMD_CURVE_CERTS_H
#define GH_CMD_CURVE_CERTS_H

#include <limits.h>

#include "ops/cmd/cmd.h"

#define GH_CERT_KEY 41 /* Z85, with NUL */

/* A certificate without its secret key. */
typedef struct gh_cert {
    char name[NAME_MAX]; /* of its file */
    char key[GH_CERT_KEY], role[128], created[40];
    long serial; /* of a server key */
} gh_cert_t;

typedef struct gh_certs {
    gh_cert_t *at; /* owned */
    size_t n;
} gh_certs_t;

/* Files of a broker's own keys: two while keys rotate. */
extern const char *const gh_cert_server[2];

void gh_certs_fini(gh_certs_t *l);

/* A path of these parts; -1 after a message: it is too long. */
int gh_cert_path(const gh_cmd_t *c, char path[PATH_MAX], const char *dir, const char *sub, const char *file,
                 const char *end) GH_MUSTCHECK;
/* -1: not there, or no certificate. */
int gh_cert_load(const char *path, gh_cert_t *out) GH_MUSTCHECK;
/* Write one file; secret NULL: the public one. -1 after a message. */
int gh_cert_save(const gh_cmd_t *c, const char *path, const gh_cert_t *cert, const char *secret) GH_MUSTCHECK;
/* The directories above a file. -1 after a message. */
int gh_cert_make_parent(const gh_cmd_t *c, const char *path) GH_MUSTCHECK;
/* A new pair: the secret file first, a broker takes the pair when it is whole. cert has role and serial. -1 after a message. */
int gh_cert_make_pair(const gh_cmd_t *c, const char *path, gh_cert_t *cert) GH_MUSTCHECK;
/* The allowed keys of a broker's directory, by name of file. -1 after a message. */
int gh_cert_clients(const gh_cmd_t *c, const char *dir, gh_certs_t *out) GH_MUSTCHECK;
/* The server keys that are there; *n counts them. -1 after a message. */
int gh_cert_servers(const gh_cmd_t *c, const char *dir, gh_cert_t servers[2], size_t *n) GH_MUSTCHECK;

#endif
