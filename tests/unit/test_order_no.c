/* Order numbers: one to one over a stretch of the sequence, keyed, eight digits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "domain/order_no.h"

static int
by_value(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void
permutation_never_repeats(void **state)
{
    (void)state;
    gh_order_key_t key = {.bytes = {1, 2, 3}};
    enum { N = 300000 };
    uint32_t *seen = calloc(N, sizeof *seen);
    assert_non_null(seen);
    for (int i = 0; i < N; i++) {
        seen[i] = gh_order_no_permute(&key, i * INT64_C(331)); /* spread over the range, below 10^8 */
        assert_true(seen[i] < GH_ORDER_NO_RANGE);
    }
    qsort(seen, N, sizeof *seen, by_value);
    for (int i = 1; i < N; i++)
        assert_int_not_equal(seen[i], seen[i - 1]);
    free(seen);
    assert_int_equal(gh_order_no_permute(&key, 5), gh_order_no_permute(&key, 5 + GH_ORDER_NO_RANGE));
}

static void
neighbours_and_keys_differ(void **state)
{
    (void)state;
    gh_order_key_t a = {.bytes = {1}}, b = {.bytes = {2}};
    int same = 0, close = 0;
    for (int i = 0; i < 1000; i++) {
        uint32_t x = gh_order_no_permute(&a, i), y = gh_order_no_permute(&a, i + 1);
        same += x == gh_order_no_permute(&b, i);
        close += (x > y ? x - y : y - x) < 1000;
    }
    assert_in_range(same, 0, 2);
    assert_in_range(close, 0, 10);
}

static void
text_is_date_and_eight_digits(void **state)
{
    (void)state;
    gh_order_key_t key = {.bytes = {9}};
    char text[GH_ORDER_NO_TEXT];
    gh_order_no_text(&key, 20521, 1, text); /* 2026-03-09 */
    assert_int_equal(strlen(text), 16);
    assert_memory_equal(text, "20260309", 8);
    assert_int_equal(strspn(text, "0123456789"), 16);
}

static void
key_file_is_made_once(void **state)
{
    (void)state;
    char dir[] = "/tmp/gh.XXXXXX", file[64];
    assert_non_null(mkdtemp(dir));
    snprintf(file, sizeof file, "%s/order.key", dir);
    gh_log_init("test", GH_LOG_ERROR, GH_LOGFMT);
    gh_order_key_t a, b;
    assert_int_equal(gh_order_key_load(file, false, &a), -1);
    assert_int_equal(gh_order_key_load(file, true, &a), 0);
    assert_int_equal(gh_order_key_load(file, true, &b), 0);
    assert_memory_equal(a.bytes, b.bytes, sizeof a.bytes);
    struct stat st;
    assert_int_equal(stat(file, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(truncate(file, 31), 0);
    assert_int_equal(gh_order_key_load(file, true, &b), -1);
    unlink(file);
    rmdir(dir);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(permutation_never_repeats),
        cmocka_unit_test(neighbours_and_keys_differ),
        cmocka_unit_test(text_is_date_and_eight_digits),
        cmocka_unit_test(key_file_is_made_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
