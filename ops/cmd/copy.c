/*
 * ops/cmd/copy.c - see copy.h
 */
#include "ops/cmd/copy.h"

#include <libpq-fe.h>
#include <stdio.h>

#include "base/uuid7.h"

#define SEND_AT (64u << 10)

int
gh_copy_begin(gh_copy_t *copy, PGconn *db, const char *command)
{
    *copy = (gh_copy_t){.db = db, .buf = GH_BUF_INIT, .first = true};
    PGresult *r = PQexec(db, command);
    bool ok = PQresultStatus(r) == PGRES_COPY_IN;
    if (!ok)
        fprintf(stderr, "guahao: %s: %s", command, PQerrorMessage(db));
    PQclear(r);
    return ok ? 0 : -1;
}

static void
separate(gh_copy_t *copy)
{
    if (!copy->first)
        gh_buf_putc(&copy->buf, '\t');
    copy->first = false;
}

void
gh_copy_text(gh_copy_t *copy, gh_str_t s)
{
    separate(copy);
    if (!s.p) {
        gh_buf_puts(&copy->buf, "\\N");
        return;
    }
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        const char *escaped = c == '\\'   ? "\\\\"
                              : c == '\t' ? "\\t"
                              : c == '\n' ? "\\n"
                              : c == '\r' ? "\\r"
                                          : NULL;
        if (escaped)
            gh_buf_puts(&copy->buf, escaped);
        else
            gh_buf_putc(&copy->buf, c);
    }
}

void
gh_copy_cstr(gh_copy_t *copy, const char *s)
{
    gh_copy_text(copy, gh_str(s));
}

void
gh_copy_i64(gh_copy_t *copy, int64_t v)
{
    separate(copy);
    gh_buf_i64(&copy->buf, v);
}

void
gh_copy_bool(gh_copy_t *copy, bool v)
{
    separate(copy);
    gh_buf_putc(&copy->buf, v ? 't' : 'f');
}

void
gh_copy_uuid(gh_copy_t *copy, const uint8_t id[16])
{
    char text[GH_UUID_TEXT];
    gh_uuid_text(id, text);
    gh_copy_cstr(copy, text);
}

static void
flush(gh_copy_t *copy)
{
    if (!gh_buf_ok(&copy->buf))
        copy->failed = true;
    if (!copy->failed && copy->buf.n > 0 && PQputCopyData(copy->db, copy->buf.p, (int)copy->buf.n) != 1)
        copy->failed = true;
    gh_buf_clear(&copy->buf);
}

void
gh_copy_row(gh_copy_t *copy)
{
    gh_buf_putc(&copy->buf, '\n');
    copy->first = true;
    if (copy->buf.n >= SEND_AT || !gh_buf_ok(&copy->buf))
        flush(copy);
}

int
gh_copy_end(gh_copy_t *copy)
{
    flush(copy);
    gh_buf_fini(&copy->buf);
    bool ok = PQputCopyEnd(copy->db, copy->failed ? "gave up" : NULL) == 1;
    for (PGresult *r; (r = PQgetResult(copy->db));) {
        ok = ok && PQresultStatus(r) == PGRES_COMMAND_OK;
        PQclear(r);
    }
    if (!ok || copy->failed)
        fprintf(stderr, "guahao: copy: %s",
                copy->failed ? "out of memory or connection lost\n" : PQerrorMessage(copy->db));
    return ok && !copy->failed ? 0 : -1;
}
