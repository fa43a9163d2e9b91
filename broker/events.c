/*
 * broker/events.c - the event socket: what publishers send goes to every subscriber; a beat each second (decisions 11)
 *
 * The broker subscribes to everything, so that it sees every sequence number, and ignores what subscribers ask for beyond
 * that. Of the topics it takes `config` for itself: it has no database (workers repeat the settings for a new broker). With
 * CURVE only the hospital's workers and tools may publish; fronts may not.
 */
#include "broker.h"

#include "base/log.h"
#include "wire/config_event.h"
#include "wire/event.h"

#define TOPIC_MAX   32
#define MAY_PUBLISH (GH_KEY_IDENTITY | GH_KEY_WORKER | GH_KEY_JOBS | GH_KEY_OPS)

static bool
may_publish(gh_broker_t *b, size_t i, zmq_msg_t *frame)
{
    if (i == 0)
        return true; /* the plain socket: a directory that only we can enter, or the loopback */
    uint32_t roles;
    (void)gh_curve_identify(b->curve, frame, &roles);
    return (roles & MAY_PUBLISH) != 0;
}

static void
publish(gh_broker_t *b, gh_str_t topic, gh_str_t payload)
{
    for (size_t i = 0; i < 2; i++) {
        if (!b->events_out[i])
            continue;
        b->events_out_touched[i] = true;
        zmq_send(b->events_out[i], topic.p, topic.n, ZMQ_DONTWAIT | ZMQ_SNDMORE);
        zmq_send(b->events_out[i], payload.p, payload.n, ZMQ_DONTWAIT);
    }
}

/* topic | payload, checked; then on to everybody. */
static void
relay(gh_broker_t *b, size_t i, zmq_msg_t *frame, size_t n)
{
    gh_mp_t map;
    int64_t seq = 0;

    if (n != 2 || zmq_msg_size(&frame[0]) == 0 || zmq_msg_size(&frame[0]) > TOPIC_MAX ||
        gh_event_decode(zmq_msg_data(&frame[1]), zmq_msg_size(&frame[1]), &map) < 0 ||
        gh_str_is(gh_frame_str(&frame[0]), "beat")) {
        b->total.events_invalid++;
        return;
    }
    if (!may_publish(b, i, &frame[0])) {
        b->total.unknown_key++;
        return;
    }
    if (gh_mp_int(gh_mp_get(map, "seq"), &seq) && seq > b->event_seq)
        b->event_seq = seq;
    if (gh_str_is(gh_frame_str(&frame[0]), "config") && gh_config_event_take(b->conf, map)) {
        gh_broker_configure(b);
        gh_log(GH_LOG_INFO, "configured", GH_KI("revision", gh_conf_revision(b->conf)));
    }
    b->total.events++;
    publish(b, gh_frame_str(&frame[0]), gh_frame_str(&frame[1]));
}

void
gh_events_relay(gh_broker_t *b, size_t i)
{
    b->events_in_touched[i] = false;
    for (int budget = 256; budget > 0; budget--) {
        zmq_msg_t frame[2], rest;
        size_t n = 0;
        bool more = true;
        while (more) {
            zmq_msg_t *f = n < 2 ? &frame[n] : &rest;
            zmq_msg_init(f);
            if (zmq_msg_recv(f, b->events_in[i], ZMQ_DONTWAIT) < 0) {
                zmq_msg_close(f);
                break;
            }
            more = zmq_msg_more(f);
            if (n >= 2)
                zmq_msg_close(f);
            n++;
        }
        if (n == 0)
            return;
        relay(b, i, frame, n);
        for (size_t k = 0; k < n && k < 2; k++)
            zmq_msg_close(&frame[k]);
    }
    b->events_in_touched[i] = true; /* there may be more */
}

void
gh_events_ignore(gh_broker_t *b, size_t i)
{
    uint32_t roles;
    zmq_msg_t said;

    b->events_out_touched[i] = false;
    for (int budget = 256; budget > 0; budget--) {
        zmq_msg_init(&said);
        int n = zmq_msg_recv(&said, b->events_out[i], ZMQ_DONTWAIT);
        if (n >= 0 && i == 1) /* a subscriber whose key is revoked later shall hear no more */
            (void)gh_curve_identify(b->curve, &said, &roles);
        b->subscribed |= n > 0 && *(const uint8_t *)zmq_msg_data(&said) == 1;
        zmq_msg_close(&said);
        if (n < 0)
            return;
    }
    b->events_out_touched[i] = true;
}

void
gh_events_beat(gh_broker_t *b)
{
    gh_buf_clear(&b->scratch);
    gh_event_begin(&b->scratch);
    gh_mpw_map(&b->scratch, b->draining ? 3 : 2);
    gh_mpw_cstr(&b->scratch, "broker");
    gh_mpw_bin(&b->scratch, b->id, sizeof b->id);
    gh_mpw_cstr(&b->scratch, "seq");
    gh_mpw_int(&b->scratch, b->event_seq);
    if (b->draining) {
        gh_mpw_cstr(&b->scratch, "draining");
        gh_mpw_bool(&b->scratch, true);
    }
    if (gh_buf_ok(&b->scratch))
        publish(b, GH_STR("beat"), gh_buf_view(&b->scratch));
}
