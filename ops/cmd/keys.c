/*
 * ops/cmd/keys.c - `guahao keys`: make the key files that the settings name, rotate those of tokens
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/keyfile.h"
#include "base/token.h"
#include "domain/order_no.h"
#include "ops/cmd/cmd.h"
#include "ops/cmd/keys_data.h"

int
gh_cmd_make_parent(const char *file)
{
    char dir[PATH_MAX];
    if (snprintf(dir, sizeof dir, "%s", file) >= (int)sizeof dir)
        return -1;
    for (char *p = strchr(dir + 1, '/'); p; p = strchr(p + 1, '/')) {
        *p = '\0';
        if (mkdir(dir, strchr(p + 1, '/') ? 0755 : 0700) != 0 && errno != EEXIST)
            return -1;
        *p = '/';
    }
    return 0;
}

/* A file of 32 random bytes in hex, unless it is there. */
static int
make_hex_key(const char *file)
{
    uint8_t key[32];
    char text[sizeof key * 2 + 2];
    if (access(file, F_OK) == 0)
        return 0;
    if (getrandom(key, sizeof key, 0) != sizeof key)
        return -1;
    gh_hex(key, sizeof key, text);
    text[sizeof key * 2] = '\n';
    int rc = gh_keyfile_write(file, (gh_str_t){text, sizeof key * 2 + 1}, false);
    explicit_bzero(key, sizeof key);
    explicit_bzero(text, sizeof text);
    return rc;
}

int
gh_keys_make(const gh_cmd_t *c)
{
    const char *order = gh_conf_str(c->conf, "order.number_key_file"),
               *data = gh_conf_str(c->conf, "data.key_file");
    const char *files[] = {gh_conf_str(c->conf, "token.secret_file"),
                           gh_conf_str(c->conf, "token.refresh_secret_file"), order, data};
    for (size_t i = 0; i < GH_COUNT(files); i++)
        if (gh_cmd_make_parent(files[i]) != 0)
            return gh_cmd_failed(c, "%s: %s", files[i], strerror(errno)), -1;
    gh_token_keys_t *keys = gh_token_keys_load(c->conf, true);
    if (!keys)
        return -1;
    gh_token_keys_destroy(&keys);
    gh_order_key_t order_key;
    if (gh_order_key_load(order, true, &order_key) != 0)
        return -1;
    explicit_bzero(&order_key, sizeof order_key);
    if (make_hex_key(data) != 0)
        return gh_cmd_failed(c, "%s: %s", data, strerror(errno)), -1;
    return 0;
}

const gh_opt_t gh_keys_opts[] = {
    {"kind", "KIND", "rotate: jwt (access tokens), refresh or data (encrypted columns)"},
    {"new-key-only", NULL, "data: only the new key; the values are sealed again by the next run"},
    {NULL, NULL, NULL},
};

/* Until when tokens may live that the key before the present one has signed; 0 when there is no such key. */
static time_t
earlier_until(const gh_cmd_t *c, bool refresh)
{
    struct stat st;
    const char *file = gh_conf_str(c->conf, refresh ? "token.previous_refresh_secret_file"
                                                    : "token.previous_secret_file");
    if (stat(file, &st) != 0)
        return 0;
    int64_t access = gh_conf_int(c->conf, "token.access_minutes"),
            classic = gh_conf_int(c->conf, "token.classic_minutes");
    int64_t life = refresh ? gh_conf_int(c->conf, "token.refresh_days") * 86400
                           : (access > classic ? access : classic) * 60;
    return st.st_mtime + (time_t)life;
}

static int
rotate(gh_cmd_t *c)
{
    const char *kind = gh_args_str(&c->args, "kind", "");
    bool data = strcmp(kind, "data") == 0;
    if (!data && gh_args_has(&c->args, "new-key-only"))
        return gh_cmd_usage(c, "--new-key-only goes with --kind data");
    if (data)
        return gh_keys_rotate_data(c);
    bool refresh = strcmp(kind, "refresh") == 0;
    if (!refresh && strcmp(kind, "jwt") != 0)
        return gh_cmd_usage(c, "say --kind jwt, --kind refresh or --kind data");
    const char *direct = refresh ? "token.refresh_secret" : "token.secret";
    if (*gh_conf_str(c->conf, direct))
        return gh_cmd_usage(
            c, "the key is the setting %s: give the present one as token.previous_%ssecret, and a new one",
            direct, refresh ? "refresh_" : "");
    time_t until = earlier_until(c, refresh);
    if (until > time(NULL) && !c->yes)
        return gh_cmd_usage(
            c,
            "tokens of the key before the present one may live for %lld more minutes and would be "
            "refused; --yes rotates all the same",
            (long long)(until - time(NULL) + 59) / 60);
    if (gh_token_keys_rotate(c->conf, refresh) != 0)
        return GH_EXIT_FAILED;
    gh_cmd_say(
        c, "new key in %s, the earlier one is still accepted; restart the fronts, then the identity workers",
        gh_conf_str(c->conf, refresh ? "token.refresh_secret_file" : "token.secret_file"));
    return GH_EXIT_DONE;
}

int
gh_cmd_keys(gh_cmd_t *c)
{
    const char *word = c->args.n_words == 1 ? c->args.words[0] : "";
    if (strcmp(word, "rotate") == 0)
        return rotate(c);
    if (strcmp(word, "init") != 0)
        return gh_cmd_usage(c, "say guahao keys init or guahao keys rotate");
    if (gh_keys_make(c) != 0)
        return GH_EXIT_FAILED;
    gh_cmd_say(c, "keys are in place");
    return GH_EXIT_DONE;
}
