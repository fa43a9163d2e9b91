/*
 * tests/unit/test_access_check.c - roles, permissions and scopes (api/20 section 6, R-40, R-220)
 */
#include "unit.h"

#include "worker/access_check.h"

static gh_role_table_t *
table(void)
{
    gh_role_table_t *t = gh_role_table_new();
    assert_non_null(t);
    assert_int_equal(gh_role_table_add(t, GH_STR("ADMIN"), GH_STR("appointment:read"), GH_STR("all")), 0);
    assert_int_equal(gh_role_table_add(t, GH_STR("DOCTOR"), GH_STR("appointment:read"), GH_STR("own")), 0);
    assert_int_equal(gh_role_table_add(t, GH_STR("NURSE"), GH_STR("appointment:read"), GH_STR("dept")), 0);
    assert_int_equal(gh_role_table_add(t, GH_STR("PHARMACIST"), GH_STR("drug:read"), GH_STR("all")), 0);
    return t;
}

/* The decision for somebody with these roles, and the scopes it gives. */
static gh_err_t
decide(const gh_access_t *access, const char *codes, bool head, uint32_t *scopes)
{
    gh_role_table_t *t = table();
    uint32_t grants[GH_ROLES_MAX] = {0};
    uint64_t held;
    gh_actor_t actor = {.user_id = 1, .alive = true};
    actor.roles = gh_roles_parse(t, gh_str(codes), &held) | (head ? GH_ROLE_HEAD : 0);
    if (access->permission)
        gh_role_table_grants(t, access->permission, grants);
    gh_err_t err = gh_access_decide(access, false, false,
                                    gh_access_granted(access, actor.roles, held, grants), &actor);
    *scopes = actor.scopes;
    gh_role_table_destroy(&t);
    assert_null(t);
    return err;
}

static void
permission_gives_the_scopes_of_all_roles(void **state)
{
    (void)state;
    const gh_access_t read = {.kind = GH_ACCESS_PERMISSION,
                              .permission = "appointment:read",
                              .scopes = GH_SCOPE_ALL | GH_SCOPE_DEPT | GH_SCOPE_OWN,
                              .refusal = GH_E_FORBIDDEN};
    uint32_t scopes;
    assert_int_equal(decide(&read, "DOCTOR", false, &scopes), GH_E_NONE);
    assert_int_equal(scopes, GH_SCOPE_OWN);
    assert_int_equal(decide(&read, "DOCTOR,NURSE", false, &scopes), GH_E_NONE);
    assert_int_equal(scopes, GH_SCOPE_OWN | GH_SCOPE_DEPT);
    assert_int_equal(decide(&read, "DOCTOR", true, &scopes), GH_E_NONE);
    assert_int_equal(scopes, GH_SCOPE_OWN | GH_SCOPE_DEPT);
    assert_int_equal(decide(&read, "ADMIN", false, &scopes), GH_E_NONE);
    assert_int_equal(scopes, read.scopes);
    assert_int_equal(decide(&read, "PHARMACIST", false, &scopes), GH_E_FORBIDDEN);
    assert_int_equal(decide(&read, "", false, &scopes), GH_E_FORBIDDEN);
    assert_int_equal(decide(&read, "ADMI,ADMINX,admin", false, &scopes), GH_E_FORBIDDEN);
}

static void
all_includes_narrower_scopes_only_those_accepted(void **state)
{
    (void)state;
    const gh_access_t own = {
        .kind = GH_ACCESS_PERMISSION, .permission = "appointment:read", .scopes = GH_SCOPE_OWN};
    uint32_t scopes;
    assert_int_equal(decide(&own, "ADMIN", false, &scopes), GH_E_NONE);
    assert_int_equal(scopes, GH_SCOPE_OWN);
    assert_int_equal(decide(&own, "NURSE", false, &scopes), GH_E_FORBIDDEN);
}

static void
a_superuser_passes_as_an_administrator_but_is_nobody_else(void **state)
{
    (void)state;
    const gh_access_t drug = {
        .kind = GH_ACCESS_PERMISSION, .permission = "drug:read", .scopes = GH_SCOPE_ALL};
    const gh_access_t admin = {
        .kind = GH_ACCESS_ROLES, .roles = GH_ROLE_ADMIN, .refusal = GH_E_ADMIN_REQUIRED};
    gh_actor_t actor = {.user_id = 1, .alive = true, .roles = GH_ROLE_SUPERUSER};
    uint32_t grants[GH_ROLES_MAX] = {0};
    uint32_t granted = gh_access_granted(&drug, actor.roles, 0, grants);
    assert_int_equal(gh_access_decide(&drug, false, false, granted, &actor), GH_E_NONE);
    assert_int_equal(actor.scopes, GH_SCOPE_ALL);
    assert_int_equal(gh_access_decide(&admin, false, false, 0, &actor), GH_E_NONE);
    const gh_access_t doctor = {
        .kind = GH_ACCESS_ROLES, .roles = GH_ROLE_DOCTOR | GH_ROLE_HEAD, .refusal = GH_E_DOCTOR_REQUIRED};
    assert_int_equal(gh_access_decide(&doctor, false, false, 0, &actor), GH_E_DOCTOR_REQUIRED);
}

static void
accounts_are_looked_at_before_roles(void **state)
{
    (void)state;
    const gh_access_t any = {.kind = GH_ACCESS_ANY};
    const gh_access_t doctor = {
        .kind = GH_ACCESS_ROLES, .roles = GH_ROLE_DOCTOR, .refusal = GH_E_DOCTOR_REQUIRED};
    const gh_access_t public = {.kind = GH_ACCESS_PUBLIC};
    gh_actor_t nobody = {0}, dead = {.user_id = 2, .roles = GH_ROLE_DOCTOR};
    gh_actor_t must = {.user_id = 3, .alive = true, .must_change_password = true, .roles = GH_ROLE_DOCTOR};
    assert_int_equal(gh_access_decide(&any, false, false, 0, &nobody), GH_E_TOKEN_MISSING);
    assert_int_equal(gh_access_decide(&doctor, false, false, 0, &nobody), GH_E_TOKEN_MISSING);
    assert_int_equal(gh_access_decide(&public, false, false, 0, &nobody), GH_E_NONE);
    assert_int_equal(gh_access_decide(&doctor, false, false, 0, &dead), GH_E_TOKEN_USER_GONE);
    assert_int_equal(gh_access_decide(&public, false, false, 0, &dead), GH_E_NONE);
    assert_int_equal(gh_access_decide(&doctor, false, false, 0, &must), GH_E_PASSWORD_CHANGE_REQUIRED);
    assert_int_equal(gh_access_decide(&any, false, true, 0, &must), GH_E_NONE);
}

static void
an_open_operation_takes_everybody_but_dead_accounts(void **state)
{
    (void)state;
    const gh_access_t read = {.kind = GH_ACCESS_PERMISSION,
                              .permission = "appointment:read",
                              .scopes = GH_SCOPE_ALL | GH_SCOPE_OWN,
                              .public_if = "heartbeat.open_access"};
    gh_actor_t nobody = {0}, dead = {.user_id = 2};
    assert_int_equal(gh_access_decide(&read, true, false, 0, &nobody), GH_E_NONE);
    assert_int_equal(nobody.scopes, read.scopes);
    assert_int_equal(gh_access_decide(&read, false, false, 0, &nobody), GH_E_TOKEN_MISSING);
    assert_int_equal(gh_access_decide(&read, true, false, 0, &dead), GH_E_TOKEN_USER_GONE);
}

static void
table_refuses_what_does_not_fit(void **state)
{
    (void)state;
    gh_role_table_t *t = gh_role_table_new();
    char name[8];
    assert_int_equal(gh_role_table_add(t, GH_STR("X"), GH_STR("a:b"), GH_STR("some")), -1);
    assert_int_equal(gh_role_table_add(t, GH_STR(""), GH_STR("a:b"), GH_STR("all")), -1);
    for (int i = 0; i < GH_ROLES_MAX; i++) {
        snprintf(name, sizeof(name), "R%d", i);
        assert_int_equal(gh_role_table_add(t, gh_str(name), GH_STR("a:b"), GH_STR("all")), 0);
    }
    assert_int_equal(gh_role_table_add(t, GH_STR("ONE_MORE"), GH_STR("a:b"), GH_STR("all")), -1);
    uint64_t held;
    gh_roles_parse(t, GH_STR("R0,R63,ONE_MORE"), &held);
    assert_true(held == (UINT64_C(1) | UINT64_C(1) << 63));
    gh_role_table_t *other = gh_role_table_new();
    assert_true(gh_role_table_serial(other) != gh_role_table_serial(t));
    gh_role_table_destroy(&other);
    gh_role_table_destroy(&t);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(permission_gives_the_scopes_of_all_roles),
        cmocka_unit_test(all_includes_narrower_scopes_only_those_accepted),
        cmocka_unit_test(a_superuser_passes_as_an_administrator_but_is_nobody_else),
        cmocka_unit_test(accounts_are_looked_at_before_roles),
        cmocka_unit_test(an_open_operation_takes_everybody_but_dead_accounts),
        cmocka_unit_test(table_refuses_what_does_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
