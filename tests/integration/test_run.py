"""ops/dev/run.sh behind make run, up and down: starts all, says what ended, stops what it started and nothing else."""

import os
import re
import shutil
import signal
import socket
import subprocess

import psycopg2
import pytest
import requests

from support import logs, paths
from support.proc import wait_for
from support.system import free_port

SCRIPT = os.path.join(paths.ROOT, "ops/dev/run.sh")


class Site:
    """A run directory and port of its own."""

    def __init__(self, **env):
        self.var = paths.temp_dir(0o755)
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self.env = {k: v for k, v in os.environ.items() if not k.startswith("GUAHAO_")}
        self.env.pop("DATABASE_URL", None)
        self.env.update({"GUAHAO_VAR": self.var, "GUAHAO_HTTP_PORT": str(self.port), "GUAHAO_BUILD": paths.BUILD,
                         "GUAHAO_SHARE": paths.ROOT, "GUAHAO_SEED": "--patients 5 --days 1", **env})

    def run(self, verb, check=True):
        done = subprocess.run([SCRIPT, verb], env=self.env, capture_output=True, text=True, timeout=180,
                              stdin=subprocess.DEVNULL)
        if check:
            assert done.returncode == 0, done.stdout + done.stderr
        return done

    def guahao(self, *args):
        """A command in another shell, which knows the run directory alone."""
        env = {k: v for k, v in self.env.items() if k != "GUAHAO_HTTP_PORT"}
        return subprocess.run([paths.program("guahao"), *args], env=env, capture_output=True, text=True, timeout=60)

    def ready(self):
        try:
            return requests.get(self.base + "/readyz", timeout=5).status_code == 200
        except requests.RequestException:
            return False

    def processes(self):
        """{name: pid} of what it started."""
        with open(os.path.join(self.var, "run.pids")) as f:
            return {line.split()[0]: int(line.split()[1]) for line in f}

    def log(self):
        with open(os.path.join(self.var, "log/run.log")) as f:
            return f.read()


def gone(pid):
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rsplit(")", 1)[1].split()[0] in "ZX"
    except FileNotFoundError:
        return True


@pytest.fixture()
def make_site():
    made = []

    def make(**env):
        made.append(Site(**env))
        return made[-1]

    yield make
    for site in made:
        site.run("down", check=False)
        place = os.path.join(site.var, "pg.dir")
        if os.path.exists(place):                                   # outside the run directory when that is out of reach
            with open(place) as f:
                shutil.rmtree(f.read().strip(), ignore_errors=True)
        paths.remove_dir(site.var)


def test_two_instances_side_by_side_and_data_that_stays(make_site):
    a, b = make_site(), make_site()
    out = a.run("up").stdout
    assert a.base in out and "A0001" in out and "13800000001" in out and "Guahao-2026" in out and "/log/" in out
    b.run("up")
    wait_for("both to be ready", lambda: a.ready() and b.ready())
    login = requests.post(a.base + "/auth/patient/login", json={"phonenumber": "13800000001", "password": "Guahao-2026"},
                          timeout=30).json()
    assert login["code"] == 0
    assert "booking" in a.guahao("queues").stdout                      # run.env tells other shells
    assert a.guahao("seed", "--patients", "8", "--days", "1").returncode == 0
    assert "already" in a.run("up").stdout
    pids = a.processes()
    a.run("down")
    assert all(gone(pid) for pid in pids.values())
    assert not a.ready()
    wait_for("the other one, untouched", b.ready)
    a.run("up")
    assert a.guahao("token", "--first-phone", "13800000001", "--count", "8").returncode == 0
    assert os.path.getsize(os.path.join(a.var, "log/postgres.log")) > 0


def test_a_killed_worker_is_named_and_started_again(make_site):
    site = make_site()
    site.run("up")
    before = site.processes()
    os.kill(before["worker-booking"], signal.SIGKILL)
    wait_for("a new booking worker", lambda: site.processes()["worker-booking"] != before["worker-booking"], timeout=30)
    wait_for("/readyz", site.ready, timeout=60)
    assert "worker-booking ended with status 137" in site.log()
    after = site.processes()
    assert {n: p for n, p in after.items() if n != "worker-booking"} == {n: p for n, p in before.items() if n != "worker-booking"}


def test_the_log_of_the_database_is_turned_over(make_site):
    """By size, lines whole and none lost, as the logs of the programs."""
    site = make_site(GUAHAO_LOG_MAX_BYTES="8192", GUAHAO_LOG_KEEP="500", GUAHAO_SEED="none")
    site.run("up")
    with open(os.path.join(site.var, "run.env")) as f:
        url = dict(line.rstrip("\n").split("=", 1) for line in f)["DATABASE_URL"]
    folder = os.path.join(site.var, "log")
    before = logs.files(folder, "postgres.log")
    with psycopg2.connect(url) as db, db.cursor() as cur:
        cur.execute("do $$ begin for i in 1..2000 loop raise log 'line % of many', i; end loop; end $$")
    db.close()
    wait_for("all lines", lambda: sorted(int(n) for n in re.findall(r"LOG:  line (\d+) of many", logs.text(folder, "postgres.log")))
             == list(range(1, 2001)), 20)
    wait_for("a compressed file", lambda: [f for f in logs.files(folder, "postgres.log") if f.endswith(".gz")], 20)
    assert len(logs.files(folder, "postgres.log")) > len(before)


def test_ctrl_c_stops_all_it_started(make_site):
    site = make_site()
    with open(os.path.join(site.var, "out"), "wb") as out:
        p = subprocess.Popen([SCRIPT, "run"], env=site.env, stdout=out, stderr=out, stdin=subprocess.DEVNULL,
                             start_new_session=True)
    try:
        wait_for("ready", lambda: os.path.exists(os.path.join(site.var, "run.ready")) or p.poll() is not None, timeout=120)
        assert p.poll() is None
        pids = site.processes()
        os.killpg(p.pid, signal.SIGINT)                                # what a terminal does
        assert p.wait(60) == 0
    finally:
        if p.poll() is None:
            p.kill()
            p.wait()
    assert len(pids) == 5 and all(gone(pid) for pid in pids.values())
    with open(os.path.join(site.var, "log/postgres.log")) as f:
        assert "database system is shut down" in f.read()


def test_left_overs_of_a_killed_run_are_stopped(make_site):
    site = make_site()
    site.run("up")
    with open(os.path.join(site.var, "supervisor")) as f:
        os.kill(int(f.read().split()[0]), signal.SIGKILL)
    pids = site.processes()
    assert not any(gone(pid) for pid in pids.values())
    site.run("up")                                                     # takes the place of the dead one
    assert all(gone(pid) for pid in pids.values())
    wait_for("/readyz", site.ready)


def test_another_database_instead_of_the_private_cluster(make_site, cluster):
    db = cluster.create_database()
    site = make_site(DATABASE_URL=db.url)
    site.run("up")
    wait_for("/readyz", site.ready)
    assert db.value("select count(*) from patients") == 5
    assert not os.path.exists(os.path.join(site.var, "pg")) and "postgres" not in site.processes()
    site.run("down")
    db.drop()


def test_a_taken_port_is_told_and_nothing_stays(make_site):
    site = make_site()
    with socket.socket() as s:
        s.bind(("127.0.0.1", site.port))
        s.listen()
        done = site.run("up", check=False)
    assert done.returncode != 0
    assert done.stderr.strip() == f"run: port {site.port} of 127.0.0.1 is in use: GUAHAO_HTTP_PORT=N takes another"
    assert not os.path.exists(os.path.join(site.var, "run.pids"))
