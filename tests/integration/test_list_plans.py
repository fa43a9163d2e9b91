"""Lists stay fast in a large hospital: no statement reads a large table in sequence, and none fetches much more than it shows.

A row: pool, statement, parameters in order, and how many rows of a large table it may fetch by an index.
"""

import datetime as dt
import json

import pytest

from support import plans

TODAY = dt.date.today()
DAY, LAST = str(TODAY + dt.timedelta(days=2)), str(TODAY + dt.timedelta(days=5))
YESTERDAY = str(TODAY - dt.timedelta(days=1))
NOW, ZONE = f"{TODAY} 00:00+00", "Asia/Shanghai"


def query(**members):
    return json.dumps({"page": 1, "page_size": 20, **members})


def doctors(dept_id=None, specialty=None, language=None, available_on=None, q=None, **members):
    given = {k: v for k, v in (("q", q), ("available_on", available_on)) if v}
    return query(**given, **members), 0, NOW, ZONE, dept_id, specialty, language, available_on, None, q


def patients(roles=1, scopes=1, doctor=None, gender=None, status=None, by=None, since=None, until=None, number=None, phone=None, q=None,
             **members):
    """v1_patients as an administrator asks, or a doctor with scopes=4."""
    return (query(**members), roles, scopes, 1, None, doctor, None, ZONE, DAY, gender, status, by, since, until, number, phone, q)


CASES = [
    # people
    ("directory", "find_patients", ("欧阳", None, None, DAY), 200),
    ("directory", "find_patients", ("姓名777", None, None, DAY), 200),
    ("directory", "find_patients", (None, "30158380", None, DAY), 200),
    ("directory", "find_patients", ("姓名77", "13", None, DAY), 2000),
    ("directory", "find_patients", (None, None, "4711", DAY), 20),
    ("identity", "v1_patients", patients(page=7), 100),
    ("identity", "v1_patients", patients(q="姓名777"), 200),
    ("identity", "v1_patients", patients(q="30158380"), 200),
    ("identity", "v1_patients", patients(q="P00004711"), 200),
    ("identity", "v1_patients", patients(phone="13015838000"), 100),
    ("identity", "v1_patients", patients(number="\\x00"), 100),
    ("identity", "v1_patients", patients(by="{4711}"), 200),
    ("identity", "v1_patients", patients(since="1990-01-01", until="1990-02-01"), 200),
    ("identity", "v1_patients", patients(roles=2, scopes=4, doctor=4711), 200),
    ("identity", "v1_patients", patients(roles=2, scopes=4, doctor=4711, q="姓名"), 200),
    ("identity", "hb_patients", (query(), 4, 1, None, 4711, None, 2, ZONE, DAY), 200),
    ("identity", "hb_patients", (query(limit=20), 8, 1, 77, None, None, 16, ZONE, DAY), 100),
    ("identity", "v1_timeline", ("4711", 1, 1, None, None, None, 1, query(), ZONE, DAY), 200),
    ("identity", "relatives", ("77", DAY, ZONE), 20),
    # departments and clinics
    ("directory", "list_clinics", ("1010", None, None, ZONE), 100),
    ("directory", "list_clinics", (None, "3", "20", ZONE), 200),
    ("directory", "list_minors", ("7", None, None, ZONE), 100),
    ("directory", "v1_departments", (query(), 0, ZONE), 2000),
    ("directory", "v1_departments", (query(tree=True), 0, ZONE), 2000),
    ("directory", "v1_departments", (query(q="科室39", parent_id=["5"]), 0, ZONE), 2000),
    ("directory", "v1_department", ("1010", ZONE), 200),
    ("directory", "v1_specialties", (query(),), 6000),
    ("directory", "head_facts", ("1010", "31"), 200),
    ("directory", "browse_clinics", ("1010", None, 1, 50), 300),
    ("directory", "browse_clinics", (None, None, 3, 50), 300),
    ("directory", "browse_minor_departments", ("7", 1, 50), 200),
    # stored files
    ("directory", "get_doctor_photo", ("4711", None), 20),
    ("directory", "get_doctor_photo", ("4711", '"0"'), 20),
    ("directory", "show_doctor_photo", ("4711", None), 20),
    ("directory", "get_static_file", ("image/4711.jpg", None), 20),
    ("directory", "get_attachment", ("/static/image/4711.jpg", None), 20),
    # doctors: the office's list by pages and whole, /api/v1 with each filter, Heartbeat
    ("directory", "code_doctors", (None, None, "3", "15", ZONE), 200),
    ("directory", "code_doctors", ("1010", None, None, None, ZONE), 400),
    ("directory", "code_doctors", (None, "姓名4711", "1", "9", ZONE), 200),
    ("directory", "code_doctors", (None, None, "1", "10000", ZONE), 40000),
    ("directory", "v1_doctors", doctors(page=7), 400),
    ("directory", "v1_doctors", doctors(dept_id="{1010}"), 400),
    ("directory", "v1_doctors", doctors(dept_id="{7}"), 1500),
    ("directory", "v1_doctors", doctors(specialty="{s7,专业9}"), 800),
    ("directory", "v1_doctors", doctors(language="{fr}"), 400),
    ("directory", "v1_doctors", doctors(available_on=DAY), 21000),
    ("directory", "v1_doctors", doctors(dept_id="{1010}", available_on=DAY), 21000),
    ("directory", "v1_doctors", doctors(q="姓名4711"), 400),
    ("directory", "v1_doctors", doctors(q="专业77"), 400),
    ("directory", "v1_doctors", doctors(sort="-name"), 25000),
    ("directory", "v1_doctor", ("4711", 0, ZONE), 50),
    ("directory", "v1_my_doctor", ("4711", ZONE), 50),
    ("directory", "v1_my_patients", (query(sort="full_name"), "4711", 2, ZONE, DAY, "姓名"), 200),
    ("directory", "hb_doctors", ('{"skip": 5000, "limit": 20}', 0, None, ZONE), 200),
    ("directory", "hb_doctor", ("4711", 0, None, ZONE), 50),
    # the public catalogue of doctors and sessions
    ("directory", "browse_doctors", ("1010", None, 1, 50), 400),
    ("directory", "browse_doctors", (None, "姓名4711", 1, 50), 200),
    ("directory", "show_doctor", ("4711",), 50),
    ("directory", "browse_doctors", (None, "欧阳", 1, 50), 200),
    ("directory", "search_catalogue", ("姓名4711", 1, 20), 200),
    ("directory", "search_catalogue", ("欧阳", 1, 20), 200),
    ("directory", "browse_doctor_schedules", ("4711", DAY, LAST), 50),
    ("directory", "browse_clinic_schedules", ("333", DAY, LAST), 100),
    ("directory", "browse_department_schedules", ("1010", DAY, LAST), 1000),
    ("directory", "browse_bookable_schedules", ("1010", None, None, str(TODAY), NOW, ZONE), 2000),
    # sessions: of administrators, and on v1 from whichever end they are asked for (backwards, those of one moment are put in order)
    ("schedule", "department_schedules", ("1010", DAY, LAST, ZONE), 1000),
    ("schedule", "doctor_schedules", ("4711", DAY, LAST, ZONE), 50),
    ("schedule", "clinic_schedules", ("333", DAY, LAST, ZONE), 100),
    ("schedule", "doctor_schedules_today", ("4711", DAY), 50),
    *[("schedule", "v1_list_sessions", (query(**asked), 0, ZONE, "CNY"), most) for asked, most in [
        ({}, 200), ({"sort": "-starts_at"}, 3500), ({"sort": "id"}, 200), ({"sort": "-id"}, 200), ({"sort": "date"}, 200),
        ({"sort": "-date"}, 10100), ({"page": 50}, 2000), ({"date_from": DAY, "date_to": DAY}, 200),
        ({"doctor_id": ["4711", "4712"]}, 100), ({"dept_id": ["1010"]}, 1000), ({"clinic_id": ["333"]}, 100),
        ({"doctor_id": ["4711"], "status": ["OPEN"], "only_free": True, "sort": "-date,id"}, 100)]],
    ("schedule", "v1_get_session", ("24711", True, NOW, ZONE, "CNY"), 50),
    ("schedule", "v1_get_availability", ("4711", None, None, None, True, NOW, DAY, ZONE, "CNY"), 50),
    ("schedule", "session_facts", (None, json.dumps({"doctor_id": 4711, "clinic_id": 333, "schedule_date": DAY, "time_section": "上午",
                                                     "slot_type": "普通", "price": 0, "total_slots": 20}), ZONE, NOW, DAY, False), 100),
    # applications: of a doctor, of a department, and what deciding one reads (the lists of administrators are whole)
    ("audit", "own_leave", ("4711", "all", 1, 20, ZONE), 50),
    ("audit", "leave_calendar", (TODAY.year, TODAY.month, "4711", str(TODAY)), 100),
    ("audit", "department_leave", ("1010", "pending", 1, 20, ZONE), 1500),
    ("audit", "approval_stats", ("1010", str(TODAY), ZONE), 600),
    ("audit", "leave_facts", ("4711", DAY, LAST, "full", ZONE, "[]"), 50),
    ("audit", "hold_doctor_sessions", ("4711", DAY, LAST), 50),
    ("audit", "leave_bookings", ("4711", DAY, LAST), 50),
    ("audit", "leave_rest", ("7", 500), 100),
    ("audit", "department_clinics", ("1010", str(TODAY)), 1000),
    ("audit", "clinic_week", ("333", DAY, "1010"), 200),
    ("audit", "available_doctors", ("333", DAY, "morning", "1010"), 3000),
    ("audit", "plan_now", ("333", DAY), 100),
    ("audit", "plan_sessions", ("17",), 400),
    ("audit", "hold_plan_week", ("17",), 100),
    ("audit", "add_slot_facts", ("24711", "77"), 10),
    ("audit", "added_patient_orders", ("77", "24711"), 50),
    ("schedule", "extend_rules", (NOW, DAY, ZONE, 100), 100),
    # requests recorded: the whole is counted, a caller's, an address's, a day's and each page come by their index
    ("stats", "list_requests", (query(user_id=4711), ZONE), 200),
    ("stats", "list_requests", (query(ip="10.0.7.7"), ZONE), 3100),
    ("stats", "list_requests", (query(start_time=str(TODAY - dt.timedelta(days=3)), end_time=str(TODAY - dt.timedelta(days=3))), ZONE),
     9000),
    ("stats", "list_requests", (query(), ZONE), 310000),
    ("stats", "count_visits", (None, 3, NOW), 0),
    # registrations: a counted day of all doctors, a day ahead live, a doctor's and a department's month
    ("stats", "hospital_registrations", (YESTERDAY, None, str(TODAY)), 10100),
    ("stats", "hospital_registrations", (DAY, None, str(TODAY)), 10100),
    ("stats", "area_registrations", (3, YESTERDAY, str(TODAY)), 20100),
    ("stats", "area_registrations", (3, DAY, str(TODAY)), 20100),
    ("stats", "department_registrations", (1010, YESTERDAY, "30days", str(TODAY)), 1000),
    ("stats", "department_registrations", (1010, DAY, "7days", str(TODAY)), 500),
    ("stats", "doctor_registrations", (4711, YESTERDAY, "30days", str(TODAY)), 100),
    ("stats", "doctor_registrations", (4711, DAY, "30days", str(TODAY)), 100),
    ("stats", "rank_departments", (YESTERDAY, "revenue", 10, str(TODAY)), 20100),
    ("stats", "rank_doctors", (None, YESTERDAY, "revenue", 10, str(TODAY)), 20100),
    ("stats", "rank_doctors", (1010, DAY, "registrations", 10, str(TODAY)), 20100),
]


@pytest.fixture(scope="module")
def conn(empty_db):
    plans.fill(empty_db)
    conn = empty_db.connect()
    conn.autocommit = False
    yield conn
    conn.close()


@pytest.mark.parametrize("pool,name,params,most", CASES, ids=lambda v: v if isinstance(v, str) else None)
def test_a_list_reads_what_it_shows(conn, pool, name, params, most):
    read, plan = plans.reads(conn, pool, name, *params)
    assert not {t: n for t, (n, _) in read.items() if n}, f"{read}\n{plan}"
    # a doctor, a clinic or a department has as many sessions as there are days
    assert max((n for _, n in read.values()), default=0) <= most * max(1, plans.DAYS // 6), f"{read}\n{plan}"


# Appointments and payments of the one who asks.
OWN = [
    ("booking", "code_list", ("77", None, "77", None, 1, 10, ZONE, NOW), 50),
    ("booking", "code_list", (None, "77", "77", "finished", 1, 10, ZONE, NOW), 50),
    # the office's list: by patients, doctors, sessions, departments, times, and by pages; what asks for none of these reads all
    *[("booking", "v1_list", (query(**asked), 1, None, None, None, None, NOW, ZONE, "CNY", None, None), most) for asked, most in [
        ({"patient_id": ["77", "78"]}, 50), ({"doctor_id": ["7001"], "sort": "start_time"}, 100), ({"schedule_id": ["67001"]}, 100),
        ({"dept_id": ["1010"]}, 1000), ({"date": DAY}, 50), ({"start_time_from": DAY, "start_time_to": DAY, "status": ["SCHEDULED"]}, 50),
        ({"start_time_to": YESTERDAY}, 50), ({"patient_id": ["77"], "q": "姓名", "channel": ["bjtu"]}, 50),
        ({}, 61000), ({"sort": "id", "page": 40}, 62000)]],
    *[("booking", "v1_list", (query(**asked), scopes, patient, patient, doctor, dept, NOW, ZONE, "CNY", None, None), most)
      for asked, scopes, patient, doctor, dept, most in [
        ({}, 8, "77", None, None, 50), ({}, 8, None, "7001", None, 100), ({}, 2, None, None, "1010", 1000),
        ({"upcoming": True}, None, "77", None, None, 50), ({"date": DAY}, None, None, "7001", None, 100)]],
    ("booking", "v1_history", ("24711", 1, None, None, None, ZONE), 20),
    ("booking", "v1_get", ("24711", 1, None, None, None, ZONE, "CNY"), 20),
    ("booking", "hb_list", ("7001", None, query(skip=0, limit=20), 1, "1", None, None, None, ZONE, DAY), 100),
    ("booking", "hb_list", (None, "77", query(skip=0, limit=20), 1, "1", None, None, None, ZONE, DAY), 50),
    ("booking", "code_get", ("24711", "4711", "4711", ZONE, NOW), 20),
    ("booking", "code_move_options", ("24711", "4711", "4711", ZONE, NOW, DAY), 50),
    ("booking", "code_payments", ("77", "77", 1, 10, ZONE), 50),
    ("booking", "code_payment", ("24711", "4711", "4711", ZONE), 20),
    ("booking", "code_waitlist", ("77", "77", ZONE, NOW), 50),
    # bills and payments, and what is read of them before money moves
    ("billing", "v1_bills", (query(), "77", None, "77", str(TODAY), ZONE), 100),
    ("billing", "v1_bills", (query(status=["PENDING"]), "77", 1, None, str(TODAY), ZONE), 100),
    ("billing", "v1_bills", (query(appointment_id=["24711"]), None, 1, None, str(TODAY), ZONE), 100),
    ("billing", "v1_bills", (query(patient_id=["77", "78"], sort="-total,id"), None, 1, None, str(TODAY), ZONE), 200),
    ("billing", "v1_bills", (query(created_at_to=YESTERDAY + "T00:00:00+08:00", q="B2"), None, 1, None, str(TODAY), ZONE), 60000),
    ("billing", "v1_bills", (query(created_at_from=LAST), None, 1, None, str(TODAY), ZONE), 50),
    ("billing", "v1_bills", (query(), None, 1, None, str(TODAY), ZONE), 70000),
    ("billing", "v1_bill", ("4711", 8, "77", "77", str(TODAY), ZONE, None), 50),
    ("billing", "v1_bill_payments", ("4711", 8, "77", "77", ZONE), 50),
    ("billing", "v1_payment", ("4711", 8, "77", "77", ZONE, None), 50),
    ("billing", "v1_payment_refunds", ("4711", 8, "77", "77", ZONE), 50),
    ("billing", "v1_payments", (query(created_at_from=LAST), ZONE), 50),
    ("billing", "v1_payments", (query(), ZONE), 70000),
    ("billing", "payments_due", (NOW, 200), 20),
    ("billing", "sandbox_facts", (4711, 0), 20),
    *[("domain", name, whose, 50) for name in ("money_orders", "money_bills", "money_payments")
      for whose in (("{24711,24712}", None, None, None, None), (None, "{4711}", None, None, None), (None, None, "{4711}", None, None),
                    (None, None, None, "{P4711}", "{R4711}"))],
    ("domain", "money_refunds", ("{R4711}",), 10),
    ("domain", "money_end_pending", ("{24711,24712}", NOW), 50),
    ("domain", "money_states", (None, "{24711,24712}", NOW), 50),
    ("domain", "money_refund", ("{}", "{}", "{}", "{}", "{}", "{}", "{24711,24712}", "x", NOW, DAY), 50),
    ("billing", "order_payment_open", ("{24711,24712}", ZONE), 20),
    ("billing", "code_payment_code", ("24711", "4711", "4711", ZONE), 20),
    ("domain", "pay_orders", ("{24711,24712}", NOW), 20),
    ("identity", "risk_orders_fast", ("77", NOW), 50),
    ("identity", "risk_orders_wide", ("77", NOW), 50),
    ("identity", "v1_patient_images", ("77", query(), 1, None, None, None, 1, ZONE, DAY), 100),
    ("identity", "v1_patient_images", ("77", query(sort="-size", q="x"), 8, 77, None, None, 16, ZONE, DAY), 100),
    ("identity", "v1_export", ("77", "77", NOW, DAY, ZONE, "CNY"), 300),
    ("clinical", "health_record", ("77", ZONE, DAY), 50),
    ("clinical", "list_visits", ("77", 1, 10, ZONE, DAY), 50),
    ("clinical", "own_visit", ("77", "77", ZONE, DAY), 20),
    ("clinical", "visit_record", ("77", None, "4711", 2, ZONE, DAY), 50),
    ("clinical", "queue_show", (str(6 * plans.DOCTORS + plans.DOCTORS // 2 + 77), "1", 1, ZONE, DAY), 300),
    ("notify", "list_messages", ("77", 1, 10, ZONE), 50),
    ("notify", "list_messages", ("77", 100, 10, ZONE), 50),
    ("notify", "feedback_list", ("77", ZONE), 50),
    ("notify", "wechat_binding", ("77", None), 50),
    ("notify", "wechat_template", ("77", "t1"), 20),
    ("notify", "remind_facts", ("{77,4711}", "{1,2}", "{1,2}", "t1", DAY), 50),
    ("notify", "remind_due", (NOW, 0, "t1", NOW, ZONE, 1000), 50),
]


@pytest.fixture(scope="module")
def ordered(conn, empty_db):
    conn.rollback()
    plans.fill(empty_db, plans.ORDERS)
    return conn


@pytest.mark.parametrize("pool,name,params,most", OWN, ids=lambda v: v if isinstance(v, str) else None)
def test_own_appointments_read_what_they_show(ordered, pool, name, params, most):
    test_a_list_reads_what_it_shows(ordered, pool, name, params, most)


def test_it_would_be_noticed(conn):
    """A statement without its index is found out."""
    plans.statements("directory")["no_index"] = "select count(*) from schedules where slot_minutes = $1::int"
    read, plan = plans.reads(conn, "directory", "no_index", 12)
    assert read["schedules"][0] == plans.DOCTORS * plans.DAYS, plan
