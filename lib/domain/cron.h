/*
 * lib/domain/cron.h - when a recurring job is due: the five fields of crontab(5), in the hospital's time zone
 *
 *   minute 0-59 | hour 0-23 | day of month 1-31 | month 1-12 or jan-dec | day of week 0-7 or sun-sat (0 and 7: Sunday)
 *
 * A field is `*` or a comma list of values and ranges `a-b`, either with a step: `*` + `/5`, `8-18/2`. When both days are
 * restricted (neither field begins with `*`), a day that fits one of them counts, as crontab(5) says. A clock time that a shift of the zone skips
 * happens when the shift has passed; one that comes twice is its first, but both when the hour begins with `*`: what runs each hour or
 * each few minutes does so in the repeated hour too.
 */
#ifndef GH_DOMAIN_CRON_H
#define GH_DOMAIN_CRON_H

#include "base/gh.h"

typedef struct gh_cron {
    uint64_t minutes;
    uint32_t hours, days; /* bit n: n */
    uint16_t months;
    uint8_t weekdays; /* bit 0: Sunday */
    bool any_day, any_weekday, any_hour;
} gh_cron_t;

/* Read an expression. -1 unless the whole text is one. */
int gh_cron_parse(gh_str_t text, gh_cron_t *out) GH_MUSTCHECK;
/* The first moment after after_us that fits, on the full minute; 0 when there is none within nine years (30 February). */
int64_t gh_cron_next(const gh_cron_t *c, int64_t after_us);

#endif
