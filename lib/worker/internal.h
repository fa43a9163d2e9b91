/*
 * lib/worker/internal.h - the runtime's own structures; pools include worker.h only
 *
 *   worker   one process: loop, contract, roles, actor cache, events, threads
 *   pool     one MDP service: its operations, groups, lanes and broker links
 *   link     one DEALER to one broker for one pool
 *   group    operations that share batches, with the queue of their waiting jobs
 *   lane     one database connection, carrying at most one batch at a time
 *   job      one delivered job, from receipt to reply; survives the failure of its batch
 *   batch    jobs of one group on their way through the phases of their step
 *
 * receive.c -> queue.c -> exec.c (phases; actor.c, exactly.c, sqlop.c) -> reply.c; fail.c decides what
 * follows an error.
 */
#ifndef GH_WORKER_INTERNAL_H
#define GH_WORKER_INTERNAL_H

#include <czmq.h>

#include "base/trace.h"
#include "contract/contract.h"
#include "db/pg.h"
#include "db/timings.h"
#include "worker/access_check.h"
#include "wire/broker_list.h"
#include "wire/mdp.h"
#include "worker/arena.h"
#include "worker/worker.h"

#define GH_LANES_MAX      16
#define GH_POOLS_MAX      32
#define GH_LINKS_MAX      GH_BROKERS_MAX
#define GH_BLOBS_MAX      32
#define GH_BIND_MAX       20
#define GH_JOB_AGE_MAX_MS (24 * 3600 * 1000LL) /* decisions 14 */
#define GH_NONE           SIZE_MAX

typedef struct gh_wjob_priv gh_wjob_priv_t;
typedef struct gh_batch_priv gh_batch_priv_t;
typedef struct gh_wop gh_wop_t;
typedef struct gh_group gh_group_t;
typedef struct gh_lane gh_lane_t;
typedef struct gh_link gh_link_t;
typedef struct gh_wpool gh_wpool_t;

/* ---- operations and groups */

/* Where a parameter of a declarative statement comes from. */
typedef struct gh_bind {
    enum gh_bind_from {
        GH_BIND_ARG, /* path in the argument map */
        GH_BIND_USER,
        GH_BIND_SESSION,
        GH_BIND_PATIENT,
        GH_BIND_DOCTOR,
        GH_BIND_DEPT,
        GH_BIND_SCOPES,
        GH_BIND_ROLES,
        GH_BIND_NOW,
        GH_BIND_TODAY,
        GH_BIND_TZ,
        GH_BIND_JOB_ID,
        GH_BIND_LANG,
        GH_BIND_BLIND, /* blind index of an argument */
        GH_BIND_CONF   /* a setting */
    } from;
    const char *text;
} gh_bind_t;

struct gh_wop {
    const gh_op_t *def;
    gh_group_t *group;
    gh_access_t access; /* strings owned */
    bool open;          /* x-public-if is on: everybody may call */
    bool idempotent;
    size_t n_bind;
    gh_bind_t bind[GH_BIND_MAX];
    uint64_t grants_of; /* role table that grants[] was made from */
    uint32_t grants[GH_ROLES_MAX];
};

struct gh_group {
    gh_wpool_t *pool;
    const char *name;
    gh_op_kind_t kind;
    gh_step_fn step;
    size_t batch_max;
    gh_wjob_priv_t *head, *tail; /* waiting, in order of arrival */
    size_t waiting;
    size_t running;        /* batches */
    size_t jobs_running;   /* in them */
    gh_batch_priv_t *gate; /* WRITE: its locks are not held yet, no further batch may start */
    bool alone_first;      /* the head was postponed: start it when nothing of the group runs */
};

/* ---- jobs */

typedef struct gh_pair {
    struct gh_pair *next;
    const char *name;
    gh_str_t value;
} gh_pair_t;

/* What will be said, in batch memory. */
typedef struct gh_answer {
    gh_err_t err;
    uint16_t status;
    gh_str_t body, type;    /* type: media type when the body is not JSON */
    struct pg_result *file; /* owned: its rows are the body, in column file_column */
    int file_column;
    gh_pair_t *params, *headers, *extra; /* newest first */
    bool by_runtime;                     /* refused or replayed by the runtime: no effect of this delivery */
} gh_answer_t;

struct gh_wjob_priv {
    gh_wjob_t job; /* first: gh_wjob_t * and gh_wjob_priv_t * are the same address */
    gh_wjob_priv_t *next;
    gh_wop_t *op;
    gh_link_t *link;
    uint32_t link_generation;
    uint64_t seq; /* order of arrival in the process */
    int64_t received_us;
    zmq_msg_t client, head_msg, args_msg;
    zmq_msg_t *blob_msgs;
    gh_str_t *blobs;
    uint64_t held; /* numbered roles of the caller, valid with actor_known */
    bool keyed;    /* idempotency applies */
    uint8_t digest[32];
    int64_t lock_key;
    bool recheck; /* look for its job record before doing anything */
    bool alone;   /* its batch failed: it runs in a batch of its own */
    bool again;   /* leaves the batch without an answer, to be run again */
    uint8_t tries;
    bool effect_flipped; /* gh_job_no_effect() */
    bool actor_known;
    bool access_done;                /* x-access was decided in this batch */
    int64_t started_us;              /* when it came into its first batch, 0: not yet */
    bool failure_told;               /* gh_trace_failed() was called for its answer */
    const gh_batch_priv_t *in_batch; /* which it is in; NULL: none */
    gh_answer_t answer;
};

/* ---- batches */

typedef struct gh_pending_event {
    struct gh_pending_event *next;
    const char *topic;
    gh_str_t payload;
} gh_pending_event_t;

typedef struct gh_pending_audit {
    struct gh_pending_audit *next;
    gh_audit_t entry; /* texts in batch memory */
    int64_t user_id;
    const char *roles, *ip, *agent, *surface;
    const char *request; /* the client's id of the request, or the job's */
} gh_pending_audit_t;

typedef struct gh_on_end {
    struct gh_on_end *next;
    void (*fn)(void *arg, bool committed);
    void *arg;
} gh_on_end_t;

typedef struct gh_pg_error {
    char sqlstate[6];
    char constraint[64];
    char table[64];
    char routine[64]; /* of the server's source that said it */
    char where[160];  /* the innermost function of ours, "PL/pgSQL function f(bigint) line 12 at RAISE" */
} gh_pg_error_t;

/* The round trips of a batch to the database, and what was asked in each; names are borrowed for ever. */
typedef struct gh_trips {
    int64_t asked_us, db_us;
    const char *name[40];
    size_t n_names, from; /* from: of the round trip that is not over */
    struct {
        int64_t us;
        size_t end; /* its names end there */
    } trip[12];
    size_t n;
} gh_trips_t;

typedef enum { GH_BATCH_PHASE, GH_BATCH_ENDING, GH_BATCH_ROLLBACK, GH_BATCH_WAIT } gh_batch_state_t;

struct gh_batch_priv {
    gh_batch_t batch; /* first */
    gh_batch_priv_t *next;
    gh_wpool_t *pool;
    gh_group_t *group; /* NULL: the runtime's own upkeep */
    gh_lane_t *lane;   /* NULL while waiting, and for pools without a database */
    gh_step_fn step;
    gh_op_kind_t kind;
    gh_arena_t arena;
    gh_batch_state_t state;
    bool in_tx;
    bool per_job; /* one segment a job: errors are kept as results */
    bool failed, lost, expired;
    gh_pg_error_t error; /* the first one */
    size_t syncs;        /* owed by the server */
    size_t queued;       /* statements since the last sync */
    struct pg_result **results;
    size_t n_results, cap_results;
    size_t sent;      /* statements of the phase whose results are still to come */
    size_t base;      /* where the step's results begin among results[] */
    size_t base_next; /* the same for those still to come */
    /* indices of the runtime's own results in this phase, GH_NONE when not asked */
    size_t at_records, at_locks, at_keys, at_actors, at_outbox, at_commit;
    gh_pending_event_t *events, **events_tail;
    size_t n_events;
    gh_pending_audit_t *audits, **audits_tail; /* not written yet */
    bool audited;                              /* entries were written, the sealer is wanted */
    gh_on_end_t *on_end;
    size_t work_open; /* pieces on the thread pool */
    bool resume;      /* its wait is over */
    int64_t started_us;
    gh_trips_t trips;
    /* PostgreSQL shows the batch under this trace, "": under none; copied, as the job it is of may be answered and gone */
    char shown[GH_TRACE_TEXT];
    uint64_t shown_seq; /* of that job */
};

/* ---- lanes, links, pools, worker */

struct gh_lane {
    gh_wpool_t *pool;
    gh_pg_t *pg;
    gh_batch_priv_t *batch;
};

struct gh_link {
    gh_wpool_t *pool;
    char *endpoint, *cert; /* owned; NULL: the place is free */
    void *sock;            /* NULL while closed */
    uint32_t generation;
    size_t in_hand; /* jobs that came by it, of all generations */
    bool leaving;   /* its broker is no longer listed */
    int64_t heard_ms, sent_ms, reopen_ms, job_ms;
    int64_t silence_ms; /* after which broker and worker count each other as gone */
    int64_t still_ms;   /* having sent nothing for so long we must not commit: half a heartbeat less */
    int backoff_ms;
    bool silent; /* no broker heard since it was opened */
};

/* What gh_batch_tally() and operations with .tally count. */
typedef struct gh_tally {
    const char *metric; /* borrowed for ever */
    char by[32], outcome[48];
    uint64_t n;
} gh_tally_t;

typedef struct gh_gauge {
    char metric[48], by[64];
    double value;
} gh_gauge_t;

typedef struct gh_pool_stats {
    uint64_t jobs, batches, batch_jobs, refused, failed, requeued, dropped;
    uint64_t contended; /* batches run again after a deadlock or the like */
    uint64_t hist[128]; /* work time, log-spaced: stats.c */
} gh_pool_stats_t;

struct gh_wpool {
    gh_worker_t *worker;
    const gh_pool_t *def;
    gh_wop_t *ops;
    size_t n_ops;
    struct {
        gh_str_t name;
        gh_wop_t *op;
    } * index; /* open addressing, power of two */
    size_t index_mask;
    gh_group_t *groups;
    size_t n_groups;
    int64_t wrote_ms;        /* when a job that is no read came last, 0: never */
    size_t waiting, in_hand; /* jobs: queued; received and not answered */
    size_t credit, running;  /* running: batches */
    gh_lane_t lanes[GH_LANES_MAX];
    size_t n_lanes;
    char *app_name;
    int64_t down_since_ms; /* all lanes are down since, 0: not */
    gh_link_t links[GH_LINKS_MAX];
    size_t n_links;
    gh_batch_priv_t *resumable; /* waiting for a lane */
    bool started;               /* pool->start was called, links are open */
    void *state;
    gh_pool_stats_t stats,
        before; /* since the last line of the log, and what was before that; before.hist is not kept */
    gh_timings_t *timings; /* of the lanes' statements; NULL without a database */
    gh_tally_t tallies[128];
    size_t n_tallies;
    gh_gauge_t gauges[48];
    size_t n_gauges;
    int64_t figures_n, figures_ms; /* frames made, and when the last one was */
};

typedef struct gh_upkeep gh_upkeep_t;
typedef struct gh_threads gh_threads_t;
typedef struct gh_actor_cache gh_actor_cache_t;
typedef struct gh_bus gh_bus_t;

struct gh_worker {
    gh_conf_t *conf;
    zloop_t *loop;
    void *zmq;
    gh_wpool_t *pools;
    size_t n_pools;
    uint64_t next_seq;
    gh_wjob_priv_t *free_jobs;
    gh_batch_priv_t *free_batches;
    gh_role_table_t *roles; /* NULL until loaded */
    gh_actor_cache_t *actors;
    gh_bus_t *bus;
    gh_upkeep_t *upkeep;
    gh_threads_t *threads;
    gh_seal_t *seal;
    bool seal_asked;
    gh_buf_t job_lines;     /* of the log, not written yet */
    int64_t slow_us;        /* log.slow_ms */
    int64_t job_lines_most; /* worker.job_lines */
    int64_t job_second_ms;  /* since then job_lines_told were written and job_lines_left left out */
    int64_t job_lines_told, job_lines_left;
    int job_level;                  /* worker.job_log, -1: off */
    gh_buf_t scratch, maps, opened; /* for reply frames; opened: a body with sealed values */
    bool draining, disconnected, failed;
    char name[GH_MDP_NAME_MAX + 1]; /* host:pid */
    gh_broker_list_t *brokers;
    gh_broker_follow_t follow;
    int64_t drain_ms;
    int64_t started_s; /* unix */
    int signal_fd;
};

/* operations.c: the pool's table against the contract */
int gh_wpool_init(gh_wpool_t *p, gh_worker_t *w, const gh_pool_t *def,
                  const gh_contract_t *contract) GH_MUSTCHECK;
void gh_wpool_fini(gh_wpool_t *p);
gh_wop_t *gh_wpool_find(const gh_wpool_t *p, gh_str_t name);

/* link.c */
/* A link to each broker of the list; those to others are left when their jobs are answered. -1: no link, or no memory. */
int gh_links_follow(gh_wpool_t *p, const gh_broker_list_t *list) GH_MUSTCHECK;
void gh_links_fini(gh_wpool_t *p);
void gh_link_open(gh_link_t *l);
void gh_link_close(gh_link_t *l, bool say_disconnect);
/* The answer's file is taken, its rows sent as frames behind the body. */
void gh_link_send_final(gh_link_t *l, uint32_t generation, zmq_msg_t *client, gh_str_t head, gh_answer_t *a);
void gh_links_tick(gh_wpool_t *p);
/* Does the broker still count on us for the jobs of this generation? Closes the link of a process that stood still. */
bool gh_link_holds(gh_link_t *l, uint32_t generation, int64_t now_ms);

/* receive.c */
void gh_job_receive(gh_link_t *l, zmq_msg_t *client, zmq_msg_t *frames, size_t n); /* takes the messages */
void gh_job_free(gh_worker_t *w, gh_wjob_priv_t *j);

/* reply.c */
void gh_job_answer(gh_batch_priv_t *b, gh_wjob_priv_t *j);   /* send, and free the job */
void gh_job_answer_refusal(gh_wjob_priv_t *j, gh_err_t err); /* without a batch */
void gh_job_refuse_by_runtime(gh_batch_priv_t *b, gh_wjob_priv_t *j, gh_err_t err);
void gh_job_replay(gh_batch_priv_t *b, gh_wjob_priv_t *j, int status, gh_str_t headers, gh_str_t body,
                   bool by_key);
gh_str_t gh_job_headers_json(gh_batch_priv_t *b,
                             const gh_wjob_priv_t *j); /* for storing; p NULL when there are none */
bool gh_job_has_effect(const gh_batch_priv_t *b, const gh_wjob_priv_t *j);
/* Its reply goes into the job record: it has an effect, or it is the refusal of a job that was given out before. Without a record the
 * other delivery, held up in a network or a frozen broker, could still be carried out after its caller was told no. */
bool gh_job_is_recorded(const gh_batch_priv_t *b, const gh_wjob_priv_t *j);
void gh_answer_reset(gh_wjob_priv_t *j);
/* A success whose body are the rows of a result, which is taken. */
void gh_job_ok_file(gh_batch_priv_t *b, gh_wjob_priv_t *j, gh_str_t type, struct pg_result *rows, int column);

/* queue.c */
void gh_group_push(gh_group_t *g, gh_wjob_priv_t *j);
void gh_group_push_front(gh_group_t *g, gh_wjob_priv_t *j);
/* Take the next batch's jobs off the queue, answering those whose time is over. 0: nothing to start now. */
size_t gh_group_take(gh_group_t *g, gh_wjob_priv_t **out, size_t max, int64_t now_ms);
gh_group_t *gh_pool_pick(gh_wpool_t *p); /* the startable group whose head waits longest; NULL */
void
gh_pool_sweep(gh_wpool_t *p); /* every 100 ms: jobs that waited too long, or for a database that is away */
void gh_pool_dispatch(gh_wpool_t *p);

/* batch.c */
gh_batch_priv_t *gh_batch_new(gh_wpool_t *p, gh_group_t *g, size_t n_jobs);
void gh_batch_free(gh_batch_priv_t *b);
void gh_batch_drop_results(gh_batch_priv_t *b);
int gh_batch_ask(gh_batch_priv_t *b, const char *statement, int n,
                 const char *const *params); /* -1: failed */
int gh_batch_ask_bytes(gh_batch_priv_t *b, const char *statement, int n, const char *const *params,
                       int bytes_at, gh_str_t bytes, bool binary_rows);
/* Result `index` of the previous phase, to keep: PQclear it. */
struct pg_result *gh_batch_take_result(gh_batch_priv_t *b, size_t index);
size_t gh_batch_ask_own(gh_batch_priv_t *b, const char *statement, int n,
                        const char *const *params); /* its index */
const struct pg_result *gh_batch_own(const gh_batch_priv_t *b, size_t at);

/* exec.c */
void gh_exec_start(gh_batch_priv_t *b, gh_lane_t *lane);
void gh_exec_continue(gh_batch_priv_t *b, gh_lane_t *lane); /* the phase after a wait */
void gh_exec_wait_over(gh_batch_priv_t *b); /* a piece of work is done, or gh_batch_resume() */
void gh_exec_detach(gh_batch_priv_t *b);    /* give the lane back */
void gh_exec_result(gh_batch_priv_t *b, struct pg_result *r);
void gh_exec_synced(gh_batch_priv_t *b);
void gh_exec_lost(gh_batch_priv_t *b);
void gh_exec_sync(gh_batch_priv_t *b);
void gh_pg_error_of(const struct pg_result *r, gh_pg_error_t *out);

/* fail.c */
typedef enum { GH_RETRY, GH_RETRY_WHEN_UP, GH_ALONE, GH_GIVE_UP } gh_verdict_t;
/* Pure: what to do with a batch of n jobs, tried so often already, after this error (sqlstate "" and lost:
 * connection). */
gh_verdict_t gh_fail_decide(const char *sqlstate, bool lost, size_t n, unsigned tries, gh_op_kind_t kind);
/* The refusal for a job alone whose statement failed for good. */
gh_err_t gh_fail_error(const gh_op_t *op, const gh_pg_error_t *e);
void gh_fail_batch(gh_batch_priv_t *b); /* rolled back: requeue or answer its jobs, free it */
void gh_fail_job(gh_batch_priv_t *b, gh_wjob_priv_t *j, const gh_pg_error_t *e); /* per_job: one of a batch */

/* actor.c */
gh_actor_cache_t *gh_actor_cache_new(void);
void gh_actor_cache_destroy(gh_actor_cache_t **c_p);
size_t gh_actor_cache_used(const gh_actor_cache_t *c); /* callers that a read may use as they are */
void gh_actor_cache_forget(gh_actor_cache_t *c, int64_t user_id); /* 0: all */
bool gh_actors_from_cache(gh_batch_priv_t *b);                    /* true: all known */
void gh_actors_ask(gh_batch_priv_t *b);
void gh_actors_take(gh_batch_priv_t *b);
void gh_access_check_batch(gh_batch_priv_t *b);

/* exactly.c */
gh_err_t gh_job_prepare_key(gh_wjob_priv_t *j);   /* digest and lock key of an idempotent job */
void gh_exactly_ask(gh_batch_priv_t *b);          /* phase 0 of a WRITE batch */
void gh_exactly_take_records(gh_batch_priv_t *b); /* jobs that were carried out before: their answer again */
void gh_exactly_take_keys(gh_batch_priv_t *b);    /* after access was checked */
void gh_exactly_put(gh_batch_priv_t *b);          /* with the commit */

/* sqlop.c */
gh_step_t gh_sql_step_read(gh_batch_t *batch);
gh_step_t gh_sql_step_write(gh_batch_t *batch);
int gh_bind_parse(const gh_conf_t *conf, const char *name, gh_bind_t *out) GH_MUSTCHECK;

/* events.c */
gh_bus_t *gh_bus_new(gh_worker_t *w);
void gh_bus_follow(
    gh_bus_t *bus,
    const gh_broker_list_t
        *list); /* connect to these brokers and to no others; what fails is tried again by the next call */
void gh_bus_destroy(gh_bus_t **bus_p);
/* We listen to it ourselves; what we do not hear is a wake-up with polling behind it. */
bool gh_bus_hears(const char *topic);
void gh_bus_publish(gh_bus_t *bus, int64_t seq, const char *topic, gh_str_t payload);
void gh_events_put(gh_batch_priv_t *b);     /* queue the outbox rows of what the step asked for */
void gh_events_publish(gh_batch_priv_t *b); /* they are committed */

/* audit.c */
const char *gh_job_surface(const gh_wjob_priv_t *j); /* "code", "v1", "heartbeat", "inner" */
/* Its caller was refused by x-access: an attempt to change what only administrators may has its entry, outcome "denied". */
void gh_audit_denied(gh_batch_priv_t *b, const gh_wjob_priv_t *j, gh_err_t refusal);
void gh_audit_put(gh_batch_priv_t *b); /* queue the rows of the entries that the step made */

/* upkeep.c */
gh_upkeep_t *gh_upkeep_new(gh_worker_t *w);
void gh_upkeep_destroy(gh_upkeep_t **u_p);
bool gh_upkeep_ready(const gh_upkeep_t *u); /* roles are loaded, partitions are there */
bool gh_upkeep_due(gh_wpool_t *p);          /* something to do on an idle lane of this pool */
void gh_upkeep_start(gh_wpool_t *p, gh_lane_t *lane);
void gh_upkeep_roles_changed(gh_upkeep_t *u);
/* Note that this flush (uuid text) has dropped so many entries here. */
void gh_upkeep_flushed(gh_upkeep_t *u, gh_str_t flush, size_t entries);
void gh_upkeep_audited(gh_upkeep_t *u); /* entries of the audit log wait for their seal */
/* An outbox row was published; its event was heard from a broker: its row is marked soon. */
void gh_upkeep_told(gh_upkeep_t *u, int64_t seq, const char *topic);
void gh_upkeep_heard(gh_upkeep_t *u, int64_t seq);

/* threads.c */
gh_threads_t *gh_threads_new(gh_worker_t *w, size_t n);
void gh_threads_destroy(gh_threads_t **t_p);
int gh_threads_submit(gh_threads_t *t, gh_batch_priv_t *b, void (*work)(void *), void *arg) GH_MUSTCHECK;

/* stats.c */
void gh_stats_job(gh_pool_stats_t *s, int64_t work_us);
int64_t gh_stats_percentile(const gh_pool_stats_t *s, unsigned percent);
void gh_stats_line(gh_wpool_t *p);

gh_wpool_t *gh_wpool_of(const gh_worker_t *w,
                        const gh_pool_t *pool); /* aborts: a pool asking for another one's state */

/* figures.c */
void gh_tally_add(gh_wpool_t *p, const char *metric, gh_str_t by, gh_str_t outcome);
void gh_tally_answer(gh_wjob_priv_t *j); /* its answer leaves */
/* Append the frame that tells of this pool. */
void gh_figures_put(gh_wpool_t *p, gh_buf_t *out);

/* trace.c */
void gh_trace_configured(gh_worker_t *w);
void gh_trips_asked(gh_trips_t *t, const char *statement);
void gh_trips_sent(gh_trips_t *t);
void gh_trips_back(gh_trips_t *t);
gh_str_t gh_job_request_id(const gh_wjob_priv_t *j,
                           char out[37]);                   /* the client's, or the job's id as text in out */
void gh_trace_answered(gh_wjob_priv_t *j, int64_t work_us); /* its lines in the log */
void gh_trace_flush(gh_worker_t *w);                        /* write what was gathered */
void gh_trace_failed(gh_wjob_priv_t *j,
                     const gh_pg_error_t *e); /* answered INTERNAL: where, and after what; e may be NULL */
/* Shall PostgreSQL show j's trace? What writes, always; what only reads, when the caller records the trace. */
bool gh_trace_wanted(const gh_batch_priv_t *b, const gh_wjob_priv_t *j);
/* From here to the end of the transaction the session is named after j's trace, and how many others share it. */
void gh_trace_put(gh_batch_priv_t *b, const gh_wjob_priv_t *j, size_t others);
void gh_trace_begin(gh_batch_priv_t *b); /* the same for a batch, when it is wanted */

/* worker.c */
void gh_worker_configured(gh_worker_t *w); /* settings have changed */
void gh_worker_drain(gh_worker_t *w);      /* finish what runs and end, as on SIGTERM */
void gh_worker_tell(gh_worker_t *w);       /* the service manager, several times a second */
void gh_worker_pool_up(
    gh_wpool_t *p); /* a lane came up, or the upkeep got ready: open for business when all is there */

static inline gh_wjob_priv_t *
gh_priv(gh_wjob_t *job)
{
    return (gh_wjob_priv_t *)job;
}

#endif
