"""Many bookings of one account raise its risk score, time lowers it (BR-128, BR-129, BR-131 to BR-133, BR-135, BR-136)."""

import datetime as dt

import pytest

from support import booking_cases as bc
from support.hospital import now
from support.http import message
from support.proc import wait_for
from support.rush import at_once
from support.trusted import Jobs


@pytest.fixture(scope="module")
def house(house):
    house.dept3 = house.h.one("insert into minor_departments (major_dept_id, name) values (%s, '眼科') returning id", house.h.major)
    return house


def session_in(h, dept, section="上午", days=3):
    doctor = h.extra_doctor(dept)
    clinic = h.one("insert into clinics (area_id, minor_dept_id, name) values (%s, %s, '诊室') returning id", h.area, dept)
    return h.session(days, section, doctor=doctor, clinic=clinic)


def book(house, user, patient, session):
    h = house.h
    return house.api(user).post("/patient/appointments", {"scheduleId": session, "hospitalId": h.area, "departmentId": h.dept, "patientId": patient})


def score(h, user):
    rows = h.run("select current_score, current_level from user_risk_summaries where user_id = %s", user)
    return rows[0] if rows else None


def behaviours(h, user):
    return h.run("select behavior_type, risk_score, description from risk_logs where user_id = %s order by id", user)


def weighed(h, user):
    """No job of this account is unfinished, after at least one."""
    return lambda: h.one("select count(*) filter (where status = 'DONE') > 0 and count(*) filter (where status in ('QUEUED', 'RUNNING')) = 0 "
                         "from jobs where op = 'identity.weigh_bookings' and unique_key = %s", f"weigh-bookings:{user}")


def three(house, depts, aged=()):
    """(patient, user) with bookings in these departments; aged: minutes by which each is made older."""
    h = house.h
    pid, uid = h.patient()
    for i, dept in enumerate(depts):
        order = message(book(house, uid, pid, session_in(h, dept, ("上午", "下午", "晚上")[i % 3], 3 + i // 3)))["id"]
        if aged:
            h.run("update registration_orders set created_at = created_at - make_interval(mins => %s) where id = %s", aged[i], order)
    return pid, uid


def test_third_booking_within_ten_minutes(house):
    h = house.h
    pid, uid = three(house, [h.dept, h.dept])
    assert h.one("select count(*) from jobs where op = 'identity.weigh_bookings' and unique_key = %s", f"weigh-bookings:{uid}") == 0
    message(book(house, uid, pid, session_in(h, h.dept, "晚上")))
    wait_for("the weighing", weighed(h, uid))
    assert behaviours(h, uid) == [("short_time_batch_register", 15, "10 分钟内挂号 3 次")]
    assert score(h, uid) == (15, "SAFE")
    # those three are used up
    for i in range(2):
        message(book(house, uid, pid, session_in(h, h.dept, days=5 + i)))
        wait_for("the weighing", weighed(h, uid))
    assert score(h, uid) == (15, "SAFE")
    message(book(house, uid, pid, session_in(h, h.dept, days=8)))
    wait_for("the second incident", lambda: score(h, uid) == (30, "LOW"))


def test_three_departments_within_the_hour(house):
    h = house.h
    _, uid = three(house, [h.dept, h.dept2, house.dept3], aged=(50, 30, 0))
    wait_for("the weighing", weighed(h, uid))
    assert behaviours(h, uid) == [("cross_department_batch", 20, "1 小时内在 3 个科室挂号")]


def test_both_at_once(house):
    h = house.h
    _, uid = three(house, [h.dept, h.dept2, house.dept3])
    wait_for("the weighing", weighed(h, uid))
    assert sorted(b[0] for b in behaviours(h, uid)) == ["cross_department_batch", "short_time_batch_register"]
    assert score(h, uid) == (35, "LOW")


@pytest.mark.parametrize("aged, depts", [((11, 5, 0), 1), ((70, 30, 0), 3)])
def test_bookings_further_apart_are_no_incident(house, aged, depts):
    h = house.h
    _, uid = three(house, [h.dept, h.dept2, house.dept3] if depts == 3 else [h.dept] * 3, aged)
    call(house, "identity.weigh_bookings", {"body": {"user_id": uid}})
    assert behaviours(h, uid) == []


def test_bookings_for_relatives_at_once_are_counted(house):
    h = house.h
    pid, uid = h.patient()
    people = [pid]
    for _ in range(2):
        child, _ = h.patient(account=False)
        h.relate(pid, child)
        people.append(child)
    sessions = [session_in(h, h.dept) for _ in people]
    house.api(uid)
    for r in at_once(*[lambda p=p, s=s: book(house, uid, p, s) for p, s in zip(people, sessions)]):
        message(r)
    wait_for("the weighing", weighed(h, uid))
    assert behaviours(h, uid) == [("short_time_batch_register", 15, "10 分钟内挂号 3 次")]


def test_staff_books_for_patients_without_being_weighed(house):
    h = house.h
    api = house.api(h.staff)
    for _ in range(4):
        ask = bc._free(h)
        assert api.post("/api/v1/appointments", {"schedule_id": ask.session, "patient_id": ask.patient}).status_code == 201
    assert h.one("select count(*) from jobs where unique_key = %s", f"weigh-bookings:{h.staff}") == 0


def test_a_ban_that_bookings_brought_ends_the_sessions(house):
    h = house.h
    pid, uid = h.patient()
    h.run("insert into user_risk_summaries (user_id, current_score, current_level) values (%s, 76, 'HIGH')", uid)
    for section in ("上午", "下午", "晚上"):
        message(book(house, uid, pid, session_in(h, h.dept, section)))
    wait_for("the ban", lambda: h.run("select ban_type, reason from user_bans where user_id = %s and is_active", uid) == [("all", "风险分数达到 91")])
    wait_for("the end of the session", lambda: house.api(uid).get("/patient/appointments").status_code == 401, 5)


# ---- visits (BR-134)

def completed(h, order):
    h.run("update registration_orders set status = 'confirmed' where id = %s", order)
    h.run("update registration_orders set status = 'completed', version = version + 1, updated_at = now() where id = %s", order)


@pytest.mark.parametrize("before, after", [(40, 30), (6, 0), (74, 64)])
def test_a_completed_visit_lowers_the_score(house, before, after):
    h = house.h
    pid, uid = h.patient()
    order = message(book(house, uid, pid, session_in(h, h.dept)))["id"]
    h.run("insert into user_risk_summaries (user_id, current_score, current_level) values (%s, %s, gh_risk_level(%s))", uid, before, before)
    completed(h, order)
    wait_for("the credit", lambda: score(h, uid)[0] == after)
    assert behaviours(h, uid) == [("complete_visit", -10, f"就诊完成 {h.order(order)['order_no']}")]
    call(house, "identity.credit_visit", {"body": {"order_id": 99999999}})


def test_the_one_who_booked_for_a_patient_without_account_is_credited(house):
    h = house.h
    pid, uid = h.patient()
    child, _ = h.patient(account=False)
    h.relate(pid, child)
    order = message(book(house, uid, child, session_in(h, h.dept)))["id"]
    h.run("insert into user_risk_summaries (user_id, current_score, current_level) values (%s, 30, 'LOW')", uid)
    completed(h, order)
    wait_for("the credit", lambda: score(h, uid) == (20, "SAFE"))


def test_an_account_without_a_score_costs_no_job(house):
    h = house.h
    pid, uid = h.patient()
    order = message(book(house, uid, pid, session_in(h, h.dept)))["id"]
    completed(h, order)
    assert h.one("select count(*) from jobs where unique_key = %s", f"credit-visit:{order}") == 0 and score(h, uid) is None


def test_half_counts_from_seventy_five_on(house):
    h = house.h
    pid, uid = h.patient()
    order = message(book(house, uid, pid, session_in(h, h.dept)))["id"]
    h.run("insert into user_bans (user_id, ban_type) values (%s, 'register')", uid)
    h.run("insert into user_risk_summaries (user_id, current_score, current_level) values (%s, 80, 'HIGH')", uid)
    completed(h, order)
    wait_for("the credit", lambda: score(h, uid) == (75, "HIGH"))


# ---- every day

def call(house, op, args=None):
    jobs = Jobs(house.system.inner)
    try:
        a = jobs.call(op, args or {}, 0)
    finally:
        jobs.close()
    assert a.error is None, a
    return a


def at_risk(h, points, incident_days, decay_days=None):
    uid = h.patient()[1]
    h.run("insert into user_risk_summaries (user_id, current_score, current_level, last_incident_time, last_decay_time) "
          "values (%s, %s, gh_risk_level(%s), %s, %s)", uid, points, points, now() - dt.timedelta(days=incident_days, minutes=1),
          now() - dt.timedelta(days=decay_days, minutes=1) if decay_days is not None else None)
    return uid


def test_scores_decay_once_a_week(house):
    h = house.h
    young, week, three_weeks, done = (at_risk(h, 60, *x) for x in ((6,), (7,), (21,), (10, 3)))
    call(house, "identity.tend_risk")
    # trunc(60 x 0.9), trunc(60 x 0.9^3)
    assert [score(h, u) for u in (young, week, three_weeks, done)] == [(60, "MEDIUM"), (54, "MEDIUM"), (43, "LOW"), (60, "MEDIUM")]
    assert behaviours(h, three_weeks) == [("natural_decay", -17, "3 周无异常")]
    call(house, "identity.tend_risk")
    assert score(h, week) == (54, "MEDIUM") and score(h, three_weeks) == (43, "LOW")


def test_a_stable_month_counts_once(house):
    h = house.h
    quiet = at_risk(h, 40, 30, 0)
    nothing = at_risk(h, 0, 40)
    for _ in range(2):
        call(house, "identity.tend_risk")
        assert score(h, quiet) == (25, "SAFE")
    assert behaviours(h, quiet) == [("monthly_stable", -15, "30 天无异常")] and behaviours(h, nothing) == []
    h.run("update risk_logs set alert_time = alert_time - interval '30 days' where user_id = %s", quiet)
    call(house, "identity.tend_risk")
    assert score(h, quiet) == (10, "SAFE")


def test_lapsed_bans_end(house):
    h = house.h
    lapsed, running, ever = (h.patient()[1] for _ in range(3))
    for uid, until in ((lapsed, "now() - interval '1 minute'"), (running, "now() + interval '1 day'"), (ever, "null")):
        h.run(f"insert into user_bans (user_id, ban_type, ban_until) values (%s, 'register', {until})", uid)
    call(house, "identity.tend_risk")
    assert h.run("select user_id, is_active, unban_time is not null from user_bans where user_id = any (%s) order by id", [lapsed, running, ever]) == [
        (lapsed, False, True), (running, True, False), (ever, True, False)]


def test_a_high_score_that_is_stable_is_banned_all_the_same(house):          # BR-134, BR-135
    h = house.h
    uid = at_risk(h, 95, 30, 0)
    house.api(uid)
    call(house, "identity.tend_risk")
    assert score(h, uid) == (88, "HIGH")
    assert h.run("select ban_type from user_bans where user_id = %s and is_active", uid) == [("login",)]
    assert h.run("select distinct revoke_reason from sessions where user_id = %s", uid) == [("banned",)]
