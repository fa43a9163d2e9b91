/*
 * ops/cmd/top.c - `guahao top`: live view of queues, workers, rates and latencies
 *
 * Rates and percentiles are those of the time between two looks, from the differences of the brokers'
 * counters and histograms. On a terminal the view takes the whole screen; elsewhere it prints one block a
 * look.
 */
#include "ops/cmd/queues.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/timez.h"
#include "ops/cmd/term.h"

/* One look at one broker. */
typedef struct look {
    bool ok;
    int64_t at_us;
    gh_view_t view;
} look_t;

typedef struct top {
    gh_mdp_client_t *client;
    size_t n;
    look_t before[GH_MMI_BROKERS_MAX], now[GH_MMI_BROKERS_MAX];
    gh_buf_t queues, workers; /* scratch */
    int interval_ms;
} top_t;

static void
s_look(top_t *t)
{
    for (size_t i = 0; i < t->n; i++) {
        gh_view_fini(&t->before[i].view);
        t->before[i] = t->now[i];
        look_t *l = &t->now[i];
        *l = (look_t){0};
        l->ok = gh_queues_fetch(t->client, i, &t->queues, &t->workers) == 0 &&
                gh_view_parse(&l->view, gh_buf_view(&t->queues), gh_buf_view(&t->workers)) == 0;
        l->at_us = gh_mono_us();
    }
}

/* A rate for people, from a counter's two readings. */
static const char *
s_rate(int64_t before, int64_t after, int64_t us, char out[16])
{
    if (us <= 0 || after < before)
        snprintf(out, 16, "-");
    else
        snprintf(out, 16, "%.0f", (double)(after - before) * 1e6 / (double)us);
    return out;
}

static void
s_service(gh_buf_t *out, const gh_view_service_t *was, const gh_view_service_t *s, int64_t us)
{
    char in[16], done[16], oldest[16], w50[16], w99[16], k50[16], k99[16];
    s_rate(was ? was->accepted : 0, s->accepted, was ? us : 0, in);
    s_rate(was ? was->done : 0, s->done, was ? us : 0, done);
    gh_view_us(s->depth ? s->oldest_ms * 1000 : -1, oldest);
    const gh_view_hist_t *wait = was ? &was->wait : NULL, *work = was ? &was->work : NULL;
    gh_view_us(gh_view_percentile(wait, &s->wait, 0.50), w50);
    gh_view_us(gh_view_percentile(wait, &s->wait, 0.99), w99);
    gh_view_us(gh_view_percentile(work, &s->work, 0.50), k50);
    gh_view_us(gh_view_percentile(work, &s->work, 0.99), k99);
    gh_buf_printf(out,
                  "%-15.15s %4" PRId64 " %6" PRId64 " %6" PRId64 " %7s %8s %8s %7s %7s %7s %7s %8" PRId64
                  " %6" PRId64 " %6" PRId64 " %5" PRId64 "%s\n",
                  s->name, s->workers, s->running, s->depth, oldest, done, in, k50, k99, w50, w99,
                  s->refused_full + s->refused_no_worker, s->expired, s->requeued, s->dead,
                  s->paused ? " paused" : "");
}

static const gh_view_worker_t *
s_find_worker(const gh_view_t *v, const char *id)
{
    for (size_t i = 0; i < v->n_workers; i++)
        if (strcmp(v->workers[i].id, id) == 0)
            return &v->workers[i];
    return NULL;
}

static void
s_workers(gh_buf_t *out, const look_t *before, const look_t *now)
{
    gh_buf_printf(out, "\n%-15s %-12s %6s %6s %8s %12s %7s %8s\n", "WORKER OF", "ID", "CREDIT", "RUN",
                  "JOBS/S", "DONE", "AGE", "SILENT");
    int64_t us = now->at_us - before->at_us;
    for (size_t i = 0; i < now->view.n_workers; i++) {
        const gh_view_worker_t *w = &now->view.workers[i];
        const gh_view_worker_t *was = before->ok ? s_find_worker(&before->view, w->id) : NULL;
        char rate[16], silent[16];
        gh_buf_printf(out,
                      "%-15.15s %-12.12s %6" PRId64 " %6" PRId64 " %8s %12" PRId64 " %6" PRId64 "s %8s%s\n",
                      w->service, w->id, w->credit, w->running,
                      s_rate(was ? was->done : 0, w->done, was ? us : 0, rate), w->done, w->age_s,
                      gh_view_us(w->silent_ms * 1000, silent), w->trusted ? "" : " public");
    }
}

static void
s_broker(gh_buf_t *out, const char *name, const char *endpoint, const look_t *before, const look_t *now)
{
    if (!now->ok) {
        gh_buf_printf(out, "broker %s: no answer from %s\n", name, endpoint);
        return;
    }
    const gh_view_t *v = &now->view;
    /* Counters of another broker process do not compare. */
    bool comparable = before->ok && strcmp(before->view.broker, v->broker) == 0;
    int64_t us = now->at_us - before->at_us, jobs = 0, jobs_before = 0, depth = 0;
    for (size_t i = 0; i < v->n_services; i++) {
        const gh_view_service_t *was = comparable ? gh_view_find(&before->view, v->services[i].name) : NULL;
        jobs += v->services[i].done;
        jobs_before += was ? was->done : 0;
        depth += v->services[i].depth;
    }
    char rate[16];
    gh_buf_printf(
        out, "broker %s  up %" PRId64 "s  peers %" PRId64 "  waiting %" PRId64 "  %s jobs/s  %s\n\n", name,
        v->uptime_s, v->peers, depth, s_rate(jobs_before, jobs, comparable ? us : 0, rate), endpoint);
    gh_buf_printf(out, "%-15s %4s %6s %6s %7s %8s %8s %7s %7s %7s %7s %8s %6s %6s %5s\n", "SERVICE", "WRK",
                  "RUN", "WAIT", "OLDEST", "DONE/S", "IN/S", "WORK50", "WORK99", "WAIT50", "WAIT99",
                  "REFUSED", "EXPIRD", "REQUED", "DEAD");
    for (size_t i = 0; i < v->n_services; i++)
        s_service(out, comparable ? gh_view_find(&before->view, v->services[i].name) : NULL, &v->services[i],
                  us);
    s_workers(out, before, now);
}

static void
s_render(const top_t *t, gh_buf_t *out)
{
    char at[GH_TEXT_DT];
    gh_buf_clear(out);
    gh_dt_text(gh_now_us(), ' ', at);
    gh_buf_printf(out, "guahao top  %s  every %.1f s\n", at, (double)t->interval_ms / 1000.0);
    if (t->n > 1) {
        const gh_view_t *views[GH_MMI_BROKERS_MAX];
        for (size_t i = 0; i < t->n; i++)
            views[i] = t->now[i].ok ? &t->now[i].view : NULL;
        gh_queues_side(out, t->client, views, t->n);
        gh_buf_puts(out, "\n");
    }
    for (size_t i = 0; i < t->n; i++) {
        if (i)
            gh_buf_puts(out, "\n");
        s_broker(out, gh_mdp_client_name(t->client, i), gh_mdp_client_endpoint(t->client, i), &t->before[i],
                 &t->now[i]);
    }
}

/* Draw over the last screen, line by line, so that nothing flickers; lines and columns that do not fit are
 * cut (the text is ASCII: names come from MDP services). */
static void
s_draw(const gh_buf_t *text, gh_buf_t *screen)
{
    int rows, columns, row = 0;
    gh_term_size(&rows, &columns);
    gh_buf_clear(screen);
    gh_buf_puts(screen, "\x1b[H");
    const char *at = text->p, *end = text->p + text->n;
    while (at < end && row < rows - 1) {
        const char *nl = memchr(at, '\n', (size_t)(end - at));
        size_t n = nl ? (size_t)(nl - at) : (size_t)(end - at);
        gh_buf_put(screen, at, n < (size_t)columns ? n : (size_t)columns);
        gh_buf_puts(screen, "\x1b[K\n");
        at += n + 1;
        row++;
    }
    gh_buf_puts(screen, "\x1b[J\x1b[7m q quit   + faster   - slower \x1b[0m");
    fwrite(screen->p, 1, screen->n, stdout);
    fflush(stdout);
}

/* Wait for the next look, minding keys. False when the view shall end. */
static bool
s_pause(top_t *t)
{
    int64_t until = gh_mono_ms() + t->interval_ms;
    for (;;) {
        int64_t left = until - gh_mono_ms();
        int key = gh_term_wait(left > 0 ? (int)left : 0);
        if (key < 0 || key == 'q' || key == 'Q')
            return false;
        if (key == '+' && t->interval_ms > 200)
            t->interval_ms /= 2;
        else if (key == '-' && t->interval_ms < 30000)
            t->interval_ms *= 2;
        if (key == 0)
            return true;
        if (key == '+' || key == '-')
            return true;
    }
}

static bool
s_any_answer(const top_t *t)
{
    for (size_t i = 0; i < t->n; i++)
        if (t->now[i].ok)
            return true;
    return false;
}

static int
s_loop(top_t *t, const gh_top_options_t *opt, bool full_screen)
{
    gh_buf_t text GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT, screen GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    s_look(t);
    if (!s_any_answer(t) && opt->once) {
        fprintf(stderr, "guahao top: no broker answers at %s\n", gh_mdp_client_endpoint(t->client, 0));
        return 1;
    }
    for (int shown = 0; s_pause(t);) {
        s_look(t);
        s_render(t, &text);
        if (!gh_buf_ok(&text))
            return 1;
        if (full_screen)
            s_draw(&text, &screen);
        else
            printf("%s%.*s", shown ? "\n" : "", (int)text.n, text.p);
        fflush(stdout);
        shown++;
        if (ferror(stdout) || opt->once || (opt->count > 0 && shown >= opt->count))
            break;
    }
    return s_any_answer(t) ? 0 : 1;
}

int
gh_top_run(const gh_conf_t *conf, const gh_top_options_t *opt)
{
    top_t *t = calloc(1, sizeof *t);
    if (!t)
        return 1;
    int rc = 1;
    t->interval_ms = opt->interval_ms;
    t->client = gh_mdp_client_new(conf, 1000);
    if (t->client) {
        t->n = gh_mdp_client_count(t->client);
        gh_term_catch_signals();
        bool full_screen = !opt->once && !opt->plain && gh_term_enter();
        rc = s_loop(t, opt, full_screen);
        gh_term_leave();
    }
    for (size_t i = 0; i < t->n; i++) {
        gh_view_fini(&t->before[i].view);
        gh_view_fini(&t->now[i].view);
    }
    gh_buf_fini(&t->queues);
    gh_buf_fini(&t->workers);
    gh_mdp_client_destroy(&t->client);
    free(t);
    return rc;
}
