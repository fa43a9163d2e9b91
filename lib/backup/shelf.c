/*
 * lib/backup/shelf.c - see shelf.h
 */
#include "backup/shelf.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#define PREFIX "guahao-"
#define STAMP  20 /* 20261121T213400.123Z */

static bool
is_ours(const char *name, const char *suffix)
{
    size_t n = strlen(name), p = sizeof PREFIX - 1, s = strlen(suffix);
    return strncmp(name, PREFIX, p) == 0 && n >= p + STAMP + s && strspn(name + p, "0123456789") == 8 &&
           name[p + 8] == 'T' && strcmp(name + n - s, suffix) == 0;
}

static int
is_manifest(const struct dirent *e)
{
    return is_ours(e->d_name, ".json");
}

static int
is_partial(const struct dirent *e)
{
    return is_ours(e->d_name, ".dump" GH_SHELF_PARTIAL);
}

static int
join(const char *dir, const char *name, size_t n, const char *suffix, char out[PATH_MAX])
{
    int k = snprintf(out, PATH_MAX, "%s/%.*s%s", dir, (int)n, name, suffix);
    return k > 0 && k < PATH_MAX ? 0 : -1;
}

/* One entry of a manifest's file name. False: it is no backup. */
static bool
read_entry(const char *dir, const char *name, gh_shelf_entry_t *out)
{
    char path[PATH_MAX], err[GH_BACKUP_ERR];
    size_t n = strlen(name) - strlen(".json");
    if (join(dir, name, n, ".dump", path) != 0 || access(path, F_OK) != 0 ||
        gh_manifest_read(path, &out->manifest, err) != 0)
        return false;
    memcpy(out->name, name, n);
    out->name[n] = '\0';
    return true;
}

int
gh_shelf_read(const char *dir, gh_shelf_t *out)
{
    struct dirent **names;
    *out = (gh_shelf_t){0};
    int n = scandir(dir, &names, is_manifest, alphasort);
    if (n < 0)
        return errno == ENOENT ? 0 : -1;
    out->v = calloc((size_t)n + 1, sizeof *out->v);
    for (int i = n - 1; i >= 0; i--) {
        if (out->v && read_entry(dir, names[i]->d_name, &out->v[out->n]))
            out->n++;
        free(names[i]);
    }
    free(names);
    return out->v ? 0 : -1;
}

void
gh_shelf_fini(gh_shelf_t *s)
{
    for (size_t i = 0; i < s->n; i++)
        gh_manifest_fini(&s->v[i].manifest);
    free(s->v);
    *s = (gh_shelf_t){0};
}

/* The label as part of a file name. */
static void
name_part(const char *label, char out[GH_SHELF_LABEL_MAX + 3])
{
    size_t n = 0;
    bool gap = true; /* one - goes first */
    for (const char *p = label; *p && n <= GH_SHELF_LABEL_MAX; p++) {
        bool fits = isascii((unsigned char)*p) && (isalnum((unsigned char)*p) || *p == '_' || *p == '-');
        if (gap && fits)
            out[n++] = '-';
        gap = !fits;
        if (fits)
            out[n++] = *p;
    }
    out[n] = '\0';
}

int
gh_shelf_name(const char *dir, int64_t at_us, const char *label, char out[PATH_MAX])
{
    time_t s = (time_t)(at_us / 1000000);
    struct tm tm;
    char stamp[32], part[GH_SHELF_LABEL_MAX + 3];
    gmtime_r(&s, &tm);
    strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%S", &tm);
    name_part(label ? label : "", part);
    int n = snprintf(out, PATH_MAX, "%s/" PREFIX "%s.%03dZ%s.dump", dir, stamp, (int)(at_us / 1000 % 1000),
                     part);
    return n > 0 && n < PATH_MAX ? 0 : -1;
}

int
gh_shelf_begin(const char *partial)
{
    int fd = open(partial, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) == 0)
        return fd;
    int why = errno;
    close(fd);
    errno = why;
    return -1;
}

void
gh_shelf_tidy(const char *dir)
{
    struct dirent **names;
    int n = scandir(dir, &names, is_partial, NULL);
    for (int i = 0; i < n; i++) {
        char path[PATH_MAX];
        int fd = -1;
        if (join(dir, names[i]->d_name, strlen(names[i]->d_name), "", path) == 0)
            fd = open(path, O_WRONLY | O_CLOEXEC);
        if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
            unlink(path);
        if (fd >= 0)
            close(fd);
        free(names[i]);
    }
    if (n >= 0)
        free(names);
}

void
gh_shelf_prune(const char *dir, int64_t keep, void (*told)(void *arg, const char *name), void *arg)
{
    struct dirent **names;
    int n = keep > 0 ? scandir(dir, &names, is_manifest, alphasort) : -1;
    for (int i = 0; i < n; i++) {
        char path[PATH_MAX], stem[NAME_MAX + 1];
        size_t len = strlen(names[i]->d_name) - strlen(".json");
        snprintf(stem, sizeof stem, "%.*s", (int)len, names[i]->d_name);
        bool old = i < n - keep;
        /* The archive first: a manifest alone is nothing that restore would take. */
        if (old && join(dir, stem, len, ".dump", path) == 0)
            unlink(path);
        if (old && join(dir, stem, len, ".json", path) == 0 && unlink(path) == 0 && told)
            told(arg, stem);
        free(names[i]);
    }
    if (n >= 0)
        free(names);
}
