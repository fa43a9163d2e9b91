/*
 * workers/directory/file_names.c - see file_names.h
 */
#include "workers/directory/file_names.h"

#include <strings.h>

#include "base/hash.h"
#include "base/timez.h"

#define STEM_MAX 30 /* characters */

/* yyyymmddHHMMSS_xxxxxxxx, in the hospital's time */
static void
put_stamp(gh_buf_t *out, const gh_civil_t *c, const uint8_t id[16])
{
    char hex[9];
    gh_hex(id + 12, 4, hex);
    gh_buf_printf(out, "%04d%02d%02d%02d%02d%02d_%s", c->year, c->month, c->day, c->hour, c->minute,
                  c->second, hex);
}

void
gh_photo_path(gh_buf_t *out, int64_t doctor_id, int64_t now_us, const uint8_t id[16], const char *extension)
{
    gh_civil_t c = gh_tz_civil(now_us);
    gh_buf_printf(out, "image/doctor_%lld_", (long long)doctor_id);
    put_stamp(out, &c, id);
    gh_buf_puts(out, extension);
}

/* Letters beyond ASCII of the scripts that names come in; punctuation and symbols are none. */
static bool
is_letter(uint32_t ch)
{
    static const struct {
        uint32_t from, to;
    } scripts[] = {{0x00c0, 0x00d6}, {0x00d8, 0x00f6}, {0x00f8, 0x024f}, {0x0370, 0x0373},
                   {0x0386, 0x0386}, {0x0388, 0x03ff}, {0x0400, 0x0481}, {0x048a, 0x052f},
                   {0x05d0, 0x05ea}, {0x0620, 0x064a}, {0x3041, 0x3096}, {0x30a1, 0x30fa},
                   {0x3400, 0x4dbf}, {0x4e00, 0x9fff}, {0xac00, 0xd7a3}, {0x20000, 0x2fa1f}};
    for (size_t i = 0; i < GH_COUNT(scripts); i++)
        if (ch >= scripts[i].from && ch <= scripts[i].to)
            return true;
    return false;
}

/* The next character of good UTF-8, and its length. */
static uint32_t
decode(gh_str_t s, size_t *n)
{
    static const uint8_t bits[] = {0x7f, 0x7f, 0x1f, 0x0f, 0x07};
    unsigned char lead = (unsigned char)s.p[0];
    size_t len = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    uint32_t ch = lead & bits[len];
    if (len > s.n) {
        *n = s.n;
        return 0;
    }
    for (size_t i = 1; i < len; i++)
        ch = ch << 6 | ((unsigned char)s.p[i] & 0x3f);
    *n = len;
    return ch;
}

static void
put_stem(gh_buf_t *out, gh_str_t stem)
{
    size_t shown = 0, n;
    for (; stem.n && shown < STEM_MAX; stem = (gh_str_t){stem.p + n, stem.n - n}) {
        uint32_t ch = decode(stem, &n);
        bool word = (ch >= '0' && ch <= '9') || ((ch | 0x20) >= 'a' && (ch | 0x20) <= 'z' && ch < 0x80);
        if (!word && ch != ' ' && ch != '-' && ch != '_' && !is_letter(ch))
            continue;
        gh_buf_put(out, stem.p, n);
        shown++;
    }
    if (shown == 0)
        gh_buf_puts(out, "file");
}

void
gh_attachment_path(gh_buf_t *out, gh_str_t name, int64_t now_us, const uint8_t id[16], const char *extension)
{
    gh_civil_t c = gh_tz_civil(now_us);
    const char *dot = name.n ? memrchr(name.p, '.', name.n) : NULL;
    gh_str_t stem = {name.p, dot ? (size_t)(dot - name.p) : name.n};
    gh_str_t given = {name.p + stem.n, name.n - stem.n};
    bool jpeg = strcmp(extension, ".jpg") == 0 && given.n == 5 && strncasecmp(given.p, ".jpeg", 5) == 0;
    gh_buf_printf(out, "images/audit/%04d/%02d/%02d/", c.year, c.month, c.day);
    put_stamp(out, &c, id);
    gh_buf_putc(out, '_');
    put_stem(out, stem);
    gh_buf_puts(out, jpeg ? ".jpeg" : extension);
}
