/*
 * lib/domain/if_match.c - see if_match.h
 */
#include "domain/if_match.h"

#include <stdio.h>
#include <string.h>

void
gh_etag(char out[GH_ETAG_TEXT], const char *entity, int64_t id, int64_t version)
{
    snprintf(out, GH_ETAG_TEXT, "\"%s-%lld-%lld\"", entity, (long long)id, (long long)version);
}

bool
gh_if_match(gh_str_t header, const char *etag)
{
    size_t n = strlen(etag);
    if (!header.p || gh_str_is(header, "*"))
        return true;
    for (size_t i = 0; i + n <= header.n; i++)
        if (memcmp(header.p + i, etag, n) == 0 &&
            (i == 0 || header.p[i - 1] == ' ' || header.p[i - 1] == '\t' || header.p[i - 1] == ','))
            return true;
    return false;
}
