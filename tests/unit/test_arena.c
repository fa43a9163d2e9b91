/*
 * tests/unit/test_arena.c - batch memory
 */
#include "unit.h"

#include "worker/arena.h"

static void
memory_is_zeroed_aligned_and_kept_apart(void **state)
{
    (void)state;
    gh_arena_t a = {0};
    char *last = NULL;
    for (size_t round = 0; round < 3; round++) {
        for (size_t n = 1; n < 3000; n += 7) {
            char *p = gh_arena_alloc(&a, n);
            assert_int_equal((uintptr_t)p % 16, 0);
            for (size_t i = 0; i < n; i++)
                assert_int_equal(p[i], 0);
            memset(p, 0xab, n);
            assert_true(p != last);
            last = p;
        }
        char *big = gh_arena_alloc(&a, 1 << 20);
        memset(big, 0xcd, 1 << 20);
        gh_arena_reset(&a);
        last = NULL;
    }
    assert_false(a.failed);
    gh_arena_fini(&a);
    assert_null(a.chunk);
}

static void
copies_end_with_nul(void **state)
{
    (void)state;
    gh_arena_t a = {0};
    gh_str_t s = gh_arena_dup(&a, GH_STR("abc"));
    assert_string_equal(s.p, "abc");
    assert_int_equal(s.n, 3);
    s = gh_arena_dup(&a, (gh_str_t){0});
    assert_string_equal(s.p, "");
    gh_arena_fini(&a);
}

static void
reset_forgets_a_failure(void **state)
{
    (void)state;
    gh_arena_t a = {0};
    assert_non_null(gh_arena_alloc(&a, 100));
    assert_false(a.failed);
    a.failed = true;
    gh_arena_reset(&a);
    assert_false(a.failed);
    gh_arena_fini(&a);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_zeroed_aligned_and_kept_apart),
        cmocka_unit_test(copies_end_with_nul),
        cmocka_unit_test(reset_forgets_a_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
