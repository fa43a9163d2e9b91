/*
 * front/counters.c - shared counters
 */
#include "front/counters.h"

#include <sys/mman.h>

const uint32_t front_bucket_us[FRONT_BUCKETS] = {500,   1000,   2000,   3000,   5000,    10000,   20000,
                                                 50000, 100000, 200000, 500000, 1000000, 2000000, 5000000};

static const uint16_t s_statuses[] = {0,   200, 201, 202, 204, 304, 308, 400, 401, 403,
                                      404, 405, 406, 408, 409, 411, 412, 413, 414, 415,
                                      422, 423, 429, 431, 500, 501, 502, 503, 504, 505};

front_counters_t *
front_counters_new(size_t workers, size_t routes)
{
    size_t size = sizeof(front_counters_t) + workers * sizeof(front_worker_counts_t) +
                  workers * routes * sizeof(front_route_counts_t) + 64;
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return NULL;
    front_counters_t *c = p;
    c->workers = workers;
    c->routes = routes;
    c->worker = (front_worker_counts_t *)(c + 1);
    c->route = (front_route_counts_t *)(c->worker + workers);
    return c;
}

front_route_counts_t *
front_counters_route(const front_counters_t *c, size_t worker, size_t route)
{
    return &c->route[worker * c->routes + route];
}

size_t
front_status_slot(uint16_t status)
{
    for (size_t i = 1; i < GH_COUNT(s_statuses); i++)
        if (s_statuses[i] == status)
            return i;
    return 0;
}

uint16_t
front_slot_status(size_t slot)
{
    return slot < GH_COUNT(s_statuses) ? s_statuses[slot] : 0;
}
