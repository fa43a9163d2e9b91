/*
 * lib/base/log.c - structured log lines
 */
#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/json.h"
#include "base/log_file.h"
#include "base/timez.h"
#include "base/uuid7.h"

#define VALUE_MAX 2048 /* longer values are cut: a line stays readable and its write whole */

static struct {
    const char *program;
    _Atomic(gh_log_level_t) min[GH_LOG_PARTS]; /* other threads log too */
    gh_log_format_t format;
} cfg = {.program = "guahao", .min = {[0 ... GH_LOG_PARTS - 1] = GH_LOG_INFO}, .format = GH_LOGFMT};

static const char *const level_names[] = {"debug", "info", "warn", "error"};
static const char *const part_names[GH_LOG_PARTS] = {
    [GH_LOG_MAIN] = "",     [GH_LOG_ACCESS] = "access", [GH_LOG_JOB] = "job",  [GH_LOG_DB] = "db",
    [GH_LOG_LINK] = "link", [GH_LOG_SEND] = "send",     [GH_LOG_KORE] = "kore"};
static const char *const program_names[] = {"front", "broker", "worker", "guahao"};

void
gh_log_init(const char *program, gh_log_level_t min, gh_log_format_t format)
{
    cfg.program = program;
    for (size_t i = 0; i < GH_LOG_PARTS; i++)
        cfg.min[i] = min;
    cfg.format = format;
}

gh_log_level_t
gh_log_level_now(void)
{
    return cfg.min[GH_LOG_MAIN];
}

const char *
gh_log_level_name(gh_log_level_t level)
{
    return level_names[level];
}

bool
gh_log_on(gh_log_part_t part, gh_log_level_t level)
{
    return level >= cfg.min[part];
}

int
gh_log_level_parse(const char *name, gh_log_level_t *level)
{
    for (size_t i = 0; i < GH_COUNT(level_names); i++) {
        if (strcmp(name, level_names[i]) == 0) {
            *level = (gh_log_level_t)i;
            return 0;
        }
    }
    return -1;
}

/* ---- levels of components */

static bool
is_program(gh_str_t name)
{
    for (size_t i = 0; i < GH_COUNT(program_names); i++)
        if (gh_str_is(name, program_names[i]))
            return true;
    return false;
}

/* GH_LOG_MAIN: it is no part. */
static gh_log_part_t
part_of(gh_str_t name)
{
    size_t i = GH_LOG_PARTS - 1;
    while (i > GH_LOG_MAIN && !gh_str_is(name, part_names[i]))
        i--;
    return (gh_log_part_t)i;
}

/* "worker", "db" or "worker.db": what it names; an empty program is every one, GH_LOG_MAIN every part. */
static int
component_parse(gh_str_t name, gh_str_t *program, gh_log_part_t *part)
{
    const char *dot = name.n ? memchr(name.p, '.', name.n) : NULL;
    *program = (gh_str_t){name.p, dot ? (size_t)(dot - name.p) : name.n};
    *part = part_of(dot ? (gh_str_t){dot + 1, name.n - program->n - 1} : name);
    if (!dot && *part != GH_LOG_MAIN)
        *program = (gh_str_t){0};
    return (program->n == 0 || is_program(*program)) && (!dot || (program->n && *part != GH_LOG_MAIN)) &&
                   name.n
               ? 0
               : -1;
}

bool
gh_log_component_ok(gh_str_t name)
{
    gh_str_t program;
    gh_log_part_t part;
    return component_parse(name, &program, &part) == 0;
}

/* Take one rule, "worker.db=debug": how strongly it names the parts of this program. -1: a fault. */
static const char *
rule_take(gh_str_t rule, gh_log_level_t min[GH_LOG_PARTS], int strength[GH_LOG_PARTS])
{
    gh_str_t program;
    gh_log_part_t part;
    gh_log_level_t level;
    char word[8] = "";
    const char *equals = rule.n ? memchr(rule.p, '=', rule.n) : NULL;
    if (!equals)
        return "a rule is component=level";
    gh_str_t name = {rule.p, (size_t)(equals - rule.p)};
    size_t n = rule.n - name.n - 1;
    if (component_parse(name, &program, &part))
        return "a component is front, broker, worker or guahao, or access, job, db, link, send or kore, or "
               "both with a point "
               "between";
    if (n < sizeof word)
        memcpy(word, equals + 1, n);
    if (gh_log_level_parse(word, &level))
        return "a level is debug, info, warn or error";
    if (program.n && !gh_str_is(program, cfg.program))
        return NULL;
    int strong = (part != GH_LOG_MAIN) * 2 + (program.n > 0);
    for (size_t i = 0; i < GH_LOG_PARTS; i++)
        if ((part == GH_LOG_MAIN || part == i) && strong >= strength[i]) {
            min[i] = level;
            strength[i] = strong;
        }
    return NULL;
}

static const char *
rules_take(const char *rules, gh_log_level_t min[GH_LOG_PARTS])
{
    int strength[GH_LOG_PARTS] = {0};
    while (*(rules += strspn(rules, ", "))) {
        size_t n = strcspn(rules, ", ");
        const char *fault = rule_take((gh_str_t){rules, n}, min, strength);
        if (fault)
            return fault;
        rules += n;
    }
    return NULL;
}

const char *
gh_log_rules_fault(const char *rules)
{
    gh_log_level_t min[GH_LOG_PARTS] = {0};
    return rules_take(rules, min);
}

int
gh_log_levels(gh_log_level_t min, const char *rules)
{
    gh_log_level_t level[GH_LOG_PARTS];
    for (size_t i = 0; i < GH_LOG_PARTS; i++)
        level[i] = min;
    if (rules_take(rules, level))
        return -1;
    for (size_t i = 0; i < GH_LOG_PARTS; i++)
        cfg.min[i] = level[i];
    return 0;
}

int
gh_log_levels_over(const char *rules)
{
    gh_log_level_t level[GH_LOG_PARTS];
    for (size_t i = 0; i < GH_LOG_PARTS; i++)
        level[i] = cfg.min[i];
    if (rules_take(rules, level))
        return -1;
    for (size_t i = 0; i < GH_LOG_PARTS; i++)
        cfg.min[i] = level[i];
    return 0;
}

/* ---- lines */

/* 2026-03-09T08:15:30.123+08:00 */
static void
timestamp(char out[32])
{
    int64_t now = gh_machine_us();
    char text[GH_TEXT_TS];
    gh_ts_text(now, text);
    snprintf(out, 32, "%.19s.%03d%s", text, (int)(now / 1000 % 1000), text + 19);
}

static bool
plain_value(gh_str_t s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c <= ' ' || c == '"' || c == '=' || c == '\\' || c >= 0x7f)
            return false;
    }
    return s.n > 0;
}

/* The field's value as text; small is room for a rendered binary id. */
static gh_str_t
value_text(const gh_kv_t *kv, char small[2 * 64 + 1])
{
    gh_str_t s = kv->s;
    if (kv->type == GH_KV_BIN && s.n == 16) {
        gh_uuid_text((const uint8_t *)s.p, small);
        return gh_str(small);
    }
    if (kv->type == GH_KV_BIN) {
        gh_hex((const uint8_t *)s.p, s.n < 64 ? s.n : 64, small);
        return gh_str(small);
    }
    if (s.n > VALUE_MAX)
        s.n = VALUE_MAX;
    return s.p ? s : GH_STR("");
}

/* 1234 -> "1.234" */
static gh_str_t
ms_text(int64_t us, char small[2 * 64 + 1])
{
    uint64_t n = us < 0 ? 0 : (uint64_t)us;
    snprintf(small, 2 * 64 + 1, "%llu.%03u", (unsigned long long)(n / 1000), (unsigned)(n % 1000));
    return gh_str(small);
}

static void
put_logfmt(gh_buf_t *b, const char *key, gh_str_t value)
{
    if (b->n > 0 && b->p[b->n - 1] != '\n')
        gh_buf_putc(b, ' ');
    gh_buf_puts(b, key);
    gh_buf_putc(b, '=');
    if (plain_value(value)) {
        gh_buf_str(b, value);
    } else { /* quoted and escaped as JSON does it */
        gh_json_t j;
        gh_json_init(&j, b);
        gh_json_str(&j, value);
    }
}

/* "worker" or "worker.db" */
static const char *
component_text(gh_log_part_t part, char out[64])
{
    snprintf(out, 64, "%s%s%s", cfg.program, part == GH_LOG_MAIN ? "" : ".", part_names[part]);
    return out;
}

static void
line_logfmt(gh_buf_t *b, const char *ts, gh_log_part_t part, const char *level, const char *event,
            const gh_kv_t *kv)
{
    char small[2 * 64 + 1];
    put_logfmt(b, "ts", gh_str(ts));
    put_logfmt(b, "level", gh_str(level));
    put_logfmt(b, "component", gh_str(component_text(part, small)));
    snprintf(small, sizeof small, "%d", (int)getpid());
    put_logfmt(b, "pid", gh_str(small));
    put_logfmt(b, "event", gh_str(event));
    for (; kv && kv->key; kv++) {
        if (kv->type == GH_KV_INT) {
            snprintf(small, sizeof(small), "%lld", (long long)kv->i);
            put_logfmt(b, kv->key, gh_str(small));
        } else if (kv->type == GH_KV_MS) {
            put_logfmt(b, kv->key, ms_text(kv->i, small));
        } else {
            put_logfmt(b, kv->key, value_text(kv, small));
        }
    }
}

static void
line_json(gh_buf_t *b, const char *ts, gh_log_part_t part, const char *level, const char *event,
          const gh_kv_t *kv)
{
    char small[2 * 64 + 1];
    gh_json_t j;
    gh_json_init(&j, b);
    gh_json_obj(&j);
    gh_json_kcstr(&j, "ts", ts);
    gh_json_kcstr(&j, "level", level);
    gh_json_kcstr(&j, "component", component_text(part, small));
    gh_json_ki64(&j, "pid", getpid());
    gh_json_kcstr(&j, "msg", event);
    for (; kv && kv->key; kv++) {
        if (kv->type == GH_KV_INT)
            gh_json_ki64(&j, kv->key, kv->i);
        else if (kv->type == GH_KV_MS)
            gh_json_kraw(&j, kv->key, ms_text(kv->i, small));
        else
            gh_json_kstr(&j, kv->key, value_text(kv, small));
    }
    gh_json_obj_end(&j);
}

/* -1 with errno when it is not written whole. */
static int
write_line(int fd, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t got = write(fd, p, n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return -1;
        p += got;
        n -= (size_t)got;
    }
    return 0;
}

void
gh_log_append(gh_buf_t *out, gh_log_part_t part, gh_log_level_t level, const char *event,
              const gh_kv_t *fields)
{
    char ts[32];
    timestamp(ts);
    if (cfg.format == GH_LOGJSON)
        line_json(out, ts, part, level_names[level], event, fields);
    else
        line_logfmt(out, ts, part, level_names[level], event, fields);
    gh_buf_putc(out, '\n');
}

/* A file of log.dir takes no lines: whoever started the program is told. */
static void
say_lost(gh_log_part_t part, int why)
{
    int64_t lost;
    int fd = gh_log_files_lost(&lost);
    if (fd < 0)
        return;
    gh_buf_t b GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    const gh_kv_t fields[] = {GH_KS("reason", strerror(why)), GH_KI("writes", lost), {0}};
    gh_log_append(&b, part, GH_LOG_ERROR, "log_lost", fields);
    if (gh_buf_ok(&b))
        (void)write_line(fd, b.p, b.n);
}

void
gh_log_write(gh_log_part_t part, const gh_buf_t *lines)
{
    if (gh_buf_ok(lines) &&
        write_line(gh_log_files_fd(part == GH_LOG_ACCESS ? GH_LOG_ACCESS_FILE : GH_LOG_APP_FILE), lines->p,
                   lines->n) != 0)
        say_lost(part, errno);
}

void
gh_log_kv(gh_log_part_t part, gh_log_level_t level, const char *event, const gh_kv_t *fields)
{
    if (!gh_log_on(part, level))
        return;
    int saved = errno; /* callers log first and look at errno after */
    gh_buf_t b GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_log_append(&b, part, level, event, fields);
    gh_log_write(part, &b);
    errno = saved;
}
