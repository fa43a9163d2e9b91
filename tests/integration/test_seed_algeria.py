"""guahao seed algeria (CM-11): the sample data of seed 003, the same for the same number, once, bookable and clean (R-243, R-248)."""

import json

import pytest

from support.accounts import bcrypt_ok
from support.jobs import Jobs
from support.system import System

PASSWORD = "Algeria123!"
COST = {"password.cost": 10}


def seed(site, *args, **kw):
    return site.cli("seed", "algeria", *args, conf=COST, **kw)


def open_site(db):
    s = System(db)
    s.cli("keys", "init", "--quiet")
    return s


@pytest.fixture(scope="module")
def site(empty_db):
    s = open_site(empty_db)
    s.added = json.loads(seed(s, "--json").stdout)
    yield s
    s.destroy()


def people(db):
    return db.query("select username, email, full_name from users order by username"), db.query(
        "select name, gender, date_of_birth, address, phone from patients order by phone"), db.query(
        "select license_no, name, specialty, years_experience from doctors order by license_no")


def test_what_it_holds(site):
    db = site.database
    assert site.added["patients"] == 20 and site.added["doctors"] == 8 and site.added["accounts"] == 30 and site.added["appointments"] == 40
    assert db.value("select count(*) from specialties") == 8 and db.value("select count(*) from availability_rules") == 40
    assert db.query("select role_code, count(*) from user_roles group by 1 order by 1") == [("ADMIN", 1), ("DOCTOR", 8), ("PATIENT", 20), ("STAFF", 1)]
    assert dict(db.query("select status, count(*) from registration_orders group by 1")) == {
        "confirmed": 18, "pending": 2, "completed": 5, "cancelled": 5, "no_show": 5, "timeout": 5}
    assert db.row("select min(date) = current_date - 14 or min(date) > current_date - 16, max(date) - current_date between 26 and 31 from schedules") == (True, True)
    assert db.value("select count(distinct extract(isodow from date)) from schedules where extract(isodow from date) in (5, 6)") == 0
    assert db.value("select count(*) from doctors where languages <> '{ar,fr}'") == 0
    assert db.value("select count(*) from medical_records") == 5 and db.value("select sum(no_show_count) from patients") == 5
    assert db.value("select string_agg(distinct currency, ',') from bills") == "DZD"
    for table in ("users", "patients", "doctors", "schedules", "registration_orders", "availability_rules", "clinics", "bills"):
        assert db.value(f"select count(*) from {table} where not is_demo") == 0, table


def test_the_books_are_in_order(site):
    site.cli("books")


def test_a_second_run_adds_nothing(site):
    before = people(site.database), site.database.query("select * from registration_orders order by id")
    assert set(json.loads(seed(site, "--json").stdout).values()) == {0}
    assert (people(site.database), site.database.query("select * from registration_orders order by id")) == before
    # more patients come beside those that are there
    assert json.loads(seed(site, "--count", "30", "--json").stdout)["patients"] == 10
    site.cli("books")


def test_every_account_signs_in_with_the_sample_password(site, make_system):
    hashes = site.database.query("select distinct hashed_password from users")
    assert all(bcrypt_ok(PASSWORD, h) for h, in hashes) and len(hashes) <= 2
    running = make_system(site.database, COST)
    running.start_broker()
    running.start_worker("identity")
    jobs = Jobs(running)
    for user in ("dz.admin", "dz.staff", "dz.d1", "dz.d8", "dz.p1", "dz.p20"):
        email = site.database.value("select email from users where username = %s", user)
        got = jobs.call("identity.v1_login_user", body={"username": email, "password": PASSWORD},
                        actor={"user": 0}).ok()
        assert got["user"]["username"] == user
    assert jobs.call("identity.v1_check_password", body={"password": PASSWORD}, actor={"user": 0}).ok()["ok"] is True
    jobs.close()


def test_the_same_number_gives_the_same_people(site, cluster, template):
    def fresh(*args):
        db = cluster.create_database(template=template)
        s = open_site(db)
        seed(s, *args)
        got = people(db), dict(db.query("select status, count(*) from registration_orders group by 1")), db.value(
            "select string_agg(distinct currency, ',') from bills")
        s.destroy()
        return db, got

    a, one = fresh("--count", "12")
    b, two = fresh("--count", "12", "--rng", "1", "--currency", "EUR")
    c, three = fresh("--count", "12", "--rng", "2")
    assert one[:2] == two[:2] and one[0] != three[0] and one[1] == three[1] and (one[2], two[2]) == ("DZD", "EUR")
    for db in (a, b, c):
        db.drop()


def test_beside_the_demo_hospital_and_cleared_with_it(demo_db):
    s = open_site(demo_db)
    patients = demo_db.value("select count(*) from patients")
    done = seed(s)
    assert "added" in done.stderr and demo_db.value("select count(*) from patients") == patients + 20
    assert demo_db.value("select string_agg(distinct currency, ',') from bills") == "CNY"
    s.cli("books")
    s.cli("seed", "clear", "--yes")
    assert [demo_db.value(f"select count(*) from {t}") for t in ("users", "patients", "doctors", "schedules", "registration_orders", "bills",
                                                                 "medical_records", "specialties", "minor_departments")] == [0] * 9
    s.destroy()


def test_refusals(site, cluster):
    production = {"system.mode": "production", "token.secret": "x" * 40, "token.refresh_secret": "y" * 40, "payment.sandbox": "false"}
    done = site.cli("seed", "algeria", conf=production, check=False)
    assert done.returncode == 2 and "production" in done.stderr
    for args in (["--count", "0"], ["--count", "10001"], ["--currency", "dzd"], ["--currency", "DINAR"], ["--rng", "x"]):
        assert seed(site, *args, check=False).returncode == 2, args
    assert site.cli("seed", "demo", "--currency", "DZD", check=False).returncode == 2
    assert seed(site, "--dsn", "postgresql:///x?host=/nowhere", check=False).returncode == 3
    # a database without our schema: nothing half-done
    none = cluster.create_database()
    assert seed(site, "--dsn", none.url, check=False).returncode == 1
    none.drop()
    without = System(site.database)
    done = without.cli("seed", "algeria", check=False, conf=COST)
    assert done.returncode == 1 and "guahao keys init" in done.stderr
    without.destroy()
