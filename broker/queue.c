/*
 * broker/queue.c - queue of waiting jobs by priority (see queue.h)
 */
#include "queue.h"

/* Turns that a waiting priority lets pass before it has one. */
static const uint16_t s_patience[GH_PRIO_COUNT] = {[GH_PRIO_NORMAL] = 4, [GH_PRIO_BATCH] = 16};

void
gh_queue_init(gh_queue_t *q)
{
    for (int i = 0; i < GH_PRIO_COUNT; i++)
        gh_list_init(&q->list[i]);
    q->n = 0;
}

void
gh_queue_push_tail(gh_queue_t *q, gh_bjob_t *job)
{
    gh_list_push_tail(&q->list[job->prio], &job->link);
    q->n++;
}

void
gh_queue_push_head(gh_queue_t *q, gh_bjob_t *job)
{
    gh_list_push_head(&q->list[job->prio], &job->link);
    q->n++;
}

void
gh_queue_remove(gh_queue_t *q, gh_bjob_t *job)
{
    gh_list_remove(&job->link);
    q->n--;
}

gh_bjob_t *
gh_queue_first(const gh_queue_t *q, gh_prio_t prio)
{
    const gh_link_t *head = &q->list[prio];

    return gh_list_empty(head) ? NULL : GH_LINK_OWNER(head->next, gh_bjob_t, link);
}

int
gh_fair_choose(const gh_fair_t *f, const bool ready[GH_PRIO_COUNT])
{
    for (int i = GH_PRIO_COUNT - 1; i > 0; i--)
        if (ready[i] && f->passed[i] >= s_patience[i])
            return i;
    for (int i = 0; i < GH_PRIO_COUNT; i++)
        if (ready[i])
            return i;
    return -1;
}

void
gh_fair_took(gh_fair_t *f, const bool ready[GH_PRIO_COUNT], int prio)
{
    for (int i = 0; i < GH_PRIO_COUNT; i++) {
        if (i == prio || !ready[i])
            f->passed[i] = 0;
        else if (f->passed[i] < UINT16_MAX)
            f->passed[i]++;
    }
}
