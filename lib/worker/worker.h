/*
 * lib/worker/worker.h - the worker runtime: from the broker's jobs to one transaction a batch and the replies
 *
 * A pool is a table of operations (gh_op_t). The runtime does everything else: broker links (one DEALER per
 * broker and service) with READY, credit, heartbeats and reconnection; gathering jobs of one kind into
 * batches; database connections ("lanes") in pipeline mode; the actor and x-access; idempotency and the job
 * record; commit, then replies; fallback to one by one when a batch fails; draining on SIGTERM.
 *
 * One thread, one zloop. A batch is carried out in phases: the step function queues statements and returns;
 * when all results of the phase have arrived it is called again with phase + 1. Nothing blocks.
 *
 *   phase 0   runtime: BEGIN, [job record of re-sent jobs], [idempotency keys: lock and look up], [actors]
 *             step:    its own statements of phase 0 (lock, read), same round trip
 *   phase 1   runtime: jobs already answered, refused by access or expired are marked (job->done)
 *             step:    reads results, decides, queues writes, replies with gh_job_*, returns GH_STEP_DONE
 *             runtime: adds job record and idempotency rows of the successful jobs, of re-sent jobs the record of a refusal
 *                      too, COMMIT, same round trip
 *   then      runtime: when COMMIT is confirmed, sends the replies and publishes the events
 *
 * If anything fails the transaction is rolled back and the jobs are run one by one, each alone, so that one
 * bad job fails alone. A job alone: deadlock, serialization failure, lock timeout are tried again while its
 * budget lasts; a lost connection likewise, after looking at the job record (the commit may have happened); a
 * constraint that the operation maps is a refusal; anything else is INTERNAL with a log line.
 */
#ifndef GH_WORKER_WORKER_H
#define GH_WORKER_WORKER_H

#include "base/buf.h"
#include "base/conf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/seal.h"
#include "contract/access.h"
#include "db/arrays.h"
#include "db/sql.h"
#include "wire/job.h"
#include "wire/mp.h"

struct pg_result;
typedef struct gh_worker gh_worker_t;
typedef struct gh_pool gh_pool_t;
typedef struct gh_batch gh_batch_t;

/* ---- actor: what the database says about the caller, loaded by the runtime (lib/worker/actor.sql) */

typedef struct gh_actor {
    int64_t user_id; /* 0: nobody */
    bool alive;      /* exists, not deleted, active */
    bool must_change_password;
    uint32_t roles;     /* GH_ROLE_* */
    int64_t patient_id; /* own patient row, 0 when none */
    int64_t doctor_id;  /* own doctor row, 0 when none */
    int64_t dept_id;    /* minor department of the doctor row, 0 when none */
    uint32_t scopes;    /* GH_SCOPE_* that the operation's permission gives (after x-access was checked) */
} gh_actor_t;

/* ---- one job in hand */

typedef struct gh_wjob {
    gh_job_head_t head;    /* spans point into the message, alive until the reply has left */
    gh_mp_t args;          /* checked argument map; absent for an opaque job */
    const gh_str_t *blobs; /* further frames */
    size_t n_blobs;
    gh_actor_t actor;    /* valid in phases >= 1, and in phase 0 when the operation has public access or a
                               cached actor was allowed (reads) */
    int64_t deadline_ms; /* gh_mono_ms() value after which the client was told 504 */
    bool done;           /* answered already (by the runtime or by gh_job_*): the step must skip it */
    void *state;         /* the operation's own, arena memory */
    struct gh_wjob_priv *priv;
} gh_wjob_t;

/* The payload of a success, as JSON text; status 0 = the contract's. The text is copied. */
void gh_job_ok(gh_batch_t *b, gh_wjob_t *job, int status, gh_str_t json);
/* Before ok: the text given there is a file of this media type and goes out as it is, in no envelope (GH_OP_READ, GH_OP_TASK). */
void gh_job_type(gh_batch_t *b, gh_wjob_t *job, const char *type);
/* A refusal: a row of the error table with texts for its placeholders (copied). Not stored for idempotency. */
void gh_job_refuse(gh_batch_t *b, gh_wjob_t *job, gh_err_t err, const gh_error_arg_t *args);
/* VALIDATION_FAILED for one member found faulty by a worker: `field` dotted, `type` of api/30
 * ("value_error"), text. */
void gh_job_invalid(gh_batch_t *b, gh_wjob_t *job, const char *field, const char *type, const char *text);
/* Before or after ok/refuse: a response header; for refusals: one further member of the error (ready JSON). */
void gh_job_header(gh_batch_t *b, gh_wjob_t *job, const char *name, const char *value);
void gh_job_extra(gh_batch_t *b, gh_wjob_t *job, const char *member, gh_str_t json);
/* Mark that this job had an effect although it is refused or the reverse; default: ok = effect (WRITE
 * operations). */
void gh_job_no_effect(gh_wjob_t *job);

/* For a step: answer as a one-statement operation would by this row (gh_op_t.sql). Or only refuse, true, when the row says so; its
 * headers are the answer's in any case. */
void gh_job_row(gh_batch_t *b, gh_wjob_t *job, const struct pg_result *r);
bool gh_job_row_refuses(gh_batch_t *b, gh_wjob_t *job, const struct pg_result *r);

/* ---- batches */

typedef enum {
    GH_STEP_MORE, /* statements were queued (or not); call again with phase + 1 when their results are here */
    GH_STEP_WAIT, /* give the lane back; gh_batch_resume() continues with phase + 1 (no transaction only) */
    GH_STEP_DONE, /* every job has its answer once the queued statements and the commit succeed */
    GH_STEP_AGAIN, /* roll back and run again, a bounded number of times: a row changed between reading and locking it */
    GH_STEP_FAIL /* roll back; several jobs are then run one by one, a single one is answered INTERNAL */
} gh_step_t;

typedef gh_step_t (*gh_step_fn)(gh_batch_t *b);

struct gh_batch {
    gh_worker_t *worker;
    const struct gh_op
        *op; /* of the first job; jobs of one `kind` may have different operations: see job->head.op */
    gh_wjob_t **jobs; /* in order of arrival */
    size_t n;
    int phase;
    int64_t now_us; /* the clock for every decision and statement of this batch (decisions 20) */
    void *state;    /* the operation's own, arena memory, NULL at first */
    struct gh_batch_priv *priv;
};

/* Memory that lives as long as the batch; never NULL (the batch fails and the step should return GH_STEP_FAIL
 * when gh_batch_ok() is false; the memory is then a scratch area of the asked size). Zeroed. */
void *gh_batch_alloc(gh_batch_t *b, size_t n);
gh_str_t gh_batch_dup(gh_batch_t *b, gh_str_t s);
/* False once memory ran out or the connection broke: what the step still does is in vain, it may return
 * GH_STEP_FAIL. */
bool gh_batch_ok(const gh_batch_t *b);

/* A step of one job as a list of phases: phases[0] in phase 1, when the runtime has loaded the caller, and so on; the last in all that
 * follow. b->state is n_state bytes, zeroed. A job that has its answer is done, a batch that failed fails: no phase is called. */
gh_step_t gh_batch_phases(gh_batch_t *b, size_t n_state, const gh_step_fn *phases, size_t n);

/* Call fn(arg, committed) once when the batch has ended: true after COMMIT was confirmed (a GH_OP_TASK or
 * GH_OP_READ: when every phase succeeded), false on any other end. For memory that may follow the database
 * only once it is certain. Batch memory is still there. */
void gh_batch_on_end(gh_batch_t *b, void (*fn)(void *arg, bool committed), void *arg);

/* Queue a named statement of the pool with text-format parameters (NULL = SQL NULL); they are copied. Returns
 * the index for gh_batch_result() in the next phase. */
size_t gh_batch_query(gh_batch_t *b, const char *statement, int n_params, const char *const *params);
/* The same with parameter number bytes_at (0..) given as bytes for a bytea, whatever params says there. */
size_t gh_batch_query_bytes(gh_batch_t *b, const char *statement, int n_params, const char *const *params,
                            int bytes_at, gh_str_t bytes);
/* Result `index` of the previous phase; valid until the step returns. Never NULL, never an error result. */
const struct pg_result *gh_batch_result(const gh_batch_t *b, size_t index);

/* For a step of a WRITE batch that takes only now the locks that order the jobs: no further batch of its name starts before the results
 * of what it queues in this call are here. */
void gh_batch_hold(gh_batch_t *b);

/* Publish after commit: a row in `outbox` in the same transaction, then a broadcast. payload: encoded msgpack
 * map without seq (the runtime adds it). */
void gh_batch_event(gh_batch_t *b, const char *topic, gh_str_t payload);

/* One entry of the audit log (api/29 AuditEntry, R-214): an administrative change, or a look at what is guarded. */
typedef struct gh_audit {
    const char *action;     /* dotted: "department.create" */
    const char *entity;     /* "department" */
    int64_t entity_id;      /* 0: none, or a text: */
    const char *entity_key; /* the key of what has no number; NULL */
    const char
        *made_in;       /* instead of both, in a TASK: the table in which this phase has made the row; NULL */
    int64_t patient_id; /* whom it concerns, 0: no patient */
    const char *outcome; /* NULL: success; "denied", "error" */
    const char
        *changes; /* JSON object {member: [old, new]} (SQL: gh_changes()), masked when written; NULL: none */
} gh_audit_t;

/* Write an entry with this transaction (WRITE), or with the statements of this phase (TASK, READ): committed with them or not at
 * all, and once for a job that is run again. Who, when and from where are the job's; job NULL: the program's own doing.
 * Everything is copied. A one-statement operation has a column `audit` instead: one JSON object {action, entity, entity_id,
 * patient_id, outcome, changes}, or an array of them. */
void gh_batch_audit(gh_batch_t *b, const gh_wjob_t *job, const gh_audit_t *entry);

/* Count by one, once the batch has ended well: guahao_<metric>_total{reason=by} of /metrics. metric and by are literals. An operation
 * whose answers are to be counted names `tally` instead. */
void gh_batch_tally(gh_batch_t *b, const char *metric, const char *by);

/* The same at once, from the loop's thread, with an outcome ("ok" or the name of an error row): for what ends outside batches. */
void gh_pool_tally(gh_worker_t *w, const gh_pool_t *pool, const char *metric, gh_str_t by, gh_str_t outcome);

/* The entry of an attempt that was refused because of who asks: outcome "denied", action the operation's name. The runtime makes it
 * for what x-access guards; this is for an operation that decides by itself. Nothing for nobody (no token). */
void gh_batch_denied(gh_batch_t *b, const gh_wjob_t *job);

/* The caller's address and agent as the database takes them: a valid inet or NULL; printable ASCII, at most 300 characters, or
 * NULL. Batch memory. */
const char *gh_caller_ip(gh_batch_t *b, const gh_wjob_t *job);
const char *gh_caller_agent(gh_batch_t *b, const gh_wjob_t *job);

/* The traceparent that this batch goes under: of the job whose trace PostgreSQL shows, else of its first; NULL: none. For what it queues
 * for later. Batch memory. */
const char *gh_batch_trace(gh_batch_t *b);

/* Run work(arg) on the process's bounded thread pool, then the batch continues with phase + 1 once all its
 * work is done; use with GH_STEP_WAIT. work touches nothing but arg. */
void gh_batch_work(gh_batch_t *b, void (*work)(void *arg), void *arg);
/* Continue a batch whose step returned GH_STEP_WAIT without gh_batch_work(). From the loop's thread only. */
void gh_batch_resume(gh_batch_t *b);

/* ---- operations and pools */

typedef enum {
    GH_OP_READ,  /* no transaction; cached actor allowed */
    GH_OP_WRITE, /* one transaction a batch, actor re-read in it, job record, idempotency */
    GH_OP_TASK /* no transaction around phases: each phase's statements are one implicit transaction; no job record */
} gh_op_kind_t;

typedef struct gh_op {
    const char *name; /* operationId of the contract, or an inner name "pool.sync_x" */
    gh_op_kind_t kind;
    const char *batch; /* operations with the same batch name share batches; NULL: its own name */
    size_t batch_max;  /* 0: the pool's credit */

    /* Either a step ... */
    gh_step_fn step;
    /* ... or one SQL statement per job, by its name in the pool's tables. bind names its parameters in order,
     * NULL ends: "path.id", "query.page", "body.x", "form.x", "query" or "body" (the whole section as JSON), "if_match" (SQL: gh_if_match()),
     * "actor.user_id", "actor.patient_id", "actor.doctor_id", "actor.dept_id" (NULL when 0), "actor.session"
     * (uuid), "actor.scopes", "actor.roles" (bit sets as int), "now" (timestamptz), "today" (date), "tz",
     * "job.id", "lang", "conf.<setting>", "blind.query.x" (blind index of a text argument, bytea). Lists become array literals (cast
     * $1::bigint[] or $1::text[]), maps JSON text, absent members SQL NULL. The statement gives one row: `body` text (JSON) and, as
     * wanted, `error` text (name of an error row, NULL = none), `params` json (texts for placeholders), `extra` json
     * (further members of the refusal), `status` int, `headers` json, `audit` json (gh_batch_audit()), `invalid` json {field, text} (gh_job_invalid(), NULL = nothing is), `type` text (gh_job_type()). No row at all is NOT_FOUND.
     * A GH_OP_WRITE statement that says `error` or `invalid` must have written nothing. */
    const char *sql;
    const char *bind[20];
    /* The reply of the statement of a GH_OP_READ is a file: columns `type` (text, its media type), `headers` (json), `bytes`
     * (bytea, null: none) and, as above, `error` and `params`. There may be many rows: the first one speaks, the `bytes` of
     * all are the file, each at most 1 MiB and 32 in all, sent on without copying. */
    bool file;

    /* Constraint name -> refusal, for a job alone whose statement violates it; {NULL} ends. */
    const struct gh_constraint_map {
        const char *constraint;
        gh_err_t err;
    } * constraints;

    /* Answers are counted at /metrics as guahao_<tally>_total: "bookings" (by surface) or "payments" (by the argument at this
     * path, with a small set of values), each with its outcome, "ok" or the name of the error row; replays are not. NULL: they are not
     * counted. */
    const char *tally, *tally_by;

    bool
        sealed; /* replies have sealed values, written by gh_sealed() in SQL: they are opened when the reply leaves and stay
                    sealed in the job record (base/seal_text.h) */
    bool inner; /* only trusted peers may send it (not in the contract): sync operations of fronts, jobs pool.
                            Its jobs must carry an actor (user 0 will do): the broker drops it from all others */
    const char
        *access_of; /* inner: the operation of the contract whose x-access its callers need, for what a front
                              serves itself or what is carried out later; NULL: any trusted peer */
    bool while_must_change; /* open to accounts that have to change their password first */
} gh_op_t;

struct gh_pool {
    const char *name;       /* MDP service, "booking" */
    const gh_op_t *ops;     /* ends with name NULL */
    const gh_sql_t *sql[4]; /* statement tables (generated), NULL ends */
    const size_t *sql_count[4];
    bool no_database; /* the echo pool: no lanes at all */
    /* Called once after the lanes are ready and before READY; NULL if not needed. -1 stops the process. */
    int (*start)(gh_worker_t *w);
    void (*stop)(gh_worker_t *w);
    /* Called about every second when the loop is idle enough (housekeeping); NULL if not needed. */
    void (*tick)(gh_worker_t *w);
    /* Called when settings have changed (after start): what the pool has made of gh_worker_conf() is stale. NULL if it reads
     * them each time. */
    void (*configured)(gh_worker_t *w);
    /* Called when an operator flushes the caches: forget what is only kept for speed; gives how many entries. NULL: nothing is. */
    size_t (*flush)(gh_worker_t *w);
};

/* The pools compiled into guahao-worker (workers/pools.c). */
extern const gh_pool_t *const gh_pools[];

const gh_conf_t *gh_worker_conf(const gh_worker_t *w);
/* The key of sealed columns (setting data.key_file), loaded when it is first asked for; NULL after a log line: there is none. The
 * worker's; from the loop's thread only. */
const gh_seal_t *gh_worker_seal(gh_worker_t *w);
/* The pool's own state, for start/stop/tick and steps. */
void *gh_worker_state(const gh_worker_t *w, const gh_pool_t *pool);
void gh_worker_set_state(gh_worker_t *w, const gh_pool_t *pool, void *state);

/* The process was told to end: what takes long should give up now. From the loop's thread only. */
bool gh_worker_draining(const gh_worker_t *w);

/* Start a batch of the pool's own, without jobs, as GH_OP_WRITE on an idle lane: for tick(). False: no lane is idle, or memory
 * is short; the next tick may try again. */
bool gh_pool_run(gh_worker_t *w, const gh_pool_t *pool, gh_step_fn step) GH_MUSTCHECK;

/* Figures of a pool as they are now, shown at /metrics as guahao_<metric> (front/metrics_workers.c names those there are): begin forgets
 * the former ones; what is too many or too long is left out. Copied. */
void gh_gauges_begin(gh_worker_t *w, const gh_pool_t *pool);
void gh_gauges_add(gh_worker_t *w, const gh_pool_t *pool, gh_str_t metric, gh_str_t by, double value);

/* Run the named pools until SIGTERM. Exit status of the process. conf changes with the settings of the database. */
int gh_worker_run(gh_conf_t *conf, const gh_pool_t *const *pools, size_t n);

#endif
