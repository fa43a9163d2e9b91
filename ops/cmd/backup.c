/*
 * ops/cmd/backup.c - `guahao backup` (api/31 CM-08; R-246)
 *
 * pg_dump in its custom format, under a snapshot that the manifest's counts are read in too. The archive is written beside its place
 * and renamed when it lies whole on the disk; its manifest comes last: an archive without one is not a backup.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libpq-fe.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/json.h"
#include "base/timez.h"
#include "base/uuid7.h"
#include "db/arrays.h"
#include "ops/cmd/archive.h"
#include "ops/cmd/backup.h"
#include "ops/cmd/child.h"
#include "ops/cmd/dbq.h"
#include "ops/cmd/manifest.h"
#include "ops/cmd/progress.h"

const gh_opt_t gh_backup_opts[] = {
    {"out", "DIR|-", "where to (default: the setting backup.dir); - writes the archive to stdout"},
    {"label", "TEXT", "part of the name: 1 to 40 letters, digits, - and _"},
    {"with-files", NULL, "stored files are rows of the database: they are always in it"},
    {"encrypt", NULL, "encrypt with the key in GUAHAO_BACKUP_KEY"},
    {"keep", "N", "remove all but the N newest backups of the directory afterwards"},
    {NULL, NULL, NULL},
};

#define PREFIX "guahao-"
#define STAMP  19 /* 20261121T213400.123Z */

typedef struct backup {
    gh_cmd_t *c;
    PGconn *db;
    const char *dir, *label, *secret;
    int64_t keep;
    bool to_stdout;
    int64_t at_us, version, stored_files;
    char snapshot[80], file[PATH_MAX], partial[PATH_MAX];
    gh_buf_t tables, manifest;
    gh_archive_sum_t sum;
    gh_progress_t progress;
    gh_child_t child;
} backup_t;

static volatile sig_atomic_t s_stopped;

static void
on_signal(int sig)
{
    (void)sig;
    s_stopped = 1;
}

void
gh_backup_catch(void)
{
    struct sigaction a = {.sa_handler = on_signal};
    sigaction(SIGINT, &a, NULL);
    sigaction(SIGTERM, &a, NULL);
    signal(SIGPIPE, SIG_IGN);
}

bool
gh_backup_step(void *arg, int64_t bytes)
{
    gh_progress_at(arg, bytes);
    return !s_stopped;
}

const char *
gh_backup_secret(const gh_cmd_t *c)
{
    return gh_conf_str(c->conf, "backup.key");
}

static bool
label_fits(const char *s)
{
    size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_");
    return s[n] == '\0' && n >= 1 && n <= 40;
}

static int
read_request(backup_t *b)
{
    gh_cmd_t *c = b->c;
    b->dir = gh_args_str(&c->args, "out", gh_conf_str(c->conf, "backup.dir"));
    b->label = gh_args_str(&c->args, "label", NULL);
    b->to_stdout = strcmp(b->dir, "-") == 0;
    b->secret = gh_args_has(&c->args, "encrypt") ? gh_backup_secret(c) : "";
    if (gh_args_int(&c->args, "keep", 1, 100000, 0, &b->keep) != 0)
        return gh_cmd_bad_option(c);
    if (b->label && !label_fits(b->label))
        return gh_cmd_usage(c, "--label has 1 to 40 letters, digits, - and _");
    if (b->to_stdout && b->keep)
        return gh_cmd_usage(c, "--keep goes with a directory");
    if (b->to_stdout && isatty(STDOUT_FILENO))
        return gh_cmd_usage(c, "an archive is not written to a terminal");
    if (gh_args_has(&c->args, "encrypt") && strlen(b->secret) < GH_ARCHIVE_SECRET_MIN)
        return gh_cmd_usage(c, "--encrypt needs a key of at least %d characters in GUAHAO_BACKUP_KEY",
                            GH_ARCHIVE_SECRET_MIN);
    return GH_EXIT_DONE;
}

/* One value of a statement without parameters. -1 after a message. */
static int
ask(PGconn *db, const char *statement, int64_t *out)
{
    PGresult *r = gh_dbq_named(db, statement, 0, NULL);
    *out = r && PQntuples(r) == 1 ? gh_pg_i64(r, 0, 0, 0) : 0;
    PQclear(r);
    return r ? 0 : -1;
}

/* The snapshot that all of it is read in. */
static int
open_snapshot(backup_t *b)
{
    PGresult *r = gh_dbq_named(b->db, "backup_migrated", 0, NULL);
    bool migrated = r && gh_pg_bool(r, 0, 0);
    PQclear(r);
    if (!r)
        return -1;
    if (!migrated)
        return gh_cmd_failed(b->c, "the database has no schema of ours: guahao migrate makes it"), -1;
    if (gh_dbq_exec(b->db, "set idle_in_transaction_session_timeout = 0") != 0 ||
        gh_dbq_exec(b->db, "begin isolation level repeatable read read only") != 0 ||
        ask(b->db, "backup_version", &b->version) != 0 ||
        ask(b->db, "backup_stored_files", &b->stored_files) != 0)
        return -1;
    if (!(r = gh_dbq_named(b->db, "backup_snapshot", 0, NULL)))
        return -1;
    snprintf(b->snapshot, sizeof b->snapshot, "--snapshot=%s", PQgetvalue(r, 0, 0));
    PQclear(r);
    return 0;
}

static int
make_names(backup_t *b)
{
    time_t s = (time_t)(b->at_us / 1000000);
    struct tm tm;
    char stamp[32];
    gmtime_r(&s, &tm);
    strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%S", &tm);
    int n = snprintf(b->file, sizeof b->file, "%s/" PREFIX "%s.%03dZ%s%s.dump", b->dir, stamp,
                     (int)(b->at_us / 1000 % 1000), b->label ? "-" : "", b->label ? b->label : "");
    int m = snprintf(b->partial, sizeof b->partial, "%s.partial", b->file);
    if (n < 0 || m < 0 || (size_t)m >= sizeof b->partial)
        return gh_cmd_usage(b->c, "the name of the directory is too long"), -1;
    if (mkdir(b->dir, 0700) != 0 && errno != EEXIST)
        return gh_cmd_failed(b->c, "%s: %s", b->dir, strerror(errno)), -1;
    return 0;
}

static int
put_manifest(backup_t *b)
{
    char created[GH_TEXT_TS], id[GH_UUID_TEXT];
    uint8_t uuid[16];
    gh_uuid7_new(uuid);
    gh_uuid_text(uuid, id);
    gh_ts_text(b->at_us, created);
    gh_json_t j;
    gh_json_init(&j, &b->manifest);
    gh_json_obj(&j);
    gh_json_kcstr(&j, "id", id);
    gh_json_kcstr(&j, "label", b->label);
    gh_json_kcstr(&j, "created_at", created);
    gh_json_ki64(&j, "schema_version", b->version);
    gh_json_ki64(&j, "size", b->sum.size);
    gh_json_kcstr(&j, "sha256", b->sum.sha256);
    gh_json_kbool(&j, "encrypted", b->sum.sealed);
    gh_json_ki64(&j, "files", b->stored_files);
    gh_json_kraw(&j, "tables", gh_buf_view(&b->tables));
    gh_json_obj_end(&j);
    gh_buf_putc(&b->manifest, '\n');
    return gh_buf_ok(&b->manifest) ? 0 : -1;
}

/* pg_dump into fd, then the manifest. */
static int
dump(backup_t *b, int fd)
{
    const char *const argv[] = {"pg_dump",           "--format=custom", "--no-owner", "--no-privileges",
                                "--no-publications", "--no-password",   b->snapshot,  NULL};
    if (gh_child_start(&b->child, b->db, argv, false) != 0)
        return gh_cmd_failed(b->c, "pg_dump: %s", strerror(errno)), -1;
    char err[160] = "";
    gh_progress_begin(&b->progress, b->c, "bytes", 0);
    int rc = gh_archive_pack(b->child.fd, fd, b->secret, gh_backup_step, &b->progress, &b->sum, err);
    if (rc != 0)
        gh_child_stop(&b->child);
    int status = gh_child_wait(&b->child);
    if (rc != 0 || s_stopped)
        return gh_cmd_failed(b->c, "%s", s_stopped ? "interrupted" : err), -1;
    if (status != 0)
        return gh_cmd_failed(b->c, "pg_dump failed"), -1;
    if (gh_manifest_count(b->db, &b->tables) != 0)
        return -1;
    gh_progress_end(&b->progress, b->sum.size);
    return put_manifest(b);
}

static int
sync_dir(const char *dir)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = fd >= 0 ? fsync(fd) : -1;
    if (fd >= 0)
        close(fd);
    return rc;
}

static int
write_manifest(backup_t *b, const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return -1;
    bool good = write(fd, b->manifest.p, b->manifest.n) == (ssize_t)b->manifest.n && fsync(fd) == 0;
    good = close(fd) == 0 && good;
    if (!good)
        unlink(path);
    return good ? 0 : -1;
}

/* The archive into its directory, whole or not at all. */
static int
dump_to_dir(backup_t *b)
{
    char manifest[PATH_MAX];
    if (make_names(b) != 0 || gh_manifest_path(b->file, manifest, sizeof manifest) != 0)
        return -1;
    int fd = open(b->partial, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return gh_cmd_failed(b->c, "%s: %s", b->partial, strerror(errno)), -1;
    int rc = dump(b, fd);
    bool kept = rc == 0 && fsync(fd) == 0;
    kept = close(fd) == 0 && kept;
    if (kept && rename(b->partial, b->file) == 0) {
        if (write_manifest(b, manifest) == 0 && sync_dir(b->dir) == 0)
            return 0;
        (void)gh_cmd_failed(b->c, "%s: %s", manifest, strerror(errno));
        unlink(b->file);
        return -1;
    }
    if (rc == 0)
        (void)gh_cmd_failed(b->c, "%s: %s", b->file, strerror(errno));
    unlink(b->partial);
    return -1;
}

/* Names of manifests that this program gave: the newest sorts last. */
static int
is_manifest(const struct dirent *e)
{
    size_t n = strlen(e->d_name), p = sizeof PREFIX - 1;
    return strncmp(e->d_name, PREFIX, p) == 0 && n >= p + STAMP + 5 &&
           strspn(e->d_name + p, "0123456789") == 8 && e->d_name[p + 8] == 'T' &&
           strcmp(e->d_name + n - 5, ".json") == 0;
}

static void
prune(backup_t *b)
{
    struct dirent **names;
    int n = scandir(b->dir, &names, is_manifest, alphasort);
    for (int i = 0; i < n; i++) {
        char path[PATH_MAX];
        size_t stem = strlen(names[i]->d_name) - 5;
        bool old = b->keep > 0 && i < n - b->keep;
        /* The archive first: a manifest alone is nothing that restore would take. */
        if (old &&
            snprintf(path, sizeof path, "%s/%.*s.dump", b->dir, (int)stem, names[i]->d_name) < PATH_MAX)
            unlink(path);
        if (old && snprintf(path, sizeof path, "%s/%s", b->dir, names[i]->d_name) < PATH_MAX &&
            unlink(path) == 0)
            gh_cmd_say(b->c, "removed %.*s", (int)stem, names[i]->d_name);
        free(names[i]);
    }
    if (n >= 0)
        free(names);
}

static int
run(backup_t *b)
{
    if (open_snapshot(b) != 0)
        return GH_EXIT_FAILED;
    if (b->to_stdout) {
        if (dump(b, STDOUT_FILENO) != 0)
            return GH_EXIT_FAILED;
        fwrite(b->manifest.p, 1, b->manifest.n, stderr);
        return GH_EXIT_DONE;
    }
    if (dump_to_dir(b) != 0)
        return GH_EXIT_FAILED;
    if (b->keep)
        prune(b);
    if (b->c->json)
        fwrite(b->manifest.p, 1, b->manifest.n, stdout);
    else
        printf("%s\n", b->file);
    return GH_EXIT_DONE;
}

int
gh_cmd_backup(gh_cmd_t *c)
{
    backup_t b = {.c = c, .at_us = gh_machine_us()};
    int rc = read_request(&b);
    if (rc != GH_EXIT_DONE)
        return rc;
    b.db = gh_cmd_connect(c);
    if (!b.db)
        return GH_EXIT_DATABASE;
    gh_backup_catch();
    rc = run(&b);
    gh_buf_fini(&b.tables);
    gh_buf_fini(&b.manifest);
    PQfinish(b.db);
    return rc;
}
