/*
 * broker/endpoint.c - what the broker is willing to bind: ipc in a directory of its own, tcp on the loopback, and other
 * tcp with CURVE only
 */
#include "broker.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"

#define IPC "ipc://"
#define TCP "tcp://"

static bool
is_loopback(const char *host, size_t n)
{
    char text[64];
    struct in_addr v4;
    struct in6_addr v6;

    if (n > 2 && host[0] == '[' && host[n - 1] == ']') {
        host++;
        n -= 2;
    }
    if (n == 0 || n >= sizeof text)
        return false;
    memcpy(text, host, n);
    text[n] = '\0';
    if (inet_pton(AF_INET, text, &v4) == 1)
        return ntohl(v4.s_addr) >> 24 == 127;
    return inet_pton(AF_INET6, text, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

gh_endpoint_t
gh_endpoint_kind(const char *endpoint)
{
    if (strncmp(endpoint, IPC, sizeof IPC - 1) == 0)
        return endpoint[sizeof IPC - 1] == '/' ? GH_ENDPOINT_IPC : GH_ENDPOINT_BAD;
    if (strncmp(endpoint, TCP, sizeof TCP - 1) != 0)
        return GH_ENDPOINT_BAD;
    const char *host = endpoint + sizeof TCP - 1, *colon = strrchr(host, ':');
    if (!colon || colon == host || colon[1] == '\0')
        return GH_ENDPOINT_BAD;
    return is_loopback(host, (size_t)(colon - host)) ? GH_ENDPOINT_LOOPBACK : GH_ENDPOINT_TCP;
}

/* Make the directory and those above it; what exists stays as it is. */
static int
make_dirs(char *path)
{
    for (char *slash = path + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        int rc = mkdir(path, 0755);
        *slash = '/';
        if (rc < 0 && errno != EEXIST)
            return -1;
    }
    return mkdir(path, 0700) < 0 && errno != EEXIST ? -1 : 0;
}

int
gh_endpoint_ipc_dir(const char *endpoint, bool private)
{
    char dir[4096];
    struct stat st;
    int n = snprintf(dir, sizeof dir, "%s", endpoint + sizeof IPC - 1);

    if (n < 0 || (size_t)n >= sizeof dir)
        return -1;
    char *slash = strrchr(dir, '/');
    if (!slash || slash == dir) {
        gh_log(GH_LOG_ERROR, "endpoint_refused", GH_KS("endpoint", endpoint),
               GH_KS("reason", "not in a directory"));
        return -1;
    }
    *slash = '\0';
    if (make_dirs(dir) < 0 || stat(dir, &st) < 0) {
        gh_log(GH_LOG_ERROR, "endpoint_refused", GH_KS("endpoint", endpoint),
               GH_KS("reason", strerror(errno)));
        return -1;
    }
    if (private && (st.st_uid != geteuid() || (st.st_mode & 0077) != 0)) {
        gh_log(GH_LOG_ERROR, "endpoint_refused", GH_KS("endpoint", endpoint),
               GH_KS("reason",
                     "whoever reaches this socket is trusted: its directory must be ours with mode 0700"));
        return -1;
    }
    return 0;
}
