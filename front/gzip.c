/*
 * front/gzip.c - compressed bodies
 */
#include "front/gzip.h"

#include <limits.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>

#define WINDOW_BITS (15 + 16) /* the largest window, with the gzip header and trailer */
#define MEMORY      8

bool
front_gzip_type(const char *type)
{
    static const char *const kinds[] = {"application/json", "application/problem+json", "text/"};
    for (size_t i = 0; i < GH_COUNT(kinds); i++)
        if (strncasecmp(type, kinds[i], strlen(kinds[i])) == 0)
            return true;
    return false;
}

bool
front_gzip(gh_str_t body, int level, gh_buf_t *out)
{
    static z_stream z;
    static int made = -1; /* level of the stream */
    if (body.n > INT_MAX)
        return false;
    if (made != level) {
        if (made >= 0)
            (void)deflateEnd(&z);
        memset(&z, 0, sizeof z);
        made = deflateInit2(&z, level, Z_DEFLATED, WINDOW_BITS, MEMORY, Z_DEFAULT_STRATEGY) == Z_OK ? level
                                                                                                    : -1;
        if (made < 0)
            return false;
    }
    gh_buf_clear(out);
    char *at = gh_buf_reserve(out, body.n);
    if (!at || deflateReset(&z) != Z_OK)
        return false;
    z.next_in = (Bytef *)(uintptr_t)body.p;
    z.avail_in = (uInt)body.n;
    z.next_out = (Bytef *)at;
    z.avail_out = (uInt)body.n; /* what does not get shorter is not worth it */
    if (deflate(&z, Z_FINISH) != Z_STREAM_END)
        return false;
    out->n = body.n - z.avail_out;
    return true;
}
