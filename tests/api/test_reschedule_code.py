"""Moving an order on the {code, message} surface, over HTTP: what can be chosen, payloads, every refusal (BR-89 to BR-92)."""

import datetime as dt

import pytest

from support import booking_cases as bc
from support import moves
from support.hospital import at, now, today
from support.http import message


@pytest.fixture(autouse=True)
def default_settings(house):
    house.reset()
    house.h.setting("registration", '{"sameDayDeadline": "23:59"}')


class Case:
    """A booked order of a patient with a doctor of its own, and another session it may move to."""

    def __init__(self, house, days=3, to_days=5, price="50.00", kind="校外", **target):
        self.house, self.h = house, house.h
        h = self.h
        self.patient, self.user = h.patient(kind=kind)
        self.doctor, self.clinic = h.extra_doctor(), bc._clinic(h)
        self.session = h.session(days, doctor=self.doctor, clinic=self.clinic, price=price)
        self.target = h.session(to_days, **{"doctor": self.doctor, "clinic": self.clinic, "price": price, **target})
        self.order = message(self.api().post("/patient/appointments",
                                             bc.code_body(h, bc.Ask(self.user, self.patient, self.session))))["id"]

    def api(self, user=None):
        return self.house.api(user or self.user)

    def move(self, target=None, user=None, **kw):
        return self.api(user).put(f"/patient/appointments/{self.order}/reschedule", {"scheduleId": target or self.target}, **kw)

    def options(self, user=None):
        return self.api(user).get(f"/patient/appointments/{self.order}/reschedule-options")

    def set(self, **columns):
        for name, value in columns.items():
            self.h.run(f"update registration_orders set {name} = %s where id = %s", value, self.order)


def refused(response, code, text):
    assert message(response, code)["msg"] == text


def test_moved(house):
    c = Case(house, kind="教师")
    before = c.h.order(c.order)
    assert message(c.move(str(c.target))) == {
        "id": c.order, "appointmentDate": str(today() + dt.timedelta(days=5)), "appointmentTime": "上午", "price": 40.0,
        "priceDiff": 0.0, "status": "pending", "paymentStatus": "pending"}
    o = c.h.order(c.order)
    assert (o["schedule_id"], o["slot_no"], o["order_no"]) == (c.target, 1, before["order_no"])
    assert (o["reschedule_count"], o["previous_starts_at"], o["version"]) == (1, before["starts_at"], 2)
    assert o["payable_since"] == before["payable_since"] and o["slot_date"] == today() + dt.timedelta(days=5)
    assert (c.h.remaining(c.session), c.h.remaining(c.target)) == (16, 15)
    (step,) = c.h.run("select by_user, from_value, to_value from appointment_history where order_id = %s and action = 'rescheduled'",
                      c.order)
    assert step[0] == c.user and (step[1]["schedule_id"], step[2]["schedule_id"]) == (c.session, c.target)
    detail = message(c.api().get(f"/patient/appointments/{c.order}"))
    assert (detail["scheduleId"], detail["appointmentDate"]) == (c.target, str(today() + dt.timedelta(days=5)))
    # and back again, which the waiting place allows
    assert message(c.move(c.session))["appointmentDate"] == str(today() + dt.timedelta(days=3))
    assert (c.h.remaining(c.session), c.h.remaining(c.target)) == (15, 16)
    c.h.check()


def test_same_idempotency_key_is_one_move(house):
    c = Case(house)
    first, again = (c.move(headers={"Idempotency-Key": f"m-{c.order}"}) for _ in range(2))
    assert message(again) == message(first) and again.headers.get("Idempotency-Replayed") == "true"
    assert c.h.order(c.order)["reschedule_count"] == 1


def test_who_may(house):
    c = Case(house)
    h = c.h
    refused(c.move(user=h.patient()[1]), 102, "无权改约该订单")
    refused(c.options(user=h.patient()[1]), 102, "无权查看改约选项")
    nobody = h.user(roles=["PATIENT"])
    refused(c.move(user=nobody), 106, "患者信息不存在")
    refused(c.options(user=nobody), 106, "患者信息不存在")
    c.order = 99999999
    refused(c.move(), 106, "预约不存在")
    refused(c.options(), 106, "预约不存在")


def test_who_placed_it_and_the_patient_may(house):
    h = house.h
    c = Case(house)
    mother, user = h.patient()
    h.relate(mother, c.patient)
    refused(c.move(user=user), 102, "无权改约该订单")       # neither placed nor owned
    c.set(initiator_user_id=user)
    assert message(c.options(user=user))["options"]
    assert message(c.move(user=user))["id"] == c.order
    assert message(c.move(c.session))["id"] == c.order


@pytest.mark.parametrize("state", ["completed", "cancelled", "timeout", "no_show"])
def test_state(house, state):
    c = Case(house)
    if state in ("completed", "no_show"):
        c.set(status="confirmed")
    else:
        c.h.run("update schedules set remaining_slots = remaining_slots + 1 where id = %s", c.session)
    c.set(status=state)
    refused(c.move(), 99, "当前状态不可改约")
    refused(c.options(), 99, "当前状态不可改约")


@pytest.mark.parametrize("payment", ["paying", "failed", "cancelled", "refunded"])
def test_payment_state(house, payment):
    c = Case(house)
    c.set(payment_status=payment)
    refused(c.move(), 99, "当前支付状态不可改约")
    refused(c.options(), 99, "当前支付状态不可改约")


def test_unpaid_beyond_its_time_is_over(house):
    c = Case(house)
    c.set(payable_since=now() - dt.timedelta(minutes=31))
    refused(c.move(), 99, "当前状态不可改约")
    refused(c.options(), 99, "当前状态不可改约")
    house.h.setting("registration", '{"sameDayDeadline": "23:59", "paymentTimeoutMinutes": 40}')
    assert message(c.options())["options"] and message(c.move())["id"] == c.order


def test_present_place_has_begun(house):
    c = Case(house)
    c.h.run("update registration_orders set starts_at = now() - interval '1 minute', ends_at = now() + interval '1 minute' "
            "where id = %s", c.order)
    refused(c.move(), 99, "已过就诊时间，无法改约")
    refused(c.options(), 99, "已过就诊时间，无法改约")


def test_targets(house):
    c = Case(house)
    h = c.h
    refused(c.move(99999999), 106, "目标排班不存在")
    refused(c.move(c.session), 99, "请选择不同的排班进行改约")
    refused(c.move(h.session(6, doctor=h.extra_doctor(), clinic=c.clinic)), 99, "仅支持同医生改约")
    refused(c.move(h.session(6, doctor=c.doctor, clinic=bc._clinic(h))), 99, "仅支持同诊室同号源改约")
    refused(c.move(h.session(7, doctor=c.doctor, clinic=c.clinic, slot_type="专家")), 99, "仅支持同号源类型改约")
    refused(c.move(h.session(8, doctor=c.doctor, clinic=c.clinic, status="停诊")), 99, "该排班不可预约")
    refused(c.move(h.session(9, doctor=c.doctor, clinic=c.clinic, places=0)), 99, "目标排班号源不足")
    refused(c.move(h.session(-1, doctor=c.doctor, clinic=c.clinic)), 99, "目标排班已过开始时间，无法改约")
    refused(c.move(h.session(15, doctor=c.doctor, clinic=c.clinic)), 99, "超出可预约时间范围")
    assert c.h.order(c.order)["version"] == 1       # after all that the booking stands
    h.check()


def test_the_patient_s_other_appointments(house):
    c = Case(house)
    h = c.h
    other = Case(house, days=5, to_days=6)                     # the same hour with another doctor
    h.run("update registration_orders set patient_id = %s where id = %s", c.patient, other.order)
    refused(c.move(), 99, "患者在该时间已有其他预约")
    h.run("update registration_orders set schedule_id = %s, slot_no = 16, starts_at = starts_at + interval '5 hours', "
          "ends_at = ends_at + interval '5 hours' where id = %s", c.target, other.order)
    h.run("update schedules set remaining_slots = remaining_slots + 1 where id = %s", other.session)
    h.run("update schedules set remaining_slots = remaining_slots - 1 where id = %s", c.target)
    refused(c.move(), 1002, "该时段已有预约")
    h.setting("registration", '{"maxAppointmentsPerPeriod": 1, "appointmentPeriodDays": 8}')
    h.run("update registration_orders set status = 'cancelled' where id = %s", other.order)
    h.run("update schedules set remaining_slots = remaining_slots + 1 where id = %s", c.target)
    assert message(c.move())["id"] == c.order       # the order itself does not count
    h.check()


def test_banned_and_missed(house):
    c = Case(house)
    c.h.run("insert into user_bans (user_id, ban_type) values (%s, 'register')", c.user)
    refused(c.move(), 102, "账号已被限制挂号")


def test_unpaid_takes_the_new_price(house):
    c = Case(house, kind="学生", price="50.00", to_days=6)
    c.h.run("update schedules set price = 100 where id = %s", c.target)
    got = message(c.move())
    assert (got["price"], got["priceDiff"], got["paymentStatus"]) == (80.0, 40.0, "pending")
    o = c.h.order(c.order)
    assert (o["list_price"], o["price"]) == (100, 80)
    (bill,) = c.h.run("select subtotal, discount, total, status from bills where appointment_id = %s and status <> 'CANCELLED'", c.order)
    assert bill == (100, 20, 80, "ISSUED")
    (item,) = c.h.run("select unit_price, discount, line_total from bill_items where bill_id = (select id from bills where "
                      "appointment_id = %s and status <> 'CANCELLED')", c.order)
    assert item == (100, 20, 80)
    # back to where it is cheaper
    assert message(c.move(c.session))["priceDiff"] == -40.0
    # and to where nothing is paid: there is nothing to wait for
    free = c.h.session(7, doctor=c.doctor, clinic=c.clinic, price="0.00")
    got = message(c.move(free))
    assert (got["price"], got["status"], got["paymentStatus"]) == (0.0, "confirmed", "paid")
    assert c.h.one("select count(*) from bills where appointment_id = %s and status <> 'CANCELLED'", c.order) == 0
    # which from then on is a paid order
    refused(c.move(c.target), 99, "已支付订单仅支持同价改约")
    c.h.check()


def test_paid_moves_at_the_same_price_only(house):
    c = Case(house)
    moves.paid(c.h, c.order)
    got = message(c.move())
    assert (got["priceDiff"], got["status"], got["paymentStatus"]) == (0.0, "confirmed", "paid")
    for n, price in enumerate(("49.99", "50.01")):
        refused(c.move(c.h.session(6 + n, doctor=c.doctor, clinic=c.clinic, price=price)), 99, "已支付订单仅支持同价改约")
    assert c.h.one("select status from bills where appointment_id = %s", c.order) == "PAID"
    c.h.check()


def test_options(house):
    c = Case(house)
    h = c.h
    later = h.session(5, "下午", doctor=c.doctor, clinic=c.clinic, price="88.00")
    soon = h.session(4, "晚上", doctor=c.doctor, clinic=c.clinic)
    for days, kw in ((6, {"places": 0}), (7, {"status": "停诊"}), (8, {"slot_type": "专家"}), (9, {"clinic": bc._clinic(h)}), (-1, {}),
                     (15, {})):
        h.session(days, **{"doctor": c.doctor, "clinic": c.clinic, **kw})
    gone, old = h.session(10, doctor=c.doctor, clinic=c.clinic), h.session(11, doctor=c.doctor, clinic=c.clinic)
    h.run("update schedules set deleted_at = now(), is_latest = false where id = %s", gone)
    h.run("update schedules set is_latest = false where id = %s", old)
    h.session(4, doctor=h.extra_doctor(), clinic=c.clinic)
    got = message(c.options())
    assert {k: got[k] for k in got if k != "options"} == {
        "appointmentId": c.order, "currentScheduleId": c.session, "currentDate": str(today() + dt.timedelta(days=3)),
        "currentTimeSection": "上午"}
    assert [o["scheduleId"] for o in got["options"]] == [soon, c.target, later]
    assert got["options"][2] == {
        "scheduleId": later, "date": str(today() + dt.timedelta(days=5)), "timeSection": "下午", "remainingSlots": 16, "price": 88.0,
        "hospitalId": h.area, "hospitalName": "主院区", "departmentId": h.dept, "departmentName": "心内科", "clinicId": c.clinic,
        "clinicName": "诊室", "slotType": "普通", "startTime": "14:00", "endTime": "18:00", "doctorName": "医生丙", "doctorTitle": ""}
    h.run("update doctors set status = 'INACTIVE' where id = %s", c.doctor)
    assert message(c.options())["options"] == []
    refused(c.move(), 99, "该排班不可预约")
    h.run("update doctors set status = 'ACTIVE' where id = %s", c.doctor)
    # every choice can be made
    for option in got["options"]:
        assert message(c.move(option["scheduleId"]))["id"] == c.order


def test_options_of_today_end_with_the_deadline(house):
    c = Case(house)
    h = c.h
    start = now().replace(second=0, microsecond=0) + dt.timedelta(minutes=3)
    if start.date() != today():
        start = at(today(), "23:58")
    soon = h.session(0, doctor=c.doctor, clinic=c.clinic, starts=start, ends=start + dt.timedelta(minutes=1), minutes=1, places=1)
    h.setting("registration", '{"sameDayDeadline": "00:00"}')
    assert [o["scheduleId"] for o in message(c.options())["options"]] == [c.target]
    refused(c.move(soon), 99, "已超过当日挂号截止时间")
    h.setting("appointment.apply_registration_rules", "false")
    try:
        assert [o["scheduleId"] for o in message(c.options())["options"]] == [soon, c.target]
        assert message(c.move(soon))["id"] == c.order
    finally:
        h.setting("appointment.apply_registration_rules", None)


@pytest.mark.parametrize("body", [{}, {"scheduleId": "x"}, {"scheduleId": 0}, {"scheduleId": None}])
def test_faulty_body(house, body):
    c = Case(house)
    message(c.api().put(f"/patient/appointments/{c.order}/reschedule", body), 99)


def test_freed_place_goes_to_whoever_waits(house):
    c = Case(house, price="0.00")
    h = c.h
    h.run("update schedules set total_slots = 1, remaining_slots = 0 where id = %s", c.session)
    waiting, user = h.patient()
    entry = message(house.api(user).post("/patient/waitlist", {"scheduleId": c.session, "patientId": waiting}))["id"]
    assert message(c.move())["id"] == c.order
    o = h.order(entry)
    assert (o["status"], o["schedule_id"], o["slot_no"]) == ("confirmed", c.session, 1)
    refused(c.move(c.session), 99, "目标排班号源不足")
    # one who came from the waitlist moves like anybody
    other = h.session(6, doctor=c.doctor, clinic=c.clinic, price="0.00")
    r = house.api(user).put(f"/patient/appointments/{entry}/reschedule", {"scheduleId": other})
    assert message(r)["id"] == entry and h.order(entry)["source_type"] == "waitlist"
    h.check()
