/*
 * ops/cmd/keys_data.c - `guahao keys rotate --kind data` (api/31 CM-13, R-249): a new key for sealed columns
 *
 * The new key is put before the others of its file; nothing is dropped from there, since backups and answers that are kept have the earlier
 * ones. Then every value is sealed again, in batches of a transaction each, and every answer of a job that is kept as a file: who ends it in between, or starts it twice, goes on where it
 * was by running it again. Programs that run read the file anew as soon as they meet a value of a key that they do not know; what
 * they seal until then stays readable, and is sealed again by the next run.
 */
#include <libpq-fe.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/seal.h"
#include "base/timez.h"
#include "base/uuid7.h"
#include "db/arrays.h"
#include "ops/cmd/backup.h"
#include "ops/cmd/dbq.h"
#include "ops/cmd/keys_data.h"
#include "ops/cmd/progress.h"

#define BATCH 500

static const struct {
    const char *table, *column, *read, *write;
} s_columns[] = {
    {"patients", "national_id_enc", "keys_read_national_id", "keys_write_national_id"},
    {"medical_profiles", "notes_enc", "keys_read_notes", "keys_write_notes"},
    {"medical_records", "body_enc", "keys_read_body", "keys_write_body"},
};

typedef struct rotation {
    gh_cmd_t *c;
    PGconn *db;
    gh_seal_t *seal;
    char key[8]; /* the one that seals now */
    int64_t pending[GH_COUNT(s_columns)], files, total;
    int64_t done, unreadable;
    gh_progress_t progress;
} rotation_t;

static int
count_pending(rotation_t *r)
{
    snprintf(r->key, sizeof r->key, "%d", gh_seal_key_id(r->seal));
    PGresult *found = gh_dbq_named(r->db, "keys_pending", 1, (const char *[]){r->key});
    r->total = 0;
    for (size_t i = 0; found && i < GH_COUNT(s_columns); i++)
        r->total += r->pending[i] = gh_pg_i64(found, 0, (int)i, 0);
    r->files = found ? gh_pg_i64(found, 0, GH_COUNT(s_columns), 0) : 0;
    r->total += r->files;
    PQclear(found);
    return found ? 0 : -1;
}

bool
gh_keys_seal_again(const gh_seal_t *seal, gh_seal_place_t place, const char *hex, gh_buf_t *out)
{
    gh_buf_t before GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT, plain = GH_BUF_INIT;
    for (const char *p = hex; p[0] && p[1]; p += 2)
        gh_buf_putc(&before, (char)gh_hex_byte(p));
    bool good = gh_buf_ok(&before) && gh_seal_open(seal, place, gh_buf_view(&before), &plain) == 0 &&
                gh_seal_close(seal, place, gh_buf_view(&plain), out) == 0;
    if (plain.p)
        explicit_bzero(plain.p, plain.n);
    gh_buf_fini(&plain);
    return good;
}

/* One value under the present key, for a bytea array. False: it does not open. */
static bool
seal_again(rotation_t *r, size_t i, int64_t row, const char *hex, gh_pgarr_t *out)
{
    gh_buf_t after GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_seal_place_t place = {s_columns[i].table, s_columns[i].column, row};
    bool good = gh_keys_seal_again(r->seal, place, hex, &after);
    if (good)
        gh_pgarr_bytea(out, gh_buf_view(&after));
    return good;
}

/* A batch behind row *last, in a transaction. How many rows were looked at, -1 after a message. */
static int
do_batch(rotation_t *r, size_t i, int64_t *last)
{
    char from[24], most[12];
    gh_pgarr_t ids = {0}, values = {0};
    snprintf(from, sizeof from, "%lld", (long long)*last);
    snprintf(most, sizeof most, "%d", BATCH);
    if (gh_dbq_exec(r->db, "begin") != 0)
        return -1;
    PGresult *rows = gh_dbq_named(r->db, s_columns[i].read, 3, (const char *[]){r->key, from, most});
    int n = rows ? PQntuples(rows) : 0;
    for (int row = 0; row < n; row++) {
        *last = gh_pg_i64(rows, row, 0, 0);
        if (seal_again(r, i, *last, PQgetvalue(rows, row, 1), &values))
            gh_pgarr_i64(&ids, *last);
        else if (r->unreadable++ < 10)
            (void)gh_cmd_failed(r->c, "%s %lld: its %s cannot be opened with the keys of the file",
                                s_columns[i].table, (long long)*last, s_columns[i].column);
    }
    const char *params[] = {gh_pgarr_literal(&ids), gh_pgarr_literal(&values)};
    PGresult *written = rows && params[0] && params[1] ? gh_dbq_named(r->db, s_columns[i].write, 2, params)
                                                       : NULL;
    int64_t changed = written ? strtoll(PQcmdTuples(written), NULL, 10) : 0;
    bool good = written && gh_dbq_exec(r->db, "commit") == 0;
    PQclear(written);
    PQclear(rows);
    gh_pgarr_fini(&ids);
    gh_pgarr_fini(&values);
    if (!good) {
        PQclear(PQexec(r->db, "rollback"));
        return -1;
    }
    r->done += changed;
    return n;
}

/* Shows how far it is. False, after a message: somebody wants it to end. */
static bool
goes_on(rotation_t *r)
{
    if (gh_backup_step(&r->progress, r->done))
        return true;
    (void)gh_cmd_failed(r->c, "interrupted after %lld values: run it again to go on", (long long)r->done);
    return false;
}

static int
do_column(rotation_t *r, size_t i)
{
    int64_t last = 0;
    for (int n = 1; n > 0;) {
        if (!goes_on(r))
            return -1;
        n = do_batch(r, i, &last);
        if (n < 0)
            return -1;
    }
    return 0;
}

static int
do_files(rotation_t *r)
{
    char last[GH_UUID_TEXT] = "00000000-0000-0000-0000-000000000000";
    for (int rc = 1; rc > 0;) {
        if (!goes_on(r))
            return -1;
        rc = gh_keys_file_again(r->db, r->seal, r->key, last);
        if (rc < 0)
            return -1;
        r->done += rc == GH_KEYS_SEALED;
        if (rc == GH_KEYS_UNREADABLE && r->unreadable++ < 10)
            (void)gh_cmd_failed(r->c, "job %s: its answer cannot be opened with the keys of the file", last);
    }
    return 0;
}

static int
note(rotation_t *r)
{
    char now[GH_PG_TIME_TEXT], done[24], request[GH_UUID_TEXT];
    uint8_t id[16];
    gh_uuid7_new(id);
    gh_uuid_text(id, request);
    gh_pg_time_text(gh_now_us(), now);
    snprintf(done, sizeof done, "%lld", (long long)r->done);
    PGresult *put = gh_dbq_named(r->db, "keys_note", 4, (const char *[]){now, r->key, done, request});
    PQclear(put);
    return put ? 0 : -1;
}

static int
rewrite_all(rotation_t *r)
{
    gh_backup_catch();
    gh_progress_begin(&r->progress, r->c, "values", r->total);
    for (size_t i = 0; i < GH_COUNT(s_columns); i++)
        if (r->pending[i] > 0 && do_column(r, i) != 0)
            return GH_EXIT_FAILED;
    if (r->files > 0 && do_files(r) != 0)
        return GH_EXIT_FAILED;
    gh_progress_end(&r->progress, r->done);
    if (note(r) != 0)
        return GH_EXIT_FAILED;
    if (r->unreadable)
        return gh_cmd_failed(r->c, "%lld values could not be opened and stay as they are",
                             (long long)r->unreadable);
    return GH_EXIT_DONE;
}

/* A new key in the file, unless values wait for the present one. */
static int
new_key(rotation_t *r, const char *file, bool alone)
{
    if (r->total > 0 && alone)
        return gh_cmd_usage(
            r->c,
            "%lld values are not yet under the present key: guahao keys rotate --kind data ends that first",
            (long long)r->total);
    if (r->total > 0) {
        gh_cmd_say(r->c, "%lld values are not yet under key %s: going on with them", (long long)r->total,
                   r->key);
        return GH_EXIT_DONE;
    }
    if (gh_seal_rotate(file) != 0)
        return GH_EXIT_FAILED;
    gh_seal_destroy(&r->seal);
    r->seal = gh_seal_load(file);
    if (!r->seal || count_pending(r) != 0)
        return GH_EXIT_FAILED;
    gh_cmd_say(r->c, "key %s in %s", r->key, file);
    return GH_EXIT_DONE;
}

static void
show(const rotation_t *r)
{
    if (r->c->json)
        printf("{\"key\":%s,\"sealed_again\":%lld}\n", r->key, (long long)r->done);
    else
        printf("key %s, %lld values sealed again\n", r->key, (long long)r->done);
}

int
gh_keys_rotate_data(gh_cmd_t *c)
{
    const char *file = gh_conf_str(c->conf, "data.key_file");
    bool alone = gh_args_has(&c->args, "new-key-only");
    rotation_t r = {.c = c, .seal = gh_seal_load(file)};
    if (!r.seal)
        return gh_cmd_failed(c,
                             "the key of sealed columns is missing or unusable: guahao keys init makes one");
    r.db = gh_cmd_connect(c);
    int rc = !r.db ? GH_EXIT_DATABASE : count_pending(&r) == 0 ? GH_EXIT_DONE : GH_EXIT_FAILED;
    if (rc == GH_EXIT_DONE)
        rc = new_key(&r, file, alone);
    if (rc == GH_EXIT_DONE && !alone)
        rc = rewrite_all(&r);
    if (rc == GH_EXIT_DONE)
        show(&r);
    gh_seal_destroy(&r.seal);
    PQfinish(r.db);
    return rc;
}
