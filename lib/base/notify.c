/*
 * lib/base/notify.c - see notify.h
 *
 * Each message is one datagram, sent to the address anew: a service manager that starts itself again binds another socket there. A
 * message that cannot be sent just now is lost; those of the watchdog come again in time.
 */
#include "base/notify.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"

#define TEXT_MAX 240

static struct {
    int fd; /* 0: nobody wants to hear */
    struct sockaddr_un to;
    socklen_t to_n;
    int64_t watchdog_us, next_us;
    bool ready, stopping;
    char status[TEXT_MAX];
} s_notify;

bool
gh_notify_address(const char *text, struct sockaddr_un *out, socklen_t *n)
{
    size_t len = strlen(text);
    *out = (struct sockaddr_un){.sun_family = AF_UNIX};
    if ((text[0] != '/' && text[0] != '@') || len < 2 || len >= sizeof out->sun_path)
        return false;
    memcpy(out->sun_path, text, len);
    bool abstract = text[0] == '@';
    if (abstract)
        out->sun_path[0] = '\0';
    /* An abstract name has no end but its length; a path has its NUL. */
    *n = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + (abstract ? 0 : 1));
    return true;
}

/* Digits alone; -1 for anything else. */
static int64_t
number(const char *text)
{
    char *end;
    errno = 0;
    long long v = strtoll(text, &end, 10);
    return errno || end == text || *end || v < 0 ? -1 : v;
}

int64_t
gh_notify_interval(const char *usec, const char *of_pid, int64_t pid)
{
    int64_t us = usec ? number(usec) : 0;
    bool ours = !of_pid || number(of_pid) == pid;
    return us > 0 && ours ? us : 0;
}

int
gh_notify_open(void)
{
    const char *at = getenv("NOTIFY_SOCKET");
    if (s_notify.fd > 0 || !at || !*at)
        return 0;
    if (!gh_notify_address(at, &s_notify.to, &s_notify.to_n)) {
        gh_log(GH_LOG_ERROR, "notify_socket", GH_KS("address", at));
        return -1;
    }
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        gh_log(GH_LOG_ERROR, "notify_socket", GH_KS("reason", strerror(errno)));
        return -1;
    }
    s_notify.fd = fd;
    s_notify.watchdog_us = gh_notify_interval(getenv("WATCHDOG_USEC"), getenv("WATCHDOG_PID"), getpid());
    return 0;
}

bool
gh_notify_wanted(void)
{
    return s_notify.fd > 0;
}

static void
tell(const char *text)
{
    if (!gh_notify_wanted())
        return;
    (void)sendto(s_notify.fd, text, strlen(text), MSG_NOSIGNAL, (const struct sockaddr *)&s_notify.to,
                 s_notify.to_n);
}

void
gh_notify_ready(void)
{
    if (!s_notify.ready && !s_notify.stopping)
        tell("READY=1");
    s_notify.ready = true;
}

bool
gh_notify_is_ready(void)
{
    return s_notify.ready;
}

void
gh_notify_stopping(void)
{
    if (!s_notify.stopping)
        tell("STOPPING=1\nSTATUS=stopping");
    s_notify.stopping = true;
}

void
gh_notify_status(const char *fmt, ...)
{
    char text[TEXT_MAX] = "STATUS=";
    const size_t head = strlen(text);
    va_list ap;
    if (!gh_notify_wanted() || s_notify.stopping)
        return;
    va_start(ap, fmt);
    vsnprintf(text + head, sizeof text - head, fmt, ap);
    va_end(ap);
    if (strcmp(text, s_notify.status) == 0)
        return;
    memcpy(s_notify.status, text, sizeof text);
    tell(text);
}

void
gh_notify_alive(int64_t now_us)
{
    if (s_notify.watchdog_us == 0 || now_us < s_notify.next_us)
        return;
    s_notify.next_us = now_us + s_notify.watchdog_us / 2;
    tell("WATCHDOG=1");
}

int64_t
gh_notify_watchdog_us(void)
{
    return s_notify.watchdog_us;
}
