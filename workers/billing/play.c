/*
 * workers/billing/play.c - the sandbox is told how a payment ends (PY-10), and payments whose time is over
 */
#include <libpq-fe.h>

#include "domain/later.h"
#include "workers/billing/billing.h"

/* ---- PY-10: its report is a job, after the wanted delay */

static void
put_args(const gh_payment_t *p, gh_str_t outcome, gh_buf_t *out)
{
    gh_mpw_map(out, 1);
    gh_mpw_cstr(out, "body");
    gh_mpw_map(out, 2);
    gh_mpw_cstr(out, "payment");
    gh_mpw_int(out, p->id);
    gh_mpw_cstr(out, "outcome");
    gh_mpw_str(out, outcome);
}

static void
play(gh_till_t *t, gh_till_job_t *tj)
{
    gh_batch_t *b = t->b;
    gh_mp_t args = tj->job->args;
    gh_buf_t told GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_payment_t *p = gh_books_payment(&t->books, gh_arg_id(args, "path.id"));
    const gh_provider_t *provider = p ? gh_provider_find(gh_worker_conf(b->worker), p->provider) : NULL;
    const gh_actor_t *a = &tj->job->actor;
    int64_t delay_ms = gh_arg_id(args, "body.delay_ms");
    if (!provider || !provider->plays) {
        gh_job_refuse(b, tj->job, GH_E_NOT_FOUND, NULL);
        return;
    }
    if (!(a->roles & (GH_ROLE_ADMIN | GH_ROLE_SUPERUSER)) && p->created_by != a->user_id) {
        gh_job_refuse(b, tj->job, GH_E_NOT_OWNER, NULL);
        return;
    }
    put_args(p, gh_arg_str(args, "body.outcome"), &told);
    gh_later_put(b,
                 &(gh_later_t){.kind = "gateway",
                               .op = "billing.report_sandbox",
                               .service = "billing",
                               .args = gh_buf_view(&told),
                               .run_at_us = b->now_us + delay_ms * 1000,
                               .priority = GH_PRIO_NORMAL},
                 NULL);
    gh_job_ok(b, tj->job, 0, GH_STR("null"));
}

gh_step_t
gh_till_play_step(gh_batch_t *b)
{
    return gh_till_step(b, GH_TILL_PAYMENT, play);
}

/* ---- */

#define BATCH 200

typedef struct expiry {
    size_t at;
    bool asked;
    gh_books_t books;
} expiry_t;

static gh_step_t
lock(gh_batch_t *b, expiry_t *e)
{
    const PGresult *r = gh_batch_result(b, e->at);
    gh_str_t due = gh_pg_str(r, 0, 0);
    if (!due.p) {
        gh_job_ok(b, b->jobs[0], 0, GH_STR("{\"expired\": 0}"));
        gh_job_no_effect(b->jobs[0]);
        return GH_STEP_DONE;
    }
    gh_books_ask_t ask = {.payments = gh_batch_dup(b, due).p};
    if (!gh_batch_ok(b))
        return GH_STEP_FAIL;
    gh_books_ask(b, &e->books, &ask);
    e->asked = true;
    return gh_batch_ok(b) ? GH_STEP_MORE : GH_STEP_FAIL;
}

static gh_step_t
expire(gh_batch_t *b, expiry_t *e)
{
    gh_buf_t out GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    size_t n = 0;
    if (gh_books_take(b, &e->books) != 0)
        return GH_STEP_FAIL;
    for (size_t i = 0; i < e->books.n_payments; i++) {
        gh_payment_t *p = &e->books.payments[i];
        if (p->state == GH_PAYMENT_PENDING && p->expires_us && p->expires_us <= b->now_us)
            n += gh_books_end(p, GH_PAYMENT_EXPIRED, (gh_str_t){0}) == GH_E_NONE;
    }
    gh_buf_printf(&out, "{\"expired\": %zu}", n);
    gh_job_ok(b, b->jobs[0], 0, gh_buf_view(&out));
    if (n == BATCH)
        gh_later_put(b,
                     &(gh_later_t){.kind = "gateway",
                                   .op = "billing.expire_payments",
                                   .service = "billing",
                                   .priority = GH_PRIO_BATCH,
                                   .max_attempts = 3},
                     NULL);
    return gh_books_write(b, &e->books) == 0 && gh_batch_ok(b) ? GH_STEP_DONE : GH_STEP_FAIL;
}

gh_step_t
gh_till_expire_step(gh_batch_t *b)
{
    expiry_t *e = b->state;
    if (!e) {
        e = gh_batch_alloc(b, sizeof *e);
        const char *params[] = {gh_text_time(b, b->now_us), gh_text_i64(b, BATCH)};
        if (!gh_batch_ok(b))
            return GH_STEP_FAIL;
        e->at = gh_batch_query(b, "payments_due", 2, params);
        b->state = e;
        return gh_batch_ok(b) ? GH_STEP_MORE : GH_STEP_FAIL;
    }
    if (b->jobs[0]->done)
        return GH_STEP_DONE;
    return e->asked ? expire(b, e) : lock(b, e);
}
