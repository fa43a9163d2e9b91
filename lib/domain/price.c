/*
 * lib/domain/price.c - BR-31, BR-36 and BR-37; see the header
 */
#include "domain/price.h"

const gh_rates_t gh_rates_default = {8000, 8000, 8000, GH_RATE_ONE};

static int32_t
mend(int32_t rate, int32_t otherwise)
{
    return rate > 0 && rate <= GH_RATE_ONE ? rate : otherwise;
}

void
gh_rates_mend(gh_rates_t *rates)
{
    rates->student = mend(rates->student, gh_rates_default.student);
    rates->teacher = mend(rates->teacher, gh_rates_default.teacher);
    rates->staff = mend(rates->staff, gh_rates_default.staff);
    rates->external = mend(rates->external, gh_rates_default.external);
}

int32_t
gh_rate_of(const gh_rates_t *rates, gh_str_t patient_type)
{
    if (gh_str_is(patient_type, "学生"))
        return rates->student;
    if (gh_str_is(patient_type, "教师"))
        return rates->teacher;
    if (gh_str_is(patient_type, "职工"))
        return rates->staff;
    if (gh_str_is(patient_type, "校外"))
        return rates->external;
    return GH_RATE_ONE;
}

int64_t
gh_price_payable(int64_t list_price, int32_t rate)
{
    return gh_money_discount(list_price, rate);
}

const char *const gh_price_level_words[GH_PRICE_LEVELS] = {"SCHEDULE",   "DOCTOR", "CLINIC",
                                                           "MINOR_DEPT", "GLOBAL", "BUILTIN"};

int64_t
gh_price_list(const gh_price_levels_t *levels, gh_str_t slot_type, gh_price_level_t *from)
{
    for (gh_price_level_t level = GH_PRICE_DOCTOR; level < GH_PRICE_BUILTIN; level++)
        if (levels->said[level] >= 0) {
            *from = level;
            return levels->said[level];
        }
    *from = GH_PRICE_BUILTIN;
    return gh_str_is(slot_type, "特需") ? 50000 : gh_str_is(slot_type, "专家") ? 10000 : 5000;
}

gh_quote_t
gh_price_quote(int64_t list, gh_str_t slot_type, const gh_price_levels_t *levels, const gh_rates_t *rates,
               gh_str_t patient_type)
{
    gh_quote_t q = {.list = list, .rate = gh_rate_of(rates, patient_type)};
    if (gh_price_list(levels, slot_type, &q.from) != list)
        q.from = GH_PRICE_SCHEDULE;
    q.payable = gh_price_payable(list, q.rate);
    return q;
}
