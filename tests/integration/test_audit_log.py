"""The audit log: entries with their cause, the chain of hashes, what is refused to everybody (api/29, R-214, decisions 25)."""

import hashlib
import json
import threading
import time

import psycopg2
import pytest

from support.accounts import PASSWORD, add_user
from support.broker import uuid7
from support.jobs import Jobs
from support.proc import wait_for

CONF = {"password.cost": 10}


@pytest.fixture(scope="module")
def system(empty_db, make_system):
    s = make_system(empty_db, CONF)
    s.start_broker()
    s.start_worker("identity")
    return s


@pytest.fixture(scope="module")
def db(empty_db):
    return empty_db


@pytest.fixture(scope="module")
def admin(db):
    user = add_user(db, identifier="AUDIT1", roles=["ADMIN"])
    db.query("update users set is_superuser = true where id = %s", user)
    return user


@pytest.fixture
def jobs(system):
    j = Jobs(system)
    yield j
    j.close()


COLUMNS = ("id", "actor_id", "actor", "roles", "action", "entity", "entity_id", "outcome", "ip", "user_agent", "request_id",
           "surface", "changes", "seq", "prev_hash", "hash")


def entries(db, after=0, where="true"):
    rows = db.query(f"select id, actor_id, actor, roles, action, entity, entity_id, outcome, host(ip), user_agent, request_id, "
                    f"surface, changes, seq, prev_hash, hash from audit_log where id > %s and {where} order by id", after)
    return [dict(zip(COLUMNS, r)) for r in rows]


def last_id(db):
    return db.value("select coalesce(max(id), 0) from audit_log")


def sealed(db):
    wait_for("the sealer", lambda: db.value("select count(*) from audit_log where hash is null") == 0, timeout=10)


def verify(system, *args):
    done = system.cli("audit", "verify", "--json", *args, check=False)
    return done.returncode, json.loads(done.stdout)


_serial = iter(range(1, 1000))


def make_user(jobs, admin, **more):
    n = next(_serial)
    return jobs.call("identity.v1_create_user", actor={"user": admin}, body={
        "username": f"audited{n}", "email": f"audited{n}@example.org", "phone": f"1361234{n:04d}", "password": PASSWORD,
        "full_name": "A. U.", "roles": ["STAFF"], **more}).ok()["id"]


def test_each_change_of_an_account_is_one_entry(jobs, db, admin):
    before = last_id(db)
    user = make_user(jobs, admin)
    jobs.call("identity.v1_update_user", path={"id": user}, body={"full_name": "B", "email": "second@example.org"},
              actor={"user": admin, "ip": "192.0.2.7", "agent": "audit \x01test"}).ok()
    jobs.call("identity.v1_update_user", path={"id": user}, body={"full_name": "B"}, actor={"user": admin}).ok()
    jobs.call("identity.v1_replace_user_roles", path={"id": user}, body={"roles": ["NURSE"]}, actor={"user": admin}).ok()
    jobs.call("identity.set_user_role", path={"user_id": user}, body={"is_admin": True}, actor={"user": admin}).ok()
    jobs.call("identity.set_user_role", path={"user_id": user}, body={"is_admin": True}, actor={"user": admin}).ok()
    jobs.call("identity.v1_unlock_user", path={"id": user}, actor={"user": admin}).ok()
    jobs.call("identity.v1_reset_user_password", path={"id": user}, body={}, actor={"user": admin}).ok()
    jobs.call("identity.v1_revoke_user_sessions", path={"id": user}, actor={"user": admin}).ok()
    jobs.call("identity.v1_delete_user", path={"id": user}, actor={"user": admin}).ok()
    got = entries(db, before)
    assert [e["action"] for e in got] == ["user.create", "user.update", "user.set_roles", "user.set_roles", "user.unlock",
                                          "user.reset_password", "user.end_sessions", "user.delete"]
    for e in got:
        assert (e["entity"], e["entity_id"], e["actor_id"], e["actor"]) == ("user", str(user), admin, "AUDIT1")
        assert e["roles"] == ["SUPERUSER", "ADMIN"] and e["outcome"] == "success" and len(e["request_id"]) == 36
    assert got[0]["changes"]["roles"] == [None, ["STAFF"]] and got[0]["changes"]["is_active"] == [None, True]
    assert got[0]["changes"]["phone"][1].startswith("136****") and got[0]["changes"]["email"][1] == "a***@example.org"
    assert got[1]["changes"] == {"full_name": ["A. U.", "B"], "email": ["a***@example.org", "s***@example.org"]}
    assert (got[1]["ip"], got[1]["user_agent"], got[1]["surface"]) == ("192.0.2.7", "audit ?test", "v1")
    assert got[2]["changes"] == {"roles": [["STAFF"], ["NURSE"]]}
    assert got[3]["changes"] == {"roles": [["NURSE"], ["ADMIN", "NURSE"]]} and got[3]["surface"] == "code"
    assert got[6]["changes"] == {"sessions": [0, 0]}
    assert got[7]["changes"] == {"is_active": [True, False], "is_deleted": [False, True]}
    text = json.dumps([e["changes"] for e in got])
    assert PASSWORD not in text and "hashed" not in text


def test_roles_and_administrators(jobs, db, admin):
    before = last_id(db)
    body = {"code": "AUDITED", "name": "Audited", "permissions": [{"code": "drug:read", "scope": "all"}]}
    jobs.call("identity.v1_create_role", body=body, actor={"user": admin}).ok()
    jobs.call("identity.v1_update_role", path={"code": "audited"}, body={"name": "Changed"}, actor={"user": admin}).ok()
    jobs.call("identity.v1_delete_role", path={"code": "AUDITED"}, actor={"user": admin}).ok()
    jobs.call("identity.register_admin", body={"identifier": "AUDIT9", "password": PASSWORD, "name": "Nine",
                                               "email": "nine@example.org"}, actor={"user": admin}).ok()
    got = entries(db, before)
    assert [(e["action"], e["entity"], e["entity_id"]) for e in got[:3]] == [
        ("role.create", "role", "AUDITED"), ("role.update", "role", "AUDITED"), ("role.delete", "role", "AUDITED")]
    assert got[1]["changes"] == {"name": ["Audited", "Changed"]}
    made = db.value("select id from users where identifier = 'AUDIT9'")
    assert (got[3]["action"], got[3]["entity_id"]) == ("user.create", str(made))
    assert got[3]["changes"]["identifier"] == [None, "AUDIT9"]


def test_a_refusal_of_the_caller_is_noted_one_by_a_rule_is_not(jobs, db, admin):
    before = last_id(db)
    nurse = add_user(db, identifier=f"NURSE{next(_serial)}", roles=["NURSE"])
    jobs.call("identity.v1_delete_user", path={"id": admin}, actor={"user": nurse}).refused("FORBIDDEN")
    jobs.call("identity.v1_update_user", path={"id": 10**9}, body={"full_name": "X"}, actor={"user": admin}).refused("NOT_FOUND")
    (e,) = entries(db, before)
    assert (e["action"], e["entity"], e["entity_id"], e["outcome"], e["actor_id"], e["changes"]) == (
        "identity.v1_delete_user", "identity", None, "denied", nurse, {})


def test_names_that_look_like_something_else(jobs, db, admin):
    before = last_id(db)
    for name in ('{"x"', "true", "[1]", '\\u0000"}'):
        make_user(jobs, admin, full_name=name)
    assert [e["changes"]["full_name"] for e in entries(db, before)] == [[None, n] for n in ('{"x"', "true", "[1]", '\\u0000"}')]


def test_a_job_delivered_twice_is_one_entry(jobs, db, admin):
    before = last_id(db)
    user = make_user(jobs, admin)
    first = last_id(db)
    assert first == before + 1
    id = uuid7()
    for more in ({}, {"resend": True}):
        jobs.call("identity.v1_update_user", path={"id": user}, body={"full_name": "Twice"}, actor={"user": admin}, id=id,
                  **more).ok()
    assert [e["action"] for e in entries(db, first)] == ["user.update"]


def test_entries_are_sealed_within_a_second_and_chained(jobs, system, db, admin):
    make_user(jobs, admin)
    start = time.monotonic()
    wait_for("the seal", lambda: entries(db)[-1]["hash"] is not None, timeout=5)
    assert time.monotonic() - start < 2                # a second, and what a busy machine adds
    chain = sorted(entries(db), key=lambda e: e["seq"])
    before = b"\0" * 32
    for place, e in enumerate(chain, 1):
        assert e["seq"] == place and bytes(e["prev_hash"]) == before
        before = bytes(e["hash"])
    code, said = verify(system)
    assert code == 0 and said == {"checked": len(chain), "ok": True, "unsealed": 0, "head": before.hex()}
    e = chain[0]                                       # the canonical form, made here from what the table shows
    us, prev = db.row("select (extract(epoch from at) * 1000000)::bigint, prev_hash from audit_log where id = %s", e["id"])
    members = db.value("select jsonb_build_array(%s::bigint, %s::bigint, %s::bigint, %s::bigint, %s::text, to_jsonb(%s::text[]), "
                       "%s::text, %s::text, %s::text, null, 'success', %s::text, %s::text, %s::text, %s::text, %s::jsonb)::text",
                       e["seq"], e["id"], us, e["actor_id"], e["actor"], e["roles"], e["action"], e["entity"], e["entity_id"],
                       e["ip"], e["user_agent"], e["request_id"], e["surface"], json.dumps(e["changes"]))
    assert hashlib.sha256(bytes(prev) + members.encode()).hexdigest() == bytes(e["hash"]).hex()


def test_nobody_changes_or_removes_entries(jobs, db, admin):
    make_user(jobs, admin)
    sealed(db)
    part = db.value("select tableoid::regclass::text from audit_log order by id desc limit 1")
    for sql in ("update audit_log set actor = 'x'", "update audit_log set hash = null, seq = null, prev_hash = null",
                "delete from audit_log", "truncate audit_log", f"truncate {part}", f"delete from {part}",
                f"update {part} set changes = '{{}}'"):
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            db.query(sql)
    db.query("insert into audit_log (at, actor, action, entity, request_id, surface) "
             "values (now(), 'x', 'test.unsealed', 'test', 'r', 'inner')")
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):    # not even while it is unsealed
        db.query("update audit_log set actor = 'y', seq = 1, prev_hash = '', hash = '' where action = 'test.unsealed'")
    with pytest.raises(psycopg2.errors.CheckViolation):
        db.query("insert into audit_log (at, actor, action, entity, request_id, surface, changes) "
                 "values (now(), 'x', 'test.bad', 'test', 'r', 'inner', '[]')")


@pytest.mark.parametrize("tamper, first_bad", [
    ("update audit_log set changes = '{\"a\": [1, 2]}' where seq = 3", 3),
    ("update audit_log set actor_id = 77 where seq = 1", 1),
    ("update audit_log set at = at + interval '1 microsecond' where seq = 2", 2),
    ("delete from audit_log where seq = 2", 3),
    ("delete from audit_log where seq = 1", 2),
    ("delete from audit_log where seq = (select max(seq) from audit_log)", "end"),
    ("update audit_log set hash = sha256('x') where seq = 4", 4),
])
def test_verify_names_the_first_bad_entry(cluster, template, system, tamper, first_bad):
    other = cluster.create_database(template=template)
    try:
        for i in range(6):
            other.query("insert into audit_log (at, actor, action, entity, entity_id, request_id, surface) "
                        "values (now(), 'x', 'test.row', 'test', %s, 'r', 'inner')", str(i))
        assert other.value("select gh_audit_seal()") == 6
        place = dict(other.query("select seq, id from audit_log"))
        run = lambda *args: system.cli("audit", "verify", "--json", "--dsn", other.url, *args, check=False)
        assert run().returncode == 0
        conn = other.connect(autocommit=False)
        conn.cursor().execute("set session_replication_role = replica")       # what an intruder with the keys would do
        conn.cursor().execute(tamper)
        conn.commit()
        conn.close()
        done = run()
        assert done.returncode == 1
        assert json.loads(done.stdout)["first_bad_id"] == place[6 if first_bad == "end" else first_bad]
        if first_bad in (3, 4):
            assert run("--to", str(place[first_bad - 2])).returncode == 0      # what stands before it is good
    finally:
        other.drop()


def test_one_sealer_at_a_time_and_no_gap(cluster, template):
    other = cluster.create_database(template=template)
    try:
        stop = threading.Event()
        failures = []

        def write(n):
            conn = other.connect(autocommit=False)
            for i in range(60):
                conn.cursor().execute("insert into audit_log (at, actor, action, entity, request_id, surface) "
                                      "values (now(), 'x', 'test.row', 'test', 'r', 'inner')")
                if i % 7 == n:
                    time.sleep(0.002)                  # commits in another order than their ids
                conn.commit()
            conn.close()

        def seal():
            conn = other.connect()
            while not stop.is_set():
                try:
                    conn.cursor().execute("select gh_audit_seal(17)")
                except psycopg2.Error as e:
                    failures.append(e)
            conn.close()

        writers = [threading.Thread(target=write, args=(n,)) for n in range(4)]
        sealers = [threading.Thread(target=seal) for _ in range(3)]
        for t in writers + sealers:
            t.start()
        for t in writers:
            t.join()
        wait_for("all sealed", lambda: other.value("select count(*) from audit_log where hash is null") == 0, timeout=30)
        stop.set()
        for t in sealers:
            t.join()
        assert not failures
        assert other.row("select count(*), min(seq), max(seq), count(distinct seq) from audit_log") == (240, 1, 240, 240)
        assert other.row("select checked, unsealed, first_bad_id from gh_audit_verify(null, null)") == (240, 0, None)
    finally:
        other.drop()


def test_partitions_are_made_ahead(db):
    names = {r[0] for r in db.query("select inhrelid::regclass::text from pg_inherits where inhparent = 'audit_log'::regclass")}
    months = db.query("select 'audit_log_' || to_char(date_trunc('month', now() at time zone 'UTC') + make_interval(months => i), "
                      "'YYYYMM') from generate_series(0, 3) i")
    assert {m for m, in months} <= names and "audit_log_default" in names
    db.query("insert into audit_log (at, actor, action, entity, request_id, surface) "
             "values ('2031-05-05', 'x', 'test.far', 'test', 'r', 'inner')")
    assert db.value("select gh_audit_partitions('2031-05-20')") == 3           # May stays in the default partition
    assert db.value("select tableoid::regclass::text from audit_log where action = 'test.far'") == "audit_log_default"


def test_changes_are_what_differs_masked(db):
    assert db.value("""select gh_changes('{"a": 1, "b": [1], "c": null, "version": 1}', '{"a": 2, "b": [1], "d": "x", "version": 2}')
                    """) == {"a": [1, 2], "d": [None, "x"]}
    assert db.value("select gh_changes(null, '{\"a\": 1}')") == {"a": [None, 1]}
    assert db.value("""select gh_audit_changes('{"phone": ["13812345678", "123"], "email": [null, "me@x.org"],
                    "new_password": ["a", "b"], "name": ["n", "m"]}')""") == {
        "phone": ["138****5678", "****"], "email": [None, "m***@x.org"], "new_password": ["***", "***"], "name": ["n", "m"]}
