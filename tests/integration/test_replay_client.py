"""`guahao replay` against a front of our own making that loses replies, refuses and answers late.

The fake front books in the real database, so that the command's own comparison is tested too: it must find bookings that
are missing or that nobody was told of.
"""

import csv
import json
import os
import random
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from support import paths
from support.system import System

HEADER = ["Clinic", "Who", "Made", "Visit"]
COLUMNS = ["--clinic-column", "Clinic", "--patient-column", "who", "--booked-column", "MADE", "--visit-column", "Visit"]


def write_log(path, clinics=3, rows=60, seed=1):
    """A booking log: `rows` bookings over some clinics, the last three rows repeat earlier patients of the same clinic."""
    rng = random.Random(seed)
    lines = []
    for i in range(rows - 3):
        lines.append([f"Clínica {i % clinics}", f"p{i}", f"2016-04-{rng.randint(1, 28):02d}T{rng.randint(0, 23):02d}:00:00Z",
                      "2016-04-29T00:00:00Z"])
    for i in range(3):
        lines.append([lines[i][0], lines[i][1], "2016-04-28T23:59:59Z", "2016-04-29"])
    rng.shuffle(lines)
    with open(path, "w", newline="", encoding="utf-8") as f:
        w = csv.writer(f)
        w.writerow(HEADER)
        w.writerows(lines)
    return lines


class Front:
    """Books over psycopg2, one at a time. trouble(n) says what to do with the n-th request: None, "503", "504",
    "lose" (book, then close without a reply), "drop" (close at once), "lie" (say yes without booking)."""

    def __init__(self, database, trouble=lambda n: None):
        self.conn = database.connect()
        self.lock = threading.Lock()
        self.trouble = trouble
        self.count = 0
        self.keys = {}
        self.in_hand = set()
        self.double = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def log_message(self, *a):
                pass

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                assert self.headers["Authorization"].startswith("Bearer ey")
                status, reply, extra = outer.serve(self.path, self.headers["Idempotency-Key"], body)
                if status is None:
                    self.close_connection = True
                    return
                data = json.dumps(reply).encode()
                self.send_response(status)
                for k, v in extra.items():
                    self.send_header(k, v)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"
        self.thread = threading.Thread(target=self.http.serve_forever, daemon=True)
        self.thread.start()

    def close(self):
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()
        self.conn.close()

    def serve(self, path, key, body):
        with self.lock:
            self.count += 1
            what = self.trouble(self.count)
            if what == "drop":
                return None, None, {}
            if what in ("503", "504"):
                return int(what), {"success": False, "data": {"code": "X"}}, {"Retry-After": "0"}
            if key not in self.keys:
                self.keys[key] = self.book(path, body, what == "lie")
            status, reply = self.keys[key]
            return (None, None, {}) if what == "lose" else (status, reply, {})

    def book(self, path, body, lie):
        if path != "/api/v1/appointments":
            return 404, {"success": False, "data": {"code": "NOT_FOUND"}}
        sid, pid = body["schedule_id"], body["patient_id"]
        if lie:
            return 201, {"success": True, "data": {"id": 10 ** 9 + self.count}, "message": "OK"}
        with self.conn.cursor() as cur:
            cur.execute("select exists (select 1 from registration_orders where schedule_id = %s and patient_id = %s)", (sid, pid))
            if cur.fetchone()[0]:
                return 409, {"success": False, "data": {"code": "DUPLICATE_BOOKING"}}
            cur.execute("""update schedules set remaining_slots = remaining_slots - 1 where id = %s and remaining_slots > 0
                           returning doctor_id, date, time_section, slot_type, starts_at, slot_minutes, price,
                                     total_slots - remaining_slots""", (sid,))
            s = cur.fetchone()
            if s is None:
                return 409, {"success": False, "data": {"code": "SLOT_FULL"}}
            cur.execute("""insert into registration_orders (order_no, patient_id, doctor_id, schedule_id, slot_no, slot_date,
                               time_section, slot_type, starts_at, ends_at, list_price, price, status, payment_status, channel,
                               created_at, updated_at)
                           values ('t' || nextval('order_no_seq'), %s, %s, %s, %s, %s, %s, %s,
                                   %s + (%s - 1) * make_interval(mins => %s), %s + %s * make_interval(mins => %s), %s, %s,
                                   'confirmed', 'pending', 'v1', now(), now()) returning id""",
                        (pid, s[0], sid, s[7], s[1], s[2], s[3], s[4], s[7], s[5], s[4], s[7], s[5], s[6], s[6]))
            return 201, {"success": True, "data": {"id": cur.fetchone()[0]}, "message": "OK"}


@pytest.fixture
def replay(empty_db, make_system, tmp_path):
    system = make_system(empty_db)
    fronts = []

    def run(trouble=lambda n: None, options=(), rows=60, check=True):
        front = Front(empty_db, trouble)
        fronts.append(front)
        log = tmp_path / "log.csv"
        write_log(log, rows=rows)
        done = system.cli("replay", str(log), "--url", front.url, "--json", "--quiet", "--connections", "16", *COLUMNS, *options,
                          check=False)
        if check:
            assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout), done

    yield run
    for f in fronts:
        f.close()


def test_every_row_is_accounted_for(replay):
    report, _ = replay()
    assert report["rows"] == 60 and report["accepted"] == 57 and report["refused"] == 3
    assert report["reasons"] == {"DUPLICATE_BOOKING": 3}
    assert report["same_patient"] == 3 and report["patients"] == 57 and len(report["sessions"]) == 3
    assert report["unanswered"] == report["not_sent"] == report["fault_count"] == 0
    assert report["db_orders"] == 57
    assert report["p50_ms"] <= report["p95_ms"] <= report["p99_ms"]
    assert {s["clinic"] for s in report["sessions"]} == {"Clínica 0", "Clínica 1", "Clínica 2"}


def test_fewer_places_than_patients_accepts_exactly_the_places(replay):
    report, _ = replay(options=("--places", "7", "--places-busiest", "2"))
    assert report["accepted"] == 7 + 7 + 2
    assert report["reasons"]["SLOT_FULL"] == report["refused"] - report["reasons"].get("DUPLICATE_BOOKING", 0)
    assert sorted(s["accepted"] for s in report["sessions"]) == [2, 7, 7]


def test_overload_and_lost_replies_are_tried_again_with_the_same_key(replay):
    rng = random.Random(7)
    plan = [rng.choice([None, "503", "504", "lose", "drop"]) for _ in range(400)]
    report, _ = replay(trouble=lambda n: plan[n - 1] if n <= len(plan) else None)
    assert report["accepted"] == 57 and report["refused"] == 3 and report["unanswered"] == 0
    assert report["sent_again"] > 50 and report["replies_lost"] > 20
    assert report["fault_count"] == 0


def test_a_yes_without_a_booking_is_found(replay):
    report, done = replay(trouble=lambda n: "lie" if n == 5 else None, check=False)
    assert done.returncode == 1
    assert report["fault_count"] == 1 and "is not there" in report["faults"][0]


def test_a_row_without_an_answer_is_told(replay):
    report, done = replay(trouble=lambda n: "503" if n > 20 else None, options=("--retry-for", "1"), check=False)
    assert done.returncode == 1
    assert report["unanswered"] > 0 and report["fault_count"] == 0
    assert report["accepted"] + report["refused"] + report["unanswered"] == 60


def test_speed_spreads_the_log_over_time(replay):
    report, _ = replay(options=("--speed", "1000000"))  # 27 days at most: about two seconds
    assert report["seconds"] > 1.0 and report["accepted"] == 57


def test_usage_errors_are_refused(empty_db, make_system, tmp_path):
    system = make_system(empty_db)
    log = tmp_path / "log.csv"
    write_log(log)
    assert system.cli("replay", check=False).returncode == 2
    assert system.cli("replay", str(log), "--speed", "-1", check=False).returncode == 2
    assert system.cli("replay", str(log), "--surface", "fax", check=False).returncode == 2
    assert system.cli("replay", str(log), "--url", "ftp://x", check=False).returncode == 2
    done = system.cli("replay", str(log), "--clinic-column", "Place", check=False)
    assert done.returncode == 1 and "--clinic-column" in done.stderr
    done = system.cli("replay", str(log), conf={"system.mode": "production"}, check=False)
    assert done.returncode == 2
