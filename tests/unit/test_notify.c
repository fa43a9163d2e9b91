/*
 * tests/unit/test_notify.c - the address and the times that a service manager gives
 */
#include "unit.h"

#include <stddef.h>

#include "base/notify.h"

static void
a_path_is_an_address_with_its_nul(void **state)
{
    (void)state;
    struct sockaddr_un at;
    socklen_t n;
    assert_true(gh_notify_address("/run/systemd/notify", &at, &n));
    assert_int_equal(at.sun_family, AF_UNIX);
    assert_string_equal(at.sun_path, "/run/systemd/notify");
    assert_int_equal(n, offsetof(struct sockaddr_un, sun_path) + 20);
}

static void
an_at_sign_is_the_abstract_namespace(void **state)
{
    (void)state;
    struct sockaddr_un at;
    socklen_t n;
    assert_true(gh_notify_address("@note", &at, &n));
    assert_memory_equal(at.sun_path, "\0note", 5);
    assert_int_equal(n, offsetof(struct sockaddr_un, sun_path) + 5);
}

static void
what_is_no_address_is_refused(void **state)
{
    (void)state;
    struct sockaddr_un at;
    socklen_t n;
    char text[sizeof at.sun_path + 1];
    assert_false(gh_notify_address("", &at, &n));
    assert_false(gh_notify_address("/", &at, &n));
    assert_false(gh_notify_address("@", &at, &n));
    assert_false(gh_notify_address("run/notify", &at, &n));
    assert_false(gh_notify_address("vsock:2:1234", &at, &n));
    memset(text, 'x', sizeof text);
    text[0] = '/';
    text[sizeof at.sun_path] = '\0'; /* one too many: no room for its NUL */
    assert_false(gh_notify_address(text, &at, &n));
    text[sizeof at.sun_path - 1] = '\0';
    assert_true(gh_notify_address(text, &at, &n));
    assert_int_equal(n, sizeof at);
}

static void
the_watchdog_is_for_the_named_process(void **state)
{
    (void)state;
    assert_int_equal(gh_notify_interval("20000000", "77", 77), 20000000);
    assert_int_equal(gh_notify_interval("20000000", "78", 77), 0);
    assert_int_equal(gh_notify_interval("20000000", NULL, 77), 20000000);
    assert_int_equal(gh_notify_interval(NULL, "77", 77), 0);
    assert_int_equal(gh_notify_interval("0", "77", 77), 0);
    assert_int_equal(gh_notify_interval("-5", "77", 77), 0);
    assert_int_equal(gh_notify_interval("20s", "77", 77), 0);
    assert_int_equal(gh_notify_interval("99999999999999999999", "77", 77), 0);
    assert_int_equal(gh_notify_interval("20000000", "pid", 77), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_path_is_an_address_with_its_nul),
        cmocka_unit_test(an_at_sign_is_the_abstract_namespace),
        cmocka_unit_test(what_is_no_address_is_refused),
        cmocka_unit_test(the_watchdog_is_for_the_named_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
