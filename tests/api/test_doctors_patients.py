"""GET /doctors/me/patients (DO-09): those who are assigned to the caller by R-59, and nobody else."""

import datetime as dt

import pytest

from support import booking_cases as bc
from support import contract
from support.doctors import open_office
from support.hospital import today
from support.http import data, problem

PATH = "/api/v1/doctors/me/patients"


@pytest.fixture(scope="module")
def office(empty_db, make_system):
    o = open_office(empty_db, make_system)
    yield o
    o.h.close()


@pytest.fixture(scope="module")
def people(office):
    """(doctor's account, {name: patient})."""
    h = office.h
    doctor, user = office.doctor()
    other, _ = office.doctor()
    made = {}
    for name in ("primary", "assigned", "closed", "later", "over", "booked", "visited", "cancelled", "waiting", "stranger", "gone"):
        made[name], account = h.patient(name)
        h.run("update patients set name = %s, date_of_birth = '1990-01-01'::date + %s where id = %s", f"病人{name}", len(made), made[name])
        h.run("update users set phonenumber = %s where id = %s", f"1381234{made[name]:04d}", account)
    h.run("update patients set primary_doctor_id = %s where id = any(%s)", doctor, [made["primary"], made["gone"]])
    h.run("update patients set primary_doctor_id = %s where id = %s", other, made["stranger"])
    h.run("update patients set deleted_at = now() where id = %s", made["gone"])
    day = dt.timedelta(1)
    for name, since, until, closed in (("assigned", today(), None, False), ("closed", today(), None, True), ("later", today() + day, None, False),
                                       ("over", today() - 9 * day, today() - day, False)):
        h.run("insert into care_assignments (patient_id, doctor_id, valid_from, valid_to, closed_at) values (%s, %s, %s, %s, %s)",
              made[name], doctor, since, until, "2026-01-01" if closed else None)
    session = h.session(3, doctor=doctor, clinic=bc._clinic(h))
    date = h.one("select date from schedules where id = %s", session)
    for slot, (name, state) in enumerate([("booked", "confirmed"), ("visited", "completed"), ("cancelled", "cancelled")], 1):
        bc._order(h, made[name], session, date, state, slot)
    return user, made


MINE = ("primary", "assigned", "booked", "visited")


def names(people, page):
    by_id = {v: k for k, v in people[1].items()}
    return [by_id[p["id"]] for p in page["items"]]


def test_who_is_assigned(office, people):
    r = office.api(people[0]).get(PATH)
    page = contract.check("directory.v1_list_my_patients", data(r))
    assert names(people, page) == list(MINE) and page["total"] == 4 and r.headers["X-Total-Count"] == "4"
    first = page["items"][0]
    assert first["full_name"] == "病人primary" and first["phone"] == f"1381234{first['id']:04d}" and first["patient_type"] == "external"
    assert r.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("query, want", [
    ({"sort": "-date_of_birth"}, MINE[::-1]), ({"sort": "full_name"}, ("assigned", "booked", "primary", "visited")),
    ({"q": "病人B"}, ("booked",)), ({"q": "%"}, ()), ({"limit": 1, "page": 3}, ("booked",)), ({"page": 9}, ())])
def test_filters_and_order(office, people, query, want):
    assert tuple(names(people, data(office.api(people[0]).get(PATH, params=query)))) == want


def test_found_by_number(office, people):
    patient = people[1]["visited"]
    mrn = office.h.one("select mrn from patients where id = %s", patient)
    for words in (mrn.lower(), f"234{patient:04d}"):
        assert names(people, data(office.api(people[0]).get(PATH, params={"q": words}))) == ["visited"]


def test_members(office, people):
    office.h.run("update patients set full_name = %s where id = %s", "长" * 60, people[1]["booked"])
    page = data(office.api(people[0]).get(PATH, params={"fields": "full_name", "q": "长长"}))
    assert page["items"] == [{"id": people[1]["booked"], "full_name": "长" * 60}]
    office.h.run("update patients set full_name = null where id = %s", people[1]["booked"])
    problem(office.api(people[0]).get(PATH, params={"fields": "password"}), "UNKNOWN_FIELD", 422)
    problem(office.api(people[0]).get(PATH, params={"sort": "phone"}), "UNKNOWN_SORT", 422)
    problem(office.api(people[0]).get(PATH, params={"page": 0}), "VALIDATION_FAILED", 422)


def test_removed_patients(office, people):
    problem(office.api(people[0]).get(PATH, params={"include_deleted": "true"}), "FORBIDDEN", 403)
    both = office.h.user(roles=["DOCTOR", "ADMIN"])
    office.h.run("update doctors set user_id = %s where user_id = %s", both, people[0])
    try:
        page = data(office.api(both).get(PATH, params={"include_deleted": "true"}))
        assert names(people, page) == [*MINE, "gone"]
    finally:
        office.h.run("update doctors set user_id = %s where user_id = %s", people[0], both)


def test_for_doctors_alone(office, people):
    problem(office.api().get(PATH), "TOKEN_MISSING", 401)
    for user in (office.h.admin, office.h.staff):
        problem(office.api(user).get(PATH), "FORBIDDEN", 403)
    problem(office.api(office.h.user(roles=["DOCTOR"])).get(PATH), "PROFILE_NOT_FOUND", 404)
    assert data(office.api(office.h.doctor2_user).get(PATH))["items"] == []
