/*
 * workers/audit/added.c - carrying out an added place: one place more, then the one claim and the one way to write orders
 */
#include "workers/audit/add_slot.h"

#include <libpq-fe.h>

#include "base/timez.h"

void
gh_add_slot_ask(gh_batch_t *b, gh_add_slot_t *a)
{
    gh_pgarr_t ids = {0};
    gh_pgarr_i64(&ids, a->schedule_id);
    const char *patient = gh_text_i64(b, a->patient_id), *session = gh_text_i64(b, a->schedule_id);
    const char *literal = gh_pgarr_literal(&ids);
    a->at_patient = gh_batch_query(b, "hold_added_patient", 1, &patient);
    a->at_session = gh_batch_query(b, "lock_sessions", 3,
                                   (const char *[]){literal ? literal : "{}", "{}", "{}"});
    a->at_exists = gh_batch_query(b, "added_session_exists", 1, &session);
    a->at_orders = gh_batch_query(b, "added_patient_orders", 2, (const char *[]){patient, session});
    a->at_settings = gh_batch_query(b, "booking_settings", 0, NULL);
    a->at_numbers = gh_batch_query(b, "order_numbers", 1, (const char *[]){"1"});
    gh_pgarr_fini(&ids);
}

/* The patient's orders in batch memory; their number in *n. NULL: no memory, or a state that we do not know. */
static gh_patient_order_t *
take_orders(gh_batch_t *b, const PGresult *r, size_t *n)
{
    *n = (size_t)PQntuples(r);
    gh_patient_order_t *orders = gh_batch_alloc(b, (*n + 1) * sizeof *orders);
    for (size_t i = 0; i < *n && gh_batch_ok(b); i++) {
        orders[i] = (gh_patient_order_t){.schedule_id = gh_pg_i64(r, (int)i, 0, 0),
                                         .starts_us = gh_pg_i64(r, (int)i, 1, 0),
                                         .ends_us = gh_pg_i64(r, (int)i, 2, 0)};
        if (gh_order_state_parse(gh_pg_str(r, (int)i, 3), &orders[i].state) != 0)
            return NULL;
    }
    return gh_batch_ok(b) ? orders : NULL;
}

static void
refuse(gh_batch_t *b, const gh_add_slot_t *a, gh_err_t err)
{
    gh_job_refuse(b, b->jobs[0], err,
                  (const gh_error_arg_t[]){{"id", gh_str(gh_text_i64(b, a->patient_id))}, {0}});
}

static int
write_order(gh_batch_t *b, gh_add_slot_t *a, const gh_session_t *s, const gh_added_t *added)
{
    const gh_audit_state_t *pool = gh_audit_state(b->worker);
    int32_t today = gh_tz_day(b->now_us);
    gh_new_order_t o = {.numbers = gh_order_numbers_row(gh_batch_result(b, a->at_numbers), 0),
                        .patient_id = a->patient_id,
                        .user_id = gh_pg_i64(gh_batch_result(b, a->at_patient), 0, 0, 0),
                        .initiator_id = a->initiator_id,
                        .schedule_id = s->id,
                        .slot_no = added->slot_no,
                        .starts_us = added->starts_us,
                        .ends_us = added->ends_us,
                        .rate = added->rate,
                        .price = added->price,
                        .state = added->state,
                        .payment = added->payment,
                        .notes = a->reason,
                        .channel = "staff",
                        .visit_type = "in_person",
                        .source = "add_slot",
                        .slot_type = gh_text(b, a->slot_type),
                        .priority = GH_ADDED_PRIORITY};
    gh_order_no_text(&pool->key, today, o.numbers.order_seq, o.order_no);
    a->order_id = o.numbers.order_id;
    gh_batch_query(b, "add_places", 3,
                   (const char *[]){gh_text_i64(b, s->id), "1", gh_text_time(b, b->now_us)});
    gh_places_taken_t taken = {s->id, 1};
    return gh_new_orders_write(b, &o, 1, today, pool->currency) != 0 || gh_places_count(b, &taken, 1) != 0
               ? -1
               : 0;
}

bool
gh_add_slot_carry_out(gh_batch_t *b, gh_add_slot_t *a)
{
    const PGresult *patient = gh_batch_result(b, a->at_patient), *session = gh_batch_result(b, a->at_session);
    if (PQntuples(session) == 0 || PQntuples(gh_batch_result(b, a->at_exists)) == 0) {
        refuse(b, a, GH_E_SCHEDULE_NOT_FOUND);
        return false;
    }
    if (PQntuples(patient) == 0) {
        refuse(b, a, a->no_patient);
        return false;
    }
    size_t n;
    gh_rates_t rates = gh_rates_row(gh_batch_result(b, a->at_settings));
    gh_session_t s = gh_session_row(session, 0, NULL);
    gh_patient_order_t *orders = take_orders(b, gh_batch_result(b, a->at_orders), &n);
    if (!orders) {
        refuse(b, a, GH_E_INTERNAL);
        return false;
    }
    int32_t place = (int32_t)gh_pg_i64(gh_batch_result(b, a->at_exists), 0, 0, 0);
    gh_added_t added = gh_br66_add(&s, place, orders, n, gh_rate_of(&rates, gh_pg_str(patient, 0, 1)),
                                   b->now_us);
    if (added.err == GH_E_NONE && write_order(b, a, &s, &added) != 0)
        added.err = GH_E_INTERNAL;
    if (added.err != GH_E_NONE)
        refuse(b, a, added.err);
    return added.err == GH_E_NONE;
}
