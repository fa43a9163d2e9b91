/* Unit tests of lib/base/password.c: published bcrypt vectors, limits, refusals. */
#include "unit.h"

#include "base/password.h"

/* From Openwall's crypt_blowfish and jBCrypt; $2b$ differs from $2a$ and $2y$ in name only for these. */
static const struct {
    const char *password, *hash;
} vectors[] = {
    {"U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"},
    {"U*U*", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK"},
    {"U*U*U", "$2a$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a"},
    {"U*U", "$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"},
    {"\xff\xff\xa3", "$2y$05$/OK.fbVrR/bpIqNJ5ianF.CE5elHaaO4EbggVDjb8P19RukzXSM3e"},
    {"abc", "$2a$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i"},
    {"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
     "$2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui"},
};

static void
verifies_published_vectors(void **state)
{
    (void)state;
    for (size_t i = 0; i < GH_COUNT(vectors); i++) {
        assert_true(gh_password_verify(gh_str(vectors[i].password), gh_str(vectors[i].hash)));
        assert_false(gh_password_verify(GH_STR("another"), gh_str(vectors[i].hash)));
    }
}

static void
own_hash_verifies_and_is_salted(void **state)
{
    (void)state;
    char a[GH_PASSWORD_HASH], b[GH_PASSWORD_HASH];
    assert_int_equal(gh_password_hash(GH_STR("Guahao-2026"), 4, a), 0);
    assert_int_equal(gh_password_hash(GH_STR("Guahao-2026"), 4, b), 0);
    assert_string_not_equal(a, b);
    assert_memory_equal(a, "$2b$04$", 7);
    assert_true(gh_password_verify(GH_STR("Guahao-2026"), gh_str(a)));
    assert_true(gh_password_verify(GH_STR("Guahao-2026"), gh_str(b)));
    assert_false(gh_password_verify(GH_STR("guahao-2026"), gh_str(a)));
    assert_false(gh_password_verify(GH_STR("Guahao-2026 "), gh_str(a)));
}

static void
seventy_two_bytes_and_no_more(void **state)
{
    (void)state;
    char hash[GH_PASSWORD_HASH], text[80];
    memset(text, 'p', sizeof text);
    assert_int_equal(gh_password_hash((gh_str_t){text, 72}, 4, hash), 0);
    assert_true(gh_password_verify((gh_str_t){text, 72}, gh_str(hash)));
    assert_false(gh_password_verify((gh_str_t){text, 71}, gh_str(hash)));
    assert_false(
        gh_password_verify((gh_str_t){text, 73}, gh_str(hash))); /* bcrypt itself would cut and accept */
    assert_int_equal(gh_password_hash((gh_str_t){text, 73}, 4, hash), -1);
}

static void
refuses_empty_nul_and_bad_costs(void **state)
{
    (void)state;
    char hash[GH_PASSWORD_HASH];
    assert_int_equal(gh_password_hash(GH_STR(""), 4, hash), -1);
    assert_int_equal(gh_password_hash(GH_STR("abc\0def"), 4, hash), -1);
    assert_int_equal(gh_password_hash(GH_STR("abc"), 3, hash), -1);
    assert_int_equal(gh_password_hash(GH_STR("abc"), 17, hash), -1);
    assert_int_equal(gh_password_hash(GH_STR("abc"), 4, hash), 0);
    assert_false(gh_password_verify(GH_STR("abc\0def"), gh_str(hash)));
    assert_false(gh_password_verify((gh_str_t){NULL, 0}, gh_str(hash)));
}

static void
cost_is_read_only_from_bcrypt(void **state)
{
    (void)state;
    char text[GH_PASSWORD_HASH];
    static const struct {
        const char *head;
        int cost;
    } cases[] = {{"$2b$04$", 4},  {"$2a$12$", 12}, {"$2y$16$", 16}, {"$2b$03$", -1}, {"$2b$17$", -1},
                 {"$2x$10$", -1}, {"$1$10$a", -1}, {"$2b$1x$", -1}, {"$2b:10$", -1}, {"$2b$10:", -1}};
    for (size_t i = 0; i < GH_COUNT(cases); i++) {
        snprintf(text, sizeof text, "%s%053d", cases[i].head, 0);
        assert_int_equal(gh_password_cost(gh_str(text)), cases[i].cost);
        if (cases[i].cost < 0)
            assert_false(gh_password_verify(GH_STR("abc"), gh_str(text)));
    }
    assert_int_equal(gh_password_cost(GH_STR("")), -1);
    assert_int_equal(gh_password_cost(GH_STR("$2b$10$short")), -1);
    assert_false(gh_password_verify(GH_STR("abc"), (gh_str_t){NULL, 0}));
}

static void
burning_takes_any_password(void **state)
{
    (void)state;
    char text[200];
    memset(text, 'x', sizeof text);
    gh_password_burn(GH_STR(""), 4);
    gh_password_burn((gh_str_t){text, sizeof text}, 4);
    gh_password_burn(GH_STR("a\0b"), 4);
    gh_password_burn(GH_STR("abc"), 99);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verifies_published_vectors),    cmocka_unit_test(own_hash_verifies_and_is_salted),
        cmocka_unit_test(seventy_two_bytes_and_no_more), cmocka_unit_test(refuses_empty_nul_and_bad_costs),
        cmocka_unit_test(cost_is_read_only_from_bcrypt), cmocka_unit_test(burning_takes_any_password),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
