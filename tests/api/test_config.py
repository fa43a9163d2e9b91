"""Settings and prices that administrators change (api/06, api/03; BR-31 to BR-37, BR-67 to BR-71, BR-119)."""

import datetime
import threading

import pytest

from support.hospital import Hospital
from support.http import message
from support.proc import wait_for

CONF = {"ratelimit.enabled": "false"}
RATES = {"student": 0.8, "teacher": 0.8, "staff": 0.8, "external": 1.0, "学生": 0.8, "教师": 0.8, "职工": 0.8, "校外": 1.0}
REGISTRATION = {"advanceBookingDays": 14, "sameDayDeadline": "08:00", "noShowLimit": 3, "cancelHoursBefore": 2,
                "sameClinicInterval": 7, "paymentTimeoutMinutes": 30, "maxAppointmentsPerPeriod": 10, "appointmentPeriodDays": 8}
SCHEDULE = {"maxFutureDays": 60, "morningStart": "08:00", "morningEnd": "12:00", "afternoonStart": "14:00", "afternoonEnd": "18:00",
            "eveningStart": "18:30", "eveningEnd": "21:00", "consultationDuration": 15, "intervalTime": 5}


@pytest.fixture(scope="module")
def system(empty_db, make_system):
    return make_system(empty_db, CONF)


@pytest.fixture(scope="module")
def h(empty_db, system):
    h = Hospital(empty_db)
    system.start(pools=("identity,directory,pricing,system", "booking"))
    yield h
    h.close()


@pytest.fixture(scope="module")
def admin(system, h):
    return system.api("u1")                            # the first account that Hospital makes


@pytest.fixture(autouse=True)
def seeded(h):
    """Every test begins with the settings of a new installation."""
    for key, value in (("registration", None), ("schedule", None), ("patientIdentityDiscounts", None),
                       ("consultation.max_pass_count", "3"),
                       ("registration.price", '{"default_price_normal": 50, "default_price_expert": 100}')):
        h.setting(key, value)
    h.run("delete from system_config where scope_type <> 'GLOBAL'")


def last_entry(h, after=0):
    rows = h.run("select action, entity, entity_id, changes, actor from audit_log where id > %s order by id desc limit 1", after)
    return rows[0] if rows else None


def last_id(h):
    return h.one("select coalesce(max(id), 0) from audit_log")


# ---- /config


def test_config_is_complete_with_defaults(admin, h):
    assert message(admin.get("/admin/config")) == {"registration": REGISTRATION, "schedule": SCHEDULE,
                                                   "patientIdentityDiscounts": RATES}
    assert admin.get("/config").json() == admin.get("/admin/config").json()
    h.setting("registration", '{"noShowLimit": 99, "cancelHoursBefore": "x", "sameDayDeadline": "25:00", "advanceBookingDays": 30}')
    got = message(admin.get("/config"))["registration"]      # what is out of bounds counts as not set
    assert got == {**REGISTRATION, "advanceBookingDays": 30}


def test_partial_update_merges_and_is_logged(admin, h):
    before = last_id(h)
    assert message(admin.put("/config", {"registration": {"advanceBookingDays": 30, "noShowLimit": "5"}})) == {"detail": "配置更新成功"}
    assert message(admin.put("/admin/config", {"schedule": {"morningStart": "07:30"}, "registration": {"noShowLimit": 4}})) == {
        "detail": "配置更新成功"}
    got = message(admin.get("/config"))
    assert got["registration"] == {**REGISTRATION, "advanceBookingDays": 30, "noShowLimit": 4}
    assert got["schedule"] == {**SCHEDULE, "morningStart": "07:30"}
    assert last_entry(h, before) == ("config.update", "config", "GLOBAL", {"registration.noShowLimit": [5, 4],
                                                                          "schedule.morningStart": ["08:00", "07:30"]}, "u1")
    assert h.one("select updated_by from system_config where config_key = 'schedule'") == h.admin


def test_what_the_admin_client_sends_back_changes_nothing(admin, h):
    whole = message(admin.get("/admin/config"))
    before = last_id(h)
    whole["registration"]["colour"] = "red"
    whole["unknown"] = {"a": 1}
    message(admin.put("/admin/config", whole))
    assert message(admin.get("/admin/config")) == {"registration": REGISTRATION, "schedule": SCHEDULE, "patientIdentityDiscounts": RATES}
    assert last_entry(h, before) is None
    assert "colour" not in h.one("select config_value from system_config where config_key = 'registration'")
    message(admin.put("/admin/config", {}))
    assert last_entry(h, before) is None


@pytest.mark.parametrize("group, member, low, high", [
    ("registration", "advanceBookingDays", 1, 90), ("registration", "noShowLimit", 1, 10),
    ("registration", "cancelHoursBefore", 1, 72), ("registration", "sameClinicInterval", 1, 30),
    ("registration", "paymentTimeoutMinutes", 5, 120), ("registration", "maxAppointmentsPerPeriod", 1, 50),
    ("registration", "appointmentPeriodDays", 1, 30), ("schedule", "maxFutureDays", 7, 180),
    ("schedule", "consultationDuration", 5, 60), ("schedule", "intervalTime", 0, 30)])
def test_bounds(admin, group, member, low, high):
    for good in (low, high):
        message(admin.put("/config", {group: {member: good}}))
        assert message(admin.get("/config"))[group][member] == good
    for bad in (low - 1, high + 1, "x", 1.5, True, None):
        refused = message(admin.put("/config", {group: {member: bad}, "patientIdentityDiscounts": {"student": 0.1}}), 99)
        assert member in refused["msg"]
    assert message(admin.get("/config"))["patientIdentityDiscounts"]["student"] == 0.8       # all or nothing


@pytest.mark.parametrize("bad", ["24:00", "8:00", "08:60", "0800", "", " 08:00"])
def test_clock_times(admin, bad):
    for group, member in (("registration", "sameDayDeadline"), ("schedule", "eveningEnd")):
        assert message(admin.put("/config", {group: {member: bad}}), 99)["msg"] == "时间格式必须为 HH:mm (24小时制)"


@pytest.mark.parametrize("change, text", [
    ({"morningStart": "12:00"}, "上午班开始时间必须小于结束时间"),
    ({"morningEnd": "07:59"}, "上午班开始时间必须小于结束时间"),
    ({"afternoonStart": "18:00"}, "下午班开始时间必须小于结束时间"),
    ({"afternoonEnd": "13:00"}, "下午班开始时间必须小于结束时间"),
    ({"eveningStart": "21:30"}, "晚班开始时间必须小于结束时间"),
    ({"eveningStart": "20:00", "eveningEnd": "19:00"}, "晚班开始时间必须小于结束时间")])
def test_sections_start_before_they_end_in_the_merged_result(admin, h, change, text):
    before = last_id(h)
    refused = message(admin.put("/config", {"schedule": change, "registration": {"noShowLimit": 9}}), 99)
    assert refused["msg"] == text
    got = message(admin.get("/config"))
    assert got["schedule"] == SCHEDULE and got["registration"] == REGISTRATION and last_entry(h, before) is None


def test_discounts_under_both_names(admin, h):
    message(admin.put("/config", {"patientIdentityDiscounts": {"student": 0.5, "学生": 0.9, "教师": 0.6}}))
    got = message(admin.get("/config"))["patientIdentityDiscounts"]
    assert got == {**RATES, "student": 0.5, "学生": 0.5, "teacher": 0.6, "教师": 0.6}
    assert h.one("select config_value from system_config where config_key = 'patientIdentityDiscounts'") == {"学生": 0.5, "教师": 0.6}
    h.setting("patientIdentityDiscounts", '{"student": 0.3, "教师": 0, "staff": 1.5}')        # an older entry; BR-37
    got = message(admin.get("/config"))["patientIdentityDiscounts"]
    assert (got["学生"], got["教师"], got["职工"], got["校外"]) == (0.3, 0.8, 0.8, 1.0)
    message(admin.put("/config", {"patientIdentityDiscounts": {"external": 0.7}}))
    assert message(admin.get("/config"))["patientIdentityDiscounts"]["student"] == 0.3        # kept (BR-70)
    for bad in (1.01, -0.1, "x"):
        message(admin.put("/config", {"patientIdentityDiscounts": {"student": bad}}), 99)


def test_two_administrators_at_once_lose_nothing(admin, system, h):
    members = list(REGISTRATION)
    values = [20, "09:00", 4, 5, 9, 40, 20, 9]
    for _ in range(5):
        h.setting("registration", None)
        h.setting("schedule", None)
        apis = [system.api("u1") for _ in members]
        threads = [threading.Thread(target=a.put, args=("/config", {"registration": {m: v}, "schedule": {"intervalTime": 7}}))
                   for a, m, v in zip(apis, members, values)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        assert message(admin.get("/config"))["registration"] == dict(zip(members, values))


def test_a_merge_that_only_together_is_wrong_is_refused_to_one(admin, system, h):
    """Each of the two is good alone: the end of one before the start of the other."""
    for _ in range(5):
        h.setting("schedule", None)
        codes = []
        changes = [{"morningStart": "11:00"}, {"morningEnd": "10:00"}]
        threads = [threading.Thread(target=lambda c=c: codes.append(system.api("u1").put("/config", {"schedule": c}).json()["code"]))
                   for c in changes]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        assert sorted(codes) == [0, 99]


def test_rates_are_logged_as_they_were_sent(admin, h):
    before = last_id(h)
    message(admin.put("/config", {"patientIdentityDiscounts": {"教师": 0.7, "staff": 0.55, "external": 0.1}}))
    assert h.one("select changes::text from audit_log where id > %s", before) == (
        '{"patientIdentityDiscounts.教师": [0.8, 0.7], "patientIdentityDiscounts.校外": [1.0, 0.1], '
        '"patientIdentityDiscounts.职工": [0.8, 0.55]}')


def test_booking_obeys_at_once(admin, system, h):
    patient, user = h.patient()
    token = system.tokens("--user", h.one("select phonenumber from users where id = %s", user))[0]
    far = h.session(20)
    book = {"scheduleId": far, "hospitalId": h.area, "departmentId": h.dept, "patientId": patient}
    message(system.api(token=token).post("/patient/appointments", book), 99)                   # 14 days ahead
    message(admin.put("/config", {"registration": {"advanceBookingDays": 30}, "patientIdentityDiscounts": {"校外": 0.5}}))
    order = message(system.api(token=token).post("/patient/appointments", book))
    assert order["payAmount"] == 25.0


# ---- /admin/consultation/config


def test_pass_limit_of_hospital_and_doctor(admin, h):
    path = "/admin/consultation/config"
    got = message(admin.get(path))
    assert (got["maxPassCount"], got["source"], got["description"]) == (3, "global", "全局过号次数上限")
    before = last_id(h)
    doctor = {"scope_type": "DOCTOR", "scope_id": h.doctor}
    assert message(admin.get(path, params=doctor))["source"] == "global"
    assert message(admin.put(path, params={"max_pass_count": 4, **doctor})) == {
        "detail": "配置更新成功", "maxPassCount": 4, "scope": f"DOCTOR:{h.doctor}"}
    assert last_entry(h, before)[:4] == ("config.update", "config", f"DOCTOR:{h.doctor}", {"consultation.max_pass_count": [None, 4]})
    got = message(admin.get(path, params=doctor))
    assert (got["maxPassCount"], got["source"], got["description"]) == (4, "doctor", "医生过号次数上限")
    assert abs(datetime.datetime.fromisoformat(got["updateTime"] + "+08:00")
               - datetime.datetime.now(datetime.timezone.utc)) < datetime.timedelta(minutes=5)
    assert message(admin.put(path, params={"max_pass_count": 10})) == {"detail": "配置更新成功", "maxPassCount": 10, "scope": "GLOBAL"}
    assert message(admin.get(path))["maxPassCount"] == 10
    before = last_id(h)
    message(admin.put(path, params={"max_pass_count": 10}))
    assert last_entry(h, before) is None
    h.setting("consultation.max_pass_count", None)
    assert message(admin.get(path)) == {"maxPassCount": 3, "source": "default", "description": "默认过号次数上限"}


def test_pass_limit_refusals(admin, h):
    path = "/admin/consultation/config"
    for verb, more in ((admin.get, {}), (admin.put, {"max_pass_count": 2})):
        assert message(verb(path, params={"scope_type": "CLINIC", **more}), 99)["msg"] == "scope_type 必须是 GLOBAL 或 DOCTOR"
        assert message(verb(path, params={"scope_type": "DOCTOR", **more}), 99)["msg"] == "DOCTOR 类型必须提供 scope_id (doctor_id)"
        assert message(verb(path, params={"scope_type": "DOCTOR", "scope_id": 10**9, **more}), 106)["msg"] == "医生不存在"
    for bad in (0, 11, "x"):
        assert message(admin.put(path, params={"max_pass_count": bad}), 99)["msg"] == "过号次数上限必须在 1-10 之间"
    message(admin.put(path), 99)
    assert h.run("select 1 from system_config where scope_type = 'DOCTOR'") == []


# ---- prices


def test_global_prices_by_query_and_body(admin, h):
    path = "/admin/global-prices"
    assert message(admin.get(path)) == {"default_price_normal": 50.0, "default_price_expert": 100.0, "default_price_special": None}
    before = last_id(h)
    assert message(admin.put(path, params={"default_price_normal": "60.5"})) == {"detail": "全局价格配置更新成功"}
    assert last_entry(h, before)[:4] == ("price.update", "price_level", "GLOBAL", {"default_price_normal": [50.0, 60.5]})
    message(admin.put(path, {"default_price_special": 300, "default_price_expert": None}))
    assert message(admin.get(path)) == {"default_price_normal": 60.5, "default_price_expert": None, "default_price_special": 300.0}
    message(admin.put(path, {"default_price_normal": 70}, params={"default_price_normal": 65, "default_price_expert": 0}))
    assert message(admin.get(path)) == {"default_price_normal": 70.0, "default_price_expert": 0.0, "default_price_special": 300.0}


def test_global_prices_refusals(admin):
    path = "/admin/global-prices"
    for response in (admin.put(path), admin.put(path, {}), admin.put(path, {"price": 1}), admin.put(path, params={"x": 1})):
        assert message(response, 99)["msg"] == "至少需要提供一个价格参数"
    for bad in (-1, "x", 1.234):
        message(admin.put(path, params={"default_price_normal": bad}), 99)
        message(admin.put(path, {"default_price_normal": bad}), 99)
    assert message(admin.get(path))["default_price_normal"] == 50.0


def test_identity_discounts(admin, h):
    path = "/admin/patient-identity-discounts"
    assert message(admin.get(path)) == {"学生": 0.8, "教师": 0.8, "职工": 0.8, "校外": 1.0}
    before = last_id(h)
    assert message(admin.put(path, {"student": 0.7, "staff": 0.9})) == {
        "detail": "患者身份折扣配置更新成功", "config": {"学生": 0.7, "教师": 0.8, "职工": 0.9, "校外": 1.0}}
    assert last_entry(h, before)[:4] == ("price.update", "identity_rates", "GLOBAL", {"学生": [0.8, 0.7], "职工": [0.8, 0.9]})
    assert h.one("select changes->>'职工' from audit_log order by id desc limit 1") == "[0.8, 0.9]"    # as it was sent, to the digit
    assert message(admin.put(path, {"teacher": 0}))["config"]["教师"] == 0.8                  # stored, and read as the default (BR-37)
    assert message(admin.get(path))["学生"] == 0.7
    for bad in (1.2, -1, "x", None):
        message(admin.put(path, {"student": bad}), 99)


def test_every_booking_has_a_price_that_was_valid_when_it_was_made(admin, system, h):
    """Discounts change while bookings run: each order has one of the payable amounts, and the last change counts for all after it."""
    rates = [0.5, 0.6, 0.7, 0.9]
    session = h.session(3, places=60, price="100.00")
    people = [h.patient() for _ in range(40)]
    tokens = [system.tokens("--user", h.one("select phonenumber from users where id = %s", u))[0] for _, u in people]
    message(admin.put("/admin/patient-identity-discounts", {"external": rates[0]}))
    done, prices = threading.Event(), []

    def change():
        i = 0
        while not done.is_set():
            i += 1
            message(admin.put("/admin/patient-identity-discounts", {"external": rates[i % 4]}))

    def book(patient, token):
        reply = system.api(token=token).post("/patient/appointments", {
            "scheduleId": session, "hospitalId": h.area, "departmentId": h.dept, "patientId": patient})
        prices.append(message(reply)["payAmount"])

    changer = threading.Thread(target=change)
    changer.start()
    threads = [threading.Thread(target=book, args=(p, t)) for (p, _), t in zip(people, tokens)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    done.set()
    changer.join()
    assert len(prices) == 40 and set(prices) <= {50.0, 60.0, 70.0, 90.0}
    rows = h.run("select price, discount_rate from registration_orders where schedule_id = %s", session)
    assert sorted(float(p) for p, _ in rows) == sorted(prices) and all(float(p) == 100 * float(r) for p, r in rows)
    message(admin.put("/admin/patient-identity-discounts", {"external": 0.4}))
    patient, user = h.patient()
    token = system.tokens("--user", h.one("select phonenumber from users where id = %s", user))[0]
    assert message(system.api(token=token).post("/patient/appointments", {
        "scheduleId": session, "hospitalId": h.area, "departmentId": h.dept, "patientId": patient}))["payAmount"] == 40.0


def test_a_change_of_rates_waits_for_running_bookings(admin, system, h):
    """A booking that has read its rate and is not committed yet: the change of the rate comes after it."""
    message(admin.put("/admin/patient-identity-discounts", {"external": 0.5}))
    session = h.session(4, price="100.00")
    patient, user = h.patient()
    token = system.tokens("--user", h.one("select phonenumber from users where id = %s", user))[0]
    book = {"scheduleId": session, "hospitalId": h.area, "departmentId": h.dept, "patientId": patient}
    done = {}
    holder = h.db.connect(autocommit=False)
    holder.cursor().execute("select 1 from schedules where id = %s for update", (session,))
    booking = threading.Thread(target=lambda: done.update(price=message(system.api(token=token).post("/patient/appointments", book))))
    change = threading.Thread(target=lambda: done.update(rates=message(system.api("u1").put(
        "/config", {"patientIdentityDiscounts": {"external": 0.9}}))))
    booking.start()
    wait_for("the booking to wait", lambda: h.one("select count(*) from pg_locks where locktype = 'advisory' and mode = 'ShareLock' "
                                                  "and database = (select oid from pg_database where datname = current_database())"))
    change.start()
    change.join(0.4)
    assert change.is_alive() and not done
    holder.rollback()
    holder.close()
    booking.join()
    change.join()
    assert done["price"]["payAmount"] == 50.0 and done["rates"] == {"detail": "配置更新成功"}


def test_entries_are_sealed(system, h):
    wait_for("the sealer", lambda: h.one("select count(*) from audit_log where hash is null") == 0, timeout=10)
    assert system.cli("audit", "verify").returncode == 0
