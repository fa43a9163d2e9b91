/*
 * workers/system/backup_run.c - the durable job that makes a backup, with the code of `guahao backup`
 *
 * pg_dump takes minutes: it runs beside a thread of its own, not one of the pool for short work. A worker makes one backup at a time, the
 * others of its jobs wait their turn; of several workers one, by an advisory lock. The thread keeps the job's progress, and ends
 * when the job was cancelled or the worker is told to stop: then another attempt is made elsewhere.
 *
 * The loop's thread owns everything but a run that is `running`: of that the thread writes what follows `running` in the struct, until it
 * sets `ended`.
 */
#include <libpq-fe.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "backup/dump.h"
#include "backup/shelf.h"
#include "base/log.h"
#include "base/timez.h"
#include "db/blocking.h"
#include "gen/sql_system.h"
#include "worker/args.h"
#include "workers/system/system.h"

#define RECURRING_KEY "schedule:backup" /* of jobs that come again (workers/jobs) */
#define LOOK_MS       1000              /* between looks at the job */
#define LOCK_MS       250               /* between tries for the lock */

typedef enum { RUN_DONE, RUN_FAILED, RUN_STOPPED } run_end_t;

typedef struct run {
    struct run *next;
    gh_batch_t *batch; /* NULL: it has ended without us */
    const gh_conf_t *conf;
    char *url, *dir, *secret, *label, *key;
    int64_t keep;
    pthread_t thread;
    bool running;

    atomic_bool stop, ended;
    run_end_t end;
    bool cancelled;
    gh_blocking_t *jobs; /* for the job's row */
    int64_t total, looked_ms;
    gh_dump_t dump;
    gh_manifest_t made;
} run_t;

typedef struct backups {
    run_t *first; /* the one that runs, then those that wait */
} backups_t;

/* ---- in the thread */

/* Keep the progress, and learn whether the backup is still wanted. */
static bool
on_step(void *arg, int64_t bytes)
{
    run_t *r = arg;
    if (atomic_load(&r->stop))
        return false;
    if (gh_mono_ms() - r->looked_ms < LOOK_MS || !gh_blocking_up(r->jobs))
        return true;
    r->looked_ms = gh_mono_ms();
    char percent[24];
    snprintf(percent, sizeof percent, "%lld", (long long)(r->total > 0 ? bytes * 100 / r->total : 0));
    PGresult *row = gh_blocking_run(r->jobs, "backup_progress", 2, (const char *[]){r->key, percent});
    r->cancelled = row && PQntuples(row) == 0; /* a database that does not answer says nothing */
    PQclear(row);
    return !r->cancelled;
}

static void
quiet(void *arg, const char *message)
{
    (void)arg;
    (void)message;
}

static PGconn *
connect_to(const char *url)
{
    static const char *const keys[] = {
        "dbname", "application_name", "connect_timeout", "target_session_attrs", "client_encoding", NULL};
    const char *values[] = {url, "guahao-worker backup", "10", "read-write", "UTF8", NULL};
    PGconn *db = PQconnectdbParams(keys, values, 1);
    PQsetNoticeProcessor(db, quiet, NULL);
    return db;
}

/* Wait for our turn among all workers. */
static int
take_lock(run_t *r)
{
    while (on_step(r, 0)) {
        PGresult *row = gh_backup_query(r->dump.db, "backup_lock", r->dump.err);
        bool failed = !row, ours = row && gh_pg_bool(row, 0, 0);
        PQclear(row);
        if (failed || ours)
            return failed ? -1 : 0;
        nanosleep(&(struct timespec){.tv_nsec = LOCK_MS * 1000000L}, NULL);
    }
    snprintf(r->dump.err, sizeof r->dump.err, "interrupted");
    return -1;
}

/* How many bytes pg_dump may write: those of the newest backup, or a guess from the size of the database. */
static int64_t
expected(run_t *r)
{
    gh_shelf_t shelf;
    int64_t bytes = 0;
    if (gh_shelf_read(r->dir, &shelf) == 0 && shelf.n > 0)
        bytes = shelf.v[0].manifest.size;
    gh_shelf_fini(&shelf);
    if (bytes > 0)
        return bytes;
    PGresult *row = gh_backup_query(r->dump.db, "backup_database_size", r->dump.err);
    bytes = row ? gh_pg_i64(row, 0, 0, 0) / 6 : 0;
    PQclear(row);
    return bytes;
}

static int
back_up(run_t *r)
{
    gh_dump_t *d = &r->dump;
    if (PQstatus(d->db) != CONNECTION_OK) {
        snprintf(d->err, sizeof d->err, "the database does not answer");
        return -1;
    }
    PGresult *set = gh_backup_exec(
        d->db, "set timezone = 'UTC'; set statement_timeout = 0; set lock_timeout = 0", d->err);
    PQclear(set);
    if (!set || take_lock(r) != 0)
        return -1;
    r->total = expected(r);
    if (gh_dump_to_dir(d) != 0)
        return -1;
    gh_shelf_prune(d->dir, r->keep, NULL, NULL);
    return gh_manifest_read(d->file, &r->made, d->err);
}

static void *
thread_main(void *arg)
{
    run_t *r = arg;
    gh_dump_t *d = &r->dump;
    d->db = connect_to(r->url);
    d->dir = r->dir;
    d->label = r->label;
    d->secret = r->secret;
    d->step = on_step;
    d->step_arg = r;
    bool good = back_up(r) == 0;
    PQfinish(d->db);
    r->end = good ? RUN_DONE : r->cancelled || atomic_load(&r->stop) ? RUN_STOPPED : RUN_FAILED;
    atomic_store(&r->ended, true);
    return NULL;
}

/* ---- in the loop's thread */

static void
free_run(run_t *r)
{
    if (!r)
        return;
    gh_dump_fini(&r->dump);
    gh_manifest_fini(&r->made);
    gh_blocking_destroy(&r->jobs);
    if (r->url)
        explicit_bzero(r->url, strlen(r->url));
    if (r->secret)
        explicit_bzero(r->secret, strlen(r->secret));
    free(r->url);
    free(r->dir);
    free(r->secret);
    free(r->label);
    free(r->key);
    free(r);
}

/* Settings may change meanwhile: the run has its own. NULL when out of memory. */
static run_t *
new_run(gh_batch_t *b)
{
    const gh_conf_t *conf = gh_worker_conf(b->worker);
    gh_mp_t args = b->jobs[0]->args;
    gh_str_t key = gh_arg_str(args, "body.key"), label = gh_arg_str(args, "body.label");
    run_t *r = calloc(1, sizeof *r);
    if (!r)
        return NULL;
    r->batch = b;
    r->conf = conf;
    r->url = strdup(gh_conf_str(conf, "database.url"));
    r->dir = strdup(gh_conf_str(conf, "backup.dir"));
    r->secret = strdup(gh_conf_str(conf, "backup.key"));
    r->key = key.n ? strndup(key.p, key.n) : strdup(RECURRING_KEY);
    r->label = label.n ? strndup(label.p, label.n) : key.n ? NULL : strdup("scheduled");
    r->keep = gh_conf_int(conf, "backup.keep");
    r->looked_ms = gh_mono_ms() - LOOK_MS; /* the first look is at once: it may be cancelled while it waits */
    r->jobs = gh_blocking_new(conf, "guahao-worker backup job", gh_sql_system, gh_sql_system_count);
    if (r->url && r->dir && r->secret && r->key && r->jobs && (r->label || !label.n))
        return r;
    free_run(r);
    return NULL;
}

static void
end_run(run_t *r, run_end_t end)
{
    r->end = end;
    atomic_store(&r->ended, true);
}

static void
begin_run(run_t *r)
{
    size_t n = strlen(r->secret);
    if (n > 0 && n < GH_ARCHIVE_SECRET_MIN) {
        snprintf(r->dump.err, sizeof r->dump.err, "backup.key has less than %d characters",
                 GH_ARCHIVE_SECRET_MIN);
        end_run(r, RUN_FAILED);
        return;
    }
    if (pthread_create(&r->thread, NULL, thread_main, r) != 0) {
        snprintf(r->dump.err, sizeof r->dump.err, "no thread can be started");
        end_run(r, RUN_FAILED);
    } else
        r->running = true;
}

/* The first run has ended: its batch goes on with what came of it, and the next one begins. */
static void
take_ended(backups_t *all)
{
    run_t *r = all->first;
    if (r->running)
        pthread_join(r->thread, NULL);
    r->running = false;
    all->first = r->next;
    if (r->batch)
        gh_batch_resume(r->batch);
    else
        free_run(r);
}

void
gh_backups_tick(gh_worker_t *w)
{
    backups_t *all = gh_worker_state(w, &gh_pool_system);
    if (!all->first)
        return;
    if (gh_worker_draining(w))
        for (run_t *r = all->first; r; r = r->next) {
            atomic_store(&r->stop, true);
            if (!r->running && !atomic_load(&r->ended))
                end_run(r, RUN_STOPPED);
        }
    while (all->first && atomic_load(&all->first->ended))
        take_ended(all);
    if (all->first && !all->first->running)
        begin_run(all->first);
}

int
gh_backups_start(gh_worker_t *w)
{
    backups_t *all = calloc(1, sizeof *all);
    gh_worker_set_state(w, &gh_pool_system, all);
    return all ? 0 : -1;
}

/* Batches are not touched any more: the process ends. */
void
gh_backups_stop(gh_worker_t *w)
{
    backups_t *all = gh_worker_state(w, &gh_pool_system);
    gh_worker_set_state(w, &gh_pool_system, NULL);
    for (run_t *r; all && (r = all->first);) {
        all->first = r->next;
        atomic_store(&r->stop, true);
        if (r->running)
            pthread_join(r->thread, NULL);
        free_run(r);
    }
    free(all);
}

/* ---- the job */

/* The batch ends: a run that is still in the list stays there without it, the other one is no longer needed. */
static void
on_end(void *arg, bool committed)
{
    (void)committed;
    run_t *r = arg;
    backups_t *all = gh_worker_state(r->batch->worker, &gh_pool_system);
    bool listed = false;
    for (run_t *one = all ? all->first : NULL; one; one = one->next)
        listed |= one == r;
    r->batch = NULL;
    if (listed)
        atomic_store(&r->stop, true);
    else
        free_run(r);
}

static gh_step_t
begin(gh_batch_t *b)
{
    backups_t *all = gh_worker_state(b->worker, &gh_pool_system);
    run_t **at = b->state, **tail = &all->first;
    run_t *r = new_run(b);
    if (!r)
        return GH_STEP_FAIL;
    while (*tail)
        tail = &(*tail)->next;
    *at = *tail = r;
    gh_batch_on_end(b, on_end, r);
    if (all->first == r)
        begin_run(r);
    return GH_STEP_WAIT;
}

static gh_step_t
tell(gh_batch_t *b)
{
    gh_buf_t out GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    run_t *r = *(run_t **)b->state;
    gh_wjob_t *job = b->jobs[0];
    if (r->end != RUN_DONE) {
        bool stopped = r->end == RUN_STOPPED;
        gh_log(stopped ? GH_LOG_INFO : GH_LOG_ERROR, "backup_failed", GH_KS("job", r->key),
               GH_KS("why", r->dump.err));
        gh_job_refuse(b, job, stopped ? GH_E_SERVICE_UNAVAILABLE : GH_E_INTERNAL, NULL);
        return GH_STEP_DONE;
    }
    gh_json_t j;
    gh_json_init(&j, &out);
    gh_backup_put(&j, &r->made);
    if (!gh_buf_ok(&out))
        return GH_STEP_FAIL;
    gh_log(GH_LOG_INFO, "backup_made", GH_KS("job", r->key), GH_KS("file", r->dump.file),
           GH_KI("bytes", r->made.size));
    gh_job_ok(b, job, 0, gh_buf_view(&out));
    return GH_STEP_DONE;
}

gh_step_t
gh_run_backup(gh_batch_t *b)
{
    static const gh_step_fn phases[] = {begin, tell};
    return gh_batch_phases(b, sizeof(run_t *), phases, GH_COUNT(phases));
}
