/*
 * lib/domain/offer.h - free places go to whoever waits for them (BR-99, BR-101, BR-102, decisions 16)
 *
 * In the transaction that frees places, or adds some, before the public can see them. The first who waits takes a place: the order leaves the
 * waitlist, becomes pending with the price it was given when joining (confirmed when that is 0), gets its bill, and is payable from
 * now; whoever joined is told. One whose other appointments leave no place of the session is passed over and keeps waiting, and
 * so is one who books elsewhere at this very moment. At most ten places of a session at a time.
 *
 * Two phases of a GH_OP_WRITE step:
 *   phase n     lock the sessions by id; queue what frees or adds places; gh_offer_ask()
 *   phase n+1   gh_offer_take(): decides and queues the writes
 * The pool lists gh_sql_domain among its statement tables.
 */
#ifndef GH_DOMAIN_OFFER_H
#define GH_DOMAIN_OFFER_H

#include "domain/claim.h"
#include "worker/worker.h"

#define GH_OFFER_ROUNDS 10 /* BR-99 */

/* An appointment that a waiting patient has already. */
typedef struct gh_busy {
    int64_t starts_us, ends_us;
} gh_busy_t;

/* Pure: the lowest free place that starts after now and meets none of the patient's appointments; 0: none. */
int32_t gh_offer_place(const gh_session_t *s, gh_slots_t *slots, int64_t now_us, const gh_busy_t *busy,
                       size_t n_busy);

typedef struct gh_offer {
    size_t at; /* the module's own */
    /* Filled by gh_offer_take(): sessions of which places were given, each once; batch memory. */
    int64_t *sessions;
    size_t n_sessions, n_orders;
} gh_offer_t;

/* Ask who waits for places of the sessions (array literal of ids, locked by this transaction). */
void gh_offer_ask(gh_batch_t *b, gh_offer_t *o, const char *sessions);
/* In the phase after: give places, queue the writes. -1: memory ran out, the batch must fail. */
int gh_offer_take(gh_batch_t *b, gh_offer_t *o, const char *currency) GH_MUSTCHECK;

#endif
