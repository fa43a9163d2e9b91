/*
 * broker/route.c - a message that came in: whose is it? Dispatch on the header, so that one ROUTER serves clients and
 * workers of both Majordomo versions. What is not Majordomo is dropped and counted.
 */
#include "broker.h"

#define LOOKED_AT 8 /* the parser looks at the frames before the body only */

static void
route_client(gh_broker_t *b, gh_message_t *m, const gh_mdp_msg_t *msg)
{
    if (msg->command != GH_MDPC_REQUEST)
        b->total.invalid++;
    else if (gh_mmi_is(msg->service))
        gh_mmi_request(b, m, msg);
    else
        gh_client_request(b, m, msg);
}

void
gh_route(gh_broker_t *b, gh_message_t *m)
{
    gh_str_t frames[LOOKED_AT];
    gh_mdp_msg_t msg;
    size_t n = m->n - 1;

    if (m->port->curve && m->roles == 0) {
        b->total.unknown_key++;
        return;
    }
    for (size_t i = 0; i < n && i < LOOKED_AT; i++)
        frames[i] = gh_frame_str(&m->frame[1 + i]);
    if (gh_mdp_parse(frames, n, &msg) < 0) {
        b->total.invalid++;
        return;
    }
    msg.body++; /* from here on an index into the message, identity included */
    if (msg.side == GH_MDP_CLIENT)
        route_client(b, m, &msg);
    else
        gh_worker_command(b, m, &msg);
}
