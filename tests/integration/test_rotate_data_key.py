"""guahao keys rotate --kind data (CM-13, R-249): a new key, all values encrypted again, and readable all the while."""

import json
import os
import signal
import stat
import subprocess
import uuid

import psycopg2
import pytest

from support import paths
from support.accounts import add_user
from support.broker import uuid7
from support.jobs import Jobs
from support.proc import wait_for

NUMBER = "11010119900307001X"


class Site:
    def __init__(self, db, system):
        self.db, self.system = db, system
        system.cli("keys", "init", "--quiet")
        self.file = os.path.join(system.var, "keys", "data.key")
        system.start_broker()
        db.query("update job_schedules set enabled = false")
        system.start_worker("identity,jobs")
        self.jobs = Jobs(system)
        self.admin = add_user(db, ["ADMIN"], username="boss")

    def call(self, op, **kw):
        return self.jobs.call(op, actor={"user": self.admin}, **kw)

    def patient(self, number, name="甲"):
        return self.call("identity.v1_create_patient", body={"full_name": name, "national_id": number, "phone": "13912340000"}).ok()["id"]

    def number(self, patient):
        return self.call("identity.v1_get_patient", path={"id": patient}).ok()["national_id"]

    def rotate(self, *args, **kw):
        return self.system.cli("keys", "rotate", "--kind", "data", *args, **kw)

    def ids(self):
        with open(self.file, encoding="ascii") as f:
            return [int(line.split()[0]) if " " in line else 1 for line in f]

    def keys_in_use(self):
        return [k for k, in self.db.query("select distinct get_byte(national_id_enc, 0) from patients where national_id_enc is not null order by 1")]


@pytest.fixture(scope="module")
def site(empty_db, make_system):
    s = Site(empty_db, make_system(empty_db, {"password.cost": 10}))
    yield s
    s.jobs.close()


def test_everything_stays_readable_while_programs_run(site):
    patient = site.patient(NUMBER)
    before = site.db.row("select updated_at, national_id_bidx, version from patients where id = %s", patient)
    done = json.loads(site.rotate("--json").stdout)
    assert done == {"key": 2, "sealed_again": 1} and site.ids() == [2, 1] and site.keys_in_use() == [2]
    assert stat.S_IMODE(os.stat(site.file).st_mode) == 0o600
    after = site.db.row("select updated_at, national_id_bidx, version from patients where id = %s", patient)
    assert after[:2] == before[:2] and after[2] == before[2] + 1
    # the worker that was there before finds the new key when it meets it, and still knows who has which number
    assert site.number(patient) == NUMBER
    site.call("identity.v1_create_patient", body={"full_name": "乙", "national_id": NUMBER.lower(), "phone": "13912340001"}).refused("NATIONAL_ID_TAKEN")
    assert site.db.query("select action, entity_id, changes from audit_log where action = 'keys.rotate'") == [
        ("keys.rotate", "2", {"sealed_again": [0, 1]})]
    assert site.system.cli("audit", "verify").returncode == 0


def test_the_file_first_where_there_are_several_hosts(site):
    keys = len(site.ids())
    assert json.loads(site.rotate("--new-key-only", "--json").stdout)["sealed_again"] == 0
    assert len(site.ids()) == keys + 1 and site.keys_in_use() == [keys]
    # not a third one before the values have the second
    again = site.rotate("--new-key-only", check=False)
    assert again.returncode == 2 and "not yet under the present key" in again.stderr
    old = site.patient("11010119900307002X", "丙")              # by the worker that has not seen the new key: it reads all the same
    assert site.number(old) == "11010119900307002X"
    done = site.rotate()
    assert "going on" in done.stderr and len(site.ids()) == keys + 1 and site.keys_in_use() == [keys + 1]
    assert site.number(old) == "11010119900307002X"


def test_an_interrupted_one_goes_on(site):
    first = site.db.value("select min(id) from patients")
    sealed = site.db.value("select national_id_enc from patients where id = %s", first)
    site.db.query("insert into patients (name, national_id_enc, national_id_bidx) select 'x', null, null from generate_series(1, 1200)")
    rows = [i for i, in site.db.query("select id from patients where name = 'x' order by id")]
    # values that belong to another row cannot be opened: they are named, and stay as they are
    site.rotate("--new-key-only")
    site.db.query("update patients set national_id_enc = %s, national_id_bidx = decode(md5(id::text), 'hex') where name = 'x'", sealed)
    hold = psycopg2.connect(site.db.url)
    with hold.cursor() as cur:
        cur.execute("select 1 from patients where id = %s for update", (rows[700],))
    p = subprocess.Popen([paths.program("guahao"), "keys", "rotate", "--kind", "data"], env=site.system.env(), stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, text=True)
    wait_for("the row that is held", lambda: site.db.value("select count(*) from pg_stat_activity where application_name = 'guahao' "
                                                            "and wait_event_type = 'Lock' and datname = current_database()"))
    p.send_signal(signal.SIGTERM)
    hold.rollback()
    hold.close()
    err = p.communicate(timeout=30)[1]
    assert p.returncode == 1 and "interrupted after 2 values: run it again" in err, err
    keys = site.ids()
    done = site.rotate(check=False)
    assert done.returncode == 1 and "1200 values could not be opened" in done.stderr and done.stderr.count("cannot be opened") == 10
    assert site.ids() == keys and site.number(first) == NUMBER
    site.db.query("delete from patients where name = 'x'")


class Exports:
    """Answers of durable jobs that are files: what a patient takes with him (PA-17), some of them of many pieces."""

    def __init__(self, site):
        self.site, self.owner = site, add_user(site.db, ["PATIENT"], username="takes-it")
        site.db.query("insert into patients (name, user_id) values ('取', %s)", self.owner)
        self.files = {self.make(): None for _ in range(2)}
        site.db.query("insert into feedbacks (user_id, type, content, created_at, updated_at) "
                      "select %s, 'bug', repeat('字', 400), now(), now() from generate_series(1, 600)", self.owner)
        self.files[self.make()] = None
        for job in self.files:
            wait_for("the export", lambda: site.db.value("select status from jobs where id = %s", job) == "DONE")
            self.files[job] = self.read(job)
        assert max(len(json.dumps(f, ensure_ascii=False).encode()) for f in self.files.values()) > 600 * 1200

    def make(self):
        job = str(uuid.UUID(bytes=uuid7()))
        self.site.db.query("insert into jobs (id, kind, op, service, args, owner_id, priority, budget_ms, max_attempts, run_at, created_at) "
                           "values (%s, 'export', 'identity.v1_export_my_data', 'identity', '\\x80', %s, 2, 20000, 3, now(), now())",
                           job, self.owner)
        return job

    def read(self, job):
        return self.site.jobs.call("jobs.v1_get_job_result", path={"id": job}, actor={"user": self.owner}).ok()

    def keys_in_use(self):
        """Of the pieces: whole files have one."""
        return [k for k, in self.site.db.query("select distinct get_byte(c.bytes, 0) from job_files f join blob_chunks c on c.digest = f.digest "
                                               "order by 1")]

    def check(self, key):
        assert self.keys_in_use() == [key]
        for job, before in self.files.items():
            assert self.read(job) == before


def test_answers_of_jobs_that_are_files_too(site):
    exports = Exports(site)                                    # by a worker that has not seen the newest keys
    site.rotate()
    start, unused = site.ids()[0], site.db.value("select count(*) from unused_blobs")
    pieces = site.db.value("select count(*) from job_files f join blob_chunks c on c.digest = f.digest")
    exports.check(start)
    assert pieces > len(exports.files)
    # interrupted at the second file, in whose way somebody stands
    second = sorted(exports.files)[1]
    hold = psycopg2.connect(site.db.url)
    with hold.cursor() as cur:
        cur.execute("select 1 from job_files where job_id = %s for update", (second,))
    p = subprocess.Popen([paths.program("guahao"), "keys", "rotate", "--kind", "data"], env=site.system.env(), stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, text=True)
    wait_for("the file that is held", lambda: site.db.value("select count(*) from pg_stat_activity where application_name = 'guahao' "
                                                            "and wait_event_type = 'Lock' and datname = current_database()"))
    assert exports.keys_in_use() == [start, start + 1] and exports.read(second) == exports.files[second]
    p.send_signal(signal.SIGTERM)
    hold.rollback()
    hold.close()
    assert "interrupted" in p.communicate(timeout=30)[1] and p.returncode == 1
    for job, before in exports.files.items():                  # half of them under each key
        assert exports.read(job) == before
    done = json.loads(site.rotate("--json").stdout)            # goes on, with no third key
    assert done["key"] == start + 1 and done["sealed_again"] == len(exports.files) - 2
    exports.check(start + 1)
    # another rotation with nothing in its way
    done = json.loads(site.rotate("--json").stdout)
    assert done["key"] == start + 2 and done["sealed_again"] >= len(exports.files)
    exports.check(start + 2)
    assert site.db.value("select count(*) from job_files f join blob_chunks c on c.digest = f.digest") == pieces
    # contents under the former keys go by themselves, after their grace time
    assert site.db.value("select count(*) from blobs b where not gh_blob_used(b.digest) and b.digest not in (select digest from unused_blobs)") == 0
    assert site.db.value("select count(*) from unused_blobs") == unused + 2 * len(exports.files)


def test_a_file_that_does_not_open_is_named_and_stays(site):
    first, second, *_ = [j for j, in site.db.query("select job_id from job_files order by job_id")]
    kept = site.db.value("select digest from job_files where job_id = %s", second)
    site.db.query("update job_files set digest = (select digest from job_files where job_id = %s) where job_id = %s", first, second)
    done = site.rotate(check=False)
    assert done.returncode == 1 and f"job {second}: its answer cannot be opened" in done.stderr and "1 values could not" in done.stderr
    site.db.query("update job_files set digest = %s where job_id = %s", kept, second)
    assert json.loads(site.rotate("--json").stdout)["sealed_again"] == 1


def test_refusals(site, tmp_path):
    keys = site.ids()
    for args in (["--kind", "data", "--new-key-only", "extra"], ["--kind", "jwt", "--new-key-only"], ["--kind", "nothing"], []):
        assert site.system.cli("keys", "rotate", *args, check=False).returncode == 2, args
    assert site.rotate("--dsn", "postgresql:///x?host=/nowhere", check=False).returncode == 3
    done = site.rotate(check=False, conf={"data.key_file": str(tmp_path / "none")})
    assert done.returncode == 1 and "keys init" in done.stderr
    assert site.ids() == keys
    found = {c["name"]: c for c in json.loads(site.system.cli("check", "--json", "--timeout", "200", check=False).stdout)["checks"]}
    assert found["encrypted columns"]["state"] == "ok"
