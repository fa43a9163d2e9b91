/*
 * ops/cmd/tell.c - see tell.h
 */
#include "ops/cmd/tell.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/timez.h"
#include "db/arrays.h"
#include "ops/cmd/dbq.h"
#include "wire/config_event.h"

#define TOLD_MS 3000 /* how long it waits for the event to leave */
#define POLL_US 20000

/* All settings of the database as the event has them. */
static int
put_event(PGconn *db, gh_buf_t *out)
{
    gh_conf_value_t values[GH_CONF_VALUES_MAX];
    size_t n = 0;
    PGresult *r = gh_dbq_named(db, "clock_rows", 0, NULL);
    if (!r)
        return -1;
    for (int row = 0; row < PQntuples(r) && n < GH_CONF_VALUES_MAX; row++)
        if (gh_pg_str(r, row, 2).p)
            values[n++] = (gh_conf_value_t){gh_pg_str(r, row, 1), gh_pg_str(r, row, 2)};
    gh_config_event_put(out, PQntuples(r) ? gh_pg_i64(r, 0, 0, 0) : 0, values, n);
    PQclear(r);
    return gh_buf_ok(out) ? 0 : -1;
}

int64_t
gh_tell_settings(PGconn *db)
{
    gh_buf_t event GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT, hex GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    char *p = put_event(db, &event) == 0 ? gh_buf_reserve(&hex, event.n * 2 + 1) : NULL;
    if (!p)
        return 0;
    gh_hex((const uint8_t *)event.p, event.n, p);
    PGresult *told = gh_dbq_named(db, "clock_tell", 1, (const char *[]){p});
    int64_t id = told ? gh_pg_i64(told, 0, 0, 0) : 0;
    PQclear(told);
    return id;
}

bool
gh_was_told(PGconn *db, int64_t id)
{
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)id);
    for (int64_t until = gh_mono_ms() + TOLD_MS; gh_mono_ms() < until; usleep(POLL_US)) {
        PGresult *r = gh_dbq_named(db, "clock_told", 1, (const char *[]){text});
        bool told = r && gh_pg_bool(r, 0, 0);
        PQclear(r);
        if (told || !r)
            return told;
    }
    return false;
}
