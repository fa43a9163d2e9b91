/*
 * ops/cmd/curve.c - `guahao curve`: keys of brokers and of their peers (decisions 12)
 *
 * A broker reads broker.curve_dir each second: `allow` and `revoke` put a public certificate into its clients/ or remove
 * it, `rotate` makes or removes the second server key.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "base/timez.h"
#include "ops/cmd/curve_certs.h"
#include "wire/key_roles.h"

const gh_opt_t gh_curve_opts[] = {
    {"dir", "DIR", "keys of the broker (default: the setting broker.curve_dir)"},
    {"role", "ROLES", "make, allow: what the peer may be, several with commas: " GH_KEY_ROLE_WORDS},
    {"out", "DIR", "make: where the pair of a peer goes (default: the present directory)"},
    {"finish", NULL, "rotate: remove the server key before the newest"},
    {NULL, NULL, NULL},
};

#define SERVER   "server" /* the name of a broker's own key */
#define WORD_MAX 64

static bool
is_name(const char *s)
{
    size_t n = strlen(s);

    return n > 0 && n <= WORD_MAX && s[0] != '.' && s[0] != '-' &&
           strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == n &&
           !(n >= 7 && strcmp(s + n - 7, "_secret") == 0);
}

/* The directory with the broker's keys; NULL after a message. */
static const char *
key_dir(const gh_cmd_t *c)
{
    const char *dir = gh_args_str(&c->args, "dir", gh_conf_str(c->conf, "broker.curve_dir"));

    if (*dir)
        return dir;
    gh_cmd_usage(c, "say --dir, or set broker.curve_dir");
    return NULL;
}

static void
copy_text(char *out, size_t size, const char *text)
{
    snprintf(out, size, "%s", text);
}

/* ---- make, allow, revoke */

/* The roles of --role or, without it, of the certificate. -1 after a message. */
static int
take_roles(const gh_cmd_t *c, gh_cert_t *cert)
{
    uint32_t roles;
    const char *role = gh_args_str(&c->args, "role", cert->role);

    if (gh_key_roles(role, &roles) != 0) {
        gh_cmd_usage(c, "say --role ROLES: one or several of " GH_KEY_ROLE_WORDS);
        return -1;
    }
    if (role != cert->role)
        copy_text(cert->role, sizeof cert->role, role);
    return 0;
}

static int
make_server(const gh_cmd_t *c)
{
    const char *dir = key_dir(c);
    char path[PATH_MAX];
    gh_cert_t cert = {.serial = 1};

    if (!dir)
        return GH_EXIT_USAGE;
    if (gh_args_has(&c->args, "role") || gh_args_has(&c->args, "out"))
        return gh_cmd_usage(c, "--role and --out are for peers; the broker's own key goes to --dir");
    if (gh_cert_path(c, path, dir, "", gh_cert_server[1], "") != 0)
        return GH_EXIT_FAILED;
    if (access(path, F_OK) == 0)
        return gh_cmd_usage(c, "%s is there already", path);
    if (gh_cert_path(c, path, dir, "clients/", "", "") != 0 || gh_cert_make_parent(c, path) != 0 ||
        gh_cert_path(c, path, dir, "", gh_cert_server[0], "") != 0 || chmod(dir, 0700) != 0)
        return GH_EXIT_FAILED;
    if (access(path, F_OK) == 0)
        return gh_cmd_usage(c, "%s is there already; guahao curve rotate makes a new one beside it", path);
    if (gh_cert_make_pair(c, path, &cert) != 0)
        return GH_EXIT_FAILED;
    gh_cmd_say(c, "the broker's key is made; peers need a copy of %s", path);
    return GH_EXIT_DONE;
}

static int
make(const gh_cmd_t *c, const char *name)
{
    char path[PATH_MAX];
    gh_cert_t cert = {0};

    if (strcmp(name, SERVER) == 0)
        return make_server(c);
    if (take_roles(c, &cert) != 0)
        return GH_EXIT_USAGE;
    const char *out = gh_args_str(&c->args, "out", ".");
    if (gh_cert_path(c, path, out, "", name, ".key") != 0 || gh_cert_make_parent(c, path) != 0)
        return GH_EXIT_FAILED;
    if (access(path, F_OK) == 0)
        return gh_cmd_usage(c, "%s is there already", path);
    if (gh_cert_make_pair(c, path, &cert) != 0)
        return GH_EXIT_FAILED;
    gh_cmd_say(c, "made %s and %s_secret; a broker lets it in after: guahao curve allow %s", path, path,
               path);
    return GH_EXIT_DONE;
}

/* "keys/front1.key" is front1. */
static void
name_of(const char *file, char *out, size_t size)
{
    const char *slash = strrchr(file, '/');
    size_t n;

    copy_text(out, size, slash ? slash + 1 : file);
    n = strlen(out);
    if (n > 4 && strcmp(out + n - 4, ".key") == 0)
        out[n - 4] = '\0';
}

static int
allow_key(const gh_cmd_t *c, const char *dir, const char *file)
{
    char path[PATH_MAX], name[NAME_MAX];
    GH_CLEANUP(gh_certs_fini) gh_certs_t all = {0};
    gh_cert_t cert = {0};

    name_of(file, name, sizeof name);
    if (!is_name(name))
        return gh_cmd_usage(c, "%s: a name has 1 to %d letters, digits, . _ and -", name, WORD_MAX);
    if (gh_cert_load(file, &cert) != 0)
        return gh_cmd_failed(c, "%s is no certificate", file);
    if (take_roles(c, &cert) != 0)
        return GH_EXIT_USAGE;
    if (gh_cert_path(c, path, dir, "clients/", name, ".key") != 0 || gh_cert_clients(c, dir, &all) != 0)
        return GH_EXIT_FAILED;
    const char *base = strrchr(path, '/') + 1;
    for (size_t i = 0; i < all.n; i++) {
        bool same_key = strcmp(all.at[i].key, cert.key) == 0, same_name = strcmp(all.at[i].name, base) == 0;
        if (same_key && !same_name)
            return gh_cmd_usage(c, "this key is allowed already, as %s", all.at[i].name);
        if (same_name && !same_key && !c->yes)
            return gh_cmd_usage(c, "another key is allowed as %s: revoke it first, or --yes replaces it",
                                name);
    }
    gh_cert_t public = {.serial = 0};
    memcpy(public.key, cert.key, sizeof public.key);
    memcpy(public.role, cert.role, sizeof public.role);
    if (cert.created[0])
        memcpy(public.created, cert.created, sizeof public.created);
    else
        gh_ts_text(gh_now_us(), public.created);
    if (gh_cert_make_parent(c, path) != 0 || gh_cert_save(c, path, &public, NULL) != 0)
        return GH_EXIT_FAILED;
    gh_cmd_say(c, "%s is allowed as %s", name, public.role);
    return GH_EXIT_DONE;
}

/* By name, or by the key itself; every file of the key goes, else a copy would keep it. */
static int
revoke_key(const gh_cmd_t *c, const char *dir, const char *what)
{
    char path[PATH_MAX], name[NAME_MAX];
    const char *key = NULL;
    GH_CLEANUP(gh_certs_fini) gh_certs_t all = {0};

    if (gh_cert_clients(c, dir, &all) != 0)
        return GH_EXIT_FAILED;
    for (size_t i = 0; i < all.n && !key; i++) {
        name_of(all.at[i].name, name, sizeof name);
        if (strcmp(name, what) == 0 || strcmp(all.at[i].name, what) == 0 || strcmp(all.at[i].key, what) == 0)
            key = all.at[i].key;
    }
    if (!key)
        return gh_cmd_failed(c, "no allowed key is %s (see guahao curve list)", what);
    for (size_t i = 0; i < all.n; i++) {
        if (strcmp(all.at[i].key, key) != 0)
            continue;
        if (gh_cert_path(c, path, dir, "clients/", all.at[i].name, "") != 0)
            return GH_EXIT_FAILED;
        if (unlink(path) != 0 && errno != ENOENT)
            return gh_cmd_failed(c, "%s: %s", path, strerror(errno));
        gh_cmd_say(c, "%s is revoked", all.at[i].name);
    }
    return GH_EXIT_DONE;
}

/* ---- rotate */

static int
remove_pair(const gh_cmd_t *c, const char *dir, const char *name)
{
    char path[PATH_MAX];
    const char *const ends[] = {"_secret", ""};

    for (size_t i = 0; i < 2; i++)
        if (gh_cert_path(c, path, dir, "", name, ends[i]) != 0)
            return -1;
        else if (unlink(path) != 0 && errno != ENOENT)
            return gh_cmd_failed(c, "%s: %s", path, strerror(errno)), -1;
    return 0;
}

static int
rotate(const gh_cmd_t *c, const char *dir)
{
    gh_cert_t servers[2];
    char path[PATH_MAX];
    size_t n;

    if (gh_cert_servers(c, dir, servers, &n) != 0)
        return GH_EXIT_FAILED;
    if (n == 0)
        return gh_cmd_failed(c, "%s has no server key (guahao curve make server)", dir);
    if (gh_args_has(&c->args, "finish")) {
        if (n == 1)
            return gh_cmd_usage(c, "there is one server key only: guahao curve rotate begins");
        const char *old = servers[0].serial < servers[1].serial ? gh_cert_server[0] : gh_cert_server[1];
        if (remove_pair(c, dir, old) != 0)
            return GH_EXIT_FAILED;
        gh_cmd_say(c, "%s is removed; its endpoints close within a second", old);
        return GH_EXIT_DONE;
    }
    if (n == 2)
        return gh_cmd_usage(c,
                            "both keys serve: when all peers know the newer one, --finish removes the other");
    size_t old = servers[0].name[0] ? 0 : 1;
    gh_cert_t cert = {.serial = servers[old].serial + 1};
    if (gh_cert_path(c, path, dir, "", gh_cert_server[1 - old], "") != 0 ||
        gh_cert_make_pair(c, path, &cert) != 0)
        return GH_EXIT_FAILED;
    gh_cmd_say(
        c,
        "new key %s: the broker serves it within a second at its endpoints %s; give peers those and a copy, "
        "then: guahao curve rotate --finish",
        path, old == 0 ? "broker.second_*" : "broker.inner, events_*");
    return GH_EXIT_DONE;
}

/* ---- list */

static void
json_cert(gh_json_t *j, const gh_cert_t *cert, bool peer)
{
    gh_json_obj(j);
    gh_json_kcstr(j, "file", cert->name);
    gh_json_kcstr(j, "key", cert->key);
    if (peer)
        gh_json_kcstr(j, "role", cert->role);
    gh_json_kcstr(j, "created", cert->created[0] ? cert->created : NULL);
    gh_json_obj_end(j);
}

static int
print_json(const gh_cert_t servers[2], const gh_certs_t *all)
{
    GH_CLEANUP(gh_buf_fini) gh_buf_t out = GH_BUF_INIT;
    gh_json_t j;

    gh_json_init(&j, &out);
    gh_json_obj(&j);
    gh_json_key(&j, "server");
    gh_json_arr(&j);
    for (size_t i = 0; i < 2; i++)
        if (servers[i].name[0])
            json_cert(&j, &servers[i], false);
    gh_json_arr_end(&j);
    gh_json_key(&j, "clients");
    gh_json_arr(&j);
    for (size_t i = 0; i < all->n; i++)
        json_cert(&j, &all->at[i], true);
    gh_json_arr_end(&j);
    gh_json_obj_end(&j);
    if (!gh_buf_ok(&out))
        return GH_EXIT_FAILED;
    printf("%.*s\n", (int)out.n, out.p);
    return GH_EXIT_DONE;
}

static void
print_cert(const gh_cert_t *cert, const char *role)
{
    uint32_t roles;
    bool good = strcmp(role, SERVER) == 0 || gh_key_roles(role, &roles) == 0;

    printf("%-24s  %-20s  %-40s  %s%s\n", cert->name, *role ? role : "-", cert->key,
           cert->created[0] ? cert->created : "-", good ? "" : "  (a role is unknown)");
}

static int
list(const gh_cmd_t *c, const char *dir)
{
    GH_CLEANUP(gh_certs_fini) gh_certs_t all = {0};
    gh_cert_t servers[2];
    size_t n;

    if (gh_cert_servers(c, dir, servers, &n) != 0 || gh_cert_clients(c, dir, &all) != 0)
        return GH_EXIT_FAILED;
    if (c->json)
        return print_json(servers, &all);
    printf("%-24s  %-20s  %-40s  %s\n", "FILE", "ROLE", "KEY", "MADE");
    for (size_t i = 0; i < 2; i++)
        if (servers[i].name[0])
            print_cert(&servers[i], SERVER);
    for (size_t i = 0; i < all.n; i++)
        print_cert(&all.at[i], all.at[i].role);
    return GH_EXIT_DONE;
}

int
gh_cmd_curve(gh_cmd_t *c)
{
    const char *verb = c->args.n_words > 0 ? c->args.words[0] : "",
               *what = c->args.n_words > 1 ? c->args.words[1] : NULL;
    bool makes = strcmp(verb, "make") == 0, allows = strcmp(verb, "allow") == 0,
         revokes = strcmp(verb, "revoke") == 0, rotates = strcmp(verb, "rotate") == 0;

    if (!makes && !allows && !revokes && !rotates && strcmp(verb, "list") != 0)
        return gh_cmd_usage(c, "say guahao curve make, list, allow, revoke or rotate");
    if ((makes || allows || revokes) != (what != NULL))
        return gh_cmd_usage(c, what ? "%s takes no name" : "%s what? (see guahao curve --help)", verb);
    if ((gh_args_has(&c->args, "role") && !makes && !allows) || (gh_args_has(&c->args, "out") && !makes) ||
        (gh_args_has(&c->args, "finish") && !rotates))
        return gh_cmd_usage(c, "an option does not go with %s (see guahao curve --help)", verb);
    if (makes && !is_name(what))
        return gh_cmd_usage(c, "%s: a name has 1 to %d letters, digits, . _ and -", what, WORD_MAX);
    if (makes)
        return make(c, what);
    const char *dir = key_dir(c);
    if (!dir)
        return GH_EXIT_USAGE;
    return allows    ? allow_key(c, dir, what)
           : revokes ? revoke_key(c, dir, what)
           : rotates ? rotate(c, dir)
                     : list(c, dir);
}
