/*
 * ops/cmd/queues_side.c - the services of several brokers side by side, behind the tables of `guahao queues` and in `guahao top`
 */
#include "ops/cmd/queues.h"

#include <inttypes.h>
#include <stdio.h>

#define SERVICES_MAX 256

/* Names of all services in order, each once; borrowed. */
static size_t
s_names(const gh_view_t *const *views, size_t n, const char *names[SERVICES_MAX])
{
    size_t count = 0;
    for (size_t b = 0; b < n; b++)
        for (size_t i = 0; views[b] && i < views[b]->n_services; i++) {
            const char *name = views[b]->services[i].name;
            size_t at = 0;
            while (at < count && strcmp(names[at], name) < 0)
                at++;
            if ((at < count && strcmp(names[at], name) == 0) || count == SERVICES_MAX)
                continue;
            memmove(names + at + 1, names + at, (count - at) * sizeof *names);
            names[at] = name;
            count++;
        }
    return count;
}

static void
s_line(gh_buf_t *out, const gh_view_t *const *views, size_t n, const char *name)
{
    int64_t workers = 0, depth = 0, running = 0, oldest = -1, done = 0, dead = 0;
    char text[32], age[16];
    for (size_t b = 0; b < n; b++) {
        const gh_view_service_t *s = views[b] ? gh_view_find(views[b], name) : NULL;
        if (!s)
            continue;
        workers += s->workers;
        depth += s->depth;
        running += s->running;
        done += s->done;
        dead += s->dead;
        if (s->depth && s->oldest_ms > oldest)
            oldest = s->oldest_ms;
    }
    gh_buf_printf(out, "%-15.15s %7" PRId64 " %7" PRId64 " %7" PRId64 " %8s %10" PRId64 " %5" PRId64, name,
                  workers, running, depth, gh_view_us(oldest < 0 ? -1 : oldest * 1000, age), done, dead);
    for (size_t b = 0; b < n; b++) {
        const gh_view_service_t *s = views[b] ? gh_view_find(views[b], name) : NULL;
        snprintf(text, sizeof text, "-");
        if (s)
            snprintf(text, sizeof text, "%" PRId64 "/%" PRId64 "/%" PRId64, s->workers, s->running, s->depth);
        gh_buf_printf(out, " %14s", text);
    }
    gh_buf_puts(out, "\n");
}

void
gh_queues_side(gh_buf_t *out, const gh_mdp_client_t *c, const gh_view_t *const *views, size_t n)
{
    const char *names[SERVICES_MAX + 1];
    size_t count = s_names(views, n, names);
    int64_t letters = 0;
    for (size_t b = 0; b < n; b++)
        letters += views[b] ? views[b]->dead_letters : 0;
    gh_buf_printf(out, "all %zu brokers  dead letters %" PRId64 "  (of each: workers/running/waiting)\n", n,
                  letters);
    gh_buf_printf(out, "%-15s %7s %7s %7s %8s %10s %5s", "SERVICE", "WORKERS", "RUNNING", "WAITING", "OLDEST",
                  "DONE", "DEAD");
    for (size_t b = 0; b < n; b++) {
        char head[32];
        snprintf(head, sizeof head, views[b] ? "%.14s" : "%.5s(silent)", gh_mdp_client_name(c, b));
        gh_buf_printf(out, " %14s", head);
    }
    gh_buf_puts(out, "\n");
    for (size_t i = 0; i < count; i++)
        s_line(out, views, n, names[i]);
}
