/*
 * workers/jobs/titanic.h - titanic.request, titanic.reply, titanic.close (9/TSP): durable requests of any Majordomo client
 *
 *   titanic.request   service | frames...   ->  200 | uuid, once its row is committed; 400: no such request can be; 500: later
 *   titanic.reply     uuid                  ->  200 | frames of the answer; 300 pending; 400 unknown; 500 | frames that say why
 *   titanic.close     uuid                  ->  200, also for one that is unknown
 *
 * A thread with a database connection of its own. It is a plain MDP/0.2 worker of the three services at each broker, and a plain client for
 * each request that it carries out: a socket a request, because frames of strangers carry no id. Frames travel as they came, but for
 * the actor of a header of ours: a stranger's is never passed on (decisions 8). The uuid is 32 hexadecimal digits of either case.
 * A service without workers is waited for. A request is delivered at least once: again when its time was over, its worker died or our own
 * service said that it would do later; ATTEMPTS_MAX times, then the answer is 500. What is not closed goes when jobs.titanic_keep_s
 * are over, counted from its acceptance, anew from its end.
 */
#ifndef GH_JOBS_TITANIC_H
#define GH_JOBS_TITANIC_H

#include "base/conf.h"

typedef struct gh_titanic gh_titanic_t;

/* Start the thread. conf is borrowed until gh_titanic_stop(). *out NULL: jobs.titanic_max is 0, the services are not for this process.
 * -1 when it cannot be started (logged). */
int gh_titanic_start(const gh_conf_t *conf, gh_titanic_t **out) GH_MUSTCHECK;
/* Stop it at once: what it has in hand is taken up by another one, or the next, when its lease is over. */
void gh_titanic_stop(gh_titanic_t **t_p);

/* ---- titanic_rules.c: pure */

/* May a request be for this service? Not for the broker's own nor for these. */
bool gh_titanic_target(gh_str_t service);
/* The uuid of a frame: 32 hexadecimal digits of either case. -1: it is none. */
int gh_titanic_uuid(gh_str_t frame, uint8_t out[16]) GH_MUSTCHECK;

typedef enum { GH_TITANIC_DONE, GH_TITANIC_AGAIN, GH_TITANIC_FAILED } gh_titanic_end_t;
/* What an answer means, by its first frame. One without a header of ours is the service's own: done. */
gh_titanic_end_t gh_titanic_answer(gh_str_t first, int attempt);
/* No answer in time. */
gh_titanic_end_t gh_titanic_silence(int attempt);

#endif
