/*
 * lib/base/program.h - how the long-running programs start: command line, log, time zone
 */
#ifndef GH_BASE_PROGRAM_H
#define GH_BASE_PROGRAM_H

#include <stdio.h>

#include "base/conf.h"

/*
 * Read `[--config FILE] [--help]` and n_words words. *config is the file or NULL, *words (may be NULL) the first word in
 * argv. Returns -1 to go on, or the status to exit with: 0 after the usage() of --help, 2 after a line about what does not fit.
 */
int gh_program_args(int argc, char **argv, int n_words, void (*usage)(FILE *out), const char **config,
                    char ***words);

/* Start the log of this component as log.* say, look for a service manager (base/notify.h), and set the hospital's time zone. 0, or -1 after a message. */
int gh_program_start(const gh_conf_t *conf, const char *component);

/* Least levels of log lines and limits of the log files as log.* say; again whenever the settings have changed. */
void gh_program_log(const gh_conf_t *conf);
/* Now and then, at least once a second: levels that were set for a while (log.override) end. */
void gh_program_log_tick(const gh_conf_t *conf);

/* Write the log to files of this name in log.dir; nothing without one. Before any thread exists; SIGHUP does no harm from now on.
 * access: with one more for requests. timer: the program calls gh_log_files_step() itself. 0, or -1 after a message. */
int gh_program_log_files(const gh_conf_t *conf, const char *name, bool access, bool timer) GH_MUSTCHECK;

/* Move the hospital's clock as the settings say (clock.shift_ms, decisions 20); again whenever they have changed. False: production
 * has a moved clock, which was logged, and the clock is the machine's. */
bool gh_program_clock(const gh_conf_t *conf);

/* Resident memory of a process in bytes, from /proc; 0 when it cannot be read. */
int64_t gh_program_resident(int64_t pid);

#endif
