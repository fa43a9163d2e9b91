/* link: ops/cmd/migrate_files.c */
/*
 * tests/unit/test_migrate_files.c - names, order and digests of migration files
 */
#include "unit.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "ops/cmd/migrate_files.h"

static char s_dir[32];

static int
make_dir(void **state)
{
    (void)state;
    snprintf(s_dir, sizeof s_dir, "/tmp/gh-mig.XXXXXX");
    return mkdtemp(s_dir) ? 0 : -1;
}

static int
remove_dir(void **state)
{
    (void)state;
    char command[64];
    snprintf(command, sizeof command, "rm -rf %s", s_dir);
    return system(command);
}

static void
put(const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", s_dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void
file_names_have_a_number_and_a_name(void **state)
{
    (void)state;
    int version;
    char name[GH_MIGRATION_NAME];
    assert_true(gh_migration_parse_name("0007_risk_logs2.sql", &version, name));
    assert_int_equal(version, 7);
    assert_string_equal(name, "risk_logs2");
    static const char *const wrong[] = {
        "7_risk.sql",     "0007risk.sql",   "0007_.sql",      "0000_x.sql",   "0007_Risk.sql",
        "0007_risk.sql~", "00007_risk.sql", "0007_2risk.sql", "0007_a b.sql", ""};
    for (size_t i = 0; i < GH_COUNT(wrong); i++)
        assert_false(gh_migration_parse_name(wrong[i], &version, name));
}

static void
new_names_are_short_and_plain(void **state)
{
    (void)state;
    char name[64];
    memset(name, 'a', sizeof name);
    name[48] = '\0';
    assert_true(gh_migration_name_valid(name));
    name[48] = 'a';
    name[49] = '\0';
    assert_false(gh_migration_name_valid(name));
    assert_false(gh_migration_name_valid(""));
    assert_false(gh_migration_name_valid("../x"));
    assert_false(gh_migration_name_valid("_x"));
}

static void
files_are_read_in_order_with_their_digest(void **state)
{
    (void)state;
    gh_migrations_t m;
    put("0002_b.sql", "select 2;\n");
    put("0001_a.sql", "select 1;\n");
    put("README.md", "not one");
    assert_int_equal(gh_migrations_read(s_dir, &m), 0);
    assert_int_equal(m.n, 2);
    assert_string_equal(m.v[0].name, "a");
    assert_string_equal(m.v[1].sql, "select 2;\n");
    uint8_t want[32];
    assert_int_equal(gh_sha256("select 2;\n", 10, want), 0);
    assert_memory_equal(m.v[1].checksum, want, 32);
    gh_migrations_fini(&m);
}

static void
a_gap_a_double_number_and_a_strange_name_are_refused(void **state)
{
    (void)state;
    gh_migrations_t m;
    put("0001_a.sql", "");
    put("0003_c.sql", "");
    assert_int_equal(gh_migrations_read(s_dir, &m), -1);
    put("0002_b.sql", "");
    assert_int_equal(gh_migrations_read(s_dir, &m), 0);
    gh_migrations_fini(&m);
    put("0002_other.sql", "");
    assert_int_equal(gh_migrations_read(s_dir, &m), -1);
    char path[64];
    snprintf(path, sizeof path, "%s/0002_other.sql", s_dir);
    unlink(path);
    put("hotfix.sql", "");
    assert_int_equal(gh_migrations_read(s_dir, &m), -1);
    assert_int_equal(gh_migrations_read("/nowhere/at/all", &m), -1);
}

static void
a_position_counts_characters_not_bytes(void **state)
{
    (void)state;
    static const char sql[] = "select '上午';\nselect x;\n";
    int line, column;
    gh_migration_place(sql, 1, &line, &column);
    assert_int_equal(line, 1);
    assert_int_equal(column, 1);
    gh_migration_place(sql, 9, &line, &column); /* 上 */
    assert_int_equal(column, 9);
    gh_migration_place(sql, 11, &line, &column); /* the quote behind it */
    assert_int_equal(line, 1);
    assert_int_equal(column, 11);
    gh_migration_place(sql, 21, &line, &column); /* x: 13 characters in the first line with its end */
    assert_int_equal(line, 2);
    assert_int_equal(column, 8);
    gh_migration_place(sql, 1000, &line, &column);
    assert_int_equal(line, 3);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(file_names_have_a_number_and_a_name),
        cmocka_unit_test(new_names_are_short_and_plain),
        cmocka_unit_test_setup_teardown(files_are_read_in_order_with_their_digest, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(a_gap_a_double_number_and_a_strange_name_are_refused, make_dir,
                                        remove_dir),
        cmocka_unit_test(a_position_counts_characters_not_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
