/*
 * workers/booking/full.c - full sessions refuse cheaply: without a lock, without their callers' orders
 *
 * The worker remembers which sessions it has last seen full. What it remembers decides nothing: a job for such a session reads the
 * session's row like any other, in its own batch, after it has arrived, only without locking it. When that row is full,
 * so it was at a moment after the caller asked, and the rules can only refuse: what they ask before the place (who books, the
 * ban, the session, window and deadline) is read as ever, what they ask behind it is not reached. When it has a place, all is read
 * again with locks before anything is decided, and the next batch waits for that (order of arrival); a batch that holds
 * locks already begins anew, because patients are locked before sessions.
 */
#include "workers/booking/booking.h"

static int64_t *
place_of(gh_booking_t *pool, int64_t schedule_id)
{
    return &pool->full[(uint64_t)schedule_id % GH_FULL_MAX];
}

void
gh_full_mark(gh_book_t *book)
{
    book->n_light = 0;
    for (size_t i = 0; i < book->n; i++) {
        gh_book_job_t *bj = &book->jobs[i];
        bj->light = bj->ask.schedule_id && *place_of(book->pool, bj->ask.schedule_id) == bj->ask.schedule_id;
        book->n_light += bj->light;
    }
}

gh_step_t
gh_full_reread(gh_book_t *book)
{
    bool free_again = false;
    for (size_t i = 0; i < book->n; i++) {
        const gh_book_job_t *bj = &book->jobs[i];
        const gh_bsession_t *x = bj->light ? gh_facts_session(book, bj->ask.schedule_id) : NULL;
        if (!x || x->s.remaining <= 0)
            continue;
        *place_of(book->pool, x->s.id) = 0;
        free_again = true;
    }
    if (!free_again)
        return GH_STEP_DONE;
    if (book->locks) /* of other jobs: what is locked now would come behind sessions, out of order (decisions 17) */
        return GH_STEP_AGAIN;
    for (size_t i = 0; i < book->n; i++)
        book->jobs[i].light = false;
    book->n_light = book->n_asked = 0;
    memset(book->buckets, 0, sizeof book->buckets);
    gh_batch_hold(book->b);
    gh_facts_ask(book);
    return GH_STEP_MORE;
}

void
gh_full_remember(gh_book_t *book)
{
    for (size_t i = 0; i < book->n_sessions; i++) {
        const gh_session_t *s = &book->sessions[i].s;
        int64_t *place = place_of(book->pool, s->id);
        if (s->remaining <= 0)
            *place = s->id;
        else if (*place == s->id)
            *place = 0;
    }
}
