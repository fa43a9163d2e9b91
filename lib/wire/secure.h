/*
 * lib/wire/secure.h - CURVE on the connecting side (decisions 8 and 12)
 *
 * `link.cert` names our own certificate (czmq zcert: FILE and FILE_secret), `link.server_cert` the broker's
 * public one, or a comma list of them in the order of the endpoints of a link.* setting. ipc and loopback
 * endpoints need neither; any other tcp endpoint is refused without.
 */
#ifndef GH_WIRE_SECURE_H
#define GH_WIRE_SECURE_H

#include "base/conf.h"

/* Prepare a libzmq socket for connecting to `endpoint`, entry `index` of its list. -1 after a log line when
 * the keys are missing or unreadable: do not connect then. Call it before each zmq_connect(). */
int gh_link_secure(void *socket, const gh_conf_t *conf, const char *endpoint, size_t index) GH_MUSTCHECK;

#endif
