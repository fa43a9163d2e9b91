/*
 * lib/backup/manifest.c - see manifest.h
 */
#include "backup/manifest.h"

#include <jansson.h>
#include <libpq-fe.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"

int
gh_manifest_path(const char *archive, char *out, size_t max)
{
    size_t n = strlen(archive);
    if (n > 5 && strcmp(archive + n - 5, ".dump") == 0)
        n -= 5;
    int k = snprintf(out, max, "%.*s.json", (int)n, archive);
    return k > 0 && (size_t)k < max ? 0 : -1;
}

void
gh_manifest_fini(gh_manifest_t *m)
{
    json_decref(m->tables);
    *m = (gh_manifest_t){0};
}

static void
take_text(const json_t *doc, const char *member, char *out, size_t max)
{
    const char *s = json_string_value(json_object_get(doc, member));
    snprintf(out, max, "%s", s ? s : "");
}

int
gh_manifest_read(const char *archive, gh_manifest_t *out, char err[GH_BACKUP_ERR])
{
    *out = (gh_manifest_t){0};
    char path[PATH_MAX];
    json_error_t fault = {.text = "the name is too long"};
    json_t *doc = gh_manifest_path(archive, path, sizeof path) == 0
                      ? json_load_file(path, JSON_REJECT_DUPLICATES, &fault)
                      : NULL;
    if (!doc) {
        snprintf(err, GH_BACKUP_ERR, "manifest: %.200s", fault.text);
        return -1;
    }
    const char *sha;
    json_int_t version, size;
    json_t *tables;
    bool good = json_unpack(doc, "{s:I, s:I, s:s, s:o}", "schema_version", &version, "size", &size, "sha256",
                            &sha, "tables", &tables) == 0 &&
                strlen(sha) == 64 && json_is_object(tables) && size >= 0 && version > 0;
    if (good) {
        out->schema_version = version;
        out->size = size;
        memcpy(out->sha256, sha, sizeof out->sha256);
        out->tables = json_incref(tables);
        out->encrypted = json_is_true(json_object_get(doc, "encrypted"));
        take_text(doc, "id", out->id, sizeof out->id);
        take_text(doc, "label", out->label, sizeof out->label);
        take_text(doc, "created_at", out->created_at, sizeof out->created_at);
    } else
        snprintf(err, GH_BACKUP_ERR, "the manifest is not one of guahao backup");
    json_decref(doc);
    return good ? 0 : -1;
}

/* Rows (name, count) of every table. */
static PGresult *
count(PGconn *db, char err[GH_BACKUP_ERR])
{
    PGresult *text = gh_backup_query(db, "backup_counts", err);
    PGresult *r = text ? gh_backup_exec(db, PQgetvalue(text, 0, 0), err) : NULL;
    PQclear(text);
    return r;
}

int
gh_manifest_count(PGconn *db, gh_buf_t *out, char err[GH_BACKUP_ERR])
{
    PGresult *r = count(db, err);
    if (!r)
        return -1;
    gh_json_t j;
    gh_json_init(&j, out);
    gh_json_obj(&j);
    for (int i = 0; i < PQntuples(r); i++)
        gh_json_ki64(&j, PQgetvalue(r, i, 0), strtoll(PQgetvalue(r, i, 1), NULL, 10));
    gh_json_obj_end(&j);
    PQclear(r);
    return gh_buf_ok(out) ? 0 : -1;
}

int
gh_manifest_compare(const gh_manifest_t *m, PGconn *db)
{
    char err[GH_BACKUP_ERR];
    PGresult *r = count(db, err);
    if (!r) {
        fprintf(stderr, "guahao: %s\n", err);
        return -1;
    }
    size_t same = 0;
    for (int i = 0; i < PQntuples(r); i++) {
        const char *name = PQgetvalue(r, i, 0);
        long long have = strtoll(PQgetvalue(r, i, 1), NULL, 10);
        const json_t *want = json_object_get(m->tables, name);
        if (json_is_integer(want) && json_integer_value(want) == have)
            same++;
        else
            fprintf(stderr, "guahao: table %s has %lld rows, the manifest says %lld\n", name, have,
                    want ? (long long)json_integer_value(want) : 0LL);
    }
    bool all = same == (size_t)PQntuples(r) && same == json_object_size(m->tables);
    if (same != json_object_size(m->tables))
        fprintf(stderr, "guahao: %zu of the manifest's %zu tables are as it says\n", same,
                json_object_size(m->tables));
    PQclear(r);
    return all ? 0 : -1;
}
