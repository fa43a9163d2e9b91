/*
 * ops/cmd/replay_report.c - what came of a replay, as text or JSON on stdout
 */
#include "ops/cmd/replay.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"

#define REASONS_MAX 64

typedef struct reason {
    char name[40];
    size_t n;
} reason_t;

typedef struct summary {
    size_t accepted, refused, unanswered, not_sent, same_patient;
    reason_t reasons[REASONS_MAX + 1]; /* the last one gathers what does not fit */
    size_t n_reasons;
    int64_t *latency; /* of settled rows, sorted */
    size_t n_latency;
} summary_t;

static void
s_count_reason(summary_t *s, const char *name)
{
    size_t i = 0;
    while (i < s->n_reasons && strcmp(s->reasons[i].name, name) != 0)
        i++;
    if (i == s->n_reasons) {
        snprintf(s->reasons[i].name, sizeof s->reasons[i].name, "%s", i < REASONS_MAX ? name : "others");
        if (i < REASONS_MAX)
            s->n_reasons++;
    }
    s->reasons[i].n++;
}

static int
by_count(const void *a, const void *b)
{
    const reason_t *x = a, *y = b;
    return x->n != y->n ? (x->n < y->n ? 1 : -1) : strcmp(x->name, y->name);
}

static int
by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static void
s_summarise(const gh_replay_t *r, summary_t *s)
{
    s->latency = calloc(r->n_rows ? r->n_rows : 1, sizeof *s->latency);
    for (size_t i = 0; i < r->n_rows; i++) {
        const gh_replay_row_t *row = &r->rows[i];
        s->accepted += row->state == GH_ROW_ACCEPTED;
        s->refused += row->state == GH_ROW_REFUSED;
        s->unanswered += row->state == GH_ROW_UNANSWERED;
        s->not_sent += row->state == GH_ROW_WAITING;
        if (row->state == GH_ROW_REFUSED || row->state == GH_ROW_UNANSWERED)
            s_count_reason(s, row->reason);
        if (s->latency && (row->state == GH_ROW_ACCEPTED || row->state == GH_ROW_REFUSED))
            s->latency[s->n_latency++] = row->latency_us;
    }
    for (size_t i = 0; i < r->n_sessions; i++)
        s->same_patient += r->sessions[i].wanted - r->sessions[i].distinct;
    qsort(s->reasons, s->n_reasons, sizeof s->reasons[0], by_count);
    if (s->latency)
        qsort(s->latency, s->n_latency, sizeof *s->latency, by_value);
}

/* Percentile in milliseconds, nearest rank. */
static double
s_percentile(const summary_t *s, double q)
{
    if (s->n_latency == 0)
        return 0;
    size_t rank = (size_t)(q * (double)s->n_latency);
    return (double)s->latency[rank < s->n_latency ? rank : s->n_latency - 1] / 1000.0;
}

static void
s_text(const gh_replay_t *r, const summary_t *s, double rate)
{
    const gh_replay_session_t *busiest = &r->sessions[r->busiest];
    printf("rows        %zu in %zu sessions of %zu patients (tag %s)\n", r->n_rows, r->n_sessions,
           r->n_patients, r->tag);
    printf("accepted    %zu\nrefused     %zu\n", s->accepted, s->refused);
    for (size_t i = 0; i < s->n_reasons; i++)
        printf("  %-28s %zu\n", s->reasons[i].name, s->reasons[i].n);
    printf("unanswered  %zu\nnot sent    %zu\n", s->unanswered, s->not_sent);
    printf("busiest     %.*s: %zu rows, %d places, %zu accepted\n", (int)busiest->clinic.n, busiest->clinic.p,
           busiest->wanted, busiest->places, busiest->accepted);
    printf("same patient twice in a session: %zu rows (patient ids of a log may be rounded or shared)\n",
           s->same_patient);
    printf("time        %.2f s, %.0f bookings/s, p50 %.1f ms, p95 %.1f ms, p99 %.1f ms; sent again %" PRId64
           ", replies lost %" PRId64 "\n",
           r->seconds, rate, s_percentile(s, 0.50), s_percentile(s, 0.95), s_percentile(s, 0.99), r->retries,
           r->lost);
    printf("database    %zu bookings, %s\n", r->db_orders,
           r->faults ? "DISAGREES with the answers:" : "agrees with the answers");
    for (size_t i = 0; i < r->faults && i < GH_COUNT(r->fault); i++)
        printf("  %s\n", r->fault[i]);
    if (r->faults > GH_COUNT(r->fault))
        printf("  and %zu more\n", r->faults - GH_COUNT(r->fault));
}

static void
s_json_sessions(const gh_replay_t *r, gh_json_t *j)
{
    gh_json_key(j, "sessions");
    gh_json_arr(j);
    for (size_t i = 0; i < r->n_sessions; i++) {
        const gh_replay_session_t *s = &r->sessions[i];
        gh_json_obj(j);
        gh_json_kstr(j, "clinic", s->clinic);
        gh_json_ki64(j, "schedule_id", s->schedule_id);
        gh_json_ki64(j, "doctor_id", s->doctor_id);
        gh_json_ki64(j, "rows", (int64_t)s->wanted);
        gh_json_ki64(j, "places", s->places);
        gh_json_ki64(j, "accepted", (int64_t)s->accepted);
        gh_json_obj_end(j);
    }
    gh_json_arr_end(j);
}

static void
s_json(const gh_replay_t *r, const summary_t *s, double rate)
{
    gh_buf_t out GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_json_t j;
    gh_json_init(&j, &out);
    gh_json_obj(&j);
    gh_json_kcstr(&j, "tag", r->tag);
    gh_json_ki64(&j, "rows", (int64_t)r->n_rows);
    gh_json_ki64(&j, "patients", (int64_t)r->n_patients);
    gh_json_ki64(&j, "accepted", (int64_t)s->accepted);
    gh_json_ki64(&j, "refused", (int64_t)s->refused);
    gh_json_ki64(&j, "unanswered", (int64_t)s->unanswered);
    gh_json_ki64(&j, "not_sent", (int64_t)s->not_sent);
    gh_json_key(&j, "reasons");
    gh_json_obj(&j);
    for (size_t i = 0; i < s->n_reasons; i++)
        gh_json_ki64(&j, s->reasons[i].name, (int64_t)s->reasons[i].n);
    gh_json_obj_end(&j);
    gh_json_ki64(&j, "same_patient", (int64_t)s->same_patient);
    gh_json_key(&j, "seconds");
    gh_json_double(&j, r->seconds);
    gh_json_key(&j, "per_second");
    gh_json_double(&j, rate);
    static const struct {
        const char *name;
        double q;
    } percentiles[] = {{"p50_ms", 0.50}, {"p95_ms", 0.95}, {"p99_ms", 0.99}};
    for (size_t i = 0; i < GH_COUNT(percentiles); i++) {
        gh_json_key(&j, percentiles[i].name);
        gh_json_double(&j, s_percentile(s, percentiles[i].q));
    }
    gh_json_ki64(&j, "sent_again", r->retries);
    gh_json_ki64(&j, "replies_lost", r->lost);
    gh_json_ki64(&j, "db_orders", (int64_t)r->db_orders);
    gh_json_key(&j, "faults");
    gh_json_arr(&j);
    for (size_t i = 0; i < r->faults && i < GH_COUNT(r->fault); i++)
        gh_json_cstr(&j, r->fault[i]);
    gh_json_arr_end(&j);
    gh_json_ki64(&j, "fault_count", (int64_t)r->faults);
    s_json_sessions(r, &j);
    gh_json_obj_end(&j);
    if (gh_buf_cstr(&out))
        puts(gh_buf_cstr(&out));
}

void
gh_replay_report(const gh_replay_t *r)
{
    summary_t *s = calloc(1, sizeof *s);
    if (!s || r->n_rows == 0) {
        printf(r->opt.json ? "{\"rows\":0}\n" : "no rows\n");
        free(s);
        return;
    }
    s_summarise(r, s);
    double rate = r->seconds > 0 ? (double)(s->accepted + s->refused) / r->seconds : 0;
    if (r->opt.json)
        s_json(r, s, rate);
    else
        s_text(r, s, rate);
    free(s->latency);
    free(s);
}
