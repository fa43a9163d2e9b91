"""A small hospital with known rows, written with plain SQL: what booking tests stand on.

Times are in the hospital's zone, Asia/Shanghai (no daylight saving): local midnight is 16:00 UTC of the day before.
"""

import datetime as dt

ZONE = dt.timezone(dt.timedelta(hours=8))


def now():
    return dt.datetime.now(ZONE)


def today():
    return now().date()


def at(day, clock):
    """A clock time 'HH:MM' of a date, as a datetime with offset."""
    h, m = map(int, clock.split(":"))
    return dt.datetime(day.year, day.month, day.day, h, m, tzinfo=ZONE)


def ts(moment):
    """RFC 3339 as the service writes it."""
    return moment.isoformat(timespec="seconds")


SECTIONS = {"上午": ("08:00", "12:00"), "下午": ("14:00", "18:00"), "晚上": ("18:30", "21:00")}


class Hospital:
    """Two departments with a clinic and doctors each; patients, sessions and settings are made as a test asks."""

    def __init__(self, db):
        self.db = db
        self.conn = db.connect()
        self.serial = 0
        q = self.one
        self.area = q("insert into hospital_areas (name, destination) values ('主院区', '学院路 3 号') returning id")
        self.major = q("insert into major_departments (name) values ('内科') returning id")
        self.dept = q("insert into minor_departments (major_dept_id, name) values (%s, '心内科') returning id", self.major)
        self.dept2 = q("insert into minor_departments (major_dept_id, name) values (%s, '皮肤科') returning id", self.major)
        self.clinic = q("insert into clinics (area_id, minor_dept_id, name) values (%s, %s, '1 诊室') returning id",
                        self.area, self.dept)
        self.clinic2 = q("insert into clinics (area_id, minor_dept_id, name) values (%s, %s, '2 诊室') returning id",
                         self.area, self.dept2)
        self.admin = self.user("admin", roles=["ADMIN"])
        self.staff = self.user("external", roles=["STAFF"])
        self.doctor_user = self.user("doctor", roles=["DOCTOR"])
        self.doctor = q("insert into doctors (user_id, dept_id, name, title, specialty) values (%s, %s, '医生甲', '主任医师', "
                        "'冠心病') returning id", self.doctor_user, self.dept)
        self.doctor2_user = self.user("doctor", roles=["DOCTOR"])
        self.doctor2 = q("insert into doctors (user_id, dept_id, name) values (%s, %s, '医生乙') returning id",
                         self.doctor2_user, self.dept2)

    def close(self):
        self.conn.close()

    def run(self, sql, *args):
        with self.conn.cursor() as cur:
            cur.execute(sql, args or None)
            return cur.fetchall() if cur.description else []

    def one(self, sql, *args):
        return self.run(sql, *args)[0][0]

    def user(self, user_type="external", roles=(), phone=None):
        self.serial += 1
        uid = self.one("insert into users (username, phonenumber, user_type, is_verified) values (%s, %s, %s, true) "
                       "returning id", f"u{self.serial}", phone or f"139{self.serial:08d}", user_type)
        for role in roles:
            self.run("insert into user_roles (user_id, role_code) values (%s, %s)", uid, role)
        return uid

    def patient(self, name="患者", kind="校外", account=True):
        """(patient id, user id) of a new patient; user None without account."""
        uid = self.user(roles=["PATIENT"]) if account else None
        pid = self.one("insert into patients (user_id, name, gender, patient_type) values (%s, %s, 'female', %s) returning id",
                       uid, f"{name}{self.serial}", kind)
        if account:
            self.run("insert into patient_relations (user_patient_id, related_patient_id, relation_type, is_default) "
                     "values (%s, %s, '本人', true)", pid, pid)
        return pid, uid

    def relate(self, owner, other, kind="子女"):
        self.run("insert into patient_relations (user_patient_id, related_patient_id, relation_type) values (%s, %s, %s)",
                 owner, other, kind)

    def session(self, day, section="上午", places=16, price="50.00", doctor=None, clinic=None, minutes=15,
                slot_type="普通", status="正常", starts=None, ends=None):
        """Id of a new session; day is a date or a number of days from today."""
        if isinstance(day, int):
            day = today() + dt.timedelta(days=day)
        first, last = SECTIONS[section]
        starts = starts or at(day, first)
        ends = ends or at(day, last)
        doctor = doctor or self.doctor
        if clinic is None:
            clinic = self.clinic if doctor == self.doctor else self.clinic2
        return self.one(
            "insert into schedules (doctor_id, clinic_id, date, time_section, slot_type, total_slots, remaining_slots, "
            "status, price, starts_at, ends_at, slot_minutes) values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) "
            "returning id", doctor, clinic, day, section, slot_type, places, places, status, price, starts, ends, minutes)

    def extra_doctor(self, dept=None):
        return self.one("insert into doctors (dept_id, name) values (%s, '医生丙') returning id", dept or self.dept)

    def setting(self, key, value, scope="GLOBAL", scope_id=None):
        """Set a database setting; value is JSON text."""
        self.run("delete from system_config where config_key = %s and scope_type = %s and coalesce(scope_id, 0) = %s",
                 key, scope, scope_id or 0)
        if value is not None:
            self.run("insert into system_config (config_key, scope_type, scope_id, config_value) values (%s, %s, %s, %s)",
                     key, scope, scope_id, value)

    def order(self, order_id):
        """The stored order as a dictionary."""
        with self.conn.cursor() as cur:
            cur.execute("select * from registration_orders where id = %s", (order_id,))
            return dict(zip([c.name for c in cur.description], cur.fetchone()))

    def remaining(self, schedule):
        return self.one("select remaining_slots from schedules where id = %s", schedule)

    def check(self):
        """R-102 for every session, and nothing that the constraints should have refused."""
        bad = self.run("""
            select s.id, s.total_slots, s.remaining_slots, count(o.id)
              from schedules s
              left join registration_orders o on o.schedule_id = s.id
                   and o.status in ('pending', 'confirmed', 'completed', 'no_show')
             group by s.id having s.remaining_slots + count(o.id) <> s.total_slots""")
        assert not bad, f"remaining + taken <> total: {bad}"
        twice = self.run("""
            select schedule_id, slot_no, count(*) from registration_orders
             where status in ('pending', 'confirmed', 'completed', 'no_show') group by 1, 2 having count(*) > 1""")
        assert not twice, twice
        bills = self.run("""
            select o.id from registration_orders o
              left join bills b on b.appointment_id = o.id and b.kind = 'REGISTRATION' and b.total = o.price
             where o.price > 0 and o.slot_no is not null and b.id is null""")
        assert not bills, f"orders without their bill: {bills}"
