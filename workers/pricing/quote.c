/*
 * workers/pricing/quote.c - GET /api/v1/schedules/{id}/quote: list price, the level it comes from, discount, payable (BR-31, BR-36)
 *
 * All quotes of a batch are read by one statement and decided by one pure function (lib/domain/price.h). A quote is asked for by whom
 * may book for the patient, and binds nobody: a booking reads price and discount in its own transaction.
 */
#include "workers/pricing/quote.h"

#include <libpq-fe.h>

#include "base/json.h"
#include "domain/book_rules.h"
#include "domain/price.h"
#include "worker/args.h"

/* Columns of quote_facts. */
enum { SESSION, SLOT_TYPE, PRICE, DOCTOR, CLINIC, DEPT, GLOBAL, OWN, PATIENT, TYPE, RELATED, ASSIGNED };

static gh_step_t
ask(gh_batch_t *b)
{
    gh_pgarr_t a[3] = {0};
    for (size_t i = 0; i < b->n; i++) {
        gh_pgarr_i64(&a[0], gh_arg_id(b->jobs[i]->args, "path.id"));
        gh_pgarr_id(&a[1], gh_arg_id(b->jobs[i]->args, "query.patient_id"));
        gh_pgarr_i64(&a[2], b->jobs[i]->head.actor.user_id);
    }
    const char *params[] = {gh_pgarr_literal(&a[0]), gh_pgarr_literal(&a[1]), gh_pgarr_literal(&a[2])};
    bool whole = params[0] && params[1] && params[2];
    if (whole) {
        gh_batch_query(b, "quote_facts", 3, params);
        gh_batch_query(b, "quote_rates", 0, NULL);
    }
    for (size_t i = 0; i < GH_COUNT(a); i++)
        gh_pgarr_fini(&a[i]);
    return whole ? GH_STEP_MORE : GH_STEP_FAIL;
}

/* Who may ask; GH_E_VALIDATION_FAILED: nobody was named, and there is no own record to stand for it. */
static gh_err_t
judge(const gh_wjob_t *job, const PGresult *r, int row)
{
    const gh_actor_t *a = &job->actor;
    int64_t own = gh_pg_i64(r, row, OWN, 0), patient = gh_pg_i64(r, row, PATIENT, 0);
    if (gh_pg_i64(r, row, SESSION, 0) == 0)
        return GH_E_SCHEDULE_NOT_FOUND;
    if (!gh_arg_id(job->args, "query.patient_id") && !own)
        return a->roles & GH_ROLE_PATIENT ? GH_E_PROFILE_NOT_FOUND : GH_E_VALIDATION_FAILED;
    return gh_br72_may_book_for(&(gh_booker_t){
        .has_patient = own != 0,
        .patient_exists = patient != 0,
        .own = own != 0 && own == patient,
        .related = gh_pg_bool(r, row, RELATED),
        .scope_all = a->scopes & GH_SCOPE_ALL,
        .scope_assigned = a->scopes & GH_SCOPE_ASSIGNED,
        .assigned = gh_pg_bool(r, row, ASSIGNED),
    });
}

static const char *
slot_type_word(gh_str_t stored)
{
    return gh_str_is(stored, "特需") ? "SPECIAL" : gh_str_is(stored, "专家") ? "EXPERT" : "NORMAL";
}

static void
reply(gh_batch_t *b, gh_wjob_t *job, const PGresult *r, int row, const gh_rates_t *rates)
{
    gh_buf_t out GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_price_levels_t levels = {{[GH_PRICE_DOCTOR] = gh_pg_money(r, row, DOCTOR, -1),
                                 [GH_PRICE_CLINIC] = gh_pg_money(r, row, CLINIC, -1),
                                 [GH_PRICE_DEPT] = gh_pg_money(r, row, DEPT, -1),
                                 [GH_PRICE_GLOBAL] = gh_pg_money(r, row, GLOBAL, -1)}};
    gh_quote_t q = gh_price_quote(gh_pg_money(r, row, PRICE, 0), gh_pg_str(r, row, SLOT_TYPE), &levels, rates,
                                  gh_pg_str(r, row, TYPE));
    gh_json_t j;
    gh_json_init(&j, &out);
    gh_json_obj(&j);
    gh_json_ki64(&j, "schedule_id", gh_pg_i64(r, row, SESSION, 0));
    gh_json_ki64(&j, "patient_id", gh_pg_i64(r, row, PATIENT, 0));
    gh_json_kcstr(&j, "slot_type", slot_type_word(gh_pg_str(r, row, SLOT_TYPE)));
    gh_json_kmoney(&j, "list_price", q.list);
    gh_json_kcstr(&j, "level", gh_price_level_words[q.from]);
    gh_json_key(&j, "rate");
    gh_json_double(&j, q.rate / (double)GH_RATE_ONE);
    gh_json_kmoney(&j, "discount", q.list - q.payable);
    gh_json_kmoney(&j, "payable", q.payable);
    gh_json_kcstr(&j, "currency", gh_conf_str(gh_worker_conf(b->worker), "hospital.currency"));
    gh_json_obj_end(&j);
    gh_job_ok(b, job, 0, gh_buf_view(&out));
}

gh_step_t
gh_quote_sessions(gh_batch_t *b)
{
    if (b->phase == 0)
        return ask(b);
    const PGresult *r = gh_batch_result(b, 0), *stored = gh_batch_result(b, 1);
    gh_rates_t rates = {(int32_t)gh_pg_i64(stored, 0, 0, -1), (int32_t)gh_pg_i64(stored, 0, 1, -1),
                        (int32_t)gh_pg_i64(stored, 0, 2, -1), (int32_t)gh_pg_i64(stored, 0, 3, -1)};
    gh_rates_mend(&rates);
    for (size_t i = 0; i < b->n; i++) {
        gh_wjob_t *job = b->jobs[i];
        if (job->done)
            continue;
        gh_err_t err = judge(job, r, (int)i);
        if (err == GH_E_VALIDATION_FAILED)
            gh_job_invalid(b, job, "patient_id", "missing", "is needed when asking for a patient");
        else if (err != GH_E_NONE)
            gh_job_refuse(b, job, err, NULL);
        else
            reply(b, job, r, (int)i, &rates);
    }
    return GH_STEP_DONE;
}
