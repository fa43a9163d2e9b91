/*
 * lib/base/media.h - what a file is, by its first bytes
 *
 * Names and declared types are the sender's word; what is stored and served is what the content says. Known are the kinds
 * that hospitals send: pictures, PDF, DICOM.
 */
#ifndef GH_BASE_MEDIA_H
#define GH_BASE_MEDIA_H

#include "base/gh.h"

typedef struct gh_media {
    const char *type;      /* "image/jpeg" */
    const char *extension; /* ".jpg" */
} gh_media_t;

/* The kind of these bytes (the first 132 decide); NULL when it is none that is known. Literal. */
const gh_media_t *gh_media_of(gh_str_t bytes);

#endif
