/*
 * broker/service.c - the table of services, bounded; those that nobody uses are forgotten
 */
/* NOLINTBEGIN(clang-analyzer-unix.Malloc,clang-analyzer-core.NullDereference): the analyzer does not follow the links of uthash and lists */
#include "broker.h"

#include "base/hash.h"
#include "queue.h"

static unsigned
hash_of(gh_str_t name)
{
    return (unsigned)gh_hash64(name.p, name.n);
}

gh_bservice_t *
gh_service_find(gh_broker_t *b, gh_str_t name)
{
    gh_bservice_t *s;

    HASH_FIND_BYHASHVALUE(hh, b->services, name.p, name.n, hash_of(name), s);
    return s;
}

gh_bservice_t *
gh_service_require(gh_broker_t *b, gh_str_t name, bool trusted)
{
    gh_bservice_t *s = gh_service_find(b, name);

    if (s) {
        s->used_ms = b->now_ms;
        return s;
    }
    if (b->n_services >= GH_SERVICES_MAX ||
        (!trusted && b->n_public_services >= GH_SERVICES_MAX / GH_PUBLIC_SHARE) ||
        !(s = calloc(1, sizeof *s)))
        return NULL;
    gh_dispatch_service_init(s);
    memcpy(s->name, name.p, name.n);
    s->no_worker_ms = INT64_MIN;
    s->used_ms = b->now_ms;
    s->from_public = !trusted;
    HASH_ADD_KEYPTR_BYHASHVALUE(hh, b->services, s->name, name.n, hash_of(name), s);
    b->n_services++;
    b->n_public_services += s->from_public;
    return s;
}

static void
drop(gh_broker_t *b, gh_bservice_t *s)
{
    gh_dispatch_service_fini(s);
    HASH_DELETE(hh, b->services, s); /* NOLINT(clang-analyzer-*): cannot follow uthash */
    b->n_services--;
    b->n_public_services -= s->from_public;
    free(s);
}

void
gh_services_sweep(gh_broker_t *b)
{
    gh_bservice_t *s, *next;

    for (s = b->services; s; s = next) {
        next = s->hh.next;
        gh_dispatch_sweep(s, b->now_ms);
        /* A service that a trusted worker served is remembered, so that no public worker may take its name. */
        if (s->n_workers + s->running + s->n_dead + gh_bservice_depth(s) == 0 && !s->trusted && !s->paused &&
            b->now_ms - s->used_ms > GH_SERVICE_IDLE_MS)
            drop(b, s);
    }
}

void
gh_services_close(gh_broker_t *b)
{
    gh_bservice_t *s, *next;

    for (s = b->services; s; s = next) {
        next = s->hh.next;
        drop(b, s);
    }
}
/* NOLINTEND(clang-analyzer-unix.Malloc,clang-analyzer-core.NullDereference) */
