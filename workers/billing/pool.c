/*
 * workers/billing/pool.c - the billing pool's table of operations (api/26)
 */
#include "workers/billing/pool.h"

#include "gen/sql_billing.h"
#include "gen/sql_domain.h"
#include "workers/billing/billing.h"

static const gh_op_t ops[] = {
    {.name = "billing.v1_create_payment", .kind = GH_OP_WRITE, .step = gh_pay_step, .constraints = gh_books_constraints},
    {.name = "billing.v1_list_bill_payments",
     .sql = "v1_bill_payments",
     .bind = {"path.id", "actor.scopes", "actor.user_id", "actor.patient_id", "tz"}},
    {.name = "billing.v1_list_payments", .sql = "v1_payments", .bind = {"query", "tz"}},
    {.name = "billing.v1_get_payment",
     .sql = "v1_payment",
     .bind = {"path.id", "actor.scopes", "actor.user_id", "actor.patient_id", "tz", "query.fields"}},
    {.name = "billing.v1_cancel_payment",
     .kind = GH_OP_WRITE,
     .step = gh_cancel_payment_step,
     .constraints = gh_books_constraints},
    {.name = "billing.v1_receive_payment_event",
     .kind = GH_OP_WRITE,
     .step = gh_event_step,
     .constraints = gh_books_constraints},
    {.name = "billing.v1_create_refund", .kind = GH_OP_WRITE, .step = gh_refund_step, .constraints = gh_books_constraints},
    {.name = "billing.v1_list_refunds",
     .sql = "v1_payment_refunds",
     .bind = {"path.id", "actor.scopes", "actor.user_id", "actor.patient_id", "tz"}},
    {.name = "billing.v1_sync_payment", .kind = GH_OP_WRITE, .step = gh_sync_step, .constraints = gh_books_constraints},
    {.name = "billing.v1_play_sandbox_payment", .kind = GH_OP_WRITE, .step = gh_play_step},
    {.name = "billing.report_sandbox",
     .kind = GH_OP_WRITE,
     .batch_max = 1,
     .step = gh_event_step,
     .constraints = gh_books_constraints,
     .inner = true},
    {.name = "billing.send_refund",
     .kind = GH_OP_WRITE,
     .batch_max = 1,
     .step = gh_event_step,
     .constraints = gh_books_constraints,
     .inner = true},
    {.name = "billing.expire_payments",
     .kind = GH_OP_WRITE,
     .batch_max = 1,
     .step = gh_expire_payments_step,
     .constraints = gh_books_constraints,
     .inner = true},
    {.name = "billing.v1_list_bills",
     .sql = "v1_bills",
     .bind = {"query", "query.none", "actor.scopes", "actor.patient_id", "today", "tz"}},
    {.name = "billing.v1_list_my_bills",
     .sql = "v1_bills",
     .bind = {"query", "actor.patient_id", "query.none", "actor.patient_id", "today", "tz"}},
    {.name = "billing.v1_list_patient_bills",
     .sql = "v1_bills",
     .bind = {"query", "path.id", "actor.scopes", "actor.patient_id", "today", "tz"}},
    {.name = "billing.v1_get_bill",
     .sql = "v1_bill",
     .bind = {"path.id", "actor.scopes", "actor.user_id", "actor.patient_id", "today", "tz", "query.fields"}},
    {.name = NULL},
};

const gh_pool_t gh_pool_billing = {.name = "billing",
                                   .ops = ops,
                                   .sql = {gh_sql_billing, gh_sql_domain},
                                   .sql_count = {&gh_sql_billing_count, &gh_sql_domain_count}};
