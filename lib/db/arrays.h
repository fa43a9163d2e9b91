/*
 * lib/db/arrays.h - building text-format array parameters for `= any($1)` and `unnest($1, $2, ...)`
 */
#ifndef GH_DB_ARRAYS_H
#define GH_DB_ARRAYS_H

#include "base/buf.h"

/* A PostgreSQL array literal in the making: {1,2,NULL,"a \"quoted\" text"}. */
typedef struct gh_pgarr {
    gh_buf_t buf;
    size_t count;
} gh_pgarr_t;

void gh_pgarr_fini(gh_pgarr_t *a);
void gh_pgarr_clear(gh_pgarr_t *a);
void gh_pgarr_i64(gh_pgarr_t *a, int64_t v);
void gh_pgarr_money(gh_pgarr_t *a, int64_t cents);
void gh_pgarr_bool(gh_pgarr_t *a, bool v);
void gh_pgarr_text(gh_pgarr_t *a, gh_str_t s); /* quoted and escaped */
void gh_pgarr_uuid(gh_pgarr_t *a, const uint8_t id[16]);
void gh_pgarr_bytea(gh_pgarr_t *a, gh_str_t bytes);
void gh_pgarr_time(gh_pgarr_t *a, int64_t at_us); /* timestamptz in UTC, microseconds */
void gh_pgarr_day(gh_pgarr_t *a, int32_t day);    /* date */
void gh_pgarr_null(gh_pgarr_t *a);
void gh_pgarr_id(gh_pgarr_t *a, int64_t id);  /* 0 is null */
void gh_pgarr_opt(gh_pgarr_t *a, gh_str_t s); /* text; s.p NULL is null */
/* One timestamptz as text for a single parameter: "2026-03-09 00:15:30.123456+00". Returns its length. */
#define GH_PG_TIME_TEXT 48
int gh_pg_time_text(int64_t at_us, char out[GH_PG_TIME_TEXT]);
/* Closes and borrows the literal; NULL when memory ran out. Call once, after the last element. */
const char *gh_pgarr_literal(gh_pgarr_t *a);

/* Reading text-format columns. Each gives `otherwise` for SQL NULL; a text that does not parse is a bug:
 * aborts. */
struct pg_result;
int64_t gh_pg_i64(const struct pg_result *r, int row, int col, int64_t otherwise);
int64_t gh_pg_money(const struct pg_result *r, int row, int col,
                    int64_t otherwise); /* numeric(12,2) -> cents */
bool gh_pg_bool(const struct pg_result *r, int row, int col);
int64_t gh_pg_time(const struct pg_result *r, int row, int col,
                   int64_t otherwise);                           /* extract(epoch)*1e6::bigint column */
gh_str_t gh_pg_str(const struct pg_result *r, int row, int col); /* borrowed; p NULL for SQL NULL */

#endif
