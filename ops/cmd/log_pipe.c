/*
 * ops/cmd/log_pipe.c - `guahao log NAME`: what a program says that cannot turn over its own log (PostgreSQL of `make run`)
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "base/log_file.h"
#include "base/timez.h"
#include "ops/cmd/cmd.h"

#define LOOK_MS 1000

/* False: the disk does not take it. It is lost then: who writes must not wait for us. */
static bool
write_all(const char *p, size_t n)
{
    while (n > 0) {
        ssize_t done = write(gh_log_files_fd(GH_LOG_APP_FILE), p, n);
        if (done < 0 && errno != EINTR)
            return false;
        if (done > 0) {
            p += done;
            n -= (size_t)done;
        }
    }
    return true;
}

/* Until the end of stdin. Files are turned over between lines. */
static int
copy(void)
{
    char piece[1 << 16];
    bool line_end = true;
    for (;;) {
        struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
        int found = poll(&in, 1, LOOK_MS);
        ssize_t n = found > 0 ? read(STDIN_FILENO, piece, sizeof piece) : -1;
        if (found > 0 && n == 0)
            return GH_EXIT_DONE;
        if (found > 0 && n < 0 && errno != EINTR && errno != EAGAIN)
            return GH_EXIT_FAILED;
        if (n > 0) {
            (void)write_all(piece, (size_t)n);
            line_end = piece[n - 1] == '\n';
        }
        if (line_end)
            (void)gh_log_files_step(gh_machine_us());
    }
}

int
gh_cmd_log(gh_cmd_t *c)
{
    static const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE}; /* it ends when nobody writes any more */
    const char *name = c->args.n_words == 1 ? c->args.words[0] : "", *dir = gh_conf_str(c->conf, "log.dir");
    if (!*name || name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-")])
        return gh_cmd_usage(c, "say the name of the log: letters, digits, -");
    if (!*dir)
        return gh_cmd_usage(c, "log.dir is not set");
    for (size_t i = 0; i < GH_COUNT(ignored); i++)
        (void)signal(ignored[i], SIG_IGN);
    gh_log_files_limits(gh_conf_int(c->conf, "log.max_bytes"), gh_conf_int(c->conf, "log.keep"));
    return gh_log_files_open(dir, name, false) == 0 ? copy() : GH_EXIT_FAILED;
}
