/*
 * front/request.c - from a request to a job: match, access, validation, header, broker
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <strings.h>

#include <kore/kore.h>
#include <kore/http.h>

#include "base/timez.h"
#include "base/uuid7.h"
#include "contract/schema.h"
#include "front/cookies.h"
#include "front/front.h"

#define EXTEND_MS        1500 /* for the question for a new token */
#define BUDGET_MARGIN_MS 100  /* the job's budget ends before the client is told 504 */

int front_page(struct http_request *req);

typedef struct inbound {
    front_ask_t ask;
    front_headers_t headers;
    gh_match_t match;
    gh_method_t method;
    bool known_method;
    gh_str_t query;
    gh_token_t token;
    bool has_token;
    bool again; /* goes on after front_link_before(): counted already */
    char ip[INET6_ADDRSTRLEN];
} inbound_t;

/* The path of the request target: origin form, or absolute form without scheme and host (RFC 9112 section 3.2). */
static gh_str_t
target_path(const char *path)
{
    if (strncasecmp(path, "http://", 7) == 0 || strncasecmp(path, "https://", 8) == 0) {
        const char *slash = strchr(strstr(path, "://") + 3, '/');
        return slash ? gh_str(slash) : GH_STR("/");
    }
    return gh_str(path);
}

static bool
method_of(const struct http_request *req, gh_method_t *out)
{
    switch (req->method) {
    case HTTP_METHOD_GET:
    case HTTP_METHOD_HEAD:
        *out = GH_GET;
        return true;
    case HTTP_METHOD_POST:
        *out = GH_POST;
        return true;
    case HTTP_METHOD_PUT:
        *out = GH_PUT;
        return true;
    case HTTP_METHOD_PATCH:
        *out = GH_PATCH;
        return true;
    case HTTP_METHOD_DELETE:
        *out = GH_DELETE;
        return true;
    default:
        *out = GH_GET;
        return false;
    }
}

/* What stays the same for every answer of this request. id names the job. */
static void
begin(struct http_request *req, inbound_t *in, uint8_t id[16])
{
    front_ask_t *ask = &in->ask;
    front_headers_read(req, &in->headers);
    in->known_method = method_of(req, &in->method);
    in->query = gh_str(req->query_string);
    gh_str_t path = target_path(req->path);
    gh_contract_match(front.contract, in->method, path, &in->match);
    gh_uuid7_new(id);
    *ask = (front_ask_t){.req = req,
                         .op = in->match.op,
                         .origin = in->headers.origin,
                         .if_none_match = in->headers.if_none_match,
                         .head = req->method == HTTP_METHOD_HEAD,
                         .close = in->headers.close,
                         .gzip = front_accepts_gzip(in->headers.encoding),
                         .start_us = gh_mono_us()};
    gh_uuid_text(id, ask->id_text);
    front_client_read(req, &ask->client);
    ask->tls = front_https_used(req, in->headers.forwarded_proto);
    ask->trace_given = gh_trace_parse(in->headers.trace, ask->trace);
    if (!ask->trace_given)
        gh_trace_make(id, ask->trace);
    ask->render.envelope = in->match.envelope;
    ask->render.path = path;
    ask->render.op = in->match.op;
    ask->render.query = in->query;
    ask->render.problem = front_accepts(in->headers.accept, "application/problem+json");
    ask->agent = front_agent(in->headers.agent);
    gh_str_t language = front_first_language(in->headers.language);
    ask->render.chinese = language.n >= 2 && strncasecmp(language.p, "zh", 2) == 0;
    if (in->match.op) {
        ask->render.literal_status = in->match.op->literal_status;
        ask->render.success_status = in->match.op->success_status;
    }
}

/* The request's own id when it is a good one, else the job's. Points into ask, so only once it stands still. */
static void
name_request(inbound_t *in)
{
    in->ask.own_id = in->headers.request_id.n && front_request_id_ok(in->headers.request_id);
    in->ask.render.request_id = in->ask.own_id ? in->headers.request_id : gh_str(in->ask.id_text);
}

static bool
is_enabled(const gh_operation_t *op)
{
    return !op->enabled_if || strcmp(op->enabled_if, "docs.enabled") != 0 || front.docs;
}

/* Count the request; true when that refused it. */
static void
answer_limited(const front_ask_t *ask)
{
    char wait[16];
    front_add(&front.counters->worker[front.worker].rate_limited[front_rates_index(&ask->rate)], 1);
    snprintf(wait, sizeof wait, "%u", ask->rate.take.retry_s);
    front_answer_error(ask, GH_E_RATE_LIMITED, (const gh_error_arg_t[]){{"n", gh_str(wait)}, {0}}, NULL);
}

static bool
refuse_by_rate(inbound_t *in)
{
    front_ask_t *ask = &in->ask;
    if (in->again)
        return false;
    if (front_rates_take(in->match.op, &ask->client, ask->user_id, ask->start_us, &ask->rate))
        return false;
    answer_limited(ask);
    return true;
}

/* The same by a key of the arguments (x-rate-key). */
static bool
refuse_by_key(inbound_t *in, gh_str_t args)
{
    static gh_buf_t key; /* reused */
    front_ask_t *ask = &in->ask;
    if (!in->match.op->rate_key)
        return false;
    gh_buf_clear(&key);
    gh_request_rate_key(in->match.op, args, &key);
    if (front_rates_take_key(in->match.op, &key, ask->start_us, &ask->rate))
        return false;
    answer_limited(ask);
    return true;
}

/* Unknown paths, OPTIONS, methods that the path lacks. True when answered. */
static bool
answer_without_operation(inbound_t *in)
{
    const gh_match_t *m = &in->match;
    if (in->ask.req->method == HTTP_METHOD_OPTIONS && (m->allowed || in->headers.preflight_method.n)) {
        front_answer_options(&in->ask, m->allowed, in->headers.preflight_method);
        return true;
    }
    if (in->known_method && m->op && is_enabled(m->op))
        return false;
    if (refuse_by_rate(in))
        return true;
    if (m->allowed && !m->op) {
        gh_rendered_t out;
        gh_buf_t body GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT, lines GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
        gh_render_refusal(&in->ask.render, &(gh_refusal_t){.error = GH_E_METHOD_NOT_ALLOWED}, &body, &out);
        front_put_allow(&lines, m->allowed);
        front_answer(&in->ask, out.status, out.type, gh_buf_view(&lines), gh_buf_view(&body));
        return true;
    }
    front_answer_error(&in->ask, GH_E_ROUTE_NOT_FOUND, NULL, NULL);
    return true;
}

/* a reply of /api is JSON unless its operation has another type besides. */
static bool
is_acceptable(const inbound_t *in)
{
    const gh_operation_t *op = in->match.op;
    gh_str_t accept = in->headers.accept;
    if (op->envelope != GH_ENV_V1 || front_takes(accept, "application/json") ||
        front_takes(accept, "application/problem+json"))
        return true;
    const json_t *content = json_object_get(json_object_get(op->source, "responses"), "200");
    const char *type;
    json_t *media;
    json_object_foreach(json_object_get(content, "content"), type, media)
    {
        if (front_takes(accept, type))
            return true;
    }
    return false;
}

/* A cookie may stand in for the body where the contract says so: then body is filled in. */
static gh_err_t
body_from_cookie(inbound_t *in, gh_str_t *body)
{
    static gh_buf_t made; /* reused: a request is packed at a time */
    const gh_operation_t *op = in->match.op;
    gh_str_t token = op->cookie ? front_cookie_refresh(in->headers.cookie) : (gh_str_t){0};
    if (token.n == 0)
        return GH_E_NONE;
    in->ask.clear_cookies = strcmp(op->cookie, "clear") == 0;
    if (in->ask.clear_cookies || (body->n && !gh_str_is(*body, "{}")))
        return GH_E_NONE;
    if (!front_cookie_csrf_ok(in->headers.cookie, in->headers.csrf))
        return GH_E_CSRF_FAILED;
    gh_buf_clear(&made);
    gh_buf_puts(&made, "{\"use_cookie\":true,\"refresh_token\":\"");
    gh_buf_str(&made, token);
    gh_buf_puts(&made, "\"}");
    in->headers.content_type = (gh_str_t){0};
    *body = gh_buf_view(&made);
    return gh_buf_ok(&made) ? GH_E_NONE : GH_E_INTERNAL;
}

/* Which body this is, or false for a media type that the operation does not take. */
static bool
body_kind(const inbound_t *in, gh_str_t body, gh_body_kind_t *kind)
{
    const gh_operation_t *op = in->match.op;
    *kind = GH_BODY_NONE;
    if (front_upload_of(in->ask.req)) {
        *kind = GH_BODY_MULTIPART;
        return true;
    }
    if (body.n == 0 || (!op->request->json && !op->request->form && !op->request->multipart))
        return true;
    switch (front_media(in->headers.content_type)) {
    case FRONT_MEDIA_NONE:
    case FRONT_MEDIA_JSON:
        *kind = GH_BODY_JSON;
        return op->request->json != NULL;
    case FRONT_MEDIA_FORM:
        *kind = GH_BODY_FORM;
        return op->request->form != NULL;
    default:
        return false;
    }
}

static void
fill_head(inbound_t *in, const uint8_t id[16], gh_str_t key, gh_str_t shard, gh_job_head_t *head)
{
    const gh_operation_t *op = in->match.op;
    uint32_t timeout = op->timeout_ms ? op->timeout_ms : front.timeout_ms;
    *head = (gh_job_head_t){.op = gh_str(op->id),
                            .budget_ms = timeout > 2 * BUDGET_MARGIN_MS ? timeout - BUDGET_MARGIN_MS
                                                                        : timeout / 2,
                            .priority = op->priority,
                            .key = key,
                            .shard = shard,
                            .trace = gh_str(in->ask.trace),
                            .request = in->ask.own_id ? in->headers.request_id : (gh_str_t){0},
                            .has_actor = true};
    memcpy(head->id, id, 16);
    gh_actor_ref_t *a = &head->actor;
    if (in->ask.client.family)
        (void)inet_ntop(in->ask.client.family, in->ask.client.bytes, in->ip, sizeof in->ip);
    a->ip = gh_str(in->ip);
    a->agent = in->ask.agent;
    a->lang = front_first_language(in->headers.language);
    if (in->has_token) {
        a->user_id = in->token.user_id;
        a->session = (gh_str_t){(const char *)in->token.sid, 16};
        a->jti = (gh_str_t){(const char *)in->token.jti, 16};
        a->token_exp = in->token.exp;
    }
}

/* How long the call is waited for once it is a job; 0: not at all. */
static uint32_t
wait_of(const inbound_t *in)
{
    int64_t most = gh_conf_int(front.conf, "front.wait_max_s");
    return in->headers.wait_s < most ? in->headers.wait_s : (uint32_t)most;
}

/* The caller wants what the operation answers as a stream of events (watch.h). */
static bool
wants_stream(const inbound_t *in)
{
    return in->match.op->stream && !in->ask.head && front_accepts(in->headers.accept, "text/event-stream");
}

/* The call becomes a job of its caller: the jobs pool answers with it (workers/jobs/defer.h). */
static void
send_deferred(inbound_t *in, gh_job_head_t *head, gh_str_t args)
{
    static gh_buf_t name; /* reused */
    uint32_t wait = wait_of(in);
    if (in->headers.async)
        snprintf(in->ask.applied, sizeof in->ask.applied, "respond-async");
    if (wait)
        snprintf(in->ask.applied, sizeof in->ask.applied, "%swait=%u",
                 in->headers.async ? "respond-async, " : "", wait);
    in->ask.wait_s = wait;
    gh_buf_clear(&name);
    gh_buf_puts(&name, "jobs.defer.");
    gh_buf_puts(&name, in->match.op->id);
    if (!gh_buf_ok(&name)) {
        front_answer_error(&in->ask, GH_E_INTERNAL, NULL, NULL);
        return;
    }
    head->op = gh_buf_view(&name);
    head->shard = (gh_str_t){0};
    front_link_send(&in->ask, head, "jobs", args, NULL);
}

/* Validate and hand the job to the link. True when the request is parked. */
static void
submit(inbound_t *in, const uint8_t id[16], gh_str_t body, gh_body_kind_t kind, gh_str_t key)
{
    static gh_buf_t args, shard; /* reused: a request is packed at a time */
    static gh_faults_t faults;
    const gh_operation_t *op = in->match.op;
    gh_upload_t *upload = front_upload_of(in->ask.req);
    gh_request_in_t request = {.op = op,
                               .params = in->match.params,
                               .query = in->query,
                               .kind = kind,
                               .body = body,
                               .upload = upload,
                               .if_match = in->headers.if_match,
                               .signature = in->headers.signature,
                               .if_none_match = in->headers.if_none_match};
    gh_job_head_t head;
    gh_buf_clear(&args);
    gh_buf_clear(&shard);
    if (upload)
        front_upload_finish(upload);
    gh_err_t err = gh_request_check(&request, &args, &faults);
    if (err != GH_E_NONE) {
        static const gh_error_arg_t most[] = {{"limit", {GH_UPLOAD_MAX_TEXT, sizeof GH_UPLOAD_MAX_TEXT - 1}},
                                              {0}};
        front_answer_error(&in->ask, err, upload ? most : NULL, &faults);
        return;
    }
    if (refuse_by_key(in, gh_buf_view(&args)))
        return;
    gh_request_shard(op, gh_buf_view(&args), &shard);
    fill_head(in, id, key, gh_buf_view(&shard), &head);
    in->ask.stream = wants_stream(in);
    in->ask.authorization = in->headers.authorization;
    in->ask.last_event = in->headers.last_event;
    if (op->async && (op->always_async || in->headers.async || wait_of(in)) && !upload)
        send_deferred(in, &head, gh_buf_view(&args));
    else
        front_link_send(&in->ask, &head, op->pool, gh_buf_view(&args), upload);
}

/* The token, when one is needed or sent; from then on the request is its user's. */
static gh_err_t
authenticate(inbound_t *in)
{
    gh_err_t err = front_authenticate(&in->ask, &in->match, in->headers.authorization, in->query, &in->token,
                                      &in->has_token);
    in->ask.user_id = in->has_token ? in->token.user_id : 0;
    return err;
}

/* Parameters of what the front answers itself. False: one is faulty, and that was answered. */
static bool
read_query(inbound_t *in)
{
    static gh_faults_t faults;
    gh_buf_t args GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_mp_t root;
    gh_request_in_t request = {.op = in->match.op, .params = in->match.params, .query = in->query};
    gh_err_t err = gh_request_check(&request, &args, &faults);
    if (err == GH_E_NONE && gh_mp_check(args.p, args.n, 0, &root))
        err = GH_E_INTERNAL;
    if (err != GH_E_NONE)
        front_answer_error(&in->ask, err, NULL, &faults);
    else if (!gh_mp_int(gh_mp_path(root, "query.window_s"), &in->ask.window_s))
        in->ask.window_s = 0;
    return err == GH_E_NONE;
}

/* Only a worker knows who may: it is asked, and a yes is answered by front_serve() (link.c). */
static void
ask_permission(inbound_t *in, const uint8_t id[16])
{
    static const char empty_map[1] = {(char)0x80};
    const gh_operation_t *op = in->match.op;
    gh_job_head_t head;
    gh_err_t err = op->allow_networks && in->headers.authorization.n == 0 ? GH_E_FORBIDDEN : authenticate(in);
    if (refuse_by_rate(in))
        return;
    if (err != GH_E_NONE) {
        front_answer_error(&in->ask, err, NULL, NULL);
        return;
    }
    if (!read_query(in))
        return;
    fill_head(in, id, (gh_str_t){0}, (gh_str_t){0}, &head);
    head.op = gh_str(op->allow_networks ? "identity.permit_metrics" : "identity.permit_queues");
    front_link_send(&in->ask, &head, "identity", (gh_str_t){empty_map, sizeof empty_map}, NULL);
}

/* A token where one is needed (x-access any; below /api without a version all routes, R-02). False when refused. */
static bool
is_admitted(inbound_t *in)
{
    gh_err_t err = authenticate(in);
    if (err != GH_E_NONE)
        front_answer_error(&in->ask, err, NULL, NULL);
    return err == GH_E_NONE;
}

/* What the front answers itself. Allowed networks are asked neither for a token nor for patience. */
static void
serve_own(inbound_t *in, const uint8_t id[16])
{
    const gh_operation_t *op = in->match.op;
    const front_address_t *from = &in->ask.client;
    bool asked = op->allow_networks ? !gh_networks_hold(&front.metrics_allow, from->family, from->bytes)
                                    : op->access.permission != NULL;
    if (asked)
        ask_permission(in, id);
    else if (op->allow_networks || (is_admitted(in) && !refuse_by_rate(in)))
        front_serve(&in->ask, in->headers.accept);
}

/* a token of whose life less than a fifth is left, and a client that would take a new one. Public replies may be kept
 * by whoever stands in between, so that they carry none. */
static bool
wants_extension(const inbound_t *in)
{
    const gh_operation_t *op = in->match.op;
    int64_t life = in->token.exp - in->token.iat, left = in->token.exp - gh_now_us() / 1000000;
    return !in->again && in->has_token && gh_str_is(in->headers.auto_refresh, "1") &&
           op->access.kind != GH_ACCESS_PUBLIC && !op->dead_token && !in->ask.req->http_sink &&
           left * 5 < life;
}

/* Ask the identity pool for a token first. False: go on without. */
static bool
ask_extension(inbound_t *in)
{
    uint8_t id[16];
    gh_job_head_t head;
    gh_uuid7_new(id);
    fill_head(in, id, (gh_str_t){0}, (gh_str_t){0}, &head);
    head.op = GH_STR("identity.extend_access");
    head.budget_ms = EXTEND_MS;
    return front_link_before(&in->ask, &head, "identity");
}

static void
handle(inbound_t *in, const uint8_t id[16])
{
    const struct http_request *req = in->ask.req;
    const gh_operation_t *op = in->match.op;
    if (!is_acceptable(in)) {
        if (!refuse_by_rate(in))
            front_answer_error(&in->ask, GH_E_NOT_ACCEPTABLE, NULL, NULL);
        return;
    }
    if (strcmp(op->pool, "front") == 0) {
        serve_own(in, id);
        return;
    }
    gh_err_t err = authenticate(in);
    if (refuse_by_rate(in))
        return;
    if (err != GH_E_NONE) {
        front_answer_error(&in->ask, err, NULL, NULL);
        return;
    }
    if (wants_extension(in) && ask_extension(in))
        return;
    gh_str_t key = {0}, body = {0};
    if (op->idempotent && in->headers.key.p && !front_key_parse(in->headers.key, &key)) {
        front_answer_error(&in->ask, GH_E_IDEMPOTENCY_KEY_INVALID, NULL, NULL);
        return;
    }
    if (req->http_body && req->http_body_length)
        body = (gh_str_t){(const char *)req->http_body->data, req->http_body_length};
    gh_body_kind_t kind;
    err = body_from_cookie(in, &body);
    if (err != GH_E_NONE) {
        front_answer_error(&in->ask, err, NULL, NULL);
        return;
    }
    if (!body_kind(in, body, &kind)) {
        front_answer_error(&in->ask, GH_E_UNSUPPORTED_MEDIA_TYPE, NULL, NULL);
        return;
    }
    in->ask.render.bare = op->bare_form && kind == GH_BODY_FORM;
    submit(in, id, body, kind, key);
}

void
front_request_again(const front_ask_t *before, gh_str_t answer)
{
    inbound_t in;
    uint8_t id[16];
    memset(&in, 0, sizeof in);
    begin(before->req, &in, id);
    memcpy(in.ask.id_text, before->id_text, sizeof in.ask.id_text);
    in.ask.start_us = before->start_us;
    in.ask.rate = before->rate;
    in.again = true;
    name_request(&in);
    json_t *root = answer.n ? json_loadb(answer.p, answer.n, 0, NULL) : NULL;
    const json_t *token = json_object_get(root, "token");
    if (json_is_string(token)) {
        in.ask.extension = (gh_str_t){json_string_value(token), json_string_length(token)};
        in.ask.extension_s = json_integer_value(json_object_get(root, "expires_in"));
    }
    handle(&in, id);
    json_decref(root);
}

/* Answer or park a request. since_us: when it stood before us, 0 for now. */
static void
take_request(struct http_request *req, int64_t since_us)
{
    inbound_t in;
    uint8_t id[16];
    memset(&in, 0, sizeof in);
    begin(req, &in, id);
    if (since_us)
        in.ask.start_us = since_us;
    name_request(&in);
    if (in.headers.doubled) {
        in.ask.render.forced_status = 400;
        if (!refuse_by_rate(&in))
            front_answer_error(&in.ask, GH_E_BAD_REQUEST, NULL, NULL);
        return;
    }
    if (!front_https_redirect(&in.ask) && !answer_without_operation(&in))
        handle(&in, id);
}

/* Kore's handler of every path. */
int
front_page(struct http_request *req)
{
    gh_method_t method;
    gh_match_t match;
    bool known = method_of(req, &method);
    gh_contract_match(front.contract, method, target_path(req->path), &match);
    if (!known || !match.op || !front_turns_wait(req, match.op))
        take_request(req, 0);
    return req->hdlr_extra ? KORE_RESULT_RETRY : KORE_RESULT_OK;
}

void
front_request_resume(struct http_request *req, int64_t since_us, const front_address_t *client)
{
    if (req->owner && req->owner->state != CONN_STATE_DISCONNECTING)
        take_request(req, since_us);
    else
        front_request_left(req, since_us, client); /* at this moment */
    if (!req->hdlr_extra)
        front_let_go(req);
}

void
front_request_left(struct http_request *req, int64_t since_us, const front_address_t *client)
{
    inbound_t in;
    uint8_t id[16];
    memset(&in, 0, sizeof in);
    begin(req, &in, id);
    in.ask.start_us = since_us;
    in.ask.client = *client;
    name_request(&in);
    front_access(&in.ask, 499, 0);
    front_rows_add(&in.ask, 499);
    front_add(&front.counters->worker[front.worker].left, 1);
}
