/*
 * lib/base/gh.c - the few functions of base/gh.h that are not inline
 */
#include "base/gh.h"

#include <stdlib.h>

void
gh_freep(void *p)
{
    void **slot = p;
    free(*slot);
    *slot = NULL;
}
