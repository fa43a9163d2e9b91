/*
 * lib/base/log.h - structured log lines on stderr or in files (log_file.h), logfmt or JSON
 *
 * One line is one event with fields, at a level an operator can act on:
 *   ts=2026-03-09T08:15:30.123+08:00 level=info component=worker pid=4711 event=ready pool=booking credit=64
 * In JSON the event is the member msg (api/29). A component is a program ("worker") or a part of one ("worker.db"): a file
 * that belongs to a part defines GH_LOG_PART before it includes this header. Each part has a least level of its own.
 * No names, phone numbers, identity numbers, tokens, passwords or clinical text. A line is written with
 * one write(2), so that processes sharing a file do not mix.
 */
#ifndef GH_BASE_LOG_H
#define GH_BASE_LOG_H

#include "base/buf.h"

typedef enum { GH_LOG_DEBUG, GH_LOG_INFO, GH_LOG_WARN, GH_LOG_ERROR } gh_log_level_t;
typedef enum { GH_LOGFMT, GH_LOGJSON } gh_log_format_t;

typedef enum {
    GH_LOG_MAIN,   /* what is no part: the program by itself */
    GH_LOG_ACCESS, /* access: requests, one line each */
    GH_LOG_JOB,    /* job: what became of each job */
    GH_LOG_DB,     /* db: connections to PostgreSQL */
    GH_LOG_LINK,   /* link: connections between front, broker and workers */
    GH_LOG_SEND,   /* send: mail and messages on their way */
    GH_LOG_KORE,   /* kore: the HTTP server's own lines */
    GH_LOG_PARTS
} gh_log_part_t;

#ifndef GH_LOG_PART
#define GH_LOG_PART GH_LOG_MAIN
#endif

typedef struct gh_kv {
    const char *key; /* NULL ends the list */
    /* BIN: 16 bytes shown as a UUID, others as hex; MS: microseconds shown as milliseconds, 1234 as 1.234 */
    enum { GH_KV_STR, GH_KV_INT, GH_KV_BIN, GH_KV_MS } type;
    gh_str_t s;
    int64_t i;
} gh_kv_t;

#define GH_KS(key, cstr) ((gh_kv_t){(key), GH_KV_STR, gh_str(cstr), 0})
#define GH_KN(key, span) ((gh_kv_t){(key), GH_KV_STR, (span), 0})
#define GH_KI(key, int)  ((gh_kv_t){(key), GH_KV_INT, {0}, (int64_t)(int)})
#define GH_KB(key, span) ((gh_kv_t){(key), GH_KV_BIN, (span), 0})
#define GH_KM(key, us)   ((gh_kv_t){(key), GH_KV_MS, {0}, (int64_t)(us)})

/* Once per process, before the first line; program is kept by reference (a literal). */
void gh_log_init(const char *program, gh_log_level_t min, gh_log_format_t format);
void gh_log_kv(gh_log_part_t part, gh_log_level_t level, const char *event, const gh_kv_t *fields);
/* Other least levels from now on: min for all parts but those that rules name, "worker=debug,db=warn,front.access=error".
 * "worker.db" is stronger than "db", that than "worker". -1: the rules have a fault, nothing has changed. */
int gh_log_levels(gh_log_level_t min, const char *rules) GH_MUSTCHECK;
/* Rules over what these gave, each stronger than any of theirs. */
int gh_log_levels_over(const char *rules) GH_MUSTCHECK;
/* NULL: these rules are fine; else the fault (static text). */
const char *gh_log_rules_fault(const char *rules);
/* Is this the name of a component: a program, a part, or program.part? */
bool gh_log_component_ok(gh_str_t name);
/* The least level of what is no part; and the name of a level. */
gh_log_level_t gh_log_level_now(void);
const char *gh_log_level_name(gh_log_level_t level);
/* Is a line of this level written? */
bool gh_log_on(gh_log_part_t part, gh_log_level_t level);
#define gh_log_enabled(level) gh_log_on(GH_LOG_PART, (level))
/* For many lines at a time: append a line to out instead of writing it, whatever the least level; then write the lines
 * gathered there with one write. Lines of gh_log_kv() may overtake them. */
void gh_log_append(gh_buf_t *out, gh_log_part_t part, gh_log_level_t level, const char *event,
                   const gh_kv_t *fields);
void gh_log_write(gh_log_part_t part, const gh_buf_t *lines);
/* "debug", "info", "warn", "error"; -1 for another word. */
int gh_log_level_parse(const char *name, gh_log_level_t *level);

/* The list begins with a field that is skipped: GNU's `, ##` then drops the comma of an empty list. */
#define gh_log(level, event, ...)                                                                            \
    do {                                                                                                     \
        if (gh_log_enabled(level))                                                                           \
            gh_log_kv(GH_LOG_PART, (level), (event), (const gh_kv_t[]){{0}, ##__VA_ARGS__, {0}} + 1);        \
    } while (0)

#endif
