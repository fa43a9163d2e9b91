/*
 * front/headers.c - what the header lines of a request say
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <strings.h>

#include <kore/kore.h>
#include <kore/http.h>

#include "front/front.h"
#include "front/prefer.h"

#define KEY_MAX   255
#define AGENT_MAX 300

TAILQ_HEAD(header_list, http_header); /* Kore's own list has no name, which going backwards asks for */

static bool
has_token(gh_str_t list, const char *word)
{
    size_t n = strlen(word);
    for (size_t i = 0; i + n <= list.n; i++) {
        bool starts = i == 0 || list.p[i - 1] == ',' || list.p[i - 1] == ' ';
        bool ends = i + n == list.n || list.p[i + n] == ',' || list.p[i + n] == ' ';
        if (starts && ends && strncasecmp(list.p + i, word, n) == 0)
            return true;
    }
    return false;
}

void
front_headers_read(struct http_request *req, front_headers_t *out)
{
    const struct {
        const char *name;
        gh_str_t *value;
        bool once; /* two of them could be read differently by who stands in between */
    } wanted[] = {{"authorization", &out->authorization, true},
                  {"content-type", &out->content_type, true},
                  {"accept", &out->accept, false},
                  {"accept-encoding", &out->encoding, false},
                  {"cookie", &out->cookie, false},
                  {"x-csrf-token", &out->csrf, true},
                  {"accept-language", &out->language, false},
                  {"idempotency-key", &out->key, true},
                  {"x-request-id", &out->request_id, false},
                  {"traceparent", &out->trace, false},
                  {"user-agent", &out->agent, false},
                  {"origin", &out->origin, true},
                  {"if-none-match", &out->if_none_match, false},
                  {"if-match", &out->if_match, false},
                  {"access-control-request-method", &out->preflight_method, false},
                  {"x-forwarded-proto", &out->forwarded_proto, false},
                  {"x-auto-refresh", &out->auto_refresh, false},
                  {"last-event-id", &out->last_event, false},
                  {"x-signature", &out->signature, true}};
    struct http_header *h;
    memset(out, 0, sizeof *out);
    out->close = !req->owner || (req->flags & HTTP_VERSION_1_0) || (req->owner->flags & CONN_CLOSE_NEXT);
    TAILQ_FOREACH(h, &req->req_headers, list)
    {
        for (size_t i = 0; i < GH_COUNT(wanted); i++) {
            if (strcasecmp(h->header, wanted[i].name) != 0)
                continue;
            if (!wanted[i].value->p)
                *wanted[i].value = gh_str(h->value);
            else if (wanted[i].once)
                out->doubled = true;
        }
        if (strcasecmp(h->header, "prefer") == 0)
            front_prefer_read(gh_str(h->value), &out->async, &out->wait_s);
        if (strcasecmp(h->header, "connection") == 0 && has_token(gh_str(h->value), "close"))
            out->close = true;
    }
}

void
front_peer_read(const struct connection *c, front_address_t *out)
{
    *out = (front_address_t){0};
    if (!c)
        return;
    if (c->family == AF_INET)
        front_address_set(out, AF_INET, &c->addr.ipv4.sin_addr);
    else if (c->family == AF_INET6)
        front_address_set(out, AF_INET6, &c->addr.ipv6.sin6_addr);
}

void
front_client_read(const struct http_request *req, front_address_t *out)
{
    struct http_header *h;
    front_peer_read(req->owner, out);
    if (!gh_networks_hold(&front.proxy_trusted, out->family, out->bytes))
        return;
    /* A proxy appends to the last line, or a line of its own: the last is read first. */
    TAILQ_FOREACH_REVERSE(h, &req->req_headers, header_list, list)
    {
        if (strcasecmp(h->header, "x-forwarded-for") == 0 &&
            !front_forwarded(&front.proxy_trusted, gh_str(h->value), out))
            return;
    }
}

/* The q of an Accept element, in thousandths. */
static int
quality(gh_str_t element)
{
    for (size_t i = 0; i + 2 < element.n; i++) {
        if (element.p[i] != ';')
            continue;
        size_t k = i + 1;
        while (k < element.n && element.p[k] == ' ')
            k++;
        if (k + 2 < element.n + 1 && (element.p[k] == 'q' || element.p[k] == 'Q') &&
            element.p[k + 1] == '=') {
            int whole = element.p[k + 2] == '1' ? 1000 : 0, unit = 100;
            for (k += 3; k < element.n && (isdigit((unsigned char)element.p[k]) || element.p[k] == '.'); k++)
                if (element.p[k] != '.') {
                    whole += (element.p[k] - '0') * unit;
                    unit /= 10;
                }
            return whole > 1000 ? 1000 : whole;
        }
    }
    return 1000;
}

static int
quality_of(gh_str_t accept, const char *type)
{
    size_t n = strlen(type);
    int best = -1;
    while (accept.n) {
        const char *comma = memchr(accept.p, ',', accept.n);
        gh_str_t e = {accept.p, comma ? (size_t)(comma - accept.p) : accept.n};
        accept = comma ? (gh_str_t){comma + 1, accept.n - e.n - 1} : (gh_str_t){NULL, 0};
        while (e.n && e.p[0] == ' ')
            e = (gh_str_t){e.p + 1, e.n - 1};
        if (e.n >= n && strncasecmp(e.p, type, n) == 0 && (e.n == n || strchr("; ", e.p[n])))
            best = quality(e);
    }
    return best;
}

bool
front_accepts(gh_str_t accept, const char *type)
{
    int wanted = quality_of(accept, type);
    return wanted > 0 && wanted >= quality_of(accept, "application/json");
}

bool
front_takes(gh_str_t accept, const char *type)
{
    char group[64];
    size_t n = strcspn(type, "/");
    if (accept.n == 0)
        return true;
    int named = quality_of(accept, type);
    if (named < 0 && n + 3 <= sizeof group) {
        memcpy(group, type, n);
        memcpy(group + n, "/*", 3);
        named = quality_of(accept, group);
    }
    return (named < 0 ? quality_of(accept, "*/*") : named) > 0;
}

bool
front_accepts_gzip(gh_str_t encodings)
{
    int named = quality_of(encodings, "gzip");
    return named > 0 || (named < 0 && quality_of(encodings, "*") > 0);
}

/* 1..255 printable characters; quotes go, a backslash inside them escapes (RFC 8941 string). */
bool
front_key_parse(gh_str_t raw, gh_str_t *key)
{
    if (raw.n >= 2 && raw.p[0] == '"' && raw.p[raw.n - 1] == '"')
        raw = (gh_str_t){raw.p + 1, raw.n - 2};
    for (size_t i = 0; i < raw.n; i++)
        if (raw.p[i] <= ' ' || raw.p[i] > '~' || raw.p[i] == '"' || raw.p[i] == '\\')
            return false;
    *key = raw;
    return raw.n >= 1 && raw.n <= KEY_MAX;
}

bool
front_request_id_ok(gh_str_t id)
{
    for (size_t i = 0; i < id.n; i++)
        if (!isalnum((unsigned char)id.p[i]) && !strchr("._-", id.p[i]))
            return false;
    return id.n >= 1 && id.n <= 64;
}

gh_str_t
front_first_language(gh_str_t list)
{
    size_t n = 0;
    while (n < list.n && n < 35 && (isalnum((unsigned char)list.p[n]) || list.p[n] == '-'))
        n++;
    return (gh_str_t){list.p, n};
}

/* What travels is text: a cut or broken sequence must not. */
gh_str_t
front_agent(gh_str_t agent)
{
    if (agent.n > AGENT_MAX)
        agent.n = AGENT_MAX;
    return gh_utf8_length(agent) < 0 ? (gh_str_t){0} : agent;
}

front_media_t
front_media(gh_str_t content_type)
{
    size_t n = 0;
    while (n < content_type.n && content_type.p[n] != ';' && content_type.p[n] != ' ')
        n++;
    gh_str_t base = {content_type.p, n};
    if (n == 0)
        return FRONT_MEDIA_NONE;
    if (n == 16 && strncasecmp(base.p, "application/json", n) == 0)
        return FRONT_MEDIA_JSON;
    if (n == 33 && strncasecmp(base.p, "application/x-www-form-urlencoded", n) == 0)
        return FRONT_MEDIA_FORM;
    if (n == 19 && strncasecmp(base.p, "multipart/form-data", n) == 0)
        return FRONT_MEDIA_MULTIPART;
    return FRONT_MEDIA_OTHER;
}
