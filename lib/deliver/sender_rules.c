/*
 * lib/deliver/sender_rules.c - when a message is tried again: pure
 */
#include "deliver/sender.h"

#include "base/backoff.h"

#define PAUSE_FIRST INT64_C(5000)
#define PAUSE_MAX   INT64_C(3600000)

int64_t
gh_sender_pause_ms(int attempts, uint32_t random)
{
    return gh_backoff(attempts, PAUSE_FIRST, PAUSE_MAX, random);
}
