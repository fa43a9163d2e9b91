/*
 * workers/identity/admin_rules.c - see admin_rules.h
 */
#include "workers/identity/admin_rules.h"

/* R-54; roles are given by who may manage them, ADMIN by administrators alone (BR-12). */
static gh_err_t
roles_decide(const gh_admin_caller_t *caller, const gh_admin_account_t *account,
             const gh_admin_change_t *change)
{
    if (change->no_roles)
        return GH_E_ROLE_REQUIRED;
    if (!change->sets_roles)
        return GH_E_NONE;
    if (!caller->role_manager)
        return GH_E_FORBIDDEN;
    if (change->to_admin && !account->admin && !caller->admin && !caller->superuser)
        return GH_E_FORBIDDEN;
    return GH_E_NONE;
}

/* */
static bool
ends_administration(const gh_admin_account_t *account, const gh_admin_change_t *change)
{
    bool goes = change->deletes || (change->sets_active && !change->active) ||
                (change->sets_roles && !change->to_admin);
    return account->admin && account->active && !account->other_admin && goes;
}

gh_err_t
gh_admin_decide(const gh_admin_caller_t *caller, const gh_admin_account_t *account,
                const gh_admin_change_t *change)
{
    bool self = caller->id == account->id;
    if (!account->known)
        return GH_E_NOT_FOUND;
    if (change->only_own && !self && !caller->admin && !caller->superuser)
        return GH_E_NOT_OWNER; /* BR-14 */
    if (change->deletes && change->spares_admins && account->admin)
        return GH_E_ADMIN_NOT_DELETABLE; /* BR-15 */
    if (change->deletes && self)
        return GH_E_SELF_DELETE; /* */
    if ((change->edits || change->deletes) && !self && (account->admin || account->superuser) &&
        !caller->superuser)
        return GH_E_SUPERUSER_REQUIRED; /* */
    if (change->sets_superuser && change->superuser != account->superuser && !caller->superuser)
        return GH_E_SUPERUSER_REQUIRED; /* */
    gh_err_t err = roles_decide(caller, account, change);
    if (err != GH_E_NONE)
        return err;
    return ends_administration(account, change) ? GH_E_LAST_ADMIN : GH_E_NONE;
}

unsigned
gh_admin_name_missed(const gh_admin_account_t *account, const gh_admin_change_t *change)
{
    unsigned left = (account->names & ~change->names_cleared) | change->names_set;
    unsigned lost = account->names & change->names_cleared;
    return left ? 0 : lost;
}

gh_err_t
gh_role_decide(gh_role_act_t act, const gh_role_facts_t *role)
{
    if (act == GH_ROLE_MADE) {
        if (role->known)
            return GH_E_DUPLICATE;
        return role->all_roles >= GH_ROLE_COUNT_MAX ? GH_E_VALIDATION_FAILED : GH_E_NONE;
    }
    if (!role->known)
        return GH_E_NOT_FOUND;
    if (act == GH_ROLE_GONE && role->builtin)
        return GH_E_ROLE_BUILTIN;
    if (act == GH_ROLE_GONE)
        return role->holders > 0 ? GH_E_ROLE_IN_USE : GH_E_NONE;
    if ((role->builtin && role->renamed) || (role->admin && role->shrinks))
        return GH_E_ROLE_BUILTIN;
    return GH_E_NONE;
}
