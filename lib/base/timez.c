/*
 * lib/base/timez.c - clocks, the hospital's zone, texts of days and instants
 *
 * Calendar arithmetic is our own (proleptic Gregorian, "days from civil" by H. Hinnant); offsets come from the C
 * library, whose zone gh_tz_init() sets. Before that call the zone is UTC.
 */
#include "base/timez.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/log.h"

#define SEC_US INT64_C(1000000)
#define DAY_S  INT64_C(86400)

static char zone_name[64] = "UTC";
static bool zone_set;
static _Atomic int64_t clock_shift_us;

/* ---- zone */

/* The C library takes an unknown name for UTC without a word, so look at the zone's file ourselves. */
static bool
zone_exists(const char *zone)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-/";
    size_t n = strlen(zone);
    if (n == 0 || n >= sizeof(zone_name) || zone[0] == '/' || strspn(zone, allowed) != n)
        return false;
    const char *dir = getenv("TZDIR");
    char path[4096], magic[4] = "";
    int len = snprintf(path, sizeof(path), "%s/%s", dir && *dir ? dir : "/usr/share/zoneinfo", zone);
    if (len < 0 || (size_t)len >= sizeof(path))
        return false;
    FILE *f = fopen(path, "re");
    if (!f)
        return false;
    bool ok = fread(magic, 1, 4, f) == 4 && memcmp(magic, "TZif", 4) == 0;
    fclose(f);
    return ok;
}

int
gh_tz_init(const char *zone)
{
    char value[sizeof(zone_name) + 1];
    if (!zone_exists(zone)) {
        gh_log(GH_LOG_ERROR, "zone_unknown", GH_KS("zone", zone));
        return -1;
    }
    snprintf(value, sizeof(value), ":%s", zone);
    if (setenv("TZ", value, 1) != 0)
        return -1;
    tzset();
    snprintf(zone_name, sizeof(zone_name), "%s", zone);
    zone_set = true;
    return 0;
}

const char *
gh_tz_name(void)
{
    return zone_name;
}

/* Seconds east of UTC at an instant (Unix seconds). */
static int
offset_at(int64_t at_s)
{
    struct tm tm;
    time_t t = at_s;
    if (!zone_set || !localtime_r(&t, &tm))
        return 0;
    return (int)tm.tm_gmtoff;
}

/* ---- clocks */

static int64_t
read_clock(clockid_t id, int64_t per_s)
{
    struct timespec ts;
    clock_gettime(id, &ts); /* cannot fail: both clocks exist on Linux */
    return ts.tv_sec * per_s + ts.tv_nsec / (1000000000 / per_s);
}

int64_t
gh_machine_us(void)
{
    return read_clock(CLOCK_REALTIME, 1000000);
}

int64_t
gh_now_us(void)
{
    return gh_machine_us() + atomic_load_explicit(&clock_shift_us, memory_order_relaxed);
}

void
gh_clock_shift(int64_t shift_us)
{
    atomic_store_explicit(&clock_shift_us, shift_us, memory_order_relaxed);
}

int64_t
gh_clock_shifted(void)
{
    return atomic_load_explicit(&clock_shift_us, memory_order_relaxed);
}

int64_t
gh_mono_ms(void)
{
    return read_clock(CLOCK_MONOTONIC, 1000);
}

int64_t
gh_mono_us(void)
{
    return read_clock(CLOCK_MONOTONIC, 1000000);
}

/* ---- calendar */

static int64_t
floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

int32_t
gh_day_from_ymd(int year, int month, int day)
{
    int64_t y = (int64_t)year - (month <= 2);
    int64_t era = floor_div(y, 400);
    int64_t yoe = y - era * 400;
    int64_t doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    return (int32_t)(era * 146097 + doe - 719468);
}

void
gh_day_to_ymd(int32_t day, int *year, int *month, int *d)
{
    int64_t z = (int64_t)day + 719468;
    int64_t era = floor_div(z, 146097);
    int64_t doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    *d = (int)(doy - (153 * mp + 2) / 5 + 1);
    *month = (int)(mp < 10 ? mp + 3 : mp - 9);
    *year = (int)(yoe + era * 400 + (*month <= 2));
}

int
gh_day_weekday(int32_t day)
{
    int64_t w = ((int64_t)day + 3) % 7; /* 1970-01-01 was a Thursday */
    return (int)(w < 0 ? w + 7 : w) + 1;
}

static int
month_length(int year, int month)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : days[month - 1];
}

gh_civil_t
gh_tz_civil(int64_t at_us)
{
    int64_t at_s = floor_div(at_us, SEC_US);
    int offset = offset_at(at_s);
    int64_t local = at_s + offset;
    int64_t day = floor_div(local, DAY_S);
    int rest = (int)(local - day * DAY_S);
    gh_civil_t c = {.hour = rest / 3600,
                    .minute = rest / 60 % 60,
                    .second = rest % 60,
                    .usec = (int)(at_us - at_s * SEC_US),
                    .offset_s = offset};
    gh_day_to_ymd((int32_t)day, &c.year, &c.month, &c.day);
    return c;
}

/* Wall clock (seconds as if it were UTC) -> Unix seconds. Zones change their offset at most once within the two days
 * around a moment, so the true offset is the one before or the one after. Of two valid instants the earlier has the
 * earlier offset; in a gap neither is valid and the offset before it moves the clock time forward. */
static int64_t
unlocal(int64_t local_s)
{
    int before = offset_at(local_s - DAY_S), after = offset_at(local_s + DAY_S);
    if (before == after || offset_at(local_s - before) == before)
        return local_s - before;
    return offset_at(local_s - after) == after ? local_s - after : local_s - before;
}

int64_t
gh_tz_instant(int year, int month, int day, int hour, int minute, int second)
{
    return unlocal(gh_day_from_ymd(year, month, day) * DAY_S + hour * 3600 + minute * 60 + second) * SEC_US;
}

int32_t
gh_tz_day(int64_t at_us)
{
    int64_t at_s = floor_div(at_us, SEC_US);
    return (int32_t)floor_div(at_s + offset_at(at_s), DAY_S);
}

int64_t
gh_day_at(int32_t day, int minute_of_day)
{
    return unlocal(day * DAY_S + minute_of_day * 60) * SEC_US;
}

/* ---- texts */

static char *
put_digits(char *p, int v, int width)
{
    for (int i = width - 1; i >= 0; i--, v /= 10)
        p[i] = (char)('0' + v % 10);
    return p + width;
}

/* Years have four digits on the wire; anything else cannot come from a checked value and is clipped. */
static char *
put_date(char *p, int year, int month, int day)
{
    p = put_digits(p, year < 0 ? 0 : year > 9999 ? 9999 : year, 4);
    *p++ = '-';
    p = put_digits(p, month, 2);
    *p++ = '-';
    return put_digits(p, day, 2);
}

void
gh_day_text(int32_t day, char out[GH_TEXT_DATE])
{
    int year, month, d;
    gh_day_to_ymd(day, &year, &month, &d);
    *put_date(out, year, month, d) = 0;
}

static char *
put_datetime(char *p, const gh_civil_t *c, char sep)
{
    p = put_date(p, c->year, c->month, c->day);
    *p++ = sep;
    p = put_digits(p, c->hour, 2);
    *p++ = ':';
    p = put_digits(p, c->minute, 2);
    *p++ = ':';
    return put_digits(p, c->second, 2);
}

void
gh_dt_text(int64_t at_us, char sep, char out[GH_TEXT_DT])
{
    gh_civil_t c = gh_tz_civil(at_us);
    *put_datetime(out, &c, sep) = 0;
}

void
gh_ts_text(int64_t at_us, char out[GH_TEXT_TS])
{
    gh_civil_t c = gh_tz_civil(at_us);
    char *p = put_datetime(out, &c, 'T');
    int minutes = abs(c.offset_s) / 60;
    *p++ = c.offset_s < 0 ? '-' : '+';
    p = put_digits(p, minutes / 60, 2);
    *p++ = ':';
    *put_digits(p, minutes % 60, 2) = 0;
}

/* ---- parsing: take() moves over the span, -1 when it does not fit */

static int
take_digits(gh_str_t *s, size_t width, int max)
{
    int v = 0;
    if (s->n < width)
        return -1;
    for (size_t i = 0; i < width; i++) {
        if (s->p[i] < '0' || s->p[i] > '9')
            return -1;
        v = v * 10 + (s->p[i] - '0');
    }
    *s = (gh_str_t){s->p + width, s->n - width};
    return v <= max ? v : -1;
}

static bool
take_one_of(gh_str_t *s, const char *chars, char *got)
{
    if (s->n == 0 || s->p[0] == 0 || !strchr(chars, s->p[0]))
        return false;
    if (got)
        *got = s->p[0];
    *s = (gh_str_t){s->p + 1, s->n - 1};
    return true;
}

static int
take_date(gh_str_t *s, int32_t *day)
{
    int y = take_digits(s, 4, 9999);
    if (y < 1 || !take_one_of(s, "-", NULL))
        return -1;
    int m = take_digits(s, 2, 12);
    if (m < 1 || !take_one_of(s, "-", NULL))
        return -1;
    int d = take_digits(s, 2, 31);
    if (d < 1 || d > month_length(y, m))
        return -1;
    *day = gh_day_from_ymd(y, m, d);
    return 0;
}

int
gh_day_parse(gh_str_t s, int32_t *day)
{
    int32_t v;
    if (take_date(&s, &v) != 0 || s.n != 0)
        return -1;
    *day = v;
    return 0;
}

static int
take_clock(gh_str_t *s, int *minute_of_day)
{
    int h = take_digits(s, 2, 23);
    if (h < 0 || !take_one_of(s, ":", NULL))
        return -1;
    int m = take_digits(s, 2, 59);
    if (m < 0)
        return -1;
    *minute_of_day = h * 60 + m;
    return 0;
}

int
gh_clock_parse(gh_str_t s, int *minute_of_day)
{
    int v;
    if (take_clock(&s, &v) != 0 || s.n != 0)
        return -1;
    *minute_of_day = v;
    return 0;
}

/* `:SS` and `.ffffff`, both optional; the fraction only after seconds. */
static int
take_seconds(gh_str_t *s, int *second, int *usec)
{
    *second = *usec = 0;
    if (!take_one_of(s, ":", NULL))
        return 0;
    if ((*second = take_digits(s, 2, 59)) < 0)
        return -1;
    if (!take_one_of(s, ".", NULL))
        return 0;
    int scale = 100000, digit = take_digits(s, 1, 9);
    if (digit < 0)
        return -1;
    for (; digit >= 0 && scale > 0; scale /= 10) {
        *usec += digit * scale;
        digit = scale > 1 ? take_digits(s, 1, 9) : -1;
    }
    return 0;
}

int
gh_ts_parse(gh_str_t s, int64_t *at_us)
{
    int32_t day;
    int minute, second, usec, off_minute = 0;
    if (take_date(&s, &day) != 0 || !take_one_of(&s, "Tt ", NULL) || take_clock(&s, &minute) != 0 ||
        take_seconds(&s, &second, &usec) != 0)
        return -1;
    int64_t local = day * DAY_S + minute * 60 + second;
    if (s.n == 0) {
        *at_us = unlocal(local) * SEC_US + usec;
        return 0;
    }
    char sign;
    if (!take_one_of(&s, "Zz+-", &sign))
        return -1;
    if ((sign == '+' || sign == '-') && take_clock(&s, &off_minute) != 0)
        return -1;
    if (s.n != 0)
        return -1;
    *at_us = (local - (sign == '-' ? -off_minute : off_minute) * 60) * SEC_US + usec;
    return 0;
}
