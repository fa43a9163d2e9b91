/* Which brokers there are: the file, its faults, and what a change of it means. */
#include "unit.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/conf.h"
#include "wire/broker_list.h"

static gh_broker_list_t s_list;
static char s_why[300];

static int
parse(const char *text)
{
    return gh_broker_list_parse(gh_str(text), &s_list, s_why, sizeof s_why);
}

#define EAST "east tcp://10.0.0.5:5570 tcp://10.0.0.5:5571 tcp://10.0.0.5:5572"
#define WEST "west tcp://10.0.0.6:5570 tcp://10.0.0.6:5571 tcp://10.0.0.6:5572 /etc/west.key"

static void
one_broker_a_line(void **state)
{
    (void)state;
    assert_int_equal(parse("# ours\n\n" EAST "  # the old house\r\n\t" WEST), 0);
    assert_int_equal(s_list.n, 2);
    assert_string_equal(s_list.at[0].name, "east");
    assert_string_equal(s_list.at[0].inner, "tcp://10.0.0.5:5570");
    assert_string_equal(s_list.at[0].events_in, "tcp://10.0.0.5:5571");
    assert_string_equal(s_list.at[0].events_out, "tcp://10.0.0.5:5572");
    assert_string_equal(s_list.at[0].cert, "");
    assert_string_equal(s_list.at[1].name, "west");
    assert_string_equal(s_list.at[1].cert, "/etc/west.key");
}

static void
faults_name_their_line(void **state)
{
    (void)state;
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"", "it names no broker"},
        {"# nothing\n", "it names no broker"},
        {EAST "\nwest tcp://10.0.0.6:5570",
         "line 2: a line is: NAME INNER EVENTS_IN EVENTS_OUT [CERTIFICATE]"},
        {EAST " a b", "line 1: a line is: NAME INNER EVENTS_IN EVENTS_OUT [CERTIFICATE]"},
        {EAST "\n" EAST, "line 2: this broker is there twice"},
        {"x 10.0.0.5:1 tcp://a:1 tcp://a:2", "line 1: an endpoint is tcp://HOST:PORT or ipc://PATH"},
        {"x tcp:// tcp://a:1 tcp://a:2", "line 1: an endpoint is tcp://HOST:PORT or ipc://PATH"},
        {"x tcp://a:1,tcp://b:1 tcp://a:1 tcp://a:2", "line 1: an endpoint is tcp://HOST:PORT or ipc://PATH"},
        {"0123456789012345678901234567890123456789 tcp://a:0 tcp://a:1 tcp://a:2",
         "line 1: the name is too long"},
    };
    for (size_t i = 0; i < GH_COUNT(cases); i++) {
        assert_int_equal(parse(cases[i].text), -1);
        assert_string_equal(s_why, cases[i].why);
        assert_int_equal(s_list.n, 0);
    }
    gh_str_t torn = GH_STR(EAST "\n\0ast tcp://a:1 tcp://a:2 tcp://a:3"); /* else a broker without a name */
    assert_int_equal(gh_broker_list_parse(torn, &s_list, s_why, sizeof s_why), -1);
    assert_string_equal(s_why, "line 2: a line is text");
}

static void
sixteen_brokers_and_no_more(void **state)
{
    (void)state;
    char text[4096] = "";
    size_t n = 0;
    for (int i = 0; i < GH_BROKERS_MAX; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "b%d tcp://h%d:1 tcp://h%d:2 tcp://h%d:3\n", i, i, i,
                              i);
    assert_int_equal(parse(text), 0);
    assert_int_equal(s_list.n, GH_BROKERS_MAX);
    snprintf(text + n, sizeof text - n, EAST);
    assert_int_equal(parse(text), -1);
    assert_string_equal(s_why, "line 17: there are too many brokers");
}

static void
entries_of_a_comma_list(void **state)
{
    (void)state;
    char out[8];
    static const struct {
        const char *list;
        size_t i;
        bool last;
        const char *entry;
    } cases[] = {
        {"a, b,c", 0, false, "a"}, {"a, b,c", 1, false, "b"},        {"a, b,c", 2, false, "c"},
        {"a, b,c", 3, false, ""},  {"a, b,c", 3, true, "c"},         {"a", 7, true, "a"},
        {"", 0, true, ""},         {"longer-than-it", 0, false, ""},
    };
    for (size_t i = 0; i < GH_COUNT(cases); i++) {
        gh_list_entry(cases[i].list, cases[i].i, cases[i].last, out, sizeof out);
        assert_string_equal(out, cases[i].entry);
    }
}

/* ---- followed */

static char s_path[64];

static void
put(const char *text)
{
    FILE *f = fopen(s_path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static gh_conf_t *
settings(void)
{
    snprintf(s_path, sizeof s_path, "/tmp/gh-brokers-%d", (int)getpid());
    setenv("GUAHAO_LINK_BROKERS", s_path, 1);
    setenv("GUAHAO_LINK_INNER", "tcp://127.0.0.1:1,tcp://127.0.0.1:2", 1);
    setenv("GUAHAO_LINK_EVENTS_OUT", "tcp://127.0.0.1:3", 1);
    setenv("GUAHAO_LINK_SERVER_CERT", "one.key,two.key", 1);
    gh_conf_t *conf = gh_conf_load(NULL);
    assert_non_null(conf);
    return conf;
}

static void
without_a_file_the_settings_count(void **state)
{
    (void)state;
    gh_conf_t *conf = settings();
    assert_int_equal(gh_broker_list_load(conf, &s_list, s_why, sizeof s_why), 0);
    assert_int_equal(s_list.n, 2);
    assert_string_equal(s_list.at[1].name, "2");
    assert_string_equal(s_list.at[1].inner, "tcp://127.0.0.1:2");
    assert_string_equal(s_list.at[1].events_out, "");
    assert_string_equal(s_list.at[1].cert, "two.key");
    gh_conf_destroy(&conf);
}

static void
a_change_counts_when_it_has_settled(void **state)
{
    (void)state;
    gh_conf_t *conf = settings();
    gh_broker_follow_t f = {0};
    put(EAST "\n");
    assert_int_equal(gh_broker_list_load(conf, &s_list, s_why, sizeof s_why), 0);
    assert_string_equal(s_list.at[0].cert, "one.key");
    assert_false(gh_broker_follow(&f, conf, 0, &s_list));
    assert_false(gh_broker_follow(&f, conf, 500, &s_list)); /* as it was */
    put(EAST "\n" WEST "\n");
    assert_false(gh_broker_follow(&f, conf, 999, &s_list)); /* not looked at */
    assert_false(gh_broker_follow(&f, conf, 1000, &s_list));
    assert_int_equal(s_list.n, 1);
    assert_true(gh_broker_follow(&f, conf, 1500, &s_list));
    assert_int_equal(s_list.n, 2);
    gh_broker_at_t east = s_list.at[0], west = s_list.at[1];
    put("broken\n");
    assert_false(gh_broker_follow(&f, conf, 2000, &s_list));
    assert_false(gh_broker_follow(&f, conf, 2500, &s_list)); /* a fault changes nothing */
    assert_int_equal(s_list.n, 2);
    unlink(s_path);
    assert_false(gh_broker_follow(&f, conf, 3000, &s_list)); /* nor does a file that goes away */
    assert_int_equal(s_list.n, 2);
    put(WEST "\n");
    assert_false(gh_broker_follow(&f, conf, 3500, &s_list));
    assert_true(gh_broker_follow(&f, conf, 4000, &s_list));
    assert_int_equal(s_list.n, 1);
    assert_true(gh_broker_listed(&s_list, &west));
    assert_false(gh_broker_listed(&s_list, &east));
    unlink(s_path);
    gh_conf_destroy(&conf);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_broker_a_line),
        cmocka_unit_test(faults_name_their_line),
        cmocka_unit_test(sixteen_brokers_and_no_more),
        cmocka_unit_test(entries_of_a_comma_list),
        cmocka_unit_test(without_a_file_the_settings_count),
        cmocka_unit_test(a_change_counts_when_it_has_settled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
