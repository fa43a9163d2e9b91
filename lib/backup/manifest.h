/*
 * lib/backup/manifest.h - what lies beside a backup and says what it is
 *
 * {"id", "label", "created_at", "schema_version", "size", "sha256", "encrypted", "files", "tables": {name: rows}}. size and sha256 are
 * those of the archive as it lies there; files counts the stored files in it; tables has the rows of each table at the
 * moment of the backup.
 */
#ifndef GH_BACKUP_MANIFEST_H
#define GH_BACKUP_MANIFEST_H

#include "backup/query.h"
#include "base/buf.h"

#define GH_LABEL_MAX 100 /* characters */

struct json_t;
struct pg_conn;

typedef struct gh_manifest {
    int64_t schema_version, size;
    char sha256[65], id[40], created_at[40], label[GH_LABEL_MAX * 4 + 1]; /* "" when there is none */
    bool encrypted;
    struct json_t *tables; /* owned */
} gh_manifest_t;

void gh_manifest_fini(gh_manifest_t *m);
/* Read the manifest of an archive: NAME.json beside NAME.dump. -1 with a reason in err. */
int gh_manifest_read(const char *archive, gh_manifest_t *out, char err[GH_BACKUP_ERR]) GH_MUSTCHECK;
/* Append the rows of each table as a JSON object, as the connection's transaction sees them. -1 with a reason in err. */
int gh_manifest_count(struct pg_conn *db, gh_buf_t *out, char err[GH_BACKUP_ERR]) GH_MUSTCHECK;
/* Do the tables have the rows that the manifest names? Differences are said on stderr. -1: no. */
int gh_manifest_compare(const gh_manifest_t *m, struct pg_conn *db) GH_MUSTCHECK;
/* Where the manifest of an archive lies. -1 when that is too long. */
int gh_manifest_path(const char *archive, char *out, size_t max) GH_MUSTCHECK;

#endif
