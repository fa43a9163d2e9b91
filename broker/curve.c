/*
 * broker/curve.c - keys of peers: who may connect (zauth) and as what (metadata `role` of each certificate)
 *
 *   <dir>/server.key, server.key_secret   the broker's own certificate (zcert)
 *   <dir>/clients/                        public certificates of peers, with `role = "front"` and so on in their metadata
 *
 * zauth looks at the directory at each new connection; the table here is read again each second when a file changed, so
 * that the messages of a key that was taken away are ignored from then on, though its connection still stands.
 */
/* NOLINTBEGIN(clang-analyzer-unix.Malloc,clang-analyzer-core.NullDereference): the analyzer does not follow the links of uthash and lists */
#include "broker.h"

#include <czmq.h>
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
    char *clients; /* directory */
    zcert_t *server;
    zactor_t *auth;
    entry_t *keys;
    uint64_t signature; /* of the directory's files */
    int64_t loaded_ms;
};

static uint32_t
role_of(const char *name)
{
    static const struct {
        const char *name;
        uint32_t role;
    } roles[] = {{"front", GH_KEY_FRONT}, {"worker", GH_KEY_WORKER},     {"jobs", GH_KEY_JOBS},
                 {"ops", GH_KEY_OPS},     {"identity", GH_KEY_IDENTITY}, {"public", GH_KEY_PUBLIC}};

    for (size_t i = 0; name && i < GH_COUNT(roles); i++)
        if (strcmp(name, roles[i].name) == 0)
            return roles[i].role;
    return 0;
}

/* Several roles are separated by commas. An unknown word gives nothing. */
static uint32_t
roles_of(const char *list)
{
    char text[128], *save = NULL;
    uint32_t roles = 0;
    size_t n = list ? strlen(list) : 0;

    if (n == 0 || n >= sizeof text)
        return 0;
    memcpy(text, list, n + 1);
    for (char *word = strtok_r(text, ", ", &save); word; word = strtok_r(NULL, ", ", &save))
        roles |= role_of(word);
    return roles;
}

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
        e->roles = roles_of(zcert_meta(cert, "role"));
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

void
gh_curve_reload(gh_curve_t *curve)
{
    zdir_t *dir = zdir_new(curve->clients, "-");

    curve->loaded_ms = gh_mono_ms();
    if (!dir) { /* the directory itself was taken away */
        clear(curve);
        curve->signature = 0;
        return;
    }
    zlist_t *files = zdir_list(dir);
    uint64_t signature = files ? signature_of(files) : 0;
    if (files && signature != curve->signature) {
        clear(curve);
        for (zfile_t *f = zlist_first(files); f; f = zlist_next(files))
            add_file(curve, f);
        curve->signature = signature;
        gh_log(GH_LOG_INFO, "keys_loaded", GH_KI("count", HASH_COUNT(curve->keys)));
    }
    zlist_destroy(&files);
    zdir_destroy(&dir);
}

gh_curve_t *
gh_curve_new(const char *dir)
{
    gh_curve_t *curve = calloc(1, sizeof *curve);
    char path[4200];

    if (!curve || asprintf(&curve->clients, "%s/clients", dir) < 0) {
        free(curve);
        return NULL;
    }
    snprintf(path, sizeof path, "%s/server.key", dir);
    curve->server = zcert_load(path);
    if (!curve->server || strspn(zcert_secret_txt(curve->server), "0") == 40) {
        gh_log(GH_LOG_ERROR, "curve_failed", GH_KS("file", path),
               GH_KS("reason", "no certificate with a secret key"));
        gh_curve_destroy(&curve);
        return NULL;
    }
    curve->auth = zactor_new(zauth, NULL);
    if (!curve->auth || zstr_sendx(curve->auth, "CURVE", curve->clients, NULL) < 0 ||
        zsock_wait(curve->auth) < 0) {
        gh_log(GH_LOG_ERROR, "curve_failed", GH_KS("reason", "no authentication service"));
        gh_curve_destroy(&curve);
        return NULL;
    }
    gh_curve_reload(curve);
    return curve;
}

void
gh_curve_destroy(gh_curve_t **curve_p)
{
    gh_curve_t *curve = *curve_p;

    *curve_p = NULL;
    if (!curve)
        return;
    clear(curve);
    zactor_destroy(&curve->auth);
    zcert_destroy(&curve->server);
    free(curve->clients);
    free(curve);
}

int
gh_curve_server(gh_curve_t *curve, void *socket)
{
    static const char domain[] = "guahao";
    int yes = 1;

    if (zmq_setsockopt(socket, ZMQ_ZAP_DOMAIN, domain, sizeof domain - 1) < 0 ||
        zmq_setsockopt(socket, ZMQ_CURVE_SERVER, &yes, sizeof yes) < 0 ||
        zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, zcert_secret_key(curve->server), 32) < 0)
        return -1;
    return 0;
}

uint32_t
gh_curve_roles(gh_curve_t *curve, const char *key)
{
    entry_t *e;

    HASH_FIND(hh, curve->keys, key, strlen(key), e);
    /* zauth let it in: its file may be newer than our table. */
    if (!e && gh_mono_ms() - curve->loaded_ms > 100) {
        gh_curve_reload(curve);
        HASH_FIND(hh, curve->keys, key, strlen(key), e);
    }
    return e ? e->roles : 0;
}
/* NOLINTEND(clang-analyzer-unix.Malloc,clang-analyzer-core.NullDereference) */
