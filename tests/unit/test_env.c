/* link: ops/cmd/env.c */
/*
 * tests/unit/test_env.c - files of environment variables for the guahao command
 */
#include "unit.h"

#include <unistd.h>

#include "ops/cmd/env.h"

static void
lines_give_names_and_values(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        int rc;
        const char *name, *value;
    } cases[] = {
        {"A=b\n", 0, "A", "b"},
        {"  export DATABASE_URL=postgresql:///x?a=b&c=d  \r\n", 0, "DATABASE_URL", "postgresql:///x?a=b&c=d"},
        {"A=\"b c\"", 0, "A", "b c"},
        {"A='b \"c'", 0, "A", "b \"c"},
        {"A=\"b'", 0, "A", "\"b'"},
        {"A=", 0, "A", ""},
        {"A=\"", 0, "A", "\""},
        {"", 0, NULL, NULL},
        {"   \n", 0, NULL, NULL},
        {"# A=b", 0, NULL, NULL},
        {"=b", -1, NULL, NULL},
        {"A b=c", -1, NULL, NULL},
        {"just words", -1, NULL, NULL},
    };
    for (size_t i = 0; i < GH_COUNT(cases); i++) {
        char line[128], *name, *value;
        snprintf(line, sizeof line, "%s", cases[i].line);
        assert_int_equal(gh_env_line(line, &name, &value), cases[i].rc);
        if (cases[i].rc != 0)
            continue;
        if (!cases[i].name) {
            assert_null(name);
            continue;
        }
        assert_string_equal(name, cases[i].name);
        assert_string_equal(value, cases[i].value);
    }
}

static void
a_file_never_overrides_what_is_set(void **state)
{
    (void)state;
    char path[] = "/tmp/gh-env.XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    static const char text[] = "GH_TEST_SET=file\nGH_TEST_NEW=file\n";
    assert_int_equal(write(fd, text, sizeof text - 1), sizeof text - 1);
    close(fd);
    setenv("GH_TEST_SET", "before", 1);
    unsetenv("GH_TEST_NEW");
    assert_int_equal(gh_env_load(path), 0);
    assert_string_equal(getenv("GH_TEST_SET"), "before");
    assert_string_equal(getenv("GH_TEST_NEW"), "file");
    unlink(path);
    assert_int_equal(gh_env_load(path), -1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_give_names_and_values),
        cmocka_unit_test(a_file_never_overrides_what_is_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
