/*
 * lib/db/hosts.h - several database hosts in one connection string
 *
 * libpq tries the hosts in the order of the string, and when it connects without blocking it has no time limit for a host that does
 * not answer at all: who gives such a try up begins the next one elsewhere in the list.
 */
#ifndef GH_DB_HOSTS_H
#define GH_DB_HOSTS_H

#include "base/buf.h"

/* Entries of a comma list as in host=a,b; empty entries count, an empty list has one. */
size_t gh_db_hosts(const char *list);
/* Append the list turned so that entry `turn` (modulo its length) stands first. */
void gh_db_turn(const char *list, size_t turn, gh_buf_t *out);

#endif
