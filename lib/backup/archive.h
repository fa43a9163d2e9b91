/*
 * lib/backup/archive.h - the bytes of a backup: digest and, when there is a key, encryption (api/31 CM-08, CM-09)
 *
 * A plain archive is what pg_dump writes. A sealed one begins with "GHBACKUP1" and 16 bytes of salt; then come chunks: 4 bytes
 * (big-endian; length of the text, top bit: the last one), AES-256-GCM text, 16 bytes of tag. The key is scrypt (RFC 7914) of the
 * secret and the salt, the nonce counts the chunks, the 4 bytes are associated data: chunks cannot be moved, dropped or
 * cut off. The digest is SHA-256 of the file as it lies there.
 */
#ifndef GH_BACKUP_ARCHIVE_H
#define GH_BACKUP_ARCHIVE_H

#include "base/gh.h"

#define GH_ARCHIVE_SECRET_MIN 16 /* characters */

typedef struct gh_archive_sum {
    char sha256[65]; /* hex */
    int64_t size;    /* bytes of the file */
    bool sealed;
} gh_archive_sum_t;

/* Told after each chunk, with the bytes of input so far; false stops the work. */
typedef bool (*gh_archive_step_fn)(void *arg, int64_t bytes);

/* Copy `from` until its end into the archive `to`; secret "" leaves it plain. 0, or -1 with a reason in err. */
int gh_archive_pack(int from, int to, const char *secret, gh_archive_step_fn step, void *arg,
                    gh_archive_sum_t *sum, char err[160]) GH_MUSTCHECK;

/* Read the archive `from`, and write what pg_dump wrote to `to`; -1 writes nothing. A sealed one is opened when there is a secret, and
 * needs one when it is written. 0, or -1 with a reason in err; sum is filled when it was read to its end. */
int gh_archive_unpack(int from, int to, const char *secret, gh_archive_step_fn step, void *arg,
                      gh_archive_sum_t *sum, char err[160]) GH_MUSTCHECK;

#endif
