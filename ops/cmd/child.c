/*
 * ops/cmd/child.c - see child.h
 */
#include "ops/cmd/child.h"

#include <errno.h>
#include <fcntl.h>
#include <libpq-fe.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* In the child: the connection as PG* variables. Of several hosts, the one that we are connected to. */
static int
put_env(PGconn *db, PQconninfoOption *options)
{
    for (const PQconninfoOption *o = options; o->keyword; o++) {
        if (!o->envvar)
            continue;
        bool listed = o->val && strchr(o->val, ',') != NULL;
        const char *v = strcmp(o->keyword, "host") == 0                 ? PQhost(db)
                        : strcmp(o->keyword, "port") == 0               ? PQport(db)
                        : strcmp(o->keyword, "hostaddr") == 0 && listed ? NULL
                                                                        : o->val;
        if ((v && *v ? setenv(o->envvar, v, 1) : unsetenv(o->envvar)) != 0)
            return -1;
    }
    return 0;
}

static _Noreturn void
run(PGconn *db, PQconninfoOption *options, const char *const *argv, int mine, int as)
{
    signal(SIGPIPE, SIG_DFL);
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    if (dup2(mine, as) < 0 || put_env(db, options) != 0)
        _exit(126);
    char *copy[24];
    size_t n = 0;
    for (; n < GH_COUNT(copy) - 1 && argv[n]; n++)
        if (!(copy[n] = strdup(argv[n])))
            _exit(126);
    copy[n] = NULL;
    if (n == 0)
        _exit(126);
    execvp(copy[0], copy);
    fprintf(stderr, "guahao: %s: %s\n", argv[0], strerror(errno));
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
    fflush(NULL);
    child->pid = fork();
    if (child->pid == 0)
        run(db, options, argv, ends[theirs], theirs);
    int why = errno;
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
