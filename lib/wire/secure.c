/*
 * lib/wire/secure.c - see secure.h
 */
#include "wire/secure.h"

#include <czmq.h>

#include "base/log.h"

static int
refuse(const char *endpoint, const char *reason)
{
    gh_log(GH_LOG_ERROR, "link_refused", GH_KS("endpoint", endpoint), GH_KS("reason", reason));
    return -1;
}

static bool
is_loopback(const char *host)
{
    return strncmp(host, "127.", 4) == 0 || strncmp(host, "[::1]", 5) == 0 ||
           strncmp(host, "localhost:", 10) == 0;
}

static int
apply(void *socket, zcert_t *own, zcert_t *server)
{
    return zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, zcert_public_key(own), 32) < 0 ||
                   zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, zcert_secret_key(own), 32) < 0 ||
                   zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, zcert_public_key(server), 32) < 0
               ? -1
               : 0;
}

int
gh_link_secure(void *socket, const gh_conf_t *conf, const char *endpoint, const char *server_cert)
{
    static const char none[41] =
        "0000000000000000000000000000000000000000"; /* a certificate without secret key */
    const char *cert = gh_conf_str(conf, "link.cert");
    if (strncmp(endpoint, "tcp://", 6) != 0)
        return 0;
    if (*cert == '\0')
        return is_loopback(endpoint + 6)
                   ? 0
                   : refuse(endpoint, "tcp beyond the loopback needs CURVE (link.cert)");
    zcert_t *own = zcert_load(cert), *server = *server_cert ? zcert_load(server_cert) : NULL;
    int rc = -1;
    if (!own || strcmp(zcert_secret_txt(own), none) == 0)
        refuse(endpoint, "link.cert has no readable secret key");
    else if (!server)
        refuse(endpoint, "link.server_cert is not a readable certificate");
    else if (apply(socket, own, server))
        refuse(endpoint, "libzmq takes no CURVE keys");
    else
        rc = 0;
    zcert_destroy(&own);
    zcert_destroy(&server);
    return rc;
}
