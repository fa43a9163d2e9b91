"""The booking pool over the queue: every refusal on every surface, and what a refusal leaves behind (nothing)."""

import datetime as dt
import decimal

import pytest

from support import booking_cases as bc
from support.hospital import Hospital, at, today, ts
from support.trusted import Jobs

OPS = {"code": ("booking.book_appointment", bc.code_body), "v1": ("booking.v1_book_appointment", bc.v1_body),
       "hb": ("booking.hb_create_appointment", bc.hb_body)}


@pytest.fixture(scope="module")
def world(empty_db, make_system):
    system = make_system(empty_db)
    system.start_broker()
    system.start_worker("booking")
    jobs = Jobs(system.inner)
    h = Hospital(empty_db)
    yield jobs, h
    jobs.close()
    h.close()


@pytest.fixture(autouse=True)
def default_settings(world):
    yield
    _, h = world
    h.setting("registration", '{"advanceBookingDays": 14, "sameDayDeadline": "08:00"}')
    for key in ("appointment.department_interval", "appointment.strict_session", "appointment.require_prepayment",
                "appointment.apply_registration_rules", "patientIdentityDiscounts"):
        h.setting(key, None)


def book(world, surface, ask, **more):
    jobs, h = world
    op, body = OPS[surface]
    return jobs.call(op, {"body": {**body(h, ask), **more}}, ask.user)


def v1(world, user, **body):
    return world[0].call("booking.v1_book_appointment", {"body": body}, user)


TABLE = [(name, make, want, surface) for name, make, want in bc.CASES for surface in OPS if want[surface] is not None]


@pytest.mark.parametrize("name,make,want,surface", TABLE, ids=[f"{t[3]}-{t[0]}" for t in TABLE])
def test_refused(world, name, make, want, surface):
    _, h = world
    ask = make(h)
    if surface == "code" and ask.patient is None:
        ask.patient = h.patient()[0]
    count = h.one("select count(*) from registration_orders")
    answer = book(world, surface, ask)
    assert answer.error == want.get(surface + "_row", want["row"]), answer
    assert h.one("select count(*) from registration_orders") == count
    h.check()


def test_limit_names_its_numbers(world):
    answer = book(world, "code", bc.patient_has_reached_the_limit(world[1]))
    assert answer.params == {"P": "8", "M": "1"}


@pytest.mark.parametrize("make", [bc.named_slot_is_taken, bc.time_is_not_a_slot_start, bc.doctor_has_no_session_then])
def test_v1_refusal_of_a_time_suggests_free_places(world, make):
    answer = book(world, "v1", make(world[1]))
    assert len(answer.extra["suggestions"]) == 3
    for slot in answer.extra["suggestions"]:
        assert set(slot) == {"schedule_id", "slot_no", "starts_at", "ends_at", "slot_type", "price", "available"}
        assert slot["available"] and slot["slot_no"] in (1, 2, 3, 4)


@pytest.mark.parametrize("hours,taken", [(0, {1}), (0, {1, 2, 3}), (2, {9}), (3.75, {16}), (1, set(range(1, 16)))])
def test_suggestions_are_the_three_nearest_free_places(world, hours, taken):
    """Of two sessions of the doctor, morning and afternoon, against all places counted out here."""
    _, h = world
    doctor, day = h.extra_doctor(), today() + dt.timedelta(days=4)
    clinic = bc._clinic(h)
    sessions = [(h.session(day, "上午", doctor=doctor, clinic=clinic), at(day, "08:00")),
                (h.session(day, "下午", doctor=doctor, clinic=clinic, places=8, minutes=30), at(day, "14:00"))]
    for slot in taken:
        bc._order(h, h.patient()[0], sessions[0][0], day, slot=slot)
    wanted = at(day, "08:00") + dt.timedelta(hours=hours)
    answer = v1(world, h.patient()[1], doctor_id=doctor, start_time=ts(wanted))
    assert answer.error == "SLOT_TAKEN"
    free = [(sessions[0][0], k, sessions[0][1] + dt.timedelta(minutes=15 * (k - 1))) for k in range(1, 17) if k not in taken]
    free += [(sessions[1][0], k, sessions[1][1] + dt.timedelta(minutes=30 * (k - 1))) for k in range(1, 9)]
    nearest = sorted(free, key=lambda f: (abs(f[2] - wanted), f[1]))[:3]
    assert [(s["schedule_id"], s["slot_no"], s["starts_at"]) for s in answer.extra["suggestions"]] == [(i, k, ts(t)) for i, k, t in nearest]


def test_code_order_waits_for_payment_with_discount_and_bill(world):
    jobs, h = world
    pid, uid = h.patient(kind="学生")
    sid = h.session(3, "下午", price="50.01")
    answer = book(world, "code", bc.Ask(uid, pid, sid), symptoms='头痛, "三天"\\')
    assert answer.body == {"id": answer.body["id"], "orderNo": answer.body["orderNo"], "queueNumber": None, "needPay": True,
                           "payAmount": 40.01, "appointmentDate": str(today() + dt.timedelta(days=3)),
                           "appointmentTime": "下午", "status": "pending", "paymentStatus": "pending"}
    o = h.order(answer.body["id"])
    assert (o["slot_no"], o["channel"], o["status"], o["price"], o["list_price"]) == (
        1, "bjtu", "pending", decimal.Decimal("40.01"), decimal.Decimal("50.01"))
    assert o["payable_since"] is not None and o["initiator_user_id"] == uid and o["reason"] == '头痛, "三天"\\'
    bill = h.run("select status, subtotal, discount, total, kind from bills where appointment_id = %s", o["id"])
    assert [tuple(map(str, b)) for b in bill] == [("ISSUED", "50.01", "10.00", "40.01", "REGISTRATION")]
    assert h.run("select action, by_user from appointment_history where order_id = %s", o["id"]) == [("booked", uid)]
    h.check()


def test_free_order_is_paid_at_once_without_bill(world):
    _, h = world
    pid, uid = h.patient()
    answer = book(world, "code", bc.Ask(uid, pid, h.session(3, "晚上", price="0")))
    assert (answer.body["needPay"], answer.body["payAmount"], answer.body["status"], answer.body["paymentStatus"]) == (
        False, 0, "confirmed", "paid")
    assert h.one("select count(*) from bills where appointment_id = %s", answer.body["id"]) == 0


@pytest.mark.parametrize("prepayment", [False, True])
def test_v1_and_heartbeat_confirm_at_once_unless_prepaid(world, prepayment):
    _, h = world
    if prepayment:
        h.setting("appointment.require_prepayment", "true")
    for surface in ("v1", "hb"):
        ask = bc._free(h)
        answer = book(world, surface, ask)
        o = h.order(answer.body["id"])
        assert (o["status"], o["payment_status"]) == ("pending" if prepayment else "confirmed", "pending")
        assert answer.body["status"] == "SCHEDULED"
        if surface == "v1":
            assert answer.body["fhir_status"] == ("pending" if prepayment else "booked")
            assert answer.headers["Location"] == f"/api/v1/appointments/{o['id']}"


def test_v1_answer_is_what_reading_gives(world):
    jobs, h = world
    ask = bc._free(h)
    made = book(world, "v1", ask, reason="复诊", notes="n", visit_type="video")
    read = jobs.call("booking.v1_get_appointment", {"path": {"id": made.body["id"]}}, ask.user)
    assert read.body == made.body and list(read.body) == list(made.body)
    assert read.headers["ETag"] == f'"appointment-{made.body["id"]}-1"'


def test_heartbeat_answer_is_what_reading_gives(world):
    jobs, h = world
    ask = bc._free(h)
    ask.moment += dt.timedelta(minutes=44)
    made = book(world, "hb", ask, description="first visit")
    assert made.body["date_time"] == ts(ask.moment.replace(minute=30))
    read = jobs.call("booking.hb_get_appointment", {"path": {"appointment_id": made.body["id"]}}, ask.user)
    assert read.body == made.body and list(read.body) == list(made.body)


def test_relative_and_staff_may_book_for_a_patient(world):
    _, h = world
    mother, uid = h.patient()
    child, _ = h.patient(account=False)
    h.relate(mother, child)
    assert book(world, "code", bc.Ask(uid, child, bc._free(h).session)).body["status"] == "pending"
    own = v1(world, uid, schedule_id=bc._free(h, days=4).session, patient_id=child)
    assert own.body["channel"] == "v1" and own.body["created_by"] == uid
    staff = v1(world, h.staff, schedule_id=bc._free(h, days=5).session, patient_id=child)
    assert staff.body["channel"] == "staff" and staff.body["patient_id"] == child


def test_doctor_may_book_for_an_assigned_patient(world):
    _, h = world
    pid, _ = h.patient()
    h.run("update patients set primary_doctor_id = %s where id = %s", h.doctor, pid)
    assert v1(world, h.doctor_user, schedule_id=bc._free(h).session, patient_id=pid).error is None


def test_doctor_may_book_for_a_patient_in_his_care(world):
    """R-59: an open care assignment, on its days."""
    _, h = world
    pid, _ = h.patient()
    assignment = h.one("insert into care_assignments (patient_id, doctor_id, valid_from) values (%s, %s, %s) returning id", pid, h.doctor,
                       today() + dt.timedelta(days=1))
    ask = {"schedule_id": bc._free(h).session, "patient_id": pid}
    assert v1(world, h.doctor_user, **ask).error == "NOT_ASSIGNED"
    h.run("update care_assignments set valid_from = %s, valid_to = %s where id = %s", today(), today(), assignment)
    assert v1(world, h.doctor2_user, **ask).error == "NOT_ASSIGNED"
    assert v1(world, h.doctor_user, **ask).error is None
    shown = world[0].call("booking.hb_list_by_patient", {"path": {"patient_id": pid}}, h.doctor_user)
    assert [a["patient_id"] for a in shown.body] == [pid]
    h.run("update care_assignments set closed_at = now() where id = %s", assignment)
    assert world[0].call("booking.hb_list_by_patient", {"path": {"patient_id": pid}}, h.doctor_user).error == "NOT_OWNER"


def test_override_by_staff_skips_the_window_only(world):
    _, h = world
    ask = bc.date_is_beyond_the_window(h)
    assert v1(world, h.staff, schedule_id=ask.session, patient_id=ask.patient, override=True).error is None
    full = bc.session_is_full(h)
    assert v1(world, h.staff, schedule_id=full.session, patient_id=full.patient, override=True).error == "SLOT_FULL"


def test_rules_of_the_doctor_replace_the_global_ones(world):
    _, h = world
    ask = bc._free(h, days=3)
    h.setting("registration", '{"advanceBookingDays": 2}', "DOCTOR", ask.doctor)
    assert book(world, "code", ask).error == "BEYOND_BOOKING_WINDOW"
    h.setting("registration", '{"advanceBookingDays": "3"}', "DOCTOR", ask.doctor)
    assert book(world, "code", ask).error is None


def test_registration_rules_can_be_switched_off(world):
    _, h = world
    h.setting("appointment.apply_registration_rules", "false")
    assert book(world, "code", bc.date_is_beyond_the_window(h)).error is None


def test_discounts_of_the_setting_count_and_bad_ones_do_not(world):
    _, h = world
    h.setting("patientIdentityDiscounts", '{"学生": 0.5, "教师": 7, "staff": 0.25}')
    for kind, want in (("学生", 25), ("教师", 40), ("职工", 12.5), ("校外", 50)):
        pid, uid = h.patient(kind=kind)
        assert book(world, "code", bc.Ask(uid, pid, bc._free(h).session)).body["payAmount"] == want


def test_places_above_the_grid_share_the_last_start(world):
    _, h = world
    doctor = h.extra_doctor()
    day = today() + dt.timedelta(days=3)
    sid = h.session(day, doctor=doctor, clinic=bc._clinic(h), places=4, minutes=120)
    starts = []
    for _ in range(4):
        pid, uid = h.patient()
        a = v1(world, uid, schedule_id=sid)
        starts.append((a.body["slot_no"], a.body["start_time"][11:16]))
    assert starts == [(1, "08:00"), (2, "10:00"), (3, "10:00"), (4, "10:00")]


def test_named_place_and_class_of_session(world):
    _, h = world
    ask = bc._free(h, slot_type="专家")
    assert v1(world, ask.user, schedule_id=ask.session, slot_type="NORMAL").error == "VALIDATION_FAILED"
    assert v1(world, ask.user, doctor_id=ask.doctor, start_time=ts(ask.moment), slot_type="NORMAL").error == "DOCTOR_UNAVAILABLE"
    assert v1(world, ask.user, schedule_id=ask.session, slot_no=17).error == "SLOT_NOT_ALIGNED"
    a = v1(world, ask.user, schedule_id=ask.session, slot_no=7, slot_type="EXPERT")
    assert a.body["slot_no"] == 7 and a.body["slot_type"] == "EXPERT"
    _, other = h.patient()
    assert v1(world, other, schedule_id=ask.session, slot_no=7).error == "SLOT_TAKEN"


@pytest.mark.parametrize("body", [{"start_time": "{d} 09:00"}, {"appointment_date": "{d}T09:00:00"}, {"scheduled_at": "{d}T01:00:00Z"},
                                  {"date": "{d}", "time": "09:00"}])
def test_v1_synonyms_of_the_time(world, body):
    _, h = world
    ask = bc._free(h)
    day = str(ask.moment.date())
    a = v1(world, ask.user, doctor_id=ask.doctor, **{k: v.format(d=day) for k, v in body.items()})
    assert a.body["start_time"] == f"{day}T09:00:00+08:00"


# ---- the batch: many jobs in one transaction

def test_batch_keeps_the_order_of_arrival(world):
    jobs, h = world
    places = 10
    sid = bc._free(h, places=places).session
    people = [h.patient() for _ in range(25)]
    ids = [jobs.send("booking.v1_book_appointment", {"body": {"schedule_id": sid}}, uid) for _, uid in people]
    answers = [jobs.wait(i) for i in ids]
    assert [a.body["slot_no"] for a in answers[:places]] == list(range(1, places + 1))
    assert {a.error for a in answers[places:]} == {"SLOT_FULL"}
    assert h.remaining(sid) == 0
    h.check()


def test_one_bad_job_of_a_batch_fails_alone(world):
    jobs, h = world
    sid = bc._free(h).session
    good = [h.patient() for _ in range(6)]
    ids = []
    for n, (_, uid) in enumerate(good):
        ids.append(jobs.send("booking.v1_book_appointment", {"body": {"schedule_id": sid}}, uid))
        if n == 3:      # a text that PostgreSQL cannot store, and one that no column can hold
            _, bad = h.patient()
            nul = jobs.send("booking.v1_book_appointment", {"body": {"schedule_id": sid, "reason": "a\0b"}}, bad)
            long = jobs.send("booking.v1_book_appointment", {"body": {"schedule_id": sid, "reason": "x" * 5000}}, bad)
    assert [jobs.wait(i).error for i in ids] == [None] * 6
    assert jobs.wait(nul).error == "VALIDATION_FAILED"
    assert jobs.wait(long).error == "INTERNAL"
    h.check()


def test_patient_cannot_exceed_what_earlier_jobs_of_the_batch_took(world):
    jobs, h = world
    h.setting("registration", '{"maxAppointmentsPerPeriod": 2}')
    pid, uid = h.patient()
    sessions = [bc._free(h, days=d).session for d in (3, 4, 5, 6)]
    sessions.insert(1, sessions[0])
    ids = [jobs.send("booking.v1_book_appointment", {"body": {"schedule_id": s}}, uid) for s in sessions]
    assert [jobs.wait(i).error for i in ids] == [None, "DUPLICATE_BOOKING", None, "BOOKING_LIMIT", "BOOKING_LIMIT"]
    h.check()


def test_changes_behind_the_workers_memory_are_seen(world):
    """Places taken, freed and moved by other programs between two bookings of one session."""
    jobs, h = world
    sid = bc._free(h, places=6).session
    day = today() + dt.timedelta(days=3)

    def slot():
        return v1(world, h.patient()[1], schedule_id=sid).body["slot_no"]

    assert [slot(), slot()] == [1, 2]
    bc._order(h, h.patient()[0], sid, day, slot=3)
    assert slot() == 4
    h.run("update registration_orders set status = 'cancelled' where schedule_id = %s and slot_no = 2", sid)
    h.run("update schedules set remaining_slots = remaining_slots + 1 where id = %s", sid)
    assert slot() == 2
    assert slot() == 5
    h.check()


def test_same_job_twice_is_one_booking(world):
    jobs, h = world
    ask = bc._free(h)
    job = jobs.send("booking.v1_book_appointment", {"body": {"schedule_id": ask.session}}, ask.user)
    first = jobs.wait(job)
    again = jobs.call("booking.v1_book_appointment", {"body": {"schedule_id": ask.session}}, ask.user, job_id=job, resend=True)
    assert again.body == first.body
    assert h.remaining(ask.session) == 15
    h.check()
