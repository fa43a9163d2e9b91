/*
 * lib/worker/reply.c - what a job is answered: collected in batch memory, sent once the batch has ended well
 */
#include <jansson.h>
#include <libpq-fe.h>

#define GH_LOG_PART GH_LOG_JOB
#include "base/hash.h"
#include "base/log.h"
#include "base/seal_text.h"
#include "base/timez.h"
#include "base/uuid7.h"
#include "worker/internal.h"

/* Members of a stored refusal that had an effect, kept beside the response headers: no header name has a
 * colon. */
#define STORED_ERROR ":error"
#define STORED_PARAM ":param:"
#define STORED_EXTRA ":extra:"

void
gh_answer_reset(gh_wjob_priv_t *j)
{
    PQclear(j->answer.file);
    j->answer = (gh_answer_t){0};
    j->job.done = false;
    j->job.state = NULL;
    j->again = j->effect_flipped = j->access_done = j->actor_known = j->failure_told = false;
}

/* ---- for steps */

static void
add_pair(gh_batch_t *b, gh_pair_t **list, const char *name, gh_str_t value)
{
    gh_pair_t *p = gh_batch_alloc(b, sizeof(*p));
    gh_str_t name_copy = gh_batch_dup(b, gh_str(name)), copy = gh_batch_dup(b, value);
    if (!gh_batch_ok(b))
        return; /* scratch memory must not be linked */
    *p = (gh_pair_t){*list, name_copy.p, copy};
    *list = p;
}

/* A second answer is a bug of the operation; the first one stands. */
static bool
first_answer(gh_wjob_t *job)
{
    if (job->done) {
        gh_log(GH_LOG_ERROR, "answered_twice", GH_KN("op", job->head.op));
        return false;
    }
    return job->done = true;
}

void
gh_job_ok(gh_batch_t *b, gh_wjob_t *job, int status, gh_str_t json)
{
    if (!first_answer(job))
        return;
    gh_answer_t *a = &gh_priv(job)->answer;
    if (json.n > GH_REPLY_MAX) { /* the broker would hang up on it */
        gh_log(GH_LOG_ERROR, "reply_too_large", GH_KN("op", job->head.op), GH_KI("bytes", json.n));
        a->err = GH_E_INTERNAL;
        gh_trace_failed(gh_priv(job), NULL);
        return;
    }
    a->err = GH_E_NONE;
    a->status = (uint16_t)status;
    a->body = gh_batch_dup(b, json);
}

void
gh_job_type(gh_batch_t *b, gh_wjob_t *job, const char *type)
{
    gh_priv(job)->answer.type = gh_batch_dup(b, gh_str(type));
}

void
gh_job_ok_file(gh_batch_priv_t *b, gh_wjob_priv_t *j, gh_str_t type, PGresult *rows, int column)
{
    if (j->job.done)
        PQclear(rows);
    if (!first_answer(&j->job))
        return;
    j->answer.type = gh_arena_dup(&b->arena, type);
    j->answer.file = rows;
    j->answer.file_column = column;
}

void
gh_job_refuse(gh_batch_t *b, gh_wjob_t *job, gh_err_t err, const gh_error_arg_t *args)
{
    if (!first_answer(job))
        return;
    gh_answer_t *a = &gh_priv(job)->answer;
    a->err = err;
    if (err == GH_E_INTERNAL && !gh_priv(job)->failure_told)
        gh_trace_failed(gh_priv(job), NULL);
    for (; args && args->name; args++)
        add_pair(b, &a->params, args->name, args->value);
}

void
gh_job_invalid(gh_batch_t *b, gh_wjob_t *job, const char *field, const char *type, const char *text)
{
    if (job->done)
        return;
    gh_buf_t buf GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_json_t json;
    gh_json_init(&json, &buf);
    gh_json_arr(&json);
    gh_json_obj(&json);
    gh_json_kcstr(&json, "field", field);
    gh_json_kcstr(&json, "code", type);
    gh_json_kcstr(&json, "message", text);
    gh_json_obj_end(&json);
    gh_json_arr_end(&json);
    gh_job_extra(b, job, "errors", gh_buf_view(&buf));
    gh_job_refuse(b, job, GH_E_VALIDATION_FAILED, (const gh_error_arg_t[]){{"field", gh_str(field)}, {0}});
}

void
gh_job_header(gh_batch_t *b, gh_wjob_t *job, const char *name, const char *value)
{
    add_pair(b, &gh_priv(job)->answer.headers, name, gh_str(value));
}

void
gh_job_extra(gh_batch_t *b, gh_wjob_t *job, const char *member, gh_str_t json)
{
    add_pair(b, &gh_priv(job)->answer.extra, member, json);
}

void
gh_job_no_effect(gh_wjob_t *job)
{
    gh_priv(job)->effect_flipped = true;
}

void
gh_job_refuse_by_runtime(gh_batch_priv_t *b, gh_wjob_priv_t *j, gh_err_t err)
{
    j->job.done = false; /* an answer that a step gave too early does not count */
    gh_job_refuse(&b->batch, &j->job, err, NULL);
    j->answer.by_runtime = true;
}

bool
gh_job_has_effect(const gh_batch_priv_t *b, const gh_wjob_priv_t *j)
{
    return b->kind == GH_OP_WRITE && j->job.done && !j->answer.by_runtime &&
           (j->answer.err == GH_E_NONE) != j->effect_flipped;
}

/* What the caller is told for good: after a time-out, an overload or a fault it, or whoever repeats a durable job, asks again. */
static bool
is_final(gh_err_t err)
{
    return err == GH_E_NONE || gh_error_row(err)->http < 500;
}

bool
gh_job_is_recorded(const gh_batch_priv_t *b, const gh_wjob_priv_t *j)
{
    return gh_job_has_effect(b, j) || (b->kind == GH_OP_WRITE && j->recheck && j->job.done &&
                                       !j->answer.by_runtime && is_final(j->answer.err));
}

/* ---- sending */

static gh_mp_t
encode_pairs(gh_buf_t *out, const gh_pair_t *list)
{
    size_t from = out->n;
    uint32_t n = 0;
    for (const gh_pair_t *p = list; p; p = p->next)
        n++;
    if (n == 0)
        return (gh_mp_t){0};
    gh_mpw_map(out, n);
    for (const gh_pair_t *p = list; p; p = p->next) {
        gh_mpw_cstr(out, p->name);
        gh_mpw_str(out, p->value);
    }
    /* offsets for now: the buffer may still move */
    return (gh_mp_t){(const uint8_t *)from, (const uint8_t *)out->n};
}

static gh_mp_t
settle(const gh_buf_t *b, gh_mp_t v)
{
    if (v.end == NULL)
        return v;
    const uint8_t *base = (const uint8_t *)b->p;
    return (gh_mp_t){base + (uintptr_t)v.at, base + (uintptr_t)v.end};
}

static gh_str_t
encode_extra(gh_buf_t *out, const gh_pair_t *list)
{
    size_t from = out->n;
    if (!list)
        return (gh_str_t){0};
    for (const gh_pair_t *p = list; p; p = p->next) {
        gh_buf_putc(out, p == list ? '{' : ',');
        gh_buf_putc(out, '"');
        gh_buf_puts(out, p->name);
        gh_buf_puts(out, "\":");
        gh_buf_str(out, p->value);
    }
    gh_buf_putc(out, '}');
    return (gh_str_t){(const char *)from, out->n - from};
}

/* A pair list without value twice: the newest stands, so a replayed or repeated header is not sent twice. */
static void
encode_head(gh_worker_t *w, gh_wjob_priv_t *j, int64_t work_us)
{
    const gh_answer_t *a = &j->answer;
    gh_buf_clear(&w->maps);
    gh_buf_clear(&w->scratch);
    gh_mp_t params = encode_pairs(&w->maps, a->params), headers = encode_pairs(&w->maps, a->headers);
    gh_str_t extra = encode_extra(&w->maps, a->extra);
    gh_reply_head_t h = {.attempt = j->job.head.attempt, .status = a->status};
    memcpy(h.id, j->job.head.id, sizeof(h.id));
    if (a->err != GH_E_NONE)
        h.error = gh_str(gh_error_row(a->err)->name);
    h.type = a->type;
    h.params = settle(&w->maps, params);
    h.headers = settle(&w->maps, headers);
    if (extra.n > 0)
        h.extra = (gh_str_t){w->maps.p + (uintptr_t)extra.p, extra.n};
    h.work_us = work_us > UINT32_MAX ? UINT32_MAX : (uint32_t)work_us;
    int64_t db_us = j->in_batch ? j->in_batch->trips.db_us : 0;
    h.db_us = db_us > UINT32_MAX ? UINT32_MAX : (uint32_t)db_us;
    gh_reply_head_encode(&h, &w->scratch);
}

/* The body as it leaves: sealed values are opened only now. */
static void
open_body(gh_worker_t *w, gh_wjob_priv_t *j)
{
    gh_answer_t *a = &j->answer;
    if (a->err != GH_E_NONE || !a->body.n || !j->op || !j->op->def->sealed)
        return;
    gh_seal_splice(gh_worker_seal(w), a->body, &w->opened);
    a->body = gh_buf_view(&w->opened);
}

static void
wipe_opened(gh_worker_t *w)
{
    if (w->opened.n)
        explicit_bzero(w->opened.p, w->opened.n);
    gh_buf_clear(&w->opened);
}

static void
send_answer(gh_wjob_priv_t *j)
{
    gh_wpool_t *p = j->link->pool;
    gh_worker_t *w = p->worker;
    int64_t work_us = gh_mono_us() - j->received_us;
    encode_head(w, j, work_us);
    open_body(w, j);
    gh_stats_job(&p->stats, work_us);
    gh_tally_answer(j);
    if (j->answer.err != GH_E_NONE)
        p->stats.refused++;
    gh_trace_answered(j, work_us);
    if (!gh_buf_ok(&w->scratch) || !gh_buf_ok(&w->maps) || !gh_buf_ok(&w->opened)) {
        gh_log(GH_LOG_ERROR, "reply_memory");
        p->stats.dropped++;
    } else
        gh_link_send_final(j->link, j->link_generation, &j->client, gh_buf_view(&w->scratch), &j->answer);
    wipe_opened(w);
    p->in_hand--;
    gh_job_free(w, j);
}

void
gh_job_answer(gh_batch_priv_t *b, gh_wjob_priv_t *j)
{
    (void)b;
    send_answer(j);
}

void
gh_job_answer_refusal(gh_wjob_priv_t *j, gh_err_t err)
{
    bool told = j->failure_told;
    gh_answer_reset(j);
    j->answer.err = err;
    if (err == GH_E_INTERNAL && !told)
        gh_trace_failed(j, NULL);
    send_answer(j);
}

/* ---- storing and replaying */

gh_str_t
gh_job_headers_json(gh_batch_priv_t *b, const gh_wjob_priv_t *j)
{
    const gh_answer_t *a = &j->answer;
    if (!a->headers && a->err == GH_E_NONE)
        return (gh_str_t){0};
    gh_buf_t buf GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT, key GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_json_t json;
    gh_json_init(&json, &buf);
    gh_json_obj(&json);
    for (const gh_pair_t *p = a->headers; p; p = p->next)
        gh_json_kstr(&json, p->name, p->value);
    if (a->err != GH_E_NONE)
        gh_json_kcstr(&json, STORED_ERROR, gh_error_row(a->err)->name);
    for (const gh_pair_t *p = a->params; p; p = p->next) {
        gh_buf_clear(&key);
        gh_buf_printf(&key, STORED_PARAM "%s", p->name);
        gh_json_kstr(&json, gh_buf_cstr(&key), p->value);
    }
    for (const gh_pair_t *p = a->extra; p; p = p->next) {
        gh_buf_clear(&key);
        gh_buf_printf(&key, STORED_EXTRA "%s", p->name);
        gh_json_kstr(&json, gh_buf_cstr(&key), p->value);
    }
    gh_json_obj_end(&json);
    if (!gh_buf_ok(&buf) || !gh_buf_ok(&key))
        b->arena.failed = true;
    return gh_arena_dup(&b->arena, gh_buf_view(&buf));
}

static const char *
after(const char *name, const char *prefix)
{
    size_t n = strlen(prefix);
    return strncmp(name, prefix, n) == 0 ? name + n : NULL;
}

void
gh_job_replay(gh_batch_priv_t *b, gh_wjob_priv_t *j, int status, gh_str_t headers, gh_str_t body, bool by_key)
{
    gh_wjob_t *job = &j->job;
    gh_job_ok(&b->batch, job, status, body);
    j->answer.by_runtime = true;
    json_t *stored = headers.p ? json_loadb(headers.p, headers.n, 0, NULL) : NULL;
    const char *name;
    json_t *value;
    json_object_foreach(stored, name, value)
    {
        gh_str_t text = {json_string_value(value), json_string_length(value)};
        const char *rest;
        if (!text.p)
            continue;
        if (strcmp(name, STORED_ERROR) == 0)
            j->answer.err = gh_error_find(text);
        else if ((rest = after(name, STORED_PARAM)))
            add_pair(&b->batch, &j->answer.params, rest, text);
        else if ((rest = after(name, STORED_EXTRA)))
            add_pair(&b->batch, &j->answer.extra, rest, text);
        else
            add_pair(&b->batch, &j->answer.headers, name, text);
    }
    json_decref(stored);
    if (by_key)
        gh_job_header(&b->batch, job, "Idempotency-Replayed", "true");
}
