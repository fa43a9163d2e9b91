/*
 * ops/cmd/clock_words.h - what `guahao clock` is told, as text
 */
#ifndef GH_CMD_CLOCK_WORDS_H
#define GH_CMD_CLOCK_WORDS_H

#include "base/gh.h"

/*
 * Read `+2h`, `-30m`, `+1d12h30m5s` (weeks w, days d of 24 hours, hours h, minutes m, seconds s, each at most once and in this
 * order), a moment (RFC 3339, without offset in the hospital's zone), or `reset`. machine_ms is the machine's clock, shift_ms how far the
 * hospital's is ahead of it now; *out is how far it is to be. False: none of these, or further off than GH_CLOCK_MS_MAX.
 */
bool gh_clock_words(const char *text, int64_t machine_ms, int64_t shift_ms, int64_t *out) GH_MUSTCHECK;

#endif
