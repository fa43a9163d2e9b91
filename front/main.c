/*
 * front/main.c - guahao-front: load settings, contract and keys, then become Kore
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/hash.h"
#include "base/log.h"
#include "base/program.h"
#include "front/front.h"
#include "front/window.h"
#include "front/kore_conf.h"

front_t front;

static void
usage(FILE *out)
{
    fputs("usage: guahao-front [--config FILE]\n"
          "\n"
          "The HTTP front: checks requests against the contract, turns them into jobs for the brokers and "
          "answers "
          "with their\n"
          "replies. Runs in the foreground, logs to stderr, drains on SIGTERM and SIGINT. Settings: guahao "
          "config.\n"
          "\n"
          "  --config FILE   settings (ZPL); default GUAHAO_CONFIG, else conf/guahao.conf\n"
          "  --help          this text\n",
          out);
}

static int
load_contract(void)
{
    char dir[4096];
    snprintf(dir, sizeof dir, "%s/schema/openapi", gh_conf_share_dir());
    front.contract = gh_contract_load(dir, gh_conf_str(front.conf, "front.contract_extra"));
    if (!front.contract)
        return -1;
    json_t *doc = gh_contract_publish(front.contract, gh_conf_str(front.conf, "hospital.name"), GH_VERSION);
    front.openapi = json_dumps(doc, JSON_COMPACT);
    json_decref(doc);
    front.openapi_n = front.openapi ? strlen(front.openapi) : 0;
    return front.openapi ? 0 : -1;
}

static int
make_run_dir(void)
{
    const char *dir = gh_conf_str(front.conf, "run.dir");
    if (mkdir(gh_conf_var_dir(), 0755) && errno != EEXIST)
        gh_log(GH_LOG_WARN, "var_dir", GH_KS("dir", gh_conf_var_dir()), GH_KS("reason", strerror(errno)));
    if (mkdir(dir, 0700) && errno != EEXIST) {
        gh_log(GH_LOG_ERROR, "run_dir", GH_KS("dir", dir), GH_KS("reason", strerror(errno)));
        return -1;
    }
    return 0;
}

static int
prepare(void)
{
    if (make_run_dir() || load_contract() || front_icons_draw())
        return -1;
    front_docs_load();
    /* The first to start makes the key, whoever that is; only the identity pool and `guahao token` sign with it. */
    front.keys = gh_token_keys_load(front.conf, true);
    front.counters = front_counters_new((size_t)gh_conf_int(front.conf, "front.workers"),
                                        gh_contract_count(front.contract) + 1);
    if (!front.keys || !front.counters || front_window_init() || front_kore_write_conf())
        return -1;
    (void)gh_hash64(
        "", 0); /* seeds itself before the sandbox, and once for all workers: they share a table by it */
    return front_rates_init(front.conf, front.contract) || front_settings_init() ? -1 : 0;
}

/*
 * A wake-up of the front does not interrupt who runs on that core: it then takes many requests a turn, and its ZeroMQ
 * threads many messages. Measured on two cores: 1.5 times as many echo jobs, at half the p99; bookings are bound by
 * PostgreSQL and gain little. (The same for broker and workers brought less, or harm.) Kore's workers and all threads
 * inherit it.
 */
static void
schedule_in_batches(void)
{
    if (sched_setscheduler(0, SCHED_BATCH, &(struct sched_param){.sched_priority = 0}))
        gh_log(GH_LOG_INFO, "scheduling", GH_KS("reason", strerror(errno)));
}

int
main(int argc, char *argv[])
{
    const char *file;
    int status = gh_program_args(argc, argv, 0, usage, &file, NULL);
    if (status >= 0)
        return status;
    front.conf = gh_conf_load(file);
    if (!front.conf || gh_program_start(front.conf, "front") ||
        gh_program_log_files(front.conf, "front", true, true))
        return 1;
    schedule_in_batches();
    if (prepare())
        return 1;
    gh_log(GH_LOG_INFO, "starting", GH_KS("host", gh_conf_str(front.conf, "front.host")),
           GH_KI("port", gh_conf_int(front.conf, "front.port")),
           GH_KI("operations", gh_contract_count(front.contract)));
    int rc = kore_main(argc, argv);
    if (atomic_load(&front.counters->failed))
        rc = 1;
    gh_token_keys_destroy(&front.keys);
    gh_contract_destroy(&front.contract);
    free(front.openapi);
    front_docs_free();
    front_icons_free();
    gh_log(GH_LOG_INFO, "stopped");
    gh_conf_destroy(&front.conf);
    return rc;
}
