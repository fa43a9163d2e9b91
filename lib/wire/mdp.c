/*
 * lib/wire/mdp.c - Majordomo framing, parsed to the byte (18/MDP 0.2, 7/MDP 0.1; see mdp.h)
 */
#include "wire/mdp.h"

#define HEADER_LEN 6
#define CLIENT_MAX 255 /* a ROUTER identity */

bool
gh_mdp_service_valid(gh_str_t service)
{
    if (service.n < 1 || service.n > GH_MDP_SERVICE_MAX)
        return false;
    for (size_t i = 0; i < service.n; i++) {
        char c = service.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
              c == '_' || c == '-'))
            return false;
    }
    return true;
}

uint32_t
gh_mdp_credit(gh_str_t credit)
{
    uint32_t v = 0;

    if (credit.n < 1 || credit.n > 5 || credit.p[0] == '0')
        return 0;
    for (size_t i = 0; i < credit.n; i++) {
        if (credit.p[i] < '0' || credit.p[i] > '9')
            return 0;
        v = v * 10 + (uint32_t)(credit.p[i] - '0');
    }
    return v <= UINT16_MAX ? v : 0;
}

/* client | "" | body... from frame `at` on. */
static int
parse_envelope(const gh_str_t *frames, size_t n, size_t at, gh_mdp_msg_t *out)
{
    if (n < at + 3 || frames[at].n < 1 || frames[at].n > CLIENT_MAX || frames[at + 1].n != 0)
        return -1;
    out->client = frames[at];
    out->body = at + 2;
    return 0;
}

/* service | body... from frame `at` on. */
static int
parse_service(const gh_str_t *frames, size_t n, size_t at, gh_mdp_msg_t *out)
{
    if (n < at + 2 || !gh_mdp_service_valid(frames[at]))
        return -1;
    out->service = frames[at];
    out->body = at + 1;
    return 0;
}

/* Of a process: host:pid. */
static bool
name_valid(gh_str_t name)
{
    for (size_t i = 0; i < name.n; i++)
        if (name.p[i] <= ' ' || name.p[i] > '~' || name.p[i] == '"' || name.p[i] == '\\')
            return false;
    return name.n > 0 && name.n <= GH_MDP_NAME_MAX;
}

static int
parse_ready(const gh_str_t *frames, size_t n, size_t at, gh_mdp_msg_t *out)
{
    bool named = out->version == 2 && n == at + 3, credit = named || (out->version == 2 && n == at + 2);

    if ((n != at + 1 && !credit) || !gh_mdp_service_valid(frames[at]))
        return -1;
    if (credit && gh_mdp_credit(frames[at + 1]) == 0)
        return -1;
    if (named && !name_valid(frames[at + 2]))
        return -1;
    out->service = frames[at];
    out->credit = credit ? frames[at + 1] : (gh_str_t){NULL, 0};
    out->name = named ? frames[at + 2] : (gh_str_t){NULL, 0};
    out->body = n;
    return 0;
}

/* frames[at] is the worker's command byte. */
static int
parse_worker(const gh_str_t *frames, size_t n, size_t at, gh_mdp_msg_t *out)
{
    static const uint8_t of_v1[] = {
        0, GH_MDPW_READY, GH_MDPW_REQUEST, GH_MDPW_FINAL, GH_MDPW_HEARTBEAT, GH_MDPW_DISCONNECT};

    if (n <= at || frames[at].n != 1)
        return -1;
    out->command = (uint8_t)frames[at].p[0];
    if (out->version == 1) {
        if (out->command >= GH_COUNT(of_v1))
            return -1;
        out->command = of_v1[out->command];
    }
    switch (out->command) {
    case GH_MDPW_READY:
        return parse_ready(frames, n, at + 1, out);
    case GH_MDPW_REQUEST:
    case GH_MDPW_PARTIAL:
    case GH_MDPW_FINAL:
        return parse_envelope(frames, n, at + 1, out);
    case GH_MDPW_HEARTBEAT:
        out->body = at + 1;
        return n == at + 1 || (out->version == 2 && n == at + 2) ? 0 : -1;
    case GH_MDPW_DISCONNECT:
        out->leave = out->version == 2 && n == at + 2 && gh_str_is(frames[at + 1], GH_MDPW_LEAVE);
        return n == at + 1 || out->leave ? 0 : -1;
    default:
        return -1;
    }
}

static int
parse_client(const gh_str_t *frames, size_t n, size_t at, gh_mdp_msg_t *out)
{
    if (out->version == 1) {
        out->command = GH_MDPC_REQUEST;
        return parse_service(frames, n, at, out);
    }
    if (n <= at || frames[at].n != 1)
        return -1;
    out->command = (uint8_t)frames[at].p[0];
    if (out->command < GH_MDPC_REQUEST || out->command > GH_MDPC_FINAL)
        return -1;
    return parse_service(frames, n, at + 1, out);
}

static bool
is_header(gh_str_t frame, const char *header)
{
    return frame.n == HEADER_LEN && memcmp(frame.p, header, HEADER_LEN) == 0;
}

int
gh_mdp_parse(const gh_str_t *frames, size_t n, gh_mdp_msg_t *out)
{
    *out = (gh_mdp_msg_t){.version = 2, .body = n};
    if (n < 2)
        return -1;
    if (frames[0].n == 0) { /* 0.1 begins with an empty frame */
        out->version = 1;
        if (is_header(frames[1], GH_MDPC01)) {
            out->side = GH_MDP_CLIENT;
            return parse_client(frames, n, 2, out);
        }
        out->side = GH_MDP_WORKER;
        return is_header(frames[1], GH_MDPW01) ? parse_worker(frames, n, 2, out) : -1;
    }
    if (is_header(frames[0], GH_MDPC02)) {
        out->side = GH_MDP_CLIENT;
        return parse_client(frames, n, 1, out);
    }
    out->side = GH_MDP_WORKER;
    return is_header(frames[0], GH_MDPW02) ? parse_worker(frames, n, 1, out) : -1;
}
