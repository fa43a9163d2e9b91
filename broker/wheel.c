/*
 * broker/wheel.c - deadlines of waiting jobs (see wheel.h)
 */
#include "wheel.h"

void
gh_wheel_init(gh_wheel_t *w, int64_t now_ms)
{
    for (size_t i = 0; i < GH_WHEEL_SLOTS; i++)
        gh_list_init(&w->slot[i]);
    w->tick = now_ms / GH_WHEEL_SLOT_MS;
    w->n = 0;
}

void
gh_wheel_add(gh_wheel_t *w, gh_bjob_t *job)
{
    int64_t tick = job->deadline_ms / GH_WHEEL_SLOT_MS + 1; /* the first tick at which it is over */

    if (tick <= w->tick)
        tick = w->tick + 1;
    gh_list_push_tail(&w->slot[(uint64_t)tick % GH_WHEEL_SLOTS], &job->wheel_link);
    w->n++;
}

void
gh_wheel_remove(gh_wheel_t *w, gh_bjob_t *job)
{
    if (gh_list_empty(&job->wheel_link))
        return;
    gh_list_remove(&job->wheel_link);
    w->n--;
}

static void
collect(gh_wheel_t *w, gh_link_t *slot, int64_t now_ms, gh_link_t *out)
{
    for (gh_link_t *l = slot->next, *next; l != slot; l = next) {
        next = l->next;
        if (GH_LINK_OWNER(l, gh_bjob_t, wheel_link)->deadline_ms > now_ms)
            continue;
        gh_list_remove(l);
        gh_list_push_tail(out, l);
        w->n--;
    }
}

void
gh_wheel_advance(gh_wheel_t *w, int64_t now_ms, gh_link_t *out)
{
    int64_t to = now_ms / GH_WHEEL_SLOT_MS;

    /* After a long stop of the process one turn sees every slot. */
    if (to - w->tick > GH_WHEEL_SLOTS)
        w->tick = to - GH_WHEEL_SLOTS;
    while (w->tick < to && w->n > 0) {
        w->tick++;
        collect(w, &w->slot[(uint64_t)w->tick % GH_WHEEL_SLOTS], now_ms, out);
    }
    w->tick = to > w->tick ? to : w->tick;
}
