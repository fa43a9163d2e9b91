/*
 * lib/domain/job_file.c - see job_file.h
 */
#include "domain/job_file.h"

#include "base/hash.h"

/* Numbered from the random half of the job's id on. */
gh_seal_place_t
gh_job_file_place(const uint8_t job[16], size_t n)
{
    uint64_t row = 0;
    for (size_t i = 8; i < 16; i++)
        row = row << 8 | job[i];
    return (gh_seal_place_t){"job_files", "piece", (int64_t)(row + n)};
}

int
gh_job_file_seal(const gh_seal_t *seal, const uint8_t job[16], gh_str_t plain, gh_buf_t *out)
{
    size_t n = 0;
    for (size_t at = 0; at < plain.n; at += GH_JOB_PIECE, n++) {
        size_t left = plain.n - at;
        gh_str_t piece = {plain.p + at, left < GH_JOB_PIECE ? left : GH_JOB_PIECE};
        if (gh_seal_close(seal, gh_job_file_place(job, n), piece, out))
            return -1;
    }
    return gh_buf_ok(out) ? 0 : -1;
}

const char *
gh_job_file_bytea(gh_buf_t *text, gh_str_t bytes)
{
    gh_buf_clear(text);
    gh_buf_puts(text, "\\x");
    char *to = gh_buf_reserve(text, bytes.n * 2 + 1);
    if (to && bytes.n > 0) {
        gh_hex((const uint8_t *)bytes.p, bytes.n, to);
        text->n += bytes.n * 2;
    }
    return gh_buf_ok(text) ? gh_buf_cstr(text) : NULL;
}
