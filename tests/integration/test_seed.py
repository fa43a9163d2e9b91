"""guahao seed: counts, reproducibility, a second run adds nothing, clearing takes demo rows only (R-243, R-244)."""

import datetime as dt

import pytest

from support.system import PASSWORD, System

TABLES = ("users", "user_roles", "administrators", "hospital_areas", "major_departments", "minor_departments", "clinics",
          "doctors", "patients", "patient_relations", "schedules")


def counts(db):
    return {t: db.value(f"select count(*) from {t}") for t in TABLES}


def content(db):
    """Everything that the random number decides, without ids, moments and the password's salt."""
    return [db.query(sql) for sql in (
        "select name, destination, latitude, longitude from hospital_areas order by 1",
        "select c.name, c.address, c.clinic_type, a.name, m.name from clinics c join hospital_areas a on a.id = c.area_id "
        "join minor_departments m on m.id = c.minor_dept_id order by 1, 2",
        "select license_no, name, title, specialty, introduction, is_department_head, years_experience from doctors order by 1",
        "select phone, name, gender, date_of_birth, patient_type from patients order by 1",
        "select c.name, d.license_no, s.date, s.time_section, s.slot_type, s.total_slots, s.price, s.starts_at, s.ends_at "
        "from schedules s join clinics c on c.id = s.clinic_id join doctors d on d.id = s.doctor_id "
        "where s.date > current_date + 1 order by 1, 3, 4")]


@pytest.fixture()
def fresh(cluster, template):
    """fresh() -> (database, system to run commands with), dropped after the test."""
    made = []

    def make():
        db = cluster.create_database(template=template)
        system = System(db)
        made.append((db, system))
        return db, system

    yield make
    for db, system in made:
        system.destroy()
        db.drop()


def test_the_defaults_are_those_of_the_demo_hospital(fresh):
    db, system = fresh()
    system.cli("seed")
    n = counts(db)
    assert (n["hospital_areas"], n["major_departments"], n["minor_departments"], n["clinics"]) == (2, 8, 24, 48)
    assert db.value("select count(*) from specialties where is_demo") == 24
    assert db.query("select d.name from doctors d where not exists (select from doctor_specialties x where x.doctor_id = d.id)") == []
    assert n["doctors"] == 120 and n["patients"] == 1000 and n["patient_relations"] == 1000
    days = dict(db.query("select date, count(*) from schedules group by 1"))
    today = db.value("select (now() at time zone 'Asia/Shanghai')::date")
    assert all(days.get(today + dt.timedelta(days=i)) == 144 for i in range(1, 15)), days
    assert days.get(today, 0) <= 144 and max(days) == today + dt.timedelta(days=14)
    assert db.value("select min(starts_at) > now() - interval '1 minute' from schedules")
    assert {r[0] for r in db.query("select distinct slot_type from schedules")} == {"普通", "专家", "特需"}
    assert db.value("select bool_and(is_demo) from schedules") and db.value("select bool_and(is_demo) from users")
    assert db.value("select bool_and(total_slots = remaining_slots and total_slots between 20 and 50) from schedules")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_accounts_have_their_roles_and_one_password(fresh):
    import crypt
    db, system = fresh()
    system.cli("seed", "--patients", "20")
    roles = dict(db.query("select coalesce(u.identifier, u.phonenumber), string_agg(r.role_code, ',') "
                          "from users u join user_roles r on r.user_id = u.id group by 1"))
    assert roles["A0001"] == "ADMIN" and roles["D0001"] == "DOCTOR" and roles["13800000001"] == "PATIENT"
    assert roles["N0001"] == "NURSE" and roles["S0001"] == "STAFF" and "13800000020" in roles and "13800000021" not in roles
    hashes = db.query("select distinct hashed_password from users")
    assert len(hashes) == 1 and hashes[0][0].startswith("$2b$12$")
    assert crypt.crypt(PASSWORD, hashes[0][0]) == hashes[0][0]
    assert db.row("select is_admin, is_superuser, is_verified from users where identifier = 'A0001'") == (True, True, True)
    assert db.value("select count(*) from users where is_admin") == 1
    assert db.value("select count(*) from patient_relations where relation_type = '本人' and is_default "
                    "and user_patient_id = related_patient_id") == 20


def test_a_second_run_adds_no_rows(fresh):
    db, system = fresh()
    system.cli("seed", "--patients", "50")
    before = counts(db)
    assert "0 rows added" in system.cli("seed", "--patients", "50").stderr
    assert counts(db) == before
    assert "0 rows added" in system.cli("seed", "--patients", "30").stderr      # fewer take nothing away
    system.cli("seed", "--patients", "60")
    assert counts(db)["patients"] == 60


def test_patients_have_what_screens_show(fresh):
    db, system = fresh()
    system.cli("seed", "--patients", "31")
    assert db.value("select bool_and(address->>'line' <> '' and emergency_contact->>'phone' <> '' and occupation <> '' "
                    "and language = 'zh') from patients")
    assert db.value("select count(distinct address->>'line') from patients") > 10
    assert db.value("select count(*) from medical_profiles") == 11 and db.value("select bool_and(blood_type is not null) from medical_profiles")
    db.query("insert into patients (id, name) values (999, '真人')")
    db.query("insert into medical_profiles (patient_id, source, updated_by) select 999, 'clinician', id from users where identifier = 'D0001'")
    system.cli("seed", "clear", "--yes")
    assert db.query("select patient_id from medical_profiles") == [(999,)]              # with the account that wrote it
    assert db.query("select identifier from users") == [("D0001",)]


def test_what_was_deleted_stays_so(fresh):
    db, system = fresh()
    system.cli("seed", "--patients", "3", "--doctors", "24", "--clinics", "24", "--days", "1")
    db.query("update doctors set deleted_at = now() where dept_id = (select id from minor_departments where name = '推拿科')")
    db.query("delete from schedules where clinic_id in (select c.id from clinics c join minor_departments m on m.id = c.minor_dept_id "
             "where m.name = '推拿科')")
    db.query("delete from clinics where minor_dept_id = (select id from minor_departments where name = '推拿科')")
    db.query("update minor_departments set deleted_at = now() where name = '推拿科'")
    db.query("delete from doctor_specialties where specialty_id = (select id from specialties where code = 'TUIN')")
    before = counts(db)
    assert "0 rows added" in system.cli("seed", "--patients", "3", "--doctors", "24", "--clinics", "24", "--days", "1").stderr
    assert counts(db) == before and db.value("select count(*) from v_departments where name = '推拿科'") == 0
    assert not db.value("select exists (select from doctor_specialties x join specialties s on s.id = x.specialty_id "
                        "where s.code = 'TUIN')")
    system.cli("seed", "clear", "--yes")
    assert not any(counts(db).values())


def test_equal_numbers_give_equal_data(fresh):
    (a, run_a), (b, run_b), (c, run_c) = fresh(), fresh(), fresh()
    run_a.cli("seed", "--patients", "40")
    run_b.cli("seed", "--patients", "40", "--rng", "1")
    run_c.cli("seed", "--patients", "40", "--rng", "2")
    assert content(a) == content(b)
    assert content(a) != content(c)


def test_later_days_are_added_and_earlier_ones_kept(fresh):
    db, system = fresh()
    system.cli("seed", "--patients", "5", "--days", "3")
    first = db.query("select id from schedules order by id")
    system.cli("seed", "--patients", "5")
    assert db.query("select id from schedules where id <= %s order by id", first[-1][0]) == first
    assert db.value("select count(distinct date) from schedules where date > (now() at time zone 'Asia/Shanghai')::date") == 14


def test_sizes_by_option(fresh):
    db, system = fresh()
    system.cli("seed", "--patients", "3", "--areas", "3", "--departments", "30", "--clinics", "100", "--doctors", "40",
               "--days", "2", "--schedules-per-day", "1", "--places", "7")
    n = counts(db)
    assert (n["hospital_areas"], n["minor_departments"], n["clinics"], n["doctors"]) == (3, 30, 100, 40)
    assert db.value("select bool_and(total_slots = 7 and time_section = '上午') from schedules")
    assert n["schedules"] >= 80                                    # 40 doctors, each in one clinic of a section


def test_what_people_wrote_is_never_touched(fresh):
    db, system = fresh()
    db.query("insert into users (phonenumber, full_name) values ('13800000002', 'somebody')")
    db.query("insert into major_departments (name) values ('内科')")
    system.cli("seed", "--patients", "3")
    assert db.value("select count(*) from patients") == 2              # that phone number belongs to a person
    assert not db.value("select is_demo from users where phonenumber = '13800000002'")
    db.query("insert into specialties (code, name) values ('own', '全科医学')")
    system.cli("seed", "clear", "--yes")
    assert db.query("select code from specialties") == [("own",)]
    assert db.query("select phonenumber from users") == [("13800000002",)]
    assert db.query("select name from major_departments") == [("内科",)]
    assert counts(db)["schedules"] == 0 and counts(db)["hospital_areas"] == 0


def test_clearing_keeps_a_persons_booking_and_returns_demo_places(fresh):
    db, system = fresh()
    system.cli("seed", "--patients", "3", "--days", "1")
    user = db.value("insert into users (phonenumber) values ('13900000001') returning id")
    person = db.value("insert into patients (user_id, name) values (%s, '某人') returning id", user)
    demo = db.value("select min(id) from patients where is_demo")
    schedule = db.value("select min(id) from schedules")
    for slot, patient in ((1, person), (2, demo)):
        db.query("insert into registration_orders (order_no, patient_id, doctor_id, schedule_id, slot_no, slot_date, time_section, "
                 "slot_type, starts_at, ends_at, list_price, price, status, payment_status, channel, created_at, updated_at) "
                 "select %s, %s, doctor_id, id, %s, date, time_section, slot_type, starts_at, ends_at, price, price, 'confirmed', "
                 "'pending', 'v1', now(), now() from schedules where id = %s", f"n{slot}", patient, slot, schedule)
    db.query("update schedules set remaining_slots = total_slots - 2 where id = %s", schedule)
    system.cli("seed", "clear", "--yes")
    assert db.query("select id, total_slots - remaining_slots from schedules") == [(schedule, 1)]
    assert db.query("select patient_id from registration_orders") == [(person,)]
    assert counts(db)["doctors"] == 1 and counts(db)["clinics"] == 1 and counts(db)["patients"] == 1


def test_production_is_refused_and_if_empty_is_quiet_there(fresh):
    db, system = fresh()
    conf = {"system.mode": "production", "token.secret": "x" * 40, "token.refresh_secret": "y" * 40}
    assert system.cli("seed", conf=conf, check=False).returncode == 2
    assert system.cli("seed", "clear", "--yes", conf=conf, check=False).returncode == 2
    assert system.cli("seed", "--if-empty", conf=conf).returncode == 0
    assert counts(db)["users"] == 0


def test_if_empty_leaves_a_hospitals_own_database_alone(fresh):
    db, system = fresh()
    db.query("insert into users (identifier) values ('A1')")
    system.cli("seed", "--if-empty")
    assert counts(db)["patients"] == 0
    system.cli("seed", "--patients", "2")
    assert "0 rows added" in system.cli("seed", "--if-empty", "--patients", "2").stderr


def test_init_empties_and_fills(fresh):
    db, system = fresh()
    system.cli("init")
    assert counts(db)["patients"] == 10
    db.query("insert into major_departments (name) values ('another')")
    db.query("update users set hashed_password = 'x', is_active = false where identifier = 'D0001'")
    system.cli("init", "--seed-count", "12")
    assert counts(db)["patients"] == 12 and counts(db)["major_departments"] == 8
    row = db.row("select is_active, left(hashed_password, 4), (select count(*) from doctors d where d.user_id = u.id) "
                 "from users u where identifier = 'D0001'")
    assert row == (True, "$2b$", 1)                                    # upserted, never doubled
    system.cli("init", "--mode", "migrate")
    assert counts(db)["patients"] == 12
    system.cli("init", "--mode", "full", "--no-demo")
    assert counts(db)["patients"] == 0 and db.value("select count(*) from roles") == 5
    conf = {"system.mode": "production", "token.secret": "x" * 40, "token.refresh_secret": "y" * 40}
    assert system.cli("init", conf=conf, check=False).returncode == 2
    assert system.cli("init", "--force", conf=conf, check=False).returncode == 2
    assert system.cli("init", "--sql", "x.sql", check=False).returncode == 2
