/*
 * workers/main.c - guahao-worker: serve one or several pools until SIGTERM
 */
#include <stdio.h>
#include <string.h>

#include "base/program.h"
#include "worker/worker.h"

#define POOLS_MAX 32

static void
usage(FILE *out)
{
    fputs("usage: guahao-worker POOL[,POOL...][-N] [--config FILE]\n"
          "       guahao-worker --operations\n"
          "\n"
          "Serves the named pools: takes their jobs from the brokers, carries them out in\n"
          "PostgreSQL, answers. Stops on SIGTERM or SIGINT after finishing what it has begun.\n"
          "A number tells processes of the same pools apart, and : stands for a comma, as systemd\n"
          "names its instances: booking-2, audit:stats-1.\n"
          "\n"
          "  --operations   list what the pools serve: pool, operation, kind, `inner` when no route leads to "
          "it\n"
          "  --config FILE  settings (default: GUAHAO_CONFIG, else conf/guahao.conf)\n"
          "  --help         this text\n"
          "\npools:",
          out);
    for (size_t i = 0; gh_pools[i]; i++)
        fprintf(out, " %s", gh_pools[i]->name);
    fputc('\n', out);
}

static const gh_pool_t *
find_pool(gh_str_t name)
{
    for (size_t i = 0; gh_pools[i]; i++)
        if (gh_str_is(name, gh_pools[i]->name))
            return gh_pools[i];
    return NULL;
}

/* Where the list of pools ends: before the number of an instance, "booking-2". */
static const char *
end_of_pools(const char *list)
{
    const char *end = list + strlen(list), *digits = end;
    while (digits > list && digits[-1] >= '0' && digits[-1] <= '9')
        digits--;
    return digits < end && digits > list && digits[-1] == '-' ? digits - 1 : end;
}

/* "booking,directory" -> pools; the number of them, 0 after a message. */
static size_t
parse_pools(const char *list, const gh_pool_t **out)
{
    size_t n = 0;
    const char *end = end_of_pools(list);
    for (;;) {
        gh_str_t name = {list, strcspn(list, ",:")};
        if (name.n > (size_t)(end - list))
            name.n = (size_t)(end - list);
        const gh_pool_t *pool = find_pool(name);
        bool twice = false;
        for (size_t i = 0; i < n; i++)
            twice |= out[i] == pool;
        if (!pool || twice || n == POOLS_MAX) {
            fprintf(stderr, "guahao-worker: %s: %.*s\n", pool ? "pool named twice" : "no such pool",
                    (int)name.n, name.p);
            return 0;
        }
        out[n++] = pool;
        if (list + name.n == end)
            return n;
        list += name.n + 1;
    }
}

static void
list_operations(void)
{
    static const char *const kinds[] = {
        [GH_OP_READ] = "read", [GH_OP_WRITE] = "write", [GH_OP_TASK] = "task"};
    for (size_t i = 0; gh_pools[i]; i++)
        for (const gh_op_t *op = gh_pools[i]->ops; op->name; op++)
            printf("%s %s %s%s\n", gh_pools[i]->name, op->name, kinds[op->kind], op->inner ? " inner" : "");
}

int
main(int argc, char **argv)
{
    const char *config;
    char **words;
    if (argc == 2 && strcmp(argv[1], "--operations") == 0) {
        list_operations();
        return 0;
    }
    int status = gh_program_args(argc, argv, 1, usage, &config, &words);
    if (status >= 0)
        return status;
    const gh_pool_t *pools[POOLS_MAX] = {0};
    size_t n = parse_pools(words[0], pools);
    gh_conf_t *conf = n > 0 ? gh_conf_load(config) : NULL;
    if (!conf)
        return 2;
    char name[240];
    snprintf(name, sizeof name, "worker-%s", words[0]);
    bool started = gh_program_start(conf, "worker") == 0 &&
                   gh_program_log_files(conf, name, false, false) == 0;
    int rc = started ? gh_worker_run(conf, pools, n) : 1;
    gh_conf_destroy(&conf);
    return rc;
}
