/*
 * workers/jobs/titanic_rules.c - see titanic.h
 */
#include <strings.h>

#include "base/error.h"
#include "wire/job.h"
#include "wire/mdp.h"
#include "workers/jobs/jobs_rules.h"
#include "workers/jobs/titanic.h"

#define ATTEMPTS_MAX 5

static bool
begins(gh_str_t s, const char *prefix)
{
    size_t n = strlen(prefix);
    return s.n >= n && memcmp(s.p, prefix, n) == 0;
}

bool
gh_titanic_target(gh_str_t service)
{
    return gh_mdp_service_valid(service) && !begins(service, "mmi.") && !begins(service, "titanic.");
}

static int
digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

int
gh_titanic_uuid(gh_str_t frame, uint8_t out[16])
{
    if (frame.n != 32)
        return -1;
    for (size_t i = 0; i < 16; i++) {
        int high = digit(frame.p[2 * i]), low = digit(frame.p[2 * i + 1]);
        if (high < 0 || low < 0)
            return -1;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return 0;
}

static gh_titanic_end_t
end_of(gh_run_end_t end)
{
    return end == GH_RUN_DONE ? GH_TITANIC_DONE : end == GH_RUN_AGAIN ? GH_TITANIC_AGAIN : GH_TITANIC_FAILED;
}

gh_titanic_end_t
gh_titanic_answer(gh_str_t first, int attempt)
{
    gh_reply_head_t head;
    if (!gh_reply_is_head(first.p, first.n))
        return GH_TITANIC_DONE;
    if (gh_reply_head_decode(first.p, first.n, &head))
        return GH_TITANIC_FAILED;
    return end_of(gh_run_decide(head.error.n > 0, gh_error_find(head.error), attempt, ATTEMPTS_MAX));
}

gh_titanic_end_t
gh_titanic_silence(int attempt)
{
    return end_of(gh_run_decide(true, GH_E_UPSTREAM_TIMEOUT, attempt, ATTEMPTS_MAX));
}
