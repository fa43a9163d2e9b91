/*
 * ops/cmd/keys.c - `guahao keys init`: the key files that the settings name
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/token.h"
#include "domain/order_no.h"
#include "ops/cmd/cmd.h"

/* Make the directory of a file; the last one with mode 0700. */
static int
make_parent(const char *file)
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

/* A file of 32 random bytes in hex, unless it is there. It appears whole or not at all. */
static int
make_hex_key(const char *file)
{
    struct stat st;
    if (stat(file, &st) == 0)
        return 0;
    uint8_t key[32];
    char text[sizeof key * 2 + 2], part[PATH_MAX];
    if (getrandom(key, sizeof key, 0) != sizeof key ||
        snprintf(part, sizeof part, "%s.%ld", file, (long)getpid()) >= (int)sizeof part)
        return -1;
    gh_hex(key, sizeof key, text);
    text[sizeof key * 2] = '\n';
    int fd = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return -1;
    bool ok = write(fd, text, sizeof key * 2 + 1) == (ssize_t)(sizeof key * 2 + 1) && fsync(fd) == 0;
    ok = close(fd) == 0 && ok;
    ok = ok && (link(part, file) == 0 || errno == EEXIST);
    unlink(part);
    explicit_bzero(key, sizeof key);
    explicit_bzero(text, sizeof text);
    return ok ? 0 : -1;
}

int
gh_keys_make(const gh_cmd_t *c)
{
    const char *order = gh_conf_str(c->conf, "order.number_key_file"),
               *data = gh_conf_str(c->conf, "data.key_file");
    const char *files[] = {gh_conf_str(c->conf, "token.secret_file"),
                           gh_conf_str(c->conf, "token.refresh_secret_file"), order, data};
    for (size_t i = 0; i < GH_COUNT(files); i++)
        if (make_parent(files[i]) != 0)
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

int
gh_cmd_keys(gh_cmd_t *c)
{
    if (c->args.n_words != 1 || strcmp(c->args.words[0], "init") != 0)
        return gh_cmd_usage(c, "say guahao keys init");
    if (gh_keys_make(c) != 0)
        return GH_EXIT_FAILED;
    gh_cmd_say(c, "keys are in place");
    return GH_EXIT_DONE;
}
