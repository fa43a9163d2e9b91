/*
 * lib/deliver/sender.h - delivery of queued messages (lib/domain/message.h), on a thread and a database connection
 * of its own, so that a slow mail server delays nobody
 *
 * The thread claims one message at a time (FOR UPDATE SKIP LOCKED, any number of processes may send), delivers it outside of
 * any transaction and notes the end. What fails is tried again with growing, jittered pauses, at most message.attempts times
 * and only while it is worth something. At least once: a process that dies between delivery and note sends twice.
 */
#ifndef GH_DELIVER_SENDER_H
#define GH_DELIVER_SENDER_H

#include <stdatomic.h>

#include "base/conf.h"

typedef struct gh_sender gh_sender_t;

/* Start the thread of a channel, "mail", "sms" or "wechat": each has its own, a code by short message does not wait for a mail server.
 * conf and channel are borrowed until gh_sender_stop(). NULL when it cannot be started (logged). */
gh_sender_t *gh_sender_start(const gh_conf_t *conf, const char *channel);
/* Stop it: a delivery in hand is broken off and left to be tried again. */
void gh_sender_stop(gh_sender_t **sender_p);

/* Is there a sender for a channel? */
bool gh_sender_serves(const gh_conf_t *conf, const char *channel);

/* ---- sender_rules.c: pause before attempt `attempts` + 1, in ms: 5 s, doubled each time up to an hour, less up to a quarter by `random`. */
int64_t gh_sender_pause_ms(int attempts, uint32_t random);

/* ---- deliver.c: the senders */

struct gh_wechat_token;

typedef struct gh_delivery {
    int64_t id;
    const char *channel, *recipient, *subject, *text; /* borrowed */
    int64_t at_us;
    const char *trace; /* traceparent of the request that it tells of, or empty; borrowed */
    /* Of the channel "wechat": */
    const char *template_id, *data; /* borrowed; data: the template's members as JSON */
    struct gh_wechat_token *token;  /* the thread's */
    int64_t *errcode;               /* set: what the platform said, 0: well */
} gh_delivery_t;

#define GH_DELIVER_NEVER (-2)

/* Deliver one message by the sender that the settings choose for its channel. Stops early when *stop becomes true. 0; -1 or
 * GH_DELIVER_NEVER (another try is in vain) with the reason in why, which holds nothing of the message. */
int gh_deliver(const gh_conf_t *conf, const gh_delivery_t *d, const atomic_bool *stop,
               char why[200]) GH_MUSTCHECK;

#endif
