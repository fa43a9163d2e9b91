/*
 * ops/cmd/copy.h - COPY ... FROM STDIN in text format, built row by row
 */
#ifndef GH_CMD_COPY_H
#define GH_CMD_COPY_H

#include "base/buf.h"

struct pg_conn;

typedef struct gh_copy {
    struct pg_conn *db; /* borrowed */
    gh_buf_t buf;       /* rows not yet sent */
    bool first;         /* at the start of a row */
    bool failed;
} gh_copy_t;

/* Start. command is a whole "copy t (a, b) from stdin". -1 after a message. */
int gh_copy_begin(gh_copy_t *copy, struct pg_conn *db, const char *command) GH_MUSTCHECK;
void gh_copy_text(gh_copy_t *copy, gh_str_t s); /* escaped; p NULL writes NULL */
void gh_copy_cstr(gh_copy_t *copy, const char *s);
void gh_copy_i64(gh_copy_t *copy, int64_t v);
void gh_copy_bool(gh_copy_t *copy, bool v);
void gh_copy_uuid(gh_copy_t *copy, const uint8_t id[16]);
void gh_copy_row(gh_copy_t *copy); /* ends the row; sends when enough has gathered */
/* Finish, or give up when an earlier step failed. -1 after a message. Always frees. */
int gh_copy_end(gh_copy_t *copy) GH_MUSTCHECK;

#endif
