/*
 * ops/cmd/term.c - see term.h. The saved state is global: a process has one terminal.
 */
#include "ops/cmd/term.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "base/timez.h"

static struct termios saved;
static volatile sig_atomic_t entered, wanted_out;

static void
s_write(const char *s)
{
    ssize_t rc = write(STDOUT_FILENO, s, strlen(s));
    (void)rc; /* nothing can be done about a terminal that went away */
}

void
gh_term_leave(void)
{
    if (!entered)
        return;
    entered = 0;
    s_write("\x1b[0m\x1b[?25h\x1b[?1049l");
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &saved);
}

static void
s_deadly(int sig)
{
    gh_term_leave();
    signal(sig, SIG_DFL);
    raise(sig);
}

static void
s_remember(int sig)
{
    (void)sig;
    wanted_out = 1;
}

void
gh_term_catch_signals(void)
{
    struct sigaction sa = {.sa_handler = s_remember};
    sigemptyset(&sa.sa_mask);
    sigaction(SIGINT, &sa, NULL);
    sigaction(SIGTERM, &sa, NULL);
}

bool
gh_term_enter(void)
{
    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO) || tcgetattr(STDIN_FILENO, &saved) != 0)
        return false;
    struct termios raw = saved;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    raw.c_cc[VMIN] = 0;
    raw.c_cc[VTIME] = 0;
    if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw) != 0)
        return false;
    entered = 1;
    atexit(gh_term_leave);
    static const int deadly[] = {SIGHUP, SIGQUIT, SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGPIPE};
    for (size_t i = 0; i < GH_COUNT(deadly); i++)
        signal(deadly[i], s_deadly);
    signal(SIGTSTP, SIG_IGN); /* a stopped view would leave the shell with a raw terminal */
    s_write("\x1b[?1049h\x1b[?25l");
    return true;
}

void
gh_term_size(int *rows, int *columns)
{
    struct winsize ws;
    bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) == 0 && ws.ws_row > 0 && ws.ws_col > 0;
    *rows = known ? ws.ws_row : 24;
    *columns = known ? ws.ws_col : 80;
}

int
gh_term_wait(int timeout_ms)
{
    int64_t until = gh_mono_ms() + timeout_ms;
    while (!wanted_out) {
        int64_t left = until - gh_mono_ms();
        if (left <= 0)
            return 0;
        struct pollfd p = {entered ? STDIN_FILENO : -1, POLLIN, 0};
        int rc = poll(&p, 1, (int)left);
        if (rc <= 0)
            continue; /* time is up or a signal (also SIGWINCH): the loop looks again */
        char key;
        ssize_t n = read(STDIN_FILENO, &key, 1);
        if (n == 1)
            return (unsigned char)key;
        if (n == 0 || (errno != EINTR && errno != EAGAIN))
            return -1;
    }
    return -1;
}
