"""Quotes: list price, its level, discount, payable, for whom may book (api/03; BR-31, BR-36, BR-37, BR-72)."""

import json

import pytest

from support.hospital import Hospital
from support.http import data, problem


@pytest.fixture(scope="module")
def h(empty_db):
    h = Hospital(empty_db)
    yield h
    h.close()


@pytest.fixture(scope="module")
def system(empty_db, h, make_system):
    return make_system(empty_db, {"ratelimit.enabled": "false"}).start()


@pytest.fixture(scope="module")
def people(h, system):
    """Clients by role, and patient ids by name."""
    class People:
        pass

    p = People()
    p.patient, user = h.patient(kind="学生")
    p.child, _ = h.patient(kind="校外", account=False)
    p.other, other = h.patient(kind="教师")
    h.relate(p.patient, p.child)
    name = lambda u: h.one("select phonenumber from users where id = %s", u)
    p.me, p.stranger = system.api(name(user)), system.api(name(other))
    p.admin, p.staff, p.doctor = system.api(name(h.admin)), system.api(name(h.staff)), system.api(name(h.doctor_user))
    return p


def quote(api, session, **query):
    return data(api.get(f"/api/v1/schedules/{session}/quote", params=query))


def levels(h, **prices):
    """doctor=82, clinic=None, ...: the price of 普通 at each level."""
    for scope, id in (("DOCTOR", h.doctor), ("CLINIC", h.clinic), ("MINOR_DEPT", h.dept), ("GLOBAL", None)):
        price = prices.get(scope.lower().replace("minor_", ""))
        h.setting("registration.price", json.dumps({"default_price_normal": price}) if price is not None else None, scope, id)


def test_own_quote_with_discount(h, people):
    levels(h, doctor=82)
    session = h.session(3, price="82.00")
    assert quote(people.me, session) == {
        "schedule_id": session, "patient_id": people.patient, "slot_type": "NORMAL", "list_price": 82.0, "level": "DOCTOR",
        "rate": 0.8, "discount": 16.4, "payable": 65.6, "currency": "CNY"}
    got = quote(people.me, session, patient_id=people.child)
    assert (got["rate"], got["payable"], got["patient_id"]) == (1.0, 82.0, people.child)


@pytest.mark.parametrize("said, level", [
    ({"doctor": 60, "clinic": 70, "dept": 80, "global": 90}, "DOCTOR"), ({"clinic": 60, "dept": 80, "global": 90}, "CLINIC"),
    ({"dept": 60, "global": 90}, "MINOR_DEPT"), ({"global": 60}, "GLOBAL"), ({"doctor": 61, "global": 60}, "SCHEDULE"), ({}, "SCHEDULE")])
def test_level_of_the_price(h, people, said, level):
    levels(h, **said)
    session = h.session(4, price="60.00")
    assert quote(people.me, session)["level"] == level
    h.run("delete from schedules where id = %s", session)


@pytest.mark.parametrize("slot_type, price, word", [("普通", "50.00", "NORMAL"), ("专家", "100.00", "EXPERT"), ("特需", "500.00", "SPECIAL")])
def test_built_in_prices(h, people, slot_type, price, word):
    levels(h)
    session = h.session(5, price=price, slot_type=slot_type)
    got = quote(people.me, session)
    assert (got["level"], got["slot_type"], got["list_price"]) == ("BUILTIN", word, float(price))
    h.run("delete from schedules where id = %s", session)


def test_the_statement_and_the_function_of_prices_agree(h, people):
    """gh_list_price() of the schema makes sessions; the quote names the level: both follow the same ladder."""
    for said in ({"doctor": 11.5}, {"clinic": 12}, {"dept": 13}, {"global": 14}, {}, {"doctor": 0, "global": 9}):
        levels(h, **said)
        price = h.one("select gh_list_price(%s, %s, '普通')", h.doctor, h.clinic)
        session = h.session(6, price=str(price))
        assert quote(people.me, session)["level"] == (list(said) or ["builtin"])[0].upper().replace("DEPT", "MINOR_DEPT")
        h.run("delete from schedules where id = %s", session)


def test_rounding_and_rates(h, people):
    session = h.session(7, price="33.35")
    h.setting("patientIdentityDiscounts", json.dumps({"学生": 0.9, "教师": 0}))
    got = quote(people.me, session)
    assert (got["rate"], got["payable"], got["discount"]) == (0.9, 30.02, 3.33)
    assert quote(people.stranger, session)["rate"] == 0.8                   # 0 is none (BR-37)
    h.setting("patientIdentityDiscounts", None)


def test_a_quote_is_what_the_booking_costs(h, people):
    levels(h, doctor=80)
    session = h.session(8, price="80.00")
    payable = quote(people.me, session)["payable"]
    assert data(people.me.post("/api/v1/appointments", {"schedule_id": session}), 201)["fee"] == payable


def test_for_whom(h, people):
    session = h.session(9)
    path = f"/api/v1/schedules/{session}/quote"
    problem(people.stranger.get(path, params={"patient_id": people.patient}), "NOT_OWNER", 403)
    problem(people.doctor.get(path, params={"patient_id": people.other}), "NOT_ASSIGNED", 403)
    assert quote(people.staff, session, patient_id=people.other)["patient_id"] == people.other
    assert quote(people.admin, session, patient_id=people.other)["rate"] == 0.8
    problem(people.admin.get(path), "VALIDATION_FAILED", 422)
    problem(people.admin.get(path, params={"patient_id": 10**9}), "NOT_FOUND", 404)
    problem(people.me.get(path, params={"patient_id": "x"}), "VALIDATION_FAILED", 422)
    problem(people.me.get(path, token=None), "TOKEN_MISSING", 401)
    h.run("update patients set primary_doctor_id = %s where id = %s", h.doctor, people.other)
    assert quote(people.doctor, session, patient_id=people.other)["patient_id"] == people.other


def test_no_profile_and_no_session(h, system, people):
    bare = h.user(roles=["PATIENT"])
    api = system.api(h.one("select phonenumber from users where id = %s", bare))
    session = h.session(10)
    problem(api.get(f"/api/v1/schedules/{session}/quote"), "PROFILE_NOT_FOUND", 404)
    problem(people.me.get("/api/v1/schedules/999999999/quote"), "SCHEDULE_NOT_FOUND", 404)
    h.run("update schedules set is_latest = false where id = %s", session)
    problem(people.me.get(f"/api/v1/schedules/{session}/quote"), "SCHEDULE_NOT_FOUND", 404)
