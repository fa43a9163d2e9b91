/*
 * ops/cmd/mdp_client.h - a blocking Majordomo 0.2 client for questions to the brokers (8/MMI)
 *
 * One DEALER a broker. A question that is not answered in time is given up and its socket replaced, so that
 * a late answer can never be taken for the next one (Lazy Pirate). Single-threaded.
 */
#ifndef GH_CMD_MDP_CLIENT_H
#define GH_CMD_MDP_CLIENT_H

#include "base/buf.h"
#include "base/conf.h"

#define GH_MMI_BROKERS_MAX 16
#define GH_MMI_REPLY_MAX   (4u << 20) /* an answer larger than this is refused */

typedef struct gh_mdp_client gh_mdp_client_t;

/* A client of every broker of the list (wire/broker_list.h), with the keys of link.cert where an endpoint needs them (settings are
 * borrowed). NULL after a message on stderr when the list is empty or faulty, or holds an endpoint that cannot be connected
 * to. Caller destroys. */
gh_mdp_client_t *gh_mdp_client_new(const gh_conf_t *conf, int timeout_ms);
void gh_mdp_client_destroy(gh_mdp_client_t **client_p);

size_t gh_mdp_client_count(const gh_mdp_client_t *c);
const char *gh_mdp_client_endpoint(const gh_mdp_client_t *c, size_t broker); /* borrowed */
const char *gh_mdp_client_name(const gh_mdp_client_t *c, size_t broker);     /* borrowed */
/* The broker of this name or endpoint; -1: none. */
int gh_mdp_client_find(const gh_mdp_client_t *c, const char *which);

/* Ask broker number `broker` for an mmi.* service; arg NULL sends an empty argument. 0: `code` holds the
 * broker's code ("200"), `body` (cleared first) the frame after it, if any. -1: no proper answer in time. */
int gh_mdp_client_mmi(gh_mdp_client_t *c, size_t broker, const char *service, const char *arg, char code[8],
                      gh_buf_t *body) GH_MUSTCHECK;

#endif
