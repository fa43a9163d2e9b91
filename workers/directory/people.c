/*
 * workers/directory/people.c - looking up patients (api/02 section 2.6)
 *
 * Identity numbers are sealed in their column (decisions 22): they are opened and masked here (BR-112) and spliced into the reply.
 */
#include <libpq-fe.h>

#include "base/json.h"
#include "base/timez.h"
#include "db/arrays.h"
#include "domain/national_id.h"
#include "worker/args.h"
#include "workers/directory/directory.h"

enum { P_ID, P_NAME, P_PHONE, P_GENDER, P_AGE, P_IDENTIFIER, P_SEALED };

static void
put_patient(gh_json_t *j, const gh_seal_t *seal, const PGresult *r, int row)
{
    int64_t id = gh_pg_i64(r, row, P_ID, 0), age = gh_pg_i64(r, row, P_AGE, -1);
    gh_str_t sealed = gh_pg_str(r, row, P_SEALED);
    char masked[GH_MASKED_ID];
    gh_json_obj(j);
    gh_json_ki64(j, "patient_id", id);
    gh_json_kstr(j, "name", gh_pg_str(r, row, P_NAME));
    gh_json_kstr(j, "phone", gh_pg_str(r, row, P_PHONE));
    gh_json_kstr(j, "phone_number", gh_pg_str(r, row, P_PHONE));
    gh_json_kstr(j, "gender", gh_pg_str(r, row, P_GENDER));
    if (age >= 0)
        gh_json_ki64(j, "age", age);
    else
        gh_json_knull(j, "age");
    gh_json_kstr(j, "identifier", gh_pg_str(r, row, P_IDENTIFIER));
    /* One number that does not open does not take the whole list with it; the log tells of it. */
    bool open = sealed.p && gh_national_id_masked(seal, id, sealed, masked) == 0;
    gh_json_kcstr(j, "idCard", !sealed.p ? NULL : open ? masked : "********");
    gh_json_obj_end(j);
}

static size_t
ask(gh_batch_t *b)
{
    gh_mp_t args = b->jobs[0]->args;
    gh_str_t name = gh_arg_str(args, "query.name"), phone = gh_arg_str(args, "query.phone");
    int64_t patient = gh_arg_id(args, "query.patient_id");
    const char *params[] = {name.p ? gh_text(b, name) : NULL, phone.p ? gh_text(b, phone) : NULL,
                            patient ? gh_text_i64(b, patient) : NULL, gh_text_day(b, gh_tz_day(b->now_us))};
    return gh_batch_query(b, "find_patients", 4, params);
}

static gh_step_t
answer(gh_batch_t *b, size_t at)
{
    const PGresult *r = gh_batch_result(b, at);
    gh_buf_t text GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_json_t j;
    gh_json_init(&j, &text);
    gh_json_obj(&j);
    gh_json_key(&j, "patients");
    gh_json_arr(&j);
    for (int row = 0; row < PQntuples(r); row++)
        put_patient(&j, gh_directory_of(b)->seal, r, row);
    gh_json_arr_end(&j);
    gh_json_obj_end(&j);
    if (!gh_buf_ok(&text))
        return GH_STEP_FAIL;
    gh_job_ok(b, b->jobs[0], 0, gh_buf_view(&text));
    return GH_STEP_DONE;
}

/* Phase 0: the runtime loads the caller; 1: ask; 2: answer. */
gh_step_t
gh_find_patients(gh_batch_t *b)
{
    if (b->phase == 0)
        return GH_STEP_MORE;
    if (b->jobs[0]->done)
        return GH_STEP_DONE;
    if (b->phase == 2)
        return answer(b, *(const size_t *)b->state);
    size_t *at = gh_batch_alloc(b, sizeof *at);
    *at = ask(b);
    b->state = at;
    return GH_STEP_MORE;
}
