/*
 * lib/wire/key_roles.h - roles that a peer's CURVE key may have: metadata `role` of its public certificate (decisions 8, 12)
 */
#ifndef GH_WIRE_KEY_ROLES_H
#define GH_WIRE_KEY_ROLES_H

#include "base/gh.h"

enum {
    GH_KEY_FRONT = 1 << 0,
    GH_KEY_WORKER = 1 << 1,
    GH_KEY_JOBS = 1 << 2,
    GH_KEY_OPS = 1 << 3,
    GH_KEY_IDENTITY = 1 << 4,
    GH_KEY_PUBLIC = 1 << 5,
    GH_KEY_ALL = (1 << 6) - 1,
    GH_KEY_INSIDE = GH_KEY_ALL & ~GH_KEY_PUBLIC /* what has business on an inner endpoint */
};

#define GH_KEY_ROLE_WORDS "front, worker, jobs, ops, identity, public"

/* The roles of a list such as "worker,jobs" (commas or blanks between; NULL is empty). *roles gets those that are known;
 * -1 when there is an unknown word, none at all, or the list is longer than 127 bytes. */
int gh_key_roles(const char *list, uint32_t *roles);

#endif
