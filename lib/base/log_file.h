/*
 * lib/base/log_file.h - the files behind the log: opened, found again when they were moved, turned over and compressed (api/29)
 *
 * Without log.dir all lines go to stderr. With it a program writes NAME.log there, and what else it would say on stderr goes there
 * too; requests go to NAME.access.log. Several processes may share a file: lines are appended by one write each, and whoever finds
 * that another process has turned the file over opens the new one. A file that has grown to log.max_bytes, or whose lines are of
 * another day (of the hospital's zone), is renamed to NAME.log.YYYYMMDD-HHMMSS and compressed (.gz); log.keep of them are kept.
 */
#ifndef GH_BASE_LOG_FILE_H
#define GH_BASE_LOG_FILE_H

#include "base/gh.h"

typedef enum { GH_LOG_APP_FILE, GH_LOG_ACCESS_FILE, GH_LOG_FILES } gh_log_file_t;

/* Open dir/name.log, and dir/name.access.log when there shall be one; dir is made when it is missing. Once, before any thread
 * exists: stderr becomes the first of them. -1 after a message on stderr. */
int gh_log_files_open(const char *dir, const char *name, bool access) GH_MUSTCHECK;
/* When to turn over (bytes) and how many old files to keep, of each kind; at any time. */
void gh_log_files_limits(int64_t max_bytes, int64_t keep);
/* The descriptor to write lines to: the file's when it is open, else stderr. Looks once a second whether the file was moved. */
int gh_log_files_fd(gh_log_file_t file);
/* Lines could not be written (the disk is full, perhaps): counted. Where to say so: the stderr that the program was started with, at most
 * once a minute, and *lost is then how many since it was said last; else -1. */
int gh_log_files_lost(int64_t *lost);
/* A thread that turns over and compresses from now on, and opens the files anew on SIGHUP, which is blocked in the calling thread and
 * in those that it starts. -1: no thread. Nothing to do (0) without files. */
int gh_log_files_keeper(void) GH_MUSTCHECK;
/* What the thread does, for a program that has a timer instead: one bounded piece of work. True: there is more to do at once. */
bool gh_log_files_step(int64_t now_us);

/* ---- for the tests */

/* Is this the name of an old file of base ("front.log"): base.YYYYMMDD-HHMMSS, perhaps -N, perhaps .gz? */
bool gh_log_file_is_old(const char *base, const char *name);
void gh_log_files_close(void);

#endif
