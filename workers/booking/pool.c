/*
 * workers/booking/pool.c - the booking pool's table of operations (api/07 section 7.2, api/24, api/30)
 */
#include "workers/booking/move.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "domain/payment.h"
#include "gen/sql_booking.h"
#include "gen/sql_domain.h"

#define PLACES_MAX 16384 /* sessions whose taken places a worker remembers: about 4 MB */

static const struct gh_constraint_map book_constraints[] = {
    {"registration_orders_active_uq", GH_E_DUPLICATE_BOOKING},
    {"registration_orders_slot_uq", GH_E_SLOT_TAKEN},
    {"registration_orders_slot_total_ck", GH_E_SLOT_FULL},
    {"registration_orders_overlap_ex", GH_E_PATIENT_CONFLICT},
    {"schedules_places_ck", GH_E_SLOT_FULL},
    {NULL, GH_E_NONE}};
static const struct gh_constraint_map cancel_constraints[] = {
    {"registration_orders_step_ck", GH_E_APPOINTMENT_NOT_CANCELLABLE}, {NULL, GH_E_NONE}};

static const struct gh_constraint_map wait_constraints[] = {
    {"registration_orders_wait_uq", GH_E_WAITLIST_DUPLICATE}, {NULL, GH_E_NONE}};

/* Bookings of the three surfaces share one batch, cancellations and other changes of an appointment another. */
#define BOOK(op)                                                                                             \
    {                                                                                                        \
        .name = op, .kind = GH_OP_WRITE, .batch = "book", .step = gh_book_step,                              \
        .constraints = book_constraints, .tally = "bookings"                                                 \
    }
#define CANCEL(op)                                                                                           \
    {                                                                                                        \
        .name = op, .kind = GH_OP_WRITE, .batch = "cancel", .step = gh_cancel_step,                          \
        .constraints = cancel_constraints                                                                    \
    }

#define MOVE(op)                                                                                             \
    {                                                                                                        \
        .name = op, .kind = GH_OP_WRITE, .batch = "move", .step = gh_move_step,                              \
        .constraints = book_constraints                                                                      \
    }

static const gh_op_t ops[] = {
    BOOK("booking.book_appointment"),
    BOOK("booking.v1_book_appointment"),
    BOOK("booking.hb_create_appointment"),
    CANCEL("booking.cancel_appointment"),
    CANCEL("booking.cancel_payment"),
    CANCEL("booking.v1_cancel_appointment"),
    CANCEL("booking.v1_delete_appointment"),
    CANCEL("booking.hb_delete_appointment"),
    CANCEL("booking.v1_update_appointment"),
    CANCEL("booking.v1_set_appointment_status"),
    CANCEL("booking.v1_check_in_appointment"),
    {.name = "booking.v1_check_booking", .kind = GH_OP_READ, .step = gh_check_step},
    {.name = "booking.v1_list_appointment_history",
     .sql = "v1_history",
     .bind = {"path.id", "actor.scopes", "actor.patient_id", "actor.doctor_id", "actor.dept_id", "tz"}},
    MOVE("booking.reschedule_appointment"),
    MOVE("booking.v1_reschedule_appointment"),
    {.name = "booking.hb_update_appointment",
     .kind = GH_OP_WRITE,
     .batch_max = 1,
     .step = gh_hb_update_step,
     .constraints = book_constraints},
    {.name = "booking.list_reschedule_options",
     .sql = "code_move_options",
     .bind = {"path.appointmentId", "actor.user_id", "actor.patient_id", "tz", "now", "today"}},
    /* pay.c, pay.sql */
    CANCEL("booking.cancel_open_payment"),
    {.name = "booking.pay_appointment",
     .tally = "payments",
     .tally_by = "body.method",
     .kind = GH_OP_WRITE,
     .step = gh_pay_step,
     .constraints = gh_books_constraints},
    {.name = "booking.get_payment",
     .sql = "code_payment",
     .bind = {"path.orderId", "actor.user_id", "actor.patient_id", "tz"}},
    {.name = "booking.verify_payment",
     .sql = "code_payment_verify",
     .bind = {"body.orderId", "actor.user_id", "actor.patient_id"}},
    {.name = "booking.list_payments",
     .sql = "code_payments",
     .bind = {"actor.patient_id", "actor.user_id", "query.page", "query.pageSize", "tz"}},
    {.name = "booking.list_payment_methods", .sql = "code_payment_methods"},
    {.name = "booking.expire_unpaid",
     .kind = GH_OP_WRITE,
     .batch_max = 1,
     .step = gh_expire_step,
     .constraints = cancel_constraints,
     .inner = true},
    {.name = "booking.join_waitlist",
     .kind = GH_OP_WRITE,
     .step = gh_wait_join_step,
     .constraints = wait_constraints},
    {.name = "booking.list_waitlist",
     .sql = "code_waitlist",
     .bind = {"actor.user_id", "actor.patient_id", "tz", "now"}},
    {.name = "booking.leave_waitlist", .kind = GH_OP_WRITE, .step = gh_wait_leave_step},
    {.name = "booking.convert_waitlist_place",
     .kind = GH_OP_WRITE,
     .batch_max = 1,
     .step = gh_wait_convert_step,
     .constraints = book_constraints},
    {.name = "booking.tidy_waitlist",
     .kind = GH_OP_WRITE,
     .batch_max = 1,
     .step = gh_wait_tidy_step,
     .inner = true},
    {.name = "booking.list_appointments",
     .sql = "code_list",
     .bind = {"actor.patient_id", "query.none", "actor.patient_id", "query.status", "query.page",
              "query.pageSize", "tz", "now"}},
    {.name = "booking.list_initiated_appointments",
     .sql = "code_list",
     .bind = {"query.none", "actor.user_id", "actor.patient_id", "query.status", "query.page",
              "query.pageSize", "tz", "now"}},
    {.name = "booking.get_appointment",
     .sql = "code_get",
     .bind = {"path.appointmentId", "actor.user_id", "actor.patient_id", "tz", "now"}},
    {.name = "booking.v1_list_appointments",
     .sql = "v1_list",
     .bind = {"query", "actor.scopes", "actor.patient_id", "actor.patient_id", "actor.doctor_id",
              "actor.dept_id", "now", "tz", "conf.hospital.currency", "query.none", "query.none"}},
    {.name = "booking.v1_list_patient_appointments",
     .sql = "v1_list",
     .bind = {"query", "actor.scopes", "actor.patient_id", "actor.patient_id", "actor.doctor_id",
              "actor.dept_id", "now", "tz", "conf.hospital.currency", "path.id", "today"}},
    {.name = "booking.v1_list_my_appointments",
     .sql = "v1_list",
     .bind = {"query", "query.none", "actor.patient_id", "query.none", "query.none", "query.none", "now",
              "tz", "conf.hospital.currency", "query.none", "query.none"}},
    {.name = "booking.v1_list_doctor_appointments",
     .sql = "v1_list",
     .bind = {"query", "query.none", "query.none", "query.none", "actor.doctor_id", "query.none", "now", "tz",
              "conf.hospital.currency", "query.none", "query.none"}},
    {.name = "booking.v1_get_appointment",
     .sql = "v1_get",
     .bind = {"path.id", "actor.scopes", "actor.patient_id", "actor.doctor_id", "actor.dept_id", "tz",
              "conf.hospital.currency"}},
    {.name = "booking.hb_list_by_doctor",
     .sql = "hb_list",
     .bind = {"path.doctor_id", "query.none", "query", "actor.scopes", "actor.user_id", "actor.patient_id",
              "actor.doctor_id", "actor.dept_id", "tz", "today"}},
    {.name = "booking.hb_list_by_patient",
     .sql = "hb_list",
     .bind = {"query.none", "path.patient_id", "query", "actor.scopes", "actor.user_id", "actor.patient_id",
              "actor.doctor_id", "actor.dept_id", "tz", "today"}},
    {.name = "booking.hb_get_appointment",
     .sql = "hb_get",
     .bind = {"path.appointment_id", "actor.scopes", "actor.user_id", "actor.patient_id", "actor.doctor_id",
              "actor.dept_id", "query.expand", "tz"}},
    {.name = NULL},
};

gh_booking_t *
gh_booking_state(gh_worker_t *w)
{
    return gh_worker_state(w, &gh_pool_booking);
}

static void
stop(gh_worker_t *w)
{
    gh_booking_t *state = gh_booking_state(w);
    if (!state)
        return;
    gh_places_destroy(&state->places);
    free(state);
    gh_worker_set_state(w, &gh_pool_booking, NULL);
}

static int
start(gh_worker_t *w)
{
    const gh_conf_t *conf = gh_worker_conf(w);
    gh_booking_t *state = calloc(1, sizeof *state);
    if (!state)
        return -1;
    gh_worker_set_state(w, &gh_pool_booking, state);
    state->places = gh_places_new(PLACES_MAX);
    snprintf(state->currency, sizeof state->currency, "%s", gh_conf_str(conf, "hospital.currency"));
    if (!state->places ||
        gh_order_key_load(gh_conf_str(conf, "order.number_key_file"), true, &state->key) != 0) {
        stop(w);
        return -1;
    }
    return 0;
}

/* What is remembered decides nothing: batches under way read the places again. */
static size_t
flush(gh_worker_t *w)
{
    gh_booking_t *state = gh_booking_state(w);
    size_t n = gh_places_clear(state->places);
    for (size_t i = 0; i < GH_FULL_MAX; i++)
        n += state->full[i] != 0;
    memset(state->full, 0, sizeof state->full);
    return n;
}

const gh_pool_t gh_pool_booking = {.name = "booking",
                                   .ops = ops,
                                   .sql = {gh_sql_booking, gh_sql_domain},
                                   .sql_count = {&gh_sql_booking_count, &gh_sql_domain_count},
                                   .start = start,
                                   .stop = stop,
                                   .flush = flush};
