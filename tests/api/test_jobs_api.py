"""Durable jobs as their owners see them (JB-01 to JB-04)."""

import uuid

import pytest

from support.accounts import add_user
from support.broker import uuid7
from support.http import problem
from support.proc import wait_for


@pytest.fixture(scope="module")
def world(empty_db, make_system):
    system = make_system(empty_db).start()
    # nothing is carried out while the test looks at it
    empty_db.query("update job_schedules set enabled = false")
    ids = {name: add_user(empty_db, [role], username=name) for name, role in
           (("owner", "PATIENT"), ("other", "PATIENT"), ("boss", "ADMIN"))}
    return system, empty_db, ids


def put(world, owner="owner", op="identity.v1_get_auth_me", service="identity", kind="export", after=3600, attempts=1):
    _, db, ids = world
    job = str(uuid.UUID(bytes=uuid7()))
    db.query("insert into jobs (id, kind, op, service, args, owner_id, budget_ms, max_attempts, run_at, created_at) values "
             "(%s, %s, %s, %s, '\\x80', %s, 3000, %s, now() + make_interval(secs => %s), now())", job, kind, op, service,
             ids[owner], attempts, after)
    return job


def done(world, job, states=("DONE", "FAILED")):
    _, db, _ = world
    wait_for("the job", lambda: db.value("select status from jobs where id = %s", job) in states)
    return job


def test_a_finished_job_has_the_answer_of_the_call_itself(world):
    system, db, ids = world
    job = done(world, put(world, after=0))
    r = system.api("owner").get(f"/api/v1/jobs/{job}")
    assert r.status_code == 200 and r.headers["Content-Location"] == f"/api/v1/jobs/{job}/result"
    data = r.json()["data"]
    assert (data["status"], data["progress"], data["owner_id"], data["error"]) == ("DONE", 100, ids["owner"], None)
    assert data["result"]["id"] == ids["owner"] and data["result_location"].endswith("/result")
    result = system.api("owner").get(f"/api/v1/jobs/{job}/result")
    itself = system.api("owner").get("/api/v1/auth/me")
    assert result.status_code == itself.status_code == 200
    assert result.json()["data"]["username"] == itself.json()["data"]["username"]
    assert set(result.json()) == set(itself.json())


def test_a_failed_job_answers_with_its_refusal(world):
    system, _, _ = world
    job = done(world, put(world, op="identity.v1_list_roles", after=0))
    data = system.api("owner").get(f"/api/v1/jobs/{job}").json()["data"]
    assert data["status"] == "FAILED" and data["error"]["code"] == "FORBIDDEN" and data["error"]["message"]
    problem(system.api("owner").get(f"/api/v1/jobs/{job}/result"), "FORBIDDEN", 403)


def test_an_unfinished_job_says_when_to_ask_again(world):
    system, _, _ = world
    job = put(world)
    r = system.api("owner").get(f"/api/v1/jobs/{job}")
    assert r.headers["Retry-After"] == "1" and r.json()["data"]["status"] == "QUEUED"
    problem(system.api("owner").get(f"/api/v1/jobs/{job}/result"), "INVALID_TRANSITION", 409)


def test_cancelling(world):
    system, db, _ = world
    job = put(world)
    r = system.api("owner").delete(f"/api/v1/jobs/{job}")
    assert r.status_code == 200 and r.json()["data"]["status"] == "CANCELLED"
    problem(system.api("owner").delete(f"/api/v1/jobs/{job}"), "JOB_NOT_CANCELLABLE", 409)
    assert system.api("owner").get(f"/api/v1/jobs/{job}/result").status_code == 409


def test_what_a_cancelled_run_answers_no_longer_counts(world):
    system, db, _ = world
    system["booking"].freeze()
    try:
        job = put(world, op="booking.v1_list_appointments", service="booking", after=0)
        wait_for("it to run", lambda: db.value("select status from jobs where id = %s", job) == "RUNNING")
        assert system.api("owner").delete(f"/api/v1/jobs/{job}").status_code == 200
    finally:
        system["booking"].thaw()
    done(world, put(world, op="booking.v1_list_appointments", service="booking", after=0))     # answered after that one
    assert db.row("select status, response from jobs where id = %s", job) == ("CANCELLED", None)


def test_others_do_not_see_it_and_administrators_do(world):
    system, _, ids = world
    job = put(world)
    for call in (lambda a: a.get(f"/api/v1/jobs/{job}"), lambda a: a.get(f"/api/v1/jobs/{job}/result"),
                 lambda a: a.delete(f"/api/v1/jobs/{job}")):
        problem(call(system.api("other")), "NOT_FOUND", 404)
    assert system.api("boss").get(f"/api/v1/jobs/{job}").json()["data"]["owner_id"] == ids["owner"]
    mine = system.api("other").get("/api/v1/jobs").json()["data"]
    assert all(j["owner_id"] == ids["other"] for j in mine["items"])
    assert system.api("owner").get("/api/v1/jobs/not-a-job").status_code == 422


def test_the_list_filters_sorts_and_pages(world):
    system, db, _ = world
    db.query("delete from jobs")
    made = [put(world, "other", kind=kind) for kind in ("pdf", "export", "pdf", "mail")]
    api = system.api("other")
    assert [j["id"] for j in api.get("/api/v1/jobs").json()["data"]["items"]] == made[::-1]
    assert [j["id"] for j in api.get("/api/v1/jobs?sort=created_at").json()["data"]["items"]] == made
    assert [j["id"] for j in api.get("/api/v1/jobs?kind=pdf,mail&sort=created_at").json()["data"]["items"]] == [
        made[0], made[2], made[3]]
    assert api.get("/api/v1/jobs?status=DONE").json()["data"]["total"] == 0
    page = api.get("/api/v1/jobs?page=2&page_size=3&fields=kind")
    assert page.json()["data"] == {"items": [{"id": made[0], "kind": "pdf"}], "page": 2, "page_size": 3, "total": 4, "pages": 2}
    assert page.headers["X-Total-Count"] == "4" and 'rel="prev"' in page.headers["Link"]
    assert api.get("/api/v1/jobs?sort=op").status_code == 422
    assert api.get("/api/v1/jobs?kind=party").status_code == 422
