/*
 * ops/cmd/log_level.c - `guahao log-level`: least levels of log lines of running programs, for a while or until they are changed
 *
 * As PATCH /api/v1/system/log-level does it (api/29 SY-11): the setting log.override, which reaches running programs as all settings
 * of the database do. A change is an entry of the audit log.
 */
#include <libpq-fe.h>
#include <stdio.h>

#include "base/json.h"
#include "base/log_override.h"
#include "base/timez.h"
#include "base/uuid7.h"
#include "db/arrays.h"
#include "ops/cmd/cmd.h"
#include "ops/cmd/dbq.h"
#include "ops/cmd/tell.h"

const gh_opt_t gh_log_level_opts[] = {
    {"component", "C",
     "front, broker, worker, or a part (access, job, db, link, send, kore), or both: worker.db (all)"},
    {"ttl", "S", "goes back after so many seconds"},
    {NULL, NULL, NULL}};

static int64_t
now_s(void)
{
    return gh_machine_us() / 1000000;
}

/* The text of a setting: the database's, or what file, environment and defaults say. Borrowed. */
static const char *
text_of(const gh_cmd_t *c, const PGresult *rows, const char *key)
{
    for (int i = 0; i < PQntuples(rows); i++)
        if (strcmp(PQgetvalue(rows, i, 0), key) == 0)
            return PQgetvalue(rows, i, 1);
    return gh_conf_str(c->conf, key);
}

/* ---- showing */

static void
put_rule(gh_json_t *j, bool json, const char *component, gh_str_t level, int64_t until_s)
{
    char until[GH_TEXT_TS] = "";
    if (until_s)
        gh_ts_text(until_s * 1000000, until);
    if (!json) {
        printf("%-14s %-6.*s %s%s\n", component, (int)level.n, level.p,
               until_s ? "until " : "until it is changed", until);
        return;
    }
    gh_json_obj(j);
    gh_json_kcstr(j, "component", component);
    gh_json_kstr(j, "level", level);
    if (until_s)
        gh_json_kcstr(j, "until", until);
    else
        gh_json_knull(j, "until");
    gh_json_obj_end(j);
}

static void
put_rules(gh_json_t *j, bool json, const char *text)
{
    int64_t now = now_s(), until_s;
    while (*(text += strspn(text, ", "))) {
        char component[64];
        size_t n = strcspn(text, "=, ");
        snprintf(component, sizeof component, "%.*s", (int)n, text);
        gh_str_t level = gh_override_find(text, gh_str(component), now, &until_s);
        if (level.n)
            put_rule(j, json, component, level, until_s);
        text += strcspn(text, ", ");
    }
}

static int
show(const gh_cmd_t *c, const PGresult *rows)
{
    gh_buf_t out GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    const char *level = text_of(c, rows, "log.level"), *levels = text_of(c, rows, "log.levels"),
               *over = text_of(c, rows, "log.override");
    gh_json_t j;
    gh_json_init(&j, &out);
    gh_json_obj(&j);
    gh_json_kcstr(&j, "level", level);
    gh_json_kcstr(&j, "levels", levels);
    gh_json_key(&j, "set");
    gh_json_arr(&j);
    if (!c->json) {
        printf("%-14s %-6s log.level\n", "all", level);
        if (*levels)
            printf("%-14s %-6s log.levels\n", levels, "");
    }
    put_rules(&j, c->json, over);
    gh_json_arr_end(&j);
    gh_json_obj_end(&j);
    if (c->json && gh_buf_cstr(&out))
        puts(gh_buf_cstr(&out));
    return GH_EXIT_DONE;
}

/* ---- changing */

typedef struct change {
    const char *component;
    const char *level; /* NULL: back to what the settings say */
    int64_t ttl_s;     /* 0: no end */
} change_t;

static const char *
as_json(const char *text, gh_buf_t *out)
{
    gh_json_t j;
    gh_json_init(&j, out);
    gh_json_cstr(&j, text);
    return gh_buf_cstr(out);
}

/* Under the lock of settings. The event's id, 0 after a message. */
static int64_t
store(const gh_cmd_t *c, PGconn *db, const change_t *ch)
{
    gh_buf_t text GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT, was GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT,
                  is GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    char now[GH_PG_TIME_TEXT], request[GH_UUID_TEXT];
    uint8_t id[16];
    PGresult *rows = gh_dbq_named(db, "log_levels", 0, NULL);
    if (!rows)
        return 0;
    const char *before = text_of(c, rows, "log.override");
    gh_override_put(before, gh_str(ch->component), ch->level, ch->ttl_s ? now_s() + ch->ttl_s : 0, now_s(),
                    &text);
    const char *old = as_json(before, &was), *new = as_json(text.n ? gh_buf_cstr(&text) : "", &is);
    PQclear(rows);
    if (!old || !new || text.n > GH_OVERRIDE_TEXT_MAX)
        return 0;
    gh_uuid7_new(id);
    gh_uuid_text(id, request);
    gh_pg_time_text(gh_now_us(), now);
    PGresult *r = gh_dbq_named(db, "config_write", 6,
                               (const char *[]){"log.override", text.n ? new : NULL, now, old, new, request});
    PQclear(r);
    return r ? gh_tell_settings(db) : 0;
}

static int
change(gh_cmd_t *c, PGconn *db, const change_t *ch)
{
    if (gh_dbq_exec(db, "begin") != 0)
        return GH_EXIT_FAILED;
    PGresult *locked = gh_dbq_named(db, "clock_lock", 0, NULL);
    int64_t told = locked ? store(c, db, ch) : 0;
    PQclear(locked);
    if (gh_dbq_exec(db, told ? "commit" : "rollback") != 0 || !told)
        return GH_EXIT_FAILED;
    if (!gh_was_told(db, told))
        gh_cmd_say(c, "no worker runs: programs that start have it");
    return GH_EXIT_DONE;
}

int
gh_cmd_log_level(gh_cmd_t *c)
{
    change_t ch = {.component = gh_args_str(&c->args, "component", GH_OVERRIDE_ALL)};
    const char *word = c->args.n_words ? c->args.words[0] : NULL;
    gh_log_level_t level;
    if (gh_args_int(&c->args, "ttl", 1, 604800, 0, &ch.ttl_s) != 0)
        return gh_cmd_bad_option(c);
    if (!word && (ch.ttl_s || gh_args_has(&c->args, "component")))
        return gh_cmd_usage(c, "name a level: debug, info, warn, error, or default");
    if (word && strcmp(word, "default") != 0) {
        if (gh_log_level_parse(word, &level) != 0)
            return gh_cmd_usage(c, "%.30s is none of debug, info, warn, error, default", word);
        ch.level = word;
    }
    if (strcmp(ch.component, GH_OVERRIDE_ALL) != 0 && !gh_log_component_ok(gh_str(ch.component)))
        return gh_cmd_usage(
            c,
            "%.40s is no component: front, broker, worker, guahao, or access, job, db, link, send, kore, or "
            "both with a point between",
            ch.component);
    if (ch.ttl_s && !ch.level)
        return gh_cmd_usage(c, "default has no --ttl");
    PGconn *db = gh_cmd_connect(c);
    if (!db)
        return GH_EXIT_DATABASE;
    int rc = word ? change(c, db, &ch) : GH_EXIT_DONE;
    PGresult *rows = rc == GH_EXIT_DONE ? gh_dbq_named(db, "log_levels", 0, NULL) : NULL;
    rc = rows ? show(c, rows) : rc == GH_EXIT_DONE ? GH_EXIT_FAILED : rc;
    PQclear(rows);
    PQfinish(db);
    return rc;
}
