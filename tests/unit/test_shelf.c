/* Names of backups. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "backup/shelf.h"

static const struct {
    const char *label, *name;
} s_cases[] = {
    {NULL, "/b/guahao-20261121T213400.123Z.dump"},
    {"", "/b/guahao-20261121T213400.123Z.dump"},
    {"nightly", "/b/guahao-20261121T213400.123Z-nightly.dump"},
    {"before upgrade", "/b/guahao-20261121T213400.123Z-before-upgrade.dump"},
    {"../../etc/passwd", "/b/guahao-20261121T213400.123Z-etc-passwd.dump"},
    {"升级", "/b/guahao-20261121T213400.123Z.dump"},
    {"a_b-c 升 d!", "/b/guahao-20261121T213400.123Z-a_b-c-d.dump"},
    {"1234567890123456789012345678901234567890",
     "/b/guahao-20261121T213400.123Z-1234567890123456789012345678901234567890.dump"},
};

static void
test_labels(void **state)
{
    (void)state;
    char out[PATH_MAX];
    for (size_t i = 0; i < GH_COUNT(s_cases); i++) {
        assert_int_equal(gh_shelf_name("/b", INT64_C(1795296840123456), s_cases[i].label, out), 0);
        assert_string_equal(out, s_cases[i].name);
    }
}

static void
test_a_path_that_is_too_long(void **state)
{
    (void)state;
    char dir[PATH_MAX], out[PATH_MAX];
    memset(dir, 'd', sizeof dir);
    dir[sizeof dir - 1] = '\0';
    assert_int_equal(gh_shelf_name(dir, 0, NULL, out), -1);
}

static void
test_a_directory_that_is_not_there(void **state)
{
    (void)state;
    gh_shelf_t s;
    assert_int_equal(gh_shelf_read("/nowhere/at/all", &s), 0);
    assert_int_equal(s.n, 0);
    gh_shelf_fini(&s);
    assert_int_equal(gh_shelf_read("/dev/null", &s), -1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_labels),
        cmocka_unit_test(test_a_path_that_is_too_long),
        cmocka_unit_test(test_a_directory_that_is_not_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
