/*
 * ops/cmd/migrate.h - applying migrations (api/31 CM-02 to CM-05, R-241, R-242)
 */
#ifndef GH_CMD_MIGRATE_H
#define GH_CMD_MIGRATE_H

#include "ops/cmd/cmd.h"

struct pg_conn;

/* Apply what is pending up to version `to` (0: all) under the advisory lock. applied gets how many. Exit status: done, or
 * failed after a message. With dry_run the files are printed instead. */
int gh_migrate_up(gh_cmd_t *c, struct pg_conn *db, int to, bool dry_run, size_t *applied);

/* The number of the last migration that this program knows; -1 after a message. */
int64_t gh_migrations_known(void);
typedef struct gh_migrate_state {
    int known, pending,
        edited; /* files, and of them those that are not applied, or were changed afterwards */
} gh_migrate_state_t;
/* Compare files and database, without a lock. -1 after a message: the database has what this program does not know. */
int gh_migrate_look(gh_cmd_t *c, struct pg_conn *db, gh_migrate_state_t *out) GH_MUSTCHECK;
/* Drop all that the schema holds. -1 after a message. */
int gh_schema_drop(struct pg_conn *db) GH_MUSTCHECK;

#endif
