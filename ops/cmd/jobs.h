/*
 * ops/cmd/jobs.h - `guahao jobs`: what its files share
 */
#ifndef GH_CMD_JOBS_H
#define GH_CMD_JOBS_H

#include "base/buf.h"
#include "base/uuid7.h"
#include "db/arrays.h"
#include "ops/cmd/cmd.h"

struct pg_conn;

/* A change: when it is made, and the id that its entries of the audit log carry. */
typedef struct gh_change {
    char now[GH_PG_TIME_TEXT], request[GH_UUID_TEXT];
} gh_change_t;
gh_change_t gh_change_new(void);

/* jobs_args.c: a JSON object as an argument frame (msgpack), in hex as a NUL-terminated text. -1: it is no JSON object, or too deep. */
int gh_jobs_args(gh_str_t json, gh_buf_t *hex) GH_MUSTCHECK;

/* jobs_letters.c: dead letters of the brokers, which have taken down every worker that they met. Exit statuses. */
int gh_jobs_letters(gh_cmd_t *c);
/* Put back or drop one, by mmi.requeue or mmi.drop, with an entry of the audit log: 1 done, 0 no broker has it, -1 after a message. */
int gh_jobs_letter(gh_cmd_t *c, struct pg_conn *db, const char *id, bool drop);

/* jobs_schedule.c: "schedule ..." and "kinds ...". Exit statuses. */
int gh_jobs_schedule(gh_cmd_t *c, struct pg_conn *db);
int gh_jobs_kinds(gh_cmd_t *c, struct pg_conn *db);

/* jobs_change.c: "enqueue", "retry", "drop". Exit statuses. */
int gh_jobs_enqueue(gh_cmd_t *c, struct pg_conn *db);
int gh_jobs_again(gh_cmd_t *c, struct pg_conn *db, bool drop);

#endif
