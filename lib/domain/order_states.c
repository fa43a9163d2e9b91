/*
 * lib/domain/order_states.c - the table of steps; see the header
 */
#include "domain/order_states.h"

#define TO(state) (1u << GH_ORDER_##state)

static const struct {
    const char *name;
    uint32_t to; /* states that may follow */
    bool active, holds;
} states[GH_ORDER_STATES] = {
    [GH_ORDER_WAITLIST] = {"waitlist", TO(PENDING) | TO(CONFIRMED) | TO(CANCELLED), false, false},
    [GH_ORDER_PENDING] = {"pending", TO(CONFIRMED) | TO(CANCELLED) | TO(TIMEOUT), true, true},
    [GH_ORDER_CONFIRMED] = {"confirmed", TO(COMPLETED) | TO(CANCELLED) | TO(NO_SHOW), true, true},
    [GH_ORDER_COMPLETED] = {"completed", 0, false, true},
    [GH_ORDER_CANCELLED] = {"cancelled", 0, false, false},
    [GH_ORDER_TIMEOUT] = {"timeout", 0, false, false},
    [GH_ORDER_NO_SHOW] = {"no_show", 0, false, true},
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
