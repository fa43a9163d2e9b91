/*
 * front/crowd.h - how many jobs of one operation may be under way while others are asked for too (decisions 30)
 *
 * When nothing else is asked for, an operation has all the room it can get. While other operations are under way, or were a
 * moment ago, in any worker of this front, it has `window` jobs under way for each worker. The rest of a crowd waits in the front,
 * where it costs nothing, and the machine has room for those who did not come with it. `window` new ones in each FRONT_CROWD_FLOOR_US,
 * evenly, go on all the same: an operation whose jobs take long is not held up by that.
 */
#ifndef GH_FRONT_CROWD_H
#define GH_FRONT_CROWD_H

#include <stdbool.h>
#include <stdint.h>

#define FRONT_CROWD_OTHERS_US 30000 /* others count for so long after the last of them was under way */
#define FRONT_CROWD_FLOOR_US  50000

/* One operation in one worker. */
typedef struct front_crowd {
    int64_t under_way;
    int64_t since_us, begun; /* of the present span of the floor: its start, and the jobs begun in it */
} front_crowd_t;

/* Must the next job wait? others_us: when another operation was last under way, 0: never; window 0: no limit. Pure. */
static inline bool
front_crowd_waits(const front_crowd_t *c, int64_t window, int64_t others_us, int64_t now_us)
{
    int64_t span_us = now_us - c->since_us;
    bool slow = span_us >= FRONT_CROWD_FLOOR_US || c->begun * FRONT_CROWD_FLOOR_US < window * span_us;
    return window > 0 && c->under_way >= window && !slow && others_us > 0 &&
           now_us - others_us < FRONT_CROWD_OTHERS_US;
}

/* A job was begun. */
static inline void
front_crowd_begin(front_crowd_t *c, int64_t now_us)
{
    if (now_us - c->since_us >= FRONT_CROWD_FLOOR_US) {
        c->since_us = now_us;
        c->begun = 0;
    }
    c->begun++;
    c->under_way++;
}

/* One that was begun has ended. */
static inline void
front_crowd_end(front_crowd_t *c)
{
    c->under_way--;
}

#endif
