/*
 * ops/cmd/backup.c - `guahao backup` (api/31 CM-08; R-246): the backup itself is lib/backup/dump.c
 */
#include <libpq-fe.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "backup/dump.h"
#include "backup/shelf.h"
#include "ops/cmd/backup.h"
#include "ops/cmd/progress.h"

const gh_opt_t gh_backup_opts[] = {
    {"out", "DIR|-", "where to (default: the setting backup.dir); - writes the archive to stdout"},
    {"label", "TEXT", "part of the name: 1 to 40 letters, digits, - and _"},
    {"with-files", NULL, "stored files are rows of the database: they are always in it"},
    {"encrypt", NULL, "encrypt with the key in GUAHAO_BACKUP_KEY"},
    {"keep", "N",
     "remove all but the N newest backups of the directory afterwards (in backup.dir: default the setting "
     "backup.keep)"},
    {NULL, NULL, NULL},
};

typedef struct backup {
    gh_cmd_t *c;
    gh_dump_t dump;
    int64_t keep;
    bool to_stdout;
    gh_progress_t progress;
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
    return s[n] == '\0' && n >= 1 && n <= GH_SHELF_LABEL_MAX;
}

static int
read_request(backup_t *b)
{
    gh_cmd_t *c = b->c;
    gh_dump_t *d = &b->dump;
    d->dir = gh_args_str(&c->args, "out", gh_conf_str(c->conf, "backup.dir"));
    d->label = gh_args_str(&c->args, "label", NULL);
    b->to_stdout = strcmp(d->dir, "-") == 0;
    d->secret = gh_args_has(&c->args, "encrypt") ? gh_backup_secret(c) : "";
    if (gh_args_int(&c->args, "keep", 1, 100000, 0, &b->keep) != 0)
        return gh_cmd_bad_option(c);
    if (d->label && !label_fits(d->label))
        return gh_cmd_usage(c, "--label has 1 to 40 letters, digits, - and _");
    if (b->to_stdout && b->keep)
        return gh_cmd_usage(c, "--keep goes with a directory");
    if (b->to_stdout && isatty(STDOUT_FILENO))
        return gh_cmd_usage(c, "an archive is not written to a terminal");
    if (gh_args_has(&c->args, "encrypt") && strlen(d->secret) < GH_ARCHIVE_SECRET_MIN)
        return gh_cmd_usage(c, "--encrypt needs a key of at least %d characters in GUAHAO_BACKUP_KEY",
                            GH_ARCHIVE_SECRET_MIN);
    return GH_EXIT_DONE;
}

static void
tell_removed(void *arg, const char *name)
{
    gh_cmd_say(arg, "removed %s", name);
}

static int
run(backup_t *b)
{
    gh_dump_t *d = &b->dump;
    gh_progress_begin(&b->progress, b->c, "bytes", 0);
    int rc = b->to_stdout ? gh_dump_to_fd(d, STDOUT_FILENO) : gh_dump_to_dir(d);
    if (rc != 0)
        return s_stopped                                  ? gh_cmd_failed(b->c, "interrupted")
               : strncmp(d->err, "cannot write", 12) == 0 ? gh_cmd_failed(b->c, "%s: %s", d->dir, d->err)
                                                          : gh_cmd_failed(b->c, "%s", d->err);
    gh_progress_end(&b->progress, d->size);
    if (b->to_stdout) {
        fwrite(d->manifest.p, 1, d->manifest.n, stderr);
        return GH_EXIT_DONE;
    }
    gh_shelf_prune(d->dir, b->keep, tell_removed, b->c);
    if (b->c->json)
        fwrite(d->manifest.p, 1, d->manifest.n, stdout);
    else
        printf("%s\n", d->file);
    return GH_EXIT_DONE;
}

int
gh_cmd_backup(gh_cmd_t *c)
{
    backup_t b = {.c = c};
    int rc = read_request(&b);
    if (rc != GH_EXIT_DONE)
        return rc;
    b.dump.db = gh_cmd_connect(c);
    if (!b.dump.db)
        return GH_EXIT_DATABASE;
    if (!b.to_stdout && !gh_args_has(&c->args, "out") && !gh_args_has(&c->args, "keep")) {
        if (gh_cmd_take_settings(c, b.dump.db) != 0) {
            PQfinish(b.dump.db);
            return GH_EXIT_FAILED;
        }
        b.keep = gh_conf_int(c->conf, "backup.keep");
    }
    b.dump.step = gh_backup_step;
    b.dump.step_arg = &b.progress;
    gh_backup_catch();
    rc = run(&b);
    gh_dump_fini(&b.dump);
    PQfinish(b.dump.db);
    return rc;
}
