/*
 * ops/cmd/backup.h - what backup and restore share
 */
#ifndef GH_CMD_BACKUP_H
#define GH_CMD_BACKUP_H

#include "ops/cmd/cmd.h"

/* The key of encrypted archives, "" when there is none. Borrowed. */
const char *gh_backup_secret(const gh_cmd_t *c);
/* From here on SIGINT and SIGTERM end the work at its next step, and a closed pipe is an error of writing. */
void gh_backup_catch(void);
/* A step of archive.h: shows progress (arg: gh_progress_t), false after a signal. */
bool gh_backup_step(void *arg, int64_t bytes);

#endif
