/*
 * lib/worker/tell.c - what the service manager hears of a worker process (base/notify.h)
 *
 * Ready when every pool has begun, which takes its database, and some broker was heard on a link of each. Later losses are in the
 * status only: the process mends them itself, and starting it anew would not.
 */
#include "base/notify.h"
#include "base/timez.h"
#include "worker/internal.h"

static size_t
links_up(const gh_wpool_t *p)
{
    size_t n = 0;
    for (size_t i = 0; i < p->n_links; i++)
        n += p->links[i].sock && !p->links[i].silent;
    return n;
}

static size_t
links_listed(const gh_wpool_t *p)
{
    size_t n = 0;
    for (size_t i = 0; i < p->n_links; i++)
        n += p->links[i].endpoint && !p->links[i].leaving;
    return n;
}

/* What a pool waits for, NULL when it serves. */
static const char *
lacks(const gh_wpool_t *p)
{
    if (!p->def->no_database && (!p->started || p->down_since_ms > 0))
        return "the database";
    return p->started && links_up(p) > 0 ? NULL : "a broker";
}

void
gh_worker_tell(gh_worker_t *w)
{
    if (!gh_notify_wanted())
        return;
    gh_notify_alive(gh_mono_us());
    const gh_wpool_t *first = NULL;
    size_t brokers = GH_LINKS_MAX, of = 0;
    for (size_t i = 0; i < w->n_pools; i++) {
        const gh_wpool_t *p = &w->pools[i];
        size_t up = links_up(p);
        brokers = up < brokers ? up : brokers;
        of = links_listed(p);
        if (!first && lacks(p))
            first = p;
    }
    if (first) {
        gh_notify_status("pool %s waits for %s", first->def->name, lacks(first));
        return;
    }
    gh_notify_status("serving %zu %s, brokers %zu of %zu", w->n_pools, w->n_pools == 1 ? "pool" : "pools",
                     brokers, of);
    gh_notify_ready();
}
