/*
 * workers/booking/move.h - a batch of orders that move to another place: what move.c decides and move_data.c reads and writes
 */
#ifndef GH_BOOKING_MOVE_H
#define GH_BOOKING_MOVE_H

#include "domain/offer.h"
#include "domain/reschedule_rules.h"
#include "workers/booking/cancel.h"

/* An order of the batch, locked, as the jobs so far have left it. */
typedef struct gh_move_order {
    gh_cancel_order_t o;
    gh_str_t slot_type;
    int32_t rate, moves; /* moves: by patients */
    bool billed;         /* there is a registration bill */
} gh_move_order_t;

typedef struct gh_move_job {
    gh_book_job_t *bj; /* where to, as a booking asks for it */
    gh_cancel_surface_t surface;
    int64_t order_id;
    gh_str_t reason, if_match;
    gh_edit_t edit;              /* Heartbeat: sent along */
    bool same_doctor, same_time; /* not said: as the order has them */
    bool related, may_override;
    gh_move_order_t *order; /* NULL: none of that id */
    uint32_t by;            /* what the caller is to the order */
    gh_move_verdict_t verdict;
    bool moved;
    int64_t from_schedule_id, price_before; /* of a moved one */
    int32_t from_slot_no;
    int wave; /* which statement writes it */
} gh_move_job_t;

typedef enum { GH_MOVE_ORIGINS, GH_MOVE_FACTS, GH_MOVE_PLACES, GH_MOVE_OFFERS, GH_MOVE_LAST } gh_move_stage_t;

typedef struct gh_moving {
    gh_batch_t *b;
    gh_book_t book; /* its jobs are the wishes */
    gh_move_stage_t stage;
    gh_move_job_t *jobs;
    size_t n;
    gh_move_order_t *orders; /* by id */
    size_t n_orders;
    int32_t max_moves;
    bool offering, reading_after, suggesting;
    gh_offer_t offer;
    size_t at_origins, at_waited, at_orders, at_facts, at_people;
    gh_after_t after;
} gh_moving_t;

gh_step_t gh_move_step(gh_batch_t *b);
gh_step_t gh_hb_update_step(gh_batch_t *b); /* update_hb.c: HB-16 */
/* Are doctor and time still the order's own where the wish left them as they are? */
bool gh_move_wish_holds(const gh_move_job_t *mj);

/* move_data.c */

/* Phase 0: where the orders are; nothing is locked. */
void gh_move_ask_origins(gh_moving_t *m);
/* What the wishes take from their orders: the patient, and the doctor and time that they leave as they are. -1: memory ran out. */
int gh_move_take_origins(gh_moving_t *m) GH_MUSTCHECK;
/* Phase 1: lock patients, sessions, orders; read what deciding needs. */
void gh_move_ask(gh_moving_t *m);
/* GH_STEP_MORE, _AGAIN when an order has moved between the two phases, _FAIL. */
gh_step_t gh_move_take(gh_moving_t *m);
/* Write all that moved. -1: memory ran out. */
int gh_move_write(gh_moving_t *m) GH_MUSTCHECK;
/* Freed places for whoever waits for them: after gh_move_write() ask, true when somebody may; in the phase after give them. */
bool gh_move_ask_waiting(gh_moving_t *m);
int gh_move_offer(gh_moving_t *m) GH_MUSTCHECK;

#endif
