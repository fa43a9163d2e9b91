/*
 * lib/deliver/transfer.h - what deliveries over the network have in common, by libcurl
 */
#ifndef GH_DELIVER_TRANSFER_H
#define GH_DELIVER_TRANSFER_H

#include <curl/curl.h>
#include <stdatomic.h>

#include "base/buf.h"

/* No proxy, no signals, an end after timeout_s or when *stop becomes true; the peer is checked against the certificates of
 * ca_file, or those of the system when it is empty. All is borrowed until the transfer ends. */
void gh_transfer_set(CURL *curl, const atomic_bool *stop, long timeout_s, const char *ca_file);

/* Append a text as it stands in the query of a URL (RFC 3986): all but unreserved characters as %XX. */
void gh_transfer_escape(gh_buf_t *out, const char *text);

#endif
