/*
 * ops/cmd/live.h - the commands that talk to a running system, as rows of the command table (main.c)
 */
#ifndef GH_CMD_LIVE_H
#define GH_CMD_LIVE_H

#include "ops/cmd/cmd.h"

int gh_cmd_queues(gh_cmd_t *c);
int gh_cmd_workers(gh_cmd_t *c); /* options of queues */
int gh_cmd_top(gh_cmd_t *c);
int gh_cmd_replay(gh_cmd_t *c);
extern const gh_opt_t gh_queues_opts[], gh_top_opts[], gh_replay_opts[];

#define GH_REPLAY_TEXT                                                                                       \
    "FILE is a CSV file with a header line, one booking a row: clinic, patient, when it was made, day of "   \
    "the visit. Makes\n"                                                                                     \
    "one session a clinic (visit days are moved into the booking window), a patient and a sign-in for each " \
    "patient of the\n"                                                                                       \
    "log, and sends the bookings in order of their booking time, each with its own Idempotency-Key; "        \
    "overload and lost\n"                                                                                    \
    "replies are tried again with the same key. Then compares the database with what was answered: exit "    \
    "status 1 when a\n"                                                                                      \
    "row stayed without an answer or they disagree. All rows it makes carry the demo mark."

#endif
