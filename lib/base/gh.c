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

static int
hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int
gh_hex_byte(const char digits[2])
{
    int high = hex_digit(digits[0]);
    int low = high < 0 ? -1 : hex_digit(digits[1]);
    return low < 0 ? -1 : high << 4 | low;
}
