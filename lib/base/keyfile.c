/*
 * lib/base/keyfile.c - files that hold keys
 */
#include "base/keyfile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

static int
write_all(int fd, gh_str_t bytes)
{
    while (bytes.n > 0) {
        ssize_t n = write(fd, bytes.p, bytes.n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return -1;
        bytes.p += n;
        bytes.n -= (size_t)n;
    }
    return fsync(fd);
}

int
gh_keyfile_write(const char *file, gh_str_t bytes, bool replace)
{
    char part[PATH_MAX];
    if (snprintf(part, sizeof part, "%s.%ld", file, (long)getpid()) >= (int)sizeof part) {
        errno = ENAMETOOLONG;
        return -1;
    }
    int fd = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return -1;
    int rc = write_all(fd, bytes);
    if (close(fd) != 0)
        rc = -1;
    if (rc == 0)
        rc = replace ? rename(part, file) : link(part, file);
    if (rc != 0 && !replace && errno == EEXIST)
        rc = 0;
    int why = errno;
    if (rc != 0 || !replace)
        (void)unlink(part);
    errno = why;
    return rc;
}

int64_t
gh_keyfile_read(const char *file, char *out, size_t max)
{
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    size_t n = 0;
    ssize_t got = 1;
    while (n < max && got > 0) {
        got = read(fd, out + n, max - n);
        if (got < 0 && errno == EINTR)
            got = 1;
        else if (got > 0)
            n += (size_t)got;
    }
    int why = errno;
    close(fd);
    errno = why;
    return got < 0 ? -1 : (int64_t)n;
}
