/*
 * ops/cmd/migrate.c - `guahao migrate`: forward only, each file once, each in one transaction
 *
 * schema_migrations holds number, name and sha-256 of every applied file. Whoever migrates holds a session advisory lock, so
 * that two at once apply each file once. An applied file that was changed, or that this program does not have, stops everything.
 */
#include "ops/cmd/migrate.h"

#include <errno.h>
#include <fcntl.h>
#include <libpq-fe.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/json.h"
#include "base/timez.h"
#include "ops/cmd/dbq.h"
#include "ops/cmd/migrate_files.h"

const gh_opt_t gh_migrate_opts[] = {
    {"to", "VERSION", "up: stop after this number"},
    {"dry-run", NULL, "up: print the SQL of what is pending, change nothing"},
    {"exit-code", NULL, "exit with 4 when nothing is pending"},
    {NULL, NULL, NULL},
};

static int
migrations_dir(char out[PATH_MAX])
{
    int n = snprintf(out, PATH_MAX, "%s/schema/migrations", gh_conf_share_dir());
    return n > 0 && n < PATH_MAX ? 0 : -1;
}

int64_t
gh_migrations_known(void)
{
    char dir[PATH_MAX];
    gh_migrations_t m;
    if (migrations_dir(dir) != 0 || gh_migrations_read(dir, &m) != 0)
        return -1;
    int64_t n = (int64_t)m.n;
    gh_migrations_fini(&m);
    return n;
}

int
gh_schema_drop(PGconn *db)
{
    return gh_dbq_exec(db, "drop schema public cascade; create schema public");
}

/* One row of schema_migrations beside its file. -1 when there is no such file. */
static int
mark_applied(gh_cmd_t *c, gh_migrations_t *m, const PGresult *r, int row)
{
    int version = (int)strtol(PQgetvalue(r, row, 0), NULL, 10);
    if (version < 1 || (size_t)version > m->n) {
        (void)gh_cmd_failed(
            c, "the database has migration %d (%s), which this program does not know: it is newer", version,
            PQgetvalue(r, row, 1));
        return -1;
    }
    gh_migration_t *one = &m->v[version - 1];
    char hex[65];
    gh_hex(one->checksum, sizeof one->checksum, hex);
    one->applied = true;
    one->edited = strcmp(hex, PQgetvalue(r, row, 2)) != 0;
    snprintf(one->applied_at, sizeof one->applied_at, "%s", PQgetvalue(r, row, 3));
    return 0;
}

/* Compare files and database. -1 after a message. */
static int
load_state(gh_cmd_t *c, PGconn *db, gh_migrations_t *m)
{
    char dir[PATH_MAX];
    if (migrations_dir(dir) != 0 || gh_migrations_read(dir, m) != 0)
        return -1;
    PGresult *r = gh_dbq_named(db, "migrate_exists", 0, NULL);
    if (!r)
        return -1;
    bool exists = strcmp(PQgetvalue(r, 0, 0), "t") == 0;
    PQclear(r);
    if (!exists)
        return 0;
    if (!(r = gh_dbq_named(db, "migrate_applied", 0, NULL)))
        return -1;
    int rc = 0;
    for (int i = 0; rc == 0 && i < PQntuples(r); i++)
        rc = mark_applied(c, m, r, i);
    PQclear(r);
    return rc;
}

int
gh_migrate_look(gh_cmd_t *c, struct pg_conn *db, gh_migrate_state_t *out)
{
    gh_migrations_t m = {0};
    *out = (gh_migrate_state_t){0};
    int rc = load_state(c, db, &m);
    out->known = (int)m.n;
    for (size_t i = 0; i < m.n; i++) {
        out->pending += !m.v[i].applied;
        out->edited += m.v[i].edited;
    }
    gh_migrations_fini(&m);
    return rc;
}

/* Report edited files; the first pending one behind an applied one is a fault of the table itself. */
static int
check_history(gh_cmd_t *c, const gh_migrations_t *m)
{
    int faults = 0;
    bool gap = false;
    for (size_t i = 0; i < m->n; i++) {
        if (m->v[i].edited) {
            (void)gh_cmd_failed(c,
                                "migration %04d_%s was changed after it was applied (R-242): restore the "
                                "file, put the change "
                                "into a new one",
                                m->v[i].version, m->v[i].name);
            faults++;
        }
        if (m->v[i].applied && gap) {
            (void)gh_cmd_failed(c, "migration %04d_%s is applied but an earlier one is not", m->v[i].version,
                                m->v[i].name);
            faults++;
        }
        gap = gap || !m->v[i].applied;
    }
    return faults ? -1 : 0;
}

static void
say_fault(gh_cmd_t *c, const gh_migration_t *m, PGconn *db, const PGresult *r)
{
    const char *at = PQresultErrorField(r, PG_DIAG_STATEMENT_POSITION);
    const char *text = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);
    const char *where = PQresultErrorField(r, PG_DIAG_CONTEXT);
    int line = 0, column = 0;
    if (at)
        gh_migration_place(m->sql, (int)strtol(at, NULL, 10), &line, &column);
    char place[40] = "";
    if (line)
        snprintf(place, sizeof place, ":%d:%d", line, column);
    (void)gh_cmd_failed(c, "%04d_%s.sql%s: %s%s%s", m->version, m->name, place,
                        text ? text : PQerrorMessage(db), where ? "\n" : "", where ? where : "");
}

/* Run one file and record it, in one transaction. */
static int
apply(gh_cmd_t *c, PGconn *db, const gh_migration_t *m)
{
    int64_t start = gh_mono_ms();
    if (gh_dbq_exec(db, "begin") != 0)
        return -1;
    PGresult *r = PQexec(db, m->sql);
    bool ok = PQresultStatus(r) == PGRES_COMMAND_OK || PQresultStatus(r) == PGRES_TUPLES_OK;
    if (!ok)
        say_fault(c, m, db, r);
    else if (PQtransactionStatus(db) != PQTRANS_INTRANS) {
        (void)gh_cmd_failed(c, "%04d_%s.sql ends its transaction: a migration may not", m->version, m->name);
        ok = false;
    }
    PQclear(r);
    char version[16], hex[67] = "\\x", took[24];
    snprintf(version, sizeof version, "%d", m->version);
    snprintf(took, sizeof took, "%lld", (long long)(gh_mono_ms() - start));
    gh_hex(m->checksum, sizeof m->checksum, hex + 2);
    if (ok) {
        r = gh_dbq_named(db, "migrate_record", 4, (const char *[]){version, m->name, hex, took});
        ok = r != NULL;
        PQclear(r);
    }
    if (!ok) {
        PQclear(PQexec(db, "rollback"));
        return -1;
    }
    if (gh_dbq_exec(db, "commit") != 0)
        return -1;
    gh_cmd_say(c, "  %04d %-28s %6s ms", m->version, m->name, took);
    return 0;
}

static int
up_locked(gh_cmd_t *c, PGconn *db, int to, bool dry_run, size_t *applied)
{
    gh_migrations_t m = {0};
    int rc = load_state(c, db, &m) == 0 && check_history(c, &m) == 0 ? 0 : -1;
    if (rc == 0 && !dry_run && gh_dbq_exec(db, "set client_min_messages = warning") != 0)
        rc = -1;
    if (rc == 0 && !dry_run) {
        PGresult *r = gh_dbq_named(db, "migrate_table", 0, NULL);
        rc = r ? 0 : -1;
        PQclear(r);
    }
    for (size_t i = 0; rc == 0 && i < m.n; i++) {
        if (m.v[i].applied || (to > 0 && m.v[i].version > to))
            continue;
        if (dry_run)
            printf("-- %04d_%s.sql\n%s\n", m.v[i].version, m.v[i].name, m.v[i].sql);
        else
            rc = apply(c, db, &m.v[i]);
        *applied += rc == 0;
    }
    gh_migrations_fini(&m);
    return rc;
}

int
gh_migrate_up(gh_cmd_t *c, PGconn *db, int to, bool dry_run, size_t *applied)
{
    *applied = 0;
    PGresult *r = gh_dbq_named(db, "migrate_lock", 0, NULL);
    if (!r)
        return GH_EXIT_FAILED;
    PQclear(r);
    int rc = up_locked(c, db, to, dry_run, applied);
    PQclear(PQexec(db, "select pg_advisory_unlock_all()"));
    if (rc == 0 && !dry_run)
        gh_cmd_say(c, "%zu applied", *applied);
    return rc == 0 ? GH_EXIT_DONE : GH_EXIT_FAILED;
}

static void
print_status(const gh_cmd_t *c, const gh_migrations_t *m)
{
    gh_buf_t out GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_json_t j;
    gh_json_init(&j, &out);
    gh_json_arr(&j);
    for (size_t i = 0; i < m->n; i++) {
        const gh_migration_t *one = &m->v[i];
        const char *state = one->edited ? "changed" : one->applied ? "applied" : "pending";
        char hex[65];
        gh_hex(one->checksum, sizeof one->checksum, hex);
        if (!c->json) {
            printf("%04d  %-28s %-8s %.12s  %s\n", one->version, one->name, state, hex, one->applied_at);
            continue;
        }
        gh_json_obj(&j);
        gh_json_ki64(&j, "version", one->version);
        gh_json_kcstr(&j, "name", one->name);
        gh_json_kcstr(&j, "state", state);
        gh_json_kcstr(&j, "checksum", hex);
        gh_json_kcstr(&j, "applied_at", one->applied ? one->applied_at : NULL);
        gh_json_obj_end(&j);
    }
    gh_json_arr_end(&j);
    if (c->json)
        printf("%s\n", gh_buf_cstr(&out) ? out.p : "null");
}

/* Status: 1 when the history does not fit, 4 with --exit-code when nothing is pending. */
static int
status(gh_cmd_t *c, PGconn *db)
{
    gh_migrations_t m;
    if (load_state(c, db, &m) != 0) {
        gh_migrations_fini(&m);
        return GH_EXIT_FAILED;
    }
    print_status(c, &m);
    int rc = check_history(c, &m) == 0 ? GH_EXIT_DONE : GH_EXIT_FAILED;
    bool pending = m.n > 0 && !m.v[m.n - 1].applied;
    if (rc == GH_EXIT_DONE && !pending && gh_args_has(&c->args, "exit-code"))
        rc = GH_EXIT_NOTHING;
    gh_migrations_fini(&m);
    return rc;
}

static int
new_file(gh_cmd_t *c)
{
    const char *name = c->args.n_words == 2 ? c->args.words[1] : "";
    if (!gh_migration_name_valid(name))
        return gh_cmd_usage(c, "new needs a name of 1 to 48 letters a-z, digits and _");
    char dir[PATH_MAX], path[PATH_MAX];
    gh_migrations_t m;
    if (migrations_dir(dir) != 0 || gh_migrations_read(dir, &m) != 0)
        return GH_EXIT_FAILED;
    size_t next = m.n + 1;
    gh_migrations_fini(&m);
    if (snprintf(path, sizeof path, "%s/%04zu_%s.sql", dir, next, name) >= (int)sizeof path)
        return GH_EXIT_FAILED;
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0)
        return gh_cmd_failed(c, "%s: %s", path, strerror(errno));
    int n = dprintf(fd, "-- What this changes and why; how it was tried on a full copy.\n");
    if (close(fd) != 0 || n < 0)
        return gh_cmd_failed(c, "%s: %s", path, strerror(errno));
    printf("%s\n", path);
    return GH_EXIT_DONE;
}

int
gh_cmd_migrate(gh_cmd_t *c)
{
    const char *verb = c->args.n_words ? c->args.words[0] : "up";
    int64_t to;
    if (gh_args_int(&c->args, "to", 1, 9999, 0, &to) != 0)
        return gh_cmd_bad_option(c);
    if (strcmp(verb, "new") == 0)
        return new_file(c);
    if (c->args.n_words > 1)
        return gh_cmd_usage(c, "%s is too much", c->args.words[1]);
    if (strcmp(verb, "down") == 0)
        return gh_cmd_usage(c, "migrations go forward only: restore a backup to go back");
    bool up = strcmp(verb, "up") == 0;
    if (!up && strcmp(verb, "status") != 0)
        return gh_cmd_usage(c, "unknown: %s (up, status, new NAME)", verb);
    PGconn *db = gh_cmd_connect(c);
    if (!db)
        return GH_EXIT_DATABASE;
    size_t applied = 0;
    int rc = up ? gh_migrate_up(c, db, (int)to, gh_args_has(&c->args, "dry-run"), &applied) : status(c, db);
    if (up && rc == GH_EXIT_DONE && c->json && !gh_args_has(&c->args, "dry-run"))
        printf("{\"applied\":%zu}\n", applied);
    if (up && rc == GH_EXIT_DONE && applied == 0 && gh_args_has(&c->args, "exit-code"))
        rc = GH_EXIT_NOTHING;
    PQfinish(db);
    return rc;
}
