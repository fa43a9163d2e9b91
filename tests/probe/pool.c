/*
 * tests/probe/pool.c - a pool for the tests of the worker runtime: each operation makes one of its promises
 * visible
 *
 * Tables (made by the test): probe_counter(name text pk, n bigint check (n >= 0)), probe_log(id bigserial,
 * name, amount, batch, place), probe_row(k bigint constraint probe_row_pk primary key, v bigint constraint
 * probe_row_ck check (v < 100)).
 */
#include <stdlib.h>
#include <unistd.h>
#include <libpq-fe.h>

#include "domain/later.h"
#include "worker/args.h"
#include "worker/worker.h"

static const gh_sql_t statements[] = {
    {"probe_lock", "select name, n from probe_counter where name = any($1::text[]) order by name for update"},
    {"probe_sleep", "select pg_sleep($1::float8)"},
    {"probe_log", "insert into probe_log (name, amount, batch, place) "
                  "select * from unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[])"},
    {"probe_count", "update probe_counter c set n = c.n + x.d from (select name, sum(d) as d from "
                    "unnest($1::text[], $2::bigint[]) as u (name, d) group by name) x where c.name = x.name"},
    {"probe_put",
     "insert into probe_row (k, v) values ($1::bigint, $2::bigint) "
     "returning json_build_object('k', k, 'v', v)::text as body, 201 as status, "
     "json_build_object('Location', '/probe/' || k) as headers, json_build_object('action', 'probe.put', "
     "'entity', 'row', 'entity_id', k, 'patient_id', 11, 'changes', json_build_object('v', "
     "json_build_array(null, v))) as audit"},
    {"probe_get",
     "select case when $1::bigint < 0 then null else (100 / ($1::bigint - 7))::text end as body, "
     "case when $1::bigint = -1 then 'ACCOUNT_LOCKED' end as error, json_build_object('n', 60) as params, "
     "pg_sleep(coalesce($2::float8, 0)) is null as slept, $3::text as list, $4::text as map, "
     "case $1::bigint when 55 then '[{\"action\": \"probe.read\", \"entity\": \"row\", \"entity_id\": "
     "\"a\"}, "
     "{\"action\": \"probe.read\", \"entity\": \"row\", \"entity_id\": \"b\"}]' "
     "when 56 then '{\"action\": \"not dotted\", \"entity\": \"row\"}' end as audit "
     "where $1::bigint <> 99"},
    {"probe_who",
     "select json_build_object('user', $1::bigint, 'patient', $2::bigint, 'doctor', $3::bigint, 'dept', "
     "$4::bigint, 'scopes', $5::int, 'roles', $6::int, 'now', $7::timestamptz, 'today', $8::date, 'tz', "
     "$9::text, 'job', $10::uuid, 'lang', $11::text, 'list', $12::bigint[], 'map', $13::json, 'text', "
     "$14::text, 'yes', $15::boolean, 'number', $16::numeric, 'hospital', $17::text)::text as body"},
    {"probe_big", "select to_json(repeat('x', $1::int - 2))::text as body"},
    {"probe_hash_log", "insert into probe_log (name, amount) values ('hash', $1::bigint)"},
};
static const size_t statements_count = GH_COUNT(statements);

/* ---- probe.add: read under lock, decide in order of arrival, write in sets */

typedef struct add {
    gh_str_t name;
    int64_t amount;
} add_t;

static add_t
add_of(const gh_wjob_t *job)
{
    add_t a = {0};
    if (!gh_mp_str(gh_mp_path(job->args, "body.name"), &a.name))
        a.name = GH_STR("?");
    if (!gh_mp_int(gh_mp_path(job->args, "body.amount"), &a.amount))
        a.amount = 1;
    return a;
}

static gh_step_t
add_read(gh_batch_t *b)
{
    gh_pgarr_t names = {0};
    for (size_t i = 0; i < b->n; i++)
        gh_pgarr_text(&names, add_of(b->jobs[i]).name);
    const char *literal = gh_pgarr_literal(&names);
    gh_batch_query(b, "probe_lock", 1, &literal);
    gh_pgarr_fini(&names);
    return GH_STEP_MORE;
}

static gh_step_t
add_write(gh_batch_t *b)
{
    static int64_t serial;
    const PGresult *rows = gh_batch_result(b, 0);
    size_t n_rows = (size_t)PQntuples(rows);
    int64_t *left = gh_batch_alloc(b, (n_rows + 1) * sizeof(*left));
    gh_pgarr_t a[4] = {0};
    for (size_t r = 0; r < n_rows; r++)
        left[r] = gh_pg_i64(rows, (int)r, 1, 0);
    serial++;
    for (size_t i = 0; i < b->n; i++) {
        add_t in = add_of(b->jobs[i]);
        size_t r = 0;
        if (b->jobs[i]->done)
            continue;
        while (r < n_rows && !gh_str_eq(gh_pg_str(rows, (int)r, 0), in.name))
            r++;
        if (r == n_rows) {
            gh_job_refuse(b, b->jobs[i], GH_E_NOT_FOUND, NULL);
            continue;
        }
        if (in.amount != 666 && left[r] + in.amount < 0) {
            gh_job_refuse(b, b->jobs[i], GH_E_RATE_LIMITED,
                          (const gh_error_arg_t[]){{"n", GH_STR("7")}, {0}});
            continue;
        }
        left[r] += in.amount;
        gh_pgarr_text(&a[0], in.name);
        gh_pgarr_i64(&a[1], in.amount == 666 ? -1000000 : in.amount); /* 666: one that the database refuses */
        gh_pgarr_i64(&a[2], serial);
        gh_pgarr_i64(&a[3], (int64_t)i);
        gh_buf_t text GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
        gh_buf_printf(&text, "{\"n\":%lld}", (long long)left[r]);
        gh_job_header(b, b->jobs[i], "Location", "/probe/add");
        gh_job_ok(b, b->jobs[i], 201, gh_buf_view(&text));
    }
    if (a[0].count > 0) {
        const char *p[] = {gh_pgarr_literal(&a[0]), gh_pgarr_literal(&a[1]), gh_pgarr_literal(&a[2]),
                           gh_pgarr_literal(&a[3])};
        gh_batch_query(b, "probe_count", 2, p);
        gh_batch_query(b, "probe_log", 4, p);
    }
    for (size_t i = 0; i < 4; i++)
        gh_pgarr_fini(&a[i]);
    return GH_STEP_DONE;
}

static gh_step_t
step_add(gh_batch_t *b)
{
    return b->phase == 0 ? add_read(b) : add_write(b);
}

/* ---- probe.two: a deadlock when two of them take the same counters in opposite order */

static gh_step_t
step_two(gh_batch_t *b)
{
    static const char *const members[] = {"body.first", "body.second"};
    gh_str_t name = {0};
    if (b->phase == 3) {
        for (size_t i = 0; i < b->n; i++)
            if (!b->jobs[i]->done)
                gh_job_ok(b, b->jobs[i], 0, GH_STR("{}"));
        return GH_STEP_DONE;
    }
    if (b->phase == 1) {
        const char *pause = "0.3";
        gh_batch_query(b, "probe_sleep", 1, &pause);
        return GH_STEP_MORE;
    }
    if (!gh_mp_str(gh_mp_path(b->jobs[0]->args, members[b->phase / 2]), &name))
        return GH_STEP_FAIL;
    gh_pgarr_t a = {0}, d = {0};
    gh_pgarr_text(&a, name);
    gh_pgarr_i64(&d, 1);
    const char *p[] = {gh_pgarr_literal(&a), gh_pgarr_literal(&d)};
    gh_batch_query(b, "probe_count", 2, p);
    gh_pgarr_fini(&a);
    gh_pgarr_fini(&d);
    return GH_STEP_MORE;
}

/* ---- probe.tell */

static gh_step_t
step_tell(gh_batch_t *b)
{
    if (b->phase == 0)
        return GH_STEP_MORE;
    for (size_t i = 0; i < b->n; i++) {
        gh_buf_t payload GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
        if (b->jobs[i]->done)
            continue;
        gh_mpw_map(&payload, 1);
        gh_mpw_cstr(&payload, "user");
        gh_mpw_int(&payload, b->jobs[i]->actor.user_id);
        gh_batch_event(b, "authz", gh_buf_view(&payload));
        gh_job_ok(b, b->jobs[i], 0, GH_STR("{}"));
    }
    return GH_STEP_DONE;
}

/* ---- probe.hash: a task with a wait */

static void
work(void *arg)
{
    usleep(100000);
    *(int64_t *)arg += 1;
}

static gh_step_t
step_hash(gh_batch_t *b)
{
    if (b->phase == 0) {
        b->state = gh_batch_alloc(b, b->n * sizeof(int64_t));
        for (size_t i = 0; i < b->n; i++)
            gh_batch_work(b, work, (int64_t *)b->state + i);
        return GH_STEP_WAIT;
    }
    if (b->phase == 1) {
        const char *one = *(int64_t *)b->state == 1 ? "1" : "0";
        gh_batch_query(b, "probe_hash_log", 1, &one);
        return GH_STEP_MORE;
    }
    for (size_t i = 0; i < b->n; i++)
        if (!b->jobs[i]->done)
            gh_job_ok(b, b->jobs[i], 0, ((int64_t *)b->state)[i] == 1 ? GH_STR("true") : GH_STR("false"));
    return GH_STEP_DONE;
}

/* ---- probe.sync, inner */

static gh_step_t
step_sync(gh_batch_t *b)
{
    for (size_t i = 0; i < b->n; i++)
        gh_job_ok(b, b->jobs[i], 0, GH_STR("{\"seq\":0}"));
    return GH_STEP_DONE;
}

/* ---- probe.later: a job whose key may have a twin */

static gh_step_t
step_later(gh_batch_t *b)
{
    gh_wjob_t *job = b->jobs[0];
    if (b->phase == 0 || job->done)
        return b->phase == 0 ? GH_STEP_MORE : GH_STEP_DONE;
    if (b->phase == 1) {
        (void)gh_later_ask(
            b, &(gh_later_t){.kind = "maintenance",
                             .op = "probe.get",
                             .service = "probe",
                             .unique_key = gh_text(b, gh_arg_str(job->args, "body.key")),
                             .twin = gh_arg_bool(job->args, "body.refuse") ? GH_TWIN_REFUSED : GH_TWIN_JOINED,
                             .run_at_us = b->now_us + INT64_C(600000000)});
        return GH_STEP_MORE;
    }
    gh_buf_t text GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    const PGresult *r = gh_batch_result(b, 0);
    gh_buf_printf(&text, "{\"job\":\"%s\",\"new\":%s}", PQgetvalue(r, 0, 0),
                  gh_pg_bool(r, 0, 1) ? "true" : "false");
    gh_job_ok(b, job, 0, gh_buf_view(&text));
    return GH_STEP_DONE;
}

#define WHO                                                                                                  \
    {                                                                                                        \
        "actor.user_id", "actor.patient_id", "actor.doctor_id", "actor.dept_id", "actor.scopes",             \
            "actor.roles", "now", "today", "tz", "job.id", "lang", "body.list", "body.map", "body.text",     \
            "body.yes", "body.number", "conf.hospital.currency"                                              \
    }

static const struct gh_constraint_map constraints[] = {{"probe_row_pk", GH_E_DUPLICATE}, {0}};

static const struct gh_constraint_map twins[] = {{"jobs_unique_uq", GH_E_DUPLICATE}, {0}};

static const gh_op_t ops[] = {
    {.name = "probe.add", .kind = GH_OP_WRITE, .step = step_add},
    {.name = "probe.put",
     .kind = GH_OP_WRITE,
     .sql = "probe_put",
     .bind = {"body.k", "body.v"},
     .constraints = constraints},
    {.name = "probe.two", .kind = GH_OP_WRITE, .step = step_two, .batch_max = 1},
    {.name = "probe.tell", .kind = GH_OP_WRITE, .step = step_tell},
    {.name = "probe.get",
     .kind = GH_OP_READ,
     .sql = "probe_get",
     .bind = {"body.n", "body.pause", "body.list", "body.map"}},
    {.name = "probe.big", .kind = GH_OP_READ, .sql = "probe_big", .bind = {"body.n"}},
    {.name = "probe.who", .kind = GH_OP_READ, .sql = "probe_who", .bind = WHO, .while_must_change = true},
    {.name = "probe.admin", .kind = GH_OP_READ, .sql = "probe_who", .bind = WHO},
    {.name = "probe.scoped", .kind = GH_OP_READ, .sql = "probe_who", .bind = WHO},
    {.name = "probe.hash", .kind = GH_OP_TASK, .step = step_hash},
    {.name = "probe.later",
     .kind = GH_OP_WRITE,
     .step = step_later,
     .batch_max = 1,
     .constraints = twins,
     .inner = true},
    {.name = "probe.sync", .kind = GH_OP_READ, .step = step_sync, .inner = true},
    {0},
};

static const gh_pool_t gh_pool_probe = {
    .name = "probe", .ops = ops, .sql = {statements}, .sql_count = {&statements_count}};

const gh_pool_t *const gh_pools[] = {&gh_pool_probe, NULL};
