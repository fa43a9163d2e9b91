/*
 * lib/worker/events.c - broadcasts: outbox rows with their cause, published after commit; and those we listen
 * to
 *
 * Publishing right after the commit is for speed; upkeep.c publishes again what did not come back from a
 * broker and was marked as sent. Receivers take a sequence number twice without harm. We listen for what makes cached callers and
 * roles stale.
 */
#include <stdio.h>
#include <stdlib.h>
#include <libpq-fe.h>

#include "base/log.h"
#include "base/timez.h"
#include "base/uuid7.h"
#include "wire/config_event.h"
#include "wire/event.h"
#include "wire/frames.h"
#include "wire/dial.h"
#include "worker/internal.h"

#define LINGER_MS     500
#define ANNOUNCEMENTS 3

struct gh_bus {
    gh_worker_t *worker;
    void *pub, *sub;
    gh_buf_t frame;
    int64_t seen; /* highest sequence number that reached us */
    uint8_t brokers[GH_BROKERS_MAX][16];
    size_t n_brokers;
    gh_broker_list_t connected;
    char flushed[GH_UUID_TEXT]; /* the last flush: it comes over every broker */
    int announce;               /* beats that are still answered with the settings of the database */
};

static const char *const heard_topics[] = {"authz", "revoke", "config", "flush", "beat", NULL};

bool
gh_bus_hears(const char *topic)
{
    for (size_t i = 0; heard_topics[i]; i++)
        if (strcmp(heard_topics[i], topic) == 0)
            return true;
    return false;
}

/* ---- publishing */

void
gh_bus_publish(gh_bus_t *bus, int64_t seq, const char *topic, gh_str_t payload)
{
    gh_mp_t map;
    if (gh_mp_check(payload.p, payload.n, GH_EVENT_MAX, &map) || gh_mp_type(map) != GH_MP_MAP) {
        gh_log(GH_LOG_ERROR, "event_payload", GH_KS("topic", topic));
        return;
    }
    gh_buf_clear(&bus->frame);
    gh_event_begin(&bus->frame);
    gh_mpw_map(&bus->frame, (uint32_t)gh_mp_count(map) + 1);
    gh_mpw_cstr(&bus->frame, "seq");
    gh_mpw_int(&bus->frame, seq);
    for (gh_mp_iter_t it = gh_mp_iter(map); gh_mp_next(&it);) {
        gh_mpw_str(&bus->frame, it.key);
        gh_buf_str(&bus->frame, gh_mp_raw(it.value));
    }
    if (!gh_buf_ok(&bus->frame) || zmq_send(bus->pub, topic, strlen(topic), ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0 ||
        zmq_send(bus->pub, bus->frame.p, bus->frame.n, ZMQ_DONTWAIT) < 0)
        gh_log(GH_LOG_WARN, "event_unsent", GH_KS("topic", topic), GH_KI("seq", seq));
}

void
gh_events_put(gh_batch_priv_t *b)
{
    if (b->n_events == 0 || b->failed)
        return;
    gh_pgarr_t topics = {0}, payloads = {0};
    for (gh_pending_event_t *e = b->events; e; e = e->next) {
        gh_pgarr_text(&topics, gh_str(e->topic));
        gh_pgarr_bytea(&payloads, e->payload);
    }
    char now[GH_PG_TIME_TEXT];
    gh_pg_time_text(gh_machine_us(), now);
    const char *params[] = {gh_pgarr_literal(&topics), gh_pgarr_literal(&payloads), now};
    if (params[0] && params[1])
        b->at_outbox = gh_batch_ask_own(b, "rt_outbox_put", 3, params);
    else
        b->failed = true;
    gh_pgarr_fini(&topics);
    gh_pgarr_fini(&payloads);
}

void
gh_events_publish(gh_batch_priv_t *b)
{
    const PGresult *r = gh_batch_own(b, b->at_outbox);
    gh_worker_t *w = b->pool->worker;
    int row = 0;
    if (!r)
        return;
    for (gh_pending_event_t *e = b->events; e && row < PQntuples(r); e = e->next, row++) {
        int64_t seq = gh_pg_i64(r, row, 0, 0);
        gh_bus_publish(w->bus, seq, e->topic, e->payload);
        gh_upkeep_told(w->upkeep, seq, e->topic);
    }
    b->events = NULL;
    b->events_tail = &b->events;
    b->n_events = 0;
    b->at_outbox = GH_NONE;
}

/* ---- listening */

static void
forget_all(gh_bus_t *bus)
{
    gh_actor_cache_forget(bus->worker->actors, 0);
    gh_upkeep_roles_changed(bus->worker->upkeep);
}

/* Somebody wants it all read anew (workers/system/flush.c). Roles and settings are replaced when they are here: never nothing. */
static void
flush(gh_bus_t *bus, gh_mp_t map)
{
    gh_worker_t *w = bus->worker;
    gh_str_t id, scope;
    size_t n = 0;
    if (!gh_mp_str(gh_mp_get(map, "flush"), &id) || !gh_mp_str(gh_mp_get(map, "scope"), &scope) ||
        gh_str_is(id, bus->flushed))
        return;
    snprintf(bus->flushed, sizeof bus->flushed, "%.*s", (int)id.n, id.p);
    bool all = gh_str_is(scope, "all");
    if (all || gh_str_is(scope, "callers")) {
        n += gh_actor_cache_used(w->actors);
        gh_actor_cache_forget(w->actors, 0);
    }
    if (all || gh_str_is(scope, "settings")) {
        n += w->roles != NULL;
        gh_upkeep_roles_changed(w->upkeep);
    }
    for (size_t i = 0; i < w->n_pools; i++)
        if ((all || gh_str_is(scope, "places")) && w->pools[i].started && w->pools[i].def->flush)
            n += w->pools[i].def->flush(w);
    gh_log(GH_LOG_INFO, "flushed", GH_KN("scope", scope), GH_KI("entries", n));
    gh_upkeep_flushed(w->upkeep, id, n);
}

/* A broker we have not met may have missed events, and so may we. */
static bool
new_broker(gh_bus_t *bus, gh_str_t id)
{
    if (id.n != 16)
        return false;
    for (size_t i = 0; i < bus->n_brokers; i++)
        if (memcmp(bus->brokers[i], id.p, 16) == 0)
            return false;
    /* brokers that went away for good are forgotten in turn */
    memcpy(bus->brokers[bus->n_brokers % GH_BROKERS_MAX], id.p, 16);
    if (bus->n_brokers < GH_BROKERS_MAX)
        bus->n_brokers++;
    return true;
}

/* A broker has no database: those who have one tell a new broker the settings. Several times, because our connection to it may be
 * made later than its connection to us. */
static void
announce_settings(gh_bus_t *bus)
{
    gh_conf_value_t values[GH_CONF_VALUES_MAX];
    gh_buf_t payload GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    const gh_conf_t *conf = bus->worker->conf;
    bus->announce--;
    gh_config_event_put(&payload, gh_conf_revision(conf), values, gh_conf_taken(conf, values));
    if (gh_conf_revision(conf) > 0 && gh_buf_ok(&payload))
        gh_bus_publish(bus, 0, "config", gh_buf_view(&payload));
}

static void
handle(gh_bus_t *bus, gh_str_t topic, gh_mp_t map)
{
    int64_t seq = 0, user = -1;
    gh_str_t broker = {0};
    if (!gh_mp_int(gh_mp_get(map, "seq"), &seq))
        return;
    if (!gh_str_is(topic, "beat"))
        gh_upkeep_heard(bus->worker->upkeep, seq);
    if (gh_str_is(topic, "beat")) {
        bool met = !gh_mp_bin(gh_mp_get(map, "broker"), &broker) || !new_broker(bus, broker);
        if (!met)
            bus->announce = ANNOUNCEMENTS;
        if (!met || seq > bus->seen)
            forget_all(bus);
        else if (bus->announce > 0)
            announce_settings(bus);
    } else if (gh_str_is(topic, "config")) {
        if (seq > 0) /* not a repetition: read what has changed, x-public-if too */
            gh_upkeep_roles_changed(bus->worker->upkeep);
    } else if (gh_str_is(topic, "flush")) {
        flush(bus, map);
    } else if (gh_mp_int(gh_mp_get(map, "user"), &user)) {
        if (user == 0)
            forget_all(bus);
        else
            gh_actor_cache_forget(bus->worker->actors, user);
    }
    if (seq > bus->seen)
        bus->seen = seq;
}

static bool
receive_one(gh_bus_t *bus)
{
    zmq_msg_t m[2];
    size_t n = gh_frames_recv(bus->sub, m, 2);
    gh_mp_t map;
    if (n == 2 && gh_event_decode(zmq_msg_data(&m[1]), zmq_msg_size(&m[1]), &map) == 0)
        handle(bus, gh_frame(&m[0]), map);
    gh_frames_close(m, n);
    return n > 0;
}

static int
on_event(zloop_t *loop, zmq_pollitem_t *item, void *arg)
{
    (void)loop;
    (void)item;
    for (int i = 0; i < 256 && receive_one(arg); i++)
        ;
    return 0;
}

/* ---- set-up */

static bool
connect_to(gh_bus_t *bus, void *sock, const char *endpoint, const char *cert)
{
    return !*endpoint || gh_dial_connect(sock, bus->worker->conf, endpoint, cert) == 0;
}

static void
disconnect(void *sock, const char *endpoint)
{
    if (*endpoint)
        (void)zmq_disconnect(sock, endpoint);
}

/* Both ways, or neither. */
static bool
connect_broker(gh_bus_t *bus, const gh_broker_at_t *b)
{
    if (!connect_to(bus, bus->pub, b->events_in, b->cert))
        return false;
    if (connect_to(bus, bus->sub, b->events_out, b->cert))
        return true;
    disconnect(bus->pub, b->events_in);
    return false;
}

void
gh_bus_follow(gh_bus_t *bus, const gh_broker_list_t *list)
{
    gh_broker_list_t *now = &bus->connected;
    size_t kept = 0;
    for (size_t i = 0; i < now->n; i++) {
        const gh_broker_at_t b = now->at[i];
        if (gh_broker_listed(list, &b)) {
            now->at[kept++] = b;
            continue;
        }
        disconnect(bus->pub, b.events_in);
        disconnect(bus->sub, b.events_out);
    }
    now->n = kept;
    for (size_t i = 0; i < list->n; i++)
        if (now->n < GH_BROKERS_MAX && !gh_broker_listed(now, &list->at[i]) &&
            connect_broker(bus, &list->at[i]))
            now->at[now->n++] = list->at[i];
}

gh_bus_t *
gh_bus_new(gh_worker_t *w)
{
    gh_bus_t *bus = calloc(1, sizeof(*bus));
    if (!bus)
        return NULL;
    bus->worker = w;
    bus->pub = gh_dial_new(w->zmq, ZMQ_PUB, &(gh_dial_t){.linger_ms = LINGER_MS});
    bus->sub = gh_dial_new(w->zmq, ZMQ_SUB, &(gh_dial_t){.frame_max = GH_EVENT_MAX, .topics = heard_topics});
    if (!bus->pub || !bus->sub) {
        gh_bus_destroy(&bus);
        return NULL;
    }
    gh_bus_follow(bus, w->brokers);
    zmq_pollitem_t item = {bus->sub, 0, ZMQ_POLLIN, 0};
    zloop_poller(w->loop, &item, on_event, bus);
    zloop_poller_set_tolerant(w->loop, &item);
    return bus;
}

void
gh_bus_destroy(gh_bus_t **bus_p)
{
    gh_bus_t *bus = *bus_p;
    *bus_p = NULL;
    if (!bus)
        return;
    if (bus->sub) {
        zmq_pollitem_t item = {bus->sub, 0, ZMQ_POLLIN, 0};
        zloop_poller_end(bus->worker->loop, &item);
        zmq_close(bus->sub);
    }
    if (bus->pub)
        zmq_close(bus->pub);
    gh_buf_fini(&bus->frame);
    free(bus);
}
