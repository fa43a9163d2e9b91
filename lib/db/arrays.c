/*
 * lib/db/arrays.c - array parameters in text format, and reading text-format columns
 *
 * PostgreSQL manual, section 8.15.6: an element in double quotes escapes `"` and `\` with a backslash; NULL
 * unquoted is SQL NULL. Numbers, uuids and dates need no quotes.
 */
#include "db/arrays.h"

#include <stdio.h>
#include <stdlib.h>
#include <libpq-fe.h>

#include "base/hash.h"
#include "base/log.h"
#include "base/money.h"
#include "base/timez.h"
#include "base/uuid7.h"

#define US_PER_DAY INT64_C(86400000000)

void
gh_pgarr_fini(gh_pgarr_t *a)
{
    gh_buf_fini(&a->buf);
    a->count = 0;
}

void
gh_pgarr_clear(gh_pgarr_t *a)
{
    gh_buf_clear(&a->buf);
    a->count = 0;
}

static void
next(gh_pgarr_t *a)
{
    gh_buf_putc(&a->buf, a->count++ ? ',' : '{');
}

void
gh_pgarr_i64(gh_pgarr_t *a, int64_t v)
{
    next(a);
    gh_buf_i64(&a->buf, v);
}

void
gh_pgarr_money(gh_pgarr_t *a, int64_t cents)
{
    char text[24];
    int n = gh_money_text(cents, text);
    next(a);
    gh_buf_put(&a->buf, text, (size_t)n);
}

void
gh_pgarr_bool(gh_pgarr_t *a, bool v)
{
    next(a);
    gh_buf_putc(&a->buf, v ? 't' : 'f');
}

void
gh_pgarr_text(gh_pgarr_t *a, gh_str_t s)
{
    next(a);
    gh_buf_putc(&a->buf, '"');
    size_t from = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '\0')
            a->buf.failed = true; /* no text of PostgreSQL holds NUL: better no literal than a cut one */
        if (s.p[i] == '"' || s.p[i] == '\\') {
            gh_buf_put(&a->buf, s.p + from, i - from);
            gh_buf_putc(&a->buf, '\\');
            from = i;
        }
    }
    if (s.n > from)
        gh_buf_put(&a->buf, s.p + from, s.n - from);
    gh_buf_putc(&a->buf, '"');
}

void
gh_pgarr_uuid(gh_pgarr_t *a, const uint8_t id[16])
{
    char text[GH_UUID_TEXT];
    gh_uuid_text(id, text);
    next(a);
    gh_buf_put(&a->buf, text, GH_UUID_TEXT - 1);
}

void
gh_pgarr_bytea(gh_pgarr_t *a, gh_str_t bytes)
{
    next(a);
    gh_buf_puts(&a->buf, "\"\\\\x");
    char *to = gh_buf_reserve(&a->buf, bytes.n * 2 + 1);
    if (to && bytes.n > 0) {
        gh_hex((const uint8_t *)bytes.p, bytes.n, to);
        a->buf.n += bytes.n * 2;
    }
    gh_buf_putc(&a->buf, '"');
}

int
gh_pg_time_text(int64_t at_us, char out[GH_PG_TIME_TEXT])
{
    int64_t day = at_us / US_PER_DAY, rest = at_us % US_PER_DAY;
    if (rest < 0) {
        rest += US_PER_DAY;
        day--;
    }
    /* Years 1 to 9999 and a margin are all that rules ever produce; outside, PostgreSQL refuses the text. */
    if (day < -719162 || day > 2932896)
        return snprintf(out, GH_PG_TIME_TEXT, "out of range");
    int y, m, d;
    gh_day_to_ymd((int32_t)day, &y, &m, &d);
    int64_t s = rest / 1000000;
    return snprintf(out, GH_PG_TIME_TEXT, "%04d-%02d-%02d %02d:%02d:%02d.%06d+00", y, m, d, (int)(s / 3600),
                    (int)(s / 60 % 60), (int)(s % 60), (int)(rest % 1000000));
}

void
gh_pgarr_time(gh_pgarr_t *a, int64_t at_us)
{
    char text[GH_PG_TIME_TEXT];
    int n = gh_pg_time_text(at_us, text);
    next(a);
    gh_buf_putc(&a->buf, '"');
    gh_buf_put(&a->buf, text, (size_t)n);
    gh_buf_putc(&a->buf, '"');
}

void
gh_pgarr_day(gh_pgarr_t *a, int32_t day)
{
    char text[GH_TEXT_DATE];
    gh_day_text(day, text);
    next(a);
    gh_buf_put(&a->buf, text, GH_TEXT_DATE - 1);
}

void
gh_pgarr_null(gh_pgarr_t *a)
{
    next(a);
    gh_buf_puts(&a->buf, "NULL");
}

void
gh_pgarr_id(gh_pgarr_t *a, int64_t id)
{
    id ? gh_pgarr_i64(a, id) : gh_pgarr_null(a);
}

void
gh_pgarr_opt(gh_pgarr_t *a, gh_str_t s)
{
    s.p ? gh_pgarr_text(a, s) : gh_pgarr_null(a);
}

const char *
gh_pgarr_literal(gh_pgarr_t *a)
{
    if (a->count == 0)
        gh_buf_putc(&a->buf, '{');
    gh_buf_putc(&a->buf, '}');
    return gh_buf_cstr(&a->buf);
}

/* ---- reading */

/* A column that does not hold what its statement promises is a bug of ours: stop rather than book with
 * nonsense. The value is not logged, it may be anybody's data. */
static void
broken(const PGresult *r, int col, const char *want)
{
    gh_log(GH_LOG_ERROR, "column_type", GH_KS("column", PQfname(r, col)), GH_KS("want", want));
    abort();
}

int64_t
gh_pg_i64(const PGresult *r, int row, int col, int64_t otherwise)
{
    if (PQgetisnull(r, row, col))
        return otherwise;
    const char *s = PQgetvalue(r, row, col), *p = s;
    bool negative = *p == '-';
    if (negative)
        p++;
    if (*p == '\0')
        broken(r, col, "integer");
    int64_t v = 0;
    for (; *p; p++) {
        if (*p < '0' || *p > '9' || __builtin_mul_overflow(v, 10, &v) ||
            __builtin_sub_overflow(v, *p - '0', &v)) /* downwards: the smallest value has no positive twin */
            broken(r, col, "integer");
    }
    if (!negative && v == INT64_MIN)
        broken(r, col, "integer");
    return negative ? v : -v;
}

int64_t
gh_pg_money(const PGresult *r, int row, int col, int64_t otherwise)
{
    if (PQgetisnull(r, row, col))
        return otherwise;
    int64_t cents = 0;
    if (gh_money_parse((gh_str_t){PQgetvalue(r, row, col), (size_t)PQgetlength(r, row, col)}, &cents))
        broken(r, col, "money");
    return cents;
}

bool
gh_pg_bool(const PGresult *r, int row, int col)
{
    return !PQgetisnull(r, row, col) && PQgetvalue(r, row, col)[0] == 't';
}

int64_t
gh_pg_time(const PGresult *r, int row, int col, int64_t otherwise)
{
    return gh_pg_i64(r, row, col, otherwise);
}

gh_str_t
gh_pg_str(const PGresult *r, int row, int col)
{
    if (PQgetisnull(r, row, col))
        return (gh_str_t){NULL, 0};
    return (gh_str_t){PQgetvalue(r, row, col), (size_t)PQgetlength(r, row, col)};
}
