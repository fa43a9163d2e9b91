/*
 * workers/booking/args.c - reading argument maps: the contract has checked types, this only takes values out
 */
#include "workers/booking/booking.h"

#include "base/timez.h"

int64_t
gh_arg_id(gh_mp_t args, const char *path)
{
    gh_mp_t v = gh_mp_path(args, path);
    int64_t id = 0;
    if (gh_mp_int(v, &id))
        return id > 0 ? id : 0;
    gh_str_t s;
    if (!gh_mp_str(v, &s) || s.n == 0 || s.n > 18)
        return 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return 0;
        id = id * 10 + (s.p[i] - '0');
    }
    return id;
}

gh_str_t
gh_arg_str(gh_mp_t args, const char *path)
{
    gh_str_t s = {0};
    if (!gh_mp_str(gh_mp_path(args, path), &s))
        return (gh_str_t){0};
    return s.p ? s : GH_STR("");
}

bool
gh_arg_bool(gh_mp_t args, const char *path)
{
    bool v = false;
    return gh_mp_bool(gh_mp_path(args, path), &v) && v;
}

int
gh_arg_moment(gh_mp_t args, const char *path, int64_t *at_us)
{
    gh_str_t s = gh_arg_str(args, path);
    if (!s.p)
        return 0;
    if (gh_ts_parse(s, at_us) != 0)
        return -1;
    int32_t day = gh_tz_day(*at_us);
    return day > gh_day_from_ymd(1900, 1, 1) && day < gh_day_from_ymd(2999, 1, 1) ? 1 : -1;
}

void
gh_book_fault(gh_book_job_t *bj, const char *field, const char *type, const char *text)
{
    if (bj->fault_field)
        return;
    bj->fault_field = field;
    bj->fault_type = type;
    bj->fault_text = text;
}

gh_str_t
gh_book_text(gh_book_job_t *bj, const char *path)
{
    gh_str_t s = gh_arg_str(bj->job->args, path);
    if (s.n > 0 && memchr(s.p, '\0', s.n)) {
        const char *dot = strchr(path, '.');
        gh_book_fault(bj, dot ? dot + 1 : path, "value_error", "contains a character that cannot be stored");
    }
    return s;
}

void
gh_book_default_patient(gh_book_job_t *bj, gh_err_t no_profile)
{
    const gh_actor_t *a = &bj->job->actor;
    if (bj->ask.patient_id)
        return;
    if (!(a->roles & GH_ROLE_PATIENT) &&
        (a->user_id == 0 || (a->scopes & (GH_SCOPE_ALL | GH_SCOPE_ASSIGNED))))
        gh_book_fault(bj, "patient_id", "missing", "is needed when booking for a patient");
    else if (!bj->person.own_id)
        bj->early = no_profile;
}
