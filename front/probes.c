/*
 * front/probes.c - what the front answers itself: liveness, readiness, the contract, the root page (api/29, R-210, R-211)
 */
#include <jansson.h>
#include <stdio.h>

#include "base/json.h"
#include "base/timez.h"
#include "front/front.h"
#include "front/window.h"
#include "wire/figures.h"
#include "wire/broker_list.h"

#define QUEUES_MAX  (1u << 20)
#define ASK_MS      1000
#define ASK_SOON_MS 250 /* while not ready */
#define FRESH_MS    3500
#define WORKER_MS   2000 /* a worker of this front says so often that it can serve */

static const char *const s_essential[] = {"identity", "directory", "booking"};

static struct {
    gh_buf_t queues[GH_BROKERS_MAX], workers[GH_BROKERS_MAX], figures[GH_BROKERS_MAX];
    int64_t heard_ms[GH_BROKERS_MAX], workers_ms[GH_BROKERS_MAX], figures_ms[GH_BROKERS_MAX];
    const char *missing; /* an essential pool without a worker anywhere, NULL: none */
    int64_t asked_ms, asked_us, took_us, figures_asked_ms;
} s_probe = {.missing = "identity"}; /* nothing was heard yet */

/* ---- what the brokers say */

/* Workers of a service in one broker's words. */
static int64_t
workers_of(const json_t *root, const char *service)
{
    const json_t *list = json_object_get(root, "services");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *s = json_array_get(list, i);
        const char *name = json_string_value(json_object_get(s, "name"));
        if (name && strcmp(name, service) == 0)
            return json_integer_value(json_object_get(s, "workers"));
    }
    return 0;
}

static void
judge(void)
{
    bool have[GH_COUNT(s_essential)] = {false};
    int64_t now = gh_mono_ms();
    for (size_t b = 0; b < front_brokers() && b < GH_BROKERS_MAX; b++) {
        if (!s_probe.heard_ms[b] || now - s_probe.heard_ms[b] > FRESH_MS)
            continue;
        json_t *root = json_loadb(s_probe.queues[b].p, s_probe.queues[b].n, 0, NULL);
        for (size_t i = 0; i < GH_COUNT(s_essential); i++)
            have[i] = have[i] || workers_of(root, s_essential[i]) > 0;
        json_decref(root);
    }
    s_probe.missing = NULL;
    for (size_t i = 0; i < GH_COUNT(s_essential); i++)
        if (!have[i])
            s_probe.missing = s_essential[i];
}

static bool
keep_words(gh_buf_t *words, gh_str_t text)
{
    gh_buf_clear(words);
    gh_buf_str(words, text);
    return gh_buf_ok(words);
}

void
front_probes_mmi(size_t broker, gh_str_t name, const gh_str_t *body, size_t n)
{
    bool queues = gh_str_is(name, "mmi.queues"), workers = gh_str_is(name, "mmi.workers"),
         figures = gh_str_is(name, "mmi.figures");
    if (figures && n == 2 && gh_str_is(body[0], "200") && broker < GH_BROKERS_MAX &&
        body[1].n <= GH_FIGURES_ALL && keep_words(&s_probe.figures[broker], body[1]))
        s_probe.figures_ms[broker] = gh_mono_ms(); /* read only when somebody asks for them */
    if ((!queues && !workers) || n < 2 || !gh_str_is(body[0], "200") || broker >= GH_BROKERS_MAX ||
        body[1].n > QUEUES_MAX)
        return;
    if (workers) {
        if (keep_words(&s_probe.workers[broker], body[1]))
            s_probe.workers_ms[broker] = gh_mono_ms();
        return;
    }
    if (!keep_words(&s_probe.queues[broker], body[1]))
        return;
    s_probe.heard_ms[broker] = gh_mono_ms();
    s_probe.took_us = gh_mono_us() - s_probe.asked_us;
    judge();
}

gh_str_t
front_probes_queues(size_t broker)
{
    if (broker >= GH_BROKERS_MAX || !s_probe.heard_ms[broker] ||
        gh_mono_ms() - s_probe.heard_ms[broker] > FRESH_MS)
        return (gh_str_t){0};
    return gh_buf_view(&s_probe.queues[broker]);
}

gh_str_t
front_probes_workers(size_t broker)
{
    if (broker >= GH_BROKERS_MAX || !s_probe.workers_ms[broker] ||
        gh_mono_ms() - s_probe.workers_ms[broker] > FRESH_MS)
        return (gh_str_t){0};
    return gh_buf_view(&s_probe.workers[broker]);
}

gh_str_t
front_probes_figures(size_t broker)
{
    if (broker >= GH_BROKERS_MAX || !s_probe.figures_ms[broker] ||
        gh_mono_ms() - s_probe.figures_ms[broker] > FRESH_MS + GH_FIGURES_EVERY)
        return (gh_str_t){0};
    return gh_buf_view(&s_probe.figures[broker]);
}

void
front_probes_forget(size_t broker)
{
    if (broker < GH_BROKERS_MAX)
        s_probe.heard_ms[broker] = s_probe.workers_ms[broker] = s_probe.figures_ms[broker] = 0;
}

bool
front_probes_pool(const char *pool)
{
    bool known = false;
    for (size_t b = 0; b < front_brokers() && !known; b++) {
        gh_str_t text = front_probes_queues(b);
        json_t *root = text.n ? json_loadb(text.p, text.n, 0, NULL) : NULL;
        known = workers_of(root, pool) > 0;
        json_decref(root);
    }
    return known;
}

/* Every worker takes connections, so a front is ready when all of its workers are. */
static bool
all_ready(void)
{
    int64_t now = gh_mono_ms();
    for (size_t w = 0; w < front.counters->workers; w++)
        if (now - atomic_load_explicit(&front.counters->worker[w].ready_ms, memory_order_relaxed) > WORKER_MS)
            return false;
    return true;
}

/* What only this worker knows, for whichever answers. */
static void
tell_cache(void)
{
    front_worker_counts_t *mine = &front.counters->worker[front.worker];
    uint64_t hits, misses;
    front_tokens_counts(front.tokens, &hits, &misses);
    atomic_store_explicit(&mine->token_hits, hits, memory_order_relaxed);
    atomic_store_explicit(&mine->token_misses, misses, memory_order_relaxed);
    atomic_store_explicit(&mine->token_size, front_tokens_size(front.tokens), memory_order_relaxed);
}

void
front_probes_tick(int64_t now)
{
    atomic_store_explicit(&front.counters->worker[front.worker].ready_ms, front_sync_ready() ? now : 0,
                          memory_order_relaxed);
    tell_cache();
    front_window_tick(now);
    if (now - s_probe.asked_ms < (s_probe.missing ? ASK_SOON_MS : ASK_MS))
        return;
    s_probe.asked_ms = now;
    s_probe.asked_us = gh_mono_us();
    if (!s_probe.missing)
        judge(); /* silence counts too */
    front_link_mmi("mmi.queues");
    front_link_mmi("mmi.workers");
    if (now - s_probe.figures_asked_ms < GH_FIGURES_EVERY)
        return;
    s_probe.figures_asked_ms = now;
    front_link_mmi("mmi.figures");
}

/* ---- answers */

/* us 0: not measured; detail NULL: nothing to say. */
static void
put_check(gh_json_t *j, const char *name, bool ok, int64_t us, const char *detail)
{
    gh_json_key(j, name);
    gh_json_obj(j);
    gh_json_kcstr(j, "status", ok ? "up" : "down");
    if (ok && us) {
        gh_json_key(j, "latency_ms");
        gh_json_double(j, (double)us / 1000.0);
    }
    if (detail)
        gh_json_kcstr(j, "detail", detail);
    gh_json_obj_end(j);
}

void
front_probes_put(gh_json_t *j, const front_probe_t *p)
{
    char lacking[64] = "";
    if (p->missing)
        snprintf(lacking, sizeof lacking, "no worker of %s", p->missing);
    put_check(j, "database", p->database, p->database_us, p->database ? NULL : "no answer");
    put_check(j, "broker", p->broker, p->broker_us, p->broker ? NULL : "silent");
    put_check(j, "workers", p->workers, 0, p->workers || !p->broker ? NULL : lacking);
    /* Files are rows of the database. */
    put_check(j, "storage", p->database, p->database_us, p->database ? NULL : "no answer");
}

front_probe_t
front_probes_look(void)
{
    front_probe_t p = {.database = front_sync_answered(),
                       .broker = front_link_alive(),
                       .database_us = front_sync_took_us(),
                       .broker_us = s_probe.took_us,
                       .missing = s_probe.missing};
    p.workers = p.broker && !p.missing;
    p.ready = p.broker && p.workers && p.database && front_sync_ready() && all_ready() && !front.draining;
    front_sync_check_soon();
    return p;
}

static void
serve_ready(const front_ask_t *ask)
{
    front_probe_t p = front_probes_look();
    gh_buf_t body GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_json_t j;
    gh_json_init(&j, &body);
    gh_json_obj(&j);
    gh_json_kcstr(&j, "status", p.ready ? "up" : "down");
    gh_json_key(&j, "checks");
    gh_json_obj(&j);
    front_probes_put(&j, &p);
    gh_json_obj_end(&j);
    gh_json_obj_end(&j);
    front_answer(ask, p.ready ? 200 : 503, "application/json",
                 p.ready ? (gh_str_t){0} : GH_STR("retry-after: 1\r\n"), gh_buf_view(&body));
}

static void
serve_metrics(const front_ask_t *ask)
{
    gh_buf_t body GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    front_metrics(&body);
    front_answer(ask, 200, "text/plain; version=0.0.4; charset=utf-8", (gh_str_t){0}, gh_buf_view(&body));
}

void
front_serve(const front_ask_t *ask, gh_str_t accept)
{
    const char *id = ask->op->id;
    if (strcmp(id, "front.get_health") == 0)
        front_answer(ask, 200, "application/json", (gh_str_t){0}, GH_STR("{\"status\":\"up\"}"));
    else if (strcmp(id, "front.get_readiness") == 0)
        serve_ready(ask);
    else if (strcmp(id, "front.get_metrics") == 0)
        serve_metrics(ask);
    else if (strcmp(id, "front.get_openapi") == 0)
        front_answer(ask, 200, "application/json", (gh_str_t){0}, (gh_str_t){front.openapi, front.openapi_n});
    else if (strcmp(id, "front.hb_get_root") == 0 && front_accepts(accept, "text/plain"))
        front_answer(ask, 200, "text/plain; charset=utf-8", (gh_str_t){0}, GH_STR("Heartbeat"));
    else if (strcmp(id, "front.hb_get_root") == 0)
        front_answer(ask, 200, "application/json", (gh_str_t){0}, GH_STR("\"Heartbeat\""));
    else if (!front_docs_serve(ask) && !front_system_serve(ask) && !front_icons_serve(ask))
        front_answer_error(ask, GH_E_INTERNAL, NULL, NULL); /* the contract names an operation that we lack */
}
