/*
 * tests/unit/test_gen.c - the generator of C tables, run as the build runs it
 */
#include "unit.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/conf.h"

static char dir[] = "/tmp/gh.XXXXXX";
static char out[16384];

static void
write_file(const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
}

static const char *
read_out(const char *name)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    out[fread(out, 1, sizeof(out) - 1, f)] = 0;
    fclose(f);
    return out;
}

/* Run ghgen in the directory; its exit status, with what it said in `out`. */
static int
run(const char *args)
{
    char command[1024], exe[512];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
    assert_true(n > 0);
    exe[n] = 0;
    *strrchr(exe, '/') = 0; /* <build>/unit */
    *strrchr(exe, '/') = 0; /* <build> */
    snprintf(command, sizeof(command), "cd %s && %s/gen/ghgen %s > said 2>&1", dir, exe, args);
    int status = system(command);
    read_out("said");
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void
refused(const char *args, const char *said)
{
    assert_int_equal(run(args), 1);
    if (!strstr(out, said))
        fail_msg("expected '%s' in '%s'", said, out);
}

static void
sql_statements_become_a_table(void **state)
{
    (void)state;
    write_file(
        "a.sql",
        "-- about this file\n\n-- name: first_one\n-- what it does\nselect 'a;\"\\' , $1::text -- why; so\n"
        "  from t;\n\n-- name: second\ndo $x$ begin; end; $x$\n");
    write_file("b.sql", "-- name: third\nselect ';' /* ; */ ;\n");
    assert_int_equal(run("sql demo sql_demo a.sql b.sql"), 0);
    read_out("sql_demo.h");
    assert_non_null(strstr(out, "extern const gh_sql_t gh_sql_demo[];"));
    assert_non_null(strstr(out, "extern const size_t gh_sql_demo_count;"));
    read_out("sql_demo.c");
    assert_non_null(
        strstr(out, "{\"first_one\", /* a.sql:3 */\n     \"select 'a;\\\"\\\\' , $1::text -- why; so\\n\"\n"
                    "     \"  from t\"},"));
    assert_non_null(strstr(out, "\"do $x$ begin; end; $x$\""));
    assert_non_null(strstr(out, "gh_sql_demo_count = 3;"));
    assert_null(strstr(out, "what it does"));
}

static void
bad_sql_files_stop_the_build(void **state)
{
    (void)state;
    write_file("empty.sql", "-- name: a\n-- only a comment\n-- name: b\nselect 1\n");
    refused("sql d o empty.sql", "empty.sql:1: statement a is empty");
    write_file("semi.sql", "-- name: a\n ;\n");
    refused("sql d o semi.sql", "statement a is empty");
    write_file("two.sql", "-- name: a\nselect 1; select 2\n");
    refused("sql d o two.sql", "two.sql:1: statement a holds more than one statement");
    write_file("dup.sql", "-- name: b\nselect 1\n-- name: b\nselect 2\n");
    refused("sql d o dup.sql", "dup.sql:3: statement b exists already, dup.sql:1");
    write_file("c.sql", "-- name: b\nselect 1\n");
    write_file("d.sql", "-- name: b\nselect 1\n");
    refused("sql d o c.sql d.sql", "d.sql:1: statement b exists already, c.sql:1");
    write_file("head.sql", "select 1;\n-- name: a\nselect 2\n");
    refused("sql d o head.sql", "head.sql:1: text before the first");
    write_file("name.sql", "-- name: A b\nselect 1\n");
    refused("sql d o name.sql", "is not a name");
    write_file("none.sql", "-- nothing here\n");
    refused("sql d o none.sql", "no statements");
    refused("sql d o missing.sql", "missing.sql: No such file");
}

/* The real table with one line added at its end. */
static void
errors_with(const char *line)
{
    char command[1024];
    write_file("line", line);
    snprintf(command, sizeof(command), "cat %s/schema/openapi/errors.yaml %s/line > %s/e.yaml",
             gh_conf_share_dir(), dir, dir);
    assert_int_equal(system(command), 0);
}

static void
the_error_table_takes_a_good_row(void **state)
{
    (void)state;
    errors_with(
        "  - {name: TEST_GONE, http: 404, code: 106, zh: '没有 \"它\"', en: 'gone?', also: [TEST_LOST]}\n");
    assert_int_equal(run("errors e.yaml table && grep -h TEST_ table.c table.h"), 0);
    assert_non_null(
        strstr(out, "[GH_E_TEST_GONE] = {\"TEST_GONE\", 404, 404, 106, \"\\346\\262\\241\\346\\234\\211 "
                    "\\\"\\345\\256\\203\\\"\", \"gone\\?\", GH_E_NOT_FOUND},"));
    assert_non_null(strstr(out, "{\"TEST_LOST\", GH_E_TEST_GONE},"));
    assert_non_null(strstr(out, "    GH_E_TEST_GONE,\n"));
}

static void
bad_error_rows_stop_the_build(void **state)
{
    (void)state;
    static const struct {
        const char *line, *said;
    } cases[] = {
        {"  - {name: SLOT_FULL, http: 409, code: 99, zh: a, en: b}\n",
         "SLOT_FULL: this name is taken by SLOT_FULL"},
        {"  - {name: X, http: 409, code: 99, zh: a, en: b, also: [EMAIL_IN_USE]}\n",
         "this name is taken by EMAIL_TAKEN"},
        {"  - {name: x, http: 409, code: 99, zh: a, en: b}\n", "not a name for an error"},
        {"  - {name: X, http: 200, code: 99, zh: a, en: b}\n", "not a number in 400..599"},
        {"  - {name: X, http: 4O4, code: 99, zh: a, en: b}\n", "not a number"},
        {"  - {name: X, http: 409, code: 99, zh: a}\n", "a row needs"},
        {"  - {name: X, http: 409, code: 99, zh: a, en: b, colour: red}\n", "unknown member colour"},
        {"  - {name: X, http: 409, code: 99, zh: a, en: b, v1: NOPE}\n", "not a code of v1"},
        {"  - {name: X, http: 418, code: 99, zh: a, en: b}\n", "has no default on v1"},
        {"  - {name: X, http: 409\n", "e.yaml:"},
    };
    for (size_t i = 0; i < GH_COUNT(cases); i++) {
        errors_with(cases[i].line);
        refused("errors e.yaml table", cases[i].said);
    }
    write_file("few.yaml", "errors:\n  - {name: X, http: 404, code: 99, zh: a, en: b}\n");
    refused("errors few.yaml table", "there is no row BAD_REQUEST");
}

static int
make_dir(void **state)
{
    (void)state;
    return mkdtemp(dir) ? 0 : -1;
}

static int
remove_dir(void **state)
{
    (void)state;
    char command[64];
    snprintf(command, sizeof(command), "rm -rf %s", dir);
    return system(command);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sql_statements_become_a_table),
        cmocka_unit_test(bad_sql_files_stop_the_build),
        cmocka_unit_test(the_error_table_takes_a_good_row),
        cmocka_unit_test(bad_error_rows_stop_the_build),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
