/*
 * ops/cmd/main.c - the `guahao` command (api/31): the table of commands, global options, help
 *
 * A new command: a row here, a run function declared in cmd.h or its own header, a table of options.
 */
#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/timez.h"
#include "ops/cmd/cmd.h"
#include "ops/cmd/drain.h"
#include "ops/cmd/env.h"
#include "ops/cmd/live.h"

static int run_help(gh_cmd_t *c);
static int run_version(gh_cmd_t *c);

static const gh_cmd_row_t s_commands[] = {
    {"init", "", 0, "Prepare a database: migrations, keys, demo data",
     "--mode migrate applies pending migrations. --mode app also empties the tables that demo data fills and "
     "loads it anew.\n"
     "--mode full drops everything first and builds the schema again, from --sql FILE when given.",
     gh_init_opts, gh_cmd_init},
    {"migrate", "[up | status | new NAME]", 2, "Bring the database's schema up to date",
     "up (the default) applies pending migrations, each in a transaction of its own; status lists them; new "
     "NAME makes the\n"
     "next empty file. There is no way down: restore a backup.",
     gh_migrate_opts, gh_cmd_migrate},
    {"seed", "[demo | algeria | clear]", 1, "Load demo data, or clear it",
     "demo (the default) adds what is missing of the demo hospital and extends its sessions to the days "
     "ahead; a second run\n"
     "adds nothing. algeria adds a polyclinic of Algiers: accounts dz.admin, dz.staff, doctors dz.d1.., "
     "patients dz.p1.., all with "
     "the password Algeria123!\n"
     "clear removes rows that carry the demo mark. All demo accounts have the password "
     "Guahao-2026:\n"
     "administrator A0001, nurse N0001, front desk S0001, doctors D0001.., patients by phone 13800000001..",
     gh_seed_opts, gh_cmd_seed},
    {"check", "", 0, "Check that this host has what the programs need",
     "Database, its version and settings, schema, clocks, keys, storage, backups, brokers and workers: one "
     "line each, ok, "
     "warn or fail.\n"
     "Exit status 1 when one fails. Reads only.",
     gh_check_opts, gh_cmd_check},
    {"backup", "", 0, "Write the whole database into an archive",
     "NAME.dump is what pg_dump writes in its custom format, NAME.json its manifest: schema version, digest, "
     "rows of each table. "
     "With --out -\n"
     "the manifest is the last line on stderr. Everything is of one moment; others work on meanwhile. The "
     "key files of "
     "GUAHAO_VAR are not in\n"
     "it, and without data.key encrypted columns stay closed: keep both.",
     gh_backup_opts, gh_cmd_backup},
    {"restore", "ARCHIVE", 1, "Restore an archive into an empty database, and migrate it",
     "The manifest lies beside the archive. Both are checked before anything is changed; the restoring is "
     "one transaction. The "
     "key of an\n"
     "encrypted archive is taken from GUAHAO_BACKUP_KEY. Afterwards count the statistics anew when days were "
     "lost (guahao stats "
     "rebuild).",
     gh_restore_opts, gh_cmd_restore},
    {"keys", "init|rotate", 1, "Make the key files that are missing, or rotate one",
     "init: keys of access and refresh tokens, order numbers and encrypted columns; each file has mode "
     "0600.\n"
     "rotate --kind jwt or refresh: a new key signs, the present one is accepted until the next rotation. "
     "Programs see it when they "
     "start: restart\n"
     "the fronts first, so that they know the new key, then the identity workers.\n"
     "rotate --kind data: a new key encrypts, the earlier ones stay in the file; then all values are "
     "encrypted again while all runs. "
     "When it was\n"
     "interrupted run it again. On several hosts: --new-key-only, copy the file to all, then without it.",
     gh_keys_opts, gh_cmd_keys},
    {"create-superuser", "", 0, "Make an account that may do everything",
     "Asks for the password twice, unless --password-stdin or --generate. Exit status 1 when a name is taken "
     "and --update was not "
     "given,\n"
     "or the password is too weak.",
     gh_superuser_opts, gh_cmd_create_superuser},
    {"set-password", "USER", 1, "Give an account a new password, and end its sessions",
     "USER is a user name, a mail address, a phone or a staff number, here and for unlock and "
     "revoke-sessions.",
     gh_password_opts, gh_cmd_set_password},
    {"unlock", "USER", 1, "Forget an account's failed sign-ins and its lock", NULL, NULL, gh_cmd_unlock},
    {"revoke-sessions", "USER", 1, "Sign an account out everywhere", "Prints how many sessions were ended.",
     NULL, gh_cmd_revoke_sessions},
    {"curve", "make server|NAME | list | allow FILE | revoke NAME|KEY | rotate", 2,
     "Keys of brokers and of the hosts that may connect to them",
     "make: a key pair, of the broker or of a front, worker or tool; the secret file stays on its host. "
     "allow: "
     "a public file goes "
     "to\n"
     "the keys of the broker, which knows it within a second. revoke: the key's connections end, its "
     "messages "
     "are ignored.\n"
     "rotate: a second server key, served beside the first at endpoints of its own (broker.second_*), until "
     "rotate --finish\n"
     "removes the first; the next rotation goes the other way. Each broker's host has its own directory.",
     gh_curve_opts, gh_cmd_curve},
    {"token", "", 0, "Mint access tokens of existing accounts, with real sessions",
     "Needs the signing key and the database: for load tests, replay and the bench. One token a line, in the "
     "order of the\n"
     "accounts. --user takes a phone number, a staff number, a user name or an e-mail address.",
     gh_token_opts, gh_cmd_token},
    {"audit", "verify", 1, "Check that the audit log was not altered",
     "Walks its chain of hashes. Exit status 1, with the id, when an entry was changed or removed. Entries "
     "of the last "
     "second\n"
     "may wait for their place in the chain.",
     gh_audit_opts, gh_cmd_audit},
    {"books", "", 0, "Check that places, appointments, waitlists and money agree",
     "Each invariant is named with its rule; one that does not hold is shown with the rows that break it, "
     "and the exit status is "
     "1. Reads\n"
     "one snapshot: other work goes on meanwhile. What the clock drives (time-outs, places offered again, "
     "jobs) may lag by "
     "--grace.",
     gh_books_opts, gh_cmd_books},
    {"clock", "[+2h | -30m | MOMENT | reset]", 1, "Show the test clock, or move it",
     "Moves the wall clock of all programs of this database while they run, within a second: +1d12h and -90s "
     "move it on or back "
     "from where\n"
     "it is, 2026-12-01T08:00:00+08:00 sets it, reset gives them the machine's time again. Time-outs of "
     "requests and leases do "
     "not move.\n"
     "For tests: refused in production.",
     NULL, gh_cmd_clock},
    {"jobs",
     "[list | show ID | retry ID... | drop ID... | enqueue OPERATION | kinds | schedule | letters | figures]",
     16, "Durable jobs: what waits, runs, failed; recurring ones; limits of kinds",
     "list (the default) shows the newest. retry runs failed jobs again, drop removes ended ones and cancels "
     "others; both take the "
     "ids of\n"
     "dead letters too. enqueue queues an operation. kinds shows the limits, kinds KIND --running N changes "
     "them. schedule list, "
     "enable,\n"
     "disable, run NAME and set NAME 'CRON' are about recurring jobs. letters lists the brokers' dead "
     "letters, jobs that took down "
     "each\n"
     "worker they met. figures has what to watch. Every change is an entry of the audit log.",
     gh_jobs_opts, gh_cmd_jobs},
    {"stats", "rebuild | verify", 1, "Count registrations of past days anew, or check what is counted",
     "Each night the days that ended are counted by themselves, and what was changed of earlier ones. "
     "rebuild "
     "counts days anew:\n"
     "after rows were restored or imported. verify compares the figures with the orders; exit status 1 when "
     "they differ.",
     gh_stats_opts, gh_cmd_stats},
    {"config", "[list | get KEY | set KEY VALUE]", 3,
     "Show every setting and where it comes from, or change one",
     "Alone it shows what environment, file and defaults say, without a database. list and get add what the "
     "database says; set "
     "changes that,\n"
     "with an entry of the audit log, and running programs follow within a second. What environment or file "
     "say, secrets, and what "
     "is\n"
     "read when a program starts are not changed here.",
     gh_config_opts, gh_cmd_config},
    {"openapi", "", 0, "Write the OpenAPI document of every surface",
     "The same document as /openapi.json of the front. --json is the default.", gh_openapi_opts,
     gh_cmd_openapi},
    {"queues", "", 0, "Show the brokers' queues",
     "One line a service: workers, jobs in hand, waiting by priority, the age of the oldest, counters and "
     "latencies since the\n"
     "broker's start. Exit status 1 when a broker of link.inner does not answer.",
     gh_queues_opts, gh_cmd_queues},
    {"workers", "", 0, "Show the worker processes of all brokers",
     "One line a process and pool, whatever brokers it serves: jobs in hand, done and failed since its "
     "start, its log level and "
     "memory,\n"
     "and when it was heard last. Exit status 1 when a broker of link.inner does not answer.",
     gh_queues_opts, gh_cmd_workers},
    {"log-level", "[debug | info | warn | error | default]", 1,
     "Show the levels of log lines, or set one while all runs",
     "Without --component for all programs, and instead of all that was set before; default goes back to "
     "what the settings say. "
     "All\n"
     "processes follow within two seconds, and by themselves when --ttl is over.",
     gh_log_level_opts, gh_cmd_log_level},
    {"log", "NAME", 1, "Write what stdin says into log.dir/NAME.log, turned over as all logs are",
     "For a program that cannot do so itself: PostgreSQL of make run. Ends when stdin ends.", NULL,
     gh_cmd_log},
    {"top", "", 0, "Watch queues, workers, rates and latencies",
     "Rates and percentiles are those between two looks. Keys: q quits, + and - change the interval.",
     gh_top_opts, gh_cmd_top},
    {"drain", "broker NAME | worker HOST:PID", 2, "Take a broker or a worker process out of service",
     "broker: it refuses new jobs and says so, fronts and dispatchers turn to the others, what it holds is "
     "finished; NAME is that of the\n"
     "list of brokers, or its endpoint. --off takes it back. worker: the process finishes what it runs, "
     "hands "
     "back what waits, and ends.\n"
     "Without --yes neither is done to the last one. With CURVE the key of link.cert needs the role ops.",
     gh_drain_opts, gh_cmd_drain},
    {"replay", "FILE", 1, "Book a hospital's booking log again over HTTP, and check the outcome",
     GH_REPLAY_TEXT, gh_replay_opts, gh_cmd_replay},
    {"version", "", 0, "Show the version", NULL, NULL, run_version},
    {"help", "[COMMAND]", 1, "Show this, or the help of a command", NULL, NULL, run_help},
};

static const gh_opt_t s_global[] = {
    {"dsn", "DSN", "database, over the environment and the settings"},
    {"config", "FILE", "settings file"},
    {"env-file", "FILE", "file of NAME=value lines for the environment (default .env when there is one)"},
    {"json", NULL, "results as JSON"},
    {"quiet", NULL, "no progress on stderr"},
    {"yes", NULL, "do not ask"},
    {"help", NULL, "show the help of the command"},
    {NULL, NULL, NULL},
};

static void
print_options(const gh_opt_t *opts)
{
    for (size_t i = 0; opts && opts[i].name; i++) {
        char left[48];
        snprintf(left, sizeof left, "--%s%s%s", opts[i].name, opts[i].value ? " " : "",
                 opts[i].value ? opts[i].value : "");
        printf("  %-22s %s\n", left, opts[i].help);
    }
}

static void
print_overview(FILE *to)
{
    fprintf(to, "usage: guahao COMMAND [OPTION...]\n\n");
    for (size_t i = 0; i < GH_COUNT(s_commands); i++)
        fprintf(to, "  %-16s %s\n", s_commands[i].name, s_commands[i].summary);
    fprintf(to, "\nguahao COMMAND --help shows a command's options.\n");
}

static void
print_command(const gh_cmd_row_t *row)
{
    printf("usage: guahao %s%s%s [OPTION...]\n\n%s.\n", row->name, *row->words ? " " : "", row->words,
           row->summary);
    if (row->text)
        printf("%s\n", row->text);
    if (row->opts) {
        printf("\noptions:\n");
        print_options(row->opts);
    }
    printf("\nglobal options:\n");
    print_options(s_global);
    printf("\nexit status: 0 done, 1 failed, 2 wrong usage or refused, 3 database unreachable, 4 nothing to "
           "do (with "
           "--exit-code)\n");
}

static const gh_cmd_row_t *
find_command(const char *name)
{
    for (size_t i = 0; i < GH_COUNT(s_commands); i++)
        if (strcmp(s_commands[i].name, name) == 0)
            return &s_commands[i];
    return NULL;
}

static int
run_help(gh_cmd_t *c)
{
    const char *name = c->args.n_words ? c->args.words[0] : NULL;
    const gh_cmd_row_t *row = name ? find_command(name) : NULL;
    if (name && !row)
        return gh_cmd_usage(c, "there is no command %s", name);
    if (row)
        print_command(row);
    else
        print_overview(stdout);
    return GH_EXIT_DONE;
}

static int
run_version(gh_cmd_t *c)
{
    printf(c->json ? "{\"name\":\"guahao\",\"version\":\"%s\"}\n" : "guahao %s\n", GH_VERSION);
    return GH_EXIT_DONE;
}

static void say(const gh_cmd_t *c, const char *fmt, va_list ap) GH_PRINTF(2, 0);

static void
say(const gh_cmd_t *c, const char *fmt, va_list ap)
{
    fprintf(stderr, "guahao %s: ", c->row->name);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
}

int
gh_cmd_usage(const gh_cmd_t *c, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    say(c, fmt, ap);
    va_end(ap);
    return GH_EXIT_USAGE;
}

int
gh_cmd_bad_option(const gh_cmd_t *c)
{
    return gh_cmd_usage(c, "%s (see guahao %s --help)", c->args.err, c->row->name);
}

int
gh_cmd_failed(const gh_cmd_t *c, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    say(c, fmt, ap);
    va_end(ap);
    return GH_EXIT_FAILED;
}

void
gh_cmd_say(const gh_cmd_t *c, const char *fmt, ...)
{
    if (c->quiet)
        return;
    va_list ap;
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
}

bool
gh_cmd_is_production(const gh_cmd_t *c)
{
    return strcmp(gh_conf_str(c->conf, "system.mode"), "production") == 0;
}

/* Environment, settings, log and zone, then the command itself. */
static int
run_command(gh_cmd_t *c)
{
    if (gh_env_load(gh_args_str(&c->args, "env-file", NULL)) != 0)
        return GH_EXIT_USAGE;
    const char *dsn = gh_args_str(&c->args, "dsn", NULL);
    if (dsn && setenv("GUAHAO_DATABASE_URL", dsn, 1) != 0)
        return GH_EXIT_FAILED;
    gh_conf_t *conf = gh_conf_load(gh_args_str(&c->args, "config", NULL));
    if (!conf)
        return GH_EXIT_USAGE;
    gh_log_level_t level = GH_LOG_WARN;
    (void)gh_log_level_parse(gh_conf_str(conf, "log.level"), &level);
    gh_log_init("guahao", level < GH_LOG_WARN ? GH_LOG_WARN : level, GH_LOGFMT);
    int rc = GH_EXIT_USAGE;
    gh_clock_shift(gh_conf_int(conf, "clock.shift_ms") * 1000);
    if (gh_tz_init(gh_conf_str(conf, "hospital.timezone")) == 0) {
        c->conf = conf;
        rc = c->row->run(c);
    }
    gh_conf_destroy(&conf);
    return rc;
}

int
main(int argc, char **argv)
{
    setlocale(LC_CTYPE, "C.UTF-8");
    if (argc < 2) {
        print_overview(stderr);
        return GH_EXIT_USAGE;
    }
    const char *name = strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ? "help"
                       : strcmp(argv[1], "--version") == 0                          ? "version"
                                                                                    : argv[1];
    gh_cmd_t c = {.row = find_command(name)};
    if (!c.row) {
        fprintf(stderr, "guahao: there is no command %s (see guahao help)\n", name);
        return GH_EXIT_USAGE;
    }
    if (gh_args_parse(&c.args, c.row->opts, s_global, argc - 2, argv + 2) != 0)
        return gh_cmd_bad_option(&c);
    if (gh_args_has(&c.args, "help")) {
        print_command(c.row);
        return GH_EXIT_DONE;
    }
    if (c.args.n_words > c.row->max_words)
        return gh_cmd_usage(&c, "%s is too much (see guahao %s --help)", c.args.words[c.row->max_words],
                            name);
    c.json = gh_args_has(&c.args, "json");
    c.quiet = gh_args_has(&c.args, "quiet");
    c.yes = gh_args_has(&c.args, "yes");
    if (c.row->run == run_help || c.row->run == run_version)
        return c.row->run(&c);
    int rc = run_command(&c);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        perror("guahao: stdout");
        return GH_EXIT_FAILED;
    }
    return rc;
}
