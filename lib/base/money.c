/*
 * lib/base/money.c - money as integer cents
 */
#include "base/money.h"

#include <stdio.h>

/* Digits with at most `scale` decimals -> integer scaled by 10^scale, at most max. No sign, no blanks; at least one
 * digit on each side of a point. */
static int
parse_scaled(gh_str_t s, int scale, int64_t max, int64_t *out)
{
    int64_t v = 0;
    int decimals = -1; /* digits seen after the point; -1 before it */
    size_t i = 0;
    for (; i < s.n; i++) {
        if (s.p[i] == '.' && decimals < 0 && i > 0) {
            decimals = 0;
            continue;
        }
        if (s.p[i] < '0' || s.p[i] > '9' || decimals == scale)
            return -1;
        v = v * 10 + (s.p[i] - '0');
        if (v > max)
            return -1;
        if (decimals >= 0)
            decimals++;
    }
    if (i == 0 || decimals == 0)
        return -1;
    for (int d = decimals < 0 ? 0 : decimals; d < scale; d++)
        v *= 10; /* v <= max < 10^12 and scale <= 4: no overflow */
    if (v > max)
        return -1;
    *out = v;
    return 0;
}

int
gh_money_parse(gh_str_t s, int64_t *cents)
{
    bool negative = s.n > 0 && s.p[0] == '-';
    if (negative)
        s = (gh_str_t){s.p + 1, s.n - 1};
    int64_t v;
    if (parse_scaled(s, 2, GH_MONEY_MAX, &v) != 0)
        return -1;
    *cents = negative ? -v : v;
    return 0;
}

int
gh_money_text(int64_t cents, char out[24])
{
    uint64_t u = cents < 0 ? -(uint64_t)cents : (uint64_t)cents;
    return snprintf(out, 24, "%s%llu.%02u", cents < 0 ? "-" : "", (unsigned long long)(u / 100),
                    (unsigned)(u % 100));
}

int
gh_rate_parse(gh_str_t s, int32_t *rate)
{
    int64_t v;
    if (parse_scaled(s, 4, GH_RATE_ONE, &v) != 0)
        return -1;
    *rate = (int32_t)v;
    return 0;
}

int64_t
gh_money_discount(int64_t cents, int32_t rate)
{
    return (cents * rate + GH_RATE_ONE / 2) / GH_RATE_ONE;
}
