/*
 * lib/wire/mp.c - msgpack: a bounded check, a cursor over checked bytes, a writer (see mp.h)
 *
 * One function (token_at) knows the format's heads and never reads past `end`, so that even a walk over bytes that
 * nobody checked stays inside the buffer; gh_mp_check() adds the limits, the duplicate keys and the exact end.
 */
#include "wire/mp.h"

#include "base/json.h"

#include <stdlib.h>

/* The head of one value. */
typedef struct token {
    gh_mp_type_t type;
    uint32_t head; /* bytes of the head; for scalars the whole value */
    uint32_t len;  /* payload bytes of str, bin, ext; elements of an array, pairs of a map */
} token_t;

static uint64_t
read_be(const uint8_t *p, unsigned n)
{
    uint64_t v = 0;

    for (unsigned i = 0; i < n; i++)
        v = v << 8 | p[i];
    return v;
}

/* Heads of 0xc0..0xdf: type, bytes of the length that follows (for scalars: of the value), extra bytes of the head. */
static const struct {
    uint8_t type, len_bytes, value_bytes;
} s_heads[32] = {
    [0x00] = {GH_MP_NIL, 0, 0},  [0x01] = {GH_MP_NONE, 0, 0},  [0x02] = {GH_MP_BOOL, 0, 0},
    [0x03] = {GH_MP_BOOL, 0, 0}, [0x04] = {GH_MP_BIN, 1, 0},   [0x05] = {GH_MP_BIN, 2, 0},
    [0x06] = {GH_MP_BIN, 4, 0},  [0x07] = {GH_MP_EXT, 1, 1},   [0x08] = {GH_MP_EXT, 2, 1},
    [0x09] = {GH_MP_EXT, 4, 1},  [0x0a] = {GH_MP_FLOAT, 0, 4}, [0x0b] = {GH_MP_FLOAT, 0, 8},
    [0x0c] = {GH_MP_INT, 0, 1},  [0x0d] = {GH_MP_INT, 0, 2},   [0x0e] = {GH_MP_INT, 0, 4},
    [0x0f] = {GH_MP_INT, 0, 8},  [0x10] = {GH_MP_INT, 0, 1},   [0x11] = {GH_MP_INT, 0, 2},
    [0x12] = {GH_MP_INT, 0, 4},  [0x13] = {GH_MP_INT, 0, 8},   [0x14] = {GH_MP_EXT, 0, 2},
    [0x15] = {GH_MP_EXT, 0, 3},  [0x16] = {GH_MP_EXT, 0, 5},   [0x17] = {GH_MP_EXT, 0, 9},
    [0x18] = {GH_MP_EXT, 0, 17}, [0x19] = {GH_MP_STR, 1, 0},   [0x1a] = {GH_MP_STR, 2, 0},
    [0x1b] = {GH_MP_STR, 4, 0},  [0x1c] = {GH_MP_ARRAY, 2, 0}, [0x1d] = {GH_MP_ARRAY, 4, 0},
    [0x1e] = {GH_MP_MAP, 2, 0},  [0x1f] = {GH_MP_MAP, 4, 0},
};

/* Read the head at p. -1 when it, or the payload of a str, bin or ext, does not fit before end, or is no msgpack. */
static int
token_at(const uint8_t *p, const uint8_t *end, token_t *t)
{
    if (p >= end)
        return -1;
    size_t left = (size_t)(end - p);
    uint8_t c = *p;

    t->head = 1;
    t->len = 0;
    if (c < 0x80 || c >= 0xe0) {
        t->type = GH_MP_INT;
        return 0;
    }
    if (c < 0xc0) {
        t->type = c < 0x90 ? GH_MP_MAP : c < 0xa0 ? GH_MP_ARRAY : GH_MP_STR;
        t->len = c < 0xa0 ? c & 0x0fu : c & 0x1fu;
        return t->type == GH_MP_STR && left - 1 < t->len ? -1 : 0;
    }
    unsigned len_bytes = s_heads[c - 0xc0].len_bytes;
    t->type = (gh_mp_type_t)s_heads[c - 0xc0].type;
    t->head = 1u + len_bytes + s_heads[c - 0xc0].value_bytes;
    if (t->type == GH_MP_NONE || left < t->head)
        return -1;
    if (len_bytes == 0)
        return 0;
    t->len = (uint32_t)read_be(p + 1, len_bytes);
    if (t->type == GH_MP_ARRAY || t->type == GH_MP_MAP)
        return 0;
    return left - t->head < t->len ? -1 : 0;
}

static bool
is_container(const token_t *t)
{
    return t->type == GH_MP_ARRAY || t->type == GH_MP_MAP;
}

/* First byte behind the value at p; NULL when it is broken. */
static const uint8_t *
skip(const uint8_t *p, const uint8_t *end)
{
    for (size_t pending = 1; pending > 0; pending--) {
        token_t t;
        if (token_at(p, end, &t) < 0)
            return NULL;
        p += t.head;
        if (!is_container(&t))
            p += t.len;
        else
            pending += t.type == GH_MP_MAP ? 2 * (size_t)t.len : t.len;
    }
    return p;
}

/* ---- check */

static int
key_compare(const void *a, const void *b)
{
    const gh_str_t *x = a, *y = b;

    if (x->n != y->n)
        return x->n < y->n ? -1 : 1;
    return x->n == 0 ? 0 : memcmp(x->p, y->p, x->n);
}

/* Is a key there twice? Few keys are compared pairwise; many are sorted, so that a hostile map costs n log n. */
static bool
has_duplicate(gh_str_t *keys, size_t n)
{
    if (n > 24) {
        qsort(keys, n, sizeof *keys, key_compare);
        for (size_t i = 1; i < n; i++)
            if (key_compare(&keys[i - 1], &keys[i]) == 0)
                return true;
        return false;
    }
    for (size_t i = 1; i < n; i++)
        for (size_t k = 0; k < i; k++)
            if (gh_str_eq(keys[i], keys[k]))
                return true;
    return false;
}

typedef struct check {
    const uint8_t *p, *end;
    size_t elements; /* values seen, keys included */
} check_t;

static int check_value(check_t *c, int depth);

static int
check_map(check_t *c, size_t pairs, int depth)
{
    gh_str_t few[24], *keys = few;
    int rc = -1;

    /* pairs was compared with the bytes and elements that are left, so this allocation is bounded by both. */
    if (pairs > GH_COUNT(few) && !(keys = malloc(pairs * sizeof *keys)))
        return -1;
    for (size_t i = 0; i < pairs; i++) {
        token_t t;
        if (token_at(c->p, c->end, &t) < 0 || t.type != GH_MP_STR)
            goto out;
        keys[i] = (gh_str_t){(const char *)c->p + t.head, t.len};
        c->p += t.head + t.len;
        if (++c->elements > GH_MP_MAX_ELEMENTS || check_value(c, depth) < 0)
            goto out;
    }
    rc = has_duplicate(keys, pairs) ? -1 : 0;
out:
    if (keys != few)
        free(keys);
    return rc;
}

static int
check_value(check_t *c, int depth)
{
    token_t t;

    if (++c->elements > GH_MP_MAX_ELEMENTS || token_at(c->p, c->end, &t) < 0)
        return -1;
    c->p += t.head;
    if (!is_container(&t)) {
        c->p += t.len;
        return 0;
    }
    size_t values = t.type == GH_MP_MAP ? 2 * (size_t)t.len : t.len;
    if (depth >= GH_MP_MAX_DEPTH || values > (size_t)(c->end - c->p) ||
        values > GH_MP_MAX_ELEMENTS - c->elements)
        return -1;
    if (t.type == GH_MP_MAP)
        return check_map(c, t.len, depth + 1);
    for (uint32_t i = 0; i < t.len; i++)
        if (check_value(c, depth + 1) < 0)
            return -1;
    return 0;
}

int
gh_mp_check(const void *data, size_t n, size_t max_bytes, gh_mp_t *root)
{
    *root = (gh_mp_t){NULL, NULL};
    if (!data || n == 0 || n > (max_bytes ? max_bytes : GH_MP_MAX_BYTES))
        return -1;
    check_t c = {.p = data, .end = (const uint8_t *)data + n};
    if (check_value(&c, 0) < 0 || c.p != c.end)
        return -1;
    *root = (gh_mp_t){data, c.end};
    return 0;
}

/* ---- reading */

gh_mp_type_t
gh_mp_type(gh_mp_t v)
{
    token_t t;

    return v.at && token_at(v.at, v.end, &t) == 0 ? t.type : GH_MP_NONE;
}

bool
gh_mp_int(gh_mp_t v, int64_t *out)
{
    token_t t;

    if (!v.at || token_at(v.at, v.end, &t) < 0 || t.type != GH_MP_INT)
        return false;
    uint8_t c = *v.at;
    if (t.head == 1) {
        *out = (int8_t)c; /* fixint: 0..127 and -32..-1 are the byte itself, signed */
        return true;
    }
    uint64_t u = read_be(v.at + 1, t.head - 1);
    switch (c) {
    case 0xcf:
        if (u > INT64_MAX)
            return false;
        break;
    case 0xd0:
        u = (uint64_t)(int64_t)(int8_t)u;
        break;
    case 0xd1:
        u = (uint64_t)(int64_t)(int16_t)u;
        break;
    case 0xd2:
        u = (uint64_t)(int64_t)(int32_t)u;
        break;
    default:
        break;
    }
    *out = (int64_t)u;
    return true;
}

bool
gh_mp_bool(gh_mp_t v, bool *out)
{
    if (gh_mp_type(v) != GH_MP_BOOL)
        return false;
    *out = *v.at == 0xc3;
    return true;
}

bool
gh_mp_double(gh_mp_t v, double *out)
{
    token_t t;
    int64_t i;

    if (gh_mp_int(v, &i)) {
        *out = (double)i;
        return true;
    }
    if (!v.at || token_at(v.at, v.end, &t) < 0)
        return false;
    if (t.type == GH_MP_INT) { /* above int64 */
        *out = (double)read_be(v.at + 1, 8);
        return true;
    }
    if (t.type != GH_MP_FLOAT)
        return false;
    uint64_t bits = read_be(v.at + 1, t.head - 1);
    if (t.head == 5) {
        uint32_t low = (uint32_t)bits;
        float f;
        memcpy(&f, &low, sizeof f);
        *out = (double)f;
    } else {
        memcpy(out, &bits, sizeof *out);
    }
    return true;
}

static bool
bytes_of(gh_mp_t v, gh_mp_type_t type, gh_str_t *out)
{
    token_t t;

    if (!v.at || token_at(v.at, v.end, &t) < 0 || t.type != type)
        return false;
    *out = (gh_str_t){(const char *)v.at + t.head, t.len};
    return true;
}

bool
gh_mp_str(gh_mp_t v, gh_str_t *out)
{
    return bytes_of(v, GH_MP_STR, out);
}

bool
gh_mp_bin(gh_mp_t v, gh_str_t *out)
{
    return bytes_of(v, GH_MP_BIN, out);
}

size_t
gh_mp_count(gh_mp_t v)
{
    token_t t;

    return v.at && token_at(v.at, v.end, &t) == 0 && is_container(&t) ? t.len : 0;
}

gh_mp_iter_t
gh_mp_iter(gh_mp_t v)
{
    token_t t;

    if (!v.at || token_at(v.at, v.end, &t) < 0 || !is_container(&t))
        return (gh_mp_iter_t){.left = 0};
    return (gh_mp_iter_t){.pos = v.at + t.head, .end = v.end, .left = t.len, .map = t.type == GH_MP_MAP};
}

bool
gh_mp_next(gh_mp_iter_t *it)
{
    if (it->left == 0 || it->pos >= it->end)
        return false;
    it->left--;
    it->key = (gh_str_t){NULL, 0};
    if (it->map) {
        token_t t;
        if (token_at(it->pos, it->end, &t) < 0 || t.type != GH_MP_STR)
            return false;
        it->key = (gh_str_t){(const char *)it->pos + t.head, t.len};
        it->pos += t.head + t.len;
        if (it->pos >= it->end)
            return false;
    }
    it->value = (gh_mp_t){it->pos, it->end};
    const uint8_t *next = skip(it->pos, it->end);
    if (!next)
        return false;
    it->pos = next;
    return true;
}

gh_mp_t
gh_mp_getn(gh_mp_t map, gh_str_t key)
{
    gh_mp_iter_t it = gh_mp_iter(map);

    if (it.map)
        while (gh_mp_next(&it))
            if (gh_str_eq(it.key, key))
                return it.value;
    return (gh_mp_t){NULL, NULL};
}

gh_mp_t
gh_mp_get(gh_mp_t map, const char *key)
{
    return gh_mp_getn(map, gh_str(key));
}

gh_mp_t
gh_mp_path(gh_mp_t map, const char *path)
{
    for (;;) {
        size_t n = strcspn(path, ".");
        map = gh_mp_getn(map, (gh_str_t){path, n});
        if (path[n] == '\0' || !map.at)
            return map;
        path += n + 1;
    }
}

gh_str_t
gh_mp_raw(gh_mp_t v)
{
    const uint8_t *next = v.at ? skip(v.at, v.end) : NULL;

    return next ? (gh_str_t){(const char *)v.at, (size_t)(next - v.at)} : (gh_str_t){NULL, 0};
}

/* ---- as JSON */

/* One scalar or key through the JSON writer: each is a document of its own, the commas are ours. */
static void
json_str(gh_buf_t *out, gh_str_t s)
{
    gh_json_t j;

    gh_json_init(&j, out);
    gh_json_str(&j, s.p ? s : GH_STR(""));
}

static void
json_number(gh_mp_t v, gh_buf_t *out)
{
    gh_json_t j;
    int64_t i;
    double d = 0;

    if (gh_mp_int(v, &i)) {
        gh_buf_i64(out, i);
        return;
    }
    gh_json_init(&j, out);
    if (gh_mp_double(v, &d))
        gh_json_double(&j, d);
    else
        gh_json_null(&j);
}

static void
to_json(gh_mp_t v, gh_buf_t *out, int depth)
{
    gh_mp_type_t type = gh_mp_type(v);
    gh_str_t s;

    if (type == GH_MP_STR && gh_mp_str(v, &s)) {
        json_str(out, s);
    } else if (type == GH_MP_INT || type == GH_MP_FLOAT) {
        json_number(v, out);
    } else if (type == GH_MP_BOOL) {
        gh_buf_puts(out, *v.at == 0xc3 ? "true" : "false");
    } else if ((type == GH_MP_ARRAY || type == GH_MP_MAP) && depth <= GH_MP_MAX_DEPTH) {
        bool first = true;
        gh_buf_putc(out, type == GH_MP_MAP ? '{' : '[');
        for (gh_mp_iter_t it = gh_mp_iter(v); gh_mp_next(&it); first = false) {
            if (!first)
                gh_buf_putc(out, ',');
            if (it.map) {
                json_str(out, it.key);
                gh_buf_putc(out, ':');
            }
            to_json(it.value, out, depth + 1);
        }
        gh_buf_putc(out, type == GH_MP_MAP ? '}' : ']');
    } else {
        gh_buf_puts(out, "null");
    }
}

void
gh_mp_to_json(gh_mp_t v, gh_buf_t *out)
{
    to_json(v, out, 0);
}

/* ---- writing */

/* A head byte and n bytes of v, most significant first. */
static void
put_be(gh_buf_t *b, uint8_t head, uint64_t v, unsigned n)
{
    uint8_t bytes[9] = {head};

    for (unsigned i = 0; i < n; i++)
        bytes[1 + i] = (uint8_t)(v >> (8 * (n - 1 - i)));
    gh_buf_put(b, bytes, 1 + n);
}

void
gh_mpw_nil(gh_buf_t *b)
{
    put_be(b, 0xc0, 0, 0);
}

void
gh_mpw_bool(gh_buf_t *b, bool v)
{
    put_be(b, v ? 0xc3 : 0xc2, 0, 0);
}

void
gh_mpw_int(gh_buf_t *b, int64_t v)
{
    uint64_t u = (uint64_t)v;

    if (v >= -32 && v <= 127)
        put_be(b, (uint8_t)v, 0, 0);
    else if (v >= 0 && v <= UINT8_MAX)
        put_be(b, 0xcc, u, 1);
    else if (v >= 0 && v <= UINT16_MAX)
        put_be(b, 0xcd, u, 2);
    else if (v >= 0 && v <= UINT32_MAX)
        put_be(b, 0xce, u, 4);
    else if (v >= 0)
        put_be(b, 0xcf, u, 8);
    else if (v >= INT8_MIN)
        put_be(b, 0xd0, u, 1);
    else if (v >= INT16_MIN)
        put_be(b, 0xd1, u, 2);
    else if (v >= INT32_MIN)
        put_be(b, 0xd2, u, 4);
    else
        put_be(b, 0xd3, u, 8);
}

void
gh_mpw_u32_fixed(gh_buf_t *b, uint32_t v)
{
    put_be(b, 0xce, v, 4);
}

void
gh_mpw_double(gh_buf_t *b, double v)
{
    uint64_t bits;

    memcpy(&bits, &v, sizeof bits);
    put_be(b, 0xcb, bits, 8);
}

/* A span longer than the format's 32-bit length makes the buffer fail, as if memory had run out. */
static bool
too_long(gh_buf_t *b, size_t n)
{
    if (n <= UINT32_MAX)
        return false;
    b->failed = true;
    return true;
}

void
gh_mpw_str(gh_buf_t *b, gh_str_t s)
{
    if (too_long(b, s.n))
        return;
    if (s.n < 32)
        put_be(b, (uint8_t)(0xa0u | s.n), 0, 0);
    else if (s.n <= UINT8_MAX)
        put_be(b, 0xd9, s.n, 1);
    else if (s.n <= UINT16_MAX)
        put_be(b, 0xda, s.n, 2);
    else
        put_be(b, 0xdb, s.n, 4);
    if (s.n > 0)
        gh_buf_put(b, s.p, s.n);
}

void
gh_mpw_cstr(gh_buf_t *b, const char *s)
{
    gh_mpw_str(b, gh_str(s));
}

void
gh_mpw_bin(gh_buf_t *b, const void *p, size_t n)
{
    if (too_long(b, n))
        return;
    if (n <= UINT8_MAX)
        put_be(b, 0xc4, n, 1);
    else if (n <= UINT16_MAX)
        put_be(b, 0xc5, n, 2);
    else
        put_be(b, 0xc6, n, 4);
    if (n > 0)
        gh_buf_put(b, p, n);
}

void
gh_mpw_array(gh_buf_t *b, uint32_t n)
{
    if (n < 16)
        put_be(b, (uint8_t)(0x90u | n), 0, 0);
    else if (n <= UINT16_MAX)
        put_be(b, 0xdc, n, 2);
    else
        put_be(b, 0xdd, n, 4);
}

void
gh_mpw_map(gh_buf_t *b, uint32_t n)
{
    if (n < 16)
        put_be(b, (uint8_t)(0x80u | n), 0, 0);
    else if (n <= UINT16_MAX)
        put_be(b, 0xde, n, 2);
    else
        put_be(b, 0xdf, n, 4);
}

size_t
gh_mpw_map_begin(gh_buf_t *b)
{
    size_t mark = b->n;

    put_be(b, 0xde, 0, 2);
    return mark;
}

void
gh_mpw_map_end(gh_buf_t *b, size_t mark, uint16_t n)
{
    if (b->failed || mark + 3 > b->n)
        return;
    b->p[mark + 1] = (char)(n >> 8);
    b->p[mark + 2] = (char)(n & 0xff);
}
