/*
 * lib/base/mask.h - numbers of persons as others may see them
 */
#ifndef GH_BASE_MASK_H
#define GH_BASE_MASK_H

#include "base/buf.h"

/* BR-112: first 6 characters, eight asterisks, last 4; shorter numbers give asterisks alone. Returns the length. */
#define GH_MASKED_ID 19
int gh_mask_id(gh_str_t number, char out[GH_MASKED_ID]);

/* api/22: every character an asterisk but the last 4; up to 4 characters give asterisks alone. Characters of UTF-8 count once. */
void gh_mask_tail(gh_str_t number, gh_buf_t *out);

#endif
