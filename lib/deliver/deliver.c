/*
 * lib/deliver/deliver.c - the senders: a file for development, a mail server by libcurl, a webhook (webhook.c)
 */
#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mail.h"
#include "base/timez.h"
#include "deliver/sender.h"
#include "deliver/transfer.h"
#include "deliver/webhook.h"
#include "deliver/wechat_api.h"

#define WHY 200

typedef int (*deliver_fn)(const gh_conf_t *conf, const gh_delivery_t *d, const atomic_bool *stop,
                          char why[WHY]);

/* ---- development: one JSON line a message, written at once so that processes do not mix */

static int
write_line(const gh_conf_t *conf, gh_str_t line)
{
    char path[4200];
    const char *dir = gh_conf_str(conf, "message.mailbox_dir");
    snprintf(path, sizeof path, "%s/messages.jsonl", dir);
    if (mkdir(dir, 0700) && errno != EEXIST)
        return -1;
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -1;
    ssize_t n = write(fd, line.p, line.n);
    int failed = n < 0 ? errno : (size_t)n != line.n ? ENOSPC : 0;
    if (close(fd) && !failed)
        failed = errno;
    errno = failed;
    return failed ? -1 : 0;
}

static int
to_file(const gh_conf_t *conf, const gh_delivery_t *d, const atomic_bool *stop, char why[WHY])
{
    (void)stop;
    gh_buf_t line GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_json_t j;
    char at[GH_TEXT_TS];
    gh_ts_text(d->at_us, at);
    gh_json_init(&j, &line);
    gh_json_obj(&j);
    gh_json_kcstr(&j, "at", at);
    gh_json_kcstr(&j, "channel", d->channel);
    gh_json_kcstr(&j, "recipient", d->recipient);
    gh_json_kcstr(&j, "subject", d->subject);
    gh_json_kcstr(&j, "text", d->text);
    gh_json_obj_end(&j);
    gh_buf_putc(&line, '\n');
    if (gh_buf_ok(&line) && write_line(conf, gh_buf_view(&line)) == 0)
        return 0;
    snprintf(why, WHY, "mailbox: %s", gh_buf_ok(&line) ? strerror(errno) : "out of memory");
    return -1;
}

/* ---- smtp */

typedef struct upload {
    gh_str_t rest;
} upload_t;

static size_t
give(char *out, size_t size, size_t n, void *arg)
{
    upload_t *u = arg;
    size_t most = size * n, take = u->rest.n < most ? u->rest.n : most;
    if (take)
        memcpy(out, u->rest.p, take);
    u->rest.p += take;
    u->rest.n -= take;
    return take;
}

static void
set_server(CURL *curl, const gh_conf_t *conf)
{
    static const struct {
        const char *word;
        long level;
    } tls[] = {{"none", CURLUSESSL_NONE}, {"optional", CURLUSESSL_TRY}, {"required", CURLUSESSL_ALL}};
    const char *user = gh_conf_str(conf, "smtp.user"), *word = gh_conf_str(conf, "smtp.starttls");
    curl_easy_setopt(curl, CURLOPT_URL, gh_conf_str(conf, "smtp.url"));
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    if (*user) {
        curl_easy_setopt(curl, CURLOPT_USERNAME, user);
        curl_easy_setopt(curl, CURLOPT_PASSWORD, gh_conf_str(conf, "smtp.password"));
    }
    for (size_t i = 0; i < GH_COUNT(tls); i++)
        if (strcmp(word, tls[i].word) == 0)
            curl_easy_setopt(curl, CURLOPT_USE_SSL, tls[i].level);
}

static int
transfer(const gh_conf_t *conf, const gh_delivery_t *d, gh_str_t message, const atomic_bool *stop,
         char why[WHY])
{
    CURL *curl = curl_easy_init();
    struct curl_slist *to = curl_slist_append(NULL, d->recipient);
    upload_t upload = {message};
    CURLcode rc = CURLE_OUT_OF_MEMORY;
    long status = 0;
    if (curl && to) {
        set_server(curl, conf);
        gh_transfer_set(curl, stop, (long)gh_conf_int(conf, "smtp.timeout_s"),
                        gh_conf_str(conf, "smtp.ca_file"));
        curl_easy_setopt(curl, CURLOPT_MAIL_FROM, gh_conf_str(conf, "smtp.from"));
        curl_easy_setopt(curl, CURLOPT_MAIL_RCPT, to);
        curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
        curl_easy_setopt(curl, CURLOPT_READFUNCTION, give);
        curl_easy_setopt(curl, CURLOPT_READDATA, &upload);
        rc = curl_easy_perform(curl);
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    }
    if (rc != CURLE_OK) /* curl's own sentence: the server's may repeat the address */
        snprintf(why, WHY, "smtp %ld: %s", status, curl_easy_strerror(rc));
    curl_slist_free_all(to);
    curl_easy_cleanup(curl);
    return rc == CURLE_OK ? 0 : -1;
}

static int
to_server(const gh_conf_t *conf, const gh_delivery_t *d, const atomic_bool *stop, char why[WHY])
{
    gh_buf_t message GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    char id[40];
    snprintf(id, sizeof id, "guahao.%lld.%lld", (long long)d->id, (long long)d->at_us);
    gh_mail_t mail = {
        gh_conf_str(conf, "smtp.from"), d->recipient, gh_str(d->subject), gh_str(d->text), d->at_us, id};
    if (gh_mail_compose(&message, &mail)) {
        snprintf(why, WHY, "not a mail address, of smtp.from or of the recipient");
        return -1;
    }
    int rc = transfer(conf, d, gh_buf_view(&message), stop, why);
    explicit_bzero(message.p, message.n);
    return rc;
}

/* ---- which */

static deliver_fn
sender_of(const gh_conf_t *conf, const char *channel)
{
    char name[32];
    snprintf(name, sizeof name, "message.%s", channel);
    const char *word = gh_conf_str(conf, name);
    if (strcmp(word, "smtp") == 0)
        return to_server;
    if (strcmp(word, "webhook") == 0)
        return *gh_conf_str(conf, "sms.url") ? gh_webhook_deliver : NULL;
    if (strcmp(word, "api") == 0)
        return *gh_conf_str(conf, "wechat.app_id") ? gh_wechat_deliver : NULL;
    if (strcmp(word, "dry_run") == 0)
        return gh_wechat_dry_run;
    /* nobody reads a file in production, and codes lie open in it */
    bool production = strcmp(gh_conf_str(conf, "system.mode"), "production") == 0;
    return strcmp(word, "development") == 0 && !production ? to_file : NULL;
}

bool
gh_sender_serves(const gh_conf_t *conf, const char *channel)
{
    return sender_of(conf, channel) != NULL;
}

int
gh_deliver(const gh_conf_t *conf, const gh_delivery_t *d, const atomic_bool *stop, char why[WHY])
{
    deliver_fn deliver = sender_of(conf, d->channel);
    if (deliver)
        return deliver(conf, d, stop, why);
    snprintf(why, WHY, "no sender");
    return -1;
}
