/*
 * lib/deliver/sender.c - the thread that sends messages (sender.h)
 */
#define GH_LOG_PART GH_LOG_SEND
#include "deliver/sender.h"

#include <curl/curl.h>
#include <libpq-fe.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/log.h"
#include "base/timez.h"
#include "db/arrays.h"
#include "db/blocking.h"
#include "deliver/wechat_api.h"
#include "gen/sql_deliver.h"

#define POLL_MS  500
#define PRUNE_MS 60000
#define LEASE_MORE                                                                                           \
    INT64_C(40000000) /* us beyond the time of a delivery until somebody else takes the message */
#define KEEP_CODES_US   (7 * INT64_C(86400) * 1000000)
#define KEEP_NOTICES_US (180 * INT64_C(86400) * 1000000)

struct gh_sender {
    const gh_conf_t *conf;
    const char *channel;
    bool serves; /* the settings give the channel a sender; without one the thread removes what has aged */
    gh_blocking_t *db;
    int64_t pruned_ms;
    gh_wechat_token_t token;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    atomic_bool stop;
};

/* ---- one message */

/* BR-149: each attempt of WeChat is a row. */
static void
log_attempt(gh_sender_t *s, const gh_delivery_t *d, const char *why)
{
    char id[24], code[24], at[GH_PG_TIME_TEXT];
    bool dry = strcmp(gh_conf_str(s->conf, "message.wechat"), "dry_run") == 0;
    snprintf(id, sizeof id, "%lld", (long long)d->id);
    snprintf(code, sizeof code, "%lld", (long long)*d->errcode);
    gh_pg_time_text(gh_now_us(), at);
    PQclear(gh_blocking_run(s->db, "wechat_attempt", 5,
                            (const char *[]){id, why, *d->errcode ? code : NULL, dry ? "t" : "f", at}));
}

/* rc: of gh_deliver(); why: when it is not 0 */
static void
note(gh_sender_t *s, const gh_delivery_t *d, int attempts, int rc, const char *why)
{
    char id[24], at[GH_PG_TIME_TEXT];
    uint32_t random = 0;
    int64_t now = gh_now_us();
    snprintf(id, sizeof id, "%lld", (long long)d->id);
    if (strcmp(s->channel, "wechat") == 0)
        log_attempt(s, d, rc ? why : NULL);
    if (rc == 0) {
        gh_log(GH_LOG_INFO, "message_sent", GH_KI("id", d->id), GH_KS("channel", d->channel),
               GH_KI("attempt", attempts), GH_KS("trace", d->trace));
        gh_pg_time_text(now, at);
        PQclear(gh_blocking_run(s->db, "message_sent", 2, (const char *[]){id, at}));
        return;
    }
    if (getrandom(&random, sizeof random, 0) != sizeof random)
        random = (uint32_t)now;
    bool again = rc != GH_DELIVER_NEVER && attempts < gh_conf_int(s->conf, "message.attempts");
    gh_pg_time_text(now + gh_sender_pause_ms(attempts, random) * 1000, at);
    gh_log(again ? GH_LOG_INFO : GH_LOG_WARN, again ? "message_not_sent" : "message_given_up",
           GH_KI("id", d->id), GH_KS("channel", d->channel), GH_KI("attempt", attempts),
           GH_KS("trace", d->trace), GH_KS("reason", why));
    PQclear(gh_blocking_run(s->db, "message_failed", 3, (const char *[]){id, again ? at : NULL, why}));
}

/* Claim and deliver one. False when there is nothing to do. */
static bool
send_one(gh_sender_t *s)
{
    char now[GH_PG_TIME_TEXT], until[GH_PG_TIME_TEXT], why[200] = "";
    char name[32];
    int64_t now_us = gh_now_us(), errcode = 0;
    gh_pg_time_text(now_us, now);
    snprintf(name, sizeof name, "%s.timeout_s", strcmp(s->channel, "mail") == 0 ? "smtp" : s->channel);
    int64_t timeout_s = gh_conf_int(s->conf, name);
    gh_pg_time_text(now_us + timeout_s * 1000000 + LEASE_MORE, until);
    PGresult *r = gh_blocking_run(s->db, "message_claim", 3, (const char *[]){now, until, s->channel});
    bool found = r && PQntuples(r) == 1;
    if (found) {
        gh_delivery_t d = {.id = gh_pg_i64(r, 0, 0, 0),
                           .channel = PQgetvalue(r, 0, 1),
                           .recipient = PQgetvalue(r, 0, 2),
                           .subject = PQgetvalue(r, 0, 3),
                           .text = PQgetvalue(r, 0, 4),
                           .at_us = now_us,
                           .trace = PQgetvalue(r, 0, 8),
                           .template_id = PQgetvalue(r, 0, 6),
                           .data = PQgetvalue(r, 0, 7),
                           .token = &s->token,
                           .errcode = &errcode};
        int rc = gh_deliver(s->conf, &d, &s->stop, why);
        note(s, &d, (int)gh_pg_i64(r, 0, 5, 1), rc, why);
    }
    PQclear(r);
    return found;
}

static void
prune(gh_sender_t *s)
{
    if (gh_mono_ms() - s->pruned_ms < PRUNE_MS)
        return;
    char now[GH_PG_TIME_TEXT], codes[GH_PG_TIME_TEXT], notices[GH_PG_TIME_TEXT];
    gh_pg_time_text(gh_now_us(), now);
    gh_pg_time_text(gh_now_us() - KEEP_CODES_US, codes);
    gh_pg_time_text(gh_now_us() - KEEP_NOTICES_US, notices);
    s->pruned_ms = gh_mono_ms();
    PQclear(gh_blocking_run(s->db, "message_expire", 1, (const char *[]){now}));
    PQclear(gh_blocking_run(s->db, "message_prune", 2, (const char *[]){codes, notices}));
}

/* ---- the thread */

static void
pause_ms(gh_sender_t *s, long ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += ms % 1000 * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&s->lock);
    if (!atomic_load(&s->stop))
        pthread_cond_timedwait(&s->wake, &s->lock, &until);
    pthread_mutex_unlock(&s->lock);
}

static void *
thread_main(void *arg)
{
    gh_sender_t *s = arg;
    while (!atomic_load(&s->stop)) {
        if (!gh_blocking_up(s->db)) {
            pause_ms(s, POLL_MS);
            continue;
        }
        prune(s);
        if (!s->serves || !send_one(s))
            pause_ms(s, POLL_MS);
    }
    return NULL;
}

gh_sender_t *
gh_sender_start(const gh_conf_t *conf, const char *channel)
{
    gh_sender_t *s = calloc(1, sizeof *s);
    pthread_condattr_t clock;
    if (s)
        s->db = gh_blocking_new(conf, "guahao-worker sender", gh_sql_deliver, gh_sql_deliver_count);
    if (!s || !s->db || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        if (s)
            gh_blocking_destroy(&s->db);
        free(s);
        return NULL;
    }
    s->serves = gh_sender_serves(conf, channel);
    if (!s->serves)
        gh_log(GH_LOG_WARN, "messages_without_sender", GH_KS("channel", channel));
    s->conf = conf;
    s->channel = channel;
    s->pruned_ms = gh_mono_ms() - PRUNE_MS;
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&s->wake, &clock);
    pthread_condattr_destroy(&clock);
    pthread_mutex_init(&s->lock, NULL);
    if (pthread_create(&s->thread, NULL, thread_main, s) == 0)
        return s;
    gh_log(GH_LOG_ERROR, "sender_thread");
    pthread_cond_destroy(&s->wake);
    pthread_mutex_destroy(&s->lock);
    curl_global_cleanup();
    gh_blocking_destroy(&s->db);
    free(s);
    return NULL;
}

void
gh_sender_stop(gh_sender_t **sender_p)
{
    gh_sender_t *s = *sender_p;
    *sender_p = NULL;
    if (!s)
        return;
    pthread_mutex_lock(&s->lock);
    atomic_store(&s->stop, true);
    pthread_cond_broadcast(&s->wake);
    pthread_mutex_unlock(&s->lock);
    pthread_join(s->thread, NULL);
    gh_blocking_destroy(&s->db);
    pthread_cond_destroy(&s->wake);
    pthread_mutex_destroy(&s->lock);
    curl_global_cleanup();
    free(s);
}
