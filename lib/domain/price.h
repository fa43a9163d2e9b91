/*
 * lib/domain/price.h - what a booking costs (BR-36, BR-37, R-103): one function for every surface
 */
#ifndef GH_DOMAIN_PRICE_H
#define GH_DOMAIN_PRICE_H

#include "base/gh.h"
#include "base/money.h"

/* Identity rates in ten-thousandths, as the setting patientIdentityDiscounts has them. */
typedef struct gh_rates {
    int32_t student, teacher, staff, external;
} gh_rates_t;

extern const gh_rates_t gh_rates_default; /* 0.8, 0.8, 0.8, 1.0 */

/* BR-37: a stored rate outside (0, 1], or none (rate < 0), gives way to its default. */
void gh_rates_mend(gh_rates_t *rates);
/* Rate of a patient type (学生 教师 职工 校外); an unknown or missing type pays in full. */
int32_t gh_rate_of(const gh_rates_t *rates, gh_str_t patient_type);
/* BR-36: list price x rate, rounded half up to cents. */
int64_t gh_price_payable(int64_t list_price, int32_t rate);

#endif
