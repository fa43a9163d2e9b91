/*
 * lib/worker/arena.c - see arena.h
 */
#include "worker/arena.h"

#include <stdalign.h>
#include <stdlib.h>

#define CHUNK_SIZE   ((size_t)32 << 10)
#define SCRATCH_SIZE ((size_t)1 << 20)
#define ALIGN        alignof(max_align_t)

struct gh_arena_chunk {
    struct gh_arena_chunk *next;
    size_t used, size;
    alignas(max_align_t) char data[];
};

static void *
scratch(gh_arena_t *a, size_t n)
{
    static alignas(max_align_t) char area[SCRATCH_SIZE];
    a->failed = true;
    if (n > SCRATCH_SIZE)
        abort();
    return memset(area, 0, n);
}

void *
gh_arena_alloc(gh_arena_t *a, size_t n)
{
    if (n > SIZE_MAX / 2)
        return scratch(a, n);
    n = (n + ALIGN - 1) & ~(ALIGN - 1);
    struct gh_arena_chunk *c = a->chunk;
    if (!c || c->size - c->used < n) {
        size_t size = n > CHUNK_SIZE / 4 ? n : CHUNK_SIZE;
        struct gh_arena_chunk *fresh = malloc(sizeof(*fresh) + size);
        if (!fresh)
            return scratch(a, n);
        fresh->used = 0;
        fresh->size = size;
        if (c && size != CHUNK_SIZE) {
            /* one of its own for a big one: the room left in the present chunk stays in use */
            fresh->next = c->next;
            c->next = fresh;
        } else {
            fresh->next = c;
            a->chunk = fresh;
        }
        c = fresh;
    }
    void *p = c->data + c->used;
    c->used += n;
    return memset(p, 0, n);
}

gh_str_t
gh_arena_dup(gh_arena_t *a, gh_str_t s)
{
    char *p = gh_arena_alloc(a, s.n + 1);
    if (s.n > 0 && !a->failed)
        memcpy(p, s.p, s.n);
    return (gh_str_t){p, a->failed ? 0 : s.n};
}

void
gh_arena_reset(gh_arena_t *a)
{
    struct gh_arena_chunk *keep = NULL;
    for (struct gh_arena_chunk *c = a->chunk, *next; c; c = next) {
        next = c->next;
        if (!keep && c->size == CHUNK_SIZE) {
            keep = c;
            keep->used = 0;
        } else
            free(c);
    }
    if (keep)
        keep->next = NULL;
    a->chunk = keep;
    a->failed = false;
}

void
gh_arena_fini(gh_arena_t *a)
{
    for (struct gh_arena_chunk *c = a->chunk, *next; c; c = next) {
        next = c->next;
        free(c);
    }
    a->chunk = NULL;
    a->failed = false;
}
