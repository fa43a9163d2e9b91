"""Backups over HTTP (SY-13, SY-14; R-246): durable jobs of a superuser, made one after another, with the code of `guahao backup`."""

import hashlib
import json
import os
import shutil
import stat

import pytest

from support.accounts import add_user
from support.http import data, problem
from support.proc import wait_for
from support.system import POOLS

PATH = "/api/v1/system/backups"
KEY = "a key of more than sixteen characters"
POOL = "system"

# pg_dump, or what a test puts in its place: while `how` says "slow" it writes a little and goes on when that file is gone, "broken" fails
SCRIPT = """#!/bin/sh
how=$(cat {dir}/how 2>/dev/null)
echo $$ >> {dir}/pids
[ "$how" = broken ] && exit 1
if [ "$how" = slow ]; then
    head -c 700000 /dev/zero
    while [ -f {dir}/how ]; do sleep 0.05; done
    exit 1
fi
exec {pg_dump} "$@"
"""


class Site:
    def __init__(self, db, make_system, tools):
        self.db, self.tools = db, tools
        (tools / "pg_dump").write_text(SCRIPT.format(dir=tools, pg_dump=shutil.which("pg_dump")))
        (tools / "pg_dump").chmod(0o755)
        self.system = make_system(db)
        self.system.start((",".join(p for pools in POOLS for p in pools.split(",") if p != POOL), POOL))
        db.query("update job_schedules set enabled = false where name <> 'backup'")
        self.users = {name: add_user(db, ["ADMIN"], username=name, is_superuser=name == "root") for name in ("root", "boss")}
        self.root, self.boss = self.system.api(user="root"), self.system.api(user="boss")
        self.dir = os.path.join(self.system.var, "backups")

    def how(self, word):
        if word:
            (self.tools / "how").write_text(word)
        else:
            (self.tools / "how").unlink(missing_ok=True)

    def ask(self, label=None):
        r = self.root.post(PATH, {"label": label} if label else None)
        job = data(r, 202)
        assert r.headers["Location"] == f"/api/v1/jobs/{job['id']}"
        return job["id"]

    def job(self, job):
        return data(self.root.get(f"/api/v1/jobs/{job}"))

    def ended(self, job):
        wait_for("the end of the backup", lambda: self.job(job)["finished_at"], 60)
        return self.job(job)

    def made(self, label=None):
        job = self.ended(self.ask(label))
        assert job["status"] == "DONE", job
        return job

    def list(self):
        return data(self.root.get(PATH))

    def files(self, suffix=".dump"):
        return sorted(f for f in os.listdir(self.dir) if f.endswith(suffix)) if os.path.isdir(self.dir) else []

    def begun(self):
        """How often pg_dump was begun."""
        pids = self.tools / "pids"
        return len(pids.read_text().splitlines()) if pids.exists() else 0

    def writing(self):
        wait_for("pg_dump", lambda: self.files(".partial"))

    def quiet(self):
        wait_for("all jobs", lambda: self.db.value("select count(*) from jobs where finished_at is null and kind = 'backup'") == 0)


@pytest.fixture(scope="module")
def site(empty_db, make_system, tmp_path_factory):
    tools = tmp_path_factory.mktemp("tools")
    tools.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
        yield Site(empty_db, make_system, tools)


@pytest.fixture(autouse=True)
def settled(site):
    """What a test leaves is cancelled, and over before the real pg_dump is back: else it makes a backup that the next test counts."""
    yield
    site.db.query("update jobs set status = 'CANCELLED', lease_until = null, finished_at = now(), expires_at = now() where finished_at is null "
                  "and kind = 'backup'")
    wait_for("the workers' backups", lambda: site.db.value(
        "select count(*) from pg_stat_activity where application_name = 'guahao-worker backup' and datname = current_database()") == 0)
    site.how(None)


def test_only_a_superuser(site):
    for api, name, status in ((site.boss, "SUPERUSER_REQUIRED", 403), (site.system.api(), "TOKEN_INVALID", 401)):
        for method in ("GET", "POST"):
            r = api.request(method, PATH)
            assert r.status_code == status, r.text
            if status == 403:
                problem(r, name, status)
    assert site.db.value("select count(*) from jobs where kind = 'backup'") == 0


def test_a_backup_is_a_job_and_an_entry_of_the_list(site, cluster):
    assert site.list() == []
    before = site.db.value("select count(*) from audit_log where action = 'backup.create'")
    job = site.made("../before/upgrade 升级")
    assert (job["kind"], job["progress"], job["owner_id"]) == ("backup", 100, site.users["root"])
    entry, = site.list()
    assert job["result"] == entry and data(site.root.get(f"/api/v1/jobs/{job['id']}/result")) == entry
    name, = site.files()
    path = os.path.join(site.dir, name)
    raw = open(path, "rb").read()
    assert name.endswith("Z-before-upgrade.dump") and entry["label"] == "../before/upgrade 升级"
    assert (entry["size"], entry["sha256"]) == (len(raw), hashlib.sha256(raw).hexdigest())
    assert entry["schema_version"] == site.db.value("select max(version) from schema_migrations")
    assert {stat.S_IMODE(os.stat(os.path.join(site.dir, f)).st_mode) for f in os.listdir(site.dir)} == {0o600}
    # what `guahao backup` makes is in the list too, and `guahao restore` takes either
    by_hand = site.system.cli("backup", "--label", "by-hand").stdout.strip()
    assert [e["label"] for e in site.list()] == ["by-hand", "../before/upgrade 升级"] and os.path.dirname(by_hand) == site.dir
    target = cluster.create_database()
    site.system.cli("restore", path, "--target-dsn", target.url)
    assert target.value("select count(*) from users") == 2
    target.drop()
    rows = site.db.query("select actor_id, entity_id, outcome, changes from audit_log where action = 'backup.create' order by id")[before:]
    assert rows == [(site.users["root"], job["id"], "success", {"label": [None, "../before/upgrade 升级"]})]


def test_labels(site):
    assert problem(site.root.post(PATH, {"label": "x" * 101}), "VALIDATION_FAILED", 422)["errors"][0]["field"] == "label"
    site.how("broken")
    for body in (None, {"label": None}, {"label": "x" * 100}):
        data(site.root.post(PATH, body), 202)


def test_the_same_call_again_gives_the_same_job(site):
    site.how("broken")
    first, second = (site.root.post(PATH, {"label": "once"}, headers={"Idempotency-Key": "k1"}) for _ in range(2))
    assert data(first, 202)["id"] == data(second, 202)["id"] and second.headers["Idempotency-Replayed"] == "true"
    assert site.db.value("select count(*) from jobs where kind = 'backup' and owner_id = %s and idem_key is null and id = %s",
                         site.users["root"], data(first, 202)["id"]) == 1


def test_one_after_another_and_a_cancelled_one_ends(site):
    n, begun = len(site.files()), site.begun()
    site.how("slow")
    running, waiting = site.ask("runs"), site.ask("waits")
    wait_for("progress", lambda: 0 < site.job(running)["progress"] < 100)
    assert site.job(running)["status"] == "RUNNING" and len(site.files(".partial")) == 1 and len(site.list()) == n
    assert data(site.root.delete(f"/api/v1/jobs/{running}"))["status"] == "CANCELLED"
    wait_for("the other one", lambda: site.begun() >= begun + 2 and site.files(".partial") != [])
    site.how(None)
    wait_for("its end", lambda: site.job(waiting)["status"] == "DONE" or site.db.value(
        "select attempts > 1 from jobs where id = %s", waiting))
    assert site.ended(waiting)["status"] == "DONE"
    assert site.job(running)["status"] == "CANCELLED" and site.files(".partial") == []
    assert [e["label"] for e in site.list()[:1]] == ["waits"] and len(site.list()) == n + 1
    assert "runs" not in [e["label"] for e in site.list()]


def test_two_workers_make_one_at_a_time(site):
    site.system.start_worker(POOL, name="second")
    try:
        site.how("slow")
        jobs = [site.ask(), site.ask()]
        site.writing()
        wait_for("the progress of one", lambda: any(site.job(j)["progress"] for j in jobs))
        assert len(site.files(".partial")) == 1
        site.how(None)
        assert {site.ended(j)["status"] for j in jobs} == {"DONE"}
    finally:
        site.system["second"].stop()
        del site.system.processes["second"]


@pytest.mark.parametrize("how", ["stop", "kill9"])
def test_a_worker_that_ends_in_the_middle(site, how):
    n = len(site.files())
    site.how("slow")
    job = site.ask("interrupted")
    site.writing()
    assert getattr(site.system[POOL], how)() in (0, None)
    wait_for("pg_dump to end", lambda: not any(os.path.exists(f"/proc/{pid.strip()}/root") and
                                               "pg_dump" in open(f"/proc/{pid.strip()}/cmdline").read()
                                               for pid in open(site.tools / "pids")) or how == "kill9")
    assert len(site.files(".partial")) == (1 if how == "kill9" else 0) and len(site.files()) == n
    site.how(None)
    site.system.start_worker(POOL)
    assert site.ended(job)["status"] == "DONE"
    assert site.files(".partial") == [] and len(site.files()) == n + 1 and site.list()[0]["label"] == "interrupted"


def test_a_failure_is_tried_again_and_told(site):
    n = os.listdir(site.dir)
    site.how("broken")
    job = site.ask()
    wait_for("a second try", lambda: site.db.value("select attempts from jobs where id = %s", job) >= 2)
    wait_for("no remains", lambda: sorted(os.listdir(site.dir)) == sorted(n))      # the second one may just be failing
    assert "event=backup_failed" in site.system[POOL].output() and "pg_dump failed" in site.system[POOL].output()
    site.how(None)
    assert site.ended(job)["status"] == "DONE"


def test_only_so_many_are_kept(site):
    before = site.list()
    assert len(before) > 2
    data(site.root.patch("/api/v1/system/config", {"backup.keep": 2}))
    site.made("newest")
    assert [e["label"] for e in site.list()] == ["newest", before[0]["label"]] and len(os.listdir(site.dir)) == 4
    # the command keeps to it in the same directory, and says what it removed; elsewhere it removes nothing
    done = site.system.cli("backup", "--label", "third", conf={"backup.keep": 2})
    assert [e["label"] for e in site.list()] == ["third", "newest"] and "removed guahao-" in done.stderr
    data(site.root.patch("/api/v1/system/config", {"backup.keep": None}))


def test_a_recurring_one_is_off_until_wanted(site):
    assert site.db.row("select enabled, cron, op from job_schedules where name = 'backup'") == (False, "30 2 * * *", "system.run_backup")
    site.db.query("update job_schedules set enabled = true, next_slot = now() where name = 'backup'")
    wait_for("the backup", lambda: [e for e in site.list() if e["label"] == "scheduled"])
    site.db.query("update job_schedules set enabled = false where name = 'backup'")
    site.quiet()


def test_with_a_key_it_is_encrypted(site):
    site.system[POOL].stop()
    site.system.start_worker(POOL, conf={"backup.key": KEY})
    site.made("sealed")
    path = os.path.join(site.dir, site.files()[-1])
    assert open(path, "rb").read(9) == b"GHBACKUP1" and json.load(open(path.replace(".dump", ".json")))["encrypted"] is True
    site.system.cli("restore", path, "--verify-only", conf={"backup.key": KEY})
    # a key that is too short is no key
    site.system[POOL].stop()
    site.system.start_worker(POOL, conf={"backup.key": "short"})
    job = site.ask()
    wait_for("a try", lambda: "has less than 16 characters" in site.system[POOL].output())
    data(site.root.delete(f"/api/v1/jobs/{job}"))
    assert site.list()[0]["label"] == "sealed"


def test_a_directory_that_cannot_be_read(site, tmp_path):
    (tmp_path / "file").write_text("")
    site.system[POOL].stop()
    site.system.start_worker(POOL, conf={"backup.dir": str(tmp_path / "file")})
    assert site.root.get(PATH).status_code == 500
    site.system[POOL].stop()
    site.system.start_worker(POOL, conf={"backup.dir": str(tmp_path / "none")})
    assert site.list() == []
    (tmp_path / "none").mkdir()
    for name, text in (("guahao-20261121T213400.123Z.json", "{}"), ("guahao-notes.json", "{}"), ("guahao-20261121T213400.124Z.dump", "")):
        (tmp_path / "none" / name).write_text(text)
    assert site.list() == []
