/*
 * lib/domain/if_match.h - conditional writes: does If-Match name the row as it is now?
 */
#ifndef GH_DOMAIN_IF_MATCH_H
#define GH_DOMAIN_IF_MATCH_H

#include "base/buf.h"

#define GH_ETAG_TEXT 80

/* The entity tag of a row, quotes included: "user-42-7" (api/20 section 8). entity: at most 20 bytes. */
void gh_etag(char out[GH_ETAG_TEXT], const char *entity, int64_t id, int64_t version);

/* A list of tags, compared strongly, or * (RFC 9110 section 13.1.1). True too when the header is absent (p NULL). */
bool gh_if_match(gh_str_t header, const char *etag);

#endif
