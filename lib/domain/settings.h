/*
 * lib/domain/settings.h - the database settings that booking and cancelling obey (api/06, api/12 section 12.6, api/29)
 *
 * Read in the transaction that uses them. The entry `registration` of a doctor replaces the global one as a whole;
 * members it lacks, and members outside the bounds of BR-67, take the default.
 */
#ifndef GH_DOMAIN_SETTINGS_H
#define GH_DOMAIN_SETTINGS_H

#include "base/gh.h"

typedef struct gh_registration {
    int32_t advance_days;    /* BR-76 */
    int32_t deadline_minute; /* BR-77: minute of the day */
    int32_t no_show_limit;   /* BR-78 */
    int32_t cancel_hours;    /* BR-85 */
    int32_t interval_days;   /* BR-79 */
    bool interval_on;        /* BR-79 counts only when switched on */
    int32_t payment_minutes; /* BR-83, BR-87 */
    int32_t max_per_period;  /* BR-75: M */
    int32_t period_days;     /* BR-75: P */
} gh_registration_t;

extern const gh_registration_t gh_registration_default;

/* Largest values that BR-67 allows: how far back and ahead facts must be read, whatever a doctor's own entry says. */
#define GH_PERIOD_DAYS_MAX   30
#define GH_INTERVAL_DAYS_MAX 30
#define GH_NO_SHOW_DAYS      90

/* A member that is absent is given as -1 (numbers) by the reader; it and what lies outside BR-67 becomes the default. */
void gh_registration_mend(gh_registration_t *r);

#endif
