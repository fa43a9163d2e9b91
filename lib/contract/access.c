/*
 * lib/contract/access.c - read x-access (lib/contract/access.h)
 */
#include "contract/internal.h"

static const struct {
    const char *name;
    uint32_t bit;
} s_roles[] = {{"admin", GH_ROLE_ADMIN},        {"doctor", GH_ROLE_DOCTOR},   {"nurse", GH_ROLE_NURSE},
               {"staff", GH_ROLE_STAFF},        {"patient", GH_ROLE_PATIENT}, {"head", GH_ROLE_HEAD},
               {"superuser", GH_ROLE_SUPERUSER}},
  s_scopes[] = {
      {"all", GH_SCOPE_ALL}, {"dept", GH_SCOPE_DEPT}, {"assigned", GH_SCOPE_ASSIGNED}, {"own", GH_SCOPE_OWN}};

static uint32_t
find_role(const char *name)
{
    for (size_t i = 0; i < GH_COUNT(s_roles); i++)
        if (name && strcmp(s_roles[i].name, name) == 0)
            return s_roles[i].bit;
    return 0;
}

static uint32_t
find_scope(const char *name)
{
    for (size_t i = 0; i < GH_COUNT(s_scopes); i++)
        if (name && strcmp(s_scopes[i].name, name) == 0)
            return s_scopes[i].bit;
    return 0;
}

/* The guard of a single role has a sentence of its own (errors.yaml). */
static gh_err_t
role_refusal(uint32_t roles)
{
    switch (roles) {
    case GH_ROLE_ADMIN:
        return GH_E_ADMIN_REQUIRED;
    case GH_ROLE_DOCTOR:
        return GH_E_DOCTOR_REQUIRED;
    case GH_ROLE_HEAD:
        return GH_E_HEAD_REQUIRED;
    case GH_ROLE_SUPERUSER:
        return GH_E_SUPERUSER_REQUIRED;
    default:
        return GH_E_FORBIDDEN;
    }
}

static void
parse_roles(gh_contract_t *c, const json_t *list, gh_access_t *out)
{
    out->kind = GH_ACCESS_ROLES;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *name = json_string_value(json_array_get(list, i));
        uint32_t bit = find_role(name);
        if (!bit)
            gh_contract_fault(c, "x-access: no such role: %s", name ? name : "(not a text)");
        out->roles |= bit;
    }
    if (json_array_size(list) == 0)
        gh_contract_fault(c, "x-access: no role");
    out->refusal = role_refusal(out->roles);
}

static void
parse_permission(gh_contract_t *c, const json_t *v, gh_access_t *out)
{
    const char *code = gh_json_text(v, "permission");
    const json_t *scopes = json_object_get(v, "scope");
    out->kind = GH_ACCESS_PERMISSION;
    if (!code || !strchr(code, ':'))
        gh_contract_fault(c, "x-access: permission must be like appointment:book");
    out->permission = gh_contract_dup(c, code ? code : "");
    for (size_t i = 0; i < json_array_size(scopes); i++) {
        uint32_t bit = find_scope(json_string_value(json_array_get(scopes, i)));
        if (!bit)
            gh_contract_fault(c, "x-access: no such scope");
        out->scopes |= bit;
    }
    if (!out->scopes)
        gh_contract_fault(c, "x-access: a permission needs scopes");
}

void
gh_access_parse(gh_contract_t *c, const json_t *v, gh_access_t *out)
{
    const char *word = json_string_value(v);
    out->refusal = GH_E_FORBIDDEN;
    if (word && strcmp(word, "public") == 0)
        out->kind = GH_ACCESS_PUBLIC;
    else if (word && strcmp(word, "any") == 0)
        out->kind = GH_ACCESS_ANY;
    else if (json_is_array(v))
        parse_roles(c, v, out);
    else if (json_is_object(v))
        parse_permission(c, v, out);
    else
        gh_contract_fault(c, "x-access is missing or not understood");
}
