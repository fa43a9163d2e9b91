/*
 * workers/pricing/pool.c - list prices, discounts, quotes
 */
#include "gen/sql_pricing.h"
#include "workers/pricing/pool.h"
#include "workers/pricing/quote.h"

static const gh_op_t ops[] = {
    {.name = "pricing.get_global_prices", .sql = "global_prices"},
    {.name = "pricing.update_global_prices",
     .kind = GH_OP_WRITE,
     .sql = "set_global_prices",
     .bind = {"query", "body", "now"}},
    {.name = "pricing.get_identity_discounts", .sql = "identity_rates"},
    {.name = "pricing.update_identity_discounts",
     .kind = GH_OP_WRITE,
     .sql = "set_identity_rates",
     .bind = {"body", "actor.user_id", "now"}},
    {.name = "pricing.v1_quote_session", .step = gh_quote_sessions},
    {0},
};

const gh_pool_t gh_pool_pricing = {
    .name = "pricing",
    .ops = ops,
    .sql = {gh_sql_pricing},
    .sql_count = {&gh_sql_pricing_count},
};
