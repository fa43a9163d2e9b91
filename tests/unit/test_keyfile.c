/* Key files: there whole or not at all, and what a process that died over one leaves behind. */
#include "unit.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/keyfile.h"

static char s_dir[] = "/tmp/gh-keyfile-XXXXXX";

static const char *
path(const char *name)
{
    static char text[4][128];
    static size_t turn;
    char *out = text[turn++ % 4];
    snprintf(out, sizeof text[0], "%s/%s", s_dir, name);
    return out;
}

static bool
is_there(const char *name)
{
    return access(path(name), F_OK) == 0;
}

static void
leave(const char *name, time_t ago)
{
    int fd = open(path(name), O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    const struct timespec times[2] = {{time(NULL) - ago, 0}, {time(NULL) - ago, 0}};
    assert_int_equal(futimens(fd, times), 0);
    close(fd);
}

static void
a_file_is_written_whole_for_its_owner_alone(void **state)
{
    (void)state;
    char text[16];
    struct stat st;
    assert_int_equal(gh_keyfile_write(path("a.key"), GH_STR("one"), false), 0);
    assert_int_equal(stat(path("a.key"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(gh_keyfile_read(path("a.key"), text, sizeof text), 3);
    assert_memory_equal(text, "one", 3);
    assert_int_equal(gh_keyfile_write(path("a.key"), GH_STR("two"), false),
                     0); /* another process was first */
    assert_int_equal(gh_keyfile_read(path("a.key"), text, sizeof text), 3);
    assert_memory_equal(text, "one", 3);
    assert_int_equal(gh_keyfile_write(path("a.key"), GH_STR("three"), true), 0);
    assert_int_equal(gh_keyfile_read(path("a.key"), text, sizeof text), 5);
    unlink(path("a.key"));
    assert_int_equal(rmdir(s_dir), 0); /* nothing else is left */
    assert_int_equal(mkdir(s_dir, 0700), 0);
    assert_int_equal(gh_keyfile_write(path("none/a.key"), GH_STR("one"), true), -1);
}

static void
what_a_dead_process_left_goes_with_the_next_write(void **state)
{
    (void)state;
    leave(".a.key.4711", 61);
    leave(".a.key.4712", 5);     /* somebody may be writing it */
    leave(".a.key.key", 61);     /* no part */
    leave(".another.key.9", 61); /* of another file */
    leave("a.key.4713", 61);     /* not hidden: not ours */
    assert_int_equal(gh_keyfile_write(path("a.key"), GH_STR("one"), true), 0);
    assert_false(is_there(".a.key.4711"));
    static const char *const kept[] = {".a.key.4712", ".a.key.key", ".another.key.9", "a.key.4713", "a.key"};
    for (size_t i = 0; i < GH_COUNT(kept); i++) {
        assert_true(is_there(kept[i]));
        unlink(path(kept[i]));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_written_whole_for_its_owner_alone),
        cmocka_unit_test(what_a_dead_process_left_goes_with_the_next_write),
    };
    if (!mkdtemp(s_dir))
        return 1;
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    rmdir(s_dir);
    return rc;
}
