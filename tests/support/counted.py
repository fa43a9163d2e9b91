"""A hospital of random sessions and orders over many days, and its figures added up from the raw rows (BR-139 to BR-141)."""

import collections
import datetime as dt
import random

from .hospital import SECTIONS, at, today

COUNTED = ("pending", "confirmed", "completed", "no_show")
STEPS = {"pending": ("confirmed", "cancelled", "timeout"), "confirmed": ("completed", "cancelled", "no_show"),
         "waitlist": ("cancelled",)}


class Counted:
    """Three areas, a department in two of them, a clinic without department, a session without clinic."""

    def __init__(self, h, seed=1):
        self.h, self.random = h, random.Random(seed)
        q = h.one
        self.areas = [h.area] + [q("insert into hospital_areas (name) values (%s) returning id", n) for n in ("东院区", "西院区")]
        self.depts = [h.dept, h.dept2] + [
            q("insert into minor_departments (major_dept_id, name) values (%s, %s) returning id", h.major, n) for n in ("骨科", "眼科")]
        self.clinics = [h.clinic, h.clinic2, None]
        for i, (area, dept) in enumerate([(1, 0), (1, 2), (2, 2), (2, 3), (0, 3), (2, None)]):
            self.clinics.append(q("insert into clinics (area_id, minor_dept_id, name) values (%s, %s, %s) returning id",
                                  self.areas[area], None if dept is None else self.depts[dept], f"诊室{i}"))
        self.doctors = [h.doctor, h.doctor2] + [
            q("insert into doctors (dept_id, name, title) values (%s, %s, %s) returning id", self.depts[i % 4], f"医生{i}",
              "主治医师" if i % 2 else None) for i in range(7)]
        self.patients = [q("insert into patients (name) values (%s) returning id", f"病人{i}") for i in range(10 * len(self.doctors))]
        self.serial = 0

    def fill(self, first, last, chance=0.5):
        """Sessions and orders of the days first..last (numbers from today)."""
        for n in range(first, last + 1):
            for i, doctor in enumerate(self.doctors):
                for section in SECTIONS:
                    if self.random.random() < chance:
                        self.session(today() + dt.timedelta(days=n), i, doctor, section)

    def session(self, day, i, doctor, section):
        r = self.random
        clinic = self.clinics[i]
        starts, ends = (at(day, clock) for clock in SECTIONS[section])
        kind = r.choice(("普通", "普通", "专家", "特需"))
        price = r.choice(("50.00", "80.50", "0.00", "120.00"))
        s = self.h.one("insert into schedules (doctor_id, clinic_id, date, time_section, slot_type, total_slots, remaining_slots, price, "
                       "starts_at, ends_at, slot_minutes) values (%s, %s, %s, %s, %s, 10, 10, %s, %s, %s, 15) returning id",
                       doctor, clinic, day, section, kind, price, starts, ends)
        taken = 0
        for place in range(r.randrange(0, 11)):
            status = r.choice(COUNTED + ("completed", "completed", "cancelled", "timeout", "waitlist"))
            self.order(s, day, doctor, section, kind if r.random() < 0.9 else "专家", self.patients[i * 10 + place], place + 1, price,
                       status, starts + dt.timedelta(minutes=15 * place))
            taken += status in COUNTED
        self.h.run("update schedules set remaining_slots = 10 - %s where id = %s", taken, s)
        if r.random() < 0.1:                          # displaced, some of them deleted
            self.h.run("update schedules set is_latest = false, deleted_at = case when id %% 2 = 0 then now() end where id = %s", s)
        return s

    def order(self, session, day, doctor, section, kind, patient, place, price, status, starts):
        self.serial += 1
        return self.h.one(
            "insert into registration_orders (order_no, patient_id, doctor_id, schedule_id, slot_no, slot_date, time_section, slot_type, "
            "starts_at, ends_at, list_price, price, status, payment_status, channel, created_at, updated_at) values (%s, %s, %s, %s, %s, "
            "%s, %s, %s, %s, %s, %s, %s, %s, 'pending', 'bjtu', %s, %s) returning id",
            f"c{self.serial}", patient, doctor, session, None if status == "waitlist" else place, day, section, kind, starts,
            starts + dt.timedelta(minutes=15), price, price, status, starts - dt.timedelta(days=9), starts - dt.timedelta(days=9))

    def change(self, n):
        """Random steps, prices, moves to another session, orders that come and go, sessions that go to another clinic or doctor."""
        r, h = self.random, self.h
        for _ in range(n):
            what = r.random()
            order, status, session = h.run("select id, status, schedule_id from registration_orders order by random() limit 1")[0]
            if what < 0.6 and status in STEPS:
                h.run("update registration_orders set status = %s where id = %s", r.choice(STEPS[status]), order)
            elif what < 0.7:
                h.run("update registration_orders set list_price = list_price + 3 where id = %s", order)
            elif what < 0.8 and status in ("pending", "confirmed"):
                self.move(order)
            elif what < 0.9:
                h.run("delete from registration_orders where id = %s", order)
            else:
                h.run("update schedules set clinic_id = %s where id = %s and not exists (select from schedules x where x.is_latest and "
                      "x.clinic_id = %s and (x.date, x.time_section) = (schedules.date, schedules.time_section))", h.clinic, session, h.clinic)

    def move(self, order):
        """To another session of that day, on a place that is free there."""
        self.h.run("update registration_orders o set schedule_id = s.id, slot_no = s.free, doctor_id = s.doctor_id, "
                   "time_section = s.time_section "
                   "from (select s.*, (select min(n) from generate_series(1, 10) n where not exists (select from registration_orders x "
                   "where x.schedule_id = s.id and x.slot_no = n and x.status in ('pending', 'confirmed', 'completed', 'no_show'))) as free "
                   "from schedules s join registration_orders m on m.id = %s and s.date = m.slot_date and not exists (select from "
                   "registration_orders x where x.schedule_id = s.id and x.patient_id = m.patient_id) "
                   "order by random() limit 1) s where o.id = %s and s.free is not null", order, order)

    def rows(self, first=None, last=None, **where):
        """Counted orders of the days, one dictionary each, as the raw tables have them."""
        columns = ("day", "area", "dept", "doctor", "session", "kind", "section", "price", "status")
        found = [dict(zip(columns, r)) for r in self.h.run(
            "select o.slot_date, c.area_id, c.minor_dept_id, o.doctor_id, o.schedule_id, o.slot_type, o.time_section, o.list_price, o.status "
            "from registration_orders o join schedules s on s.id = o.schedule_id left join clinics c on c.id = s.clinic_id")]
        return [r for r in found if r["status"] in COUNTED and (first is None or first <= r["day"] <= last)
                and all(r[k] == v for k, v in where.items())]


def by(rows, key):
    """{value: (registrations, revenue)}"""
    sums = collections.defaultdict(lambda: [0, 0])
    for r in rows:
        sums[r[key]][0] += 1
        sums[r[key]][1] += r["price"]
    return {k: tuple(v) for k, v in sums.items()}


def totals(rows, first, last):
    """What every reply has (api/09)."""
    shown = {"start_date": str(first), "end_date": str(last), "total_registrations": len(rows),
             "by_slot_type": {k: n for k, (n, _) in by(rows, "kind").items()}, "total_revenue": float(sum(r["price"] for r in rows)),
             "completed_consultations": sum(r["status"] == "completed" for r in rows)}
    if first < last:
        days = by(rows, "day")
        shown["time_series"] = [
            {"date": str(d), "registrations": days.get(d, (0, 0))[0], "revenue": float(days.get(d, (0, 0))[1])}
            for d in (first + dt.timedelta(days=i) for i in range((last - first).days + 1))]
    return shown
