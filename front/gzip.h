/*
 * front/gzip.h - compressed bodies (RFC 1952, api/20 section 8)
 */
#ifndef GH_FRONT_GZIP_H
#define GH_FRONT_GZIP_H

#include "base/buf.h"

#define FRONT_GZIP_MIN 1024 /* bytes: shorter bodies fit a packet as they are */

/* Is a body of this media type text, so that compressing is worth while? */
bool front_gzip_type(const char *type);
/* Compress into out, which is cleared first. False when that brings nothing or fails: send the body as it is. One
 * stream is kept for the life of the process and used again. */
bool front_gzip(gh_str_t body, int level, gh_buf_t *out);

#endif
