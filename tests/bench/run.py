#!/usr/bin/python3
"""make bench: bookings over HTTP beside one-booking-per-transaction pgbench, echo beside Kore alone, the broker alone.

Its own cluster (fsync on), run directory and ports; everything is stopped and removed at the end. Settings by environment:
  BENCH_SECONDS      length of one run (5)            BENCH_RUNS   runs of which the median counts (3)
  BENCH_CONNECTIONS  connections of wrk (64,256)      BENCH_CASES  of hot,spread,rush,signin,quotes,workers,leave,echo,curve,durable,broker,memory (all);
                     statistics
  BENCH_OUT          result file (build/bench.json)
What is compared and why it is fair: tests/bench/README.md.
"""

import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.dirname(HERE))

from base import Cpu, Wrong, say, settle, tree  # noqa: E402
import durable_case  # noqa: E402
import rush  # noqa: E402
import scale_case  # noqa: E402
import statistics_case  # noqa: E402
from support import crowd, paths  # noqa: E402
from support.pg import Cluster  # noqa: E402
from support.proc import Process, wait_for  # noqa: E402
from support.system import PASSWORD, System, free_port  # noqa: E402

SECONDS = float(os.environ.get("BENCH_SECONDS", "5"))
RUNS = int(os.environ.get("BENCH_RUNS", "3"))
CONNECTIONS = [int(c) for c in os.environ.get("BENCH_CONNECTIONS", "64,256").split(",")]
CASES = os.environ.get("BENCH_CASES", "hot,spread,rush,signin,quotes,workers,leave,echo,curve,durable,broker,memory").split(",")
OUT = os.environ.get("BENCH_OUT", os.path.join(paths.BUILD, "bench.json"))
PGBENCH_CLIENTS = (8, 32)
SPREAD = 10000
# A hot run must not run out of patients: more than any side here books in a run.
PATIENTS = max(20000, int(SECONDS * 20000))
FIRST_PHONE = 13800000001

HISTORY = 100000    # old bookings that are there before a run, as in a hospital that works: plans are made for real tables


# ---- data

def make_data(system, db):
    """Accounts by `guahao seed`, the bench's own sessions, the tables that give turn n its patient and session, tokens."""
    start = time.monotonic()
    system.cli("migrate", "up", "--quiet")
    system.cli("keys", "init", "--quiet")
    system.cli("seed", "--quiet", "--patients", str(PATIENTS), timeout=900)
    with open(os.path.join(HERE, "peer.sql"), encoding="utf-8") as f:
        db.query(f.read())
    db.query(f"""insert into bench_patients (n, user_id, patient_id, phone)
                 select row_number() over (order by u.phonenumber) - 1, u.id, p.id, u.phonenumber
                   from users u join patients p on p.user_id = u.id
                  where u.phonenumber >= '{FIRST_PHONE}' order by u.phonenumber limit {PATIENTS}""")
    # 240 doctors of the bench, two weeks from tomorrow, three parts of a day: sessions in an order in which ten neighbours are
    # of different days or parts; one more doctor holds the hot session.
    db.query("""with d as (insert into doctors (dept_id, name, title, is_demo)
                           select (select min(id) from minor_departments), 'bench ' || g, '主治医师', true
                             from generate_series(0, 240) g returning id, name)
                insert into schedules (doctor_id, date, time_section, slot_type, total_slots, remaining_slots, price, starts_at,
                                       ends_at, slot_minutes, is_demo)
                select d.id, x.day, s.name, '普通', case d.name when 'bench 240' then %s else 100 end,
                       case d.name when 'bench 240' then %s else 100 end, 50,
                       (x.day + s.t0) at time zone 'Asia/Shanghai', (x.day + s.t1) at time zone 'Asia/Shanghai',
                       case d.name when 'bench 240' then 1 else 2 end, true
                  from d cross join (select (now() at time zone 'Asia/Shanghai')::date + g as day from generate_series(1, 14) g) x
                  join (values ('上午', time '08:00', time '12:00'), ('下午', '14:00', '18:00'), ('晚上', '18:30', '21:50'))
                       s (name, t0, t1) on d.name <> 'bench 240' or (s.name = '上午' and x.day =
                          (now() at time zone 'Asia/Shanghai')::date + 7)
                 order by length(d.name), d.name, x.day, s.name""", PATIENTS, PATIENTS)
    db.query("""insert into bench_schedules (n, schedule_id)
                select row_number() over (order by s.id) - 1, s.id from schedules s join doctors d on d.id = s.doctor_id
                 where d.name like 'bench %%' and d.name <> 'bench 240' order by s.id limit %s""", SPREAD)
    assert db.value("select count(*) from bench_patients") == PATIENTS
    assert db.value("select count(*) from bench_schedules") == SPREAD
    hot = db.value("select s.id from schedules s join doctors d on d.id = s.doctor_id where d.name = 'bench 240'")
    make_history(db)
    db.query("vacuum analyze")
    say(f"{PATIENTS} patients, {SPREAD} sessions and one hot one: {time.monotonic() - start:.0f} s")
    return hot


def make_tokens(system, db, hot):
    start = time.monotonic()
    tokens = system.cli("token", "--first-phone", str(FIRST_PHONE), "--count", str(PATIENTS), timeout=600).stdout
    assert tokens.count("\n") == PATIENTS, f"{tokens.count(chr(10))} tokens"
    files = {name: os.path.join(system.var, name) for name in ("tokens", "hot", "spread")}
    with open(files["tokens"], "w", encoding="ascii") as f:
        f.write(tokens)
    with open(files["hot"], "w", encoding="ascii") as f:
        f.write(f"{hot}\n")
    with open(files["spread"], "w", encoding="ascii") as f:
        f.writelines(f"{r[0]}\n" for r in db.query("select schedule_id from bench_schedules order by n"))
    db.query("vacuum analyze sessions")
    say(f"{PATIENTS} tokens: {time.monotonic() - start:.0f} s")
    return files


def make_history(db):
    """Visits of the last year, with their bills; constraint triggers are left out, the rows keep to them."""
    conn = db.connect()
    try:
        with conn.cursor() as cur:
            cur.execute("set session_replication_role = replica")
            cur.execute("""
                insert into schedules (doctor_id, date, time_section, total_slots, remaining_slots, price, starts_at, ends_at,
                                       slot_minutes, is_latest, is_demo)
                select d.id, x, '上午', 100, 0, 50, (x + time '08:00') at time zone 'Asia/Shanghai',
                       (x + time '12:00') at time zone 'Asia/Shanghai', 2, true, true
                  from (select id from doctors where name like 'bench %%' order by id limit 10) d,
                       generate_series((now() at time zone 'Asia/Shanghai')::date - 130,
                                       (now() at time zone 'Asia/Shanghai')::date - 31, interval '1 day') g,
                       lateral (select g::date as x) y limit %s""", (HISTORY // 100,))
            cur.execute("""
                insert into registration_orders (order_no, patient_id, user_id, initiator_user_id, doctor_id, schedule_id, slot_no,
                       slot_date, time_section, slot_type, starts_at, ends_at, list_price, price, status, payment_status, channel,
                       created_at, updated_at)
                select 'H' || row_number() over (), p.patient_id, p.user_id, p.user_id, s.doctor_id, s.id, k, s.date,
                       s.time_section, s.slot_type, s.starts_at + make_interval(mins => (k - 1) * 2),
                       s.starts_at + make_interval(mins => k * 2), 50, 50, 'completed', 'paid', 'v1', s.starts_at - interval '3 days',
                       s.starts_at
                  from (select *, row_number() over (order by id) - 1 as n from schedules where remaining_slots = 0) s
                 cross join generate_series(1, 100) k
                  join bench_patients p on p.n = (s.n * 100 + k) %% %s""", (PATIENTS,))
            cur.execute("""insert into bills (bill_no, patient_id, appointment_id, kind, subtotal, total, currency, status, created_at,
                                              updated_at)
                           select 'H' || id, patient_id, id, 'REGISTRATION', 50, 50, 'CNY', 'PAID', created_at, updated_at
                             from registration_orders""")
            cur.execute("""insert into bill_items (bill_id, description, unit_price, line_total)
                           select id, '挂号费', 50, 50 from bills""")
            cur.execute("""insert into appointment_history (order_id, at, action)
                           select id, created_at, 'booked' from registration_orders""")
            cur.execute("""create table bench_base as select (select max(id) from registration_orders) as orders,
                           (select max(id) from bills) as bills, (select max(id) from bill_items) as items,
                           (select max(id) from appointment_history) as history""")
    finally:
        conn.close()


def reset(db):
    """Both sides start every run from the same state: the history alone, full counters, clean tables, a checkpoint behind."""
    conn = db.connect()
    try:
        with conn.cursor() as cur:
            cur.execute("set session_replication_role = replica")
            for table, base in (("bill_items", "items"), ("appointment_history", "history"), ("bills", "bills"),
                                ("registration_orders", "orders")):
                cur.execute(f"delete from {table} where id > (select {base} from bench_base)")
            cur.execute("truncate job_done, idempotency_keys")
            cur.execute("set session_replication_role = origin")
            cur.execute("update schedules set remaining_slots = total_slots, version = version + 1 "
                        "where remaining_slots <> total_slots and starts_at > now()")
            cur.execute("select setval('bench_turn', 0, false)")
            cur.execute("vacuum analyze registration_orders, bills, bill_items, appointment_history, schedules")
            cur.execute("checkpoint")
    finally:
        conn.close()


def check(db, yes, open_replies, what):
    """The database beside the answers: `yes` bookings were answered, up to open_replies more may have been on their way."""
    orders, patients = db.row("""select count(*), count(distinct (schedule_id, patient_id)) from registration_orders
                                  where id > (select orders from bench_base)""")
    bad = db.value("""select count(*) from schedules s
                        left join (select schedule_id, count(*) as n from registration_orders group by schedule_id) o
                          on o.schedule_id = s.id
                       where s.total_slots - s.remaining_slots <> coalesce(o.n, 0) and s.starts_at > now()""")
    counts = [db.value(f"select count(*) from {t} where id > (select {b} from bench_base)")
              for t, b in (("appointment_history", "history"), ("bills", "bills"), ("bill_items", "items"))]
    counts.append(db.value("select count(*) from job_done where op = 'booking.v1_book_appointment'"))    # not those of the access log
    if not yes <= orders <= yes + open_replies:
        raise Wrong(f"{what}: {yes} answered yes, {orders} in the database")
    if bad or patients != orders:
        raise Wrong(f"{what}: {bad} sessions miscounted, {orders - patients} double bookings")
    if any(c != orders for c in counts):
        raise Wrong(f"{what}: {orders} orders; history, bills, items, job records: {counts}")


# ---- measuring

def pss_kb(pid):
    try:
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as f:
            return int(re.search(r"^Pss:\s+(\d+)", f.read(), re.M)[1])
    except (OSError, TypeError):
        return 0


def wrk(url, script, connections, args=(), threads=2):
    done = subprocess.run(["wrk", f"-t{threads}", f"-c{connections}", f"-d{SECONDS:g}s", "--timeout", "10s", "-s",
                           os.path.join(HERE, script), url, "--", *args], capture_output=True, text=True, timeout=SECONDS + 120)
    m = re.search(r"^BENCH (\{.*\})$", done.stdout, re.M)
    if done.returncode != 0 or not m:
        raise Wrong(f"wrk: {done.stdout}{done.stderr}")
    r = json.loads(m[1])
    r["yes"] = r["requests"] - r["refused"]
    r["rate"] = r["yes"] / r["seconds"]
    return r


def pgbench(cluster, db, script, clients):
    path = os.path.join(cluster.dir, "bench.pgbench")
    with open(path, "w", encoding="ascii") as f:
        f.write(script)
    done = subprocess.run([os.path.join(paths.PG_BIN, "pgbench"), "-n", "-M", "prepared", "-c", str(clients), "-j", "2", "-T",
                           f"{max(1, round(SECONDS))}", "-f", path, "-h", cluster.socket_dir, "-U", cluster.superuser, db.name],
                          capture_output=True, text=True, timeout=SECONDS + 120)
    m = re.search(r"actually processed: (\d+)", done.stdout)
    tps = re.search(r"^tps = ([\d.]+) \(without", done.stdout, re.M)
    latency = re.search(r"latency average = ([\d.]+) ms", done.stdout)
    if done.returncode != 0 or not m or not tps or "aborted" in done.stderr:
        raise Wrong(f"pgbench: {done.stdout}{done.stderr[-2000:]}")
    return {"yes": int(m[1]), "rate": float(tps[1]), "mean_ms": float(latency[1])}


def median_run(runs):
    """The run with the median rate."""
    return sorted(runs, key=lambda r: r["rate"])[(len(runs) - 1) // 2]


# ---- cases

def bookings(name, system, cluster, db, files, results):
    script = "select bench_hot(%s)" % open(files["hot"]).read().strip() if name == "hot" else "select bench_spread()"
    ours = {c: [] for c in CONNECTIONS}
    peers = {c: [] for c in PGBENCH_CLIENTS}
    cpu = {}
    roots = {n: p.pid for n, p in system.processes.items()} | {"postgres": cluster.pid}
    for turn in range(RUNS):
        for c in CONNECTIONS:
            reset(db)
            with Cpu(roots) as used:
                r = wrk(system.base, "book.lua", c, (name, files["tokens"], files[name], "2"))
            cpu[c] = used.share
            if r["refused"] or r["lost"]:
                raise Wrong(f"{name} at {c} connections: {r}: " + refusal(system, db, files, name))
            settle(system)
            check(db, r["yes"], c, f"{name} at {c} connections")
            ours[c].append(r)
            say(f"  {name} run {turn + 1}: {c} connections {r['rate']:.0f}/s, p50 {r['p50_us'] / 1000:.1f} ms, "
                f"p99 {r['p99_us'] / 1000:.1f} ms")
        for c in PGBENCH_CLIENTS:
            reset(db)
            r = pgbench(cluster, db, script + ";\n", c)
            check(db, r["yes"], 0, f"pgbench {name}, {c} clients")
            peers[c].append(r)
            say(f"  {name} run {turn + 1}: pgbench {c} clients {r['rate']:.0f}/s, mean {r['mean_ms']:.1f} ms")
    peer = {c: median_run(r)["rate"] for c, r in peers.items()}
    # Hot: the aim is set against 32 clients; spread: against pgbench's best.
    against = peer[32] if name == "hot" else max(peer.values())
    for c in CONNECTIONS:
        m = median_run(ours[c])
        results.append({"name": f"{name}-{c}", "guahao": round(m["rate"], 1), "peer": round(against, 1), "unit": "bookings/s",
                        "ratio": round(m["rate"] / against, 2), "p50_ms": m["p50_us"] / 1000, "p95_ms": m["p95_us"] / 1000,
                        "p99_ms": m["p99_us"] / 1000, "peer_name": "pgbench, one booking a transaction, "
                        + ("32 clients" if name == "hot" else "its best"), "pgbench_8": round(peer[8], 1),
                        "pgbench_32": round(peer[32], 1), "runs": [round(r["rate"], 1) for r in ours[c]], "cpu": cpu[c],
                        "aim": {"ratio": 10, "p99_ms": 50 if c == 256 else None} if name == "hot" else {"ratio": 1.5}})


def quotes(system, cluster, db, files, results):
    """Price quotes of the spread sessions, each by another patient; the first is compared with the tables."""
    roots = {n: p.pid for n, p in system.processes.items()} | {"postgres": cluster.pid}
    db.query("""insert into system_config (config_key, scope_type, scope_id, config_value)
                select 'registration.price', 'DOCTOR', d.id, jsonb_build_object('default_price_normal', 50) from doctors d
                    on conflict do nothing""")
    db.query("analyze system_config")
    token = open(files["tokens"], encoding="ascii").readline().strip()
    schedule = int(open(files["spread"], encoding="ascii").readline())
    kind, price = db.row("select p.patient_type, s.price from bench_patients b join patients p on p.id = b.patient_id "
                         "cross join schedules s where b.n = 0 and s.id = %s", schedule)
    said = system.api(token=token).get(f"/api/v1/schedules/{schedule}/quote").json()["data"]
    rate = db.value("select coalesce((gh_identity_rates((select config_value from v_global_config where config_key = "
                    "'patientIdentityDiscounts')) ->> %s)::numeric, 1)", kind)
    if said["level"] != "DOCTOR" or round(float(price * rate), 2) != said["payable"]:
        raise Wrong(f"quote {said}, price {price}, {kind} {rate}")
    for c in CONNECTIONS:
        runs = []
        for turn in range(RUNS):
            with Cpu(roots) as used:
                r = wrk(system.base, "quote.lua", c, (files["tokens"], files["spread"], "2"))
            if r["refused"] or r["lost"]:
                raise Wrong(f"quotes at {c} connections: {r}")
            runs.append(r)
            say(f"  quotes run {turn + 1}: {c} connections {r['rate']:.0f}/s, p50 {r['p50_us'] / 1000:.1f} ms, "
                f"p99 {r['p99_us'] / 1000:.1f} ms")
        m = median_run(runs)
        results.append({"name": f"quotes-{c}", "guahao": round(m["rate"], 1), "peer": None, "unit": "quotes/s", "ratio": None,
                        "p50_ms": m["p50_us"] / 1000, "p95_ms": m["p95_us"] / 1000, "p99_ms": m["p99_us"] / 1000,
                        "runs": [round(r["rate"], 1) for r in runs], "cpu": used.share})


def leave(system, db, results):
    """An administrator approves leave with 5,000 appointments, half of them paid: one call, one transaction."""
    admin = db.value("insert into users (username, user_type, is_verified) values ('bench admin', 'admin', true) returning id")
    db.query("insert into user_roles (user_id, role_code) values (%s, 'ADMIN')", admin)
    major = db.value("insert into major_departments (name) values ('bench leave') returning id")
    dept = db.value("insert into minor_departments (major_dept_id, name) values (%s, 'bench leave') returning id", major)
    api, took = system.api(user="bench admin"), []
    for turn in range(RUNS):
        doctor = db.value("insert into doctors (dept_id, name) values (%s, 'bench leave') returning id", dept)
        first, last, n = crowd.book_out(db, doctor, f"91{turn:02d}", days=10, places=250)
        audit = db.value("insert into leave_audits (doctor_id, leave_start_date, leave_end_date, reason, submit_time) "
                         "values (%s, %s, %s, 'bench', now()) returning id", doctor, first, last)
        told = db.value("select count(*) from message_outbox")
        db.query("analyze registration_orders")
        settle(system)
        start = time.monotonic()
        r = api.post(f"/audit/leave/{audit}/approve", {"comment": "bench"}, timeout=120)
        took.append(time.monotonic() - start)
        done = db.row("select count(*) filter (where status = 'cancelled' and payment_status = 'cancelled'), count(*) filter (where "
                      "status = 'cancelled' and payment_status = 'refunded' and refund_amount = price) from registration_orders "
                      "where doctor_id = %s", doctor)
        if r.json()["code"] != 0 or done != (n // 2, n // 2) or db.value("select count(*) from message_outbox") < told + n:
            raise Wrong(f"leave: {r.text[:200]}, {done} of {n}")
        say(f"  leave run {turn + 1}: {n} appointments in {took[-1]:.2f} s")
    m = statistics.median(took)
    results.append({"name": "leave", "guahao": round(n / m, 1), "peer": None, "unit": "appointments/s", "ratio": None,
                    "p50_ms": m * 1000, "p95_ms": max(took) * 1000, "p99_ms": max(took) * 1000, "runs": [round(n / t, 1) for t in took]})


def refusal(system, db, files, name):
    """What a refused booking says, for the message."""
    try:
        token = open(files["tokens"], encoding="ascii").readline().strip()
        schedule = open(files[name], encoding="ascii").readline().strip()
        r = system.api(token=token).post("/api/v1/appointments", {"schedule_id": int(schedule)})
        return f"{r.status_code} {r.text[:300]}"
    except Exception as e:
        return repr(e)


def echo(system, results):
    """(c): a job through front, broker and worker that touches no database, beside Kore with a handler."""
    ours, alone = [], []
    work = paths.temp_dir(0o755)
    port = free_port()
    so = os.path.join(work, "kore_alone.so")
    with open("/usr/share/kore/features", encoding="ascii") as f:
        flags = f.read().split()
    subprocess.run(["gcc", "-shared", "-fPIC", "-O2", *flags, os.path.join(HERE, "kore_alone.c"), "-o", so], check=True)
    conf = os.path.join(work, "kore.conf")
    with open(conf, "w", encoding="ascii") as f:
        f.write(f"server plain {{\n\tbind 127.0.0.1 {port}\n\ttls no\n}}\nload {so}\nworkers 2\nworker_max_connections 1024\n"
                "worker_rlimit_nofiles 4096\nhttp_hsts_enable 0\nhttp_request_limit 4096\nworker_set_affinity 0\ndomain * {\n"
                "\tattach plain\n\troute /bench/echo alone\n\trestrict /bench/echo post\n}\n")
    system.start_worker("echo")
    url = system.base + "/bench/echo"
    body = system.api().post("/bench/echo", {"text": "hello", "number": 42})
    if body.status_code != 200 or body.json() != {"text": "hello", "number": 42}:
        raise Wrong(f"echo: {body.status_code} {body.text[:200]}")
    kore = Process("kore", ["kore", "-c", conf, "-fnr"], os.path.join(work, "kore.log"), cwd=work)
    try:
        wait_for("Kore alone", lambda: port_open(port), alive=lambda: None if kore.running() else kore.tail())
        for turn in range(RUNS):
            for name, where, runs in (("echo", url, ours), ("Kore alone", f"http://127.0.0.1:{port}/bench/echo", alone)):
                r = wrk(where, "echo.lua", max(CONNECTIONS))
                if r["refused"] or r["lost"]:
                    raise Wrong(f"{name}: {r}")
                runs.append(r)
                say(f"  echo run {turn + 1}: {name} {r['rate']:.0f}/s, p99 {r['p99_us'] / 1000:.1f} ms")
    finally:
        kore.stop()
        system["echo"].stop()
    m, k = median_run(ours), median_run(alone)
    results.append({"name": "echo", "guahao": round(m["rate"], 1), "peer": round(k["rate"], 1), "unit": "jobs/s",
                    "ratio": round(m["rate"] / k["rate"], 3), "p50_ms": m["p50_us"] / 1000, "p95_ms": m["p95_us"] / 1000,
                    "p99_ms": m["p99_us"] / 1000, "peer_name": "Kore alone", "runs": [round(r["rate"], 1) for r in ours],
                    "aim": {"guahao": 40000, "ratio": 0.3}})


def port_open(port):
    import socket
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


def broker_alone(results):
    program = os.path.join(paths.BUILD, "bench", "broker-bench")
    if not os.access(program, os.X_OK):
        raise Wrong(f"{program} is not built")
    runs = []
    for turn in range(RUNS):
        done = subprocess.run([program, "--seconds", str(max(1, round(SECONDS)))], capture_output=True, text=True, timeout=SECONDS + 60)
        if done.returncode != 0:
            raise Wrong(f"broker-bench: {done.stdout}{done.stderr}")
        r = json.loads(done.stdout.strip().splitlines()[-1])
        r["rate"] = float(r["jobs_per_s"])
        runs.append(r)
        say(f"  broker run {turn + 1}: {r['rate']:.0f} jobs/s with 256 in flight")
    m = median_run(runs)
    results.append({"name": "broker", "guahao": round(m["rate"], 1), "peer": None, "unit": "jobs/s", "ratio": None,
                    "p50_ms": m["p50_us"] / 1000, "p99_ms": m["p99_us"] / 1000,
                    "runs": [round(r["rate"], 1) for r in runs], "aim": {"guahao": 100000}})


def memory(system, cluster, results):
    """(d): proportional memory of each of our processes, after the bookings."""
    each = {n: round(sum(pss_kb(p) for p in tree(proc.pid)) / 1024, 1) for n, proc in system.processes.items() if proc.running()}
    total = round(sum(each.values()), 1)
    postgres = round(sum(pss_kb(p) for p in tree(cluster.pid)) / 1024, 1)
    say(f"  memory (PSS): {each}, together {total} MB; PostgreSQL {postgres} MB")
    results.append({"name": "memory", "guahao": total, "peer": postgres, "unit": "MB", "ratio": round(total / postgres, 2),
                    "p50_ms": None, "p99_ms": None, "peer_name": "PostgreSQL", "each": each, "aim": {"guahao_below": 150}})


# ---- the whole

def table(results):
    head = ("case", "guahao", "peer", "unit", "ratio", "p50 ms", "p99 ms", "peer is")
    rows = [head]
    for r in results:
        number = lambda v, d=0: "-" if v is None else f"{v:,.{d}f}"
        rows.append((r["name"], number(r["guahao"]), number(r["peer"]), r["unit"], number(r["ratio"], 2), number(r["p50_ms"], 1),
                     number(r["p99_ms"], 1), r.get("peer_name", "")))
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    for row in rows:
        say("  ".join(c.rjust(w) if 0 < i < 7 and i != 3 else c.ljust(w) for i, (c, w) in enumerate(zip(row, widths))).rstrip())


def run():
    results = []
    settings = {"shared_buffers": "512MB", "max_wal_size": "8GB", "checkpoint_timeout": "30min", "wal_buffers": "16MB"}
    cluster = system = None
    try:
        if set(CASES) & {"hot", "spread", "rush", "signin", "quotes", "workers", "leave", "echo", "curve", "durable", "memory"}:
            cluster = Cluster(fsync=True, settings=settings).start()
            db = cluster.create_database()
            system = System(db, {"front.contract_extra": os.path.join(HERE, "openapi"), "log.level": "warn"})
        if set(CASES) & {"hot", "spread", "rush", "signin", "quotes", "workers"}:
            hot = make_data(system, db)
            files = make_tokens(system, db, hot)
        elif system:
            system.cli("migrate", "up", "--quiet")
            system.cli("keys", "init", "--quiet")
        if system:
            system.start()
        for case in CASES:
            say(f"{case}:")
            if case in ("hot", "spread"):
                bookings(case, system, cluster, db, files, results)
            elif case in ("rush", "signin"):
                roots = {n: p.pid for n, p in system.processes.items()} | {"postgres": cluster.pid}
                if case == "rush":
                    rush.rush(system, db, files, roots, RUNS, reset, results)
                else:
                    rush.sign_in(system, db, files, roots, RUNS, PASSWORD, results)
            elif case == "quotes":
                quotes(system, cluster, db, files, results)
            elif case == "leave":
                leave(system, db, results)
            elif case == "echo":
                echo(system, results)
            elif case == "workers":
                scale_case.workers(system, db, files, wrk, max(CONNECTIONS), RUNS, median_run, reset, check, results)
            elif case == "curve":
                scale_case.curve(db, system.conf, wrk, max(CONNECTIONS), RUNS, median_run, results)
            elif case == "durable":
                durable_case.measure(cluster, system.conf, pgbench, median_run, RUNS, results)
            elif case == "broker":
                broker_alone(results)
            elif case == "statistics":
                statistics_case.measure(results)
            elif case == "memory":
                memory(system, cluster, results)
            else:
                raise Wrong(f"there is no case {case}")
        if system:
            bad = {n: s for n, s in system.stop().items() if s != 0}
            if bad:
                raise Wrong(f"did not stop cleanly: {bad}")
    except BaseException:
        if system:
            print(system.logs(15), file=sys.stderr)
        raise
    finally:
        if system:
            system.destroy()
        if cluster:
            cluster.destroy()
    return results


def main():
    for tool in ("wrk",):
        if not shutil.which(tool):
            sys.exit(f"bench: {tool} is missing (make deps DEPS=bench)")
    try:
        results = run()
    except Wrong as e:
        sys.exit(f"bench: {e}")
    say("")
    table(results)
    os.makedirs(os.path.dirname(OUT), exist_ok=True)
    with open(OUT, "w", encoding="utf-8") as f:
        json.dump(results, f, indent=1, ensure_ascii=False)
        f.write("\n")
    say(f"\n{OUT}")


if __name__ == "__main__":
    main()
