/*
 * workers/identity/doctor_rules.c - see doctor_rules.h
 */
#include "workers/identity/doctor_rules.h"

bool
gh_photo_path_ok(gh_str_t path)
{
    static const gh_str_t web[] = {{"http://", 7}, {"https://", 8}};
    for (size_t i = 0; i < path.n; i++)
        if ((unsigned char)path.p[i] < ' ' || path.p[i] == 127)
            return false;
    for (size_t i = 0; i < GH_COUNT(web); i++)
        if (path.n > web[i].n && memcmp(path.p, web[i].p, web[i].n) == 0)
            return true;
    if (path.n && path.p[0] == '/')
        path = (gh_str_t){path.p + 1, path.n - 1};
    if (path.n < 8 || memcmp(path.p, "static/", 7) != 0)
        return false;
    for (size_t at = 0; at < path.n;) {
        const char *slash = memchr(path.p + at, '/', path.n - at);
        size_t n = slash ? (size_t)(slash - path.p) - at : path.n - at;
        gh_str_t step = {path.p + at, n};
        if (n == 0 || gh_str_is(step, ".") || gh_str_is(step, "..") || memchr(step.p, '\\', n))
            return false;
        at += n + (slash ? 1 : 0);
    }
    return true;
}

gh_err_t
gh_doctor_name_taken(bool gives_account, int kind)
{
    static const gh_err_t errors[2][4] = {
        {GH_E_USERNAME_TAKEN, GH_E_EMAIL_TAKEN, GH_E_PHONE_TAKEN, GH_E_IDENTIFIER_TAKEN},
        {GH_E_USERNAME_TAKEN, GH_E_EMAIL_OF_OTHER_USER, GH_E_PHONE_OF_OTHER_USER,
         GH_E_IDENTIFIER_OF_OTHER_USER}};
    return kind >= 0 && kind < 4 ? errors[gives_account][kind] : GH_E_DUPLICATE;
}
