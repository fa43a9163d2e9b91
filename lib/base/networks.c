/*
 * lib/base/networks.c - lists of IP networks
 */
#include "base/networks.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

static int
parse_one(char *text, gh_networks_t *out)
{
    char *slash = strchr(text, '/'), *end = NULL;
    if (slash)
        *slash++ = '\0';
    uint8_t address[16] = {0};
    int family = strchr(text, ':') ? AF_INET6 : AF_INET, most = family == AF_INET6 ? 128 : 32;
    if (out->n == GH_NETWORKS_MAX || inet_pton(family, text, address) != 1)
        return -1;
    long bits = slash ? strtol(slash, &end, 10) : most;
    if (slash && (end == slash || *end != '\0' || bits < 0 || bits > most))
        return -1;
    out->at[out->n].family = family;
    out->at[out->n].bits = (int)bits;
    memcpy(out->at[out->n++].address, address, sizeof address);
    return 0;
}

int
gh_networks_parse(const char *text, gh_networks_t *out)
{
    out->n = 0;
    while (*text) {
        char one[64];
        size_t n = strcspn(text, ", ");
        if (n >= sizeof one)
            return -1;
        memcpy(one, text, n);
        one[n] = '\0';
        if (n && parse_one(one, out))
            return -1;
        text += n + strspn(text + n, ", ");
    }
    return 0;
}

static bool
same_prefix(const uint8_t *a, const uint8_t *b, int bits)
{
    int bytes = bits / 8, rest = bits % 8;
    if (memcmp(a, b, (size_t)bytes) != 0)
        return false;
    return rest == 0 || ((a[bytes] ^ b[bytes]) >> (8 - rest)) == 0;
}

bool
gh_networks_hold(const gh_networks_t *list, int family, const void *address)
{
    const uint8_t *a = address;
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    if (family == AF_INET6 && memcmp(a, mapped, sizeof mapped) == 0) {
        family = AF_INET;
        a += sizeof mapped;
    }
    for (size_t i = 0; i < list->n; i++)
        if (list->at[i].family == family && same_prefix(list->at[i].address, a, list->at[i].bits))
            return true;
    return false;
}
