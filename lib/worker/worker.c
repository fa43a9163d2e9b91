/*
 * lib/worker/worker.c - the process: start, loop, drain
 *
 * Start: contract and pool tables are checked, lanes connect, roles are loaded; only then is READY sent. Stop
 * (SIGTERM, SIGINT): no batch is begun any more, those that run are finished and answered, then DISCONNECT
 * hands the rest back to the brokers. A batch that takes longer than DRAIN_SOFT_MS does not hold the others
 * back; DRAIN_HARD_MS ends the wait.
 */
#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/log.h"
#include "base/notify.h"
#include "base/program.h"
#include "base/timez.h"
#include "gen/sql_worker.h"
#include "worker/internal.h"

#define SWEEP_MS      100
#define TICK_MS       1000
#define STATS_MS      60000
#define DRAIN_SOFT_MS 1000
#define DRAIN_HARD_MS 5000

/* ---- lanes */

static bool
any_lane_up(const gh_wpool_t *p)
{
    for (size_t i = 0; i < p->n_lanes; i++)
        if (gh_pg_is_up(p->lanes[i].pg))
            return true;
    return false;
}

static void
lane_up(void *arg)
{
    gh_lane_t *lane = arg;
    gh_wpool_t *p = lane->pool;
    p->down_since_ms = 0;
    gh_log(GH_LOG_INFO, "lane_up", GH_KS("pool", p->def->name), GH_KI("lane", lane - p->lanes));
    gh_worker_pool_up(p);
    gh_pool_dispatch(p);
}

static void
lane_down(void *arg)
{
    gh_lane_t *lane = arg;
    gh_wpool_t *p = lane->pool;
    if (!any_lane_up(p) && p->down_since_ms == 0)
        p->down_since_ms = gh_mono_ms();
    if (lane->batch)
        gh_exec_lost(lane->batch);
    gh_pool_dispatch(p);
}

static void
lane_result(void *arg, struct pg_result *r)
{
    gh_lane_t *lane = arg;
    gh_exec_result(lane->batch, r);
}

static void
lane_synced(void *arg)
{
    gh_lane_t *lane = arg;
    gh_exec_synced(lane->batch);
    gh_pool_dispatch(lane->pool);
}

static gh_timings_t *
timings_of(const gh_pg_config_t *c, size_t n)
{
    const gh_sql_t *tables[GH_PG_TABLES];
    size_t counts[GH_PG_TABLES];
    for (size_t i = 0; i < n; i++) {
        tables[i] = c->tables[i].sql;
        counts[i] = c->tables[i].n;
    }
    return gh_timings_new(tables, counts, n);
}

static int
open_lanes(gh_wpool_t *p)
{
    static const gh_pg_events_t events = {lane_up, lane_down, lane_result, lane_synced};
    const gh_conf_t *conf = p->worker->conf;
    char name[64];
    gh_pg_config_t c = {
        .conninfo = gh_conf_str(conf, "database.url"),
        .statement_timeout_ms = gh_conf_int(conf, "database.statement_timeout_ms"),
        .lock_timeout_ms = gh_conf_int(conf, "database.lock_timeout_ms"),
        .idle_tx_timeout_ms = gh_conf_int(conf, "database.idle_tx_timeout_ms"),
    };
    size_t t = 0;
    for (; t < GH_COUNT(p->def->sql) && p->def->sql[t]; t++) {
        c.tables[t].sql = p->def->sql[t];
        c.tables[t].n = *p->def->sql_count[t];
    }
    c.tables[t].sql = gh_sql_worker;
    c.tables[t].n = gh_sql_worker_count;
    snprintf(name, sizeof(name), "guahao-worker %s", p->def->name);
    c.application = p->app_name = strdup(name);
    c.timings = p->timings = timings_of(&c, t + 1);
    p->n_lanes = (size_t)gh_conf_int(conf, "worker.lanes");
    if (p->n_lanes > GH_LANES_MAX)
        p->n_lanes = GH_LANES_MAX;
    for (size_t i = 0; i < p->n_lanes; i++) {
        p->lanes[i].pool = p;
        p->lanes[i].pg = gh_pg_new(p->worker->loop, &c, &events, &p->lanes[i]);
        if (!p->lanes[i].pg || !p->app_name || !p->timings)
            return -1;
    }
    return 0;
}

/* ---- pools */

void
gh_worker_pool_up(gh_wpool_t *p)
{
    gh_worker_t *w = p->worker;
    if (p->started || w->draining)
        return;
    if (!p->def->no_database && !(gh_upkeep_ready(w->upkeep) && any_lane_up(p)))
        return;
    p->started = true;
    if (p->def->start && p->def->start(w)) {
        gh_log(GH_LOG_ERROR, "pool_start", GH_KS("pool", p->def->name));
        w->failed = w->draining = true;
        return;
    }
    for (size_t i = 0; i < p->n_links; i++)
        if (p->links[i].endpoint)
            gh_link_open(&p->links[i]);
    gh_log(GH_LOG_INFO, "ready", GH_KS("pool", p->def->name), GH_KI("operations", p->n_ops),
           GH_KI("credit", p->credit), GH_KI("lanes", p->n_lanes));
}

void
gh_worker_configured(gh_worker_t *w)
{
    gh_program_log(w->conf);
    gh_trace_configured(w);
    gh_log(GH_LOG_INFO, "configured", GH_KI("revision", gh_conf_revision(w->conf)));
    if (!gh_program_clock(w->conf) &&
        !gh_upkeep_ready(w->upkeep)) /* who starts, stops; who runs goes on by the machine's clock */
        w->failed = w->draining = true;
    for (size_t i = 0; i < w->n_pools; i++)
        if (w->pools[i].started && w->pools[i].def->configured)
            w->pools[i].def->configured(w);
}

const gh_conf_t *
gh_worker_conf(const gh_worker_t *w)
{
    return w->conf;
}

const gh_seal_t *
gh_worker_seal(gh_worker_t *w)
{
    if (!w->seal && !w->seal_asked)
        w->seal = gh_seal_load(gh_conf_str(w->conf, "data.key_file"));
    w->seal_asked = true;
    return w->seal;
}

gh_wpool_t *
gh_wpool_of(const gh_worker_t *w, const gh_pool_t *pool)
{
    for (size_t i = 0; i < w->n_pools; i++)
        if (w->pools[i].def == pool)
            return &w->pools[i];
    abort();
}

void *
gh_worker_state(const gh_worker_t *w, const gh_pool_t *pool)
{
    return gh_wpool_of(w, pool)->state;
}

void
gh_worker_set_state(gh_worker_t *w, const gh_pool_t *pool, void *state)
{
    gh_wpool_of(w, pool)->state = state;
}

/* ---- drain */

static size_t
batches_running(const gh_worker_t *w)
{
    size_t n = 0;
    for (size_t i = 0; i < w->n_pools; i++)
        n += w->pools[i].running;
    return n;
}

static void
disconnect_all(gh_worker_t *w)
{
    if (w->disconnected)
        return;
    w->disconnected = true;
    for (size_t i = 0; i < w->n_pools; i++)
        for (size_t l = 0; l < w->pools[i].n_links; l++)
            gh_link_close(&w->pools[i].links[l], true);
}

/* True when the process may end. */
static bool
drained(gh_worker_t *w)
{
    int64_t since = gh_mono_ms() - w->drain_ms;
    size_t running = batches_running(w);
    if (running == 0 || since > DRAIN_SOFT_MS)
        disconnect_all(w);
    if (running > 0 && since > DRAIN_HARD_MS)
        gh_log(GH_LOG_WARN, "drain_cut", GH_KI("batches", running));
    return running == 0 || since > DRAIN_HARD_MS;
}

void
gh_worker_drain(gh_worker_t *w)
{
    if (w->draining)
        return;
    w->draining = true;
    w->drain_ms = gh_mono_ms();
    gh_notify_stopping();
    gh_log(GH_LOG_INFO, "draining", GH_KI("batches", batches_running(w)));
}

static int
on_signal(zloop_t *loop, zmq_pollitem_t *item, void *arg)
{
    (void)loop;
    (void)item;
    gh_worker_t *w = arg;
    struct signalfd_siginfo info;
    if (read(w->signal_fd, &info, sizeof(info)) != sizeof(info))
        return 0;
    gh_worker_drain(w);
    return drained(w) ? -1 : 0;
}

/* ---- brokers */

static int
load_brokers(gh_worker_t *w)
{
    char why[5000], host[GH_MDP_NAME_MAX - 16] = "";
    (void)gethostname(host, sizeof host - 1);
    snprintf(w->name, sizeof w->name, "%s:%d", *host ? host : "host", (int)getpid());
    w->brokers = calloc(1, sizeof *w->brokers);
    if (w->brokers && gh_broker_list_load(w->conf, w->brokers, why, sizeof why) == 0)
        return 0;
    gh_log(GH_LOG_ERROR, "brokers_unread", GH_KS("reason", w->brokers ? why : "memory"));
    return -1;
}

static void
follow_brokers(gh_worker_t *w)
{
    for (size_t i = 0; i < w->n_pools; i++)
        if (gh_links_follow(&w->pools[i], w->brokers))
            gh_log(GH_LOG_ERROR, "brokers_too_many", GH_KS("pool", w->pools[i].def->name));
    if (w->bus)
        gh_bus_follow(w->bus, w->brokers);
}

/* ---- time */

static int
on_sweep(zloop_t *loop, int id, void *arg)
{
    (void)loop;
    (void)id;
    gh_worker_t *w = arg;
    for (size_t i = 0; i < w->n_pools; i++) {
        gh_pool_sweep(&w->pools[i]);
        gh_pool_dispatch(&w->pools[i]); /* upkeep that has become due */
        gh_links_tick(&w->pools[i]);
    }
    if (gh_broker_follow(&w->follow, w->conf, gh_mono_ms(), w->brokers))
        follow_brokers(w);
    gh_worker_tell(w);
    gh_trace_flush(w);
    return w->draining && drained(w) ? -1 : 0;
}

static int
on_tick(zloop_t *loop, int id, void *arg)
{
    (void)loop;
    (void)id;
    gh_worker_t *w = arg;
    gh_program_log_tick(w->conf);
    if (w->bus)
        gh_bus_follow(w->bus, w->brokers); /* to whom it could not connect */
    for (size_t i = 0; i < w->n_pools; i++)
        if (w->pools[i].started && w->pools[i].def->tick)
            w->pools[i].def->tick(w);
    return 0;
}

static int
on_stats(zloop_t *loop, int id, void *arg)
{
    (void)loop;
    (void)id;
    gh_worker_t *w = arg;
    for (size_t i = 0; i < w->n_pools; i++)
        gh_stats_line(&w->pools[i]);
    return 0;
}

/* ---- set-up */

static int
load_pools(gh_worker_t *w, const gh_pool_t *const *pools, size_t n)
{
    char dir[PATH_MAX];
    snprintf(dir, sizeof(dir), "%s/schema/openapi", gh_conf_share_dir());
    gh_contract_t *contract = gh_contract_load(dir, gh_conf_str(w->conf, "front.contract_extra"));
    if (!contract)
        return -1;
    int rc = 0;
    w->pools = calloc(n, sizeof(*w->pools));
    for (size_t i = 0; w->pools && i < n; i++, w->n_pools++)
        if (gh_wpool_init(&w->pools[i], w, pools[i], contract) || gh_links_follow(&w->pools[i], w->brokers))
            rc = -1;
    gh_contract_destroy(&contract);
    malloc_trim(0); /* the parsed files are by far the largest thing this process ever holds */
    return w->pools ? rc : -1;
}

static int
catch_signals(gh_worker_t *w)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    signal(SIGPIPE, SIG_IGN);
    if (sigprocmask(SIG_BLOCK, &set, NULL)) /* before any thread exists */
        return -1;
    w->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (w->signal_fd < 0)
        return -1;
    zmq_pollitem_t item = {NULL, w->signal_fd, ZMQ_POLLIN, 0};
    return zloop_poller(w->loop, &item, on_signal, w);
}

static int
set_up(gh_worker_t *w, const gh_pool_t *const *pools, size_t n)
{
    bool database = false;
    mallopt(M_ARENA_MAX, 2); /* a few hashing threads do not deserve 64 MiB of heap each */
    zsys_handler_set(NULL);
    gh_trace_configured(w);
    w->loop = zloop_new();
    if (!w->loop || catch_signals(w))
        return -1;
    zloop_set_nonstop(w->loop, true);
    w->zmq = zmq_ctx_new();
    w->actors = gh_actor_cache_new();
    if (!w->zmq || !w->actors || load_brokers(w) || load_pools(w, pools, n))
        return -1;
    w->upkeep = gh_upkeep_new(w);
    w->threads = gh_threads_new(w, (size_t)gh_conf_int(w->conf, "password.threads"));
    for (size_t i = 0; i < n; i++)
        database |= !pools[i]->no_database;
    if (!w->upkeep || !w->threads)
        return -1;
    if (database && !*gh_conf_str(w->conf, "database.url")) {
        gh_log(GH_LOG_ERROR, "no_database_url", GH_KS("setting", "database.url"),
               GH_KS("reason", "empty: DATABASE_URL or the settings file names the database"));
        return -1;
    }
    if (database && !(w->bus = gh_bus_new(w)))
        return -1;
    for (size_t i = 0; i < n; i++)
        if (!w->pools[i].def->no_database && open_lanes(&w->pools[i]))
            return -1;
    zloop_timer(w->loop, SWEEP_MS, 0, on_sweep, w);
    zloop_timer(w->loop, TICK_MS, 0, on_tick, w);
    zloop_timer(w->loop, STATS_MS, 0, on_stats, w);
    for (size_t i = 0; i < n; i++)
        gh_worker_pool_up(&w->pools[i]); /* those without a database */
    return 0;
}

/* ---- the end */

static void
free_jobs_and_batches(gh_worker_t *w)
{
    for (size_t i = 0; i < w->n_pools; i++)
        for (size_t g = 0; g < w->pools[i].n_groups; g++)
            for (gh_wjob_priv_t *j = w->pools[i].groups[g].head, *next; j; j = next) {
                next = j->next;
                gh_job_free(w, j);
            }
    for (gh_wjob_priv_t *j; (j = w->free_jobs);) {
        w->free_jobs = j->next;
        free(j);
    }
    for (gh_batch_priv_t *b; (b = w->free_batches);) {
        w->free_batches = b->next;
        gh_arena_fini(&b->arena);
        free(b->results);
        free(b);
    }
}

static void
tear_down(gh_worker_t *w)
{
    gh_threads_destroy(&w->threads);
    for (size_t i = 0; i < w->n_pools; i++) {
        gh_wpool_t *p = &w->pools[i];
        if (p->started && p->def->stop)
            p->def->stop(w);
        for (size_t l = 0; l < p->n_lanes; l++)
            gh_pg_destroy(&p->lanes[l].pg);
        gh_links_fini(p);
        gh_timings_destroy(&p->timings);
        free(p->app_name);
    }
    free_jobs_and_batches(w);
    gh_bus_destroy(&w->bus);
    free(w->brokers);
    for (size_t i = 0; i < w->n_pools; i++)
        gh_wpool_fini(&w->pools[i]);
    free(w->pools);
    gh_upkeep_destroy(&w->upkeep);
    gh_role_table_destroy(&w->roles);
    gh_actor_cache_destroy(&w->actors);
    gh_trace_flush(w);
    gh_buf_fini(&w->job_lines);
    gh_buf_fini(&w->scratch);
    gh_buf_fini(&w->maps);
    gh_buf_fini(&w->opened);
    gh_seal_destroy(&w->seal);
    zloop_destroy(&w->loop);
    if (w->signal_fd >= 0)
        close(w->signal_fd);
    if (w->zmq)
        zmq_ctx_term(w->zmq); /* waits for the last replies, at most their linger time */
}

bool
gh_worker_draining(const gh_worker_t *w)
{
    return w->draining;
}

int
gh_worker_run(gh_conf_t *conf, const gh_pool_t *const *pools, size_t n)
{
    gh_worker_t w = {.conf = conf, .signal_fd = -1, .started_s = gh_machine_us() / 1000000};
    bool up = n > 0 && n <= GH_POOLS_MAX && set_up(&w, pools, n) == 0;
    if (up)
        zloop_start(w.loop);
    for (size_t i = 0; i < w.n_pools; i++)
        gh_stats_line(&w.pools[i]);
    gh_log(GH_LOG_INFO, "stopped");
    tear_down(&w);
    return up && !w.failed ? 0 : 1;
}
