/*
 * lib/base/mask.c - masked numbers; see the header
 */
#include "base/mask.h"

#include <stdio.h>

#define TAIL 4

int
gh_mask_id(gh_str_t number, char out[GH_MASKED_ID])
{
    if (number.n <= 10)
        return snprintf(out, GH_MASKED_ID, "********");
    return snprintf(out, GH_MASKED_ID, "%.6s********%.4s", number.p, number.p + number.n - 4);
}

static bool
starts_character(char c)
{
    return ((unsigned char)c & 0xC0) != 0x80;
}

void
gh_mask_tail(gh_str_t number, gh_buf_t *out)
{
    size_t total = 0, seen = 0, i = 0;
    for (size_t k = 0; k < number.n; k++)
        total += starts_character(number.p[k]);
    size_t hidden = total > TAIL ? total - TAIL : total;
    for (; i < number.n; i++) {
        if (starts_character(number.p[i]) && seen++ == hidden)
            break;
        if (starts_character(number.p[i]))
            gh_buf_putc(out, '*');
    }
    gh_buf_put(out, number.p + i, number.n - i);
}
