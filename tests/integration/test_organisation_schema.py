"""What the database itself holds of departments, specialties and list prices (migration 0021)."""

import json

import psycopg2
import pytest
from psycopg2 import errors


@pytest.fixture()
def sql(empty_db):
    conn = empty_db.connect()
    conn.autocommit = False
    cur = conn.cursor()

    def run(text, *args):
        cur.execute(text, args or None)
        return cur.fetchone()[0] if cur.description else None

    def refused(constraint, text, *args):
        cur.execute("savepoint s")
        with pytest.raises((errors.ForeignKeyViolation, errors.UniqueViolation)) as e:
            cur.execute(text, args)
        assert e.value.diag.constraint_name == constraint, e.value
        cur.execute("rollback to savepoint s")

    run.refused = refused
    yield run
    conn.rollback()
    conn.close()


@pytest.fixture()
def dept(sql):
    major = sql("insert into major_departments (name) values ('m') returning id")
    return major, sql("insert into minor_departments (major_dept_id, name) values (%s, 'n') returning id", major)


GONE = "update {} set deleted_at = now() where id = %s"


def test_a_department_goes_only_when_nothing_living_is_in_it(sql, dept):
    major, minor = dept
    gone_major, gone = GONE.format("major_departments"), GONE.format("minor_departments")
    doctor = sql("insert into doctors (dept_id, name) values (%s, 'd') returning id", minor)
    area = sql("insert into hospital_areas (name) values ('a') returning id")
    clinic = sql("insert into clinics (area_id, minor_dept_id, name) values (%s, %s, 'c') returning id", area, minor)
    sql.refused("minor_departments_major_fk", gone_major, major)
    sql.refused("doctors_dept_fk", gone, minor)
    sql("update doctors set deleted_at = now() where id = %s", doctor)
    sql.refused("clinics_dept_fk", gone, minor)
    sql("delete from clinics where id = %s", clinic)
    sql(gone, minor)                                     # the removed doctor keeps it as history
    sql.refused("doctors_dept_fk", "update doctors set deleted_at = null where id = %s", doctor)
    sql("update doctors set introduction = 'x' where id = %s", doctor)
    sql.refused("doctors_dept_fk", "insert into doctors (dept_id, name) values (%s, 'e')", minor)
    sql.refused("doctors_dept_fk", "insert into doctors (dept_id, name) values (%s, 'e')", 2**40)
    sql.refused("clinics_dept_fk", "insert into clinics (area_id, minor_dept_id, name) values (%s, %s, 'c')", area, minor)
    sql(gone_major, major)
    sql.refused("minor_departments_major_fk", "insert into minor_departments (major_dept_id, name) values (%s, 'o')", major)
    sql.refused("minor_departments_major_fk", "update minor_departments set deleted_at = null where id = %s", minor)
    assert sql("select count(*) from v_departments where id in (%s, %s)", major, minor) == 0


def test_the_name_of_a_deleted_department_is_free(sql, dept):
    major, minor = dept
    sql.refused("minor_departments_name_uq", "insert into minor_departments (major_dept_id, name) values (%s, 'n')", major)
    sql(GONE.format("minor_departments"), minor)
    again = sql("insert into minor_departments (major_dept_id, name) values (%s, 'n') returning id", major)
    sql(GONE.format("minor_departments"), again)
    sql.refused("major_departments_name_uq", "insert into major_departments (name) values ('m')")
    sql(GONE.format("major_departments"), major)
    sql("insert into major_departments (name) values ('m')")


def test_specialties_are_told_apart_without_case_and_kept_while_in_use(sql, dept):
    card = sql("insert into specialties (code, name) values ('CARD', 'Heart') returning id")
    sql.refused("specialties_code_uq", "insert into specialties (code, name) values ('card', 'x')")
    sql.refused("specialties_name_uq", "insert into specialties (code, name) values ('x', 'HEART')")
    doctor = sql("insert into doctors (dept_id, name) values (%s, 'd') returning id", dept[1])
    sql("insert into doctor_specialties values (%s, %s)", doctor, card)
    sql.refused("doctor_specialties_specialty_fk", "delete from specialties where id = %s", card)
    sql("delete from doctors where id = %s", doctor)
    sql("delete from specialties where id = %s", card)


def prices(normal=None, expert=None, special=None):
    return {"default_price_normal": normal, "default_price_expert": expert, "default_price_special": special}


@pytest.mark.parametrize("scope,row", [("MINOR_DEPT", 7), ("GLOBAL", None)])
def test_prices_of_a_level_are_kept_cleared_and_set(sql, scope, row):
    sql("delete from system_config where config_key = 'registration.price'")

    def put(**given):
        return sql("select array[before, after] from gh_list_prices_set(%s, %s, %s, now())", scope, row, json.dumps(given))

    assert put() == [prices(), prices()] and put(name="x", default_price_normal=None) == [prices(), prices()]
    assert sql("select count(*) from system_config where config_key = 'registration.price'") == 0
    assert put(default_price_normal=60, default_price_expert=None) == [prices(), prices(60.0)]
    assert put(default_price_special="550.50") == [prices(60.0), prices(60.0, None, 550.5)]
    assert put(name="x") == [prices(60.0, None, 550.5)] * 2                          # absent keeps
    assert put(default_price_normal=None, default_price_expert=0) == [prices(60.0, None, 550.5), prices(None, 0.0, 550.5)]
    assert sql("select (normal, expert, special)::text from v_list_prices where scope_type = %s", scope) == "(,0.00,550.50)"
    sql("update system_config set is_active = false where config_key = 'registration.price'")
    assert put(default_price_normal=5) == [prices(), prices(5.0)]                      # what was switched off does not return
    assert sql("select count(*) from system_config where config_key = 'registration.price'") == 1


def test_if_match_as_the_front_passes_it(sql):
    tag = '"department-42-7"'
    for header, fits in ((None, True), ("*", True), (tag, True), (f'"a", {tag}', True), (f"{tag} ,\"b\"", True), ('"department-42-8"', False),
                         ("W/" + tag, False), ("", False), ('"department-42-77"', False), ("department-42-7", False)):
        assert sql("select gh_if_match(%s, %s)", header, tag) is fits, header


def test_two_at_once_a_doctor_into_a_department_and_its_deletion(empty_db):
    """Whoever is first wins, whatever the order; the other waits and is refused."""
    major = empty_db.value("insert into major_departments (name) values ('race') returning id")
    for round, doctor_first in enumerate((True, False)):
        dept = empty_db.value("insert into minor_departments (major_dept_id, name) values (%s, %s) returning id", major, f"r{round}")
        steps = [("insert into doctors (dept_id, name) values (%s, 'd')", dept), (GONE.format("minor_departments"), dept)]
        (first, a), (second, b) = steps if doctor_first else steps[::-1]
        one, two = empty_db.connect(), empty_db.connect()
        for conn in (one, two):
            conn.autocommit = False
        try:
            one.cursor().execute(first, (a,))
            cur = two.cursor()
            cur.execute("set lock_timeout = '300ms'")
            with pytest.raises(errors.LockNotAvailable):
                cur.execute(second, (b,))
            two.rollback()
            one.commit()
            with pytest.raises(psycopg2.IntegrityError) as e:
                cur.execute(second, (b,))
            assert e.value.diag.constraint_name == "doctors_dept_fk"
        finally:
            one.close()
            two.close()
