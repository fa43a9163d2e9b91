/*
 * tests/unit/test_conf_live.c - settings of the database: what they replace, what they cannot, and the event that carries them
 */
#include "unit.h"

#include <unistd.h>

#include "base/conf_table.h"
#include "wire/config_event.h"

static gh_conf_t *
load(void)
{
    gh_conf_t *conf = gh_conf_load("/dev/null");
    assert_non_null(conf);
    return conf;
}

#define TAKE(conf, revision, ...)                                                                            \
    gh_conf_take(conf, revision, (const gh_conf_value_t[]){__VA_ARGS__},                                     \
                 sizeof((const gh_conf_value_t[]){__VA_ARGS__}) / sizeof(gh_conf_value_t))
#define VALUE(key, text)                                                                                     \
    {                                                                                                        \
        GH_STR(key), GH_STR(text)                                                                            \
    }

static void
values_replace_defaults_and_go_back(void **state)
{
    (void)state;
    gh_conf_t *conf = load();
    const char *held = gh_conf_str(conf, "front.cors_origins");
    char before[200];
    snprintf(before, sizeof before, "%s", held);
    assert_int_equal(gh_conf_revision(conf), 0);
    assert_true(
        TAKE(conf, 5, VALUE("auth.access_ttl_min", "15"), VALUE("cors.origins", "https://a.example")));
    assert_int_equal(gh_conf_int(conf, "token.access_minutes"), 15);
    assert_string_equal(gh_conf_str(conf, "front.cors_origins"), "https://a.example");
    assert_string_equal(held, before); /* who asked before still holds it */
    assert_int_equal(gh_conf_revision(conf), 5);
    assert_false(
        TAKE(conf, 6, VALUE("auth.access_ttl_min", "15"), VALUE("cors.origins", "https://a.example")));
    assert_true(TAKE(conf, 7, VALUE("cors.origins", "https://a.example")));
    assert_int_equal(gh_conf_int(conf, "token.access_minutes"), 30);
    assert_true(gh_conf_take(conf, 8, NULL, 0));
    assert_string_equal(gh_conf_str(conf, "front.cors_origins"), before);
    gh_conf_destroy(&conf);
}

static void
only_what_may_change_and_fits_is_taken(void **state)
{
    (void)state;
    static const gh_conf_value_t bad[] = {
        VALUE("auth.access_ttl_min", "0"),
        VALUE("auth.access_ttl_min", "x"),
        VALUE("token.access_minutes", "15"),
        VALUE("worker.lanes", "7"),
        VALUE("https.redirect", "true"),
        VALUE("log.level", "loud"),
        VALUE("cors.origins", "a.example"),
        VALUE("metrics.allow", "10/40"),
        VALUE("no.such", "1"),
        VALUE("docs.enabled", "perhaps"),
        VALUE("database.url", "host=x"),
        VALUE("ratelimit.exempt", "::1/129"),
    };
    gh_conf_t *conf = load();
    for (size_t i = 0; i < GH_COUNT(bad); i++)
        assert_false(gh_conf_take(conf, (int64_t)i + 1, &bad[i], 1));
    gh_conf_destroy(&conf);
}

static void
the_environment_wins(void **state)
{
    (void)state;
    setenv("GUAHAO_TOKEN_ACCESS_MINUTES", "45", 1);
    gh_conf_t *conf = load();
    unsetenv("GUAHAO_TOKEN_ACCESS_MINUTES");
    assert_false(TAKE(conf, 1, VALUE("auth.access_ttl_min", "15")));
    assert_int_equal(gh_conf_int(conf, "token.access_minutes"), 45);
    gh_conf_destroy(&conf);
}

static void
an_event_carries_all_and_the_newer_one_counts(void **state)
{
    (void)state;
    gh_conf_t *from = load(), *to = load();
    gh_conf_value_t taken[GH_CONF_VALUES_MAX];
    gh_buf_t newer GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT, older GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_mp_t map;
    assert_true(TAKE(from, 3, VALUE("log.level", "warn")));
    gh_config_event_put(&older, 3, taken, gh_conf_taken(from, taken));
    assert_true(TAKE(from, 4, VALUE("log.level", "debug"), VALUE("ratelimit.anon.quota", "9")));
    assert_int_equal(gh_conf_taken(from, taken), 2);
    gh_config_event_put(&newer, 4, taken, 2);
    assert_int_equal(gh_mp_check(newer.p, newer.n, newer.n, &map), 0);
    assert_true(gh_config_event_take(to, map));
    assert_int_equal(gh_conf_int(to, "ratelimit.anon.quota"), 9);
    assert_false(gh_config_event_take(to, map));
    assert_int_equal(gh_mp_check(older.p, older.n, older.n, &map), 0);
    assert_false(gh_config_event_take(to, map));
    assert_string_equal(gh_conf_str(to, "log.level"), "debug");
    gh_conf_destroy(&from);
    gh_conf_destroy(&to);
}

static void
what_the_database_may_say_has_a_key_and_is_no_secret(void **state)
{
    (void)state;
    size_t live = 0;
    for (size_t i = 0; i < gh_settings_count; i++) {
        const gh_setting_t *set = &gh_settings[i];
        assert_ptr_equal(gh_setting_by_key(gh_str(gh_setting_key(set))), set);
        assert_false(set->live && set->secret);
        assert_true(!set->live ||
                    strchr(gh_setting_key(set), '.')); /* programs are told of keys with a dot */
        live += set->live;
    }
    assert_in_range(live, 30, GH_CONF_VALUES_MAX);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_replace_defaults_and_go_back),
        cmocka_unit_test(only_what_may_change_and_fits_is_taken),
        cmocka_unit_test(the_environment_wins),
        cmocka_unit_test(an_event_carries_all_and_the_newer_one_counts),
        cmocka_unit_test(what_the_database_may_say_has_a_key_and_is_no_secret),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
