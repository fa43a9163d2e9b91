/*
 * lib/wire/secure.h - CURVE on the connecting side (decisions 8 and 12)
 *
 * `link.cert` names our own certificate (czmq zcert: FILE and FILE_secret); the broker's public one comes from the list of
 * brokers (broker_list.h). ipc and loopback endpoints need neither; any other tcp endpoint is refused without.
 */
#ifndef GH_WIRE_SECURE_H
#define GH_WIRE_SECURE_H

#include "base/conf.h"

/* Prepare a libzmq socket for connecting to `endpoint` of a broker with this public certificate ("": none). -1 after a log line
 * when the keys are missing or unreadable: do not connect then. Call it before each zmq_connect(). */
int gh_link_secure(void *socket, const gh_conf_t *conf, const char *endpoint,
                   const char *server_cert) GH_MUSTCHECK;

#endif
