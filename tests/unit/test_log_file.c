/*
 * tests/unit/test_log_file.c - files of the log: turned over by size and day, compressed, limited in number, found again
 */
#include "unit.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

#include "base/log.h"
#include "base/log_file.h"
#include "base/timez.h"

#define DAY_US INT64_C(86400000000)

static char dir[64];
static int saved_stderr = -1;

static int
begin(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/gh-log-XXXXXX");
    saved_stderr = dup(STDERR_FILENO);
    gh_log_init("test", GH_LOG_INFO, GH_LOGFMT);
    return mkdtemp(dir) && gh_tz_init("Asia/Shanghai") == 0 ? 0 : -1;
}

static int
end(void **state)
{
    (void)state;
    char command[128];
    gh_log_files_close();
    dup2(saved_stderr, STDERR_FILENO);
    close(saved_stderr);
    gh_log_files_limits(100 << 20, 14);
    snprintf(command, sizeof command, "rm -rf %s", dir);
    return system(command);
}

/* Old files of base in the directory; *last is the newest, as a path. */
static size_t
old_files(const char *base, const char *suffix, char last[512])
{
    size_t n = 0;
    DIR *d = opendir(dir);
    last[0] = 0;
    for (const struct dirent *e; (e = readdir(d));) {
        size_t len = strlen(e->d_name), tail = strlen(suffix);
        if (!gh_log_file_is_old(base, e->d_name) || len < tail || strcmp(e->d_name + len - tail, suffix) != 0)
            continue;
        n++;
        char path[512];
        snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
        if (strcmp(path, last) > 0)
            memcpy(last, path, sizeof path);
    }
    closedir(d);
    return n;
}

static const char *
content(const char *path)
{
    static char text[1 << 16];
    gzFile f = gzopen(path, "rb"); /* reads plain files too */
    int n = f ? gzread(f, text, sizeof text - 1) : 0;
    if (f)
        gzclose(f);
    text[n < 0 ? 0 : n] = 0;
    return text;
}

static const char *
current(const char *base)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", dir, base);
    return content(path);
}

static void
work(int64_t now_us)
{
    while (gh_log_files_step(now_us))
        ;
}

static void
fill(char letter, size_t n)
{
    char text[101] = {0};
    memset(text, letter, 100);
    for (size_t i = 0; i < n; i++)
        gh_log(GH_LOG_INFO, "line", GH_KS("text", text));
}

static void
names_of_old_files(void **state)
{
    (void)state;
    assert_true(gh_log_file_is_old("front.log", "front.log.20260309-081530"));
    assert_true(gh_log_file_is_old("front.log", "front.log.20260309-081530.gz"));
    assert_true(gh_log_file_is_old("front.log", "front.log.20260309-081530-002.gz"));
    static const char *const others[] = {"front.log",
                                         "front.log.gz",
                                         "front.log.1",
                                         "front.log.20260309-081530.part",
                                         "front.log.20260309-081530.gz.part",
                                         "front.access.log.20260309-081530",
                                         "front.log.2026030-0815301",
                                         "xfront.log.20260309-081530",
                                         "front.log.20260309"};
    for (size_t i = 0; i < GH_COUNT(others); i++)
        assert_false(gh_log_file_is_old("front.log", others[i]));
}

static void
a_full_file_is_put_aside_and_compressed(void **state)
{
    (void)state;
    char old[512];
    int64_t now = gh_machine_us();
    gh_log_files_limits(4096, 14);
    assert_int_equal(gh_log_files_open(dir, "x", true), 0);
    fill('a', 10);
    work(now);
    assert_int_equal(old_files("x.log", "", old), 0); /* it is not full yet */
    fill('a', 30);
    work(now);
    assert_int_equal(old_files("x.log", "", old), 1);
    assert_int_equal(old_files("x.log", ".gz", old), 0); /* others may still write to it */
    fill('b', 1);
    work(now + 4000000);
    assert_int_equal(old_files("x.log", "", old), 1);
    assert_int_equal(old_files("x.log", ".gz", old), 1);
    const char *text = content(old);
    size_t lines = 0;
    for (const char *p = text; (p = strstr(p, "text=aaaa")); p++)
        lines++;
    assert_int_equal(lines, 40);
    assert_null(strstr(text, "bbbb"));
    assert_non_null(strstr(current("x.log"), "bbbb"));
    assert_null(strstr(current("x.log"), "aaaa"));
    assert_int_equal(old_files("x.access.log", "", old), 0);
}

static void
requests_have_a_file_of_their_own(void **state)
{
    (void)state;
    gh_buf_t lines GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    assert_int_equal(gh_log_files_open(dir, "x", true), 0);
    gh_log_append(&lines, GH_LOG_ACCESS, GH_LOG_INFO, "request", NULL);
    gh_log_write(GH_LOG_ACCESS, &lines);
    gh_log(GH_LOG_INFO, "other");
    assert_non_null(strstr(current("x.access.log"), "event=request"));
    assert_null(strstr(current("x.access.log"), "other"));
    assert_non_null(strstr(current("x.log"), "event=other"));
    assert_null(strstr(current("x.log"), "request"));
}

static void
a_day_has_files_of_its_own(void **state)
{
    (void)state;
    char old[512];
    int64_t now = gh_machine_us();
    gh_log_files_limits(1 << 20, 3);
    assert_int_equal(gh_log_files_open(dir, "x", false), 0);
    for (int day = 1; day <= 6; day++) { /* of which the newest three stay */
        fill((char)('a' + day), 1);
        work(now + day * DAY_US);
        work(now + day * DAY_US + 4000000);
    }
    assert_int_equal(old_files("x.log", ".gz", old), 3);
    assert_int_equal(old_files("x.log", "", old), 3);
    assert_non_null(strstr(content(old), "gggg"));
    size_t n = old_files("x.log", "", old);
    work(now + 7 * DAY_US); /* nothing was written: nothing to put aside */
    work(now + 7 * DAY_US + 4000000);
    assert_int_equal(old_files("x.log", "", old), n);
}

static void
a_file_of_yesterday_is_put_aside_at_the_start(void **state)
{
    (void)state;
    char path[128], old[512];
    snprintf(path, sizeof path, "%s/x.log", dir);
    FILE *f = fopen(path, "w");
    fputs("of yesterday\n", f);
    fclose(f);
    const struct timespec times[2] = {{time(NULL) - 86400, 0}, {time(NULL) - 86400, 0}};
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
    assert_int_equal(gh_log_files_open(dir, "x", false), 0);
    work(gh_machine_us());
    assert_int_equal(old_files("x.log", "", old), 1);
    assert_string_equal(content(old), "of yesterday\n");
}

static void
what_was_left_uncompressed_is_done_at_the_start(void **state)
{
    (void)state;
    char path[128], old[512];
    snprintf(path, sizeof path, "%s/x.log.20260309-081530", dir);
    FILE *f = fopen(path, "w");
    fputs("left\n", f);
    fclose(f);
    snprintf(path, sizeof path, "%s/x.log.20260309-081530.part", dir); /* of the process that died over it */
    f = fopen(path, "w");
    fputs("half", f);
    fclose(f);
    assert_int_equal(gh_log_files_open(dir, "x", false), 0);
    work(gh_machine_us() + 4000000);
    assert_int_equal(old_files("x.log", "", old), 1);
    assert_int_equal(old_files("x.log", ".gz", old), 1);
    assert_string_equal(content(old), "left\n");
    assert_int_equal(access(path, F_OK), -1);
}

static void
what_is_no_file_keeps_none_waiting(void **state)
{
    (void)state;
    char path[128], old[512];
    snprintf(path, sizeof path, "%s/x.log.20260307-081530", dir);
    assert_int_equal(symlink(path, path), 0); /* nobody can open it */
    snprintf(path, sizeof path, "%s/x.log.20260308-081530", dir);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%s/x.log.20260309-081530", dir);
    FILE *f = fopen(path, "w");
    fputs("left\n", f);
    fclose(f);
    assert_int_equal(gh_log_files_open(dir, "x", false), 0);
    work(gh_machine_us() + 4000000);
    assert_int_equal(old_files("x.log", ".gz", old), 1);
    assert_string_equal(content(old), "left\n");
}

static void
a_file_moved_by_others_is_made_anew(void **state)
{
    (void)state;
    char path[128], away[128];
    snprintf(path, sizeof path, "%s/x.log", dir);
    snprintf(away, sizeof away, "%s/away", dir);
    assert_int_equal(gh_log_files_open(dir, "x", false), 0);
    fill('a', 1);
    assert_int_equal(rename(path, away), 0);
    work(gh_machine_us());
    fill('b', 1);
    fputs("what a library says\n", stderr);
    assert_non_null(strstr(content(away), "aaaa"));
    assert_null(strstr(content(away), "bbbb"));
    assert_non_null(strstr(current("x.log"), "bbbb"));
    assert_non_null(strstr(current("x.log"), "what a library says"));
}

/* Two processes write to one file and turn it over as they like: no line is lost or torn. */
static void
processes_share_a_file(void **state)
{
    (void)state;
    char command[512], old[512];
    gh_log_files_limits(20000, 1000);
    for (int child = 0; child < 2; child++)
        if (fork() == 0) {
            int64_t now = gh_machine_us();
            if (gh_log_files_open(dir, "x", false))
                _exit(1);
            for (int i = 0; i < 1000; i++) {
                fill((char)('a' + child), 1);
                if (i % 20 == 0)
                    gh_log_files_step(now); /* compression waits: the clock of this loop stands still */
            }
            _exit(0);
        }
    for (int child = 0, status; child < 2; child++) {
        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
    }
    assert_true(old_files("x.log", "", old) > 3);
    assert_int_equal(gh_log_files_open(dir, "x", false), 0);
    work(gh_machine_us() + 4000000);
    snprintf(command, sizeof command,
             "test \"$(zcat -f %s/x.log* | grep -cE ' text=(a{100}|b{100})$')\" = 2000", dir);
    assert_int_equal(system(command), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_of_old_files),
        TEST(a_full_file_is_put_aside_and_compressed),
        TEST(requests_have_a_file_of_their_own),
        TEST(a_day_has_files_of_its_own),
        TEST(a_file_of_yesterday_is_put_aside_at_the_start),
        TEST(what_was_left_uncompressed_is_done_at_the_start),
        TEST(what_is_no_file_keeps_none_waiting),
        TEST(a_file_moved_by_others_is_made_anew),
        TEST(processes_share_a_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
