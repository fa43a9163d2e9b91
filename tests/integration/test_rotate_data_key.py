"""guahao keys rotate --kind data (CM-13, R-249): a new key, all values encrypted again, and readable all the while."""

import json
import os
import signal
import stat
import subprocess

import psycopg2
import pytest

from support import paths
from support.accounts import add_user
from support.jobs import Jobs
from support.proc import wait_for

NUMBER = "11010119900307001X"


class Site:
    def __init__(self, db, system):
        self.db, self.system = db, system
        system.cli("keys", "init", "--quiet")
        self.file = os.path.join(system.var, "keys", "data.key")
        system.start_broker()
        system.start_worker("identity")
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
