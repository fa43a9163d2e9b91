/*
 * workers/identity/sender_rules.c - when a message is tried again: pure
 */
#include "workers/identity/sender.h"

#define PAUSE_FIRST INT64_C(5000)
#define PAUSE_MAX   INT64_C(3600000)

int64_t
gh_sender_pause_ms(int attempts, uint32_t random)
{
    int64_t pause = PAUSE_FIRST;
    for (int i = 1; i < attempts && pause < PAUSE_MAX; i++)
        pause *= 2;
    if (pause > PAUSE_MAX)
        pause = PAUSE_MAX;
    return pause - (int64_t)(random % 1024) * pause / 4096;
}
