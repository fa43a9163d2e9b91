/*
 * ops/cmd/clock_words.c - see clock_words.h
 */
#include "ops/cmd/clock_words.h"

#include "base/conf_table.h"
#include "base/timez.h"

static const struct {
    char letter;
    int64_t ms;
} units[] = {{'w', 604800000}, {'d', 86400000}, {'h', 3600000}, {'m', 60000}, {'s', 1000}};

/* "1d12h" -> ms; false when it is something else or too long. */
static bool
read_span(const char *p, int64_t *out)
{
    int64_t sum = 0;
    size_t unit = 0;
    if (*p == '\0')
        return false;
    while (*p) {
        int64_t n = 0;
        const char *digits = p;
        for (; *p >= '0' && *p <= '9' && n <= GH_CLOCK_MS_MAX / 1000; p++)
            n = n * 10 + (*p - '0');
        while (unit < GH_COUNT(units) && units[unit].letter != *p)
            unit++;
        if (p == digits || unit == GH_COUNT(units) || n > GH_CLOCK_MS_MAX / units[unit].ms)
            return false;
        sum += n * units[unit++].ms;
        p++;
    }
    *out = sum;
    return true;
}

bool
gh_clock_words(const char *text, int64_t machine_ms, int64_t shift_ms, int64_t *out)
{
    int64_t span, at_us;
    if (strcmp(text, "reset") == 0)
        *out = 0;
    else if (text[0] == '+' || text[0] == '-') {
        if (!read_span(text + 1, &span))
            return false;
        *out = shift_ms + (text[0] == '+' ? span : -span);
    } else if (gh_ts_parse(gh_str(text), &at_us) == 0)
        *out = at_us / 1000 - machine_ms;
    else
        return false;
    return *out >= -GH_CLOCK_MS_MAX && *out <= GH_CLOCK_MS_MAX;
}
