/*
 * ops/cmd/check.c - `guahao check` (api/31 CM-18): does this host have what the programs need?
 *
 * A list of findings, each ok, warn or fail; exit status 1 when one fails. What the database can say is said by statements of check.sql,
 * the rest is looked at here. One thing that fails does not hide the others.
 */
#include <errno.h>
#include <libpq-fe.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "backup/shelf.h"
#include "base/json.h"
#include "base/keyfile.h"
#include "base/seal.h"
#include "base/timez.h"
#include "contract/contract.h"
#include "db/arrays.h"
#include "ops/cmd/cmd.h"
#include "ops/cmd/dbq.h"
#include "ops/cmd/migrate.h"
#include "ops/cmd/queues.h"

#define SKEW_WARN_US INT64_C(500000)
#define SKEW_FAIL_US INT64_C(5000000) /* the leeway of tokens */
#define ROOM_WARN    (INT64_C(2) << 30)
#define ROOM_FAIL    (INT64_C(200) << 20)
#define BACKUP_WARN  26 /* hours: a nightly one, and a little */
#define SECRET_MIN   32
#define ANSWER_MS    1000
#define POOLS_MAX    64

const gh_opt_t gh_check_opts[] = {
    {"timeout", "MS", "how long to wait for each broker (1000)"},
    {NULL, NULL, NULL},
};

typedef enum { OK, WARN, FAIL } state_t;
static const char *const s_states[] = {"ok", "warn", "fail"};

typedef struct check {
    gh_cmd_t *c;
    gh_json_t *json; /* NULL: a table */
    int n[3];        /* findings by state */
} check_t;

static void say(check_t *k, state_t state, const char *area, const char *name, const char *fmt, ...)
    GH_PRINTF(5, 6);

static void
say(check_t *k, state_t state, const char *area, const char *name, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    k->n[state]++;
    if (!k->json) {
        printf("%-4s  %-10s  %-32s  %s\n", s_states[state], area, name, text);
        return;
    }
    gh_json_obj(k->json);
    gh_json_kcstr(k->json, "area", area);
    gh_json_kcstr(k->json, "name", name);
    gh_json_kcstr(k->json, "state", s_states[state]);
    gh_json_kcstr(k->json, "text", text);
    gh_json_obj_end(k->json);
}

/* ---- the database */

/* Takes the result; NULL when there is none. */
static void
say_rows(check_t *k, PGresult *r, const char *statement)
{
    if (!r)
        say(k, FAIL, "database", statement, "could not be asked");
    for (int row = 0; r && row < PQntuples(r); row++) {
        const char *word = PQgetvalue(r, row, 2);
        say(k,
            strcmp(word, "ok") == 0     ? OK
            : strcmp(word, "warn") == 0 ? WARN
                                        : FAIL,
            PQgetvalue(r, row, 0), PQgetvalue(r, row, 1), "%s", PQgetvalue(r, row, 3));
    }
    PQclear(r);
}

static void
ask(check_t *k, PGconn *db, const char *statement, int n, const char *const *params)
{
    say_rows(k, gh_dbq_named(db, statement, n, params), statement);
}

static void
look_at_partitions(check_t *k, PGconn *db)
{
    char err[GH_BACKUP_ERR];
    PGresult *text = gh_dbq_named(db, "check_partitions", 0, NULL);
    say_rows(k, text ? gh_backup_exec(db, PQgetvalue(text, 0, 0), err) : NULL, "check_partitions");
    PQclear(text);
}

/* Both clocks are read at one moment, as far as a round trip lets. */
static void
look_at_clock(check_t *k, PGconn *db)
{
    int64_t before = gh_machine_us();
    PGresult *r = gh_dbq_named(db, "check_clock", 0, NULL);
    int64_t after = gh_machine_us();
    if (!r)
        return;
    int64_t skew = gh_pg_i64(r, 0, 0, 0) - (before + (after - before) / 2);
    int64_t size = skew < 0 ? -skew : skew;
    PQclear(r);
    say(k,
        size > SKEW_FAIL_US   ? FAIL
        : size > SKEW_WARN_US ? WARN
                              : OK,
        "clock", "skew", "the database is %lld ms %s", (long long)(size / 1000),
        skew < 0 ? "behind" : "ahead");
    if (gh_clock_shifted() != 0)
        say(k, WARN, "clock", "test clock", "moved by %lld s (guahao clock)",
            (long long)(gh_clock_shifted() / 1000000));
}

static void
look_at_schema(check_t *k, PGconn *db)
{
    gh_migrate_state_t s;
    if (gh_migrate_look(k->c, db, &s) != 0) {
        say(k, FAIL, "schema", "version", "it does not fit this program");
        return;
    }
    if (s.pending == s.known)
        say(k, FAIL, "schema", "version", "there is none: guahao migrate makes it");
    else
        say(k, s.pending || s.edited ? FAIL : OK, "schema", "version",
            s.pending ? "%d of %d, %d pending: guahao migrate" : "%d of %d", s.known - s.pending, s.known,
            s.pending);
    if (s.edited)
        say(k, FAIL, "schema", "history", "%d migrations were changed after they were applied", s.edited);
}

static void
look_at_database(check_t *k)
{
    int64_t started = gh_mono_ms();
    PGconn *db = gh_cmd_connect(k->c);
    if (!db) {
        say(k, FAIL, "database", "connection", "none");
        return;
    }
    const char *host = PQhost(db);
    say(k, OK, "database", "connection", "%s on %s, in %lld ms", PQdb(db), host && *host ? host : "this host",
        (long long)(gh_mono_ms() - started));
    ask(k, db, "check_server", 0, NULL);
    look_at_schema(k, db);
    look_at_clock(k, db);
    ask(k, db, "check_settings", 1, (const char *[]){gh_cmd_is_production(k->c) ? "true" : "false"});
    PGresult *r = gh_dbq_named(db, "migrate_exists", 0, NULL);
    bool ours = r && gh_pg_bool(r, 0, 0);
    PQclear(r);
    if (ours) {
        char now[GH_PG_TIME_TEXT];
        gh_pg_time_text(gh_now_us(), now);
        look_at_partitions(k, db);
        ask(k, db, "check_jobs", 1, (const char *[]){now});
    }
    PQfinish(db);
}

/* ---- keys */

static const struct {
    const char *name, *setting, *file; /* setting NULL: only a file */
    enum { SECRET, BYTES, HEX } form;  /* at least 32 characters; 32 bytes; of base/seal.h */
} s_keys[] = {
    {"access tokens", "token.secret", "token.secret_file", SECRET},
    {"refresh tokens", "token.refresh_secret", "token.refresh_secret_file", SECRET},
    {"order numbers", NULL, "order.number_key_file", BYTES},
    {"encrypted columns", NULL, "data.key_file", HEX},
};

/* Characters without the blanks at the end. */
static size_t
trimmed(const char *s, size_t n)
{
    while (n > 0 && strchr(" \t\r\n", s[n - 1]))
        n--;
    return n;
}

static bool
is_data_key(const char *file)
{
    gh_seal_t *seal = gh_seal_load(file);
    bool good = seal != NULL;
    gh_seal_destroy(&seal);
    return good;
}

static void
look_at_key(check_t *k, size_t i)
{
    const gh_conf_t *conf = k->c->conf;
    const char *name = s_keys[i].name,
               *secret = s_keys[i].setting ? gh_conf_str(conf, s_keys[i].setting) : "";
    const char *file = gh_conf_str(conf, s_keys[i].file);
    char text[8192] = "";
    struct stat st;
    if (*secret) {
        say(k, strlen(secret) < SECRET_MIN ? FAIL : OK, "keys", name, "%s, %zu bytes%s", s_keys[i].setting,
            strlen(secret), strlen(secret) < SECRET_MIN ? ": 32 are needed" : "");
        return;
    }
    int64_t n = stat(file, &st) == 0 ? gh_keyfile_read(file, text, sizeof text) : -1;
    if (n < 0) {
        say(k, FAIL, "keys", name, "%s: %s", file,
            errno == ENOENT ? "is missing: guahao keys init" : strerror(errno));
        return;
    }
    size_t len = trimmed(text, (size_t)n);
    bool good = s_keys[i].form == HEX     ? is_data_key(file)
                : s_keys[i].form == BYTES ? n >= 32
                                          : len >= SECRET_MIN;
    bool open = (st.st_mode & 077) != 0;
    explicit_bzero(text, sizeof text);
    say(k, !good || open ? FAIL : OK, "keys", name, "%s, mode %04o%s%s", file, st.st_mode & 07777,
        open ? ": others may read it, chmod 600" : "", good ? "" : ": this is no key");
}

static void
look_at_keys(check_t *k)
{
    for (size_t i = 0; i < GH_COUNT(s_keys); i++)
        look_at_key(k, i);
    const char *access = gh_conf_str(k->c->conf, "token.secret"),
               *refresh = gh_conf_str(k->c->conf, "token.refresh_secret");
    if (*access && strcmp(access, refresh) == 0)
        say(k, gh_cmd_is_production(k->c) ? FAIL : WARN, "keys", "two secrets",
            "access and refresh tokens have the same one");
}

/* ---- storage */

/* A directory that must be there, or whose parent can have it made. */
static void
look_at_dir(check_t *k, const char *name, const char *dir)
{
    struct statvfs fs;
    char path[4096];
    snprintf(path, sizeof path, "%s", dir);
    bool made = access(path, F_OK) == 0;
    for (char *slash; access(path, F_OK) != 0 && (slash = strrchr(path, '/')) && slash > path;)
        *slash = '\0';
    if (access(path, W_OK | X_OK) != 0 || statvfs(path, &fs) != 0) {
        say(k, FAIL, "storage", name, "%s: %s", path, strerror(errno));
        return;
    }
    int64_t room = (int64_t)(fs.f_bavail * fs.f_frsize);
    say(k,
        room < ROOM_FAIL   ? FAIL
        : room < ROOM_WARN ? WARN
                           : OK,
        "storage", name, "%s%s, %lld MB free", dir, made ? "" : " can be made", (long long)(room >> 20));
}

static void
look_at_backups(check_t *k)
{
    const char *dir = gh_conf_str(k->c->conf, "backup.dir");
    gh_shelf_t shelf;
    look_at_dir(k, "backups", dir);
    if (gh_shelf_read(dir, &shelf) != 0) {
        say(k, FAIL, "backup", "last", "%s: %s", dir, strerror(errno));
        return;
    }
    int64_t at_us = 0;
    if (shelf.n == 0)
        say(k, WARN, "backup", "last", "there is none: guahao backup");
    else if (gh_ts_parse(gh_str(shelf.v[0].manifest.created_at), &at_us) != 0)
        say(k, WARN, "backup", "last", "%s does not say when it was made", shelf.v[0].name);
    else {
        long long hours = (long long)((gh_machine_us() - at_us) / INT64_C(3600000000));
        say(k, hours >= BACKUP_WARN ? WARN : OK, "backup", "last", "%lld h old, %lld MB, %s%s", hours,
            (long long)(shelf.v[0].manifest.size >> 20), shelf.v[0].name,
            shelf.v[0].manifest.encrypted ? ", encrypted" : "");
    }
    gh_shelf_fini(&shelf);
}

/* ---- brokers */

/* A service of the contract and how many workers it has at all brokers. */
typedef struct pools {
    const char *names[POOLS_MAX];
    int64_t workers[POOLS_MAX];
    size_t n;
} pools_t;

static void
know_pool(pools_t *p, const char *name)
{
    for (size_t i = 0; i < p->n; i++)
        if (strcmp(p->names[i], name) == 0)
            return;
    if (p->n < POOLS_MAX && strcmp(name, "front") != 0)
        p->names[p->n++] = name;
}

static bool
ask_broker(check_t *k, gh_mdp_client_t *client, size_t i, pools_t *p)
{
    gh_buf_t queues GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    const char *endpoint = gh_mdp_client_endpoint(client, i);
    gh_view_t v;
    if (gh_queues_fetch(client, i, &queues, NULL) != 0 ||
        gh_view_parse(&v, gh_buf_view(&queues), (gh_str_t){0}) != 0) {
        say(k, FAIL, "broker", endpoint, "no answer");
        return false;
    }
    say(k, OK, "broker", endpoint, "%s, version %s, up %lld s", v.broker, v.version, (long long)v.uptime_s);
    for (size_t s = 0; s < v.n_services; s++)
        for (size_t at = 0; at < p->n; at++)
            if (strcmp(p->names[at], v.services[s].name) == 0)
                p->workers[at] += v.services[s].workers;
    gh_view_fini(&v);
    return true;
}

static void
look_at_brokers(check_t *k, int timeout_ms)
{
    char dir[4096];
    pools_t pools = {.n = 0};
    snprintf(dir, sizeof dir, "%s/schema/openapi", gh_conf_share_dir());
    gh_contract_t *contract = gh_contract_load(dir, gh_conf_str(k->c->conf, "front.contract_extra"));
    if (!contract)
        say(k, FAIL, "contract", "document", "%s cannot be read", dir);
    for (size_t i = 0; contract && i < gh_contract_count(contract); i++)
        know_pool(&pools, gh_contract_at(contract, i)->pool);
    gh_mdp_client_t *client = gh_mdp_client_new(k->c->conf, timeout_ms);
    if (!client)
        say(k, FAIL, "broker", "link.inner", "cannot be connected to");
    bool any = false;
    for (size_t i = 0; client && i < gh_mdp_client_count(client); i++)
        any |= ask_broker(k, client, i, &pools);
    for (size_t i = 0; any && i < pools.n; i++)
        say(k, pools.workers[i] ? OK : FAIL, "pool", pools.names[i], "%lld workers",
            (long long)pools.workers[i]);
    if (client)
        gh_mdp_client_destroy(&client);
    gh_contract_destroy(&contract);
}

static void
look_at_all(check_t *k, int timeout_ms)
{
    look_at_database(k);
    look_at_keys(k);
    look_at_dir(k, "run directory", gh_conf_var_dir());
    look_at_backups(k);
    look_at_brokers(k, timeout_ms);
}

static int
as_json(check_t *k, int timeout_ms)
{
    gh_buf_t out GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_json_t j;
    gh_json_init(&j, &out);
    k->json = &j;
    gh_json_obj(&j);
    gh_json_key(&j, "checks");
    gh_json_arr(&j);
    look_at_all(k, timeout_ms);
    gh_json_arr_end(&j);
    for (size_t i = 0; i < GH_COUNT(s_states); i++)
        gh_json_ki64(&j, s_states[i], k->n[i]);
    gh_json_obj_end(&j);
    k->json = NULL;
    if (!gh_buf_cstr(&out))
        return -1;
    puts(out.p);
    return 0;
}

int
gh_cmd_check(gh_cmd_t *c)
{
    check_t k = {.c = c};
    int64_t timeout;
    if (gh_args_int(&c->args, "timeout", 50, 60000, ANSWER_MS, &timeout) != 0)
        return gh_cmd_bad_option(c);
    if (c->json && as_json(&k, (int)timeout) != 0)
        return gh_cmd_failed(c, "out of memory");
    if (!c->json) {
        look_at_all(&k, (int)timeout);
        gh_cmd_say(c, "%d ok, %d warn, %d fail", k.n[OK], k.n[WARN], k.n[FAIL]);
    }
    return k.n[FAIL] ? GH_EXIT_FAILED : GH_EXIT_DONE;
}
