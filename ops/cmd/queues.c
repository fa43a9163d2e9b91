/*
 * ops/cmd/queues.c - `guahao queues`: one look at the brokers' queues
 */
#include "ops/cmd/queues.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/json.h"

int
gh_queues_fetch(gh_mdp_client_t *c, size_t broker, gh_buf_t *queues, gh_buf_t *workers)
{
    char code[8];
    if (gh_mdp_client_mmi(c, broker, "mmi.queues", NULL, code, queues) != 0 || strcmp(code, "200") != 0)
        return -1;
    if (!workers)
        return 0;
    return gh_mdp_client_mmi(c, broker, "mmi.workers", NULL, code, workers) == 0 && strcmp(code, "200") == 0
               ? 0
               : -1;
}

/* The column is as wide as the longest name, so that the table stays aligned. */
static int
s_name_width(const gh_view_t *v)
{
    size_t width = strlen("SERVICE");
    for (size_t i = 0; i < v->n_services; i++)
        if (strlen(v->services[i].name) > width)
            width = strlen(v->services[i].name);
    return (int)width;
}

static void
s_table(const char *name, const char *endpoint, const gh_view_t *v)
{
    printf("broker %s (%s)  version %s  up %" PRId64 " s  %s%s\n", name, v->broker, v->version, v->uptime_s,
           endpoint, v->draining ? "  draining" : "");
    if (v->dead_letters)
        printf("dead letters %" PRId64 "\n", v->dead_letters);
    int w = s_name_width(v);
    printf("%-*s %7s %6s %7s %6s %6s %6s %8s %10s %8s %8s %8s %6s %8s %8s %8s\n", w, "SERVICE", "WORKERS",
           "CREDIT", "RUNNING", "HIGH", "NORMAL", "BATCH", "OLDEST", "DONE", "REFUSED", "EXPIRED", "REQUEUED",
           "DEAD", "WAIT-P95", "WORK-P50", "WORK-P99");
    for (size_t i = 0; i < v->n_services; i++) {
        const gh_view_service_t *s = &v->services[i];
        char oldest[16], wait[16], p50[16], p99[16];
        printf("%-*s %7" PRId64 " %6" PRId64 " %7" PRId64 " %6" PRId64 " %6" PRId64 " %6" PRId64
               " %8s %10" PRId64 " %8" PRId64 " %8" PRId64 " %8" PRId64 " %6" PRId64 " %8s %8s %8s%s\n",
               w, s->name, s->workers, s->credit, s->running, s->waiting[0], s->waiting[1], s->waiting[2],
               gh_view_us(s->depth ? s->oldest_ms * 1000 : -1, oldest), s->done,
               s->refused_full + s->refused_no_worker, s->expired, s->requeued, s->dead,
               gh_view_us(gh_view_percentile(NULL, &s->wait, 0.95), wait),
               gh_view_us(gh_view_percentile(NULL, &s->work, 0.50), p50),
               gh_view_us(gh_view_percentile(NULL, &s->work, 0.99), p99), s->paused ? "  paused" : "");
    }
    if (v->n_services == 0)
        printf("(no service yet)\n");
}

static void
s_side(const gh_mdp_client_t *c, const gh_view_t *const *views, size_t n)
{
    gh_buf_t out GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_queues_side(&out, c, views, n);
    if (gh_buf_cstr(&out))
        printf("\n%s", gh_buf_cstr(&out));
}

/* One broker of the JSON document. */
static void
s_json(gh_json_t *j, const char *name, const char *endpoint, gh_str_t queues, gh_str_t workers)
{
    gh_json_obj(j);
    gh_json_kcstr(j, "name", name);
    gh_json_kcstr(j, "endpoint", endpoint);
    if (queues.n) {
        gh_json_kraw(j, "queues", queues);
        gh_json_kraw(j, "workers", workers);
    } else {
        gh_json_knull(j, "queues");
        gh_json_knull(j, "workers");
    }
    gh_json_obj_end(j);
}

int
gh_queues_run(const gh_conf_t *conf, int timeout_ms, bool json)
{
    gh_mdp_client_t *c = gh_mdp_client_new(conf, timeout_ms);
    if (!c)
        return 1;
    gh_buf_t out GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT, queues GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_buf_t workers GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_json_t j;
    gh_json_init(&j, &out);
    gh_json_obj(&j);
    gh_json_key(&j, "brokers");
    gh_json_arr(&j);
    int rc = 0;
    gh_view_t views[GH_MMI_BROKERS_MAX];
    memset(views, 0, sizeof views);
    const gh_view_t *heard[GH_MMI_BROKERS_MAX] = {NULL};
    for (size_t i = 0; i < gh_mdp_client_count(c); i++) {
        const char *endpoint = gh_mdp_client_endpoint(c, i);
        bool ok = gh_queues_fetch(c, i, &queues, &workers) == 0 &&
                  gh_view_parse(&views[i], gh_buf_view(&queues), gh_buf_view(&workers)) == 0;
        if (json) {
            s_json(&j, gh_mdp_client_name(c, i), endpoint, ok ? gh_buf_view(&queues) : (gh_str_t){0},
                   gh_buf_view(&workers));
        } else if (ok) {
            printf("%s", i ? "\n" : "");
            s_table(gh_mdp_client_name(c, i), endpoint, &views[i]);
        }
        if (ok) {
            heard[i] = &views[i];
            continue;
        }
        fprintf(stderr, "guahao queues: no answer from the broker at %s\n", endpoint);
        rc = 1;
    }
    gh_json_arr_end(&j);
    gh_json_obj_end(&j);
    if (json && gh_buf_cstr(&out))
        puts(gh_buf_cstr(&out));
    if (!json && gh_mdp_client_count(c) > 1)
        s_side(c, heard, gh_mdp_client_count(c));
    for (size_t i = 0; i < GH_MMI_BROKERS_MAX; i++)
        gh_view_fini(&views[i]);
    gh_mdp_client_destroy(&c);
    return rc;
}
