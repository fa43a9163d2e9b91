/*
 * broker/curve.c - our own keys and those of peers: who may connect, and as what (metadata `role` of each certificate)
 *
 *   <dir>/server.key, server.key_secret   the broker's own certificate (zcert); server2.key beside or instead of it
 *   <dir>/clients/                        public certificates of peers, with `role = "front"` and so on in their metadata
 *
 * Files are looked at each second, and at an unknown key. A key that was taken away loses its connections then; one that
 * never said anything is ended at its first word, which is ignored (decisions 12).
 */
/* NOLINTBEGIN(clang-analyzer-unix.Malloc,clang-analyzer-core.NullDereference): the analyzer does not follow the links of uthash and lists */
#include "broker.h"

#include <czmq.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/timez.h"

#define KEY_TEXT 41 /* Z85, with NUL */

typedef struct entry {
    UT_hash_handle hh;
    uint32_t roles;
    char key[KEY_TEXT];
} entry_t;

struct gh_curve {
    char *dir, *clients; /* directories */
    uint8_t server[GH_CURVE_KEYS][32];
    bool has_server[GH_CURVE_KEYS];
    entry_t *keys;
    char (*links)[KEY_TEXT]; /* by descriptor: the key that last spoke there, "" for none */
    size_t n_links;
    uint64_t signature; /* of the directory's files */
    int64_t loaded_ms;
};

static void
add_file(gh_curve_t *curve, zfile_t *file)
{
    const char *path = zfile_filename(file, NULL);
    size_t n = strlen(path);

    if (n > 7 && strcmp(path + n - 7, "_secret") == 0)
        return;
    zcert_t *cert = zcert_load(path);
    if (!cert)
        return;
    entry_t *e, *old;
    const char *key = zcert_public_txt(cert);
    if (strlen(key) < KEY_TEXT && (e = calloc(1, sizeof *e))) {
        memcpy(e->key, key, strlen(key) + 1);
        (void)gh_key_roles(zcert_meta(cert, "role"), &e->roles); /* an unknown word gives nothing */
        if (e->roles == 0)
            gh_log(GH_LOG_WARN, "key_without_role", GH_KS("file", path));
        HASH_FIND(hh, curve->keys, e->key, strlen(e->key), old);
        if (old) {
            old->roles |= e->roles;
            free(e);
        } else {
            HASH_ADD_KEYPTR(hh, curve->keys, e->key, strlen(e->key), e);
        }
    }
    zcert_destroy(&cert);
}

static void
clear(gh_curve_t *curve)
{
    entry_t *e, *next;

    for (e = curve->keys; e; e = next) {
        next = e->hh.next;
        HASH_DELETE(hh, curve->keys, e);
        free(e);
    }
}

static uint64_t
signature_of(zlist_t *files)
{
    uint64_t sum = zlist_size(files) + 1;

    for (zfile_t *f = zlist_first(files); f; f = zlist_next(files)) {
        struct stat st;
        if (stat(zfile_filename(f, NULL), &st) == 0)
            sum = sum * 1099511628211u ^ (uint64_t)st.st_mtim.tv_nsec ^ (uint64_t)st.st_mtim.tv_sec << 20 ^
                  (uint64_t)st.st_ino << 40 ^ (uint64_t)st.st_size;
    }
    return sum;
}

/* True when the table is another now. */
static bool
load_clients(gh_curve_t *curve)
{
    zdir_t *dir = zdir_new(curve->clients, "-");
    zlist_t *files = dir ? zdir_list(dir) : NULL;
    uint64_t signature = files ? signature_of(files) : 0; /* 0: the directory itself was taken away */
    bool other = signature != curve->signature;

    curve->loaded_ms = gh_mono_ms();
    if (other) {
        clear(curve);
        for (zfile_t *f = files ? zlist_first(files) : NULL; f; f = zlist_next(files))
            add_file(curve, f);
        curve->signature = signature;
        gh_log(GH_LOG_INFO, "keys_loaded", GH_KI("count", HASH_COUNT(curve->keys)));
    }
    zlist_destroy(&files);
    zdir_destroy(&dir);
    return other;
}

/* ---- connections */

/* libzmq gives no other way to end a single connection. A descriptor that was closed meanwhile may be another
 * connection's by now: that one is made again by its peer, and nothing but tcp has keys. */
static void
cut(int fd)
{
    struct sockaddr_storage address = {0};
    socklen_t n = sizeof address;

    if (getpeername(fd, (struct sockaddr *)&address, &n) == 0 && address.ss_family != AF_UNIX)
        (void)shutdown(fd, SHUT_RDWR);
}

static void
cut_revoked(gh_curve_t *curve)
{
    int64_t n = 0;

    for (size_t fd = 0; fd < curve->n_links; fd++) {
        entry_t *e;
        char *key = curve->links[fd];
        if (key[0] == '\0')
            continue;
        HASH_FIND(hh, curve->keys, key, strlen(key), e);
        if (e && e->roles)
            continue;
        cut((int)fd);
        key[0] = '\0';
        n++;
    }
    if (n > 0)
        gh_log(GH_LOG_INFO, "connections_ended", GH_KS("reason", "key revoked"), GH_KI("count", n));
}

/* Room for the link of fd. False: none, its messages are still checked one by one. */
static bool
has_room(gh_curve_t *curve, size_t fd)
{
    if (fd < curve->n_links)
        return true;
    size_t n = (fd | 63) + 1;
    char(*more)[KEY_TEXT] = fd < GH_FDS_MAX ? realloc(curve->links, n * sizeof *more) : NULL;
    if (!more)
        return false;
    memset(more + curve->n_links, 0, (n - curve->n_links) * sizeof *more);
    curve->links = more;
    curve->n_links = n;
    return true;
}

const char *
gh_curve_identify(gh_curve_t *curve, zmq_msg_t *frame, uint32_t *roles)
{
    const char *key = zmq_msg_gets(frame, "User-Id");
    int fd = key ? zmq_msg_get(frame, ZMQ_SRCFD) : -1;

    *roles = key ? gh_curve_roles(curve, key) : 0;
    if (fd < 0 || !has_room(curve, (size_t)fd))
        return key ? key : "";
    char *link = curve->links[fd];
    if (*roles == 0 && (link[0] == '\0' || strcmp(link, key) == 0)) {
        cut(fd);
        link[0] = '\0';
    } else if (*roles && strcmp(link, key) != 0) {
        snprintf(link, KEY_TEXT, "%s", key);
    }
    return key;
}

/* ---- server keys */

static void
load_server(gh_curve_t *curve, size_t i)
{
    static const char *const names[GH_CURVE_KEYS] = {"server.key", "server2.key"};
    char path[4200];

    snprintf(path, sizeof path, "%s/%s", curve->dir, names[i]);
    zcert_t *cert = zcert_load(path);
    curve->has_server[i] = cert && strspn(zcert_secret_txt(cert), "0") != 40;
    if (curve->has_server[i])
        memcpy(curve->server[i], zcert_secret_key(cert), sizeof curve->server[i]);
    else
        explicit_bzero(curve->server[i], sizeof curve->server[i]);
    zcert_destroy(&cert);
}

const uint8_t *
gh_curve_secret(const gh_curve_t *curve, size_t key)
{
    return curve->has_server[key] ? curve->server[key] : NULL;
}

/* ---- all of it */

void
gh_curve_reload(gh_curve_t *curve)
{
    for (size_t i = 0; i < GH_CURVE_KEYS; i++)
        load_server(curve, i);
    if (load_clients(curve))
        cut_revoked(curve);
}

gh_curve_t *
gh_curve_new(const char *dir)
{
    gh_curve_t *curve = calloc(1, sizeof *curve);

    if (!curve || !(curve->dir = strdup(dir)) || asprintf(&curve->clients, "%s/clients", dir) < 0) {
        if (curve)
            free(curve->dir);
        free(curve);
        return NULL;
    }
    gh_curve_reload(curve);
    if (curve->has_server[0] || curve->has_server[1])
        return curve;
    gh_log(GH_LOG_ERROR, "curve_failed", GH_KS("directory", dir),
           GH_KS("reason", "no server.key with a secret key"));
    gh_curve_destroy(&curve);
    return NULL;
}

void
gh_curve_destroy(gh_curve_t **curve_p)
{
    gh_curve_t *curve = *curve_p;

    *curve_p = NULL;
    if (!curve)
        return;
    clear(curve);
    explicit_bzero(curve->server, sizeof curve->server);
    free(curve->links);
    free(curve->clients);
    free(curve->dir);
    free(curve);
}

uint32_t
gh_curve_roles(gh_curve_t *curve, const char *key)
{
    entry_t *e;

    HASH_FIND(hh, curve->keys, key, strlen(key), e);
    /* The file may be newer than our table. */
    if (!e && gh_mono_ms() - curve->loaded_ms > 100 && load_clients(curve)) {
        cut_revoked(curve);
        HASH_FIND(hh, curve->keys, key, strlen(key), e);
    }
    return e ? e->roles : 0;
}
/* NOLINTEND(clang-analyzer-unix.Malloc,clang-analyzer-core.NullDereference) */
