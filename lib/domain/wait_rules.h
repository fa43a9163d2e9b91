/*
 * lib/domain/wait_rules.h - who may wait for a place of a full session, and who may change an entry (BR-96..BR-98, BR-100, BR-103)
 *
 * Pure; lib/domain/offer.h gives the places (BR-99).
 */
#ifndef GH_DOMAIN_WAIT_RULES_H
#define GH_DOMAIN_WAIT_RULES_H

#include "domain/book_rules.h"

/* Who asks for whom, and for which session. */
typedef struct gh_wait_ask {
    int64_t own_id;              /* the caller's patient row; 0: none */
    int64_t patient_id;          /* who shall wait; 0: there is no such patient */
    bool related;                /* tied to the caller by a relation */
    bool banned;                 /* BR-80 */
    bool has_place, waits;       /* the patient has an active order of the session; waits for it already */
    const gh_session_t *session; /* NULL: there is none */
    int64_t now_us;
} gh_wait_ask_t;

/* BR-72 in its own words, BR-80, BR-81, BR-96. */
gh_err_t gh_br96_may_join(const gh_wait_ask_t *a);
/* BR-97: behind those who wait already. */
int64_t gh_br97_position(int64_t waiting);
/* BR-98, in minutes. */
int64_t gh_br98_estimate_minutes(int64_t position);

/* An entry and who asks about it. */
typedef struct gh_wait_entry {
    bool exists; /* is, or was, an entry of a waitlist */
    gh_order_state_t state;
    int64_t initiator_id, patient_id; /* the account that joined; whose it is */
} gh_wait_entry_t;

/* BR-100 and BR-103: who joined and the patient may, while it waits. own_id: the caller's patient row, 0: none. */
gh_err_t gh_br100_may_convert(const gh_wait_entry_t *e, int64_t user_id, int64_t own_id);
gh_err_t gh_br103_may_leave(const gh_wait_entry_t *e, int64_t user_id, int64_t own_id);

#endif
