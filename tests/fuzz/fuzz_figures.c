// sources: front/metrics_workers.c lib/db/timings.c lib/wire/figures.c lib/wire/mp.c lib/base/buf.c lib/base/json.c lib/base/gh.c lib/base/money.c lib/base/timez.c lib/base/log*.c lib/base/hash.c lib/base/uuid7.c
/*
 * tests/fuzz/fuzz_figures.c - what workers say of themselves (wire/figures.h), and the lines of /metrics that are made of it
 *
 * Input: a broker's answer to mmi.figures, and the same bytes as the frame of one worker.
 */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "front/front.h"
#include "front/metrics.h"
#include "wire/figures.h"

static gh_str_t s_told; /* by the only broker */

/* What the front has elsewhere. */

size_t
front_brokers(void)
{
    return 1;
}

gh_str_t
front_probes_figures(size_t broker)
{
    FUZZ_CHECK(broker == 0);
    return s_told;
}

void
front_metrics_head(gh_buf_t *out, const char *name, const char *type, const char *help)
{
    gh_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* Text of samples and comments: each line whole, nothing of a peer breaks out of its label. */
static void
s_lines(gh_str_t text)
{
    bool quoted = false;
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        FUZZ_CHECK(c == '\n' || (c >= ' ' && c < 0x7f));
        if (c == '"')
            quoted = !quoted;
        FUZZ_CHECK(c != '\n' || !quoted);
    }
    FUZZ_CHECK(!quoted && (text.n == 0 || text.p[text.n - 1] == '\n'));
}

static void
s_metrics(void)
{
    gh_buf_t out GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    front_metrics_workers(&out);
    front_metrics_worker_memory(&out);
    front_metrics_tallies(&out, "auth_failures");
    FUZZ_CHECK(gh_buf_ok(&out));
    s_lines(gh_buf_view(&out));
}

static void
s_counted(const gh_figures_t *f)
{
    const int64_t *at[] = {&f->pid,     &f->start,   &f->n,      &f->rss,      &f->credit,  &f->hand,
                           &f->waiting, &f->running, &f->actors, &f->lanes[1], &f->jobs[4], &f->db[3]};
    for (size_t i = 0; i < GH_COUNT(at); i++)
        FUZZ_CHECK(*at[i] >= 0);
    FUZZ_CHECK(f->pool.n > 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    gh_figures_t one, list[3];
    gh_str_t bytes = {(const char *)data, n};
    size_t told = 0;
    int rc = -1;
    if (gh_figures_read(bytes, &one) == 0) {
        s_counted(&one);
        rc = 0;
    }
    if (gh_figures_collect(bytes, list, &told, GH_COUNT(list)) == 0) {
        FUZZ_CHECK(told <= GH_COUNT(list));
        for (size_t i = 0; i < told; i++) {
            s_counted(&list[i]);
            for (size_t k = 0; k < i; k++)
                FUZZ_CHECK(!gh_figures_same(&list[i], &list[k]));
        }
        s_told = bytes;
        s_metrics();
        rc = 0;
    }
    return rc;
}

static void
s_int(gh_buf_t *b, const char *key, int64_t v)
{
    gh_mpw_cstr(b, key);
    gh_mpw_int(b, v);
}

static void
s_ints(gh_buf_t *b, const char *key, uint32_t n)
{
    gh_mpw_cstr(b, key);
    gh_mpw_array(b, n);
    for (uint32_t i = 0; i < n; i++)
        gh_mpw_int(b, (int64_t)(n - i) << (i * 10));
}

static void
s_row(gh_buf_t *b, const char *key, const char *a, const char *c, const char *d)
{
    gh_mpw_cstr(b, key);
    gh_mpw_array(b, 1);
    gh_mpw_array(b, d ? 4 : 3);
    gh_mpw_cstr(b, a);
    gh_mpw_cstr(b, c);
    if (d)
        gh_mpw_cstr(b, d);
    gh_mpw_int(b, INT64_MAX);
}

static void
s_frame(gh_buf_t *b, const char *pool, int64_t pid)
{
    gh_mpw_map(b, 11);
    gh_mpw_cstr(b, "pool");
    gh_mpw_cstr(b, pool);
    gh_mpw_cstr(b, "host");
    gh_mpw_cstr(b, "h1");
    s_int(b, "pid", pid);
    s_int(b, "n", 3);
    s_int(b, "rss", INT64_MAX);
    s_ints(b, "lanes", 3);
    s_ints(b, "jobs", 5);
    s_ints(b, "db", 4);
    s_row(b, "tallies", "auth_failures", "credentials", "INVALID_CREDENTIALS");
    s_row(b, "gauges", "durable_jobs", "dead", NULL);
    gh_mpw_cstr(b, "statements");
    gh_mpw_array(b, 1);
    gh_mpw_array(b, 4);
    gh_mpw_cstr(b, "jobs_claim");
    for (int i = 0; i < 3; i++)
        gh_mpw_int(b, INT64_MAX - i);
}

void
fuzz_examples(void)
{
    gh_buf_t all = GH_BUF_INIT, frame = GH_BUF_INIT;
    gh_mpw_array(&all, 2);
    for (int64_t pid = 1; pid <= 2; pid++) {
        gh_buf_clear(&frame);
        s_frame(&frame, pid == 1 ? "booking" : "system", pid);
        gh_mpw_array(&all, 3);
        gh_mpw_cstr(&all, "00ff");
        gh_mpw_int(&all, 1500);
        gh_mpw_bin(&all, frame.p, frame.n);
    }
    fuzz_add(frame.p, frame.n);
    fuzz_add(all.p, all.n);
    gh_buf_fini(&all);
    gh_buf_fini(&frame);
}
