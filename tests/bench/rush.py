"""The rush at eight o'clock, and a burst of sign-ins; what other people's requests feel of them (README.md)."""

import collections
import os
import random
import statistics
import subprocess
import time

from base import Cpu, Wrong, quantile, say, settle
from support import paths

PATIENTS, SESSIONS, PLACES, EACH, CONNECTIONS = 5000, 10, 100, 4, 512      # EACH: sessions that one patient asks for
READS_A_SECOND = 50
CALM = 6.0                      # seconds of reads before anything else happens
SIGN_INS, SIGN_IN_CONNECTIONS = 96, 8
LOAD = os.path.join(paths.BUILD, "bench", "load")

Answer = collections.namedtuple("Answer", "request sent_us latency_us status code made")


# ---- the load program

def write_requests(system, name, lines):
    path = os.path.join(system.var, name)
    with open(path, "w", encoding="utf-8") as f:
        f.writelines(f"{method} {path} {token or '-'} {body or '-'}\n" for method, path, token, body in lines)
    return path


def answers_of(text):
    rows = (line.split() for line in text.splitlines())
    return [Answer(int(r[0]), int(r[1]), int(r[2]), int(r[3]), r[4], int(r[5])) for r in rows]


def send(system, file, connections, nice):
    """All requests of the file, once each; their answers."""
    done = subprocess.run([LOAD, "--url", system.base, "--file", file, "--connections", str(connections)], capture_output=True,
                          text=True, timeout=300, preexec_fn=lambda: os.nice(nice))
    if done.returncode != 0:
        raise Wrong(f"load: {done.stderr}")
    return answers_of(done.stdout)


class Reads:
    """Requests at fixed moments, whatever becomes of them (open loop), while the block runs."""

    def __init__(self, system, file):
        self.argv = [LOAD, "--url", system.base, "--file", file, "--connections", "64", "--rate", str(READS_A_SECOND)]

    def __enter__(self):
        self.process = subprocess.Popen(self.argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        return self

    def __exit__(self, *failed):
        self.process.terminate()
        out, err = self.process.communicate(timeout=60)
        if failed[0] is None:
            if self.process.returncode != 0:
                raise Wrong(f"load: {err}")
            self.answers = answers_of(out)
            bad = [a for a in self.answers if a.status != 200]
            if bad:
                raise Wrong(f"{len(bad)} of {len(self.answers)} reads were not answered 200: {bad[:3]}")

    def between(self, start_us, end_us):
        """Latencies in ms of those that were on their way at some moment of the span."""
        return [a.latency_us / 1000 for a in self.answers if a.sent_us < end_us and a.sent_us + a.latency_us >= start_us]


def span(answers):
    return min(a.sent_us for a in answers), max(a.sent_us + a.latency_us for a in answers)


def warm(system, file, connections=8):
    """Each kind of request a few times, so that no first time is measured."""
    for _ in range(4):
        send(system, file, connections, 0)


# ---- the rush

def make_rush(system, db, tokens, turn):
    """20,000 requests in an order of chance: each patient asks for four of ten sessions, which are at ten different times. Every
    turn has patients of its own: who books much again and again is suspended (BR-128)."""
    first = turn % max(1, len(tokens) // PATIENTS - 1) * PATIENTS
    people = db.query("select n, user_id, patient_id from bench_patients where n >= %s and n < %s order by n", first, first + PATIENTS)
    # session i is that of doctor i at his i-th time: nobody is refused for an overlap
    schedules = [db.value("select schedule_id from bench_schedules where n = %s", 42 * i + i) for i in range(SESSIONS)]
    if len(people) != PATIENTS or db.value("select count(distinct (date, time_section)) from schedules where id = any (%s) and "
                                           "total_slots = %s", schedules, PLACES) != SESSIONS:
        raise Wrong("the bench's data does not fit the rush")
    asks = [(p[0], p[1], schedules[(p[0] * 7 + k * 3) % SESSIONS]) for p in people for k in range(EACH)]
    random.Random(turn).shuffle(asks)
    file = write_requests(system, "rush", (("POST", "/api/v1/appointments", tokens[n], f'{{"schedule_id":{s}}}') for n, _, s in asks))
    return asks, schedules, file


def make_reads(system, db, tokens):
    """Reads of four pools by a patient who books nothing."""
    dept = db.value("select min(dept_id) from doctors where dept_id <> (select dept_id from doctors where name = 'bench 100')")
    doctor = db.value("select d.id from doctors d join schedules s on s.doctor_id = d.id where d.name = 'bench 100' limit 1")
    token = tokens[-1]
    days = "start_date={0}&end_date={1}".format(*db.row("select (now() at time zone 'Asia/Shanghai')::date + 1, "
                                                        "(now() at time zone 'Asia/Shanghai')::date + 7"))
    reads = (("GET", "/patient/minor-departments", None, None),
             ("GET", "/api/v1/doctors?page_size=20", token, None),
             ("GET", f"/patient/departments/{dept}/schedules?{days}", None, None),
             ("GET", f"/patient/doctors/{doctor}/schedules?{days}", None, None),
             ("GET", "/auth/me", token, None))
    for _, path, who, _ in reads:       # one that is refused would be quick
        r = system.api(token=who).get(path)
        if r.status_code != 200 or (not path.startswith("/api") and r.json()["code"] != 0):
            raise Wrong(f"{path}: {r.status_code} {r.text[:200]}")
    return write_requests(system, "reads", reads)


def compare(db, asks, schedules, answers):
    """Every yes is in the database once, nothing else is, and each session is exactly full."""
    yes = {a.made: asks[a.request] for a in answers if a.status == 201}
    stored = {r[0]: r[1:] for r in db.query("select id, initiator_user_id, schedule_id from registration_orders "
                                            "where schedule_id = any (%s)", schedules)}
    wrong = [a for a in answers if a.status != 201 and (a.status, a.code) != (409, "SLOT_FULL")]
    if len(answers) != len(asks) or wrong:
        raise Wrong(f"rush: {len(answers)} answers, {len(wrong)} neither a booking nor SLOT_FULL: {wrong[:3]}")
    if {k: v[1:] for k, v in yes.items()} != stored:
        raise Wrong(f"rush: {len(yes)} answered yes, {len(stored)} in the database, {len(yes.keys() ^ stored.keys())} differ")
    full = db.value("select count(*) from schedules s where s.id = any (%s) and s.remaining_slots = 0 and s.total_slots = "
                    "(select count(distinct o.slot_no) from registration_orders o where o.schedule_id = s.id)", schedules)
    if len(yes) != SESSIONS * PLACES or full != SESSIONS:
        raise Wrong(f"rush: {len(yes)} accepted, {full} of {SESSIONS} sessions exactly full")


def rush(system, db, files, roots, runs, reset, results):
    tokens = open(files["tokens"], encoding="ascii").read().split()
    reads_file = make_reads(system, db, tokens)
    warm(system, reads_file)
    turns, before, during = [], [], []
    for turn in range(runs):
        reset(db)
        asks, schedules, file = make_rush(system, db, tokens, turn)
        with Reads(system, reads_file) as reads:
            time.sleep(CALM)
            with Cpu(roots) as used:
                answers = send(system, file, CONNECTIONS, 10)
        settle(system)
        compare(db, asks, schedules, answers)
        start, end = span(answers)
        yes = [a.latency_us / 1000 for a in answers if a.status == 201]
        no = [a.latency_us / 1000 for a in answers if a.status != 201]
        calm, busy = reads.between(start - int(CALM * 1e6), start), reads.between(start, end)
        before += calm
        during += busy
        turns.append({"seconds": (end - start) / 1e6, "yes": yes, "no": no, "cpu": used.us_each(len(answers))})
        say(f"  rush run {turn + 1}: {len(answers)} answers in {turns[-1]['seconds']:.2f} s; p99 of accepted {quantile(yes, .99):.0f} ms, "
            f"of refused {quantile(no, .99):.0f} ms; reads p95 {quantile(calm, .95):.1f} ms before, {quantile(busy, .95):.1f} ms "
            f"during; CPU us each {turns[-1]['cpu']}")
    m = sorted(turns, key=lambda t: t["seconds"])[(len(turns) - 1) // 2]
    for name, latency in (("rush accepted", m["yes"]), ("rush refused", m["no"])):
        results.append({"name": name, "guahao": round(len(latency) / m["seconds"], 1), "peer": None, "unit": "answers/s", "ratio": None,
                        "p50_ms": quantile(latency, .5), "p95_ms": quantile(latency, .95), "p99_ms": quantile(latency, .99),
                        "seconds": round(m["seconds"], 3), "runs": [round(t["seconds"], 3) for t in turns], "cpu_us": m["cpu"]})
    results.append(beside("rush reads p95", before, during, "the same before the rush", {"ratio_below": 3}))


def beside(name, before, during, peer_name, aim):
    """p95 of other people's requests, during and before."""
    a, b = quantile(before, .95), quantile(during, .95)
    return {"name": name, "guahao": round(b, 2), "peer": round(a, 2), "unit": "ms", "ratio": round(b / a, 2),
            "p50_ms": quantile(during, .5), "p95_ms": b, "p99_ms": quantile(during, .99), "peer_name": peer_name,
            "n": [len(before), len(during)], "before_p99_ms": quantile(before, .99), "aim": aim}


# ---- sign-ins

def sign_in(system, db, files, roots, runs, password, results):
    """A burst of sign-ins, each of another account, and who-am-I of somebody who is signed in already."""
    tokens = open(files["tokens"], encoding="ascii").read().split()
    phones = [r[0] for r in db.query("select phone from bench_patients order by n desc offset 1 limit %s", SIGN_INS * runs)]
    me = write_requests(system, "me", (("GET", "/auth/me", tokens[-1], None),))
    warm(system, me)
    rates, before, during, cpu = [], [], [], []
    for turn in range(runs):
        mine = phones[turn * SIGN_INS:(turn + 1) * SIGN_INS]
        sessions = "select count(*) from sessions s join users u on u.id = s.user_id where u.phonenumber = any (%s)"
        file = write_requests(system, "sign-ins", (
            ("POST", "/auth/patient/login", None, f'{{"phonenumber":"{p}","password":"{password}"}}') for p in mine))
        there = db.value(sessions, mine)
        with Reads(system, me) as reads:
            time.sleep(CALM)
            with Cpu(roots) as used:
                answers = send(system, file, SIGN_IN_CONNECTIONS, 10)
        yes = [a for a in answers if a.status == 200]
        bad = [a for a in answers if a.status not in (200, 503, 504)]       # refused for lack of time: told in the result
        made = db.value(sessions, mine) - there
        if bad or not yes or len(answers) != SIGN_INS or made != len(yes):
            raise Wrong(f"sign-ins: {len(bad)} of {len(answers)} failed, {len(yes)} succeeded, {made} sessions: {bad[:3]}")
        start, end = span(answers)
        rates.append(len(yes) * 1e6 / (end - start))
        cpu.append(used.us_each(len(answers)))
        before += reads.between(start - int(CALM * 1e6), start)
        during += reads.between(start, end)
        say(f"  sign-in run {turn + 1}: {rates[-1]:.1f}/s, {len(answers) - len(yes)} refused for lack of time; /auth/me p95 "
            f"{quantile(before, .95):.1f} ms before, {quantile(during, .95):.1f} ms during; CPU us each {cpu[-1]}")
    results.append({"name": "sign-ins", "guahao": round(statistics.median(rates), 1), "peer": None, "unit": "sign-ins/s", "ratio": None,
                    "p50_ms": None, "p95_ms": None, "p99_ms": None, "runs": [round(r, 1) for r in rates], "cpu_us": cpu[-1]})
    results.append(beside("/auth/me p95 in sign-ins", before, during, "the same before the burst", {"ratio_below": 3}))
