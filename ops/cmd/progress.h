/*
 * ops/cmd/progress.h - progress of long work on stderr: one aligned line a step, moving on a terminal, silent with --quiet
 */
#ifndef GH_CMD_PROGRESS_H
#define GH_CMD_PROGRESS_H

#include "ops/cmd/cmd.h"

typedef struct gh_progress {
    bool on, tty;
    const char *label; /* borrowed */
    int64_t total, started_ms, shown_ms;
} gh_progress_t;

/* total 0: unknown. */
void gh_progress_begin(gh_progress_t *p, const gh_cmd_t *c, const char *label, int64_t total);
void gh_progress_at(gh_progress_t *p, int64_t done); /* at most ten times a second, on a terminal only */
void gh_progress_end(gh_progress_t *p, int64_t rows);

#endif
