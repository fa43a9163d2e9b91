/*
 * ops/cmd/keys_data.h - `guahao keys rotate --kind data` (keys_data.c)
 */
#ifndef GH_CMD_KEYS_DATA_H
#define GH_CMD_KEYS_DATA_H

#include "base/seal.h"
#include "base/uuid7.h"
#include "ops/cmd/cmd.h"

struct pg_conn;

/* Exit status. */
int gh_keys_rotate_data(gh_cmd_t *c);

/* Append a value, given in hex, sealed under the present key. False: it does not open. */
bool gh_keys_seal_again(const gh_seal_t *seal, gh_seal_place_t place, const char *hex, gh_buf_t *out);

/* The next file behind the job `last` that has another key (keys_files.c), which becomes `last`; 0: there is none, -1 after a message. */
enum { GH_KEYS_SEALED = 1, GH_KEYS_UNREADABLE, GH_KEYS_GONE };
int gh_keys_file_again(struct pg_conn *db, const gh_seal_t *seal, const char *key, char last[GH_UUID_TEXT]);

#endif
