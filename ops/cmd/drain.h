/*
 * ops/cmd/drain.h - `guahao drain`
 */
#ifndef GH_CMD_DRAIN_H
#define GH_CMD_DRAIN_H

#include "ops/cmd/cmd.h"

extern const gh_opt_t gh_drain_opts[];
int gh_cmd_drain(gh_cmd_t *c);

#endif
