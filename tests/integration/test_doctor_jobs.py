"""Jobs about doctors that are delivered a second time: the worker died after its commit, the broker hands them out again."""

import pytest

from support.accounts import add_user, bcrypt_ok
from support.hospital import Hospital
from support.jobs import delivered_twice

STRONG = "Sunny-Hill-26"


@pytest.fixture(scope="module")
def hospital(empty_db):
    h = Hospital(empty_db)
    yield h
    h.close()


@pytest.fixture(scope="module")
def twice(empty_db, hospital, make_system):
    with delivered_twice(empty_db, make_system, hospital.admin) as call:
        yield call


def logged(h, action, doctor):
    return h.one("select count(*) from audit_log where action = %s and entity_id = %s", action, str(doctor))


def test_made_once(twice, hospital):
    h = hospital
    code = twice("identity.create_doctor", body={"dept_id": h.dept, "name": "一回", "identifier": "once-1", "password": "Once-pw-1"})
    assert code[0] == code[1] and code[0]["account_provided"] is True
    v1 = twice("identity.v1_create_doctor", body={"name": "二回", "account": {"username": "once.2", "password": STRONG}})
    assert v1[0] == v1[1]
    hb = twice("identity.hb_create_doctor", body={"name": "Once", "email": "once3@x.example", "password": STRONG})
    assert hb[0] == hb[1]
    for doctor in (code[0]["doctor_id"], v1[0]["id"], hb[0]["id"]):
        assert logged(h, "doctor.create", doctor) == 1
    assert h.one("select count(*) from doctors where name in ('一回', '二回', 'Once')") == 3


def test_an_account_given_once(twice, hospital):
    h = hospital
    doctor = h.extra_doctor()
    one, two = twice("identity.create_doctor_account", path={"doctor_id": doctor}, body={"identifier": "given-1", "password": "Given-pw1"})
    assert one["user_id"] == two["user_id"] and logged(h, "doctor.account", doctor) == 1
    assert bcrypt_ok("Given-pw1", h.one("select hashed_password from users where id = %s", one["user_id"]))


def test_a_password_set_once(twice, hospital, empty_db):
    """The second delivery ends nobody's new session."""
    h = hospital
    user = add_user(empty_db, ["DOCTOR"], username="again")
    doctor = h.one("insert into doctors (user_id, dept_id, name) values (%s, %s, '又') returning id", user, h.dept)
    one, two = twice("identity.hb_update_doctor", body={"id": doctor, "password": STRONG, "specialization": "x"})
    assert one == two and logged(h, "doctor.update", doctor) == 1
    assert h.one("select version from doctors where id = %s", doctor) == 2
    assert h.one("select count(*) from password_history where user_id = %s", user) == 1


def test_removed_once(twice, hospital):
    h = hospital
    doctor = h.extra_doctor()
    one, two = twice("identity.delete_doctor", path={"doctor_id": doctor})
    assert one == two == {"detail": "成功删除医生 医生丙"} and logged(h, "doctor.delete", doctor) == 1
