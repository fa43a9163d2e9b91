/*
 * workers/jobs/defer.c - see defer.h
 */
#include "workers/jobs/defer.h"

#include <libpq-fe.h>
#include <stdio.h>

#include "base/timez.h"
#include "base/uuid7.h"
#include "db/pg.h"
#include "worker/args.h"

#define ATTEMPTS_MAX 5
#define ARGS_AT      4 /* parameter of defer_call that is bytes */

const gh_deferral_t gh_deferrals[] = {
    {.op = "booking.v1_book_appointment",
     .service = "booking",
     .kind = "booking",
     .status = 201,
     .budget_ms = 30000},
    {.op = "billing.v1_sync_payment",
     .service = "billing",
     .kind = "gateway",
     .status = 200,
     .budget_ms = 30000},
    {.op = "system.v1_verify_audit_log",
     .service = "system",
     .kind = "maintenance",
     .status = 200,
     .budget_ms = 600000},
    {.op = "identity.v1_export_my_data",
     .service = "identity",
     .kind = "export",
     .status = 200,
     .budget_ms = 120000,
     .single = true,
     .patient = true},
    {.op = NULL},
};

typedef struct work {
    char id[GH_UUID_TEXT];
    size_t at;
} work_t;

static const gh_deferral_t *
deferral_of(gh_str_t name)
{
    size_t skip = sizeof GH_DEFER_PREFIX - 1;
    for (const gh_deferral_t *d = gh_deferrals; d->op && name.n > skip; d++)
        if (gh_str_is((gh_str_t){name.p + skip, name.n - skip}, d->op))
            return d;
    return NULL;
}

/* Batch memory; NULL for what is empty. */
static const char *
text_of(gh_batch_t *b, gh_str_t s)
{
    return s.n ? gh_batch_dup(b, s).p : NULL;
}

/* NULL: any number at a time. */
static const char *
unique_key(gh_batch_t *b, const gh_deferral_t *d)
{
    char key[160];
    snprintf(key, sizeof key, "call:%s:%lld", d->op, (long long)b->jobs[0]->actor.user_id);
    return d->single ? gh_batch_dup(b, gh_str(key)).p : NULL;
}

static gh_step_t
put(gh_batch_t *b)
{
    work_t *w = b->state;
    const gh_wjob_t *job = b->jobs[0];
    const gh_deferral_t *d = deferral_of(job->head.op);
    uint8_t id[16];
    if (!d)
        return GH_STEP_FAIL;
    if (d->patient && !job->actor.patient_id) {
        gh_job_refuse(b, b->jobs[0], GH_E_PROFILE_NOT_FOUND, NULL);
        return GH_STEP_DONE;
    }
    gh_uuid7_new(id);
    gh_uuid_text(id, w->id);
    const char *params[] = {w->id,
                            d->kind,
                            d->op,
                            d->service,
                            NULL, /* ARGS_AT */
                            gh_text_i64(b, job->actor.user_id),
                            gh_text_i64(b, job->head.priority),
                            gh_text_i64(b, d->budget_ms),
                            gh_text_i64(b, ATTEMPTS_MAX),
                            text_of(b, job->head.trace),
                            text_of(b, job->head.key),
                            gh_caller_ip(b, job),
                            gh_caller_agent(b, job),
                            gh_text_i64(b, d->status),
                            gh_text_time(b, b->now_us),
                            gh_tz_name(),
                            unique_key(b, d)};
    if (!gh_batch_ok(b))
        return GH_STEP_FAIL;
    w->at = gh_batch_query_bytes(b, "defer_call", (int)GH_COUNT(params), params, ARGS_AT,
                                 gh_mp_raw(job->args));
    return GH_STEP_MORE;
}

static gh_step_t
tell(gh_batch_t *b)
{
    static const char empty_map[1] = {(char)0x80};
    const work_t *w = b->state;
    const PGresult *r = gh_batch_result(b, w->at);
    char location[80];
    if (PQntuples(r) == 0)
        return GH_STEP_AGAIN; /* the one before has ended at this moment */
    snprintf(location, sizeof location, "/api/v1/jobs/%s", PQgetvalue(r, 0, 1));
    gh_batch_event(b, "jobs", (gh_str_t){empty_map, 1});
    gh_job_header(b, b->jobs[0], "Location", location);
    gh_job_ok(b, b->jobs[0], 202, gh_pg_str(r, 0, 0));
    return GH_STEP_DONE;
}

gh_step_t
gh_defer_step(gh_batch_t *b)
{
    static const gh_step_fn phases[] = {put, tell};
    return gh_batch_phases(b, sizeof(work_t), phases, GH_COUNT(phases));
}
