/*
 * lib/worker/batch.c - a batch's memory, statements and results, as steps see them
 */
#include <stdlib.h>
#include <libpq-fe.h>

#include "base/log.h"
#include "base/timez.h"
#include "worker/internal.h"

gh_batch_priv_t *
gh_batch_new(gh_wpool_t *p, gh_group_t *g, size_t n_jobs)
{
    gh_worker_t *w = p->worker;
    gh_batch_priv_t *b = w->free_batches;
    if (b)
        w->free_batches = b->next;
    else if (!(b = calloc(1, sizeof(*b))))
        return NULL;
    /* the arena's chunk and the array of results are what a free batch keeps */
    gh_arena_t arena = b->arena;
    struct pg_result **results = b->results;
    size_t cap = b->cap_results;
    *b = (gh_batch_priv_t){.pool = p, .group = g, .arena = arena, .results = results, .cap_results = cap};
    b->batch.priv = b;
    b->batch.worker = w;
    b->batch.n = n_jobs;
    b->batch.now_us = gh_now_us();
    b->batch.jobs = gh_arena_alloc(&b->arena, (n_jobs + 1) * sizeof(gh_wjob_t *));
    b->events_tail = &b->events;
    b->audits_tail = &b->audits;
    b->started_us = gh_mono_us();
    b->at_records = b->at_locks = b->at_keys = b->at_actors = b->at_outbox = b->at_commit = GH_NONE;
    if (g) {
        b->kind = g->kind;
        b->step = g->step;
        g->running++;
        g->jobs_running += n_jobs;
    }
    p->running++;
    return b;
}

void
gh_batch_free(gh_batch_priv_t *b)
{
    gh_worker_t *w = b->pool->worker;
    gh_batch_drop_results(b);
    gh_arena_reset(&b->arena);
    if (b->group) {
        b->group->running--;
        b->group->jobs_running -= b->batch.n;
    }
    b->pool->running--;
    b->next = w->free_batches;
    w->free_batches = b;
}

void
gh_batch_drop_results(gh_batch_priv_t *b)
{
    for (size_t i = 0; i < b->n_results; i++)
        PQclear(b->results[i]);
    b->n_results = 0;
}

int
gh_batch_ask(gh_batch_priv_t *b, const char *statement, int n, const char *const *params)
{
    return gh_batch_ask_bytes(b, statement, n, params, -1, (gh_str_t){0}, false);
}

int
gh_batch_ask_bytes(gh_batch_priv_t *b, const char *statement, int n, const char *const *params, int bytes_at,
                   gh_str_t bytes, bool binary_rows)
{
    if (b->failed)
        return -1;
    if (!b->lane || gh_pg_query_bytes(b->lane->pg, statement, n, params, bytes_at, bytes, binary_rows)) {
        /* the lane tells `down` from the loop, and ends the batch then */
        b->failed = b->lost = true;
        return -1;
    }
    gh_trips_asked(&b->trips, statement);
    b->queued++;
    b->sent++;
    return 0;
}

size_t
gh_batch_ask_own(gh_batch_priv_t *b, const char *statement, int n, const char *const *params)
{
    size_t at = b->sent;
    return gh_batch_ask(b, statement, n, params) == 0 ? at : GH_NONE;
}

const PGresult *
gh_batch_own(const gh_batch_priv_t *b, size_t at)
{
    return at < b->n_results ? b->results[at] : NULL;
}

/* ---- for steps */

void *
gh_batch_alloc(gh_batch_t *batch, size_t n)
{
    return gh_arena_alloc(&batch->priv->arena, n);
}

gh_str_t
gh_batch_dup(gh_batch_t *batch, gh_str_t s)
{
    return gh_arena_dup(&batch->priv->arena, s);
}

bool
gh_batch_ok(const gh_batch_t *batch)
{
    return !batch->priv->failed && !batch->priv->arena.failed;
}

gh_step_t
gh_batch_phases(gh_batch_t *batch, size_t n_state, const gh_step_fn *phases, size_t n)
{
    if (batch->phase == 0)
        return GH_STEP_MORE;
    if (!batch->state)
        batch->state = gh_batch_alloc(batch, n_state);
    if (batch->jobs[0]->done)
        return GH_STEP_DONE;
    if (!gh_batch_ok(batch))
        return GH_STEP_FAIL;
    size_t at = (size_t)batch->phase - 1;
    return phases[at < n ? at : n - 1](batch);
}

/* The first statement of a phase that is a transaction of its own: name it after the trace. */
static void
begin_segment(gh_batch_priv_t *b)
{
    if (b->in_tx || b->queued > 0 || b->sent != b->base_next)
        return;
    gh_trace_begin(b);
    b->base_next = b->sent;
}

size_t
gh_batch_query(gh_batch_t *batch, const char *statement, int n_params, const char *const *params)
{
    gh_batch_priv_t *b = batch->priv;
    begin_segment(b);
    size_t index = b->sent - b->base_next;
    gh_batch_ask(b, statement, n_params, params);
    return index;
}

size_t
gh_batch_query_bytes(gh_batch_t *batch, const char *statement, int n_params, const char *const *params,
                     int bytes_at, gh_str_t bytes)
{
    gh_batch_priv_t *b = batch->priv;
    begin_segment(b);
    size_t index = b->sent - b->base_next;
    gh_batch_ask_bytes(b, statement, n_params, params, bytes_at, bytes, false);
    return index;
}

PGresult *
gh_batch_take_result(gh_batch_priv_t *b, size_t index)
{
    PGresult **at = &b->results[b->base + index], *r = *at;
    *at = NULL;
    return r;
}

const PGresult *
gh_batch_result(const gh_batch_t *batch, size_t index)
{
    const gh_batch_priv_t *b = batch->priv;
    if (b->base + index >= b->n_results) {
        gh_log(GH_LOG_ERROR, "result_index", GH_KI("index", index), GH_KI("results", b->n_results));
        abort(); /* a step that asks for what it did not query */
    }
    return b->results[b->base + index];
}

void
gh_batch_hold(gh_batch_t *batch)
{
    gh_batch_priv_t *b = batch->priv;
    if (b->in_tx && b->group && !b->group->gate)
        b->group->gate = b; /* open_gate() is called after every phase */
}

void
gh_batch_on_end(gh_batch_t *batch, void (*fn)(void *arg, bool committed), void *arg)
{
    gh_on_end_t *e = gh_batch_alloc(batch, sizeof(*e));
    if (batch->priv->arena.failed)
        return; /* the batch fails, and with it what fn would have learned */
    *e = (gh_on_end_t){batch->priv->on_end, fn, arg};
    batch->priv->on_end = e;
}

void
gh_batch_event(gh_batch_t *batch, const char *topic, gh_str_t payload)
{
    gh_batch_priv_t *b = batch->priv;
    for (gh_pending_event_t *said = b->events; said; said = said->next)
        if (strcmp(said->topic, topic) == 0 && gh_str_eq(said->payload, payload))
            return; /* once is enough */
    gh_pending_event_t *e = gh_batch_alloc(batch, sizeof(*e));
    gh_str_t topic_copy = gh_batch_dup(batch, gh_str(topic)), copy = gh_batch_dup(batch, payload);
    if (b->arena.failed)
        return;
    *e = (gh_pending_event_t){NULL, topic_copy.p, copy};
    *b->events_tail = e;
    b->events_tail = &e->next;
    b->n_events++;
}

void
gh_batch_work(gh_batch_t *batch, void (*work)(void *arg), void *arg)
{
    gh_batch_priv_t *b = batch->priv;
    if (!b->failed && gh_threads_submit(batch->worker->threads, b, work, arg))
        b->failed = true;
}

void
gh_batch_resume(gh_batch_t *batch)
{
    gh_exec_wait_over(batch->priv);
}
