/*
 * front/window.c - see the header
 */
#include "front/window.h"

#include <math.h>
#include <stdio.h>
#include <sys/mman.h>

#include "base/hash.h"
#include "base/program.h"
#include "base/timez.h"
#include "front/front.h"
#include "front/metrics.h"

#define EVERY_MS 10000
#define SLOTS    (FRONT_WINDOW_MAX_S * 1000 / EVERY_MS + 2)
#define KNOWN    512 /* workers whose counters are compared */

/* Low words of counters: differences of two are right as long as they are below 2^32. */
typedef struct route_counts {
    uint32_t errors, bucket[FRONT_BUCKETS + 1]; /* errors: answers of 4xx and 5xx */
} route_counts_t;

typedef struct database {
    uint64_t queries, segments, slow, us; /* of all workers, since this front's start */
} database_t;

typedef struct slot {
    _Atomic int64_t at_ms; /* 0: empty, or being written */
    database_t database;
    route_counts_t route[]; /* [front.counters->routes] */
} slot_t;

static struct {
    char *slots;      /* shared: SLOTS slots of slot_size, then the database's counters of now */
    int64_t since_ms; /* the front's start */
    size_t slot_size;
    size_t next;
    int64_t due_ms;
    struct {
        uint64_t worker; /* hash of process and pool, 0: free */
        int64_t db[4];
    } known[KNOWN];
    bool looked; /* workers were heard: whoever comes from now on counts from its start */
} s_window;

static slot_t *
slot_at(size_t i)
{
    return (slot_t *)(void *)(s_window.slots + i * s_window.slot_size);
}

/* Behind the last slot. */
static database_t *
database_now(void)
{
    return (database_t *)(void *)(s_window.slots + SLOTS * s_window.slot_size);
}

int
front_window_init(void)
{
    s_window.slot_size = sizeof(slot_t) + front.counters->routes * sizeof(route_counts_t);
    s_window.slot_size = (s_window.slot_size + 15) / 16 * 16;
    void *p = mmap(NULL, SLOTS * s_window.slot_size + sizeof(database_t), PROT_READ | PROT_WRITE,
                   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return -1;
    s_window.slots = p;
    s_window.since_ms = gh_mono_ms();
    return 0;
}

/* ---- counters of now */

static void
read_route(size_t route, route_counts_t *out)
{
    *out = (route_counts_t){0};
    for (size_t w = 0; w < front.counters->workers; w++) {
        const front_route_counts_t *c = front_counters_route(front.counters, w, route);
        for (size_t b = 0; b <= FRONT_BUCKETS; b++)
            out->bucket[b] += (uint32_t)front_read(&c->bucket[b]);
        for (size_t s = 0; s < GH_COUNT(c->status); s++)
            if (front_slot_status(s) >= 400)
                out->errors += (uint32_t)front_read(&c->status[s]);
    }
}

/* What a worker has done since it was seen last. */
static void
add_worker(database_t *d, const gh_figures_t *f)
{
    char key[320];
    int n = snprintf(key, sizeof key, "%.*s %.*s %lld %lld", (int)f->pool.n, f->pool.p, (int)f->host.n,
                     f->host.p, (long long)f->pid, (long long)f->start);
    uint64_t worker = gh_hash64(key, n > 0 && (size_t)n < sizeof key ? (size_t)n : sizeof key - 1) | 1;
    size_t i = worker % KNOWN, tries = 0;
    while (s_window.known[i].worker && s_window.known[i].worker != worker && tries++ < KNOWN)
        i = (i + 1) % KNOWN;
    bool first = s_window.known[i].worker != worker;
    if (first && s_window.known[i].worker)
        return; /* full: those that ended stay, a front that runs for long with many of them counts what it knew */
    const int64_t *was = s_window.known[i].db, *is = f->db;
    if (!first || s_window.looked) {
        static const int64_t none[4];
        const int64_t *from = first ? none : was;
        d->queries += (uint64_t)(is[GH_DB_RESULTS] - from[GH_DB_RESULTS]);
        d->segments += (uint64_t)(is[GH_DB_SEGMENTS] - from[GH_DB_SEGMENTS]);
        d->slow += (uint64_t)(is[GH_DB_SLOW] - from[GH_DB_SLOW]);
        d->us += (uint64_t)(is[GH_DB_US] - from[GH_DB_US]);
    }
    s_window.known[i].worker = worker;
    memcpy(s_window.known[i].db, f->db, sizeof f->db);
}

static void
read_database(void)
{
    const gh_figures_t *list;
    size_t n = front_figures(&list);
    for (size_t i = 0; i < n; i++)
        add_worker(database_now(), &list[i]);
    s_window.looked |= n > 0;
}

void
front_window_tick(int64_t now)
{
    if (front.worker != 0 || now < s_window.due_ms)
        return;
    s_window.due_ms = now + EVERY_MS;
    slot_t *s = slot_at(s_window.next);
    s_window.next = (s_window.next + 1) % SLOTS;
    s->at_ms = 0;
    read_database();
    s->database = *database_now();
    for (size_t r = 0; r < front.counters->routes; r++)
        read_route(r, &s->route[r]);
    s->at_ms = now;
}

/* ---- a window */

/* The youngest slot that is at least so old, else the oldest one; NULL: there is none yet. */
static const slot_t *
slot_before(int64_t then_ms)
{
    const slot_t *found = NULL, *oldest = NULL;
    for (size_t i = 0; i < SLOTS; i++) {
        const slot_t *s = slot_at(i);
        int64_t at = s->at_ms;
        if (at == 0)
            continue;
        if (at <= then_ms && (!found || at > found->at_ms))
            found = s;
        if (!oldest || at < oldest->at_ms)
            oldest = s;
    }
    return found ? found : oldest;
}

/* Within a bucket as if its answers were spread evenly; the last one has no upper edge. */
static double
percentile_ms(const uint32_t bucket[FRONT_BUCKETS + 1], uint64_t total, unsigned percent)
{
    double wanted = (double)total * percent / 100.0, seen = 0;
    for (size_t b = 0; b <= FRONT_BUCKETS; b++) {
        double low = b ? front_bucket_us[b - 1] : 0, high = b < FRONT_BUCKETS ? front_bucket_us[b] : low;
        if (bucket[b] && seen + bucket[b] >= wanted)
            return round(low + (high - low) * (wanted - seen) / bucket[b]) / 1000.0;
        seen += bucket[b];
    }
    return 0;
}

/* Gives the number of answers. */
static uint64_t
put_route(gh_json_t *j, size_t route, const slot_t *then)
{
    static const char *const methods[GH_METHOD_COUNT] = {"GET", "POST", "PUT", "PATCH", "DELETE"};
    const gh_operation_t *op = route < gh_contract_count(front.contract)
                                   ? gh_contract_at(front.contract, route)
                                   : NULL;
    static const route_counts_t none;
    const route_counts_t *was = then ? &then->route[route] : &none;
    route_counts_t now;
    uint64_t total = 0;
    read_route(route, &now);
    for (size_t b = 0; b <= FRONT_BUCKETS; b++)
        total += now.bucket[b] -= was->bucket[b];
    if (total == 0)
        return 0;
    gh_json_obj(j);
    gh_json_kcstr(j, "route", op ? op->path : "none");
    gh_json_kcstr(j, "method", op ? methods[op->method] : "any");
    gh_json_ki64(j, "count", (int64_t)total);
    gh_json_ki64(j, "errors", (int64_t)(uint32_t)(now.errors - was->errors));
    static const struct {
        const char *key;
        unsigned percent;
    } shown[] = {{"p50_ms", 50}, {"p95_ms", 95}, {"p99_ms", 99}};
    for (size_t i = 0; i < GH_COUNT(shown); i++) {
        gh_json_key(j, shown[i].key);
        gh_json_double(j, percentile_ms(now.bucket, total, shown[i].percent));
    }
    gh_json_obj_end(j);
    return total;
}

static void
put_requests(gh_json_t *j, const slot_t *then)
{
    uint64_t total = 0;
    gh_json_key(j, "requests");
    gh_json_obj(j);
    gh_json_key(j, "per_route");
    gh_json_arr(j);
    for (size_t r = 0; r < front.counters->routes; r++)
        total += put_route(j, r, then);
    gh_json_arr_end(j);
    gh_json_ki64(j, "total", (int64_t)total);
    gh_json_obj_end(j);
}

static void
put_database(gh_json_t *j, const slot_t *then, const gh_figures_t *list, size_t n)
{
    static const database_t none;
    const database_t *now = database_now(), *was = then ? &then->database : &none;
    int64_t size = 0, busy = 0, waiting = 0;
    for (size_t i = 0; i < n; i++) {
        size += list[i].lanes[GH_LANES_SIZE];
        busy += list[i].lanes[GH_LANES_BUSY];
        waiting += list[i].waiting;
    }
    uint64_t segments = now->segments - was->segments;
    gh_json_key(j, "database");
    gh_json_obj(j);
    gh_json_ki64(j, "pool_size", size);
    gh_json_ki64(j, "in_use", busy);
    gh_json_ki64(j, "waiting", waiting);
    gh_json_ki64(j, "queries", (int64_t)(now->queries - was->queries));
    gh_json_ki64(j, "slow", (int64_t)(now->slow - was->slow));
    gh_json_key(j, "mean_ms");
    gh_json_double(j, segments ? round((double)(now->us - was->us) / (double)segments) / 1000.0 : 0);
    gh_json_obj_end(j);
}

static void
put_memory(gh_json_t *j, const gh_figures_t *list, size_t n)
{
    char name[320];
    gh_json_key(j, "memory");
    gh_json_obj(j);
    gh_json_key(j, "rss_bytes");
    gh_json_obj(j);
    for (size_t w = 0; w < front.counters->workers; w++) {
        int64_t pid = atomic_load_explicit(&front.counters->worker[w].pid, memory_order_relaxed);
        snprintf(name, sizeof name, "front-%zu", w);
        gh_json_ki64(j, name, gh_program_resident(pid));
    }
    for (size_t i = 0; i < n; i++) {
        gh_str_t host = front_metrics_label(list[i].host);
        bool seen = false;
        for (size_t k = 0; k < i && !seen; k++)
            seen = list[k].pid == list[i].pid && gh_str_eq(list[k].host, list[i].host);
        snprintf(name, sizeof name, "worker-%.*s:%lld", (int)host.n, host.p, (long long)list[i].pid);
        if (!seen)
            gh_json_ki64(j, name, list[i].rss);
    }
    gh_json_obj_end(j);
    gh_json_obj_end(j);
}

static void
put_cache(gh_json_t *j)
{
    uint64_t hits = 0, misses = 0, size = 0;
    for (size_t w = 0; w < front.counters->workers; w++) {
        const front_worker_counts_t *c = &front.counters->worker[w];
        hits += front_read(&c->token_hits);
        misses += front_read(&c->token_misses);
        size += front_read(&c->token_size);
    }
    gh_json_key(j, "cache");
    gh_json_obj(j);
    gh_json_ki64(j, "hits", (int64_t)hits);
    gh_json_ki64(j, "misses", (int64_t)misses);
    gh_json_ki64(j, "size", (int64_t)size);
    gh_json_obj_end(j);
}

static void
put_workers(gh_json_t *j, const gh_figures_t *list, size_t n)
{
    gh_json_key(j, "workers");
    gh_json_arr(j);
    for (size_t i = 0; i < n; i++) {
        char seen[GH_TEXT_TS];
        const gh_figures_t *f = &list[i];
        gh_ts_text(gh_now_us() - f->age_ms * 1000, seen);
        gh_json_obj(j);
        gh_json_kstr(j, "pool", f->pool);
        gh_json_kstr(j, "host", f->host);
        gh_json_ki64(j, "pid", f->pid);
        gh_json_kcstr(j, "state",
                      gh_str_is(f->state, "draining") ? "draining"
                      : f->hand > 0                   ? "busy"
                                                      : "idle");
        gh_json_ki64(j, "in_hand", f->hand);
        gh_json_ki64(j, "done", f->jobs[GH_JOBS_ANSWERED]);
        gh_json_ki64(j, "failed", f->jobs[GH_JOBS_FAILED]);
        gh_json_kcstr(j, "last_seen", seen);
        gh_json_obj_end(j);
    }
    gh_json_arr_end(j);
}

void
front_window_put(gh_json_t *j, int64_t window_s)
{
    const gh_figures_t *list;
    size_t n = front_figures(&list);
    int64_t now = gh_mono_ms();
    const slot_t *then = NULL; /* the start */
    if (now - s_window.since_ms > window_s * 1000)
        then = slot_before(now - window_s * 1000);
    gh_json_obj(j);
    gh_json_ki64(j, "window_s", (now - (then ? then->at_ms : s_window.since_ms)) / 1000);
    put_requests(j, then);
    put_database(j, then, list, n);
    put_memory(j, list, n);
    put_cache(j);
    put_workers(j, list, n);
    gh_json_obj_end(j);
}
