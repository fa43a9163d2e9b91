"""guahao backup and restore: the same rows and digests elsewhere, damage seen before anything changes (R-246, R-247)."""

import hashlib
import json
import os
import signal
import stat
import subprocess
import time

import pytest

from support import paths
from support.system import System

KEY = "a key of more than sixteen characters"


@pytest.fixture(scope="module")
def site(demo_db):
    s = System(demo_db)
    yield s
    s.destroy()


@pytest.fixture()
def target(cluster):
    """An empty database."""
    db = cluster.create_database()
    yield db
    db.drop()


@pytest.fixture(scope="module")
def archive(site):
    """A plain backup of the demo database."""
    path = site.cli("backup", "--label", "nightly", "--quiet").stdout.strip()
    assert os.path.isfile(path)
    return path


def manifest(archive):
    return json.load(open(archive.replace(".dump", ".json"), encoding="utf-8"))


def digests(db):
    """Rows and their digest, by table."""
    names = [n for n, in db.query("select c.oid::regclass::text from pg_class c where relkind = 'r' and "
                                  "relnamespace = 'public'::regnamespace order by 1")]
    return {n: db.row(f"select count(*), md5(coalesce(string_agg(t::text, '' order by t::text), '')) from only {n} t")
            for n in names}


def copy(archive, folder, cut=None, change=None):
    """The archive and its manifest elsewhere, shortened or with a byte turned over."""
    data = bytearray(open(archive, "rb").read())
    if cut:
        del data[-cut:]
    if change is not None:
        data[change] ^= 1
    path = os.path.join(folder, "copy.dump")
    open(path, "wb").write(data)
    open(os.path.join(folder, "copy.json"), "w").write(json.dumps(manifest(archive)))
    return path


def empty(db):
    return db.value("select count(*) from pg_class where relnamespace = 'public'::regnamespace") == 0


def test_a_backup_has_a_manifest(site, archive):
    m = manifest(archive)
    data = open(archive, "rb").read()
    assert (m["sha256"], m["size"]) == (hashlib.sha256(data).hexdigest(), len(data))
    assert m["label"] == "nightly" and "-nightly.dump" in archive and m["encrypted"] is False and m["created_at"][-6] in "+-"
    assert m["schema_version"] == site.database.value("select max(version) from schema_migrations")
    assert m["tables"]["patients"] == site.database.value("select count(*) from patients") > 0
    assert m["files"] == site.database.value("select count(*) from stored_files")
    for path in (archive, archive.replace(".dump", ".json")):
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600


def test_it_restores_with_the_same_rows_and_digests(site, archive, target):
    site.cli("restore", archive, "--target-dsn", target.url)
    assert digests(target) == digests(site.database)
    kinds = "select count(*), count(*) filter (where contype = 'f') from pg_constraint where connamespace = 'public'::regnamespace"
    assert target.row(kinds) == site.database.row(kinds)
    assert site.cli("migrate", "status", "--dsn", target.url).returncode == 0
    # not twice, unless told so: then what was there is gone
    again = site.cli("restore", archive, "--target-dsn", target.url, check=False)
    assert again.returncode == 2 and "not empty" in again.stderr
    target.query("create table left_behind (id int)")
    site.cli("restore", archive, "--target-dsn", target.url, "--force")
    assert target.value("select to_regclass('left_behind') is null") and digests(target) == digests(site.database)
    done = site.cli("restore", archive, "--target-dsn", target.url, "--force", check=False,
                    conf={"system.mode": "production", "token.secret": "x" * 40, "token.refresh_secret": "y" * 40})
    assert done.returncode == 2 and "--yes" in done.stderr


def test_an_older_archive_is_migrated(site, target, cluster, tmp_path):
    old = cluster.create_database()
    site.cli("migrate", "up", "--to", "40", "--dsn", old.url)
    path = site.cli("backup", "--out", str(tmp_path), "--dsn", old.url).stdout.strip()
    old.drop()
    assert manifest(path)["schema_version"] == 40
    site.cli("restore", path, "--target-dsn", target.url)
    assert target.value("select max(version) from schema_migrations") > 40


def test_a_newer_archive_is_refused(site, archive, target, tmp_path):
    path = copy(archive, tmp_path)
    m = manifest(path)
    (tmp_path / "copy.json").write_text(json.dumps({**m, "schema_version": 9000}))
    done = site.cli("restore", path, "--target-dsn", target.url, check=False)
    assert done.returncode == 1 and "newer" in done.stderr and empty(target)


@pytest.mark.parametrize("how", [{"cut": 1}, {"cut": 5000}, {"change": 0}, {"change": 9000}, {"change": -1}])
def test_damage_is_found_before_anything_changes(site, archive, target, tmp_path, how):
    path = copy(archive, tmp_path, **how)
    target.query("create table mine (id int)")
    done = site.cli("restore", path, "--target-dsn", target.url, "--force", check=False)
    assert done.returncode == 1 and done.stderr and target.value("select to_regclass('mine') is not null")
    assert site.cli("restore", path, "--verify-only", check=False).returncode == 1


def test_verify_only_needs_no_database(site, archive):
    done = site.cli("restore", archive, "--verify-only", "--dsn", "postgresql:///x?host=/nowhere")
    assert "bytes checked" in done.stderr and " is whole" in done.stderr and done.stdout == ""


def test_a_manifest_that_is_missing_or_wrong(site, archive, tmp_path):
    path = copy(archive, tmp_path)
    for text in ("{}", "nothing", json.dumps({**manifest(archive), "sha256": "0" * 64})):
        (tmp_path / "copy.json").write_text(text)
        assert site.cli("restore", path, "--verify-only", check=False).returncode == 1
    os.unlink(tmp_path / "copy.json")
    done = site.cli("restore", path, "--verify-only", check=False)
    assert done.returncode == 1 and "manifest" in done.stderr
    assert site.cli("restore", str(tmp_path / "none.dump"), check=False).returncode == 1


def test_rows_that_the_manifest_does_not_have_fail_the_restore(site, archive, target, tmp_path):
    path = copy(archive, tmp_path)
    m = manifest(path)
    m["tables"]["patients"] += 1
    (tmp_path / "copy.json").write_text(json.dumps(m))
    done = site.cli("restore", path, "--target-dsn", target.url, check=False)
    assert done.returncode == 1 and "table patients has" in done.stderr


def test_an_encrypted_one(site, target, tmp_path):
    key = {"backup.key": KEY}
    path = site.cli("backup", "--encrypt", "--out", str(tmp_path), conf=key).stdout.strip()
    data = open(path, "rb").read()
    assert manifest(path)["encrypted"] is True and data[:9] == b"GHBACKUP1" and b"PGDMP" not in data
    assert manifest(path)["sha256"] == hashlib.sha256(data).hexdigest()
    # the digest can be checked by anybody, the rest not
    site.cli("restore", path, "--verify-only")
    target.query("create table mine (id int)")
    for wrong in ({}, {"backup.key": KEY + "!"}):
        done = site.cli("restore", path, "--target-dsn", target.url, "--force", check=False, conf=wrong)
        assert done.returncode == 1 and "key" in done.stderr and target.value("select to_regclass('mine') is not null")
    target.query("drop table mine")
    for how in ({"cut": 3}, {"change": -1}, {"change": 40}, {"change": 9}):
        folder = tmp_path / "damaged"
        folder.mkdir(exist_ok=True)
        bad = copy(path, folder, **how)
        m = manifest(path)
        raw = open(bad, "rb").read()
        (folder / "copy.json").write_text(json.dumps({**m, "sha256": hashlib.sha256(raw).hexdigest(), "size": len(raw)}))
        done = site.cli("restore", bad, "--target-dsn", target.url, check=False, conf=key)
        assert done.returncode == 1 and "damaged" in done.stderr and empty(target), how
    site.cli("restore", path, "--target-dsn", target.url, conf=key)
    assert digests(target) == digests(site.database)


def test_encryption_needs_a_key(site, tmp_path):
    for conf in ({}, {"backup.key": "short"}):
        done = site.cli("backup", "--encrypt", "--out", str(tmp_path), check=False, conf=conf)
        assert done.returncode == 2 and "GUAHAO_BACKUP_KEY" in done.stderr
    assert os.listdir(tmp_path) == []


def test_to_stdout(site, target, tmp_path):
    path = tmp_path / "piped.dump"
    done = subprocess.run([paths.program("guahao"), "backup", "--out", "-", "--quiet"], env=site.env(), capture_output=True)
    assert done.returncode == 0 and done.stdout.startswith(b"PGDMP")
    path.write_bytes(done.stdout)
    (tmp_path / "piped.json").write_bytes(done.stderr.splitlines()[-1])
    site.cli("restore", str(path), "--target-dsn", target.url)
    assert digests(target) == digests(site.database)


def test_keep_removes_the_oldest_of_ours_only(site, tmp_path, empty_db):
    other = tmp_path / "guahao-notes.json"
    other.write_text("{}")
    made = [site.cli("backup", "--out", str(tmp_path), "--keep", "2", "--dsn", empty_db.url).stdout.strip() for _ in range(3)]
    kept = {os.path.basename(p) for p in made[1:]}
    assert set(os.listdir(tmp_path)) == kept | {k.replace(".dump", ".json") for k in kept} | {other.name}


def test_the_setting_of_the_database_says_how_many_are_kept(site, tmp_path, empty_db):
    def backup():
        site.cli("backup", "--dsn", empty_db.url, conf={"backup.dir": str(tmp_path)})
        return len([n for n in os.listdir(tmp_path) if n.endswith(".dump")])

    site.cli("config", "set", "backup.keep", "1", "--dsn", empty_db.url)
    try:
        assert [backup(), backup()] == [1, 1]
    finally:
        site.cli("config", "set", "backup.keep", "--default", "--dsn", empty_db.url)


def test_json_gives_the_manifest(site, tmp_path, empty_db):
    done = site.cli("backup", "--out", str(tmp_path), "--json", "--dsn", empty_db.url)
    assert json.loads(done.stdout)["sha256"]


def test_a_failure_leaves_nothing(site, tmp_path, cluster, empty_db):
    folder = tmp_path / "none"
    none = cluster.create_database()
    done = site.cli("backup", "--out", str(folder), "--dsn", none.url, check=False)
    none.drop()
    assert done.returncode == 1 and "guahao migrate" in done.stderr and not folder.exists()
    assert site.cli("backup", "--out", str(folder), "--dsn", "postgresql:///x?host=/nowhere", check=False).returncode == 3
    (tmp_path / "file").write_text("")
    assert site.cli("backup", "--out", str(tmp_path / "file"), "--dsn", empty_db.url, check=False).returncode == 1
    # pg_dump that fails, or is not there
    tools = tmp_path / "tools"
    tools.mkdir()
    for text in ("#!/bin/sh\nprintf PGDMP-half; echo broken >&2; exit 1\n", None):
        (tools / "pg_dump").write_text(text) if text else (tools / "pg_dump").unlink()
        if text:
            (tools / "pg_dump").chmod(0o755)
        env = {**site.env(), "PATH": f"{tools}:/bin" if text else str(tools), "DATABASE_URL": empty_db.url}
        done = subprocess.run([paths.program("guahao"), "backup", "--out", str(folder)], env=env, capture_output=True, text=True)
        assert done.returncode == 1 and "pg_dump failed" in done.stderr and os.listdir(folder) == []


def test_a_signal_leaves_nothing(site, tmp_path, empty_db):
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "pg_dump").write_text("#!/bin/sh\nprintf PGDMP-half\nexec sleep 60\n")
    (tools / "pg_dump").chmod(0o755)
    folder = tmp_path / "out"
    env = {**site.env(), "PATH": f"{tools}:/usr/bin:/bin", "DATABASE_URL": empty_db.url}
    p = subprocess.Popen([paths.program("guahao"), "backup", "--out", str(folder)], env=env, stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + 20
    while not (folder.exists() and os.listdir(folder)) and time.monotonic() < until:
        time.sleep(0.02)
    p.send_signal(signal.SIGTERM)
    assert "interrupted" in p.communicate(timeout=20)[1]
    assert p.returncode == 1 and os.listdir(folder) == []


def test_wrong_usage(site, archive):
    for args in (["backup", "--label", "a/b"], ["backup", "--label", ""], ["backup", "--keep", "0"], ["backup", "--keep", "x"],
                 ["backup", "--out", "-", "--keep", "1"], ["backup", "extra"], ["restore"], ["restore", "a", "b"],
                 ["restore", archive, "--target-dsn", "mysql://h/x"]):
        assert site.cli(*args, check=False).returncode == 2, args
    assert site.cli("restore", archive, "--target-dsn", "postgresql:///x?host=/nowhere", check=False).returncode == 3
