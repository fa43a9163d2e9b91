"""Patients on /api/v1: PA-01 to PA-08 and PA-15 (api/22)."""

import datetime as dt
from concurrent.futures import ThreadPoolExecutor

import pytest

from support import booking_cases as bc, contract
from support.accounts import add_user
from support.hospital import today
from support.http import data, problem
from support.people import card, open_people

ME, ALL = "/api/v1/patients/me", "/api/v1/patients"


@pytest.fixture(scope="module")
def people(empty_db, make_system):
    p = open_people(empty_db, make_system)
    p.db = empty_db
    yield p
    p.h.close()


@pytest.fixture(scope="module")
def staff(people):
    return people.api(people.h.staff)


@pytest.fixture(scope="module")
def admin(people):
    return people.api(people.h.admin)


@pytest.fixture(scope="module")
def doctor(people):
    return people.api(people.h.doctor_user)


def assigned(people, **columns):
    return people.patient(primary_doctor_id=people.h.doctor, **columns)


def invalid(response, field):
    assert [e["field"] for e in problem(response, "VALIDATION_FAILED", 422)["errors"]] == [field]


WHOLE = {"full_name": "患者甲", "first_name": None, "gender": "F", "date_of_birth": "1990-04-12", "phone": "138 0000-0042",
         "email": "p42@example.test", "address": {"line": "幸福路 8 号", "city": "北京", "country": "CN", "planet": "Earth"},
         "emergency_contact": {"name": "家属", "phone": "13800000043", "relationship": "spouse"}, "marital_status": "married",
         "occupation": "teacher", "language": "zh"}


# ---- making

def test_make_and_read(people, staff):                                              # PA-05, PA-06
    number = card()
    r = staff.post(ALL, {**WHOLE, "national_id": number, "status": "ACTIVE", "primary_doctor_id": people.h.doctor})
    p = contract.check("identity.v1_create_patient", data(r, 201))
    assert r.headers["Location"] == f"{ALL}/{p['id']}" and r.headers["ETag"] == f'"patient-{p["id"]}-1"'
    assert (p["full_name"], p["gender"], p["phone"], p["email"], p["mrn"][0]) == ("患者甲", "female", "13800000042", "p42@example.test", "P")
    assert p["address"] == {"line": "幸福路 8 号", "city": "北京", "country": "CN"} and p["primary_doctor_id"] == people.h.doctor
    assert p["national_id"] == number and p["user_id"] is None and p["patient_type"] == "external" and p["no_show_count"] == 0
    assert p["age"] == today().year - 1990 - ((today().month, today().day) < (4, 12))
    again = staff.get(f"{ALL}/{p['id']}")
    assert contract.check("identity.v1_get_patient", data(again)) == p and again.headers["ETag"] == r.headers["ETag"]
    assert staff.get(f"{ALL}/{p['id']}", headers={"If-None-Match": r.headers["ETag"]}).status_code == 304
    nurse = people.api(people.h.user(roles=["NURSE"]))
    assert data(nurse.get(f"{ALL}/{p['id']}"))["national_id"] == "*" * 14 + number[-4:]
    assert data(people.api(people.h.doctor_user).get(f"{ALL}/{p['id']}"))["national_id"] == "*" * 14 + number[-4:]
    actor, patient, changes = people.audit("patient.create", p["id"])[0]
    assert actor == people.h.staff and patient == p["id"] and changes["national_id"] == ["***", "***"] or changes["national_id"][1] == "***"
    assert changes["full_name"] == [None, "患者甲"] and number not in str(changes)
    stored = people.h.one("select national_id_enc from patients where id = %s", p["id"])
    assert number.encode() not in bytes(stored)
    assert people.h.one("select count(*) from job_done where body like %s", f"%{number}%") == 0


def test_names(people, staff):
    p = data(staff.post(ALL, {"first_name": "Pat", "last_name": "Sample"}), 201)
    assert (p["full_name"], p["first_name"], p["last_name"], p["gender"]) == ("Pat Sample", "Pat", "Sample", "unknown")
    one = f"{ALL}/{p['id']}"
    assert data(staff.patch(one, {"last_name": "Other"}))["full_name"] == "Pat Other"
    assert data(staff.patch(one, {"full_name": "长" * 100}))["full_name"] == "长" * 100
    assert data(staff.patch(one, {"first_name": "Sky"}))["full_name"] == "长" * 100       # was not made of them
    assert data(staff.put(one, {"full_name": "三张", "first_name": None, "last_name": None}))["first_name"] is None
    invalid(staff.post(ALL, {"first_name": None, "last_name": None}), "full_name")
    problem(staff.post(ALL, {"first_name": "Pat"}), "VALIDATION_FAILED", 422)
    invalid(staff.patch(one, {"full_name": None}), "full_name")


@pytest.mark.parametrize("member, value", [
    ("date_of_birth", (today() + dt.timedelta(1)).isoformat()), ("date_of_birth", "1850-01-01"), ("gender", "x"),
    ("phone", "12"), ("email", "no"), ("national_id", "123"), ("address", {"country": "China"}),
    ("emergency_contact", {"name": "x"}), ("status", "GONE"), ("primary_doctor_id", 999999), ("user_id", 999999),
    ("full_name", "x" * 101), ("language", "x" * 36)])
def test_faults(people, staff, member, value):
    r = staff.post(ALL, {"full_name": "甲", member: value})
    assert problem(r, "VALIDATION_FAILED", 422)["errors"][0]["field"].split(".")[0] == member


def test_national_id_is_ones_own(people, staff, admin):
    number = card()
    first = data(staff.post(ALL, {"full_name": "甲", "national_id": number}), 201)["id"]
    problem(staff.post(ALL, {"full_name": "乙", "national_id": number.lower()}), "NATIONAL_ID_TAKEN", 409)
    other = data(staff.post(ALL, {"full_name": "乙"}), 201)["id"]
    problem(staff.patch(f"{ALL}/{other}", {"national_id": number}), "NATIONAL_ID_TAKEN", 409)
    assert data(staff.patch(f"{ALL}/{first}", {"national_id": number}))["national_id"] == number
    assert data(staff.patch(f"{ALL}/{first}", {"national_id": None}))["national_id"] is None
    assert data(staff.patch(f"{ALL}/{other}", {"national_id": number}))["national_id"] == number
    data(admin.delete(f"{ALL}/{other}"))
    assert data(staff.patch(f"{ALL}/{first}", {"national_id": number}))["national_id"] == number    # living rows


def test_with_an_account(people, staff):                                            # PA-05
    p = data(staff.post(ALL, {"full_name": "有号人", "account": {"email": "withaccount@example.test", "password": "Tr0ub4dor&3"}}), 201)
    user = people.h.run("select username, email, user_type from users where id = %s", p["user_id"])[0]
    assert user == ("withaccount", "withaccount@example.test", "external")
    r = people.api().post("/api/v1/auth/login", {"username": "withaccount", "password": "Tr0ub4dor&3"})
    mine = people.system.api(token=data(r)["access_token"])
    assert data(mine.get(ME))["id"] == p["id"]
    assert people.h.one("select relation_type || is_default from patient_relations where user_patient_id = %s", p["id"]) == "本人true"
    later = data(staff.post(ALL, {"full_name": "后设", "account": {"email": "later@example.test"}}), 201)
    assert people.h.one("select hashed_password is null from users where id = %s", later["user_id"])
    problem(staff.post(ALL, {"full_name": "x", "account": {"email": "LATER@example.test"}}), "EMAIL_TAKEN", 409)
    problem(staff.post(ALL, {"full_name": "x", "account": {"username": "withaccount", "password": "Tr0ub4dor&3"}}), "USERNAME_TAKEN", 409)
    problem(staff.post(ALL, {"full_name": "x", "account": {"username": "weak1", "password": "aaaaaaaa"}}), "PASSWORD_WEAK", 422)
    problem(staff.post(ALL, {"full_name": "x", "account": {"username": "long1", "password": "Aa1&" * 19}}), "PASSWORD_TOO_LONG", 422)
    invalid(staff.post(ALL, {"full_name": "x", "account": {"password": "Tr0ub4dor&3"}}), "account.username")
    invalid(staff.post(ALL, {"full_name": "x", "account": {"username": "nopass"}}), "account.password")
    assert people.h.one("select count(*) from patients where name = 'x'") == 0


def test_linked_to_an_account(people, staff, admin):
    user = people.h.user(roles=["STAFF"])
    p = data(staff.post(ALL, {"full_name": "同事", "user_id": user}), 201)
    assert p["user_id"] == user and people.h.one("select count(*) from user_roles where user_id = %s and role_code = 'PATIENT'", user) == 1
    problem(staff.post(ALL, {"full_name": "又", "user_id": user}), "DUPLICATE", 409)
    other = data(staff.post(ALL, {"full_name": "又"}), 201)["id"]
    problem(staff.patch(f"{ALL}/{other}", {"user_id": user}), "DUPLICATE", 409)
    invalid(staff.post(ALL, {"full_name": "x", "user_id": people.h.user(), "account": {"username": "both"}}), "account")
    assert data(staff.patch(f"{ALL}/{p['id']}", {"user_id": None}))["user_id"] is None
    problem(people.api(user).get(ME), "PROFILE_NOT_FOUND", 404)                         # felt at once
    assert data(staff.patch(f"{ALL}/{other}", {"user_id": user}))["user_id"] == user
    assert data(people.api(user).get(ME))["id"] == other


def test_a_doctor_makes_his_patient(people, doctor):                                # PA-05
    p = data(doctor.post(ALL, {"full_name": "急诊", "medical_profile": {"blood_type": "O+"}}), 201)
    assert p["medical_profile"]["source"] == "clinician"
    row = data(doctor.get(f"{ALL}/{p['id']}/assignments"))
    assert [(a["doctor_id"], a["kind"]) for a in row] == [(people.h.doctor, "primary")]
    for member in ({"status": "ACTIVE"}, {"primary_doctor_id": people.h.doctor}, {"user_id": people.h.staff}):
        assert next(iter(member)) in problem(doctor.post(ALL, {"full_name": "x", **member}), "FIELD_NOT_ALLOWED", 403)["detail"]


def test_staff_have_no_part_in_the_profile(people, staff):
    pid, *_ = people.patient()
    problem(staff.post(ALL, {"full_name": "x", "medical_profile": {}}), "FIELD_NOT_ALLOWED", 403)
    problem(staff.patch(f"{ALL}/{pid}", {"medical_profile": {"blood_type": "A+"}}), "FIELD_NOT_ALLOWED", 403)
    for query in ({"include": "medical_profile"}, {"fields": "medical_profile.notes"}):
        problem(staff.get(f"{ALL}/{pid}", params=query), "FORBIDDEN", 403)
        problem(staff.get(ALL, params=query), "FORBIDDEN", 403)


# ---- one's own

def test_own_row(people):                                                           # PA-01, PA-02
    pid, uid, api = people.patient()
    people.h.run("update users set email = %s where id = %s", f"own{uid}@example.test", uid)
    p = contract.check("identity.v1_get_my_patient", data(api.get(ME)))
    assert p["id"] == pid and p["email"] == f"own{uid}@example.test" and p["phone"].startswith("139")   # the account's
    number = card()
    r = api.patch(ME, {**WHOLE, "national_id": number, "medical_profile": {"height_cm": 170, "weight_kg": 57.8, "notes": "怕针"}})
    p = contract.check("identity.v1_update_my_patient", data(r))
    assert p["national_id"] == number and p["medical_profile"]["bmi"] == 20 and p["medical_profile"]["notes"] == "怕针"
    assert data(api.get(ME, params={"include": "medical_profile"})) == p and r.headers["ETag"] == api.get(ME).headers["ETag"]
    assert "medical_profile" not in data(api.get(ME))
    some = data(api.get(ME, params={"fields": "full_name,address.city,medical_profile.notes,national_id"}))
    assert some == {"id": pid, "full_name": "患者甲", "address": {"city": "北京"}, "medical_profile": {"notes": "怕针"}, "national_id": number}
    problem(api.get(ME, params={"fields": "national_id_enc"}), "UNKNOWN_FIELD", 422)
    for member in ("status", "mrn", "primary_doctor_id", "user_id"):
        problem(api.patch(ME, {member: p[member], "occupation": "x"}), "FIELD_NOT_ALLOWED", 403)
    assert data(api.get(ME))["occupation"] == "teacher"
    assert people.audit("medical_profile.read", pid) == []                              # not by oneself


def test_one_name_on_all_surfaces(people):
    _, _, api = people.patient()
    data(api.patch(ME, {"full_name": "长" * 60}))
    assert api.get("/auth/user-info").json()["message"]["patient"]["realName"] == "长" * 60
    assert api.get("/patient/patients").json()["message"]["patients"][0]["patient"]["real_name"] == "长" * 60
    assert api.put("/auth/profile", {"realName": "短名"}).json()["code"] == 0
    assert data(api.get(ME))["full_name"] == "短名"


def test_conditional_changes(people, staff):
    pid, _, api = people.patient()
    tag = api.get(ME).headers["ETag"]
    fresh = api.patch(ME, {"occupation": "a"}, headers={"If-Match": tag}).headers["ETag"]
    assert fresh != tag
    problem(api.patch(ME, {"occupation": "b"}, headers={"If-Match": tag}), "PRECONDITION_FAILED", 412)
    problem(staff.patch(f"{ALL}/{pid}", {"occupation": "b"}, headers={"If-Match": tag}), "PRECONDITION_FAILED", 412)
    assert data(staff.patch(f"{ALL}/{pid}", {"occupation": "c"}, headers={"If-Match": fresh}))["occupation"] == "c"


def test_my_first_row(people):                                                      # PA-03, R-57
    uid = people.h.user(roles=["DOCTOR"])
    api = people.api(uid)
    problem(api.get(ME), "PROFILE_NOT_FOUND", 404)
    problem(api.patch(ME, {"occupation": "x"}), "PROFILE_NOT_FOUND", 404)
    problem(api.post(ME, {"full_name": "我", "status": "ACTIVE"}), "FIELD_NOT_ALLOWED", 403)
    r = api.post(ME, {"full_name": "我", "national_id": card()}, headers={"Idempotency-Key": "first"})
    p = contract.check("identity.v1_create_my_patient", data(r, 201))
    assert p["user_id"] == uid and r.headers["Location"].endswith(f"/{p['id']}")
    again = api.post(ME, {"full_name": "我", "national_id": p["national_id"]}, headers={"Idempotency-Key": "first"})
    assert data(again, 201) == p or problem(again, "IDEMPOTENCY_KEY_REUSED", 422)
    assert data(api.get(ME))["national_id"] == p["national_id"]
    problem(api.post(ME, {"full_name": "我"}), "DUPLICATE", 409)


def test_reach(people, doctor):
    pid, _, mine = people.patient()
    other = people.patient()[2]
    problem(other.get(f"{ALL}/{pid}"), "NOT_OWNER", 403)
    problem(other.patch(f"{ALL}/{pid}", {"occupation": "x"}), "NOT_OWNER", 403)
    problem(doctor.get(f"{ALL}/{pid}"), "NOT_ASSIGNED", 403)
    problem(doctor.patch(f"{ALL}/{pid}", {"medical_profile": {}}), "NOT_ASSIGNED", 403)
    problem(mine.get(f"{ALL}/999999"), "NOT_FOUND", 404)
    people.h.run("update patients set deleted_at = now() where id = %s", pid)
    for api in (doctor, people.api(people.h.staff)):
        problem(api.get(f"{ALL}/{pid}"), "NOT_FOUND", 404)
        problem(api.patch(f"{ALL}/{pid}", {}), "NOT_FOUND", 404)


@pytest.mark.parametrize("way", ["primary", "assignment", "appointment", "cancelled", "closed", "future", "past"])
def test_who_is_assigned(people, doctor, way):
    h = people.h
    pid, uid, _ = people.patient()
    if way == "primary":
        h.run("update patients set primary_doctor_id = %s where id = %s", h.doctor, pid)
    elif way in ("appointment", "cancelled"):
        session = h.session(4, "晚上", clinic=bc._clinic(h))
        bc._order(h, pid, session, today() + dt.timedelta(4))
        if way == "cancelled":
            h.run("update registration_orders set status = 'cancelled' where patient_id = %s", pid)
        h.run("update schedules set is_latest = false where id = %s", session)
    else:
        first, last = {"assignment": (-3, None), "closed": (-3, None), "future": (1, None), "past": (-3, -1)}[way]
        h.run("insert into care_assignments (patient_id, doctor_id, valid_from, valid_to, closed_at) values (%s, %s, %s, %s, %s)",
              pid, h.doctor, today() + dt.timedelta(first), last and today() + dt.timedelta(last), "2026-01-01" if way == "closed" else None)
    r = doctor.get(f"{ALL}/{pid}")
    if way in ("primary", "assignment", "appointment"):
        data(r)
        assert pid in [p["id"] for p in data(doctor.get(ALL, params={"page_size": 100}))["items"]]
        data(doctor.patch(f"{ALL}/{pid}", {"medical_profile": {"smoking": "never"}}))
        problem(doctor.patch(f"{ALL}/{pid}", {"occupation": "x"}), "FIELD_NOT_ALLOWED", 403)
        nurse = h.user(roles=["NURSE"])
        h.run("insert into doctors (user_id, dept_id, name) values (%s, %s, '护士')", nurse, h.dept)
        data(people.api(nurse).get(f"{ALL}/{pid}/medical-profile"))                     # of the same department
    else:
        problem(r, "NOT_ASSIGNED", 403)
        assert pid not in [p["id"] for p in data(doctor.get(ALL, params={"page_size": 100}))["items"]]


# ---- the list

@pytest.fixture(scope="module")
def crowd(people):
    """Five patients whose names nobody else has."""
    rows = [{"gender": "male", "date_of_birth": "1970-01-01", "phone": "15900000001"},
            {"gender": "female", "date_of_birth": "1980-06-01", "status": "DECEASED"},
            {"gender": "other", "date_of_birth": "1990-06-01", "full_name": "群人" + "长" * 60},
            {"gender": "male", "primary_doctor_id": people.h.doctor2},
            {"gender": "female", "deleted_at": "2026-01-01"}]
    made = []
    for i, columns in enumerate(rows):
        pid, uid = people.h.patient(account=False)
        for name, value in {"name": f"群人{i}%", **columns}.items():
            people.h.run(f"update patients set {name} = %s where id = %s", value, pid)
        made.append(pid)
    return made


@pytest.mark.parametrize("query, want", [
    ({}, "0123"), ({"gender": "M"}, "03"), ({"gender": "female,other"}, "12"), ({"status": "ACTIVE"}, "023"),
    ({"status": "DECEASED,MERGED"}, "1"), ({"date_of_birth_from": "1980-06-01"}, "12"), ({"date_of_birth_to": "1980-06-01"}, "01"),
    ({"phone": "159-0000 0001"}, "0"), ({"sort": "-id"}, "3210"), ({"sort": "date_of_birth"}, "0123"),
    ({"sort": "-date_of_birth,id"}, "2103"), ({"sort": "-full_name"}, "2310"), ({"sort": "created_at,-id"}, "0123")])
def test_filters_and_order(people, admin, crowd, query, want):                      # PA-04
    page = contract.check("identity.v1_list_patients", data(admin.get(ALL, params={"q": "群人", **query})))
    assert "".join(str(crowd.index(p["id"])) for p in page["items"]) == want and page["total"] == len(want)


def test_more_of_the_list(people, admin, staff, crowd):
    ids = lambda **q: [p["id"] for p in data(admin.get(ALL, params=q))["items"]]
    assert ids(q="群人3%") == [crowd[3]] and ids(q="人" + "长" * 10) == [crowd[2]] and ids(q="群_人") == []
    assert ids(doctor_id=people.h.doctor2) == [crowd[3]]
    assert ids(q="群人", include_deleted="true") == crowd
    problem(staff.get(ALL, params={"include_deleted": "true"}), "FORBIDDEN", 403)
    mrn = people.h.one("select mrn from patients where id = %s", crowd[1])
    assert ids(q=mrn.lower()) == [crowd[1]]
    number = card()
    data(staff.patch(f"{ALL}/{crowd[0]}", {"national_id": number}))
    assert ids(national_id=number.lower()) == [crowd[0]] and ids(national_id=card()) == []
    _, uid, _ = people.patient()
    phone = people.h.one("select phonenumber from users where id = %s", uid)
    assert len(ids(phone=phone)) == 1 and ids(q=phone) == ids(phone=phone)
    r = admin.get(ALL, params={"q": "群人", "limit": 2, "page": 2, "fields": "full_name,national_id"})
    assert [set(p) for p in data(r)["items"]] == [{"id", "full_name", "national_id"}] * 2
    assert r.headers["X-Total-Count"] == "4" and 'rel="prev"' in r.headers["Link"]
    for bad in ({"page": 0}, {"gender": "x"}, {"date_of_birth_from": "x"}, {"national_id": "1"}):
        problem(admin.get(ALL, params=bad), "VALIDATION_FAILED", 422)
    problem(admin.get(ALL, params={"sort": "phone"}), "UNKNOWN_SORT", 422)
    problem(people.patient()[2].get(ALL), "FORBIDDEN", 403)


def test_profiles_in_the_list(people, admin):
    mine, _, _ = assigned(people, name="档人一")
    other, _, _ = people.patient(name="档人二")
    people.h.run("insert into medical_profiles (patient_id, blood_type, source) values (%s, 'A+', 'clinician')", mine)
    doctor = people.api(people.h.doctor_user)
    page = data(doctor.get(ALL, params={"q": "档人", "include": "medical_profile"}))
    assert [(p["id"], p["medical_profile"]["blood_type"]) for p in page["items"]] == [(mine, "A+")]
    assert [a[0] for a in people.audit("medical_profile.read", mine)] == [people.h.doctor_user]
    nurse = people.api(people.h.user(roles=["NURSE"]))
    page = data(nurse.get(ALL, params={"q": "档人", "include": "medical_profile"}))
    assert [(p["id"], p["medical_profile"]) for p in page["items"]] == [(mine, None), (other, None)]
    page = data(admin.get(ALL, params={"q": "档人", "fields": "medical_profile.blood_type"}))
    assert page["items"] == [{"id": mine, "medical_profile": {"blood_type": "A+"}}, {"id": other, "medical_profile": {"blood_type": None}}]
    assert people.audit("medical_profile.read", other) == [(people.h.admin, other, {})]


# ---- removing

def booked(people, pid, paid=False):
    session = people.h.session(3, "下午", clinic=bc._clinic(people.h), doctor=people.h.extra_doctor())
    bc._order(people.h, pid, session, today() + dt.timedelta(3))
    return session, people.h.one("select max(id) from registration_orders")


def test_delete(people, admin, staff):                                              # PA-08
    user = add_user(people.db, ["PATIENT"], username="leaver", password="Tr0ub4dor&3")
    pid = people.h.one("insert into patients (user_id, name) values (%s, '要走') returning id", user)
    token = data(people.api().post("/api/v1/auth/login", {"username": "leaver", "password": "Tr0ub4dor&3"}))["access_token"]
    mine = people.system.api(token=token)
    data(mine.get(ME))
    tag = admin.get(f"{ALL}/{pid}").headers["ETag"]
    problem(admin.delete(f"{ALL}/{pid}", headers={"If-Match": '"patient-1-99"'}), "PRECONDITION_FAILED", 412)
    assert data(admin.delete(f"{ALL}/{pid}", headers={"If-Match": tag})) is None
    problem(mine.get(ME), "TOKEN_REVOKED", 401)
    problem(people.api().post("/api/v1/auth/login", {"username": "leaver", "password": "Tr0ub4dor&3"}), "ACCOUNT_DISABLED", 403)
    problem(admin.delete(f"{ALL}/{pid}"), "NOT_FOUND", 404)
    assert people.audit("patient.delete", pid) == [(people.h.admin, pid, {"deleted": [False, True]})]
    assert data(admin.get(ALL, params={"q": "要走", "include_deleted": "true"}))["total"] == 1      # history is kept


def test_delete_of_a_doctor_who_was_a_patient(people, admin):
    user = people.h.user(roles=["PATIENT", "DOCTOR"])
    pid = people.h.one("insert into patients (user_id, name) values (%s, '兼') returning id", user)
    api = people.api(user)
    data(api.get(ME))
    data(admin.delete(f"{ALL}/{pid}"))
    problem(api.get(ME), "PROFILE_NOT_FOUND", 404)
    assert people.h.one("select is_active from users where id = %s", user)


def test_delete_with_appointments(people, admin):
    pid, _, api = people.patient()
    session, order = booked(people, pid)
    before = people.h.remaining(session)
    problem(admin.delete(f"{ALL}/{pid}"), "PATIENT_HAS_APPOINTMENTS", 409)
    other, *_ = people.patient()
    bc._order(people.h, other, session, today() + dt.timedelta(3), slot=2)
    data(admin.delete(f"{ALL}/{pid}", params={"cancel_appointments": "true"}))
    o = people.h.order(order)
    assert (o["status"], o["cancelled_by"], o["cancel_reason"]) == ("cancelled", "staff", "患者档案已注销")
    assert people.h.one("select status from registration_orders where patient_id = %s", other) == "confirmed"
    assert people.h.one("select status from schedules where id = %s", session) == "正常"
    assert people.h.remaining(session) == before


def test_past_visits_do_not_hold(people, admin):
    pid, *_ = people.patient()
    session, order = booked(people, pid)
    people.h.run("update registration_orders set status = 'completed' where id = %s", order)
    data(admin.delete(f"{ALL}/{pid}"))
    assert people.h.order(order)["status"] == "completed"


def test_own_appointments(people, admin, staff):                                    # PA-15
    pid, _, api = people.patient()
    other = people.patient()[2]
    session, order = booked(people, pid)
    for caller in (api, admin, staff):
        page = contract.check("booking.v1_list_patient_appointments", data(caller.get(f"{ALL}/{pid}/appointments")))
        assert [a["id"] for a in page["items"]] == [order] and page["total"] == 1
    assert data(admin.get(f"{ALL}/{pid}/appointments", params={"status": "CANCELLED"}))["items"] == []
    problem(other.get(f"{ALL}/{pid}/appointments"), "NOT_OWNER", 403)
    problem(people.api(people.h.doctor2_user).get(f"{ALL}/{pid}/appointments"), "NOT_OWNER", 403)
    problem(admin.get(f"{ALL}/999999/appointments"), "NOT_FOUND", 404)
    parent = people.patient()
    people.h.relate(parent[0], pid)
    assert data(parent[2].get(f"{ALL}/{pid}/appointments"))["total"] == 1
    stranger, *_ = people.patient()
    assert data(staff.get(f"{ALL}/{stranger}/appointments", params={"patient_id": pid}))["items"] == []


# ---- two at once

def at_once(calls):
    with ThreadPoolExecutor(len(calls)) as pool:
        return [f.result() for f in [pool.submit(c) for c in calls]]


def test_one_national_id_twice_at_once(people, staff, admin):
    for _ in range(4):
        number = card()
        pid, *_ = people.patient()
        got = at_once([lambda: staff.post(ALL, {"full_name": "甲", "national_id": number}),
                       lambda: admin.post(ALL, {"full_name": "甲", "national_id": number}),
                       lambda: admin.patch(f"{ALL}/{pid}", {"national_id": number}),
                       lambda: people.patient()[2].post("/patient/patients", {"name": "甲", "id_card": number})])
        kept = people.h.one("select count(*) from patients where deleted_at is null and national_id_bidx = "
                            "(select national_id_bidx from patients where id = (select max(id) from patients "
                            "where national_id_bidx is not null))")
        assert kept == 1
        assert sum(r.status_code in (200, 201) for r in got[:3]) <= 1
        assert all(r.json()["data"]["code"] == "NATIONAL_ID_TAKEN" for r in got[:3] if r.status_code not in (200, 201))


def test_two_own_rows_at_once(people):
    uid = people.h.user(roles=["STAFF"])
    api = people.api(uid)
    got = sorted(r.status_code for r in at_once([lambda: api.post(ME, {"full_name": "我"})] * 4))
    assert got == [201, 409, 409, 409]


def test_removed_while_booking(people, admin):
    session = people.h.session(5, "上午", clinic=bc._clinic(people.h), doctor=people.h.extra_doctor(), places=100, minutes=2)
    staff = people.api(people.h.staff)
    for i in range(8):
        pid, *_ = people.patient()
        book = lambda: staff.post("/api/v1/appointments", {"schedule_id": session, "patient_id": pid})
        remove = lambda: admin.delete(f"{ALL}/{pid}")
        booking, removal = at_once([book, remove]) if i % 2 else reversed(at_once([remove, book]))
        gone = people.h.one("select deleted_at is not null from patients where id = %s", pid)
        active = people.h.one("select count(*) from registration_orders where patient_id = %s and status = 'confirmed'", pid)
        assert (gone, active) in ((True, 0), (False, 1)), (booking.text, removal.text)
        assert booking.status_code == (201 if active else 404), booking.text
        assert removal.status_code == (200 if gone else 409), removal.text
