/* link: workers/directory/file_names.c */
/*
 * tests/unit/test_file_names.c - names under which uploads are stored
 */
#include "unit.h"

#include "base/timez.h"
#include "workers/directory/file_names.h"

#define NOW (INT64_C(1773015330) * 1000000) /* 2026-03-09T08:15:30+08:00 */

static const uint8_t id[16] = {[12] = 0xab, 0x12, 0xcd, 0x34};

static void
photos_are_named_after_doctor_and_moment(void **state)
{
    (void)state;
    gh_buf_t path = GH_BUF_INIT;
    gh_photo_path(&path, 17, NOW, id, ".png");
    assert_string_equal(gh_buf_cstr(&path), "image/doctor_17_20260309081530_ab12cd34.png");
    gh_buf_fini(&path);
}

static void
attachments_keep_what_is_harmless_of_their_name(void **state)
{
    (void)state;
    static const struct {
        const char *name, *extension, *stem;
    } rows[] = {
        {"scan.jpg", ".jpg", "scan.jpg"},
        {"scan.JPEG", ".jpg", "scan.jpeg"},
        {"scan.jpeg", ".png", "scan.png"},
        {"scan.php", ".jpg", "scan.jpg"},
        {"a.b.c.png", ".png", "abc.png"},
        {"检查 报告-1_(终).png", ".png", "检查 报告-1_终.png"},
        {"../..", ".gif", "file.gif"},
        {"", ".gif", "file.gif"},
        {".png", ".png", "file.png"},
        {"\xf0\x9f\x98\x80é%00;'\"<>&.png", ".png", "é00.png"},
        {"012345678901234567890123456789X.png", ".png", "012345678901234567890123456789.png"},
        {"一二三四五六七八九十一二三四五六七八九十一二三四五六七八九十多.png", ".png",
         "一二三四五六七八九十一二三四五六七八九十一二三四五六七八九十.png"},
    };
    for (size_t i = 0; i < GH_COUNT(rows); i++) {
        gh_buf_t path = GH_BUF_INIT;
        char expected[256];
        snprintf(expected, sizeof expected, "images/audit/2026/03/09/20260309081530_ab12cd34_%s",
                 rows[i].stem);
        gh_attachment_path(&path, gh_str(rows[i].name), NOW, id, rows[i].extension);
        assert_string_equal(gh_buf_cstr(&path), expected);
        gh_buf_fini(&path);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(photos_are_named_after_doctor_and_moment),
        cmocka_unit_test(attachments_keep_what_is_harmless_of_their_name),
    };
    return gh_tz_init("Asia/Shanghai") ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
