"""Booking in hospitals of other time zones: a visit day is a date of the hospital's zone, an instant is an instant (lessons D11)."""

import datetime as dt
import zoneinfo

import pytest

from support import booking_cases as bc
from support.hospital import Hospital
from support.trusted import Jobs

ZONES = ["Asia/Shanghai", "America/New_York", "UTC"]


class Place:
    """The booking pool of a hospital in a zone; times of the tests are clock times there."""

    def __init__(self, system, jobs, h, zone):
        self.jobs, self.h, self.zone = jobs, h, zoneinfo.ZoneInfo(zone)

    def today(self):
        return dt.datetime.now(self.zone).date()

    def at(self, day, clock):
        hour, minute = map(int, clock.split(":"))
        return dt.datetime(day.year, day.month, day.day, hour, minute, tzinfo=self.zone)

    def session(self, day, first, last, places=40, minutes=15, section="上午"):
        """(session, doctor) from clock time to clock time of a day."""
        doctor = self.h.extra_doctor()
        ends = self.at(day, last)
        if last < first:
            ends = self.at(day + dt.timedelta(days=1), last)
        return self.h.session(day, section=section, doctor=doctor, clinic=bc._clinic(self.h), places=places, minutes=minutes,
                              starts=self.at(day, first), ends=ends), doctor

    def v1(self, user, **body):
        return self.jobs.call("booking.v1_book_appointment", {"body": body}, user)

    def override(self, **body):
        """Booked by the office, whatever the window says."""
        return self.v1(self.h.staff, patient_id=self.h.patient()[0], override=True, **body)


@pytest.fixture(scope="module")
def hospital(empty_db):
    h = Hospital(empty_db)
    yield h
    h.close()


@pytest.fixture(scope="module", params=ZONES)
def place(request, hospital, empty_db, make_system):
    h = hospital
    system = make_system(empty_db, {"hospital.timezone": request.param})
    system.start_broker()
    system.start_worker("booking")
    jobs = Jobs(system.inner)
    h.setting("registration", '{"advanceBookingDays": 14, "sameDayDeadline": "23:59", "cancelHoursBefore": 2}')
    yield Place(system, jobs, h, request.param)
    jobs.close()
    system.stop()


def offset(moment):
    text = moment.strftime("%z")
    return text[:3] + ":" + text[3:]


def test_one_time_in_four_spellings(place):
    day = place.today() + dt.timedelta(days=3)
    _, doctor = place.session(day, "08:00", "12:00")
    moment = place.at(day, "09:15")
    spellings = [{"date": str(day), "time": "09:15"}, {"start_time": f"{day}T09:15:00"}, {"appointment_date": moment.isoformat()},
                 {"scheduled_at": moment.astimezone(dt.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")}]
    for i, spelling in enumerate(spellings):
        a = place.v1(place.h.patient()[1], doctor_id=doctor, **spelling)
        if i == 0:
            assert (a.body["slot_no"], a.body["start_time"]) == (6, f"{day}T09:15:00{offset(moment)}")
            assert a.body["code"][1:9] == place.today().strftime("%Y%m%d")
        else:
            assert a.error == "SLOT_TAKEN", spelling
    heartbeat = place.jobs.call("booking.hb_create_appointment", {"body": {"doctor_id": doctor, "date_time": f"{day} 09:44"}}, place.h.patient()[1])
    assert heartbeat.body["date_time"] == f"{day}T09:30:00{offset(moment)}"


def test_a_visit_day_is_a_date_there(place):
    """Half an hour before midnight: the next day already, or still, elsewhere."""
    day = place.today() + dt.timedelta(days=5)
    session, _ = place.session(day, "23:00", "23:45", section="晚上")
    pid, uid = place.h.patient()
    order = place.v1(uid, schedule_id=session, slot_no=3).body
    assert order["start_time"][:16] == f"{day}T23:30"
    assert place.h.order(order["id"])["slot_date"] == day
    for date, count in ((day, 1), (day + dt.timedelta(days=1), 0), (day - dt.timedelta(days=1), 0)):
        listed = place.jobs.call("booking.v1_list_my_appointments", {"query": {"start_time_from": str(date), "start_time_to": str(date)}}, uid)
        assert listed.body["total"] == count, date
        office = place.jobs.call("booking.v1_list_appointments", {"query": {"patient_id": [pid], "date": str(date)}}, place.h.staff)
        assert office.body["total"] == count, date
    shown = place.jobs.call("booking.get_appointment", {"path": {"appointmentId": order["id"]}}, uid).body
    assert shown["appointmentDate"] == str(day)


def test_the_window_counts_days_there(place):
    today = place.today()
    for days, want in ((14, None), (15, "BEYOND_BOOKING_WINDOW")):
        session, _ = place.session(today + dt.timedelta(days=days), "08:00", "12:00")
        assert place.v1(place.h.patient()[1], schedule_id=session).error == want, days


def test_the_same_day_deadline_is_a_clock_time_there(place):
    today, now = place.today(), dt.datetime.now(place.zone)
    if now.time() >= dt.time(23, 40) or now.time() < dt.time(0, 10):
        pytest.skip("around midnight")
    starts = now.replace(second=0, microsecond=0) + dt.timedelta(minutes=10)
    doctor = place.h.extra_doctor()
    session = place.h.session(today, doctor=doctor, clinic=bc._clinic(place.h), starts=starts, ends=starts + dt.timedelta(minutes=5),
                              minutes=5, places=9)
    clock = {"before": now - dt.timedelta(minutes=2), "after": now + dt.timedelta(minutes=5)}
    try:
        for name, want in (("before", "SAME_DAY_CLOSED"), ("after", None)):
            place.h.setting("registration", f'{{"sameDayDeadline": "{clock[name]:%H:%M}"}}')
            assert place.v1(place.h.patient()[1], schedule_id=session).error == want, name
    finally:
        place.h.setting("registration", '{"advanceBookingDays": 14, "sameDayDeadline": "23:59", "cancelHoursBefore": 2}')


def shifts(zone):
    """The next days on which clocks of the zone go forward and back: {hours they go: date}."""
    found, day = {}, dt.datetime.now(zone).date()
    for _ in range(370):
        day += dt.timedelta(days=1)
        noon = dt.datetime(day.year, day.month, day.day, 12, tzinfo=zone)
        before = noon - dt.timedelta(days=1)
        hours = (noon.utcoffset() - before.utcoffset()).total_seconds() / 3600
        if hours:
            found.setdefault(hours, day)
    return found


def test_clocks_that_go_forward(place):
    day = shifts(place.zone).get(1.0)
    if not day:
        pytest.skip("no such day in this zone")
    session, doctor = place.session(day, "01:00", "05:00")      # three hours
    assert place.h.one("select ends_at - starts_at from schedules where id = %s", session) == dt.timedelta(hours=3)
    wanted = {"01:45": (4, "01:45:00-05:00"), "03:00": (5, "03:00:00-04:00"), "02:30": (7, "03:30:00-04:00"), "04:45": (12, "04:45:00-04:00")}
    for clock, (slot, start) in wanted.items():
        a = place.override(doctor_id=doctor, date=str(day), time=clock)
        assert (a.body["slot_no"], a.body["start_time"]) == (slot, f"{day}T{start}"), clock
    last = place.override(schedule_id=session, slot_no=13).body       # above the twelve there are: shares the last start
    assert last["start_time"] == f"{day}T04:45:00-04:00"
    place.h.check()


def test_clocks_that_go_back(place):
    day = shifts(place.zone).get(-1.0)
    if not day:
        pytest.skip("no such day in this zone")
    session, doctor = place.session(day, "00:00", "04:00")      # five hours
    assert place.h.one("select ends_at - starts_at from schedules where id = %s", session) == dt.timedelta(hours=5)
    for start, slot, shown in ((f"{day}T01:30:00", 7, "01:30:00-04:00"), (f"{day}T01:30:00-05:00", 11, "01:30:00-05:00"),
                               (f"{day}T02:00:00", 13, "02:00:00-05:00"), (f"{day}T03:45:00", 20, "03:45:00-05:00")):
        a = place.override(doctor_id=doctor, start_time=start)
        assert (a.body["slot_no"], a.body["start_time"]) == (slot, f"{day}T{shown}"), start
        assert place.h.order(a.body["id"])["slot_date"] == day
    again = place.override(doctor_id=doctor, start_time=f"{day}T01:30:00-04:00")
    assert again.error == "SLOT_TAKEN"
    place.h.check()

