/*
 * workers/jobs/pool.c - durable jobs as their owners see them (JB-01..JB-04) and ask for them, and the dispatcher beside them
 */
#include "workers/jobs/pool.h"

#include <stdlib.h>

#include "gen/sql_jobs.h"
#include "workers/jobs/defer.h"
#include "workers/jobs/dispatcher.h"
#include "workers/jobs/results.h"
#include "workers/jobs/titanic.h"

/* One call a transaction. */
#define DEFER(of)                                                                                            \
    {                                                                                                        \
        .name = GH_DEFER_PREFIX of, .kind = GH_OP_WRITE, .batch_max = 1, .step = gh_defer_step,              \
        .inner = true, .access_of = of                                                                       \
    }

static const gh_op_t ops[] = {
    {.name = "jobs.v1_list_jobs", .sql = "v1_jobs", .bind = {"query", "actor.user_id", "actor.scopes", "tz"}},
    {.name = "jobs.v1_get_job", .sql = "v1_job", .bind = {"path.id", "actor.user_id", "actor.scopes", "tz"}},
    {.name = "jobs.v1_get_job_result", .batch_max = 1, .step = gh_result_step},
    {.name = "jobs.v1_cancel_job",
     .kind = GH_OP_WRITE,
     .sql = "v1_job_cancel",
     .bind = {"path.id", "actor.user_id", "actor.scopes", "tz", "now"}},
    DEFER("booking.v1_book_appointment"),
    DEFER("billing.v1_sync_payment"),
    DEFER("system.v1_verify_audit_log"),
    DEFER("identity.v1_export_my_data"),
    {.name = NULL},
};

/* Threads beside the worker's own. */
typedef struct threads {
    gh_dispatcher_t *dispatcher;
    gh_titanic_t *titanic; /* NULL: not served */
} threads_t;

static void
stop(gh_worker_t *w)
{
    threads_t *t = gh_worker_state(w, &gh_pool_jobs);
    gh_worker_set_state(w, &gh_pool_jobs, NULL);
    if (!t)
        return;
    gh_titanic_stop(&t->titanic);
    gh_dispatcher_stop(&t->dispatcher);
    free(t);
}

static int
start(gh_worker_t *w)
{
    threads_t *t = calloc(1, sizeof *t);
    if (!t)
        return -1;
    gh_worker_set_state(w, &gh_pool_jobs, t);
    t->dispatcher = gh_dispatcher_start(gh_worker_conf(w));
    if (t->dispatcher && gh_titanic_start(gh_worker_conf(w), &t->titanic) == 0)
        return 0;
    stop(w);
    return -1;
}

static void
count_diagnosis(void *w, const char *model, const char *outcome)
{
    gh_pool_tally(w, &gh_pool_jobs, "diagnosis", gh_str(model), gh_str(outcome));
}

static void
tick(gh_worker_t *w)
{
    const threads_t *t = gh_worker_state(w, &gh_pool_jobs);
    gh_dispatcher_diagnosed(t->dispatcher, count_diagnosis, w);
}

const gh_pool_t gh_pool_jobs = {.name = "jobs",
                                .ops = ops,
                                .sql = {gh_sql_jobs},
                                .sql_count = {&gh_sql_jobs_count},
                                .start = start,
                                .stop = stop,
                                .tick = tick};
