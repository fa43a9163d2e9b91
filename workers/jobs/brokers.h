/*
 * workers/jobs/brokers.h - a Majordomo client of all brokers, for the dispatcher's thread (MDP/0.2, protocols of the front's link)
 *
 * A broker is usable while its beat is heard. Jobs go round those that take jobs: usable, listed, not draining. What was given to a broker that vanished is
 * for the caller to send again: the job record makes that safe. One thread alone uses it.
 */
#ifndef GH_JOBS_BROKERS_H
#define GH_JOBS_BROKERS_H

#include "base/conf.h"
#include "wire/job.h"

typedef struct gh_brokers gh_brokers_t;

typedef struct gh_brokers_events {
    /* A final reply by this broker: decoded header, body. Borrowed. */
    void (*reply)(void *arg, int broker, const gh_reply_head_t *head, gh_str_t body);
    /* Somebody queued a job (event "jobs"). */
    void (*wake)(void *arg);
    /* An answer of this broker, which is no longer listed, is waited for. */
    bool (*awaited)(void *arg, int broker);
} gh_brokers_events_t;

/* Connect to the brokers of the list (wire/broker_list.h), and follow it. conf and events are borrowed. NULL after a log line. */
gh_brokers_t *gh_brokers_new(const gh_conf_t *conf, const gh_brokers_events_t *events, void *arg);
void gh_brokers_destroy(gh_brokers_t **self_p);

/* Send a job. The broker that took it, or -1: none is usable. */
int gh_brokers_send(gh_brokers_t *self, const char *service, const gh_job_head_t *head, gh_str_t args);
/* Tell all whom it concerns that the state of this job changed (event "job_state"); who does not hear it looks now and then. */
void gh_brokers_tell(gh_brokers_t *self, const uint8_t job[16]);
bool gh_brokers_usable(const gh_brokers_t *self, int broker);
bool gh_brokers_any(const gh_brokers_t *self);
/* Wait up to timeout_ms for something to arrive and hand on all that has. */
void gh_brokers_turn(gh_brokers_t *self, long timeout_ms);

#endif
