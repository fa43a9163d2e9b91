/*
 * ops/cmd/keys_files.c - see keys_data.h: answers of jobs that are files, sealed again under the present key
 *
 * A file in a transaction: its content is written anew as another blob, and the file refers to that. Who is reading the former one can
 * end, upkeep removes it after its grace time. The row of the file is held meanwhile, so that another attempt of the job waits.
 */
#include <libpq-fe.h>
#include <stdio.h>

#include "base/hash.h"
#include "base/timez.h"
#include "base/uuid7.h"
#include "db/arrays.h"
#include "domain/job_file.h"
#include "ops/cmd/dbq.h"
#include "ops/cmd/keys_data.h"

typedef struct file {
    PGconn *db;
    const gh_seal_t *seal;
    const char *id; /* of the job */
    uint8_t job[16];
    gh_buf_t sealed; /* anew */
} file_t;

/* All pieces of the content. -1: one does not open, -2 after a message. */
static int
seal_pieces(file_t *f, const char *digest)
{
    for (size_t n = 0;; n++) {
        char seq[24];
        snprintf(seq, sizeof seq, "%zu", n);
        PGresult *r = gh_dbq_named(f->db, "keys_file_piece", 2, (const char *[]){digest, seq});
        if (!r || PQntuples(r) == 0) {
            bool whole = r && n > 0;
            PQclear(r);
            return whole ? 0 : r ? -1 : -2;
        }
        bool good = gh_keys_seal_again(f->seal, gh_job_file_place(f->job, n), PQgetvalue(r, 0, 0),
                                       &f->sealed);
        PQclear(r);
        if (!good)
            return -1;
    }
}

static int
run(PGconn *db, const char *statement, int n, const char *const *params)
{
    PGresult *r = gh_dbq_named(db, statement, n, params);
    PQclear(r);
    return r ? 0 : -1;
}

static int
write_content(file_t *f)
{
    gh_buf_t text GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    char digest[2 + 64 + 1] = "\\x", size[24], now[GH_PG_TIME_TEXT];
    uint8_t hash[32];
    if (gh_sha256(f->sealed.p, f->sealed.n, hash))
        return -1;
    gh_hex(hash, sizeof hash, digest + 2);
    snprintf(size, sizeof size, "%zu", f->sealed.n);
    gh_pg_time_text(gh_now_us(), now);
    if (run(f->db, "keys_file_blob", 4, (const char *[]){digest, size, f->id, now}))
        return -1;
    for (size_t at = 0, n = 0; at < f->sealed.n; at += GH_JOB_CHUNK, n++) {
        char seq[24];
        size_t left = f->sealed.n - at;
        snprintf(seq, sizeof seq, "%zu", n);
        const char *bytes = gh_job_file_bytea(
            &text, (gh_str_t){f->sealed.p + at, left < GH_JOB_CHUNK ? left : GH_JOB_CHUNK});
        if (!bytes || run(f->db, "keys_file_chunk", 3, (const char *[]){digest, seq, bytes}))
            return -1;
    }
    return run(f->db, "keys_file_point", 2, (const char *[]){f->id, digest});
}

/* In the transaction. As gh_keys_file_again(), but never 0. */
static int
seal_file(file_t *f)
{
    PGresult *held = gh_dbq_named(f->db, "keys_hold_file", 1, (const char *[]){f->id});
    bool gone = held && PQntuples(held) == 0; /* with its job */
    int rc = !held ? -2 : gone ? 0 : seal_pieces(f, PQgetvalue(held, 0, 0));
    PQclear(held);
    if (rc == -1)
        return GH_KEYS_UNREADABLE;
    if (rc || (!gone && write_content(f)))
        return -1;
    return gone ? GH_KEYS_GONE : GH_KEYS_SEALED;
}

int
gh_keys_file_again(PGconn *db, const gh_seal_t *seal, const char *key, char last[GH_UUID_TEXT])
{
    file_t f = {.db = db, .seal = seal, .id = last};
    PGresult *next = gh_dbq_named(db, "keys_next_file", 2, (const char *[]){key, last});
    int rc = !next ? -1 : PQntuples(next) ? 1 : 0;
    if (rc == 1)
        rc = gh_uuid_parse(gh_pg_str(next, 0, 0), f.job) ? -1 : 1;
    PQclear(next);
    if (rc != 1)
        return rc;
    gh_uuid_text(f.job, last);
    if (gh_dbq_exec(db, "begin") != 0)
        return -1;
    rc = seal_file(&f);
    gh_buf_fini(&f.sealed);
    if (rc > 0 && gh_dbq_exec(db, rc == GH_KEYS_UNREADABLE ? "rollback" : "commit") == 0)
        return rc;
    PQclear(PQexec(db, "rollback"));
    return -1;
}
