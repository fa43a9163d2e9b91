/*
 * front/networks.h - lists of IP networks (CIDR)
 */
#ifndef GH_FRONT_NETWORKS_H
#define GH_FRONT_NETWORKS_H

#include "base/gh.h"

#define FRONT_NETWORKS_MAX 32

typedef struct front_networks {
    struct {
        int family;
        uint8_t address[16];
        int bits;
    } at[FRONT_NETWORKS_MAX];
    size_t n;
} front_networks_t;

/* "127.0.0.0/8, ::1" -> list. -1 when an entry is no network. */
int front_networks_parse(const char *text, front_networks_t *out) GH_MUSTCHECK;
/* address: 4 bytes for AF_INET, 16 for AF_INET6. */
bool front_networks_hold(const front_networks_t *list, int family, const void *address);

#endif
