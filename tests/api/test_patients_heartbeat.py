"""Patients on Heartbeat: HB-02 to HB-06 (api/30)."""

import datetime as dt
from concurrent.futures import ThreadPoolExecutor

import pytest

from support import booking_cases as bc, contract
from support.hospital import today
from support.http import data
from support.people import open_people

PASSWORD = "Tr0ub4dor&3"


@pytest.fixture(scope="module")
def people(empty_db, make_system):
    p = open_people(empty_db, make_system)
    yield p
    p.h.close()


@pytest.fixture(scope="module")
def admin(people):
    return people.api(people.h.admin)


def body(response, status=200):
    assert response.status_code == status, response.text
    return response.json()


def detail(response, status, text=None, code=None):
    said = body(response, status)
    assert text is None or said["detail"] == text, said
    assert said.get("code") == code, said


def faulty(response, where, member, kind=None):
    faults = body(response, 422)["detail"]
    assert [f["loc"] for f in faults] == [[where, member]], faults
    assert kind is None or faults[0]["type"] == kind, faults


_n = iter(range(1, 1000))


def new(people, **more):
    return {"name": "Pat", "surname": "Sample", "email": f"pat{next(_n)}@clinic.test", "password": PASSWORD, **more}


def sign_in(people, name, password=PASSWORD):
    r = people.api().post("/auth/token", data={"grant_type": "password", "username": name, "password": password})
    return people.system.api(token=body(r)["access_token"])


# ---- registering

def test_register_and_read(people, admin):                                          # HB-04, HB-03, R-221
    sent = new(people, phone="139 1111-0001", date_of_birth="1990-05-17", gender="F", address="12 Lake Road")
    r = people.api().post("/patient/", sent)
    p = contract.check("identity.hb_create_patient", body(r, 201))
    assert r.headers["Location"] == f"/patient/{p['id']}"
    assert (p["name"], p["surname"], p["email"], p["username"], p["phone"]) == ("Pat", "Sample", sent["email"], sent["email"], "13911110001")
    assert (p["date_of_birth"], p["gender"], p["address"]) == ("1990-05-17", "female", "12 Lake Road")
    mine = sign_in(people, sent["email"])
    assert contract.check("identity.hb_get_patient", body(mine.get(f"/patient/{p['id']}"))) == p
    assert contract.check("identity.hb_list_patients", body(mine.get("/patient"))) == [p]       # the slash-less form, the own row
    v1 = data(mine.get("/api/v1/patients/me"))
    assert (v1["full_name"], v1["first_name"], v1["last_name"], v1["address"]) == ("Pat Sample", "Pat", "Sample", {"line": "12 Lake Road"})
    assert people.h.run("select role_code from user_roles where user_id = %s", p["user_id"]) == [("PATIENT",)]
    assert people.h.one("select full_name from users where id = %s", p["user_id"]) == "Pat Sample"
    short = body(people.api().post("/patient", {"name": "Quin", "email": f"q{next(_n)}@clinic.test", "password": PASSWORD}), 201)
    assert (short["surname"], short["phone"], short["gender"], short["address"]) == (None, None, "unknown", None)
    around = new(people, name=" Pat ", address="\tLake\n", password="  " + PASSWORD + " ")
    trimmed = body(people.api().post("/patient/", around), 201)
    assert (trimmed["name"], trimmed["address"]) == ("Pat", "Lake") and sign_in(people, around["email"], around["password"])
    named = body(people.api().post("/patient/", new(people, username="quin.named")), 201)
    assert named["username"] == "quin.named" and sign_in(people, "quin.named")


def test_register_clashes(people):
    first = new(people, username="taken.hb", phone="13911110002")
    body(people.api().post("/patient/", first), 201)
    count = people.h.one("select count(*) from users")
    detail(people.api().post("/patient/", new(people, email=first["email"].upper())), 409, code="EMAIL_TAKEN")
    detail(people.api().post("/patient/", new(people, username="TAKEN.hb")), 409, code="USERNAME_TAKEN")
    detail(people.api().post("/patient/", new(people, phone="139-1111-0002")), 409, code="PHONE_TAKEN")
    assert people.h.one("select count(*) from users") == count


@pytest.mark.parametrize("member, value, kind", [
    ("name", None, None), ("email", "nobody", None), ("gender", "x", "enum"), ("date_of_birth", "x", None), ("password", "lower-and-dashes", None),
    ("password", "Aa1&" * 19, None), ("date_of_birth", "2999-01-01", "value_error"), ("username", "x", None), ("address", "x" * 501, None),
    ("name", "   ", "string_too_short"), ("name", "Pa\x01t", "value_error")])
def test_register_faults(people, member, value, kind):
    faulty(people.api().post("/patient/", new(people, **{member: value})), "body", member, kind)


def test_what_is_missing(people):
    faults = body(people.api().post("/patient/", {}), 422)["detail"]
    assert {f["loc"][1] for f in faults} == {"name", "email", "password"} and {f["type"] for f in faults} == {"missing"}


# ---- reading

def test_who_sees_whom(people, admin):                                              # HB-02, R-58, R-12
    pid, uid, mine = people.patient(primary_doctor_id=people.h.doctor)
    other, _, _ = people.patient()
    assert [p["id"] for p in body(mine.get("/patient/"))] == [pid]
    assert pid in [p["id"] for p in body(people.api(people.h.doctor_user).get("/patient/"))]
    assert other not in [p["id"] for p in body(people.api(people.h.doctor_user).get("/patient/"))]
    everybody = body(admin.get("/patient/"))
    ids = [p["id"] for p in everybody]
    assert ids == sorted(ids) and {pid, other} <= set(ids)
    part = admin.get("/patient/", params={"skip": 1, "limit": 2})
    assert [p["id"] for p in body(part)] == ids[1:3] and part.headers["X-Total-Count"] == str(len(ids)) and "Link" in part.headers
    faulty(admin.get("/patient/", params={"limit": 1001}), "query", "limit")
    detail(people.api(people.h.doctor_user).get(f"/patient/{other}"), 403, "Not enough permissions")
    detail(mine.get(f"/patient/{other}"), 403, "Not enough permissions")
    detail(admin.get("/patient/999999"), 404, "Patient not found")
    detail(people.api().get("/patient/"), 401, "Not authenticated")


# ---- changing

def test_change(people, admin):                                                     # HB-05
    made = body(people.api().post("/patient/", new(people, phone="13911110003")), 201)
    mine = sign_in(people, made["email"])
    p = contract.check("identity.hb_update_patient", body(mine.put("/patient/", {"id": made["id"], "address": "14 Lake Road", "gender": "M"})))
    assert p == {**made, "address": "14 Lake Road", "gender": "male"}
    p = body(mine.put("/patient", {"name": "Sky"}, params={"patient_id": made["id"]}))
    assert p["name"] == "Sky" and data(mine.get("/api/v1/patients/me"))["full_name"] == "Sky Sample"
    p = body(admin.put("/patient/", {"id": made["id"], "surname": None, "email": "sky@clinic.test", "phone": None, "address": None}))
    assert (p["surname"], p["email"], p["phone"], p["address"], p["username"]) == (None, "sky@clinic.test", None, None, made["username"])
    staff = people.api(people.h.staff)
    assert body(staff.put("/patient/", {"id": made["id"], "name": "Kim"}))["name"] == "Kim"
    detail(staff.put("/patient/", {"id": made["id"], "email": "x@clinic.test"}), 403, "Not enough permissions")   # the account is its owner's
    detail(mine.put("/patient/", {"id": people.patient()[0], "name": "x"}), 403, "Not enough permissions")
    detail(admin.put("/patient/", {"id": 999999, "name": "x"}), 404, "Patient not found")
    faulty(mine.put("/patient/", {"name": "x"}), "body", "id", "missing")
    faulty(mine.put("/patient/", {"id": made["id"]}, params={"patient_id": made["id"] + 1}), "body", "id", "value_error")
    faulty(mine.put("/patient/", {"id": made["id"], "date_of_birth": "2999-01-01"}), "body", "date_of_birth")
    other = body(people.api().post("/patient/", new(people)), 201)
    detail(mine.put("/patient/", {"id": made["id"], "email": other["email"]}), 409, code="EMAIL_TAKEN")
    detail(mine.put("/patient/", {"id": made["id"], "username": other["username"]}), 409, code="USERNAME_TAKEN")


def test_change_of_a_patient_without_an_account(people, admin):
    pid, _ = people.h.patient(account=False)
    p = body(people.api(people.h.staff).put("/patient/", {"id": pid, "email": "desk@clinic.test", "phone": "13911110009"}))
    assert (p["email"], p["phone"], p["username"]) == ("desk@clinic.test", "13911110009", None)
    faulty(admin.put("/patient/", {"id": pid, "password": PASSWORD}), "body", "password", "value_error")


def test_new_password(people):
    made = body(people.api().post("/patient/", new(people)), 201)
    mine, elsewhere = sign_in(people, made["email"]), sign_in(people, made["email"])
    faulty(mine.put("/patient/", {"id": made["id"], "password": "lower-and-dashes"}), "body", "password")
    body(mine.put("/patient/", {"id": made["id"], "password": "An0ther&Word"}))
    body(mine.get(f"/patient/{made['id']}"))                                            # this session goes on
    detail(elsewhere.get(f"/patient/{made['id']}"), 401)
    assert sign_in(people, made["email"], "An0ther&Word")
    r = people.api().post("/auth/token", data={"grant_type": "password", "username": made["email"], "password": PASSWORD})
    assert r.status_code == 400


# ---- removing

def test_delete(people, admin):                                                     # HB-06, R-60, R-222
    made = body(people.api().post("/patient/", new(people)), 201)
    mine = sign_in(people, made["email"])
    detail(mine.delete("/patient/", params={"patient_id": made["id"]}), 403, "Not enough permissions")
    session = people.h.session(3, "下午", clinic=bc._clinic(people.h))
    bc._order(people.h, made["id"], session, today() + dt.timedelta(3))
    detail(admin.delete("/patient/", params={"patient_id": made["id"]}), 409, code="PATIENT_HAS_APPOINTMENTS")
    people.h.run("update registration_orders set status = 'cancelled' where patient_id = %s", made["id"])
    assert contract.check("identity.hb_delete_patient", body(admin.delete("/patient/", json={"id": made["id"]}))) == made
    detail(admin.delete("/patient", params={"id": made["id"]}), 404, "Patient not found")
    detail(admin.get(f"/patient/{made['id']}"), 404, "Patient not found")
    detail(mine.get("/patient/"), 401)
    faulty(admin.delete("/patient/"), "query", "patient_id", "missing")
    faulty(admin.delete("/patient/", params={"patient_id": 1, "id": 2}), "query", "patient_id", "value_error")


def test_open_access(people, cluster, template, make_system):
    db = cluster.create_database(template=template)
    house = open_people(db, make_system)
    try:
        pid, _ = house.h.patient()
        nobody = house.api()
        detail(nobody.get("/patient/"), 401)
        house.h.setting("heartbeat.open_access", "true")
        from support.proc import wait_for
        house.system.stop()
        house.system.start()
        wait_for("open routes", lambda: nobody.get("/patient/").status_code == 200, timeout=30)
        assert [p["id"] for p in body(nobody.get("/patient/"))] == [pid] and body(nobody.get(f"/patient/{pid}"))["id"] == pid
        assert body(nobody.put("/patient/", {"id": pid, "address": "open"}))["address"] == "open"
        assert body(nobody.delete("/patient/", params={"patient_id": pid}))["id"] == pid
    finally:
        house.h.close()


def test_one_address_twice_at_once(people):
    sent = new(people)
    with ThreadPoolExecutor(4) as pool:
        got = sorted(f.result().status_code for f in [pool.submit(lambda: people.api().post("/patient/", sent)) for _ in range(4)])
    assert got == [201, 409, 409, 409]
    assert people.h.one("select count(*) from patients p join users u on u.id = p.user_id where u.email = %s", sent["email"]) == 1
