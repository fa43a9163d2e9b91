"""Every operation called as everybody (tests/support/access_table.py), and its refusals in the shape of its surface."""

import datetime as dt
import json
import os
import re
import shutil

import pytest

from support import access_applications, access_billing, access_clinical, access_files, access_notify, access_patients, access_payments, access_table as table, access_waitlist
from support import accounts, contract, foreign_rows, paths
from support import booking_cases as bc
from support.hospital import at, today, ts
from support.house import open_house
from support.http import Api


class World:
    """The hospital with the callers of the table. What a call uses up is made anew for each."""

    def __init__(self, house, db):
        self.house, self.h, self.db = house, house.h, db
        self.password = accounts.PASSWORD
        self.phone, self.staff_number = "13700000001", "T9001"
        accounts.add_user(db, phonenumber=self.phone, username="login1")
        accounts.add_user(db, ["STAFF"], identifier=self.staff_number, username="login2", user_type="doctor")
        self.patient, patient_user = self.h.patient()
        _, other_user = self.h.patient()
        self.users = {"patient": patient_user, "other": other_user, "doctor": self.h.doctor_user,
                      "doctor2": self.h.doctor2_user, "nurse": self.h.user(roles=["NURSE"]), "staff": self.h.staff,
                      "admin": self.h.admin}
        head = self.h.user("doctor", roles=["DOCTOR"])          # of the other department
        self.h.run("insert into doctors (user_id, dept_id, name, is_department_head) values (%s, %s, '医生丙', true)", head, self.h.dept2)
        self.users["head2"] = head
        self.users["newcomer"] = self.h.user("doctor", roles=["DOCTOR"])        # a doctor's role and no profile
        self.names = {who: self.h.one("select username from users where id = %s", uid) for who, uid in self.users.items()}
        self.today = today().isoformat()
        self.h.run("update patients set primary_doctor_id = %s where id = %s", self.h.doctor, self.patient)
        access_applications.prepare(self)

    def session(self):
        """A new session of the doctor in a clinic of its own, on a half day that nothing else of this world uses."""
        # Visits of the patient must not overlap: earlier ones are over as far as the rules are concerned.
        self.h.run("update registration_orders set status = 'cancelled', is_calling = false where status in ('pending', 'confirmed')")
        self.h.run("update schedules set is_latest = false where doctor_id = %s", self.h.doctor)
        return self.h.session(3, "下午", clinic=bc._clinic(self.h))

    def appointment(self):
        session = self.session()
        bc._order(self.h, self.patient, session, self.h.one("select date from schedules where id = %s", session))
        return self.h.one("select max(id) from registration_orders")

    def free_time(self):
        return ts(at(self.h.one("select date from schedules where id = %s", self.session()), "14:00"))[:19]

    def rule(self):
        self.h.run("delete from availability_rules where doctor_id = %s", self.h.doctor)
        return self.h.one("insert into availability_rules (doctor_id, weekday, start_time, end_time, slot_minutes, valid_from, valid_to) "
                          "values (%s, 1, '08:00', '09:00', 20, %s, %s) returning id", self.h.doctor, self.today, self.today)

    def day(self, days):
        return (today() + dt.timedelta(days=days)).isoformat()

    def new_phone(self):
        self.h.serial += 1
        return f"136{self.h.serial:08d}"

    def new_email(self):
        self.h.serial += 1
        return f"m{self.h.serial}@example.org"

    def role_code(self):
        self.h.serial += 1
        return "R_" + "".join(chr(ord("A") + int(digit)) for digit in str(self.h.serial))

    def new_doctor(self):
        return self.h.extra_doctor()

    def new_role(self):
        return self.h.one("insert into roles (code, name) values (%s, '某职') returning code", self.role_code())

    def new_major(self):
        return self.h.one("insert into major_departments (name) values (%s) returning id", self.role_code())

    def new_minor(self):
        self.last_minor = self.h.one("insert into minor_departments (major_dept_id, name) values (%s, %s) returning id",
                                     self.h.major, self.role_code())
        return self.last_minor

    def new_director(self):
        """Of the department made last."""
        return self.h.one("insert into doctors (dept_id, name, title) values (%s, '某医生', '主任医师') returning id", self.last_minor)

    def new_specialty(self):
        return self.h.one("insert into specialties (code, name) values (%s, %s) returning id", self.role_code(), self.role_code())

    def refresh_token(self):
        r = self.house.system.api().post("/api/v1/auth/login", {"username": self.phone, "password": self.password})
        return r.json()["data"]["refresh_token"]

    def patient_session(self):
        self.house.system.tokens("--user", self.names["patient"])
        return self.h.one("select id::text from sessions where user_id = %s and revoked_at is null order by created_at desc, id "
                          "desc limit 1", self.users["patient"])

    def patient_job(self, waiting=False):
        """A finished job of the patient, or one that waits."""
        more = ("'QUEUED', null, null, null, null" if waiting else "'DONE', now(), now() + interval '1 day', '{\"n\": 1}', 200")
        return self.h.one("insert into jobs (id, kind, op, service, args, owner_id, budget_ms, max_attempts, run_at, created_at, "
                          "status, finished_at, expires_at, response, response_status) select gen_random_uuid(), 'export', 'x.y', "
                          f"'x', '\\x80', %s, 1000, 1, now() + interval '1 hour', now(), {more} returning id::text",
                          self.users["patient"])

    def api(self, who, fresh):
        if who == "nobody":
            return self.house.system.api()
        name = self.names[who]
        return self.house.system.api(token=self.house.system.tokens("--user", name)[0]) if fresh else self.house.api(self.users[who])


@pytest.fixture(scope="module")
def world(empty_db, make_system):
    house = open_house(empty_db, make_system)
    house.reset()
    yield World(house, empty_db)
    house.close()


def fill(world, path):
    known = {"appointment": world.appointment, "patient": lambda: world.patient, "doctor": lambda: world.h.doctor,
             "dept": lambda: world.h.dept, "area": lambda: world.h.area, "clinic": lambda: world.h.clinic, "patient_session": world.patient_session,
             "patient_user": lambda: world.users["patient"], "new_user": world.h.user, "new_role": world.new_role,
             "patient_job": world.patient_job, "patient_waiting_job": lambda: world.patient_job(waiting=True),
             "session": world.session, "rule": world.rule, "new_major": world.new_major, "new_minor": world.new_minor,
             "new_specialty": world.new_specialty, "new_director": world.new_director,
             "new_doctor": world.new_doctor}
    known.update(access_applications.known(world))
    known.update(access_billing.known(world))
    known.update(access_clinical.known(world))
    known.update(access_files.known(world))
    known.update(access_notify.known(world))
    known.update(access_patients.known(world))
    known.update(access_payments.known(world))
    known.update(access_waitlist.known(world))
    return re.sub(r"\{(\w+)\}", lambda m: str(known[m[1]]()), path)


def letter(response):
    """The letter of the table for an answer."""
    status = response.status_code
    try:
        code = response.json().get("code") if response.headers["content-type"].startswith("application/json") else None
    except (ValueError, AttributeError):
        code = None
    if status == 401:
        return "n"
    if status == 403 or code == 102:
        return "f"
    if status == 404 or code in (106, 103):
        return "x"
    return "y" if status < 300 and code in (0, None) else "r"


ENDS_SESSION = {"identity.close_session", "identity.v1_logout_session", "identity.renew_token"}


def call_as_everybody(world, row):
    """The letters that the operation gives, and its answers by caller."""
    operation, method, path, _, send = row
    got, answers = "", {}
    for who in table.CALLERS:
        api = world.api(who, operation in ENDS_SESSION)
        r = api.request(method, fill(world, path), **(send(world) if send else {}))
        got += letter(r)
        answers[who] = (r.status_code, r.text[:300])
    return got, answers


@pytest.mark.parametrize("row", table.TABLE, ids=lambda row: row[0])
def test_as_everybody(world, row):
    expected = row[3]
    got, answers = call_as_everybody(world, row)
    wrong = {who: answers[who] for who, e, g in zip(table.CALLERS, expected, got) if e != g}
    assert got == expected, json.dumps(wrong, ensure_ascii=False, indent=1)


def test_no_operation_is_without_an_expectation():
    rows = [row[0] for row in table.TABLE]
    assert len(set(rows)) == len(rows)
    assert set(rows) == set(contract.operations())


# ---- would it be noticed? (decisions 31)

FLIPS = [
    ("identity.get_role", "x-access: any", "x-access: public"),
    ("booking.v1_list_doctor_appointments", "x-access: [doctor]", "x-access: any"),
    ("booking.v1_get_appointment", "scope: [own, dept, all]", "scope: [all]"),
    ("directory.browse_hospitals", "x-access: public", "x-access: any"),
    ("stats.list_requests", "x-access: [admin]", "x-access: any"),
]


def test_a_changed_access_rule_turns_the_table_red(cluster, template, make_system, tmp_path, monkeypatch):
    """The same calls over a contract in which one operation after another has another rule."""
    monkeypatch.setattr(Api, "checked", False)
    for name in ("schema", "conf"):
        shutil.copytree(os.path.join(paths.ROOT, name), tmp_path / name)
    tmp_path.chmod(0o755)
    for operation, rule, other in FLIPS:
        change_rule(tmp_path / "schema" / "openapi", operation, rule, other)
    db = cluster.create_database(template=template)
    house = open_house(db, make_system, {"share": tmp_path})
    try:
        house.reset()
        world = World(house, db)
        for row in table.TABLE:
            if row[0] in [flip[0] for flip in FLIPS]:
                assert call_as_everybody(world, row)[0] != row[3], f"{row[0]}: nobody notices"
    finally:
        house.close()


def change_rule(folder, operation, rule, other):
    for file in folder.glob("*.yaml"):
        text = file.read_text(encoding="utf-8")
        at = text.find(f"operationId: {operation}\n")
        if at >= 0:
            start = text.index(rule, at)
            assert start - at < 600, (operation, rule)
            file.write_text(text[:start] + other + text[start + len(rule):], encoding="utf-8")
            return
    raise AssertionError(operation)


# ---- somebody else's row in every member that names one (support/foreign_rows.py)

PEERS = (("patient", "other"), ("doctor", "doctor2"))


def tried_by_the_table(world):
    """Members that the rows of the table send, where the owner of the row may and somebody like him may not."""
    found = set()
    for name, _, path, letters, send in table.TABLE:
        by = dict(zip(table.CALLERS, letters))
        _, template, operation = contract.place(name)
        if operation["x-access"] == ["head"] or not any(by[own] == "y" and by[peer] in "fx" for own, peer in PEERS):
            continue
        fill(world, path)               # what is sent may hang on rows that the path makes
        for wanted, given in zip(template.split("/"), path.split("/")):
            if wanted.startswith("{") and given.startswith("{"):
                found.add((name, "path", wanted[1:-1]))
        sent = send(world) if send else {}
        found |= {(name, "query", member) for member in sent.get("params", {})}
        found |= {(name, "body", member) for member in sent.get("json") or {}}
        found |= {(name, "body", member) for member in sent.get("data") or {}}
    return found


def test_every_member_that_names_a_row_is_tried(world):
    members, everybodys = foreign_rows.members(), foreign_rows.everybodys()
    cases = set(foreign_rows.CASES)
    assert len(members) > 60                                    # else the derivation has gone blind
    assert (cases | everybodys) - members == set(), "no such member"
    assert cases & everybodys == set()
    left = members - tried_by_the_table(world) - cases - everybodys
    assert not left, "not tried with somebody else's row: " + ", ".join(map(str, sorted(left)))


@pytest.mark.parametrize("case", sorted(foreign_rows.CASES), ids="-".join)
def test_somebody_elses_row(world, case):
    caller, send, expected = foreign_rows.CASES[case]
    row = next(row for row in table.TABLE if row[0] == case[0])
    r = world.api(caller, False).request(row[1], fill(world, row[2]), **send(world))
    if callable(expected):
        expected(world, r)
    else:
        assert letter(r) == expected, (r.status_code, r.text[:300])
