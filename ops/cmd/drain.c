/*
 * ops/cmd/drain.c - `guahao drain`: a broker hands its clients over, a worker finishes and ends (8/MMI: mmi.drain, mmi.resume)
 */
#include "ops/cmd/drain.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/timez.h"
#include "ops/cmd/queues.h"

#define ASK_MS  2000
#define LOOK_MS 200

const gh_opt_t gh_drain_opts[] = {
    {"wait", NULL, "return when it is empty, or the worker is gone"},
    {"timeout", "S", "wait: give up after so long (60); exit status 1"},
    {"off", NULL, "broker: take jobs again"},
    {NULL, NULL, NULL},
};

typedef struct drain {
    const gh_cmd_t *c;
    gh_mdp_client_t *client;
    gh_view_t views[GH_MMI_BROKERS_MAX]; /* the last look */
    bool seen[GH_MMI_BROKERS_MAX];
    gh_buf_t queues, workers; /* scratch */
} drain_t;

/* ---- what the brokers say */

static bool
look_at(drain_t *d, size_t i)
{
    gh_view_fini(&d->views[i]);
    return d->seen[i] = gh_queues_fetch(d->client, i, &d->queues, &d->workers) == 0 &&
                        gh_view_parse(&d->views[i], gh_buf_view(&d->queues), gh_buf_view(&d->workers)) == 0;
}

static void
look_at_all(drain_t *d)
{
    for (size_t i = 0; i < gh_mdp_client_count(d->client); i++)
        (void)look_at(d, i);
}

/* -1 after a message. */
static int
say_to(drain_t *d, size_t broker, const char *service, const char *arg)
{
    char code[8] = "";
    if (gh_mdp_client_mmi(d->client, broker, service, arg, code, &d->queues) == 0 && strcmp(code, "200") == 0)
        return 0;
    const char *at = gh_mdp_client_endpoint(d->client, broker);
    if (strcmp(code, "403") == 0)
        gh_cmd_failed(d->c, "the broker at %s refuses: the key of link.cert needs the role ops", at);
    else if (*code)
        gh_cmd_failed(d->c, "the broker at %s said %s", at, code);
    else
        gh_cmd_failed(d->c, "no answer from the broker at %s", at);
    return -1;
}

/* Look again until `over` says so. */
static int
wait_for(drain_t *d, int64_t seconds, bool (*over)(drain_t *, size_t, const char *), size_t broker,
         const char *what)
{
    int64_t until = gh_mono_ms() + seconds * 1000;
    while (!over(d, broker, what)) {
        if (gh_mono_ms() >= until)
            return gh_cmd_failed(d->c, "%s: not finished after %lld s", what, (long long)seconds);
        usleep(LOOK_MS * 1000);
    }
    gh_cmd_say(d->c, "%s: nothing is left", what);
    return GH_EXIT_DONE;
}

/* ---- a broker */

/* Some other one takes jobs. */
static bool
others_take_jobs(drain_t *d, size_t broker)
{
    for (size_t i = 0; i < gh_mdp_client_count(d->client); i++)
        if (i != broker && look_at(d, i) && !d->views[i].draining && d->views[i].n_workers > 0)
            return true;
    return false;
}

static bool
broker_is_empty(drain_t *d, size_t broker, const char *what)
{
    int64_t jobs = 0;
    (void)what;
    if (!look_at(d, broker))
        return false;
    for (size_t i = 0; i < d->views[broker].n_services; i++)
        jobs += d->views[broker].services[i].running + d->views[broker].services[i].depth;
    return d->views[broker].draining && jobs == 0;
}

static int
drain_broker(drain_t *d, const char *which, int64_t timeout)
{
    int found = gh_mdp_client_find(d->client, which);
    if (found < 0)
        return gh_cmd_usage(d->c, "no broker is %s: name one of the list, or its endpoint", which);
    size_t broker = (size_t)found;
    const char *name = gh_mdp_client_name(d->client, broker);
    if (gh_args_has(&d->c->args, "off")) {
        if (say_to(d, broker, "mmi.resume", "*") != 0)
            return GH_EXIT_FAILED;
        gh_cmd_say(d->c, "broker %s takes jobs again", name);
        return GH_EXIT_DONE;
    }
    if (!d->c->yes && !others_take_jobs(d, broker))
        return gh_cmd_usage(
            d->c, "no other broker takes jobs: every request would be refused; --yes drains it all the same");
    if (say_to(d, broker, "mmi.drain", NULL) != 0)
        return GH_EXIT_FAILED;
    gh_cmd_say(d->c, "broker %s takes no more jobs", name);
    return gh_args_has(&d->c->args, "wait") ? wait_for(d, timeout, broker_is_empty, broker, name)
                                            : GH_EXIT_DONE;
}

/* ---- a worker process */

static bool
is_worker(const gh_view_worker_t *w, const char *which)
{
    return strcmp(w->name, which) == 0 || strcmp(w->id, which) == 0;
}

/* The process: its name when it has one, else the id that was said. NULL: no broker knows it. */
static const char *
find_worker(drain_t *d, const char *which)
{
    for (size_t i = 0; i < gh_mdp_client_count(d->client); i++)
        for (size_t k = 0; d->seen[i] && k < d->views[i].n_workers; k++)
            if (is_worker(&d->views[i].workers[k], which))
                return d->views[i].workers[k].name[0] ? d->views[i].workers[k].name : which;
    return NULL;
}

/* Somebody else serves this at some broker. */
static bool
is_served(const drain_t *d, const char *service, const char *without)
{
    for (size_t i = 0; i < gh_mdp_client_count(d->client); i++)
        for (size_t k = 0; d->seen[i] && k < d->views[i].n_workers; k++) {
            const gh_view_worker_t *w = &d->views[i].workers[k];
            if (strcmp(w->service, service) == 0 && !w->leaving && !is_worker(w, without))
                return true;
        }
    return false;
}

/* What nobody would serve without it; NULL: nothing. */
static const char *
left_alone(const drain_t *d, const char *which)
{
    for (size_t i = 0; i < gh_mdp_client_count(d->client); i++)
        for (size_t k = 0; d->seen[i] && k < d->views[i].n_workers; k++) {
            const gh_view_worker_t *w = &d->views[i].workers[k];
            if (is_worker(w, which) && !is_served(d, w->service, which))
                return w->service;
        }
    return NULL;
}

static bool
worker_is_gone(drain_t *d, size_t broker, const char *which)
{
    (void)broker;
    look_at_all(d);
    return !find_worker(d, which);
}

/* Each broker that is silent, with a message. */
static bool
some_are_silent(const drain_t *d)
{
    bool silent = false;
    for (size_t i = 0; i < gh_mdp_client_count(d->client); i++)
        if (!d->seen[i]) {
            gh_cmd_failed(d->c, "no answer from the broker at %s", gh_mdp_client_endpoint(d->client, i));
            silent = true;
        }
    return silent;
}

static int
drain_worker(drain_t *d, const char *said, int64_t timeout)
{
    char which[GH_VIEW_NAME];
    look_at_all(d);
    const char *found = find_worker(d, said);
    if (!found && some_are_silent(d))
        return gh_cmd_failed(d->c, "no broker that answers knows a worker %s", said);
    if (!found)
        return gh_cmd_usage(
            d->c, "no worker is %s: say HOST:PID or an id of mmi.workers (guahao queues --json)", said);
    snprintf(which, sizeof which, "%s", found);
    const char *alone = left_alone(d, which);
    if (alone && !d->c->yes)
        return gh_cmd_usage(d->c, "no other worker serves %s; --yes drains it all the same", alone);
    for (size_t i = 0; i < gh_mdp_client_count(d->client); i++) {
        bool here = false;
        for (size_t k = 0; d->seen[i] && k < d->views[i].n_workers; k++)
            here = here || is_worker(&d->views[i].workers[k], which);
        if (here && say_to(d, i, "mmi.drain", which) != 0)
            return GH_EXIT_FAILED;
    }
    gh_cmd_say(d->c, "worker %s finishes what it holds and ends", which);
    return gh_args_has(&d->c->args, "wait") ? wait_for(d, timeout, worker_is_gone, 0, which) : GH_EXIT_DONE;
}

/* ---- */

int
gh_cmd_drain(gh_cmd_t *c)
{
    int64_t timeout;
    if (gh_args_int(&c->args, "timeout", 1, 86400, 60, &timeout) != 0)
        return gh_cmd_bad_option(c);
    bool broker = c->args.n_words == 2 && strcmp(c->args.words[0], "broker") == 0,
         worker = c->args.n_words == 2 && strcmp(c->args.words[0], "worker") == 0;
    if (!broker && !worker)
        return gh_cmd_usage(c, "say: broker NAME, or worker HOST:PID");
    if (worker && gh_args_has(&c->args, "off"))
        return gh_cmd_usage(c, "--off is for brokers: a worker that has ended is started again");
    drain_t *d = calloc(1, sizeof *d);
    int rc = GH_EXIT_FAILED;
    if (d && (d->client = gh_mdp_client_new(c->conf, ASK_MS))) {
        d->c = c;
        rc = broker ? drain_broker(d, c->args.words[1], timeout) : drain_worker(d, c->args.words[1], timeout);
    }
    for (size_t i = 0; d && i < GH_MMI_BROKERS_MAX; i++)
        gh_view_fini(&d->views[i]);
    if (d) {
        gh_buf_fini(&d->queues);
        gh_buf_fini(&d->workers);
        gh_mdp_client_destroy(&d->client);
    }
    free(d);
    return rc;
}
