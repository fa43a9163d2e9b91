/*
 * lib/domain/reschedule_rules.h - may this order be moved there, and what does it cost then? (BR-89..BR-92, R-93, R-94, R-96, R-97, R-101)
 *
 * One function a rule, each giving GH_E_NONE or its row of the error table; gh_move_decide() asks them in the order of the contract:
 * who, the order as it is, where to, then the rules of booking (book_rules.h) over what the patient has besides, then the fee.
 * Pure: facts come from the batch's reads and from what its earlier jobs did.
 */
#ifndef GH_DOMAIN_RESCHEDULE_RULES_H
#define GH_DOMAIN_RESCHEDULE_RULES_H

#include "domain/book_rules.h"
#include "domain/cancel_rules.h"

/* Who asks. */
typedef struct gh_mover {
    uint32_t by; /* what he is to the order (order_states.h); bind who moves it as patient */
    bool code;   /* the code surface: BR-89 to BR-91 */
    bool banned; /* */
    bool wants_override, may_override; /* */
} gh_mover_t;

/* The order as it is. */
typedef struct gh_movable {
    int64_t schedule_id, doctor_id, clinic_id;
    gh_str_t slot_type;
    int32_t slot_no;
    int64_t starts_us, ends_us;
    gh_order_state_t state;
    gh_pay_state_t payment;
    int64_t price; /* cents */
    int32_t rate;
    bool billed;                    /* there is a registration bill */
    int64_t payable_since_us;       /* 0: never */
    int32_t moves;                  /* that patients have made */
    const gh_registration_t *rules; /* of its doctor */
} gh_movable_t;

/* Where to. */
typedef struct gh_move_wish {
    gh_session_t *session; /* NULL: there is none */
    gh_slots_t *slots;
    gh_err_t missing; /* what to say when there is no session */
    gh_wish_t place;
} gh_move_wish_t;

/* what the move does to the fee. */
typedef struct gh_move_fee {
    gh_order_state_t state;
    gh_pay_state_t payment;
    int64_t price;  /* the new one, cents */
    int64_t refund; /* cents given back of what was paid */
    bool rebill;    /* bills have to follow (gh_books_reprice()) */
} gh_move_fee_t;

typedef struct gh_move_verdict {
    gh_err_t err; /* GH_E_NONE: moves as below */
    bool stays;   /* it is there already: nothing is to be done */
    int32_t slot_no;
    int64_t starts_us, ends_us;
    int32_t rate;
    gh_move_fee_t fee;
} gh_move_verdict_t;

/* the order as it is */
gh_err_t gh_br89_state(const gh_movable_t *o, int64_t now_us); /* R-93; one that is overdue (BR-87) as well */
gh_err_t gh_br89_payment(gh_pay_state_t payment);
gh_err_t gh_br89_not_started(int64_t starts_us, int64_t now_us);
gh_err_t gh_r97_moves_left(int32_t moves, int32_t max);
/* where to, on the code surface: the same doctor, clinic and number class in another session that has not begun and has places */
gh_err_t gh_br90_target(const gh_movable_t *o, const gh_session_t *s, int64_t now_us);
/* the fee */
gh_err_t gh_br91_same_price(gh_pay_state_t payment, int64_t before, int64_t after);
gh_move_fee_t gh_r96_fee(const gh_movable_t *o, int64_t after);

/* The place that the wish means is the one the order has. */
bool gh_move_stays(const gh_movable_t *o, const gh_move_wish_t *w);

/* All of them. f->orders: what the patient has besides this order. Changes nothing: the caller takes the place. */
gh_move_verdict_t gh_move_decide(const gh_mover_t *who, const gh_movable_t *o, const gh_move_wish_t *w,
                                 int32_t max_moves, const gh_book_facts_t *f);

#endif
