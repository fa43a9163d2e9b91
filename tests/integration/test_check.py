"""guahao check (CM-18): one line for all that the programs need, exit status 1 when something fails; each failure is seen."""

import json
import os

import pytest

from support.proc import wait_for
from support.system import POOLS, System


@pytest.fixture(scope="module")
def site(empty_db, make_system):
    s = make_system(empty_db)
    s.start_broker()
    for pools in POOLS:
        s.start_worker(pools)
    return s


@pytest.fixture()
def alone(empty_db):
    """No program runs."""
    s = System(empty_db)
    yield s
    s.destroy()


def look(site, *args, status=None, conf=None):
    done = site.cli("check", "--json", "--timeout", "300", *args, check=False, conf=conf)
    out = json.loads(done.stdout)
    found = {(c["area"], c["name"]): (c["state"], c["text"]) for c in out["checks"]}
    counts = {s: sum(c[0] == s for c in found.values()) for s in ("ok", "warn", "fail")}
    assert {s: out[s] for s in counts} == counts and done.returncode == (1 if counts["fail"] else 0)
    if status is not None:
        assert done.returncode == status, [f for f in found.items() if f[1][0] == "fail"]
    return found


def failed(found):
    return {k for k, (state, _) in found.items() if state == "fail"}


def test_a_system_that_is_whole(site):
    found = look(site, status=0)
    assert {a for a, _ in found} == {"database", "schema", "clock", "postgresql", "partitions", "jobs", "keys", "storage", "backup",
                                     "broker", "pool"}
    assert found["database", "version"][1].startswith("PostgreSQL 1") and found["clock", "skew"][0] == "ok"
    assert {n for a, n in found if a == "pool"} == set(",".join(POOLS).split(","))
    assert all(state == "ok" for (area, _), (state, _) in found.items() if area in ("pool", "broker", "keys", "schema", "partitions"))
    assert found["backup", "last"] == ("warn", "there is none: guahao backup")
    assert found["postgresql", "fsync"][0] == "warn"            # the cluster of the tests; production does not take it
    production = {"system.mode": "production", "token.secret": "x" * 40, "token.refresh_secret": "y" * 40}
    assert ("postgresql", "fsync") in failed(look(site, conf=production, status=1))


def test_the_table_is_aligned(site):
    done = site.cli("check")
    lines = done.stdout.splitlines()
    assert all(line[:4].strip() in ("ok", "warn", "fail") and line[4:6] == "  " and line[16:18] == "  " for line in lines)
    assert f"{sum(line.startswith('ok') for line in lines)} ok" in done.stderr
    assert site.cli("check", "--quiet").stderr == ""


def test_a_backup_is_seen(site):
    path = site.cli("backup", "--label", "seen").stdout.strip()
    state, text = look(site)["backup", "last"]
    assert state == "ok" and "0 h old" in text and "-seen" in text
    manifest = path.replace(".dump", ".json")
    m = json.load(open(manifest))
    for created, part in (("2026-01-01T00:00:00+08:00", "h old"), ("long ago", "does not say")):
        open(manifest, "w").write(json.dumps({**m, "created_at": created}))
        state, text = look(site)["backup", "last"]
        assert state == "warn" and part in text
    (os.unlink(manifest), os.unlink(path))


def test_a_database_that_does_not_answer_hides_nothing(site):
    found = look(site, "--dsn", "postgresql:///x?host=/nowhere", status=1)
    assert failed(found) == {("database", "connection")} and found["keys", "order numbers"][0] == "ok" and ("pool", "booking") in found


def test_a_schema_that_does_not_fit(site, cluster):
    db = cluster.create_database()
    assert look(site, "--dsn", db.url, status=1)["schema", "version"] == ("fail", "there is none: guahao migrate makes it")
    site.cli("migrate", "--to", "5", "--dsn", db.url)
    state, text = look(site, "--dsn", db.url)["schema", "version"]
    assert state == "fail" and text.startswith("5 of ") and "pending" in text
    db.query("update schema_migrations set checksum = '\\x00' where version = 2")
    assert look(site, "--dsn", db.url)["schema", "history"] == ("fail", "1 migrations were changed after they were applied")
    db.query("insert into schema_migrations values (9000, 'newer', '\\x00', now(), 1)")
    assert look(site, "--dsn", db.url)["schema", "version"][0] == "fail"
    db.drop()


def test_keys(alone):
    found = look(alone, status=1)
    names = {("keys", n) for n in ("access tokens", "refresh tokens", "order numbers", "encrypted columns")}
    assert names <= failed(found) and "guahao keys init" in found["keys", "order numbers"][1]
    alone.cli("keys", "init", "--quiet")
    assert not names & failed(look(alone))
    for file, mode, text, part in (("data.key", 0o644, None, "chmod 600"), ("order.key", 0o600, "short", "no key"),
                                   ("jwt.key", 0o600, "short", "no key")):
        path = os.path.join(alone.var, "keys", file)
        os.chmod(path, mode)
        if text:
            open(path, "w").write(text)
        assert [t for (a, _), (s, t) in look(alone).items() if a == "keys" and s == "fail" and file in t and part in t], file
    same = look(alone, conf={"token.secret": "s" * 40, "token.refresh_secret": "s" * 40})
    assert same["keys", "access tokens"] == ("ok", "token.secret, 40 bytes") and same["keys", "two secrets"][0] == "warn"
    assert look(alone, conf={"token.secret": "short"})["keys", "access tokens"][0] == "fail"
    assert "very-weak" not in json.dumps(list(look(alone, conf={"token.secret": "very-weak"}).values()))


def test_storage(alone, tmp_path):
    (tmp_path / "file").write_text("")
    found = look(alone, conf={"backup.dir": str(tmp_path / "file" / "below")})
    assert found["storage", "backups"][0] == "fail" and found["backup", "last"][0] == "fail"
    found = look(alone, conf={"backup.dir": str(tmp_path / "a" / "b")})
    assert found["storage", "backups"][0] in ("ok", "warn") and "can be made" in found["storage", "backups"][1]


def test_brokers_and_pools(site, alone):
    found = look(alone)
    assert [s for (a, n), (s, _) in found.items() if a == "broker"] == ["fail"] and not [a for a, _ in found if a == "pool"]
    nobody = f"{site.inner},ipc://{alone.var}/run/inner.sock"
    found = look(site, conf={"link.inner": nobody}, status=1)
    assert found["broker", site.inner][0] == "ok" and found["broker", f"ipc://{alone.var}/run/inner.sock"] == ("fail", "no answer")
    site["booking"].stop()
    wait_for("the pool to be gone", lambda: failed(look(site)) == {("pool", "booking")})
    site.start_worker("booking")
    assert failed(look(site)) == set()


def test_rows_without_a_partition_and_jobs(site):
    db = site.database
    db.query("insert into job_done (id, op, status) values ('00000000-0000-7000-8000-000000000001', 'x', 0)")
    db.query("insert into jobs (id, kind, op, service, args, budget_ms, max_attempts, run_at, created_at, status, dead, finished_at, expires_at) "
             "values (gen_random_uuid(), 'mail', 'x', 'x', '\\x80', 1000, 1, now(), now(), 'FAILED', true, now(), now() + interval '1 day')")
    found = look(site, status=0)
    assert found["jobs", "dead"] == ("warn", "1 jobs were given up")
    assert {n for a, n in found if a == "partitions"} == {"audit_log", "job_done", "user_access_log"}
    assert found["partitions", "job_done"] == ("warn", "rows lie in job_done_default: partitions were not made in time")
    db.query("delete from jobs where dead")
    db.query("delete from job_done_default")


def test_wrong_usage(site):
    for args in (["check", "extra"], ["check", "--timeout", "1"], ["check", "--timeout", "x"]):
        assert site.cli(*args, check=False).returncode == 2, args
