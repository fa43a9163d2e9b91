/*
 * ops/cmd/opt.h - command-line options from tables
 *
 * `--name value`, `--name=value`, flags without a value, `--` ends the options, everything else is a word. Options and words
 * may be mixed. A name given twice: the last one counts. Nothing is printed here: `err` says what was wrong.
 */
#ifndef GH_CMD_OPT_H
#define GH_CMD_OPT_H

#include "base/gh.h"

typedef struct gh_opt {
    const char *name;  /* without the dashes; NULL ends a table */
    const char *value; /* what the help shows for its value, e.g. "N"; NULL: a flag */
    const char *help;
} gh_opt_t;

#define GH_OPTS_MAX  24 /* options of one table */
#define GH_WORDS_MAX 16

typedef struct gh_args {
    const gh_opt_t *table[2];          /* the command's own, the global ones; either may be NULL */
    const char *given[2][GH_OPTS_MAX]; /* borrowed from argv; "" for a flag that is set, NULL when absent */
    const char *words[GH_WORDS_MAX + 1];
    size_t n_words;
    char err[200];
} gh_args_t;

/* Parse argv[0..argc). -1 with err filled. */
int gh_args_parse(gh_args_t *a, const gh_opt_t *own, const gh_opt_t *global, int argc,
                  char **argv) GH_MUSTCHECK;

/* Asking for an option that no table has is a bug: aborts. */
bool gh_args_has(const gh_args_t *a, const char *name);
const char *gh_args_str(const gh_args_t *a, const char *name, const char *otherwise);
/* A whole number within min..max. -1 with err filled. */
int gh_args_int(gh_args_t *a, const char *name, int64_t min, int64_t max, int64_t otherwise,
                int64_t *out) GH_MUSTCHECK;
/* The index of the option's value in a list "a|b|c". -1 with err filled. */
int gh_args_word(gh_args_t *a, const char *name, const char *words, int otherwise, int *out) GH_MUSTCHECK;

#endif
