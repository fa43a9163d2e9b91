"""AP-08: moving an appointment on /api/v1, over HTTP: payloads, every refusal, fees, the limit of patients (api/24, R-93 to R-101)."""

import datetime as dt

import pytest

from support import booking_cases as bc
from support import moves
from support.hospital import at, now, today, ts
from support.http import data, problem


@pytest.fixture(autouse=True)
def default_settings(house):
    house.reset()
    house.h.setting("registration", '{"sameDayDeadline": "23:59", "cancelHoursBefore": 24}')


class Case:
    """An appointment of a patient, made on v1 or as the patient client makes it, and another session of its doctor."""

    def __init__(self, house, days=3, to_days=5, kind="校外", **kw):
        self.house, self.h = house, house.h
        h = self.h
        self.patient, self.user = h.patient(kind=kind)
        self.doctor, self.clinic = h.extra_doctor(), bc._clinic(h)
        kw = {"doctor": self.doctor, "clinic": self.clinic, **kw}
        self.session = h.session(days, **kw)
        self.target = h.session(to_days, **kw)
        self.day, self.to_day = today() + dt.timedelta(days=days), today() + dt.timedelta(days=to_days)
        self.first = data(self.api().post("/api/v1/appointments", {"schedule_id": self.session, "reason": "咳嗽"}), 201)
        self.order = self.first["id"]

    def api(self, user=None):
        return self.house.api(user or self.user)

    def move(self, user=None, headers=None, **body):
        return self.api(user).post(f"/api/v1/appointments/{self.order}/reschedule", body or {"schedule_id": self.target},
                                   headers=headers)

    def read(self):
        return data(self.api().get(f"/api/v1/appointments/{self.order}"))


def test_moved_by_session(house):
    c = Case(house)
    r = c.move(schedule_id=c.target, reason="出差")
    a = data(r)
    start = at(c.to_day, "08:00")
    assert r.headers["ETag"] == f'"appointment-{c.order}-2"' and a == c.read()
    want = {**c.first, "schedule_id": c.target, "slot_no": 1, "start_time": ts(start), "end_time": ts(start + dt.timedelta(minutes=15)),
            "reschedule_count": 1, "previous_start_time": c.first["start_time"], "updated_at": a["updated_at"]}
    assert a == want
    moved = [x for x in data(c.api().get(f"/api/v1/appointments/{c.order}/history")) if x["action"] == "rescheduled"]
    assert len(moved) == 1 and moved[0]["note"] == "出差" and moved[0]["by"]["id"] == c.user
    assert (c.h.remaining(c.session), c.h.remaining(c.target)) == (16, 15)
    c.h.check()


def test_moved_by_time_and_by_place(house):
    c = Case(house)
    a = data(c.move(start_time=ts(at(c.to_day, "10:30"))[:19]))            # without an offset: the hospital's zone
    assert (a["schedule_id"], a["slot_no"], a["start_time"]) == (c.target, 11, ts(at(c.to_day, "10:30")))
    a = data(c.move(schedule_id=c.session, slot_no=7))
    assert (a["slot_no"], a["start_time"]) == (7, ts(at(c.day, "09:30")))
    a = data(c.move(start_time=ts(at(c.day, "11:45"))))                    # another place of the same session
    assert (a["schedule_id"], a["slot_no"], a["reschedule_count"]) == (c.session, 16, 3)
    assert (c.h.remaining(c.session), c.h.remaining(c.target)) == (15, 16)
    c.h.check()


def test_to_another_doctor_and_number_class(house):
    c = Case(house)
    doctor = c.h.extra_doctor(c.h.dept2)
    session = c.h.session(c.to_day, doctor=doctor, clinic=bc._clinic(c.h), slot_type="专家")
    a = data(c.move(start_time=ts(at(c.to_day, "08:00")), doctor_id=doctor))
    assert (a["schedule_id"], a["doctor_id"], a["slot_type"], a["department"]["id"]) == (session, doctor, "EXPERT", c.h.dept2)
    # the doctor stays the new one, unless another is named
    later = c.h.session(6, doctor=doctor, clinic=bc._clinic(c.h), slot_type="专家")
    assert data(c.move(start_time=ts(at(today() + dt.timedelta(days=6), "08:00"))))["schedule_id"] == later
    c.h.check()


def test_a_move_to_where_it_is_already_changes_nothing(house):
    c = Case(house)
    for body in ({"schedule_id": c.session}, {"schedule_id": c.session, "slot_no": 1}, {"start_time": ts(at(c.day, "08:00"))}):
        r = c.move(**body)
        assert data(r) == c.first and r.headers["ETag"] == f'"appointment-{c.order}-1"'
    assert c.h.one("select count(*) from appointment_history where order_id = %s", c.order) == 1


def test_conditional_and_idempotent(house):
    c = Case(house)
    problem(c.move(headers={"If-Match": f'"appointment-{c.order}-9"'}), "PRECONDITION_FAILED", 412)
    key = {"Idempotency-Key": f'"move-{c.order}"'}
    first = c.move(headers={"If-Match": f'"appointment-{c.order}-1"', **key})
    again = c.move(headers={"If-Match": f'"appointment-{c.order}-1"', **key})
    assert data(first) == data(again) and again.headers["Idempotency-Replayed"] == "true"
    problem(c.move(headers=key, schedule_id=c.session), "IDEMPOTENCY_KEY_REUSED", 422)
    assert c.read()["reschedule_count"] == 1


def test_who_may(house):
    c = Case(house)
    h = c.h
    problem(c.move(user=h.patient()[1]), "NOT_OWNER", 403)
    problem(c.move(user=h.doctor2_user), "NOT_OWNER", 403)
    mother, user = h.patient()
    h.relate(mother, c.patient)
    assert data(c.move(user=user))["reschedule_count"] == 1
    assert data(c.move(user=h.staff, schedule_id=c.session))["reschedule_count"] == 2
    assert h.run("select actor_id, patient_id, changes->'schedule_id' from audit_log where action = 'appointment.reschedule' and "
                 "entity_id = %s", str(c.order)) == [(h.staff, c.patient, [c.target, c.session])]
    c.order = 99999999
    problem(c.move(), "NOT_FOUND", 404)


def test_one_s_own_doctor_moves_it(house):
    h = house.h
    c = Case(house)
    uid = h.user("doctor", roles=["DOCTOR"])
    h.run("update doctors set user_id = %s where id = %s", uid, c.doctor)
    assert data(c.move(user=uid))["schedule_id"] == c.target


@pytest.mark.parametrize("state", ["completed", "cancelled", "no_show"])
def test_final_states(house, state):
    c = Case(house)
    if state == "cancelled":
        data(c.api().post(f"/api/v1/appointments/{c.order}/cancel", {}))
    else:
        c.h.run("update registration_orders set status = %s where id = %s", state, c.order)
    problem(c.move(), "INVALID_TRANSITION", 409)
    c.h.check()


def test_payment_that_is_no_longer_open(house):
    c = Case(house)
    c.h.run("update registration_orders set payment_status = 'refunded' where id = %s", c.order)
    problem(c.move(), "INVALID_TRANSITION", 409)


def test_too_late_for_patients_r94(house):
    c = Case(house, days=1)
    house.h.setting("registration", '{"cancelHoursBefore": 72}')
    assert problem(c.move(), "CANCEL_TOO_LATE", 409)
    problem(c.move(schedule_id=c.target, override=True), "FORBIDDEN", 403)
    assert data(c.move(user=house.h.staff))["schedule_id"] == c.target


def test_limit_of_patients_r97(house):
    c = Case(house)
    h = house.h
    for n in range(3):
        assert data(c.move(schedule_id=c.session if n % 2 else c.target))["reschedule_count"] == n + 1
    problem(c.move(schedule_id=c.session), "RESCHEDULE_LIMIT", 409)
    assert data(c.move(user=h.staff, schedule_id=c.session))["reschedule_count"] == 4
    h.setting("appointment.max_reschedules", "4")
    try:
        assert data(c.move())["reschedule_count"] == 5         # the office's move does not count
        problem(c.move(schedule_id=c.session), "RESCHEDULE_LIMIT", 409)
    finally:
        h.setting("appointment.max_reschedules", None)
    h.check()


def test_setting_of_the_limit(house):
    api = house.api(house.h.admin)
    rows = data(api.get("/api/v1/system/config"))
    assert "appointment.max_reschedules" in str(rows)
    data(api.patch("/api/v1/system/config", {"appointment.max_reschedules": 0}))
    try:
        problem(Case(house).move(), "RESCHEDULE_LIMIT", 409)
    finally:
        data(api.patch("/api/v1/system/config", {"appointment.max_reschedules": None}))


def test_targets(house):
    c = Case(house)
    h = c.h
    base = {"doctor": c.doctor, "clinic": c.clinic}
    problem(c.move(schedule_id=99999999), "SCHEDULE_NOT_FOUND", 404)
    problem(c.move(start_time=ts(at(c.to_day, "08:00")), doctor_id=99999999), "NOT_FOUND", 404)
    problem(c.move(schedule_id=h.session(8, status="停诊", **base)), "SESSION_SUSPENDED", 409)
    problem(c.move(schedule_id=h.session(9, places=0, **base)), "SLOT_FULL", 409)
    problem(c.move(schedule_id=h.session(-1, **base)), "APPOINTMENT_IN_PAST", 422)
    problem(c.move(schedule_id=h.session(15, **base)), "BEYOND_BOOKING_WINDOW", 422)
    problem(c.move(schedule_id=c.target, doctor_id=h.doctor), "VALIDATION_FAILED", 422)
    taken = Case(house)
    h.run("update registration_orders set schedule_id = %s, slot_no = 3, doctor_id = %s, starts_at = %s, ends_at = %s where id = %s",
          c.target, c.doctor, at(c.to_day, "08:30"), at(c.to_day, "08:45"), taken.order)
    h.run("update schedules set remaining_slots = remaining_slots + 1 where id = %s", taken.session)
    h.run("update schedules set remaining_slots = remaining_slots - 1 where id = %s", c.target)
    for body, code, status in (({"schedule_id": c.target, "slot_no": 3}, "SLOT_TAKEN", 409),
                               ({"start_time": ts(at(c.to_day, "08:31"))}, "SLOT_NOT_ALIGNED", 422),
                               ({"start_time": ts(at(c.to_day, "13:00"))}, "DOCTOR_UNAVAILABLE", 409)):
        near = problem(c.move(**body), code, status)["suggestions"]
        assert len(near) == 3 and {s["schedule_id"] for s in near} == {c.target}, near
        assert all(set(s) == {"schedule_id", "slot_no", "starts_at", "ends_at", "slot_type", "price", "available"} for s in near)
        assert 3 not in [s["slot_no"] for s in near]
    assert c.read() == c.first      # after all that the booking stands
    h.check()


def test_rules_of_booking_hold(house):
    c = Case(house)
    h = c.h
    other = Case(house, days=5, to_days=7)
    h.run("update registration_orders set patient_id = %s where id = %s", c.patient, other.order)
    problem(c.move(), "PATIENT_CONFLICT", 409)
    problem(c.move(user=h.admin, schedule_id=c.target, override=True), "PATIENT_CONFLICT", 409)      # never skipped
    assert data(c.move(start_time=ts(at(c.to_day, "09:00"))))["slot_no"] == 5
    h.setting("appointment.department_interval", "true")
    problem(c.move(schedule_id=c.session), "DEPARTMENT_INTERVAL", 409)
    assert data(c.move(user=h.admin, schedule_id=c.session, override=True))["schedule_id"] == c.session
    h.setting("appointment.department_interval", None)
    for days in (-3, -4, -5):
        missed = h.session(days, doctor=c.doctor, clinic=c.clinic)
        bc._order(h, c.patient, missed, today() + dt.timedelta(days=days), "no_show")
    problem(c.move(schedule_id=c.target, slot_no=9), "BOOKING_SUSPENDED", 403)
    c = Case(house)
    h.run("insert into user_bans (user_id, ban_type) values (%s, 'all')", c.user)
    problem(c.move(), "BOOKING_SUSPENDED", 403)
    h.check()


def test_same_day_deadline_r87(house):
    c = Case(house)
    start = now().replace(second=0, microsecond=0) + dt.timedelta(minutes=3)
    if start.date() != today():
        start = at(today(), "23:58")
    soon = c.h.session(0, doctor=c.doctor, clinic=c.clinic, starts=start, ends=start + dt.timedelta(minutes=1), minutes=1, places=1)
    house.h.setting("registration", '{"sameDayDeadline": "00:00"}')
    problem(c.move(schedule_id=soon), "SAME_DAY_CLOSED", 409)
    assert data(c.move(user=house.h.admin, schedule_id=soon, override=True))["schedule_id"] == soon


def bills(h, order):
    return h.run("select kind, total, status, paid_amount - refunded_amount, supplements is not null from bills "
                 "where appointment_id = %s and status <> 'CANCELLED' order by id", order)


def test_unpaid_takes_the_new_fee(house):
    c = Case(house, kind="学生")
    c.h.run("update schedules set price = 100 where id = %s", c.target)
    a = data(c.move())
    assert (a["fee"], a["payment_status"], a["bill_id"]) == (80.0, "UNPAID", c.first["bill_id"])
    assert bills(c.h, c.order) == [("REGISTRATION", 80, "ISSUED", 0, False)]
    free = c.h.session(7, doctor=c.doctor, clinic=c.clinic, price="0.00")
    a = data(c.move(schedule_id=free))
    assert (a["fee"], a["payment_status"], a["bill_id"], a["fhir_status"]) == (0.0, "WAIVED", None, "booked")
    a = data(c.move(schedule_id=c.target))
    assert (a["fee"], a["payment_status"]) == (80.0, "UNPAID") and a["bill_id"] not in (None, c.first["bill_id"])
    assert bills(c.h, c.order) == [("REGISTRATION", 80, "ISSUED", 0, False)]
    c.h.check()


def test_a_dearer_place_is_a_further_bill_r96(house):
    c = Case(house)
    moves.paid(c.h, c.order)
    c.h.run("update schedules set price = 80 where id = %s", c.target)
    a = data(c.move())
    assert (a["fee"], a["payment_status"], a["bill_id"]) == (80.0, "PAID", c.first["bill_id"])
    assert bills(c.h, c.order) == [("REGISTRATION", 50, "PAID", 50, False), ("OTHER", 30, "ISSUED", 0, True)]
    # back again: what was not paid yet is not owed any more
    a = data(c.move(schedule_id=c.session))
    assert a["fee"] == 50.0 and bills(c.h, c.order) == [("REGISTRATION", 50, "PAID", 50, False)]
    # given up with the rest unpaid: what was paid is given back, not more
    data(c.move())
    assert data(c.api().post(f"/api/v1/appointments/{c.order}/cancel", {}))["payment_status"] == "REFUNDED"
    assert c.h.order(c.order)["refund_amount"] == 50 and bills(c.h, c.order) == [("REGISTRATION", 50, "REFUNDED", 0, False)]


def test_a_cheaper_place_is_refunded_r96(house):
    c = Case(house)
    moves.paid(c.h, c.order)
    c.h.run("update schedules set price = 20 where id = %s", c.target)
    a = data(c.move())
    assert (a["fee"], a["payment_status"]) == (20.0, "PAID")
    assert bills(c.h, c.order) == [("REGISTRATION", 50, "PARTIALLY_REFUNDED", 20, False)]
    assert c.h.run("select amount, status, reason from refunds where payment_id in (select p.id from payments p join bills b "
                   "on b.id = p.bill_id where b.appointment_id = %s)", c.order) == [(30, "SUCCEEDED", "改约差价")]
    refunded = [x for x in data(c.api().get(f"/api/v1/appointments/{c.order}/history")) if x["action"] == "refunded"]
    assert len(refunded) == 1
    # giving it up gives back the rest, and no more
    data(c.api().post(f"/api/v1/appointments/{c.order}/cancel", {}))
    assert bills(c.h, c.order) == [("REGISTRATION", 50, "REFUNDED", 0, False)]
    o = c.h.order(c.order)
    assert (o["payment_status"], o["refund_amount"]) == ("refunded", 20)


def test_a_payment_under_way_ends_when_the_fee_changes(house):
    c = Case(house)
    payment = moves.under_way(c.h, c.order)
    data(c.move())
    assert c.h.one("select status from payments where id = %s", payment) == "PENDING"       # the fee is the same
    dearer = c.h.session(6, doctor=c.doctor, clinic=c.clinic, price="80.00")
    data(c.move(schedule_id=dearer))
    assert c.h.one("select status from payments where id = %s", payment) == "CANCELLED"
    assert bills(c.h, c.order) == [("REGISTRATION", 80, "ISSUED", 0, False)]


def test_what_a_provider_gives_back_is_given_back_once(house):
    c = Case(house)
    payment = moves.paid(c.h, c.order, "ONLINE", "sandbox")
    c.h.run("update schedules set price = 20 where id = %s", c.target)
    assert data(c.move())["payment_status"] == "PAID"
    refunds = "select amount, status from refunds where payment_id = %s order by id"
    assert c.h.run(refunds, payment) == [(30, "PENDING")]
    # moved back before the provider has reported: what was promised stays promised, what is lacking again is a further bill
    assert data(c.move(schedule_id=c.session))["fee"] == 50.0
    assert sum(a for a, _ in c.h.run(refunds, payment)) == 30
    owed = c.h.one("select gh_order_owed(%s)", c.order)
    data(c.api().post(f"/api/v1/appointments/{c.order}/cancel", {}))
    assert sum(a for a, _ in c.h.run(refunds, payment)) == 50
    assert (owed, c.h.order(c.order)["refund_amount"]) == (30, 20)


def test_a_place_for_nothing_is_refunded_in_full(house):
    c = Case(house)
    moves.paid(c.h, c.order)
    c.h.run("update schedules set price = 0 where id = %s", c.target)
    a = data(c.move())
    assert (a["fee"], a["payment_status"], a["status"]) == (0.0, "WAIVED", "SCHEDULED")
    assert bills(c.h, c.order) == []
    assert c.h.one("select paid_amount - refunded_amount from bills where appointment_id = %s", c.order) == 0
    # and where it costs something again, that is a fee like any
    a = data(c.move(schedule_id=c.session))
    assert (a["fee"], a["payment_status"]) == (50.0, "UNPAID") and a["bill_id"] != c.first["bill_id"]
    assert bills(c.h, c.order) == [("REGISTRATION", 50, "ISSUED", 0, False)]


def test_arrival_and_queue_are_left_behind(house):
    c = Case(house)
    c.h.run("update registration_orders set checked_in_at = now(), pass_count = 2, priority = -1 where id = %s", c.order)
    a = data(c.move(user=house.h.staff))
    assert a["fhir_status"] == "booked"
    o = c.h.order(c.order)
    assert (o["checked_in_at"], o["pass_count"], o["priority"]) == (None, 0, 0)


def test_an_order_of_the_patient_client_keeps_waiting_for_its_payment(house):
    c = Case(house)
    c.h.run("update registration_orders set status = 'cancelled' where id = %s", c.order)
    c.h.run("update schedules set remaining_slots = 16 where id = %s", c.session)
    r = c.api().post("/patient/appointments", bc.code_body(c.h, bc.Ask(c.user, c.patient, c.session)))
    c.order = r.json()["message"]["id"]
    before = c.h.order(c.order)["payable_since"]
    a = data(c.move())
    assert (a["fhir_status"], a["payment_status"]) == ("pending", "UNPAID")
    assert c.h.order(c.order)["payable_since"] == before


@pytest.mark.parametrize("body", [{"schedule_id": 1, "start_time": "2030-01-01T08:00:00"}, {"doctor_id": 1}, {"schedule_id": "x"},
                                  {"start_time": "tomorrow"}, {"schedule_id": 1, "slot_no": 0}, {"schedule_id": 1, "reason": "x" * 501}])
def test_faulty_body(house, body):
    c = Case(house)
    problem(c.move(**body), "VALIDATION_FAILED", 422)


def paid_in_part(c, amount):
    """As the counter books a part of the fee."""
    bill = c.first["bill_id"]
    payment = c.h.one("insert into payments (payment_no, bill_id, amount, currency, method, status, paid_at, created_at, updated_at) values "
                      "(%s, %s, %s, 'CNY', 'CASH', 'SUCCEEDED', now(), now(), now()) returning id", f"part{bill}", bill, amount)
    c.h.run("insert into ledger_entries (bill_id, kind, amount, ref_id, at) values (%s, 'PAYMENT', %s, %s, now())", bill, amount, payment)
    c.h.run("update bills set status = 'PARTIALLY_PAID' where id = %s", bill)


def elsewhere(c, days, price):
    return c.h.session(days, doctor=c.doctor, clinic=c.clinic, price=price)


def test_what_was_paid_in_part_counts_for_the_new_fee(house):
    c = Case(house)
    paid_in_part(c, 20)
    a = data(c.move(schedule_id=elsewhere(c, 6, "80.00")))
    assert (a["fee"], a["payment_status"]) == (80.0, "UNPAID") and bills(c.h, c.order) == [("REGISTRATION", 80, "PARTIALLY_PAID", 20, False)]
    assert c.h.run("select unit_price, discount, line_total from bill_items where bill_id = %s", c.first["bill_id"]) == [(80, 0, 80)]
    a = data(c.move(schedule_id=elsewhere(c, 7, "20.00")))
    assert (a["fee"], a["payment_status"]) == (20.0, "PAID") and bills(c.h, c.order) == [("REGISTRATION", 20, "PAID", 20, False)]
    assert "paid" in [x["action"] for x in data(c.api().get(f"/api/v1/appointments/{c.order}/history"))]


def test_what_was_paid_in_part_above_the_new_fee_goes_back(house):
    c = Case(house)
    paid_in_part(c, 40)
    a = data(c.move(schedule_id=elsewhere(c, 6, "30.00")))
    assert (a["fee"], a["payment_status"]) == (30.0, "PAID")
    assert bills(c.h, c.order) == [("REGISTRATION", 40, "PARTIALLY_REFUNDED", 30, False)]
    assert data(c.move(schedule_id=elsewhere(c, 7, "0.00")))["fee"] == 0.0 and bills(c.h, c.order) == []


def test_a_refund_of_before_does_not_stand_in_the_way(house):
    c = Case(house)
    moves.paid(c.h, c.order)
    data(c.move())
    assert c.h.order(c.order)["refund_amount"] is None
    c.h.run("update registration_orders set refund_amount = 10 where id = %s", c.order)    # a part was given back by the counter
    assert data(c.move(schedule_id=elsewhere(c, 6, "5.00")))["fee"] == 5.0
    assert c.h.order(c.order)["refund_amount"] == 5
