"""What the pages of conventions say of every operation (api/20 sections 1 to 8, api/30), tried on some of them."""

import pytest

from support.front import Reply, token
from support.http import data, problem
from support.identity import api, db, system  # noqa: F401


def get(front, path, accept=None, **more):
    return front.get(path, token=token(), headers={"Accept": accept} if accept is not None else {}, **more)


@pytest.mark.parametrize("accept, status", [
    ("text/html", 406), ("image/*, text/html;q=0.9", 406), ("application/json;q=0", 406), ("*/*;q=0", 406),
    ("application/json;q=0, */*", 200), ("text/html, application/json;q=0.1", 200), ("application/*", 200), ("*/*", 200),
    ("", 200), ("text/html,application/xhtml+xml,*/*;q=0.8", 200), ("APPLICATION/JSON", 200),
])
def test_a_type_that_is_not_there(front, broker, accept, status):
    """R-05."""
    broker.on("booking.v1_get_appointment", Reply({"id": 5}))
    r = get(front, "/api/v1/appointments/5", accept)
    assert r.status_code == status
    if status == 406:
        assert problem(r, "NOT_ACCEPTABLE", 406)["detail"] == "None of the accepted types is available"
        assert r.headers["content-type"] == "application/json" and broker.jobs == []


def test_a_problem_may_be_asked_for_alone(front, broker):
    broker.on("booking.v1_get_appointment", Reply(error="NOT_FOUND"))
    r = get(front, "/api/v1/appointments/5", "application/problem+json")
    assert r.status_code == 404 and r.headers["content-type"] == "application/problem+json"


def test_other_surfaces_answer_whatever_is_accepted(front, broker):
    broker.on("directory.browse_major_departments", Reply({"departments": []}))
    assert get(front, "/patient/major-departments", "text/html").json() == {"code": 0, "message": {"departments": []}}


def test_a_refusal_tells_nothing_of_the_row(front, broker):
    broker.on("booking.v1_get_appointment", Reply(error="NOT_OWNER", headers={
        "ETag": '"appointment-5-3"', "Last-Modified": "Sat, 21 Nov 2026 17:12:21 GMT", "Retry-After": "7",
        "Cache-Control": "public, max-age=300"}))
    r = get(front, "/api/v1/appointments/5")
    problem(r, "NOT_OWNER", 403)
    assert "etag" not in r.headers and "last-modified" not in r.headers and r.headers["cache-control"] == "no-store"
    assert r.headers["retry-after"] == "7"


def test_unknown_names_are_told(system):  # noqa: F811
    admin = system.api(user="A0001")
    for query, code, detail in (("sort=-id,zz", "UNKNOWN_SORT", "Cannot sort by: zz"),
                                ("fields=id,roles.x", "UNKNOWN_FIELD", "No such field: roles.x"),
                                ("sort=" + "x" * 60, "UNKNOWN_SORT", "Cannot sort by: " + "x" * 39),
                                ("sort=" + "%E6%8C%82" * 20, "UNKNOWN_SORT", "Cannot sort by: " + "挂" * 13)):
        p = problem(admin.get("/api/v1/users?" + query), code, 422)
        assert p["detail"] == detail and p["errors"][0]["field"] == query.partition("=")[0]


def test_every_sort_key_counts(system, db):  # noqa: F811
    """Rows that differ in the last key alone: lists honour as many keys as they name, and refuse one that comes twice."""
    admin = system.api(user="A0001")
    db.query("insert into users (username, created_at) values ('tie1', '2020-02-01'), ('tie2', '2020-02-01')")
    dept = db.value("insert into minor_departments (major_dept_id, name) values "
                    "((select min(id) from major_departments), 'ties') returning id")
    db.query("insert into doctors (dept_id, name, years_experience, created_at) "
             "select %s, 'tie', 3, '2020-02-01' from generate_series(1, 3)", dept)
    for path, few, keys in (
            ("/api/v1/users", {"q": "tie"}, "full_name,email,last_login_at,created_at,{}username"),
            ("/api/v1/users", {"q": "tie"}, "full_name,email,last_login_at,created_at,{}id"),
            ("/api/v1/doctors", {"dept_id": dept}, "name,title,years_experience,consultation_fee,created_at,{}id")):
        up, down = ([i["id"] for i in data(admin.get(path, params={**few, "sort": keys.format(sign)}))["items"]] for sign in ("", "-"))
        assert len(up) > 1 and down == up[::-1] and up == sorted(up), keys
        for twice in ("id,name,-id" if "doctors" in path else "id,email,-id", "id,id"):
            p = problem(admin.get(path, params={"sort": twice}), "VALIDATION_FAILED", 422)
            assert [(e["field"], e["code"]) for e in p["errors"]] == [("sort", "value_error")]


def test_all_faults_at_once(system):  # noqa: F811
    """R-04: also those of alternatives."""
    p = problem(system.api().post("/api/v1/auth/login", {}), "VALIDATION_FAILED", 422)
    assert {(e["field"], e["code"]) for e in p["errors"]} == {("password", "missing"), ("username", "missing")}
    p = problem(system.api().post("/api/v1/auth/register", {"email": "x", "date_of_birth": "2026-02-30", "gender": "?"}),
                "VALIDATION_FAILED", 422)
    assert {e["field"] for e in p["errors"]} == {"email", "date_of_birth", "gender", "password"}


def test_heartbeat_says_where_a_member_belongs(system):  # noqa: F811
    """What a worker finds is said to be where the contract has it (api/30)."""
    admin = system.api(user="A0001")
    r = admin.delete("/appointment/")
    assert r.status_code == 422 and r.json() == {
        "detail": [{"loc": ["query", "appointment_id"], "msg": "is needed", "type": "missing"}]}
    patient = system.api(user="13800000001")
    r = patient.post("/appointment/", {"doctor_id": 1, "date_time": "2026-02-30T09:00:00"})
    assert r.status_code == 422 and r.json()["detail"][0]["loc"] == ["body", "date_time"]


def test_ones_own_row_keeps_its_tag(system):  # noqa: F811
    r = system.api(user="A0001").get("/api/v1/users/me")
    assert data(r)["id"] and r.headers["etag"].startswith('"user-')
