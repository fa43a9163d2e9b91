/*
 * workers/identity/profile.c - /auth/user-info: the caller's patient and doctor profiles
 *
 * The identity number is sealed in its column (decisions 22): phase 0 reads it, phase 1 opens and masks it (BR-112), the
 * statement of phase 1 makes the reply with it.
 */
#include <libpq-fe.h>

#include "base/log.h"
#include "base/timez.h"
#include "db/arrays.h"
#include "workers/identity/identity.h"
#include "workers/identity/login_rules.h"

#define SEALED_MAX 256 /* bytes of a sealed identity number */

/* "0a1f" -> bytes; their number, -1 when the text is none or too long. */
static int
unhex(gh_str_t text, uint8_t out[SEALED_MAX])
{
    if (text.n % 2 || text.n > 2 * SEALED_MAX)
        return -1;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        int v = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (v < 0)
            return -1;
        out[i / 2] = (uint8_t)(i % 2 ? out[i / 2] << 4 | v : v);
    }
    return (int)(text.n / 2);
}

/* The masked number of a patient into out. -1 when it cannot be opened. */
static int
open_number(const gh_identity_t *self, int64_t patient_id, gh_str_t hex, char out[GH_MASKED_ID])
{
    uint8_t sealed[SEALED_MAX];
    gh_buf_t plain GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    int n = unhex(hex, sealed);
    gh_seal_place_t place = {"patients", "national_id_enc", patient_id};
    if (n < 0 || !self->seal ||
        gh_seal_open(self->seal, place, (gh_str_t){(const char *)sealed, (size_t)n}, &plain)) {
        gh_log(GH_LOG_ERROR, "sealed_value_closed", GH_KS("table", "patients"),
               GH_KS("column", "national_id_enc"), GH_KI("row", patient_id));
        return -1;
    }
    gh_mask_id(gh_buf_view(&plain), out);
    explicit_bzero(plain.p, plain.n);
    return 0;
}

static gh_step_t
read_sealed(gh_batch_t *b)
{
    for (size_t i = 0; i < b->n; i++) {
        const char *user = gh_text_i64(b, b->jobs[i]->head.actor.user_id);
        gh_batch_query(b, "user_info_sealed", 1, (const char *[]){user});
    }
    return GH_STEP_MORE;
}

/* Phase 1: of job i the result i; queues its reply statement, whose index goes into *at. */
static void
make(gh_batch_t *b, size_t i, const char *today, size_t *at)
{
    gh_wjob_t *job = b->jobs[i];
    const PGresult *r = gh_batch_result(b, i);
    char masked[GH_MASKED_ID];
    gh_str_t hex = PQntuples(r) ? gh_pg_str(r, 0, 1) : (gh_str_t){0};
    if (hex.p && open_number(gh_identity_of(b), gh_pg_i64(r, 0, 0, 0), hex, masked)) {
        gh_job_refuse(b, job, GH_E_USER_INFO_FAILED, NULL);
        return;
    }
    const char *params[] = {gh_text_i64(b, job->head.actor.user_id), today, gh_tz_name(),
                            gh_conf_str(gh_worker_conf(b->worker), "hospital.name"), hex.p ? masked : NULL};
    *at = gh_batch_query(b, "user_info", 5, params);
}

static gh_step_t
make_all(gh_batch_t *b)
{
    char today[GH_TEXT_DATE];
    size_t *at = gh_batch_alloc(b, b->n * sizeof *at);
    gh_day_text(gh_tz_day(b->now_us), today);
    b->state = at;
    for (size_t i = 0; i < b->n; i++)
        if (!b->jobs[i]->done)
            make(b, i, today, &at[i]);
    return gh_batch_ok(b) ? GH_STEP_MORE : GH_STEP_FAIL;
}

static gh_step_t
answer_all(gh_batch_t *b)
{
    const size_t *at = b->state;
    for (size_t i = 0; i < b->n; i++) {
        gh_wjob_t *job = b->jobs[i];
        if (job->done)
            continue;
        const PGresult *r = gh_batch_result(b, at[i]);
        if (PQntuples(r) == 1)
            gh_job_ok(b, job, 0, gh_pg_str(r, 0, 0));
        else
            gh_job_refuse(b, job, GH_E_TOKEN_USER_GONE, NULL);
    }
    return GH_STEP_DONE;
}

gh_step_t
gh_user_info(gh_batch_t *b)
{
    return b->phase == 0 ? read_sealed(b) : b->phase == 1 ? make_all(b) : answer_all(b);
}
