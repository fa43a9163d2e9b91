"""The life of an appointment on /api/v1 and /api, over HTTP: AP-06, AP-09, AP-10, AP-11 (api/24; R-93, R-94, R-98..R-100, R-104)."""

import datetime as dt
import threading

import pytest

from support import booking_cases as bc
from support.hospital import now, ts
from support.house import open_house
from support.http import data, problem

STATE_TEXT = "The present state does not allow this"


class Ward:
    """A house with a nurse of the department and the doctor's own session."""

    def __init__(self, house):
        self.house, self.h = house, house.h
        h = self.h
        self.nurse = h.user(roles=["NURSE"])
        h.run("insert into doctors (user_id, dept_id, name) values (%s, %s, '护士甲')", self.nurse, h.dept)
        self.other_nurse = h.user(roles=["NURSE"])
        h.run("insert into doctors (user_id, dept_id, name) values (%s, %s, '护士乙')", self.other_nurse, h.dept2)
        self.days = 3

    def booked(self, started=False, **body):
        """(order id, user, patient) of an appointment with the doctor, if wanted one that has begun."""
        h = self.h
        h.run("update schedules set is_latest = false where doctor_id = %s", h.doctor)
        pid, uid = h.patient()
        sid = h.session(self.days, doctor=h.doctor, clinic=bc._clinic(h))
        order = data(self.house.api(uid).post("/api/v1/appointments", {"schedule_id": sid, **body}), 201)["id"]
        if started:
            h.run("update registration_orders set starts_at = %s, ends_at = %s where id = %s",
                  now() - dt.timedelta(minutes=5), now() + dt.timedelta(minutes=10), order)
        return order, uid, pid

    def state(self, order, user, base="/api/v1", **body):
        return self.house.api(user).post(f"{base}/appointments/{order}/status", body)

    def check_in(self, order, user):
        return self.house.api(user).post(f"/api/v1/appointments/{order}/check-in")

    def patch(self, order, user, body, **kw):
        return self.house.api(user).request("PATCH", f"/api/v1/appointments/{order}", json=body, **kw)

    def history(self, order, user):
        return data(self.house.api(user).get(f"/api/v1/appointments/{order}/history"))

    def audit(self, order):
        return self.h.run("select action, changes from audit_log where entity = 'appointment' and entity_id = %s order by id", str(order))


@pytest.fixture(scope="module")
def ward(empty_db, make_system):
    house = open_house(empty_db, make_system)
    house.h.setting("registration", '{"advanceBookingDays": 14, "sameDayDeadline": "23:59", "cancelHoursBefore": 2}')
    yield Ward(house)
    house.close()


def users(ward, owner):
    h = ward.h
    return {"patient": owner, "stranger": h.patient()[1], "doctor": h.doctor_user, "doctor2": h.doctor2_user, "nurse": ward.nurse,
            "other_nurse": ward.other_nurse, "staff": h.staff, "admin": h.admin}


# ---- AP-09

@pytest.mark.parametrize("who", ["doctor", "staff", "admin"])
@pytest.mark.parametrize("body", [{"status": "COMPLETED"}, {"fhir_status": "fulfilled"}], ids=["status", "fhir"])
def test_completed_before_the_start_unless_enforced(ward, who, body):
    order, owner, _ = ward.booked()
    a = data(ward.state(order, users(ward, owner)[who], **body))
    assert (a["id"], a["status"], a["fhir_status"]) == (order, "COMPLETED", "fulfilled")
    o = ward.h.order(order)
    assert o["status"] == "completed" and o["visit_times"][:10] == str(now().date()) and o["version"] == 2
    ward.h.check()


def test_r100_enforced(ward):
    ward.h.setting("appointment.enforce_start_before_complete", "true")
    try:
        order, _, _ = ward.booked()
        p = problem(ward.state(order, ward.h.doctor_user, status="COMPLETED"), "INVALID_TRANSITION", 409)
        assert p["detail"] == STATE_TEXT
        started, _, _ = ward.booked(started=True)
        assert data(ward.state(started, ward.h.doctor_user, status="COMPLETED"))["status"] == "COMPLETED"
    finally:
        ward.h.setting("appointment.enforce_start_before_complete", None)


@pytest.mark.parametrize("who", ["nurse", "staff", "doctor", "admin"])
def test_r104_no_show_after_the_start_raises_the_count_once(ward, who):
    h = ward.h
    order, owner, patient = ward.booked()
    user = users(ward, owner)[who]
    problem(ward.state(order, user, fhir_status="noshow"), "INVALID_TRANSITION", 409)
    assert h.one("select no_show_count from patients where id = %s", patient) == 0
    order, owner, patient = ward.booked(started=True)
    a = data(ward.state(order, user, fhir_status="noshow", note="nobody came"))
    assert (a["status"], a["fhir_status"], a["cancelled_at"]) == ("CANCELLED", "noshow", None)
    again = data(ward.state(order, user, fhir_status="noshow"))
    assert again == a and h.one("select no_show_count from patients where id = %s", patient) == 1
    assert h.order(order)["status"] == "no_show"
    assert data(ward.state(order, user, status="CANCELLED") if who != "nurse" else ward.state(order, user, fhir_status="noshow")) == a
    assert ward.history(order, h.staff)[-1]["note"] == "nobody came"
    h.check()                     # a no_show keeps its place


def test_who_has_arrived_has_not_missed_it(ward):
    order, _, _ = ward.booked(started=True)
    data(ward.state(order, ward.h.staff, fhir_status="arrived"))
    problem(ward.state(order, ward.h.staff, fhir_status="noshow"), "INVALID_TRANSITION", 409)


def test_br78_no_shows_set_here_stop_further_bookings(ward):
    h = ward.h
    pid, uid = h.patient()
    h.setting("registration", '{"advanceBookingDays": 14, "sameDayDeadline": "23:59", "noShowLimit": 1}')
    try:
        sid = bc._free(h).session
        order = data(ward.house.api(uid).post("/api/v1/appointments", {"schedule_id": sid}), 201)["id"]
        h.run("update registration_orders set starts_at = %s, ends_at = %s where id = %s", now() - dt.timedelta(minutes=5), now(), order)
        data(ward.state(order, h.staff, fhir_status="noshow"))
        problem(ward.house.api(uid).post("/api/v1/appointments", {"schedule_id": bc._free(h, days=5).session}), "BOOKING_SUSPENDED", 403)
    finally:
        h.setting("registration", '{"advanceBookingDays": 14, "sameDayDeadline": "23:59", "cancelHoursBefore": 2}')


# Who may ask for which status of a confirmed appointment that has begun: y done, f FORBIDDEN, o NOT_OWNER.
MATRIX = [
    ("status", "COMPLETED", {"patient": "f", "stranger": "o", "doctor": "y", "doctor2": "o", "nurse": "f", "other_nurse": "o", "staff": "y", "admin": "y"}),
    ("fhir_status", "fulfilled", {"patient": "f", "stranger": "o", "doctor2": "o", "nurse": "f"}),
    ("fhir_status", "arrived", {"patient": "f", "stranger": "o", "doctor": "y", "doctor2": "o", "nurse": "y", "other_nurse": "o", "staff": "y"}),
    ("fhir_status", "noshow", {"patient": "f", "stranger": "o", "doctor2": "o", "other_nurse": "o"}),
    ("status", "CANCELLED", {"stranger": "o", "doctor": "y", "doctor2": "o", "nurse": "f", "other_nurse": "o", "staff": "y"}),
    ("fhir_status", "cancelled", {"stranger": "o", "doctor2": "o", "nurse": "f", "admin": "y"}),
    ("status", "SCHEDULED", {"patient": "y", "stranger": "o", "doctor2": "o", "nurse": "y"}),
]


@pytest.mark.parametrize("member,word,want", MATRIX, ids=[m[1] for m in MATRIX])
def test_r99_who_may(ward, member, word, want):
    for who, letter in want.items():
        order, owner, _ = ward.booked(started=True)
        version = ward.h.order(order)["version"]
        r = ward.state(order, users(ward, owner)[who], **{member: word})
        if letter == "y":
            a = data(r)
            assert a["status" if member == "status" else "fhir_status"] == word, who
        else:
            problem(r, {"f": "FORBIDDEN", "o": "NOT_OWNER"}[letter], 403)
            assert ward.h.order(order)["status"] == "confirmed" and ward.h.order(order)["version"] == version, who


def test_r98_final_states_are_final(ward):
    h = ward.h
    for state in ("completed", "no_show", "cancelled"):
        order, _, _ = ward.booked(started=True)
        if state == "cancelled":
            data(ward.state(order, h.staff, status="CANCELLED"))
        else:
            data(ward.state(order, h.staff, fhir_status="fulfilled" if state == "completed" else "noshow"))
        version = h.order(order)["version"]
        for member, word in [("status", "SCHEDULED"), ("status", "COMPLETED"), ("fhir_status", "arrived"), ("fhir_status", "noshow"),
                             ("status", "CANCELLED"), ("fhir_status", "cancelled")]:
            r = ward.state(order, h.staff, **{member: word})
            same = {"completed": ["COMPLETED"], "no_show": ["noshow", "CANCELLED"], "cancelled": ["CANCELLED", "cancelled"]}[state]
            if word in same:
                data(r)
            else:
                assert problem(r, "INVALID_TRANSITION", 409)["detail"] == STATE_TEXT, (state, word)
        assert h.order(order)["version"] == version


def test_an_unpaid_order_neither_arrives_nor_ends(ward):
    h = ward.h
    h.setting("appointment.require_prepayment", "true")
    try:
        order, _, _ = ward.booked()
    finally:
        h.setting("appointment.require_prepayment", None)
    assert h.order(order)["status"] == "pending"
    problem(ward.check_in(order, h.staff), "INVALID_TRANSITION", 409)
    problem(ward.state(order, h.staff, status="COMPLETED"), "INVALID_TRANSITION", 409)
    a = data(ward.state(order, h.staff, status="SCHEDULED"))
    assert (a["status"], a["fhir_status"]) == ("SCHEDULED", "pending")
    assert data(ward.state(order, h.staff, status="CANCELLED"))["fhir_status"] == "cancelled"


def test_patient_cancels_within_the_deadline(ward):
    h = ward.h
    order, owner, _ = ward.booked()
    a = data(ward.state(order, owner, "/api", status="CANCELLED", note="cannot come"))
    assert (a["status"], a["cancelled_by"], a["cancel_reason"], a["payment_status"]) == ("CANCELLED", "patient", "cannot come", "UNPAID")
    o = h.order(order)
    assert o["status"] == "cancelled" and h.one("select status from bills where appointment_id = %s", order) == "CANCELLED"
    assert h.remaining(o["schedule_id"]) == 16
    late, owner, _ = ward.booked(started=True)
    p = problem(ward.state(late, owner, status="CANCELLED"), "CANCEL_TOO_LATE", 409)
    assert p["detail"] == "It is too late to cancel, 2 h before the visit are needed"
    h.check()


@pytest.mark.parametrize("body,field", [({}, None), ({"status": "DONE"}, "status"), ({"fhir_status": "booked"}, "fhir_status"),
                                        ({"status": "COMPLETED", "fhir_status": "fulfilled"}, None),
                                        ({"status": "COMPLETED", "note": "x" * 501}, "note"), ({"status": None}, None)])
def test_faulty_status(ward, body, field):
    order, _, _ = ward.booked()
    p = problem(ward.state(order, ward.h.staff, **body), "VALIDATION_FAILED", 422)
    if field:
        assert [e["field"] for e in p["errors"]] == [field]
    assert ward.h.order(order)["version"] == 1


def test_unknown_and_waiting_ones_are_not_there(ward):
    h = ward.h
    order, _, _ = ward.booked()
    h.run("update schedules set remaining_slots = remaining_slots + 1 where id = %s", h.order(order)["schedule_id"])
    h.run("alter table registration_orders disable trigger registration_orders_step")
    try:
        h.run("update registration_orders set status = 'waitlist', slot_no = null where id = %s", order)
    finally:
        h.run("alter table registration_orders enable trigger registration_orders_step")
    for i in (order, 99999999):
        problem(ward.state(i, h.staff, status="COMPLETED"), "NOT_FOUND", 404)
        problem(ward.check_in(i, h.staff), "NOT_FOUND", 404)
        problem(ward.patch(i, h.staff, {"reason": "x"}), "NOT_FOUND", 404)
        problem(ward.house.api(h.staff).get(f"/api/v1/appointments/{i}/history"), "NOT_FOUND", 404)


def test_two_at_once_do_one_step(ward):
    """Completed and missed at the same moment: one of the two."""
    h = ward.h
    for _ in range(5):
        order, _, patient = ward.booked(started=True)
        answers = []
        asks = [lambda: ward.state(order, h.staff, status="COMPLETED"), lambda: ward.state(order, h.admin, fhir_status="noshow"),
                lambda: ward.state(order, h.doctor_user, status="CANCELLED")]
        for user in (h.staff, h.admin, h.doctor_user):
            ward.house.api(user)
        threads = [threading.Thread(target=lambda a=a: answers.append(a())) for a in asks]
        [t.start() for t in threads]
        [t.join() for t in threads]
        state = h.order(order)["status"]
        done = [r.json()["data"] for r in answers if r.status_code == 200]
        assert state in ("completed", "no_show", "cancelled")
        # asking for CANCELLED of a missed one is a no-op, so two may say yes; all who say yes say the same
        assert done and {a["fhir_status"] for a in done} == {{"completed": "fulfilled", "no_show": "noshow", "cancelled": "cancelled"}[state]}
        assert h.one("select no_show_count from patients where id = %s", patient) == (state == "no_show")
    h.check()


# ---- AP-10

def test_check_in_by_nurse_staff_administrator(ward):
    h = ward.h
    for user in (ward.nurse, h.staff, h.admin):
        order, owner, _ = ward.booked()
        a = data(ward.check_in(order, user))
        assert (a["status"], a["fhir_status"]) == ("SCHEDULED", "arrived")
        assert h.order(order)["checked_in_at"] is not None
        assert problem(ward.check_in(order, user), "INVALID_TRANSITION", 409)["detail"] == STATE_TEXT
        assert data(ward.state(order, user, fhir_status="arrived")) == a                  # AP-09: an equal status is none
        listed = data(ward.house.api(h.staff).get("/api/v1/appointments", params={"fhir_status": "arrived", "patient_id": a["patient_id"]}))
        assert [x["id"] for x in listed["items"]] == [order]
    order, owner, _ = ward.booked()
    problem(ward.check_in(order, ward.other_nurse), "NOT_OWNER", 403)
    for user in (owner, h.doctor_user):
        problem(ward.check_in(order, user), "FORBIDDEN", 403)
    problem(ward.house.system.api().post(f"/api/v1/appointments/{order}/check-in"), "TOKEN_MISSING", 401)
    assert h.order(order)["checked_in_at"] is None


def test_an_arrived_patient_is_seen_or_leaves(ward):
    h = ward.h
    order, _, _ = ward.booked()
    data(ward.check_in(order, ward.nurse))
    assert data(ward.state(order, h.doctor_user, status="COMPLETED"))["fhir_status"] == "fulfilled"
    order, owner, _ = ward.booked()
    data(ward.check_in(order, ward.nurse))
    assert data(ward.state(order, h.doctor_user, status="CANCELLED"))["cancelled_by"] == "doctor"
    assert [(e["action"], e["from"]["fhir_status"]) for e in ward.history(order, owner)[1:]] == [("arrived", "booked"), ("cancelled", "arrived")]
    h.check()


# ---- AP-06

def test_patient_changes_the_reason_only(ward):
    order, owner, _ = ward.booked(reason="cough")
    r = ward.patch(order, owner, {"reason": " chest pain "})
    a = data(r)
    assert a["reason"] == "chest pain" and r.headers["ETag"] == f'"appointment-{order}-2"'
    for member, value in (("notes", "n"), ("visit_type", "video")):
        p = problem(ward.patch(order, owner, {"reason": "other", member: value}), "FIELD_NOT_ALLOWED", 403)
        assert p["detail"] == f"This member may not be set: {member}"
    assert data(ward.patch(order, owner, {"reason": None}))["reason"] is None
    assert ward.audit(order) == []


def test_doctor_and_office_change_all_of_it(ward):
    h = ward.h
    order, owner, _ = ward.booked(reason="cough")
    a = data(ward.patch(order, h.doctor_user, {"notes": "bring the X-ray", "visit_type": "video"}))
    assert (a["reason"], a["notes"], a["visit_type"]) == ("cough", "bring the X-ray", "video")
    assert data(ward.patch(order, h.staff, {"notes": None, "reason": "咳嗽"}))["notes"] is None
    assert ward.audit(order) == [("appointment.update", {"notes": [None, "bring the X-ray"], "visit_type": ["in_person", "video"]}),
                                 ("appointment.update", {"notes": ["bring the X-ray", None], "reason": ["cough", "咳嗽"]})]
    assert data(ward.house.api(owner).get(f"/api/v1/appointments/{order}"))["reason"] == "咳嗽"
    problem(ward.patch(order, h.doctor2_user, {"notes": "x"}), "NOT_OWNER", 403)
    problem(ward.patch(order, h.patient()[1], {"reason": "x"}), "NOT_OWNER", 403)
    problem(ward.patch(order, ward.nurse, {"notes": "x"}), "FORBIDDEN", 403)


def test_edit_refusals(ward):
    h = ward.h
    order, owner, _ = ward.booked()
    for body, field in (({"reason": "x" * 501}, "reason"), ({"notes": "x" * 2001}, "notes"), ({"visit_type": "walk"}, "visit_type"),
                        ({"visit_type": None}, "visit_type")):
        p = problem(ward.patch(order, h.staff, body), "VALIDATION_FAILED", 422)
        assert [e["field"] for e in p["errors"]] == [field]
    problem(ward.patch(order, h.staff, {"reason": "x"}, headers={"If-Match": f'"appointment-{order}-9"'}), "PRECONDITION_FAILED", 412)
    assert data(ward.patch(order, h.staff, {"reason": "x"}, headers={"If-Match": f'"appointment-{order}-1"'}))["reason"] == "x"
    data(ward.state(order, h.staff, status="COMPLETED"))
    assert problem(ward.patch(order, h.staff, {"reason": "y"}), "INVALID_TRANSITION", 409)["detail"] == STATE_TEXT
    assert h.order(order)["reason"] == "x"


# ---- AP-11, audit

def test_history_tells_who_did_what(ward):
    h = ward.h
    order, owner, patient = ward.booked(started=True)
    data(ward.check_in(order, ward.nurse))
    data(ward.state(order, h.doctor_user, status="COMPLETED", note="seen"))
    entries = ward.history(order, owner)
    assert [e["action"] for e in entries] == ["booked", "arrived", "completed"]
    assert all(list(e) == ["at", "by", "action", "from", "to", "note"] for e in entries)
    assert [e["by"]["id"] for e in entries] == [owner, ward.nurse, h.doctor_user]
    assert set(entries[0]["by"]) == {"id", "username", "full_name", "roles", "is_superuser"}
    assert entries[0]["from"] is None and entries[0]["to"]["slot_no"] == 1 and entries[0]["to"]["fhir_status"] == "booked"
    assert entries[1]["to"]["fhir_status"] == "arrived"
    assert entries[2]["from"]["fhir_status"] == "arrived"
    assert (entries[2]["from"]["status"], entries[2]["to"]["status"], entries[2]["note"]) == ("SCHEDULED", "COMPLETED", "seen")
    assert entries[0]["at"].endswith("+08:00") and entries[0]["at"] <= ts(now())
    for user in (h.doctor_user, h.staff, h.admin, ward.nurse):
        assert ward.history(order, user) == entries
    for user in (h.patient()[1], h.doctor2_user, ward.other_nurse):
        problem(ward.house.api(user).get(f"/api/v1/appointments/{order}/history"), "NOT_OWNER", 403)
    assert ward.audit(order) == [("appointment.check_in", {"checked_in": [False, True]}),
                                 ("appointment.complete", {"status": ["confirmed", "completed"]})]


def test_history_over_the_surfaces(ward):
    """Booked and paid by a patient's app, moved on v1, seen by the doctor: one life, in one set of words."""
    h = ward.h
    ask = bc._free(h)
    app = ward.house.api(ask.user)
    order = app.post("/patient/appointments", bc.code_body(h, ask)).json()["message"]["id"]
    assert app.post(f"/patient/appointments/{order}/pay", {"method": "wechat"}).json()["code"] == 0
    target = bc._free(h, days=6, price="50.00")
    h.run("update schedules set doctor_id = %s where id = %s", ask.doctor, target.session)
    data(app.post(f"/api/v1/appointments/{order}/reschedule", {"schedule_id": target.session, "reason": "travel"}))
    data(ward.check_in(order, h.staff))
    data(ward.state(order, h.staff, status="CANCELLED", note="closed"))
    entries = ward.history(order, ask.user)
    assert [e["action"] for e in entries] == ["booked", "paid", "confirmed", "rescheduled", "arrived", "cancelled", "refunded"]
    by = {e["action"]: e for e in entries}
    assert by["booked"]["to"]["fhir_status"] == "pending" and by["confirmed"]["to"] == {"status": "SCHEDULED", "fhir_status": "booked"}
    assert by["paid"]["from"] == {"payment_status": "UNPAID"} and by["paid"]["to"]["payment_status"] == "PAID"
    assert by["rescheduled"]["from"]["start_time"] == ts(ask.moment) and by["rescheduled"]["to"]["start_time"] == ts(target.moment)
    assert by["rescheduled"]["note"] == "travel" and by["cancelled"]["to"]["payment_status"] == "REFUNDED"
    assert (by["cancelled"]["note"], by["cancelled"]["by"]["id"]) == ("closed", h.staff)
    h.check()


def test_history_of_one_who_has_waited(ward):
    h = ward.h
    ask = bc._free(h, places=1)
    first, (pid, uid) = h.patient()[1], h.patient()
    held = data(ward.house.api(first).post("/api/v1/appointments", {"schedule_id": ask.session}), 201)["id"]
    waits = ward.house.api(uid).post("/patient/waitlist", {"scheduleId": ask.session, "patientId": pid}).json()["message"]["id"]
    problem(ward.house.api(uid).get(f"/api/v1/appointments/{waits}/history"), "NOT_FOUND", 404)        # api/24: not shown here
    data(ward.house.api(first).post(f"/api/v1/appointments/{held}/cancel"))
    entries = ward.history(waits, uid)
    assert [(e["action"], e["from"], e["to"].get("status"), e["to"]["fhir_status"]) for e in entries] == [
        ("booked", None, None, "waitlist"), ("booked", {"fhir_status": "waitlist"}, "SCHEDULED", "pending")]


def test_history_of_a_time_out_and_a_cancellation(ward):
    h = ward.h
    order, owner, _ = ward.booked()
    data(ward.state(order, owner, status="CANCELLED", note="travel"))
    entry = ward.history(order, owner)[-1]
    assert (entry["action"], entry["by"]["id"], entry["note"]) == ("cancelled", owner, "travel")
    assert (entry["from"]["status"], entry["to"]["status"]) == ("SCHEDULED", "CANCELLED")
    h.run("insert into appointment_history (order_id, at, action, note) values (%s, now(), 'timeout', '支付超时')", order)
    entry = ward.history(order, owner)[-1]
    assert (entry["action"], entry["by"], entry["from"], entry["to"], entry["note"]) == ("cancelled", None, None, None, "支付超时")


def test_no_show_and_cancellation_by_the_office_are_in_the_audit_log(ward):
    h = ward.h
    order, _, patient = ward.booked(started=True)
    data(ward.state(order, ward.nurse, fhir_status="noshow"))
    assert ward.audit(order) == [("appointment.no_show", {"status": ["confirmed", "no_show"]})]
    assert h.one("select patient_id from audit_log where entity = 'appointment' and entity_id = %s", str(order)) == patient
    for cancel in (lambda o: ward.state(o, h.staff, status="CANCELLED"),
                   lambda o: ward.house.api(h.staff).post(f"/api/v1/appointments/{o}/cancel", {"reason": "closed"}),
                   lambda o: ward.house.api(h.admin).request("DELETE", f"/appointment/?appointment_id={o}")):
        order, _, _ = ward.booked()
        assert cancel(order).status_code == 200
        assert ward.audit(order) == [("appointment.cancel", {"status": ["confirmed", "cancelled"]})]
    order, owner, _ = ward.booked()
    data(ward.house.api(owner).post(f"/api/v1/appointments/{order}/cancel"))
    assert ward.audit(order) == []


# ---- what AP-02 to AP-05 show

def test_what_costs_nothing_is_waived(ward):
    h = ward.h
    pid, uid = h.patient()
    sid = h.session(5, doctor=h.extra_doctor(), clinic=bc._clinic(h), price="0")
    made = data(ward.house.api(uid).post("/api/v1/appointments", {"schedule_id": sid}), 201)
    assert (made["fee"], made["payment_status"], made["bill_id"]) == (0.0, "WAIVED", None)
    assert data(ward.house.api(uid).get(f"/api/v1/appointments/{made['id']}")) == made
    for word, count in (("WAIVED", 1), ("PAID", 0), ("UNPAID", 0)):
        assert data(ward.house.api(h.staff).get("/api/v1/appointments", params={"payment_status": word, "patient_id": pid}))["total"] == count
