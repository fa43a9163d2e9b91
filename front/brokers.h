/*
 * front/brokers.h - the brokers of a front worker: their sockets, and which of them takes a job
 *
 * One DEALER and one SUB a broker of the list (wire/broker_list.h), which may change meanwhile: a new one is used as soon as its
 * beat is heard, one that was taken off gets no more jobs and is left when it has answered those it has. A broker is usable
 * while its connection stands and its beat is heard. Jobs with one shard go to one broker while it lives (the highest hash of
 * name and shard: a change of the list moves only the shards of the broker that comes or goes); others go where this process
 * has the fewest.
 * ZMQ_FD is edge-like: a socket that was sent on is read at the end of the turn (pitfalls 1.2).
 */
#ifndef GH_FRONT_BROKERS_H
#define GH_FRONT_BROKERS_H

#include <zmq.h>

#include <kore/kore.h>

#include "front/front.h"
#include "wire/broker_list.h"

#define FRONT_PARTS_MAX (5 + FRONT_FRAMES_MAX)

/* What epoll gives back: the event must stand first. */
typedef struct front_watch {
    struct kore_event event;
    struct front_link *link;
    int fd;
} front_watch_t;

typedef struct front_link {
    front_watch_t jobs_watch, events_watch;
    void *jobs, *events, *jobs_monitor, *events_monitor;
    size_t index;
    gh_broker_at_t at;
    bool open, up;
    bool leaving;  /* no longer listed: it gets no more jobs, and is closed when it has none */
    bool draining; /* it says so: it gets no more jobs */
    size_t n_jobs; /* parked here */
    int64_t beat_ms, changed_ms;
} front_link_t;

typedef struct front_broker_events {
    void (*message)(front_link_t *l, zmq_msg_t *parts, size_t n); /* of its DEALER; borrowed */
    void (*event)(front_link_t *l, zmq_msg_t *parts, size_t n);   /* of its SUB; borrowed */
    void (*lost)(const front_link_t *l);                          /* its connection ended */
} front_broker_events_t;

/* Connect to all that are listed. events is borrowed for ever. -1 after a log line. */
int front_brokers_start(const front_broker_events_t *events) GH_MUSTCHECK;
/* last: something was sent that shall leave before the process ends. */
void front_brokers_stop(bool last);
/* Connections, replies and events of all. */
void front_brokers_read(void);
void front_brokers_follow(int64_t now); /* the list, several times a second */
void front_brokers_stir(void);          /* something was sent */
void front_brokers_turn(void);          /* read what that stirred up: the end of a turn */

/* Slot i, 0 <= i < front_brokers(); it may be free. */
front_link_t *front_broker(int i);
bool front_broker_usable(const front_link_t *l, int64_t now);
/* The slot of the best one for a job, beside those of `tried` (1 << slot); -1: there is none. */
int front_broker_best(gh_str_t shard, uint32_t tried, int64_t now);
/* One has come or gone just now: workers, and other fronts, are still finding their way. */
bool front_brokers_settling(int64_t now);

#endif
