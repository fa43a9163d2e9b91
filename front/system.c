/*
 * front/system.c - state and facts of the system on /api/v1/system (api/29 SY-01 to SY-04, SY-09)
 */
#include <stdlib.h>

#include "base/json.h"
#include "base/timez.h"
#include "front/front.h"
#include "front/window.h"

static const char *
state_of(const front_probe_t *p)
{
    return p->ready ? "up" : p->database && p->broker ? "degraded" : "down";
}

/* The payload Health; what is behind it is for callers with a token. */
static void
put_health(const front_ask_t *ask, const front_probe_t *p, gh_buf_t *out)
{
    char now[GH_TEXT_TS];
    gh_json_t j;
    gh_ts_text(gh_now_us(), now);
    gh_json_init(&j, out);
    gh_json_obj(&j);
    gh_json_kcstr(&j, "status", state_of(p));
    gh_json_kcstr(&j, "version", GH_VERSION);
    gh_json_ki64(&j, "uptime_s", (gh_mono_ms() - front.started_ms) / 1000);
    gh_json_kcstr(&j, "time", now);
    gh_json_key(&j, "checks");
    gh_json_obj(&j);
    if (ask->user_id)
        front_probes_put(&j, p);
    gh_json_obj_end(&j);
    gh_json_obj_end(&j);
}

static int
by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The pools that the contract gives operations to: what this system can do. */
static void
put_features(gh_json_t *j)
{
    size_t n = gh_contract_count(front.contract), used = 0;
    const char **names = calloc(n + 1, sizeof(char *));
    gh_json_key(j, "features");
    gh_json_arr(j);
    for (size_t i = 0; names && i < n; i++)
        names[used++] = gh_contract_at(front.contract, i)->pool;
    if (names)
        qsort(names, used, sizeof(char *), by_text);
    for (size_t i = 0; i < used; i++)
        if (strcmp(names[i], "front") != 0 && (i == 0 || strcmp(names[i], names[i - 1]) != 0))
            gh_json_str(j, gh_str(names[i]));
    gh_json_arr_end(j);
    free(names);
}

static void
put_info(gh_buf_t *out)
{
    gh_json_t j;
    gh_json_init(&j, out);
    gh_json_obj(&j);
    gh_json_kcstr(&j, "name", gh_conf_str(front.conf, "hospital.name"));
    gh_json_kcstr(&j, "version", GH_VERSION);
    gh_json_key(&j, "api_versions");
    gh_json_arr(&j);
    gh_json_str(&j, GH_STR("v1"));
    gh_json_arr_end(&j);
    gh_json_kcstr(&j, "environment", gh_conf_str(front.conf, "system.mode"));
    gh_json_kcstr(&j, "timezone", gh_conf_str(front.conf, "hospital.timezone"));
    gh_json_kcstr(&j, "currency", gh_conf_str(front.conf, "hospital.currency"));
    put_features(&j);
    gh_json_obj_end(&j);
}

bool
front_system_serve(const front_ask_t *ask)
{
    const char *id = ask->op->id;
    gh_buf_t payload GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT, body GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    bool health = strcmp(id, "front.v1_get_health") == 0, ready = strcmp(id, "front.v1_get_ready") == 0;
    if (health || ready) {
        front_probe_t p = front_probes_look();
        if (ready && !p.ready) {
            front_answer_error(ask, GH_E_SERVICE_UNAVAILABLE, NULL, NULL);
            return true;
        }
        put_health(ask, &p, &payload);
    } else if (strcmp(id, "front.v1_get_info") == 0) {
        put_info(&payload);
    } else if (strcmp(id, "front.v1_get_metrics") == 0) {
        gh_json_t j;
        gh_json_init(&j, &payload);
        front_window_put(&j, ask->window_s);
    } else if (strcmp(id, "front.v1_list_queues") == 0) {
        front_queues_put(&payload);
    } else {
        return false;
    }
    gh_rendered_t shown;
    gh_render_success(&ask->render, 200, gh_buf_view(&payload), &body, &shown);
    front_answer(ask, shown.status, shown.type, (gh_str_t){0}, gh_buf_view(&body));
    return true;
}
