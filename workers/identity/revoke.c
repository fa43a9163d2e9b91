/*
 * workers/identity/revoke.c - telling all fronts that a session is dead (lib/wire/event.h)
 */
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
