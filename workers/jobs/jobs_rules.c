/*
 * workers/jobs/jobs_rules.c - see jobs_rules.h
 */
#include "workers/jobs/jobs_rules.h"

#include "base/backoff.h"

#define SECOND  INT64_C(1000000)
#define LATE_US (60 * SECOND)
#define AGE_OF  4 /* one place in so many goes by age */

gh_run_end_t
gh_run_decide(bool failed, gh_err_t err, int attempt, int max_attempts)
{
    if (!failed)
        return GH_RUN_DONE;
    uint16_t http = gh_error_row(err)->http;
    bool passing = err == GH_E_NONE || http >= 500 || http == 429 || err == GH_E_IDEMPOTENCY_IN_PROGRESS;
    if (!passing)
        return GH_RUN_FAILED;
    return attempt < max_attempts ? GH_RUN_AGAIN : GH_RUN_DEAD;
}

int64_t
gh_run_pause_us(int attempt, uint32_t random)
{
    return gh_backoff(attempt, SECOND, 600 * SECOND, random);
}

int
gh_claim_by_age(int room, uint32_t given)
{
    return room < 1 ? 0 : (int)((given % AGE_OF + (uint32_t)room) / AGE_OF);
}

int
gh_catch_up_parse(gh_str_t word, gh_catch_up_t *out)
{
    static const char *const words[] = {"none", "last", "all"};
    for (size_t i = 0; i < GH_COUNT(words); i++)
        if (gh_str_is(word, words[i])) {
            *out = (gh_catch_up_t)i;
            return 0;
        }
    return -1;
}

/* The last slot from from_us to now_us; 0: there is none. Stretches before now are looked through, each some thirty times the one
 * before: a job of each minute that nobody looked at for months is found within the last hour, one of each year at once. */
static int64_t
last_slot(const gh_cron_t *cron, int64_t from_us, int64_t now_us)
{
    static const int64_t hours[] = {1, 24, 32 * 24, 366 * 24, INT64_C(100) * 366 * 24};
    int64_t last = 0;
    for (size_t i = 0; i < GH_COUNT(hours) && last == 0; i++) {
        int64_t start = now_us - hours[i] * 3600 * SECOND;
        int64_t at = gh_cron_next(cron, (start < from_us ? from_us : start) - 1);
        for (; at != 0 && at <= now_us; at = gh_cron_next(cron, at))
            last = at;
    }
    return last;
}

gh_slot_t
gh_slot_decide(const gh_cron_t *cron, gh_catch_up_t rule, int64_t next_us, int64_t now_us)
{
    if (next_us == 0)
        return (gh_slot_t){0, gh_cron_next(cron, now_us)};
    if (next_us > now_us)
        return (gh_slot_t){0, next_us};
    if (rule == GH_CATCH_UP_ALL)
        return (gh_slot_t){next_us, gh_cron_next(cron, next_us)};
    int64_t last = last_slot(cron, next_us, now_us);
    gh_slot_t slot = {last ? last : next_us, gh_cron_next(cron, now_us)};
    if (rule == GH_CATCH_UP_NONE && now_us - slot.fire_us > LATE_US)
        slot.fire_us = 0;
    return slot;
}
