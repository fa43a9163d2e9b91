/*
 * ops/cmd/cmd.h - the frame of the `guahao` command: a command is a row of the table in main.c and a run function
 *
 * Results go to stdout, messages and progress to stderr. A run function returns an exit status of api/31.
 */
#ifndef GH_CMD_CMD_H
#define GH_CMD_CMD_H

#include "base/conf.h"
#include "ops/cmd/opt.h"

struct pg_conn;

enum {
    GH_EXIT_DONE = 0,
    GH_EXIT_FAILED = 1,
    GH_EXIT_USAGE = 2,    /* wrong usage, or refused */
    GH_EXIT_DATABASE = 3, /* database unreachable */
    GH_EXIT_NOTHING = 4   /* nothing to do, with --exit-code */
};

typedef struct gh_cmd {
    const struct gh_cmd_row *row;
    gh_args_t args;
    gh_conf_t *conf; /* loaded before run */
    bool json, quiet, yes;
} gh_cmd_t;

typedef struct gh_cmd_row {
    const char *name;
    const char *words; /* shown behind the name: "up | status | new NAME"; "" for none */
    size_t max_words;
    const char *summary; /* one line */
    const char *text;    /* further lines of --help, or NULL */
    const gh_opt_t *opts;
    int (*run)(gh_cmd_t *c);
} gh_cmd_row_t;

/* Take the settings that the database has, as running programs do, for a command that goes by rules of the hospital. 0, or -1 after a
 * message. */
int gh_cmd_take_settings(const gh_cmd_t *c, struct pg_conn *db) GH_MUSTCHECK;

/* Commands, one file each. */
int gh_cmd_init(gh_cmd_t *c);
int gh_cmd_migrate(gh_cmd_t *c);
int gh_cmd_seed(gh_cmd_t *c);
int gh_cmd_keys(gh_cmd_t *c);
int gh_cmd_curve(gh_cmd_t *c);
int gh_cmd_token(gh_cmd_t *c);
int gh_cmd_config(gh_cmd_t *c);
int gh_cmd_openapi(gh_cmd_t *c);
int gh_cmd_audit(gh_cmd_t *c);
int gh_cmd_books(gh_cmd_t *c);
int gh_cmd_stats(gh_cmd_t *c);
int gh_cmd_jobs(gh_cmd_t *c);
int gh_cmd_clock(gh_cmd_t *c);
int gh_cmd_check(gh_cmd_t *c);
int gh_cmd_log(gh_cmd_t *c);
int gh_cmd_log_level(gh_cmd_t *c);
extern const gh_opt_t gh_log_level_opts[];
int gh_cmd_backup(gh_cmd_t *c);
int gh_cmd_restore(gh_cmd_t *c);
int gh_cmd_create_superuser(gh_cmd_t *c);
int gh_cmd_set_password(gh_cmd_t *c);
int gh_cmd_unlock(gh_cmd_t *c);
int gh_cmd_revoke_sessions(gh_cmd_t *c);
extern const gh_opt_t gh_init_opts[], gh_migrate_opts[], gh_seed_opts[], gh_token_opts[], gh_openapi_opts[],
    gh_keys_opts[], gh_audit_opts[], gh_books_opts[], gh_stats_opts[], gh_check_opts[], gh_backup_opts[],
    gh_restore_opts[], gh_config_opts[], gh_superuser_opts[], gh_password_opts[], gh_curve_opts[],
    gh_jobs_opts[];

/* Say "guahao NAME: <text>" on stderr and give GH_EXIT_USAGE. gh_cmd_bad_option() says c->args.err. */
int gh_cmd_usage(const gh_cmd_t *c, const char *fmt, ...) GH_PRINTF(2, 3);
int gh_cmd_bad_option(const gh_cmd_t *c);
/* The same with GH_EXIT_FAILED. */
int gh_cmd_failed(const gh_cmd_t *c, const char *fmt, ...) GH_PRINTF(2, 3);
/* A line on stderr, unless --quiet. */
void gh_cmd_say(const gh_cmd_t *c, const char *fmt, ...) GH_PRINTF(2, 3);

bool gh_cmd_is_production(const gh_cmd_t *c);

/* A blocking connection to database.url, set up for administration (UTC, no statement time-out). NULL after a message;
 * the exit status is then GH_EXIT_DATABASE. The caller closes it with PQfinish(). From then on gh_now_us() is the clock of the
 * programs that serve this database (decisions 20). */
struct pg_conn *gh_cmd_connect(const gh_cmd_t *c);

/* How far the clock of a database is moved, in ms; 0: not, or the schema is too old to say. */
int64_t gh_clock_of(struct pg_conn *db);

/* Make the directories above a file that are missing; the last one with mode 0700. -1 with errno. */
int gh_cmd_make_parent(const char *file) GH_MUSTCHECK;

/* Make the key files that the settings name and that are missing. -1 after a message. */
int gh_keys_make(const gh_cmd_t *c) GH_MUSTCHECK;

#endif
