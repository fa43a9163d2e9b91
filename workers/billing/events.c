/*
 * workers/billing/events.c - what providers report: applied once, in whatever order it comes (PY-06; R-134..R-137)
 *
 * Three operations are one batch: the callback of a provider; and, inner, what the sandbox reports of a payment that was played
 * (PY-10) and of a refund that it was asked for (lib/domain/payment.sql queues that job). The sandbox's events are composed and signed here
 * and then go the way of all others.
 *
 *   phase 0   [inner: read what the event is of]
 *   phase 1   signatures; then lock the books of what the events name, and ask which events are known
 *   phase 2   each event changes the books, in order of arrival; it is noted with its outcome
 *
 * An event that is refused - signature, unknown number - leaves nothing, so that its provider sends it again.
 */
#include <libpq-fe.h>
#include <stdio.h>

#include "base/log.h"
#include "base/timez.h"
#include "base/uuid7.h"
#include "workers/billing/billing.h"
#include "workers/billing/event.h"

typedef struct event_job {
    gh_wjob_t *job;
    gh_str_t provider, raw; /* raw: the bytes that were signed */
    gh_event_t event;
    const char *outcome; /* of gateway_events; NULL: not to be noted */
    int64_t payment_id;
} event_job_t;

typedef struct events {
    gh_batch_t *b;
    event_job_t *jobs;
    size_t n;
    gh_books_t books;
    bool asked;
    size_t at_facts, at_known;
} events_t;

static bool
is_callback(const gh_wjob_t *job)
{
    return gh_str_is(job->head.op, "billing.v1_receive_payment_event");
}

/* ---- what arrives */

static void
refuse_signature(events_t *s, event_job_t *ej, gh_err_t err)
{
    gh_log(GH_LOG_WARN, "callback_refused", GH_KN("provider", ej->provider),
           GH_KS("reason", gh_error_row(err)->name));
    gh_job_refuse(s->b, ej->job, err, NULL);
}

/* R-134, before the event is looked at. */
static bool
signed_right(events_t *s, event_job_t *ej, gh_str_t signature)
{
    const gh_conf_t *conf = gh_worker_conf(s->b->worker);
    const gh_provider_t *p = gh_provider_find(conf, ej->provider);
    gh_sign_keys_t keys;
    if (!p) {
        gh_job_refuse(s->b, ej->job, GH_E_NOT_FOUND, NULL);
        return false;
    }
    gh_err_t err = p->keys(conf, &keys) == 0
                       ? gh_signature_check(&keys, signature, ej->raw, s->b->now_us / 1000000)
                       : GH_E_SIGNATURE_INVALID;
    if (err != GH_E_NONE)
        refuse_signature(s, ej, err);
    return err == GH_E_NONE;
}

static void
take_callback(events_t *s, event_job_t *ej)
{
    gh_mp_t args = ej->job->args;
    ej->provider = gh_arg_str(args, "path.provider");
    if (!gh_mp_bin(gh_mp_path(args, "raw"), &ej->raw))
        ej->raw = GH_STR("");
    if (!signed_right(s, ej, gh_arg_str(args, "signature")))
        return;
    const char *fault = gh_event_take(args, &ej->event);
    if (fault)
        gh_job_invalid(s->b, ej->job, fault, "value_error", "does not fit the event");
}

/* An event of the sandbox, signed as a real one is: row of sandbox_facts, its columns in order. The job's id names it, so that a job that is
 * carried out again reports nothing new. */
static void
compose(events_t *s, event_job_t *ej)
{
    gh_batch_t *b = s->b;
    const PGresult *r = gh_batch_result(b, s->at_facts);
    gh_buf_t raw GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT, sign GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    const gh_conf_t *conf = gh_worker_conf(b->worker);
    gh_sign_keys_t keys;
    char id[GH_UUID_TEXT];
    gh_uuid_text(ej->job->head.id, id);
    if (PQntuples(r) == 0) {
        gh_job_refuse(b, ej->job, GH_E_NOT_FOUND, NULL);
        return;
    }
    bool refund = !PQgetisnull(r, 0, 2), fail = gh_str_is(gh_arg_str(ej->job->args, "body.outcome"), "fail");
    ej->provider = gh_batch_dup(b, gh_pg_str(r, 0, 0));
    ej->event = (gh_event_t){.id = gh_batch_dup(b, gh_str(id)),
                             .type = refund ? GH_EVENT_REFUND_SUCCEEDED
                                     : fail ? GH_EVENT_PAYMENT_FAILED
                                            : GH_EVENT_PAYMENT_SUCCEEDED,
                             .payment_no = gh_batch_dup(b, gh_pg_str(r, 0, 1)),
                             .amount = gh_pg_money(r, 0, 3, 0),
                             .currency = gh_batch_dup(b, gh_pg_str(r, 0, 4)),
                             .occurred_us = b->now_us};
    if (refund)
        ej->event.refund_no = gh_batch_dup(b, gh_pg_str(r, 0, 2));
    if (fail && !refund)
        ej->event.failure = GH_STR("DECLINED");
    gh_str_t no = refund ? ej->event.refund_no : ej->event.payment_no;
    char ref[80];
    snprintf(ref, sizeof ref, "SBX-%.*s", (int)no.n, no.p);
    ej->event.provider_ref = gh_batch_dup(b, gh_str(ref));
    gh_event_put(&ej->event, &raw);
    ej->raw = gh_batch_dup(b, gh_buf_view(&raw));
    const gh_provider_t *p = gh_provider_find(conf, ej->provider);
    if (!p || !p->plays || p->keys(conf, &keys) != 0 ||
        gh_signature_put(&keys, ej->raw, b->now_us / 1000000, &sign) != 0) {
        gh_job_refuse(b, ej->job, GH_E_GATEWAY_ERROR, NULL); /* not in this installation: nobody reports it */
        return;
    }
    (void)signed_right(s, ej, gh_buf_view(&sign));
}

/* ---- phases */

static gh_step_t
ask(events_t *s)
{
    gh_pgarr_t payments = {0}, refunds = {0}, providers = {0}, ids = {0};
    for (size_t i = 0; i < s->n; i++) {
        event_job_t *ej = &s->jobs[i];
        if (ej->job->done)
            continue;
        gh_pgarr_text(&payments, ej->event.payment_no);
        if (ej->event.refund_no.p)
            gh_pgarr_text(&refunds, ej->event.refund_no);
        gh_pgarr_text(&providers, ej->provider);
        gh_pgarr_text(&ids, ej->event.id);
    }
    bool none = payments.count == 0;
    gh_books_ask_t whose = {
        .payment_nos = gh_pgarr_literal(&payments), .refund_nos = gh_pgarr_literal(&refunds), .n_new = s->n};
    const char *known[] = {gh_pgarr_literal(&providers), gh_pgarr_literal(&ids)};
    if (!none && whose.payment_nos && whose.refund_nos && known[0] && known[1]) {
        gh_books_ask(s->b, &s->books, &whose);
        s->at_known = gh_batch_query(s->b, "events_known", 2, known);
        s->asked = true;
    }
    gh_pgarr_fini(&payments);
    gh_pgarr_fini(&refunds);
    gh_pgarr_fini(&providers);
    gh_pgarr_fini(&ids);
    if (none)
        return GH_STEP_DONE;
    return s->asked && gh_batch_ok(s->b) ? GH_STEP_MORE : GH_STEP_FAIL;
}

/* known from before, or by an earlier job of this batch. */
static bool
is_known(const events_t *s, const event_job_t *ej)
{
    const PGresult *r = gh_batch_result(s->b, s->at_known);
    for (int i = 0; i < PQntuples(r); i++)
        if (gh_str_eq(gh_pg_str(r, i, 0), ej->provider) && gh_str_eq(gh_pg_str(r, i, 1), ej->event.id))
            return true;
    for (const event_job_t *other = s->jobs; other < ej; other++)
        if (other->outcome && gh_str_eq(other->provider, ej->provider) &&
            gh_str_eq(other->event.id, ej->event.id))
            return true;
    return false;
}

static const char *
apply_payment(events_t *s, const event_job_t *ej, gh_payment_t *p)
{
    static const char *const outcomes[] = {[GH_SUCCESS_BOOK] = "booked",
                                           [GH_SUCCESS_LATE] = "late",
                                           [GH_SUCCESS_REVIEW] = "review",
                                           [GH_SUCCESS_IGNORE] = "ignored"};
    const gh_event_t *e = &ej->event;
    if (e->type == GH_EVENT_PAYMENT_SUCCEEDED)
        return outcomes[gh_books_event_success(s->b, &s->books, p, e->amount, e->currency, e->provider_ref)];
    if (!gh_r135_failure_counts(p->state))
        return "ignored";
    (void)gh_books_end(p, GH_PAYMENT_FAILED,
                       e->failure.n ? (gh_str_t){e->failure.p, e->failure.n < 40 ? e->failure.n : 40}
                                    : GH_STR("FAILED"));
    return "failed";
}

static const char *
apply_refund(const event_job_t *ej, gh_refund_t *r)
{
    bool done = ej->event.type == GH_EVENT_REFUND_SUCCEEDED;
    if (done && (ej->event.amount != r->amount || !gh_str_is(ej->event.currency, r->payment->bill->currency)))
        return r->state == GH_REFUND_PENDING ? "review" : "ignored"; /* stays PENDING until somebody looks */
    if (!gh_books_refund_end(r, done, ej->event.provider_ref))
        return "ignored";
    return done ? "refunded" : "failed";
}

static void
apply(events_t *s, event_job_t *ej)
{
    gh_batch_t *b = s->b;
    if (ej->job->done)
        return;
    gh_payment_t *p = gh_books_payment_no(&s->books, ej->event.payment_no);
    gh_refund_t *r = gh_event_of_refund(ej->event.type) ? gh_books_refund_no(&s->books, ej->event.refund_no)
                                                        : NULL;
    bool theirs = p && gh_str_eq(p->provider, ej->provider);
    if (!theirs || (gh_event_of_refund(ej->event.type) && (!r || r->payment != p))) {
        gh_job_refuse(b, ej->job, GH_E_NOT_FOUND, NULL);
        return;
    }
    if (is_known(s, ej)) {
        gh_job_ok(b, ej->job, 0, GH_STR("{\"received\": true}"));
        gh_job_no_effect(ej->job);
        return;
    }
    ej->payment_id = p->id;
    ej->outcome = r ? apply_refund(ej, r) : apply_payment(s, ej, p);
    gh_log(GH_LOG_INFO, "payment_event", GH_KN("provider", ej->provider),
           GH_KS("type", gh_event_type_name(ej->event.type)), GH_KS("payment", p->no),
           GH_KS("outcome", ej->outcome));
    if (strcmp(ej->outcome, "review") == 0) { /* told, and kept */
        gh_job_refuse(b, ej->job, GH_E_AMOUNT_MISMATCH, NULL);
        gh_job_no_effect(ej->job);
    } else {
        gh_job_ok(b, ej->job, 0, GH_STR("{\"received\": true}"));
    }
}

static int
note(events_t *s)
{
    enum { PROVIDER, ID, TYPE, PAYMENT, PAYLOAD, OUTCOME, N };
    gh_pgarr_t a[N] = {0};
    const char *params[N + 1];
    char now[GH_PG_TIME_TEXT];
    bool whole = true;
    for (size_t i = 0; i < s->n; i++) {
        const event_job_t *ej = &s->jobs[i];
        gh_buf_t payload GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
        if (!ej->outcome)
            continue;
        gh_event_put(&ej->event, &payload);
        gh_pgarr_text(&a[PROVIDER], ej->provider);
        gh_pgarr_text(&a[ID], ej->event.id);
        gh_pgarr_text(&a[TYPE], gh_str(gh_event_type_name(ej->event.type)));
        gh_pgarr_i64(&a[PAYMENT], ej->payment_id);
        gh_pgarr_text(&a[PAYLOAD], gh_buf_view(&payload));
        gh_pgarr_text(&a[OUTCOME], gh_str(ej->outcome));
        whole = whole && gh_buf_ok(&payload);
    }
    gh_pg_time_text(s->b->now_us, now);
    for (int i = 0; i < N; i++)
        whole = (params[i] = gh_pgarr_literal(&a[i])) != NULL && whole;
    params[N] = now;
    if (whole && a[ID].count > 0)
        gh_batch_query(s->b, "events_note", N + 1, params);
    for (int i = 0; i < N; i++)
        gh_pgarr_fini(&a[i]);
    return whole ? 0 : -1;
}

static gh_step_t
apply_all(events_t *s)
{
    if (gh_books_take(s->b, &s->books) != 0)
        return GH_STEP_FAIL;
    for (size_t i = 0; i < s->n; i++)
        apply(s, &s->jobs[i]);
    return gh_books_write(s->b, &s->books) == 0 && note(s) == 0 && gh_batch_ok(s->b) ? GH_STEP_DONE
                                                                                     : GH_STEP_FAIL;
}

static events_t *
begin(gh_batch_t *b)
{
    events_t *s = gh_batch_alloc(b, sizeof *s);
    event_job_t *jobs = gh_batch_alloc(b, b->n * sizeof *jobs);
    if (!gh_batch_ok(b))
        return NULL;
    *s = (events_t){.b = b, .jobs = jobs, .n = b->n};
    for (size_t i = 0; i < b->n; i++)
        jobs[i].job = b->jobs[i];
    b->state = s;
    return s;
}

gh_step_t
gh_till_event_step(gh_batch_t *b)
{
    events_t *s = b->state;
    if (!s) {
        s = begin(b);
        if (!s)
            return GH_STEP_FAIL;
        if (!is_callback(b->jobs[0])) { /* one job: batch_max 1 */
            const char *of[] = {gh_text_i64(b, gh_arg_id(b->jobs[0]->args, "body.payment")),
                                gh_text_i64(b, gh_arg_id(b->jobs[0]->args, "body.refund"))};
            s->at_facts = gh_batch_query(b, "sandbox_facts", 2, of);
        }
        return gh_batch_ok(b) ? GH_STEP_MORE : GH_STEP_FAIL;
    }
    if (s->asked)
        return apply_all(s);
    for (size_t i = 0; i < s->n; i++) {
        if (s->jobs[i].job->done)
            continue;
        is_callback(s->jobs[i].job) ? take_callback(s, &s->jobs[i]) : compose(s, &s->jobs[i]);
    }
    return ask(s);
}
