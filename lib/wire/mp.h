/*
 * lib/wire/mp.h - reading and writing msgpack from and for other programs
 *
 * Reading: gh_mp_check() walks a buffer once and refuses what is truncated, trailing, too deep, too long or has a
 * count that the bytes left cannot hold; after that a gh_mp_t (a borrowed view of one value) can be asked without
 * further checks and without allocation (pitfalls: msgpack-c allocates by the counts that a header claims).
 * Writing: a thin layer over gh_buf, so that one sticky error covers a whole message.
 */
#ifndef GH_WIRE_MP_H
#define GH_WIRE_MP_H

#include "base/buf.h"

#define GH_MP_MAX_DEPTH    12
#define GH_MP_MAX_ELEMENTS 65536
#define GH_MP_MAX_BYTES    (9u << 20)  /* an upload of 8 MiB and what surrounds it */
#define GH_REPLY_MAX       (32u << 20) /* body of a reply: 10,000 doctors with what is written about them */

typedef enum {
    GH_MP_NONE, /* absent */
    GH_MP_NIL,
    GH_MP_BOOL,
    GH_MP_INT,
    GH_MP_FLOAT,
    GH_MP_STR,
    GH_MP_BIN,
    GH_MP_ARRAY,
    GH_MP_MAP,
    GH_MP_EXT
} gh_mp_type_t;

/* One value inside a checked buffer. Copy it freely; it lives as long as the buffer. */
typedef struct gh_mp {
    const uint8_t *at;  /* first byte of the value, NULL when absent */
    const uint8_t *end; /* end of the buffer */
} gh_mp_t;

/* -1 when data is not exactly one msgpack value within the limits (max_bytes 0: GH_MP_MAX_BYTES); maps must have
 * string keys, none twice. */
int gh_mp_check(const void *data, size_t n, size_t max_bytes, gh_mp_t *root) GH_MUSTCHECK;

gh_mp_type_t gh_mp_type(gh_mp_t v);
bool gh_mp_int(gh_mp_t v, int64_t *out) GH_MUSTCHECK; /* false unless an integer within int64 */
bool gh_mp_bool(gh_mp_t v, bool *out) GH_MUSTCHECK;
bool gh_mp_double(gh_mp_t v, double *out) GH_MUSTCHECK; /* integers too */
bool gh_mp_str(gh_mp_t v, gh_str_t *out) GH_MUSTCHECK;
bool gh_mp_bin(gh_mp_t v, gh_str_t *out) GH_MUSTCHECK;
size_t gh_mp_count(gh_mp_t v);                   /* elements of an array, pairs of a map, else 0 */
gh_mp_t gh_mp_get(gh_mp_t map, const char *key); /* absent unless map is a map that has key */
gh_mp_t gh_mp_getn(gh_mp_t map, gh_str_t key);
/* Follow dots: gh_mp_path(args, "body.scheduleId"). */
gh_mp_t gh_mp_path(gh_mp_t map, const char *path);
/* The encoded bytes of the value, for copying it or digesting it. */
gh_str_t gh_mp_raw(gh_mp_t v);

/* for (gh_mp_iter_t it = gh_mp_iter(v); gh_mp_next(&it);) ... it.key (maps only), it.value */
typedef struct gh_mp_iter {
    gh_str_t key;
    gh_mp_t value;
    const uint8_t *pos, *end;
    size_t left;
    bool map;
} gh_mp_iter_t;
gh_mp_iter_t gh_mp_iter(gh_mp_t v);
bool gh_mp_next(gh_mp_iter_t *it);

/* Append the value as JSON (bin as null; ext as null). */
void gh_mp_to_json(gh_mp_t v, gh_buf_t *out);

/* writing */
void gh_mpw_nil(gh_buf_t *b);
void gh_mpw_bool(gh_buf_t *b, bool v);
void gh_mpw_int(gh_buf_t *b, int64_t v);        /* shortest form */
void gh_mpw_u32_fixed(gh_buf_t *b, uint32_t v); /* always 5 bytes, so that it can be patched in place */
void gh_mpw_double(gh_buf_t *b, double v);
void gh_mpw_str(gh_buf_t *b, gh_str_t s);
void gh_mpw_cstr(gh_buf_t *b, const char *s);
void gh_mpw_bin(gh_buf_t *b, const void *p, size_t n);
void gh_mpw_array(gh_buf_t *b, uint32_t n);
void gh_mpw_map(gh_buf_t *b, uint32_t n);
/* A map whose count is known only at the end: begin writes map16 with count 0, end patches it. */
size_t gh_mpw_map_begin(gh_buf_t *b);
void gh_mpw_map_end(gh_buf_t *b, size_t mark, uint16_t n);

#endif
