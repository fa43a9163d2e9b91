/*
 * workers/identity/relative_rules.c - decisions about relatives; see the header
 */
#include "workers/identity/relative_rules.h"

#include <stdio.h>

#include "base/timez.h"
#include "workers/identity/register_rules.h"

#define CARD_OLD 15
#define CARD     18

gh_err_t
gh_relative_given(gh_str_t name, gh_str_t card)
{
    size_t characters = 0;
    if (name.n == 0 || card.n == 0)
        return GH_E_RELATIVE_FIELDS_REQUIRED;
    for (size_t i = 0; i < card.n; i++)
        characters += ((unsigned char)card.p[i] & 0xC0) != 0x80;
    return characters == CARD_OLD || characters == CARD ? GH_E_NONE : GH_E_ID_CARD_LENGTH;
}

gh_err_t
gh_relative_add(const gh_relative_facts_t *facts)
{
    if (facts->known && !facts->same_name)
        return GH_E_ID_CARD_NAME_MISMATCH;
    if (facts->self)
        return GH_E_RELATIVE_IS_SELF;
    if (facts->related)
        return GH_E_RELATIVE_EXISTS;
    return facts->limit > 0 && facts->relatives >= facts->limit ? GH_E_RELATIVE_LIMIT : GH_E_NONE;
}

gh_err_t
gh_relative_remove(bool self, bool is_default)
{
    if (self)
        return GH_E_RELATIVE_SELF_KEPT;
    return is_default ? GH_E_RELATIVE_DEFAULT_KEPT : GH_E_NONE;
}

gh_card_person_t
gh_card_read(gh_str_t card, int32_t today)
{
    gh_card_person_t out = {0};
    char day[GH_TEXT_DATE];
    if (card.n != CARD)
        return out;
    for (size_t i = 0; i < CARD - 1; i++)
        if (card.p[i] < '0' || card.p[i] > '9')
            return out;
    snprintf(day, sizeof day, "%.4s-%.2s-%.2s", card.p + 6, card.p + 10, card.p + 12);
    out.read = gh_day_parse(gh_str(day), &out.born) == 0 && gh_birth_day_ok(out.born, today);
    out.male = (card.p[CARD - 2] - '0') % 2 == 1;
    return out;
}
