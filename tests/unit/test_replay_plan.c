/* link: ops/cmd/replay_plan.c ops/cmd/replay_reply.c ops/cmd/csv.c */
/*
 * tests/unit/test_replay_plan.c - from a booking log to rows and sessions, and from replies to outcomes
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/timez.h"
#include "ops/cmd/replay.h"

#define HEADER "PatientId,ScheduledDay,AppointmentDay,Neighbourhood\n"

static int
s_plan(gh_replay_t *r, const char *text, char err[300])
{
    r->opt.clinic_column = "Neighbourhood";
    r->opt.patient_column = "PatientId";
    r->opt.booked_column = "ScheduledDay";
    r->opt.visit_column = "AppointmentDay";
    if (r->opt.days_ahead == 0)
        r->opt.days_ahead = 7;
    char why[200];
    char *copy = strdup(text);
    assert_non_null(copy);
    assert_int_equal(gh_csv_parse(&r->csv, copy, strlen(copy), why), 0);
    int32_t today;
    assert_int_equal(gh_day_parse(GH_STR("2026-03-02"), &today), 0);
    return gh_replay_plan_rows(r, today, err);
}

static void
rows_come_in_order_of_booking_time(void **state)
{
    (void)state;
    gh_replay_t r = {0};
    char err[300];
    assert_int_equal(s_plan(&r,
                            HEADER "1,2016-04-29T18:38:08Z,2016-04-29T00:00:00Z,A\n"
                                   "2,2016-01-05T11:53:44Z,2016-04-29T00:00:00Z,B\n"
                                   "3,2016-04-29T18:38:07Z,2016-04-29T00:00:00Z,A\n",
                            err),
                     0);
    assert_int_equal(r.n_rows, 3);
    assert_int_equal(r.n_sessions, 2);
    assert_int_equal(r.n_patients, 3);
    assert_int_equal(r.rows[0].line, 3);
    assert_int_equal(r.rows[1].line, 4);
    assert_int_equal(r.rows[2].line, 2);
    const gh_replay_session_t *a = &r.sessions[r.busiest];
    assert_true(gh_str_is(a->clinic, "A"));
    assert_int_equal(a->wanted, 2);
    assert_int_equal(a->places, 2);
    assert_int_equal(a->slot_minutes, 120);
    char day[GH_TEXT_DATE];
    gh_day_text(a->day, day);
    assert_string_equal(day, "2026-03-09"); /* the first visit day becomes today + 7 */
    gh_replay_fini(&r);
}

static void
visit_days_stay_inside_the_booking_window(void **state)
{
    (void)state;
    gh_replay_t r = {0};
    char err[300];
    gh_buf_t text GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_buf_puts(&text, HEADER);
    for (int d = 1; d <= 30; d++)
        gh_buf_printf(&text, "%d,2016-03-01 08:00:00,2016-04-%02d,A\n", d, d);
    assert_int_equal(s_plan(&r, gh_buf_cstr(&text), err), 0);
    assert_int_equal(r.n_sessions, 30);
    int32_t today;
    assert_int_equal(gh_day_parse(GH_STR("2026-03-02"), &today), 0);
    for (size_t i = 0; i < r.n_sessions; i++) {
        assert_true(r.sessions[i].day > today);
        assert_true(r.sessions[i].day <= today + GH_REPLAY_DAYS);
    }
    gh_replay_fini(&r);
}

static void
a_second_row_of_a_patient_takes_no_slot_of_others(void **state)
{
    (void)state;
    gh_replay_t r = {0};
    char err[300];
    assert_int_equal(s_plan(&r,
                            HEADER "1,2016-04-29T08:00:00Z,2016-04-29,A\n"
                                   "2,2016-04-29T08:00:01Z,2016-04-29,A\n"
                                   "1,2016-04-29T08:00:02Z,2016-04-29,A\n"
                                   "3,2016-04-29T08:00:03Z,2016-04-29,A\n"
                                   "1,2016-04-29T08:00:04Z,2016-04-29,B\n",
                            err),
                     0);
    static const uint32_t want[] = {1, 2, 4, 3, 1};
    for (size_t i = 0; i < GH_COUNT(want); i++)
        assert_int_equal(r.rows[i].nth, want[i]);
    assert_int_equal(r.sessions[r.busiest].distinct, 3);
    gh_replay_fini(&r);
}

static void
places_and_slots_follow_the_options(void **state)
{
    (void)state;
    gh_replay_t r = {.opt = {.places = 300, .places_busiest = 1}};
    char err[300];
    assert_int_equal(s_plan(&r,
                            HEADER
                            "1,2016-04-29T08:00:00Z,2016-04-29,A\n2,2016-04-29T08:00:01Z,2016-04-29,A\n"
                            "3,2016-04-29T08:00:02Z,2016-04-29,B\n",
                            err),
                     0);
    assert_int_equal(r.sessions[r.busiest].places, 1);
    assert_int_equal(r.sessions[r.busiest].slot_minutes, 240);
    const gh_replay_session_t *b = &r.sessions[1 - r.busiest];
    assert_int_equal(b->places, 300);
    assert_int_equal(b->slot_minutes, 1);
    assert_true(gh_replay_slot_start(b, 1) == b->starts_us);
    assert_true(gh_replay_slot_start(b, 240) == b->starts_us + INT64_C(239) * 60000000);
    assert_true(gh_replay_slot_start(b, 241) == gh_replay_slot_start(b, 240)); /* shared last start */
    gh_replay_fini(&r);
}

static void
unusable_logs_are_refused_with_a_reason(void **state)
{
    (void)state;
    static const struct {
        const char *text, *err;
    } bad[] = {
        {"PatientId,ScheduledDay,AppointmentDay,Clinic\n",
         "no column \"Neighbourhood\" in the header line; name yours with --clinic-column"},
        {HEADER "1,yesterday,2016-04-29,A\n", "line 2: booking time or visit day is not a date (RFC 3339)"},
        {HEADER "1,2016-04-29T08:00:00Z,2016-04-31,A\n",
         "line 2: booking time or visit day is not a date (RFC 3339)"},
        {HEADER "1,2016-04-29T08:00:00Z,2016-04-29, \n", "line 2: no clinic or patient"}};
    for (size_t i = 0; i < GH_COUNT(bad); i++) {
        gh_replay_t r = {0};
        char err[300];
        assert_int_equal(s_plan(&r, bad[i].text, err), -1);
        assert_string_equal(err, bad[i].err);
        gh_replay_fini(&r);
    }
}

static void
replies_of_all_surfaces_are_understood(void **state)
{
    (void)state;
    static const struct {
        gh_surface_t surface;
        int status;
        const char *body;
        int64_t id; /* 0: refused */
        const char *reason;
    } cases[] = {
        {GH_SURFACE_CODE, 200, "{\"code\":0,\"message\":{\"id\":17}}", 17, NULL},
        {GH_SURFACE_CODE, 200, "{\"code\":1001,\"message\":{\"error\":\"x\",\"msg\":\"该时段号源已满\"}}", 0,
         "SLOT_FULL"},
        {GH_SURFACE_CODE, 200, "{\"code\":1003,\"message\":{\"msg\":\"8天内最多可挂10个号\"}}", 0,
         "code 1003"},
        {GH_SURFACE_CODE, 200, "{\"code\":99,\"message\":{\"msg\":\"相同的请求正在处理中\"}}", 0,
         "IDEMPOTENCY_IN_PROGRESS"},
        {GH_SURFACE_CODE, 200, "{\"code\":4711,\"message\":{\"msg\":\"?\"}}", 0, "code 4711"},
        {GH_SURFACE_V1, 201, "{\"success\":true,\"data\":{\"id\":18},\"message\":\"OK\"}", 18, NULL},
        {GH_SURFACE_V1, 409, "{\"success\":false,\"data\":{\"code\":\"SLOT_FULL\"}}", 0, "SLOT_FULL"},
        {GH_SURFACE_HEARTBEAT, 201, "{\"id\":19}", 19, NULL},
        {GH_SURFACE_HEARTBEAT, 409, "{\"detail\":\"x\",\"code\":\"SLOT_TAKEN\"}", 0, "SLOT_TAKEN"},
        {GH_SURFACE_HEARTBEAT, 404, "{\"detail\":\"Doctor not found\"}", 0, "Doctor not found"},
        {GH_SURFACE_V1, 500, "not JSON", 0, "HTTP 500"},
        {GH_SURFACE_V1, 201, "{\"success\":true,\"data\":null}", 0, "no order id in the reply"},
        {GH_SURFACE_V1, 502, "", 0, "HTTP 502"},
    };
    for (size_t i = 0; i < GH_COUNT(cases); i++) {
        int64_t id;
        char reason[40];
        bool yes = gh_replay_read_reply(cases[i].surface, cases[i].status, gh_str(cases[i].body), &id,
                                        reason);
        assert_int_equal(yes, cases[i].id != 0);
        if (yes)
            assert_int_equal(id, cases[i].id);
        else if (strcmp(cases[i].reason, "code 1003") != 0)
            assert_string_equal(reason, cases[i].reason);
        else
            assert_string_equal(reason,
                                "BOOKING_LIMIT"); /* its text starts with a placeholder: the number decides */
    }
}

static int
s_setup(void **state)
{
    (void)state;
    return gh_tz_init("Asia/Shanghai");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(rows_come_in_order_of_booking_time),
                                       cmocka_unit_test(visit_days_stay_inside_the_booking_window),
                                       cmocka_unit_test(a_second_row_of_a_patient_takes_no_slot_of_others),
                                       cmocka_unit_test(places_and_slots_follow_the_options),
                                       cmocka_unit_test(unusable_logs_are_refused_with_a_reason),
                                       cmocka_unit_test(replies_of_all_surfaces_are_understood)};
    return cmocka_run_group_tests(tests, s_setup, NULL);
}
