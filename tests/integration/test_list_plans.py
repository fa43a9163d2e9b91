"""Lists stay fast in a large hospital: no statement reads a large table in sequence, and none fetches much more than it shows.

A row: pool, statement, parameters in order, and how many rows of a large table it may fetch by an index.
"""

import datetime as dt
import json

import pytest

from support import plans

TODAY = dt.date.today()
DAY, LAST = str(TODAY + dt.timedelta(days=2)), str(TODAY + dt.timedelta(days=5))
NOW, ZONE = f"{TODAY} 00:00+00", "Asia/Shanghai"


def query(**members):
    return json.dumps({"page": 1, "page_size": 20, **members})


CASES = [
    # people
    ("directory", "find_patients", ("姓名777", None, None, DAY), 200),
    ("directory", "find_patients", (None, "30158380", None, DAY), 200),
    ("directory", "find_patients", ("姓名77", "13", None, DAY), 2000),
    ("directory", "find_patients", (None, None, "4711", DAY), 20),
    # departments and clinics
    ("directory", "list_clinics", ("1010", None, None, ZONE), 100),
    ("directory", "list_clinics", (None, "3", "20", ZONE), 200),
    ("directory", "list_minors", ("7", None, None, ZONE), 100),
    ("directory", "v1_departments", (query(), 0, ZONE), 2000),
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
    # the public catalogue of doctors and sessions
    ("directory", "browse_doctors", ("1010", None, 1, 50), 400),
    ("directory", "browse_doctors", (None, "姓名4711", 1, 50), 200),
    ("directory", "show_doctor", ("4711",), 50),
    ("directory", "search_catalogue", ("姓名4711", 1, 20), 200),
    ("directory", "browse_doctor_schedules", ("4711", DAY, LAST), 50),
    ("directory", "browse_clinic_schedules", ("333", DAY, LAST), 100),
    ("directory", "browse_department_schedules", ("1010", DAY, LAST), 1000),
    ("directory", "browse_bookable_schedules", ("1010", None, None, str(TODAY), NOW, ZONE), 2000),
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
    assert max((n for _, n in read.values()), default=0) <= most, f"{read}\n{plan}"


def test_it_would_be_noticed(conn):
    """A statement without its index is found out."""
    plans.statements("directory")["no_index"] = "select count(*) from schedules where slot_minutes = $1::int"
    read, plan = plans.reads(conn, "directory", "no_index", 12)
    assert read["schedules"][0] == plans.DOCTORS * plans.DAYS, plan
