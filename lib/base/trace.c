/*
 * lib/base/trace.c - see trace.h
 */
#include "base/trace.h"

#include <dlfcn.h>
#include <execinfo.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"

#define FRAMES_MAX 24

static bool
is_hex(const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!(p[i] >= '0' && p[i] <= '9') && !(p[i] >= 'a' && p[i] <= 'f'))
            return false;
    return true;
}

static bool
is_zero(const char *p, size_t n)
{
    return strspn(p, "0") >= n;
}

bool
gh_trace_parse(gh_str_t t, char out[GH_TRACE_TEXT])
{
    out[0] = 0;
    if (t.n < GH_TRACE_N || !is_hex(t.p, 2) || memcmp(t.p, "ff", 2) == 0)
        return false;
    /* a later version may say more, behind another dash */
    if (t.n > GH_TRACE_N && (memcmp(t.p, "00", 2) == 0 || t.p[GH_TRACE_N] != '-'))
        return false;
    if (t.p[2] != '-' || !is_hex(t.p + 3, 32) || t.p[35] != '-' || !is_hex(t.p + 36, 16) || t.p[52] != '-' ||
        !is_hex(t.p + 53, 2) || is_zero(t.p + 3, 32) || is_zero(t.p + 36, 16))
        return false;
    memcpy(out, t.p, GH_TRACE_N);
    out[0] = out[1] = '0';
    out[GH_TRACE_N] = 0;
    return true;
}

void
gh_trace_make(const uint8_t id[16], char out[GH_TRACE_TEXT])
{
    out[0] = out[1] = '0';
    out[2] = '-';
    gh_hex(id, 16, out + 3);
    out[35] = '-';
    gh_hex(id + 8, 8, out + 36);
    memcpy(out + 52, "-00", 4);
}

gh_str_t
gh_trace_id(gh_str_t t)
{
    bool good = t.n == GH_TRACE_N && memcmp(t.p, "00-", 3) == 0 && is_hex(t.p + 3, GH_TRACE_ID_N);
    return good ? (gh_str_t){t.p + 3, GH_TRACE_ID_N} : (gh_str_t){0};
}

bool
gh_trace_sampled(gh_str_t t)
{
    /* the lowest bit of the last digit */
    return gh_trace_id(t).n && strchr("13579bdf", t.p[GH_TRACE_N - 1]);
}

void
gh_backtrace_text(int skip, char out[GH_BACKTRACE_TEXT])
{
    void *frames[FRAMES_MAX];
    int n = backtrace(frames, FRAMES_MAX);
    size_t at = 0;
    out[0] = 0;
    for (int i = skip + 1; i < n; i++) {
        Dl_info info = {0};
        char one[160];
        (void)dladdr(frames[i], &info);
        const char *file = info.dli_fname ? strrchr(info.dli_fname, '/') : NULL;
        if (info.dli_sname)
            snprintf(one, sizeof one, "%.100s+0x%zx", info.dli_sname,
                     (size_t)((uintptr_t)frames[i] - (uintptr_t)info.dli_saddr));
        else /* a static function: for addr2line */
            snprintf(one, sizeof one, "%.60s@0x%zx", file ? file + 1 : "?",
                     (size_t)((uintptr_t)frames[i] - (uintptr_t)info.dli_fbase));
        size_t len = strlen(one);
        if (at + len + 2 > GH_BACKTRACE_TEXT)
            break;
        if (at > 0)
            out[at++] = '<';
        memcpy(out + at, one, len + 1);
        at += len;
    }
}
