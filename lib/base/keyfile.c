/*
 * lib/base/keyfile.c - files that hold keys
 */
#include "base/keyfile.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LEFT_S 60

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

/* Is this a hidden part of the file `name`? */
static bool
is_part(const char *part, const char *name)
{
    size_t n = strlen(name);
    return part[0] == '.' && strncmp(part + 1, name, n) == 0 && part[1 + n] == '.' && part[2 + n] != '\0' &&
           strspn(part + 2 + n, "0123456789") == strlen(part + 2 + n);
}

/* Parts whose process died over them: nobody writes one for so long. */
static void
remove_left_behind(const char *dir, const char *name)
{
    DIR *d = opendir(dir);
    if (!d)
        return;
    for (struct dirent *e; (e = readdir(d));) {
        struct stat st;
        if (is_part(e->d_name, name) && fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
            st.st_mtim.tv_sec + LEFT_S < time(NULL))
            (void)unlinkat(dirfd(d), e->d_name, 0);
    }
    closedir(d);
}

int
gh_keyfile_write(const char *file, gh_str_t bytes, bool replace)
{
    char dir[PATH_MAX], part[PATH_MAX];
    const char *slash = strrchr(file, '/'), *name = slash ? slash + 1 : file;
    int n = snprintf(dir, sizeof dir, "%.*s", (int)(name - file), file);
    if (n >= (int)sizeof dir ||
        snprintf(part, sizeof part, "%s.%s.%ld", dir, name, (long)getpid()) >= (int)sizeof part) {
        errno = ENAMETOOLONG;
        return -1;
    }
    remove_left_behind(*dir ? dir : ".", name);
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
