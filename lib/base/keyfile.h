/*
 * lib/base/keyfile.h - files that hold keys: mode 0600, there whole or not at all
 */
#ifndef GH_BASE_KEYFILE_H
#define GH_BASE_KEYFILE_H

#include "base/gh.h"

/* Write the file beside its place, flush it, and put it there. replace false: a file that is there stays, which is no
 * failure (another process was first). 0, or -1 with errno. Meanwhile its name is hidden, .NAME.PID: readers of the directory
 * pass over it, and what a process that died left behind is removed by the next write of the same file. */
int gh_keyfile_write(const char *file, gh_str_t bytes, bool replace) GH_MUSTCHECK;

/* Read at most max bytes into out. Gives their number, 0 for an empty file, -1 with errno. */
int64_t gh_keyfile_read(const char *file, char *out, size_t max);

#endif
