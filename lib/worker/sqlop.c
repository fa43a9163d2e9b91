/*
 * lib/worker/sqlop.c - operations that are one SQL statement: binding arguments, reading the answer row
 *
 * A read is a segment of its own for each job, so that an error hits one job. Writes of a batch share its
 * transaction.
 */
#include <stdio.h>
#include <jansson.h>
#include <libpq-fe.h>

#include "base/log.h"
#include "base/seal_text.h"
#include "base/timez.h"
#include "base/uuid7.h"
#include "worker/internal.h"

/* Of numbers as many digits as a decimal fraction keeps: 0.8 stays 0.8. */
#define DUMP (JSON_COMPACT | JSON_REAL_PRECISION(15))

/* ---- binding */

int
gh_bind_parse(const gh_conf_t *conf, const char *name, gh_bind_t *out)
{
    static const struct {
        const char *name;
        enum gh_bind_from from;
    } fixed[] = {
        {"actor.user_id", GH_BIND_USER},
        {"actor.session", GH_BIND_SESSION},
        {"actor.patient_id", GH_BIND_PATIENT},
        {"actor.doctor_id", GH_BIND_DOCTOR},
        {"actor.dept_id", GH_BIND_DEPT},
        {"actor.scopes", GH_BIND_SCOPES},
        {"actor.roles", GH_BIND_ROLES},
        {"now", GH_BIND_NOW},
        {"today", GH_BIND_TODAY},
        {"tz", GH_BIND_TZ},
        {"job.id", GH_BIND_JOB_ID},
        {"lang", GH_BIND_LANG},
    };
    static const char *const sections[] = {"path.", "query.", "body.", "form."};
    for (size_t i = 0; i < GH_COUNT(fixed); i++)
        if (strcmp(fixed[i].name, name) == 0) {
            *out = (gh_bind_t){.from = fixed[i].from};
            return 0;
        }
    for (size_t i = 0; i < GH_COUNT(sections); i++)
        if (strncmp(name, sections[i], strlen(sections[i])) == 0 || strcmp(name, "body") == 0 ||
            strcmp(name, "query") == 0 || strcmp(name, "if_match") == 0 ||
            strcmp(name, "if_none_match") == 0) {
            *out = (gh_bind_t){.from = GH_BIND_ARG, .text = name};
            return 0;
        }
    if (strncmp(name, "blind.", 6) == 0) {
        *out = (gh_bind_t){.from = GH_BIND_BLIND, .text = name + 6};
        return 0;
    }
    if (strncmp(name, "conf.", 5) == 0 && gh_conf_text(conf, name + 5)) {
        *out = (gh_bind_t){.from = GH_BIND_CONF, .text = name + 5};
        return 0;
    }
    return -1;
}

static void
json_element(gh_pgarr_t *a, gh_mp_t v)
{
    gh_buf_t text GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_mp_to_json(v, &text);
    if (!gh_buf_ok(&text))
        a->buf.failed = true;
    gh_pgarr_text(a, gh_buf_view(&text));
}

/* A list as an array literal; elements that are no scalars travel as JSON text. */
static void
put_list(gh_mp_t list, gh_buf_t *out)
{
    gh_pgarr_t a = {0};
    for (gh_mp_iter_t it = gh_mp_iter(list); gh_mp_next(&it);) {
        gh_str_t s;
        int64_t i;
        bool yes;
        if (gh_mp_str(it.value, &s))
            gh_pgarr_text(&a, s);
        else if (gh_mp_int(it.value, &i))
            gh_pgarr_i64(&a, i);
        else if (gh_mp_bool(it.value, &yes))
            gh_pgarr_bool(&a, yes);
        else if (gh_mp_type(it.value) == GH_MP_NIL)
            gh_pgarr_null(&a);
        else
            json_element(&a, it.value);
    }
    const char *literal = gh_pgarr_literal(&a);
    if (literal)
        gh_buf_puts(out, literal);
    else
        out->failed = true;
    gh_pgarr_fini(&a);
}

/* The text of an argument into out; false: SQL NULL. A text that PostgreSQL cannot hold sets out->failed. */
static bool
put_value(gh_mp_t v, gh_buf_t *out)
{
    gh_str_t s;
    bool yes;
    switch (gh_mp_type(v)) {
    case GH_MP_STR:
        if (!gh_mp_str(v, &s) || memchr(s.p, '\0', s.n))
            out->failed = true;
        else
            gh_buf_str(out, s);
        return true;
    case GH_MP_BOOL:
        gh_buf_puts(out, gh_mp_bool(v, &yes) && yes ? "t" : "f");
        return true;
    case GH_MP_ARRAY:
        put_list(v, out);
        return true;
    case GH_MP_INT:
    case GH_MP_FLOAT:
    case GH_MP_MAP:
        gh_mp_to_json(v, out);
        return true;
    default:
        return false;
    }
}

static const char *
arena_text(gh_batch_priv_t *b, const char *s)
{
    return gh_arena_dup(&b->arena, gh_str(s)).p;
}

static const char *
id_or_null(gh_batch_priv_t *b, int64_t id)
{
    char text[24];
    snprintf(text, sizeof(text), "%lld", (long long)id);
    return id ? arena_text(b, text) : NULL;
}

static const char *
session_or_null(gh_batch_priv_t *b, gh_str_t sid)
{
    char text[GH_UUID_TEXT];
    if (sid.n != 16)
        return NULL;
    gh_uuid_text((const uint8_t *)sid.p, text);
    return arena_text(b, text);
}

static const char *
number(gh_batch_priv_t *b, uint32_t v)
{
    char text[16];
    snprintf(text, sizeof(text), "%u", v);
    return arena_text(b, text);
}

/* false: the argument cannot be a parameter, the job is refused. */
static bool
bind_arg(gh_batch_priv_t *b, gh_wjob_priv_t *j, const char *path, const char **out)
{
    gh_buf_t text GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    bool given = put_value(gh_mp_path(j->job.args, path), &text);
    if (!gh_buf_ok(&text)) {
        const char *dot = strchr(path, '.');
        gh_job_invalid(&b->batch, &j->job, dot ? dot + 1 : path, "value_error", "not a valid text");
        return false;
    }
    *out = given ? gh_arena_dup(&b->arena, gh_buf_view(&text)).p : NULL;
    return true;
}

/* The blind index of a text argument; a text that is too long for one finds nothing, its index is empty. False: there is no key. */
static bool
bind_blind(gh_batch_priv_t *b, gh_wjob_priv_t *j, const char *path, const char **out)
{
    gh_buf_t text GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    const gh_seal_t *seal = gh_worker_seal(b->batch.worker);
    gh_str_t s;
    *out = NULL;
    if (!gh_mp_str(gh_mp_path(j->job.args, path), &s))
        return true;
    if (!seal) {
        gh_job_refuse(&b->batch, &j->job, GH_E_INTERNAL, NULL);
        return false;
    }
    *out = gh_blind_param(seal, s, &text) ? "\\x" : gh_arena_dup(&b->arena, gh_buf_view(&text)).p;
    return true;
}

static bool
bind_one(gh_batch_priv_t *b, gh_wjob_priv_t *j, const gh_bind_t *bind, const char **out)
{
    const gh_actor_t *a = &j->job.actor;
    char text[GH_PG_TIME_TEXT + GH_UUID_TEXT + GH_TEXT_DATE];
    switch (bind->from) {
    case GH_BIND_ARG:
        return bind_arg(b, j, bind->text, out);
    case GH_BIND_USER:
        *out = id_or_null(b, a->user_id);
        break;
    case GH_BIND_SESSION:
        *out = session_or_null(b, j->job.head.actor.session);
        break;
    case GH_BIND_PATIENT:
        *out = id_or_null(b, a->patient_id);
        break;
    case GH_BIND_DOCTOR:
        *out = id_or_null(b, a->doctor_id);
        break;
    case GH_BIND_DEPT:
        *out = id_or_null(b, a->dept_id);
        break;
    case GH_BIND_SCOPES:
        *out = number(b, a->scopes);
        break;
    case GH_BIND_ROLES: /* in a public operation the caller has not been decided on */
        *out = number(b, a->alive && !a->must_change_password ? a->roles : 0);
        break;
    case GH_BIND_NOW:
        gh_pg_time_text(b->batch.now_us, text);
        *out = arena_text(b, text);
        break;
    case GH_BIND_TODAY:
        gh_day_text(gh_tz_day(b->batch.now_us), text);
        *out = arena_text(b, text);
        break;
    case GH_BIND_TZ:
        *out = gh_tz_name();
        break;
    case GH_BIND_JOB_ID:
        gh_uuid_text(j->job.head.id, text);
        *out = arena_text(b, text);
        break;
    case GH_BIND_LANG:
        *out = j->job.head.actor.lang.n ? gh_arena_dup(&b->arena, j->job.head.actor.lang).p : NULL;
        break;
    case GH_BIND_BLIND:
        return bind_blind(b, j, bind->text, out);
    case GH_BIND_CONF:
        *out = gh_conf_text(b->pool->worker->conf, bind->text);
        break;
    }
    return true;
}

static bool
send_job(gh_batch_priv_t *b, gh_wjob_priv_t *j)
{
    const char *params[GH_BIND_MAX];
    for (size_t i = 0; i < j->op->n_bind; i++)
        if (!bind_one(b, j, &j->op->bind[i], &params[i]))
            return false;
    return gh_batch_ask_bytes(b, j->op->def->sql, (int)j->op->n_bind, params, -1, (gh_str_t){0},
                              j->op->def->file) == 0;
}

/* ---- the answer row */

/* json column {name: text}; anything else in it is the statement's fault and left out. */
static json_t *
column_object(const PGresult *r, const char *column)
{
    int c = PQfnumber(r, column);
    gh_str_t s = {0};
    if (c >= 0)
        s = gh_pg_str(r, 0, c);
    json_t *o = s.p ? json_loadb(s.p, s.n, 0, NULL) : NULL;
    if (o && !json_is_object(o)) {
        json_decref(o);
        o = NULL;
    }
    return o;
}

static void
put_headers(gh_batch_t *batch, gh_wjob_t *job, const PGresult *r)
{
    json_t *headers = column_object(r, "headers"), *value;
    const char *name;
    json_object_foreach(headers, name, value)
    {
        char number_text[32];
        if (json_is_integer(value)) {
            snprintf(number_text, sizeof(number_text), "%lld", (long long)json_integer_value(value));
            gh_job_header(batch, job, name, number_text);
        } else if (json_is_string(value))
            gh_job_header(batch, job, name, json_string_value(value));
    }
    json_decref(headers);
}

#define ARGS_MAX 12

static void
refuse_by_row(gh_batch_t *batch, gh_wjob_t *job, const PGresult *r, gh_str_t error)
{
    gh_error_arg_t args[ARGS_MAX + 1] = {0};
    char numbers[ARGS_MAX][32];
    size_t n = 0;
    gh_err_t err = gh_error_find(error);
    if (err == GH_E_NONE) {
        gh_log(GH_LOG_ERROR, "unknown_error_row", GH_KN("op", job->head.op), GH_KN("error", error));
        err = GH_E_INTERNAL;
    }
    json_t *params = column_object(r, "params"), *extra = column_object(r, "extra"), *value;
    const char *name;
    json_object_foreach(extra, name, value)
    {
        char *text = json_dumps(value, JSON_ENCODE_ANY | DUMP);
        if (text)
            gh_job_extra(batch, job, name, gh_str(text));
        free(text);
    }
    json_decref(extra);
    json_object_foreach(params, name, value)
    {
        if (n == ARGS_MAX)
            break;
        args[n].name = name;
        if (json_is_integer(value)) {
            snprintf(numbers[n], sizeof(numbers[n]), "%lld", (long long)json_integer_value(value));
            args[n].value = gh_str(numbers[n]);
        } else if (json_is_string(value))
            args[n].value = (gh_str_t){json_string_value(value), json_string_length(value)};
        n++;
    }
    gh_job_refuse(batch, job, err, args);
    json_decref(params);
}

static int64_t
json_number(const json_t *o, const char *member)
{
    return json_integer_value(json_object_get(o, member));
}

static void
audit_one(gh_batch_t *batch, gh_wjob_t *job, const json_t *o)
{
    const json_t *id = json_object_get(o, "entity_id");
    char *changes = json_dumps(json_object_get(o, "changes"), DUMP);
    gh_batch_audit(batch, job,
                   &(gh_audit_t){.action = json_string_value(json_object_get(o, "action")),
                                 .entity = json_string_value(json_object_get(o, "entity")),
                                 .entity_id = json_integer_value(id),
                                 .entity_key = json_string_value(id),
                                 .patient_id = json_number(o, "patient_id"),
                                 .outcome = json_string_value(json_object_get(o, "outcome")),
                                 .changes = json_is_object(json_object_get(o, "changes")) ? changes : NULL});
    free(changes);
}

/* Column `audit`: an object or an array of them; SQL NULL: nothing happened. Anything else is the statement's fault and fails it. */
static void
audit_by_row(gh_batch_t *batch, gh_wjob_t *job, const PGresult *r)
{
    int c = PQfnumber(r, "audit");
    gh_str_t text = {0};
    if (c >= 0)
        text = gh_pg_str(r, 0, c);
    if (!text.p)
        return;
    json_t *list = json_loadb(text.p, text.n, 0, NULL), *one;
    size_t i;
    if (!list)
        batch->priv->failed = true;
    if (json_is_object(list))
        audit_one(batch, job, list);
    json_array_foreach(list, i, one)
    {
        audit_one(batch, job, one);
    }
    json_decref(list);
}

/* Column `invalid`. True: it was there, the job is refused. */
static bool
invalid_by_row(gh_batch_t *batch, gh_wjob_t *job, const PGresult *r)
{
    json_t *o = column_object(r, "invalid");
    const char *field = json_string_value(json_object_get(o, "field")),
               *text = json_string_value(json_object_get(o, "text"));
    if (field && text)
        gh_job_invalid(batch, job, field, "value_error", text);
    json_decref(o);
    return field && text;
}

bool
gh_job_row_refuses(gh_batch_t *batch, gh_wjob_t *job, const PGresult *r)
{
    if (PQntuples(r) == 0) {
        gh_job_refuse(batch, job, GH_E_NOT_FOUND, NULL);
        return true;
    }
    int c = PQfnumber(r, "error");
    gh_str_t error = {0};
    if (c >= 0)
        error = gh_pg_str(r, 0, c);
    put_headers(batch, job, r);
    if (!error.p)
        return invalid_by_row(batch, job, r);
    refuse_by_row(batch, job, r, error);
    return true;
}

void
gh_job_row(gh_batch_t *batch, gh_wjob_t *job, const PGresult *r)
{
    if (gh_job_row_refuses(batch, job, r))
        return;
    int status = PQfnumber(r, "status"), body = PQfnumber(r, "body"), type = PQfnumber(r, "type");
    gh_str_t text = {0};
    if (body >= 0)
        text = gh_pg_str(r, 0, body);
    audit_by_row(batch, job, r);
    if (type >= 0 && !PQgetisnull(r, 0, type))
        gh_job_type(batch, job, PQgetvalue(r, 0, type));
    gh_job_ok(batch, job, status < 0 ? 0 : (int)gh_pg_i64(r, 0, status, 0), text.p ? text : GH_STR("null"));
}

/* The answer is a file: the result becomes the answer's. */
static void
answer_by_file(gh_batch_priv_t *b, gh_wjob_priv_t *j, size_t index)
{
    const PGresult *r = gh_batch_result(&b->batch, index);
    int type = PQfnumber(r, "type"), bytes = PQfnumber(r, "bytes"), error = PQfnumber(r, "error");
    bool found = PQntuples(r) > 0 && type >= 0 && bytes >= 0;
    if (!found || (error >= 0 && !PQgetisnull(r, 0, error))) {
        gh_job_row(&b->batch, &j->job, r);
        return;
    }
    put_headers(&b->batch, &j->job, r);
    gh_job_ok_file(b, j, gh_pg_str(r, 0, type), gh_batch_take_result(b, index), bytes);
}

/* ---- steps */

typedef struct plan {
    bool sent;
    size_t *index; /* of a job's result, GH_NONE: not sent */
} plan_t;

static plan_t *
plan_of(gh_batch_priv_t *b)
{
    if (!b->batch.state) {
        plan_t *p = gh_arena_alloc(&b->arena, sizeof(*p));
        p->index = gh_arena_alloc(&b->arena, (b->batch.n + 1) * sizeof(*p->index));
        b->batch.state = p;
    }
    return b->batch.state;
}

static gh_step_t
send_all(gh_batch_priv_t *b, plan_t *plan)
{
    size_t n = 0;
    if (b->arena.failed)
        return GH_STEP_FAIL;
    plan->sent = true;
    for (size_t i = 0; i < b->batch.n; i++) {
        gh_wjob_priv_t *j = gh_priv(b->batch.jobs[i]);
        plan->index[i] = GH_NONE;
        bool named = !j->job.done && b->per_job && b->queued == 0 && gh_trace_wanted(b, j);
        if (named)
            gh_trace_put(b, j, 0);
        n += named;
        if (j->job.done || !send_job(b, j))
            continue;
        plan->index[i] = n++;
        if (b->per_job)
            gh_exec_sync(b);
    }
    return GH_STEP_MORE;
}

static gh_step_t
read_all(gh_batch_priv_t *b, const plan_t *plan)
{
    for (size_t i = 0; i < b->batch.n; i++) {
        gh_wjob_priv_t *j = gh_priv(b->batch.jobs[i]);
        if (plan->index[i] == GH_NONE || j->job.done)
            continue;
        const PGresult *r = gh_batch_result(&b->batch, plan->index[i]);
        if (PQresultStatus(r) == PGRES_TUPLES_OK && j->op->def->file) {
            answer_by_file(b, j, plan->index[i]);
            continue;
        }
        if (PQresultStatus(r) == PGRES_TUPLES_OK) {
            gh_job_row(&b->batch, &j->job, r);
            continue;
        }
        gh_pg_error_t e;
        gh_pg_error_of(r, &e);
        gh_fail_job(b, j, &e);
    }
    return GH_STEP_DONE;
}

gh_step_t
gh_sql_step_read(gh_batch_t *batch)
{
    gh_batch_priv_t *b = batch->priv;
    plan_t *plan = plan_of(b);
    if (plan->sent)
        return read_all(b, plan);
    /* a phase for the callers first, unless all are known */
    if (batch->phase == 0 && b->at_actors != GH_NONE)
        return GH_STEP_MORE;
    b->per_job = true;
    return send_all(b, plan);
}

gh_step_t
gh_sql_step_write(gh_batch_t *batch)
{
    gh_batch_priv_t *b = batch->priv;
    plan_t *plan = plan_of(b);
    if (batch->phase == 0)
        return GH_STEP_MORE;
    return plan->sent ? read_all(b, plan) : send_all(b, plan);
}
