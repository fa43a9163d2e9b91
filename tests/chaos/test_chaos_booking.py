"""Kill -9 and freezing under load (decisions 9 and 35).

Every booking answered yes is there exactly once; every other one was refused, or is there exactly once after the client's
retry with the same Idempotency-Key. Lost 0, doubled 0, no client without an answer for 15 s.
"""

import asyncio
import collections
import random

import pytest

from chaos_load import Booking, Rush

PATIENTS = 1500
HOT_PLACES = 400
SESSIONS = 30


@pytest.fixture(scope="module")
def hospital(demo_db, make_system):
    """A system with patients of its own, one hot session and some with room for all."""
    db = demo_db
    db.query("""with u as (insert into users (username, full_name, phonenumber, is_verified, is_demo)
                           select 'chaos-' || g, 'Chaos ' || g, (13900000000 + g)::text, true, true from generate_series(1, %s) g
                        returning id, username),
                     r as (insert into user_roles (user_id, role_code) select id, 'PATIENT' from u)
                insert into patients (user_id, name, is_verified, is_demo) select id, username, true, true from u""", PATIENTS)
    db.query("""insert into patient_relations (user_patient_id, related_patient_id, relation_type, is_default)
                select id, id, '本人', true from patients where name like 'chaos-%%'""")
    rows = db.query("""
        with d as (insert into doctors (dept_id, name, is_demo)
                   select (select min(id) from minor_departments), 'Chaos ' || g, true from generate_series(0, %s) g
                returning id, dept_id, name),
             c as (insert into clinics (area_id, minor_dept_id, name, is_demo)
                   select (select min(id) from hospital_areas), dept_id, name, true from d returning id, area_id, name),
             s as (insert into schedules (doctor_id, clinic_id, date, time_section, slot_type, total_slots, remaining_slots, price,
                                          starts_at, ends_at, slot_minutes, is_demo)
                   select d.id, c.id, x.day, case when x.hot then '上午' else '下午' end, '普通', x.places, x.places, 50,
                          (x.day + x.t) at time zone 'Asia/Shanghai', (x.day + x.t + interval '4 h') at time zone 'Asia/Shanghai',
                          1, true
                     from d join c on c.name = d.name
                    cross join lateral (select d.name = 'Chaos 0' as hot, (now() at time zone 'Asia/Shanghai')::date + 5 as day,
                          case when d.name = 'Chaos 0' then %s else 200 end as places,
                          case when d.name = 'Chaos 0' then time '08:00' else time '14:00' end as t) x
                returning id, doctor_id, clinic_id)
        select s.id, c.area_id, d.dept_id, d.name from s join d on d.id = s.doctor_id join c on c.id = s.clinic_id""",
                    SESSIONS, HOT_PLACES)
    sessions = {name: {"id": i, "area": area, "dept": dept} for i, area, dept, name in rows}
    system = make_system(db, conf={"worker.heartbeat_ms": 500, "broker.heartbeat_ms": 500})
    tokens = system.tokens("--first-phone", "13900000001", "--count", str(PATIENTS))
    patients = [r[0] for r in db.query("""select p.id from patients p join users u on u.id = p.user_id
                                           where u.phonenumber > '13900000000' order by u.phonenumber limit %s""", PATIENTS)]
    assert len(tokens) == len(patients) == PATIENTS
    return system, db, sessions, list(zip(tokens, patients))


def make_bookings(hospital, seed):
    """Everybody wants the hot session and one of the others, in random order, half on each surface."""
    _, db, sessions, people = hospital
    db.query("truncate registration_orders, appointment_history, bills, bill_items, job_done, idempotency_keys cascade")
    db.query("update schedules set remaining_slots = total_slots, version = version + 1 where remaining_slots <> total_slots")
    rng = random.Random(seed)
    wanted = []
    for i, (token, patient) in enumerate(people):
        for name in ("Chaos 0", f"Chaos {i % SESSIONS + 1}"):
            wanted.append(Booking(token, patient, sessions[name], rng.choice(["v1", "code"])))
    rng.shuffle(wanted)
    return wanted


def verify(hospital, rush):
    _, db, sessions, _ = hospital
    hot = sessions["Chaos 0"]["id"]
    open_ = [b for b in rush.bookings if b.answer is None]
    assert not open_, f"{len(open_)} bookings never got an answer"
    answers = collections.Counter(b.answer for b in rush.bookings)
    yes = {b.order: (b.patient, b.session["id"]) for b in rush.bookings if b.answer == "yes"}
    assert len(yes) == answers["yes"], "an order was given to two bookings"
    stored = {r[0]: (r[1], r[2]) for r in db.query(
        "select id, patient_id, schedule_id from registration_orders where status in ('pending', 'confirmed')")}
    lost = set(yes) - set(stored)
    extra = set(stored) - set(yes)
    assert not lost, f"{len(lost)} bookings answered yes are not there"
    assert not extra, f"{len(extra)} bookings are there that nobody was told of"
    assert stored == yes
    assert len(set(stored.values())) == len(stored), "a patient holds a session twice"
    # Full session: exactly its places; all others had room for everybody.
    assert sum(1 for v in yes.values() if v[1] == hot) == HOT_PLACES
    assert answers["yes"] == HOT_PLACES + PATIENTS, answers
    assert set(answers) <= {"yes", "SLOT_FULL", "1001 该时段号源已满"}, answers
    wrong = db.value("""select count(*) from schedules s
                         left join (select schedule_id, count(*) as n from registration_orders
                                     where status in ('pending', 'confirmed', 'completed', 'no_show') group by schedule_id) o
                           on o.schedule_id = s.id
                        where s.total_slots - s.remaining_slots <> coalesce(o.n, 0)""")
    assert wrong == 0, "places left and places taken do not add up"
    for table in ("bills", "appointment_history"):
        assert db.value(f"select count(*) from {table}") == len(yes), table
    gap, wait = rush.longest_outage()
    print(f"answers {dict(answers)}, retries {rush.retries}, lost {rush.lost}, longest silence {gap:.1f} s, "
          f"longest wait {wait:.1f} s")
    assert gap < 15 and wait < 15, f"silence {gap:.1f} s, one client waited {wait:.1f} s"


def start(hospital, *workers):
    system = hospital[0]
    system.stop()
    system.start_broker()
    system.start_worker("identity,directory")
    for name in workers:
        system.start_worker("booking", name=name)
    system.start_front()
    return system


def rush(hospital, seed, act):
    r = Rush(hospital[0].port, make_bookings(hospital, seed))
    asyncio.run(asyncio.wait_for(r.run(act), 110))
    return r


async def in_thread(fn, *args, **kw):
    return await asyncio.get_running_loop().run_in_executor(None, lambda: fn(*args, **kw))


def test_kill_9_of_the_only_booking_worker(hospital):
    system = start(hospital, "b1")

    async def act(r):
        for share in (0.15, 0.5):
            await r.until(share)
            await in_thread(system["b1"].kill9)
            await asyncio.sleep(0.5)
            await in_thread(system.start_worker, "booking", name="b1", wait=False)

    r = rush(hospital, 1, act)
    verify(hospital, r)


def test_kill_9_of_one_of_two_booking_workers(hospital):
    system = start(hospital, "b1", "b2")

    async def act(r):
        await r.until(0.3)
        await in_thread(system["b1"].kill9)

    r = rush(hospital, 2, act)
    verify(hospital, r)


def test_kill_9_of_the_broker(hospital):
    system = start(hospital, "b1")

    async def act(r):
        for share in (0.15, 0.5):
            await r.until(share)
            await in_thread(system["broker"].kill9)
            await asyncio.sleep(0.5)
            await in_thread(system.start_broker, wait=False)

    r = rush(hospital, 3, act)
    verify(hospital, r)


def test_a_frozen_worker_books_nothing_twice(hospital):
    system = start(hospital, "b1", "b2")

    async def act(r):
        await r.until(0.3)
        system["b1"].freeze()
        await asyncio.sleep(6)        # the broker has given its jobs to the other one by then
        system["b1"].thaw()

    r = rush(hospital, 4, act)
    verify(hospital, r)


def test_a_worker_asked_to_stop_loses_nothing(hospital):
    """Graceful: SIGTERM under load ends with status 0; what it had not begun goes to the other one."""
    system = start(hospital, "b1", "b2")
    status = []

    async def act(r):
        await r.until(0.3)
        status.append(await in_thread(system["b1"].stop))

    r = rush(hospital, 5, act)
    assert status == [0]
    assert r.retries == 0, "a graceful stop is not to be seen by clients"
    verify(hospital, r)
