/*
 * workers/billing/event.h - an event of a payment provider (api/26)
 */
#ifndef GH_BILLING_EVENT_H
#define GH_BILLING_EVENT_H

#include "workers/billing/signature.h"
#include "wire/mp.h"

typedef enum {
    GH_EVENT_PAYMENT_SUCCEEDED,
    GH_EVENT_PAYMENT_FAILED,
    GH_EVENT_REFUND_SUCCEEDED,
    GH_EVENT_REFUND_FAILED,
    GH_EVENT_TYPES
} gh_event_type_t;

typedef struct gh_event {
    gh_str_t id;
    gh_event_type_t type;
    gh_str_t payment_no, refund_no; /* refund_no p NULL: none */
    gh_str_t provider_ref, currency;
    int64_t amount, occurred_us; /* cents */
    gh_str_t failure;            /* p NULL: none */
} gh_event_t;

const char *gh_event_type_name(gh_event_type_t type);
/* Does it speak of a refund? */
bool gh_event_of_refund(gh_event_type_t type);

/* From the checked body. NULL, or the name of the member that does not fit. Texts are borrowed from args. */
const char *gh_event_take(gh_mp_t args, gh_event_t *out);
/* As JSON, as a provider sends it. */
void gh_event_put(const gh_event_t *e, gh_buf_t *out);

#endif
