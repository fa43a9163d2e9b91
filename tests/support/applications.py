"""Applications in the hospital of tests: weeks of a clinic, leave, added places; and a head of department."""

import datetime as dt
import json

import pytest

from .hospital import ZONE, now, today
from .house import open_house

SECTIONS = ("上午", "下午", "晚上")
SHIFTS = ("morning", "afternoon", "night")


def dt_text(moment):
    """An instant as the code surface writes it."""
    return moment.astimezone(ZONE).strftime("%Y-%m-%dT%H:%M:%S")


def next_monday(weeks=1):
    """A Monday that lies after today."""
    day = today()
    return day + dt.timedelta(days=7 * weeks - day.weekday())


def week(**cells):
    """A stored week: week(d0_0=12) has doctor 12 on Monday morning."""
    rows = [[None] * 3 for _ in range(7)]
    for place, doctor in cells.items():
        day, part = map(int, place[1:].split("_"))
        rows[day][part] = {"doctor_id": doctor} if isinstance(doctor, int) else doctor
    return rows


class Office:
    """The house with a head of the first department, and ways to put applications there."""

    def __init__(self, house):
        self.house, self.h = house, house.h
        self.head_user = self.h.user("doctor", roles=["DOCTOR"])
        self.head = self.h.one("insert into doctors (user_id, dept_id, name, title, is_department_head) values (%s, %s, '主任甲', "
                               "'主任医师', true) returning id", self.head_user, self.h.dept)

    def api(self, user=None):
        """Signed in as an account; None: the administrator."""
        return self.house.api(user or self.h.admin)

    def doctor(self, name="医生丁", dept=None):
        """(doctor, user) of a new one with an account."""
        user = self.h.user("doctor", roles=["DOCTOR"])
        return self.h.one("insert into doctors (user_id, dept_id, name) values (%s, %s, %s) returning id", user,
                          dept or self.h.dept, name), user

    def clinic(self, dept=None, kind=0):
        return self.h.one("insert into clinics (area_id, minor_dept_id, name, clinic_type) values (%s, %s, '周排诊室', %s) returning id",
                          self.h.area, dept or self.h.dept, kind)

    def plan(self, clinic, monday, cells, by=None, at=None):
        """A pending application for a week."""
        return self.h.one("insert into schedule_audits (minor_dept_id, clinic_id, submitter_doctor_id, week_start_date, "
                          "week_end_date, schedule_data, submit_time) values (%s, %s, %s, %s, %s, %s, %s) returning id",
                          self.h.dept, clinic, by or self.head, monday, monday + dt.timedelta(days=6), json.dumps(cells), at or now())

    def leave(self, doctor, day, shift="full", last=None, reason="参加学术会议", at=None, files=()):
        """A pending application for leave; day: a date or days from today."""
        first = day if isinstance(day, dt.date) else today() + dt.timedelta(days=day)
        return self.h.one("insert into leave_audits (doctor_id, leave_start_date, leave_end_date, shift, reason, attachment_data, "
                          "submit_time) values (%s, %s, %s, %s, %s, %s, %s) returning id",
                          doctor, first, last or first, shift, reason, json.dumps(list(files)), at or now())

    def add_slot(self, session, patient, kind="普通", by=None, reason="复查患者需要加号就诊", at=None):
        """A pending application for an added place, by the session's doctor unless another account is named."""
        return self.h.one("insert into add_slot_audits (schedule_id, doctor_id, patient_id, slot_type, reason, applicant_id, "
                          "submit_time) select s.id, s.doctor_id, %s, %s, %s, coalesce(%s, d.user_id), %s from schedules s join "
                          "doctors d on d.id = s.doctor_id where s.id = %s returning id",
                          patient, kind, reason, by, at or now(), session)

    def row(self, table, audit):
        """The stored application as a dictionary, None when it is gone."""
        with self.h.conn.cursor() as cur:
            cur.execute(f"select * from {table} where id = %s", (audit,))
            row = cur.fetchone()
            return dict(zip([c.name for c in cur.description], row)) if row else None

    def entries(self, entity, entity_id):
        """[(action, actor, changes)] of the audit log, oldest first."""
        return self.h.run("select action, actor_id, changes from audit_log where entity = %s and entity_id = %s order by id",
                          entity, str(entity_id))


@pytest.fixture(scope="module")
def office(empty_db, make_system):
    house = open_house(empty_db, make_system)
    house.reset()
    yield Office(house)
    house.close()
