/*
 * front/https.c - the way to TLS: TLS ends at a proxy, which tells of it in X-Forwarded-Proto
 */
#include <ctype.h>
#include <strings.h>

#include <kore/kore.h>
#include <kore/http.h>

#include "front/front.h"

bool
front_https_used(const struct http_request *req, gh_str_t forwarded_proto)
{
    front_address_t peer;
    front_peer_read(req->owner, &peer);
    return forwarded_proto.n == 5 && strncasecmp(forwarded_proto.p, "https", 5) == 0 &&
           gh_networks_hold(&front.proxy_trusted, peer.family, peer.bytes);
}

/* The host of a Host line without its port; empty when it is none: a Location is made of it. */
static gh_str_t
host_name(const char *host)
{
    gh_str_t h = gh_str(host);
    bool six = h.n && h.p[0] == '[';
    size_t n = six ? strcspn(host, "]") + 1 : strcspn(host ? host : "", ":");
    if (n > h.n || n > 255 || n == 0)
        return (gh_str_t){0};
    for (size_t i = 0; i < n; i++)
        if (!isalnum((unsigned char)host[i]) && !strchr(six ? "[]:." : ".-_", host[i]))
            return (gh_str_t){0};
    return (gh_str_t){h.p, n};
}

bool
front_https_redirect(const front_ask_t *ask)
{
    gh_buf_t line GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    const gh_operation_t *op = ask->op;
    bool probe = op && (op->allow_networks || (op->rate_limit && strcmp(op->rate_limit, "none") == 0));
    if (!front.https_redirect || ask->tls || probe)
        return false;
    gh_str_t host = host_name(ask->req->host);
    if (host.n == 0) {
        front_answer_error(ask, GH_E_BAD_REQUEST, NULL, NULL);
        return true;
    }
    gh_buf_puts(&line, "location: https://");
    gh_buf_str(&line, host);
    if (front.https_port != 443) {
        gh_buf_putc(&line, ':');
        gh_buf_i64(&line, front.https_port);
    }
    gh_buf_str(&line, ask->render.path);
    if (ask->req->query_string) {
        gh_buf_putc(&line, '?');
        gh_buf_puts(&line, ask->req->query_string);
    }
    gh_buf_puts(&line, "\r\n");
    if (gh_buf_ok(&line))
        front_answer(ask, 308, "text/plain; charset=utf-8", gh_buf_view(&line), (gh_str_t){0});
    else
        front_answer_error(ask, GH_E_INTERNAL, NULL, NULL);
    return true;
}
