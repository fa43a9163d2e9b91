"""The public catalogue over HTTP: no token needed, every reply against the contract, every refusal with its text."""

import datetime

import pytest

from support import contract
from support.http import message

TODAY = datetime.datetime.now(datetime.timezone(datetime.timedelta(hours=8))).date()
WEEK = {"start_date": str(TODAY), "end_date": str(TODAY + datetime.timedelta(6))}


@pytest.fixture(scope="module")
def api(system):
    return system.api()


@pytest.fixture(scope="module")
def one(demo_db):
    """Ids of a session that the catalogue shows, with what it belongs to."""
    names = ("schedule", "doctor", "clinic", "dept", "area", "date")
    return dict(zip(names, demo_db.row(
        "select s.id, s.doctor_id, c.id, c.minor_dept_id, c.area_id, s.date from schedules s join clinics c on c.id = s.clinic_id "
        "where s.is_latest and s.status = '正常' and s.date > %s order by s.date, s.id limit 1", TODAY)))


def get(api, operation, path, **query):
    return contract.check("directory." + operation, message(api.get(path, params=query)))


def test_every_list(api, one):
    assert get(api, "browse_hospitals", "/patient/hospitals")["areas"]
    assert len(get(api, "browse_hospitals", "/patient/hospitals", area_id=one["area"])["areas"]) == 1
    assert get(api, "browse_major_departments", "/patient/major-departments")["departments"]
    whole = get(api, "browse_minor_departments", "/patient/minor-departments")
    assert whole["total"] == len(whole["departments"])
    assert len(get(api, "browse_minor_departments", "/patient/minor-departments", page=1, page_size=3)["departments"]) == 3
    assert get(api, "browse_clinics", "/patient/clinics", dept_id=one["dept"], area_id=one["area"])["clinics"]
    doctors = get(api, "browse_doctors", "/patient/doctors", page=1, page_size=10000)
    assert doctors["total"] == len(doctors["doctors"])
    name = doctors["doctors"][0]["name"]
    assert get(api, "browse_doctors", "/patient/doctors", name=name)["total"] >= 1
    assert get(api, "show_doctor", f"/patient/doctors/{one['doctor']}")["doctor_id"] == one["doctor"]
    assert get(api, "search_catalogue", "/patient/search/global", keyword=name)["doctor_count"] >= 1
    for operation, kind, at in (("department", "departments", one["dept"]), ("doctor", "doctors", one["doctor"]),
                                ("clinic", "clinics", one["clinic"])):
        got = get(api, f"browse_{operation}_schedules", f"/patient/{kind}/{at}/schedules", start_date=str(one["date"]),
                  end_date=str(one["date"]))
        assert one["schedule"] in [s["schedule_id"] for s in got["schedules"]]
    got = get(api, "browse_bookable_schedules", "/patient/hospitals/schedules", departmentId=one["dept"], date=str(one["date"]),
              hospitalId=one["area"])
    assert one["schedule"] in [s["schedule_id"] for s in got["schedules"]]
    assert get(api, "browse_bookable_schedules", "/patient/hospitals/schedules", departmentId=one["dept"])["schedules"]


def test_a_token_does_no_harm(system, one):
    for token in (system.token("13800000001"), "rubbish"):
        assert get(system.api(token=token), "search_catalogue", "/patient/search/global", keyword="科")["total"] >= 0


def test_a_trailing_slash_is_no_redirect(api):
    assert message(api.get("/patient/minor-departments/"))["departments"]


@pytest.mark.parametrize("path,query,code,text", [
    ("/patient/doctors/999999", {}, 106, "医生不存在"),
    ("/patient/doctors/999999/schedules", WEEK, 106, "医生不存在"),
    ("/patient/clinics/999999/schedules", WEEK, 106, "门诊不存在"),
    ("/patient/departments/999999/schedules", WEEK, 106, "科室不存在"),
    ("/patient/hospitals/schedules", {"departmentId": 999999}, 106, "科室不存在"),
    ("/patient/hospitals/schedules", {}, 99, "departmentId 参数为必填项"),
    ("/patient/search/global", {"keyword": "  "}, 99, "搜索关键词不能为空"),
    ("/patient/search/global", {}, 99, "搜索关键词不能为空"),
    ("/patient/doctors", {"page": 0}, 99, "分页参数必须为正整数"),
    ("/patient/doctors", {"page_size": -1}, 99, "分页参数必须为正整数"),
    ("/patient/clinics", {"page": "x"}, 99, "分页参数必须为正整数"),
    ("/patient/minor-departments", {"page_size": 0}, 99, "分页参数必须为正整数"),
])
def test_refusals(api, path, query, code, text):
    assert message(api.get(path, params=query), code)["msg"] == text


@pytest.mark.parametrize("path,query,field", [
    ("/patient/doctors", {"dept_id": "abc"}, "dept_id"),
    ("/patient/doctors/1/schedules", {"start_date": "2026-03-09"}, "end_date"),
    ("/patient/doctors/1/schedules", {"start_date": "2026-02-30", "end_date": "2026-03-09"}, "start_date"),
    ("/patient/hospitals/schedules", {"departmentId": 1, "date": "tomorrow"}, "date"),
])
def test_faulty_queries_name_the_member(api, path, query, field):
    assert field in message(api.get(path, params=query), 99)["msg"]


def test_hostile_words(api):
    for word in ("%", "_", "\\", "'", "a' or 1=1 --", "😀", "\u0000", "x" * 100):
        r = api.get("/patient/search/global", params={"keyword": word})
        assert r.json()["code"] in (0, 99), (word, r.text)
