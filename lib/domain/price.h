/*
 * lib/domain/price.h - what a booking costs (BR-31, BR-36, BR-37, R-103): one function for every surface
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

/* Where a list price comes from, the most specific first. */
typedef enum {
    GH_PRICE_SCHEDULE, /* said by the session itself */
    GH_PRICE_DOCTOR,
    GH_PRICE_CLINIC,
    GH_PRICE_DEPT, /* the doctor's minor department */
    GH_PRICE_GLOBAL,
    GH_PRICE_BUILTIN,
    GH_PRICE_LEVELS
} gh_price_level_t;

/* "SCHEDULE", "DOCTOR", "CLINIC", "MINOR_DEPT", "GLOBAL", "BUILTIN" */
extern const char *const gh_price_level_words[GH_PRICE_LEVELS];

/* What each level says for one slot type, in cents; negative: nothing. GH_PRICE_SCHEDULE and _BUILTIN are not read. */
typedef struct gh_price_levels {
    int64_t said[GH_PRICE_LEVELS];
} gh_price_levels_t;

/* BR-31: the first level that says something, else 50, 100 or 500 for 普通, 专家, 特需 (as 普通 for another word). */
int64_t gh_price_list(const gh_price_levels_t *levels, gh_str_t slot_type, gh_price_level_t *from);

/* What a patient would pay for a place of a session (BR-31, BR-36). */
typedef struct gh_quote {
    int64_t list; /* cents: the session's own, fixed when it was made */
    gh_price_level_t
        from; /* the level that says this price today; SCHEDULE when none does: it was asked for, or has changed since */
    int32_t rate; /* ten-thousandths */
    int64_t payable;
} gh_quote_t;
gh_quote_t gh_price_quote(int64_t list, gh_str_t slot_type, const gh_price_levels_t *levels,
                          const gh_rates_t *rates, gh_str_t patient_type);

#endif
