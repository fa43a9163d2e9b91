/*
 * lib/backup/shelf.h - the directory of backups: names, which there are, which go
 *
 * guahao-<moment>[-label].dump with its manifest .json; the newest sorts last. What is being written ends in .partial and is locked
 * (flock) meanwhile; one that nobody has locked was left by a program that died.
 */
#ifndef GH_BACKUP_SHELF_H
#define GH_BACKUP_SHELF_H

#include <limits.h>

#include "backup/manifest.h"

#define GH_SHELF_PARTIAL   ".partial"
#define GH_SHELF_LABEL_MAX 40 /* bytes of the label in a name */

typedef struct gh_shelf_entry {
    char name[NAME_MAX + 1]; /* without .dump */
    gh_manifest_t manifest;
} gh_shelf_entry_t;

typedef struct gh_shelf {
    gh_shelf_entry_t *v; /* newest first */
    size_t n;
} gh_shelf_t;

/* The backups of a directory: manifests with their archives, others are passed over. A directory that is not there has none. -1 with
 * errno. Free with gh_shelf_fini(). */
int gh_shelf_read(const char *dir, gh_shelf_t *out) GH_MUSTCHECK;
void gh_shelf_fini(gh_shelf_t *s);

/* The path of an archive that is made at at_us (UTC). Of the label letters, digits, - and _ stay, what is between becomes one -. -1: too
 * long. */
int gh_shelf_name(const char *dir, int64_t at_us, const char *label, char out[PATH_MAX]) GH_MUSTCHECK;
/* Make and lock a partial file; its descriptor, -1 with errno. */
int gh_shelf_begin(const char *partial) GH_MUSTCHECK;
/* Remove partial files that nobody writes. */
void gh_shelf_tidy(const char *dir);
/* Remove all but the `keep` newest (0: none is removed). told(arg, name), or NULL, for each. */
void gh_shelf_prune(const char *dir, int64_t keep, void (*told)(void *arg, const char *name), void *arg);

#endif
