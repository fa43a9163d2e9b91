/*
 * lib/base/seal_text.c - sealed values in texts; see the header
 */
#include "base/seal_text.h"

#include <jansson.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mask.h"

#define MARK "\"\\u0001" /* how a JSON string that begins with U+0001 is written */

/* ---- opening */

typedef struct marker {
    gh_str_t how, hex;
    char table[64], column[64];
    int64_t row;
} marker_t;

/* The text up to `end`, which is skipped. p NULL: there is none. */
static gh_str_t
cut(gh_str_t *rest, char end)
{
    const char *at = rest->n ? memchr(rest->p, end, rest->n) : NULL;
    if (!at)
        return (gh_str_t){0};
    gh_str_t part = {rest->p, (size_t)(at - rest->p)};
    *rest = (gh_str_t){at + 1, rest->n - part.n - 1};
    return part;
}

static bool
copy_name(gh_str_t name, char out[64])
{
    if (!name.p || name.n >= 64)
        return false;
    memcpy(out, name.p, name.n);
    out[name.n] = 0;
    return true;
}

/* how:table.column:row:hex */
static bool
read_marker(gh_str_t text, marker_t *m)
{
    char row[64];
    m->how = cut(&text, ':');
    bool named = copy_name(cut(&text, '.'), m->table) && copy_name(cut(&text, ':'), m->column) &&
                 copy_name(cut(&text, ':'), row);
    m->row = named ? strtoll(row, NULL, 10) : 0;
    m->hex = text;
    return named && text.n % 2 == 0;
}

static bool
unhex(gh_str_t hex, gh_buf_t *out)
{
    for (size_t i = 0; i < hex.n; i += 2) {
        int byte = gh_hex_byte(hex.p + i);
        if (byte < 0)
            return false;
        gh_buf_putc(out, (char)byte);
    }
    return gh_buf_ok(out);
}

/* Does `how` begin with this, and what follows? */
static bool
says(gh_str_t how, const char *word, gh_str_t *rest)
{
    size_t n = strlen(word);
    *rest = how.n > n ? (gh_str_t){how.p + n, how.n - n} : (gh_str_t){0};
    return how.n > n && memcmp(how.p, word, n) == 0;
}

static void
put_member(gh_str_t name, gh_str_t plain, gh_json_t *json, bool empty)
{
    char member[64] = "";
    json_t *o = copy_name(name, member) ? json_loadb(plain.p, plain.n, 0, NULL) : NULL;
    const char *text = json_string_value(json_object_get(o, member));
    gh_json_cstr(json, text || !empty ? text : "");
    json_decref(o);
}

/* The value as it may be shown, a JSON string. */
static void
put_shown(gh_str_t how, gh_str_t plain, gh_buf_t *out)
{
    gh_buf_t text GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    char card[GH_MASKED_ID];
    gh_str_t member;
    gh_json_t json;
    gh_json_init(&json, out);
    if (gh_str_is(how, "clear")) {
        gh_json_str(&json, plain);
    } else if (gh_str_is(how, "card")) {
        gh_mask_id(plain, card);
        gh_json_cstr(&json, card);
    } else if (says(how, "member-", &member)) {
        put_member(member, plain, &json, false);
    } else if (says(how, "text-", &member)) {
        put_member(member, plain, &json, true);
    } else {
        gh_mask_tail(plain, &text);
        gh_json_str(&json, gh_buf_view(&text));
    }
}

static void
put_value(const gh_seal_t *seal, gh_str_t text, gh_buf_t *out)
{
    gh_buf_t sealed GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT, plain GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    marker_t m = {0};
    if (seal && read_marker(text, &m) && unhex(m.hex, &sealed) &&
        gh_seal_open(seal, (gh_seal_place_t){m.table, m.column, m.row}, gh_buf_view(&sealed), &plain) == 0) {
        put_shown(m.how, gh_buf_view(&plain), out);
        if (plain.p)
            explicit_bzero(plain.p, plain.n);
        return;
    }
    gh_log(GH_LOG_ERROR, "sealed_value_closed", GH_KS("table", m.table), GH_KS("column", m.column),
           GH_KI("row", m.row));
    gh_buf_puts(out, "null");
}

void
gh_seal_splice(const gh_seal_t *seal, gh_str_t json, gh_buf_t *out)
{
    const size_t mark = sizeof MARK - 1;
    const char *p = json.p, *end = json.p + json.n, *at;
    /* behind a backslash the quote stands inside of a string */
    for (const char *from = p; p < end && (at = memmem(from, (size_t)(end - from), MARK, mark)); from = p) {
        const char *text = at + mark, *quote = memchr(text, '"', (size_t)(end - text));
        if (!quote)
            break;
        if (at > json.p && at[-1] == '\\') {
            gh_buf_put(out, p, (size_t)(text - p));
            p = text;
            continue;
        }
        gh_buf_put(out, p, (size_t)(at - p));
        put_value(seal, (gh_str_t){text, (size_t)(quote - text)}, out);
        p = quote + 1;
    }
    gh_buf_put(out, p, (size_t)(end - p));
}

/* ---- parameters */

static int
put_bytea(gh_str_t bytes, gh_buf_t *out)
{
    static const char digits[] = "0123456789abcdef";
    gh_buf_puts(out, "\\x");
    for (size_t i = 0; i < bytes.n; i++) {
        gh_buf_putc(out, digits[(uint8_t)bytes.p[i] >> 4]);
        gh_buf_putc(out, digits[bytes.p[i] & 15]);
    }
    return gh_buf_ok(out) ? 0 : -1;
}

static int
no_key(void)
{
    gh_log(GH_LOG_ERROR, "no_data_key");
    return -1;
}

int
gh_seal_param(const gh_seal_t *seal, gh_seal_place_t place, gh_str_t plain, gh_buf_t *out)
{
    gh_buf_t sealed GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    if (!seal)
        return no_key();
    return gh_seal_close(seal, place, plain, &sealed) ? -1 : put_bytea(gh_buf_view(&sealed), out);
}

int
gh_blind_param(const gh_seal_t *seal, gh_str_t value, gh_buf_t *out)
{
    uint8_t blind[32];
    if (!seal)
        return no_key();
    return gh_seal_blind(seal, value, blind) ? -1 : put_bytea((gh_str_t){(const char *)blind, 32}, out);
}
