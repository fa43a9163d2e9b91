/*
 * ops/cmd/curve_certs.c - see curve_certs.h
 */
#include "ops/cmd/curve_certs.h"

#include <czmq.h>
#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/keyfile.h"
#include "base/timez.h"

const char *const gh_cert_server[2] = {"server.key", "server2.key"};

void
gh_certs_fini(gh_certs_t *l)
{
    free(l->at);
    *l = (gh_certs_t){0};
}

int
gh_cert_path(const gh_cmd_t *c, char path[PATH_MAX], const char *dir, const char *sub, const char *file,
             const char *end)
{
    if (snprintf(path, PATH_MAX, "%s/%s%s%s", dir, sub, file, end) < PATH_MAX)
        return 0;
    gh_cmd_failed(c, "%s: the path is too long", dir);
    return -1;
}

static void
copy_text(char *out, size_t size, const char *text)
{
    snprintf(out, size, "%s", text ? text : "");
}

int
gh_cert_load(const char *path, gh_cert_t *out)
{
    zcert_t *cert = zcert_load(path);

    if (!cert)
        return -1;
    copy_text(out->key, sizeof out->key, zcert_public_txt(cert));
    copy_text(out->role, sizeof out->role, zcert_meta(cert, "role"));
    copy_text(out->created, sizeof out->created, zcert_meta(cert, "created"));
    const char *serial = zcert_meta(cert, "serial");
    out->serial = serial ? strtol(serial, NULL, 10) : 0;
    zcert_destroy(&cert);
    return 0;
}

int
gh_cert_save(const gh_cmd_t *c, const char *path, const gh_cert_t *cert, const char *secret)
{
    char text[512];
    int n = snprintf(text, sizeof text, "metadata\n    created = \"%s\"\n", cert->created);

    if (cert->role[0])
        n += snprintf(text + n, sizeof text - (size_t)n, "    role = \"%s\"\n", cert->role);
    if (cert->serial > 0)
        n += snprintf(text + n, sizeof text - (size_t)n, "    serial = \"%ld\"\n", cert->serial);
    n += snprintf(text + n, sizeof text - (size_t)n, "curve\n    public-key = \"%s\"\n", cert->key);
    if (secret)
        n += snprintf(text + n, sizeof text - (size_t)n, "    secret-key = \"%s\"\n", secret);
    int rc = gh_keyfile_write(path, (gh_str_t){text, (size_t)n}, true);
    explicit_bzero(text, sizeof text);
    if (rc == 0 && !secret)
        rc = chmod(path, 0644); /* it is public: a broker of another user reads it */
    if (rc != 0)
        gh_cmd_failed(c, "%s: %s", path, strerror(errno));
    return rc;
}

int
gh_cert_make_parent(const gh_cmd_t *c, const char *path)
{
    if (gh_cmd_make_parent(path) == 0)
        return 0;
    gh_cmd_failed(c, "%s: its directory cannot be made: %s", path, strerror(errno));
    return -1;
}

int
gh_cert_make_pair(const gh_cmd_t *c, const char *path, gh_cert_t *cert)
{
    char file[PATH_MAX], secret[GH_CERT_KEY];

    if (snprintf(file, sizeof file, "%s_secret", path) >= (int)sizeof file)
        return gh_cmd_failed(c, "%s: the path is too long", path), -1;
    if (access(path, F_OK) == 0 || access(file, F_OK) == 0)
        return gh_cmd_usage(c, "%s is there already", path), -1;
    gh_ts_text(gh_now_us(), cert->created);
    if (zmq_curve_keypair(cert->key, secret) != 0)
        return gh_cmd_failed(c, "libzmq has no CURVE"), -1;
    int rc = gh_cert_save(c, file, cert, secret) == 0 ? gh_cert_save(c, path, cert, NULL) : -1;
    explicit_bzero(secret, sizeof secret);
    return rc;
}

static int
by_name(const void *a, const void *b)
{
    return strcmp(((const gh_cert_t *)a)->name, ((const gh_cert_t *)b)->name);
}

int
gh_cert_clients(const gh_cmd_t *c, const char *dir, gh_certs_t *out)
{
    char path[PATH_MAX];

    if (gh_cert_path(c, path, dir, "clients", "", "") != 0)
        return -1;
    DIR *d = opendir(path);
    if (!d && errno == ENOENT)
        return 0;
    if (!d) {
        gh_cmd_failed(c, "%s: %s", path, strerror(errno));
        return -1;
    }
    for (struct dirent *e; (e = readdir(d));) {
        size_t n = strlen(e->d_name);
        gh_cert_t cert = {0}, *more;
        if (e->d_name[0] == '.' || (n > 7 && strcmp(e->d_name + n - 7, "_secret") == 0) ||
            gh_cert_path(c, path, dir, "clients/", e->d_name, "") != 0 || gh_cert_load(path, &cert) != 0)
            continue;
        copy_text(cert.name, sizeof cert.name, e->d_name);
        if (!(more = realloc(out->at, (out->n + 1) * sizeof *more)))
            break;
        out->at = more;
        out->at[out->n++] = cert;
    }
    closedir(d);
    if (out->n > 1)
        qsort(out->at, out->n, sizeof *out->at, by_name);
    return 0;
}

int
gh_cert_servers(const gh_cmd_t *c, const char *dir, gh_cert_t servers[2], size_t *n)
{
    char path[PATH_MAX];

    *n = 0;
    for (size_t i = 0; i < 2; i++) {
        if (gh_cert_path(c, path, dir, "", gh_cert_server[i], "") != 0)
            return -1;
        servers[i] = (gh_cert_t){0};
        if (gh_cert_load(path, &servers[i]) != 0)
            continue;
        copy_text(servers[i].name, sizeof servers[i].name, gh_cert_server[i]);
        (*n)++;
    }
    return 0;
}
