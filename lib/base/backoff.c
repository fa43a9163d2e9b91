/*
 * lib/base/backoff.c - exponential, with jitter
 */
#include "base/backoff.h"

int64_t
gh_backoff(int tries, int64_t first, int64_t most, uint32_t random)
{
    int64_t pause = first;
    for (int i = 1; i < tries && pause < most; i++)
        pause *= 2;
    if (pause > most)
        pause = most;
    return pause - (int64_t)(random % 1024) * pause / 4096;
}
