/*
 * broker/broker.h - the broker's own state and the doors between its files
 *
 * One thread and one loop (loop.c). A message comes in by a port (port.c), is parsed (route.c), and is a client's
 * request (client.c, mmi.c) or a worker's command (worker.c); dispatch.c decides, deliver.c carries jobs out, events.c
 * relays broadcasts. Nothing here blocks.
 */
#ifndef GH_BROKER_BROKER_H
#define GH_BROKER_BROKER_H

#include "base/buf.h"
#include "base/conf.h"
#include "dispatch.h"
#include "model.h"
#include "wheel.h"
#include "wire/key_roles.h"

#define GH_FRAMES_MAX      64   /* frames of one message, the ROUTER's identity included */
#define GH_CREDIT_MAX      4096 /* a worker that asks for more gets this */
#define GH_WORKERS_MAX     4096
#define GH_SERVICES_MAX    256
#define GH_PUBLIC_SHARE    4 /* public peers may use 1/4 of workers, services and bytes, and 1/2 of a queue */
#define GH_DEAD_MAX        256
#define GH_RUNNING_BUCKETS 8192
#define GH_PORTS_MAX       4
#define GH_SERVICE_IDLE_MS 60000
#define GH_FDS_MAX         65536
#define GH_CURVE_AT_MAX    32 /* endpoints with a key */
#define GH_CURVE_KEYS      2  /* server keys that may serve at once: server.key, server2.key */

/* One ROUTER. CURVE holds for a whole socket, so that ipc and tcp endpoints of one kind have a socket each. */
typedef struct gh_port {
    void *router;
    bool inner; /* trusted peers */
    bool curve;
    bool touched; /* something was sent since the last read that found nothing */
} gh_port_t;

/* A message as received, identity first. Frames that a handler keeps are moved out of it. */
typedef struct gh_message {
    gh_port_t *port;
    uint8_t port_index;
    uint32_t
        roles; /* of its sender: what the key says, everything for a trusted local peer, 0 for a public one */
    const char *curve_key; /* of its sender, "" without CURVE */
    size_t n;
    zmq_msg_t frame[GH_FRAMES_MAX];
} gh_message_t;

typedef struct gh_totals {
    uint64_t invalid;         /* messages that are no Majordomo, or broken jobs without an id */
    uint64_t unexpected;      /* worker commands answered with DISCONNECT */
    uint64_t reply_dropped;   /* the client was gone, or did not read */
    uint64_t unknown_key;     /* messages of a revoked key, or one whose role does not allow them */
    uint64_t unknown_service; /* jobs for a service that nobody ever served */
    uint64_t handshakes_failed;
    uint64_t mmi, events, events_invalid, workers_lost;
} gh_totals_t;

typedef struct gh_curve gh_curve_t;

/* An endpoint that is bound while its server key is there. */
typedef struct gh_curve_at {
    void *socket; /* borrowed */
    uint8_t key;  /* which server key */
    bool up, failed;
    uint8_t secret[32]; /* while up: what it was bound with */
    char endpoint[256], bound[256];
} gh_curve_at_t;

typedef struct gh_broker {
    uint8_t id[16]; /* new at each start: peers see a restart */
    void *ctx;
    gh_port_t port[GH_PORTS_MAX];
    void *monitor[GH_PORTS_MAX]; /* PAIR with the connection events of a port */
    size_t n_ports;
    uint8_t peer_fds[GH_FDS_MAX / 8]; /* open connections of inner ports */
    uint32_t n_peers;
    void *events_in[2], *events_out[2]; /* XSUB and XPUB; second of each: CURVE */
    bool monitor_touched[GH_PORTS_MAX], events_in_touched[2], events_out_touched[2]; /* like that of a port */
    gh_curve_t *curve;                                                               /* NULL without CURVE */
    gh_curve_at_t curve_at[GH_CURVE_AT_MAX];
    size_t n_curve_at;
    void *zap; /* REP: libzmq asks who may connect; NULL without CURVE */
    bool zap_touched;
    gh_conf_t *conf; /* changes with the settings of the database */

    uint32_t max_depth, liveness, max_attempts;
    int64_t heartbeat_ms, opaque_ttl_ms, no_worker_grace_ms, stop_ms;
    size_t max_bytes;

    gh_bservice_t *services;
    uint32_t n_services, n_public_services;
    gh_bworker_t *workers;
    uint32_t n_workers, n_public_workers;
    gh_bjob_t *running[GH_RUNNING_BUCKETS]; /* jobs with our header that a worker holds, by id */
    gh_wheel_t wheel;
    gh_link_t dead;
    uint32_t n_dead;
    size_t dead_bytes;
    gh_link_t spare; /* job structs to use again */
    uint32_t n_spare;
    size_t bytes, public_bytes; /* of all jobs held */
    uint64_t seq;

    int64_t start_ms, now_ms, now_us, tick_ms;
    int64_t beat_every_ms;
    bool stirred;    /* some service is */
    bool subscribed; /* somebody came to listen: it wants a beat */
    bool draining;   /* new jobs are refused: mmi.drain, or stopping */
    bool stopping;
    bool done;
    int64_t stop_at_ms;
    int64_t handshake_logged_ms;
    int64_t event_seq; /* highest carried */
    gh_totals_t total;
    gh_buf_t scratch;
    gh_message_t msg;
} gh_broker_t;

/* ---- port.c: sockets */
/* Bind everything that the settings name. -1 after a log line. */
int gh_ports_open(gh_broker_t *b, const gh_conf_t *conf) GH_MUSTCHECK;
void gh_ports_close(gh_broker_t *b);
/* Receive the next message of a port into b->msg: 1, 0 when there is none, -1 when it was dropped (too many frames). */
int gh_port_recv(gh_broker_t *b, uint8_t port);
void gh_message_clear(gh_message_t *m);
/* Start a message to a peer: its identity frame (copied). -1 with errno EHOSTUNREACH or EAGAIN: nothing may follow. */
int gh_port_begin(gh_broker_t *b, uint8_t port, zmq_msg_t *id);
/* One more frame: copied bytes, a shared copy of a frame, or a frame that is consumed. more: another one follows. */
void gh_port_put(gh_broker_t *b, uint8_t port, const void *data, size_t n, bool more);
void gh_port_share(gh_broker_t *b, uint8_t port, zmq_msg_t *frame, bool more);
void gh_port_move(gh_broker_t *b, uint8_t port, zmq_msg_t *frame, bool more);
gh_str_t gh_frame_str(zmq_msg_t *frame);

/* ---- monitor.c: connections */
int gh_monitor_open(gh_broker_t *b, size_t i) GH_MUSTCHECK;
void gh_monitor_read(gh_broker_t *b, size_t i);
void gh_monitor_close(gh_broker_t *b, size_t i);

/* ---- endpoint.c: what may be bound (pure but for the directory's mode) */
typedef enum { GH_ENDPOINT_BAD, GH_ENDPOINT_IPC, GH_ENDPOINT_LOOPBACK, GH_ENDPOINT_TCP } gh_endpoint_t;
gh_endpoint_t gh_endpoint_kind(const char *endpoint);
/* The directory of an ipc endpoint: made with mode 0700 when missing; with `private`, refused unless it is 0700 and
 * ours. -1 after a log line. */
int gh_endpoint_ipc_dir(const char *endpoint, bool private) GH_MUSTCHECK;

/* ---- curve.c: keys of peers */
/* Load the server keys of <dir>, one at least, and <dir>/clients/. NULL after a log line. */
gh_curve_t *gh_curve_new(const char *dir);
void gh_curve_destroy(gh_curve_t **curve_p);
uint32_t gh_curve_roles(gh_curve_t *curve, const char *key); /* 0: unknown or revoked */
/* The secret server key, 32 bytes, valid until the next reload; NULL while its file is not there. */
const uint8_t *gh_curve_secret(const gh_curve_t *curve, size_t key);
/* Read again what changed, and end the connections of keys that are gone. */
void gh_curve_reload(gh_curve_t *curve);
/* Whose message is it? Its key ("" when it has none, valid while the frame lives) and roles. Notes the connection of the
 * key; one of a revoked key is ended. */
const char *gh_curve_identify(gh_curve_t *curve, zmq_msg_t *frame, uint32_t *roles);

/* ---- zap.c: who may connect (RFC 27/ZAP) */

int gh_zap_open(gh_broker_t *b) GH_MUSTCHECK; /* before any endpoint with a key is bound */
void gh_zap_read(gh_broker_t *b, size_t i);
void gh_zap_close(gh_broker_t *b);

/* ---- curve_bind.c: endpoints with a key */

/* Options of a socket that serves such endpoints, before the first bind. */
int gh_curve_server(void *socket) GH_MUSTCHECK;
/* Note an endpoint of `socket`; gh_curve_bind() binds it. -1 after a log line: too many, too long. */
int gh_curve_at_add(gh_broker_t *b, void *socket, const char *endpoint, size_t key) GH_MUSTCHECK;
/* Bind the endpoints whose key is there, close those whose key is gone or another. Tried again at the next call when it
 * fails; -1 after a log line then. */
int gh_curve_bind(gh_broker_t *b);

/* ---- route.c */
void gh_route(gh_broker_t *b, gh_message_t *m);

/* ---- job.c */
/* A job from the body frames of a request. NULL when memory ran out. */
gh_bjob_t *gh_bjob_new(gh_broker_t *b, gh_message_t *m, size_t body);
void gh_bjob_free(gh_broker_t *b, gh_bjob_t *job);
void gh_bjobs_close(gh_broker_t *b); /* free the structs kept for reuse */
zmq_msg_t *gh_bjob_frame(gh_bjob_t *job, uint32_t i);
void gh_running_add(gh_broker_t *b, gh_bjob_t *job);
void gh_running_remove(gh_broker_t *b, gh_bjob_t *job);
gh_bjob_t *gh_running_find(gh_broker_t *b, const gh_bworker_t *w, const uint8_t id[16], uint32_t attempt);

/* ---- service.c */
gh_bservice_t *gh_service_find(gh_broker_t *b, gh_str_t name);
gh_bservice_t *gh_service_require(gh_broker_t *b, gh_str_t name,
                                  bool trusted); /* NULL when there are too many */
void gh_services_sweep(gh_broker_t *b);
void gh_services_close(gh_broker_t *b);

/* ---- client.c: requests and what clients are told */
typedef struct gh_client {
    uint8_t port, version;
    zmq_msg_t *id; /* borrowed; never copied as a struct: libzmq counts references inside */
} gh_client_t;

void gh_client_request(gh_broker_t *b, gh_message_t *m, const gh_mdp_msg_t *req);
/* Start a message to a client up to the service frame; -1 when it is gone (counted). */
int gh_client_begin(gh_broker_t *b, const gh_client_t *client, uint8_t command, gh_str_t service);
/* Pass a worker's answer on to the job's client; the body frames of m from `body` on are consumed. */
void gh_client_answer(gh_broker_t *b, gh_bjob_t *job, uint8_t command, gh_message_t *m, size_t body);
/* Answer a job with an error; an opaque one cannot be told in words, it is counted. */
void gh_client_refuse(gh_broker_t *b, gh_bjob_t *job, const char *error);
/* End a job that is in no queue or hand: refuse it, let go of its shard, free it. */
void gh_client_end(gh_broker_t *b, gh_bjob_t *job, const char *error);
/* The same, telling a front or dispatcher that another broker may take it, unless workers died of it. */
void gh_client_pass_on(gh_broker_t *b, gh_bjob_t *job, const char *error);
/* Answer the waiting jobs whose time is over. */
void gh_client_expire(gh_broker_t *b);

/* ---- deliver.c: from queues to workers */
void gh_deliver(gh_broker_t *b, gh_bservice_t *s); /* shared jobs to whoever is free */
void gh_deliver_to(gh_broker_t *b,
                   gh_bworker_t *w); /* w has become free, or jobs wait for it; it may be gone afterwards */
void gh_deliver_stirred(gh_broker_t *b);              /* services whose jobs came back */
void gh_deliver_bury(gh_broker_t *b, gh_bjob_t *job); /* to the dead letters */
gh_bjob_t *gh_dead_find(gh_broker_t *b, gh_str_t wanted);
void gh_dead_drop(gh_broker_t *b, gh_bjob_t *job);
void gh_dead_requeue(gh_broker_t *b, gh_bjob_t *job);
void gh_dead_json(gh_broker_t *b, gh_json_t *j); /* the member "dead" */

/* ---- worker.c */
void gh_worker_command(gh_broker_t *b, gh_message_t *m, const gh_mdp_msg_t *cmd);
/* The worker is gone: its jobs go back. crashed: they count it. */
void gh_worker_gone(gh_broker_t *b, gh_bworker_t *w, const char *reason, bool crashed);
void gh_worker_kick(gh_broker_t *b, gh_bworker_t *w,
                    const char *reason); /* DISCONNECT and gone, not crashed */
int gh_worker_send(gh_broker_t *b, gh_bworker_t *w,
                   uint8_t command); /* HEARTBEAT or DISCONNECT; -1: unreachable */
void gh_workers_tick(gh_broker_t *b);
void gh_workers_disconnect(gh_broker_t *b);
/* The worker of this id, or all of the process of this name, get no more jobs and are asked to finish and to go. How many. */
size_t gh_workers_drain(gh_broker_t *b, gh_str_t which);
gh_bworker_t *gh_worker_by_hex(gh_broker_t *b, gh_str_t hex);
void gh_worker_hex(const gh_bworker_t *w, char out[2 * 256 + 1]);

/* ---- mmi.c */
bool gh_mmi_is(gh_str_t service); /* begins with "mmi." */
void gh_mmi_request(gh_broker_t *b, gh_message_t *m, const gh_mdp_msg_t *req);

/* ---- events.c */
void gh_events_relay(gh_broker_t *b, size_t i);
void gh_events_beat(gh_broker_t *b);
void gh_events_ignore(gh_broker_t *b, size_t i); /* read what subscribers say: only who they are counts */

/* ---- main.c */
void gh_broker_configure(gh_broker_t *b); /* take over what may change while it runs */

/* ---- loop.c */
int gh_broker_run(gh_broker_t *b);
void gh_broker_stop(gh_broker_t *b);           /* SIGTERM: again, to stop at once */
void gh_broker_drain(gh_broker_t *b, bool on); /* refuse new jobs, and tell so; or take them again */
void gh_broker_clock(gh_broker_t *b);

#endif
