/*
 * workers/directory/directory.h - what the files of the pool share
 */
#ifndef GH_DIRECTORY_DIRECTORY_H
#define GH_DIRECTORY_DIRECTORY_H

#include "base/seal.h"
#include "worker/worker.h"

/* The pool's state: opened at its start, read-only afterwards. */
typedef struct gh_directory {
    gh_seal_t *seal; /* NULL: no key, identity numbers are not shown at all */
} gh_directory_t;

const gh_directory_t *gh_directory_of(const gh_batch_t *b);

gh_step_t gh_select_head(gh_batch_t *b);   /* heads.c */
gh_step_t gh_find_patients(gh_batch_t *b); /* people.c */

#endif
