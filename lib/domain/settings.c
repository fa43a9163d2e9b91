/*
 * lib/domain/settings.c - defaults and bounds of the registration settings (api/06, BR-67)
 */
#include "domain/settings.h"

const gh_registration_t gh_registration_default = {
    .advance_days = 14,
    .deadline_minute = 8 * 60,
    .no_show_limit = 3,
    .cancel_hours = 2,
    .interval_days = 7,
    .interval_on = false,
    .payment_minutes = 30,
    .max_per_period = 10,
    .period_days = 8,
};

static void
mend(int32_t *value, int32_t low, int32_t high, int32_t otherwise)
{
    if (*value < low || *value > high)
        *value = otherwise;
}

void
gh_registration_mend(gh_registration_t *r)
{
    const gh_registration_t *d = &gh_registration_default;
    mend(&r->advance_days, 1, 90, d->advance_days);
    mend(&r->deadline_minute, 0, 24 * 60 - 1, d->deadline_minute);
    mend(&r->no_show_limit, 1, 10, d->no_show_limit);
    mend(&r->cancel_hours, 1, 72, d->cancel_hours);
    mend(&r->interval_days, 1, GH_INTERVAL_DAYS_MAX, d->interval_days);
    mend(&r->payment_minutes, 5, 120, d->payment_minutes);
    mend(&r->max_per_period, 1, 50, d->max_per_period);
    mend(&r->period_days, 1, GH_PERIOD_DAYS_MAX, d->period_days);
}
