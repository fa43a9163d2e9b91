/*
 * front/prefer.h - what a client prefers: the header Prefer (RFC 7240)
 */
#ifndef GH_FRONT_PREFER_H
#define GH_FRONT_PREFER_H

#include "base/gh.h"

/*
 * Read one line. async: respond-async is there; wait_s: seconds of `wait=n`, 999999 at most, 0: none. Lines of one name are one list, of
 * each preference the first counts: call it for every line, with false and 0 at first.
 */
void front_prefer_read(gh_str_t list, bool *async, uint32_t *wait_s);

#endif
