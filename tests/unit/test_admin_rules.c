/* link: workers/identity/admin_rules.c */
/* Unit tests of workers/identity/admin_rules.c. */
#include "unit.h"

#include "workers/identity/admin_rules.h"

static const gh_admin_caller_t root = {.id = 1, .superuser = true, .admin = true, .role_manager = true};
static const gh_admin_caller_t admin = {.id = 2, .admin = true, .role_manager = true};
static const gh_admin_caller_t clerk = {.id = 3}; /* holds user:manage alone */
static const gh_admin_caller_t roles_clerk = {.id = 4, .role_manager = true};

static gh_admin_account_t
person(void)
{
    return (gh_admin_account_t){.id = 10, .known = true, .active = true, .other_admin = true};
}

static gh_admin_account_t
administrator(int64_t id)
{
    return (gh_admin_account_t){.id = id, .known = true, .active = true, .admin = true, .other_admin = true};
}

static void
what_is_not_there_is_not_found(void **state)
{
    (void)state;
    gh_admin_account_t a = {.id = 10};
    gh_admin_change_t edit = {.edits = true}, unlock = {0}, gone = {.deletes = true};
    assert_int_equal(gh_admin_decide(&root, &a, &edit), GH_E_NOT_FOUND);
    assert_int_equal(gh_admin_decide(&root, &a, &unlock), GH_E_NOT_FOUND);
    assert_int_equal(gh_admin_decide(&root, &a, &gone), GH_E_NOT_FOUND);
}

static void
r46_the_last_administrator_stays(void **state)
{
    (void)state;
    static const gh_admin_change_t losses[] = {
        {.edits = true, .sets_active = true, .active = false},
        {.edits = true, .sets_roles = true},
        {.deletes = true},
    };
    for (size_t i = 0; i < GH_COUNT(losses); i++) {
        gh_admin_account_t a = administrator(10);
        assert_int_equal(gh_admin_decide(&root, &a, &losses[i]), GH_E_NONE);
        a.other_admin = false;
        assert_int_equal(gh_admin_decide(&root, &a, &losses[i]), GH_E_LAST_ADMIN);
        a.active = false; /* a sleeping one is not the last */
        assert_int_equal(gh_admin_decide(&root, &a, &losses[i]), GH_E_NONE);
    }
    gh_admin_account_t self = administrator(2);
    self.other_admin = false;
    assert_int_equal(gh_admin_decide(&admin, &self, &losses[0]), GH_E_LAST_ADMIN);
    assert_int_equal(gh_admin_decide(&admin, &self, &losses[1]), GH_E_LAST_ADMIN);
    gh_admin_change_t keeps = {.edits = true, .sets_roles = true, .to_admin = true};
    assert_int_equal(gh_admin_decide(&admin, &self, &keeps), GH_E_NONE);
}

static void
r47_another_administrator_needs_a_superuser(void **state)
{
    (void)state;
    gh_admin_change_t edit = {.edits = true}, gone = {.deletes = true}, unlock = {0};
    gh_admin_account_t other = administrator(10), self = administrator(2), super = person(), plain = person();
    super.superuser = true;
    assert_int_equal(gh_admin_decide(&admin, &other, &edit), GH_E_SUPERUSER_REQUIRED);
    assert_int_equal(gh_admin_decide(&admin, &other, &gone), GH_E_SUPERUSER_REQUIRED);
    assert_int_equal(gh_admin_decide(&admin, &super, &edit), GH_E_SUPERUSER_REQUIRED);
    assert_int_equal(gh_admin_decide(&admin, &other, &unlock), GH_E_NONE);
    assert_int_equal(gh_admin_decide(&admin, &self, &edit), GH_E_NONE);
    assert_int_equal(gh_admin_decide(&admin, &plain, &edit), GH_E_NONE);
    assert_int_equal(gh_admin_decide(&root, &other, &gone), GH_E_NONE);
}

static void
r48_nobody_deletes_himself(void **state)
{
    (void)state;
    gh_admin_change_t gone = {.deletes = true};
    gh_admin_account_t self = administrator(1);
    assert_int_equal(gh_admin_decide(&root, &self, &gone), GH_E_SELF_DELETE);
}

static void
r50_the_flag_is_given_by_who_has_it(void **state)
{
    (void)state;
    gh_admin_change_t give = {.edits = true, .sets_superuser = true, .superuser = true};
    gh_admin_change_t same = {.edits = true, .sets_superuser = true, .superuser = false};
    gh_admin_account_t plain = person(), self = administrator(2);
    assert_int_equal(gh_admin_decide(&admin, &plain, &give), GH_E_SUPERUSER_REQUIRED);
    assert_int_equal(gh_admin_decide(&admin, &self, &give), GH_E_SUPERUSER_REQUIRED);
    assert_int_equal(gh_admin_decide(&admin, &plain, &same), GH_E_NONE);
    assert_int_equal(gh_admin_decide(&root, &plain, &give), GH_E_NONE);
}

static void
r54_roles_are_given_by_who_manages_them(void **state)
{
    (void)state;
    gh_admin_change_t none = {.edits = true, .sets_roles = true, .no_roles = true};
    gh_admin_change_t some = {.edits = true, .sets_roles = true};
    gh_admin_change_t to_admin = {.edits = true, .sets_roles = true, .to_admin = true};
    gh_admin_change_t same = {.edits = true};
    gh_admin_account_t a = person();
    assert_int_equal(gh_admin_decide(&root, &a, &none), GH_E_ROLE_REQUIRED);
    assert_int_equal(gh_admin_decide(&clerk, &a, &some), GH_E_FORBIDDEN);
    assert_int_equal(gh_admin_decide(&clerk, &a, &same), GH_E_NONE);
    assert_int_equal(gh_admin_decide(&roles_clerk, &a, &some), GH_E_NONE);
    assert_int_equal(gh_admin_decide(&roles_clerk, &a, &to_admin), GH_E_FORBIDDEN);
    assert_int_equal(gh_admin_decide(&admin, &a, &to_admin), GH_E_NONE);
}

static void
a_name_to_sign_in_by_stays(void **state)
{
    (void)state;
    gh_admin_account_t a = person();
    a.names = GH_NAME_EMAIL | GH_NAME_PHONE;
    gh_admin_change_t one = {.names_cleared = GH_NAME_PHONE};
    gh_admin_change_t both = {.names_cleared = GH_NAME_PHONE | GH_NAME_EMAIL};
    gh_admin_change_t swap = {.names_cleared = GH_NAME_PHONE | GH_NAME_EMAIL, .names_set = GH_NAME_USERNAME};
    assert_int_equal(gh_admin_name_missed(&a, &one), 0);
    assert_int_equal(gh_admin_name_missed(&a, &both), GH_NAME_PHONE | GH_NAME_EMAIL);
    assert_int_equal(gh_admin_name_missed(&a, &swap), 0);
    a.names = 0; /* had none: nothing is lost */
    assert_int_equal(gh_admin_name_missed(&a, &both), 0);
}

static void
br14_names_of_others_are_for_administrators(void **state)
{
    (void)state;
    gh_admin_change_t names = {.only_own = true};
    gh_admin_account_t a = person(), own = person(), other = administrator(11);
    own.id = clerk.id;
    assert_int_equal(gh_admin_decide(&clerk, &a, &names), GH_E_NOT_OWNER);
    assert_int_equal(gh_admin_decide(&clerk, &own, &names), GH_E_NONE);
    assert_int_equal(gh_admin_decide(&admin, &a, &names), GH_E_NONE);
    assert_int_equal(gh_admin_decide(&admin, &other, &names), GH_E_NONE);
}

static void
br15_administrators_are_not_deleted_there(void **state)
{
    (void)state;
    gh_admin_change_t gone = {.deletes = true, .spares_admins = true};
    gh_admin_account_t a = person(), other = administrator(11), self = administrator(1);
    assert_int_equal(gh_admin_decide(&root, &other, &gone), GH_E_ADMIN_NOT_DELETABLE);
    assert_int_equal(gh_admin_decide(&root, &self, &gone), GH_E_ADMIN_NOT_DELETABLE);
    assert_int_equal(gh_admin_decide(&admin, &a, &gone), GH_E_NONE);
}

static void
r51_builtin_roles_keep_name_and_being(void **state)
{
    (void)state;
    gh_role_facts_t nurse = {.known = true, .builtin = true}, own = {.known = true}, none = {0};
    assert_int_equal(gh_role_decide(GH_ROLE_CHANGED, &nurse), GH_E_NONE);
    assert_int_equal(gh_role_decide(GH_ROLE_GONE, &nurse), GH_E_ROLE_BUILTIN);
    nurse.shrinks = true; /* only ADMIN's may not */
    assert_int_equal(gh_role_decide(GH_ROLE_CHANGED, &nurse), GH_E_NONE);
    nurse.admin = true;
    assert_int_equal(gh_role_decide(GH_ROLE_CHANGED, &nurse), GH_E_ROLE_BUILTIN);
    nurse = (gh_role_facts_t){.known = true, .builtin = true, .renamed = true};
    assert_int_equal(gh_role_decide(GH_ROLE_CHANGED, &nurse), GH_E_ROLE_BUILTIN);
    own.renamed = own.shrinks = true;
    assert_int_equal(gh_role_decide(GH_ROLE_CHANGED, &own), GH_E_NONE);
    assert_int_equal(gh_role_decide(GH_ROLE_CHANGED, &none), GH_E_NOT_FOUND);
    assert_int_equal(gh_role_decide(GH_ROLE_GONE, &none), GH_E_NOT_FOUND);
}

static void
r52_a_held_role_stays(void **state)
{
    (void)state;
    gh_role_facts_t own = {.known = true};
    assert_int_equal(gh_role_decide(GH_ROLE_GONE, &own), GH_E_NONE);
    own.holders = 1;
    assert_int_equal(gh_role_decide(GH_ROLE_GONE, &own), GH_E_ROLE_IN_USE);
}

static void
a_new_role_needs_a_free_code_and_room(void **state)
{
    (void)state;
    gh_role_facts_t facts = {.all_roles = GH_ROLE_COUNT_MAX - 1};
    assert_int_equal(gh_role_decide(GH_ROLE_MADE, &facts), GH_E_NONE);
    facts.all_roles = GH_ROLE_COUNT_MAX;
    assert_int_equal(gh_role_decide(GH_ROLE_MADE, &facts), GH_E_VALIDATION_FAILED);
    facts.known = true;
    assert_int_equal(gh_role_decide(GH_ROLE_MADE, &facts), GH_E_DUPLICATE);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_there_is_not_found),
        cmocka_unit_test(r46_the_last_administrator_stays),
        cmocka_unit_test(r47_another_administrator_needs_a_superuser),
        cmocka_unit_test(r48_nobody_deletes_himself),
        cmocka_unit_test(r50_the_flag_is_given_by_who_has_it),
        cmocka_unit_test(r54_roles_are_given_by_who_manages_them),
        cmocka_unit_test(a_name_to_sign_in_by_stays),
        cmocka_unit_test(br14_names_of_others_are_for_administrators),
        cmocka_unit_test(br15_administrators_are_not_deleted_there),
        cmocka_unit_test(r51_builtin_roles_keep_name_and_being),
        cmocka_unit_test(r52_a_held_role_stays),
        cmocka_unit_test(a_new_role_needs_a_free_code_and_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
