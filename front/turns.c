/*
 * front/turns.c - in a crowd each operation has its turn, so that nobody waits behind what others ask for
 *
 * At eight o'clock thousands of requests for one operation stand before the front at once. In a turn of Kore's loop
 * A_TURN requests of an operation are carried out as they come; more of them wait here in order of arrival, without having
 * cost more than their reading, and A_TURN go on at each turn's end. A request for anything else passes them. While there are
 * such requests, few jobs of the crowd are under way at once (crowd.h).
 */
#include <stdlib.h>

#include <kore/kore.h>
#include <kore/http.h>

#include "base/timez.h"
#include "front/crowd.h"
#include "front/front.h"

#define A_TURN 16u
#define CACHED 1024u

typedef struct waiting {
    struct http_request *req; /* sleeps; its hdlr_extra is this */
    struct line *line;
    struct waiting *next, *prev;
    int64_t since_us;
    front_address_t client; /* Kore forgets the connection of a client that left */
} waiting_t;

/* Those who wait for one operation. */
typedef struct line {
    waiting_t *first, *last;
    struct line *next; /* with somebody in it, or passed in this turn */
    unsigned passed;   /* in this turn */
    bool listed;
    front_crowd_t crowd;
} line_t;

static struct {
    line_t *lines; /* one an operation of the contract */
    line_t *active;
    line_t *top;       /* the operation with most jobs under way; NULL: there was none yet */
    int64_t under_way; /* jobs of all of them */
    waiting_t *free;
    size_t n_free, n;
} s_turns;

int
front_turns_start(void)
{
    s_turns.lines = calloc(gh_contract_count(front.contract) + 1, sizeof *s_turns.lines);
    return s_turns.lines ? 0 : -1;
}

static waiting_t *
take_waiting(void)
{
    waiting_t *w = s_turns.free;
    if (!w)
        return calloc(1, sizeof *w);
    s_turns.free = w->next;
    s_turns.n_free--;
    return w;
}

/* Out of its line; the request is its owner's again. */
static void
leave(waiting_t *w)
{
    line_t *l = w->line;
    *(w->prev ? &w->prev->next : &l->first) = w->next;
    *(w->next ? &w->next->prev : &l->last) = w->prev;
    s_turns.n--;
    w->req->hdlr_extra = NULL;
    w->req->onfree = NULL;
    if (s_turns.n_free >= CACHED) {
        free(w);
        return;
    }
    w->next = s_turns.free;
    s_turns.free = w;
    s_turns.n_free++;
}

/* The client left: Kore frees the request. */
static void
on_request_freed(struct http_request *req)
{
    waiting_t *w = req->hdlr_extra;
    if (!w)
        return;
    int64_t since_us = w->since_us;
    front_address_t client = w->client;
    leave(w);
    front_request_left(req, since_us, &client);
}

/* ---- jobs under way */

/* The crowd is the operation with most jobs under way; whatever else is, asks for room. */
static void
look_for_others(line_t *l, int64_t now_us)
{
    if (!s_turns.top || l->crowd.under_way > s_turns.top->crowd.under_way)
        s_turns.top = l;
    if (s_turns.under_way > s_turns.top->crowd.under_way)
        atomic_store_explicit(&front.counters->worker[front.worker].others_us, now_us, memory_order_relaxed);
}

void
front_turns_begun(const gh_operation_t *op)
{
    line_t *l = &s_turns.lines[op->index];
    int64_t now = gh_mono_us();
    s_turns.under_way++;
    front_crowd_begin(&l->crowd, now);
    look_for_others(l, now);
}

void
front_turns_ended(const gh_operation_t *op)
{
    line_t *l = &s_turns.lines[op->index];
    look_for_others(l, gh_mono_us());
    s_turns.under_way--;
    front_crowd_end(&l->crowd);
}

/* Must the line's next one leave room for others, of whichever worker of this front? */
static bool
leaves_room(const line_t *l)
{
    int64_t window = gh_conf_int(front.conf, "front.crowd_window"), others = 0;
    if (l->crowd.under_way < window)
        return false;
    for (size_t i = 0; i < front.counters->workers; i++) {
        int64_t at = atomic_load_explicit(&front.counters->worker[i].others_us, memory_order_relaxed);
        others = at > others ? at : others;
    }
    return front_crowd_waits(&l->crowd, window, others, gh_mono_us());
}

/* ---- lines */

static void
list_line(line_t *l)
{
    if (l->listed)
        return;
    l->listed = true;
    l->next = s_turns.active;
    s_turns.active = l;
}

bool
front_turns_wait(struct http_request *req, const gh_operation_t *op)
{
    line_t *l = &s_turns.lines[op->index];
    list_line(l);
    if (!l->first && l->passed < A_TURN && !leaves_room(l)) {
        l->passed++;
        return false;
    }
    waiting_t *w = take_waiting();
    if (!w)
        return false;
    *w = (waiting_t){.req = req, .line = l, .prev = l->last, .since_us = gh_mono_us()};
    front_client_read(req, &w->client);
    *(l->last ? &l->last->next : &l->first) = w;
    l->last = w;
    s_turns.n++;
    req->hdlr_extra = w;
    req->flags |= HTTP_REQUEST_RETAIN_EXTRA;
    req->onfree = on_request_freed;
    http_request_sleep(req);
    return true;
}

/* Forget lines that nobody waits in. */
static void
tidy(void)
{
    for (line_t **at = &s_turns.active; *at;) {
        line_t *l = *at;
        l->passed = 0;
        if (l->first) {
            at = &l->next;
            continue;
        }
        *at = l->next;
        l->listed = false;
    }
}

bool
front_turns_go_on(void)
{
    tidy();
    for (unsigned round = 0; s_turns.n && round < A_TURN; round++)
        for (line_t *l = s_turns.active; l; l = l->next) {
            waiting_t *w = l->first;
            if (!w || leaves_room(l))
                continue;
            struct http_request *req = w->req;
            int64_t since_us = w->since_us;
            front_address_t client = w->client;
            leave(w);
            front_request_resume(req, since_us, &client);
        }
    bool more = false;
    for (line_t *l = s_turns.active; l && !more; l = l->next)
        more = l->first && !leaves_room(l);
    return more;
}

size_t
front_turns_waiting(void)
{
    return s_turns.n;
}

void
front_turns_stop(void)
{
    for (waiting_t *w; (w = s_turns.free) != NULL;) {
        s_turns.free = w->next;
        free(w);
    }
    free(s_turns.lines);
    s_turns.lines = NULL;
}
