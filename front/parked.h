/*
 * front/parked.h - jobs whose reply is waited for, and their way out to a broker; only for link.c
 *
 * A job belongs to the table from front_job_park() to front_job_unpark(), else to whoever has it. One worker process of the front has
 * one table.
 */
#ifndef GH_FRONT_PARKED_H
#define GH_FRONT_PARKED_H

#include "front/brokers.h"
#include "front/front.h"
#include "wire/mdp.h"

struct front_job {
    front_job_t *chain;       /* of the bucket, or of the free list */
    front_job_t *next, *prev; /* all that are parked */
    front_ask_t ask;
    const gh_operation_t *counted; /* among those of its operation (turns.c) */
    gh_job_head_t head;
    char service[GH_MDP_SERVICE_MAX + 1], op[128], trace[GH_TRACE_TEXT];
    char ip[48];
    uint8_t session[16], jti[16];
    gh_buf_t args, shard, extension;
    bool before;      /* a question of ours: the request goes on when it is answered */
    zmq_msg_t *blobs; /* files; NULL if none */
    size_t n_blobs;
    int link;        /* slot of the broker that has it, -1 none */
    uint32_t tried;  /* brokers (1 << slot) that have refused it since it was sent anew */
    uint8_t resends; /* after brokers that vanished */
    bool begun; /* a broker that had it vanished, or stopped while it ran: nobody knows what became of it */
    int64_t deadline_ms, again_ms, patience_ms;
    front_done_fn done; /* a job of the front's own */
    front_told_fn told; /* one for somebody who is named by: */
    uint8_t tag[16];
};

/* ---- parked.c: the table */

/* A job with copies of what lives on the caller's stack; texts that live as long as its request are not copied. NULL: no memory. */
front_job_t *front_job_make(const gh_job_head_t *head, const char *service, gh_str_t args);
/* The files of u go over to the job; u may be NULL. False: no memory. */
bool front_job_take_blobs(front_job_t *j, gh_upload_t *u);
void front_job_free(front_job_t *j);

void front_job_park(front_job_t *j);
void front_job_unpark(front_job_t *j);
/* The parked job with the id, NULL: there is none. */
front_job_t *front_job_find(const uint8_t id[16]);
/* A parked job is with another broker now, or with none (-1). */
void front_job_move(front_job_t *j, int link);
/* Any of those that are parked, from which `next` leads to all; NULL: none. */
front_job_t *front_jobs_parked(void);
void front_jobs_stop(void); /* memory of those that ended; none is parked any more */

/* ---- send.c */

/* To the best broker that has not refused it; the one that took it, -1 when none does. */
int front_job_send(front_job_t *j);
/* Send a parked job again; false when no broker takes it now, or its time is nearly over. */
bool front_job_send_again(front_job_t *j, int64_t now);
/* Broker l says that another one may take the job; begun: it may have been carried out. False: there is none. */
bool front_job_pass_on(front_job_t *j, const front_link_t *l, bool begun);

#endif
