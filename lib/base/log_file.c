/*
 * lib/base/log_file.c - see log_file.h
 *
 * Turning over and compressing need the lock of the file (.NAME.log.lock), so that of several processes one does it. Compression goes
 * on by pieces of COMPRESS_PIECE bytes under that lock; what a process that died has left is found and done at the next start.
 */
#include "base/log_file.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/log.h"
#include "base/timez.h"

#define LOOK_MS        1000
#define LOST_MS        60000
#define COMPRESS_PIECE (1u << 20)
#define PACK_AFTER_US  INT64_C(3000000) /* by then every process has looked and writes to the new file */
#define OLD_MAX        4096             /* names looked at in one go */
#define STAMP_N        15               /* YYYYMMDD-HHMMSS */

typedef struct log_file {
    char path[PATH_MAX]; /* "" when there is none */
    const char *base;    /* within path */
    int fd;              /* stays the same number: a new file is dup2'd over it */
    _Atomic(ino_t) inode;
    _Atomic(int32_t) day; /* of its lines */
    _Atomic(int64_t) looked_ms;
    /* the keeper's */
    bool scan;             /* there may be old files to compress or to remove, */
    int64_t pack_after_us; /* but not yet */
    int lock;              /* -1: not held */
    int from;              /* being compressed, -1: none */
    gzFile to;
    char from_path[PATH_MAX + 32];
} log_file_t;

static struct {
    char dir[PATH_MAX];
    log_file_t file[GH_LOG_FILES];
    _Atomic(int64_t) max_bytes, keep;
    int stderr_before; /* -1: lines still go there */
    _Atomic(int64_t) lost, lost_said_ms;
} s = {.file = {{.fd = STDERR_FILENO, .lock = -1, .from = -1}, {.fd = -1, .lock = -1, .from = -1}},
       .max_bytes = 100 << 20,
       .keep = 14,
       .stderr_before = -1};

static int32_t
day_of(const struct stat *st)
{
    return gh_tz_day((int64_t)st->st_mtim.tv_sec * 1000000);
}

/* Open the file of this path over f->fd. */
static int
open_anew(log_file_t *f)
{
    struct stat st;
    int fd = open(f->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
    if (fd < 0)
        return -1;
    if (fstat(fd, &st) || (f->fd >= 0 && dup2(fd, f->fd) < 0)) {
        close(fd);
        return -1;
    }
    if (f->fd < 0)
        f->fd = fd;
    else
        close(fd);
    f->inode = st.st_ino;
    f->day = st.st_size > 0 ? day_of(&st) : gh_tz_day(gh_machine_us());
    return 0;
}

/* Somebody has renamed it. */
static bool
moved(const log_file_t *f)
{
    struct stat st;
    return stat(f->path, &st) != 0 || st.st_ino != f->inode;
}

int
gh_log_files_fd(gh_log_file_t file)
{
    log_file_t *f = &s.file[file];
    if (!f->path[0])
        return STDERR_FILENO;
    int64_t now = gh_mono_ms(), looked = f->looked_ms;
    if (now - looked >= LOOK_MS && atomic_compare_exchange_strong(&f->looked_ms, &looked, now) && moved(f))
        (void)open_anew(f);
    return f->fd;
}

int
gh_log_files_lost(int64_t *lost)
{
    int64_t now = gh_mono_ms(), said = s.lost_said_ms;
    atomic_fetch_add(&s.lost, 1);
    if (s.stderr_before < 0 || (said && now - said < LOST_MS) ||
        !atomic_compare_exchange_strong(&s.lost_said_ms, &said, now))
        return -1;
    *lost = atomic_exchange(&s.lost, 0);
    return s.stderr_before;
}

/* ---- opening */

static int
open_first(log_file_t *f, const char *name, const char *suffix)
{
    int n = snprintf(f->path, sizeof f->path, "%s/%s%s", s.dir, name, suffix);
    if (n < 0 || (size_t)n >= sizeof f->path - 64) {
        f->path[0] = 0;
        errno = ENAMETOOLONG;
        return -1;
    }
    f->base = strrchr(f->path, '/') + 1;
    f->scan = true;
    f->pack_after_us = gh_machine_us() + PACK_AFTER_US;
    return open_anew(f);
}

int
gh_log_files_open(const char *dir, const char *name, bool access)
{
    struct stat st;
    bool ok = (mkdir(dir, 0750) == 0 || errno == EEXIST) && realpath(dir, s.dir) &&
              strlen(s.dir) < PATH_MAX - 300;
    bool stdout_too = fstat(STDOUT_FILENO, &st) == 0 &&
                      S_ISREG(st.st_mode); /* it would hold a file that was moved */
    if (s.stderr_before < 0)
        s.stderr_before = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    ok = ok && (!access || open_first(&s.file[GH_LOG_ACCESS_FILE], name, ".access.log") == 0) &&
         open_first(&s.file[GH_LOG_APP_FILE], name, ".log") == 0;
    if (!ok) {
        gh_log(GH_LOG_ERROR, "log_files", GH_KS("dir", dir), GH_KS("reason", strerror(errno)));
        return -1;
    }
    if (stdout_too)
        (void)dup2(STDERR_FILENO, STDOUT_FILENO);
    return 0;
}

void
gh_log_files_limits(int64_t max_bytes, int64_t keep)
{
    s.max_bytes = max_bytes;
    s.keep = keep;
}

/* ---- the lock */

static bool
lock(log_file_t *f)
{
    char path[PATH_MAX + 16];
    if (f->lock >= 0)
        return true;
    snprintf(path, sizeof path, "%s/.%s.lock", s.dir, f->base);
    f->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (f->lock < 0)
        return false;
    if (flock(f->lock, LOCK_EX | LOCK_NB) == 0)
        return true;
    close(f->lock);
    f->lock = -1;
    return false;
}

static void
unlock(log_file_t *f)
{
    if (f->lock >= 0)
        close(f->lock);
    f->lock = -1;
}

/* ---- old files */

bool
gh_log_file_is_old(const char *base, const char *name)
{
    size_t n = strlen(base);
    if (strncmp(name, base, n) != 0 || name[n] != '.')
        return false;
    name += n + 1;
    for (size_t i = 0; i < STAMP_N; i++)
        if (i == 8 ? name[i] != '-' : !isdigit((unsigned char)name[i]))
            return false;
    name += STAMP_N;
    if (*name == '-')
        for (name++; isdigit((unsigned char)*name);)
            name++;
    return *name == 0 || strcmp(name, ".gz") == 0;
}

static bool
is_packed(const char *name)
{
    size_t n = strlen(name);
    return n > 3 && strcmp(name + n - 3, ".gz") == 0;
}

static int
by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The names of the old files, oldest first: owned by the caller. */
static size_t
old_names(const log_file_t *f, char *names[OLD_MAX])
{
    size_t n = 0;
    DIR *d = opendir(s.dir);
    for (const struct dirent *e; d && n < OLD_MAX && (e = readdir(d));)
        if (gh_log_file_is_old(f->base, e->d_name) && (names[n] = strdup(e->d_name)))
            n++;
    if (d)
        closedir(d);
    qsort(names, n, sizeof *names, by_name);
    return n;
}

/* What stands there under the name of an old file and is none, or cannot be read, must not keep the others waiting. */
static bool
is_file(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, R_OK) == 0;
}

/* Remove the oldest ones, and find one to compress. */
static bool
prune(const log_file_t *f, char unpacked[NAME_MAX + 1])
{
    char *names[OLD_MAX], path[PATH_MAX + NAME_MAX + 2];
    size_t n = old_names(f, names), keep = (size_t)s.keep;
    unpacked[0] = 0;
    for (size_t i = 0; i < n; i++) {
        snprintf(path, sizeof path, "%s/%s", s.dir, names[i]);
        if (i + keep < n)
            (void)unlink(path);
        else if (!unpacked[0] && !is_packed(names[i]) && is_file(path))
            snprintf(unpacked, NAME_MAX + 1, "%s", names[i]);
        free(names[i]);
    }
    return unpacked[0];
}

/* ---- compression */

static void
compress_end(log_file_t *f, bool good)
{
    char part[PATH_MAX + 48], packed[PATH_MAX + 48];
    snprintf(part, sizeof part, "%s.part", f->from_path);
    snprintf(packed, sizeof packed, "%s.gz", f->from_path);
    if (f->to && gzclose(f->to) != Z_OK)
        good = false;
    close(f->from);
    f->to = NULL;
    f->from = -1;
    if (good && rename(part, packed) == 0) {
        (void)unlink(f->from_path);
        return;
    }
    (void)unlink(part);
    f->scan =
        false; /* the disk is full, perhaps: the plain file stays, and is tried again after the next one */
    gh_log(GH_LOG_WARN, "log_compress", GH_KS("file", f->base), GH_KS("reason", strerror(errno)));
}

static void
compress_begin(log_file_t *f, const char *name)
{
    char part[PATH_MAX + 48];
    snprintf(f->from_path, sizeof f->from_path, "%s/%.*s", s.dir,
             (int)(sizeof f->from_path - strlen(s.dir) - 2), name);
    snprintf(part, sizeof part, "%s.part", f->from_path);
    f->from = open(f->from_path, O_RDONLY | O_CLOEXEC);
    int fd = f->from >= 0 ? open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640) : -1;
    f->to = fd >= 0 ? gzdopen(fd, "wb1") : NULL;
    if (fd >= 0 && !f->to)
        close(fd);
    if (!f->to && f->from >= 0)
        compress_end(f, false);
}

static void
compress_more(log_file_t *f)
{
    static char piece[1 << 16]; /* the keeper's only */
    for (size_t done = 0; done < COMPRESS_PIECE; done += sizeof piece) {
        ssize_t n = read(f->from, piece, sizeof piece);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            compress_end(f, n == 0);
            return;
        }
        if (gzwrite(f->to, piece, (unsigned)n) != n) {
            compress_end(f, false);
            return;
        }
    }
}

/* ---- the keeper */

/* A name that no file has yet. */
static bool
old_path(const log_file_t *f, int64_t now_us, char out[PATH_MAX + 32])
{
    gh_civil_t c = gh_tz_civil(now_us);
    for (int i = 1; i < 1000; i++) {
        char packed[PATH_MAX + 40], more[8] = "";
        if (i > 1)
            snprintf(more, sizeof more, "-%03d", i);
        snprintf(out, PATH_MAX + 32, "%.*s.%04d%02d%02d-%02d%02d%02d%s", PATH_MAX - 1, f->path, c.year,
                 c.month, c.day, c.hour, c.minute, c.second, more);
        snprintf(packed, sizeof packed, "%s.gz", out);
        if (access(out, F_OK) != 0 && access(packed, F_OK) != 0)
            return true;
    }
    return false;
}

static bool
due(log_file_t *f, int64_t now_us)
{
    struct stat st;
    if (fstat(f->fd, &st) || st.st_size == 0) {
        f->day = gh_tz_day(now_us);
        return false;
    }
    return st.st_size >= s.max_bytes || f->day != gh_tz_day(now_us);
}

static void
turn_over(log_file_t *f, int64_t now_us)
{
    char old[PATH_MAX + 32];
    if (moved(f) || !old_path(f, now_us, old) || rename(f->path, old))
        return;
    if (open_anew(f)) /* lines go on into the old one, which is not compressed */
        gh_log(GH_LOG_ERROR, "log_file", GH_KS("file", f->path), GH_KS("reason", strerror(errno)));
    else
        f->scan = true;
    f->pack_after_us = now_us + PACK_AFTER_US;
}

static bool
step(log_file_t *f, int64_t now_us)
{
    char unpacked[NAME_MAX + 1];
    if (f->from >= 0) {
        compress_more(f);
        return true;
    }
    if (moved(f))
        (void)open_anew(f);
    if (due(f, now_us) && lock(f))
        turn_over(f, now_us);
    if (f->scan && now_us >= f->pack_after_us && lock(f)) {
        f->scan = prune(f, unpacked);
        if (f->scan)
            compress_begin(f, unpacked);
    }
    if (f->from < 0)
        unlock(f);
    return f->from >= 0;
}

bool
gh_log_files_step(int64_t now_us)
{
    bool more = false;
    for (size_t i = 0; i < GH_LOG_FILES; i++)
        if (s.file[i].path[0])
            more |= step(&s.file[i], now_us);
    return more;
}

static void *
keep(void *arg)
{
    (void)arg;
    sigset_t hup;
    sigemptyset(&hup);
    sigaddset(&hup, SIGHUP);
    for (;;) {
        bool more = gh_log_files_step(gh_machine_us());
        const struct timespec wait = {more ? 0 : LOOK_MS / 1000, more ? 2000000 : 0};
        (void)sigtimedwait(&hup, NULL, &wait);
    }
    return NULL;
}

int
gh_log_files_keeper(void)
{
    sigset_t hup, all, before;
    pthread_t thread;
    if (!s.file[GH_LOG_APP_FILE].path[0])
        return 0;
    sigemptyset(&hup);
    sigaddset(&hup, SIGHUP);
    sigfillset(&all);
    (void)signal(SIGHUP, SIG_DFL);
    pthread_sigmask(SIG_BLOCK, &hup, NULL);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&thread, NULL, keep, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc == 0)
        pthread_detach(thread);
    return rc ? -1 : 0;
}

void
gh_log_files_close(void)
{
    for (size_t i = 0; i < GH_LOG_FILES; i++) {
        log_file_t *f = &s.file[i];
        if (f->from >= 0)
            compress_end(f, false);
        unlock(f);
        if (i == GH_LOG_ACCESS_FILE && f->fd >= 0)
            close(f->fd);
        *f = (log_file_t){.fd = i == GH_LOG_APP_FILE ? STDERR_FILENO : -1, .lock = -1, .from = -1};
    }
}
