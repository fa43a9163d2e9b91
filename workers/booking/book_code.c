/*
 * workers/booking/book_code.c - booking on the {code, message} surface: POST /patient/appointments (api/07 section 7.2)
 */
#include "workers/booking/booking.h"

#include "base/timez.h"

static void
parse(gh_book_job_t *bj)
{
    gh_mp_t args = bj->job->args;
    bj->ask = (gh_ask_t){.schedule_id = gh_arg_id(args, "body.scheduleId"),
                         .patient_id = gh_arg_id(args, "body.patientId"),
                         .hospital_id = gh_arg_id(args, "body.hospitalId"),
                         .dept_id = gh_arg_id(args, "body.departmentId"),
                         .reason = gh_book_text(bj, "body.symptoms"),
                         .visit_type = "in_person"};
    if (!bj->ask.schedule_id)
        gh_book_fault(bj, "scheduleId", "missing", "is needed");
    if (!bj->ask.patient_id)
        gh_book_fault(bj, "patientId", "missing", "is needed");
}

static void
person(gh_book_job_t *bj)
{
    (void)bj; /* patientId is always given; whose it may be is BR-72 */
}

static void
reply(gh_book_t *book, gh_book_job_t *bj)
{
    const gh_book_verdict_t *v = &bj->verdict;
    gh_buf_t out GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_json_t j;
    char day[GH_TEXT_DATE];
    gh_day_text(bj->session->s.day, day);
    gh_json_init(&j, &out);
    gh_json_obj(&j);
    gh_json_ki64(&j, "id", bj->numbers.order_id);
    gh_json_kcstr(&j, "orderNo", bj->order_no);
    gh_json_knull(&j, "queueNumber");
    gh_json_kbool(&j, "needPay", v->payment == GH_PAY_PENDING);
    gh_json_kmoney(&j, "payAmount", v->price);
    gh_json_kcstr(&j, "appointmentDate", day);
    gh_json_kcstr(&j, "appointmentTime", bj->session->s.section);
    gh_json_kcstr(&j, "status", gh_order_state_name(v->state));
    gh_json_kcstr(&j, "paymentStatus", gh_pay_state_name(v->payment));
    gh_json_obj_end(&j);
    gh_job_ok(book->b, bj->job, 0, gh_buf_view(&out));
}

const gh_dialect_t gh_dialect_code = {.op = "booking.book_appointment",
                                      .must_be_patient = true,
                                      .whole_session = true,
                                      .prepaid = true,
                                      .wechat = true,
                                      .channel = "bjtu",
                                      .parse = parse,
                                      .person = person,
                                      .reply = reply};
