/*
 * ops/cmd/term.h - a terminal for a full-screen view, put back as it was on every way out
 *
 * ANSI only (no curses): the alternate screen, no cursor, keys without Enter. The restore is
 * async-signal-safe and runs on gh_term_leave(), at exit() and when a deadly signal arrives.
 */
#ifndef GH_CMD_TERM_H
#define GH_CMD_TERM_H

#include "base/gh.h"

/* Take over the terminal; false when stdout or stdin is none (then nothing is changed). */
bool gh_term_enter(void);
void gh_term_leave(void); /* harmless when repeated or not entered */

/* Rows and columns now; 24 x 80 when unknown. */
void gh_term_size(int *rows, int *columns);

/* Wait up to timeout_ms for a key. Returns it, or 0 when none came, or -1 when the user wants out: SIGINT
 * or SIGTERM arrived or input ended. Use also without a terminal, where it only waits. */
int gh_term_wait(int timeout_ms);

/* From here on SIGINT and SIGTERM are remembered for gh_term_wait() instead of ending the process. */
void gh_term_catch_signals(void);

#endif
