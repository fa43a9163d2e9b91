/*
 * ops/cmd/restore.c - `guahao restore` (api/31 CM-09)
 *
 * The archive is read twice: once to check it against its manifest, to its end, before anything is changed; then into pg_restore,
 * in one transaction. The rows of each table must be those of the manifest. Migrations that came since are applied then.
 */
#include <errno.h>
#include <fcntl.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "backup/archive.h"
#include "backup/child.h"
#include "backup/manifest.h"
#include "db/arrays.h"
#include "ops/cmd/backup.h"
#include "ops/cmd/dbq.h"
#include "ops/cmd/migrate.h"
#include "ops/cmd/progress.h"

const gh_opt_t gh_restore_opts[] = {
    {"target-dsn", "DSN", "the database to restore into (default: that of the settings)"},
    {"verify-only", NULL, "check the archive against its manifest, change nothing"},
    {"force", NULL, "drop what the database has"},
    {NULL, NULL, NULL},
};

typedef struct restore {
    gh_cmd_t *c;
    const char *file, *secret;
    gh_manifest_t manifest;
    int fd;
} restore_t;

/* Digest, size, and with a key every chunk of an encrypted one. */
static int
verify(restore_t *r)
{
    gh_progress_t p;
    gh_archive_sum_t sum;
    char err[160] = "";
    gh_progress_begin(&p, r->c, "bytes checked", r->manifest.size);
    if (gh_archive_unpack(r->fd, -1, r->secret, gh_backup_step, &p, &sum, err) != 0)
        return gh_cmd_failed(r->c, "%s: %s", r->file, err);
    if (sum.size != r->manifest.size || strcmp(sum.sha256, r->manifest.sha256) != 0)
        return gh_cmd_failed(r->c, "%s: the archive is damaged: its digest is not that of the manifest",
                             r->file);
    gh_progress_end(&p, sum.size);
    if (sum.sealed && *r->secret == '\0' && !gh_args_has(&r->c->args, "verify-only"))
        return gh_cmd_failed(r->c, "%s: the archive is encrypted: its key goes into GUAHAO_BACKUP_KEY",
                             r->file);
    gh_cmd_say(r->c, "%s of %s is whole%s", r->file, r->manifest.created_at,
               sum.sealed && *r->secret == '\0' ? "; its contents need GUAHAO_BACKUP_KEY" : "");
    return GH_EXIT_DONE;
}

/* An empty database, or one that may be emptied. */
static int
make_room(restore_t *r, PGconn *db)
{
    PGresult *found = gh_dbq_named(db, "restore_objects", 0, NULL);
    int64_t objects = found ? gh_pg_i64(found, 0, 0, 0) : 0;
    PQclear(found);
    if (!found)
        return GH_EXIT_FAILED;
    if (objects == 0)
        return GH_EXIT_DONE;
    if (!gh_args_has(&r->c->args, "force"))
        return gh_cmd_usage(r->c, "refused: the database %s is not empty (R-247; --force drops what it has)",
                            PQdb(db));
    if (gh_cmd_is_production(r->c) && !r->c->yes)
        return gh_cmd_usage(r->c, "refused: this is a production system (R-240; --force --yes)");
    return gh_schema_drop(db) == 0 ? GH_EXIT_DONE : GH_EXIT_FAILED;
}

static int
load(restore_t *r, PGconn *db)
{
    char *name = PQescapeLiteral(db, PQdb(db), strlen(PQdb(db)));
    char target[256];
    /* A literal's quotes are those of a connection string, but for E'': such a name has a backslash. */
    bool fits = name && name[0] == '\'' &&
                snprintf(target, sizeof target, "--dbname=dbname=%s", name) < (int)sizeof target;
    PQfreemem(name);
    if (!fits)
        return gh_cmd_failed(r->c, "the name of the database cannot be passed on");
    const char *const argv[] = {"pg_restore",
                                "--no-owner",
                                "--no-privileges",
                                "--exit-on-error",
                                "--single-transaction",
                                "--no-password",
                                target,
                                NULL};
    gh_child_t child;
    gh_progress_t p;
    gh_archive_sum_t sum;
    char err[160] = "";
    if (lseek(r->fd, 0, SEEK_SET) != 0 || gh_child_start(&child, db, argv, true) != 0)
        return gh_cmd_failed(r->c, "pg_restore: %s", strerror(errno));
    gh_progress_begin(&p, r->c, "bytes restored", r->manifest.size);
    int rc = gh_archive_unpack(r->fd, child.fd, r->secret, gh_backup_step, &p, &sum, err);
    if (rc != 0)
        gh_child_stop(&child); /* before its input ends, which it could take for the end of the archive */
    int status = gh_child_wait(&child);
    if (status != 0 || rc != 0)
        return gh_cmd_failed(r->c, "nothing was restored: %s",
                             status > 0 || rc == 0 ? "pg_restore failed" : err);
    gh_progress_end(&p, sum.size);
    return GH_EXIT_DONE;
}

static int
restore(restore_t *r)
{
    int64_t known = gh_migrations_known();
    if (known < 0)
        return GH_EXIT_FAILED;
    if (r->manifest.schema_version > known)
        return gh_cmd_failed(r->c, "the archive has migration %lld, this program knows %lld: it is newer",
                             (long long)r->manifest.schema_version, (long long)known);
    PGconn *db = gh_cmd_connect(r->c);
    if (!db)
        return GH_EXIT_DATABASE;
    int rc = make_room(r, db);
    if (rc == GH_EXIT_DONE)
        rc = load(r, db);
    if (rc == GH_EXIT_DONE && gh_manifest_compare(&r->manifest, db) != 0)
        rc = gh_cmd_failed(r->c, "what was restored is not what the manifest says");
    size_t applied;
    if (rc == GH_EXIT_DONE)
        rc = gh_migrate_up(r->c, db, 0, false, &applied);
    PQfinish(db);
    return rc;
}

/* Settings again, with another database. The caller destroys them; NULL after a message. */
static gh_conf_t *
other_database(gh_cmd_t *c, const char *dsn)
{
    if (setenv("GUAHAO_DATABASE_URL", dsn, 1) != 0)
        return NULL;
    return gh_conf_load(gh_args_str(&c->args, "config", NULL));
}

int
gh_cmd_restore(gh_cmd_t *c)
{
    if (c->args.n_words != 1)
        return gh_cmd_usage(c, "name the archive");
    const char *dsn = gh_args_str(&c->args, "target-dsn", NULL);
    gh_conf_t *conf = dsn ? other_database(c, dsn) : NULL;
    if (dsn && !conf)
        return GH_EXIT_USAGE;
    if (conf)
        c->conf = conf;
    restore_t r = {.c = c, .file = c->args.words[0], .secret = gh_backup_secret(c)};
    int rc = GH_EXIT_FAILED;
    char err[GH_BACKUP_ERR];
    r.fd = open(r.file, O_RDONLY | O_CLOEXEC);
    if (r.fd < 0)
        (void)gh_cmd_failed(c, "%s: %s", r.file, strerror(errno));
    else if (gh_manifest_read(r.file, &r.manifest, err) != 0)
        (void)gh_cmd_failed(c, "%s: %s", r.file, err);
    else {
        gh_backup_catch();
        rc = verify(&r);
        if (rc == GH_EXIT_DONE && !gh_args_has(&c->args, "verify-only"))
            rc = restore(&r);
        gh_manifest_fini(&r.manifest);
    }
    if (r.fd >= 0)
        close(r.fd);
    gh_conf_destroy(&conf);
    return rc;
}
