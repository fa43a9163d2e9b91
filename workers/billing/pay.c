/*
 * workers/billing/pay.c - paying, giving up a payment, refunding, asking the provider (PY-01, PY-05, PY-07, PY-09)
 */
#include <stdio.h>

#include "base/money.h"
#include "workers/billing/billing.h"

#define MINUTE_US INT64_C(60000000)

/* Whether there was an error: the job has its refusal then. */
static bool
refused(gh_till_t *t, gh_till_job_t *tj, gh_err_t err)
{
    if (err != GH_E_NONE)
        gh_job_refuse(t->b, tj->job, err, NULL);
    return err != GH_E_NONE;
}

/* The row is the job's answer. What staff do with somebody's money is an entry of the audit log; what patients do is on the bill. */
static void
done(gh_till_t *t, gh_till_job_t *tj, const char *action, const char *entity, int64_t id,
     const gh_bill_t *bill, int64_t amount)
{
    char changes[80], text[24];
    tj->answer_id = id;
    gh_money_text(amount, text);
    snprintf(changes, sizeof changes, "{\"amount\": [null, %s]}", text);
    if (tj->job->actor.scopes & GH_SCOPE_ALL)
        gh_batch_audit(t->b, tj->job,
                       &(gh_audit_t){.action = action,
                                     .entity = entity,
                                     .entity_id = id,
                                     .patient_id = bill->patient_id,
                                     .changes = changes});
}

/* The payment of the job when its caller may see it; else refused: absent, or another's. */
static gh_payment_t *
payment_of(gh_till_t *t, gh_till_job_t *tj)
{
    gh_payment_t *p = gh_books_payment(&t->books, gh_arg_id(tj->job->args, "path.id"));
    if (!p || !gh_till_sees(tj, p->bill))
        gh_job_refuse(t->b, tj->job, p ? GH_E_NOT_OWNER : GH_E_NOT_FOUND, NULL);
    return p && gh_till_sees(tj, p->bill) ? p : NULL;
}

/* ---- PY-01 */

static gh_str_t
own_copy(gh_batch_t *b, gh_mp_t args, const char *path)
{
    gh_str_t s = gh_arg_str(args, path);
    return s.p ? gh_batch_dup(b, s) : s;
}

/* The provider of a payment online; NULL when the job was refused. */
static const gh_provider_t *
provider_of(gh_till_t *t, gh_till_job_t *tj)
{
    const gh_conf_t *conf = gh_worker_conf(t->b->worker);
    gh_str_t named = gh_arg_str(tj->job->args, "body.provider"),
             back = gh_arg_str(tj->job->args, "body.return_url");
    const gh_provider_t *p = gh_provider_find(
        conf, named.p ? named : gh_str(gh_conf_str(conf, "payment.default_provider")));
    if (!p && named.p)
        gh_job_invalid(t->b, tj->job, "provider", "value_error", "is no provider of this hospital");
    else if (!p)
        gh_job_refuse(t->b, tj->job, GH_E_GATEWAY_ERROR, NULL);
    else if (back.p && !gh_return_url_allowed(conf, back)) {
        gh_job_invalid(t->b, tj->job, "return_url", "value_error", "does not begin with an allowed origin");
        return NULL;
    }
    return p;
}

static bool
begin_online(gh_till_t *t, gh_till_job_t *tj, const gh_provider_t *provider, gh_payment_t *p)
{
    gh_batch_t *b = t->b;
    gh_buf_t url GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT, qr GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_pay_request_t ask = {.payment_no = p->no,
                            .currency = p->bill->currency,
                            .amount = p->amount,
                            .now_us = b->now_us,
                            .expires_us = p->expires_us,
                            .return_url = gh_arg_str(tj->job->args, "body.return_url")};
    if (provider->start(gh_worker_conf(b->worker), &ask, &url, &qr) != 0)
        return false;
    gh_books_pay_page(p, gh_batch_dup(b, gh_buf_view(&url)), gh_batch_dup(b, gh_buf_view(&qr)));
    return true;
}

static void
pay(gh_till_t *t, gh_till_job_t *tj)
{
    gh_batch_t *b = t->b;
    gh_mp_t args = tj->job->args;
    const gh_conf_t *conf = gh_worker_conf(b->worker);
    gh_pay_t ask = {.bill = gh_books_bill(&t->books, gh_arg_id(args, "path.id")),
                    .currency = gh_arg_str(args, "body.currency"),
                    .provider_ref = own_copy(b, args, "body.reference"),
                    .by = tj->job->actor.user_id};
    const gh_provider_t *provider = NULL;
    gh_payment_t *made = NULL;
    if (!ask.bill || !gh_till_sees(tj, ask.bill)) {
        gh_job_refuse(b, tj->job, ask.bill ? GH_E_NOT_OWNER : GH_E_NOT_FOUND, NULL);
        return;
    }
    if (gh_arg_money(args, "body.amount", &ask.amount) < 0 ||
        gh_pay_method_parse(gh_arg_str(args, "body.method"), &ask.method) != 0) {
        gh_job_invalid(b, tj->job, "amount", "value_error", "is no amount of money");
        return;
    }
    if (ask.method != GH_METHOD_ONLINE && !tj->manages) {
        gh_job_refuse(b, tj->job, GH_E_FORBIDDEN, NULL);
        return;
    }
    if (ask.method == GH_METHOD_ONLINE) {
        provider = provider_of(t, tj);
        if (!provider)
            return;
        ask.pending = true;
        ask.provider = gh_str(provider->name);
        ask.provider_ref = (gh_str_t){0}; /* its own comes with its event */
        ask.expires_us = b->now_us + gh_conf_int(conf, "payment.pending_min") * MINUTE_US;
    }
    gh_err_t err = gh_books_pay(b, &t->books, &ask, &made);
    if (err == GH_E_NONE && provider && !begin_online(t, tj, provider, made)) {
        (void)gh_books_end(made, GH_PAYMENT_FAILED, GH_STR("GATEWAY_ERROR")); /* stays as a failed attempt */
        err = GH_E_GATEWAY_ERROR;
    }
    if (refused(t, tj, err))
        return;
    done(t, tj, "payment.create", "payment", made->id, made->bill, made->amount);
}

gh_step_t
gh_till_pay_step(gh_batch_t *b)
{
    return gh_till_step(b, GH_TILL_BILL, pay);
}

/* ---- PY-05 */

static void
cancel(gh_till_t *t, gh_till_job_t *tj)
{
    gh_payment_t *p = payment_of(t, tj);
    if (!p)
        return;
    /* Its payer, whose bill it is, or who manages bills; R-138 */
    const gh_actor_t *a = &tj->job->actor;
    bool may = tj->manages || p->created_by == a->user_id || !(a->scopes & GH_SCOPE_ALL);
    gh_err_t err = may ? gh_books_end(p, GH_PAYMENT_CANCELLED, (gh_str_t){0}) : GH_E_NOT_OWNER;
    if (refused(t, tj, err))
        return;
    done(t, tj, "payment.cancel", "payment", p->id, p->bill, p->amount);
}

gh_step_t
gh_till_cancel_step(gh_batch_t *b)
{
    return gh_till_step(b, GH_TILL_PAYMENT, cancel);
}

/* ---- PY-07 */

static void
refund(gh_till_t *t, gh_till_job_t *tj)
{
    gh_batch_t *b = t->b;
    gh_payment_t *p = payment_of(t, tj);
    gh_refund_t *made = NULL;
    gh_str_t reason = own_copy(b, tj->job->args, "body.reason");
    int64_t amount = 0;
    if (!p)
        return;
    if (gh_arg_money(tj->job->args, "body.amount", &amount) < 0) {
        gh_job_invalid(b, tj->job, "amount", "value_error", "is no amount of money");
        return;
    }
    gh_err_t err = gh_books_refund(b, &t->books, p, amount, reason, tj->job->actor.user_id, &made);
    if (refused(t, tj, err))
        return;
    tj->answers_refund = true;
    done(t, tj, "refund.create", "refund", made->id, p->bill, made->amount);
}

gh_step_t
gh_till_refund_step(gh_batch_t *b)
{
    return gh_till_step(b, GH_TILL_PAYMENT, refund);
}

/* ---- PY-09 */

static void
sync(gh_till_t *t, gh_till_job_t *tj)
{
    const gh_conf_t *conf = gh_worker_conf(t->b->worker);
    gh_payment_t *p = payment_of(t, tj);
    if (!p)
        return;
    if (p->state == GH_PAYMENT_PENDING) { /* what has ended stays so, whoever is asked */
        const gh_provider_t *provider = gh_provider_find(conf, p->provider);
        gh_payment_state_t state;
        if (!provider || provider->query(conf, p, t->b->now_us, &state) != 0) {
            gh_job_refuse(t->b, tj->job, GH_E_GATEWAY_ERROR, NULL);
            return;
        }
        if (state != GH_PAYMENT_PENDING)
            (void)gh_books_end(p, state, (gh_str_t){0});
    }
    done(t, tj, "payment.sync", "payment", p->id, p->bill, p->amount);
}

gh_step_t
gh_till_sync_step(gh_batch_t *b)
{
    return gh_till_step(b, GH_TILL_PAYMENT, sync);
}
