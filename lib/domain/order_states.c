/*
 * lib/domain/order_states.c - the table of steps; see the header
 */
#include "domain/order_states.h"

#define TO(state) (1u << GH_ORDER_##state)

static const struct {
    const char *name;
    uint32_t to; /* states that may follow */
    bool active, holds;
    const char *shown, *fhir; /* words of api/24 */
} states[GH_ORDER_STATES] = {
    [GH_ORDER_WAITLIST] = {"waitlist", TO(PENDING) | TO(CONFIRMED) | TO(CANCELLED), false, false, NULL,
                           "waitlist"},
    [GH_ORDER_PENDING] = {"pending", TO(CONFIRMED) | TO(CANCELLED) | TO(TIMEOUT), true, true, "SCHEDULED",
                          "pending"},
    [GH_ORDER_CONFIRMED] = {"confirmed", TO(COMPLETED) | TO(CANCELLED) | TO(NO_SHOW), true, true, "SCHEDULED",
                            "booked"},
    [GH_ORDER_COMPLETED] = {"completed", 0, false, true, "COMPLETED", "fulfilled"},
    [GH_ORDER_CANCELLED] = {"cancelled", 0, false, false, "CANCELLED", "cancelled"},
    [GH_ORDER_TIMEOUT] = {"timeout", 0, false, false, "CANCELLED", "cancelled"},
    [GH_ORDER_NO_SHOW] = {"no_show", 0, false, true, "CANCELLED", "noshow"},
};

static const char *const pay_names[GH_PAY_STATES] = {
    [GH_PAY_PENDING] = "pending", [GH_PAY_PAYING] = "paying",       [GH_PAY_PAID] = "paid",
    [GH_PAY_FAILED] = "failed",   [GH_PAY_CANCELLED] = "cancelled", [GH_PAY_REFUNDED] = "refunded",
};

const char *
gh_order_state_name(gh_order_state_t state)
{
    return states[state].name;
}

int
gh_order_state_parse(gh_str_t word, gh_order_state_t *out)
{
    for (size_t i = 0; i < GH_ORDER_STATES; i++)
        if (gh_str_is(word, states[i].name)) {
            *out = (gh_order_state_t)i;
            return 0;
        }
    return -1;
}

const char *
gh_pay_state_name(gh_pay_state_t state)
{
    return pay_names[state];
}

int
gh_pay_state_parse(gh_str_t word, gh_pay_state_t *out)
{
    for (size_t i = 0; i < GH_PAY_STATES; i++)
        if (gh_str_is(word, pay_names[i])) {
            *out = (gh_pay_state_t)i;
            return 0;
        }
    return -1;
}

bool
gh_order_can_step(gh_order_state_t from, gh_order_state_t to)
{
    return from < GH_ORDER_STATES && to < GH_ORDER_STATES && (states[from].to >> to & 1u);
}

const char *
gh_order_shown(gh_order_state_t state)
{
    return states[state].shown;
}

const char *
gh_order_fhir(gh_order_state_t state, bool arrived)
{
    return state == GH_ORDER_CONFIRMED && arrived ? "arrived" : states[state].fhir;
}

bool
gh_order_active(gh_order_state_t state)
{
    return states[state].active;
}

bool
gh_order_holds_place(gh_order_state_t state)
{
    return states[state].holds;
}

/* ---- steps */

enum {
    AFTER_START = 1 << 0,             /* R-104; the system (the queue's pass limit) need not wait */
    AFTER_START_IF_ENFORCED = 1 << 1, /* */
    BEFORE_DEADLINE = 1 << 2,         /* R-94, of patients */
    NOT_ARRIVED = 1 << 3 /* who was there has not missed it; the queue may find that he has left */
};

#define STAY     GH_ORDER_STATES
#define BY_HAND  (GH_BY_PATIENT | GH_BY_DOCTOR | GH_BY_STAFF | GH_BY_SYSTEM)
#define ACTIVE   (TO(PENDING) | TO(CONFIRMED))
#define OFF_HAND (GH_BY_NURSE | GH_BY_DOCTOR | GH_BY_STAFF | GH_BY_SYSTEM)

static const struct {
    uint32_t from;       /* states in which it can be done */
    gh_order_state_t to; /* STAY: unchanged */
    uint32_t by;         /* whom it is for (api/20 section 6: of nurses only arrival and absence) */
    uint32_t needs;
    const char *action;
} steps[GH_ORDER_STEPS] = {
    [GH_DO_PROMOTE] = {TO(WAITLIST), GH_ORDER_PENDING, GH_BY_PATIENT | GH_BY_SYSTEM, 0, "booked"},
    [GH_DO_LEAVE] = {TO(WAITLIST), GH_ORDER_CANCELLED, GH_BY_PATIENT | GH_BY_STAFF | GH_BY_SYSTEM, 0,
                     "cancelled"},
    [GH_DO_PAY] = {TO(PENDING), GH_ORDER_CONFIRMED, GH_BY_PATIENT | GH_BY_STAFF | GH_BY_SYSTEM, 0,
                   "confirmed"},
    [GH_DO_EXPIRE] = {TO(PENDING), GH_ORDER_TIMEOUT, GH_BY_SYSTEM, 0, "timeout"},
    [GH_DO_EDIT] = {ACTIVE, STAY, BY_HAND, 0, NULL},
    [GH_DO_MOVE] = {ACTIVE, STAY, BY_HAND, BEFORE_DEADLINE, "rescheduled"},
    [GH_DO_CANCEL] = {ACTIVE, GH_ORDER_CANCELLED, BY_HAND, BEFORE_DEADLINE, "cancelled"},
    [GH_DO_ARRIVE] = {TO(CONFIRMED), STAY, OFF_HAND, NOT_ARRIVED, "arrived"},
    [GH_DO_COMPLETE] = {TO(CONFIRMED), GH_ORDER_COMPLETED, GH_BY_DOCTOR | GH_BY_STAFF | GH_BY_SYSTEM,
                        AFTER_START_IF_ENFORCED, "completed"},
    [GH_DO_MISS] = {TO(CONFIRMED), GH_ORDER_NO_SHOW, OFF_HAND, AFTER_START | NOT_ARRIVED, "no_show"},
};

static gh_err_t
needs_of(gh_order_step_t step, uint32_t by, const gh_order_facts_t *f)
{
    uint32_t needs = steps[step].needs;
    bool started = f->now_us >= f->starts_us, by_system = by & GH_BY_SYSTEM;
    if ((needs & AFTER_START) && !started && !by_system)
        return GH_E_INVALID_TRANSITION;
    if ((needs & AFTER_START_IF_ENFORCED) && f->start_before_complete && !started)
        return GH_E_INVALID_TRANSITION;
    if ((needs & NOT_ARRIVED) && f->arrived && !by_system)
        return GH_E_INVALID_TRANSITION;
    if ((needs & BEFORE_DEADLINE) && by == GH_BY_PATIENT && f->deadline_us && f->now_us >= f->deadline_us)
        return GH_E_CANCEL_TOO_LATE;
    return GH_E_NONE;
}

gh_err_t
gh_order_may(gh_order_step_t step, uint32_t by, const gh_order_facts_t *f)
{
    if (by == 0)
        return GH_E_NOT_OWNER;
    by &= steps[step].by;
    if (by == 0)
        return GH_E_FORBIDDEN;
    if (f->state >= GH_ORDER_STATES || !(steps[step].from >> f->state & 1u))
        return GH_E_INVALID_TRANSITION;
    return needs_of(step, by, f);
}

gh_order_state_t
gh_order_after(gh_order_step_t step, gh_order_state_t from)
{
    return steps[step].to == STAY ? from : steps[step].to;
}

uint32_t
gh_order_step_by(gh_order_step_t step, uint32_t by)
{
    return by & steps[step].by;
}

const char *
gh_order_step_action(gh_order_step_t step)
{
    return steps[step].action;
}

/* ---- a wanted status */

static const struct {
    const char *word;
    bool fhir;
    uint32_t same; /* states that are shown by this word */
    bool has_step;
    gh_order_step_t step;
} wanted_words[GH_WANTED] = {
    [GH_WANT_SCHEDULED] = {"SCHEDULED", false, ACTIVE, false, GH_DO_EDIT},
    [GH_WANT_COMPLETED] = {"COMPLETED", false, TO(COMPLETED), true, GH_DO_COMPLETE},
    [GH_WANT_CANCELLED] = {"CANCELLED", false, TO(CANCELLED) | TO(TIMEOUT) | TO(NO_SHOW), true, GH_DO_CANCEL},
    [GH_WANT_ARRIVED] = {"arrived", true, 0, true, GH_DO_ARRIVE}, /* confirmed and arrived: below */
    [GH_WANT_FULFILLED] = {"fulfilled", true, TO(COMPLETED), true, GH_DO_COMPLETE},
    [GH_WANT_FHIR_CANCELLED] = {"cancelled", true, TO(CANCELLED) | TO(TIMEOUT), true, GH_DO_CANCEL},
    [GH_WANT_NOSHOW] = {"noshow", true, TO(NO_SHOW), true, GH_DO_MISS},
};

int
gh_wanted_parse(gh_str_t word, bool fhir, gh_wanted_t *out)
{
    for (size_t i = 0; i < GH_WANTED; i++)
        if (wanted_words[i].fhir == fhir && gh_str_is(word, wanted_words[i].word)) {
            *out = (gh_wanted_t)i;
            return 0;
        }
    return -1;
}

gh_wanted_verdict_t
gh_wanted_decide(gh_wanted_t wanted, uint32_t by, const gh_order_facts_t *f)
{
    gh_wanted_verdict_t v = {.step = wanted_words[wanted].step};
    bool shown = wanted == GH_WANT_ARRIVED ? f->state == GH_ORDER_CONFIRMED && f->arrived
                                           : wanted_words[wanted].same >> f->state & 1u;
    if (by == 0)
        v.err = GH_E_NOT_OWNER;
    else if (wanted_words[wanted].has_step && gh_order_step_by(v.step, by) == 0)
        v.err = GH_E_FORBIDDEN; /* not for him, whatever the state */
    else if (shown)
        v.same = true;
    else
        v.err = wanted_words[wanted].has_step ? gh_order_may(v.step, by, f) : GH_E_INVALID_TRANSITION;
    return v;
}
