"""Staying with a durable job: `Prefer: wait=n` (RFC 7240) and server-sent events (decisions 7)."""

import contextlib
import json
import queue
import threading
import time

import pytest
import requests

from support import booking_cases as bc
from support.http import data, problem
from support.proc import wait_for

BOOK, VERIFY, EXPORT = "/api/v1/appointments", "/api/v1/system/audit-log/verify", "/api/v1/patients/me/export"


@pytest.fixture(scope="module")
def house(empty_db, make_system):
    from support.house import open_house
    house = open_house(empty_db, make_system, {"front.stream_beat_ms": 300, "front.streams": 3, "front.workers": 1, "database.lock_timeout_ms": 200})
    house.reset()
    house.db = empty_db
    yield house
    house.close()


@contextlib.contextmanager
def held(house, table="images"):
    """What reads this table gets no further."""
    conn = house.db.connect(autocommit=False)
    try:
        conn.cursor().execute(f"lock table {table} in access exclusive mode")
        yield
    finally:
        conn.rollback()
        conn.close()


class Stream:
    """A client of server-sent events, in a thread of its own."""

    def __init__(self, api, job, **headers):
        self.response = requests.get(f"{api.base}/api/v1/jobs/{job}", stream=True, timeout=20,
                                     headers={"Accept": "text/event-stream", "Authorization": f"Bearer {api.token}", **headers})
        self.events, self.comments = queue.Queue(), 0
        if self.response.status_code == 200:
            threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        event = {}
        try:
            for line in self.response.iter_lines(chunk_size=1, decode_unicode=True):
                if line.startswith(":"):
                    self.comments += 1
                elif line:
                    name, _, value = line.partition(": ")
                    event[name] = value
                elif "event" in event:
                    self.events.put(event)
                    event = {}
        except (requests.RequestException, AttributeError, ValueError):
            pass
        self.events.put(None)

    def next(self, timeout=10):
        return self.events.get(timeout=timeout)

    def rest(self):
        return list(iter(self.next, None))

    def close(self):
        self.response.close()


def patient(house):
    return house.api(house.h.patient()[1])


def result(api, job):
    return api.get(f"/api/v1/jobs/{job}/result")


# ---- waiting

@pytest.mark.parametrize("prefer, applied", [
    ("wait=10", "wait=10"), ("respond-async, wait=10", "respond-async, wait=10"), ('wait="5"', "wait=5"), ("wait = 7 ; x=1, foo", "wait=7"),
    ("wait=9999", "wait=30"), ("WAIT=3, wait=9", "wait=3")])
def test_done_in_time_it_is_the_answer_of_the_call(house, prefer, applied):
    ask = bc._free(house.h)
    api = house.api(ask.user)
    r = api.post(BOOK, {"schedule_id": ask.session}, headers={"Prefer": prefer})
    a = data(r, 201)
    assert r.headers["Preference-Applied"] == applied and r.headers["Location"] == f"{BOOK}/{a['id']}"
    assert a["schedule_id"] == ask.session and house.h.remaining(ask.session) == 15
    assert house.h.run("select status, response_status from jobs where owner_id = %s", ask.user) == [("DONE", 0)]


@pytest.mark.parametrize("prefer", ["wait=0", "wait", "wait=", "wait=x", "wait=-1", "wait=1.5", 'foo="wait=5"'])
def test_what_is_no_time_to_wait(house, prefer):
    ask = bc._free(house.h)
    r = house.api(ask.user).post(BOOK, {"schedule_id": ask.session}, headers={"Prefer": prefer})
    assert data(r, 201) and "Preference-Applied" not in r.headers
    assert house.h.one("select count(*) from jobs where owner_id = %s", ask.user) == 0


def test_a_refusal_is_the_one_of_the_call(house):
    ask = next(make for name, make, _ in bc.CASES if name == "named_slot_is_taken")(house.h)
    got = problem(house.api(ask.user).post(BOOK, bc.v1_body(house.h, ask), headers={"Prefer": "wait=10"}), "SLOT_TAKEN", 409)
    assert got["suggestions"] and got["instance"] == BOOK
    problem(house.api(ask.user).post(BOOK, {}, headers={"Prefer": "wait=10"}), "VALIDATION_FAILED", 422)


def test_a_file_is_the_answer_too(house):
    r = patient(house).post(EXPORT, headers={"Prefer": "wait=10"})
    assert r.status_code == 200 and r.headers["Content-Disposition"].startswith("attachment") and r.headers["Preference-Applied"] == "wait=10"
    assert json.loads(r.content)["format"] == "guahao-patient-1"


def test_not_done_in_time_it_is_a_job(house):
    api = patient(house)
    with held(house):
        begun = time.monotonic()
        r = api.post(EXPORT, headers={"Prefer": "wait=1"})
        assert 0.9 < time.monotonic() - begun < 5
        job = data(r, 202)
        assert job["status"] in ("RUNNING", "QUEUED") and r.headers["Location"] == f"/api/v1/jobs/{job['id']}"
        assert r.headers["Preference-Applied"] == "wait=1"
    wait_for("the job", lambda: result(api, job["id"]).status_code == 200)


def test_cancelled_while_waited_for(house):
    api = patient(house)
    got = queue.Queue()
    with held(house):
        threading.Thread(target=lambda: got.put(api.post(EXPORT, headers={"Prefer": "wait=20"})), daemon=True).start()
        job = wait_for("the job", lambda: [j["id"] for j in data(api.get("/api/v1/jobs"))["items"]])[0]
        data(api.delete(f"/api/v1/jobs/{job}"))
        assert data(got.get(timeout=10), 202)["status"] == "CANCELLED"


def test_whoever_waits_may_leave(house):
    api = patient(house)
    with held(house):
        with pytest.raises(requests.Timeout):
            api.post(EXPORT, headers={"Prefer": "wait=20"}, timeout=0.5)
        assert data(patient(house).get("/api/v1/jobs"))["total"] == 0
    wait_for("the job", lambda: [j["status"] for j in data(api.get("/api/v1/jobs"))["items"]] == ["DONE"])


def test_the_key_of_a_call_that_is_waited_for(house):
    ask = bc._free(house.h)
    headers = {"Prefer": "wait=10", "Idempotency-Key": '"waiting"'}
    first = house.api(ask.user).post(BOOK, {"schedule_id": ask.session}, headers=headers)
    again = house.api(ask.user).post(BOOK, {"schedule_id": ask.session}, headers=headers)
    assert data(first, 201) == data(again, 201) and house.h.remaining(ask.session) == 15


# ---- streams

def test_each_change_is_an_event_and_the_last_one_the_end(house):
    api = patient(house)
    with held(house):
        job = data(api.post(EXPORT), 202)["id"]
        s = Stream(api, job)
        assert s.response.headers["Content-Type"] == "text/event-stream" and s.response.headers["Cache-Control"] == "no-store"
        assert "Content-Length" not in s.response.headers and s.response.headers["X-Request-Id"]
        first = s.next()
        assert first["event"] == "job" and json.loads(first["data"])["id"] == job
        wait_for("a comment", lambda: s.comments > 1)
        # progress, without an event of the dispatcher: the net finds it
        house.h.run("update jobs set progress = 40 where id = %s", job)
        while json.loads((e := s.next())["data"])["progress"] != 40:
            assert e["event"] == "job"
        assert e["id"].endswith("-40")
    last = s.rest()[-1]
    assert last["event"] == "end" and json.loads(last["data"])["status"] == "DONE" and last["id"] == "DONE-100"
    assert json.loads(last["data"]) == data(api.get(f"/api/v1/jobs/{job}"))


def test_an_event_wakes_it(house):
    """Well before the front would look by itself."""
    api = patient(house)
    with held(house):
        job = data(api.post(EXPORT), 202)["id"]
        s = Stream(api, job)
        s.next()
        time.sleep(0.3)
    begun = time.monotonic()
    assert s.rest()[-1]["event"] == "end" and time.monotonic() - begun < 12


def test_of_a_job_that_is_over(house):
    api = patient(house)
    job = data(api.post(EXPORT), 202)["id"]
    wait_for("the job", lambda: result(api, job).status_code == 200)
    (only,) = Stream(api, job).rest()
    assert only["event"] == "end" and only["id"] == "DONE-100"
    assert Stream(api, job, **{"Last-Event-ID": "DONE-100"}).response.status_code == 204
    for harmless in ("RUNNING-0", "QUEUED-0", "DONE", "x" * 500, "-", "\x80"):
        assert [e["event"] for e in Stream(api, job, **{"Last-Event-ID": harmless.encode("latin-1")}).rest()] == ["end"]
    # who takes JSON no less gets it
    r = api.get(f"/api/v1/jobs/{job}", headers={"Accept": "application/json, text/event-stream;q=0.5"})
    assert data(r)["id"] == job
    r = api.request("HEAD", f"/api/v1/jobs/{job}", headers={"Accept": "text/event-stream"})
    assert r.status_code == 200 and r.headers["Content-Type"] == "application/json"


def test_it_is_the_owners_and_refused_as_the_job_is(house):
    api, other = patient(house), patient(house)
    job = data(api.post(EXPORT), 202)["id"]
    problem(Stream(other, job).response, "NOT_FOUND", 404)
    r = requests.get(f"{api.base}/api/v1/jobs/{job}", headers={"Accept": "text/event-stream"}, timeout=10)
    problem(r, "TOKEN_MISSING", 401)


def test_so_many_at_a_time(house):
    api = patient(house)
    with held(house):
        job = data(api.post(EXPORT), 202)["id"]
        streams = [Stream(api, job) for _ in range(3)]
        assert all(s.next()["event"] == "job" for s in streams)
        r = Stream(api, job).response
        assert r.status_code == 503 and r.headers["Retry-After"]
        problem(r, "QUEUE_FULL", 503)
        streams.pop().close()
        # who left has made room
        streams.append(wait_for("room", lambda: (s := Stream(api, job)).response.status_code == 200 and s))
        # the front does other work meanwhile
        assert data(patient(house).get("/api/v1/jobs"))["total"] == 0
    assert [s.rest()[-1]["event"] for s in streams] == ["end"] * 3


def test_it_ends_with_the_session(house):
    h = house.h
    user = h.patient()[1]
    name = h.one("select username from users where id = %s", user)
    api = house.system.api(user=name)
    with held(house):
        job = data(api.post(EXPORT), 202)["id"]
        s = Stream(api, job)
        assert s.next()["event"] == "job"
        data(house.api(h.admin).delete(f"/api/v1/users/{user}/sessions"))
        begun = time.monotonic()
        last = s.rest()[-1]
        assert last["event"] == "refused" and json.loads(last["data"])["code"] == "TOKEN_REVOKED" and time.monotonic() - begun < 5
    wait_for("the job", lambda: h.one("select finished_at is not null from jobs where id = %s", job))


def test_it_ends_with_the_job(house):
    api = patient(house)
    with held(house):
        job = data(api.post(EXPORT), 202)["id"]
        s = Stream(api, job)
        s.next()
        house.h.run("delete from jobs where id = %s", job)
        last = s.rest()[-1]
    assert last["event"] == "refused" and json.loads(last["data"])["code"] == "NOT_FOUND"


def test_a_front_that_stops_ends_them(house):
    api = patient(house)
    got = queue.Queue()
    with held(house):
        job = data(api.post(EXPORT), 202)["id"]
        s = Stream(api, job)
        s.next()
        threading.Thread(target=lambda: got.put(api.post(EXPORT, headers={"Prefer": "wait=20"})), daemon=True).start()
        time.sleep(0.5)
        house.system["front"].stop()
        assert data(got.get(timeout=10), 202)["id"] == job and s.rest() is not None
        house.system.start_front(name="front2")
    wait_for("the job", lambda: house.h.one("select finished_at is not null from jobs where id = %s", job))
