/*
 * lib/domain/offer.c - see offer.h
 */
#include "domain/offer.h"

#include <libpq-fe.h>
#include <stdlib.h>

#include "base/timez.h"
#include "domain/message.h"
#include "worker/args.h"

int32_t
gh_offer_place(const gh_session_t *s, gh_slots_t *slots, int64_t now_us, const gh_busy_t *busy, size_t n_busy)
{
    int32_t k = 0;
    while ((k = gh_slots_lowest(slots, k + 1, s->total)) != 0) {
        int64_t start, end;
        gh_slot_bounds(s, k, &start, &end);
        bool fits = gh_claim_future(start, now_us) == GH_E_NONE;
        for (size_t i = 0; i < n_busy && fits; i++)
            fits = end <= busy[i].starts_us || start >= busy[i].ends_us;
        if (fits)
            return k;
    }
    return 0;
}

void
gh_offer_ask(gh_batch_t *b, gh_offer_t *o, const char *sessions)
{
    *o = (gh_offer_t){0};
    o->at = gh_batch_query(b, "offer_waiting", 2,
                           (const char *const[]){sessions, gh_text_time(b, b->now_us)});
}

/* ---- columns of offer_waiting */

enum { SESSION, STARTS, ENDS, MINUTES, TOTAL, REMAINING, TAKEN, ORDER, PATIENT, BUSY };

static gh_session_t
session_row(const PGresult *r, int row)
{
    gh_session_t s = {.id = gh_pg_i64(r, row, SESSION, 0),
                      .starts_us = gh_pg_i64(r, row, STARTS, 0),
                      .ends_us = gh_pg_i64(r, row, ENDS, 0),
                      .slot_minutes = (int32_t)gh_pg_i64(r, row, MINUTES, 1),
                      .total = (int32_t)gh_pg_i64(r, row, TOTAL, 0),
                      .remaining = (int32_t)gh_pg_i64(r, row, REMAINING, 0),
                      .open = true};
    if (s.total > GH_SLOT_MAX)
        s.total = GH_SLOT_MAX;
    return s;
}

/* "3,1,7" */
static int
take_list(gh_slots_t *slots, const char *list)
{
    while (*list) {
        char *end;
        long k = strtol(list, &end, 10);
        if (end == list || k < 1 || k > GH_SLOT_MAX || gh_slots_take(slots, (int32_t)k) != 0)
            return -1;
        list = *end == ',' ? end + 1 : end;
    }
    return 0;
}

typedef struct given {
    int64_t patient_id;
    gh_busy_t busy;
} given_t;

typedef struct giving {
    gh_pgarr_t orders, places, starts, ends;
    given_t *all; /* a patient may wait for several sessions */
    size_t n;
} giving_t;

/* "start-end,start-end" into batch memory, and what the patient has just been given. */
static gh_busy_t *
busy_list(gh_batch_t *b, const giving_t *g, int64_t patient_id, const char *list, size_t *n)
{
    gh_busy_t *busy = gh_batch_alloc(b, (strlen(list) / 4 + g->n + 1) * sizeof *busy);
    *n = 0;
    for (size_t i = 0; i < g->n; i++)
        if (g->all[i].patient_id == patient_id)
            busy[(*n)++] = g->all[i].busy;
    while (*list && gh_batch_ok(b)) {
        char *end;
        busy[*n].starts_us = strtoll(list, &end, 10);
        busy[(*n)++].ends_us = strtoll(end + 1, &end, 10);
        list = *end == ',' ? end + 1 : end;
    }
    return busy;
}

/* ---- giving */

static int
give_session(gh_batch_t *b, gh_offer_t *o, const PGresult *r, int first, int last, giving_t *g)
{
    gh_slots_t slots GH_CLEANUP(gh_slots_fini) = {0};
    gh_session_t s = session_row(r, first);
    int rounds = 0;
    if (take_list(&slots, PQgetvalue(r, first, TAKEN)) != 0)
        return -1;
    for (int row = first; row < last && s.remaining > 0 && rounds < GH_OFFER_ROUNDS; row++) {
        size_t n_busy;
        int64_t patient = gh_pg_i64(r, row, PATIENT, 0);
        gh_busy_t *busy = busy_list(b, g, patient, PQgetvalue(r, row, BUSY), &n_busy);
        int32_t k = gh_offer_place(&s, &slots, b->now_us, busy, n_busy);
        int64_t start, end;
        if (k == 0)
            continue;
        if (gh_claim_take(&s, &slots, k) != 0)
            return -1;
        gh_slot_bounds(&s, k, &start, &end);
        gh_pgarr_i64(&g->orders, gh_pg_i64(r, row, ORDER, 0));
        gh_pgarr_i64(&g->places, k);
        gh_pgarr_time(&g->starts, start);
        gh_pgarr_time(&g->ends, end);
        g->all[g->n++] = (given_t){patient, {start, end}};
        rounds++;
    }
    if (rounds > 0)
        o->sessions[o->n_sessions++] = s.id;
    o->n_orders += (size_t)rounds;
    return 0;
}

static int
write_offers(gh_batch_t *b, giving_t *g, const char *currency)
{
    const char *params[] = {gh_pgarr_literal(&g->orders),
                            gh_pgarr_literal(&g->places),
                            gh_pgarr_literal(&g->starts),
                            gh_pgarr_literal(&g->ends),
                            gh_text_time(b, b->now_us),
                            gh_text_day(b, gh_tz_day(b->now_us)),
                            currency};
    for (size_t i = 0; i < 4; i++)
        if (!params[i])
            return -1;
    gh_batch_query(b, "offer_take", (int)GH_COUNT(params), params);
    gh_message_orders(b, GH_MESSAGE_PLACE_OFFERED, params[0], NULL); /* BR-99 */
    return 0;
}

int
gh_offer_take(gh_batch_t *b, gh_offer_t *o, const char *currency)
{
    const PGresult *r = gh_batch_result(b, o->at);
    int n = PQntuples(r), rc = 0;
    giving_t g = {.all = gh_batch_alloc(b, ((size_t)n + 1) * sizeof *g.all)};
    o->sessions = gh_batch_alloc(b, ((size_t)n + 1) * sizeof *o->sessions);
    if (!gh_batch_ok(b))
        return -1;
    for (int row = 0, end; row < n && rc == 0; row = end) {
        int64_t id = gh_pg_i64(r, row, SESSION, 0);
        for (end = row + 1; end < n && gh_pg_i64(r, end, SESSION, 0) == id; end++)
            ;
        rc = give_session(b, o, r, row, end, &g);
    }
    if (rc == 0 && o->n_orders > 0)
        rc = write_offers(b, &g, currency);
    gh_pgarr_fini(&g.orders);
    gh_pgarr_fini(&g.places);
    gh_pgarr_fini(&g.starts);
    gh_pgarr_fini(&g.ends);
    return gh_batch_ok(b) ? rc : -1;
}
