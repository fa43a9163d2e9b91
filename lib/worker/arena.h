/*
 * lib/worker/arena.h - memory that lives as long as a batch: bump allocation, freed all at once
 */
#ifndef GH_WORKER_ARENA_H
#define GH_WORKER_ARENA_H

#include "base/gh.h"

typedef struct gh_arena {
    struct gh_arena_chunk *chunk; /* newest first */
    bool failed; /* memory ran out once; what was given since is scratch, shared and worthless */
} gh_arena_t;

/* Zeroed, aligned for any type, never NULL; aborts only for a request that not even the scratch area holds. */
void *gh_arena_alloc(gh_arena_t *a, size_t n);
gh_str_t gh_arena_dup(gh_arena_t *a, gh_str_t s); /* with a NUL behind it */
void gh_arena_reset(gh_arena_t *a);               /* keeps one chunk of the usual size */
void gh_arena_fini(gh_arena_t *a);

#endif
