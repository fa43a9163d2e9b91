/*
 * lib/backup/child.h - PostgreSQL's own programs, run on the database of a connection
 *
 * How to reach the server goes by PG* variables, never by arguments: those are for all to see.
 */
#ifndef GH_BACKUP_CHILD_H
#define GH_BACKUP_CHILD_H

#include <sys/types.h>

#include "base/gh.h"

struct pg_conn;

typedef struct gh_child {
    pid_t pid;
    int fd; /* our end of the pipe; the caller closes it, -1 when closed */
} gh_child_t;

/* Start argv (found by PATH, NULL at its end). reads: we write into its standard input; else we read its standard output. Its
 * messages go to our stderr. -1 with errno. */
int gh_child_start(gh_child_t *child, struct pg_conn *db, const char *const *argv, bool reads) GH_MUSTCHECK;
/* Close the pipe when it is open, and wait. Its exit status; 127 when it was not found, -1 when a signal ended it. */
int gh_child_wait(gh_child_t *child);
/* Ask it to stop. */
void gh_child_stop(const gh_child_t *child);

#endif
