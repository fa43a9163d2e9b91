/*
 * lib/worker/operations.c - a pool's table of operations, held against the contract at start
 *
 * A fault here stops the process: an operation that the contract does not know would answer callers whose
 * access nobody has stated.
 */
#include <stdlib.h>

#include "base/hash.h"
#include "base/log.h"
#include "worker/internal.h"

static int
fault(const gh_pool_t *pool, const char *op, const char *why)
{
    gh_log(GH_LOG_ERROR, "pool_table", GH_KS("pool", pool->name), GH_KS("op", op), GH_KS("fault", why));
    return -1;
}

/* ---- groups */

static const char *
batch_name(const gh_op_t *op)
{
    return op->batch ? op->batch : op->name;
}

static gh_step_fn
step_of(const gh_op_t *op)
{
    if (op->step)
        return op->step;
    return op->kind == GH_OP_WRITE ? gh_sql_step_write : gh_sql_step_read;
}

static int
join_group(gh_wpool_t *p, gh_wop_t *wop)
{
    const gh_op_t *op = wop->def;
    size_t max = op->batch_max > 0 && op->batch_max < p->credit ? op->batch_max : p->credit;
    for (size_t i = 0; i < p->n_groups; i++) {
        gh_group_t *g = &p->groups[i];
        if (!gh_str_is(gh_str(g->name), batch_name(op)))
            continue;
        if (g->kind != op->kind || g->step != step_of(op))
            return fault(p->def, op->name, "shares its batch name with an operation of another kind or step");
        if (max < g->batch_max)
            g->batch_max = max;
        wop->group = g;
        return 0;
    }
    gh_group_t *g = &p->groups[p->n_groups++];
    *g = (gh_group_t){
        .pool = p, .name = batch_name(op), .kind = op->kind, .step = step_of(op), .batch_max = max};
    wop->group = g;
    return 0;
}

/* ---- one operation */

static int
copy_access(gh_wop_t *wop, const gh_operation_t *in)
{
    wop->access = in->access;
    wop->access.permission = in->access.permission ? strdup(in->access.permission) : NULL;
    wop->access.public_if = in->access.public_if ? strdup(in->access.public_if) : NULL;
    return (in->access.permission && !wop->access.permission) ||
                   (in->access.public_if && !wop->access.public_if)
               ? -1
               : 0;
}

/* The access of another operation, which a front serves once this one has let the caller pass, or which is
 * carried out later; a write honours its key (x-idempotent) too. */
static int
read_access_of(gh_wpool_t *p, gh_wop_t *wop, const gh_contract_t *contract)
{
    const gh_op_t *op = wop->def;
    const gh_operation_t *of = gh_contract_find(contract, gh_str(op->access_of));
    if (!of)
        return fault(p->def, op->name, "takes the access of what is not in the contract");
    wop->idempotent = of->idempotent && op->kind == GH_OP_WRITE;
    return copy_access(wop, of) ? fault(p->def, op->name, "out of memory") : 0;
}

static int
read_contract(gh_wpool_t *p, gh_wop_t *wop, const gh_contract_t *contract)
{
    const gh_op_t *op = wop->def;
    const gh_operation_t *in = gh_contract_find(contract, gh_str(op->name));
    if (op->inner) {
        if (in)
            return fault(p->def, op->name, "is marked inner and stands in the contract");
        wop->access.kind = GH_ACCESS_PUBLIC;
        return op->access_of ? read_access_of(p, wop, contract) : 0;
    }
    if (!in)
        return fault(p->def, op->name, "is not in the contract");
    if (strcmp(in->pool, p->def->name) != 0)
        return fault(p->def, op->name, "belongs to another pool by the contract (x-pool)");
    if (copy_access(wop, in))
        return fault(p->def, op->name, "out of memory");
    wop->idempotent = in->idempotent;
    if (wop->idempotent && op->kind != GH_OP_WRITE)
        return fault(p->def, op->name, "is x-idempotent, but not a GH_OP_WRITE");
    if (p->def->no_database &&
        (in->access.kind == GH_ACCESS_ROLES || in->access.kind == GH_ACCESS_PERMISSION))
        return fault(p->def, op->name, "asks for roles in a pool without a database");
    return 0;
}

static bool
has_statement(const gh_pool_t *pool, const char *name)
{
    for (size_t t = 0; t < GH_COUNT(pool->sql) && pool->sql[t]; t++)
        for (size_t i = 0; i < *pool->sql_count[t]; i++)
            if (strcmp(pool->sql[t][i].name, name) == 0)
                return true;
    return false;
}

static int
read_binds(gh_wpool_t *p, gh_wop_t *wop)
{
    const gh_op_t *op = wop->def;
    if (!op->step == !op->sql)
        return fault(p->def, op->name, "needs either a step or a statement");
    if (!op->sql)
        return 0;
    if (!has_statement(p->def, op->sql))
        return fault(p->def, op->name, "names a statement that the pool does not have");
    for (; wop->n_bind < GH_BIND_MAX && op->bind[wop->n_bind]; wop->n_bind++)
        if (gh_bind_parse(p->worker->conf, op->bind[wop->n_bind], &wop->bind[wop->n_bind]))
            return fault(p->def, op->name, op->bind[wop->n_bind]);
    return 0;
}

/* ---- the table */

static int
index_add(gh_wpool_t *p, gh_wop_t *wop)
{
    gh_str_t name = gh_str(wop->def->name);
    size_t i = gh_hash64(name.p, name.n) & p->index_mask;
    for (; p->index[i].op; i = (i + 1) & p->index_mask)
        if (gh_str_eq(p->index[i].name, name))
            return fault(p->def, wop->def->name, "stands in the table twice");
    p->index[i].name = name;
    p->index[i].op = wop;
    return 0;
}

gh_wop_t *
gh_wpool_find(const gh_wpool_t *p, gh_str_t name)
{
    for (size_t i = gh_hash64(name.p, name.n) & p->index_mask; p->index[i].op; i = (i + 1) & p->index_mask)
        if (gh_str_eq(p->index[i].name, name))
            return p->index[i].op;
    return NULL;
}

int
gh_wpool_init(gh_wpool_t *p, gh_worker_t *w, const gh_pool_t *def, const gh_contract_t *contract)
{
    *p = (gh_wpool_t){.worker = w, .def = def};
    p->credit = (size_t)gh_conf_int(w->conf, "worker.credit");
    while (def->ops[p->n_ops].name)
        p->n_ops++;
    p->index_mask = 7;
    while (p->index_mask < p->n_ops * 2)
        p->index_mask = p->index_mask * 2 + 1;
    p->ops = calloc(p->n_ops + 1, sizeof(*p->ops));
    p->groups = calloc(p->n_ops + 1, sizeof(*p->groups));
    p->index = calloc(p->index_mask + 1, sizeof(*p->index));
    if (!p->ops || !p->groups || !p->index)
        return fault(def, "", "out of memory");
    int rc = 0;
    for (size_t i = 0; i < p->n_ops; i++) {
        p->ops[i].def = &def->ops[i];
        if (def->no_database && def->ops[i].kind != GH_OP_READ)
            rc = fault(def, def->ops[i].name, "writes in a pool without a database");
        /* go on after a fault: whoever mends the table wants to see all of them */
        if (read_contract(p, &p->ops[i], contract) || read_binds(p, &p->ops[i]) ||
            join_group(p, &p->ops[i]) || index_add(p, &p->ops[i]))
            rc = -1;
    }
    return rc;
}

void
gh_wpool_fini(gh_wpool_t *p)
{
    for (size_t i = 0; p->ops && i < p->n_ops; i++) {
        free((char *)p->ops[i].access.permission);
        free((char *)p->ops[i].access.public_if);
    }
    free(p->ops);
    free(p->groups);
    free(p->index);
}
