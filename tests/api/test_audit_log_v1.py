"""The audit log over HTTP: one page at a time, filters, the walk over the chain (api/29 SY-07, SY-08; R-214)."""

import datetime
import json

import pytest

from support.http import data, problem
from support.proc import wait_for

PATH = "/api/v1/system/audit-log"


@pytest.fixture(scope="module")
def system(empty_db, make_system):
    db = empty_db
    admin = db.value("insert into users (identifier, is_verified) values ('A0001', true) returning id")
    db.query("insert into user_roles (user_id, role_code) values (%s, 'ADMIN')", admin)
    for i in range(45):
        db.query("insert into audit_log (at, actor_id, actor, roles, action, entity, entity_id, patient_id, outcome, ip, user_agent, "
                 "request_id, surface, changes) values ('2026-03-09T00:00:00Z'::timestamptz + make_interval(hours => %s), %s, %s, "
                 "'{ADMIN}', %s, %s, %s, %s, %s, '192.0.2.7', 'curl', 'r', 'v1', '{\"a\": [1, 2]}')",
                 i, 900 + i % 3, f"admin{i % 3}", "clinic.update" if i % 2 else "clinic.create", "clinic" if i < 40 else "doctor",
                 str(i % 5), 7000 + i % 4 if i % 4 else None, "denied" if i == 13 else "success")
    return make_system(db, {"ratelimit.enabled": "false"}).start()


@pytest.fixture(scope="module")
def api(system):
    return system.api("A0001")


def ids(api, **query):
    got = data(api.get(PATH, params={"page_size": 100, "entity": "clinic,doctor", **query}))
    assert got["total"] == len(got["items"])
    return [e["id"] for e in got["items"]]


def test_a_page_newest_first(api, empty_db):
    first = empty_db.value("select min(id) from audit_log")
    response = api.get(PATH, params={"page_size": 20, "entity": "clinic,doctor"})
    got = data(response)
    assert (got["total"], got["pages"], got["page"], got["page_size"]) == (45, 3, 1, 20)
    assert [e["id"] - first for e in got["items"]] == list(range(44, 24, -1))
    assert response.headers["X-Total-Count"] == "45" and 'rel="next"' in response.headers["Link"]
    last = data(api.get(PATH, params={"page_size": 20, "page": 3, "entity": "clinic,doctor"}))["items"]
    assert [e["id"] - first for e in last] == [4, 3, 2, 1, 0]
    e = last[0]
    assert e["actor"] == "admin1" and e["at"] == "2026-03-09T12:00:00+08:00" and e["ip"] == "192.0.2.7"
    assert e["changes"] == {"a": [1, 2]} and e["roles"] == ["ADMIN"] and e["entity_id"] == "4" and e["patient_id"] is None


def test_order(api):
    newest = ids(api)
    for sort, expected in (("-id", newest), ("id", newest[::-1]), ("at", newest[::-1]), ("-at", newest)):
        assert ids(api, sort=sort) == expected, sort
    problem(api.get(PATH, params={"sort": "actor"}), "UNKNOWN_SORT", 422)
    got = data(api.get(PATH, params={"sort": "at", "page": 2, "page_size": 7, "entity": "clinic,doctor"}))
    assert [e["id"] for e in got["items"]] == newest[::-1][7:14]


@pytest.mark.parametrize("query, where", [
    ({"actor_id": "901"}, "actor_id = 901"), ({"actor_id": "900,902"}, "actor_id in (900, 902)"),
    ({"action": "clinic.up"}, "action = 'clinic.update'"), ({"action": "clinic"}, "true"), ({"action": "linic"}, "false"),
    ({"entity": "doctor"}, "entity = 'doctor'"), ({"entity_id": "3"}, "entity_id = '3'"),
    ({"patient_id": "7001"}, "patient_id = 7001"), ({"outcome": "denied"}, "outcome = 'denied'"),
    ({"outcome": "denied,error"}, "outcome <> 'success'"), ({"q": "ADMIN2"}, "actor = 'admin2'"), ({"q": "create"}, "action like '%create'"),
    ({"at_from": "2026-03-10"}, "at >= '2026-03-09T16:00Z'"), ({"at_to": "2026-03-09"}, "at < '2026-03-09T16:00Z'"),
    ({"at_from": "2026-03-09T05:00:00Z", "at_to": "2026-03-09T07:00:00Z"}, "at between '2026-03-09T05:00Z' and '2026-03-09T07:00Z'"),
    ({"actor_id": "901", "action": "clinic.create", "patient_id": "7002"}, "actor_id = 901 and action = 'clinic.create' and patient_id = 7002"),
])
def test_filters(api, empty_db, query, where):
    expected = [r[0] for r in empty_db.query(f"select id from audit_log where entity in ('clinic', 'doctor') and {where} order by id desc")]
    assert ids(api, **query) == expected


def test_fields_and_refusals(api):
    got = data(api.get(PATH, params={"fields": "actor,action", "page_size": 1}))["items"][0]
    assert set(got) == {"id", "actor", "action"}
    problem(api.get(PATH, params={"fields": "secret"}), "UNKNOWN_FIELD", 422)
    problem(api.get(PATH, params={"page_size": 101}), "VALIDATION_FAILED", 422)
    problem(api.get(PATH, params={"outcome": "good"}), "VALIDATION_FAILED", 422)
    problem(api.get(PATH, params={"actor_id": "x"}), "VALIDATION_FAILED", 422)


def test_verify_walks_the_chain(api, empty_db):
    wait_for("the sealer", lambda: empty_db.value("select count(*) from audit_log where hash is null") == 0, timeout=15)
    n, first, last = empty_db.row("select count(*), min(id), max(id) from audit_log")
    assert data(api.post(PATH + "/verify")) == {"checked": n, "ok": True, "unsealed": 0}
    assert data(api.post(PATH + "/verify", {"from_id": first + 3, "to_id": first + 9})) == {"checked": 7, "ok": True, "unsealed": 0}
    assert data(api.post(PATH + "/verify", {"from_id": last + 10**6, "to_id": None})) == {"checked": 0, "ok": True, "unsealed": 0}
    problem(api.post(PATH + "/verify", {"from_id": 0}), "VALIDATION_FAILED", 422)
    conn = empty_db.connect(autocommit=False)
    conn.cursor().execute("set session_replication_role = replica")
    conn.cursor().execute("update audit_log set changes = %s where id = %s", (json.dumps({"a": [1, 3]}), first + 5))
    conn.commit()
    got = data(api.post(PATH + "/verify"))
    assert (got["ok"], got["first_bad_id"]) == (False, first + 5)
    assert data(api.post(PATH + "/verify", {"to_id": first + 4}))["ok"] is True
    conn.cursor().execute("set session_replication_role = replica")
    conn.cursor().execute("update audit_log set changes = %s where id = %s", (json.dumps({"a": [1, 2]}), first + 5))
    conn.commit()
    conn.close()
    assert data(api.post(PATH + "/verify"))["ok"] is True


def test_verify_goes_piece_by_piece(cluster, template, make_system):
    """More ids than fit one piece, with a gap between them that is larger than a piece."""
    db = cluster.create_database(template=template)
    db.query("insert into users (identifier, is_superuser) values ('A0001', true)")
    insert = ("insert into audit_log (id, at, actor, action, entity, request_id, surface) "
              "select i, now(), 'x', 'test.row', 'test', 'r', 'inner' from generate_series(%s, %s) i")
    db.query(insert, 1, 30)
    db.query(insert, 45000, 45030)
    db.query("select gh_audit_seal()")
    system = make_system(db, {"ratelimit.enabled": "false"}).start()
    assert data(system.api("A0001").post(PATH + "/verify")) == {"checked": 61, "ok": True, "unsealed": 0}
    conn = db.connect(autocommit=False)
    conn.cursor().execute("set session_replication_role = replica")
    conn.cursor().execute("delete from audit_log where id = 45030")
    conn.commit()
    conn.close()
    got = data(system.api("A0001").post(PATH + "/verify"))
    assert (got["ok"], got["first_bad_id"]) == (False, 45030)


def test_a_page_of_a_long_log_reads_its_index(cluster, template):
    db = cluster.create_database(template=template)
    db.query("insert into audit_log (at, actor_id, actor, action, entity, entity_id, request_id, surface) "
             "select now() - make_interval(mins => 200 - i %% 200), i %% 500, 'x', 'test.row', 'test', (i %% 1000)::text, 'r', 'inner' "
             "from generate_series(1, %s) i", 100000)
    db.query("analyze audit_log")
    for call, order in (("null, null, null, null, null, null, null, null, null", "id desc"),
                        ("'{7}', null, null, null, null, null, null, null, null", "id desc"),
                        ("null, null, '{test}', '{77}', null, null, null, null, null", "id desc"),
                        ("null, null, null, null, null, null, now() - interval '5 minutes', now(), null", "at desc, id desc")):
        plan = "\n".join(r[0] for r in db.query(f"explain select id from gh_audit_find({call}) order by {order} limit 20"))
        month = datetime.datetime.now(datetime.timezone.utc).strftime("audit_log_%Y%m")
        assert f"Seq Scan on {month}" not in plan, plan
    db.drop()
