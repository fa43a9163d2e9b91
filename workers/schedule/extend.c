/*
 * workers/schedule/extend.c - sessions of weekly rules exist up to the horizon every day (api/23, R-72)
 *
 * Any process may do it, all at once: a rule is locked while its days are made, and one that is locked is passed over.
 */
#include <libpq-fe.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/timez.h"
#include "worker/args.h"
#include "workers/schedule/schedule.h"

#define RULES_AT_ONCE 100  /* a statement's share: some thousand sessions, well inside its time limit */
#define EVERY_MS      5000 /* how soon an approved rule, or a new day, is seen */
#define RETRY_MS      1000

typedef struct extend {
    int64_t due_ms;
    bool running;
} extend_t;

static void
ended(void *arg, bool committed)
{
    extend_t *e = arg;
    e->running = false;
    if (!committed)
        e->due_ms = gh_mono_ms() + RETRY_MS;
}

static gh_step_t
extend(gh_batch_t *b)
{
    extend_t *e = gh_worker_state(b->worker, &gh_pool_schedule);
    if (b->phase == 0) {
        gh_batch_on_end(b, ended, e);
        gh_batch_query(b, "extend_rules", 4,
                       (const char *const[]){gh_text_time(b, b->now_us), gh_text_day(b, gh_tz_day(b->now_us)),
                                             gh_tz_name(), gh_text_i64(b, RULES_AT_ONCE)});
        return GH_STEP_MORE;
    }
    int64_t rules = gh_pg_i64(gh_batch_result(b, 0), 0, 0, 0),
            sessions = gh_pg_i64(gh_batch_result(b, 0), 0, 1, 0);
    if (rules > 0)
        gh_log(GH_LOG_INFO, "rules_extended", GH_KI("rules", rules), GH_KI("sessions", sessions));
    e->due_ms = gh_mono_ms() + (rules == RULES_AT_ONCE ? 0 : EVERY_MS);
    return GH_STEP_DONE;
}

void
gh_extend_tick(gh_worker_t *w)
{
    extend_t *e = gh_worker_state(w, &gh_pool_schedule);
    if (e && !e->running && gh_mono_ms() >= e->due_ms)
        e->running = gh_pool_run(w, &gh_pool_schedule, extend);
}

int
gh_extend_start(gh_worker_t *w)
{
    extend_t *e = calloc(1, sizeof *e);
    if (!e)
        return -1;
    gh_worker_set_state(w, &gh_pool_schedule, e);
    return 0;
}

void
gh_extend_stop(gh_worker_t *w)
{
    free(gh_worker_state(w, &gh_pool_schedule));
    gh_worker_set_state(w, &gh_pool_schedule, NULL);
}
