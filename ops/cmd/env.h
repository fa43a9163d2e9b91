/*
 * ops/cmd/env.h - environment from files, for the command line only
 */
#ifndef GH_CMD_ENV_H
#define GH_CMD_ENV_H

#include "base/gh.h"

/* Add the NAME=value lines of `file` to the environment, then those of an installation (gh_conf_place), then those of
 * ${GUAHAO_VAR}/run.env, which `make run` writes so that commands find the instance that runs there. What is set already stays. file NULL: .env when there is one. -1 after a message
 * on stderr when `file` was named and cannot be read, or a line is wrong. */
int gh_env_load(const char *file) GH_MUSTCHECK;

/* One line: comments and blank ones are fine, `export ` and quotes around the value are dropped. -1: not of that form. Writes
 * into line. name is NULL for a line that sets nothing. For tests. */
int gh_env_line(char *line, char **name, char **value) GH_MUSTCHECK;

/* Name the variables of the older systems' other stores, which nothing here uses (api/31). */
void gh_env_warn_unused(void);

#endif
