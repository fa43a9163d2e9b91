/*
 * lib/backup/dump.h - one backup: what pg_dump writes of a database, and its manifest (api/31 CM-08; R-246)
 *
 * pg_dump works under a snapshot that the manifest's counts are read in too. In a directory the archive is written beside its place and
 * renamed when it lies whole on the disk; its manifest comes last: an archive without one is not a backup.
 */
#ifndef GH_BACKUP_DUMP_H
#define GH_BACKUP_DUMP_H

#include <limits.h>

#include "backup/archive.h"
#include "backup/query.h"
#include "base/buf.h"

struct pg_conn;

typedef struct gh_dump {
    struct pg_conn *db;      /* idle, without a time-out of statements; borrowed */
    const char *dir;         /* of the archive; made when it is missing */
    const char *label;       /* as the manifest has it; NULL: none */
    const char *secret;      /* "": the archive is not sealed */
    gh_archive_step_fn step; /* told of the bytes that pg_dump has written; false stops the work */
    void *step_arg;
    /* What came of it: */
    char file[PATH_MAX]; /* the archive */
    gh_buf_t manifest;   /* a line of JSON */
    int64_t size;        /* bytes of the archive */
    char err[GH_BACKUP_ERR];
} gh_dump_t;

/* Write an archive and its manifest into the directory, both or none. -1 with a reason in err. Free with gh_dump_fini(). */
int gh_dump_to_dir(gh_dump_t *d) GH_MUSTCHECK;
/* Write an archive to fd. The manifest is the caller's to keep. */
int gh_dump_to_fd(gh_dump_t *d, int fd) GH_MUSTCHECK;
void gh_dump_fini(gh_dump_t *d);

#endif
