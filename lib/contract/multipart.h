/*
 * lib/contract/multipart.h - multipart/form-data (RFC 7578, RFC 2046 section 5.1), read as it arrives
 *
 * A strict reader without memory of its own: bytes go in by pieces of any size, parts come out by calls. What clients send
 * is read, what is ambiguous is refused: no preamble, no encodings other than the plain ones, no nested multiparts, no
 * folded, repeated or endless headers, no field without a name. Pure: no I/O, no clock, no allocation.
 */
#ifndef GH_CONTRACT_MULTIPART_H
#define GH_CONTRACT_MULTIPART_H

#include "base/gh.h"

#define GH_MULTIPART_BOUNDARY_MAX 70 /* RFC 2046 section 5.1.1 */
#define GH_MULTIPART_HEAD_MAX     4096
#define GH_MULTIPART_LINES_MAX    8
#define GH_MULTIPART_PARTS_MAX    64

/* What the headers of a part say; spans live during the call. */
typedef struct gh_part {
    gh_str_t name;      /* of the field: UTF-8 without control characters, not empty */
    gh_str_t file_name; /* likewise, without directories, may be empty; p NULL when the part names no file */
    gh_str_t type;      /* Content-Type as it came, empty when there is none */
} gh_part_t;

/* Whoever gets the parts; false from any of them ends the reading. Each begin is followed by data (0 or more times, never
 * empty) and end. */
typedef struct gh_multipart_sink {
    bool (*begin)(void *arg, const gh_part_t *part);
    bool (*data)(void *arg, gh_str_t bytes);
    bool (*end)(void *arg);
    void *arg;
} gh_multipart_sink_t;

typedef struct gh_multipart {
    gh_multipart_sink_t sink;
    char delimiter[4 + GH_MULTIPART_BOUNDARY_MAX]; /* CR LF "--" boundary */
    size_t delimiter_n;
    int state;
    size_t matched; /* bytes of the delimiter seen */
    size_t parts;
    size_t head_n;
    char head[GH_MULTIPART_HEAD_MAX];
} gh_multipart_t;

/* content_type: the request's header. -1 when it is not multipart/form-data with one good boundary; the reader then fails
 * whatever it is fed. */
int gh_multipart_init(gh_multipart_t *m, gh_str_t content_type, const gh_multipart_sink_t *sink) GH_MUSTCHECK;
/* The next bytes of the body. -1 when it is broken or the sink ended it, now or before. */
int gh_multipart_feed(gh_multipart_t *m, gh_str_t bytes) GH_MUSTCHECK;
/* The body is over. -1 unless its last delimiter came. */
int gh_multipart_finish(const gh_multipart_t *m) GH_MUSTCHECK;

#endif
