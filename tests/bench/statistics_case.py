"""Statistics over three years of appointments: each route at the database, and the night that counts a day (README.md).

BENCH_ORDERS appointments (10000000) are made set-based, indexes after the load, and kept below var/bench for the next time.
"""

import datetime as dt
import os
import random
import shutil
import statistics
import subprocess
import threading
import time

from base import Wrong, cpu_ticks, quantile, say
from support import paths, plans
from support.pg import Cluster, Database
from support.proc import wait_for
from support.system import System

ORDERS = int(os.environ.get("BENCH_ORDERS", "10000000"))
KEPT = os.environ.get("BENCH_DIR", os.path.join(paths.ROOT, "var", "bench"))
DOCTORS, CLINICS, PATIENTS, PLACES = 10000, 3400, 100000, 10
PAST, AHEAD = 1081, 14                                  # days
A_DAY = max(1, round(ORDERS / (PAST + AHEAD) / PLACES))         # sessions
TOUCHED = 500                                           # sessions of earlier days that changed before the night
ZONE = "Asia/Shanghai"
AIM_MS, AIM_NIGHT_S = 20, 60

PEOPLE = f"""
insert into hospital_areas (id, name) select i, '院区' || i from generate_series(1, 4) i;
insert into major_departments (id, name, sort_order) select i, '大科' || i, i from generate_series(1, 40) i;
insert into minor_departments (id, major_dept_id, name, sort_order) select i, 1 + i % 40, '科室' || i, i from generate_series(1, 400) i;
insert into clinics (id, area_id, minor_dept_id, name)
    select i, 1 + i % 4, 1 + i % 400, '诊室' || i from generate_series(1, {CLINICS}) i;
insert into users (id, username, phonenumber) select i, 'u' || i, (13000000000 + i)::text from generate_series(1, {PATIENTS}) i;
insert into patients (id, user_id, name) select i, i, '患者' || i from generate_series(1, {PATIENTS}) i;
insert into doctors (id, dept_id, name, title)
    select i, 1 + (1 + i / 3) % 400, '医生' || i, '主治医师' from generate_series(0, {DOCTORS} - 1) i;
insert into visit_hours select date_trunc('hour', now(), 'UTC') - n * interval '1 hour', 5000 from generate_series(0, {PAST} * 24) n;
"""

# Session k of a day: the doctors take turns, three neighbours share a clinic in the three parts of the day.
SESSIONS = f"""
insert into schedules (id, doctor_id, clinic_id, date, time_section, slot_type, total_slots, remaining_slots, price, starts_at, ends_at,
                       slot_minutes)
select 1 + (d + {PAST}) * {A_DAY} + k, x.doctor, 1 + x.doctor / 3, y.day, s.name, (array['普通', '普通', '专家', '特需'])[1 + k %% 4],
       {PLACES}, 0, (array[50, 50, 100, 200])[1 + k %% 4], (y.day + s.t0) at time zone '{ZONE}', (y.day + s.t1) at time zone '{ZONE}', 20
  from generate_series(-{PAST}, {AHEAD} - 1) d
 cross join generate_series(0, {A_DAY} - 1) k
 cross join lateral (select ((d + {PAST}) * {A_DAY} + k) %% {DOCTORS} as doctor) x
 cross join lateral (select %s::date + d as day) y
  join (values (0, '上午', time '08:00', time '12:00'), (1, '下午', '14:00', '18:00'), (2, '晚上', '18:30', '22:00')) s (n, name, t0, t1)
    on s.n = x.doctor %% 3
"""

ORDERS_OF = f"""
insert into registration_orders (id, order_no, patient_id, user_id, doctor_id, schedule_id, slot_no, slot_date, time_section, slot_type,
       starts_at, ends_at, list_price, price, status, payment_status, channel, created_at, updated_at)
select (s.id - 1) * {PLACES} + k, 'B' || ((s.id - 1) * {PLACES} + k), 1 + (s.id * {PLACES} + k) %% {PATIENTS},
       1 + (s.id * {PLACES} + k) %% {PATIENTS}, s.doctor_id, s.id, k, s.date, s.time_section, s.slot_type,
       s.starts_at + make_interval(mins => 20 * (k - 1)), s.starts_at + make_interval(mins => 20 * k), s.price, s.price,
       case when s.date >= %s::date then (array['confirmed', 'confirmed', 'pending', 'cancelled'])[1 + (s.id * 7 + k) %% 4]
            when (s.id * 7 + k) %% 50 < 41 then 'completed' when (s.id * 7 + k) %% 50 < 45 then 'cancelled'
            when (s.id * 7 + k) %% 50 < 47 then 'no_show' when (s.id * 7 + k) %% 50 < 49 then 'timeout' else 'confirmed' end,
       'paid', 'v1', s.starts_at - interval '5 days', s.starts_at
  from schedules s cross join generate_series(1, {PLACES}) k
 where s.id between %s and %s
"""


class Kept(Cluster):
    """A cluster whose data stay, when the folder can be reached by whoever runs PostgreSQL."""

    def __init__(self, **kw):
        super().__init__(**kw)
        self.kept = os.path.join(KEPT, f"statistics-{ORDERS}")
        os.makedirs(self.kept, exist_ok=True)
        if self.user and subprocess.run(["runuser", "-u", self.user, "--", "test", "-x", self.kept], check=False).returncode != 0:
            say(f"  {self.kept} cannot be reached by {self.user}: the data will not be kept")
        else:
            if self.user:
                shutil.chown(self.dir, self.user, self.user)
            self.dir = self.kept

    def database(self, name):
        """The database of this name when its data were made to the end; others of before go."""
        found = [r[0] for r in Database(self, "postgres").query("select datname from pg_database where datname like 'statistics%%'")]
        for other in found:
            db = Database(self, other)
            if other == name and db.value("select to_regclass('bench_made') is not null"):
                return db
            db.drop()
        return None

    def destroy(self):
        self.stop()
        paths.remove_dir(self.socket_dir)


def without_indexes(db, table, work):
    """Do work(), then make the indexes and constraints of the table anew."""
    keys = db.query("select conname, pg_get_constraintdef(oid) from pg_constraint where conrelid = %s::regclass and contype in ('u', 'x')",
                    table)
    plain = db.query("select indexrelid::regclass::text, pg_get_indexdef(indexrelid) from pg_index where indrelid = %s::regclass and not "
                     "exists (select from pg_constraint c where c.conindid = indexrelid)", table)
    for name, _ in keys:
        db.query(f"alter table {table} drop constraint {name}")
    for name, _ in plain:
        db.query(f"drop index {name}")
    work()
    for _, text in plain:
        db.query(f"set maintenance_work_mem = '1GB'; {text}")
    for name, text in keys:
        db.query(f"set maintenance_work_mem = '1GB'; alter table {table} add constraint {name} {text}")


def make_orders(db, day):
    last = (PAST + AHEAD) * A_DAY
    cuts = [(1 + last * i // 20, last * (i + 1) // 20) for i in range(20)]
    failed = []

    def some(mine):
        try:
            for first, until in mine:
                run(db, ORDERS_OF, day, first, until)
        except Exception as e:      # noqa: BLE001
            failed.append(e)

    threads = [threading.Thread(target=some, args=(cuts[i::2],)) for i in range(2)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    if failed:
        raise failed[0]


def run(db, sql, *args):
    conn = db.connect()
    try:
        with conn.cursor() as cur:
            cur.execute("set session_replication_role = replica; set synchronous_commit = off")
            cur.execute(sql, args or None)
    finally:
        conn.close()


def make_data(system, db, day):
    start = time.monotonic()
    run(db, PEOPLE)
    without_indexes(db, "schedules", lambda: run(db, SESSIONS, day))
    without_indexes(db, "registration_orders", lambda: make_orders(db, day))
    db.query("vacuum analyze")
    say(f"  {db.value('select count(*) from registration_orders'):,} appointments in {db.value('select count(*) from schedules'):,} "
        f"sessions made in {time.monotonic() - start:.0f} s, {db.value('select pg_size_pretty(pg_database_size(current_database()))')}")


def first_count(system, db, day):
    start = time.monotonic()
    done = system.cli("stats", "rebuild", "--quiet", "--to", str(day - dt.timedelta(days=1)), timeout=3600)
    db.query("vacuum analyze statistics_sessions")
    size = db.value("select pg_size_pretty(pg_total_relation_size('statistics_sessions'))")
    say(f"  guahao stats rebuild: {done.stdout.strip()}, {time.monotonic() - start:.0f} s, {size}")


def night(system, db, day):
    """Yesterday is not counted yet, and sessions of earlier days were changed: seconds of the chain of jobs."""
    db.query("delete from statistics_sessions where day = %s", day - dt.timedelta(days=1))
    db.query("delete from statistics_days where day = %s", day - dt.timedelta(days=1))
    db.query("""update registration_orders set list_price = list_price + 1 where status = 'completed' and slot_no = 1 and schedule_id in (
                select id from schedules where date < %s order by md5(id::text) limit %s)""", day - dt.timedelta(days=1), TOUCHED)
    system.start_broker()
    system.start_worker("stats")
    system.start_worker("jobs")
    wait_for("the recurring jobs", lambda: db.value("select count(*) from job_schedules where name = 'statistics'") == 1)
    db.query("update job_schedules set enabled = name = 'statistics'")
    before = db.value("select coalesce(max(id), 0) from statistics_runs")
    start = time.monotonic()
    db.query("update job_schedules set next_slot = now() where name = 'statistics'")
    wait_for("the night", lambda: db.value("select count(*) from statistics_runs where id > %s and closed_at is not null", before) > 0
             and db.value("select count(*) from jobs where op like 'stats.%%' and finished_at is null") == 0, 600)
    took = time.monotonic() - start
    system.stop()
    if db.value("select count(*) from statistics_touched where day < %s", day):
        raise Wrong("the night left something out")
    return took


def cases(day, r):
    """Statement -> a function that gives parameters of a call."""
    past = lambda: str(day - dt.timedelta(days=r.randrange(1, 900)))
    recent = lambda: str(day - dt.timedelta(days=r.randrange(0, 3)))
    month = lambda: r.choice(("30days", "7days"))
    now = str(day)
    doctor = lambda: r.randrange(DOCTORS)
    return {
        "hospital, a day": ("hospital_registrations", lambda: (past(), None, now)),
        "hospital, today": ("hospital_registrations", lambda: (now, None, now)),
        "hospital, 30 days": ("hospital_registrations", lambda: (past(), "30days", now)),
        "hospital, 30 days to now": ("hospital_registrations", lambda: (recent(), "30days", now)),
        "area": ("area_registrations", lambda: (r.randrange(1, 5), past(), now)),
        "area, today": ("area_registrations", lambda: (r.randrange(1, 5), now, now)),
        "department": ("department_registrations", lambda: (r.randrange(1, 401), past(), month(), now)),
        "department, to now": ("department_registrations", lambda: (r.randrange(1, 401), now, "30days", now)),
        "doctor": ("doctor_registrations", lambda: (doctor(), past(), month(), now)),
        "doctor, to now": ("doctor_registrations", lambda: (doctor(), now, "30days", now)),
        "departments ranked": ("rank_departments", lambda: (past(), r.choice(("registrations", "revenue")), 10, now)),
        "departments ranked, today": ("rank_departments", lambda: (now, "revenue", 10, now)),
        "doctors ranked": ("rank_doctors", lambda: (None, past(), "registrations", 10, now)),
        "doctors ranked, today": ("rank_doctors", lambda: (r.choice((None, 7)), now, "registrations", 10, now)),
        "users": ("count_users", lambda: ()),
        "visits": ("count_visits", lambda: (None, 3, f"{now} 00:00+00")),
    }


def timed(conn, statement, params, times=60):
    """p50 and p95 in ms, planning and execution, as a worker that has run it before runs it, and processor time of a call without the
    explaining, which hardly depends on what else the machine does."""
    took, pid = [], conn.get_backend_pid()
    with conn.cursor() as cur:
        cur.execute("deallocate all; set jit = off; set enable_seqscan = off")              # as lib/db/pg.c does
        cur.execute(f"prepare asked as {plans.statements('stats')[statement]}")

        def call():
            given = params()
            return f"execute asked ({', '.join(plans.literal(cur, p) for p in given)})" if given else "execute asked"

        for i in range(times + 10):
            cur.execute(f"explain (analyze, timing off, format json) {call()}")
            plan = cur.fetchone()[0][0]
            if i >= 10:
                took.append(plan["Planning Time"] + plan["Execution Time"])
        ticks = cpu_ticks([pid])
        for _ in range(times):
            cur.execute(call())
        cpu = (cpu_ticks([pid]) - ticks) * 1000 / os.sysconf("SC_CLK_TCK") / times
    return statistics.median(took), quantile(took, 0.95), cpu


def measure(results):
    settings = {"shared_buffers": "1GB", "max_wal_size": "8GB", "checkpoint_timeout": "30min"}
    cluster = Kept(fsync=True, settings=settings)
    system = None
    try:
        cluster.start()
        day = (dt.datetime.now(dt.timezone.utc) + dt.timedelta(hours=8)).date()
        name = f"statistics_{day:%Y%m%d}_{A_DAY}"
        made = cluster.database(name)
        db = made or cluster.create_database(name)
        system = System(db, {"log.level": "warn"})
        system.cli("keys", "init", "--quiet")
        system.cli("migrate", "up", "--quiet")
        if not made:
            make_data(system, db, day)
            first_count(system, db, day)
            db.query("create table bench_made ()")
        took = night(system, db, day)
        say(f"  a night: {took:.1f} s")
        results.append({"name": "statistics: a night", "guahao": round(took, 1), "peer": None, "unit": "s", "ratio": None, "p50_ms": None,
                        "p99_ms": None, "aim": {"guahao_below": AIM_NIGHT_S}})
        db.query("vacuum analyze statistics_sessions, statistics_touched, statistics_days")
        conn = db.connect()
        conn.autocommit = True
        for what, (statement, params) in cases(day, random.Random(1)).items():
            p50, p95, cpu = timed(conn, statement, params)
            say(f"  {what:26} p50 {p50:6.1f} ms   p95 {p95:6.1f} ms   cpu {cpu:5.1f} ms")
            results.append({"name": f"statistics: {what}", "guahao": round(p95, 1), "peer": None, "unit": "ms (p95)", "ratio": None,
                            "p50_ms": round(p50, 1), "p99_ms": None, "cpu_ms": round(cpu, 1), "aim": {"guahao_below": AIM_MS}})
        conn.close()
    finally:
        if system:
            system.destroy()
        cluster.destroy()
