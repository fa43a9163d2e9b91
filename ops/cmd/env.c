/*
 * ops/cmd/env.c - see env.h
 */
#include "ops/cmd/env.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/conf.h"

int
gh_env_line(char *line, char **name, char **value)
{
    *name = *value = NULL;
    char *p = line + strspn(line, " \t");
    size_t n = strlen(p);
    while (n > 0 && isspace((unsigned char)p[n - 1]))
        p[--n] = '\0';
    if (*p == '\0' || *p == '#')
        return 0;
    if (strncmp(p, "export ", 7) == 0)
        p += 7;
    char *equals = strchr(p, '=');
    if (!equals || equals == p)
        return -1;
    for (char *c = p; c < equals; c++)
        if (!isalnum((unsigned char)*c) && *c != '_')
            return -1;
    *equals = '\0';
    char *v = equals + 1;
    size_t len = strlen(v);
    if (len >= 2 && (v[0] == '"' || v[0] == '\'') && v[len - 1] == v[0]) {
        v[len - 1] = '\0';
        v++;
    }
    *name = p;
    *value = v;
    return 0;
}

static int
load(const char *path, bool required)
{
    FILE *f = fopen(path, "re");
    if (!f) {
        if (required)
            fprintf(stderr, "guahao: %s: %s\n", path, strerror(errno));
        return required ? -1 : 0;
    }
    char *line = NULL, *name, *value;
    size_t cap = 0;
    int rc = 0;
    for (int no = 1; rc == 0 && getline(&line, &cap, f) >= 0; no++) {
        if (gh_env_line(line, &name, &value) != 0 || (name && setenv(name, value, 0) != 0)) {
            fprintf(stderr, "guahao: %s:%d: not of the form NAME=value\n", path, no);
            rc = -1;
        }
    }
    free(line);
    fclose(f);
    return rc;
}

int
gh_env_load(const char *file)
{
    char path[PATH_MAX];
    if (load(file ? file : ".env", file != NULL) != 0)
        return -1;
    if (gh_conf_place("env", path) && load(path, false) != 0)
        return -1;
    int n = snprintf(path, sizeof path, "%s/run.env", gh_conf_var_dir());
    return n > 0 && (size_t)n < sizeof path ? load(path, false) : 0;
}

void
gh_env_warn_unused(void)
{
    for (char **e = environ; *e; e++)
        if (strncmp(*e, "MYSQL_", 6) == 0 || strncmp(*e, "REDIS_", 6) == 0)
            fprintf(stderr, "guahao: %.*s is not used: PostgreSQL holds everything\n", (int)strcspn(*e, "="),
                    *e);
}
