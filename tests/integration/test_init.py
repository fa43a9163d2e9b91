"""guahao init (CM-01): its modes, and --ephemeral: a cluster to throw away that ends with the command."""

import json
import os
import signal
import subprocess

import psycopg2
import pytest

from support import paths
from support.proc import wait_for
from support.system import System


@pytest.fixture()
def site(empty_db):
    s = System(empty_db)
    yield s
    s.destroy()


class Ephemeral:
    """A running `guahao init --ephemeral ARGS`."""

    def __init__(self, site, *args, **env):
        self.p = subprocess.Popen([paths.program("guahao"), "init", *args], env={**site.env({"password.cost": 10}), **env},
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        line = self.p.stdout.readline().strip()
        self.dsn = json.loads(line)["dsn"] if line.startswith("{") else line
        self.dir = self.dsn.split("host=")[-1].split("&")[0]

    def value(self, query):
        with psycopg2.connect(self.dsn) as conn, conn.cursor() as cur:
            cur.execute(query)
            return cur.fetchone()[0]

    def end(self, sig=signal.SIGTERM):
        self.p.send_signal(sig)
        out, err = self.p.communicate(timeout=30)
        return self.p.returncode, err


def test_an_ephemeral_cluster_lives_as_long_as_the_command(site):
    e = Ephemeral(site, "--ephemeral", "--mode", "app", "--seed-count", "12")
    assert e.dsn.startswith("postgresql:///guahao?host=") and e.value("select count(*) from patients") == 12
    assert e.value("show fsync") == "off" and e.value("show listen_addresses") == ""
    # other commands reach it
    assert site.cli("migrate", "status", "--exit-code", "--dsn", e.dsn, check=False).returncode == 4
    status, err = e.end(signal.SIGINT)
    assert status == 0 and "serves until Ctrl-C" in err and not os.path.exists(e.dir)
    assert site.database.value("select count(*) from patients") == 0           # the one of the settings was left alone


def test_sqlite_is_taken_for_it_with_a_warning(site):
    e = Ephemeral(site, "--sqlite", "--no-demo", "--json")
    assert e.value("select count(*) from users") == 0 and e.value("select count(*) > 60 from schema_migrations")
    # PostgreSQL that ends by itself ends the command, and nothing is left
    with open(f"{e.dir}/data/postmaster.pid", encoding="ascii") as f:
        os.kill(int(f.readline()), signal.SIGQUIT)
    wait_for("its end", lambda: e.p.poll() is not None)
    err = e.p.communicate()[1]
    assert e.p.returncode == 1 and "PostgreSQL has ended" in err and "--sqlite means --ephemeral" in err and not os.path.exists(e.dir)


def test_a_cluster_that_cannot_be_made(site, tmp_path):
    tmp = tmp_path / "t"
    tmp.mkdir()
    env = {**site.env(), "GUAHAO_PG_BIN": str(tmp_path), "TMPDIR": "/tmp"}
    before = {d for d in os.listdir("/tmp") if d.startswith("guahao-")}
    done = subprocess.run([paths.program("guahao"), "init", "--ephemeral"], env=env, capture_output=True, text=True)
    assert done.returncode == 1 and "initdb" in done.stderr and done.stdout == ""
    assert not [d for d in set(os.listdir("/tmp")) - before if d.startswith("guahao-") and f"cluster in /tmp/{d}" in done.stderr]
    site.cli("keys", "init", "--quiet")
    for args, conf in ((["--ephemeral", "--dsn", "postgresql:///x"], {}), (["--ephemeral", "--sql", "x"], {}),
                       (["--ephemeral", "--no-demo", "--force", "--yes"], {"system.mode": "production", "payment.sandbox": "false"})):
        assert site.cli("init", *args, check=False, conf=conf).returncode == 2, args


def test_full_with_a_schema_file(site, tmp_path):
    f = tmp_path / "own.sql"
    f.write_text("create table own_notes (id int); insert into own_notes values (7);")
    site.cli("init", "--mode", "full", "--sql", str(f), "--no-demo")
    assert site.database.value("select id from own_notes") == 7 and site.database.value("select count(*) > 60 from schema_migrations")
    done = site.cli("init", "--mode", "migrate")
    assert "0 applied" in done.stderr
    f.write_text("create table own_notes (id int); selekt 1;")
    done = site.cli("init", "--mode", "full", "--sql", str(f), "--no-demo", check=False)
    assert done.returncode == 1 and "selekt" in done.stderr and site.database.value("select id from own_notes") == 7
    assert site.cli("init", "--mode", "full", "--sql", str(tmp_path / "none.sql"), "--no-demo", check=False).returncode == 1
    for args in (["--seed-count", "0"], ["--seed-count", "10001"], ["--mode", "odd"], ["--mode", "migrate", "--sql", str(f)]):
        assert site.cli("init", *args, check=False).returncode == 2, args
