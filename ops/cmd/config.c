/*
 * ops/cmd/config.c - `guahao config` (api/31 CM-14; api/29 SY-05, SY-06; R-213)
 *
 * Alone it shows what environment, file and defaults say, without a database. list and get add the database's settings, set changes
 * one of them as an administrator would: checked, with an entry of the audit log, told to the programs that run.
 */
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/timez.h"
#include "base/uuid7.h"
#include "db/arrays.h"
#include "domain/setting_rows.h"
#include "ops/cmd/cmd.h"
#include "ops/cmd/dbq.h"
#include "ops/cmd/tell.h"

const gh_opt_t gh_config_opts[] = {
    {"default", NULL, "set: back to the default, without a value"},
    {NULL, NULL, NULL},
};

typedef struct shown {
    const char *text, *source; /* borrowed */
} shown_t;

/* The text that the database has for a setting; NULL: none. */
static const char *
stored(const PGresult *rows, const gh_setting_t *set)
{
    for (int i = 0; i < PQntuples(rows); i++)
        if (strcmp(PQgetvalue(rows, i, 0), gh_setting_key(set)) == 0)
            return PQgetvalue(rows, i, 1);
    return NULL;
}

static bool
is_open(const gh_conf_t *conf, const gh_setting_t *set)
{
    return gh_setting_is_database(set) || gh_conf_is_open(conf, (size_t)(set - gh_settings));
}

static shown_t
look(const gh_cmd_t *c, const PGresult *rows, const gh_setting_t *set)
{
    const char *has = set->live && is_open(c->conf, set) ? stored(rows, set) : NULL;
    if (has)
        return (shown_t){has, "database"};
    if (gh_setting_is_database(set))
        return (shown_t){set->def, "default"};
    const char *text = gh_conf_text(c->conf, set->name);
    return (shown_t){set->secret && *text ? "***" : text, c->conf->source[set - gh_settings]};
}

static void
put_entry(gh_json_t *j, const gh_setting_t *set, shown_t s)
{
    gh_json_obj(j);
    gh_json_kcstr(j, "key", gh_setting_key(set));
    gh_json_key(j, "value");
    gh_setting_json(j, set, s.text);
    gh_json_key(j, "default");
    gh_setting_json(j, set, set->def);
    gh_json_kcstr(j, "type", gh_setting_kind(set));
    gh_json_kcstr(j, "source", s.source);
    gh_json_kbool(j, "secret", set->secret);
    gh_json_kbool(j, "restart_needed", !set->live);
    gh_json_kcstr(j, "help", set->help);
    gh_json_obj_end(j);
}

static int
list(gh_cmd_t *c, const PGresult *rows)
{
    gh_buf_t out GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_json_t j;
    int width = 0;
    for (size_t i = 0; i < gh_setting_rows(); i++) {
        int n = (int)strlen(gh_setting_key(gh_setting_row(i)));
        width = n > width ? n : width;
    }
    gh_json_init(&j, &out);
    gh_json_arr(&j);
    for (size_t i = 0; i < gh_setting_rows(); i++) {
        const gh_setting_t *set = gh_setting_row(i);
        shown_t s = look(c, rows, set);
        if (c->json)
            put_entry(&j, set, s);
        else
            printf("%-*s  %-24s  %s\n", width, gh_setting_key(set), *s.text ? s.text : "-", s.source);
    }
    gh_json_arr_end(&j);
    if (c->json)
        puts(gh_buf_cstr(&out) ? out.p : "null");
    return GH_EXIT_DONE;
}

static int
get(gh_cmd_t *c, const PGresult *rows, const gh_setting_t *set)
{
    gh_buf_t out GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_json_t j;
    shown_t s = look(c, rows, set);
    gh_json_init(&j, &out);
    put_entry(&j, set, s);
    puts(!c->json ? s.text : gh_buf_cstr(&out) ? out.p : "null");
    return GH_EXIT_DONE;
}

/* A value as JSON of its kind; NULL after a message. Borrowed from out. */
static const char *
as_json(const gh_setting_t *set, const char *text, gh_buf_t *out)
{
    gh_json_t j;
    gh_json_init(&j, out);
    gh_setting_json(&j, set, text);
    return gh_buf_cstr(out);
}

/* Write it and its entry, and tell. Gives the event's id, 0 when it was so already, -1 after a message. */
static int64_t
write_one(gh_cmd_t *c, PGconn *db, const gh_setting_t *set, const char *text)
{
    gh_buf_t was GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT, is GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    char now[GH_PG_TIME_TEXT], request[GH_UUID_TEXT];
    uint8_t id[16];
    gh_uuid7_new(id);
    gh_uuid_text(id, request);
    gh_pg_time_text(gh_now_us(), now);
    PGresult *rows = gh_dbq_named(db, "config_rows", 0, NULL);
    if (!rows)
        return -1;
    const char *before = as_json(set, look(c, rows, set).text, &was);
    const char *start = gh_setting_is_database(set) ? set->def : c->conf->initial[set - gh_settings];
    const char *after = as_json(set, text ? text : start, &is);
    PQclear(rows);
    if (!before || !after)
        return -1;
    PGresult *r = gh_dbq_named(
        db, "config_write", 6,
        (const char *[]){gh_setting_key(set), text ? after : NULL, now, before, after, request});
    bool changed = r && PQntuples(r) > 0;
    PQclear(r);
    if (!r)
        return -1;
    int64_t told = gh_tell_settings(db);
    return told == 0 ? -1 : changed ? told : 0;
}

static int
change(gh_cmd_t *c, PGconn *db, const gh_setting_t *set, const char *text)
{
    if (gh_dbq_exec(db, "begin") != 0)
        return GH_EXIT_FAILED;
    PGresult *locked = gh_dbq_named(db, "clock_lock", 0, NULL);
    int64_t told = locked ? write_one(c, db, set, text) : -1;
    PQclear(locked);
    if (gh_dbq_exec(db, told >= 0 ? "commit" : "rollback") != 0 || told < 0)
        return GH_EXIT_FAILED;
    if (told > 0 && !gh_setting_is_database(set) && !gh_was_told(db, told))
        gh_cmd_say(c, "no worker runs: programs that start have it");
    return GH_EXIT_DONE;
}

/* May it be set so? The exit status. */
static int
accept(gh_cmd_t *c, const gh_setting_t *set, const char *text)
{
    const char *key = gh_setting_key(set);
    if (set->secret || !set->live || set->command)
        return gh_cmd_failed(c, "CONFIG_INVALID: %s is %s", key,
                             set->command  ? "changed by its own command"
                             : set->secret ? "a secret: environment or file have it"
                                           : "read when a program starts: environment or file have it");
    if (!is_open(c->conf, set))
        return gh_cmd_failed(c, "CONFIG_INVALID: %s is set by %s: the database has no say", key,
                             c->conf->source[set - gh_settings]);
    if (!text)
        return GH_EXIT_DONE;
    char reason[256], *own = strdup(text);
    int64_t number = 0;
    const char *fault = !own                              ? "out of memory"
                        : strlen(own) >= GH_CONF_TEXT_MAX ? "it is too long"
                                                          : gh_setting_check(set, &own, &number, reason);
    for (const char *p = text; !fault && *p; p++)
        fault = (unsigned char)*p < ' ' || *p == 0x7f ? "not a text" : NULL;
    free(own);
    return fault ? gh_cmd_failed(c, "CONFIG_INVALID: %s: %s", key, fault) : GH_EXIT_DONE;
}

int
gh_cmd_take_settings(const gh_cmd_t *c, PGconn *db)
{
    gh_conf_value_t values[GH_CONF_VALUES_MAX];
    size_t n = 0;
    PGresult *rows = gh_dbq_named(db, "config_known", 0, NULL);
    if (rows && PQgetvalue(rows, 0, 0)[0] == 'f') { /* an old schema: it has none */
        PQclear(rows);
        return 0;
    }
    PQclear(rows);
    if (!rows || !(rows = gh_dbq_named(db, "config_rows", 0, NULL)))
        return -1;
    for (int i = 0; i < PQntuples(rows) && n < GH_COUNT(values); i++)
        if (gh_setting_row_by_key(gh_str(PQgetvalue(rows, i, 0))))
            values[n++] = (gh_conf_value_t){gh_str(PQgetvalue(rows, i, 0)), gh_str(PQgetvalue(rows, i, 1))};
    (void)gh_conf_take(c->conf, 0, values, n);
    PQclear(rows);
    return 0;
}

int
gh_cmd_config(gh_cmd_t *c)
{
    const char *verb = c->args.n_words ? c->args.words[0] : NULL;
    bool sets = verb && strcmp(verb, "set") == 0, gets = verb && strcmp(verb, "get") == 0;
    bool resets = gh_args_has(&c->args, "default");
    if (!verb && !resets) {
        gh_conf_print(c->conf, c->json);
        return GH_EXIT_DONE;
    }
    size_t want = sets ? 3 - (size_t)resets : gets ? 2 : 1;
    if (!verb || (!sets && !gets && strcmp(verb, "list") != 0) || c->args.n_words != want ||
        (resets && !sets))
        return gh_cmd_usage(c, "one of: list, get KEY, set KEY VALUE, set KEY --default");
    const gh_setting_t *set = sets || gets ? gh_setting_row_by_key(gh_str(c->args.words[1])) : NULL;
    if ((sets || gets) && !set)
        return gh_cmd_failed(c, "CONFIG_INVALID: %.80s: there is no such setting", c->args.words[1]);
    const char *text = sets && !resets ? c->args.words[2] : NULL;
    int rc = sets ? accept(c, set, text) : GH_EXIT_DONE;
    if (rc != GH_EXIT_DONE)
        return rc;
    PGconn *db = gh_cmd_connect(c);
    if (!db)
        return GH_EXIT_DATABASE;
    PGresult *rows = sets ? NULL : gh_dbq_named(db, "config_rows", 0, NULL);
    if (sets)
        rc = change(c, db, set, text);
    else
        rc = !rows ? GH_EXIT_FAILED : gets ? get(c, rows, set) : list(c, rows);
    PQclear(rows);
    PQfinish(db);
    return rc;
}
