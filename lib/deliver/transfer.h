/*
 * lib/deliver/transfer.h - what deliveries over the network have in common, by libcurl
 */
#ifndef GH_DELIVER_TRANSFER_H
#define GH_DELIVER_TRANSFER_H

#include <curl/curl.h>
#include <stdatomic.h>

#include "base/buf.h"
#include "base/conf.h"

/* No proxy, no signals, an end after timeout_s or when *stop becomes true; the peer is checked against the certificates of
 * ca_file, or those of the system when it is empty. All is borrowed until the transfer ends. */
void gh_transfer_set(CURL *curl, const atomic_bool *stop, long timeout_s, const char *ca_file);

/* A request over HTTP whose body is JSON. All is borrowed. */
typedef struct gh_transfer {
    const gh_conf_t *conf; /* in production the peer must speak https */
    const char *url, *ca_file;
    const char *line;  /* a further line of the head; NULL: none */
    const char *trace; /* traceparent, sent along; NULL or empty: none */
    long timeout_s;
    const atomic_bool *stop; /* NULL: nothing stops it early */
    gh_str_t body;           /* p NULL: GET instead of POST */
    gh_buf_t *answer;        /* what the peer says is appended, an error past 64 KiB; NULL: nobody reads it */
} gh_transfer_t;

/* Carry it out. Anything but CURLE_OK: there is no whole answer; *status is the peer's as far as known, else 0. */
CURLcode gh_transfer_json(const gh_transfer_t *t, long *status);

/* Append a text as it stands in the query of a URL (RFC 3986): all but unreserved characters as %XX. */
void gh_transfer_escape(gh_buf_t *out, const char *text);

#endif
