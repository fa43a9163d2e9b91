/*
 * workers/system/settings.c - settings of running programs: SY-05 and SY-06 (api/29; decisions 11 and 21)
 *
 * A change is written with its entry of the audit log; the event "config" then tells every program all settings of the database. What
 * environment or file say cannot be changed here, nor what a program reads at its start alone (restart_needed), nor a secret.
 *
 *   phase 0   nothing: the runtime loads the caller and decides x-access first
 *   phase 1   is each value good? lock, read the rows as they are
 *   phase 2   If-Match; write; read the rows as they are now
 *   phase 3   answer, entry, event
 */
#include <libpq-fe.h>

#include "base/timez.h"
#include "db/arrays.h"
#include "domain/if_match.h"
#include "domain/setting_rows.h"
#include "wire/config_event.h"
#include "worker/args.h"
#include "workers/system/system.h"

#define CHANGES_MAX 200 /* of the contract */

/* Columns of settings_rows. */
enum { R_KEY, R_VALUE, R_UPDATED_AT, R_UPDATED_BY };

typedef struct change {
    const gh_setting_t *set;
    const char *json; /* NULL: back to the default */
    gh_str_t before;  /* JSON */
} change_t;

typedef struct work {
    change_t changes[CHANGES_MAX];
    size_t n;
    size_t at_rows, at_revision, at_told;
} work_t;

static const gh_conf_t *
conf_of(const gh_batch_t *b)
{
    return gh_worker_conf(b->worker);
}

/* Whether the database has a say: neither environment nor file set it in this process. */
static bool
is_open(const gh_batch_t *b, const gh_setting_t *set)
{
    return gh_setting_is_database(set) || gh_conf_is_open(conf_of(b), (size_t)(set - gh_settings));
}

static const char *
all_keys(gh_batch_t *b)
{
    gh_pgarr_t keys GH_CLEANUP(gh_pgarr_fini) = {0};
    for (size_t i = 0; i < gh_setting_rows(); i++)
        gh_pgarr_text(&keys, gh_str(gh_setting_key(gh_setting_row(i))));
    const char *literal = gh_pgarr_literal(&keys);
    return literal ? gh_text(b, gh_str(literal)) : "{}";
}

static void
ask_rows(gh_batch_t *b, size_t *rows, size_t *revision)
{
    const char *keys = all_keys(b);
    *rows = gh_batch_query(b, "settings_rows", 2, (const char *[]){keys, gh_tz_name()});
    *revision = gh_batch_query(b, "settings_revision", 1, &keys);
}

static int
row_of(const PGresult *r, const gh_setting_t *set)
{
    for (int row = 0; row < PQntuples(r); row++)
        if (gh_str_is(gh_pg_str(r, row, R_KEY), gh_setting_key(set)))
            return row;
    return -1;
}

/* ---- showing */

static void
put_default(gh_json_t *j, const gh_setting_t *set)
{
    gh_setting_json(j, set, set->def);
}

static void
put_value(gh_batch_t *b, gh_json_t *j, const gh_setting_t *set, const PGresult *r, int row)
{
    gh_str_t stored = {0};
    if (row >= 0 && set->live && is_open(b, set))
        stored = gh_pg_str(r, row, R_VALUE);
    if (stored.p)
        gh_json_raw(j, stored);
    else if (gh_setting_is_database(set))
        put_default(j, set);
    else {
        const char *text = gh_conf_text(conf_of(b), set->name);
        bool taken = set->live && gh_conf_is_open(conf_of(b), (size_t)(set - gh_settings));
        if (taken) /* its row is gone already, the process may not know yet */
            text = conf_of(b)->initial[set - gh_settings];
        gh_setting_json(j, set, set->secret && *text ? "***" : text);
    }
}

static void
put_entry(gh_batch_t *b, gh_json_t *j, const gh_setting_t *set, const PGresult *r)
{
    int row = row_of(r, set);
    gh_json_obj(j);
    gh_json_kcstr(j, "key", gh_setting_key(set));
    gh_json_key(j, "value");
    put_value(b, j, set, r, row);
    gh_json_key(j, "default");
    put_default(j, set);
    gh_json_kcstr(j, "type", gh_setting_kind(set));
    if (set->type == GH_SET_INT) {
        gh_json_ki64(j, "min", set->min);
        gh_json_ki64(j, "max", set->max);
    }
    gh_json_kbool(j, "secret", set->secret);
    gh_json_kbool(j, "restart_needed", !set->live || !is_open(b, set));
    gh_json_kstr(j, "updated_at", row >= 0 ? gh_pg_str(r, row, R_UPDATED_AT) : (gh_str_t){0});
    int64_t by = row >= 0 ? gh_pg_i64(r, row, R_UPDATED_BY, 0) : 0;
    if (by)
        gh_json_ki64(j, "updated_by", by);
    else
        gh_json_knull(j, "updated_by");
    gh_json_kcstr(j, "help", set->help);
    gh_json_obj_end(j);
}

static void
put_etag(gh_batch_t *b, int64_t revision)
{
    char tag[GH_ETAG_TEXT];
    gh_etag(tag, "config", 0, revision);
    gh_job_header(b, b->jobs[0], "ETag", tag);
}

static gh_step_t
show_all(gh_batch_t *b, const work_t *w)
{
    gh_buf_t out GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    const PGresult *r = gh_batch_result(b, w->at_rows);
    gh_str_t prefix = gh_arg_str(b->jobs[0]->args, "query.prefix");
    gh_json_t j;
    gh_json_init(&j, &out);
    gh_json_arr(&j);
    for (size_t i = 0; i < gh_setting_rows(); i++) {
        const gh_setting_t *set = gh_setting_row(i);
        const char *key = gh_setting_key(set);
        if (prefix.n <= strlen(key) && memcmp(key, prefix.p ? prefix.p : "", prefix.n) == 0)
            put_entry(b, &j, set, r);
    }
    gh_json_arr_end(&j);
    if (!gh_buf_ok(&out))
        return GH_STEP_FAIL;
    put_etag(b, gh_pg_i64(gh_batch_result(b, w->at_revision), 0, 0, 0));
    gh_job_ok(b, b->jobs[0], 0, gh_buf_view(&out));
    return GH_STEP_DONE;
}

gh_step_t
gh_list_settings(gh_batch_t *b)
{
    if (b->phase == 0)
        return GH_STEP_MORE;
    if (b->jobs[0]->done)
        return GH_STEP_DONE;
    if (b->phase == 1) {
        work_t *w = gh_batch_alloc(b, sizeof *w);
        b->state = w;
        ask_rows(b, &w->at_rows, &w->at_revision);
        return GH_STEP_MORE;
    }
    return show_all(b, b->state);
}

/* ---- changing */

static void
refuse_value(gh_batch_t *b, gh_str_t key, const char *reason)
{
    gh_buf_t out GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_json_t j;
    gh_json_init(&j, &out);
    gh_json_arr(&j);
    gh_json_obj(&j);
    gh_json_kstr(&j, "field", key);
    gh_json_kcstr(&j, "code", "value_error");
    gh_json_kcstr(&j, "message", reason);
    gh_json_obj_end(&j);
    gh_json_arr_end(&j);
    if (gh_buf_ok(&out))
        gh_job_extra(b, b->jobs[0], "errors", gh_buf_view(&out));
    gh_job_refuse(b, b->jobs[0], GH_E_CONFIG_INVALID, (const gh_error_arg_t[]){{"key", key}, {0}});
}

/* False: the job is refused. */
static bool
take_member(gh_batch_t *b, work_t *w, gh_str_t key, gh_mp_t value)
{
    gh_buf_t text GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT, json GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    const gh_setting_t *set = gh_setting_row_by_key(key);
    char reason[256];
    if (!set || w->n == CHANGES_MAX) {
        refuse_value(b, key, "there is no such setting");
        return false;
    }
    if (set->secret || !set->live || set->command || !is_open(b, set)) {
        gh_job_refuse(b, b->jobs[0], GH_E_FIELD_NOT_ALLOWED, (const gh_error_arg_t[]){{"field", key}, {0}});
        return false;
    }
    change_t *c = &w->changes[w->n++];
    c->set = set;
    if (gh_mp_type(value) == GH_MP_NIL)
        return true;
    const char *fault = gh_setting_text(set, value, &text, reason);
    if (fault) {
        refuse_value(b, key, fault);
        return false;
    }
    gh_json_t j;
    gh_json_init(&j, &json);
    gh_setting_json(&j, set, gh_buf_cstr(&text));
    c->json = gh_text(b, gh_buf_view(&json));
    return gh_buf_ok(&json);
}

static gh_step_t
begin(gh_batch_t *b)
{
    work_t *w = gh_batch_alloc(b, sizeof *w);
    gh_mp_t body = gh_mp_get(b->jobs[0]->args, "body");
    b->state = w;
    for (gh_mp_iter_t it = gh_mp_iter(body); gh_mp_next(&it);)
        if (!take_member(b, w, it.key, it.value))
            return b->jobs[0]->done ? GH_STEP_DONE : GH_STEP_FAIL;
    gh_batch_query(b, "settings_lock", 0, NULL);
    ask_rows(b, &w->at_rows, &w->at_revision);
    return GH_STEP_MORE;
}

static gh_str_t
value_json(gh_batch_t *b, const gh_setting_t *set, const PGresult *r)
{
    gh_buf_t out GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_json_t j;
    gh_json_init(&j, &out);
    put_value(b, &j, set, r, row_of(r, set));
    return gh_batch_dup(b, gh_buf_view(&out));
}

static gh_step_t
write_all(gh_batch_t *b, work_t *w)
{
    const PGresult *r = gh_batch_result(b, w->at_rows);
    gh_wjob_t *job = b->jobs[0];
    gh_str_t wanted = {0};
    char tag[GH_ETAG_TEXT];
    gh_etag(tag, "config", 0, gh_pg_i64(gh_batch_result(b, w->at_revision), 0, 0, 0));
    if (gh_mp_str(gh_mp_get(job->args, "if_match"), &wanted) && !gh_if_match(wanted, tag)) {
        gh_job_refuse(b, job, GH_E_PRECONDITION_FAILED, NULL);
        return GH_STEP_DONE;
    }
    gh_pgarr_t keys GH_CLEANUP(gh_pgarr_fini) = {0}, values GH_CLEANUP(gh_pgarr_fini) = {0};
    for (size_t i = 0; i < w->n; i++) {
        change_t *c = &w->changes[i];
        c->before = value_json(b, c->set, r);
        gh_pgarr_text(&keys, gh_str(gh_setting_key(c->set)));
        if (c->json)
            gh_pgarr_text(&values, gh_str(c->json));
        else
            gh_pgarr_null(&values);
    }
    const char *params[] = {gh_pgarr_literal(&keys), gh_pgarr_literal(&values),
                            gh_text_i64(b, job->actor.user_id), gh_text_time(b, b->now_us)};
    if (!params[0] || !params[1])
        return GH_STEP_FAIL;
    gh_batch_query(b, "settings_write", 4, params);
    ask_rows(b, &w->at_rows, &w->at_revision);
    w->at_told = gh_batch_query(b, "settings_told", 0, NULL);
    return GH_STEP_MORE;
}

/* The entry of the audit log; false: nothing has changed. */
static bool
note(gh_batch_t *b, const work_t *w, const PGresult *r)
{
    gh_buf_t out GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    bool any = false;
    gh_json_t j;
    gh_json_init(&j, &out);
    gh_json_obj(&j);
    for (size_t i = 0; i < w->n; i++) {
        const change_t *c = &w->changes[i];
        gh_str_t after = value_json(b, c->set, r);
        if (gh_str_eq(c->before, after))
            continue;
        any = true;
        gh_json_key(&j, gh_setting_key(c->set));
        gh_json_arr(&j);
        gh_json_raw(&j, c->before);
        gh_json_raw(&j, after);
        gh_json_arr_end(&j);
    }
    gh_json_obj_end(&j);
    if (any)
        gh_batch_audit(b, b->jobs[0],
                       &(gh_audit_t){.action = "config.update",
                                     .entity = "config",
                                     .entity_key = "settings",
                                     .changes = gh_buf_cstr(&out)});
    return any;
}

void
gh_settings_tell(gh_batch_t *b, const PGresult *r)
{
    gh_buf_t payload GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_conf_value_t values[GH_CONF_VALUES_MAX];
    size_t n = 0;
    for (int row = 0; row < PQntuples(r) && n < GH_CONF_VALUES_MAX; row++)
        if (gh_pg_str(r, row, 2).p && gh_setting_by_key(gh_pg_str(r, row, 1)))
            values[n++] = (gh_conf_value_t){gh_pg_str(r, row, 1), gh_pg_str(r, row, 2)};
    gh_config_event_put(&payload, PQntuples(r) ? gh_pg_i64(r, 0, 0, 0) : 0, values, n);
    if (gh_buf_ok(&payload))
        gh_batch_event(b, "config", gh_buf_view(&payload));
}

static gh_step_t
answer(gh_batch_t *b, const work_t *w)
{
    gh_buf_t out GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    const PGresult *r = gh_batch_result(b, w->at_rows);
    gh_json_t j;
    if (note(b, w, r))
        gh_settings_tell(b, gh_batch_result(b, w->at_told));
    gh_json_init(&j, &out);
    gh_json_arr(&j);
    for (size_t i = 0; i < w->n; i++)
        put_entry(b, &j, w->changes[i].set, r);
    gh_json_arr_end(&j);
    if (!gh_buf_ok(&out))
        return GH_STEP_FAIL;
    put_etag(b, gh_pg_i64(gh_batch_result(b, w->at_revision), 0, 0, 0));
    gh_job_ok(b, b->jobs[0], 0, gh_buf_view(&out));
    return GH_STEP_DONE;
}

gh_step_t
gh_change_settings(gh_batch_t *b)
{
    if (b->phase == 0)
        return GH_STEP_MORE;
    if (b->jobs[0]->done)
        return GH_STEP_DONE;
    return b->phase == 1 ? begin(b) : b->phase == 2 ? write_all(b, b->state) : answer(b, b->state);
}
