/*
 * ops/cmd/keys_data.h - `guahao keys rotate --kind data` (keys_data.c)
 */
#ifndef GH_CMD_KEYS_DATA_H
#define GH_CMD_KEYS_DATA_H

#include "ops/cmd/cmd.h"

/* Exit status. */
int gh_keys_rotate_data(gh_cmd_t *c);

#endif
