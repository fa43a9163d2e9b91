/*
 * front/reply.c - the bytes of an answer: status line, headers, body in the surface's envelope
 *
 * Header blocks are written here and not by Kore: one buffer, no allocation a header, no Server line.
 */
#include <stdio.h>
#include <strings.h>
#include <time.h>

#include <kore/kore.h>
#include <kore/http.h>

#include "base/timez.h"
#include "base/uuid7.h"
#include "front/cookies.h"
#include "front/front.h"
#include "front/gzip.h"

static gh_buf_t s_head, s_body, s_lines, s_gzip; /* reused: one answer is written at a time */

static const char s_security[] = "x-content-type-options: nosniff\r\n"
                                 "x-frame-options: DENY\r\n"
                                 "referrer-policy: no-referrer\r\n"
                                 "permissions-policy: camera=(), microphone=(), geolocation=()\r\n";

/* Of everything but the documentation pages, which send their own. */
static const char s_policy[] = "content-security-policy: default-src 'none'; frame-ancestors 'none'\r\n";

static const struct {
    uint16_t status;
    const char *text;
} s_reasons[] = {{200, "OK"},
                 {201, "Created"},
                 {202, "Accepted"},
                 {204, "No Content"},
                 {304, "Not Modified"},
                 {308, "Permanent Redirect"},
                 {400, "Bad Request"},
                 {401, "Unauthorized"},
                 {403, "Forbidden"},
                 {404, "Not Found"},
                 {405, "Method Not Allowed"},
                 {406, "Not Acceptable"},
                 {408, "Request Timeout"},
                 {409, "Conflict"},
                 {411, "Length Required"},
                 {412, "Precondition Failed"},
                 {413, "Content Too Large"},
                 {414, "URI Too Long"},
                 {415, "Unsupported Media Type"},
                 {422, "Unprocessable Content"},
                 {423, "Locked"},
                 {429, "Too Many Requests"},
                 {431, "Request Header Fields Too Large"},
                 {500, "Internal Server Error"},
                 {503, "Service Unavailable"},
                 {504, "Gateway Timeout"},
                 {505, "HTTP Version Not Supported"}};

static const char *
reason(uint16_t status)
{
    for (size_t i = 0; i < GH_COUNT(s_reasons); i++)
        if (s_reasons[i].status == status)
            return s_reasons[i].text;
    return "Status";
}

/* The Date line, made once a second. */
static const char *
date_line(void)
{
    static time_t made;
    static char line[64];
    time_t now = time(NULL);
    struct tm tm;
    if (now != made && gmtime_r(&now, &tm)) {
        made = now;
        strftime(line, sizeof line, "date: %a, %d %b %Y %H:%M:%S GMT\r\n", &tm);
    }
    return line;
}

static bool
has_line(gh_str_t lines, const char *name)
{
    size_t n = strlen(name);
    for (size_t i = 0; i + n < lines.n; i++)
        if ((i == 0 || lines.p[i - 1] == '\n') && strncasecmp(lines.p + i, name, n) == 0 &&
            lines.p[i + n] == ':')
            return true;
    return false;
}

/* May this body travel compressed? Tokens never: beside what a page can choose, their length tells of them (BREACH). */
static bool
is_compressible(const front_ask_t *ask, const char *type, gh_str_t headers, gh_str_t body)
{
    return front.gzip_level > 0 && !ask->extension.n && body.n > FRONT_GZIP_MIN && front_gzip_type(type) &&
           !(ask->op && strstr(ask->op->path, "/auth/")) && !has_line(headers, "content-encoding");
}

static int
frame_sent(struct netbuf *nb)
{
    front_frame_release(nb->extra);
    return KORE_RESULT_OK;
}

static void
release_frames(front_frames_t *frames)
{
    for (size_t i = 0; frames && i < frames->n; i++)
        front_frame_release(frames->at[i].owner);
    if (frames)
        frames->n = 0;
}

static void
send_frames(struct connection *c, front_frames_t *frames)
{
    for (size_t i = 0; i < frames->n; i++) {
        struct netbuf *nb = NULL;
        gh_str_t bytes = frames->at[i].bytes;
        net_send_stream(c, (void *)(uintptr_t)bytes.p, bytes.n, frame_sent, &nb);
        nb->extra = frames->at[i].owner;
    }
    frames->n = 0;
}

/* The head of an answer into s_head. framing: lines that say what the body is. */
static void
put_head(const front_ask_t *ask, uint16_t status, gh_str_t framing, gh_str_t headers, bool close)
{
    gh_buf_t *h = &s_head;
    gh_buf_clear(h);
    gh_buf_puts(h, "HTTP/1.1 ");
    gh_buf_i64(h, status);
    gh_buf_putc(h, ' ');
    gh_buf_puts(h, reason(status));
    gh_buf_puts(h, "\r\n");
    gh_buf_puts(h, date_line());
    gh_buf_str(h, framing);
    gh_buf_puts(h, "x-request-id: ");
    gh_buf_str(h, ask->render.request_id);
    gh_buf_puts(h, "\r\n");
    if (ask->trace_given) {
        gh_buf_puts(h, "traceparent: ");
        gh_buf_puts(h, ask->trace);
        gh_buf_puts(h, "\r\n");
    }
    gh_buf_str(h, headers);
    if (ask->extension.n) {
        gh_buf_puts(h, "x-new-access-token: ");
        gh_buf_str(h, ask->extension);
        gh_buf_printf(h, "\r\nx-access-expires-in: %lld\r\n", (long long)ask->extension_s);
    }
    front_rates_lines(&ask->rate, h);
    if (!has_line(headers, "cache-control"))
        gh_buf_puts(h, "cache-control: no-store\r\n");
    gh_buf_put(h, s_security, sizeof s_security - 1);
    if (!has_line(headers, "cross-origin-resource-policy"))
        gh_buf_puts(h, "cross-origin-resource-policy: same-site\r\n");
    if (!has_line(headers, "content-security-policy"))
        gh_buf_put(h, s_policy, sizeof s_policy - 1);
    if (ask->tls && front.hsts)
        gh_buf_puts(h, "strict-transport-security: max-age=31536000; includeSubDomains\r\n");
    front_cors(h, ask->origin);
    gh_buf_puts(h, close ? "connection: close\r\n\r\n" : "\r\n");
}

/* frames: bytes behind body, taken; NULL: none. */
static void
write_answer(struct connection *c, const front_ask_t *ask, uint16_t status, const char *type,
             gh_str_t headers, gh_str_t body, front_frames_t *frames)
{
    static gh_buf_t framing; /* reused */
    size_t more = 0;
    for (size_t i = 0; frames && i < frames->n; i++)
        more += frames->at[i].bytes.n;
    bool close = ask->close || front.draining || (c->flags & CONN_CLOSE_EMPTY);
    bool bodiless = status == 204 || status == 304;
    bool compressible = !bodiless && is_compressible(ask, type, headers, body), packed = false;
    if (compressible && ask->gzip && front_gzip(body, front.gzip_level, &s_gzip)) {
        packed = true;
        body = gh_buf_view(&s_gzip);
    }
    gh_buf_clear(&framing);
    if (!bodiless) {
        gh_buf_puts(&framing, "content-type: ");
        gh_buf_puts(&framing, type);
        gh_buf_puts(&framing, "\r\ncontent-length: ");
        gh_buf_i64(&framing, (int64_t)(body.n + more));
        gh_buf_puts(&framing, packed ? "\r\ncontent-encoding: gzip\r\n" : "\r\n");
    }
    if (compressible)
        gh_buf_puts(&framing, "vary: Accept-Encoding\r\n");
    put_head(ask, status, gh_buf_view(&framing), headers, close);
    if (!gh_buf_ok(&s_head) || !gh_buf_ok(&framing)) {
        release_frames(frames);
        kore_connection_disconnect(c);
        return;
    }
    net_send_queue(c, s_head.p, s_head.n);
    if (body.n && !ask->head && !bodiless)
        net_send_queue(c, body.p, body.n);
    if (more && !ask->head && !bodiless)
        send_frames(c, frames);
    else
        release_frames(frames);
    if (close)
        c->flags |= CONN_CLOSE_EMPTY;
    front_count(ask, status);
    front_access(ask, status, bodiless || ask->head ? 0 : body.n + more);
    front_rows_add(ask, status);
}

size_t
front_stream_begin(const front_ask_t *ask)
{
    static const char lines[] = "content-type: text/event-stream\r\nx-accel-buffering: no\r\n",
                      retry[] = "retry: 2000\n\n";
    struct connection *c = ask->req->owner;
    if (!c || c->state == CONN_STATE_DISCONNECTING)
        return 0;
    ask->req->status = 200;
    put_head(ask, 200, (gh_str_t){lines, sizeof lines - 1}, (gh_str_t){0}, true);
    if (!gh_buf_ok(&s_head)) {
        kore_connection_disconnect(c);
        return 0;
    }
    net_send_queue(c, s_head.p, s_head.n);
    net_send_queue(c, retry, sizeof retry - 1);
    return sizeof retry - 1;
}

void
front_write(struct connection *c, const front_ask_t *ask, uint16_t status, const char *type, gh_str_t headers,
            gh_str_t body)
{
    write_answer(c, ask, status, type, headers, body, NULL);
}

static void
answer(const front_ask_t *ask, uint16_t status, const char *type, gh_str_t headers, gh_str_t body,
       front_frames_t *frames)
{
    struct connection *c = ask->req->owner;
    if (!c || c->state == CONN_STATE_DISCONNECTING) {
        release_frames(frames);
        return;
    }
    ask->req->status = status;
    write_answer(c, ask, status, type, headers, body, frames);
    if (!(c->flags & CONN_CLOSE_EMPTY))
        http_start_recv(c);
}

void
front_answer(const front_ask_t *ask, uint16_t status, const char *type, gh_str_t headers, gh_str_t body)
{
    answer(ask, status, type, headers, body, NULL);
}

/* Lines that the renderer asks for. */
static void
put_rendered(gh_buf_t *lines, const gh_rendered_t *r)
{
    if (r->authenticate && !has_line(gh_buf_view(lines), "www-authenticate"))
        gh_buf_printf(lines, "www-authenticate: %s\r\n", r->authenticate);
    if (r->retry_after_s && !has_line(gh_buf_view(lines), "retry-after"))
        gh_buf_printf(lines, "retry-after: %u\r\n", r->retry_after_s);
}

void
front_answer_error(const front_ask_t *ask, gh_err_t error, const gh_error_arg_t *args,
                   const gh_faults_t *faults)
{
    gh_rendered_t out;
    gh_refusal_t x = {.error = error, .args = args, .faults = faults};
    gh_buf_clear(&s_body);
    gh_buf_clear(&s_lines);
    gh_render_refusal(&ask->render, &x, &s_body, &out);
    put_rendered(&s_lines, &out);
    front_ask_t told = *ask;
    told.error = error;
    front_answer(&told, out.status, out.type, gh_buf_view(&s_lines), gh_buf_view(&s_body));
}

/* ---- replies of workers */

static bool
is_token(gh_str_t s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] <= ' ' || (unsigned char)s.p[i] >= 0x7f ||
            strchr("()<>@,;:\\\"/[]?={}", s.p[i]))
            return false;
    return s.n > 0 && s.n < 64;
}

static bool
is_value(gh_str_t s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f)
            return false;
    return s.n < 4096;
}

/* What the front itself decides is not the worker's to set. */
static bool
is_own(gh_str_t name)
{
    static const char *const own[] = {
        "content-type", "content-length", "transfer-encoding", "connection",       "date",
        "x-request-id", "server",         "ratelimit",         "ratelimit-policy", "traceparent"};
    for (size_t i = 0; i < GH_COUNT(own); i++)
        if (strlen(own[i]) == name.n && strncasecmp(own[i], name.p, name.n) == 0)
            return true;
    return false;
}

/* A refusal tells nothing of the row it refuses, and is not kept as the row would be. */
static bool
is_of_row(gh_str_t name)
{
    static const char *const of_row[] = {"etag", "last-modified", "content-location", "cache-control"};
    for (size_t i = 0; i < GH_COUNT(of_row); i++)
        if (strlen(of_row[i]) == name.n && strncasecmp(of_row[i], name.p, name.n) == 0)
            return true;
    return false;
}

static void
put_worker_lines(gh_buf_t *lines, gh_mp_t headers, bool refused)
{
    for (gh_mp_iter_t it = gh_mp_iter(headers); gh_mp_next(&it);) {
        gh_str_t value;
        if (gh_str_is(it.key, FRONT_COOKIE_HEADER) && gh_mp_str(it.value, &value)) {
            front_cookies_put(lines, value);
            continue;
        }
        if (gh_str_is(it.key, FRONT_SIGNED_IN_HEADER) || (refused && is_of_row(it.key)))
            continue;
        if (!gh_mp_str(it.value, &value) || !is_token(it.key) || !is_value(value) || is_own(it.key))
            continue;
        gh_buf_str(lines, it.key);
        gh_buf_puts(lines, ": ");
        gh_buf_str(lines, value);
        gh_buf_puts(lines, "\r\n");
    }
}

#define ARGS_MAX 16

static void
read_params(gh_mp_t params, gh_error_arg_t args[ARGS_MAX + 1], char names[ARGS_MAX][64])
{
    size_t n = 0;
    for (gh_mp_iter_t it = gh_mp_iter(params); n < ARGS_MAX && gh_mp_next(&it);) {
        gh_str_t value;
        if (it.key.n >= sizeof names[0] || !gh_mp_str(it.value, &value))
            continue;
        memcpy(names[n], it.key.p, it.key.n);
        names[n][it.key.n] = '\0';
        args[n] = (gh_error_arg_t){names[n], value};
        n++;
    }
    args[n] = (gh_error_arg_t){0};
}

static void
answer_refusal(front_ask_t *ask, const gh_reply_head_t *head)
{
    gh_error_arg_t args[ARGS_MAX + 1];
    char names[ARGS_MAX][64];
    gh_rendered_t out;
    read_params(head->params, args, names);
    gh_err_t error = gh_error_find(head->error);
    ask->error = error ? error : GH_E_INTERNAL;
    gh_refusal_t x = {.error = ask->error, .args = args, .extra = head->extra};
    gh_render_refusal(&ask->render, &x, &s_body, &out);
    put_rendered(&s_lines, &out);
    front_answer(ask, out.status, out.type, gh_buf_view(&s_lines), gh_buf_view(&s_body));
}

/* The value of the ETag line, quotes included. */
static gh_str_t
etag_of(gh_mp_t headers)
{
    gh_str_t tag = {0};
    for (gh_mp_iter_t it = gh_mp_iter(headers); gh_mp_next(&it);)
        if (it.key.n == 4 && strncasecmp(it.key.p, "etag", 4) == 0 && !gh_mp_str(it.value, &tag))
            tag = (gh_str_t){0};
    return tag;
}

/* If-None-Match names this tag (weak comparison) or "*" (RFC 9110 section 13.1.2). */
static bool
not_modified(const front_ask_t *ask, const gh_reply_head_t *head)
{
    gh_str_t tag = etag_of(head->headers), list = ask->if_none_match;
    if (!ask->op || !ask->op->etag || ask->op->method != GH_GET || tag.n == 0 || list.n == 0)
        return false;
    if (list.n == 1 && list.p[0] == '*')
        return true;
    for (size_t i = 0; i + tag.n <= list.n; i++)
        if (memcmp(list.p + i, tag.p, tag.n) == 0 && (i == 0 || strchr(", /", list.p[i - 1])))
            return true;
    return false;
}

/* A sign-in is its user's request, although it came without a token. */
static int64_t
signed_in(gh_mp_t headers)
{
    gh_str_t text;
    int64_t user = 0;
    if (!gh_mp_str(gh_mp_get(headers, FRONT_SIGNED_IN_HEADER), &text))
        return 0;
    for (size_t i = 0; i < text.n && i < 18; i++)
        user = text.p[i] >= '0' && text.p[i] <= '9' ? user * 10 + (text.p[i] - '0') : 0;
    return user;
}

bool
front_is_replay(const gh_reply_head_t *head)
{
    gh_str_t text;
    return gh_mp_str(gh_mp_get(head->headers, "Idempotency-Replayed"), &text);
}

void
front_answer_reply(front_ask_t *ask, const gh_reply_head_t *head, gh_str_t body, front_frames_t *frames)
{
    gh_rendered_t out;
    gh_buf_clear(&s_body);
    gh_buf_clear(&s_lines);
    put_worker_lines(&s_lines, head->headers, head->error.n > 0);
    ask->queue_us = head->queue_us;
    ask->work_us = head->work_us;
    ask->db_us = head->db_us;
    if (ask->user_id == 0)
        ask->user_id = signed_in(head->headers);
    if (head->error.n) {
        release_frames(frames);
        answer_refusal(ask, head);
        return;
    }
    if (ask->clear_cookies)
        front_cookies_clear(&s_lines);
    if (ask->applied[0])
        gh_buf_printf(&s_lines, "preference-applied: %s\r\n", ask->applied);
    if (ask->replayed && !front_is_replay(head))
        gh_buf_puts(&s_lines, "idempotency-replayed: true\r\n");
    if (not_modified(ask, head)) {
        release_frames(frames);
        front_answer(ask, 304, "", gh_buf_view(&s_lines), (gh_str_t){0});
        return;
    }
    if (head->type.n && is_value(head->type) && head->type.n < 128) {
        char type[128];
        memcpy(type, head->type.p, head->type.n);
        type[head->type.n] = '\0';
        answer(ask, head->status ? head->status : 200, type, gh_buf_view(&s_lines), body, frames);
        return;
    }
    release_frames(frames);
    gh_render_success(&ask->render, head->status, body, &s_body, &out);
    front_answer(ask, out.status, out.type, gh_buf_view(&s_lines), gh_buf_view(&s_body));
}

/* ---- OPTIONS and what Kore refuses */

void
front_put_allow(gh_buf_t *out, uint32_t allowed)
{
    static const char *const names[GH_METHOD_COUNT] = {"GET, HEAD", "POST", "PUT", "PATCH", "DELETE"};
    gh_buf_puts(out, "allow: ");
    for (int m = 0; m < GH_METHOD_COUNT; m++)
        if (allowed & 1u << m) {
            gh_buf_puts(out, names[m]);
            gh_buf_puts(out, ", ");
        }
    gh_buf_puts(out, "OPTIONS\r\n");
}

void
front_answer_options(const front_ask_t *ask, uint32_t allowed, gh_str_t preflight_method)
{
    gh_buf_clear(&s_lines);
    if (preflight_method.n)
        front_cors_preflight(&s_lines, ask->origin);
    front_put_allow(&s_lines, allowed);
    front_answer(ask, 204, "", gh_buf_view(&s_lines), (gh_str_t){0});
}

/* The row whose text fits a refusal of HTTP itself. */
static gh_err_t
row_of(int status)
{
    switch (status) {
    case 404:
        return GH_E_ROUTE_NOT_FOUND;
    case 405:
        return GH_E_METHOD_NOT_ALLOWED;
    case 413:
        return GH_E_PAYLOAD_TOO_LARGE;
    case 503:
        return GH_E_QUEUE_FULL;
    default:
        return status >= 500 && status != 505 ? GH_E_INTERNAL : GH_E_BAD_REQUEST;
    }
}

void front_error_response(struct connection *c, int status, const char *path);

/* Kore's hook (front/kore/0001): a request that no handler saw. */
void
front_error_response(struct connection *c, int status, const char *path)
{
    front_ask_t ask = {.close = true, .start_us = gh_mono_us()};
    gh_match_t match;
    uint8_t id[16];
    char limit[32];
    gh_rendered_t out;
    gh_str_t where = gh_str(path ? path : "");
    const char *query = where.n ? memchr(where.p, '?', where.n) : NULL;
    if (query)
        where.n = (size_t)(query - where.p);
    gh_contract_match(front.contract, GH_GET, where, &match);
    gh_uuid7_new(id);
    gh_uuid_text(id, ask.id_text);
    front_peer_read(c, &ask.client);
    ask.error = row_of(status);
    ask.render = (gh_render_t){.envelope = match.envelope,
                               .path = where,
                               .request_id = gh_str(ask.id_text),
                               .forced_status = (uint16_t)status};
    snprintf(limit, sizeof limit, "%zu", http_body_max);
    gh_refusal_t x = {.error = ask.error, .args = (const gh_error_arg_t[]){{"limit", gh_str(limit)}, {0}}};
    gh_buf_clear(&s_body);
    gh_render_refusal(&ask.render, &x, &s_body, &out);
    front_write(c, &ask, out.status, out.type, (gh_str_t){0}, gh_buf_view(&s_body));
}
