/*
 * workers/identity/revoke.c - telling all fronts that a session is dead, all workers that a caller has changed
 * (lib/wire/event.h)
 */
#include <libpq-fe.h>

#include "base/uuid7.h"
#include "db/arrays.h"
#include "workers/identity/identity.h"

int
gh_revoke_publish(gh_batch_t *b, const uint8_t sid[16], int64_t until_s)
{
    gh_buf_t payload GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_mpw_map(&payload, 2);
    gh_mpw_cstr(&payload, "sid");
    gh_mpw_bin(&payload, sid, 16);
    gh_mpw_cstr(&payload, "until");
    gh_mpw_int(&payload, until_s + gh_identity_of(b)->leeway_s); /* tokens are taken that long after exp */
    if (!gh_buf_ok(&payload))
        return -1;
    gh_batch_event(b, "revoke", gh_buf_view(&payload));
    return 0;
}

int
gh_authz_publish(gh_batch_t *b, int64_t user_id)
{
    gh_buf_t payload GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_mpw_map(&payload, 1);
    gh_mpw_cstr(&payload, "user");
    gh_mpw_int(&payload, user_id);
    if (!gh_buf_ok(&payload))
        return -1;
    gh_batch_event(b, "authz", gh_buf_view(&payload));
    return 0;
}

const char *
gh_revoke_rows(gh_batch_t *b, const struct pg_result *r, gh_pgarr_t *ids)
{
    for (int i = 0; i < PQntuples(r); i++) {
        uint8_t sid[16];
        if (gh_uuid_parse(gh_pg_str(r, i, 0), sid) || gh_revoke_publish(b, sid, gh_pg_i64(r, i, 1, 0)))
            return NULL;
        gh_pgarr_uuid(ids, sid);
    }
    return gh_pgarr_literal(ids);
}

int
gh_end_sessions(gh_batch_t *b, const struct pg_result *living, const char *reason)
{
    gh_pgarr_t ids GH_CLEANUP(gh_pgarr_fini) = {0};
    int n = PQntuples(living);
    const char *sids = gh_revoke_rows(b, living, &ids);
    if (!sids)
        return -1;
    if (n > 0)
        gh_batch_query(b, "sessions_end", 3, (const char *[]){sids, gh_text_time(b, b->now_us), reason});
    return n;
}
