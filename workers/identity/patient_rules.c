/*
 * workers/identity/patient_rules.c - decisions about patients; see the header
 */
#include "workers/identity/patient_rules.h"

#include "contract/access.h"

#define ADMINISTERS (GH_ROLE_ADMIN | GH_ROLE_SUPERUSER)
#define EVERYTHING  (GH_PATIENT_PERSON | GH_PATIENT_OFFICE | GH_PATIENT_CLINICAL)

unsigned
gh_patient_parts(const gh_patient_caller_t *caller)
{
    unsigned parts = 0;
    if (caller->roles & ADMINISTERS)
        return EVERYTHING;
    if (caller->scopes & GH_SCOPE_ALL) /* */
        parts |= caller->roles & GH_ROLE_STAFF ? GH_PATIENT_PERSON | GH_PATIENT_OFFICE : EVERYTHING;
    if (caller->own)
        parts |= GH_PATIENT_PERSON | GH_PATIENT_CLINICAL;
    if (caller->assigned && caller->scopes & GH_SCOPE_ASSIGNED)
        parts |= GH_PATIENT_CLINICAL;
    return parts;
}

gh_err_t
gh_patient_refusal(const gh_patient_caller_t *caller)
{
    return caller->scopes & GH_SCOPE_ASSIGNED ? GH_E_NOT_ASSIGNED : GH_E_NOT_OWNER;
}

unsigned
gh_patient_new_parts(uint32_t roles, bool for_himself)
{
    if (for_himself)
        return GH_PATIENT_PERSON | GH_PATIENT_CLINICAL;
    if (roles & ADMINISTERS)
        return EVERYTHING;
    unsigned parts = GH_PATIENT_PERSON;
    if (roles & GH_ROLE_STAFF)
        parts |= GH_PATIENT_OFFICE;
    if (roles & GH_ROLE_DOCTOR)
        parts |= GH_PATIENT_CLINICAL;
    return parts;
}

static bool
digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool
upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

bool
gh_icd10_ok(gh_str_t code)
{
    const char *p = code.p;
    if (code.n < 3 || !upper(p[0]) || !digit(p[1]) || !(digit(p[2]) || p[2] == 'A' || p[2] == 'B'))
        return false;
    if (code.n == 3)
        return true;
    if (p[3] != '.' || code.n < 5 || code.n > 8)
        return false;
    for (size_t i = 4; i < code.n; i++)
        if (!digit(p[i]) && !upper(p[i]))
            return false;
    return true;
}
