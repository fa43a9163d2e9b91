/*
 * ops/gen/ghgen.c - generator of C tables from the error table and from .sql files (see ops/mk/gen.mk)
 *
 *   ghgen errors schema/openapi/errors.yaml OUT     writes OUT.h (enum gh_err) and OUT.c (rows, names)
 *   ghgen sql DIR OUT FILE.sql...                   writes OUT.h and OUT.c (gh_sql_DIR[], gh_sql_DIR_count)
 *
 * Lines of a statement that begin with `--` are left out of its text, so a text literal may not have such a line.
 * A wrong input stops the build with file, place and reason; nothing is guessed. Memory is not freed: the program
 * lives for a moment.
 */
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void fail(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

static void
fail(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fputs("ghgen: ", stderr);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
    exit(1);
}

static void *
grow(void *p, size_t count, size_t size)
{
    void *q = realloc(p, (count + 1) * size);
    if (!q)
        fail("out of memory");
    return q;
}

static char *
copy(const char *s, size_t n)
{
    char *p = strndup(s, n);
    if (!p)
        fail("out of memory");
    return p;
}

static FILE *
open_out(const char *base, const char *suffix, char path[4096])
{
    if (snprintf(path, 4096, "%s%s", base, suffix) >= 4096)
        fail("%s: the path is too long", base);
    FILE *f = fopen(path, "w");
    if (!f)
        fail("%s: %s", path, strerror(errno));
    return f;
}

static void
close_out(FILE *f, const char *path)
{
    if (ferror(f) || fclose(f) != 0)
        fail("%s: cannot write", path);
}

/* A C string literal; octal escapes for what is not printable ASCII, so that the file is safe in any locale. */
static void
put_literal(FILE *f, const char *s, size_t n)
{
    fputc('"', f);
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];
        if (c == '"' || c == '\\' || c == '?') /* '?': no trigraphs */
            fprintf(f, "\\%c", c);
        else if (c == '\n')
            fputs("\\n", f);
        else if (c < 0x20 || c > 0x7e)
            fprintf(f, "\\%03o", c);
        else
            fputc(c, f);
    }
    fputc('"', f);
}

/* ---- errors */

typedef struct row {
    const char *name, *zh, *en, *v1;
    long http, strict, code;
    size_t v1_index;
    size_t line;
} row_t;

typedef struct alias {
    const char *name;
    size_t index; /* into rows */
} alias_t;

static const char *err_file;
static row_t *rows;
static size_t n_rows;
static alias_t *aliases; /* names and other names of all rows */
static size_t n_aliases;

/* The codes of api/v1 (api/20 section 4). Such a row is shown on v1 as itself; any other is replaced there. */
/* clang-format off */
static const char *const v1_names[] = {
    "BAD_REQUEST", "MALFORMED_JSON", "RESET_TOKEN_INVALID", "TOKEN_MISSING", "TOKEN_INVALID", "TOKEN_EXPIRED",
    "TOKEN_REVOKED", "REFRESH_INVALID", "REFRESH_REUSED", "BAD_CREDENTIALS", "SIGNATURE_INVALID",
    "SIGNATURE_STALE", "FORBIDDEN", "NOT_OWNER", "NOT_ASSIGNED", "ROLE_NOT_ALLOWED", "FIELD_NOT_ALLOWED",
    "SUPERUSER_REQUIRED", "DOCTOR_PROFILE_REQUIRED", "ACCOUNT_DISABLED", "PASSWORD_CHANGE_REQUIRED",
    "CSRF_FAILED", "BOOKING_SUSPENDED", "NOT_RELEASED", "NOT_FOUND", "ROUTE_NOT_FOUND", "PROFILE_NOT_FOUND",
    "SCHEDULE_NOT_FOUND", "METHOD_NOT_ALLOWED", "NOT_ACCEPTABLE", "USERNAME_TAKEN", "EMAIL_TAKEN",
    "PHONE_TAKEN", "IDENTIFIER_TAKEN", "NATIONAL_ID_TAKEN", "LICENSE_TAKEN", "DUPLICATE", "LAST_ADMIN",
    "SELF_DELETE", "ROLE_BUILTIN", "ROLE_IN_USE", "USER_ALREADY_LINKED", "PATIENT_HAS_APPOINTMENTS",
    "DOCTOR_HAS_APPOINTMENTS", "DEPARTMENT_IN_USE", "SPECIALTY_IN_USE", "AVAILABILITY_OVERLAP",
    "SCHEDULE_OVERLAP", "SCHEDULE_HAS_BOOKINGS", "SLOTS_BELOW_BOOKED", "SESSION_SUSPENDED", "SLOT_FULL",
    "SLOT_TAKEN", "DOCTOR_UNAVAILABLE", "SAME_DAY_CLOSED", "PATIENT_CONFLICT", "DUPLICATE_BOOKING",
    "BOOKING_LIMIT", "DEPARTMENT_INTERVAL", "CANCEL_TOO_LATE", "RESCHEDULE_LIMIT", "INVALID_TRANSITION",
    "RECORD_EXISTS", "RECORD_FINAL", "ALLERGY_CONFLICT", "PRESCRIPTION_LOCKED", "PRESCRIPTION_EXPIRED",
    "PRESCRIPTION_NOT_DISPENSABLE", "BILL_HAS_PAYMENTS", "BILL_NOT_PAYABLE", "OVERPAYMENT", "PAYMENT_PENDING",
    "REFUND_EXCEEDS", "PAYMENT_NOT_REFUNDABLE", "POLICY_NOT_IN_FORCE", "POLICY_IN_USE", "CLAIM_OPEN",
    "APPEAL_WINDOW_CLOSED", "INSUFFICIENT_STOCK", "BATCH_EXPIRED", "BATCH_UNAVAILABLE", "EXCEEDS_PRESCRIBED",
    "RETURN_EXCEEDS", "DRUG_HAS_STOCK", "IMAGE_DUPLICATE", "IMAGE_NOT_READY", "IMAGE_IN_USE",
    "DIAGNOSIS_IN_PROGRESS", "ALREADY_REVIEWED", "REPORT_SIGNED", "JOB_NOT_CANCELLABLE",
    "IDEMPOTENCY_IN_PROGRESS", "PRECONDITION_FAILED", "PAYLOAD_TOO_LARGE", "UNSUPPORTED_MEDIA_TYPE",
    "UNSUPPORTED_IMAGE", "RANGE_NOT_SATISFIABLE", "VALIDATION_FAILED", "UNKNOWN_FIELD", "UNKNOWN_SORT",
    "PASSWORD_WEAK", "PASSWORD_TOO_LONG", "PASSWORD_REUSED", "CURRENT_PASSWORD_WRONG", "ROLE_REQUIRED",
    "DEPARTMENT_INVALID", "BEYOND_HORIZON", "SESSION_IN_PAST", "APPOINTMENT_IN_PAST", "BEYOND_BOOKING_WINDOW",
    "SLOT_NOT_ALIGNED", "APPOINTMENT_MISMATCH", "ICD10_FORMAT", "PRIMARY_DIAGNOSIS_REQUIRED",
    "REASON_REQUIRED", "TEMPLATE_VARIABLE_UNKNOWN", "TOTAL_MISMATCH", "AMOUNT_MISMATCH", "CURRENCY_MISMATCH",
    "CLAIM_MISMATCH", "CLAIM_EXCEEDS", "WITNESS_REQUIRED", "PATIENT_MISMATCH", "MODEL_UNKNOWN",
    "MODALITY_UNSUPPORTED", "REPORT_INCOMPLETE", "CONFIG_INVALID", "IDEMPOTENCY_KEY_REUSED", "ACCOUNT_LOCKED",
    "RATE_LIMITED", "INTERNAL", "GATEWAY_ERROR", "SERVICE_UNAVAILABLE", "QUEUE_FULL", "UPSTREAM_TIMEOUT"
};
/* clang-format on */

/* What an unlisted row without `v1` becomes, by its status (head of errors.yaml; the last three follow its spirit). */
static const struct {
    long http;
    const char *name;
} v1_defaults[] = {
    {400, "BAD_REQUEST"}, {401, "TOKEN_INVALID"},      {403, "FORBIDDEN"},
    {404, "NOT_FOUND"},   {409, "INVALID_TRANSITION"}, {500, "INTERNAL"},
    {410, "NOT_FOUND"},   {422, "VALIDATION_FAILED"},  {429, "RATE_LIMITED"},
};

static const char *
scalar(yaml_node_t *node)
{
    if (!node || node->type != YAML_SCALAR_NODE)
        fail("%s: a text or number was expected", err_file);
    return (const char *)node->data.scalar.value;
}

static long
number(yaml_node_t *node, const char *what, long min, long max)
{
    const char *s = scalar(node);
    char *end;
    errno = 0;
    long v = strtol(s, &end, 10);
    if (errno || end == s || *end || v < min || v > max)
        fail("%s:%zu: %s: %s is not a number in %ld..%ld", err_file, node->start_mark.line + 1, what, s, min,
             max);
    return v;
}

static void
add_alias(const char *name, size_t index, size_t line)
{
    if (!*name || strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") != strlen(name) ||
        isdigit((int)name[0]))
        fail("%s:%zu: %s: not a name for an error", err_file, line, name);
    for (size_t i = 0; i < n_aliases; i++)
        if (strcmp(aliases[i].name, name) == 0)
            fail("%s:%zu: %s: this name is taken by %s", err_file, line, name, rows[aliases[i].index].name);
    aliases = grow(aliases, n_aliases, sizeof(*aliases));
    aliases[n_aliases++] = (alias_t){name, index};
}

static void
read_row(yaml_document_t *doc, yaml_node_t *map)
{
    if (map->type != YAML_MAPPING_NODE)
        fail("%s:%zu: a row must be a map", err_file, map->start_mark.line + 1);
    row_t row = {.line = map->start_mark.line + 1};
    yaml_node_t *also = NULL;
    for (yaml_node_pair_t *p = map->data.mapping.pairs.start; p < map->data.mapping.pairs.top; p++) {
        const char *key = scalar(yaml_document_get_node(doc, p->key));
        yaml_node_t *v = yaml_document_get_node(doc, p->value);
        if (strcmp(key, "name") == 0)
            row.name = scalar(v);
        else if (strcmp(key, "zh") == 0)
            row.zh = scalar(v);
        else if (strcmp(key, "en") == 0)
            row.en = scalar(v);
        else if (strcmp(key, "v1") == 0)
            row.v1 = scalar(v);
        else if (strcmp(key, "http") == 0)
            row.http = number(v, key, 400, 599);
        else if (strcmp(key, "strict") == 0)
            row.strict = number(v, key, 400, 599);
        else if (strcmp(key, "code") == 0)
            row.code = number(v, key, 1, 9999);
        else if (strcmp(key, "also") == 0)
            also = v;
        else
            fail("%s:%zu: unknown member %s", err_file, v->start_mark.line + 1, key);
    }
    if (!row.name || !row.http || !row.code || !row.zh || !row.en)
        fail("%s:%zu: a row needs name, http, code, zh and en", err_file, row.line);
    if (!row.strict)
        row.strict = row.http;
    rows = grow(rows, n_rows, sizeof(*rows));
    rows[n_rows++] = row;
    add_alias(row.name, n_rows - 1, row.line);
    if (!also)
        return;
    if (also->type != YAML_SEQUENCE_NODE)
        fail("%s:%zu: also must be a list", err_file, row.line);
    for (yaml_node_item_t *i = also->data.sequence.items.start; i < also->data.sequence.items.top; i++)
        add_alias(scalar(yaml_document_get_node(doc, *i)), n_rows - 1, row.line);
}

static void
read_errors(void)
{
    FILE *f = fopen(err_file, "r");
    if (!f)
        fail("%s: %s", err_file, strerror(errno));
    yaml_parser_t parser;
    yaml_document_t *doc = grow(NULL, 0, sizeof(*doc)); /* lives on: the rows point into it */
    if (!yaml_parser_initialize(&parser))
        fail("out of memory");
    yaml_parser_set_input_file(&parser, f);
    if (!yaml_parser_load(&parser, doc))
        fail("%s:%zu: %s", err_file, parser.problem_mark.line + 1, parser.problem);
    fclose(f);
    yaml_parser_delete(&parser);
    yaml_node_t *root = yaml_document_get_root_node(doc), *list = NULL;
    if (root && root->type == YAML_MAPPING_NODE)
        for (yaml_node_pair_t *p = root->data.mapping.pairs.start; p < root->data.mapping.pairs.top; p++)
            if (strcmp(scalar(yaml_document_get_node(doc, p->key)), "errors") == 0)
                list = yaml_document_get_node(doc, p->value);
    if (!list || list->type != YAML_SEQUENCE_NODE)
        fail("%s: there is no list `errors`", err_file);
    for (yaml_node_item_t *i = list->data.sequence.items.start; i < list->data.sequence.items.top; i++)
        read_row(doc, yaml_document_get_node(doc, *i));
}

static size_t
find_row(const char *name, const char *asker)
{
    for (size_t i = 0; i < n_rows; i++)
        if (strcmp(rows[i].name, name) == 0)
            return i;
    fail("%s: %s: there is no row %s", err_file, asker, name);
}

static bool
is_v1_name(const char *name)
{
    for (size_t i = 0; i < COUNT(v1_names); i++)
        if (strcmp(v1_names[i], name) == 0)
            return true;
    return false;
}

static const char *
v1_of(const row_t *r)
{
    if (r->v1) {
        if (!is_v1_name(r->v1))
            fail("%s:%zu: %s: v1: %s is not a code of v1", err_file, r->line, r->name, r->v1);
        return r->v1;
    }
    if (is_v1_name(r->name))
        return r->name;
    for (size_t i = 0; i < COUNT(v1_defaults); i++)
        if (v1_defaults[i].http == r->http)
            return v1_defaults[i].name;
    fail("%s:%zu: %s: status %ld has no default on v1, name a row with `v1`", err_file, r->line, r->name,
         r->http);
}

static int
by_name(const void *a, const void *b)
{
    return strcmp(((const alias_t *)a)->name, ((const alias_t *)b)->name);
}

static void
write_error_header(const char *out)
{
    char path[4096];
    FILE *f = open_out(out, ".h", path);
    fprintf(f,
            "/* Generated by ghgen from %s: do not edit. */\n#ifndef GH_GEN_ERROR_TABLE_H\n"
            "#define GH_GEN_ERROR_TABLE_H\n\nenum gh_err {\n    GH_E_NONE = 0,\n",
            err_file);
    for (size_t i = 0; i < n_rows; i++)
        fprintf(f, "    GH_E_%s,\n", rows[i].name);
    fputs("    GH_E_COUNT\n};\n\n#endif\n", f);
    close_out(f, path);
}

static void
write_error_source(const char *out)
{
    char path[4096];
    FILE *f = open_out(out, ".c", path);
    fprintf(f,
            "/* Generated by ghgen from %s: do not edit. */\n#include \"base/error_rows.h\"\n\n"
            "const gh_error_row_t gh_error_rows[GH_E_COUNT] = {\n",
            err_file);
    for (size_t i = 0; i < n_rows; i++) {
        const row_t *r = &rows[i];
        fprintf(f, "    [GH_E_%s] = {\"%s\", %ld, %ld, %ld, ", r->name, r->name, r->http, r->strict, r->code);
        put_literal(f, r->zh, strlen(r->zh));
        fputs(", ", f);
        put_literal(f, r->en, strlen(r->en));
        fprintf(f, ", GH_E_%s},\n", rows[r->v1_index].name);
    }
    fputs("};\n\nconst gh_error_name_t gh_error_names[] = {\n", f);
    qsort(aliases, n_aliases, sizeof(*aliases), by_name);
    for (size_t i = 0; i < n_aliases; i++)
        fprintf(f, "    {\"%s\", GH_E_%s},\n", aliases[i].name, rows[aliases[i].index].name);
    fprintf(f, "};\nconst size_t gh_error_names_count = %zu;\n", n_aliases);
    close_out(f, path);
}

static void
errors_main(const char *file, const char *out)
{
    err_file = file;
    read_errors();
    for (size_t i = 0; i < COUNT(v1_names); i++)
        find_row(v1_names[i], "api/20 section 4");
    for (size_t i = 0; i < n_rows; i++)
        rows[i].v1_index = find_row(v1_of(&rows[i]), rows[i].name);
    write_error_header(out);
    write_error_source(out);
}

/* ---- SQL */

typedef struct stmt {
    char *name, *text;
    const char *file;
    size_t line, n; /* n: length of text */
} stmt_t;

static stmt_t *stmts;
static size_t n_stmts;

static char *
read_file(const char *path)
{
    FILE *f = fopen(path, "r");
    if (!f)
        fail("%s: %s", path, strerror(errno));
    char *text = NULL;
    size_t n = 0, cap = 0;
    for (;;) {
        text = grow(text, cap += 65536, 1);
        size_t got = fread(text + n, 1, cap - n, f);
        n += got;
        if (got == 0)
            break;
    }
    if (ferror(f))
        fail("%s: cannot read", path);
    fclose(f);
    if (memchr(text, 0, n))
        fail("%s: holds a NUL byte", path);
    text[n] = 0;
    return text;
}

/* End of what a quote, a dollar quote or a block comment at s opens; s itself when nothing opens there. */
static const char *
skip_quoted(const char *s)
{
    if (*s == '\'' || *s == '"') {
        const char *end = strchr(s + 1, *s); /* a doubled quote just opens the next one */
        return end ? end + 1 : s + strlen(s);
    }
    if (s[0] == '/' && s[1] == '*') {
        const char *end = strstr(s + 2, "*/");
        return end ? end + 2 : s + strlen(s);
    }
    if (s[0] == '-' && s[1] == '-')
        return s + strcspn(s, "\n");
    if (*s != '$' || isdigit((int)s[1]))
        return s;
    size_t tag = 1 + strspn(s + 1, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789");
    if (s[tag] != '$')
        return s;
    char *quote = copy(s, tag + 1);
    const char *end = strstr(s + tag + 1, quote);
    free(quote);
    return end ? end + tag + 1 : s + strlen(s);
}

/* A named statement is exactly one: the protocol refuses more, and better here than at run time. */
static void
finish_stmt(stmt_t *st)
{
    while (st->n > 0 && (isspace((int)(unsigned char)st->text[st->n - 1]) || st->text[st->n - 1] == ';'))
        st->n--;
    st->text[st->n] = 0;
    if (st->n == 0)
        fail("%s:%zu: statement %s is empty", st->file, st->line, st->name);
    for (const char *s = st->text; *s;) {
        const char *end = skip_quoted(s);
        if (end == s && *s == ';')
            fail("%s:%zu: statement %s holds more than one statement", st->file, st->line, st->name);
        s = end == s ? s + 1 : end;
    }
}

static void
begin_stmt(const char *file, size_t line, const char *name, size_t n)
{
    while (n > 0 && isspace((int)(unsigned char)name[n - 1]))
        n--;
    char *copied = copy(name, n);
    if (n == 0 || n > 63 || strspn(copied, "abcdefghijklmnopqrstuvwxyz0123456789_") != n)
        fail("%s:%zu: '%s' is not a name for a statement (a-z, 0-9, _)", file, line, copied);
    for (size_t i = 0; i < n_stmts; i++)
        if (strcmp(stmts[i].name, copied) == 0)
            fail("%s:%zu: statement %s exists already, %s:%zu", file, line, copied, stmts[i].file,
                 stmts[i].line);
    stmts = grow(stmts, n_stmts, sizeof(*stmts));
    stmts[n_stmts++] = (stmt_t){.name = copied, .text = copy("", 0), .file = file, .line = line};
}

static void
add_line(stmt_t *st, const char *line, size_t n)
{
    st->text = grow(st->text, st->n + n + 1, 1);
    memcpy(st->text + st->n, line, n);
    st->n += n;
    st->text[st->n++] = '\n';
    st->text[st->n] = 0;
}

static void
read_sql(const char *file)
{
    static const char mark[] = "-- name:";
    const char *text = read_file(file);
    size_t before = n_stmts, line = 0;
    for (const char *s = text; *s;) {
        size_t n = strcspn(s, "\n"), blank = strspn(s, " \t");
        line++;
        if (strncmp(s, mark, sizeof(mark) - 1) == 0) {
            if (n_stmts > before)
                finish_stmt(&stmts[n_stmts - 1]);
            size_t skip = sizeof(mark) - 1 + strspn(s + sizeof(mark) - 1, " \t");
            begin_stmt(file, line, s + skip, n > skip ? n - skip : 0);
        } else if (blank < n && strncmp(s + blank, "--", 2) != 0) { /* comment lines stay at home */
            if (n_stmts == before)
                fail("%s:%zu: text before the first `-- name:` line", file, line);
            add_line(&stmts[n_stmts - 1], s, n);
        }
        s += n + (s[n] == '\n');
    }
    if (n_stmts > before)
        finish_stmt(&stmts[n_stmts - 1]);
}

static void
put_stmt(FILE *f, const stmt_t *st)
{
    fprintf(f, "    {\"%s\", /* %s:%zu */\n", st->name, st->file, st->line);
    for (const char *s = st->text; *s;) {
        size_t n = strcspn(s, "\n");
        n += s[n] == '\n';
        fputs("     ", f);
        put_literal(f, s, n);
        s += n;
        fputs(*s ? "\n" : "},\n", f);
    }
}

static void
sql_main(const char *dir, const char *out, int n_files, char **files)
{
    for (int i = 0; i < n_files; i++)
        read_sql(files[i]);
    if (n_stmts == 0)
        fail("%s: no statements", dir);
    char path[4096];
    FILE *f = open_out(out, ".h", path);
    fprintf(f,
            "/* Generated by ghgen from the .sql files of %s: do not edit. */\n#ifndef GH_GEN_SQL_%s_H\n"
            "#define GH_GEN_SQL_%s_H\n\n#include \"db/sql.h\"\n\nextern const gh_sql_t gh_sql_%s[];\n"
            "extern const size_t gh_sql_%s_count;\n\n#endif\n",
            dir, dir, dir, dir, dir);
    close_out(f, path);
    f = open_out(out, ".c", path);
    fprintf(f,
            "/* Generated by ghgen from the .sql files of %s: do not edit. */\n#include \"gen/sql_%s.h\"\n\n"
            "const gh_sql_t gh_sql_%s[] = {\n",
            dir, dir, dir);
    for (size_t i = 0; i < n_stmts; i++)
        put_stmt(f, &stmts[i]);
    fprintf(f, "};\nconst size_t gh_sql_%s_count = %zu;\n", dir, n_stmts);
    close_out(f, path);
}

int
main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "errors") == 0)
        errors_main(argv[2], argv[3]);
    else if (argc >= 5 && strcmp(argv[1], "sql") == 0)
        sql_main(argv[2], argv[3], argc - 4, argv + 4);
    else
        fail("usage: ghgen errors FILE OUT | ghgen sql DIR OUT FILE...");
    return 0;
}
