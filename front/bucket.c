/*
 * front/bucket.c - token bucket of one key
 */
#include "front/bucket.h"

#define NS_PER_S UINT64_C(1000000000)

front_bucket_t
front_bucket(uint32_t quota, uint32_t window_s)
{
    uint64_t token_ns = window_s * NS_PER_S / quota;
    return (front_bucket_t){.token_ns = token_ns, .whole_ns = token_ns * quota, .quota = quota};
}

static uint32_t
seconds_up(uint64_t ns)
{
    return (uint32_t)((ns + NS_PER_S - 1) / NS_PER_S);
}

uint64_t
front_bucket_take(const front_bucket_t *b, uint64_t full_ns, uint64_t now_ns, front_take_t *out)
{
    /* No bucket lacks more than it holds: the rest is of a policy with a longer window, or of no clock of ours. */
    uint64_t lacks = full_ns <= now_ns ? 0 : full_ns - now_ns > b->whole_ns ? b->whole_ns : full_ns - now_ns;
    uint64_t after = lacks + b->token_ns;
    out->allowed = after <= b->whole_ns;
    if (!out->allowed) {
        uint32_t wait = seconds_up(after - b->whole_ns);
        *out = (front_take_t){.reset_s = seconds_up(lacks), .retry_s = wait ? wait : 1};
        return full_ns;
    }
    out->left = (uint32_t)((b->whole_ns - after) / b->token_ns);
    out->reset_s = seconds_up(after);
    out->retry_s = 0;
    return now_ns + after;
}
