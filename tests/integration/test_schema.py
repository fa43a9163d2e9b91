"""The database as the second line: whatever code does, these are refused by constraints, by name."""

import psycopg2
import pytest
from psycopg2 import errors

COLUMNS = ("order_no", "patient_id", "doctor_id", "schedule_id", "slot_no", "slot_date", "time_section", "slot_type", "starts_at",
           "ends_at", "list_price", "price", "status", "payment_status", "channel", "created_at", "updated_at")


class World:
    """A department, two clinics, two doctors, five patients and a morning session of three places, inside one transaction."""

    def __init__(self, conn):
        self.conn = conn
        self.cur = conn.cursor()
        self.serial = 0
        one = self.one
        area = one("insert into hospital_areas (name) values ('a') returning id")
        self.major = one("insert into major_departments (name) values ('m') returning id")
        self.dept = one("insert into minor_departments (major_dept_id, name) values (%s, 'n') returning id", self.major)
        self.clinics = [one("insert into clinics (area_id, minor_dept_id, name) values (%s, %s, 'c') returning id", area, self.dept)
                        for _ in range(2)]
        self.doctors = [one("insert into doctors (dept_id, name) values (%s, 'd') returning id", self.dept) for _ in range(2)]
        self.patients = [one("insert into patients (name) values ('p') returning id") for _ in range(5)]
        self.morning = self.session()

    def one(self, sql, *args):
        self.cur.execute(sql, args or None)
        return self.cur.fetchone()[0] if self.cur.description else None

    def session(self, doctor=0, clinic=0, section="上午", start="08:00", end="12:00", total=3, day="2031-03-03", **more):
        cols = {"doctor_id": self.doctors[doctor], "clinic_id": self.clinics[clinic], "date": day, "time_section": section,
                "total_slots": total, "remaining_slots": total, "price": 50, "slot_minutes": 20,
                "starts_at": f"{day} {start}+08", "ends_at": f"{day} {end}+08", **more}
        return self.one(f"insert into schedules ({', '.join(cols)}) values ({', '.join(['%s'] * len(cols))}) returning id",
                        *cols.values())

    def order(self, patient=0, slot=1, schedule=None, status="confirmed", **more):
        self.serial += 1
        schedule = schedule or self.morning
        cols = {"order_no": f"n{self.serial}", "patient_id": self.patients[patient], "schedule_id": schedule, "slot_no": slot,
                "list_price": 50, "price": 50, "status": status, "payment_status": "pending", "channel": "v1", **more}
        return self.one(
            f"insert into registration_orders ({', '.join(cols)}, doctor_id, slot_date, time_section, slot_type, starts_at, ends_at, "
            f"created_at, updated_at) select {', '.join(['%s'] * len(cols))}, doctor_id, date, time_section, slot_type, "
            "starts_at + make_interval(mins => (coalesce(%s, 1) - 1) * 20), "
            "starts_at + make_interval(mins => coalesce(%s, 1) * 20), now(), now() from schedules where id = %s returning id",
            *cols.values(), slot, slot, schedule)

    def refused(self, constraint, action, *args, **kw):
        """The action violates this constraint; the transaction goes on as if it had not been tried."""
        self.cur.execute("savepoint s")
        with pytest.raises((errors.CheckViolation, errors.UniqueViolation, errors.ExclusionViolation,
                            errors.ForeignKeyViolation, errors.NotNullViolation)) as e:
            action(*args, **kw)
        assert e.value.diag.constraint_name == constraint, e.value
        self.cur.execute("rollback to savepoint s")

    def run(self, sql, *args):
        self.cur.execute(sql, args or None)


@pytest.fixture()
def w(empty_db):
    conn = empty_db.connect(autocommit=False)
    yield World(conn)
    conn.rollback()
    conn.close()


def test_counters_stay_between_nothing_and_all(w):
    for value in (-1, 4):
        w.refused("schedules_places_ck", w.run, "update schedules set remaining_slots = %s where id = %s", value, w.morning)
    w.refused("schedules_places_ck", w.session, total=-1, section="晚上", start="18:30", end="21:00")


def test_a_place_is_taken_once(w):
    first = w.order(0, 1)
    w.refused("registration_orders_slot_uq", w.order, 1, 1)
    w.refused("registration_orders_slot_uq", w.order, 1, 1, status="completed")
    w.run("update registration_orders set status = 'cancelled' where id = %s", first)
    w.order(1, 1)


def test_a_place_beyond_the_total_does_not_exist(w):
    """Overselling needs a fourth place of three: refused even when the counter is never touched."""
    for i in range(3):
        w.order(i, i + 1)
    w.refused("registration_orders_slot_total_ck", w.order, 3, 4)
    w.refused("registration_orders_slot_ck", w.order, 3, 0)
    w.run("update schedules set total_slots = 4, remaining_slots = 1 where id = %s", w.morning)
    w.order(3, 4)


def test_a_batch_with_one_place_too_many_is_refused_whole(w):
    w.refused("registration_orders_slot_total_ck", w.run,
              "insert into registration_orders (order_no, patient_id, doctor_id, schedule_id, slot_no, slot_date, time_section, "
              "slot_type, starts_at, ends_at, list_price, price, status, payment_status, channel, created_at, updated_at) "
              "select 'b' || k, p.id, s.doctor_id, s.id, k, s.date, s.time_section, s.slot_type, s.starts_at + (k - 1) * interval "
              "'20 min', s.starts_at + k * interval '20 min', 50, 50, 'confirmed', 'pending', 'v1', now(), now() "
              "from schedules s, generate_series(1, 4) k, lateral (select id from patients order by id offset k - 1 limit 1) p "
              "where s.id = %s", w.morning)
    assert w.one("select count(*) from registration_orders") == 0


def test_moving_an_order_cannot_use_a_place_that_is_not_there(w):
    order = w.order(0, 1)
    waiting = w.order(1, None, status="waitlist")
    w.refused("registration_orders_slot_total_ck", w.run, "update registration_orders set slot_no = 9 where id = %s", order)
    w.refused("registration_orders_slot_total_ck", w.run,
              "update registration_orders set status = 'pending', slot_no = 4 where id = %s", waiting)
    w.refused("registration_orders_slot_wait_ck", w.run,
              "update registration_orders set status = 'pending' where id = %s", waiting)
    w.run("update registration_orders set status = 'pending', slot_no = 3 where id = %s", waiting)


def test_one_active_booking_of_a_patient_in_a_session(w):
    order = w.order(0, 1)
    w.refused("registration_orders_active_uq", w.order, 0, 2)
    w.run("update registration_orders set status = 'completed' where id = %s", order)
    w.order(0, 2)


def test_a_patient_is_in_one_place_at_a_time(w):
    other = w.session(doctor=1, clinic=1)
    w.order(0, 1)
    w.refused("registration_orders_overlap_ex", w.order, 0, 1, schedule=other)
    w.order(0, 2, schedule=other)                     # right after it is fine
    w.order(1, 1, schedule=other)


def test_a_doctor_is_in_one_place_at_a_time(w):
    w.refused("schedules_doctor_section_uq", w.session, clinic=1, start="12:00", end="13:00")
    w.refused("schedules_doctor_free_ex", w.session, clinic=1)
    w.refused("schedules_doctor_free_ex", w.session, clinic=1, section="下午", start="11:59", end="15:00")
    w.session(clinic=1, section="下午", start="12:00", end="15:00")
    # a suspended or superseded session is in nobody's way
    w.run("update schedules set is_latest = false where id = %s", w.morning)
    w.session()


def test_a_doctor_who_left_gets_no_session(w):
    w.run("update doctors set deleted_at = now() where id = %s", w.doctors[1])
    try:
        w.refused("schedules_doctor_fk", w.session, doctor=1, clinic=1, section="晚上", start="18:30", end="21:00")
        w.refused("schedules_doctor_fk", w.run, "update schedules set doctor_id = %s where id = %s", w.doctors[1], w.morning)
    finally:
        w.run("update doctors set deleted_at = null where id = %s", w.doctors[1])


def test_weekly_rules_of_a_doctor_do_not_overlap(w):
    def rule(start, end, first="2026-01-01", last=None, day=1, status="ACTIVE", doctor=0):
        w.run("insert into availability_rules (doctor_id, weekday, start_time, end_time, slot_minutes, valid_from, valid_to, status) "
              "values (%s, %s, %s, %s, 20, %s, %s, %s)", w.doctors[doctor], day, start, end, first, last, status)

    rule("08:00", "12:00", last="2026-06-30")
    for other in (("11:59", "13:00"), ("07:00", "08:01"), ("09:00", "10:00", "2026-06-30"), ("08:00", "12:00", "2025-01-01", "2026-01-01"),
                  ("09:00", "10:00", "2026-01-01", None, 1, "PENDING_APPROVAL")):
        w.refused("availability_rules_overlap_ex", rule, *other)
    rule("12:00", "13:00")
    rule("08:00", "12:00", "2026-07-01")
    rule("08:00", "12:00", day=2)
    rule("08:00", "12:00", doctor=1)
    rule("08:00", "12:00", status="INACTIVE")
    w.refused("availability_rules_slot_ck", rule, "14:00", "14:19", day=3)
    w.refused("availability_rules_valid_ck", rule, "14:00", "15:00", "2026-01-02", "2026-01-01", 3)


def test_a_deleted_session_is_not_held(w):
    w.refused("schedules_deleted_ck", w.run, "update schedules set deleted_at = now() where id = %s", w.morning)


def test_a_clinic_has_one_session_a_section(w):
    w.refused("schedules_clinic_section_uq", w.session, doctor=1)
    w.session(doctor=1, clinic=1)


@pytest.mark.parametrize("start, steps", [
    ("pending", {"confirmed", "cancelled", "timeout"}),
    ("confirmed", {"completed", "cancelled", "no_show"}),
    ("waitlist", {"pending", "confirmed", "cancelled"}),
    ("completed", set()), ("cancelled", set()), ("timeout", set()), ("no_show", set())])
def test_only_the_steps_of_the_state_machine(w, start, steps):
    order = w.order(0, 1, status=start)
    for to in ("waitlist", "pending", "confirmed", "completed", "cancelled", "timeout", "no_show"):
        if to == start or to in steps:
            w.run("savepoint t")
            w.run("update registration_orders set status = %s where id = %s", to, order)
            w.run("rollback to savepoint t")
        else:
            w.refused("registration_orders_step_ck", w.run,
                      "update registration_orders set status = %s where id = %s", to, order)


def test_only_a_confirmed_order_is_checked_in(w):
    for start in ("waitlist", "pending", "completed", "cancelled", "timeout", "no_show"):
        w.run("savepoint t")
        order = w.order(0, 1, status=start)
        w.refused("registration_orders_arrival_ck", w.run, "update registration_orders set checked_in_at = now() where id = %s", order)
        w.run("rollback to savepoint t")
    order = w.order(0, 1, status="confirmed")
    w.run("update registration_orders set checked_in_at = now() where id = %s", order)
    w.refused("registration_orders_arrival_ck", w.run,
              "update registration_orders set status = 'completed', checked_in_at = null where id = %s", order)
    w.run("update registration_orders set status = 'no_show' where id = %s", order)
    w.refused("registration_orders_arrived_ck", w.order, 1, 2, status="timeout", checked_in_at="2026-01-01")


@pytest.mark.parametrize("state", ["completed", "cancelled", "timeout", "no_show"])
def test_what_is_over_stays_where_it_was(w, state):
    order = w.order(0, 1, status=state)
    for change in ("slot_no = 2", "starts_at = starts_at - interval '1 hour'", "ends_at = ends_at + interval '1 hour'",
                   "patient_id = patient_id + 1", "schedule_id = schedule_id + 1", "doctor_id = doctor_id + 1"):
        w.refused("registration_orders_final_ck", w.run, f"update registration_orders set {change} where id = %s", order)


def test_one_patient_is_called_at_a_time(w):
    a, b = w.order(0, 1), w.order(1, 2)
    w.run("update registration_orders set is_calling = true where id = %s", a)
    w.refused("registration_orders_calling_uq", w.run, "update registration_orders set is_calling = true where id = %s", b)
    w.refused("registration_orders_queue_ck", w.run, "update registration_orders set status = 'completed' where id = %s", a)


def test_money_fits(w):
    w.refused("registration_orders_price_ck", w.order, 0, 1, price=60)
    w.refused("registration_orders_price_ck", w.order, 0, 1, price=-1)
    order = w.order(0, 1)
    w.refused("registration_orders_refund_ck", w.run, "update registration_orders set refund_amount = 50.01 where id = %s", order)
    bill = ("insert into bills (bill_no, patient_id, appointment_id, kind, subtotal, discount, total, currency, status, created_at, "
            "updated_at) values (%s, %s, %s, 'REGISTRATION', %s, %s, %s, 'CNY', 'ISSUED', now(), now()) returning id")
    w.refused("bills_total_ck", w.one, bill, "B1", w.patients[0], order, 50, 10, 50)
    bid = w.one(bill, "B1", w.patients[0], order, 50, 10, 40)
    w.refused("bills_registration_uq", w.one, bill, "B2", w.patients[0], order, 50, 10, 40)
    pay = ("insert into payments (payment_no, bill_id, amount, currency, method, status, created_at, updated_at) "
           "values (%s, %s, %s, 'CNY', %s, %s, now(), now())")
    w.refused("payments_amount_ck", w.run, pay, "P1", bid, 0, "CASH", "SUCCEEDED")
    w.refused("payments_method_ck", w.run, pay, "P1", bid, 1, "SHELLS", "SUCCEEDED")
    w.run(pay, "P1", bid, 1, "ONLINE", "PENDING")
    w.refused("payments_pending_uq", w.run, pay, "P2", bid, 1, "ONLINE", "PENDING")


def _paid_bill(w, total, *amounts):
    """A bill and its payments with their ledger; (bill, [payments])."""
    order = w.order(0, 1)
    bid = w.one("insert into bills (bill_no, patient_id, appointment_id, kind, subtotal, total, currency, status, created_at, "
                "updated_at) values ('B1', %s, %s, 'REGISTRATION', %s, %s, 'CNY', 'ISSUED', now(), now()) returning id",
                w.patients[0], order, total, total)
    made = []
    for i, amount in enumerate(amounts):
        made.append(w.one("insert into payments (payment_no, bill_id, amount, currency, method, status, created_at, updated_at) "
                          "values (%s, %s, %s, 'CNY', 'CASH', 'SUCCEEDED', now(), now()) returning id", f"P{i}", bid, amount))
        w.run("insert into ledger_entries (bill_id, kind, amount, ref_id, at) values (%s, 'PAYMENT', %s, %s, now())",
              bid, amount, made[-1])
    return bid, made


def test_r131_a_bill_is_not_paid_above_its_total(w):
    _paid_bill(w, 40, 25, 15)
    w.run("set constraints all immediate")
    w.run("set constraints all deferred")
    w.run("insert into ledger_entries (bill_id, kind, amount, at) select id, 'PAYMENT', 0.01, now() from bills where bill_no = 'B1'")
    w.refused("bills_overpaid_ck", w.run, "set constraints all immediate")


def test_r139_refunds_stay_within_their_payment(w):
    _, (payment,) = _paid_bill(w, 40, 40)
    refund = ("insert into refunds (refund_no, payment_id, amount, reason, status, created_at, completed_at) "
              "values (%s, %s, %s, 'x', %s, now(), %s)")
    w.run(refund, "R1", payment, 25, "PENDING", None)
    w.refused("refunds_sum_ck", w.run, refund, "R2", payment, 15.01, "PENDING", None)
    w.run(refund, "R2", payment, 15, "SUCCEEDED", "2026-03-09 08:00+08")
    w.refused("refunds_completed_ck", w.run, "update refunds set completed_at = null where refund_no = 'R2'")


def test_r155_sums_of_a_bill_are_those_of_its_ledger(w):
    bid, (payment,) = _paid_bill(w, 40, 25)
    w.run("insert into ledger_entries (bill_id, kind, amount, ref_id, at) values (%s, 'REFUND', -10, %s, now()), "
          "(%s, 'INSURANCE', 5, null, now())", bid, payment, bid)
    w.run("select paid_amount, refunded_amount, insurance_amount, gh_bill_balance(b), "
          "(select sum(l.amount) from ledger_entries l where l.bill_id = b.id) from bills b where b.id = %s", bid)
    assert w.cur.fetchone() == (25, 10, 5, 20, 20)
    w.refused("bills_sums_ck", w.run,
              "insert into ledger_entries (bill_id, kind, amount, at) values (%s, 'REFUND', -15.01, now())", bid)


def test_the_ledger_is_insert_only(w):
    order = w.order(0, 1)
    bid = w.one("insert into bills (bill_no, patient_id, appointment_id, kind, subtotal, total, currency, status, created_at, "
                "updated_at) values ('B1', %s, %s, 'REGISTRATION', 50, 50, 'CNY', 'ISSUED', now(), now()) returning id",
                w.patients[0], order)
    w.run("insert into ledger_entries (bill_id, kind, amount, at) values (%s, 'PAYMENT', 50, now())", bid)
    for sql in ("update ledger_entries set amount = 1", "delete from ledger_entries"):
        w.run("savepoint s")
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            w.run(sql)
        w.run("rollback to savepoint s")


def test_names_are_unique_ignoring_case(w):
    w.run("insert into users (username, email, identifier, phonenumber) values ('Ann', 'Ann@Example.org', 'D1', '139')")
    w.refused("users_username_uq", w.run, "insert into users (username) values ('aNN')")
    w.refused("users_email_uq", w.run, "insert into users (email) values ('ann@example.ORG')")
    w.refused("users_identifier_ci_uq", w.run, "insert into users (identifier) values ('d1')")
    w.refused("users_phone_uq", w.run, "insert into users (phonenumber) values ('139')")


def test_is_admin_is_the_role(w):
    user = w.one("insert into users (username) values ('x') returning id")
    admin = lambda: w.one("select is_admin from users where id = %s", user)  # noqa: E731
    w.run("insert into user_roles (user_id, role_code) values (%s, 'PATIENT')", user)
    assert not admin()
    w.run("insert into user_roles (user_id, role_code) values (%s, 'ADMIN')", user)
    assert admin()
    w.run("delete from user_roles where user_id = %s and role_code = 'PATIENT'", user)
    assert admin()
    w.run("update user_roles set role_code = 'STAFF' where user_id = %s", user)
    assert not admin()


def test_one_active_ban_and_one_default_relation(w):
    user = w.one("insert into users (username) values ('x') returning id")
    ban = "insert into user_bans (user_id, ban_type, is_active) values (%s, 'login', %s)"
    w.run(ban, user, False)
    w.run(ban, user, True)
    w.refused("user_bans_active_uq", w.run, ban, user, True)
    rel = ("insert into patient_relations (user_patient_id, related_patient_id, relation_type, is_default) "
           "values (%s, %s, %s, %s)")
    a, b = w.patients[:2]
    w.refused("patient_relations_self_ck", w.run, rel, a, a, "父母", False)
    w.run(rel, a, a, "本人", True)
    w.refused("patient_relations_default_uq", w.run, rel, a, b, "父母", True)
    w.refused("patient_relations_pair_uq", w.run, rel, a, a, "本人", False)


def test_versions_grow_by_themselves_or_by_the_statement(w):
    version = lambda: w.one("select version from schedules where id = %s", w.morning)  # noqa: E731
    w.run("update schedules set remaining_slots = 2 where id = %s", w.morning)
    assert version() == 2
    w.run("update schedules set remaining_slots = 1, version = version + 1 where id = %s", w.morning)
    assert version() == 3
    w.run("update doctors set title = 't' where id = %s", w.doctors[0])
    assert w.one("select version from doctors where id = %s", w.doctors[0]) == 2


def test_views_speak_the_words_of_the_contract(w):
    order = w.order(0, 1)
    w.order(1, None, status="waitlist")
    w.run("update schedules set remaining_slots = 2 where id = %s", w.morning)
    assert w.one("select booked from v_doctor_schedules where id = %s", w.morning) == 1
    w.cur.execute("select id, status, fhir_status, dept_id from v_appointments")
    assert w.cur.fetchall() == [(order, "SCHEDULED", "booked", w.dept)]
    w.run("update registration_orders set checked_in_at = now() where id = %s", order)
    assert w.one("select fhir_status from v_appointments where id = %s", order) == "arrived"
    w.run("update registration_orders set status = 'no_show' where id = %s", order)
    w.cur.execute("select status, fhir_status from v_appointments")
    assert w.cur.fetchall() == [("CANCELLED", "noshow")]
    w.cur.execute("select parent_id, level from v_departments where id in (%s, %s) order by level", (w.major, w.dept))
    assert w.cur.fetchall() == [(None, 1), (w.major, 2)]


def test_applications_are_decided_by_somebody(w):
    week = ("insert into schedule_audits (minor_dept_id, clinic_id, submitter_doctor_id, week_start_date, week_end_date, "
            "schedule_data, submit_time, status) values (%s, %s, %s, %s, %s::date + 6, %s, now(), %s)")
    args = (w.dept, w.clinics[0], w.doctors[0])
    cells = "[" + ",".join(["[null,null,null]"] * 7) + "]"
    w.refused("schedule_audits_bounds_ck", w.run, week, *args, "2031-03-04", "2031-03-04", cells, "pending")
    w.refused("schedule_audits_data_ck", w.run, week, *args, "2031-03-03", "2031-03-03", "[]", "pending")
    w.refused("schedule_audits_decided_ck", w.run, week, *args, "2031-03-03", "2031-03-03", cells, "approved")
    w.run(week, *args, "2031-03-03", "2031-03-03", cells, "pending")
    w.refused("schedule_audits_week_uq", w.run, week, *args, "2031-03-03", "2031-03-03", cells, "pending")


def test_the_permission_matrix_is_whole(w):
    """Counts by role as written in the contract's table; the sum tells that no cell was lost."""
    w.cur.execute("select role_code, count(*) from role_permissions group by 1")
    assert dict(w.cur.fetchall()) == {"ADMIN": 46, "DOCTOR": 28, "NURSE": 18, "STAFF": 19, "PATIENT": 18}
    w.cur.execute("select role_code, scope from role_permissions where permission_code = 'appointment:manage' order by 1")
    assert w.cur.fetchall() == [("ADMIN", "all"), ("DOCTOR", "own"), ("NURSE", "dept"), ("PATIENT", "own"), ("STAFF", "all")]
    w.cur.execute("select scope from role_permissions where (role_code, permission_code) = ('DOCTOR', 'template:manage') order by 1")
    assert w.cur.fetchall() == [("dept",), ("own",)]
    assert w.one("select count(*) from role_permissions r join permissions p on p.code = r.permission_code "
                 "where not r.scope = any (p.scopes)") == 0
