/*
 * ops/cmd/clock.c - `guahao clock`: show and move the clock of all programs of a database (decisions 20)
 *
 * The shift is a setting of the database, clock.shift_ms, and reaches running programs as all of them do: by the event "config", which a
 * worker publishes from the outbox. A moved clock is a tool of tests; production refuses it.
 */
#include <libpq-fe.h>
#include <stdio.h>

#include "base/json.h"
#include "base/timez.h"
#include "db/arrays.h"
#include "ops/cmd/clock_words.h"
#include "ops/cmd/cmd.h"
#include "ops/cmd/dbq.h"
#include "ops/cmd/tell.h"

int64_t
gh_clock_of(PGconn *db)
{
    PGresult *known = gh_dbq_named(db, "clock_known", 0, NULL);
    PGresult *r = known && gh_pg_bool(known, 0, 0) ? gh_dbq_named(db, "clock_read", 0, NULL) : NULL;
    int64_t ms = r && PQntuples(r) == 1 ? gh_pg_i64(r, 0, 0, 0) : 0;
    PQclear(r);
    PQclear(known);
    return ms;
}

static int
show(const gh_cmd_t *c)
{
    char now[GH_TEXT_TS], machine[GH_TEXT_TS];
    int64_t shift_us = gh_clock_shifted(), machine_us = gh_machine_us();
    gh_ts_text(machine_us + shift_us, now);
    gh_ts_text(machine_us, machine);
    if (c->json)
        printf("{\"now\":\"%s\",\"machine\":\"%s\",\"shift_ms\":%lld}\n", now, machine,
               (long long)(shift_us / 1000));
    else if (shift_us == 0)
        printf("%s, as the machine has it\n", now);
    else
        printf("%s, %.3f s %s the machine's %s\n", now, (double)(shift_us < 0 ? -shift_us : shift_us) / 1e6,
               shift_us < 0 ? "behind" : "ahead of", machine);
    return GH_EXIT_DONE;
}

/* Write the setting and its event. The id of the event, 0 after a message. */
static int64_t
store(PGconn *db, int64_t shift_ms)
{
    char ms[24], now[GH_PG_TIME_TEXT];
    snprintf(ms, sizeof ms, "%lld", (long long)shift_ms);
    gh_pg_time_text(gh_machine_us(), now);
    PGresult *written = gh_dbq_named(db, "clock_write", 2, (const char *[]){ms, now});
    PQclear(written);
    return written ? gh_tell_settings(db) : 0;
}

/* Move it under the lock that changes of settings take. The id of the event, 0 after a message; -1: the words are none of ours. */
static int64_t
move(PGconn *db, const char *words)
{
    int64_t id = 0, to_ms;
    if (gh_dbq_exec(db, "begin") != 0)
        return 0;
    PGresult *locked = gh_dbq_named(db, "clock_lock", 0, NULL);
    if (locked) {
        int64_t from_ms = gh_clock_of(db);
        bool good = gh_clock_words(words, gh_machine_us() / 1000, from_ms, &to_ms);
        id = good ? store(db, to_ms) : -1;
        if (id > 0)
            gh_clock_shift(to_ms * 1000);
    }
    PQclear(locked);
    return gh_dbq_exec(db, id > 0 ? "commit" : "rollback") == 0 ? id : 0;
}

static int
change(gh_cmd_t *c, PGconn *db)
{
    const char *words = c->args.words[0];
    int64_t id = move(db, words);
    if (id == 0)
        return GH_EXIT_FAILED;
    if (id < 0)
        return gh_cmd_usage(c, "%.60s is none of +2h, -30m, a moment, reset", words);
    if (!gh_was_told(db, id))
        gh_cmd_say(c, "no worker runs: programs that start have it");
    return show(c);
}

int
gh_cmd_clock(gh_cmd_t *c)
{
    bool moves = c->args.n_words > 0;
    if (moves && gh_cmd_is_production(c))
        return gh_cmd_usage(c, "the clock of a production system is not moved");
    if (moves && gh_conf_int(c->conf, "clock.shift_ms") != 0)
        return gh_cmd_usage(c, "clock.shift_ms is set by environment or file: the database has no say");
    PGconn *db = gh_cmd_connect(c);
    if (!db)
        return GH_EXIT_DATABASE;
    int rc = moves ? change(c, db) : show(c);
    PQfinish(db);
    return rc;
}
