/*
 * tests/unit/test_db_hosts.c - turning the list of database hosts
 */
#include "unit.h"

#include "db/hosts.h"

static void
turned(const char *list, size_t turn, const char *expected)
{
    gh_buf_t out GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_db_turn(list, turn, &out);
    assert_string_equal(gh_buf_cstr(&out), expected);
}

static void
a_list_begins_with_each_of_its_hosts_in_turn(void **state)
{
    (void)state;
    turned("a,b,c", 0, "a,b,c");
    turned("a,b,c", 1, "b,c,a");
    turned("a,b,c", 2, "c,a,b");
    turned("a,b,c", 3, "a,b,c");
    turned("10.0.0.1,10.0.0.2", 5, "10.0.0.2,10.0.0.1");
}

static void
one_entry_stays_and_empty_ones_count(void **state)
{
    (void)state;
    turned("db", 7, "db");
    turned("", 3, "");
    turned(",5433", 1, "5433,");
    turned("a,,c", 1, ",c,a");
    assert_int_equal(gh_db_hosts(""), 1);
    assert_int_equal(gh_db_hosts("db"), 1);
    assert_int_equal(gh_db_hosts("a,b"), 2);
    assert_int_equal(gh_db_hosts(",5433"), 2);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_begins_with_each_of_its_hosts_in_turn),
        cmocka_unit_test(one_entry_stays_and_empty_ones_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
