/*
 * lib/wire/figures.c - see figures.h
 */
#include "wire/figures.h"

static gh_str_t
text(gh_mp_t map, const char *key)
{
    gh_str_t s;
    return gh_mp_str(gh_mp_get(map, key), &s) ? s : (gh_str_t){0};
}

/* Nothing that is counted is below 0. */
static int64_t
number(gh_mp_t v)
{
    int64_t n;
    return gh_mp_int(v, &n) && n > 0 ? n : 0;
}

static void
numbers(gh_mp_t list, int64_t *out, size_t n)
{
    size_t i = 0;
    for (gh_mp_iter_t it = gh_mp_iter(list); i < n && gh_mp_next(&it); i++)
        out[i] = number(it.value);
}

int
gh_figures_read(gh_str_t frame, gh_figures_t *out)
{
    gh_mp_t map;
    *out = (gh_figures_t){0};
    if (gh_mp_check(frame.p, frame.n, GH_FIGURES_MAX, &map) || gh_mp_type(map) != GH_MP_MAP)
        return -1;
    out->pool = text(map, "pool");
    out->host = text(map, "host");
    out->version = text(map, "version");
    out->level = text(map, "level");
    out->state = text(map, "state");
    out->pid = number(gh_mp_get(map, "pid"));
    out->start = number(gh_mp_get(map, "start"));
    out->n = number(gh_mp_get(map, "n"));
    out->rss = number(gh_mp_get(map, "rss"));
    out->credit = number(gh_mp_get(map, "credit"));
    out->hand = number(gh_mp_get(map, "hand"));
    out->waiting = number(gh_mp_get(map, "waiting"));
    out->running = number(gh_mp_get(map, "running"));
    out->actors = number(gh_mp_get(map, "actors"));
    numbers(gh_mp_get(map, "lanes"), out->lanes, GH_COUNT(out->lanes));
    numbers(gh_mp_get(map, "jobs"), out->jobs, GH_COUNT(out->jobs));
    numbers(gh_mp_get(map, "db"), out->db, GH_COUNT(out->db));
    out->tallies = gh_mp_get(map, "tallies");
    out->gauges = gh_mp_get(map, "gauges");
    out->statements = gh_mp_get(map, "statements");
    return out->pool.n ? 0 : -1;
}

bool
gh_figures_same(const gh_figures_t *a, const gh_figures_t *b)
{
    return a->pid == b->pid && a->start == b->start && gh_str_eq(a->pool, b->pool) &&
           gh_str_eq(a->host, b->host);
}

static void
take(const gh_figures_t *f, gh_figures_t *list, size_t *n, size_t max)
{
    for (size_t i = 0; i < *n; i++)
        if (gh_figures_same(&list[i], f)) {
            if (f->n > list[i].n)
                list[i] = *f;
            return;
        }
    if (*n < max)
        list[(*n)++] = *f;
}

int
gh_figures_collect(gh_str_t answer, gh_figures_t *list, size_t *n, size_t max)
{
    gh_mp_t all;
    if (gh_mp_check(answer.p, answer.n, GH_FIGURES_ALL, &all) || gh_mp_type(all) != GH_MP_ARRAY)
        return -1;
    for (gh_mp_iter_t it = gh_mp_iter(all); gh_mp_next(&it);) {
        gh_mp_t part[3] = {{0}};
        size_t i = 0;
        for (gh_mp_iter_t in = gh_mp_iter(it.value); i < 3 && gh_mp_next(&in); i++)
            part[i] = in.value;
        gh_figures_t f;
        gh_str_t frame, worker;
        if (!gh_mp_str(part[0], &worker) || !gh_mp_bin(part[2], &frame) || gh_figures_read(frame, &f))
            continue;
        f.worker = worker;
        f.age_ms = number(part[1]);
        take(&f, list, n, max);
    }
    return 0;
}
