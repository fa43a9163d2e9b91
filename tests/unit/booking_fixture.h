/*
 * tests/unit/booking_fixture.h - what the rules of booking and of moving are tried on: a morning, a patient, a session
 */
#ifndef GH_TESTS_BOOKING_FIXTURE_H
#define GH_TESTS_BOOKING_FIXTURE_H

#include "domain/book_rules.h"

#define MIN(n)  ((n)*INT64_C(60000000))
#define HOUR(n) MIN((n)*60)
#define NOW     INT64_C(1800000000000000)
#define TODAY   20833

static gh_registration_t rules;
static gh_patient_order_t orders[64]; /* of the patient; facts.n_orders of them count */
static gh_book_facts_t facts;
static gh_slots_t slots;

/* The rules as they are by default, a student without orders at seven in the morning, no place taken. */
static inline void
fixture_facts(void)
{
    rules = gh_registration_default;
    memset(orders, 0, sizeof orders);
    facts = (gh_book_facts_t){.now_us = NOW,
                              .today = TODAY,
                              .now_minute = 7 * 60,
                              .registration_rules = true,
                              .rules = &rules,
                              .rates = &gh_rates_default,
                              .patient_type = GH_STR("学生"),
                              .orders = orders};
    slots = (gh_slots_t){0};
}

/* A free session of four hours that begins in so many days. */
static inline gh_session_t
fixture_session(int64_t id, int32_t days)
{
    return (gh_session_t){.id = id,
                          .doctor_id = 7,
                          .dept_id = 11,
                          .starts_us = NOW + HOUR(24 * days),
                          .ends_us = NOW + HOUR(24 * days + 4),
                          .day = TODAY + days,
                          .slot_minutes = 15,
                          .total = 16,
                          .remaining = 16,
                          .open = true,
                          .list_price = 5000,
                          .slot_type = "普通"};
}

static inline int
teardown(void **state)
{
    (void)state;
    gh_slots_fini(&slots);
    return 0;
}

#endif
