/*
 * lib/deliver/transfer.c - see transfer.h
 */
#include "deliver/transfer.h"

#include <stdio.h>

#define ANSWER_MAX 65536

static int
keep_on(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    (void)a;
    (void)b;
    (void)c;
    (void)d;
    return atomic_load((const atomic_bool *)arg) ? 1 : 0;
}

void
gh_transfer_set(CURL *curl, const atomic_bool *stop, long timeout_s, const char *ca_file)
{
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, timeout_s);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, keep_on);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, stop);
    if (*ca_file)
        curl_easy_setopt(curl, CURLOPT_CAINFO, ca_file);
}

static size_t
keep(char *p, size_t size, size_t n, void *arg)
{
    gh_buf_t *answer = arg;
    if (!answer)
        return size * n;
    if (answer->n + size * n > ANSWER_MAX)
        return 0;
    gh_buf_put(answer, p, size * n);
    return gh_buf_ok(answer) ? size * n : 0;
}

/* The lines of the head, to be freed; NULL: out of memory. */
static struct curl_slist *
head_lines(const char *more, const char *trace)
{
    char text[96];
    struct curl_slist *lines = curl_slist_append(NULL, "Content-Type: application/json");
    struct curl_slist *all = lines && more ? curl_slist_append(lines, more) : lines;
    if (!all)
        curl_slist_free_all(lines);
    if (!all || !trace || !*trace)
        return all;
    snprintf(text, sizeof text, "traceparent: %.64s", trace);
    lines = curl_slist_append(all, text);
    if (!lines)
        curl_slist_free_all(all);
    return lines;
}

CURLcode
gh_transfer_json(const gh_transfer_t *t, long *status)
{
    static const atomic_bool never_stop = false;
    bool production = strcmp(gh_conf_str(t->conf, "system.mode"), "production") == 0;
    struct curl_slist *lines = head_lines(t->line, t->trace);
    CURL *curl = curl_easy_init();
    CURLcode rc = CURLE_OUT_OF_MEMORY;
    *status = 0;
    if (curl && lines) {
        gh_transfer_set(curl, t->stop ? t->stop : &never_stop, t->timeout_s, t->ca_file);
        curl_easy_setopt(curl, CURLOPT_URL, t->url);
        curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, production ? "https" : "http,https");
        if (t->body.p) {
            curl_easy_setopt(curl, CURLOPT_HTTPHEADER, lines);
            curl_easy_setopt(curl, CURLOPT_POSTFIELDS, t->body.p);
            curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)t->body.n);
        }
        curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, keep);
        curl_easy_setopt(curl, CURLOPT_WRITEDATA, t->answer);
        rc = curl_easy_perform(curl);
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, status);
    }
    curl_slist_free_all(lines);
    curl_easy_cleanup(curl);
    return rc;
}

void
gh_transfer_escape(gh_buf_t *out, const char *text)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    for (; *text; text++) {
        if (strchr(plain, *text))
            gh_buf_putc(out, *text);
        else
            gh_buf_printf(out, "%%%02X", (unsigned char)*text);
    }
}
