/*
 * lib/base/log.c - structured log lines on stderr
 */
#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/json.h"
#include "base/timez.h"
#include "base/uuid7.h"

#define VALUE_MAX 2048 /* longer values are cut: a line stays readable and its write whole */

static struct {
    const char *component;
    _Atomic(gh_log_level_t) min; /* other threads log too */
    gh_log_format_t format;
} cfg = {"guahao", GH_LOG_INFO, GH_LOGFMT};

static const char *const level_names[] = {"debug", "info", "warn", "error"};

void
gh_log_init(const char *component, gh_log_level_t min, gh_log_format_t format)
{
    cfg.component = component;
    cfg.min = min;
    cfg.format = format;
}

void
gh_log_level(gh_log_level_t min)
{
    cfg.min = min;
}

bool
gh_log_enabled(gh_log_level_t level)
{
    return level >= cfg.min;
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

static void
line_logfmt(gh_buf_t *b, const char *ts, const char *level, const char *event, const gh_kv_t *kv)
{
    char small[2 * 64 + 1];
    put_logfmt(b, "ts", gh_str(ts));
    put_logfmt(b, "level", gh_str(level));
    put_logfmt(b, "comp", gh_str(cfg.component));
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
line_json(gh_buf_t *b, const char *ts, const char *level, const char *event, const gh_kv_t *kv)
{
    char small[2 * 64 + 1];
    gh_json_t j;
    gh_json_init(&j, b);
    gh_json_obj(&j);
    gh_json_kcstr(&j, "ts", ts);
    gh_json_kcstr(&j, "level", level);
    gh_json_kcstr(&j, "comp", cfg.component);
    gh_json_kcstr(&j, "event", event);
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

static void
write_line(const char *p, size_t n)
{
    while (n > 0) {
        ssize_t got = write(STDERR_FILENO, p, n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return; /* nobody to tell */
        p += got;
        n -= (size_t)got;
    }
}

void
gh_log_append(gh_buf_t *out, gh_log_level_t level, const char *event, const gh_kv_t *fields)
{
    char ts[32];
    timestamp(ts);
    if (cfg.format == GH_LOGJSON)
        line_json(out, ts, level_names[level], event, fields);
    else
        line_logfmt(out, ts, level_names[level], event, fields);
    gh_buf_putc(out, '\n');
}

void
gh_log_write(const gh_buf_t *lines)
{
    if (gh_buf_ok(lines))
        write_line(lines->p, lines->n);
}

void
gh_log_kv(gh_log_level_t level, const char *event, const gh_kv_t *fields)
{
    if (!gh_log_enabled(level))
        return;
    int saved = errno; /* callers log first and look at errno after */
    gh_buf_t b GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_log_append(&b, level, event, fields);
    gh_log_write(&b);
    errno = saved;
}
