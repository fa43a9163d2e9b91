/* link: ops/cmd/csv.c */
/*
 * tests/unit/test_csv.c - the CSV reader of `guahao replay`
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ops/cmd/csv.h"

static int
s_parse(gh_csv_t *csv, const char *text, size_t n, char err[200])
{
    char *copy = malloc(n ? n : 1);
    assert_non_null(copy);
    memcpy(copy, text, n);
    return gh_csv_parse(csv, copy, n, err);
}

static void
s_cell_is(const gh_csv_t *csv, size_t row, int column, const char *want)
{
    gh_str_t got = gh_csv_cell(csv, row, column);
    assert_int_equal(got.n, strlen(want));
    assert_memory_equal(got.p, want, got.n);
}

static void
rows_and_columns_are_found_by_header(void **state)
{
    (void)state;
    static const char text[] =
        "\xef\xbb\xbf"
        "Clinic,Patient,No-show\r\nItarar\xc3\xa9,7,No\r\n\r\n\"A, \"\"B\"\"\nC\",8,\n";
    char err[200];
    gh_csv_t csv;
    assert_int_equal(s_parse(&csv, text, sizeof text - 1, err), 0);
    assert_int_equal(csv.columns, 3);
    assert_int_equal(csv.rows, 2);
    assert_int_equal(gh_csv_column(&csv, "patient"), 1);
    assert_int_equal(gh_csv_column(&csv, "NO-SHOW"), 2);
    assert_int_equal(gh_csv_column(&csv, "Age"), -1);
    s_cell_is(&csv, 0, 0, "Itarar\xc3\xa9");
    s_cell_is(&csv, 1, 0, "A, \"B\"\nC");
    s_cell_is(&csv, 1, 2, "");
    assert_int_equal(csv.lines[0], 2);
    assert_int_equal(csv.lines[1], 4);
    gh_csv_fini(&csv);
    gh_csv_fini(&csv);
}

static void
separators_are_recognised(void **state)
{
    (void)state;
    char err[200];
    gh_csv_t csv;
    assert_int_equal(s_parse(&csv, "\"a,b\";c\n1;2", 11, err), 0);
    assert_int_equal(csv.columns, 2);
    s_cell_is(&csv, 0, 1, "2");
    gh_csv_fini(&csv);
    assert_int_equal(s_parse(&csv, "a\tb\n1\t2,3\n", 10, err), 0);
    s_cell_is(&csv, 0, 1, "2,3");
    gh_csv_fini(&csv);
}

static void
broken_tables_are_refused_with_their_line(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t n;
        const char *err;
    } bad[] = {{"", 0, "line 1: no header line"},
               {"\n\n", 2, "line 3: no header line"},
               {"a,b\n1,2\n3\n", 10, "line 3: not as many cells as the header"},
               {"a,b\n\"1,2", 8, "line 2: a quoted cell does not end"},
               {"a,b\n\"1\"x,2\n", 12, "line 2: text after a quoted cell"},
               {"a,b\n1,\0\n", 8, "line 2: a NUL byte"}};
    for (size_t i = 0; i < GH_COUNT(bad); i++) {
        char err[200];
        gh_csv_t csv;
        assert_int_equal(s_parse(&csv, bad[i].text, bad[i].n, err), -1);
        assert_string_equal(err, bad[i].err);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(rows_and_columns_are_found_by_header),
                                       cmocka_unit_test(separators_are_recognised),
                                       cmocka_unit_test(broken_tables_are_refused_with_their_line)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
