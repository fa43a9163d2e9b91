"""Prefer: respond-async (api/20 section 8, RFC 7240): the call becomes a job of its caller, whose result is what the call would have answered."""

import concurrent.futures
import pathlib

import pytest
import yaml

from support import booking_cases as bc
from support import paths
from support.http import data, problem
from support.proc import wait_for

pytestmark = pytest.mark.usefixtures("default_settings")

ASYNC = {"Prefer": "respond-async"}
BOOK = "/api/v1/appointments"


@pytest.fixture(autouse=True)
def settled(house):
    """No job of another test is under way."""
    yield
    wait_for("all jobs", lambda: house.h.one("select count(*) from jobs where owner_id is not null and finished_at is null") == 0)


def accepted(response):
    """The job of a 202, from the body; its row stands already."""
    job = data(response, 202)
    assert response.headers["Location"] == f"/api/v1/jobs/{job['id']}"
    assert response.headers["Preference-Applied"] == "respond-async"
    assert (job["status"], job["progress"], job["result"], job["finished_at"]) == ("QUEUED", 0, None, None)
    return job


def ended(api, job):
    wait_for("the job", lambda: data(api.get(f"/api/v1/jobs/{job['id']}"))["finished_at"])
    return data(api.get(f"/api/v1/jobs/{job['id']}"))


def result(api, job):
    return api.get(f"/api/v1/jobs/{job['id']}/result")


def stopped(house, pool):
    """The worker of this pool does nothing meanwhile."""
    class Frozen:
        def __enter__(self):
            house.system[pool].freeze()

        def __exit__(self, *_):
            house.system[pool].thaw()
    return Frozen()


def test_a_booking_becomes_a_job_with_the_answer_of_the_call(house):
    ask = bc._free(house.h)
    api = house.api(ask.user)
    job = accepted(api.post(BOOK, {"schedule_id": ask.session}, headers={"Prefer": "respond-async", "User-Agent": "kiosk/1"}))
    assert job["kind"] == "booking" and job["owner_id"] == ask.user
    assert house.h.run("select caller_ip, caller_agent, op from jobs where id = %s", job["id"]) == [
        ("127.0.0.1", "kiosk/1", "booking.v1_book_appointment")]
    assert ended(api, job)["status"] == "DONE"
    r = result(api, job)
    a = data(r, 201)
    assert r.headers["Location"] == f"{BOOK}/{a['id']}" and a["schedule_id"] == ask.session
    assert data(api.get(f"{BOOK}/{a['id']}")) == a
    assert house.h.remaining(ask.session) == 15
    house.h.check()


def test_a_refusal_is_the_one_of_the_call(house):
    ask = next(make for name, make, _ in bc.CASES if name == "named_slot_is_taken")(house.h)
    body = bc.v1_body(house.h, ask)
    api = house.api(ask.user)
    itself = problem(api.post(BOOK, body), "SLOT_TAKEN", 409)
    job = accepted(api.post(BOOK, body, headers=ASYNC))
    end = ended(api, job)
    assert (end["status"], end["error"]["code"]) == ("FAILED", "SLOT_TAKEN")
    got = problem(result(api, job), "SLOT_TAKEN", 409)
    assert got["suggestions"] == itself["suggestions"] and got["detail"] == itself["detail"]


def test_what_is_wrong_at_once_is_refused_at_once(house):
    api = house.api(house.h.patient()[1])
    before = house.h.one("select count(*) from jobs")
    problem(api.post(BOOK, {}, headers=ASYNC), "VALIDATION_FAILED", 422)
    problem(house.system.api().post(BOOK, {"schedule_id": 1}, headers=ASYNC), "TOKEN_MISSING", 401)
    problem(api.post("/api/v1/system/audit-log/verify", headers=ASYNC), "FORBIDDEN", 403)
    problem(api.post("/api/v1/payments/1/sync", headers=ASYNC), "FORBIDDEN", 403)
    assert house.h.one("select count(*) from jobs") == before


def test_rights_are_looked_at_again_when_it_runs(house):
    h = house.h
    api, staff = house.api(h.admin), h.user("admin", roles=["ADMIN"])
    ask = bc._free(h)
    with stopped(house, "booking"):
        job = accepted(house.api(staff).post(BOOK, {"schedule_id": ask.session, "patient_id": ask.patient or h.patient()[0]}, headers=ASYNC))
        h.run("delete from user_roles where user_id = %s", staff)
    end = ended(api, job)
    assert (end["status"], end["error"]["code"]) == ("FAILED", "FORBIDDEN")
    problem(result(api, job), "FORBIDDEN", 403)
    assert h.remaining(ask.session) == 16


def test_walking_the_audit_log(house):
    api = house.api(house.h.admin)
    job = accepted(api.post("/api/v1/system/audit-log/verify", {"from_id": 10**9}, headers=ASYNC))
    assert job["kind"] == "maintenance" and ended(api, job)["result"] == {"checked": 0, "ok": True, "unsealed": 0}
    assert data(result(api, job)) == {"checked": 0, "ok": True, "unsealed": 0}


def test_asking_the_provider(house):
    api = house.api(house.h.admin)
    job = accepted(api.post("/api/v1/payments/999999999/sync", headers=ASYNC))
    assert job["kind"] == "gateway" and ended(api, job)["error"]["code"] == "NOT_FOUND"
    problem(result(api, job), "NOT_FOUND", 404)


def test_the_key_holds_for_the_job_and_for_the_call_in_it(house):
    ask = bc._free(house.h)
    api = house.api(ask.user)
    key = {"Idempotency-Key": '"later"'}
    first = api.post(BOOK, {"schedule_id": ask.session}, headers={**key, **ASYNC})
    again = api.post(BOOK, {"schedule_id": ask.session}, headers={**key, **ASYNC})
    job = accepted(first)
    assert accepted(again)["id"] == job["id"] and again.headers["Idempotency-Replayed"] == "true"
    problem(api.post(BOOK, {"schedule_id": ask.session, "reason": "x"}, headers={**key, **ASYNC}), "IDEMPOTENCY_KEY_REUSED", 422)
    assert ended(api, job)["status"] == "DONE"
    now = api.post(BOOK, {"schedule_id": ask.session}, headers=key)
    assert now.headers["Idempotency-Replayed"] == "true" and data(now, 201) == data(result(api, job), 201)
    assert house.h.remaining(ask.session) == 15


def test_an_answer_that_was_waited_for_is_said_to_be_a_replay(house):
    ask = bc._free(house.h)
    api = house.api(ask.user)
    wait = {"Prefer": "wait=20", "Idempotency-Key": "waited-for"}
    first, again = (api.post(BOOK, {"schedule_id": ask.session}, headers=wait) for _ in range(2))
    assert data(first, 201) == data(again, 201)
    assert "Idempotency-Replayed" not in first.headers and again.headers["Idempotency-Replayed"] == "true"
    assert again.headers["Preference-Applied"] == "wait=20"
    # the plain call first: the job finds what it has stored, and says so once
    ask = bc._free(house.h)
    api = house.api(ask.user)
    data(api.post(BOOK, {"schedule_id": ask.session}, headers={"Idempotency-Key": "waited-for"}), 201)
    for _ in range(2):
        later = api.post(BOOK, {"schedule_id": ask.session}, headers=wait)
        data(later, 201)
    assert later.headers["Idempotency-Replayed"] == "true" and house.h.remaining(ask.session) == 15


def test_many_at_once_with_one_key_are_one_job(house):
    ask = bc._free(house.h)
    headers = {"Idempotency-Key": '"rush"', **ASYNC}
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda _: house.api(ask.user).post(BOOK, {"schedule_id": ask.session}, headers=headers), range(8)))
    good = [r for r in replies if r.status_code == 202]
    assert good and {accepted(r)["id"] for r in good} == {accepted(good[0])["id"]}
    for r in replies:
        if r not in good:
            problem(r, "IDEMPOTENCY_IN_PROGRESS", 409)
    assert ended(house.api(ask.user), accepted(good[0]))["status"] == "DONE"
    assert house.h.run("select count(*) from jobs where owner_id = %s", ask.user) == [(1,)] and house.h.remaining(ask.session) == 15


def test_cancelled_before_it_runs_there_is_no_booking(house):
    ask = bc._free(house.h)
    api = house.api(ask.user)
    # no dispatcher takes it up while the test holds its row
    with stopped(house, "booking"):
        job = accepted(api.post(BOOK, {"schedule_id": ask.session}, headers=ASYNC))
        assert data(api.delete(f"/api/v1/jobs/{job['id']}"))["status"] == "CANCELLED"
    assert result(api, job).status_code == 409


def test_somebody_elses_job_is_absent(house):
    ask = bc._free(house.h)
    job = accepted(house.api(ask.user).post(BOOK, {"schedule_id": ask.session}, headers=ASYNC))
    other = house.api(house.h.patient()[1])
    problem(other.get(f"/api/v1/jobs/{job['id']}"), "NOT_FOUND", 404)
    problem(result(other, job), "NOT_FOUND", 404)


@pytest.mark.parametrize("prefer, deferred", [
    ("respond-async", True), ("Respond-Async", True), ("return=minimal , respond-async;x=1", True), ('foo="a, \\" b", respond-async', True),
    ('foo="respond-async"', False), ('foo="a, respond-async"', False), ("respond-async-not", False),
    ("respond-async=1", False), ("", False), ('"', False), ('"\\', False)])
def test_what_counts_as_the_preference(house, prefer, deferred):
    r = house.api(house.h.admin).post("/api/v1/system/audit-log/verify", {"from_id": 10**9}, headers={"Prefer": prefer})
    assert r.status_code == (202 if deferred else 200)
    assert r.headers.get("Preference-Applied") == ("respond-async" if deferred else None)


def test_an_operation_that_is_not_marked_answers_itself(house):
    r = house.api(house.h.admin).get(BOOK, headers=ASYNC)
    assert r.status_code == 200 and "Preference-Applied" not in r.headers


def test_the_result_documents_the_refusals_of_all_calls(house):
    sources = [yaml.load(f.read_text(), yaml.CSafeLoader) for f in pathlib.Path(paths.ROOT, "schema", "openapi").glob("*.yaml")]
    ops = {op["operationId"]: op for s in sources for item in s.get("paths", {}).values() for op in item.values()
           if isinstance(op, dict) and "operationId" in op}
    told = set(ops["jobs.v1_get_job_result"]["x-errors"])
    assert {e for op in ops.values() if op.get("x-async") for e in op.get("x-errors", [])} <= told


def test_every_marked_operation_can_be_deferred(house):
    """The contract and the table of the jobs pool are equal: an unknown name would be 503."""
    published = house.system.api().get("/api/v1/openapi.json").json()["paths"]
    marked = {(m.upper(), p) for p, item in published.items() for m, op in item.items()
              if isinstance(op, dict) and any("PreferAsync" in str(x) for x in op.get("parameters", []))}
    assert ("POST", BOOK) in marked
    for method, path in sorted(marked):
        body = {"schedule_id": 10**9} if path.endswith("/appointments") else {}
        user = house.h.patient()[1] if "/patients/me/" in path else house.h.admin
        accepted(house.api(user).request(method, path.replace("{id}", "999999999"), json=body, headers=ASYNC))
