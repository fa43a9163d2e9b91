/*
 * workers/booking/book_v1.c - booking on /api/v1 and /api: AP-01 (api/24)
 */
#include "workers/booking/booking.h"

#include <stdio.h>

#include "base/timez.h"

static const struct {
    const char *shown, *stored;
} slot_types[] = {{"NORMAL", "普通"}, {"EXPERT", "专家"}, {"SPECIAL", "特需"}};

const char *
gh_v1_slot_type(const char *stored)
{
    for (size_t i = 0; i < GH_COUNT(slot_types); i++)
        if (strcmp(slot_types[i].stored, stored) == 0)
            return slot_types[i].shown;
    return NULL;
}

static const char *
stored_slot_type(gh_str_t shown)
{
    for (size_t i = 0; i < GH_COUNT(slot_types); i++)
        if (gh_str_is(shown, slot_types[i].shown))
            return slot_types[i].stored;
    return NULL;
}

/* start_time and its synonyms, or date + time. */
static void
parse_time(gh_book_job_t *bj)
{
    static const char *const names[] = {"body.start_time", "body.appointment_date", "body.scheduled_at"};
    gh_mp_t args = bj->job->args;
    for (size_t i = 0; i < GH_COUNT(names); i++) {
        int found = gh_arg_moment(args, names[i], &bj->ask.at_us);
        if (found < 0)
            gh_book_fault(bj, names[i] + strlen("body."), "datetime_parsing", "is not a date with a time");
        if (found != 0)
            return;
    }
    int32_t day;
    int minute;
    gh_str_t date = gh_arg_str(args, "body.date"), clock = gh_arg_str(args, "body.time");
    if (!date.p || !clock.p)
        gh_book_fault(bj, "start_time", "missing", "is needed with doctor_id");
    else if (gh_day_parse(date, &day) != 0 || day < gh_day_from_ymd(1900, 1, 1) ||
             day > gh_day_from_ymd(2999, 1, 1))
        gh_book_fault(bj, "date", "datetime_parsing", "is not a date");
    else if (gh_clock_parse(clock, &minute) != 0)
        gh_book_fault(bj, "time", "datetime_parsing", "is not a clock time");
    else
        bj->ask.at_us = gh_day_at(day, minute);
}

static void
parse(gh_book_job_t *bj)
{
    gh_mp_t args = bj->job->args;
    int64_t slot_no = 0;
    bj->ask = (gh_ask_t){.schedule_id = gh_arg_id(args, "body.schedule_id"),
                         .doctor_id = gh_arg_id(args, "body.doctor_id"),
                         .patient_id = gh_arg_id(args, "body.patient_id"),
                         .override = gh_arg_bool(args, "body.override"),
                         .reason = gh_book_text(bj, "body.reason"),
                         .notes = gh_book_text(bj, "body.notes"),
                         .slot_type = stored_slot_type(gh_arg_str(args, "body.slot_type")),
                         .visit_type = gh_str_is(gh_arg_str(args, "body.visit_type"), "video") ? "video"
                                                                                               : "in_person"};
    if (gh_mp_int(gh_mp_path(args, "body.slot_no"), &slot_no) && slot_no > 0 && slot_no <= GH_SLOT_MAX)
        bj->ask.slot_no = (int32_t)slot_no;
    if (bj->ask.schedule_id)
        return;
    bj->ask.slot_no = 0;
    if (!bj->ask.doctor_id)
        gh_book_fault(bj, "schedule_id", "missing", "schedule_id, or doctor_id and start_time, is needed");
    parse_time(bj);
}

static void
person(gh_book_job_t *bj)
{
    gh_book_default_patient(bj, GH_E_PROFILE_NOT_FOUND);
    if (bj->session && bj->ask.schedule_id && bj->ask.slot_type &&
        strcmp(bj->ask.slot_type, bj->session->s.slot_type) != 0)
        gh_book_fault(bj, "slot_type", "value_error", "is not the class of the session");
    gh_book_same_doctor(bj);
}

void
gh_json_ts(gh_json_t *j, const char *key, int64_t at_us)
{
    char text[GH_TEXT_TS];
    gh_ts_text(at_us, text);
    gh_json_kcstr(j, key, text);
}

static void
put_named(gh_json_t *j, const char *key, int64_t id, gh_str_t name)
{
    if (!id) {
        gh_json_knull(j, key);
        return;
    }
    gh_json_key(j, key);
    gh_json_obj(j);
    gh_json_ki64(j, "id", id);
    gh_json_kstr(j, "name", name);
    gh_json_obj_end(j);
}

static void
put_people(gh_json_t *j, const gh_book_job_t *bj)
{
    const gh_bsession_t *x = bj->session;
    gh_json_ki64(j, "patient_id", bj->person.patient_id);
    gh_json_key(j, "patient");
    gh_json_obj(j);
    gh_json_ki64(j, "id", bj->person.patient_id);
    gh_json_kstr(j, "full_name", bj->person.name);
    gh_json_kstr(j, "phone", bj->person.phone);
    gh_json_obj_end(j);
    gh_json_ki64(j, "doctor_id", x->s.doctor_id);
    gh_json_key(j, "doctor");
    gh_json_obj(j);
    gh_json_ki64(j, "id", x->s.doctor_id);
    gh_json_kstr(j, "name", x->doctor_name);
    gh_json_kstr(j, "title", x->doctor_title);
    gh_json_obj_end(j);
    put_named(j, "department", x->s.dept_id, x->dept_name);
    put_named(j, "clinic", x->s.clinic_id, x->clinic_name);
}

static void
put_money(gh_json_t *j, const gh_book_t *book, const gh_book_job_t *bj)
{
    gh_json_kmoney(j, "fee", bj->verdict.price);
    gh_json_kcstr(j, "currency", book->pool->currency);
    if (bj->bill_id)
        gh_json_ki64(j, "bill_id", bj->bill_id);
    else
        gh_json_knull(j, "bill_id");
    /* nobody has paid yet; what costs nothing never will be */
    gh_json_kcstr(j, "payment_status", bj->verdict.price == 0 ? "WAIVED" : "UNPAID");
}

/* Appointment of api/24, member by member as gh_v1_appointment() of the schema makes it. */
static void
put_appointment(gh_json_t *j, const gh_book_t *book, const gh_book_job_t *bj)
{
    const gh_book_verdict_t *v = &bj->verdict;
    char code[1 + GH_ORDER_NO_TEXT];
    snprintf(code, sizeof code, "A%s", bj->order_no);
    gh_json_obj(j);
    gh_json_ki64(j, "id", bj->numbers.order_id);
    gh_json_kcstr(j, "code", code);
    put_people(j, bj);
    gh_json_ki64(j, "schedule_id", bj->session->s.id);
    gh_json_ki64(j, "slot_no", v->slot_no);
    gh_json_ts(j, "start_time", v->starts_us);
    gh_json_ts(j, "end_time", v->ends_us);
    gh_json_kcstr(j, "slot_type", gh_v1_slot_type(bj->session->s.slot_type));
    gh_json_kcstr(j, "status", gh_order_shown(v->state));
    gh_json_kcstr(j, "fhir_status", gh_order_fhir(v->state, false));
    gh_json_kcstr(j, "visit_type", bj->ask.visit_type);
    gh_json_kstr(j, "reason", bj->ask.reason);
    gh_json_kstr(j, "notes", bj->ask.notes);
    put_money(j, book, bj);
    gh_json_knull(j, "cancel_reason");
    gh_json_knull(j, "cancelled_by");
    gh_json_knull(j, "cancelled_at");
    gh_json_ki64(j, "reschedule_count", 0);
    gh_json_knull(j, "previous_start_time");
    gh_json_kcstr(j, "channel", bj->channel);
    gh_json_ki64(j, "created_by", bj->job->actor.user_id);
    gh_json_ts(j, "created_at", book->b->now_us);
    gh_json_ts(j, "updated_at", book->b->now_us);
    gh_json_obj_end(j);
}

static void
reply(gh_book_t *book, gh_book_job_t *bj)
{
    gh_buf_t out GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_json_t j;
    char location[64];
    gh_json_init(&j, &out);
    put_appointment(&j, book, bj);
    snprintf(location, sizeof location, "/api/v1/appointments/%lld", (long long)bj->numbers.order_id);
    gh_job_header(book->b, bj->job, "Location", location);
    gh_job_ok(book->b, bj->job, 0, gh_buf_view(&out));
}

const gh_dialect_t gh_dialect_v1 = {.op = "booking.v1_book_appointment",
                                    .suggests = true,
                                    .channel = "v1",
                                    .parse = parse,
                                    .person = person,
                                    .reply = reply};
