/*
 * lib/wire/secure.c - see secure.h
 */
#include "wire/secure.h"

#include <czmq.h>
#include <limits.h>

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

/* Entry `index` of a comma list, the last one when the list is shorter. */
static void
entry(const char *list, size_t index, char *out, size_t size)
{
    size_t n = strcspn(list, ",");
    while (index-- > 0 && list[n] == ',') {
        list += n + 1;
        list += strspn(list, " ");
        n = strcspn(list, ",");
    }
    if (n >= size)
        n = 0;
    memcpy(out, list, n);
    out[n] = '\0';
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
gh_link_secure(void *socket, const gh_conf_t *conf, const char *endpoint, size_t index)
{
    static const char none[41] =
        "0000000000000000000000000000000000000000"; /* a certificate without secret key */
    const char *cert = gh_conf_str(conf, "link.cert");
    char server_cert[PATH_MAX];
    if (strncmp(endpoint, "tcp://", 6) != 0)
        return 0;
    if (*cert == '\0')
        return is_loopback(endpoint + 6)
                   ? 0
                   : refuse(endpoint, "tcp beyond the loopback needs CURVE (link.cert)");
    entry(gh_conf_str(conf, "link.server_cert"), index, server_cert, sizeof(server_cert));
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
