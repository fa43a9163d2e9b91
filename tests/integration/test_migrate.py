"""guahao migrate: once each, in one transaction each, under a lock, and never an edited history (R-241, R-242)."""

import hashlib
import os
import re
import shutil
import subprocess
import threading

import pytest

from support import paths
from support.system import System

MIGRATIONS = sorted(f for f in os.listdir(os.path.join(paths.ROOT, "schema/migrations")) if f.endswith(".sql"))


@pytest.fixture()
def share(tmp_path):
    """A share directory of this test's own, to edit its migrations."""
    shutil.copytree(os.path.join(paths.ROOT, "schema"), tmp_path / "schema")
    return tmp_path


@pytest.fixture()
def cli(cluster, share):
    """cli(*args, check=False) -> CompletedProcess on a new, empty database; cli.db is it."""
    db = cluster.create_database()
    system = System(db)

    def run(*args, check=False):
        env = system.env()
        env["GUAHAO_SHARE"] = str(share)
        done = subprocess.run([paths.program("guahao"), *args], env=env, capture_output=True, text=True, timeout=60)
        if check:
            assert done.returncode == 0, done.stderr
        return done

    run.db = db
    run.dir = share / "schema/migrations"
    yield run
    system.destroy()
    db.drop()


def versions(db):
    return [r[0] for r in db.query("select version from schema_migrations order by version")]


def test_up_applies_all_and_then_nothing(cli):
    assert cli("migrate", check=True).stderr.endswith(f"{len(MIGRATIONS)} applied\n")
    assert versions(cli.db) == list(range(1, len(MIGRATIONS) + 1))
    again = cli("migrate", "up", "--exit-code")
    assert again.returncode == 4 and "0 applied" in again.stderr
    assert cli("migrate", "up").returncode == 0


def test_to_stops_at_a_version(cli):
    cli("migrate", "up", "--to", "2", check=True)
    assert versions(cli.db) == [1, 2]
    status = cli("migrate", "status", "--exit-code")
    assert status.returncode == 0                                     # something is pending
    assert [line.split()[2] for line in status.stdout.splitlines()][:3] == ["applied", "applied", "pending"]
    cli("migrate", check=True)
    assert cli("migrate", "status", "--exit-code").returncode == 4


def test_dry_run_prints_and_changes_nothing(cli):
    done = cli("migrate", "--dry-run", check=True)
    assert "create table users" in done.stdout
    assert cli.db.value("select to_regclass('schema_migrations') is null and to_regclass('users') is null")


def test_an_edited_applied_file_stops_everything(cli):
    cli("migrate", "up", "--to", "2", check=True)
    with open(cli.dir / MIGRATIONS[0], "a") as f:
        f.write("-- harmless\n")
    for args in (["migrate"], ["migrate", "status"]):
        done = cli(*args)
        assert done.returncode == 1 and MIGRATIONS[0][:-4] in done.stderr, done.stderr
    assert versions(cli.db) == [1, 2]


def test_a_newer_database_is_refused(cli):
    cli("migrate", check=True)
    cli.db.query("insert into schema_migrations values (999, 'future', '\\x00', now(), 1)")
    done = cli("migrate")
    assert done.returncode == 1 and "999" in done.stderr


def test_a_failing_file_leaves_no_trace_and_names_its_line(cli):
    n = len(MIGRATIONS) + 1
    (cli.dir / f"{n:04d}_broken.sql").write_text("create table half (id int);\n-- 上午\nselect * from nowhere_at_all;\n")
    done = cli("migrate")
    assert done.returncode == 1
    assert re.search(rf"{n:04d}_broken.sql:3:\d+: .*nowhere_at_all", done.stderr), done.stderr
    assert cli.db.value("select to_regclass('half') is null")
    assert versions(cli.db)[-1] == n - 1
    (cli.dir / f"{n:04d}_broken.sql").write_text("create table half (id int);\n")
    cli("migrate", check=True)
    assert versions(cli.db)[-1] == n


def test_a_file_may_not_end_its_transaction(cli):
    n = len(MIGRATIONS) + 1
    (cli.dir / f"{n:04d}_sly.sql").write_text("create table sly (id int);\ncommit;\n")
    done = cli("migrate")
    assert done.returncode == 1 and "transaction" in done.stderr
    assert n not in versions(cli.db)


def test_two_at_once_apply_each_file_once(cli):
    results = []
    threads = [threading.Thread(target=lambda: results.append(cli("migrate"))) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert [r.returncode for r in results] == [0, 0, 0, 0], [r.stderr for r in results]
    assert sorted(int(r.stderr.split()[-2]) for r in results) == [0, 0, 0, len(MIGRATIONS)]
    assert versions(cli.db) == list(range(1, len(MIGRATIONS) + 1))


def test_there_is_no_way_down(cli):
    done = cli("migrate", "down", "--to", "1")
    assert done.returncode == 2 and "backup" in done.stderr


def test_new_makes_the_next_file(cli):
    done = cli("migrate", "new", "more_things", check=True)
    n = len(MIGRATIONS) + 1
    assert done.stdout.strip().endswith(f"/{n:04d}_more_things.sql")
    assert (cli.dir / f"{n:04d}_more_things.sql").exists()
    assert cli("migrate", "new", "Bad Name").returncode == 2
    assert cli("migrate", "new").returncode == 2


def test_the_recorded_digest_is_that_of_the_file(cli):
    cli("migrate", check=True)
    for version, name, checksum in cli.db.query("select version, name, checksum from schema_migrations"):
        content = (cli.dir / f"{version:04d}_{name}.sql").read_bytes()
        assert bytes(checksum) == hashlib.sha256(content).digest()


def test_partitions_take_over_what_the_default_caught(cli):
    cli("migrate", check=True)
    q = cli.db.value
    for hours in (0, 2, 30):
        cli.db.query("insert into job_done (id, op, status) values (gh_uuid7_floor(now() + make_interval(hours => %s)), 'x', 0)",
                     hours)
    assert q("select count(*) from only job_done_default") == 3
    assert q("select gh_job_done_partitions(now(), 6)") == 8
    assert q("select count(*) from only job_done_default") == 1            # the far one
    assert q("select count(*) from job_done") == 3
    assert q("select gh_job_done_partitions(now(), 6)") == 0
    # two days later the old ones are gone, the far one has its own partition
    assert q("select gh_job_done_partitions(now() + interval '30 hours', 6)") == 8
    assert q("select count(*) from job_done") == 1
    assert q("select count(*) from only job_done_default") == 0
