/*
 * lib/base/money.h - money as integer cents
 *
 * numeric(12,2) in SQL, int64_t cents here, a JSON number with two decimals on the wire. Never a double.
 */
#ifndef GH_BASE_MONEY_H
#define GH_BASE_MONEY_H

#include "base/gh.h"

#define GH_MONEY_MAX INT64_C(999999999999) /* numeric(12,2): ten digits before the point */

/* "40", "40.5", "-0.25" -> cents. -1 on more than two decimals, other characters, or outside +-GH_MONEY_MAX. */
int gh_money_parse(gh_str_t s, int64_t *cents) GH_MUSTCHECK;
/* Writes e.g. "40.00"; returns the length. */
int gh_money_text(int64_t cents, char out[24]);

#define GH_RATE_ONE 10000 /* a discount rate of 1.0: rates are integers in ten-thousandths */
int gh_rate_parse(gh_str_t s, int32_t *rate) GH_MUSTCHECK; /* "0.8" -> 8000; at most four decimals, 0..1 */
/* cents x rate, rounded half up to whole cents (BR-36). cents >= 0. */
int64_t gh_money_discount(int64_t cents, int32_t rate);

#endif
