/*
 * lib/db/hosts.c - see hosts.h
 */
#include "db/hosts.h"

#include <string.h>

size_t
gh_db_hosts(const char *list)
{
    size_t n = 1;
    for (; *list; list++)
        n += *list == ',';
    return n;
}

void
gh_db_turn(const char *list, size_t turn, gh_buf_t *out)
{
    const char *first = list;
    for (turn %= gh_db_hosts(list); turn > 0; turn--)
        first += strcspn(first, ",") + 1;
    gh_buf_str(out, gh_str(first));
    if (first > list) {
        gh_buf_str(out, GH_STR(","));
        gh_buf_str(out, (gh_str_t){list, (size_t)(first - list) - 1});
    }
}
