/*
 * lib/backup/child.c - see child.h
 */
#include "backup/child.h"

#include <errno.h>
#include <fcntl.h>
#include <libpq-fe.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void
free_env(char **env)
{
    for (char **e = env; e && *e; e++)
        free(*e);
    free(env);
}

/* Is this entry of the environment one that the connection decides? */
static bool
is_decided(const char *entry, const PQconninfoOption *options)
{
    size_t n = strcspn(entry, "=");
    for (const PQconninfoOption *o = options; o->keyword; o++)
        if (o->envvar && strlen(o->envvar) == n && memcmp(o->envvar, entry, n) == 0)
            return true;
    return false;
}

/* What the child is told about an option of the connection; NULL: nothing. Of several hosts, the one that we are connected to. */
static const char *
told(PGconn *db, const PQconninfoOption *o)
{
    bool listed = o->val && strchr(o->val, ',') != NULL;
    const char *v = strcmp(o->keyword, "host") == 0                 ? PQhost(db)
                    : strcmp(o->keyword, "port") == 0               ? PQport(db)
                    : strcmp(o->keyword, "hostaddr") == 0 && listed ? NULL
                                                                    : o->val;
    return o->envvar && v && *v ? v : NULL;
}

/* The environment of the child, the connection in it as PG* variables. Made before the fork: other threads may hold locks that the
 * child would wait for. NULL when out of memory; free_env(). */
static char **
make_env(PGconn *db, const PQconninfoOption *options)
{
    size_t most = 1, n = 0;
    for (char **e = environ; *e; e++)
        most++;
    for (const PQconninfoOption *o = options; o->keyword; o++)
        most++;
    char **env = calloc(most, sizeof *env);
    bool whole = env != NULL;
    for (char **e = environ; whole && *e; e++)
        if (!is_decided(*e, options))
            whole = (env[n++] = strdup(*e)) != NULL;
    for (const PQconninfoOption *o = options; whole && o->keyword; o++) {
        const char *v = told(db, o);
        if (v && asprintf(&env[n], "%s=%s", o->envvar, v) < 0) {
            env[n] = NULL;
            whole = false;
        }
        n += v != NULL;
    }
    if (whole)
        return env;
    free_env(env);
    return NULL;
}

/* In the child; nothing that takes locks. */
static _Noreturn void
run(const char *const *argv, char **env, int mine, int as)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    if (dup2(mine, as) < 0)
        _exit(126);
    execvpe(argv[0], (char *const *)(uintptr_t)argv, env);
    dprintf(2, "guahao: %s: %s\n", argv[0], strerrordesc_np(errno));
    _exit(127);
}

int
gh_child_start(gh_child_t *child, PGconn *db, const char *const *argv, bool reads)
{
    *child = (gh_child_t){.pid = -1, .fd = -1};
    int ends[2];
    PQconninfoOption *options = PQconninfo(db);
    if (!options) {
        errno = ENOMEM;
        return -1;
    }
    if (pipe2(ends, O_CLOEXEC) != 0) {
        PQconninfoFree(options);
        return -1;
    }
    int theirs = reads ? 0 : 1;
    char **env = make_env(db, options);
    fflush(NULL);
    errno = ENOMEM;
    child->pid = env ? fork() : -1;
    if (child->pid == 0)
        run(argv, env, ends[theirs], theirs);
    int why = errno;
    free_env(env);
    PQconninfoFree(options);
    close(ends[theirs]);
    child->fd = ends[!theirs];
    if (child->pid > 0)
        return 0;
    close(child->fd);
    errno = why;
    return -1;
}

void
gh_child_stop(const gh_child_t *child)
{
    if (child->pid > 0)
        kill(child->pid, SIGTERM);
}

int
gh_child_wait(gh_child_t *child)
{
    if (child->fd >= 0)
        close(child->fd);
    child->fd = -1;
    int status;
    while (waitpid(child->pid, &status, 0) < 0)
        if (errno != EINTR)
            return -1;
    child->pid = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
