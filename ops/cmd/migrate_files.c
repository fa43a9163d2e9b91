/*
 * ops/cmd/migrate_files.c - see migrate_files.h
 */
#include "ops/cmd/migrate_files.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/hash.h"

#define FILE_MAX (4L << 20)

bool
gh_migration_name_valid(const char *name)
{
    size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_");
    return name[n] == '\0' && n >= 1 && n <= 48 && islower((unsigned char)name[0]);
}

bool
gh_migration_parse_name(const char *file, int *version, char name[GH_MIGRATION_NAME])
{
    size_t n = strlen(file);
    if (strspn(file, "0123456789") != 4 || file[4] != '_' || n < 10 || n - 9 >= GH_MIGRATION_NAME ||
        strcmp(file + n - 4, ".sql") != 0)
        return false;
    memcpy(name, file + 5, n - 9);
    name[n - 9] = '\0';
    *version = (file[0] - '0') * 1000 + (file[1] - '0') * 100 + (file[2] - '0') * 10 + (file[3] - '0');
    return *version > 0 && gh_migration_name_valid(name);
}

void
gh_migration_place(const char *sql, int position, int *line, int *column)
{
    *line = *column = 1;
    for (const char *p = sql; *p && position > 1; p++) {
        if (((unsigned char)p[1] & 0xC0) == 0x80) /* inside a character */
            continue;
        position--;
        (*column)++;
        if (*p == '\n') {
            (*line)++;
            *column = 1;
        }
    }
}

static char *
read_file(const char *path, size_t *n)
{
    FILE *f = fopen(path, "re");
    struct stat st;
    if (!f || fstat(fileno(f), &st) != 0 || st.st_size > FILE_MAX) {
        fprintf(stderr, "guahao: %s: %s\n", path, f ? "too large" : strerror(errno));
        if (f)
            fclose(f);
        return NULL;
    }
    char *text = malloc((size_t)st.st_size + 1);
    *n = text ? fread(text, 1, (size_t)st.st_size, f) : 0;
    if (text)
        text[*n] = '\0';
    if (!text || *n != (size_t)st.st_size || memchr(text, '\0', *n)) {
        fprintf(stderr, "guahao: %s: cannot be read\n", path);
        free(text);
        text = NULL;
    }
    fclose(f);
    return text;
}

static int
by_version(const void *a, const void *b)
{
    const gh_migration_t *x = a, *y = b;
    return (x->version > y->version) - (x->version < y->version);
}

static int
read_one(const char *dir, const char *file, gh_migrations_t *out)
{
    gh_migration_t m = {0};
    if (!gh_migration_parse_name(file, &m.version, m.name)) {
        fprintf(stderr, "guahao: %s/%s: not of the form 0001_name.sql\n", dir, file);
        return -1;
    }
    char path[PATH_MAX];
    size_t n;
    if (snprintf(path, sizeof path, "%s/%s", dir, file) >= (int)sizeof path || !(m.sql = read_file(path, &n)))
        return -1;
    gh_migration_t *v = realloc(out->v, (out->n + 1) * sizeof *v);
    if (v)
        out->v = v;
    if (!v || gh_sha256(m.sql, n, m.checksum) != 0) {
        free(m.sql);
        return -1;
    }
    out->v[out->n++] = m;
    return 0;
}

int
gh_migrations_read(const char *dir, gh_migrations_t *out)
{
    *out = (gh_migrations_t){0};
    DIR *d = opendir(dir);
    if (!d) {
        fprintf(stderr, "guahao: %s: %s\n", dir, strerror(errno));
        return -1;
    }
    int rc = 0;
    for (struct dirent *e; rc == 0 && (e = readdir(d));) {
        size_t n = strlen(e->d_name);
        if (n > 4 && e->d_name[0] != '.' && strcmp(e->d_name + n - 4, ".sql") == 0)
            rc = read_one(dir, e->d_name, out);
    }
    closedir(d);
    if (rc == 0 && out->n > 0)
        qsort(out->v, out->n, sizeof *out->v, by_version);
    for (size_t i = 0; rc == 0 && i < out->n; i++)
        if (out->v[i].version != (int)i + 1) {
            fprintf(stderr, "guahao: %s: migration %04zu is missing or there twice\n", dir, i + 1);
            rc = -1;
        }
    if (rc != 0)
        gh_migrations_fini(out);
    return rc;
}

void
gh_migrations_fini(gh_migrations_t *m)
{
    for (size_t i = 0; i < m->n; i++)
        free(m->v[i].sql);
    free(m->v);
    *m = (gh_migrations_t){0};
}
