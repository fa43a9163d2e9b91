// sources: workers/jobs/titanic_rules.c workers/jobs/jobs_rules.c lib/domain/cron.c lib/base/backoff.c lib/base/error.c lib/wire/mdp.c lib/wire/job.c lib/wire/event.c lib/wire/mp.c lib/base/buf.c lib/base/json.c lib/base/gh.c lib/base/money.c lib/base/uuid7.c lib/base/timez.c lib/base/log*.c lib/base/hash.c
/*
 * tests/fuzz/fuzz_titanic.c - frames of the titanic services (workers/jobs/titanic.h): the service that is asked for, the name of a
 * kept request, the first frame of an answer
 */
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <string.h>

#include "base/uuid7.h"
#include "wire/job.h"
#include "wire/mdp.h"
#include "workers/jobs/titanic.h"

static void
s_target(gh_str_t frame)
{
    FUZZ_CHECK(frame.n > 0 && frame.n <= GH_MDP_SERVICE_MAX && !memchr(frame.p, 0, frame.n));
    FUZZ_CHECK(frame.n < 4 || memcmp(frame.p, "mmi.", 4) != 0);
    FUZZ_CHECK(frame.n < 8 || memcmp(frame.p, "titanic.", 8) != 0);
}

static void
s_name(gh_str_t frame, const uint8_t id[16])
{
    char text[33];
    for (size_t i = 0; i < 16; i++)
        snprintf(text + 2 * i, 3, "%02x", id[i]);
    for (size_t i = 0; i < 32; i++)
        FUZZ_CHECK((frame.p[i] | 0x20) == text[i] || frame.p[i] == text[i]);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    gh_str_t frame = {(const char *)data, n};
    uint8_t id[16];
    int rc = -1;
    if (gh_titanic_target(frame)) {
        s_target(frame);
        rc = 0;
    }
    if (gh_titanic_uuid(frame, id) == 0) {
        FUZZ_CHECK(n == 32);
        s_name(frame, id);
        rc = 0;
    }
    /* Strangers' answers end a request; one of ours that refuses for good, or too often, fails it. */
    gh_titanic_end_t first = gh_titanic_answer(frame, 1), last = gh_titanic_answer(frame, 100);
    FUZZ_CHECK(gh_reply_is_head(data, n) || (first == GH_TITANIC_DONE && last == GH_TITANIC_DONE));
    FUZZ_CHECK(last != GH_TITANIC_AGAIN &&
               (first == last || (first == GH_TITANIC_AGAIN && last == GH_TITANIC_FAILED)));
    return gh_reply_is_head(data, n) ? 0 : rc;
}

void
fuzz_examples(void)
{
    static const char *const good[] = {"echo", "titanicx.mmi", "0123456789ABCDEFfedcba9876543210"};
    static const char *const errors[] = {"QUEUE_FULL", "NOT_FOUND", "no such error"};
    gh_buf_t b = GH_BUF_INIT;
    uint8_t id[16];
    for (size_t i = 0; i < GH_COUNT(good); i++)
        fuzz_add(good[i], strlen(good[i]));
    gh_uuid7_new(id);
    for (size_t i = 0; i < GH_COUNT(errors); i++) {
        gh_buf_clear(&b);
        gh_reply_refusal(id, 0, errors[i], false, &b);
        fuzz_add(b.p, b.n);
    }
    gh_buf_fini(&b);
}
