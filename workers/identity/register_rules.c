/*
 * workers/identity/register_rules.c - what is read out of a registration
 */
#include "workers/identity/register_rules.h"

#include <stdio.h>
#include <string.h>

#include "base/timez.h"

#define AGE_MAX  130
#define WIDE     "\xe3\x80\x80" /* U+3000 */
#define NAME_MIN 3

static bool
is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

gh_str_t
gh_bare(gh_str_t text)
{
    const size_t wide = sizeof WIDE - 1;
    for (size_t n = 1; n && text.n; text = (gh_str_t){text.p + n, text.n - n})
        n = is_space(text.p[0]) ? 1 : text.n >= wide && memcmp(text.p, WIDE, wide) == 0 ? wide : 0;
    for (size_t n = 1; n && text.n; text.n -= n) {
        const char *end = text.p + text.n;
        n = is_space(end[-1]) ? 1 : text.n >= wide && memcmp(end - wide, WIDE, wide) == 0 ? wide : 0;
    }
    return text;
}

bool
gh_birth_day_ok(int32_t day, int32_t today)
{
    int y, m, d, ty, tm, td;
    gh_day_to_ymd(day, &y, &m, &d);
    gh_day_to_ymd(today, &ty, &tm, &td);
    int years = ty - y - (m > tm || (m == tm && d > td));
    return day <= today && years <= AGE_MAX;
}

bool
gh_phone_pack(gh_str_t phone, char out[GH_PHONE_SIZE])
{
    size_t n = 0;
    for (size_t i = 0; i < phone.n; i++) {
        if (phone.p[i] == ' ' || phone.p[i] == '-')
            continue;
        if (n == GH_PHONE_SIZE - 1)
            return false;
        out[n++] = phone.p[i];
    }
    out[n] = 0;
    return true;
}

static bool
of_a_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != 0 && strchr("._+-", c));
}

void
gh_name_base(gh_str_t email, char out[GH_NAME_BASE_SIZE])
{
    char kept[GH_NAME_BASE_SIZE - 4];
    size_t n = 0;
    for (size_t i = 0; i < email.n && email.p[i] != '@' && n < sizeof kept - 1; i++)
        if (of_a_name(email.p[i]))
            kept[n++] = email.p[i];
    kept[n] = 0;
    snprintf(out, GH_NAME_BASE_SIZE, "%s%s", n < NAME_MIN ? "user" : "", kept);
}

const char *
gh_gender_word(gh_str_t text)
{
    static const char *const words[][2] = {{"男", "male"},   {"女", "female"},     {"未知", "unknown"},
                                           {"male", "male"}, {"female", "female"}, {"unknown", "unknown"}};
    for (size_t i = 0; i < GH_COUNT(words); i++)
        if (gh_str_is(text, words[i][0]))
            return words[i][1];
    return NULL;
}
