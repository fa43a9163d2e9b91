/*
 * lib/backup/dump.c - see dump.h
 */
#include "backup/dump.h"

#include <errno.h>
#include <fcntl.h>
#include <libpq-fe.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "backup/child.h"
#include "backup/manifest.h"
#include "backup/shelf.h"
#include "base/json.h"
#include "base/timez.h"
#include "base/uuid7.h"
#include "db/arrays.h"

typedef struct work {
    gh_dump_t *d;
    int64_t at_us, version, stored_files;
    char snapshot[80];
    gh_buf_t tables;
    gh_archive_sum_t sum;
} work_t;

static int fail(gh_dump_t *d, const char *fmt, ...) GH_PRINTF(2, 3);

static int
fail(gh_dump_t *d, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(d->err, sizeof d->err, fmt, ap);
    va_end(ap);
    return -1;
}

/* One value of a statement. -1 with a reason. */
static int
ask(gh_dump_t *d, const char *statement, int64_t *out)
{
    PGresult *r = gh_backup_query(d->db, statement, d->err);
    *out = r && PQntuples(r) == 1 ? gh_pg_i64(r, 0, 0, 0) : 0;
    PQclear(r);
    return r ? 0 : -1;
}

static int
exec(gh_dump_t *d, const char *command)
{
    PGresult *r = gh_backup_exec(d->db, command, d->err);
    PQclear(r);
    return r ? 0 : -1;
}

/* The snapshot that all of it is read in. */
static int
open_snapshot(work_t *w)
{
    gh_dump_t *d = w->d;
    PGresult *r = gh_backup_query(d->db, "backup_migrated", d->err);
    bool migrated = r && gh_pg_bool(r, 0, 0);
    PQclear(r);
    if (!r)
        return -1;
    if (!migrated)
        return fail(d, "the database has no schema of ours: guahao migrate makes it");
    if (exec(d, "set idle_in_transaction_session_timeout = 0") != 0 ||
        exec(d, "begin isolation level repeatable read read only") != 0 ||
        ask(d, "backup_version", &w->version) != 0 || ask(d, "backup_stored_files", &w->stored_files) != 0)
        return -1;
    if (!(r = gh_backup_query(d->db, "backup_snapshot", d->err)))
        return -1;
    snprintf(w->snapshot, sizeof w->snapshot, "--snapshot=%s", PQgetvalue(r, 0, 0));
    PQclear(r);
    return 0;
}

static int
put_manifest(work_t *w)
{
    gh_dump_t *d = w->d;
    char created[GH_TEXT_TS], id[GH_UUID_TEXT];
    uint8_t uuid[16];
    gh_uuid7_new(uuid);
    gh_uuid_text(uuid, id);
    gh_ts_text(w->at_us, created);
    gh_json_t j;
    gh_json_init(&j, &d->manifest);
    gh_json_obj(&j);
    gh_json_kcstr(&j, "id", id);
    gh_json_kcstr(&j, "label", d->label);
    gh_json_kcstr(&j, "created_at", created);
    gh_json_ki64(&j, "schema_version", w->version);
    gh_json_ki64(&j, "size", w->sum.size);
    gh_json_kcstr(&j, "sha256", w->sum.sha256);
    gh_json_kbool(&j, "encrypted", w->sum.sealed);
    gh_json_ki64(&j, "files", w->stored_files);
    gh_json_kraw(&j, "tables", gh_buf_view(&w->tables));
    gh_json_obj_end(&j);
    gh_buf_putc(&d->manifest, '\n');
    return gh_buf_ok(&d->manifest) ? 0 : fail(d, "out of memory");
}

/* pg_dump into fd, then the manifest. */
static int
dump(work_t *w, int fd)
{
    gh_dump_t *d = w->d;
    const char *const argv[] = {"pg_dump",           "--format=custom", "--no-owner", "--no-privileges",
                                "--no-publications", "--no-password",   w->snapshot,  NULL};
    gh_child_t child;
    if (gh_child_start(&child, d->db, argv, false) != 0)
        return fail(d, "pg_dump: %s", strerror(errno));
    int rc = gh_archive_pack(child.fd, fd, d->secret, d->step, d->step_arg, &w->sum, d->err);
    if (rc != 0)
        gh_child_stop(&child);
    int status = gh_child_wait(&child);
    if (rc != 0)
        return -1;
    if (!d->step(d->step_arg, w->sum.size))
        return fail(d, "interrupted");
    if (status != 0)
        return fail(d, "pg_dump failed");
    d->size = w->sum.size;
    return gh_manifest_count(d->db, &w->tables, d->err) == 0 ? put_manifest(w) : -1;
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
write_manifest(const gh_buf_t *text, const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return -1;
    bool good = write(fd, text->p, text->n) == (ssize_t)text->n && fsync(fd) == 0;
    good = close(fd) == 0 && good;
    if (!good)
        unlink(path);
    return good ? 0 : -1;
}

/* The archive is whole: give it its name, and its manifest. */
static int
put_in_place(gh_dump_t *d, const char *partial)
{
    char manifest[PATH_MAX];
    if (gh_manifest_path(d->file, manifest, sizeof manifest) != 0)
        return fail(d, "the name of the directory is too long");
    if (rename(partial, d->file) != 0)
        return fail(d, "%.200s: %s", d->file, strerror(errno));
    if (write_manifest(&d->manifest, manifest) == 0 && sync_dir(d->dir) == 0)
        return 0;
    fail(d, "%.200s: %s", manifest, strerror(errno));
    unlink(d->file);
    return -1;
}

static int
dump_to_dir(work_t *w)
{
    gh_dump_t *d = w->d;
    char partial[PATH_MAX];
    if (gh_shelf_name(d->dir, w->at_us, d->label, d->file) != 0 ||
        snprintf(partial, sizeof partial, "%s" GH_SHELF_PARTIAL, d->file) >= (int)sizeof partial)
        return fail(d, "the name of the directory is too long");
    if (mkdir(d->dir, 0700) != 0 && errno != EEXIST)
        return fail(d, "%.200s: %s", d->dir, strerror(errno));
    gh_shelf_tidy(d->dir);
    int fd = gh_shelf_begin(partial);
    if (fd < 0)
        return fail(d, "%.200s: %s", partial, strerror(errno));
    int rc = dump(w, fd);
    if (rc == 0 && fsync(fd) != 0)
        rc = fail(d, "%.200s: %s", partial, strerror(errno));
    if (rc == 0)
        rc = put_in_place(d, partial);
    if (rc != 0)
        unlink(partial);
    close(fd); /* the lock goes with it: only now may others tidy */
    return rc;
}

static int
run(gh_dump_t *d, int fd)
{
    work_t w = {.d = d, .at_us = gh_machine_us()};
    int rc = open_snapshot(&w);
    if (rc == 0)
        rc = fd < 0 ? dump_to_dir(&w) : dump(&w, fd);
    gh_buf_fini(&w.tables);
    return rc;
}

int
gh_dump_to_dir(gh_dump_t *d)
{
    return run(d, -1);
}

int
gh_dump_to_fd(gh_dump_t *d, int fd)
{
    return run(d, fd);
}

void
gh_dump_fini(gh_dump_t *d)
{
    gh_buf_fini(&d->manifest);
}
