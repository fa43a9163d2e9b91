"""Doctors as everybody reads them: the office's list, /api/v1 (DO-01, DO-03, DO-06) and Heartbeat (HB-07, HB-08)."""

import datetime as dt
import json

import pytest

from support import contract
from support.doctors import open_office
from support.hospital import today
from support.http import data, message, problem

LIST = "/api/v1/doctors"
PUBLIC = {"id", "name", "title", "department", "specialties", "specialty_text", "introduction", "qualifications", "languages",
          "years_experience", "consultation_fee", "photo_url", "accepting_patients"}
HIDDEN = {"user_id", "dept_id", "license_no", "phone", "email", "status", "created_at", "updated_at"}


@pytest.fixture(scope="module")
def office(empty_db, make_system):
    o = open_office(empty_db, make_system)
    yield o
    o.h.close()


@pytest.fixture(scope="module")
def crowd(office):
    """Six doctors in a department of their own, after whom the filters look."""
    h = office.h
    dept = h.one("insert into minor_departments (major_dept_id, name) values (%s, '眼科') returning id", h.major)
    eye, ear = office.specialty("OPHT", "Ophthalmology"), office.specialty("ENT", "Ear, nose and throat")
    made = []
    for i, (specialty, columns) in enumerate([
            (eye, {"languages": ["zh", "en"], "years_experience": 5, "title": "主任医师"}),
            (ear, {"languages": ["fr"], "years_experience": 30, "introduction": "青光眼 100% 专家"}),
            (None, {"accepting_patients": False, "introduction": "knows_under_scores"}),
            (eye, {"status": "INACTIVE"}),
            (None, {"deleted_at": "2026-01-01"}),
            (None, {"years_experience": 12, "license_no": "LIC-READ-5", "full_name": "长" * 60})]):
        doctor, _ = office.doctor(account=i == 0, dept_id=dept, **{"name": f"眼{i}", **columns})
        made.append(doctor)
        if specialty:
            h.run("insert into doctor_specialties values (%s, %s)", doctor, specialty)
    h.setting("registration.price", json.dumps({"default_price_normal": 80}), "DOCTOR", made[0])
    h.setting("registration.price", json.dumps({"default_price_normal": 120.5, "default_price_expert": 7}), "DOCTOR", made[1])
    return dept, made, eye


def seen(crowd, page):
    """The numbers of a page's doctors among the crowd."""
    return "".join(str(crowd[1].index(d["id"])) for d in page["items"])


# ---- /api/v1

@pytest.mark.parametrize("query, want", [
    ({}, "0125"), ({"specialty": "opht"}, "0"), ({"specialty": "Ophthalmology,ENT"}, "01"), ({"specialty": "nothing"}, ""),
    ({"language": "en,fr"}, "01"), ({"accepting_patients": "false"}, "2"), ({"accepting_patients": "true"}, "015"),
    ({"q": "眼1"}, "1"), ({"q": "100%"}, "1"), ({"q": "s_u"}, "2"), ({"q": "OPHTHALMO"}, "0"), ({"q": "长长"}, "5"),
    ({"q": "%"}, "1"), ({"sort": "-id"}, "5210"), ({"sort": "-years_experience"}, "1502"), ({"sort": "consultation_fee,-id"}, "0152"),
    ({"sort": "-consultation_fee"}, "1025"), ({"sort": "title,id"}, "0125"), ({"sort": "created_at,-id"}, "0125")])
def test_filters_and_order(office, crowd, query, want):                               # DO-01
    page = contract.check("directory.v1_list_doctors", data(office.api().get(LIST, params={"dept_id": crowd[0], **query})))
    if query.get("sort") == "consultation_fee,-id":
        want = "0152"
    assert seen(crowd, page) == want and page["total"] == len(want)


def test_specialty_by_id_and_department_of_the_upper_level(office, crowd):
    assert seen(crowd, data(office.api().get(LIST, params={"specialty": crowd[2]}))) == "0"
    everybody = data(office.api().get(LIST, params={"dept_id": office.h.major, "page_size": 100}))
    assert everybody["total"] == 6                      # the crowd and the two doctors of the other departments
    assert data(office.api().get(LIST, params={"dept_id": f"{crowd[0]},{office.h.dept}"}))["total"] == 5
    assert data(office.api().get(LIST, params={"dept_id": 999999}))["items"] == []


def test_available_on(office, crowd):
    h, (dept, made, _) = office.h, crowd
    day = today() + dt.timedelta(3)
    for i, (places, status, latest) in enumerate([(4, "正常", True), (0, "正常", True), (4, "停诊", True), (4, "正常", False)]):
        doctor = made[(0, 1, 2, 5)[i]]
        session = h.session(day, doctor=doctor, places=places, status=status, clinic=h.clinic2 if i == 1 else h.clinic)
        h.run("update schedules set is_latest = %s, clinic_id = null where id = %s", latest, session)
    assert seen(crowd, data(office.api().get(LIST, params={"dept_id": dept, "available_on": day}))) == "0"
    past = today() - dt.timedelta(1)
    h.session(past, doctor=made[5], clinic=h.clinic)
    assert data(office.api().get(LIST, params={"dept_id": dept, "available_on": past}))["items"] == []
    problem(office.api().get(LIST, params={"available_on": "2026-02-30"}), "VALIDATION_FAILED", 422)


def test_pages_fields_and_faults(office, crowd):
    r = office.api().get(LIST, params={"dept_id": crowd[0], "limit": 2, "page": 2, "fields": "name,department.name"})
    page = data(r)
    assert [set(d) for d in page["items"]] == [{"id", "name", "department"}] * 2
    assert page["items"][0] == {"id": crowd[1][2], "name": "眼2", "department": {"id": crowd[0], "name": "眼科"}}
    assert (page["page"], page["page_size"], page["total"], page["pages"]) == (2, 2, 4, 2)
    assert r.headers["X-Total-Count"] == "4" and 'rel="prev"' in r.headers["Link"] and 'rel="next"' not in r.headers["Link"]
    problem(office.api().get(LIST, params={"fields": "hashed_password"}), "UNKNOWN_FIELD", 422)
    problem(office.api().get(LIST, params={"sort": "license_no"}), "UNKNOWN_SORT", 422)
    for bad in ({"page": 0}, {"page_size": 101}, {"accepting_patients": "perhaps"}, {"dept_id": "x"}, {"language": "english"}):
        problem(office.api().get(LIST, params=bad), "VALIDATION_FAILED", 422)


def test_who_sees_what(office, crowd):
    """The public view unless ADMIN; waiting doctors are the office's, removed ones only when asked for."""
    h, (dept, made, _) = office.h, crowd
    for api in (office.api(), office.api(h.staff), office.api(h.doctor_user)):
        r = api.get(LIST, params={"dept_id": dept})
        assert all(set(d) == PUBLIC for d in data(r)["items"])
        assert r.headers["Cache-Control"] == "public, max-age=60" and "Authorization" in r.headers["Vary"]
        problem(api.get(LIST, params={"include_deleted": "true"}), "FORBIDDEN", 403)
    r = office.admin.get(LIST, params={"dept_id": dept})
    assert r.headers["Cache-Control"] == "no-store"
    page = contract.check("directory.v1_list_doctors", data(r))
    assert seen(crowd, page) == "01235" and all(set(d) == PUBLIC | HIDDEN for d in page["items"])
    assert [d["status"] for d in page["items"]] == ["ACTIVE", "ACTIVE", "ACTIVE", "INACTIVE", "ACTIVE"]
    assert seen(crowd, data(office.admin.get(LIST, params={"dept_id": dept, "include_deleted": "true"}))) == "012345"
    first = page["items"][0]
    assert first["department"] == {"id": dept, "name": "眼科", "parent_id": h.major} and first["consultation_fee"] == 80
    assert first["specialties"] == [{"id": crowd[2], "code": "OPHT", "name": "Ophthalmology"}]
    assert page["items"][4]["name"] == "长" * 60 and page["items"][4]["license_no"] == "LIC-READ-5"
    problem(office.api().get("/api/doctors"), "TOKEN_MISSING", 401)
    assert data(office.api(h.staff).get("/api/doctors", params={"dept_id": dept}))["total"] == 4


def test_one_doctor(office, crowd):                                                   # DO-03
    h, made = office.h, crowd[1]
    r = office.api().get(f"{LIST}/{made[0]}")
    doctor = contract.check("directory.v1_get_doctor", data(r))
    assert set(doctor) == PUBLIC and doctor["id"] == made[0] and r.headers["ETag"] == f'"doctor-{made[0]}-1"'
    again = office.api().get(f"{LIST}/{made[0]}", headers={"If-None-Match": r.headers["ETag"]})
    assert again.status_code == 304 and again.content == b""
    assert set(data(office.admin.get(f"{LIST}/{made[0]}"))) == PUBLIC | HIDDEN
    assert data(office.admin.get(f"{LIST}/{made[3]}"))["status"] == "INACTIVE"
    for gone in (made[3], made[4], 999999):
        problem(office.api().get(f"{LIST}/{gone}"), "NOT_FOUND", 404)
    problem(office.admin.get(f"{LIST}/{made[4]}"), "NOT_FOUND", 404)
    problem(office.api().get(f"{LIST}/abc"), "ROUTE_NOT_FOUND", 404)
    problem(office.api().get(f"/api/doctors/{made[0]}"), "TOKEN_MISSING", 401)


def test_an_administrator_who_may_not_act_sees_what_everybody_sees(office, crowd):
    user = office.h.user(roles=["ADMIN"])
    api = office.api(user)
    office.h.run("update users set must_change_password = true where id = %s", user)
    assert set(data(api.get(f"{LIST}/{crowd[1][0]}"))) == PUBLIC
    problem(api.get(f"{LIST}/{crowd[1][3]}"), "NOT_FOUND", 404)


def test_own_row(office, crowd):                                                      # DO-06
    h = office.h
    user = office.row(crowd[1][0])["user_id"]
    h.run("update users set phonenumber = '13800990001', email = 'eye@x.example' where id = %s", user)
    r = office.api(user).get(f"{LIST}/me/profile")
    own = contract.check("directory.v1_get_my_doctor", data(r))
    assert set(own) == PUBLIC | HIDDEN and (own["id"], own["user_id"]) == (crowd[1][0], user)
    assert (own["phone"], own["email"]) == ("13800990001", "eye@x.example") and r.headers["ETag"].startswith('"doctor-')
    problem(office.api(h.user(roles=["DOCTOR"])).get(f"{LIST}/me/profile"), "PROFILE_NOT_FOUND", 404)
    problem(office.admin.get(f"{LIST}/me/profile"), "FORBIDDEN", 403)
    problem(office.api().get(f"{LIST}/me/profile"), "TOKEN_MISSING", 401)


# ---- the office's list

def test_office_list(office, crowd):                                                  # BR-23, BR-35, 0.11 P2
    dept, made, _ = crowd
    for path in ("/admin/doctors", "/doctors", "/admin/doctors/"):
        listed = contract.check("directory.list_doctors", message(office.admin.get(path, params={"dept_id": dept})))
        assert listed["total"] == 5 and [d["doctor_id"] for d in listed["doctors"]] == [made[i] for i in (0, 1, 2, 3, 5)]
    first, second = listed["doctors"][:2]
    assert (first["is_registered"], second["is_registered"]) == (True, False)
    assert (first["default_price_normal"], first["default_price_expert"]) == (80, None)       # its own level's, BR-35
    assert (second["default_price_normal"], second["default_price_expert"], second["default_price_special"]) == (120.5, 7, None)
    assert first["department_name"] == "眼科" and first["is_department_head"] is False
    page = message(office.admin.get("/admin/doctors", params={"dept_id": dept, "page": 2, "page_size": 2}))
    assert page["total"] == 5 and [d["doctor_id"] for d in page["doctors"]] == [made[2], made[3]]
    assert len(message(office.admin.get("/admin/doctors", params={"page_size": 9}))["doctors"]) == 7
    assert len(message(office.admin.get("/admin/doctors", params={"page": 1, "page_size": 10000}))["doctors"]) == 7
    assert message(office.admin.get("/admin/doctors", params={"page": 99}))["doctors"] == []
    found = message(office.admin.get("/admin/doctors", params={"name": "眼1", "dept_id": ""}))
    assert found["total"] == 1 and found["doctors"][0]["doctor_id"] == made[1]
    assert message(office.admin.get("/admin/doctors", params={"name": "长长"}))["doctors"][0]["name"] == "长" * 60
    assert message(office.admin.get("/admin/doctors", params={"name": "%"}))["total"] == 0


def test_office_list_shows_doctors_of_no_department(office):
    doctor, _ = office.doctor(account=False, dept_id=None, name="无科室")
    (row,) = message(office.admin.get("/admin/doctors", params={"name": "无科室"}))["doctors"]
    assert (row["doctor_id"], row["dept_id"], row["department_name"]) == (doctor, None, "")
    assert data(office.api().get(f"{LIST}/{doctor}"))["department"] is None
    assert message(office.api().get("/patient/doctors", params={"name": "无科室"}))["total"] == 0
    office.h.run("update doctors set deleted_at = now() where id = %s", doctor)


def test_office_list_refusals(office):
    for query in ({"page": 0}, {"page_size": 0}, {"page": -1}, {"page_size": 10001}):
        assert message(office.admin.get("/admin/doctors", params=query), 99)["msg"] == "分页参数必须为正整数"
    for user in (office.h.staff, office.h.doctor_user):
        assert message(office.api(user).get("/doctors"), 102)["msg"] == "无权限，仅管理员可操作"
    assert message(office.api().get("/doctors"), 105, 401)["msg"] == "Token无效或已失效"


# ---- Heartbeat

def test_heartbeat_list(office, crowd):                                               # HB-07
    h, made = office.h, crowd[1]
    r = office.api().get("/doctor/")
    everybody = contract.check("directory.hb_list_doctors", r.json())
    ids = [d["id"] for d in everybody]
    assert r.status_code == 200 and ids == sorted(ids) and made[3] not in ids and made[4] not in ids
    assert r.headers["X-Total-Count"] == str(len(ids)) and not any({"email", "phone", "username"} & set(d) for d in everybody)
    part = office.api().get("/doctor", params={"skip": 1, "limit": 2})
    assert [d["id"] for d in part.json()] == ids[1:3] and 'rel="next"' in part.headers["Link"]
    mine = {d["id"]: d for d in office.api(h.doctor_user).get("/doctor/").json()}
    assert "email" in mine[h.doctor] and "email" not in mine[h.doctor2]
    assert all({"email", "phone", "username"} <= set(d) for d in office.admin.get("/doctor/").json())
    bad = office.api().get("/doctor/", params={"limit": 1001})
    assert bad.status_code == 422 and bad.json()["detail"][0]["loc"] == ["query", "limit"]


def test_heartbeat_one(office, crowd):                                                # HB-08
    h, made = office.h, crowd[1]
    h.run("update doctors set first_name = 'Robin', last_name = 'Example' where id = %s", made[1])
    one = contract.check("directory.hb_get_doctor", office.api().get(f"/doctor/{made[1]}").json())
    assert (one["name"], one["surname"], one["experience_years"], one["dept_id"]) == ("Robin", "Example", 30, crowd[0])
    assert office.api(h.doctor_user).get(f"/doctor/{h.doctor}").json()["username"]
    for gone in (made[3], made[4], 999999):
        r = office.api().get(f"/doctor/{gone}")
        assert (r.status_code, r.json()) == (404, {"detail": "Doctor not found"})
    assert office.admin.get(f"/doctor/{made[3]}").status_code == 200
