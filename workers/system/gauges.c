/*
 * workers/system/gauges.c - what /metrics tells of the database as a whole: looked up every ten seconds by each worker of this pool, told
 * to the brokers with its figures (lib/worker/figures.c); a front shows the newest word
 */
#include <libpq-fe.h>
#include <stdlib.h>

#include "base/timez.h"
#include "db/arrays.h"
#include "worker/args.h"
#include "workers/system/system.h"

#define EVERY_MS 10000

static struct {
    bool running;
    int64_t due_ms;
} s_look;

static void
ended(void *arg, bool committed)
{
    (void)arg;
    (void)committed;
    s_look.running = false;
}

static gh_step_t
look(gh_batch_t *b)
{
    enum { METRIC, BY, VALUE };
    if (b->phase == 0) {
        gh_batch_on_end(b, ended, NULL);
        gh_batch_query(b, "system_gauges", 1, (const char *[]){gh_text_time(b, b->now_us)});
        return GH_STEP_MORE;
    }
    const PGresult *r = gh_batch_result(b, 0);
    gh_gauges_begin(b->worker, &gh_pool_system);
    for (int row = 0; row < PQntuples(r); row++)
        gh_gauges_add(b->worker, &gh_pool_system, gh_pg_str(r, row, METRIC), gh_pg_str(r, row, BY),
                      strtod(PQgetvalue(r, row, VALUE), NULL));
    return GH_STEP_DONE;
}

void
gh_gauges_tick(gh_worker_t *w)
{
    int64_t now = gh_mono_ms();
    if (s_look.running || now < s_look.due_ms)
        return;
    s_look.running = true; /* before: a batch that cannot even begin ends at once */
    s_look.due_ms = now + EVERY_MS;
    if (!gh_pool_run(w, &gh_pool_system, look))
        s_look.running = false;
}
