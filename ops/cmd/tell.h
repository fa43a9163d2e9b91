/*
 * ops/cmd/tell.h - telling running programs what settings the database has, as the pool `system` does (decisions 11, 21)
 */
#ifndef GH_CMD_TELL_H
#define GH_CMD_TELL_H

#include "base/gh.h"

struct pg_conn;

/* Put the event of all settings into the outbox, in the transaction that changed them. Its id, 0 after a message. */
int64_t gh_tell_settings(struct pg_conn *db);
/* Wait at most three seconds until somebody published it. */
bool gh_was_told(struct pg_conn *db, int64_t id);

#endif
