/*
 * ops/cmd/http_reply.c - the strict reply parser and URL reader of http_load.h
 */
#include "ops/cmd/http_load.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

int
gh_load_parse_url(const char *url, char host[256], char port[8])
{
    static const char scheme[] = "http://";
    if (strncmp(url, scheme, sizeof scheme - 1) != 0)
        return -1;
    const char *at = url + sizeof scheme - 1;
    const char *end = at + strcspn(at, "/");
    if (end[0] == '/' && end[1] != '\0')
        return -1;
    bool bracket = *at == '[';
    const char *host_end = bracket ? memchr(at, ']', (size_t)(end - at))
                                   : memchr(at, ':', (size_t)(end - at));
    if (bracket && !host_end)
        return -1;
    size_t skip = bracket ? 1 : 0;
    size_t host_n = (size_t)((host_end ? host_end : end) - at) - skip;
    if (host_n == 0 || host_n > 255)
        return -1;
    memcpy(host, at + skip, host_n);
    host[host_n] = '\0';
    const char *colon = host_end ? host_end + skip : end;
    if (colon == end) {
        memcpy(port, "80", 3);
        return 0;
    }
    size_t port_n = (size_t)(end - colon) - 1;
    if (*colon != ':' || port_n == 0 || port_n > 5 || strspn(colon + 1, "0123456789") != port_n)
        return -1;
    memcpy(port, colon + 1, port_n);
    port[port_n] = '\0';
    return 0;
}

/* Digits only, at most `max`; -1 otherwise. */
static int64_t
s_number(const char *p, size_t n, int64_t max)
{
    int64_t v = 0;
    if (n == 0 || n > 12)
        return -1;
    for (size_t i = 0; i < n; i++) {
        if (p[i] < '0' || p[i] > '9')
            return -1;
        v = v * 10 + (p[i] - '0');
    }
    return v <= max ? v : -1;
}

static bool
s_is(const char *p, size_t n, const char *word)
{
    return strlen(word) == n && strncasecmp(p, word, n) == 0;
}

typedef struct head {
    int64_t length; /* -1: not said */
    bool refused;
} head_t;

static void
s_header(const char *line, size_t n, head_t *h, gh_load_reply_t *reply, bool *keep)
{
    const char *colon = memchr(line, ':', n);
    if (!colon || colon == line) {
        h->refused = true;
        return;
    }
    size_t name_n = (size_t)(colon - line), value_n = n - name_n - 1;
    const char *value = colon + 1;
    while (value_n && (*value == ' ' || *value == '\t'))
        value++, value_n--;
    while (value_n && (value[value_n - 1] == ' ' || value[value_n - 1] == '\t'))
        value_n--;
    if (s_is(line, name_n, "content-length")) {
        int64_t length = s_number(value, value_n, GH_LOAD_BODY_MAX);
        h->refused |= length < 0 || (h->length >= 0 && h->length != length);
        h->length = length;
    } else if (s_is(line, name_n, "transfer-encoding")) {
        h->refused = true;
    } else if (s_is(line, name_n, "connection")) {
        *keep = !s_is(value, value_n, "close");
    } else if (s_is(line, name_n, "retry-after")) {
        reply->retry_after_s = (int)s_number(value, value_n, 86400);
    }
}

/* "HTTP/1.1 200 OK" or 1.0. */
static int
s_status(const char *line, size_t n, bool *keep)
{
    if (n < 12 || memcmp(line, "HTTP/1.", 7) != 0 || (line[7] != '0' && line[7] != '1') || line[8] != ' ')
        return -1;
    if (n > 12 && line[12] != ' ')
        return -1;
    *keep = line[7] == '1';
    int64_t status = s_number(line + 9, 3, 599);
    return status >= 200 ? (int)status : -1;
}

int64_t
gh_load_parse_reply(gh_str_t in, gh_load_reply_t *reply, bool *keep)
{
    const char *head_end = in.n ? memmem(in.p, in.n, "\r\n\r\n", 4) : NULL;
    if (!head_end)
        return in.n >= GH_LOAD_HEAD_MAX ? -1 : 0;
    size_t head_n = (size_t)(head_end - in.p) + 4;
    if (head_n > GH_LOAD_HEAD_MAX)
        return -1;
    *reply = (gh_load_reply_t){.retry_after_s = -1};
    head_t h = {.length = -1};
    const char *line = in.p;
    for (bool first = true; line < head_end + 2; first = false) {
        const char *eol = memmem(line, (size_t)(in.p + head_n - line), "\r\n", 2);
        size_t n = (size_t)(eol - line);
        if (first)
            reply->status = s_status(line, n, keep);
        else
            s_header(line, n, &h, reply, keep);
        if (h.refused || reply->status < 0)
            return -1;
        line = eol + 2;
    }
    if (reply->status == 204 || reply->status == 304)
        h.length = 0;
    if (h.length < 0)
        return -1;
    if (in.n - head_n < (size_t)h.length)
        return 0;
    reply->body = (gh_str_t){in.p + head_n, (size_t)h.length};
    return (int64_t)head_n + h.length;
}
