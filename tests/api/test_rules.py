"""Every rule of booking and of the life of an appointment on every surface that has it: its own refusal, word for word
(tests/support/rule_cases.py)."""

import pathlib
import re

import pytest

from support import booking_cases as bc
from support import rule_cases as rc
from support.hospital import now
from support.http import data, message, problem

ALL = {f"BR-{n}" for n in range(72, 105)} | {f"R-{n}" for n in range(81, 105)}


@pytest.fixture(autouse=True)
def default_settings(house):
    house.reset()
    for key in ("appointment.enforce_start_before_complete", "appointment.max_reschedules"):
        house.h.setting(key, None)


def state(h):
    return h.run("select status, payment_status, count(*) from registration_orders group by 1, 2 order by 1, 2"), h.one(
        "select sum(remaining_slots) from schedules")


def refused_code(response, want):
    number, text = want
    assert message(response, number)["msg"] == text


def refused_v1(response, want):
    status, code, text = want
    p = problem(response, code, status)
    assert text is None or p["detail"] == text, p


def refused_hb(response, want):
    status, text = want
    body = response.json()
    assert response.status_code == status and body["detail"] == text, (response.status_code, response.text)
    assert set(body) == ({"detail", "code"} if status == 409 else {"detail"})


REFUSED = {"code": refused_code, "v1": refused_v1, "hb": refused_hb}
WALK = [(r, surface) for r in rc.RULES for surface in REFUSED if getattr(r, surface)]


@pytest.mark.parametrize("rule,surface", WALK, ids=[f"{r.name}-{s}" for r, s in WALK])
def test_refusal(house, rule, surface):
    h = house.h
    call = rule.make(h)[surface]
    before = state(h)
    response = house.api(call.user).request(call.method, call.path, json=call.body)
    REFUSED[surface](response, getattr(rule, surface))
    assert state(h) == before, "a refusal changes nothing"


# the same bookings, asked for by the office with an override: six rules are skipped, the others stand.
OVERRIDDEN = {"date_is_beyond_the_window": None, "same_day_deadline_has_passed": None, "department_again_too_soon": None,
              "patient_missed_too_many": None, "session_is_full": "SLOT_FULL", "named_slot_is_taken": "SLOT_TAKEN",
              "patient_is_elsewhere_at_that_time": "PATIENT_CONFLICT", "patient_has_a_booking_of_the_session": "DUPLICATE_BOOKING",
              "patient_has_reached_the_limit": "BOOKING_LIMIT", "session_is_over": "APPOINTMENT_IN_PAST",
              "session_is_suspended": "SESSION_SUSPENDED", "time_is_not_a_slot_start": "SLOT_NOT_ALIGNED",
              "doctor_has_no_session_then": "DOCTOR_UNAVAILABLE"}


@pytest.mark.parametrize("name", OVERRIDDEN)
def test_r101_override(house, name):
    h = house.h
    if name == "same_day_deadline_has_passed" and now().strftime("%H:%M") > "23:53":
        pytest.skip("the place of that case has begun")
    ask = getattr(bc, name)(h)
    response = house.api(h.staff).post("/api/v1/appointments", {**bc.v1_body(h, ask), "override": True})
    if OVERRIDDEN[name] is None:
        assert data(response, 201)["patient_id"] == ask.patient
    else:
        assert response.json()["data"]["code"] == OVERRIDDEN[name], response.text
    h.check()


def test_r101_override_of_a_ban_and_of_the_deadline(house):
    h = house.h
    banned, ask = h.user(roles=["STAFF"]), bc._free(h)
    h.run("insert into user_bans (user_id, ban_type) values (%s, 'all')", banned)
    body = {"schedule_id": ask.session, "patient_id": ask.patient}
    problem(house.api(banned).post("/api/v1/appointments", body), "BOOKING_SUSPENDED", 403)
    data(house.api(banned).post("/api/v1/appointments", {**body, "override": True}), 201)
    # R-94 binds patients; a patient of the office's may skip it
    both = h.user(roles=["STAFF", "PATIENT"])
    h.run("insert into patients (user_id, name, gender, patient_type) values (%s, '员工', 'female', '校外')", both)
    own = bc._free(h, days=1)
    h.setting("registration", '{"cancelHoursBefore": 48, "sameDayDeadline": "23:59"}')
    order = data(house.api(both).post("/api/v1/appointments", {"schedule_id": own.session}), 201)["id"]
    assert data(house.api(both).post(f"/api/v1/appointments/{order}/cancel", {"override": True}))["status"] == "CANCELLED"


def test_every_rule_is_walked_or_shown():
    walked = {n for r in rc.RULES for n in r.numbers.split()}
    here = pathlib.Path(__file__).parent.parent
    for number, (file, test) in rc.SHOWN.items():
        assert re.search(rf"^def {test}\(", (here / file).read_text(encoding="utf-8"), re.M), (number, file, test)
    assert ALL - walked - set(rc.SHOWN) == set()
    assert (walked | set(rc.SHOWN)) - ALL == set()
