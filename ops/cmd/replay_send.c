/*
 * ops/cmd/replay_send.c - the bookings over HTTP, in order of their booking time
 *
 * A row is sent when its time has come, its patient has no other row in hand (so that the earlier booking of
 * a patient is the one that counts) and a connection is free. 503, 504, 429, a key that is still in progress
 * and a lost reply are answered by sending the same row again with the same Idempotency-Key after a growing
 * pause; every other reply settles the row.
 */
#include "ops/cmd/replay.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/json.h"
#include "base/timez.h"
#include "ops/cmd/http_load.h"

/* Rows to send at a moment: retries and those a patient's earlier row held back. A binary heap by (due_us,
 * row). */
typedef struct heap {
    size_t *at;
    size_t n;
} heap_t;

typedef struct sender {
    gh_replay_t *r;
    heap_t heap;
    size_t next_row; /* not yet due */
    size_t settled, accepted, refused, unanswered, in_hand;
    int64_t start_us, last_us;
    gh_buf_t body; /* scratch */
    char host[256], port[8];
    bool progress;
} sender_t;

static volatile bool stop_now;

static void
s_on_signal(int sig)
{
    (void)sig;
    stop_now = true;
}

/* ---- heap */

static bool
s_before(const gh_replay_t *r, size_t a, size_t b)
{
    return r->rows[a].due_us != r->rows[b].due_us ? r->rows[a].due_us < r->rows[b].due_us : a < b;
}

/* There is room for every row: none is in the heap twice. */
static void
s_push(sender_t *s, size_t row)
{
    size_t i = s->heap.n++;
    for (; i > 0 && s_before(s->r, row, s->heap.at[(i - 1) / 2]); i = (i - 1) / 2)
        s->heap.at[i] = s->heap.at[(i - 1) / 2];
    s->heap.at[i] = row;
}

static size_t
s_pop(sender_t *s)
{
    size_t top = s->heap.at[0], last = s->heap.at[--s->heap.n], i = 0;
    for (size_t child; (child = 2 * i + 1) < s->heap.n; i = child) {
        if (child + 1 < s->heap.n && s_before(s->r, s->heap.at[child + 1], s->heap.at[child]))
            child++;
        if (s_before(s->r, last, s->heap.at[child]))
            break;
        s->heap.at[i] = s->heap.at[child];
    }
    s->heap.at[i] = last;
    return top;
}

/* ---- requests */

/* When a row of the log is due. */
static int64_t
s_due(const sender_t *s, size_t row)
{
    const gh_replay_t *r = s->r;
    if (r->opt.speed <= 0)
        return s->start_us;
    return s->start_us + (int64_t)((double)(r->rows[row].booked_us - r->rows[0].booked_us) / r->opt.speed);
}

static const char *
s_write_body(sender_t *s, const gh_replay_row_t *row)
{
    const gh_replay_session_t *session = &s->r->sessions[row->session];
    int64_t patient = s->r->patients[row->patient].patient_id;
    gh_json_t j;
    gh_buf_clear(&s->body);
    gh_json_init(&j, &s->body);
    gh_json_obj(&j);
    if (row->surface == GH_SURFACE_CODE) {
        gh_json_ki64(&j, "scheduleId", session->schedule_id);
        gh_json_ki64(&j, "hospitalId", session->area_id);
        gh_json_ki64(&j, "departmentId", session->dept_id);
        gh_json_ki64(&j, "patientId", patient);
        gh_json_obj_end(&j);
        return "/patient/appointments";
    }
    if (row->surface == GH_SURFACE_V1) {
        gh_json_ki64(&j, "schedule_id", session->schedule_id);
        gh_json_ki64(&j, "patient_id", patient);
        gh_json_obj_end(&j);
        return "/api/v1/appointments";
    }
    char at[GH_TEXT_TS];
    gh_ts_text(gh_replay_slot_start(session, row->nth), at);
    gh_json_ki64(&j, "doctor_id", session->doctor_id);
    gh_json_kcstr(&j, "date_time", at);
    gh_json_ki64(&j, "patient_id", patient);
    gh_json_obj_end(&j);
    return "/appointment/";
}

static void
s_write_request(sender_t *s, const gh_replay_row_t *row, gh_buf_t *out)
{
    const char *path = s_write_body(s, row);
    bool v6 = strchr(s->host, ':') != NULL;
    gh_buf_printf(
        out,
        "POST %s HTTP/1.1\r\nHost: %s%s%s:%s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n"
        "Idempotency-Key: replay-%s-%zu\r\nAuthorization: Bearer ",
        path, v6 ? "[" : "", s->host, v6 ? "]" : "", s->port, s->body.n, s->r->tag, row->line);
    gh_buf_puts(out, s->r->patients[row->patient].token);
    gh_buf_puts(out, "\r\n\r\n");
    gh_buf_str(out, gh_buf_view(&s->body));
}

static gh_load_next_t
s_next(void *arg, int64_t now_us, gh_buf_t *request, void **tag, int64_t *wake_us)
{
    sender_t *s = arg;
    gh_replay_t *r = s->r;
    if (s->settled == r->n_rows)
        return GH_LOAD_END;
    for (;;) {
        size_t at = SIZE_MAX;
        if (s->heap.n && r->rows[s->heap.at[0]].due_us <= now_us)
            at = s_pop(s);
        else if (s->next_row < r->n_rows && s_due(s, s->next_row) <= now_us)
            at = s->next_row++;
        if (at == SIZE_MAX) {
            int64_t retry = s->heap.n ? r->rows[s->heap.at[0]].due_us : INT64_MAX;
            int64_t fresh = s->next_row < r->n_rows ? s_due(s, s->next_row) : INT64_MAX;
            *wake_us = retry < fresh ? retry : fresh;
            return GH_LOAD_WAIT;
        }
        gh_replay_row_t *row = &r->rows[at];
        gh_replay_patient_t *patient = &r->patients[row->patient];
        if (row->attempts == 0 && patient->busy) { /* behind the patient's rows that wait already */
            size_t *link = &patient->waiting;
            while (*link != SIZE_MAX)
                link = &r->rows[*link].next_waiting;
            *link = at;
            continue;
        }
        patient->busy = true;
        if (row->attempts++ == 0)
            row->sent_us = now_us;
        else
            r->retries++;
        s->in_hand++;
        s_write_request(s, row, request);
        *tag = row;
        return GH_LOAD_SEND;
    }
}

/* ---- replies */

static bool
s_again(const gh_replay_row_t *row, const gh_load_reply_t *reply)
{
    return reply->status == 0 || reply->status == 429 || reply->status == 502 || reply->status == 503 ||
           reply->status == 504 || strcmp(row->reason, "IDEMPOTENCY_IN_PROGRESS") == 0;
}

/* Pause before sending again: what Retry-After says (at most 5 s), else 50 ms doubled each time up to 2 s;
 * a part of it depends on the row, so that rows refused together do not come back together. */
static int64_t
s_pause_us(const gh_replay_row_t *row, const gh_load_reply_t *reply)
{
    int64_t ms = 50 << (row->attempts < 6 ? row->attempts - 1 : 5);
    if (reply->retry_after_s >= 0)
        ms = reply->retry_after_s < 5 ? reply->retry_after_s * 1000 : 5000;
    return (ms + (int64_t)(row->line * 37 % 97) * (ms + 100) / 200) * 1000;
}

static void
s_settle(sender_t *s, gh_replay_row_t *row, gh_row_state_t state)
{
    gh_replay_t *r = s->r;
    row->state = state;
    s->settled++;
    s->accepted += state == GH_ROW_ACCEPTED;
    s->refused += state == GH_ROW_REFUSED;
    s->unanswered += state == GH_ROW_UNANSWERED;
    if (state == GH_ROW_ACCEPTED)
        r->sessions[row->session].accepted++;
    gh_replay_patient_t *patient = &r->patients[row->patient];
    patient->busy = false;
    if (patient->waiting != SIZE_MAX) {
        size_t next = patient->waiting;
        patient->waiting = r->rows[next].next_waiting;
        r->rows[next].due_us = gh_mono_us();
        /* Ready now, and the patient counts as busy no more until it is sent; later rows of the patient
         * queue behind it. */
        s_push(s, next);
    }
}

static void
s_done(void *arg, void *tag, const gh_load_reply_t *reply)
{
    sender_t *s = arg;
    gh_replay_t *r = s->r;
    gh_replay_row_t *row = tag;
    s->in_hand--;
    s->last_us = gh_mono_us();
    row->latency_us = reply->latency_us;
    bool yes = false;
    if (reply->status)
        yes = gh_replay_read_reply(row->surface, reply->status, reply->body, &row->order_id, row->reason);
    else
        snprintf(row->reason, sizeof row->reason, "no reply: %s", reply->lost);
    r->lost += reply->status == 0;
    if (yes) {
        s_settle(s, row, GH_ROW_ACCEPTED);
    } else if (!s_again(row, reply)) {
        s_settle(s, row, GH_ROW_REFUSED);
    } else if (s->last_us - row->sent_us > (int64_t)r->opt.retry_for_s * 1000000) {
        s_settle(s, row, GH_ROW_UNANSWERED);
    } else {
        row->due_us = s->last_us + s_pause_us(row, reply);
        s_push(s, (size_t)(row - r->rows));
    }
}

static void
s_tick(void *arg, int64_t now_us)
{
    const sender_t *s = arg;
    if (!s->progress)
        return;
    double seconds = (double)(now_us - s->start_us) / 1e6;
    fprintf(stderr, "\r%3zu%%  %zu/%zu  accepted %zu  refused %zu  sent again %lld  in hand %zu  %.0f/s   ",
            s->r->n_rows ? s->settled * 100 / s->r->n_rows : 100, s->settled, s->r->n_rows, s->accepted,
            s->refused, (long long)s->r->retries, s->in_hand,
            seconds > 0 ? (double)s->settled / seconds : 0.0);
}

int
gh_replay_send(gh_replay_t *r)
{
    sender_t s = {.r = r, .progress = !r->opt.quiet && isatty(STDERR_FILENO)};
    if (gh_load_parse_url(r->opt.url, s.host, s.port) != 0) {
        fprintf(stderr, "guahao: not of the form http://host:port: %s\n", r->opt.url);
        return -1;
    }
    s.heap.at = calloc(r->n_rows ? r->n_rows : 1, sizeof *s.heap.at);
    if (!s.heap.at)
        return -1;
    struct sigaction sa = {.sa_handler = s_on_signal}, old_int, old_term;
    sigemptyset(&sa.sa_mask);
    sigaction(SIGINT, &sa, &old_int);
    sigaction(SIGTERM, &sa, &old_term);
    s.start_us = s.last_us = gh_mono_us();
    gh_load_options_t opt = {r->opt.url, r->opt.connections, r->opt.timeout_ms, &stop_now};
    static const gh_load_ops_t ops = {s_next, s_done, s_tick};
    int rc = gh_load_run(&opt, &ops, &s);
    r->seconds = (double)(s.last_us - s.start_us) / 1e6;
    s_tick(&s, s.last_us);
    if (s.progress)
        fputc('\n', stderr);
    sigaction(SIGINT, &old_int, NULL);
    sigaction(SIGTERM, &old_term, NULL);
    free(s.heap.at);
    gh_buf_fini(&s.body);
    return rc;
}
