/*
 * front/link.c - between requests and brokers: who sleeps until a reply comes, replies in, events in (MDP/0.2 client, protocols.md)
 *
 * Which broker takes a job says brokers.h. When it vanishes, or says that another one may take the job (`elsewhere`), the job is
 * sent again, marked `resend`, within its time: the job record makes that safe (design.md, exactly once). Then the refusal of a
 * broker that has the job no more does not count.
 */
#include <stdio.h>
#include <stdlib.h>
#include <zmq.h>

#include <kore/kore.h>
#include <kore/http.h>

#define GH_LOG_PART GH_LOG_LINK
#include "base/log.h"
#include "base/program.h"
#include "base/timez.h"
#include "base/uuid7.h"
#include "front/front.h"
#include "front/parked.h"
#include "front/watch.h"
#include "wire/event.h"
#include "wire/frames.h"
#include "wire/mdp.h"

#define TICK_MS       20
#define RESENDS_MAX   8
#define OWN_MARGIN_MS 200 /* a job of our own is waited for a little longer than its budget */

/* ---- requests that sleep */

/* The client left: Kore frees the request, so nothing of it may stay here. */
static void
on_request_freed(struct http_request *req)
{
    front_job_t *j = req->hdlr_extra;
    if (!j)
        return;
    req->hdlr_extra = NULL;
    front_access(&j->ask, 499, 0);
    front_rows_add(&j->ask, 499);
    front_job_unpark(j);
    front_job_free(j);
    front_add(&front.counters->worker[front.worker].left, 1);
}

void
front_let_go(struct http_request *req)
{
    req->hdlr_extra = NULL;
    req->onfree = NULL;
    if (req->owner && req->owner->state != CONN_STATE_DISCONNECTING && !net_send_flush(req->owner))
        kore_connection_disconnect(req->owner);
    req->flags |= HTTP_REQUEST_DELETE;
    http_request_wakeup(req);
}

static void
finish(front_job_t *j)
{
    struct http_request *req = j->ask.req;
    front_job_unpark(j);
    front_job_free(j);
    if (req)
        front_let_go(req);
}

/* A question of ours is answered: the request goes on, and is parked anew or answered. */
static void
go_on(front_job_t *j, gh_str_t answer)
{
    struct http_request *req = j->ask.req;
    front_job_unpark(j);
    req->hdlr_extra = NULL;
    req->onfree = NULL;
    if (req->owner && req->owner->state != CONN_STATE_DISCONNECTING)
        front_request_again(&j->ask, answer);
    else
        front_access(&j->ask, 499, 0); /* the client left at this moment */
    front_job_free(j);
    if (!req->hdlr_extra)
        front_let_go(req);
}

static void
finish_with_error(front_job_t *j, gh_err_t error)
{
    if (j->done) {
        front_done_fn done = j->done;
        finish(j);
        done(NULL, (gh_str_t){0});
        return;
    }
    if (j->told) {
        front_told_fn told = j->told;
        uint8_t tag[16];
        memcpy(tag, j->tag, sizeof tag);
        finish(j);
        told(tag, NULL, (gh_str_t){0});
        return;
    }
    if (j->before) {
        go_on(j, (gh_str_t){0});
        return;
    }
    front_answer_error(&j->ask, error, NULL, NULL);
    finish(j);
}

/* The request sleeps until its job ends; ask is copied with what it points to on the caller's stack. */
static void
park_request(front_job_t *j, const front_ask_t *ask, uint32_t timeout_ms)
{
    struct http_request *req = ask->req;
    j->deadline_ms = gh_mono_ms() + timeout_ms;
    j->ask = *ask;
    if (ask->render.request_id.p == ask->id_text)
        j->ask.render.request_id.p = j->ask.id_text;
    if (j->head.trace.p == ask->trace)
        j->head.trace.p = j->ask.trace;
    gh_buf_str(&j->extension, ask->extension);
    j->ask.extension = gh_buf_ok(&j->extension) ? gh_buf_view(&j->extension) : (gh_str_t){0};
    front_job_park(j);
    req->hdlr_extra = j;
    req->flags |= HTTP_REQUEST_RETAIN_EXTRA;
    req->onfree = on_request_freed;
    http_request_sleep(req);
    front_brokers_stir();
}

/* A job without files that a broker took; NULL: none did, or no memory. */
static front_job_t *
make_sent(const gh_job_head_t *head, const char *service, gh_str_t args)
{
    front_job_t *j = front_job_make(head, service, args);
    if (j && (j->link = front_job_send(j)) < 0) {
        front_job_free(j);
        return NULL;
    }
    return j;
}

/* A job of ours, for which no request sleeps. */
static void
park_own(front_job_t *j)
{
    j->deadline_ms = gh_mono_ms() + j->head.budget_ms + OWN_MARGIN_MS;
    front_job_park(j);
    front_brokers_stir();
}

void
front_link_send(const front_ask_t *ask, const gh_job_head_t *head, const char *service, gh_str_t args,
                gh_upload_t *upload)
{
    front_job_t *j = front_job_make(head, service, args);
    if (j)
        j->link = front_job_take_blobs(j, upload) ? front_job_send(j) : -1;
    if (!j || j->link < 0) {
        if (j)
            front_job_free(j);
        front_add(&front.counters->worker[front.worker].send_failed, 1);
        front_answer_error(ask, GH_E_SERVICE_UNAVAILABLE, NULL, NULL);
        return;
    }
    park_request(j, ask, ask->op->timeout_ms ? ask->op->timeout_ms : front.timeout_ms);
}

bool
front_link_before(const front_ask_t *ask, const gh_job_head_t *head, const char *service)
{
    static const char empty_map[1] = {(char)0x80};
    front_job_t *j = make_sent(head, service, (gh_str_t){empty_map, sizeof empty_map});
    if (!j)
        return false;
    j->before = true;
    park_request(j, ask, head->budget_ms + OWN_MARGIN_MS);
    return true;
}

bool
front_link_ask(const front_errand_t *errand)
{
    static const char empty_map[1] = {(char)0x80};
    gh_job_head_t head = {.op = gh_str(errand->op),
                          .budget_ms = errand->budget_ms,
                          .priority = (uint8_t)errand->priority,
                          .resend = errand->resend,
                          .has_actor = true};
    if (errand->id)
        memcpy(head.id, errand->id, sizeof head.id);
    else
        gh_uuid7_new(head.id);
    front_job_t *j = make_sent(&head, errand->service,
                               errand->args.n ? errand->args : (gh_str_t){empty_map, sizeof empty_map});
    if (!j)
        return false;
    j->done = errand->done;
    park_own(j);
    return true;
}

bool
front_link_question(const gh_job_head_t *head, const char *service, gh_str_t args, front_told_fn told,
                    const uint8_t tag[16])
{
    front_job_t *j = make_sent(head, service, args);
    if (!j)
        return false;
    j->told = told;
    memcpy(j->tag, tag, sizeof j->tag);
    park_own(j);
    return true;
}

void
front_link_mmi(const char *name)
{
    int64_t now = gh_mono_ms();
    for (size_t i = 0; i < front_brokers(); i++)
        if (front_broker_usable(front_broker((int)i), now)) {
            static const char request[1] = {GH_MDPC_REQUEST};
            void *s = front_broker((int)i)->jobs;
            if (zmq_send_const(s, GH_MDPC02, 6, ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0)
                continue;
            (void)zmq_send_const(s, request, 1, ZMQ_SNDMORE | ZMQ_DONTWAIT);
            (void)zmq_send(s, name, strlen(name), ZMQ_SNDMORE | ZMQ_DONTWAIT);
            (void)zmq_send(s, "", 0, ZMQ_DONTWAIT);
            front_brokers_stir();
        }
}

/* ---- receiving */

void
front_frame_release(void *owner)
{
    front_files_give(zmq_msg_size(owner));
    zmq_msg_close(owner);
    free(owner);
}

/* Frames behind the body: they outlive the message, so that a file is sent from where it arrived. False: memory for files
 * is used up, by answers that clients are slow to take. */
static bool
keep_frames(zmq_msg_t *parts, size_t n, front_frames_t *out)
{
    out->n = 0;
    for (size_t i = 0; i < n && i < FRONT_FRAMES_MAX; i++) {
        zmq_msg_t *kept = malloc(sizeof *kept);
        if (!kept || !front_files_take(zmq_msg_size(&parts[i]))) {
            free(kept);
            return false;
        }
        zmq_msg_init(kept);
        zmq_msg_move(kept, &parts[i]);
        out->at[out->n].bytes = gh_frame(kept);
        out->at[out->n++].owner = kept;
    }
    return true;
}

static void
answer(front_job_t *j, const gh_reply_head_t *head, gh_str_t body, zmq_msg_t *more, size_t n_more)
{
    front_frames_t frames;
    if (keep_frames(more, n_more, &frames)) {
        front_answer_reply(&j->ask, head, body, &frames);
        return;
    }
    for (size_t i = 0; i < frames.n; i++)
        front_frame_release(frames.at[i].owner);
    front_answer_error(&j->ask, GH_E_QUEUE_FULL, NULL, NULL);
}

/* No broker takes it. */
static void
give_up(front_job_t *j)
{
    finish_with_error(j, j->begun ? GH_E_UPSTREAM_TIMEOUT : GH_E_SERVICE_UNAVAILABLE);
}

static void
take_reply(const front_link_t *l, gh_str_t head_frame, gh_str_t body, zmq_msg_t *more, size_t n_more)
{
    gh_reply_head_t head;
    if (gh_reply_head_decode(head_frame.p, head_frame.n, &head))
        return;
    front_job_t *j = front_job_find(head.id);
    if (!j || (head.error.n && j->link != (int)l->index)) {
        front_add(&front.counters->worker[front.worker].late, 1);
        return;
    }
    if (head.elsewhere) {
        if (!front_job_pass_on(j, l, gh_str_is(head.error, "UPSTREAM_TIMEOUT")))
            give_up(j);
        return;
    }
    if (j->before) {
        if (head.error.n)
            body.n = 0;
        go_on(j, body);
        return;
    }
    if (!j->done && !j->told && head.error.n == 0 && front_watch_wanted(&j->ask)) {
        front_job_unpark(j);
        front_watch_begin(&j->ask, &j->head, head_frame, &head, body);
        front_job_free(j);
        return;
    }
    if (j->done)
        j->done(&head, body);
    else if (j->told)
        j->told(j->tag, &head, body);
    else if (head.error.n == 0 && strcmp(j->ask.op->pool, "front") == 0)
        front_serve(&j->ask, (gh_str_t){0}); /* the permission that was asked for */
    else
        answer(j, &head, body, more, n_more);
    finish(j);
}

static void
take_message(front_link_t *l, zmq_msg_t *parts, size_t n)
{
    if (n < 4 || !gh_str_is(gh_frame(&parts[0]), GH_MDPC02) || zmq_msg_size(&parts[1]) != 1 ||
        *(const uint8_t *)zmq_msg_data(&parts[1]) != GH_MDPC_FINAL)
        return;
    gh_str_t service = gh_frame(&parts[2]);
    if (service.n > 4 && memcmp(service.p, "mmi.", 4) == 0) {
        gh_str_t body[FRONT_PARTS_MAX];
        for (size_t i = 3; i < n; i++)
            body[i - 3] = gh_frame(&parts[i]);
        front_probes_mmi(l->index, service, body, n - 3);
        return;
    }
    take_reply(l, gh_frame(&parts[3]), n > 4 ? gh_frame(&parts[4]) : (gh_str_t){0}, parts + 5,
               n > 5 ? n - 5 : 0);
}

static void
take_event(front_link_t *l, zmq_msg_t *parts, size_t n)
{
    if (n != 2)
        return;
    gh_str_t topic = gh_frame(&parts[0]);
    if (gh_str_is(topic, "job_state"))
        front_watch_event(gh_frame(&parts[1]));
    front_sync_event(topic, gh_frame(&parts[1]), l->index);
}

void front_turn(void);

/* Kore's hook (front/kore/0007): the end of a turn of its loop. Answers written here leave at once. */
void
front_turn(void)
{
    front_brokers_turn();
    if (front_turns_go_on())
        http_more = 1;
    front_access_flush();
}

/* ---- time */

/* Its broker vanished: what it did with the job is unknown. */
static void
lose_broker(front_job_t *j)
{
    front_job_move(j, -1);
    j->begun = true;
    j->tried = 0;
    j->resends++;
}

/* Jobs of a connection that is gone are gone, even if a new one comes before the sweep looks. */
static void
lose_all(const front_link_t *l)
{
    for (front_job_t *j = front_jobs_parked(); j; j = j->next)
        if (j->link == (int)l->index)
            lose_broker(j);
}

/* Of a job that no broker has. */
static void
send_lost(front_job_t *j, int64_t now)
{
    if (now < j->again_ms || j->resends > RESENDS_MAX || front_job_send_again(j, now))
        return;
    if (j->patience_ms && now >= j->patience_ms)
        give_up(j);
}

static void
sweep(int64_t now)
{
    front_job_t *next;
    for (front_job_t *j = front_jobs_parked(); j; j = next) {
        next = j->next;
        if (now >= j->deadline_ms) {
            finish_with_error(j, GH_E_UPSTREAM_TIMEOUT);
            continue;
        }
        if (j->link >= 0 && !front_broker_usable(front_broker(j->link), now))
            lose_broker(j);
        if (j->link < 0)
            send_lost(j, now);
    }
}

/* ---- start and stop */

static void
tick(void *arg, u_int64_t now_kore)
{
    (void)arg;
    (void)now_kore;
    int64_t now = gh_mono_ms();
    front_brokers_read();
    sweep(now);
    front_brokers_follow(now);
    front_watch_tick(now);
    front_sync_tick(now);
    front_probes_tick(now);
    gh_program_log_tick(front.conf);
    front_rows_tick(now);
    front_worker_counts_t *mine = &front.counters->worker[front.worker];
    atomic_store_explicit(&mine->turned_ms, now, memory_order_relaxed);
    atomic_store_explicit(&mine->linked, front_link_alive(), memory_order_relaxed);
    atomic_store_explicit(&mine->parked, front_link_parked(), memory_order_relaxed);
    atomic_store_explicit(&mine->waiting, front_turns_waiting(), memory_order_relaxed);
    atomic_store_explicit(&mine->file_bytes, front_files_held(), memory_order_relaxed);
}

int
front_link_start(void)
{
    static const front_broker_events_t events = {take_message, take_event, lose_all};
    if (front_brokers_start(&events))
        return -1;
    kore_timer_add(tick, TICK_MS, NULL, 0);
    return 0;
}

void
front_link_stop(void)
{
    front_watch_stop();
    while (front_jobs_parked())
        finish_with_error(front_jobs_parked(), GH_E_SERVICE_UNAVAILABLE);
    front_access_flush();
    bool last = front_rows_flush();
    while (front_jobs_parked()) { /* those just sent: nobody waits for their replies */
        front_job_t *j = front_jobs_parked();
        front_job_unpark(j);
        front_job_free(j);
    }
    front_brokers_stop(last);
    front_jobs_stop();
}
