/*
 * tests/unit/capture.h - what a piece of code writes to stderr or stdout
 */
#ifndef GH_TESTS_CAPTURE_H
#define GH_TESTS_CAPTURE_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct capture {
    int fd;    /* captured descriptor */
    int saved; /* where it went before */
    FILE *tmp;
} capture_t;

static inline capture_t
capture_begin(int fd)
{
    capture_t c = {.fd = fd, .tmp = tmpfile()};
    fflush(NULL);
    c.saved = dup(fd);
    if (!c.tmp || c.saved < 0 || dup2(fileno(c.tmp), fd) < 0)
        abort();
    return c;
}

/* Restore the descriptor and return what was written, NUL-terminated and cut to size - 1. */
static inline const char *
capture_end(capture_t *c, char *out, size_t size)
{
    fflush(NULL);
    dup2(c->saved, c->fd);
    close(c->saved);
    rewind(c->tmp);
    out[fread(out, 1, size - 1, c->tmp)] = 0;
    fclose(c->tmp);
    return out;
}

#endif
