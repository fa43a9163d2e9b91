/*
 * ops/cmd/ephemeral.c - see ephemeral.h
 */
#include "ops/cmd/ephemeral.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <libpq-fe.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/timez.h"

#define START_MS 60000
#define LOOK_MS  50
#define OWNER    "postgres" /* who PostgreSQL is when we are root */

static volatile sig_atomic_t s_stop;

static void
on_signal(int sig)
{
    (void)sig;
    s_stop = 1;
}

/* In the child: a program of PostgreSQL as the user that may run it; what it says goes to the log. */
static _Noreturn void
run(const gh_ephemeral_t *e, const struct passwd *owner, const char *const *argv)
{
    char log[96];
    snprintf(log, sizeof log, "%s/log", e->dir);
    int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    if (fd < 0 || dup2(fd, 1) < 0 || dup2(fd, 2) < 0 || chdir("/") != 0)
        _exit(126);
    if (owner && (fchown(fd, owner->pw_uid, owner->pw_gid) != 0 || initgroups(OWNER, owner->pw_gid) != 0 ||
                  setgid(owner->pw_gid) != 0 || setuid(owner->pw_uid) != 0))
        _exit(126);
    prctl(PR_SET_PDEATHSIG, SIGQUIT); /* nobody would stop it */
    execv(argv[0], (char *const *)(uintptr_t)argv);
    dprintf(2, "%s: %s\n", argv[0], strerrordesc_np(errno));
    _exit(127);
}

static pid_t
start(const gh_ephemeral_t *e, const struct passwd *owner, const char *const *argv)
{
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0)
        run(e, owner, argv);
    return pid;
}

static int
wait_for(pid_t pid)
{
    int status;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return -1;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -1;
}

/* The last line of the log, for a message. */
static const char *
last_line(const gh_ephemeral_t *e, char out[300])
{
    char log[96], line[300];
    snprintf(log, sizeof log, "%s/log", e->dir);
    snprintf(out, 300, "it says nothing");
    FILE *f = fopen(log, "re");
    while (f && fgets(line, sizeof line, f))
        if (line[0] != '\n')
            snprintf(out, 300, "%.*s", (int)strcspn(line, "\n"), line);
    if (f)
        fclose(f);
    return out;
}

static int
make_dir(gh_cmd_t *c, gh_ephemeral_t *e, const struct passwd *owner)
{
    const char *below = getenv("TMPDIR");
    if (!below || !*below || strlen(below) > 30) /* the path of a socket is short */
        below = "/tmp";
    snprintf(e->dir, sizeof e->dir, "%s/guahao-XXXXXX", below);
    if (!mkdtemp(e->dir)) {
        e->dir[0] = '\0';
        return gh_cmd_failed(c, "%s: %s", below, strerror(errno)), -1;
    }
    if (owner && chown(e->dir, owner->pw_uid, owner->pw_gid) != 0)
        return gh_cmd_failed(c, "%s: %s", e->dir, strerror(errno)), -1;
    return 0;
}

static int
make_database(gh_cmd_t *c, const char *admin)
{
    PGconn *db = PQconnectdb(admin);
    PGresult *r = PQstatus(db) == CONNECTION_OK ? PQexec(db, "create database guahao template template0")
                                                : NULL;
    bool good = r && PQresultStatus(r) == PGRES_COMMAND_OK;
    if (!good)
        (void)gh_cmd_failed(c, "the database cannot be made: %s", PQerrorMessage(db));
    PQclear(r);
    PQfinish(db);
    return good ? 0 : -1;
}

static bool
has_ended(gh_ephemeral_t *e)
{
    if (e->pid > 0 && waitpid(e->pid, NULL, WNOHANG) == e->pid)
        e->pid = 0;
    return e->pid <= 0;
}

static void
nap(void)
{
    nanosleep(&(struct timespec){.tv_nsec = LOOK_MS * 1000000L}, NULL);
}

static int
wait_until_it_answers(gh_cmd_t *c, gh_ephemeral_t *e, const char *admin)
{
    char why[300];
    int64_t end = gh_mono_ms() + START_MS;
    while (PQping(admin) != PQPING_OK) {
        if (has_ended(e) || gh_mono_ms() > end)
            return gh_cmd_failed(c, "PostgreSQL does not start: %s", last_line(e, why)), -1;
        if (s_stop)
            return gh_cmd_failed(c, "interrupted"), -1;
        nap();
    }
    return 0;
}

int
gh_ephemeral_begin(gh_cmd_t *c, gh_ephemeral_t *e)
{
    *e = (gh_ephemeral_t){.pid = 0};
    struct sigaction a = {.sa_handler = on_signal};
    sigaction(SIGINT, &a, NULL);
    sigaction(SIGTERM, &a, NULL);
    const struct passwd *owner = geteuid() == 0 ? getpwnam(OWNER) : NULL;
    if (geteuid() == 0 && !owner)
        return gh_cmd_failed(c, "there is no user " OWNER ": PostgreSQL does not run as root"), -1;
    const char *bin = getenv("GUAHAO_PG_BIN");
    char initdb[512], postgres[512], data[96], admin[128], why[300];
    if (!bin || !*bin)
        bin = "/usr/lib/postgresql/15/bin";
    if (make_dir(c, e, owner) != 0)
        return -1;
    snprintf(initdb, sizeof initdb, "%.400s/initdb", bin);
    snprintf(postgres, sizeof postgres, "%.400s/postgres", bin);
    snprintf(data, sizeof data, "%s/data", e->dir);
    snprintf(admin, sizeof admin, "host=%s user=guahao dbname=postgres", e->dir);
    snprintf(e->dsn, sizeof e->dsn, "postgresql:///guahao?host=%s&user=guahao", e->dir);
    const char *const make[] = {
        initdb, "-D", data, "-U", "guahao", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-N", NULL};
    const char *const serve[] = {postgres,
                                 "-D",
                                 data,
                                 "-k",
                                 e->dir,
                                 "-h",
                                 "",
                                 "-c",
                                 "fsync=off",
                                 "-c",
                                 "full_page_writes=off",
                                 "-c",
                                 "synchronous_commit=off",
                                 "-c",
                                 "timezone=UTC",
                                 "-c",
                                 "jit=off",
                                 NULL};
    gh_cmd_say(c, "making a PostgreSQL cluster in %s", e->dir);
    pid_t pid = start(e, owner, make);
    if (pid < 0 || wait_for(pid) != 0)
        return gh_cmd_failed(c, "initdb: %s", last_line(e, why)), -1;
    e->pid = start(e, owner, serve);
    return e->pid > 0 && wait_until_it_answers(c, e, admin) == 0 ? make_database(c, admin) : -1;
}

int
gh_ephemeral_hold(gh_ephemeral_t *e)
{
    while (!s_stop && !has_ended(e))
        nap();
    return s_stop ? 0 : -1;
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    return remove(path);
}

void
gh_ephemeral_end(gh_ephemeral_t *e)
{
    if (!has_ended(e)) {
        kill(e->pid, SIGQUIT); /* at once: nothing of it is kept */
        (void)wait_for(e->pid);
    }
    if (e->dir[0])
        nftw(e->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    e->dir[0] = '\0';
}
