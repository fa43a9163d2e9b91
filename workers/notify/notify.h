/*
 * workers/notify/notify.h - what the files of the pool offer each other
 */
#ifndef GH_WORKERS_NOTIFY_NOTIFY_H
#define GH_WORKERS_NOTIFY_NOTIFY_H

#include "deliver/sender.h"
#include "workers/notify/pool.h"

typedef struct gh_notify {
    gh_sender_t *wechat;
    size_t exchanging; /* codes under way on the process's threads */
} gh_notify_t;

gh_notify_t *gh_notify_of(const gh_batch_t *b);

/* ---- steps: the batches of the operations in pool.c */

gh_step_t gh_remind_one(gh_batch_t *b);   /* POST .../send-reminder (remind.c; BR-148) */
gh_step_t gh_remind_day(gh_batch_t *b);   /* the evening's reminders (remind_day.c; BR-147) */
gh_step_t gh_wechat_bind(gh_batch_t *b);  /* a code alone, of the caller or (inner) of an account (bind.c) */
gh_step_t gh_wechat_store(gh_batch_t *b); /* POST /patient/wechat/subscribe-auth (bind.c) */

#endif
