/*
 * lib/domain/pay_orders.c - see the header
 */
#include "domain/pay_orders.h"

#include <libpq-fe.h>

#include "worker/args.h"

void
gh_pay_orders_ask(gh_batch_t *b, gh_pay_orders_t *p, const char *orders)
{
    p->at = gh_batch_query(b, "pay_orders", 2, (const char *[]){orders, gh_text_time(b, b->now_us)});
}

int
gh_pay_orders_take(gh_batch_t *b, gh_pay_orders_t *p)
{
    const PGresult *r = gh_batch_result(b, p->at);
    p->n = (size_t)PQntuples(r);
    p->rows = gh_batch_alloc(b, (p->n + 1) * sizeof *p->rows);
    for (size_t i = 0; i < p->n && gh_batch_ok(b); i++) {
        gh_pay_order_t *o = &p->rows[i];
        int row = (int)i;
        *o = (gh_pay_order_t){.id = gh_pg_i64(r, row, 0, 0),
                              .no = gh_batch_dup(b, gh_pg_str(r, row, 1)),
                              .price = gh_pg_money(r, row, 4, 0),
                              .patient_user_id = gh_pg_i64(r, row, 5, 0),
                              .initiator_id = gh_pg_i64(r, row, 6, 0),
                              .until_us = gh_pg_i64(r, row, 7, 0),
                              .overdue = gh_pg_bool(r, row, 8)};
        if (gh_order_state_parse(gh_pg_str(r, row, 2), &o->state) != 0 ||
            gh_pay_state_parse(gh_pg_str(r, row, 3), &o->payment) != 0)
            return -1;
    }
    return gh_batch_ok(b) ? 0 : -1;
}

gh_pay_order_t *
gh_pay_orders_find(const gh_pay_orders_t *p, int64_t id)
{
    for (size_t i = 0; i < p->n; i++)
        if (p->rows[i].id == id)
            return &p->rows[i];
    return NULL;
}

gh_pay_verdict_t
gh_pay_order_verdict(const gh_pay_order_t *o, const gh_actor_t *caller)
{
    if (!caller->patient_id)
        return (gh_pay_verdict_t){.err = GH_E_PATIENT_RECORD_MISSING};
    gh_pay_facts_t facts = {.exists = o != NULL};
    if (o)
        facts = (gh_pay_facts_t){.exists = true,
                                 .allowed = caller->user_id == o->patient_user_id ||
                                            caller->user_id == o->initiator_id,
                                 .state = o->state,
                                 .payment = o->payment,
                                 .price = o->price,
                                 .overdue = o->overdue};
    return gh_br84_pay(&facts);
}

void
gh_pay_refuse(gh_batch_t *b, gh_wjob_t *job, const gh_pay_verdict_t *v)
{
    const gh_error_arg_t args[] = {{"x", gh_str(v->state ? v->state : "")}, {NULL, {0}}};
    gh_job_refuse(b, job, v->err, v->state ? args : NULL);
}
