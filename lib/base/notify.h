/*
 * lib/base/notify.h - tell the service manager how the program is (sd_notify(3), over NOTIFY_SOCKET)
 *
 * What systemd waits for with Type=notify, shows with `systemctl status`, and restarts after (WatchdogSec). Without a service manager
 * all of it does nothing. One per process, used by the thread of its main loop only.
 */
#ifndef GH_BASE_NOTIFY_H
#define GH_BASE_NOTIFY_H

#include <sys/socket.h>
#include <sys/un.h>

#include "base/gh.h"

/* Read NOTIFY_SOCKET and the watchdog's variables, once and before any sandbox. 0, also when nobody wants to hear; -1 after a message: an
 * address that is none. */
int gh_notify_open(void);
/* Somebody wants to hear: worth the work of finding out how things are. */
bool gh_notify_wanted(void);

/* The program serves from now on. Only the first call says so. */
void gh_notify_ready(void);
bool gh_notify_is_ready(void);
/* The program ends, by itself or because it was asked to. Only the first call says so. */
void gh_notify_stopping(void);
/* One line for people. Said when it is another than the last. */
void gh_notify_status(const char *fmt, ...) GH_PRINTF(1, 2);
/* The main loop turns; now_us is gh_mono_us(). Said at half of the watchdog's time, at once the first time. */
void gh_notify_alive(int64_t now_us);
/* Time after which the service manager ends a program that said nothing, us; 0: it does not watch. */
int64_t gh_notify_watchdog_us(void);

/* ---- for the tests */

/* NOTIFY_SOCKET's value as an address: a path, or @name in the abstract namespace. False: neither, or too long. */
bool gh_notify_address(const char *text, struct sockaddr_un *out, socklen_t *n);
/* WATCHDOG_USEC for the process pid; 0 when it is not a number, or WATCHDOG_PID names another process. NULL: not set. */
int64_t gh_notify_interval(const char *usec, const char *of_pid, int64_t pid);

#endif
