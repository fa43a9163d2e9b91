/*
 * front/window.h - what happened within the last minutes: the shared counters as they were every ten seconds, for
 * /api/v1/system/metrics (api/29 SY-03)
 *
 * The first worker of a front writes, any worker reads. Counters only grow, so that a window is the counters now less those of then.
 */
#ifndef GH_FRONT_WINDOW_H
#define GH_FRONT_WINDOW_H

#include "base/json.h"

#define FRONT_WINDOW_MAX_S 900

/* Before the fork, once front.counters is there. -1 without memory. */
int front_window_init(void) GH_MUSTCHECK;
/* Each tick of each worker. */
void front_window_tick(int64_t now_ms);
/* The payload of front.v1_get_metrics: of the last window_s seconds, or since the start when that is less. */
void front_window_put(gh_json_t *j, int64_t window_s);

#endif
