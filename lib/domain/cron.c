/*
 * lib/domain/cron.c - cron expressions
 */
#include "domain/cron.h"

#include <strings.h>

#include "base/timez.h"

#define YEARS_AHEAD 9 /* 29 February may be eight years away */
#define MINUTE_US   INT64_C(60000000)
#define HOUR_US     (60 * MINUTE_US)

typedef struct field {
    int min, max;
    const char *names; /* three letters each, the first stands for min */
} field_t;

enum { MINUTE, HOUR, DAY, MONTH, WEEKDAY, FIELDS };

static const field_t fields[FIELDS] = {
    [MINUTE] = {0, 59, ""},
    [HOUR] = {0, 23, ""},
    [DAY] = {1, 31, ""},
    [MONTH] = {1, 12, "janfebmaraprmayjunjulaugsepoctnovdec"},
    [WEEKDAY] = {0, 7, "sunmontuewedthufrisat"},
};

/* A number of at most two digits, or a name; what was read is cut off s. -1: neither. */
static int
take_value(gh_str_t *s, const field_t *f)
{
    int value = 0;
    size_t n = 0;
    while (n < s->n && n < 3 && s->p[n] >= '0' && s->p[n] <= '9')
        value = value * 10 + (s->p[n++] - '0');
    if (n == 0 && s->n >= 3)
        for (size_t i = 0; f->names[i]; i += 3)
            if (strncasecmp(f->names + i, s->p, 3) == 0) {
                value = f->min + (int)(i / 3);
                n = 3;
            }
    if (n == 0 || value < f->min || value > f->max)
        return -1;
    s->p += n;
    s->n -= n;
    return value;
}

static bool
take_char(gh_str_t *s, char c)
{
    if (s->n == 0 || *s->p != c)
        return false;
    s->p++;
    s->n--;
    return true;
}

/* One entry of the list: `*`, a value or a range, with or without a step. */
static int
take_entry(gh_str_t *s, const field_t *f, uint64_t *bits)
{
    static const field_t step_of = {1, 99, ""};
    int from, to, step = 1;
    if (take_char(s, '*')) {
        from = f->min;
        to = f->max;
    } else {
        from = to = take_value(s, f);
        if (from >= 0 && take_char(s, '-'))
            to = take_value(s, f);
        else if (s->n > 0 && *s->p == '/') /* a step needs a range */
            return -1;
    }
    if (take_char(s, '/'))
        step = take_value(s, &step_of);
    if (from < 0 || to < from || step < 1)
        return -1;
    for (int v = from; v <= to; v += step)
        *bits |= UINT64_C(1) << v;
    return 0;
}

static int
parse_field(gh_str_t text, const field_t *f, uint64_t *bits)
{
    *bits = 0;
    do
        if (take_entry(&text, f, bits) != 0)
            return -1;
    while (take_char(&text, ','));
    return text.n == 0 ? 0 : -1;
}

static gh_str_t
next_word(gh_str_t *text)
{
    while (text->n > 0 && (*text->p == ' ' || *text->p == '\t')) {
        text->p++;
        text->n--;
    }
    gh_str_t word = {text->p, 0};
    while (text->n > 0 && *text->p != ' ' && *text->p != '\t') {
        text->p++;
        text->n--;
        word.n++;
    }
    return word;
}

int
gh_cron_parse(gh_str_t text, gh_cron_t *out)
{
    uint64_t bits[FIELDS];
    bool starred[FIELDS];
    for (size_t i = 0; i < FIELDS; i++) {
        gh_str_t word = next_word(&text);
        starred[i] = word.n > 0 && *word.p == '*';
        if (parse_field(word, &fields[i], &bits[i]) != 0)
            return -1;
    }
    if (next_word(&text).n > 0)
        return -1;
    *out = (gh_cron_t){.minutes = bits[MINUTE],
                       .hours = (uint32_t)bits[HOUR],
                       .days = (uint32_t)bits[DAY],
                       .months = (uint16_t)bits[MONTH],
                       .weekdays = (uint8_t)((bits[WEEKDAY] | bits[WEEKDAY] >> 7) & 0x7f),
                       .any_day = starred[DAY],
                       .any_weekday = starred[WEEKDAY],
                       .any_hour = starred[HOUR]};
    return 0;
}

static bool
day_fits(const gh_cron_t *c, int32_t day)
{
    int year, month, d;
    gh_day_to_ymd(day, &year, &month, &d);
    if (!(c->months >> month & 1))
        return false;
    bool by_day = c->days >> d & 1, by_weekday = c->weekdays >> (gh_day_weekday(day) % 7) & 1;
    return c->any_day || c->any_weekday ? by_day && by_weekday : by_day || by_weekday;
}

/* The first fitting moment of a day after after_us, 0: none. Hours that are over are not looked through. */
static int64_t
first_of_day(const gh_cron_t *c, int32_t day, int64_t after_us)
{
    for (int hour = 0; hour < 24; hour++) {
        if (!(c->hours >> hour & 1) || gh_day_at(day, hour * 60 + 59) <= after_us)
            continue;
        for (int minute = 0; minute < 60; minute++) {
            int64_t at = c->minutes >> minute & 1 ? gh_day_at(day, hour * 60 + minute) : 0;
            if (at > after_us)
                return at;
        }
    }
    return 0;
}

/* Has the zone's clock been put back shortly before at_us, or since after_us? */
static bool
repeats_before(int64_t after_us, int64_t at_us)
{
    return gh_tz_civil(at_us).offset_s < gh_tz_civil(after_us - 3 * HOUR_US).offset_s;
}

/* The first moment that fits after after_us and before at_us, minute by minute through a repeated hour; at_us: there is none. */
static int64_t
first_repeated(const gh_cron_t *c, int64_t after_us, int64_t at_us)
{
    if (!c->any_hour || at_us - after_us > 25 * HOUR_US || !repeats_before(after_us, at_us))
        return at_us;
    for (int64_t t = after_us - after_us % MINUTE_US + MINUTE_US; t < at_us; t += MINUTE_US) {
        gh_civil_t civil = gh_tz_civil(t);
        if (c->minutes >> civil.minute & 1 && c->hours >> civil.hour & 1 && day_fits(c, gh_tz_day(t)))
            return t;
    }
    return at_us;
}

int64_t
gh_cron_next(const gh_cron_t *c, int64_t after_us)
{
    int32_t first = gh_tz_day(after_us);
    for (int32_t day = first; day < first + YEARS_AHEAD * 366; day++) {
        int64_t at = day_fits(c, day) ? first_of_day(c, day, after_us) : 0;
        if (at)
            return first_repeated(c, after_us, at);
    }
    return 0;
}
