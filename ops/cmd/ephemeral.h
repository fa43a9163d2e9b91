/*
 * ops/cmd/ephemeral.h - a PostgreSQL cluster to throw away (`guahao init --ephemeral`, api/31)
 *
 * In a directory of its own below TMPDIR, without TCP, and without fsync: it ends with the command. As root it belongs to the user
 * postgres, as PostgreSQL wants it. Its programs are those of GUAHAO_PG_BIN, else of Debian's PostgreSQL 15.
 */
#ifndef GH_CMD_EPHEMERAL_H
#define GH_CMD_EPHEMERAL_H

#include <sys/types.h>

#include "ops/cmd/cmd.h"

typedef struct gh_ephemeral {
    char dir[64]; /* "" when there is none */
    char dsn[160];
    pid_t pid;
} gh_ephemeral_t;

/* Make and start it, with an empty database. -1 after a message; gh_ephemeral_end() either way. From here on SIGINT and SIGTERM only end
 * gh_ephemeral_hold(). */
int gh_ephemeral_begin(gh_cmd_t *c, gh_ephemeral_t *e) GH_MUSTCHECK;
/* Wait for SIGINT or SIGTERM. -1: PostgreSQL has ended by itself. */
int gh_ephemeral_hold(gh_ephemeral_t *e) GH_MUSTCHECK;
/* Stop it and remove all of it. */
void gh_ephemeral_end(gh_ephemeral_t *e);

#endif
