/*
 * lib/base/media.c - signatures of file formats
 */
#include "base/media.h"

/* mark stands at `at`, and more at `more_at` when there is one. */
static const struct {
    gh_media_t media;
    size_t at;
    gh_str_t mark;
    size_t more_at;
    gh_str_t more;
} s_kinds[] = {
    {{"image/jpeg", ".jpg"}, 0, GH_STR("\xff\xd8\xff"), 0, {0}},
    {{"image/png", ".png"}, 0, GH_STR("\x89PNG\r\n\x1a\n"), 0, {0}},
    {{"image/gif", ".gif"}, 0, GH_STR("GIF87a"), 0, {0}},
    {{"image/gif", ".gif"}, 0, GH_STR("GIF89a"), 0, {0}},
    {{"image/webp", ".webp"}, 0, GH_STR("RIFF"), 8, GH_STR("WEBP")},
    /* two letters alone would be any text: the reserved words, which are zero, too */
    {{"image/bmp", ".bmp"}, 0, GH_STR("BM"), 6, GH_STR("\0\0\0\0")},
    {{"application/pdf", ".pdf"}, 0, GH_STR("%PDF-"), 0, {0}},
    {{"application/dicom", ".dcm"}, 128, GH_STR("DICM"), 0, {0}},
};

static bool
stands_at(gh_str_t bytes, size_t at, gh_str_t mark)
{
    return bytes.n >= at + mark.n && (mark.n == 0 || memcmp(bytes.p + at, mark.p, mark.n) == 0);
}

const gh_media_t *
gh_media_of(gh_str_t bytes)
{
    for (size_t i = 0; i < GH_COUNT(s_kinds); i++)
        if (stands_at(bytes, s_kinds[i].at, s_kinds[i].mark) &&
            stands_at(bytes, s_kinds[i].more_at, s_kinds[i].more))
            return &s_kinds[i].media;
    return NULL;
}
