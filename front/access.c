/*
 * front/access.c - one log line a request (api/29, R-215): who, which route, with what outcome, and where the time went
 *
 * The route is the contract's template: paths and queries may name people. Lines are gathered and written together at
 * the end of a turn of Kore's loop, so that the log costs one system call for many requests.
 */
#include <arpa/inet.h>

#include <kore/kore.h>
#include <kore/http.h>

#define GH_LOG_PART GH_LOG_ACCESS
#include "base/error.h"
#include "base/log.h"
#include "base/timez.h"
#include "front/front.h"

#define LINES_MAX 65536 /* bytes; then written before the turn ends */

static gh_buf_t s_lines;

static const char *
surface(gh_envelope_t envelope)
{
    static const char *const names[] = {"code", "v1", "heartbeat", "oauth", "raw"};
    return names[envelope];
}

void
front_access(const front_ask_t *ask, uint16_t status, size_t bytes)
{
    if (front.access_level < 0 || !gh_log_enabled((gh_log_level_t)front.access_level))
        return;
    char ip[INET6_ADDRSTRLEN] = "";
    gh_kv_t kv[20];
    size_t n = 0;
    if (ask->client.family)
        (void)inet_ntop(ask->client.family, ask->client.bytes, ip, sizeof ip);
    kv[n++] = GH_KN("request_id", ask->render.request_id);
    if (ask->trace[0])
        kv[n++] = GH_KS("trace", ask->trace);
    if (ask->user_id)
        kv[n++] = GH_KI("user_id", ask->user_id);
    kv[n++] = GH_KS("surface", surface(ask->render.envelope));
    kv[n++] = GH_KS("method", ask->req ? http_method_text(ask->req->method) : "");
    kv[n++] = GH_KS("route", ask->op ? ask->op->path : "none");
    kv[n++] = GH_KI("status", status);
    if (ask->error)
        kv[n++] = GH_KS("err", gh_error_row(ask->error)->name);
    kv[n++] = GH_KM("duration_ms", gh_mono_us() - ask->start_us);
    if (ask->work_us) {
        kv[n++] = GH_KM("queue_ms", ask->queue_us);
        kv[n++] = GH_KM("work_ms", ask->work_us);
        kv[n++] = GH_KM("db_ms", ask->db_us);
    }
    kv[n++] = GH_KI("bytes", bytes);
    kv[n++] = GH_KS("ip", ip);
    kv[n] = (gh_kv_t){0};
    gh_log_append(&s_lines, GH_LOG_ACCESS, (gh_log_level_t)front.access_level, "request", kv);
    if (s_lines.n > LINES_MAX || !gh_buf_ok(&s_lines))
        front_access_flush();
}

void
front_access_flush(void)
{
    if (s_lines.n == 0)
        return;
    gh_log_write(GH_LOG_ACCESS, &s_lines);
    gh_buf_clear(&s_lines);
}
