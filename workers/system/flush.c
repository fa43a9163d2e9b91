/*
 * workers/system/flush.c - POST /api/v1/system/cache/flush: every process forgets what it keeps for speed (api/29 SY-12)
 *
 * The event "flush" goes to all fronts and workers over all brokers. Each drops what belongs to the scope and notes how much in
 * cache_flushes, workers themselves (worker/upkeep.c), fronts with the inner operation system.note_flush. The answer comes when
 * nobody has noted anything for a while: who is cut off just now is not in it, hears the event later, and drops then.
 */
#include <libpq-fe.h>
#include <unistd.h>

#include "base/timez.h"
#include "base/uuid7.h"
#include "worker/args.h"
#include "workers/system/system.h"

#define LOOK_US    50000 /* between two looks */
#define QUIET_MS   400   /* nobody else has anything to say */
#define LONGEST_MS 2500

typedef struct work {
    char id[GH_UUID_TEXT];
    const char *scope;
    int64_t begun_ms, moved_ms; /* the last look that found more */
    int64_t processes, entries;
} work_t;

static void
pause_look(void *arg)
{
    (void)arg;
    (void)usleep(LOOK_US);
}

/* The event, and its entry of the audit log, are written with this phase. */
static gh_step_t
tell_all(gh_batch_t *b)
{
    gh_buf_t payload GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    const gh_wjob_t *job = b->jobs[0];
    gh_str_t scope = gh_arg_str(job->args, "body.scope");
    work_t *w = b->state = gh_batch_alloc(b, sizeof *w);
    gh_uuid_text(job->head.id, w->id);
    w->scope = gh_text(b, scope.n ? scope : GH_STR("all"));
    w->begun_ms = w->moved_ms = gh_mono_ms();
    gh_mpw_map(&payload, 2);
    gh_mpw_cstr(&payload, "flush");
    gh_mpw_cstr(&payload, w->id);
    gh_mpw_cstr(&payload, "scope");
    gh_mpw_cstr(&payload, w->scope);
    if (!gh_buf_ok(&payload) || !gh_batch_ok(b))
        return GH_STEP_FAIL;
    gh_batch_event(b, "flush", gh_buf_view(&payload));
    gh_batch_audit(b, job, &(gh_audit_t){.action = "cache.flush", .entity = "cache", .entity_key = w->scope});
    gh_batch_query(b, "flush_expire", 1, (const char *[]){gh_text_time(b, b->now_us)});
    return GH_STEP_MORE;
}

static gh_step_t
look(gh_batch_t *b, const work_t *w)
{
    gh_batch_query(b, "flush_noted", 1, (const char *[]){w->id});
    return GH_STEP_MORE;
}

static gh_step_t
answer(gh_batch_t *b, const work_t *w)
{
    gh_buf_t out GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_json_t j;
    gh_json_init(&j, &out);
    gh_json_obj(&j);
    gh_json_ki64(&j, "flushed", w->entries);
    gh_json_obj_end(&j);
    if (!gh_buf_ok(&out))
        return GH_STEP_FAIL;
    gh_job_ok(b, b->jobs[0], 0, gh_buf_view(&out));
    return GH_STEP_DONE;
}

gh_step_t
gh_flush_caches(gh_batch_t *b)
{
    work_t *w = b->state;
    if (b->phase == 0)
        return GH_STEP_MORE; /* the runtime decides x-access first */
    if (b->jobs[0]->done)
        return GH_STEP_DONE;
    if (b->phase == 1)
        return tell_all(b);
    if (b->phase % 2 == 0) { /* phases turn: pause, look */
        const PGresult *r = b->phase > 2 ? gh_batch_result(b, 0) : NULL;
        int64_t now = gh_mono_ms(), processes = r ? gh_pg_i64(r, 0, 0, 0) : 0;
        if (processes > w->processes)
            w->moved_ms = now;
        w->processes = processes;
        w->entries = r ? gh_pg_i64(r, 0, 1, 0) : 0;
        if (now - w->begun_ms > LONGEST_MS || (processes > 0 && now - w->moved_ms > QUIET_MS))
            return answer(b, w);
        gh_batch_work(b, pause_look, NULL);
        return GH_STEP_WAIT;
    }
    return look(b, w);
}
