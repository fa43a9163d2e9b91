/* Unit tests of lib/base/seal.c: sealed columns open only where they belong, the blind index follows the value. */
#include "unit.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/seal.h"

static const gh_seal_place_t place = {"patients", "national_id_enc", 42};

static gh_seal_t *
make(uint8_t first)
{
    uint8_t master[32] = {first, 2, 3};
    gh_seal_t *seal = gh_seal_new(master);
    assert_non_null(seal);
    return seal;
}

static void
round_trip(void **state)
{
    (void)state;
    gh_seal_t *seal = make(1);
    const gh_str_t values[] = {GH_STR("11010119900307001X"), GH_STR(""), GH_STR("a")};
    for (size_t i = 0; i < GH_COUNT(values); i++) {
        gh_buf_t sealed = GH_BUF_INIT, again = GH_BUF_INIT, plain = GH_BUF_INIT;
        assert_int_equal(gh_seal_close(seal, place, values[i], &sealed), 0);
        assert_int_equal(gh_seal_close(seal, place, values[i], &again), 0);
        assert_int_equal(sealed.n, values[i].n + GH_SEAL_OVERHEAD);
        assert_int_equal(sealed.p[0], 1);
        assert_memory_not_equal(sealed.p, again.p, sealed.n); /* a fresh nonce each time */
        gh_buf_puts(&plain, "before ");
        assert_int_equal(gh_seal_open(seal, place, gh_buf_view(&sealed), &plain), 0);
        assert_int_equal(plain.n, 7 + values[i].n);
        assert_memory_equal(plain.p + 7, values[i].p, values[i].n);
        gh_buf_fini(&sealed);
        gh_buf_fini(&again);
        gh_buf_fini(&plain);
    }
    gh_seal_destroy(&seal);
    gh_seal_destroy(&seal);
}

static void
opens_nowhere_else(void **state)
{
    (void)state;
    gh_seal_t *seal = make(1), *other = make(9);
    gh_buf_t sealed = GH_BUF_INIT, plain = GH_BUF_INIT;
    assert_int_equal(gh_seal_close(seal, place, GH_STR("secret"), &sealed), 0);
    gh_str_t v = gh_buf_view(&sealed);
    gh_seal_place_t row = place, column = place, table = place;
    row.row = 43;
    column.column = "address";
    table.table = "users";
    assert_int_equal(gh_seal_open(seal, row, v, &plain), -1);
    assert_int_equal(gh_seal_open(seal, column, v, &plain), -1);
    assert_int_equal(gh_seal_open(seal, table, v, &plain), -1);
    assert_int_equal(gh_seal_open(other, place, v, &plain), -1);
    for (size_t i = 0; i < sealed.n; i++) { /* every byte counts: key id, nonce, text, tag */
        sealed.p[i] = (char)(sealed.p[i] ^ 0x20);
        assert_int_equal(gh_seal_open(seal, place, v, &plain), -1);
        sealed.p[i] = (char)(sealed.p[i] ^ 0x20);
    }
    for (size_t n = 0; n < sealed.n; n++)
        assert_int_equal(gh_seal_open(seal, place, (gh_str_t){sealed.p, n}, &plain), -1);
    assert_int_equal(plain.n, 0);
    gh_buf_fini(&sealed);
    gh_buf_fini(&plain);
    gh_seal_destroy(&seal);
    gh_seal_destroy(&other);
}

static void
blind_index_follows_the_value(void **state)
{
    (void)state;
    gh_seal_t *seal = make(1), *other = make(9);
    uint8_t a[32], b[32];
    char longer[400];
    memset(longer, 'x', sizeof longer);
    assert_int_equal(gh_seal_blind(seal, GH_STR("11010119900307001X"), a), 0);
    assert_int_equal(gh_seal_blind(seal, GH_STR(" 110101 19900307 001x "), b), 0);
    assert_memory_equal(a, b, 32);
    assert_int_equal(gh_seal_blind(seal, GH_STR("110101199003070011"), b), 0);
    assert_memory_not_equal(a, b, 32);
    assert_int_equal(gh_seal_blind(other, GH_STR("11010119900307001X"), b), 0);
    assert_memory_not_equal(a, b, 32);
    assert_int_equal(gh_seal_blind(seal, (gh_str_t){longer, sizeof longer}, b), -1);
    gh_seal_destroy(&seal);
    gh_seal_destroy(&other);
}

static void
put(const char *file, const char *text)
{
    FILE *f = fopen(file, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    chmod(file, 0600);
}

static void
key_files(void **state)
{
    (void)state;
    char dir[] = "/tmp/gh.sealXXXXXX", file[64];
    assert_non_null(mkdtemp(dir));
    snprintf(file, sizeof file, "%s/data.key", dir);
    assert_null(gh_seal_load(file));
    char hex[65];
    memset(hex, 'a', 64);
    hex[64] = 0;
    char line[80];
    snprintf(line, sizeof line, "%s\n", hex);
    put(file, line);
    gh_seal_t *seal = gh_seal_load(file);
    assert_non_null(seal);
    gh_seal_destroy(&seal);
    put(file, "");
    assert_null(gh_seal_load(file));
    hex[10] = 'g';
    put(file, hex);
    assert_null(gh_seal_load(file));
    hex[10] = 'A';
    snprintf(line, sizeof line, "%sff\n", hex);
    put(file, line);
    assert_null(gh_seal_load(file));
    unlink(file);
    rmdir(dir);
}

/* Old values open, new ones have the new key, and who has not read the file since finds it when he needs it. */
static void
keys_are_rotated(void **state)
{
    (void)state;
    char dir[] = "/tmp/gh.sealXXXXXX", file[64], text[80];
    assert_non_null(mkdtemp(dir));
    snprintf(file, sizeof file, "%s/data.key", dir);
    memset(text, 'b', 64);
    memcpy(text + 64, "\n", 2);
    put(file, text);
    gh_buf_t old = GH_BUF_INIT, fresh = GH_BUF_INIT, plain = GH_BUF_INIT;
    uint8_t before[32], after[32];
    gh_seal_t *running = gh_seal_load(file);
    assert_non_null(running);
    assert_int_equal(gh_seal_close(running, place, GH_STR("one"), &old), 0);
    assert_int_equal(gh_seal_blind(running, GH_STR("one"), before), 0);
    assert_int_equal(gh_seal_rotate(file), 0);
    gh_seal_t *started = gh_seal_load(file);
    assert_non_null(started);
    assert_int_equal(gh_seal_key_id(running), 1);
    assert_int_equal(gh_seal_key_id(started), 2);
    assert_int_equal(gh_seal_blind(started, GH_STR("one"), after), 0);
    assert_memory_equal(before, after, 32);
    assert_int_equal(gh_seal_open(started, place, gh_buf_view(&old), &plain), 0);
    assert_int_equal(gh_seal_close(started, place, GH_STR("two"), &fresh), 0);
    assert_int_equal(fresh.p[0], 2);
    assert_int_equal(gh_seal_open(running, place, gh_buf_view(&fresh), &plain), 0);
    assert_int_equal(gh_seal_open(running, place, gh_buf_view(&old), &plain), 0);
    assert_int_equal(gh_seal_key_id(running), 2);
    assert_memory_equal(plain.p, "onetwoone", 9);
    fresh.p[0] = 9; /* no such key: the file does not have it */
    assert_int_equal(gh_seal_open(running, place, gh_buf_view(&fresh), &plain), -1);
    for (int i = 3; i <= GH_SEAL_KEYS_MAX; i++)
        assert_int_equal(gh_seal_rotate(file), 0);
    assert_int_equal(gh_seal_rotate(file), -1); /* full */
    gh_seal_destroy(&started);
    started = gh_seal_load(file);
    assert_non_null(started);
    assert_int_equal(gh_seal_key_id(started), GH_SEAL_KEYS_MAX);
    struct stat st;
    assert_int_equal(stat(file, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    gh_seal_destroy(&started);
    gh_seal_destroy(&running);
    gh_buf_fini(&old);
    gh_buf_fini(&fresh);
    gh_buf_fini(&plain);
    unlink(file);
    assert_int_equal(gh_seal_rotate(file), -1);
    rmdir(dir);
}

static void
lines_of_a_key_file(void **state)
{
    (void)state;
    char dir[] = "/tmp/gh.sealXXXXXX", file[64], text[400], hex[65];
    memset(hex, 'c', 64);
    hex[64] = 0;
    static const struct {
        const char *form;
        bool good;
    } cases[] = {{"2 %s\n1 %s\n", true},   {"%s\n", true},           {"7 %s", true},
                 {"2 %s\r\n%s\r\n", true}, {"1 %s\n2 %s\n", false},  {"2 %s\n2 %s\n", false},
                 {"0 %s\n", false},        {"256 %s\n", false},      {"x %s\n", false},
                 {"2  %s\n", false},       {"2 %s trailing", false}, {" %s\n", false}};
    assert_non_null(mkdtemp(dir));
    snprintf(file, sizeof file, "%s/data.key", dir);
    for (size_t i = 0; i < GH_COUNT(cases); i++) {
        const char *second = strstr(cases[i].form + 2, "%s") ? strchr(strstr(cases[i].form, "%s") + 2, '%')
                                                             : NULL;
        size_t head = (size_t)(strstr(cases[i].form, "%s") - cases[i].form);
        int n = snprintf(text, sizeof text, "%.*s%s", (int)head, cases[i].form, hex);
        const char *rest = cases[i].form + head + 2;
        if (second)
            snprintf(text + n, sizeof text - (size_t)n, "%.*s%s%s", (int)(second - rest), rest, hex,
                     second + 2);
        else
            snprintf(text + n, sizeof text - (size_t)n, "%s", rest);
        put(file, text);
        gh_seal_t *seal = gh_seal_load(file);
        if ((seal != NULL) != cases[i].good)
            fail_msg("%s", cases[i].form);
        gh_seal_destroy(&seal);
    }
    unlink(file);
    rmdir(dir);
}

int
main(void)
{
    gh_log_init("test", GH_LOG_ERROR, GH_LOGFMT);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip),
        cmocka_unit_test(opens_nowhere_else),
        cmocka_unit_test(blind_index_follows_the_value),
        cmocka_unit_test(key_files),
        cmocka_unit_test(keys_are_rotated),
        cmocka_unit_test(lines_of_a_key_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
