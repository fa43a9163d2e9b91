"""Medical profiles, care assignments and timelines on /api/v1: PA-09 to PA-14 (api/22)."""

import datetime as dt
from concurrent.futures import ThreadPoolExecutor

import pytest

from support import booking_cases as bc, contract
from support.hospital import at, today, ts
from support.http import data, problem
from support.people import open_people

ALL = "/api/v1/patients"


@pytest.fixture(scope="module")
def people(empty_db, make_system):
    p = open_people(empty_db, make_system)
    yield p
    p.h.close()


@pytest.fixture(scope="module")
def doctor(people):
    return people.api(people.h.doctor_user)


@pytest.fixture(scope="module")
def admin(people):
    return people.api(people.h.admin)


@pytest.fixture
def patient(people):
    """(its path, id, its client) of a patient of the doctor's."""
    pid, _, api = people.patient(primary_doctor_id=people.h.doctor)
    return f"{ALL}/{pid}", pid, api


def profile(response):
    return contract.check("identity.v1_get_medical_profile", data(response))


EMPTY = {"blood_type": None, "height_cm": None, "weight_kg": None, "bmi": None, "allergies": [], "chronic_conditions": [],
         "current_medications": [], "surgeries": [], "family_history": [], "smoking": None, "alcohol": None, "notes": None,
         "source": None, "updated_at": None, "updated_by": None}


# ---- the medical profile

def test_empty_then_written(people, patient, doctor):                               # PA-09, PA-10
    one, pid, mine = patient
    assert profile(mine.get(f"{ALL}/me/medical-profile")) == EMPTY
    sent = {"blood_type": "AB-", "height_cm": 170.2, "weight_kg": 58.3,
            "chronic_conditions": [{"code": "I10", "description": "Hypertension", "since": "2021-06-01", "status": "active", "x": 1}],
            "current_medications": [{"name": "Amlodipine", "dosage": "5 mg"}], "surgeries": [{"description": "Appendectomy", "year": 2008}],
            "family_history": [{"description": "Diabetes", "relation": "mother"}], "smoking": "never", "alcohol": "former",
            "notes": "很怕打针"}
    p = contract.check("identity.v1_update_medical_profile", data(doctor.patch(f"{one}/medical-profile", sent)))
    assert p["bmi"] == 20.1 and p["source"] == "clinician" and p["updated_by"] == people.h.doctor_user and p["notes"] == "很怕打针"
    assert p["chronic_conditions"] == [{"code": "I10", "description": "Hypertension", "since": "2021-06-01", "status": "active"}]
    assert profile(doctor.get(f"{one}/medical-profile")) == p == profile(mine.get(f"{ALL}/me/medical-profile"))
    p2 = data(mine.patch(f"{ALL}/me/medical-profile", {"notes": None, "blood_type": None, "surgeries": []}))
    assert (p2["notes"], p2["blood_type"], p2["surgeries"], p2["smoking"], p2["source"]) == (None, None, [], "never", "patient")
    assert people.h.one("select notes_enc is null from medical_profiles where patient_id = %s", pid)


def test_notes_are_sealed(people, patient, doctor):
    one, pid, _ = patient
    data(doctor.patch(f"{one}/medical-profile", {"notes": "keep this to yourself"}))
    stored = people.h.one("select notes_enc from medical_profiles where patient_id = %s", pid)
    assert b"yourself" not in bytes(stored)
    assert people.h.one("select count(*) from job_done where body like '%%to yourself%%'") == 0
    assert people.h.one("select count(*) from audit_log where changes::text like '%%yourself%%'") == 0
    assert people.audit("medical_profile.update", pid) == [(people.h.doctor_user, pid, {"members": [None, ["notes"]]})]
    people.h.run("update medical_profiles set notes_enc = set_byte(notes_enc, 20, 255 - get_byte(notes_enc, 20)) where patient_id = %s", pid)
    assert profile(doctor.get(f"{one}/medical-profile"))["notes"] is None                # tampered with: nothing is shown


def test_verified_allergies(people, patient, doctor):
    one, _, mine = patient
    penicillin = {"substance": "Penicillin", "category": "medication", "criticality": "high", "reaction": "rash"}
    a = data(doctor.patch(f"{one}/medical-profile", {"allergies": [{**penicillin, "verified": True}, {"substance": "Peanut"}]}))["allergies"]
    assert [x["verified"] for x in a] == [True, False] and a[0]["recorded_at"].startswith(today().isoformat())
    b = data(mine.patch(f"{ALL}/me/medical-profile", {"allergies": [penicillin, {"substance": "Cat", "verified": True}]}))["allergies"]
    assert b[0] == a[0] and (b[1]["substance"], b[1]["verified"]) == ("Cat", False)
    c = data(mine.patch(f"{ALL}/me/medical-profile", {"allergies": [{**penicillin, "reaction": "shock", "verified": True}]}))["allergies"]
    assert c[0]["verified"] is False                                                    # changed by the patient
    d = data(doctor.patch(f"{one}/medical-profile", {"allergies": [{**c[0], "verified": True}]}))["allergies"]
    assert d[0]["verified"] is True
    e = data(doctor.patch(f"{one}/medical-profile", {"allergies": [{k: v for k, v in c[0].items() if k != "verified"}]}))["allergies"]
    assert e[0]["verified"] is True                                                     # not said: as it was


@pytest.mark.parametrize("sent", [
    {"blood_type": "C+"}, {"height_cm": 19.9}, {"height_cm": 272.1}, {"height_cm": 170.25}, {"weight_kg": 0.1}, {"weight_kg": 650.1},
    {"smoking": "sometimes"}, {"notes": "x" * 4001}, {"allergies": [{}]}, {"allergies": [{"substance": "x", "category": "y"}]},
    {"chronic_conditions": [{"code": "I10"}]}, {"surgeries": [{"description": "x", "year": 1}]}])
def test_faults(patient, doctor, sent):
    problem(doctor.patch(f"{patient[0]}/medical-profile", sent), "VALIDATION_FAILED", 422)


def test_codes(patient, doctor):
    r = doctor.patch(f"{patient[0]}/medical-profile", {"chronic_conditions": [{"code": "I1", "description": "x"}]})
    assert "I1" in problem(r, "ICD10_FORMAT", 422)["detail"]
    assert profile(doctor.get(f"{patient[0]}/medical-profile")) == EMPTY


def test_who_reads_and_writes(people, patient, doctor, admin):
    one, pid, mine = patient
    path = f"{one}/medical-profile"
    staff, nurse = people.api(people.h.staff), people.api(people.h.user(roles=["NURSE"]))
    problem(staff.get(path), "FORBIDDEN", 403)
    problem(staff.patch(path, {"smoking": "never"}), "FORBIDDEN", 403)
    problem(nurse.get(path), "NOT_ASSIGNED", 403)
    problem(people.api(people.h.doctor2_user).patch(path, {"smoking": "never"}), "NOT_ASSIGNED", 403)
    problem(people.patient()[2].get(path), "NOT_OWNER", 403)
    problem(people.patient()[2].patch(path, {}), "NOT_OWNER", 403)
    problem(doctor.get(f"{ALL}/999999/medical-profile"), "NOT_FOUND", 404)
    problem(doctor.patch(f"{ALL}/999999/medical-profile", {}), "NOT_FOUND", 404)
    problem(doctor.get(f"{ALL}/me/medical-profile"), "PROFILE_NOT_FOUND", 404)
    problem(doctor.patch(f"{ALL}/me/medical-profile", {}), "PROFILE_NOT_FOUND", 404)
    assert people.audit("medical_profile.read", pid) == []                              # refused
    profile(doctor.get(path))
    profile(admin.get(path))
    profile(mine.get(path))
    data(doctor.get(one, params={"include": "medical_profile"}))
    data(doctor.get(one))
    assert [a[:2] for a in people.audit("medical_profile.read", pid)] == [
        (people.h.doctor_user, pid), (people.h.admin, pid), (people.h.doctor_user, pid)]


def test_a_profile_is_part_of_the_row(patient, doctor):
    """Its change is a new entity tag."""
    one, _, mine = patient
    tag = mine.get(one).headers["ETag"]
    data(doctor.patch(f"{one}/medical-profile", {"smoking": "never"}))
    assert mine.get(one).headers["ETag"] != tag


# ---- assignments

def test_assign_and_close(people, patient, admin, doctor):                          # PA-12 to PA-14
    one, pid, mine = patient
    second = people.api(people.h.doctor2_user)
    problem(second.get(one), "NOT_ASSIGNED", 403)
    r = doctor.post(f"{one}/assignments", {"doctor_id": people.h.doctor2, "reason": "second opinion"})
    a = contract.check("identity.v1_create_assignment", data(r, 201))
    assert (a["kind"], a["doctor_name"], a["valid_from"], a["valid_to"]) == ("consulting", "医生乙", today().isoformat(), None)
    assert a["created_by"] == people.h.doctor_user and r.headers["Location"] == f"{one}/assignments/{a['id']}"
    data(second.get(one))
    problem(second.post(f"{one}/assignments", {"doctor_id": people.h.doctor}), "NOT_ASSIGNED", 403)      # not as primary
    problem(second.delete(f"{one}/assignments/{a['id']}"), "NOT_ASSIGNED", 403)
    problem(doctor.post(f"{one}/assignments", {"doctor_id": people.h.doctor2}), "DUPLICATE", 409)
    assert contract.check("identity.v1_list_assignments", data(mine.get(f"{one}/assignments"))) == [a]
    assert data(doctor.delete(f"{one}/assignments/{a['id']}")) is None
    problem(second.get(one), "NOT_ASSIGNED", 403)                                       # at once
    assert data(mine.get(f"{one}/assignments"))[0]["valid_to"] == today().isoformat()
    assert data(admin.delete(f"{one}/assignments/{a['id']}")) is None                   # again: nothing happens
    assert len(people.audit("care_assignment.close", a["id"])) == 1 and len(people.audit("care_assignment.create", a["id"])) == 1
    data(admin.post(f"{one}/assignments", {"doctor_id": people.h.doctor2, "kind": "primary"}), 201)
    data(second.post(f"{one}/assignments", {"doctor_id": people.h.extra_doctor()}), 201)


def test_assignment_faults(people, patient, admin):
    one, pid, _ = patient
    day = today()
    problem(admin.post(f"{ALL}/999999/assignments", {"doctor_id": people.h.doctor2}), "NOT_FOUND", 404)
    problem(admin.post(f"{one}/assignments", {"doctor_id": 999999}), "NOT_FOUND", 404)
    problem(admin.delete(f"{one}/assignments/999999"), "NOT_FOUND", 404)
    other, *_ = people.patient()
    theirs = data(admin.post(f"{ALL}/{other}/assignments", {"doctor_id": people.h.doctor2}), 201)["id"]
    problem(admin.delete(f"{one}/assignments/{theirs}"), "NOT_FOUND", 404)
    r = admin.post(f"{one}/assignments", {"doctor_id": people.h.doctor2, "valid_to": (day - dt.timedelta(1)).isoformat()})
    assert problem(r, "VALIDATION_FAILED", 422)["errors"][0]["field"] == "valid_to"
    for bad in ({}, {"doctor_id": people.h.doctor2, "kind": "x"}, {"doctor_id": people.h.doctor2, "valid_from": "x"}):
        problem(admin.post(f"{one}/assignments", bad), "VALIDATION_FAILED", 422)
    week = {"doctor_id": people.h.doctor2, "valid_from": day.isoformat(), "valid_to": (day + dt.timedelta(7)).isoformat()}
    data(admin.post(f"{one}/assignments", week), 201)
    problem(admin.post(f"{one}/assignments", {**week, "valid_from": week["valid_to"], "valid_to": None}), "DUPLICATE", 409)
    later = {**week, "valid_from": (day + dt.timedelta(8)).isoformat(), "valid_to": None}
    made = data(admin.post(f"{one}/assignments", later), 201)
    data(admin.delete(f"{one}/assignments/{made['id']}"))                               # has not begun: ends on its first day
    assert data(admin.get(f"{one}/assignments"))[-1]["valid_to"] == later["valid_from"]
    problem(people.api(people.h.doctor2_user).get(f"{ALL}/999999/assignments"), "NOT_FOUND", 404)
    problem(people.patient()[2].get(f"{one}/assignments"), "NOT_OWNER", 403)


def test_the_same_assignment_twice_at_once(people, patient, admin):
    one, pid, _ = patient
    for more in ({}, {"valid_to": (today() + dt.timedelta(3)).isoformat()}):
        target = people.h.extra_doctor()
        with ThreadPoolExecutor(4) as pool:
            got = [f.result().status_code for f in
                   [pool.submit(lambda: admin.post(f"{one}/assignments", {"doctor_id": target, **more})) for _ in range(4)]]
        assert sorted(got) == [201, 409, 409, 409]


# ---- what happened

def order(people, pid, doctor, days=2, **columns):
    session = people.h.session(days, "上午", clinic=bc._clinic(people.h), doctor=doctor)
    bc._order(people.h, pid, session, today() + dt.timedelta(days))
    oid = people.h.one("select max(id) from registration_orders")
    for name, value in columns.items():
        people.h.run(f"update registration_orders set {name} = %s where id = %s", value, oid)
    people.h.run("update schedules set is_latest = false where id = %s", session)
    return oid


def test_timeline(people, patient, admin, doctor):                                  # PA-11
    one, pid, mine = patient
    h = people.h
    first = order(people, pid, h.extra_doctor(h.dept2), 2)
    second = order(people, pid, h.doctor, 4, status="cancelled", cancelled_at="2026-01-01")
    bill = h.one("insert into bills (bill_no, patient_id, appointment_id, kind, subtotal, total, currency, status, issued_at, created_at, updated_at) "
                 "values (%s, %s, %s, 'REGISTRATION', 50, 50, 'CNY', 'ISSUED', now(), now(), now()) returning id", f"BT{pid}", pid, first)
    page = contract.check("identity.v1_list_my_timeline", data(mine.get(f"{ALL}/me/timeline")))
    assert [(e["kind"], e["id"], e["status"]) for e in page["items"]] == [
        ("appointment", second, "CANCELLED"), ("appointment", first, "SCHEDULED"), ("bill", bill, "ISSUED")]
    assert page["items"][1]["title"] == "Visit, 皮肤科" and page["items"][1]["at"] == ts(at(today() + dt.timedelta(2), "08:00"))
    assert page["items"][2]["title"] == f"Bill BT{pid}"
    ids = lambda api, **q: [e["id"] for e in contract.check("identity.v1_list_timeline", data(api.get(f"{one}/timeline", params=q)))["items"]]
    assert ids(admin) == [second, first, bill] == ids(mine) == ids(people.api(h.staff))
    assert ids(doctor) == [second]                                                      # the own ones, and no bills
    assert ids(people.api(h.user(roles=["NURSE"]))) == []
    assert ids(admin, sort="at") == [bill, first, second] and ids(admin, kind="bill") == [bill] and ids(admin, kind="report,image") == []
    day = (today() + dt.timedelta(2)).isoformat()
    assert ids(admin, **{"from": day, "to": day}) == [first] and ids(admin, page_size=1, page=2) == [first]
    r = admin.get(f"{one}/timeline", params={"limit": 2, "fields": "kind"})
    assert data(r)["items"] == [{"id": second, "kind": "appointment"}, {"id": first, "kind": "appointment"}]
    assert r.headers["X-Total-Count"] == "3" and 'rel="next"' in r.headers["Link"]
    for bad in ({"kind": "x"}, {"from": "x"}):
        problem(admin.get(f"{one}/timeline", params=bad), "VALIDATION_FAILED", 422)
    problem(admin.get(f"{one}/timeline", params={"sort": "kind"}), "UNKNOWN_SORT", 422)
    problem(people.patient()[2].get(f"{one}/timeline"), "NOT_OWNER", 403)
    problem(people.api(h.doctor2_user).get(f"{one}/timeline"), "NOT_ASSIGNED", 403)
    problem(admin.get(f"{ALL}/me/timeline"), "PROFILE_NOT_FOUND", 404)
    problem(admin.get(f"{ALL}/999999/timeline"), "NOT_FOUND", 404)
