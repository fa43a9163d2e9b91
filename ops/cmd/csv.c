/*
 * ops/cmd/csv.c - see csv.h
 */
#include "ops/cmd/csv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

typedef struct parse {
    gh_csv_t *csv;
    char *at, *end;
    char separator;
    size_t line, n_cells, cap_cells, cap_rows;
    char *err;
} parse_t;

static int
s_fail(parse_t *p, const char *why)
{
    snprintf(p->err, 200, "line %zu: %s", p->line, why);
    return -1;
}

static char
s_separator(const char *at, const char *end)
{
    bool quoted = false;
    for (; at < end && (quoted || (*at != '\n' && *at != '\r')); at++) {
        if (*at == '"')
            quoted = !quoted;
        else if (!quoted && (*at == ',' || *at == ';' || *at == '\t'))
            return *at;
    }
    return ',';
}

static int
s_push_cell(parse_t *p, gh_str_t cell)
{
    if (p->n_cells == p->cap_cells) {
        size_t cap = p->cap_cells ? p->cap_cells * 2 : 1024;
        gh_str_t *more = realloc(p->csv->cells, cap * sizeof *more);
        if (!more)
            return s_fail(p, "out of memory");
        p->csv->cells = more;
        p->cap_cells = cap;
    }
    p->csv->cells[p->n_cells++] = cell;
    return 0;
}

/* A quoted cell: doubled quotes are resolved in place. p->at stands behind the opening quote. */
static int
s_quoted(parse_t *p, gh_str_t *cell)
{
    char *start = p->at, *to = start;
    for (;;) {
        if (p->at == p->end)
            return s_fail(p, "a quoted cell does not end");
        char c = *p->at++;
        if (c == '\n')
            p->line++;
        if (c == '"') {
            if (p->at == p->end || *p->at != '"')
                break;
            p->at++;
        }
        *to++ = c;
    }
    *cell = (gh_str_t){start, (size_t)(to - start)};
    if (p->at < p->end && *p->at != p->separator && *p->at != '\n' && *p->at != '\r')
        return s_fail(p, "text after a quoted cell");
    return 0;
}

/* One cell; *last tells that the line ends with it. */
static int
s_cell(parse_t *p, bool *last)
{
    gh_str_t cell;
    if (p->at < p->end && *p->at == '"') {
        p->at++;
        if (s_quoted(p, &cell) != 0)
            return -1;
    } else {
        char *start = p->at;
        while (p->at < p->end && *p->at != p->separator && *p->at != '\n' && *p->at != '\r')
            p->at++;
        cell = (gh_str_t){start, (size_t)(p->at - start)};
    }
    if (memchr(cell.p, '\0', cell.n))
        return s_fail(p, "a NUL byte");
    *last = p->at == p->end || *p->at != p->separator;
    if (!*last)
        p->at++;
    return s_push_cell(p, cell);
}

static void
s_end_of_line(parse_t *p)
{
    if (p->at < p->end && *p->at == '\r')
        p->at++;
    if (p->at < p->end && *p->at == '\n')
        p->at++;
    p->line++;
}

static int
s_note_row(parse_t *p, size_t line)
{
    gh_csv_t *csv = p->csv;
    if (csv->rows == p->cap_rows) {
        size_t cap = p->cap_rows ? p->cap_rows * 2 : 256;
        size_t *more = realloc(csv->lines, cap * sizeof *more);
        if (!more)
            return s_fail(p, "out of memory");
        csv->lines = more;
        p->cap_rows = cap;
    }
    csv->lines[csv->rows++] = line;
    return 0;
}

static int
s_line(parse_t *p, bool header)
{
    size_t before = p->n_cells, line = p->line;
    for (bool last = false; !last;) {
        if (p->n_cells - before == GH_CSV_COLUMNS)
            return s_fail(p, "too many columns");
        if (s_cell(p, &last) != 0)
            return -1;
    }
    if (header)
        p->csv->columns = p->n_cells;
    else if (p->n_cells - before != p->csv->columns)
        return s_fail(p, "not as many cells as the header");
    else if (s_note_row(p, line) != 0)
        return -1;
    s_end_of_line(p);
    return 0;
}

int
gh_csv_parse(gh_csv_t *csv, char *text, size_t n, char err[200])
{
    *csv = (gh_csv_t){.text = text};
    parse_t p = {.csv = csv, .at = text, .end = text + n, .line = 1, .err = err};
    if (n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
        p.at += 3;
    p.separator = s_separator(p.at, p.end);
    bool header = true;
    int rc = 0;
    while (rc == 0 && p.at < p.end) {
        if (*p.at == '\n' || *p.at == '\r') {
            s_end_of_line(&p);
            continue;
        }
        rc = s_line(&p, header);
        header = false;
    }
    if (rc == 0 && header)
        rc = s_fail(&p, "no header line");
    if (rc != 0)
        gh_csv_fini(csv);
    return rc;
}

int
gh_csv_load(gh_csv_t *csv, const char *path, char err[200])
{
    *csv = (gh_csv_t){0};
    FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb");
    if (!f) {
        snprintf(err, 200, "%s", strerror(errno));
        return -1;
    }
    size_t cap = 1 << 16, n = 0;
    char *text = malloc(cap);
    while (text) {
        n += fread(text + n, 1, cap - n, f);
        if (n < cap || cap >= GH_CSV_MAX)
            break;
        cap *= 2;
        char *more = realloc(text, cap);
        if (!more)
            free(text);
        text = more;
    }
    bool bad = !text || ferror(f) || n >= GH_CSV_MAX;
    if (f != stdin)
        fclose(f);
    if (bad) {
        snprintf(err, 200, "%s",
                 !text             ? "out of memory"
                 : n >= GH_CSV_MAX ? "the file is too large"
                                   : "cannot be read");
        free(text);
        return -1;
    }
    return gh_csv_parse(csv, text, n, err);
}

void
gh_csv_fini(gh_csv_t *csv)
{
    free(csv->text);
    free(csv->cells);
    free(csv->lines);
    *csv = (gh_csv_t){0};
}

int
gh_csv_column(const gh_csv_t *csv, const char *name)
{
    for (size_t i = 0; i < csv->columns; i++)
        if (csv->cells[i].n == strlen(name) && strncasecmp(csv->cells[i].p, name, csv->cells[i].n) == 0)
            return (int)i;
    return -1;
}
