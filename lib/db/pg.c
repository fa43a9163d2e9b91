/*
 * lib/db/pg.c - see pg.h; the rules of libpq's pipeline mode are in its manual, section 34.5
 */
#define GH_LOG_PART GH_LOG_DB
#include "db/pg.h"

#include <stdio.h>
#include <stdlib.h>
#include <libpq-fe.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/timez.h"
#include "db/hosts.h"
#include "db/timings.h"

#define CONNECT_LIMIT_MS  5000
#define HOST_LIMIT_MS     2000 /* when there are other hosts to try */
#define BACKOFF_FIRST_MS  100
#define BACKOFF_MAX_MS    1000 /* what a server that is back waits for us at most, and a quarter */
#define CHECK_INTERVAL_MS 1000
#define SILENCE_EXTRA_MS  3000 /* a server silent this long beyond statement_timeout is gone */
#define EXPECT_MAX        (1u << 16)

typedef enum { PG_WAIT, PG_CONNECTING, PG_PREPARING, PG_UP, PG_BROKEN } pg_state_t;
#define KIND_BITS 2
#define KIND_MASK 3u
typedef enum { EXPECT_QUERY = 1, EXPECT_GOT, EXPECT_SYNC } expect_t;

struct gh_pg {
    zloop_t *loop;
    gh_pg_config_t config;
    gh_pg_events_t events;
    void *arg;
    PGconn *conn;
    pg_state_t state;
    bool was_up;         /* `up` was told, `down` is owed */
    zmq_pollitem_t item; /* what the loop polls; fd -1: nothing */
    uint16_t
        *expect; /* ring: what the server still owes us, expect_t and above it the place in config.timings */
    size_t cap, head, n; /* cap is a power of two */
    size_t prepare_at;   /* PREPARING: statements answered, for the name in the log line */
    bool prepare_failed;
    size_t syncs;     /* segments sent and not over, while up */
    int64_t begun_us; /* the segment whose results come next could begin then */
    int64_t state_since_ms;
    int64_t heard_ms;   /* last progress while something was owed */
    size_t hosts, turn; /* in the connection string; the one to begin with */
    int64_t retry_at_ms;
    int backoff_ms;
    int failures;
    int timer;
};

static int on_ready(zloop_t *loop, zmq_pollitem_t *item, void *arg);
static void lose(gh_pg_t *pg, const char *why);

/* ---- the ring of expectations */

static int
expect_push(gh_pg_t *pg, expect_t kind, size_t statement)
{
    if (pg->n == pg->cap) {
        size_t cap = pg->cap ? pg->cap * 2 : 256;
        uint16_t *ring = cap <= EXPECT_MAX ? malloc(cap * sizeof *ring) : NULL;
        if (!ring)
            return -1;
        for (size_t i = 0; i < pg->n; i++)
            ring[i] = pg->expect[(pg->head + i) & (pg->cap - 1)];
        free(pg->expect);
        pg->expect = ring;
        pg->cap = cap;
        pg->head = 0;
    }
    if (pg->n == 0)
        pg->heard_ms = gh_mono_ms();
    pg->expect[(pg->head + pg->n++) & (pg->cap - 1)] = (uint16_t)((unsigned)kind | (unsigned)statement
                                                                                       << KIND_BITS);
    return 0;
}

static void
expect_pop(gh_pg_t *pg)
{
    pg->head = (pg->head + 1) & (pg->cap - 1);
    pg->n--;
}

/* ---- polling */

/* zloop rebuilds its poll set on each change and starts its scan anew, so the set is changed only when it
 * must. */
static void
poll_for(gh_pg_t *pg, short events)
{
    int fd = pg->conn ? PQsocket(pg->conn) : -1;
    if (events == 0)
        fd = -1;
    if (pg->item.fd == fd && pg->item.events == events)
        return;
    if (pg->item.fd != -1)
        zloop_poller_end(pg->loop, &pg->item);
    pg->item = (zmq_pollitem_t){NULL, fd, events, 0};
    if (fd != -1) {
        zloop_poller(pg->loop, &pg->item, on_ready, pg);
        zloop_poller_set_tolerant(pg->loop, &pg->item);
    }
}

static int
flush(gh_pg_t *pg)
{
    int rc = PQflush(pg->conn);
    if (rc < 0)
        return -1;
    poll_for(pg, rc ? ZMQ_POLLIN | ZMQ_POLLOUT : ZMQ_POLLIN);
    return 0;
}

/* ---- connecting */

/* Session settings go with the start-up packet: no round trip, and none is forgotten after a reconnect. */
static void
session_options(const gh_pg_config_t *c, const char *given, gh_buf_t *out)
{
    if (given && *given)
        gh_buf_printf(out, "%s ", given);
    gh_buf_printf(
        out,
        "-c statement_timeout=%lld -c lock_timeout=%lld -c idle_in_transaction_session_timeout=%lld "
        "-c client_connection_check_interval=%d -c tcp_user_timeout=%lld -c timezone=UTC -c datestyle=ISO "
        "-c jit=off -c enable_seqscan=off",
        (long long)c->statement_timeout_ms, (long long)c->lock_timeout_ms, (long long)c->idle_tx_timeout_ms,
        CHECK_INTERVAL_MS, (long long)c->statement_timeout_ms);
}

#define PARAMS_MAX 64
#define TURNED     3 /* lists that have an entry a host */

static bool
is_list_of_hosts(const char *keyword)
{
    return strcmp(keyword, "host") == 0 || strcmp(keyword, "hostaddr") == 0 || strcmp(keyword, "port") == 0;
}

static PGconn *
connect_start(gh_pg_t *pg)
{
    const gh_pg_config_t *c = &pg->config;
    gh_buf_t turned[TURNED] = {GH_BUF_INIT, GH_BUF_INIT, GH_BUF_INIT};
    size_t n_turned = 0;
    char *message = NULL;
    PQconninfoOption *given = PQconninfoParse(c->conninfo, &message);
    if (!given) {
        /* libpq's message would quote the string, which may hold a password */
        gh_log(GH_LOG_ERROR, "database_url_invalid");
        PQfreemem(message);
        return NULL;
    }
    const char *keys[PARAMS_MAX + 1], *values[PARAMS_MAX + 1];
    size_t n = 0;
    const char *options = NULL, *attrs = NULL, *user_timeout = NULL;
    for (PQconninfoOption *o = given; o->keyword && n < PARAMS_MAX - 6; o++) {
        if (!o->val || !*o->val)
            continue;
        if (strcmp(o->keyword, "options") == 0)
            options = o->val;
        else if (strcmp(o->keyword, "application_name") != 0) {
            if (strcmp(o->keyword, "target_session_attrs") == 0)
                attrs = o->val;
            if (strcmp(o->keyword, "tcp_user_timeout") == 0)
                user_timeout = o->val;
            keys[n] = o->keyword;
            values[n++] = o->val;
            if (is_list_of_hosts(o->keyword) && n_turned < TURNED) {
                if (gh_db_hosts(o->val) > pg->hosts)
                    pg->hosts = gh_db_hosts(o->val);
                gh_db_turn(o->val, pg->turn, &turned[n_turned]);
                values[n - 1] = gh_buf_cstr(&turned[n_turned++]);
            }
        }
    }
    gh_buf_t text GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    session_options(c, options, &text);
    char timeout[24];
    snprintf(timeout, sizeof(timeout), "%lld", (long long)c->statement_timeout_ms);
    keys[n] = "options";
    values[n++] = gh_buf_cstr(&text);
    keys[n] = "application_name";
    values[n++] = c->application;
    keys[n] = "client_encoding";
    values[n++] = "UTF8";
    if (!attrs) {
        keys[n] = "target_session_attrs";
        values[n++] = "read-write";
    }
    if (!user_timeout) {
        keys[n] = "tcp_user_timeout";
        values[n++] = timeout;
    }
    keys[n] = values[n] = NULL;
    PGconn *conn = gh_buf_ok(&text) ? PQconnectStartParams(keys, values, 0) : NULL;
    PQconninfoFree(given);
    for (size_t i = 0; i < TURNED; i++)
        gh_buf_fini(&turned[i]);
    return conn;
}

static void
enter(gh_pg_t *pg, pg_state_t state)
{
    pg->state = state;
    pg->state_since_ms = gh_mono_ms();
}

static void
connect_now(gh_pg_t *pg)
{
    pg->conn = connect_start(pg);
    enter(pg, PG_CONNECTING);
    if (!pg->conn || PQstatus(pg->conn) == CONNECTION_BAD) {
        lose(pg, "connect");
        return;
    }
    poll_for(pg, ZMQ_POLLOUT);
}

static void
prepare_all(gh_pg_t *pg)
{
    enter(pg, PG_PREPARING);
    pg->prepare_at = 0;
    pg->prepare_failed = false;
    bool ok = PQsetnonblocking(pg->conn, 1) == 0 && PQenterPipelineMode(pg->conn);
    for (size_t t = 0; ok && t < GH_PG_TABLES && pg->config.tables[t].sql; t++)
        for (size_t i = 0; ok && i < pg->config.tables[t].n; i++) {
            const gh_sql_t *s = &pg->config.tables[t].sql[i];
            /* each its own segment: one broken statement is named alone, not as "aborted" of a neighbour */
            ok = PQsendPrepare(pg->conn, s->name, s->text, 0, NULL) &&
                 expect_push(pg, EXPECT_QUERY, 0) == 0 && PQpipelineSync(pg->conn) &&
                 expect_push(pg, EXPECT_SYNC, 0) == 0;
        }
    /* one more sync, so that a lane without statements comes up too */
    ok = ok && PQpipelineSync(pg->conn) && expect_push(pg, EXPECT_SYNC, 0) == 0;
    if (!ok || flush(pg))
        lose(pg, "prepare");
}

static void
connect_poll(gh_pg_t *pg)
{
    switch (PQconnectPoll(pg->conn)) {
    case PGRES_POLLING_READING:
        /* the descriptor may be another one under the same number: always register anew */
        poll_for(pg, 0);
        poll_for(pg, ZMQ_POLLIN);
        break;
    case PGRES_POLLING_WRITING:
        poll_for(pg, 0);
        poll_for(pg, ZMQ_POLLOUT);
        break;
    case PGRES_POLLING_OK:
        poll_for(pg, 0);
        poll_for(pg, ZMQ_POLLIN);
        prepare_all(pg);
        break;
    default:
        lose(pg, "connect");
    }
}

/* Close, and plan the next attempt. May be called from anywhere; telling `down` is left to the timer. */
static void
lose(gh_pg_t *pg, const char *why)
{
    if (pg->state == PG_BROKEN || pg->state == PG_WAIT)
        return;
    poll_for(pg, 0);
    bool up = pg->state == PG_UP;
    pg->failures++;
    /* say it once when it happens, then every tenth time */
    if (up || pg->failures == 1 || pg->failures % 10 == 0) {
        const char *said = pg->conn ? PQerrorMessage(pg->conn) : "";
        gh_log(GH_LOG_WARN, "database_lost", GH_KS("at", why),
               GH_KN("said", ((gh_str_t){said, strcspn(said, "\n")})), GH_KI("failures", pg->failures));
    }
    if (pg->conn)
        PQfinish(pg->conn);
    pg->conn = NULL;
    pg->n = pg->head = 0;
    if (up)
        pg->backoff_ms = 0;
    pg->backoff_ms = pg->backoff_ms ? pg->backoff_ms * 2 : BACKOFF_FIRST_MS;
    if (pg->backoff_ms > BACKOFF_MAX_MS)
        pg->backoff_ms = BACKOFF_MAX_MS;
    enter(pg, PG_BROKEN);
    /* up to a quarter of jitter, so that the lanes of many workers do not knock together */
    pg->retry_at_ms = pg->state_since_ms + pg->backoff_ms +
                      (int64_t)((uintptr_t)pg / 64 % 25) * pg->backoff_ms / 100;
}

/* ---- results */

static void
prepared(gh_pg_t *pg, PGresult *r)
{
    ExecStatusType status = PQresultStatus(r);
    if (status != PGRES_COMMAND_OK) {
        size_t i = pg->prepare_at, t = 0;
        while (pg->config.tables[t].sql && i >= pg->config.tables[t].n)
            i -= pg->config.tables[t++].n;
        const gh_sql_t *sql = pg->config.tables[t].sql;
        gh_log(GH_LOG_ERROR, "statement_refused", GH_KS("statement", sql ? sql[i].name : "-"),
               GH_KS("sqlstate", PQresultErrorField(r, PG_DIAG_SQLSTATE)),
               GH_KS("said", PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY)));
        pg->prepare_failed = true;
    }
    pg->prepare_at++;
    PQclear(r);
}

static void
came_up(gh_pg_t *pg)
{
    if (pg->prepare_failed) {
        lose(pg, "prepare");
        return;
    }
    enter(pg, PG_UP);
    pg->syncs = 0;
    pg->backoff_ms = 0;
    pg->failures = 0;
    pg->was_up = true;
    pg->events.up(pg->arg);
}

/* What was skipped because of an error before it took no time of its own. */
static void
count_result(gh_pg_t *pg, const PGresult *r, size_t statement)
{
    if (pg->config.timings && PQresultStatus(r) != PGRES_PIPELINE_ABORTED)
        gh_timings_add(pg->config.timings, statement, gh_mono_us() - pg->begun_us);
}

static void
count_segment(gh_pg_t *pg)
{
    if (pg->state != PG_UP)
        return;
    pg->syncs--;
    if (!pg->config.timings)
        return;
    int64_t now = gh_mono_us();
    gh_timings_segment(pg->config.timings, now - pg->begun_us);
    pg->begun_us = now;
}

/* Hand out all that has arrived. The callbacks may queue more, or give the connection up. */
static void
drain(gh_pg_t *pg)
{
    while (pg->conn && pg->n > 0 && !PQisBusy(pg->conn)) {
        PGresult *r = PQgetResult(pg->conn);
        uint16_t *owed = &pg->expect[pg->head];
        unsigned kind = *owed & KIND_MASK, statement = *owed >> KIND_BITS;
        if (!r) {
            if (kind != EXPECT_GOT) {
                lose(pg, "protocol");
                return;
            }
            expect_pop(pg);
        } else if (kind == EXPECT_QUERY && PQresultStatus(r) != PGRES_PIPELINE_SYNC) {
            *owed = EXPECT_GOT;
            if (pg->state == PG_PREPARING) {
                prepared(pg, r);
            } else {
                count_result(pg, r, statement);
                pg->events.result(pg->arg, r);
            }
        } else if (kind == EXPECT_SYNC && PQresultStatus(r) == PGRES_PIPELINE_SYNC) {
            PQclear(r);
            expect_pop(pg);
            count_segment(pg);
            if (pg->state == PG_UP)
                pg->events.synced(pg->arg);
            else if (pg->n == 0)
                came_up(pg);
        } else {
            /* a FATAL that arrives while nothing was asked, or the end of the connection */
            PQclear(r);
            lose(pg, "server");
            return;
        }
    }
}

static int
on_ready(zloop_t *loop, zmq_pollitem_t *item, void *arg)
{
    (void)loop;
    gh_pg_t *pg = arg;
    if (pg->state == PG_CONNECTING) {
        connect_poll(pg);
        return 0;
    }
    if (pg->state != PG_PREPARING && pg->state != PG_UP)
        return 0;
    pg->heard_ms = gh_mono_ms();
    bool alive = PQconsumeInput(pg->conn);
    drain(pg); /* what arrived before the end is still worth having */
    if (!pg->conn)
        return 0;
    if (!alive || PQstatus(pg->conn) == CONNECTION_BAD)
        lose(pg, "connection");
    else if ((item->revents & ZMQ_POLLOUT) && flush(pg))
        lose(pg, "flush");
    return 0;
}

/* ---- time */

static int
on_timer(zloop_t *loop, int id, void *arg)
{
    (void)loop;
    (void)id;
    gh_pg_t *pg = arg;
    int64_t now = gh_mono_ms();
    if (pg->state == PG_BROKEN) {
        enter(pg, PG_WAIT);
        if (pg->was_up) {
            pg->was_up = false;
            pg->events.down(pg->arg);
        }
    }
    if (pg->state == PG_WAIT && now >= pg->retry_at_ms)
        connect_now(pg);
    else if (pg->state == PG_CONNECTING &&
             now - pg->state_since_ms > (pg->hosts > 1 ? HOST_LIMIT_MS : CONNECT_LIMIT_MS)) {
        pg->turn++; /* one that does not answer at all shall not stand before the others again */
        lose(pg, "connect_timeout");
    } else if (pg->state == PG_PREPARING && now - pg->state_since_ms > CONNECT_LIMIT_MS)
        lose(pg, "connect_timeout");
    else if (pg->state == PG_UP && pg->n > 0 && pg->config.statement_timeout_ms > 0 &&
             now - pg->heard_ms > pg->config.statement_timeout_ms + SILENCE_EXTRA_MS)
        lose(pg, "silence");
    return 0;
}

/* ---- public */

gh_pg_t *
gh_pg_new(zloop_t *loop, const gh_pg_config_t *config, const gh_pg_events_t *events, void *arg)
{
    gh_pg_t *pg = calloc(1, sizeof(*pg));
    if (!pg)
        return NULL;
    pg->loop = loop;
    pg->config = *config;
    pg->events = *events;
    pg->arg = arg;
    pg->item.fd = -1;
    enter(pg, PG_WAIT);
    pg->timer = zloop_timer(loop, 100, 0, on_timer, pg);
    if (pg->timer == -1) {
        free(pg);
        return NULL;
    }
    return pg;
}

void
gh_pg_destroy(gh_pg_t **pg_p)
{
    gh_pg_t *pg = *pg_p;
    *pg_p = NULL;
    if (!pg)
        return;
    poll_for(pg, 0);
    zloop_timer_end(pg->loop, pg->timer);
    if (pg->conn)
        PQfinish(pg->conn);
    free(pg->expect);
    free(pg);
}

bool
gh_pg_is_up(const gh_pg_t *pg)
{
    return pg->state == PG_UP;
}

int
gh_pg_query(gh_pg_t *pg, const char *statement, int n_params, const char *const *params)
{
    return gh_pg_query_bytes(pg, statement, n_params, params, -1, (gh_str_t){0}, false);
}

int
gh_pg_query_bytes(gh_pg_t *pg, const char *statement, int n_params, const char *const *params, int bytes_at,
                  gh_str_t bytes, bool binary_rows)
{
    const char *all[PARAMS_MAX];
    int lengths[PARAMS_MAX] = {0}, formats[PARAMS_MAX] = {0};
    bool mixed = bytes_at >= 0;
    if (pg->state != PG_UP)
        return -1;
    if (mixed && (n_params > PARAMS_MAX || bytes_at >= n_params || bytes.n > INT32_MAX))
        return -1;
    if (mixed) {
        memcpy(all, params, (size_t)n_params * sizeof *all);
        all[bytes_at] = bytes.p;
        lengths[bytes_at] = (int)bytes.n;
        formats[bytes_at] = 1;
    }
    if (!PQsendQueryPrepared(pg->conn, statement, n_params, mixed ? all : params, mixed ? lengths : NULL,
                             mixed ? formats : NULL, binary_rows) ||
        expect_push(pg, EXPECT_QUERY,
                    pg->config.timings ? gh_timings_find(pg->config.timings, statement) : 0)) {
        lose(pg, "send");
        return -1;
    }
    return 0;
}

int
gh_pg_sync(gh_pg_t *pg)
{
    if (pg->state != PG_UP)
        return -1;
    if (pg->syncs++ == 0)
        pg->begun_us = gh_mono_us();
    if (!PQpipelineSync(pg->conn) || expect_push(pg, EXPECT_SYNC, 0) || flush(pg)) {
        lose(pg, "send");
        return -1;
    }
    return 0;
}

void
gh_pg_reconnect(gh_pg_t *pg)
{
    lose(pg, "given_up");
}
