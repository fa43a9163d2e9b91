/*
 * tests/unit/test_multipart.c - multipart forms in pieces of every size, and what is refused
 */
#include "unit.h"

#include "base/buf.h"
#include "base/media.h"
#include "contract/multipart.h"

#define TYPE "multipart/form-data; boundary=AaB03x"
#define HEAD "--AaB03x\r\nContent-Disposition: form-data; "

/* What came out, as text: {name|file name|type|data} a part. */
typedef struct seen {
    gh_buf_t text;
    size_t stop_at; /* end the reading at this part; 0: never */
    size_t parts;
} seen_t;

static bool
begin(void *arg, const gh_part_t *p)
{
    seen_t *s = arg;
    gh_buf_putc(&s->text, '{');
    gh_buf_str(&s->text, p->name);
    gh_buf_putc(&s->text, '|');
    if (p->file_name.p)
        gh_buf_str(&s->text, p->file_name);
    else
        gh_buf_putc(&s->text, '-');
    gh_buf_putc(&s->text, '|');
    gh_buf_str(&s->text, p->type);
    gh_buf_putc(&s->text, '|');
    return ++s->parts != s->stop_at;
}

static bool
data(void *arg, gh_str_t bytes)
{
    seen_t *s = arg;
    assert_true(bytes.n > 0);
    gh_buf_str(&s->text, bytes);
    return true;
}

static bool
end(void *arg)
{
    seen_t *s = arg;
    gh_buf_putc(&s->text, '}');
    return true;
}

/* Feed in pieces of this size. True when the whole was good; seen->text is what came out. */
static bool
read_by(const char *type, gh_str_t body, size_t piece, seen_t *seen)
{
    gh_multipart_t m;
    gh_buf_clear(&seen->text);
    seen->parts = 0;
    bool ok = gh_multipart_init(&m, gh_str(type), &(gh_multipart_sink_t){begin, data, end, seen}) == 0;
    while (ok && body.n) {
        size_t n = piece < body.n ? piece : body.n;
        ok = gh_multipart_feed(&m, (gh_str_t){body.p, n}) == 0;
        body = (gh_str_t){body.p + n, body.n - n};
    }
    return ok && gh_multipart_finish(&m) == 0;
}

static void
check(const char *body, const char *expected)
{
    seen_t seen = {0};
    gh_str_t all = gh_str(body);
    for (size_t piece = 1; piece <= all.n; piece++) {
        bool ok = read_by(TYPE, all, piece, &seen);
        if (ok != (expected != NULL))
            fail_msg("pieces of %zu: %s: %s", piece, ok ? "taken" : "refused", body);
        if (expected)
            assert_string_equal(gh_buf_cstr(&seen.text), expected);
    }
    gh_buf_fini(&seen.text);
}

static void
forms_are_read_in_pieces_of_every_size(void **state)
{
    (void)state;
    check(HEAD "name=\"a\"\r\n\r\n1\r\n--AaB03x--\r\n", "{a|-||1}");
    check(HEAD "name=a\r\n\r\n1\r\n--AaB03x--", "{a|-||1}");
    check("\r\n" HEAD "name=\"a\"\r\n\r\n\r\n--AaB03x--\r\n", "{a|-||}");
    check(HEAD "name=\"a\"; filename=\"x.png\"\r\nContent-Type: image/png\r\n\r\nbytes\r\n" HEAD
               "name=\"b\"\r\n\r\n2\r\n--AaB03x--\r\n",
          "{a|x.png|image/png|bytes}{b|-||2}");
    check(HEAD "NAME=\"a\"\r\ncontent-length: 5\r\nX-Other: y\r\n\r\n\r\n\r\n-\r\n--AaB03x-- \r\n",
          "{a|-||\r\n\r\n-}");
    check(HEAD "name=\"a\"\r\n\r\n\r\n--AaB03\r--AaB03x\r\n--AaB03 \r\n--AaB03x\t\r\n"
               "Content-Disposition: form-data; name=\"b\"\r\n\r\n\r\r\n--AaB03x--",
          "{a|-||\r\n--AaB03\r--AaB03x\r\n--AaB03 }{b|-||\r}");
}

static void
names_lose_their_directories_and_keep_their_characters(void **state)
{
    (void)state;
    static const struct {
        const char *line, *expected;
    } rows[] = {
        {"name=\"f\"; filename=\"../../etc/passwd\"", "{f|passwd||x}"},
        {"name=\"f\"; filename=\"C:\\Users\\me\\scan 1.jpg\"", "{f|scan 1.jpg||x}"},
        {"name=\"f\"; filename=\"a\\\"b\\\\c.png\"", "{f|c.png||x}"},
        {"name=\"f\"; filename=\"a\\\"b.png\"", "{f|a\"b.png||x}"},
        {"name=\"f\"; filename=\"\"", "{f|||x}"},
        {"name=\"f\"; filename=\"检查.png\"", "{f|检查.png||x}"},
        {"name=\"f\"; filename=\"x.png\"; filename*=UTF-8''%E6%A3%80%20a.png", "{f|检 a.png||x}"},
        {"name=\"f\"; filename*=utf-8'zh'%2e%2e%2Fy.png", "{f|y.png||x}"},
        {"name=\"f\"; size=3; filename=\"y\"", "{f|y||x}"},
        {"name=\"文\"", "{文|-||x}"},
    };
    for (size_t i = 0; i < GH_COUNT(rows); i++) {
        char body[512];
        snprintf(body, sizeof body, HEAD "%s\r\n\r\nx\r\n--AaB03x--\r\n", rows[i].line);
        check(body, rows[i].expected);
    }
}

static void
broken_forms_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "x",
        "--AaB03x--\r\n", /* no part at all */
        "preamble\r\n" HEAD "name=\"a\"\r\n\r\n1\r\n--AaB03x--\r\n",
        HEAD "name=\"a\"\r\n\r\n1\r\n--AaB03x",     /* truncated */
        HEAD "name=\"a\"\r\n\r\n1\r\n--AaB03x-",    /* likewise */
        HEAD "name=\"a\"\r\n\r\n1",                 /* likewise */
        HEAD "name=\"a\"\r\n\r\n1\r\n--AaB03x\r\n", /* a part is promised */
        HEAD "name=\"a\"\r\n\r\n1\r\n--AaB03x--\r\nepilogue",
        HEAD "name=\"a\"\r\n\r\n1\r\n--AaB03xy\r\n--AaB03x--", /* text behind the delimiter */
        HEAD "name=\"a\"\n\n1\r\n--AaB03x--",                  /* bare LF */
        HEAD "name=\"a\"; name=\"b\"\r\n\r\n1\r\n--AaB03x--",
        HEAD "filename=\"a\"\r\n\r\n1\r\n--AaB03x--", /* no name */
        HEAD "name=\"\"\r\n\r\n1\r\n--AaB03x--",
        HEAD "name=\"a\r\n\r\n1\r\n--AaB03x--", /* the quote stays open */
        HEAD "name=\"a\"x\r\n\r\n1\r\n--AaB03x--",
        HEAD "name=\"a\"; filename*=latin1''x\r\n\r\n1\r\n--AaB03x--",
        HEAD "name=\"a\"; filename*=UTF-8''%zz\r\n\r\n1\r\n--AaB03x--",
        HEAD "name=\"a\"; filename*=UTF-8''%00x\r\n\r\n1\r\n--AaB03x--",
        HEAD "name=\"a\"; filename=\"\xff\xfe\"\r\n\r\n1\r\n--AaB03x--",
        HEAD "name=\"a\"; filename=\"x\x01y\"\r\n\r\n1\r\n--AaB03x--",
        HEAD "name=\"a\"\r\n folded: yes\r\n\r\n1\r\n--AaB03x--",
        HEAD "name=\"a\"\r\nContent-Disposition: form-data; name=\"b\"\r\n\r\n1\r\n--AaB03x--",
        HEAD "name=\"a\"\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n1\r\n--AaB03x--",
        HEAD "name=\"a\"\r\nContent-Type: a/b\r\nContent-Type: c/d\r\n\r\n1\r\n--AaB03x--",
        HEAD "name=\"a\"\r\nContent-Transfer-Encoding: base64\r\n\r\n1\r\n--AaB03x--",
        HEAD "name=\"a\"\r\nno colon\r\n\r\n1\r\n--AaB03x--",
        HEAD
        "name=\"a\"\r\na: 1\r\nb: 1\r\nc: 1\r\nd: 1\r\ne: 1\r\nf: 1\r\ng: 1\r\nh: 1\r\n\r\n1\r\n--AaB03x--",
        "--AaB03x\r\nContent-Disposition: attachment; name=\"a\"\r\n\r\n1\r\n--AaB03x--",
        "--AaB03x\r\nContent-Type: text/plain\r\n\r\n1\r\n--AaB03x--",
        "--AaB03x\r\n\r\n1\r\n--AaB03x--",
    };
    for (size_t i = 0; i < GH_COUNT(bad); i++)
        check(bad[i], NULL);
}

static void
boundaries_are_what_rfc_2046_says(void **state)
{
    (void)state;
    static const struct {
        const char *type;
        bool good;
    } rows[] = {
        {TYPE, true},
        {"Multipart/Form-Data; charset=utf-8; boundary=\"AaB03x\"", true},
        {"multipart/form-data;boundary=\"a b'()+_,-./:=?\"", true},
        {"multipart/form-data", false},
        {"multipart/form-data; boundary=", false},
        {"multipart/form-data; boundary=\"\"", false},
        {"multipart/form-data; boundary=\"a \"", false},
        {"multipart/form-data; boundary=\"a\x01\"", false},
        {"multipart/form-data; boundary=a; boundary=b", false},
        {"multipart/form-data; boundary=\"a", false},
        {"multipart/form-datax; boundary=a", false},
        {"multipart/mixed; boundary=a", false},
        {"multipart/form-data; "
         "boundary=0123456789012345678901234567890123456789012345678901234567890123456789",
         true},
        {"multipart/form-data; "
         "boundary=01234567890123456789012345678901234567890123456789012345678901234567890",
         false},
    };
    for (size_t i = 0; i < GH_COUNT(rows); i++) {
        gh_multipart_t m;
        int rc = gh_multipart_init(&m, gh_str(rows[i].type), &(gh_multipart_sink_t){begin, data, end, NULL});
        if ((rc == 0) != rows[i].good)
            fail_msg("%s", rows[i].type);
        if (!rows[i].good)
            assert_int_equal(gh_multipart_feed(&m, GH_STR("x")), -1);
    }
}

/* n parts, or a head of n bytes. */
static bool
many_parts(size_t n)
{
    gh_buf_t body = GH_BUF_INIT;
    seen_t seen = {0};
    for (size_t i = 0; i < n; i++)
        gh_buf_puts(&body, HEAD "name=\"a\"\r\n\r\n\r\n");
    gh_buf_puts(&body, "--AaB03x--");
    bool ok = read_by(TYPE, gh_buf_view(&body), 1000, &seen);
    gh_buf_fini(&body);
    gh_buf_fini(&seen.text);
    return ok;
}

static bool
long_head(size_t n)
{
    gh_buf_t body = GH_BUF_INIT;
    seen_t seen = {0};
    gh_buf_puts(&body, HEAD "name=\"a\"\r\nX: ");
    size_t lead = body.n - strlen("--AaB03x\r\n");
    for (size_t i = lead; i < n - 4; i++)
        gh_buf_putc(&body, 'x');
    gh_buf_puts(&body, "\r\n\r\n1\r\n--AaB03x--");
    bool ok = read_by(TYPE, gh_buf_view(&body), 100, &seen);
    gh_buf_fini(&body);
    gh_buf_fini(&seen.text);
    return ok;
}

static void
parts_and_heads_are_bounded(void **state)
{
    (void)state;
    assert_true(many_parts(GH_MULTIPART_PARTS_MAX));
    assert_false(many_parts(GH_MULTIPART_PARTS_MAX + 1));
    assert_false(many_parts(10000));
    assert_true(long_head(GH_MULTIPART_HEAD_MAX));
    assert_false(long_head(GH_MULTIPART_HEAD_MAX + 1));
    assert_false(long_head(1000000));
}

static void
a_sink_may_end_it(void **state)
{
    (void)state;
    seen_t seen = {.stop_at = 2};
    assert_false(
        read_by(TYPE, GH_STR(HEAD "name=a\r\n\r\n1\r\n" HEAD "name=b\r\n\r\n2\r\n--AaB03x--"), 7, &seen));
    assert_string_equal(gh_buf_cstr(&seen.text), "{a|-||1}{b|-||");
    gh_buf_fini(&seen.text);
}

static void
content_tells_what_a_file_is(void **state)
{
    (void)state;
    static const char dicom[132] = {[128] = 'D', 'I', 'C', 'M'};
    static const struct {
        gh_str_t bytes;
        const char *type;
    } rows[] = {
        {GH_STR("\xff\xd8\xff\xe0"), "image/jpeg"},
        {GH_STR("\xff\xd8"), NULL},
        {GH_STR("\x89PNG\r\n\x1a\n...."), "image/png"},
        {GH_STR("\x89PNG\n\x1a\n"), NULL},
        {GH_STR("GIF87a"), "image/gif"},
        {GH_STR("GIF89a;"), "image/gif"},
        {GH_STR("GIF88a"), NULL},
        {GH_STR("RIFF\x24\0\0\0WEBPVP8 "), "image/webp"},
        {GH_STR("RIFF\x24\0\0\0WAVEfmt "), NULL},
        {GH_STR("BM\x3a\0\0\0\0\0\0\0\x36\0\0\0"), "image/bmp"},
        {GH_STR("BMW is a car"), NULL},
        {GH_STR("%PDF-1.7"), "application/pdf"},
        {{dicom, sizeof dicom}, "application/dicom"},
        {{dicom, sizeof dicom - 1}, NULL},
        {GH_STR("<svg xmlns="), NULL},
        {GH_STR(""), NULL},
    };
    for (size_t i = 0; i < GH_COUNT(rows); i++) {
        const gh_media_t *m = gh_media_of(rows[i].bytes);
        if (!rows[i].type)
            assert_null(m);
        else
            assert_string_equal(m ? m->type : "nothing", rows[i].type);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forms_are_read_in_pieces_of_every_size),
        cmocka_unit_test(names_lose_their_directories_and_keep_their_characters),
        cmocka_unit_test(broken_forms_are_refused),
        cmocka_unit_test(boundaries_are_what_rfc_2046_says),
        cmocka_unit_test(parts_and_heads_are_bounded),
        cmocka_unit_test(a_sink_may_end_it),
        cmocka_unit_test(content_tells_what_a_file_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
