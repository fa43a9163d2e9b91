"""Weekly rules of a doctor and the sessions they become (AV-01 to AV-05; R-70 to R-77, R-80)."""

import concurrent.futures
import datetime as dt

import pytest

from support import booking_cases as bc
from support.hospital import at, today, ts
from support.http import message
from support.proc import wait_for
from support.sessions import admin, data, day, h, house, refused  # noqa: F401 (fixtures)

HORIZON = 21


@pytest.fixture(scope="module", autouse=True)
def near_horizon(house):
    house.h.setting("schedule", '{"maxFutureDays": %d}' % HORIZON)


def weekday(n):
    return (today() + dt.timedelta(days=n)).isoweekday()


def days_of(wd, first=1, last=HORIZON):
    """Dates of a weekday from `first` days on, up to the horizon."""
    return [today() + dt.timedelta(days=n) for n in range(first, last + 1) if weekday(n) == wd]


def rule(**members):
    """Every week on the day after tomorrow's weekday, in the morning."""
    return {"weekday": weekday(2), "start_time": "08:00", "end_time": "12:00", "slot_minutes": 20, **members}


def path(doctor, more=""):
    return f"/api/v1/doctors/{doctor}/availability{more}"


def add(api, doctor, asked, status=201):
    return data(api.post(path(doctor), asked), status)


def sessions(h, doctor, columns="date, time_section"):
    return h.run(f"select {columns} from schedules where doctor_id = %s and is_latest order by starts_at", doctor)


def book(house, sid):
    pid, uid = house.h.patient()
    return data(house.api(uid).post("/api/v1/appointments", {"schedule_id": sid}), 201)["id"]


# ---- adding

def test_a_rule_becomes_sessions_up_to_the_horizon(house, admin, h):
    doctor, clinic = h.extra_doctor(), bc._clinic(h)
    got = add(admin, doctor, rule(clinic_id=clinic, slot_type="EXPERT"))
    expected = days_of(weekday(2))
    assert got["sessions_created"] == len(expected) == 3
    (r,) = got["rules"]
    assert r == {"id": r["id"], "doctor_id": doctor, "weekday": weekday(2), "start_time": "08:00", "end_time": "12:00",
                 "slot_minutes": 20, "clinic_id": clinic, "slot_type": "EXPERT", "valid_from": day(0), "valid_to": None, "status": "ACTIVE"}
    rows = sessions(h, doctor, "date, time_section, clinic_id, slot_type, total_slots, remaining_slots, price::text, starts_at, ends_at, "
                               "slot_minutes, status, rule_id")
    assert rows == [(d, "上午", clinic, "专家", 12, 12, "100.00", at(d, "08:00"), at(d, "12:00"), 20, "正常", r["id"]) for d in expected]


def test_what_the_window_shows(house, admin, h):
    doctor = h.extra_doctor()
    (r,) = add(admin, doctor, rule(start_time="09:00", end_time="10:00"))["rules"]
    add(admin, doctor, {"date": day(3), "start_time": "14:00", "end_time": "14:40", "slot_type": "SPECIAL", "price": 30})
    anybody = house.system.api()
    got = data(anybody.get(path(doctor)))
    assert (got["doctor_id"], got["timezone"], got["rules"]) == (doctor, "Asia/Shanghai", [r])
    first, second = sorted([day(2), day(9)])
    assert [(s["date"], s["section"], s["rule_id"]) for s in got["sessions"]] == [
        (first, "MORNING", r["id"]), (day(3), "AFTERNOON", None), (second, "MORNING", r["id"])]
    date = today() + dt.timedelta(days=3)
    special = [s for s in got["slots"] if s["slot_type"] == "SPECIAL"]
    assert [(s["slot_no"], s["starts_at"], s["price"]) for s in special] == [
        (1, ts(at(date, "14:00")), 30.0), (2, ts(at(date, "14:20")), 30.0)]
    assert len(got["slots"]) == 3 + 2 + 3
    sid = special[0]["schedule_id"]
    for _ in range(2):
        book(house, sid)
    only = {"slot_type": "SPECIAL", "from": day(1), "to": day(5)}
    got = data(anybody.get(path(doctor), params=only))
    assert (got["sessions"], got["slots"]) == ([], [])                                # nothing free
    got = data(anybody.get(path(doctor), params={**only, "only_free": "false"}))
    assert [s["id"] for s in got["sessions"]] == [sid] and [s["available"] for s in got["slots"]] == [False, False]
    assert len(data(anybody.get(path(doctor), params={"from": day(0), "to": day(61)}))["sessions"]) == 3
    for wrong in ({"from": day(0), "to": day(62)}, {"from": day(5), "to": day(4)}):
        assert refused(anybody.get(path(doctor), params=wrong), 422, "VALIDATION_FAILED")["errors"][0]["field"] == "to"
    assert "errors" not in refused(anybody.get(path(99999999)), 404, "NOT_FOUND")
    assert anybody.get(f"/api/doctors/{doctor}/availability").status_code == 401


def test_a_rule_is_split_where_the_day_is(house, admin, h):
    doctor = h.extra_doctor()
    add(admin, doctor, rule(start_time="10:00", end_time="19:10", slot_minutes=60))
    d = days_of(weekday(2))[0]
    assert sessions(h, doctor, "time_section, starts_at, ends_at, total_slots")[:3] == [
        ("上午", at(d, "10:00"), at(d, "12:00"), 2), ("下午", at(d, "12:00"), at(d, "18:00"), 6), ("晚上", at(d, "18:00"), at(d, "19:10"), 1)]
    # what is shorter than a place is left out
    doctor = h.extra_doctor()
    add(admin, doctor, rule(start_time="10:00", end_time="12:30", slot_minutes=40))
    assert {s for (s,) in sessions(h, doctor, "time_section")} == {"上午"}


def test_defaults_and_validity(house, admin, h):
    doctor = h.extra_doctor()
    asked = rule(valid_from=day(5), valid_to=day(14))
    del asked["slot_minutes"]
    got = add(admin, doctor, asked)
    assert (got["rules"][0]["slot_minutes"], got["sessions_created"]) == (20, 1)      # consultation and interval
    assert [d for (d,) in sessions(h, doctor, "date")] == days_of(weekday(2), 5, 14)
    # a doctor who takes nobody has rules but no new sessions
    away = h.extra_doctor()
    h.run("update doctors set accepting_patients = false where id = %s", away)
    assert add(admin, away, rule())["sessions_created"] == 0


def test_approved_leave_is_left_out(house, admin, h):
    doctor = h.extra_doctor()
    first = days_of(weekday(2))
    for d, shift in ((first[0], "full"), (first[1], "night")):
        h.run("insert into leave_audits (doctor_id, leave_start_date, leave_end_date, shift, reason, submit_time, status, auditor_user_id, "
              "audit_time) values (%s, %s, %s, %s, '休假', now(), 'approved', %s, now())", doctor, d, d, shift, h.admin)
    add(admin, doctor, rule())
    assert [d for (d,) in sessions(h, doctor, "date")] == first[1:]


def test_several_at_once_are_all_or_nothing(house, admin, h):
    doctor = h.extra_doctor()
    got = add(admin, doctor, [rule(), rule(start_time="14:00", end_time="18:00"),
                              {"date": day(4), "start_time": "08:00", "end_time": "12:00", "slot_minutes": 30}])
    assert len(got["rules"]) == 2 and got["sessions_created"] == 2 * 3 + 1
    before = sessions(h, doctor)
    refused(admin.post(path(doctor), [rule(weekday=weekday(5)), {"date": day(4), "start_time": "09:00", "end_time": "10:00"}]),
            409, "SCHEDULE_OVERLAP")
    assert sessions(h, doctor) == before and h.one("select count(*) from availability_rules where doctor_id = %s", doctor) == 2


@pytest.mark.parametrize("asked,status,code,field", [
    (rule(end_time="08:00"), 422, "VALIDATION_FAILED", "end_time"), (rule(end_time="08:19"), 422, "VALIDATION_FAILED", "end_time"),
    ([rule(), rule(end_time="08:19")], 422, "VALIDATION_FAILED", "[1].end_time"),
    (rule(valid_from=day(3), valid_to=day(2)), 422, "VALIDATION_FAILED", "valid_to"), (rule(weekday=8), 422, "VALIDATION_FAILED", None),
    (rule(slot_minutes=4), 422, "VALIDATION_FAILED", None), (rule(clinic_id=99999999), 404, "NOT_FOUND", None),
    ({"date": day(22), "start_time": "08:00", "end_time": "09:00"}, 422, "BEYOND_HORIZON", None),
    ({"date": day(-1), "start_time": "08:00", "end_time": "09:00"}, 422, "SESSION_IN_PAST", None), ([], 422, "VALIDATION_FAILED", None),
])
def test_what_cannot_be_added(house, admin, h, asked, status, code, field):
    doctor = h.extra_doctor()
    got = refused(admin.post(path(doctor), asked), status, code)
    assert field is None or [e["field"] for e in got["errors"]] == [field]
    assert sessions(h, doctor) == []
    refused(admin.post(path(99999999), rule()), 404, "NOT_FOUND")


def test_rules_of_one_doctor_do_not_overlap(house, admin, h):
    """R-71: on a weekday within their validity; R-74: nor do sessions, nor is a clinic taken twice."""
    doctor, clinic = h.extra_doctor(), bc._clinic(h)
    add(admin, doctor, rule(clinic_id=clinic, valid_to=day(40)))
    refused(admin.post(path(doctor), rule(start_time="11:00", end_time="13:00")), 409, "AVAILABILITY_OVERLAP")
    refused(admin.post(path(doctor), [rule(weekday=weekday(3)), rule(weekday=weekday(3), start_time="09:00")]), 409, "AVAILABILITY_OVERLAP")
    refused(admin.post(path(h.extra_doctor()), rule(clinic_id=clinic)), 409, "SCHEDULE_OVERLAP")
    add(admin, doctor, rule(valid_from=day(41)))
    add(admin, doctor, rule(weekday=weekday(3)))
    h.session(4, doctor=doctor)
    refused(admin.post(path(doctor), rule(weekday=weekday(4), start_time="09:00", end_time="10:00")), 409, "SCHEDULE_OVERLAP")


def test_the_same_key_adds_once(house, admin, h):
    doctor = h.extra_doctor()
    first, again = (admin.post(path(doctor), rule(), headers={"Idempotency-Key": "one-rule"}) for _ in range(2))
    assert data(first, 201) == data(again, 201) and len(sessions(h, doctor)) == 3


def test_two_calls_at_once_make_one_rule(house, h):
    doctor = h.extra_doctor()
    apis = [house.system.api(token=t) for t in house.system.tokens("--user", h.one("select username from users where id = %s", h.admin),
                                                                   "--count", "2")]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        got = [f.result() for f in [pool.submit(a.post, path(doctor), rule()) for a in apis]]
    assert sorted(r.status_code for r in got) == [201, 409]
    refused([r for r in got if r.status_code == 409][0], 409, "AVAILABILITY_OVERLAP")
    assert len(sessions(h, doctor)) == 3


def test_whose_hours_one_may_change(house, admin, h):
    """R-77: a doctor the own, the office those of the department."""
    mine, colleague, stranger = h.doctor, h.extra_doctor(), h.extra_doctor(h.dept2)
    doctor, office = house.api(h.doctor_user), house.api(house.office)
    (r,) = add(doctor, mine, rule())["rules"]
    add(office, colleague, rule())
    for api, other in ((doctor, colleague), (office, stranger)):
        refused(api.post(path(other), rule()), 403, "NOT_OWNER")
        refused(api.put(path(other), {"rules": []}), 403, "NOT_OWNER")
    refused(house.api(h.doctor2_user).patch(path(mine, f"/{r['id']}"), {"slot_minutes": 30}), 403, "NOT_OWNER")
    refused(house.api(h.doctor2_user).delete(path(mine, f"/{r['id']}")), 403, "NOT_OWNER")
    refused(house.api(h.patient()[1]).post(path(mine), rule()), 403, "FORBIDDEN")
    refused(doctor.delete(path(h.doctor2, f"/{r['id']}")), 403, "NOT_OWNER")      # the rule in the path is his, the doctor is not
    refused(admin.delete(path(h.doctor2, f"/{r['id']}")), 404, "NOT_FOUND")
    data(doctor.delete(path(mine, f"/{r['id']}")))


# ---- replacing, changing, deleting

def test_replacing_keeps_what_is_booked(house, admin, h):
    doctor = h.extra_doctor()
    (old,) = add(admin, doctor, rule())["rules"]
    first, *others = days_of(weekday(2))
    sid = h.one("select id from schedules where doctor_id = %s and date = %s", doctor, first)
    order = book(house, sid)
    got = data(admin.put(path(doctor), {"rules": [rule(start_time="09:00", end_time="11:00"), rule(start_time="14:00", end_time="16:00")]}))
    assert [s["id"] for s in got["kept_sessions"]] == [sid] and got["kept_sessions"][0]["rule_id"] is None
    assert [(r["start_time"], r["valid_from"]) for r in got["rules"] if r["id"] != old["id"]] == [("09:00", day(1)), ("14:00", day(1))]
    assert sessions(h, doctor, "date, starts_at, ends_at") == sorted(
        [(first, at(first, "08:00"), at(first, "12:00")), (first, at(first, "14:00"), at(first, "16:00"))]
        + [(d, at(d, a), at(d, b)) for d in others for a, b in (("09:00", "11:00"), ("14:00", "16:00"))])
    assert h.order(order)["status"] == "confirmed"
    assert h.one("select valid_to from availability_rules where id = %s", old["id"]) == today()
    # from a later day on: until then everything stays
    got = data(admin.put(path(doctor), {"rules": [], "effective_from": others[1].isoformat()}))
    assert {d for (d,) in sessions(h, doctor, "date")} == {first, others[0]} and got["kept_sessions"] == []
    refused(admin.put(path(doctor), {"rules": [rule(end_time="08:10")]}), 422, "VALIDATION_FAILED")
    refused(admin.put(path(doctor), {"rules": [rule(), rule()]}), 409, "AVAILABILITY_OVERLAP")
    refused(admin.put(path(doctor), {}), 422, "VALIDATION_FAILED")
    refused(admin.put(path(99999999), {"rules": []}), 404, "NOT_FOUND")


def test_changing_a_rule_moves_its_free_sessions(house, admin, h):
    doctor = h.extra_doctor()
    (r,) = add(admin, doctor, rule())["rules"]
    first, *others = days_of(weekday(2))
    book(house, h.one("select id from schedules where doctor_id = %s and date = %s", doctor, first))
    got = data(admin.patch(path(doctor, f"/{r['id']}"), {"end_time": "10:00", "slot_minutes": 30}))
    assert got == {**r, "end_time": "10:00", "slot_minutes": 30}
    assert sessions(h, doctor, "date, total_slots, rule_id") == [(first, 12, r["id"])] + [(d, 4, r["id"]) for d in others]
    assert data(admin.patch(path(doctor, f"/{r['id']}"), {"status": "INACTIVE"}))["status"] == "INACTIVE"
    assert sessions(h, doctor) == [(first, "上午")]
    assert data(admin.patch(path(doctor, f"/{r['id']}"), {"status": "ACTIVE", "valid_to": others[0].isoformat()}))["status"] == "ACTIVE"
    assert [d for (d,) in sessions(h, doctor, "date")] == [first, others[0]]
    refused(admin.patch(path(doctor, f"/{r['id']}"), {"end_time": "08:10"}), 422, "VALIDATION_FAILED")
    add(admin, doctor, rule(start_time="14:00", end_time="15:00"))
    refused(admin.patch(path(doctor, f"/{r['id']}"), {"end_time": "14:30"}), 409, "AVAILABILITY_OVERLAP")
    refused(admin.patch(path(doctor, f"/{r['id']}"), {"clinic_id": 99999999}), 404, "NOT_FOUND")
    refused(admin.patch(path(doctor, "/99999999"), {"slot_minutes": 30}), 404, "NOT_FOUND")


def test_deleting_a_rule_counts_what_goes_and_stays(house, admin, h):
    doctor = h.extra_doctor()
    (r,) = add(admin, doctor, rule())["rules"]
    sid = h.one("select min(id) from schedules where doctor_id = %s", doctor)
    book(house, sid)
    assert data(admin.delete(path(doctor, f"/{r['id']}"))) == {"sessions_removed": 2, "sessions_kept": 1}
    assert sessions(h, doctor, "id, rule_id") == [(sid, None)]
    refused(admin.delete(path(doctor, f"/{r['id']}")), 404, "NOT_FOUND")
    changes = h.one("select changes from audit_log where action = 'availability.remove' and entity_id = %s", str(doctor))
    assert [len(side) for side in changes["rules"]] == [1, 0]


def test_dropping_sessions_while_patients_book(house, admin, h):
    """A place that was given stays, whatever goes around it."""
    for _ in range(3):
        doctor = h.extra_doctor()
        (r,) = add(admin, doctor, rule())["rules"]
        ids = [i for (i,) in sessions(h, doctor, "id")]
        people = [house.api(h.patient()[1]) for _ in ids]
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            books = [pool.submit(p.post, "/api/v1/appointments", {"schedule_id": i}) for p, i in zip(people, ids)]
            gone = pool.submit(admin.delete, path(doctor, f"/{r['id']}"))
            booked = {i for f, i in zip(books, ids) if f.result().status_code == 201}
        assert {i for (i,) in sessions(h, doctor, "id")} == booked
        assert data(gone.result())["sessions_removed"] == len(ids) - len(booked)
    h.check()


# ---- approval

@pytest.fixture
def approval(admin):
    data(admin.patch("/api/v1/system/config", {"availability.auto_approve": False}))
    yield
    data(admin.patch("/api/v1/system/config", {"availability.auto_approve": None}))


def doctor_with_account(h):
    doctor, user = h.extra_doctor(), h.user("doctor", roles=["DOCTOR"])
    h.run("update doctors set user_id = %s where id = %s", user, doctor)
    return doctor, user


def test_a_doctors_rules_wait_for_approval(house, admin, h, approval):
    doctor, user = doctor_with_account(h)
    clinic = bc._clinic(h)
    other = h.session(days_of(weekday(2))[0], doctor=h.extra_doctor(), clinic=clinic, section="下午")
    got = add(house.api(user), doctor, rule(clinic_id=clinic), 202)
    assert (got["status"], got["sessions_created"], got["rules"][0]["status"]) == ("PENDING_APPROVAL", 0, "PENDING_APPROVAL")
    assert sessions(h, doctor) == [] and data(house.system.api().get(path(doctor)))["rules"] == []
    # it is an application for the clinic's week: as it stands, with the doctor in
    audit, week, cells = h.run("select id, week_start_date, schedule_data from schedule_audits where clinic_id = %s", clinic)[0]
    first = days_of(weekday(2))[0]
    assert week == first - dt.timedelta(days=first.weekday())
    others = h.one("select doctor_id from schedules where id = %s", other)
    expected = [[None] * 3 for _ in range(7)]
    expected[first.weekday()] = [{"doctor_id": doctor}, {"doctor_id": others}, None]
    assert cells == expected
    message(admin.post(f"/admin/audit/schedule/{audit}/approve", {"comment": "同意"}))
    r = h.one("select id from availability_rules where doctor_id = %s and status = 'ACTIVE'", doctor)
    wait_for("its sessions", lambda: len(sessions(h, doctor)) == 3, timeout=60)
    # the application's week has the session of BR-52, later weeks those of the rule
    assert [rule for (rule,) in sessions(h, doctor, "rule_id")] == [None, r, r]
    assert h.run("select is_latest, status from schedules where id = %s", other) == [(True, "正常")]


def test_a_rejected_application_ends_its_rules(house, admin, h, approval):
    doctor, user = doctor_with_account(h)
    clinic = bc._clinic(h)
    add(house.api(user), doctor, rule(clinic_id=clinic), 202)
    audit = h.one("select id from schedule_audits where clinic_id = %s", clinic)
    message(admin.post(f"/admin/audit/schedule/{audit}/reject", {"comment": "诊室另有安排，请改期"}))
    assert h.one("select status from availability_rules where doctor_id = %s", doctor) == "INACTIVE"
    add(house.api(user), doctor, rule(clinic_id=clinic), 202)          # another try overlaps nothing


def test_an_administrator_approves_a_rule_or_a_day(house, admin, h, approval):
    doctor, user = doctor_with_account(h)
    got = add(house.api(user), doctor, [rule(), {"date": day(5), "start_time": "14:00", "end_time": "15:00"}], 202)
    (sid,) = sessions(h, doctor, "id")[0]
    assert data(admin.get(f"/api/v1/schedules/{sid}"))["status"] == "SUSPENDED"
    r = house.api(h.patient()[1]).post("/api/v1/appointments", {"schedule_id": sid})
    refused(r, 409, "SESSION_SUSPENDED")
    rule_path = path(doctor, f"/{got['rules'][0]['id']}")
    assert data(house.api(user).patch(rule_path, {"status": "ACTIVE"}))["status"] == "PENDING_APPROVAL"     # not by himself
    assert data(admin.patch(rule_path, {"status": "ACTIVE"}))["status"] == "ACTIVE"
    assert data(admin.patch(f"/api/v1/schedules/{sid}", {"status": "OPEN"}))["status"] == "OPEN"
    assert len(sessions(h, doctor)) == 4
    assert add(admin, h.extra_doctor(), rule())["sessions_created"] == 3          # an administrator's own need none


# ---- every day

def test_rules_are_carried_on_to_the_horizon(house, admin, h):
    doctor = h.extra_doctor()
    (r,) = add(admin, doctor, rule())["rules"]
    first, second, third = days_of(weekday(2))
    # as it was some days ago: only the first session, which an administrator deleted; somebody else has the doctor's second day
    h.run("delete from schedules where rule_id = %s and date > %s", r["id"], first)
    h.run("update schedules set is_latest = false, deleted_at = now() where rule_id = %s", r["id"])
    other = h.session(second, doctor=doctor, clinic=bc._clinic(h))
    h.run("update availability_rules set extended_to = null where id = %s", r["id"])
    wait_for("the third day", lambda: sessions(h, doctor, "date, rule_id") == [(second, None), (third, r["id"])], timeout=60)
    assert h.one("select extended_to from availability_rules where id = %s", r["id"]) == today() + dt.timedelta(days=HORIZON)
    assert sessions(h, doctor, "id")[0] == (other,)
