/*
 * broker/main.c - guahao-broker: settings, start, end
 */
#include "broker.h"

#include <czmq.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>

#include "base/log.h"
#include "base/program.h"
#include "base/uuid7.h"

#ifndef ZMQ_ZERO_COPY_RECV
#define ZMQ_ZERO_COPY_RECV 10 /* of the draft interface; the library knows it all the same */
#endif

static void
usage(FILE *out)
{
    fputs(
        "usage: guahao-broker [--config FILE]\n"
        "\n"
        "Majordomo broker of Guahao: queues of jobs between fronts and worker pools, and the event socket.\n"
        "Runs in the foreground, logs to stderr. SIGTERM or SIGINT: refuses new jobs, lets those in hand "
        "finish\n"
        "(broker.stop_ms), then exits 0; a second signal stops at once.\n"
        "\n"
        "  --config FILE   settings (default: GUAHAO_CONFIG, or conf/guahao.conf); see broker.* in `guahao "
        "config`\n"
        "  --help          this text\n",
        out);
}

/* Signals arrive by signalfd only: block them before libzmq starts its threads. */
static void
block_signals(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
}

void
gh_broker_configure(gh_broker_t *b)
{
    gh_program_log(b->conf);
    b->max_depth = (uint32_t)gh_conf_int(b->conf, "broker.max_depth");
    b->max_attempts = (uint32_t)gh_conf_int(b->conf, "broker.max_attempts");
    b->opaque_ttl_ms = gh_conf_int(b->conf, "broker.opaque_ttl_ms");
    b->no_worker_grace_ms = gh_conf_int(b->conf, "broker.no_worker_grace_ms");
    b->max_bytes = (size_t)gh_conf_int(b->conf, "broker.max_bytes");
}

static void
configure(gh_broker_t *b, gh_conf_t *conf)
{
    b->conf = conf;
    b->liveness = (uint32_t)gh_conf_int(conf, "broker.liveness");
    b->heartbeat_ms = gh_conf_int(conf, "broker.heartbeat_ms");
    b->stop_ms = gh_conf_int(conf, "broker.stop_ms");
    gh_broker_configure(b);
    gh_list_init(&b->dead);
    gh_list_init(&b->spare);
    gh_uuid7_new(b->id);
}

static int
serve(gh_conf_t *conf)
{
    gh_broker_t *b = calloc(1, sizeof *b);
    int rc = -1;

    if (!b)
        return -1;
    configure(b, conf);
    zsys_handler_set(NULL);
    b->ctx = zsys_init();
    /* A frame that is kept shall not keep the whole receive buffer that it came in. */
    if (b->ctx)
        zmq_ctx_set(b->ctx, ZMQ_ZERO_COPY_RECV, 0);
    if (b->ctx && gh_ports_open(b, conf) == 0) {
        gh_log(GH_LOG_INFO, "ready", GH_KS("inner", gh_conf_str(conf, "broker.inner")),
               GH_KS("public", gh_conf_str(conf, "broker.public")),
               GH_KB("id", ((gh_str_t){(const char *)b->id, sizeof b->id})));
        rc = gh_broker_run(b);
    }
    gh_ports_close(b);
    gh_buf_fini(&b->scratch);
    free(b);
    zsys_shutdown();
    return rc;
}

int
main(int argc, char **argv)
{
    const char *file;
    int status = gh_program_args(argc, argv, 0, usage, &file, NULL);

    if (status >= 0)
        return status;
    block_signals();
    /* Jobs are small and short-lived: give memory back, and do not let each thread keep a heap. */
    mallopt(M_ARENA_MAX, 2);
    mallopt(M_TRIM_THRESHOLD, 1 << 20);
    gh_conf_t *conf = gh_conf_load(file);
    if (!conf)
        return 1;
    bool started = gh_program_start(conf, "broker") == 0 &&
                   gh_program_log_files(conf, "broker", false, false) == 0;
    int rc = started && serve(conf) == 0 ? 0 : 1;
    gh_conf_destroy(&conf);
    gh_log(GH_LOG_INFO, "stopped", GH_KI("status", rc));
    return rc;
}
