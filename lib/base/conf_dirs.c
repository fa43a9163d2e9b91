/*
 * lib/base/conf_dirs.c - where the program's files and its run directory are
 */
#include "base/conf.h"

#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char share_dir[PATH_MAX];
static char var_dir[PATH_MAX];

/* Take base + suffix as the share directory if it holds our files. */
static bool
try_share(const char *base, const char *suffix)
{
    char path[PATH_MAX];
    struct stat st;
    int n = snprintf(path, sizeof(path), "%s%s/schema/migrations", base, suffix);
    if (n < 0 || (size_t)n >= sizeof(path) || stat(path, &st) != 0 || !S_ISDIR(st.st_mode))
        return false;
    return snprintf(share_dir, sizeof(share_dir), "%s%s", base, suffix) < (int)sizeof(share_dir);
}

/* From the executable's folder upwards: a checkout (build/guahao, build/san/guahao, build/unit/test_x) or an
 * installation (<prefix>/bin/guahao). */
static void
find_share(void)
{
    const char *env = getenv("GUAHAO_SHARE");
    if (env && *env) {
        if (!realpath(env, share_dir))
            snprintf(share_dir, sizeof(share_dir), "%s", env);
        return;
    }
    char at[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", at, sizeof(at) - 1);
    at[n > 0 ? n : 0] = 0;
    for (int level = 0; level < 4; level++) {
        char *slash = strrchr(at, '/');
        if (!slash)
            break;
        *slash = 0;
        if (try_share(at, "") || try_share(at, "/share/guahao"))
            return;
    }
    snprintf(share_dir, sizeof(share_dir), "/usr/local/share/guahao");
}

const char *
gh_conf_share_dir(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, find_share);
    return share_dir;
}

bool
gh_conf_place(const char *name, char out[PATH_MAX])
{
    char path[PATH_MAX + 8], line[PATH_MAX + 64];
    size_t n = strlen(name);
    bool found = false;
    snprintf(path, sizeof(path), "%s/places", gh_conf_share_dir());
    FILE *f = fopen(path, "re");
    while (f && !found && fgets(line, sizeof(line), f)) {
        line[strcspn(line, "\n")] = 0;
        if (strncmp(line, name, n) != 0 || line[n] != ' ' || line[n + 1] != '/')
            continue;
        int len = snprintf(out, PATH_MAX, "%s", line + n + 1);
        found = len > 0 && len < PATH_MAX;
    }
    if (f)
        fclose(f);
    return found;
}

static void
find_var(void)
{
    const char *env = getenv("GUAHAO_VAR");
    char cwd[PATH_MAX], place[PATH_MAX];
    if (!env || !*env)
        env = gh_conf_place("var", place) ? place : "var";
    bool relative = env[0] != '/' && getcwd(cwd, sizeof(cwd));
    if (!relative || snprintf(var_dir, sizeof(var_dir), "%s/%s", cwd, env) >= (int)sizeof(var_dir))
        snprintf(var_dir, sizeof(var_dir), "%s", env);
    for (size_t n = strlen(var_dir); n > 1 && var_dir[n - 1] == '/'; n--)
        var_dir[n - 1] = 0;
}

const char *
gh_conf_var_dir(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, find_var);
    return var_dir;
}
