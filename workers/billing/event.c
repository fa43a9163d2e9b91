/*
 * workers/billing/event.c - see the header
 */
#include "workers/billing/event.h"

#include "base/json.h"
#include "base/timez.h"
#include "worker/args.h"

static const char *const names[GH_EVENT_TYPES] = {
    [GH_EVENT_PAYMENT_SUCCEEDED] = "payment.succeeded",
    [GH_EVENT_PAYMENT_FAILED] = "payment.failed",
    [GH_EVENT_REFUND_SUCCEEDED] = "refund.succeeded",
    [GH_EVENT_REFUND_FAILED] = "refund.failed",
};

const char *
gh_event_type_name(gh_event_type_t type)
{
    return names[type];
}

bool
gh_event_of_refund(gh_event_type_t type)
{
    return type == GH_EVENT_REFUND_SUCCEEDED || type == GH_EVENT_REFUND_FAILED;
}

const char *
gh_event_take(gh_mp_t args, gh_event_t *out)
{
    gh_str_t type = gh_arg_str(args, "body.type");
    size_t t = 0;
    while (t < GH_EVENT_TYPES && !gh_str_is(type, names[t]))
        t++;
    *out = (gh_event_t){.id = gh_arg_str(args, "body.event_id"),
                        .type = (gh_event_type_t)t,
                        .payment_no = gh_arg_str(args, "body.payment_no"),
                        .refund_no = gh_arg_str(args, "body.refund_no"),
                        .provider_ref = gh_arg_str(args, "body.provider_ref"),
                        .currency = gh_arg_str(args, "body.currency"),
                        .failure = gh_arg_str(args, "body.failure_code")};
    if (t == GH_EVENT_TYPES)
        return "type";
    if (gh_arg_money(args, "body.amount", &out->amount) <= 0)
        return "amount";
    if (gh_arg_moment(args, "body.occurred_at", &out->occurred_us) <= 0)
        return "occurred_at";
    return gh_event_of_refund(out->type) && !out->refund_no.n ? "refund_no" : NULL;
}

void
gh_event_put(const gh_event_t *e, gh_buf_t *out)
{
    gh_json_t j;
    char at[GH_TEXT_TS];
    gh_ts_text(e->occurred_us, at);
    gh_json_init(&j, out);
    gh_json_obj(&j);
    gh_json_kstr(&j, "event_id", e->id);
    gh_json_kcstr(&j, "type", names[e->type]);
    gh_json_kstr(&j, "payment_no", e->payment_no);
    if (e->refund_no.p)
        gh_json_kstr(&j, "refund_no", e->refund_no);
    gh_json_kstr(&j, "provider_ref", e->provider_ref);
    gh_json_kmoney(&j, "amount", e->amount);
    gh_json_kstr(&j, "currency", e->currency);
    gh_json_kcstr(&j, "occurred_at", at);
    if (e->failure.p)
        gh_json_kstr(&j, "failure_code", e->failure);
    gh_json_obj_end(&j);
}
