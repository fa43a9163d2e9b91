/*
 * broker/mmi.c - services that the broker answers itself (8/MMI, and ours beside it)
 *
 * Body of the answer: a code frame ("200", "400", "403", "404", "501"), then for some one frame, of JSON but for mmi.figures. All but
 * mmi.service are for trusted peers; what changes something needs, with CURVE, a key with the role `ops`.
 */
#include "broker.h"

#include <stdio.h>
#include <unistd.h>

#include "base/json.h"
#include "base/log.h"
#include "base/program.h"
#include "base/uuid7.h"
#include "wire/figures.h"

bool
gh_mmi_is(gh_str_t service)
{
    return service.n >= 4 && memcmp(service.p, "mmi.", 4) == 0;
}

/* ---- reports */

static void
histogram(gh_json_t *j, const char *key, const gh_hist_t *h)
{
    gh_json_key(j, key);
    gh_hist_json(h, j);
}

/* Age of the oldest job that waits, in ms. */
static int64_t
oldest_ms(const gh_broker_t *b, const gh_bservice_t *s)
{
    int64_t oldest = b->now_us;

    for (int p = 0; p < GH_PRIO_COUNT; p++) {
        const gh_bjob_t *job = gh_list_empty(&s->shared.list[p])
                                   ? NULL
                                   : GH_LINK_OWNER(s->shared.list[p].next, gh_bjob_t, link);
        if (job && job->arrived_us < oldest)
            oldest = job->arrived_us;
        for (gh_link_t *l = s->workers.next; l != &s->workers; l = l->next) {
            const gh_queue_t *own = &GH_LINK_OWNER(l, gh_bworker_t, link)->own;
            if (gh_list_empty(&own->list[p]))
                continue;
            job = GH_LINK_OWNER(own->list[p].next, gh_bjob_t, link);
            if (job->arrived_us < oldest)
                oldest = job->arrived_us;
        }
    }
    return (b->now_us - oldest) / 1000;
}

static void
report_service(gh_broker_t *b, const gh_bservice_t *s, gh_json_t *j)
{
    gh_json_obj(j);
    gh_json_kcstr(j, "name", s->name);
    gh_json_ki64(j, "workers", s->n_workers);
    gh_json_ki64(j, "credit", s->credit);
    gh_json_ki64(j, "running", s->running);
    gh_json_key(j, "waiting");
    gh_json_arr(j);
    for (int p = 0; p < GH_PRIO_COUNT; p++)
        gh_json_i64(j, s->waiting[p]);
    gh_json_arr_end(j);
    gh_json_ki64(j, "depth", gh_bservice_depth(s));
    gh_json_ki64(j, "oldest_ms", oldest_ms(b, s));
    gh_json_kbool(j, "paused", s->paused);
    gh_json_kbool(j, "trusted", s->trusted);
    gh_json_ki64(j, "accepted", (int64_t)s->count.accepted);
    gh_json_ki64(j, "done", (int64_t)s->count.done);
    gh_json_ki64(j, "refused_full", (int64_t)s->count.refused_full);
    gh_json_ki64(j, "refused_no_worker", (int64_t)s->count.refused_no_worker);
    gh_json_ki64(j, "expired", (int64_t)s->count.expired);
    gh_json_ki64(j, "requeued", (int64_t)s->count.requeued);
    gh_json_ki64(j, "dead", (int64_t)s->count.dead);
    gh_json_ki64(j, "stale", (int64_t)s->count.stale);
    gh_json_ki64(j, "opaque_dropped", (int64_t)s->count.opaque_dropped);
    histogram(j, "wait_us", &s->wait);
    histogram(j, "work_us", &s->work);
    gh_json_obj_end(j);
}

static void
report_broker(gh_broker_t *b, gh_json_t *j)
{
    char id[GH_UUID_TEXT];

    gh_uuid_text(b->id, id);
    gh_json_key(j, "broker");
    gh_json_obj(j);
    gh_json_kcstr(j, "id", id);
    gh_json_ki64(j, "pid", getpid());
    gh_json_ki64(j, "resident_bytes", gh_program_resident(getpid()));
    gh_json_ki64(j, "uptime_s", (b->now_ms - b->start_ms) / 1000);
    gh_json_kcstr(j, "version", GH_VERSION);
    gh_json_kbool(j, "draining", b->draining);
    gh_json_ki64(j, "inner_peers", b->n_peers);
    gh_json_ki64(j, "workers", b->n_workers);
    gh_json_ki64(j, "bytes", (int64_t)b->bytes);
    gh_json_ki64(j, "dead_letters", b->n_dead);
    gh_json_ki64(j, "event_seq", b->event_seq);
    gh_json_ki64(j, "events", (int64_t)b->total.events);
    gh_json_ki64(j, "events_invalid", (int64_t)b->total.events_invalid);
    gh_json_ki64(j, "mmi", (int64_t)b->total.mmi);
    gh_json_ki64(j, "invalid", (int64_t)b->total.invalid);
    gh_json_ki64(j, "unexpected", (int64_t)b->total.unexpected);
    gh_json_ki64(j, "unknown_key", (int64_t)b->total.unknown_key);
    gh_json_ki64(j, "unknown_service", (int64_t)b->total.unknown_service);
    gh_json_ki64(j, "reply_dropped", (int64_t)b->total.reply_dropped);
    gh_json_ki64(j, "handshakes_failed", (int64_t)b->total.handshakes_failed);
    gh_json_ki64(j, "workers_lost", (int64_t)b->total.workers_lost);
    gh_json_obj_end(j);
}

static int
mmi_queues(gh_broker_t *b, gh_str_t arg, gh_json_t *j)
{
    gh_bservice_t *s, *next;

    if (arg.n > 0 && !gh_service_find(b, arg))
        return 404;
    gh_json_obj(j);
    report_broker(b, j);
    gh_json_key(j, "services");
    gh_json_arr(j);
    for (s = b->services; s; s = next) {
        next = s->hh.next;
        if (arg.n == 0 || gh_str_is(arg, s->name))
            report_service(b, s, j);
    }
    gh_json_arr_end(j);
    gh_json_obj_end(j);
    return 200;
}

static int
mmi_workers(gh_broker_t *b, gh_str_t arg, gh_json_t *j)
{
    char id[2 * 256 + 1];
    gh_bworker_t *w, *next;

    (void)arg;
    gh_json_obj(j);
    gh_json_key(j, "workers");
    gh_json_arr(j);
    for (w = b->workers; w; w = next) {
        next = w->hh.next;
        gh_worker_hex(w, id);
        gh_json_obj(j);
        gh_json_kcstr(j, "id", id);
        gh_json_kcstr(j, "name", w->name);
        gh_json_kcstr(j, "service", w->service->name);
        gh_json_kbool(j, "leaving", w->leaving);
        gh_json_ki64(j, "credit", w->credit);
        gh_json_ki64(j, "running", w->running);
        gh_json_ki64(j, "waiting", w->own.n);
        gh_json_ki64(j, "done", (int64_t)w->done);
        gh_json_ki64(j, "failed", (int64_t)w->failed);
        gh_json_ki64(j, "age_s", (b->now_ms - w->ready_ms) / 1000);
        gh_json_ki64(j, "silent_ms", b->now_ms - w->seen_ms);
        gh_json_kbool(j, "trusted", w->trusted);
        gh_json_obj_end(j);
    }
    gh_json_arr_end(j);
    gh_json_obj_end(j);
    return 200;
}

static int
mmi_dead(gh_broker_t *b, gh_str_t arg, gh_json_t *j)
{
    (void)arg;
    gh_json_obj(j);
    gh_dead_json(b, j);
    gh_json_obj_end(j);
    return 200;
}

/* What the workers of ours say of themselves: wire/figures.h, no JSON. */
static int
mmi_figures(gh_broker_t *b, gh_str_t arg, gh_json_t *j)
{
    char id[2 * 256 + 1];
    gh_bworker_t *w, *next;
    size_t bytes = 0;
    uint32_t n = 0;

    (void)arg;
    for (w = b->workers; w; w = w->hh.next)
        n += w->figures && (bytes += w->n_figures + sizeof id) < GH_FIGURES_ALL;
    gh_mpw_array(j->out, n);
    for (w = b->workers; w && n > 0; w = next) {
        next = w->hh.next;
        if (!w->figures)
            continue;
        n--;
        gh_worker_hex(w, id);
        gh_mpw_array(j->out, 3);
        gh_mpw_cstr(j->out, id);
        gh_mpw_int(j->out, b->now_ms - w->figures_ms);
        gh_mpw_bin(j->out, w->figures, w->n_figures);
    }
    return 200;
}

/* ---- commands */

static int
mmi_service(gh_broker_t *b, gh_str_t arg, gh_json_t *j)
{
    (void)j;
    if (!gh_mdp_service_valid(arg))
        return 400;
    const gh_bservice_t *s = gh_service_find(b, arg);
    return s && s->n_workers > 0 ? 200 : 404;
}

static int
mmi_pause(gh_broker_t *b, gh_str_t arg, gh_json_t *j)
{
    gh_bservice_t *s = gh_service_find(b, arg);

    (void)j;
    if (!s)
        return 404;
    s->paused = true;
    return 200;
}

/* "*" takes back mmi.drain. */
static int
mmi_resume(gh_broker_t *b, gh_str_t arg, gh_json_t *j)
{
    gh_bservice_t *s;

    (void)j;
    if (gh_str_is(arg, "*")) {
        gh_broker_drain(b, b->stopping);
        return 200;
    }
    if (!(s = gh_service_find(b, arg)))
        return 404;
    s->paused = false;
    s->stirred = b->stirred = true;
    return 200;
}

/* Without an argument the broker itself: it hands its clients over to the others. */
static int
mmi_drain(gh_broker_t *b, gh_str_t arg, gh_json_t *j)
{
    (void)j;
    if (arg.n > 0)
        return gh_workers_drain(b, arg) > 0 ? 200 : 404;
    gh_broker_drain(b, true);
    return 200;
}

static int
mmi_kick(gh_broker_t *b, gh_str_t arg, gh_json_t *j)
{
    gh_bworker_t *w = gh_worker_by_hex(b, arg);

    (void)j;
    if (!w)
        return 404;
    gh_worker_kick(b, w, "kicked");
    return 200;
}

static int
mmi_requeue(gh_broker_t *b, gh_str_t arg, gh_json_t *j)
{
    gh_bjob_t *job = gh_dead_find(b, arg);

    (void)j;
    if (!job)
        return 404;
    gh_dead_requeue(b, job);
    return 200;
}

static int
mmi_drop(gh_broker_t *b, gh_str_t arg, gh_json_t *j)
{
    gh_bjob_t *job = gh_dead_find(b, arg);

    (void)j;
    if (!job)
        return 404;
    gh_dead_drop(b, job);
    return 200;
}

/* ---- */

static const struct {
    const char *name;
    enum { ANYBODY, TRUSTED, OPERATOR } who;
    bool body; /* an answer of 200 has a second frame */
    int (*run)(gh_broker_t *b, gh_str_t arg, gh_json_t *j);
} s_commands[] = {
    {"mmi.service", ANYBODY, false, mmi_service}, {"mmi.queues", TRUSTED, true, mmi_queues},
    {"mmi.workers", TRUSTED, true, mmi_workers},  {"mmi.dead", TRUSTED, true, mmi_dead},
    {"mmi.figures", TRUSTED, true, mmi_figures},  {"mmi.pause", OPERATOR, false, mmi_pause},
    {"mmi.resume", OPERATOR, false, mmi_resume},  {"mmi.drain", OPERATOR, false, mmi_drain},
    {"mmi.kick", OPERATOR, false, mmi_kick},      {"mmi.requeue", OPERATOR, false, mmi_requeue},
    {"mmi.drop", OPERATOR, false, mmi_drop},
};

static int
run(gh_broker_t *b, gh_message_t *m, const gh_mdp_msg_t *req, gh_buf_t *json)
{
    gh_str_t arg = gh_frame_str(&m->frame[req->body]);
    gh_json_t j;

    for (size_t i = 0; i < GH_COUNT(s_commands); i++) {
        if (!gh_str_is(req->service, s_commands[i].name))
            continue;
        if ((s_commands[i].who != ANYBODY && !m->port->inner) ||
            (s_commands[i].who == OPERATOR && !(m->roles & GH_KEY_OPS)))
            return 403;
        if (s_commands[i].who == OPERATOR)
            gh_log(GH_LOG_INFO, "command", GH_KS("name", s_commands[i].name), GH_KN("argument", arg));
        gh_json_init(&j, json);
        int code = s_commands[i].run(b, arg, &j);
        if (!s_commands[i].body || code != 200)
            gh_buf_clear(json);
        return code; /* cppcheck-suppress returnDanglingLifetime ; a literal */
    }
    return 501;
}

void
gh_mmi_request(gh_broker_t *b, gh_message_t *m, const gh_mdp_msg_t *req)
{
    gh_client_t client = {.port = m->port_index, .version = req->version, .id = &m->frame[0]};
    gh_buf_t json GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    char code[16];

    snprintf(code, sizeof code, "%d", run(b, m, req, &json));

    b->total.mmi++;
    if (!gh_buf_ok(&json))
        return;
    if (gh_client_begin(b, &client, GH_MDPC_FINAL, req->service) < 0)
        return;
    gh_port_put(b, client.port, code, strlen(code), json.n > 0);
    if (json.n > 0)
        gh_port_put(b, client.port, json.p, json.n, false);
}
