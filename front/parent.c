/*
 * front/parent.c - what the service manager hears of the front (base/notify.h)
 *
 * The parent speaks for all: its workers note in shared memory when their loop turned and whether a broker was heard. It tells the
 * watchdog only while each of them turns, so that a front with one that hangs is started anew. Ready is when all reach a
 * broker; what a broker lost later means is for /readyz, not for a new start.
 */
#include <kore/kore.h>

#include "base/log_file.h"
#include "base/notify.h"
#include "base/timez.h"
#include "front/front.h"

#define LOOK_MS 100
#define LOG_MS  250
#define HUNG_MS 5000 /* without a watchdog: only the status says so */

void front_parent_started(void);
void front_parent_stopping(void);

static size_t
count(int64_t now, int64_t limit_ms, bool linked)
{
    size_t n = 0;
    for (size_t i = 0; i < front.counters->workers; i++) {
        front_worker_counts_t *w = &front.counters->worker[i];
        if (now - atomic_load_explicit(&w->turned_ms, memory_order_relaxed) <= limit_ms)
            n += !linked || atomic_load_explicit(&w->linked, memory_order_relaxed);
    }
    return n;
}

static void
look(void *arg, u_int64_t now_kore)
{
    (void)arg;
    (void)now_kore;
    int64_t now = gh_mono_ms(), half_ms = gh_notify_watchdog_us() / 2000;
    int64_t limit_ms = half_ms > 0 && half_ms < HUNG_MS ? half_ms : HUNG_MS;
    size_t all = front.counters->workers, turning = count(now, limit_ms, false),
           linked = count(now, limit_ms, true);
    if (turning == all || !gh_notify_is_ready())
        gh_notify_alive(gh_mono_us());
    gh_notify_status("port %lld, processes %zu of %zu, with a broker %zu",
                     (long long)gh_conf_int(front.conf, "front.port"), turning, all, linked);
    if (linked == all)
        gh_notify_ready();
}

/* The parent keeps the log's files for its workers, who may not. A long piece of work goes on at its next turns. */
static void
keep_log(void *arg, u_int64_t now_kore)
{
    (void)arg;
    (void)now_kore;
    (void)gh_log_files_step(gh_machine_us());
}

/* Called by Kore's parent (front/kore/0012) when its timers are there. */
void
front_parent_started(void)
{
    if (gh_notify_wanted())
        kore_timer_add(look, LOOK_MS, NULL, 0);
    if (*gh_conf_str(front.conf, "log.dir"))
        kore_timer_add(keep_log, LOG_MS, NULL, 0);
}

/* Called by Kore's parent when it was asked to stop, before its workers are. */
void
front_parent_stopping(void)
{
    gh_notify_stopping();
}
