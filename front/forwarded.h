/*
 * front/forwarded.h - whose request it is, when proxies stand between (proxy.trusted, api/20 section 8)
 */
#ifndef GH_FRONT_FORWARDED_H
#define GH_FRONT_FORWARDED_H

#include "base/networks.h"

typedef struct front_address {
    int family;        /* AF_INET, AF_INET6 */
    uint8_t bytes[16]; /* the first 4 for AF_INET; IPv4 within IPv6 is stored as IPv4 */
} front_address_t;

/* Set from 4 or 16 bytes in network order. */
void front_address_set(front_address_t *a, int family, const void *bytes);
/*
 * Follow one X-Forwarded-For list from its right end: while `at` is a trusted proxy, the element it wrote says who it
 * was asked by. Several header lines: the last one first. Stops at what is no address. True when the list was used up,
 * so that the line before it counts too.
 */
bool front_forwarded(const gh_networks_t *trusted, gh_str_t list, front_address_t *at);

#endif
