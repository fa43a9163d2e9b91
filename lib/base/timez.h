/*
 * lib/base/timez.h - clocks and the hospital's time zone
 *
 * Instants are int64_t microseconds since 1970-01-01 UTC (`_us`); a visit day is an int32_t number of days since
 * 1970-01-01 in the hospital's zone (`_day`); a clock time is minutes since midnight there. The machine's zone is
 * never used. Rules take `now_us` as an argument; only the edges of a program read the clock.
 */
#ifndef GH_BASE_TIMEZ_H
#define GH_BASE_TIMEZ_H

#include "base/gh.h"

/* Set the hospital's zone for this process, once, before threads start: an IANA name ("Asia/Shanghai").
 * -1 when the zone is unknown to the system's zone data. */
int gh_tz_init(const char *zone) GH_MUSTCHECK;
const char *gh_tz_name(void);

int64_t gh_now_us(void);     /* the hospital's wall clock, UTC: the machine's, moved by the test clock */
int64_t gh_machine_us(void); /* the machine's wall clock, never moved: ages of jobs and leases, log lines */
int64_t gh_mono_ms(void);    /* monotonic, for timeouts and budgets */
int64_t gh_mono_us(void);

/* The test clock (decisions 20): gh_now_us() is this much ahead of the machine from now on, in every thread; 0: it is not moved. */
void gh_clock_shift(int64_t shift_us);
int64_t gh_clock_shifted(void);

typedef struct gh_civil {
    int year, month, day; /* month 1..12 */
    int hour, minute, second;
    int usec;
    int offset_s; /* seconds east of UTC at that moment */
} gh_civil_t;

/* Instant -> wall clock in the hospital's zone. */
gh_civil_t gh_tz_civil(int64_t at_us);
/* Wall clock in the hospital's zone -> instant. A clock time that a shift skips moves forward; one that happens
 * twice is the first. */
int64_t gh_tz_instant(int year, int month, int day, int hour, int minute, int second);
int32_t gh_tz_day(int64_t at_us);                  /* visit day of an instant */
int64_t gh_day_at(int32_t day, int minute_of_day); /* instant of a clock time on a day */
int32_t gh_day_from_ymd(int year, int month, int day);
void gh_day_to_ymd(int32_t day, int *year, int *month, int *d);
int gh_day_weekday(int32_t day); /* Monday 1 .. Sunday 7 */

/* Texts of the wire (api/00 section 0.1, api/20 section 8). out sizes include the NUL. */
#define GH_TEXT_DATE 11 /* 2026-03-09 */
#define GH_TEXT_DT   20 /* 2026-03-09T08:15:30 and 2026-03-09 08:15:30 */
#define GH_TEXT_TS   26 /* 2026-03-09T08:15:30+08:00 */
void gh_day_text(int32_t day, char out[GH_TEXT_DATE]);
void gh_dt_text(int64_t at_us, char sep, char out[GH_TEXT_DT]); /* sep 'T' or ' ' */
void gh_ts_text(int64_t at_us, char out[GH_TEXT_TS]);

/* Parse `YYYY-MM-DD`. -1 unless the whole span is a real date. */
int gh_day_parse(gh_str_t s, int32_t *day) GH_MUSTCHECK;
/* Parse RFC 3339, with `T` or blank, seconds optional, fraction up to 6 digits; without an offset the time is in the
 * hospital's zone (api/20 section 8). -1 unless the whole span fits. */
int gh_ts_parse(gh_str_t s, int64_t *at_us) GH_MUSTCHECK;
/* Parse `HH:MM` (24 h) to minutes. */
int gh_clock_parse(gh_str_t s, int *minute_of_day) GH_MUSTCHECK;

#endif
