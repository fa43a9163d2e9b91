/*
 * workers/system/backups.c - backups over HTTP: asked for as durable jobs, and listed (api/29 SY-13, SY-14; R-246)
 *
 * Each call is a job of its own, also while another backup is being made: that one may have begun before what this caller wants to be
 * in his. They are made one after another (backup_run.c).
 */
#include <libpq-fe.h>
#include <stdio.h>

#include "backup/shelf.h"
#include "base/log.h"
#include "base/timez.h"
#include "base/uuid7.h"
#include "domain/later.h"
#include "worker/args.h"
#include "workers/system/system.h"

#define BUDGET_MS    3600000 /* of one attempt */
#define ATTEMPTS_MAX 3

typedef struct asked {
    char id[GH_UUID_TEXT];
    size_t at;
} asked_t;

static gh_step_t
put_job(gh_batch_t *b)
{
    gh_buf_t args GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    asked_t *a = b->state;
    const gh_wjob_t *job = b->jobs[0];
    gh_str_t label = gh_arg_str(job->args, "body.label");
    uint8_t id[16];
    char key[sizeof "backup:" + GH_UUID_TEXT];
    gh_uuid7_new(id);
    gh_uuid_text(id, a->id);
    snprintf(key, sizeof key, "backup:%s", a->id);
    gh_mpw_map(&args, 1);
    gh_mpw_cstr(&args, "body");
    gh_mpw_map(&args, label.n ? 2 : 1);
    gh_mpw_cstr(&args, "key");
    gh_mpw_cstr(&args, key);
    if (label.n) {
        gh_mpw_cstr(&args, "label");
        gh_mpw_str(&args, label);
    }
    if (!gh_buf_ok(&args))
        return GH_STEP_FAIL;
    gh_later_put(b,
                 &(gh_later_t){.kind = "backup",
                               .op = "system.run_backup",
                               .service = "system",
                               .args = gh_buf_view(&args),
                               .owner_id = job->actor.user_id,
                               .unique_key = key,
                               .priority = GH_PRIO_BATCH,
                               .budget_ms = BUDGET_MS,
                               .max_attempts = ATTEMPTS_MAX},
                 id);
    gh_uuid_text(id, a->id);
    a->at = gh_batch_query(b, "backup_job", 2, (const char *[]){a->id, gh_tz_name()});
    return GH_STEP_MORE;
}

static gh_step_t
tell_job(gh_batch_t *b)
{
    gh_buf_t changes GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    const asked_t *a = b->state;
    gh_wjob_t *job = b->jobs[0];
    gh_str_t label = gh_arg_str(job->args, "body.label");
    char location[80];
    gh_json_t j;
    gh_json_init(&j, &changes);
    gh_json_obj(&j);
    if (label.n) {
        gh_json_key(&j, "label");
        gh_json_arr(&j);
        gh_json_null(&j);
        gh_json_str(&j, label);
        gh_json_arr_end(&j);
    }
    gh_json_obj_end(&j);
    if (!gh_buf_ok(&changes))
        return GH_STEP_FAIL;
    gh_batch_audit(b, job,
                   &(gh_audit_t){.action = "backup.create",
                                 .entity = "backup",
                                 .entity_key = a->id,
                                 .changes = gh_buf_cstr(&changes)});
    snprintf(location, sizeof location, "/api/v1/jobs/%s", a->id);
    gh_job_header(b, job, "Location", location);
    gh_job_ok(b, job, 202, gh_pg_str(gh_batch_result(b, a->at), 0, 0));
    return GH_STEP_DONE;
}

gh_step_t
gh_ask_backup(gh_batch_t *b)
{
    static const gh_step_fn phases[] = {put_job, tell_job};
    return gh_batch_phases(b, sizeof(asked_t), phases, GH_COUNT(phases));
}

void
gh_backup_put(gh_json_t *j, const gh_manifest_t *m)
{
    gh_json_obj(j);
    gh_json_kcstr(j, "id", m->id);
    gh_json_kcstr(j, "label", *m->label ? m->label : NULL);
    gh_json_kcstr(j, "created_at", m->created_at);
    gh_json_ki64(j, "size", m->size);
    gh_json_kcstr(j, "sha256", m->sha256);
    gh_json_ki64(j, "schema_version", m->schema_version);
    gh_json_obj_end(j);
}

typedef struct listing {
    const char *dir;
    gh_shelf_t shelf;
    bool failed;
} listing_t;

static void
read_shelf(void *arg)
{
    listing_t *l = arg;
    l->failed = gh_shelf_read(l->dir, &l->shelf) != 0;
}

static void
drop_shelf(void *arg, bool committed)
{
    (void)committed;
    gh_shelf_fini(arg);
}

static gh_step_t
look(gh_batch_t *b)
{
    listing_t *l = b->state;
    l->dir = gh_conf_str(gh_worker_conf(b->worker), "backup.dir");
    gh_batch_on_end(b, drop_shelf, &l->shelf);
    gh_batch_work(b, read_shelf, l);
    return GH_STEP_WAIT;
}

static gh_step_t
tell_list(gh_batch_t *b)
{
    gh_buf_t out GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    const listing_t *l = b->state;
    if (l->failed) {
        gh_log(GH_LOG_ERROR, "backup_dir", GH_KS("dir", l->dir));
        gh_job_refuse(b, b->jobs[0], GH_E_INTERNAL, NULL);
        return GH_STEP_DONE;
    }
    gh_json_t j;
    gh_json_init(&j, &out);
    gh_json_arr(&j);
    for (size_t i = 0; i < l->shelf.n; i++)
        gh_backup_put(&j, &l->shelf.v[i].manifest);
    gh_json_arr_end(&j);
    if (!gh_buf_ok(&out))
        return GH_STEP_FAIL;
    gh_job_ok(b, b->jobs[0], 0, gh_buf_view(&out));
    return GH_STEP_DONE;
}

gh_step_t
gh_list_backups(gh_batch_t *b)
{
    static const gh_step_fn phases[] = {look, tell_list};
    return gh_batch_phases(b, sizeof(listing_t), phases, GH_COUNT(phases));
}
