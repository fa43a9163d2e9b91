/*
 * broker/client.c - requests: what is taken into a queue, what is refused at once, and what clients are told
 *
 * Refusals are reply headers with an error name (schema/job-message.md). A plain Majordomo client has no form for them:
 * its job is dropped and counted, and its own time-out tells it (18/MDP leaves errors to the application).
 */
#include "broker.h"

#include "base/log.h"

/* ---- out */

int
gh_client_begin(gh_broker_t *b, const gh_client_t *client, uint8_t command, gh_str_t service)
{
    uint8_t port = client->port;

    if (gh_port_begin(b, port, client->id) < 0) {
        b->total.reply_dropped++;
        return -1;
    }
    if (client->version == 1) {
        gh_port_put(b, port, "", 0, true);
        gh_port_put(b, port, GH_MDPC01, 6, true);
    } else {
        gh_port_put(b, port, GH_MDPC02, 6, true);
        gh_port_put(b, port, &command, 1, true);
    }
    gh_port_put(b, port, service.p, service.n, true);
    return 0;
}

static gh_client_t
client_of(gh_bjob_t *job)
{
    return (gh_client_t){.port = job->client.port, .version = job->client_version, .id = &job->client.id};
}

void
gh_client_answer(gh_broker_t *b, gh_bjob_t *job, uint8_t command, gh_message_t *m, size_t body)
{
    gh_client_t client = client_of(job);

    /* 0.1 knows one answer only: parts of one are left out. */
    if (job->no_client || (job->client_version == 1 && command != GH_MDPC_FINAL))
        return;
    if (gh_client_begin(b, &client, command, gh_str(job->service->name)) < 0)
        return;
    for (size_t i = body; i < m->n; i++)
        gh_port_move(b, client.port, &m->frame[i], i + 1 < m->n);
}

static void
refuse(gh_broker_t *b, const gh_client_t *client, gh_str_t service, const uint8_t id[16], uint32_t attempt,
       const char *error, bool elsewhere)
{
    gh_buf_clear(&b->scratch);
    gh_reply_refusal(id, attempt, error, elsewhere, &b->scratch);
    if (gh_buf_ok(&b->scratch) && gh_client_begin(b, client, GH_MDPC_FINAL, service) == 0)
        gh_port_put(b, client->port, b->scratch.p, b->scratch.n, false);
}

static void
refuse_job(gh_broker_t *b, gh_bjob_t *job, const char *error, bool elsewhere)
{
    gh_client_t client = client_of(job);

    if (job->no_client)
        return;
    if (job->has_head)
        refuse(b, &client, gh_str(job->service->name), job->id, job->attempt, error, elsewhere);
    else
        job->service->count.opaque_dropped++;
}

void
gh_client_refuse(gh_broker_t *b, gh_bjob_t *job, const char *error)
{
    refuse_job(b, job, error, false);
}

static void
end_job(gh_broker_t *b, gh_bjob_t *job)
{
    gh_wheel_remove(&b->wheel, job);
    gh_dispatch_forget(job->service, job, b->now_ms);
    gh_bjob_free(b, job);
}

void
gh_client_end(gh_broker_t *b, gh_bjob_t *job, const char *error)
{
    refuse_job(b, job, error, false);
    end_job(b, job);
}

void
gh_client_pass_on(gh_broker_t *b, gh_bjob_t *job, const char *error)
{
    refuse_job(b, job, error, job->crashes == 0);
    end_job(b, job);
}

void
gh_client_expire(gh_broker_t *b)
{
    gh_link_t over;

    gh_list_init(&over);
    gh_wheel_advance(&b->wheel, b->now_ms, &over);
    while (!gh_list_empty(&over)) {
        gh_bjob_t *job = GH_LINK_OWNER(over.next, gh_bjob_t, wheel_link);
        gh_list_remove(&job->wheel_link);
        gh_dispatch_remove(job->service, job);
        job->service->count.expired++;
        gh_client_end(b, job, "UPSTREAM_TIMEOUT");
    }
}

/* ---- in */

/* What admission knows of a request. */
typedef struct request {
    gh_client_t client;
    gh_str_t service;
    bool has_head, trusted;
    gh_job_head_t head;
} request_t;

/* A header that does not decode: its sender gets an answer if the id at least is there. */
static void
refuse_broken(gh_broker_t *b, const request_t *r, gh_str_t frame)
{
    gh_mp_t map;
    gh_str_t id;

    if (gh_mp_check(frame.p + 4, frame.n - 4, GH_JOB_HEAD_MAX, &map) == 0 &&
        gh_mp_bin(gh_mp_get(map, "id"), &id) && id.n == 16)
        refuse(b, &r->client, r->service, (const uint8_t *)id.p, 0, "BAD_REQUEST", false);
    else
        b->total.invalid++;
}

static void
refuse_request(gh_broker_t *b, const request_t *r, gh_bservice_t *s, const char *error, bool elsewhere)
{
    if (r->has_head)
        refuse(b, &r->client, r->service, r->head.id, r->head.attempt, error, elsewhere);
    else if (s)
        s->count.opaque_dropped++;
}

static size_t
bytes_of(gh_message_t *m, size_t body)
{
    size_t n = sizeof(gh_bjob_t);

    for (size_t i = body; i < m->n; i++)
        n += zmq_msg_size(&m->frame[i]);
    return n;
}

static bool
is_full(const gh_broker_t *b, const gh_bservice_t *s, gh_message_t *m, size_t body)
{
    size_t bytes = bytes_of(m, body);
    uint32_t depth = gh_bservice_depth(s);

    if (depth >= b->max_depth || b->bytes + bytes > b->max_bytes)
        return true;
    /* Plain peers cannot fill what the hospital's own need. */
    return !m->port->inner && (depth >= b->max_depth - b->max_depth / 2 ||
                               b->public_bytes + bytes > b->max_bytes / GH_PUBLIC_SHARE);
}

static void
log_full(gh_broker_t *b, gh_bservice_t *s)
{
    if (s->full_logged_ms != 0 && b->now_ms - s->full_logged_ms < 1000)
        return;
    s->full_logged_ms = b->now_ms;
    gh_log(GH_LOG_WARN, "queue_full", GH_KS("service", s->name), GH_KI("depth", gh_bservice_depth(s)),
           GH_KI("bytes", b->bytes));
}

/* Nobody serves it, and not only for a moment. */
static bool
is_deserted(const gh_broker_t *b, const gh_bservice_t *s)
{
    return s->n_workers == 0 &&
           (s->no_worker_ms == INT64_MIN || b->now_ms - s->no_worker_ms > b->no_worker_grace_ms);
}

/* The service, when the request may enter its queue; else NULL, and the client has been told. */
static gh_bservice_t *
admit(gh_broker_t *b, gh_message_t *m, const request_t *r, size_t body)
{
    gh_bservice_t *s = gh_service_find(b, r->service);
    const char *error = NULL;
    bool elsewhere = false;

    if (s)
        s->used_ms = b->now_ms;
    if (b->draining) {
        error = "SERVICE_UNAVAILABLE";
        elsewhere = true;
    } else if (r->has_head && (!s || is_deserted(b, s))) {
        s ? s->count.refused_no_worker++ : b->total.unknown_service++;
        error = "SERVICE_UNAVAILABLE";
        elsewhere = true;
    } else if (!s && !(s = gh_service_require(b, r->service, m->port->inner))) {
        b->total.unknown_service++;
        return NULL;
    } else if (is_full(b, s, m, body)) {
        s->count.refused_full++;
        log_full(b, s);
        error = "QUEUE_FULL";
    } else if (r->has_head && r->head.budget_ms == 0) {
        s->count.expired++;
        error = "UPSTREAM_TIMEOUT";
    }
    if (!error)
        return s;
    refuse_request(b, r, s, error, elsewhere);
    return NULL;
}

/* Take over what the job needs of its header. The spans of the header die with the message: the shard is copied. */
static void
fill(gh_broker_t *b, gh_bjob_t *job, const request_t *r)
{
    job->client_version = r->client.version;
    job->has_head = r->has_head;
    job->trusted = r->trusted;
    job->prio = GH_PRIO_NORMAL;
    job->seq = ++b->seq;
    job->arrived_us = b->now_us;
    job->deadline_ms = b->now_ms + b->opaque_ttl_ms;
    if (!r->has_head)
        return;
    memcpy(job->id, r->head.id, 16);
    job->attempt = r->head.attempt;
    job->deadline_ms = b->now_ms + r->head.budget_ms;
    job->prio = r->head.priority;
    if (job->prio == GH_PRIO_HIGH && !b->port[job->client.port].inner)
        job->prio = GH_PRIO_NORMAL;
}

static void
enqueue(gh_broker_t *b, gh_message_t *m, const request_t *r, gh_bservice_t *s, size_t body)
{
    char text[256];
    gh_str_t shard = {text, r->head.shard.n}; /* at most 128 bytes: gh_job_head_decode() */

    if (shard.n > 0)
        memcpy(text, r->head.shard.p, shard.n);
    gh_bjob_t *job = gh_bjob_new(b, m, body);
    if (!job) { /* out of memory: the client's time-out */
        s->count.refused_full++;
        return;
    }
    fill(b, job, r);
    job->service = s;
    if (gh_dispatch_enqueue(s, job, shard) < 0) {
        gh_client_refuse(b, job, "QUEUE_FULL");
        gh_bjob_free(b, job);
        return;
    }
    gh_wheel_add(&b->wheel, job);
    s->count.accepted++;
    if (job->worker)
        gh_deliver_to(b, job->worker);
    else
        gh_deliver(b, s);
}

void
gh_client_request(gh_broker_t *b, gh_message_t *m, const gh_mdp_msg_t *req)
{
    gh_str_t first = gh_frame_str(&m->frame[req->body]);
    request_t r = {.client = {.port = m->port_index, .version = req->version, .id = &m->frame[0]},
                   .service = req->service,
                   .has_head = gh_job_is_head(first.p, first.n)};

    if (r.has_head && gh_job_head_decode(first.p, first.n, &r.head) < 0) {
        refuse_broken(b, &r, first);
        return;
    }
    /* Only fronts and the jobs pool speak for somebody (decisions 8). */
    r.trusted = m->port->inner && (m->roles & (GH_KEY_FRONT | GH_KEY_JOBS)) != 0;
    gh_bservice_t *s = admit(b, m, &r, req->body);
    if (s)
        enqueue(b, m, &r, s, req->body);
}
