/*
 * workers/booking/args.c - faults and texts of bookings, whatever the surface
 */
#include "workers/booking/booking.h"

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
gh_book_same_doctor(gh_book_job_t *bj)
{
    if (bj->session && bj->ask.schedule_id && bj->ask.doctor_id &&
        bj->ask.doctor_id != bj->session->s.doctor_id)
        gh_book_fault(bj, "doctor_id", "value_error", "is not the doctor of the session");
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
