/*
 * lib/deliver/webhook.c - see webhook.h
 */
#include "deliver/webhook.h"

#include <stdio.h>

#include "base/keyfile.h"
#include "deliver/transfer.h"

#define WHY       200
#define TOKEN_MAX 4096

/* "Authorization: Bearer <token>" from the first line of the file, read anew each time so that a token can be renewed.
 * Nothing for an empty path. -1: the file cannot be read, or holds no token. */
static int
put_token(gh_buf_t *out, const char *path, char why[WHY])
{
    char token[TOKEN_MAX];
    if (!*path)
        return 0;
    int64_t n = gh_keyfile_read(path, token, sizeof token);
    int64_t used = 0;
    while (used < n && token[used] > ' ' && token[used] <= '~')
        used++;
    bool good = used > 0 && (used == n || token[used] == '\n' || token[used] == '\r');
    if (good) {
        gh_buf_puts(out, "Authorization: Bearer ");
        gh_buf_put(out, token, (size_t)used);
    } else {
        snprintf(why, WHY, "sms.token_file holds no token");
    }
    explicit_bzero(token, sizeof token);
    return good ? 0 : -1;
}

static int
post(const gh_conf_t *conf, const char *line, const char *trace, gh_str_t body, const atomic_bool *stop,
     char why[WHY])
{
    const gh_transfer_t t = {.conf = conf,
                             .url = gh_conf_str(conf, "sms.url"),
                             .ca_file = gh_conf_str(conf, "sms.ca_file"),
                             .line = *line ? line : NULL,
                             .trace = trace,
                             .timeout_s = (long)gh_conf_int(conf, "sms.timeout_s"),
                             .stop = stop,
                             .body = body};
    long status;
    CURLcode rc = gh_transfer_json(&t, &status);
    bool done = rc == CURLE_OK && status >= 200 && status < 300;
    if (!done) /* neither the provider's words, which may repeat the number */
        snprintf(why, WHY, "sms %ld: %s", status, rc == CURLE_OK ? "refused" : curl_easy_strerror(rc));
    return done ? 0 : -1;
}

int
gh_webhook_deliver(const gh_conf_t *conf, const gh_delivery_t *d, const atomic_bool *stop, char why[WHY])
{
    gh_buf_t body GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT, line GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    int rc = -1;
    if (put_token(&line, gh_conf_str(conf, "sms.token_file"), why))
        return -1;
    gh_webhook_body(&body, gh_conf_str(conf, "sms.template"), gh_str(d->recipient), gh_str(d->text));
    const char *header = line.n ? gh_buf_cstr(&line) : "";
    if (gh_buf_ok(&body) && header)
        rc = post(conf, header, d->trace, gh_buf_view(&body), stop, why);
    else
        snprintf(why, WHY, "out of memory");
    if (body.p)
        explicit_bzero(body.p, body.n);
    if (line.p)
        explicit_bzero(line.p, line.n);
    return rc;
}
