"""Registrations counted (api/09, BR-138 to BR-142): each route against the sums of the raw rows, live and after a night's count."""

import datetime as dt

import pytest

from support.counted import Counted, by, totals
from support.hospital import today
from support.house import open_house
from support.http import message
from support.proc import wait_for

DAY = today() - dt.timedelta(days=3)


@pytest.fixture(scope="module")
def house(empty_db, make_system):
    house = open_house(empty_db, make_system, {"ratelimit.enabled": "false"})
    empty_db.query("update job_schedules set enabled = false")
    yield house
    house.close()


@pytest.fixture(scope="module")
def counted(house):
    c = Counted(house.h)
    c.fill(-32, 2)
    return c


@pytest.fixture(scope="module")
def admin(house):
    return house.api(house.h.admin)


@pytest.fixture(params=["live", "counted", "touched"], scope="module")
def state(request, house, counted):
    """Every test of this fixture runs on rows that nobody counted, then after a night, then with changes of past days since."""
    if request.param == "counted":
        house.h.run("update job_schedules set enabled = true, next_slot = now() where name = 'statistics'")
        wait_for("the count", lambda: house.h.one("select count(*) from statistics_runs where closed_at is not null") >= 1
                 and house.h.one("select count(*) from jobs where op like 'stats.%%' and finished_at is null") == 0, 30)
        assert house.h.one("select count(*) from statistics_days") >= 32
        assert house.h.one("select count(*) from statistics_touched where day < %s", today()) == 0
    if request.param == "touched":
        counted.change(150)
        assert house.h.one("select count(*) from statistics_touched where day < %s", today()) > 20
    return request.param


def span(day, words):
    return day - dt.timedelta(days={None: 0, "today": 0, "7days": 6, "30days": 29}[words]), day


def figures(parts, id, name=None):
    return {p[id]: (p["registrations"], p["revenue"]) for p in parts}


def as_numbers(sums):
    return {k: (n, float(revenue)) for k, (n, revenue) in sums.items() if k is not None}


@pytest.mark.parametrize("day,words", [(DAY, None), (DAY, "7days"), (DAY, "30days"), (None, None), (None, "30days"),
                                       (today() + dt.timedelta(days=2), "7days"), (DAY, "today")])
def test_of_the_hospital(state, admin, counted, day, words):
    first, last = span(day or today(), words)
    asked = {k: v for k, v in (("date", str(day) if day else None), ("date_range", words)) if v}
    rows = counted.rows(first, last)
    assert rows
    assert message(admin.get("/statistics/hospital/registrations", params=asked)) == {
        "date": None if words and not day else str(last), "date_range": words, **totals(rows, first, last)}


def test_of_each_area(state, admin, counted):
    for area in counted.areas:
        rows = counted.rows(DAY, DAY, area=area)
        got = message(admin.get(f"/statistics/areas/{area}/registrations", params={"date": str(DAY)}))
        parts = got.pop("departments")
        assert got == {"area_id": area, "area_name": counted.h.one("select name from hospital_areas where id = %s", area),
                       **totals(rows, DAY, DAY)}
        assert figures(parts, "minor_dept_id") == as_numbers(by(rows, "dept"))
        assert [p["registrations"] for p in parts] == sorted((p["registrations"] for p in parts), reverse=True)
        assert {p["minor_dept_name"] for p in parts} <= {"心内科", "皮肤科", "骨科", "眼科"}


@pytest.mark.parametrize("words", [None, "7days", "30days"])
def test_of_each_department(state, admin, counted, words):
    first, last = span(DAY, words)
    for dept in counted.depts:
        rows = counted.rows(first, last, dept=dept)
        got = message(admin.get(f"/statistics/departments/{dept}/registrations", params={"date": str(DAY), "date_range": words}))
        parts = got.pop("doctors")
        name = counted.h.one("select name from minor_departments where id = %s", dept)
        assert got == {"minor_dept_id": dept, "minor_dept_name": name, "dept_name": name, **totals(rows, first, last)}
        assert figures(parts, "doctor_id") == as_numbers(by(rows, "doctor"))


@pytest.mark.parametrize("words", [None, "30days"])
def test_of_each_doctor(state, admin, counted, words):
    first, last = span(DAY, words)
    for doctor in counted.doctors:
        rows = counted.rows(first, last, doctor=doctor)
        got = message(admin.get(f"/statistics/doctors/{doctor}/registrations", params={"date": str(DAY), "date_range": words}))
        sessions = got.pop("schedules")
        name, title, dept = counted.h.run("select d.name, d.title, m.name from doctors d left join minor_departments m on m.id = d.dept_id "
                                          "where d.id = %s", doctor)[0]
        assert got == {"doctor_id": doctor, "doctor_name": name, "title": title, "dept_name": dept, **totals(rows, first, last),
                       "by_time_section": {k: n for k, (n, _) in by(rows, "section").items()}}
        seen = by(rows, "session")
        there = counted.h.run("select s.id, c.name, s.time_section, s.slot_type, s.total_slots from schedules s left join clinics c on "
                              "c.id = s.clinic_id where s.doctor_id = %s and s.date between %s and %s and (s.is_latest or s.id = any (%s)) "
                              "order by s.date, s.starts_at", doctor, first, last, list(seen))
        assert sessions == [{"schedule_id": i, "clinic_name": clinic, "time_section": section, "slot_type": kind, "total_slots": total,
                             "registrations": seen.get(i, (0, 0))[0], "utilization_rate": round(seen.get(i, (0, 0))[0] / total, 2)}
                            for i, clinic, section, kind, total in there]


@pytest.mark.parametrize("key", ["registrations", "revenue"])
def test_rankings(state, admin, counted, key):
    rows = counted.rows(DAY, DAY)
    place = {"registrations": 0, "revenue": 1}[key]

    def best(sums, names):
        sums = sorted(((k, v) for k, v in as_numbers(sums).items()), key=lambda x: (-x[1][place], -x[1][0], -x[1][1], x[0]))
        return [{**names(k), "registrations": n, "revenue": revenue} for k, (n, revenue) in sums]

    def dept(id):
        return {"minor_dept_id": id, "dept_name": counted.h.one("select name from minor_departments where id = %s", id)}

    def doctor(id):
        return dict(zip(("doctor_id", "doctor_name", "title", "dept_name"), counted.h.run(
            "select d.id, d.name, d.title, m.name from doctors d join minor_departments m on m.id = d.dept_id where d.id = %s", id)[0]))

    asked = {"date": str(DAY), "order_by": key}
    expected = best(by(rows, "dept"), dept)
    assert len(expected) >= 3
    assert message(admin.get("/statistics/departments/ranking", params=asked)) == {**asked, "ranking": expected}
    assert message(admin.get("/statistics/departments/ranking", params={**asked, "limit": 2}))["ranking"] == expected[:2]
    expected = best(by(rows, "doctor"), doctor)
    assert message(admin.get("/statistics/doctors/ranking", params=asked)) == {**asked, "ranking": expected[:10]}
    got = message(admin.get("/statistics/doctors/ranking", params={**asked, "dept_id": counted.depts[2]}))
    assert got["ranking"] == [x for x in expected if x["dept_name"] == "骨科"]


def test_rankings_without_words_are_of_today_by_registrations(admin):
    got = message(admin.get("/statistics/departments/ranking"))
    assert (got["date"], got["order_by"]) == (str(today()), "registrations")
    got = message(admin.get("/statistics/doctors/ranking"))
    assert (got["date"], got["order_by"]) == (str(today()), "registrations")


ROUTES = ["hospital/registrations", "areas/{area}/registrations", "departments/{dept}/registrations", "doctors/{doctor}/registrations",
          "departments/ranking", "doctors/ranking"]


@pytest.mark.parametrize("route", ROUTES)
def test_what_is_no_day_is_told(house, admin, route):
    path = "/statistics/" + route.format(area=house.h.area, dept=house.h.dept, doctor=house.h.doctor)
    assert message(admin.get(path, params={"date": ""}), 106)["msg"] == "参数 date 不能为空"
    for word in ("2026-02-30", "20260301", "2026-3-1", "0000-01-01", "today", "2025-02-29", "2026-01-32", " 2026-01-02", "2026-13-01",
                 "2026-01-02T00:00:00"):
        assert message(admin.get(path, params={"date": word}), 106)["msg"] == f"日期格式无效: {word}"
    for word in ("2024-02-29", "9999-12-31", "0001-01-31"):
        message(admin.get(path, params={"date": word}))


@pytest.mark.parametrize("route", ["hospital/registrations", "departments/{dept}/registrations", "doctors/{doctor}/registrations"])
def test_what_is_no_range_is_told(house, admin, route):
    path = "/statistics/" + route.format(dept=house.h.dept, doctor=house.h.doctor)
    assert message(admin.get(path, params={"date_range": "90days"}), 106)["msg"] == "时间范围无效: 90days 允许值: today,7days,30days"
    assert message(admin.get(path, params={"date": "x", "date_range": "7days"}), 106)["msg"] == "日期格式无效: x"
    assert message(admin.get(path, params={"date_range": ""}))["start_date"] == str(today())
    got = message(admin.get(path, params={"date": str(DAY), "date_range": "7days"}))
    assert (got["start_date"], got["end_date"], len(got["time_series"])) == (str(DAY - dt.timedelta(days=6)), str(DAY), 7)


def test_what_is_not_there_is_told(admin):
    for path, text in (("areas/999999/registrations", "院区不存在"), ("departments/999999/registrations", "科室不存在"),
                       ("doctors/999999/registrations", "医生不存在")):
        assert message(admin.get("/statistics/" + path), 106)["msg"] == text
    assert message(admin.get("/statistics/doctors/ranking", params={"dept_id": 999999}))["ranking"] == []


@pytest.mark.parametrize("route", ROUTES)
def test_only_administrators_see_it(house, route):
    path = "/statistics/" + route.format(area=house.h.area, dept=house.h.dept, doctor=house.h.doctor)
    assert message(house.api(house.h.doctor_user).get(path), 102)["msg"] == "无权限，仅管理员可操作"
    assert message(house.system.api().get(path), 105, 401)


def test_a_fresh_booking_counts_at_once_and_its_cancellation_too(house, counted, admin):
    h = house.h
    pid, uid = h.patient()
    doctor = h.extra_doctor()
    session = h.session(3, doctor=doctor, price="66.00", places=3)
    asked = {"date": str(today() + dt.timedelta(days=3))}
    path = f"/statistics/doctors/{doctor}/registrations"
    assert message(admin.get(path, params=asked))["schedules"][0]["utilization_rate"] == 0
    order = message(house.api(uid).post("/patient/appointments", {"scheduleId": session, "hospitalId": h.area, "departmentId": h.dept,
                                                                  "patientId": pid}))
    got = message(admin.get(path, params=asked))
    assert (got["total_registrations"], got["total_revenue"], got["schedules"][0]["utilization_rate"]) == (1, 66.0, 0.33)
    assert h.one("select count(*) from statistics_touched where schedule_id = %s", session) == 0       # bookings ahead leave no mark
    message(house.api(uid).put(f"/patient/appointments/{order['id']}/cancel"))
    assert message(admin.get(path, params=asked))["total_registrations"] == 0
