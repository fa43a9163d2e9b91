/*
 * workers/billing/provider.h - who carries money for the hospital: a table of functions a provider (api/26)
 *
 * `sandbox` plays a provider in this process: its pages and events are signed like a real one's. It is for development, and refused in
 * production. `simulated` (domain/payment.h) stands for the surface of seed 002, whose payments succeed at once: it has no pages and
 * reports nothing, so that it is not asked for here.
 * A provider to come has a row in provider.c: pages it makes, keys its events are signed with, how it is asked.
 */
#ifndef GH_BILLING_PROVIDER_H
#define GH_BILLING_PROVIDER_H

#include "domain/payment.h"
#include "workers/billing/signature.h"

/* What a page of a provider says. */
typedef struct gh_pay_request {
    const char *payment_no, *currency;
    int64_t amount; /* cents */
    int64_t now_us, expires_us;
    gh_str_t return_url; /* p NULL: none */
} gh_pay_request_t;

typedef struct gh_provider {
    const char *name;
    bool (*enabled)(const gh_conf_t *conf);
    /* Keys of its events, the present one first. Borrowed until the next call. -1 after a log line: there are none. */
    int (*keys)(const gh_conf_t *conf, gh_sign_keys_t *out);
    /* Begin a payment: where the payer goes, and the same for a code to be scanned. -1: GATEWAY_ERROR. */
    int (*start)(const gh_conf_t *conf, const gh_pay_request_t *pay, gh_buf_t *pay_url, gh_buf_t *qr);
    /* How a PENDING payment stands there: PENDING, or the state it has ended in. -1: GATEWAY_ERROR. */
    int (*query)(const gh_conf_t *conf, const gh_payment_t *p, int64_t now_us, gh_payment_state_t *out);
    bool plays; /* reports of payments and refunds are made in this process (events.c) */
} gh_provider_t;

/* The provider of this name if it is enabled, else NULL. */
const gh_provider_t *gh_provider_find(const gh_conf_t *conf, gh_str_t name);

/* Is the origin of a URL (scheme://host[:port]) on the list of settings payment.return_origins? */
bool gh_return_url_allowed(const gh_conf_t *conf, gh_str_t url);

#endif
