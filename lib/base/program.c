/*
 * lib/base/program.c - how the long-running programs start
 */
#include "base/program.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/log_override.h"
#include "base/log_file.h"
#include "base/notify.h"
#include "base/timez.h"

int
gh_program_args(int argc, char **argv, int n_words, void (*usage)(FILE *out), const char **config,
                char ***words)
{
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'}, {"help", no_argument, NULL, 'h'}, {0}};
    *config = NULL;
    for (int c; (c = getopt_long(argc, argv, "c:h", options, NULL)) != -1;) {
        if (c == 'h') {
            usage(stdout);
            return 0;
        }
        if (c != 'c') { /* getopt has named it */
            fprintf(stderr, "%s --help tells what it takes\n", argv[0]);
            return 2;
        }
        *config = optarg;
    }
    if (argc - optind > n_words) {
        fprintf(stderr, "%s: %s is too much (see %s --help)\n", argv[0], argv[optind + n_words], argv[0]);
        return 2;
    }
    if (argc - optind < n_words) {
        usage(stderr);
        return 2;
    }
    if (words)
        *words = argv + optind;
    return -1;
}

int
gh_program_start(const gh_conf_t *conf, const char *component)
{
    bool json = strcmp(gh_conf_str(conf, "log.format"), "json") == 0;
    gh_log_init(component, GH_LOG_INFO, json ? GH_LOGJSON : GH_LOGFMT);
    gh_program_log(conf);
    if (gh_notify_open() != 0)
        return -1;
    (void)gh_program_clock(conf); /* the settings' own check has stopped what production refuses */
    return gh_tz_init(gh_conf_str(conf, "hospital.timezone"));
}

static int64_t s_level_ends_s; /* the next level that was set for a while; 0: none */

static void
override_levels(const char *text)
{
    gh_buf_t rules GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    s_level_ends_s = gh_override_rules(text, gh_machine_us() / 1000000, &rules);
    if (rules.n && gh_buf_ok(&rules) && gh_log_levels_over(gh_buf_cstr(&rules)))
        gh_log(GH_LOG_WARN, "log_override");
}

void
gh_program_log_tick(const gh_conf_t *conf)
{
    if (s_level_ends_s && gh_machine_us() / 1000000 >= s_level_ends_s)
        gh_program_log(conf);
}

void
gh_program_log(const gh_conf_t *conf)
{
    gh_log_level_t level = GH_LOG_INFO;
    /* the settings' own check has let only levels through */
    if (gh_log_level_parse(gh_conf_str(conf, "log.level"), &level) ||
        gh_log_levels(level, gh_conf_str(conf, "log.levels")))
        gh_log(GH_LOG_WARN, "log_levels");
    override_levels(gh_conf_str(conf, "log.override"));
    gh_log_files_limits(gh_conf_int(conf, "log.max_bytes"), gh_conf_int(conf, "log.keep"));
}

int
gh_program_log_files(const gh_conf_t *conf, const char *name, bool access, bool timer)
{
    const char *dir = gh_conf_str(conf, "log.dir"), *other = gh_conf_str(conf, "log.name");
    char file[256];
    snprintf(file, sizeof file, "%s", *other ? other : name);
    for (char *c = file; *c; c++)
        if (*c == ',' || *c == '/')
            *c = '+';
    (void)signal(SIGHUP, SIG_IGN);
    if (!*dir)
        return 0;
    return gh_log_files_open(dir, file, access) || (!timer && gh_log_files_keeper()) ? -1 : 0;
}

bool
gh_program_clock(const gh_conf_t *conf)
{
    int64_t shift_ms = gh_conf_int(conf, "clock.shift_ms");
    bool refused = shift_ms != 0 && strcmp(gh_conf_str(conf, "system.mode"), "production") == 0;
    if (refused)
        gh_log(GH_LOG_ERROR, "clock_moved_in_production", GH_KI("shift_ms", shift_ms));
    if (refused)
        shift_ms = 0;
    if (shift_ms * 1000 != gh_clock_shifted())
        gh_log(GH_LOG_WARN, "clock_moved", GH_KI("shift_ms", shift_ms));
    gh_clock_shift(shift_ms * 1000);
    return !refused;
}

int64_t
gh_program_resident(int64_t pid)
{
    char path[64], text[128];
    snprintf(path, sizeof path, "/proc/%lld/statm", (long long)pid);
    FILE *f = fopen(path, "r");
    if (!f)
        return 0;
    const char *got = fgets(text, sizeof text, f);
    fclose(f);
    const char *second = got ? strchr(text, ' ') : NULL; /* "size resident ..." in pages */
    return second ? strtoll(second, NULL, 10) * 4096 : 0;
}
