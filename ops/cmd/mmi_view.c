/*
 * ops/cmd/mmi_view.c - see mmi_view.h
 */
#include "ops/cmd/mmi_view.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

static int64_t
int_of(const json_t *obj, const char *key)
{
    const json_t *v = json_object_get(obj, key);
    return json_is_integer(v) ? (int64_t)json_integer_value(v)
           : json_is_real(v)  ? (int64_t)json_real_value(v)
                              : 0;
}

/* Copy a text member, with control characters replaced: a name goes to a terminal. */
static void
text_of(const json_t *obj, const char *key, char out[GH_VIEW_NAME])
{
    const char *s = json_string_value(json_object_get(obj, key));
    size_t n = 0;
    for (; s && s[n] && n + 1 < GH_VIEW_NAME; n++)
        out[n] = (unsigned char)s[n] < ' ' || s[n] == 127 ? '?' : s[n];
    out[n] = '\0';
}

static void
hist_of(const json_t *obj, const char *key, gh_view_hist_t *h)
{
    const json_t *j = json_object_get(obj, key);
    h->count = int_of(j, "count");
    h->sum = int_of(j, "sum");
    h->p50 = int_of(j, "p50");
    h->p95 = int_of(j, "p95");
    h->p99 = int_of(j, "p99");
    h->max = int_of(j, "max");
    const json_t *buckets = json_object_get(j, "buckets");
    for (size_t i = 0; i < json_array_size(buckets) && h->n < GH_VIEW_BUCKETS; i++) {
        const json_t *pair = json_array_get(buckets, i);
        const json_t *le = json_array_get(pair, 0), *cum = json_array_get(pair, 1);
        if (!json_is_integer(cum))
            continue;
        h->le[h->n] = json_is_integer(le) ? (int64_t)json_integer_value(le)
                                          : INT64_MAX; /* the last one has no bound */
        h->cumulative[h->n++] = (int64_t)json_integer_value(cum);
    }
}

static void
service_of(const json_t *j, gh_view_service_t *s)
{
    text_of(j, "name", s->name);
    s->workers = int_of(j, "workers");
    s->credit = int_of(j, "credit");
    s->running = int_of(j, "running");
    for (size_t i = 0; i < 3; i++)
        s->waiting[i] = (int64_t)json_integer_value(json_array_get(json_object_get(j, "waiting"), i));
    s->depth = int_of(j, "depth");
    s->oldest_ms = int_of(j, "oldest_ms");
    s->paused = json_is_true(json_object_get(j, "paused"));
    s->accepted = int_of(j, "accepted");
    s->done = int_of(j, "done");
    s->refused_full = int_of(j, "refused_full");
    s->refused_no_worker = int_of(j, "refused_no_worker");
    s->expired = int_of(j, "expired");
    s->requeued = int_of(j, "requeued");
    s->dead = int_of(j, "dead");
    hist_of(j, "wait_us", &s->wait);
    hist_of(j, "work_us", &s->work);
}

static void
worker_of(const json_t *j, gh_view_worker_t *w)
{
    text_of(j, "id", w->id);
    text_of(j, "name", w->name);
    text_of(j, "service", w->service);
    w->credit = int_of(j, "credit");
    w->running = int_of(j, "running");
    w->done = int_of(j, "done");
    w->failed = int_of(j, "failed");
    w->age_s = int_of(j, "age_s");
    w->silent_ms = int_of(j, "silent_ms");
    w->trusted = json_is_true(json_object_get(j, "trusted"));
    w->leaving = json_is_true(json_object_get(j, "leaving"));
}

static int
by_service_name(const void *a, const void *b)
{
    return strcmp(((const gh_view_service_t *)a)->name, ((const gh_view_service_t *)b)->name);
}

static int
by_worker_service(const void *a, const void *b)
{
    const gh_view_worker_t *x = a, *y = b;
    int rc = strcmp(x->service, y->service);
    return rc ? rc : strcmp(x->id, y->id);
}

static int
s_read_queues(gh_view_t *v, const json_t *root)
{
    const json_t *broker = json_object_get(root, "broker"), *list = json_object_get(root, "services");
    if (!json_is_array(list))
        return -1;
    text_of(broker, "id", v->broker);
    text_of(broker, "version", v->version);
    v->uptime_s = int_of(broker, "uptime_s");
    v->peers = int_of(broker, "inner_peers");
    v->dead_letters = int_of(broker, "dead_letters");
    v->draining = json_is_true(json_object_get(broker, "draining"));
    size_t n = json_array_size(list);
    v->services = calloc(n ? n : 1, sizeof *v->services);
    if (!v->services)
        return -1;
    for (; v->n_services < n; v->n_services++)
        service_of(json_array_get(list, v->n_services), &v->services[v->n_services]);
    qsort(v->services, n, sizeof *v->services, by_service_name);
    return 0;
}

static int
s_read_workers(gh_view_t *v, const json_t *root)
{
    const json_t *list = json_object_get(root, "workers");
    size_t n = json_array_size(list);
    v->workers = calloc(n ? n : 1, sizeof *v->workers);
    if (!v->workers)
        return -1;
    for (; v->n_workers < n; v->n_workers++)
        worker_of(json_array_get(list, v->n_workers), &v->workers[v->n_workers]);
    qsort(v->workers, n, sizeof *v->workers, by_worker_service);
    return 0;
}

int
gh_view_parse(gh_view_t *v, gh_str_t queues, gh_str_t workers)
{
    *v = (gh_view_t){0};
    json_t *root = json_loadb(queues.p ? queues.p : "", queues.n, JSON_REJECT_DUPLICATES, NULL);
    int rc = root ? s_read_queues(v, root) : -1;
    json_decref(root);
    if (rc == 0 && workers.n) {
        root = json_loadb(workers.p, workers.n, JSON_REJECT_DUPLICATES, NULL);
        rc = root ? s_read_workers(v, root) : -1;
        json_decref(root);
    }
    if (rc != 0)
        gh_view_fini(v);
    return rc;
}

void
gh_view_fini(gh_view_t *v)
{
    free(v->services);
    free(v->workers);
    *v = (gh_view_t){0};
}

const gh_view_service_t *
gh_view_find(const gh_view_t *v, const char *service)
{
    for (size_t i = 0; i < v->n_services; i++)
        if (strcmp(v->services[i].name, service) == 0)
            return &v->services[i];
    return NULL;
}

/* How many observations up to bucket i lie between the two readings. A histogram of another shape, or one
 * that went back (the broker was started again), counts from the start. */
static int64_t
s_between(const gh_view_hist_t *before, const gh_view_hist_t *after, size_t i)
{
    bool usable = before && before->n == after->n && before->count <= after->count;
    return after->cumulative[i] - (usable ? before->cumulative[i] : 0);
}

int64_t
gh_view_percentile(const gh_view_hist_t *before, const gh_view_hist_t *after, double q)
{
    if (after->n == 0)
        return after->count == 0 ? -1 : q <= 0.5 ? after->p50 : q <= 0.95 ? after->p95 : after->p99;
    int64_t total = s_between(before, after, after->n - 1);
    if (total <= 0)
        return -1;
    double rank = q * (double)total;
    for (size_t i = 0; i < after->n; i++) {
        int64_t upto = s_between(before, after, i);
        if ((double)upto < rank)
            continue;
        int64_t below = i ? s_between(before, after, i - 1) : 0;
        int64_t low = i ? after->le[i - 1] : 0;
        int64_t high = after->le[i] == INT64_MAX ? (after->max > low ? after->max : low) : after->le[i];
        double part = upto > below ? (rank - (double)below) / (double)(upto - below) : 1.0;
        return low + (int64_t)((double)(high - low) * part);
    }
    return after->max;
}

const char *
gh_view_us(int64_t us, char out[16])
{
    if (us < 0)
        snprintf(out, 16, "-");
    else if (us < 1000)
        snprintf(out, 16, "%dus", (int)us);
    else if (us < 1000 * 1000)
        snprintf(out, 16, "%.1fms", (double)us / 1e3);
    else
        snprintf(out, 16, "%.1fs", (double)us / 1e6);
    return out;
}
