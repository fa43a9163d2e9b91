"""Jobs about patients that are delivered a second time: the worker died after its commit, the broker hands them out again."""

import pytest

from support.accounts import add_user, bcrypt_ok
from support.hospital import Hospital
from support.jobs import delivered_twice

STRONG = "Sunny-Hill-26"
NUMBER = "110101199003070011"


@pytest.fixture(scope="module")
def hospital(empty_db):
    h = Hospital(empty_db)
    yield h
    h.close()


@pytest.fixture(scope="module")
def twice(empty_db, hospital, make_system):
    with delivered_twice(empty_db, make_system, hospital.admin) as call:
        yield call


def logged(h, action, patient):
    return h.one("select count(*) from audit_log where action = %s and entity_id = %s", action, str(patient))


def test_made_once(twice, hospital):
    h = hospital
    plain = twice("identity.v1_create_patient", body={"full_name": "一回", "national_id": NUMBER})
    login = twice("identity.v1_create_patient", body={"full_name": "二回", "account": {"username": "once.2", "password": STRONG}})
    hb = twice("identity.hb_create_patient", body={"name": "Once", "email": "once3@x.example", "password": STRONG})
    own = h.user(roles=["STAFF"])
    mine = twice("identity.v1_create_my_patient", actor={"user": own}, body={"full_name": "三回", "national_id": NUMBER[:-1] + "2"})
    for one, two in (plain, login, hb, mine):
        assert one == two and logged(h, "patient.create", one["id"]) == 1
    assert plain[0]["national_id"] == NUMBER and mine[1]["national_id"] == NUMBER[:-1] + "2"
    assert h.one("select count(*) from patients") == 4
    # what is kept to answer a job again is sealed
    assert h.one("select count(*) from job_done where body like %s", f"%{NUMBER[:-1]}%") == 0


def test_changed_once(twice, hospital):
    h = hospital
    pid, uid = h.patient()
    one, two = twice("identity.v1_update_patient", path={"id": pid}, body={"occupation": "x", "medical_profile": {"notes": "hush"}})
    assert one == two and one["medical_profile"]["notes"] == "hush"
    assert logged(h, "patient.update", pid) == 1 and logged(h, "medical_profile.update", pid) == 1
    assert h.one("select version from patients where id = %s", pid) == 2
    assert h.one("select count(*) from job_done where body like '%%hush%%'") == 0


def test_a_password_set_once(twice, hospital, empty_db):
    """The second delivery ends nobody's new session."""
    h = hospital
    user = add_user(empty_db, ["PATIENT"], username="again")
    pid = h.one("insert into patients (user_id, name) values (%s, '又') returning id", user)
    one, two = twice("identity.hb_update_patient", body={"id": pid, "password": STRONG, "address": "x"})
    assert one == two and logged(h, "patient.update", pid) == 1
    assert h.one("select version from patients where id = %s", pid) == 2
    assert h.one("select count(*) from password_history where user_id = %s", user) == 1
    assert bcrypt_ok(STRONG, h.one("select hashed_password from users where id = %s", user))


def test_a_relative_added_and_removed_once(twice, hospital):
    h = hospital
    pid, uid = h.patient()
    one, two = twice("identity.add_relative", actor={"user": uid}, body={"name": "小明", "id_card": "110101201805200021"})
    assert one == two
    kin = one["patient_id"]
    assert twice("identity.remove_relative", actor={"user": uid}, path={"patient_id": kin})[1] == {"message": "删除成功"}


def test_removed_once(twice, hospital):
    h = hospital
    pid, _ = h.patient(account=False)
    assert twice("identity.v1_delete_patient", path={"id": pid}) == (None, None) and logged(h, "patient.delete", pid) == 1
