/*
 * lib/wire/job.h - the job message: header frame, argument frame, reply frames (schema/job-message.md)
 *
 *   request body:  header | args | blob...        header = "GHJ1" + msgpack map, args = msgpack map
 *   reply body:    header | body                  header = "GHR1" + msgpack map, body = ready JSON text or bytes
 *
 * A body whose first frame does not start with the magic is an opaque job of a plain Majordomo client.
 *
 * args = {"path": {..}, "query": {..}, "body": ..., "form": ...}, each section left out when empty. Values are
 * already converted by the contract: integers are integers, absent members with a default carry it. Members stand
 * in the order of the contract, so equal requests give equal bytes (the idempotency digest relies on it).
 */
#ifndef GH_WIRE_JOB_H
#define GH_WIRE_JOB_H

#include "base/buf.h"
#include "wire/mp.h"

#define GH_JOB_MAGIC   "GHJ1"
#define GH_REPLY_MAGIC "GHR1"

typedef enum { GH_PRIO_HIGH = 0, GH_PRIO_NORMAL = 1, GH_PRIO_BATCH = 2, GH_PRIO_COUNT = 3 } gh_prio_t;

/* Who asks. Set by fronts and the jobs pool only; the broker drops it from every other peer (decisions 8). */
typedef struct gh_actor_ref {
    int64_t user_id;   /* 0: nobody (public operation without a token) */
    gh_str_t session;  /* sid claim: 16 bytes, or empty */
    gh_str_t jti;      /* 16 bytes, or empty */
    int64_t token_exp; /* seconds since the epoch, 0 when none */
    gh_str_t ip;       /* text */
    gh_str_t agent;    /* User-Agent, cut to 300 bytes */
    gh_str_t lang;     /* first language of Accept-Language, or empty */
} gh_actor_ref_t;

/* Decoded header. All spans are borrowed from the frame. */
typedef struct gh_job_head {
    uint8_t id[16];     /* UUIDv7 */
    gh_str_t op;        /* operationId: "booking.book_appointment" */
    uint32_t budget_ms; /* "deadline": time left, reduced at each hop (decisions 9) */
    uint8_t priority;   /* gh_prio_t */
    uint32_t attempt;   /* 0 at first; the broker adds 1 on each requeue */
    bool resend;        /* the front sends the same id again (another broker): check the job record first */
    gh_str_t key;       /* Idempotency-Key, empty when none */
    gh_str_t shard;     /* affinity: "s:<schedule id>" or "d:<doctor id>:<date>", empty when none */
    gh_str_t trace;     /* W3C traceparent, empty when none */
    gh_str_t request;   /* X-Request-Id that the client chose, empty: the job's id is the request's */
    uint32_t waited_us; /* in the broker, which writes it */
    bool has_actor;
    gh_actor_ref_t actor;
    bool no_reply_wanted; /* reserved for fire and forget ("quiet") */
} gh_job_head_t;

#define GH_JOB_HEAD_MAX (8u << 10) /* a header frame larger than this is refused */

bool gh_job_is_head(const void *frame, size_t n); /* starts with the magic */
int gh_job_head_decode(const void *frame, size_t n, gh_job_head_t *out) GH_MUSTCHECK;
void gh_job_head_encode(const gh_job_head_t *h, gh_buf_t *out);
/* Copy a header frame with budget and attempt (and waited_us, when our encoder wrote it) replaced, and without the actor when strip_actor: what a broker does
 * at dispatch. Bytes of members it does not know are kept. -1 when the frame is not a header. */
int gh_job_head_forward(const void *frame, size_t n, uint32_t budget_ms, uint32_t attempt, uint32_t waited_us,
                        bool strip_actor, gh_buf_t *out) GH_MUSTCHECK;

/* Reply header (decisions 4). */
typedef struct gh_reply_head {
    uint8_t id[16];
    uint32_t attempt;
    uint16_t status;   /* HTTP status on success when not the contract's; 0 = the contract's */
    gh_str_t error;    /* name of the error row; empty on success */
    gh_mp_t params;    /* map of placeholder texts, or absent */
    gh_mp_t headers;   /* map of response headers, or absent */
    gh_str_t type;     /* media type of the body when not JSON */
    gh_str_t extra;    /* ready JSON object text: further members of an error */
    uint32_t queue_us; /* waited in the broker, which fills it in (gh_reply_head_set_queue) */
    uint32_t work_us;  /* from delivery to the reply */
    uint32_t db_us;    /* of it, waited for the database */
    bool
        elsewhere; /* a refusal of this broker alone: it stops, drains or has no worker; another one may take the job */
} gh_reply_head_t;

#define GH_REPLY_HEAD_MAX (64u << 10) /* `extra` lists every fault of a form */

bool gh_reply_is_head(const void *frame, size_t n);
int gh_reply_head_decode(const void *frame, size_t n, gh_reply_head_t *out) GH_MUSTCHECK;
/* params and headers may be given as raw encoded maps (gh_mp_t views) or absent. */
void gh_reply_head_encode(const gh_reply_head_t *h, gh_buf_t *out);
/* What a broker reads of a reply on its way: id and attempt, whether the worker failed (error INTERNAL; a refusal by a rule is an
 * answer), and where queue_us stands when our encoder wrote it (else 0), so that it can be filled in. -1 when the frame is not a
 * reply header. */
int gh_reply_head_ref(const void *frame, size_t n, uint8_t id[16], uint32_t *attempt, bool *failed,
                      size_t *queue_at) GH_MUSTCHECK;
void gh_reply_head_set_queue(void *frame, size_t queue_at, uint32_t queue_us);
/* The reply header of a refusal by a front, broker or runtime: name such as "QUEUE_FULL", no params. elsewhere: see the
 * member. */
void gh_reply_refusal(const uint8_t id[16], uint32_t attempt, const char *error, bool elsewhere,
                      gh_buf_t *out);

#endif
