/*
 * front/front.h - the front's process state and what its files offer each other
 *
 * One front has a parent, which loads the contract and the keys, and front.workers processes, forked by Kore, each with
 * one thread of ours. What a process has one of stands in `front` below; the rest is passed.
 */
#ifndef GH_FRONT_FRONT_H
#define GH_FRONT_FRONT_H

#include "base/trace.h"
#include "base/conf.h"
#include "base/json.h"
#include "base/token.h"
#include "contract/render.h"
#include "contract/upload.h"
#include "front/counters.h"
#include "base/networks.h"
#include "front/rates.h"
#include "front/revoked.h"
#include "front/token_cache.h"
#include "wire/job.h"

struct http_request;
struct connection;

typedef struct front {
    /* the parent's, read-only after the fork */
    gh_conf_t *conf;
    gh_contract_t *contract;
    gh_token_keys_t *keys;
    char *openapi; /* the published document */
    size_t openapi_n;
    uint32_t timeout_ms, drain_ms;
    int gzip_level;   /* 0: never */
    int access_level; /* gh_log_level_t of the lines of requests, -1: none */
    bool docs, https_redirect, hsts, rows;
    int64_t https_port;
    gh_networks_t metrics_allow, proxy_trusted;
    front_counters_t *counters; /* shared by all workers */
    /* of this worker */
    size_t worker; /* 0.. */
    front_tokens_t *tokens;
    front_revoked_t *revoked;
    bool draining;
    int64_t started_ms;
} front_t;

/* A worker's word for "this reply signs in user N": for the logs, never passed on. */
#define FRONT_SIGNED_IN_HEADER "x-signed-in"

extern front_t front;

/* ---- one request: what its headers say (headers.c) */

typedef struct front_headers {
    gh_str_t authorization, content_type, accept, encoding, cookie, csrf, language, key, request_id, trace,
        agent, origin, if_none_match, if_match, preflight_method, forwarded_proto, auto_refresh, signature;
    gh_str_t last_event;
    bool async;      /* Prefer: respond-async (RFC 7240) */
    uint32_t wait_s; /* Prefer: wait=n, 0: none */
    bool close;      /* Connection: close, HTTP/1.0, or bytes behind the request */
    bool doubled;    /* a line twice that may stand there once: whose reading would count? */
} front_headers_t;

void front_headers_read(struct http_request *req, front_headers_t *out);
/* Whom the request comes from: the peer, or whom trusted proxies name. family 0 for a Unix socket. */
void front_client_read(const struct http_request *req, front_address_t *out);
/* The peer of a connection; family 0 when there is none (NULL: it is gone). */
void front_peer_read(const struct connection *c, front_address_t *out);
/* Accept asks for this type no less than for JSON. */
bool front_accepts(gh_str_t accept, const char *type);
/* Accept takes this type, by name, by its group or by any; an empty one takes all (RFC 9110 section 12.5.1). */
bool front_takes(gh_str_t accept, const char *type);
/* Accept-Encoding takes gzip (RFC 9110 section 12.5.3). */
bool front_accepts_gzip(gh_str_t encodings);
/* Idempotency-Key without its quotes (api/20 section 8); false when it is not one. */
bool front_key_parse(gh_str_t raw, gh_str_t *key);
bool front_request_id_ok(gh_str_t id);
gh_str_t front_first_language(gh_str_t list);
/* User-Agent as jobs and rows carry it: UTF-8 of at most 300 bytes, else empty. */
gh_str_t front_agent(gh_str_t agent);

typedef enum {
    FRONT_MEDIA_NONE,
    FRONT_MEDIA_JSON,
    FRONT_MEDIA_FORM,
    FRONT_MEDIA_MULTIPART,
    FRONT_MEDIA_OTHER
} front_media_t;
front_media_t front_media(gh_str_t content_type);

/* ---- answers (reply.c) */

/* What an answer needs to know of its request. Spans live as long as the request. */
typedef struct front_ask {
    struct http_request *req; /* NULL: Kore refused it before there was one */
    const gh_operation_t *op; /* NULL when none matched */
    gh_render_t render;
    gh_str_t origin, if_none_match;
    char id_text[37];
    bool head, close;
    bool tls;           /* the client speaks TLS to a trusted proxy */
    bool gzip;          /* the client takes it */
    bool clear_cookies; /* success ends the cookies that the request had */
    int64_t start_us;
    front_rate_t rate; /* what the answer tells of its limit */
    front_address_t client;
    char trace[GH_TRACE_TEXT]; /* the client's traceparent, or a new one */
    bool trace_given;          /* the client's */
    bool own_id;               /* the request id is the client's */
    gh_str_t extension;        /* a new access token for the answer, empty: none */
    int64_t extension_s;       /* its life */
    gh_str_t agent;            /* User-Agent, text of at most 300 bytes, or empty */
    char applied[48];          /* what success says in Preference-Applied (RFC 7240), or empty */
    bool replayed;             /* the job that it became is the one of an earlier call with its key */
    uint32_t wait_s;           /* the call became a job, and is waited for so long (watch.h) */
    bool stream;               /* the job is asked for as a stream (watch.h) */
    gh_str_t authorization, last_event; /* of a stream */
    int64_t user_id;                    /* 0: nobody */
    int64_t window_s;                   /* of front.v1_get_metrics */
    gh_err_t error;                     /* of the answer, for its log line */
    uint32_t queue_us, work_us, db_us;  /* of the reply, 0 when there was none */
} front_ask_t;

/* Bytes and media type as given; headers: further lines, each ended by CR LF, or empty. */
void front_answer(const front_ask_t *ask, uint16_t status, const char *type, gh_str_t headers, gh_str_t body);
void front_answer_error(const front_ask_t *ask, gh_err_t error, const gh_error_arg_t *args,
                        const gh_faults_t *faults);
/* Further frames of a reply: the bytes of a file, sent from where they lie. owner: for front_frame_release(), once they
 * have left or never will. */
#define FRONT_FRAMES_MAX 40
typedef struct front_frames {
    struct {
        gh_str_t bytes;
        void *owner;
    } at[FRONT_FRAMES_MAX];
    size_t n;
} front_frames_t;
/* The reply of a worker: its header, body and further frames, which are taken (NULL: none). Its times are noted in ask. */
void front_answer_reply(front_ask_t *ask, const gh_reply_head_t *head, gh_str_t body, front_frames_t *frames);
/* The reply is the stored one of an earlier call with the same Idempotency-Key. */
bool front_is_replay(const gh_reply_head_t *head);
/* Put bytes of an answer on a connection: used by the functions above and for what Kore refuses. */
void front_write(struct connection *c, const front_ask_t *ask, uint16_t status, const char *type,
                 gh_str_t headers, gh_str_t body);
/* The head of a stream of server-sent events; what follows is the caller's. Bytes of a body that were sent with it. */
size_t front_stream_begin(const front_ask_t *ask);
/* 204 to OPTIONS. */
void front_answer_options(const front_ask_t *ask, uint32_t allowed, gh_str_t preflight_method);
/* Allow: of a set of 1 << gh_method_t, with HEAD and OPTIONS. */
void front_put_allow(gh_buf_t *out, uint32_t allowed);

/* ---- TLS (https.c) */

/* A trusted proxy says that the client spoke TLS to it. */
bool front_https_used(const struct http_request *req, gh_str_t forwarded_proto);
/* Answer 308 to the same place under TLS; false when the request may go on: switched off, TLS, probes. */
bool front_https_redirect(const front_ask_t *ask);

/* ---- log of requests (access.c) */

/* The answer is on its way; bytes of its body. 499: the client left before it. */
void front_access(const front_ask_t *ask, uint16_t status, size_t bytes);
void front_access_flush(void); /* the end of a turn */

/* ---- rows of requests (rows.c) */

void front_rows_add(const front_ask_t *ask, uint16_t status); /* the answer is on its way */
void front_rows_tick(int64_t now_ms);
/* Send what is gathered without waiting for an answer: the process ends. True when something was sent. */
bool front_rows_flush(void);

/* ---- CORS (cors.c) */

/* Append the lines that let a page of this origin read the answer; nothing for others. */
void front_cors(gh_buf_t *out, gh_str_t origin);
bool front_cors_preflight(gh_buf_t *out, gh_str_t origin);

/* ---- access (auth.c) */

/* Who asks. On a refusal gives its error; actor->user_id 0 means nobody. */
gh_err_t front_authenticate(const front_ask_t *ask, const gh_match_t *match, gh_str_t authorization,
                            gh_str_t query, gh_token_t *token, bool *known);

/* The bearer token of this header is good now; or what is wrong with it. */
bool front_token_good(gh_str_t authorization);
gh_err_t front_token_error(gh_str_t authorization);

/* ---- uploads (upload.c): multipart bodies, read as they arrive (front/kore/0008) */

/* The form that this request brings; NULL when its body is none. */
gh_upload_t *front_upload_of(const struct http_request *req);
/* The body is over. */
void front_upload_finish(gh_upload_t *u);
/* Count bytes of files on their way out as well; false: they would be too many now. */
bool front_files_take(size_t n);
void front_files_give(size_t n);
size_t front_files_held(void);
/* Move a kept file into a message (a zmq_msg_t) without copying; it counts as upload memory until the message is gone. */
void front_upload_move(gh_upload_t *u, size_t blob, void *message);

/* ---- broker link (link.c) */

typedef struct front_job front_job_t;

/* Park a request: send its job to a broker, answer when the reply comes or its time is over. Refusals are answered at
 * once. head's spans must live as long as the request; args is copied; the files of upload (may be NULL) are taken. */
void front_link_send(const front_ask_t *ask, const gh_job_head_t *head, const char *service, gh_str_t args,
                     gh_upload_t *upload);
/* A question of the front's for somebody: told is called with the tag and the reply, or with head NULL when none came. False: no broker
 * took it. head and args are copied, but for key, request id, agent and language: no request keeps those alive, so they have to be
 * empty. */
typedef void (*front_told_fn)(const uint8_t tag[16], const gh_reply_head_t *head, gh_str_t body);
bool front_link_question(const gh_job_head_t *head, const char *service, gh_str_t args, front_told_fn told,
                         const uint8_t tag[16]);
/* A frame of a reply is no longer needed. */
void front_frame_release(void *owner);
int front_link_start(void); /* once a worker process */
void front_link_stop(void);
bool front_link_alive(void); /* some broker is heard and takes jobs */
size_t front_link_parked(void);

/* Park a request while a question of ours is answered; then front_request_again() goes on with it. The question goes as
 * front_link_send() does. False: no broker took it, the request is as before. */
bool front_link_before(const front_ask_t *ask, const gh_job_head_t *head, const char *service);
/* Go on with a request (request.c); answer: the body of the reply, empty when none came. ask is the caller's. */
void front_request_again(const front_ask_t *ask, gh_str_t answer);

/* ---- turns.c: in a crowd each operation has its turn */
int front_turns_start(void); /* once a worker process, when the contract is loaded; -1: no memory */
void front_turns_stop(void);
/* True: others of this operation are before it, the request sleeps until front_request_resume(). */
bool front_turns_wait(struct http_request *req, const gh_operation_t *op);
bool front_turns_go_on(void); /* at the end of a turn; true when somebody who waits can go on in the next */
size_t front_turns_waiting(void);
/* A job of the operation is under way, and no more. */
void front_turns_begun(const gh_operation_t *op);
void front_turns_ended(const gh_operation_t *op);
/* What becomes of who waited since since_us (request.c): carried out, or the client left meanwhile (no connection then). */
void front_request_resume(struct http_request *req, int64_t since_us, const front_address_t *client);
void front_request_left(struct http_request *req, int64_t since_us, const front_address_t *client);
/* The answer of a sleeping request was queued: send it and let Kore free the request in this turn (link.c). */
void front_let_go(struct http_request *req);

/* A job of the front's own: done is called with the reply, or with head NULL when none came. False: no broker took it. */
typedef void (*front_done_fn)(const gh_reply_head_t *head, gh_str_t body);
typedef struct front_errand {
    const char *service, *op;
    gh_str_t args;     /* an encoded map, copied; empty: none */
    const uint8_t *id; /* 16 bytes, so that the job can be sent again (resend); NULL: a new one */
    bool resend;
    gh_prio_t priority;
    uint32_t budget_ms;
    front_done_fn done;
} front_errand_t;
bool front_link_ask(const front_errand_t *errand);
/* MMI question to each living broker; answers come to front_probes_mmi(). */
void front_link_mmi(const char *name);

/* ---- revocations (sync.c) */

void front_sync_event(gh_str_t topic, gh_str_t frame, size_t broker);
void front_sync_tick(int64_t now_ms);
bool front_sync_ready(void);      /* the list is loaded and fresh: protected routes may be served */
bool front_sync_answered(void);   /* the identity pool answers when it is asked, from the database */
int64_t front_sync_took_us(void); /* its last answer, there and back; 0: none yet */
void front_sync_check_soon(void); /* ask it soon, unless it has answered just now */
void front_sync_need(void);       /* events may have been missed */

/* ---- settings (settings.c) */

/* What is made of the settings, before the fork. -1 after a message on the log. */
int front_settings_init(void) GH_MUSTCHECK;
/* The settings of the database: as the identity pool lists them (an object {rev, set}), or as an event tells. A list that was read
 * before the last event (not fresh) counts only when it is newer than what was taken. */
struct json_t;
void front_settings_list(const struct json_t *settings, bool fresh);
void front_settings_event(gh_mp_t map);

/* ---- probes, metrics (probes.c, metrics.c) */

void front_probes_mmi(size_t broker, gh_str_t name, const gh_str_t *body, size_t n);
void front_probes_tick(int64_t now_ms);
void front_probes_forget(size_t broker); /* this slot's broker was left */

/* What a look tells: ready is all of it, of every worker of this front. */
typedef struct front_probe {
    bool database, broker, workers, ready;
    int64_t database_us, broker_us; /* what a question took last, 0: unknown */
    const char *missing;            /* an essential pool without workers, NULL when there is none */
} front_probe_t;
front_probe_t front_probes_look(void);
void front_probes_put(gh_json_t *j, const front_probe_t *p); /* members database, broker, workers, storage */
/* Answer an operation of /api/v1/system (system.c); false: it is none. */
bool front_system_serve(const front_ask_t *ask);
/* The queues and workers of all brokers as /api/v1/system shows them (queues.c). */
void front_queues_put(gh_buf_t *out);
void front_serve(const front_ask_t *ask, gh_str_t accept); /* operations of x-pool front */
void front_metrics(gh_buf_t *out);
/* The brokers' own words on their queues, as JSON, of at most a second ago; empty when unknown. */
gh_str_t front_probes_queues(size_t broker);
gh_str_t front_probes_workers(size_t broker); /* the same on their workers */
gh_str_t front_probes_figures(size_t broker); /* the answer to mmi.figures, some seconds old at most */
size_t front_brokers(void);
bool front_probes_pool(const char *pool); /* some worker of it is known to some broker */
void front_count(const front_ask_t *ask, uint16_t status);

/* ---- pictures of screens (icons.c) */

/* Once, before the fork; -1 after a message on the log. */
int front_icons_draw(void) GH_MUSTCHECK;
void front_icons_free(void);
/* Answer front.get_icon; false: it is another operation. */
bool front_icons_serve(const front_ask_t *ask);

/* ---- documentation pages (docs.c) */

/* Read the pages' files, before the fork; when one is missing that is logged and the pages are 404. */
void front_docs_load(void);
void front_docs_free(void);
/* Answer an operation that is one of the pages or their files; false: it is not. */
bool front_docs_serve(const front_ask_t *ask);

#endif
