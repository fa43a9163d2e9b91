/*
 * workers/booking/after.c - see after.h; statements v1_after and hb_after of cancel.sql
 */
#include "workers/booking/after.h"

#include <libpq-fe.h>

#include "base/timez.h"
#include "domain/if_match.h"

void
gh_after_want(gh_after_t *after, bool heartbeat, int64_t order_id)
{
    gh_pgarr_i64(heartbeat ? &after->hb : &after->v1, order_id);
    after->any_hb = after->any_hb || heartbeat;
    after->any_v1 = after->any_v1 || !heartbeat;
}

bool
gh_after_ask(gh_batch_t *b, gh_after_t *after, const char *currency)
{
    const char *const v1[] = {gh_pgarr_literal(&after->v1), gh_tz_name(), currency};
    const char *const hb[] = {gh_pgarr_literal(&after->hb), gh_tz_name()};
    if (after->any_v1)
        after->at_v1 = gh_batch_query(b, "v1_after", 3, v1);
    if (after->any_hb)
        after->at_hb = gh_batch_query(b, "hb_after", 2, hb);
    gh_pgarr_fini(&after->v1);
    gh_pgarr_fini(&after->hb);
    return after->any_v1 || after->any_hb;
}

int
gh_after_answer(gh_batch_t *b, const gh_after_t *after, gh_wjob_t *job, bool heartbeat, int64_t order_id)
{
    const PGresult *r = gh_batch_result(b, heartbeat ? after->at_hb : after->at_v1);
    int row = 0;
    while (row < PQntuples(r) && gh_pg_i64(r, row, 0, 0) != order_id)
        row++;
    if (row == PQntuples(r))
        return -1;
    if (!heartbeat) {
        char etag[GH_ETAG_TEXT];
        gh_etag(etag, "appointment", order_id, gh_pg_i64(r, row, 2, 0));
        gh_job_header(b, job, "ETag", etag);
    }
    gh_job_ok(b, job, 0, gh_pg_str(r, row, 1));
    return 0;
}
