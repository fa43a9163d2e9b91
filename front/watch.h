/*
 * front/watch.h - requests that stay with a durable job: `Prefer: wait=n`, and jobs as streams of server-sent events
 *
 * A watched request is parked here and not in the link. Its job is asked for as its caller (JB-02), so that rights are looked at anew
 * each time: when the brokers tell of a change (event "job_state"), and now and then in case they did not.
 *   wait     the job ended: the request is answered with its result (JB-03), as the call itself would have been. Time is over, the job
 *            was cancelled, or the front stops: 202 with the job as it is.
 *   stream   an event `job` for each change of status or progress, `end` with the last one, `refused` when the caller may no longer
 *            look (R-34: within a second); comments keep the connection. The body ends with the connection.
 */
#ifndef GH_FRONT_WATCH_H
#define GH_FRONT_WATCH_H

#include "front/front.h"

/* Does the success of this job begin a watch: of a deferred call that is waited for, of a job that is asked for as a stream? */
bool front_watch_wanted(const front_ask_t *ask);
/* Begin it with that reply: header frame, decoded header, body. The request is ours from now on, whatever happens. job: as it was sent. */
void front_watch_begin(const front_ask_t *ask, const gh_job_head_t *job, gh_str_t frame,
                       const gh_reply_head_t *head, gh_str_t body);

void front_watch_event(gh_str_t frame); /* the payload of "job_state" */
void front_watch_tick(int64_t now_ms);
void front_watch_stop(void); /* the process ends: all are answered or ended */

#endif
