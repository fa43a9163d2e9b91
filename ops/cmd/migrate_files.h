/*
 * ops/cmd/migrate_files.h - the numbered files of schema/migrations
 *
 * NNNN_name.sql: four digits, numbers without gaps from 0001, names of [a-z0-9_].
 */
#ifndef GH_CMD_MIGRATE_FILES_H
#define GH_CMD_MIGRATE_FILES_H

#include "base/gh.h"

#define GH_MIGRATION_NAME 64

typedef struct gh_migration {
    int version;
    char name[GH_MIGRATION_NAME]; /* without number and suffix */
    uint8_t checksum[32];         /* sha-256 of the bytes */
    char *sql;                    /* owned, NUL-terminated */
    /* what the database says; filled by migrate.c */
    bool applied;
    bool edited;
    char applied_at[40];
} gh_migration_t;

typedef struct gh_migrations {
    gh_migration_t *v; /* by version */
    size_t n;
} gh_migrations_t;

/* Read them all. -1 after a message on stderr. */
int gh_migrations_read(const char *dir, gh_migrations_t *out) GH_MUSTCHECK;
void gh_migrations_fini(gh_migrations_t *m);

/* "0007_risk.sql" -> 7, "risk". False for another form. */
bool gh_migration_parse_name(const char *file, int *version, char name[GH_MIGRATION_NAME]);
/* Whether a name may be given to a new file: 1..48 of [a-z0-9_], beginning with a letter. */
bool gh_migration_name_valid(const char *name);

/* Line and column (from 1) of a character position (from 1, in UTF-8 characters) of sql: where PostgreSQL puts a fault. */
void gh_migration_place(const char *sql, int position, int *line, int *column);

#endif
