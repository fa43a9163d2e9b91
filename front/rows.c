/*
 * front/rows.c - each request as a row of user_access_log (api/00 section 0.14, decisions 7)
 *
 * Finished requests are gathered as columns and leave as one job of the pool `stats` when BATCH_ROWS are there or after
 * BATCH_MS. A batch that got no answer is sent again under its own id, so the job record keeps it from being stored
 * twice. Batches wait in a line of fixed length and size: what comes on top of it is lost, and counted. Repeats of a
 * caller's path within 5 s are left out, here for this worker and in the pool over all fronts.
 *
 * A row holds the path and, of the query, what the contract declares as numbers, dates or one of several words: other
 * values are shown as `*`, since they may name people or be secrets. Probes and preflights make no rows.
 */
#include <arpa/inet.h>

#include <kore/kore.h>
#include <kore/http.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/timez.h"
#include "base/uuid7.h"
#include "contract/schema.h"
#include "front/front.h"

#define BATCH_ROWS  500
#define BATCH_MS    1000
#define BATCHES_MAX 16
#define BYTES_MAX   ((size_t)4 << 20) /* of all batches that wait */
#define URL_MAX     2000              /* characters of the column */
#define VALUE_MAX   200
#define STRANGE_MAX 300 /* of a path that no operation has */
#define BUDGET_MS   10000
#define RETRY_MS    1000
#define TRIES_MAX   3 /* refusals of one batch */
#define REPEAT_US   INT64_C(5000000)
#define SEEN_SLOTS  4096u

enum { USER, IP, AGENT, URL, METHOD, STATUS, CODE, AT, MS, COLUMNS };

static const char *const s_names[COLUMNS] = {"user",   "ip",   "agent", "url", "method",
                                             "status", "code", "at",    "ms"};

typedef struct batch {
    uint8_t id[16];
    gh_buf_t args;
    uint32_t rows;
    unsigned refused;
    bool sent;
} batch_t;

static struct {
    gh_buf_t columns[COLUMNS];
    uint32_t rows;
    int64_t first_ms; /* when the oldest row being gathered came */
    batch_t line[BATCHES_MAX];
    size_t head, n, bytes; /* the line: its first is with a worker while `away` */
    bool away;
    int64_t next_ms; /* no try before */
    struct {
        uint64_t key;
        int64_t at_us;
    } seen[SEEN_SLOTS];
} s_rows;

/* ---- what a row says */

/* Values of numbers, dates and words of a list tell nothing of people. */
static bool
is_plain(const gh_schema_t *s)
{
    if (s->types == GH_T_ARR && s->items)
        s = s->items;
    if (s->one_of || s->any_of || s->all_of || (s->types & (GH_T_OBJ | GH_T_ARR)))
        return false;
    return !(s->types & GH_T_STR) || s->choices || s->format == GH_F_DATE || s->format == GH_F_DATETIME ||
           s->format == GH_F_MOMENT;
}

static const gh_param_t *
find_param(const gh_operation_t *op, gh_str_t name)
{
    for (size_t i = op->request->n_path; i < op->request->n_params; i++)
        if (gh_str_is(name, op->request->params[i].name))
            return &op->request->params[i];
    return NULL;
}

/* Printable ASCII, so that any column takes it. */
static void
put_clean(gh_buf_t *out, gh_str_t s)
{
    for (size_t i = 0; i < s.n; i++)
        gh_buf_putc(out, s.p[i] > ' ' && s.p[i] <= '~' ? s.p[i] : '?');
}

static void
put_query(gh_buf_t *out, const gh_operation_t *op, gh_str_t query)
{
    gh_str_t name, value;
    char before = '?';
    while (out->n < URL_MAX && gh_query_next(&query, &name, &value)) {
        const gh_param_t *p = find_param(op, name);
        if (!p)
            continue;
        gh_buf_putc(out, before);
        put_clean(out, name);
        gh_buf_putc(out, '=');
        put_clean(out, is_plain(p->schema) && value.n <= VALUE_MAX ? value : GH_STR("*"));
        before = '&';
    }
}

static gh_str_t
url_of(const front_ask_t *ask, size_t *path_n)
{
    static gh_buf_t url; /* reused: one row is written at a time */
    gh_str_t path = ask->render.path;
    gh_buf_clear(&url);
    if (!ask->op && path.n > STRANGE_MAX)
        path.n = STRANGE_MAX;
    put_clean(&url, path);
    *path_n = url.n;
    if (ask->op && ask->req && ask->req->query_string)
        put_query(&url, ask->op, gh_str(ask->req->query_string));
    gh_str_t made = gh_buf_view(&url);
    made.n = made.n > URL_MAX ? URL_MAX : made.n;
    return made;
}

/* The number in the body of an answer of the code surface. */
static bool
code_of(const front_ask_t *ask, int64_t *code)
{
    *code = ask->error ? gh_error_row(ask->error)->code : 0;
    return ask->render.envelope == GH_ENV_CODE && !ask->render.bare;
}

/* Machines ask these without anybody's wish. */
static bool
is_of_interest(const front_ask_t *ask)
{
    const gh_operation_t *op = ask->op;
    if (!front.rows || !ask->req || ask->req->method == HTTP_METHOD_OPTIONS || ask->render.path.n == 0)
        return false;
    return !op || (!op->allow_networks && (!op->rate_limit || strcmp(op->rate_limit, "none") != 0));
}

/* Somebody's path was asked within 5 s of a row that tells so (api/12 section 12.9); nobody is their address. */
static bool
is_repeat(const front_ask_t *ask, gh_str_t path, int64_t now_us)
{
    uint64_t who = ask->user_id ? (uint64_t)ask->user_id * 0x9e3779b97f4a7c15u
                                : gh_hash64(ask->client.bytes, sizeof ask->client.bytes);
    uint64_t key = gh_hash64(path.p, path.n) ^ who;
    size_t slot = key % SEEN_SLOTS;
    if (s_rows.seen[slot].key == key && now_us - s_rows.seen[slot].at_us < REPEAT_US)
        return true;
    s_rows.seen[slot].key = key;
    s_rows.seen[slot].at_us = now_us;
    return false;
}

/* ---- the line of batches */

static batch_t *
place(size_t i)
{
    return &s_rows.line[(s_rows.head + i) % BATCHES_MAX];
}

static void
drop_first(void)
{
    batch_t *b = place(0);
    s_rows.bytes -= b->args.n;
    gh_buf_fini(&b->args);
    s_rows.head = (s_rows.head + 1) % BATCHES_MAX;
    s_rows.n--;
}

static void
lose(uint32_t rows)
{
    front_add(&front.counters->worker[front.worker].rows_lost, rows);
}

static bool
encode(gh_buf_t *out)
{
    gh_mpw_map(out, 1);
    gh_mpw_cstr(out, "body");
    gh_mpw_map(out, COLUMNS);
    for (size_t c = 0; c < COLUMNS; c++) {
        gh_mpw_cstr(out, s_names[c]);
        gh_mpw_array(out, s_rows.rows);
        gh_buf_str(out, gh_buf_view(&s_rows.columns[c]));
        out->failed = out->failed || !gh_buf_ok(&s_rows.columns[c]);
    }
    return gh_buf_ok(out);
}

/* What was gathered becomes the last batch of the line. */
static void
close_batch(void)
{
    if (s_rows.rows == 0)
        return;
    batch_t *b = place(s_rows.n);
    if (s_rows.n == BATCHES_MAX || s_rows.bytes > BYTES_MAX) {
        lose(s_rows.rows);
    } else {
        *b = (batch_t){.rows = s_rows.rows, .args = GH_BUF_INIT};
        gh_uuid7_new(b->id);
        if (encode(&b->args)) {
            s_rows.bytes += b->args.n;
            s_rows.n++;
        } else {
            gh_buf_fini(&b->args);
            lose(s_rows.rows);
        }
    }
    for (size_t c = 0; c < COLUMNS; c++)
        gh_buf_clear(&s_rows.columns[c]);
    s_rows.rows = 0;
}

static void
stored(const gh_reply_head_t *head, gh_str_t body)
{
    (void)body;
    batch_t *b = place(0);
    bool refused = head && head->error.n;
    s_rows.away = false;
    if (head && !refused) {
        front_add(&front.counters->worker[front.worker].rows, b->rows);
        drop_first();
        return;
    }
    /* No worker or no time is waited for; what a worker refuses again and again is not worth it. */
    bool later = !refused || gh_str_is(head->error, "SERVICE_UNAVAILABLE") ||
                 gh_str_is(head->error, "QUEUE_FULL");
    s_rows.next_ms = gh_mono_ms() + RETRY_MS;
    if (!later && ++b->refused >= TRIES_MAX) {
        lose(b->rows);
        drop_first();
    }
}

static bool
send_batch(batch_t *b)
{
    front_errand_t errand = {.service = "stats",
                             .op = "stats.record_requests",
                             .args = gh_buf_view(&b->args),
                             .id = b->id,
                             .resend = b->sent,
                             .priority = GH_PRIO_BATCH,
                             .budget_ms = BUDGET_MS,
                             .done = stored};
    bool taken = front_link_ask(&errand);
    b->sent = b->sent || taken;
    return taken;
}

/* ---- public */

void
front_rows_add(const front_ask_t *ask, uint16_t status)
{
    char ip[INET6_ADDRSTRLEN];
    int64_t code, now_us = gh_now_us(), took_us = gh_mono_us() - ask->start_us;
    size_t path_n;
    gh_buf_t *c = s_rows.columns;
    if (!is_of_interest(ask))
        return;
    gh_str_t url = url_of(ask, &path_n);
    if (is_repeat(ask, (gh_str_t){url.p, path_n}, now_us))
        return;
    if (s_rows.rows == 0)
        s_rows.first_ms = gh_mono_ms();
    if (ask->user_id)
        gh_mpw_int(&c[USER], ask->user_id);
    else
        gh_mpw_nil(&c[USER]);
    if (ask->client.family && inet_ntop(ask->client.family, ask->client.bytes, ip, sizeof ip))
        gh_mpw_cstr(&c[IP], ip);
    else
        gh_mpw_nil(&c[IP]);
    if (ask->agent.n)
        gh_mpw_str(&c[AGENT], ask->agent);
    else
        gh_mpw_nil(&c[AGENT]);
    gh_mpw_str(&c[URL], url);
    gh_mpw_cstr(&c[METHOD], http_method_text(ask->req->method));
    gh_mpw_int(&c[STATUS], status);
    if (code_of(ask, &code))
        gh_mpw_int(&c[CODE], code);
    else
        gh_mpw_nil(&c[CODE]);
    gh_mpw_int(&c[AT], now_us);
    gh_mpw_int(&c[MS], took_us / 1000);
    if (++s_rows.rows == BATCH_ROWS)
        close_batch();
}

void
front_rows_tick(int64_t now)
{
    if (s_rows.rows && now - s_rows.first_ms >= BATCH_MS)
        close_batch();
    if (s_rows.n == 0 || s_rows.away || now < s_rows.next_ms)
        return;
    s_rows.away = front_probes_pool("stats") && send_batch(place(0));
    if (!s_rows.away)
        s_rows.next_ms = now + RETRY_MS;
}

bool
front_rows_flush(void)
{
    bool sent = false;
    close_batch();
    for (size_t i = 0; i < s_rows.n; i++)
        sent |= send_batch(place(i));
    for (; s_rows.n; drop_first())
        ;
    for (size_t c = 0; c < COLUMNS; c++)
        gh_buf_fini(&s_rows.columns[c]);
    return sent;
}
