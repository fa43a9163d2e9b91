/*
 * lib/domain/cancel_rules.h - may this order be cancelled, and what becomes of it? (BR-85..BR-88, BR-93, R-93..R-95, R-225)
 */
#ifndef GH_DOMAIN_CANCEL_RULES_H
#define GH_DOMAIN_CANCEL_RULES_H

#include "base/error.h"
#include "domain/order_states.h"
#include "domain/settings.h"

/* How a way of cancelling refuses: the appointment (BR-86), or the payment of an order with the order (BR-88). */
typedef struct gh_cancel_way {
    gh_err_t missing;         /* there is no such order */
    gh_err_t forbidden;       /* somebody else's */
    gh_err_t cancelled;       /* of a cancelled order */
    gh_err_t over;            /* of one that is completed, or was missed */
    gh_err_t too_late;        /* past the deadline */
    bool unpaid_has_deadline; /* the deadline binds unpaid orders too */
} gh_cancel_way_t;
extern const gh_cancel_way_t gh_cancel_appointment, gh_cancel_payment;

/* Who asks. The surfaces differ in who may and from when the deadline counts. */
typedef struct gh_canceller {
    bool allowed;      /* the row is his to cancel (scope, initiator, patient): the caller worked it out */
    bool has_deadline; /* code surface: everybody; v1 and Heartbeat: a patient */
    bool wants_override, may_override; /* */
    const gh_cancel_way_t *way;        /* NULL: gh_cancel_appointment */
} gh_canceller_t;

typedef struct gh_cancel_facts {
    gh_order_state_t state;
    gh_pay_state_t payment;
    int64_t price;             /* cents */
    int64_t deadline_start_us; /* code surface: start of the section (session); others: start of the place */
    int64_t payable_since_us;  /* 0: never */
    int64_t now_us;
    const gh_registration_t *rules; /* of the order's doctor */
} gh_cancel_facts_t;

typedef struct gh_cancel_verdict {
    gh_err_t err;           /* GH_E_NONE: becomes what follows */
    gh_order_state_t state; /* cancelled or timeout */
    gh_pay_state_t payment; /* cancelled, refunded or failed */
    int64_t refund;         /* cents given back; 0: nothing was paid */
} gh_cancel_verdict_t;

gh_err_t gh_br86_cancellable(gh_order_state_t state); /* */
/* BR-85, R-94: refused from exactly H hours before the start. */
gh_err_t gh_br85_before_deadline(int64_t start_us, int64_t now_us, int32_t cancel_hours);
/* BR-83, BR-102: from then on an order that became payable at since_us is overdue. */
int64_t gh_br83_pay_until(int64_t since_us, const gh_registration_t *r);
/* BR-87: unpaid and past the payment time-out. */
bool gh_br87_overdue(const gh_cancel_facts_t *f);
/* BR-93: what lists show. */
bool gh_br93_can_cancel(const gh_cancel_facts_t *f);

/* The one decision: who, which state, the deadline; an unpaid order past its time becomes a time-out (BR-87, BR-88). */
gh_cancel_verdict_t gh_cancel_decide(const gh_canceller_t *c, const gh_cancel_facts_t *f);

#endif
