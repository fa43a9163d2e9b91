/*
 * lib/base/seal.h - columns encrypted at rest and their blind index (api/32 section 8, decisions 22)
 *
 * A sealed value is key id (1 byte) | nonce (12) | AES-256-GCM ciphertext | tag (16); its associated data names table,
 * column and row, so that a value moved to another place does not open. The blind index is an HMAC-SHA-256 of the
 * normalised value and serves equality and uniqueness. The file holds master keys of 32 bytes in hex, one a line: "ID HEX", the newest
 * first; the hex alone is key 1. The first one seals, all open; working keys are derived from them. The blind index is always that of
 * the oldest key: it stays when keys are rotated, so that two values under two keys are still found to be the same. Values are opened in workers only and never logged.
 */
#ifndef GH_BASE_SEAL_H
#define GH_BASE_SEAL_H

#include "base/buf.h"

#define GH_SEAL_OVERHEAD 29 /* bytes that sealing adds */
#define GH_SEAL_MAX      (1u << 20)

#define GH_SEAL_KEYS_MAX 32 /* of a file: none is ever dropped, backups need them */

/* May be shared by threads. When a value has a newer key than it knows, the file is read again. */
typedef struct gh_seal gh_seal_t;

/* Where a value lives. */
typedef struct gh_seal_place {
    const char *table, *column;
    int64_t row;
} gh_seal_place_t;

/* The key of a file, mode 0600 expected. NULL after a log line when it is missing, unreadable or not a key. */
gh_seal_t *gh_seal_load(const char *file);
gh_seal_t *gh_seal_new(const uint8_t master[32]);
void gh_seal_destroy(gh_seal_t **seal_p); /* wipes the keys */

/* The key that seals. */
uint8_t gh_seal_key_id(const gh_seal_t *seal);
/* Put a new key before those of the file. -1 after a log line; the file is then as it was. */
int gh_seal_rotate(const char *file) GH_MUSTCHECK;

/* Append the sealed value. -1 when it is too long or the library fails. */
int gh_seal_close(const gh_seal_t *seal, gh_seal_place_t place, gh_str_t plain, gh_buf_t *out) GH_MUSTCHECK;
/* Append the plain value. -1 (nothing appended, nothing logged) when it was not sealed with this key for this place. */
int gh_seal_open(const gh_seal_t *seal, gh_seal_place_t place, gh_str_t sealed, gh_buf_t *out) GH_MUSTCHECK;

/* Index of a value; blanks are dropped and letters a..z raised first. -1 when the value is too long. */
int gh_seal_blind(const gh_seal_t *seal, gh_str_t value, uint8_t out[32]) GH_MUSTCHECK;

#endif
