/*
 * front/forwarded.c - X-Forwarded-For
 */
#include "front/forwarded.h"

#include <arpa/inet.h>

void
front_address_set(front_address_t *a, int family, const void *bytes)
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    const uint8_t *b = bytes;
    *a = (front_address_t){.family = family};
    if (family == AF_INET6 && memcmp(b, mapped, sizeof mapped) == 0) {
        a->family = AF_INET;
        b += sizeof mapped;
    }
    memcpy(a->bytes, b, a->family == AF_INET ? 4 : 16);
}

/* "192.0.2.1", "192.0.2.1:4711", "2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:4711". */
static bool
parse(gh_str_t s, front_address_t *out)
{
    char text[INET6_ADDRSTRLEN];
    uint8_t bytes[16];
    const char *colon = s.n ? memchr(s.p, ':', s.n) : NULL;
    bool four = s.n && memchr(s.p, '.', s.n) &&
                (!colon || !memchr(colon + 1, ':', s.n - (size_t)(colon + 1 - s.p)));
    if (s.n && s.p[0] == '[') {
        const char *end = memchr(s.p, ']', s.n);
        if (!end)
            return false;
        s = (gh_str_t){s.p + 1, (size_t)(end - s.p - 1)};
    } else if (four && colon) {
        s.n = (size_t)(colon - s.p);
    }
    if (s.n == 0 || s.n >= sizeof text)
        return false;
    memcpy(text, s.p, s.n);
    text[s.n] = '\0';
    int family = four ? AF_INET : AF_INET6;
    if (inet_pton(family, text, bytes) != 1)
        return false;
    front_address_set(out, family, bytes);
    return true;
}

bool
front_forwarded(const gh_networks_t *trusted, gh_str_t list, front_address_t *at)
{
    while (gh_networks_hold(trusted, at->family, at->bytes)) {
        front_address_t before;
        if (list.n == 0)
            return true;
        const char *comma = memrchr(list.p, ',', list.n);
        gh_str_t last = comma ? (gh_str_t){comma + 1, list.n - (size_t)(comma + 1 - list.p)} : list;
        list.n = comma ? (size_t)(comma - list.p) : 0;
        if (!parse(gh_str_trim(last), &before))
            return false;
        *at = before;
    }
    return false;
}
