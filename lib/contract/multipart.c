/*
 * lib/contract/multipart.c - see multipart.h
 */
#include "contract/multipart.h"

#include <strings.h>

#include "contract/validate.h"

enum {
    AT_FIRST,    /* the first delimiter, whose CR LF may be missing */
    AT_DATA,     /* bytes of a part */
    AT_TAIL,     /* behind a delimiter: "--", padding or CR LF */
    AT_LF,       /* CR came behind a delimiter */
    AT_DASH,     /* one '-' came behind it */
    AT_HEAD,     /* headers of a part */
    AT_EPILOGUE, /* the last delimiter came: line ends only */
    AT_FAULT
};

/* ---- parameters of a header value */

static bool
is_token_char(char ch)
{
    return (unsigned char)ch > ' ' && (unsigned char)ch < 0x7f && !strchr("()<>@,;:\\\"/[]?={}", ch);
}

static void
skip_blanks(gh_str_t *s)
{
    while (s->n && (s->p[0] == ' ' || s->p[0] == '\t'))
        *s = (gh_str_t){s->p + 1, s->n - 1};
}

static gh_str_t
take_token(gh_str_t *s)
{
    gh_str_t t = {s->p, 0};
    while (t.n < s->n && is_token_char(s->p[t.n]))
        t.n++;
    *s = (gh_str_t){s->p + t.n, s->n - t.n};
    return t;
}

static bool
is_name(gh_str_t s, const char *name)
{
    return s.n == strlen(name) && strncasecmp(s.p, name, s.n) == 0;
}

/* A quoted text, decoded where it stands. A backslash quotes itself and the quote only: names of files from Windows hold
 * others. */
static bool
take_quoted(gh_str_t *s, gh_str_t *out)
{
    char *to = (char *)(uintptr_t)s->p + 1;
    const char *p = s->p + 1, *end = s->p + s->n;
    *out = (gh_str_t){to, 0};
    for (; p < end && *p != '"'; p++) {
        if (*p == '\\' && p + 1 < end && (p[1] == '"' || p[1] == '\\'))
            p++;
        to[out->n++] = *p;
    }
    if (p == end)
        return false;
    *s = (gh_str_t){p + 1, (size_t)(end - p) - 1};
    return true;
}

/* The next `; name=value`. 1: there is one, 0: the end, -1: broken. */
static int
next_param(gh_str_t *rest, gh_str_t *name, gh_str_t *value)
{
    skip_blanks(rest);
    if (rest->n == 0)
        return 0;
    if (rest->p[0] != ';')
        return -1;
    *rest = (gh_str_t){rest->p + 1, rest->n - 1};
    skip_blanks(rest);
    *name = take_token(rest);
    if (name->n == 0 || rest->n == 0 || rest->p[0] != '=')
        return -1;
    *rest = (gh_str_t){rest->p + 1, rest->n - 1};
    if (rest->n && rest->p[0] == '"')
        return take_quoted(rest, value) ? 1 : -1;
    *value = take_token(rest);
    return value->n ? 1 : -1;
}

/* UTF-8''percent%20encoded (RFC 8187), decoded where it stands. */
static bool
decode_extended(gh_str_t *value)
{
    const char *quote = memchr(value->p, '\'', value->n);
    const char *second = quote ? memchr(quote + 1, '\'', value->n - (size_t)(quote + 1 - value->p)) : NULL;
    if (!second || !is_name((gh_str_t){value->p, (size_t)(quote - value->p)}, "utf-8"))
        return false;
    gh_str_t text = {second + 1, value->n - (size_t)(second + 1 - value->p)};
    size_t n = 0;
    char *to = (char *)(uintptr_t)text.p;
    if (gh_url_decode(text, false, to, &n))
        return false;
    *value = (gh_str_t){to, n};
    return true;
}

static bool
is_text(gh_str_t s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f)
            return false;
    return gh_utf8_length(s) >= 0;
}

/* What follows the last slash or backslash: some clients send whole paths. */
static gh_str_t
without_directories(gh_str_t s)
{
    for (size_t i = s.n; i > 0; i--)
        if (s.p[i - 1] == '/' || s.p[i - 1] == '\\')
            return (gh_str_t){s.p + i, s.n - i};
    return s;
}

/* ---- headers of a part */

static bool
read_disposition(gh_str_t value, gh_part_t *part)
{
    static const char *const known[] = {"name", "filename", "filename*"};
    gh_str_t kind = take_token(&value), name, text, found[GH_COUNT(known)] = {{0}};
    int more;
    if (!is_name(kind, "form-data"))
        return false;
    while ((more = next_param(&value, &name, &text)) > 0)
        for (size_t i = 0; i < GH_COUNT(known); i++) {
            if (!is_name(name, known[i]))
                continue;
            if (found[i].p)
                return false; /* twice */
            found[i] = text;
        }
    if (more < 0 || (found[2].p && !decode_extended(&found[2])))
        return false;
    part->name = found[0];
    part->file_name = found[2].p ? found[2] : found[1];
    if (part->name.n == 0 || !is_text(part->name) || !is_text(part->file_name))
        return false;
    if (part->file_name.p)
        part->file_name = without_directories(part->file_name);
    return true;
}

/* Bytes are bytes here; base64 and quoted-printable are of mail (RFC 7578 section 4.7). */
static bool
is_plain_encoding(gh_str_t value)
{
    return is_name(value, "7bit") || is_name(value, "8bit") || is_name(value, "binary");
}

/* One line of the head. seen counts the Content-Dispositions. */
static bool
read_line(gh_str_t line, gh_part_t *part, size_t *seen)
{
    gh_str_t name = take_token(&line);
    if (name.n == 0 || line.n == 0 || line.p[0] != ':')
        return false;
    line = (gh_str_t){line.p + 1, line.n - 1};
    skip_blanks(&line);
    while (line.n && (line.p[line.n - 1] == ' ' || line.p[line.n - 1] == '\t'))
        line.n--;
    for (size_t i = 0; i < line.n; i++)
        if (((unsigned char)line.p[i] < ' ' && line.p[i] != '\t') || line.p[i] == 0x7f)
            return false;
    if (is_name(name, "content-disposition"))
        return (*seen)++ == 0 && read_disposition(line, part);
    if (is_name(name, "content-type")) {
        bool nested = line.n >= 10 && strncasecmp(line.p, "multipart/", 10) == 0;
        if (part->type.p || nested || line.n == 0)
            return false;
        part->type = line;
        return true;
    }
    return !is_name(name, "content-transfer-encoding") || is_plain_encoding(line);
}

/* The head is whole, its empty line included. */
static bool
read_head(gh_multipart_t *m, gh_part_t *part)
{
    size_t seen = 0, lines = 0;
    *part = (gh_part_t){0};
    char *p = m->head, *end = m->head + m->head_n - 2;
    while (p < end) {
        char *stop = memchr(p, '\r', (size_t)(end - p));
        if (!stop || stop[1] != '\n' || ++lines > GH_MULTIPART_LINES_MAX ||
            !read_line((gh_str_t){p, (size_t)(stop - p)}, part, &seen))
            return false;
        p = stop + 2;
    }
    return seen == 1;
}

/* ---- the body */

/* Each takes bytes off the front and says how many; the state tells of faults. */

static size_t
take_head(gh_multipart_t *m, gh_str_t s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (m->head_n == sizeof m->head)
            break;
        m->head[m->head_n++] = s.p[i];
        bool ends = m->head_n >= 4 && memcmp(m->head + m->head_n - 4, "\r\n\r\n", 4) == 0;
        if (!ends)
            continue;
        gh_part_t part;
        bool ok = ++m->parts <= GH_MULTIPART_PARTS_MAX && read_head(m, &part) &&
                  m->sink.begin(m->sink.arg, &part);
        m->state = ok ? AT_DATA : AT_FAULT;
        m->matched = 0;
        return i + 1;
    }
    if (m->head_n == sizeof m->head)
        m->state = AT_FAULT;
    return s.n;
}

static void
put(gh_multipart_t *m, const char *p, size_t n)
{
    if (n && !m->sink.data(m->sink.arg, (gh_str_t){p, n}))
        m->state = AT_FAULT;
}

/* CR stands in a delimiter only at its start: after a mismatch the held bytes are data, and matching starts anew. */
static size_t
take_data(gh_multipart_t *m, gh_str_t s)
{
    size_t i = 0;
    if (m->matched == 0) {
        const char *cr = memchr(s.p, '\r', s.n);
        i = cr ? (size_t)(cr - s.p) : s.n;
        put(m, s.p, i);
        if (!cr)
            return s.n;
    }
    while (i < s.n && m->matched < m->delimiter_n && s.p[i] == m->delimiter[m->matched]) {
        i++;
        m->matched++;
    }
    if (m->matched == m->delimiter_n) {
        if (m->state == AT_DATA)
            m->state = m->sink.end(m->sink.arg) ? AT_TAIL : AT_FAULT;
    } else if (i < s.n) {
        put(m, m->delimiter, m->matched);
        m->matched = 0;
    }
    return i;
}

/* A delimiter at the very start stands without its CR LF. */
static void
take_first(gh_multipart_t *m, char ch)
{
    if (m->matched == 2 && ch == '\r')
        m->matched = 0;
    if (ch != m->delimiter[m->matched])
        m->state = AT_FAULT;
    else if (++m->matched == m->delimiter_n)
        m->state = AT_TAIL;
}

static void
take_tail(gh_multipart_t *m, char ch)
{
    m->head_n = 0;
    if (ch == '\r')
        m->state = AT_LF;
    else if (ch == '-')
        m->state = AT_DASH;
    else if (ch != ' ' && ch != '\t')
        m->state = AT_FAULT;
}

static size_t
take(gh_multipart_t *m, gh_str_t s)
{
    char ch = s.p[0];
    switch (m->state) {
    case AT_DATA:
        return take_data(m, s);
    case AT_HEAD:
        return take_head(m, s);
    case AT_FIRST:
        take_first(m, ch);
        return 1;
    case AT_TAIL:
        take_tail(m, ch);
        return 1;
    case AT_LF:
        m->state = ch == '\n' ? AT_HEAD : AT_FAULT;
        return 1;
    case AT_DASH:
        m->state = ch == '-' && m->parts > 0 ? AT_EPILOGUE : AT_FAULT;
        return 1;
    default:
        if (!strchr("\r\n \t", ch) || ch == '\0')
            m->state = AT_FAULT;
        return 1;
    }
}

int
gh_multipart_feed(gh_multipart_t *m, gh_str_t bytes)
{
    while (bytes.n && m->state != AT_FAULT) {
        size_t n = take(m, bytes);
        bytes = (gh_str_t){bytes.p + n, bytes.n - n};
    }
    return m->state == AT_FAULT ? -1 : 0;
}

int
gh_multipart_finish(const gh_multipart_t *m)
{
    return m->state == AT_EPILOGUE ? 0 : -1;
}

/* RFC 2046 section 5.1.1: 1 to 70 of these, the last no blank. */
static bool
is_boundary(gh_str_t s)
{
    if (s.n == 0 || s.n > GH_MULTIPART_BOUNDARY_MAX || s.p[s.n - 1] == ' ')
        return false;
    for (size_t i = 0; i < s.n; i++) {
        char ch = s.p[i];
        bool word = (ch >= '0' && ch <= '9') || ((ch | 0x20) >= 'a' && (ch | 0x20) <= 'z');
        if (!word && (ch == '\0' || !strchr("'()+_,-./:=? ", ch)))
            return false;
    }
    return true;
}

static bool
read_boundary(gh_str_t content_type, char copy[256], gh_str_t *out)
{
    gh_str_t name, value;
    int more;
    if (content_type.n < 19 || content_type.n > 256 ||
        strncasecmp(content_type.p, "multipart/form-data", 19) != 0)
        return false;
    memcpy(copy, content_type.p, content_type.n); /* quoted texts are decoded where they stand */
    gh_str_t rest = {copy + 19, content_type.n - 19};
    while ((more = next_param(&rest, &name, &value)) > 0) {
        if (!is_name(name, "boundary"))
            continue;
        if (out->p)
            return false;
        *out = value;
    }
    return more == 0 && is_boundary(*out);
}

int
gh_multipart_init(gh_multipart_t *m, gh_str_t content_type, const gh_multipart_sink_t *sink)
{
    char copy[256];
    gh_str_t boundary = {0};
    m->sink = *sink;
    m->parts = m->head_n = 0;
    m->state = AT_FAULT;
    if (!read_boundary(content_type, copy, &boundary))
        return -1;
    memcpy(m->delimiter, "\r\n--", 4);
    memcpy(m->delimiter + 4, boundary.p, boundary.n);
    m->delimiter_n = 4 + boundary.n;
    m->state = AT_FIRST;
    m->matched = 2;
    return 0;
}
