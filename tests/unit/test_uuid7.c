/*
 * tests/unit/test_uuid7.c - order, uniqueness and texts of ids
 */
#include "unit.h"

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/timez.h"
#include "base/uuid7.h"

static int
compare(const void *a, const void *b)
{
    return memcmp(a, b, 16);
}

static void
ids_are_version_7_and_grow(void **state)
{
    (void)state;
    uint8_t last[16] = {0}, id[16];
    for (int i = 0; i < 300000; i++) { /* many in each millisecond */
        gh_uuid7_new(id);
        assert_true(gh_uuid7_valid(id));
        assert_true(memcmp(id, last, 16) > 0);
        memcpy(last, id, 16);
    }
    int64_t now_ms = gh_now_us() / 1000;
    assert_in_range(gh_uuid7_ms(id), (uint64_t)now_ms - 60000, (uint64_t)now_ms + 1000);
}

#define PER_THREAD 20000
static uint8_t all[4][PER_THREAD][16];

static void *
make_many(void *arg)
{
    uint8_t(*ids)[16] = arg;
    for (int i = 0; i < PER_THREAD; i++)
        gh_uuid7_new(ids[i]);
    return NULL;
}

static void
threads_never_share_an_id(void **state)
{
    (void)state;
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, make_many, all[i]), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    uint8_t *flat = all[0][0];
    qsort(flat, 4 * (size_t)PER_THREAD, 16, compare);
    for (size_t i = 1; i < 4 * (size_t)PER_THREAD; i++)
        assert_true(memcmp(flat + 16 * (i - 1), flat + 16 * i, 16) < 0);
}

/* The random part (last 6 bytes) must differ between a child and its parent, who share all state at the fork. */
static void
a_forked_child_goes_its_own_way(void **state)
{
    (void)state;
    uint8_t mine[16], childs[16];
    int fd[2];
    gh_uuid7_new(mine);
    assert_int_equal(pipe(fd), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    gh_uuid7_new(mine);
    if (pid == 0)
        _exit(write(fd[1], mine, 16) == 16 ? 0 : 1);
    assert_int_equal(read(fd[0], childs, 16), 16);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    close(fd[0]);
    close(fd[1]);
    assert_memory_not_equal(mine + 10, childs + 10, 6);
}

static void
texts_go_there_and_back(void **state)
{
    (void)state;
    static const char text[] = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"; /* RFC 9562 appendix A.6 */
    uint8_t id[16], again[16];
    char out[GH_UUID_TEXT];
    assert_int_equal(gh_uuid_parse(gh_str(text), id), 0);
    assert_true(gh_uuid7_valid(id));
    assert_int_equal(gh_uuid7_ms(id), INT64_C(1645557742000));
    gh_uuid_text(id, out);
    assert_string_equal(out, text);
    assert_int_equal(gh_uuid_parse(GH_STR("017F22E2-79B0-7CC3-98C4-DC0C0C07398F"), again), 0);
    assert_memory_equal(id, again, 16);
}

static void
refuses_what_is_not_a_uuid(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "017f22e279b07cc398c4dc0c0c07398f",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398ff",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398g",
        "017f22e2-79b0-7cc3-98c4+dc0c0c07398f",
        "{17f22e2-79b0-7cc3-98c4-dc0c0c07398}",
        "017f22e27-9b0-7cc3-98c4-dc0c0c07398f",
    };
    uint8_t id[16];
    for (size_t i = 0; i < GH_COUNT(bad); i++)
        assert_int_equal(gh_uuid_parse(gh_str(bad[i]), id), -1);
    assert_int_equal(gh_uuid_parse(GH_STR("017f22e2-79b0-4cc3-98c4-dc0c0c07398f"), id), 0);
    assert_false(gh_uuid7_valid(id)); /* version 4 */
    assert_int_equal(gh_uuid_parse(GH_STR("017f22e2-79b0-7cc3-c8c4-dc0c0c07398f"), id), 0);
    assert_false(gh_uuid7_valid(id)); /* another variant */
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_are_version_7_and_grow),      cmocka_unit_test(threads_never_share_an_id),
        cmocka_unit_test(a_forked_child_goes_its_own_way), cmocka_unit_test(texts_go_there_and_back),
        cmocka_unit_test(refuses_what_is_not_a_uuid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
