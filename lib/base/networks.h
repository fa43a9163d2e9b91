/*
 * lib/base/networks.h - lists of IP networks (CIDR)
 */
#ifndef GH_BASE_NETWORKS_H
#define GH_BASE_NETWORKS_H

#include "base/gh.h"

#define GH_NETWORKS_MAX 32

typedef struct gh_networks {
    struct {
        int family;
        uint8_t address[16];
        int bits;
    } at[GH_NETWORKS_MAX];
    size_t n;
} gh_networks_t;

/* "127.0.0.0/8, ::1" -> list. -1 when an entry is no network. */
int gh_networks_parse(const char *text, gh_networks_t *out) GH_MUSTCHECK;
/* address: 4 bytes for AF_INET, 16 for AF_INET6. */
bool gh_networks_hold(const gh_networks_t *list, int family, const void *address);

#endif
