/*
 * tests/bench/front_bench.c - what the front's own steps cost a request, one loop each: matching with all operations
 * loaded, rate limits, the log line, compression
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/timez.h"
#include "front/gzip.h"
#include "front/rates.h"

#define PATHS_MAX 4096

static struct {
    char text[256];
    gh_method_t method;
} s_paths[PATHS_MAX];

/* The template with a number for each parameter. */
static void
make_path(const char *tmpl, char out[256])
{
    size_t n = 0;
    for (const char *p = tmpl; *p && n < 240; p++) {
        if (*p != '{') {
            out[n++] = *p;
            continue;
        }
        p = strchr(p, '}');
        memcpy(out + n, "1234", 4);
        n += 4;
    }
    out[n] = '\0';
}

static void
tell(const char *what, int64_t us, size_t n)
{
    printf("%-44s %8.0f ns\n", what, (double)us * 1000 / (double)n);
}

static void
measure_match(const gh_contract_t *c)
{
    size_t n = gh_contract_count(c), rounds = 2000, missed = 0;
    char what[64];
    for (size_t i = 0; i < n && i < PATHS_MAX; i++) {
        s_paths[i].method = gh_contract_at(c, i)->method;
        make_path(gh_contract_at(c, i)->path, s_paths[i].text);
    }
    int64_t start = gh_mono_us();
    for (size_t r = 0; r < rounds; r++)
        for (size_t i = 0; i < n; i++) {
            gh_match_t m;
            gh_contract_match(c, s_paths[i].method, gh_str(s_paths[i].text), &m);
            missed += !m.op;
        }
    snprintf(what, sizeof what, "match, %zu operations (%zu without a number)", n, missed / rounds);
    tell(what, gh_mono_us() - start, rounds * n);
}

static void
measure_rates(const gh_contract_t *c)
{
    size_t n = 2000000, refused = 0;
    int64_t start = gh_mono_us();
    for (size_t i = 0; i < n; i++) {
        front_rate_t r;
        uint8_t ip[4] = {192, 0, (uint8_t)(i >> 8), (uint8_t)i};
        front_address_t a;
        front_address_set(&a, 2, ip);
        refused += !front_rates_take(gh_contract_at(c, i % gh_contract_count(c)), &a, (int64_t)(i % 50000),
                                     start + (int64_t)i, &r);
    }
    char what[64];
    snprintf(what, sizeof what, "rate limit, 50000 users (%zu refused)", refused);
    tell(what, gh_mono_us() - start, n);
}

static void
measure_line(void)
{
    gh_buf_t out GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    size_t n = 200000;
    int64_t start = gh_mono_us();
    for (size_t i = 0; i < n; i++) {
        const gh_kv_t kv[] = {GH_KS("request_id", "0195f2b4-7c11-7d3e-9a55-3f0c2b7a9d10"),
                              GH_KI("user_id", i),
                              GH_KS("surface", "v1"),
                              GH_KS("method", "GET"),
                              GH_KS("route", "/api/v1/appointments/{id}"),
                              GH_KI("status", 200),
                              GH_KM("duration_ms", i),
                              GH_KM("queue_ms", i),
                              GH_KM("work_ms", i),
                              GH_KI("bytes", i),
                              GH_KS("ip", "192.0.2.10"),
                              {0}};
        gh_log_append(&out, GH_LOG_ACCESS, GH_LOG_INFO, "request", kv);
        if (out.n > 60000)
            gh_buf_clear(&out);
    }
    tell("log line", gh_mono_us() - start, n);
}

static void
measure_gzip(void)
{
    gh_buf_t in GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT, out GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    for (int i = 0; in.n < 10000; i++)
        gh_buf_printf(&in, "{\"schedule_id\":%d,\"doctor_name\":\"Doctor %d\",\"left_slots\":%d},", 5000 + i,
                      i % 40, i * 7 % 31);
    size_t n = 2000;
    int64_t start = gh_mono_us();
    for (size_t i = 0; i < n; i++)
        (void)front_gzip(gh_buf_view(&in), 1, &out);
    char what[64];
    snprintf(what, sizeof what, "gzip, %zu to %zu bytes", in.n, out.n);
    tell(what, gh_mono_us() - start, n);
}

int
main(void)
{
    gh_log_init("bench", GH_LOG_ERROR, GH_LOGFMT);
    gh_conf_t *conf = gh_conf_load(NULL);
    gh_contract_t *c = conf && !gh_tz_init("Asia/Shanghai") ? gh_contract_load("schema/openapi", NULL) : NULL;
    if (!c || front_rates_init(conf, c)) {
        fputs("front-bench: run it in the checkout\n", stderr);
        return 1;
    }
    measure_match(c);
    measure_rates(c);
    measure_line();
    measure_gzip();
    gh_contract_destroy(&c);
    gh_conf_destroy(&conf);
    return 0;
}
