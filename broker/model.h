/*
 * broker/model.h - what the broker keeps: jobs, workers, services, shards
 *
 *   service  one name; `shared`, the queue of jobs that any of its workers may take, and its workers
 *   worker   one DEALER that said READY; `own`, jobs waiting for it alone because of their shard, and `hand`, the jobs
 *            that it was given and has not answered
 *   job      one request; waiting in one `shared` or `own` queue, or running in one hand, or a dead letter
 *   shard    jobs that belong to one worker while any is waiting or running, and for a short while after
 *
 * Invariants, kept by dispatch.c alone:
 *   - a shard without a worker has its waiting jobs in `shared`, one with a worker in that worker's `own`
 *   - a worker is in the service's `free` list exactly while it may be given more (running < credit)
 */
#ifndef GH_BROKER_MODEL_H
#define GH_BROKER_MODEL_H

#include <zmq.h>

#include "base/gh.h"
#include "hist.h"
#include "list.h"
#include "wire/job.h"
#include "wire/mdp.h"

#define uthash_fatal(msg)                                                                                    \
    abort() /* memory is gone; a broker holds nothing that a restart loses (design, Exactly once) */
#include <stdlib.h>
#include <uthash.h>

typedef struct gh_bjob gh_bjob_t;
typedef struct gh_bworker gh_bworker_t;
typedef struct gh_bservice gh_bservice_t;
typedef struct gh_bshard gh_bshard_t;

/* ---- queue of waiting jobs, one list a priority */
typedef struct gh_queue {
    gh_link_t list[GH_PRIO_COUNT];
    uint32_t n;
} gh_queue_t;

/* How often a lower priority was passed over while it had jobs. */
typedef struct gh_fair {
    uint16_t passed[GH_PRIO_COUNT];
} gh_fair_t;

/* Address of a peer: the entrance it came by and its ROUTER identity. */
typedef struct gh_peer {
    uint8_t port;
    zmq_msg_t id; /* owned */
} gh_peer_t;

/* ---- job */
typedef enum { GH_BJOB_NEW, GH_BJOB_WAITING, GH_BJOB_RUNNING, GH_BJOB_DEAD } gh_bjob_state_t;

#define GH_BJOB_FRAMES 3 /* header, arguments and one more are kept inside the job */

struct gh_bjob {
    gh_link_t link;          /* in a queue, a hand or the dead letters */
    gh_link_t shard_link;    /* waiting: among the jobs of its shard, in order of arrival */
    gh_link_t wheel_link;    /* waiting: among those that expire about the same time */
    gh_bjob_t *next_running; /* chain of the table of running jobs */
    gh_bjob_state_t state;
    uint8_t prio;           /* gh_prio_t */
    uint8_t client_version; /* 1 or 2: the Majordomo of the client */
    bool has_head;          /* ours; else an opaque job */
    bool trusted;           /* its actor may be passed on */
    bool no_client;         /* a dead letter that was put back: nobody waits for the answer */
    uint8_t id[16];         /* zero for opaque jobs */
    uint32_t attempt;       /* as it is, or will be, delivered */
    uint32_t crashes;       /* workers that died holding it */
    uint64_t seq;           /* order of arrival in this broker */
    int64_t arrived_us, sent_us, deadline_ms; /* monotonic */
    gh_bservice_t *service;
    gh_bworker_t *worker; /* running: who holds it; waiting: whose `own` it is in, or NULL */
    gh_bshard_t *shard;   /* NULL when it has none */
    gh_peer_t client;
    size_t bytes; /* counted against the broker's limit */
    uint32_t n_frames;
    zmq_msg_t frame[GH_BJOB_FRAMES];
    zmq_msg_t *more; /* further frames, owned */
};

/* ---- worker */
struct gh_bworker {
    gh_link_t link;      /* workers of its service */
    gh_link_t free_link; /* free workers of its service, least recently used first */
    UT_hash_handle hh;
    gh_bservice_t *service;
    gh_queue_t own;
    gh_link_t hand; /* jobs, in order of dispatch */
    uint32_t running, credit;
    bool solo; /* holds a job that runs alone */
    bool trusted;
    bool leaving;    /* gets no more jobs */
    uint8_t version; /* 1 or 2 */
    gh_peer_t peer;
    char name[GH_MDP_NAME_MAX + 1]; /* of its process, "" when it did not say */
    char curve_key[41];             /* public key of its connection, "" without CURVE */
    int64_t seen_ms, sent_ms, ready_ms;
    uint64_t done, failed; /* answers, and those among them that say INTERNAL */
    uint8_t *figures;      /* what it said of itself (wire/figures.h), owned; NULL: nothing yet */
    size_t n_figures;
    int64_t figures_ms;
    uint16_t key_len;
    uint8_t key[256]; /* port and identity: key of the worker table */
};

/* ---- shard */
struct gh_bshard {
    UT_hash_handle hh;
    gh_bworker_t *worker; /* NULL: not bound */
    gh_link_t waiting;    /* jobs, in order of arrival */
    uint32_t n_jobs;      /* that point here: waiting, running, or on their way between */
    gh_link_t idle_link;  /* in the service's `idle` list while it has no job */
    int64_t idle_ms;
    uint16_t key_len;
    char key[];
};

/* ---- service */
typedef struct gh_bcounts {
    uint64_t accepted, done, refused_full, refused_no_worker, expired, requeued, dead, stale;
    uint64_t opaque_dropped; /* jobs without our header that could not be refused in words */
} gh_bcounts_t;

struct gh_bservice {
    UT_hash_handle hh;
    gh_queue_t shared;
    gh_fair_t fair;
    gh_link_t workers, free;
    uint32_t n_workers, credit, running, n_dead;
    uint32_t waiting[GH_PRIO_COUNT]; /* shared and own together */
    gh_bshard_t *shards;             /* table by key */
    gh_link_t idle;                  /* shards without a job, longest idle first */
    uint32_t n_idle;
    bool paused;
    bool stirred;         /* jobs came back to the shared queue: deliver again */
    bool trusted;         /* a trusted worker serves or served it: no other may */
    bool from_public;     /* made for a public peer: counts against their share */
    int64_t no_worker_ms; /* when its last worker left; INT64_MIN when it never had one */
    int64_t used_ms;      /* last request or worker */
    int64_t full_logged_ms;
    gh_bcounts_t count;
    gh_hist_t wait, work;
    char name[GH_MDP_SERVICE_MAX + 1];
};

static inline uint32_t
gh_bservice_depth(const gh_bservice_t *s)
{
    return s->waiting[GH_PRIO_HIGH] + s->waiting[GH_PRIO_NORMAL] + s->waiting[GH_PRIO_BATCH];
}

#endif
