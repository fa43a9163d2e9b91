/*
 * ops/cmd/workers.c - `guahao workers`: the worker processes of all brokers, pool by pool
 *
 * A worker that serves several brokers is one line. Ours tell of themselves every two seconds (wire/figures.h); of others, and of one
 * that has just come, there is only what the broker counted.
 */
#include "ops/cmd/queues.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "wire/figures.h"

#define SILENT_MS 6000 /* three times GH_FIGURES_EVERY without a word */

typedef struct row {
    gh_figures_t told; /* told.pid 0: nothing was told */
    char pool[GH_VIEW_NAME];
    int64_t hand, done, failed, seen_ms;
    size_t brokers; /* that it serves */
    bool trusted;
} row_t;

typedef struct workers {
    gh_buf_t figures[GH_MMI_BROKERS_MAX]; /* spans of rows point into them */
    row_t *rows;
    size_t n, cap;
} workers_t;

static row_t *
s_add(workers_t *all)
{
    if (all->n == all->cap) {
        size_t cap = all->cap ? all->cap * 2 : 64;
        row_t *rows = realloc(all->rows, cap * sizeof *rows);
        if (!rows)
            return NULL;
        all->rows = rows;
        all->cap = cap;
    }
    all->rows[all->n] = (row_t){.seen_ms = INT64_MAX};
    return &all->rows[all->n++];
}

static row_t *
s_row_of(workers_t *all, const gh_figures_t *f)
{
    for (size_t i = 0; f && i < all->n; i++)
        if (all->rows[i].told.pid && gh_figures_same(&all->rows[i].told, f))
            return &all->rows[i];
    return s_add(all);
}

/* One worker as a broker has it; f: what it told that broker, NULL: nothing. */
static int
s_take(workers_t *all, const gh_view_worker_t *w, const gh_figures_t *f)
{
    row_t *r = s_row_of(all, f);
    if (!r)
        return -1;
    snprintf(r->pool, sizeof r->pool, "%s", w->service);
    r->brokers++;
    r->trusted = w->trusted;
    if (w->silent_ms < r->seen_ms)
        r->seen_ms = w->silent_ms;
    if (f && f->n >= r->told.n) {
        r->told = *f;
        r->hand = f->hand;
        r->done = f->jobs[GH_JOBS_ANSWERED];
        r->failed = f->jobs[GH_JOBS_FAILED];
    } else if (!f) {
        r->hand = w->running;
        r->done = w->done;
        r->failed = w->failed;
    }
    return 0;
}

/* All workers of one broker. -1: it does not answer, or memory ran out. */
static int
s_ask(workers_t *all, gh_mdp_client_t *c, size_t broker)
{
    gh_buf_t queues GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT, text GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_view_t v;
    char code[8];
    size_t n = 0;
    if (gh_queues_fetch(c, broker, &queues, &text) != 0 ||
        gh_mdp_client_mmi(c, broker, "mmi.figures", NULL, code, &all->figures[broker]) != 0 ||
        gh_view_parse(&v, gh_buf_view(&queues), gh_buf_view(&text)) != 0)
        return -1;
    gh_figures_t *told = calloc(v.n_workers + 1, sizeof *told);
    int rc = told ? 0 : -1;
    if (told && strcmp(code, "200") == 0) /* an older broker has none */
        gh_figures_collect(gh_buf_view(&all->figures[broker]), told, &n, v.n_workers);
    for (size_t i = 0; rc == 0 && i < v.n_workers; i++) {
        const gh_figures_t *f = NULL;
        for (size_t k = 0; k < n && !f; k++)
            if (gh_str_is(told[k].worker, v.workers[i].id))
                f = &told[k];
        rc = s_take(all, &v.workers[i], f);
    }
    free(told);
    gh_view_fini(&v);
    return rc;
}

static const char *
s_state(const row_t *r)
{
    if (r->seen_ms > SILENT_MS)
        return "silent";
    if (gh_str_is(r->told.state, "draining"))
        return "draining";
    return r->hand > 0 ? "busy" : "idle";
}

static int
s_by_pool(const void *a, const void *b)
{
    const row_t *x = a, *y = b;
    int rc = strcmp(x->pool, y->pool);
    return rc ? rc : (x->told.pid > y->told.pid) - (x->told.pid < y->told.pid);
}

/* A text of another process, for a terminal. */
static void
s_plain(gh_str_t s, char out[GH_VIEW_NAME])
{
    size_t n = s.n < GH_VIEW_NAME - 1 ? s.n : GH_VIEW_NAME - 1;
    for (size_t i = 0; i < n; i++)
        out[i] = s.p[i] > ' ' && s.p[i] <= '~' ? s.p[i] : '?';
    snprintf(out + n, GH_VIEW_NAME - n, "%s", n ? "" : "-");
}

static void
s_table(const workers_t *all)
{
    printf("%-15s %-16s %8s %-9s %6s %6s %10s %8s %7s %5s %7s %8s %8s\n", "POOL", "HOST", "PID", "STATE",
           "HAND", "CREDIT", "DONE", "REFUSED", "FAILED", "LEVEL", "RSS", "BROKERS", "SEEN");
    for (size_t i = 0; i < all->n; i++) {
        const row_t *r = &all->rows[i];
        char host[GH_VIEW_NAME], level[GH_VIEW_NAME], seen[16], pid[24] = "-", rss[24] = "-";
        s_plain(r->told.host, host);
        s_plain(r->told.level, level);
        if (r->told.pid) {
            snprintf(pid, sizeof pid, "%" PRId64, r->told.pid);
            snprintf(rss, sizeof rss, "%.1fM", (double)r->told.rss / 1048576.0);
        }
        printf("%-15.15s %-16.16s %8s %-9s %6" PRId64 " %6" PRId64 " %10" PRId64 " %8" PRId64 " %7" PRId64
               " %5.5s %7s %8zu %8s%s\n",
               r->pool, host, pid, s_state(r), r->hand, r->told.credit, r->done,
               r->told.jobs[GH_JOBS_REFUSED], r->failed, level, rss, r->brokers,
               gh_view_us(r->seen_ms * 1000, seen), r->trusted ? "" : "  public");
    }
    if (all->n == 0)
        printf("(no worker)\n");
}

static void
s_json(const workers_t *all)
{
    gh_buf_t out GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_json_t j;
    gh_json_init(&j, &out);
    gh_json_arr(&j);
    for (size_t i = 0; i < all->n; i++) {
        const row_t *r = &all->rows[i];
        gh_json_obj(&j);
        gh_json_kcstr(&j, "pool", r->pool);
        gh_json_kstr(&j, "host", r->told.host);
        if (r->told.pid)
            gh_json_ki64(&j, "pid", r->told.pid);
        else
            gh_json_knull(&j, "pid");
        gh_json_kcstr(&j, "state", s_state(r));
        gh_json_ki64(&j, "in_hand", r->hand);
        gh_json_ki64(&j, "credit", r->told.credit);
        gh_json_ki64(&j, "done", r->done);
        gh_json_ki64(&j, "refused", r->told.jobs[GH_JOBS_REFUSED]);
        gh_json_ki64(&j, "failed", r->failed);
        gh_json_kstr(&j, "level", r->told.level);
        gh_json_kstr(&j, "version", r->told.version);
        gh_json_ki64(&j, "rss_bytes", r->told.rss);
        gh_json_ki64(&j, "started", r->told.start);
        gh_json_ki64(&j, "brokers", (int64_t)r->brokers);
        gh_json_ki64(&j, "seen_ms", r->seen_ms);
        gh_json_kbool(&j, "trusted", r->trusted);
        gh_json_obj_end(&j);
    }
    gh_json_arr_end(&j);
    if (gh_buf_cstr(&out))
        puts(gh_buf_cstr(&out));
}

int
gh_workers_run(const gh_conf_t *conf, int timeout_ms, bool json)
{
    gh_mdp_client_t *c = gh_mdp_client_new(conf, timeout_ms);
    workers_t all = {0};
    int rc = c ? 0 : 1;
    for (size_t i = 0; c && i < gh_mdp_client_count(c); i++)
        if (s_ask(&all, c, i) != 0) {
            fprintf(stderr, "guahao workers: no answer from the broker at %s\n",
                    gh_mdp_client_endpoint(c, i));
            rc = 1;
        }
    if (all.n)
        qsort(all.rows, all.n, sizeof *all.rows, s_by_pool);
    if (c && json)
        s_json(&all);
    else if (c)
        s_table(&all);
    for (size_t i = 0; i < GH_MMI_BROKERS_MAX; i++)
        gh_buf_fini(&all.figures[i]);
    free(all.rows);
    gh_mdp_client_destroy(&c);
    return rc;
}
