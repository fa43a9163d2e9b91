/*
 * lib/wire/key_roles.c - see key_roles.h
 */
#include "wire/key_roles.h"

static uint32_t
role_of(const char *name)
{
    static const struct {
        const char *name;
        uint32_t role;
    } roles[] = {{"front", GH_KEY_FRONT}, {"worker", GH_KEY_WORKER},     {"jobs", GH_KEY_JOBS},
                 {"ops", GH_KEY_OPS},     {"identity", GH_KEY_IDENTITY}, {"public", GH_KEY_PUBLIC}};

    for (size_t i = 0; i < GH_COUNT(roles); i++)
        if (strcmp(name, roles[i].name) == 0)
            return roles[i].role;
    return 0;
}

int
gh_key_roles(const char *list, uint32_t *roles)
{
    char text[128], *save = NULL;
    size_t n = list ? strlen(list) : 0;
    int rc = 0;

    *roles = 0;
    if (n == 0 || n >= sizeof text)
        return -1;
    memcpy(text, list, n + 1);
    for (char *word = strtok_r(text, ", ", &save); word; word = strtok_r(NULL, ", ", &save)) {
        uint32_t role = role_of(word);
        if (role == 0)
            rc = -1;
        *roles |= role;
    }
    return *roles ? rc : -1;
}
