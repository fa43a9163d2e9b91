/*
 * workers/booking/book_hb.c - booking on the Heartbeat surface: HB-15, POST /appointment/ (api/30)
 */
#include "workers/booking/booking.h"

#include <stdio.h>

static void
parse(gh_book_job_t *bj)
{
    static const char *const names[] = {"body.date_time", "body.date", "body.appointment_date",
                                        "body.start_time"};
    gh_mp_t args = bj->job->args;
    bj->ask = (gh_ask_t){.doctor_id = gh_arg_id(args, "body.doctor_id"),
                         .patient_id = gh_arg_id(args, "body.patient_id"),
                         .reason = gh_book_text(bj, "body.description"),
                         .down = true, /* */
                         .visit_type = "in_person"};
    if (!bj->ask.doctor_id)
        gh_book_fault(bj, "doctor_id", "missing", "is needed");
    int found = 0;
    for (size_t i = 0; i < GH_COUNT(names) && found == 0; i++) {
        found = gh_arg_moment(args, names[i], &bj->ask.at_us);
        if (found < 0)
            gh_book_fault(bj, names[i] + strlen("body."), "datetime_parsing", "is not a date with a time");
    }
    if (found == 0)
        gh_book_fault(bj, "date_time", "missing", "is needed");
}

static void
person(gh_book_job_t *bj)
{
    gh_book_default_patient(bj, GH_E_PATIENT_NOT_FOUND);
}

static void
reply(gh_book_t *book, gh_book_job_t *bj)
{
    gh_buf_t out GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_json_t j;
    char location[64];
    gh_json_init(&j, &out);
    gh_json_obj(&j);
    gh_json_ki64(&j, "id", bj->numbers.order_id);
    gh_json_ki64(&j, "patient_id", bj->person.patient_id);
    gh_json_ki64(&j, "doctor_id", bj->session->s.doctor_id);
    gh_json_ts(&j, "date_time", bj->verdict.starts_us);
    gh_json_ts(&j, "end_time", bj->verdict.ends_us);
    gh_json_kcstr(&j, "status", gh_order_shown(bj->verdict.state));
    gh_json_kstr(&j, "description", bj->ask.reason);
    gh_json_ts(&j, "created_at", book->b->now_us);
    gh_json_obj_end(&j);
    snprintf(location, sizeof location, "/appointment/by_id/%lld", (long long)bj->numbers.order_id);
    gh_job_header(book->b, bj->job, "Location", location);
    gh_job_ok(book->b, bj->job, 0, gh_buf_view(&out));
}

const gh_dialect_t gh_dialect_hb = {.op = "booking.hb_create_appointment",
                                    .channel = "heartbeat",
                                    .parse = parse,
                                    .person = person,
                                    .reply = reply};
