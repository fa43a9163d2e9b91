"""POST /patient/identity/verify: who is who by the campus directory (BR-113, BR-134)."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from support import contract
from support.campus import Campus
from support.http import data, message
from support.people import open_people

VERIFY = "/patient/identity/verify"


@pytest.fixture(scope="module")
def campus():
    c = Campus()
    yield c
    c.close()


@pytest.fixture(scope="module")
def people(empty_db, make_system, campus):
    p = open_people(empty_db, make_system, {"campus.directory": "http", "campus.url": campus.url, "campus.timeout_s": 1,
                                            "password.threads": 3})
    yield p
    p.h.close()


def verify(api, number, password="Campus-1"):
    return api.post(VERIFY, {"identifier": number, "password": password})


def refused(response, text, code=99):
    assert message(response, code)["msg"] == text


@pytest.mark.parametrize("number, code, role, kind, account", [
    ("21300001", "student", "本科学生", "学生", "student"), ("T0001", "teacher", "教师", "教师", "teacher"),
    ("W0001", "staff", "后勤职工", "职工", "external"), ("X0001", "alumni", "校友", "校外", "external")])
def test_verified(people, campus, number, code, role, kind, account):
    pid, uid, api = people.patient()
    campus.add(number, name="学生" + "长" * 60, code=code, role=role)
    got = contract.check("identity.verify_campus_identity", message(verify(api, number)))
    assert got == {"status": "0", "patient_id": pid, "identifier": number, "patient_type": kind, "userId": number,
                   "userName": "学生" + "长" * 60, "roleCode": code, "roleName": role}
    assert campus.asked[-1] == ("/verify", {"identifier": number, "password": "Campus-1"})
    assert people.h.run("select identifier, patient_type, is_verified, name, full_name from patients where id = %s", pid) == [
        (number, kind, True, "学生" + "长" * 48, "学生" + "长" * 60)]
    assert people.h.run("select identifier, user_type from users where id = %s", uid) == [(number, account)]
    shown = message(api.get("/auth/user-info"))["patient"]
    assert (shown["identifier"], shown["patientType"], shown["verified"]) == (number, kind, True)
    assert data(api.get("/api/v1/patients/me"))["full_name"] == "学生" + "长" * 60
    assert people.audit("patient.verify", pid) == [(uid, pid, {"identifier": [None, number]})]
    message(verify(api, number))                                                        # again: the same
    assert people.h.run("select behavior_type, risk_score from risk_logs where user_id = %s", uid) == [("identity_verify", -10)]


def test_refusals(people, campus):
    pid, uid, api = people.patient()
    campus.add("21300010")
    refused(verify(api, "21300010", "wrong"), "校园登录失败，请检查账号或密码")
    refused(verify(api, "21300011"), "校园登录失败，请检查账号或密码")
    campus.people["21300012"] = ("Campus-1", campus.people["21300010"][1])               # somebody else's
    for number, answer in (("21300012", None), ("21300013", "<html>"), ("21300014", {"userId": "21300014"}), ("21300015", [])):
        if answer is not None:
            campus.people[number] = ("Campus-1", answer)
        refused(verify(api, number), "校园身份验证失败，请检查学号是否正确")
    for sent in ({}, {"identifier": "1"}, {"identifier": "", "password": "x"}, {"identifier": "x" * 51, "password": "x"}):
        message(api.post(VERIFY, sent), 99)
    refused(verify(people.api(people.h.staff), "21300010"), "患者信息不存在", 106)
    assert people.h.one("select identifier from patients where id = %s", pid) is None
    assert not any(b"Campus-1" in open(p.log_path, "rb").read() for p in people.system.processes.values())


def test_a_number_of_somebody_else(people, campus):
    campus.add("21300020")
    campus.add("t20")
    first, _, one = people.patient()
    other = people.patient()[2]
    message(verify(one, "21300020"))
    refused(verify(other, "21300020"), "该学号已被其他患者使用")
    refused(verify(other, "21300020", "wrong"), "校园登录失败，请检查账号或密码")          # told only to who has the password
    people.h.run("update users set identifier = 'T20' where id = %s", people.h.staff)
    refused(verify(other, "t20"), "该学号已被其他账号使用")


def test_a_silent_directory(people, campus):
    _, _, api = people.patient()
    campus.add("21300030")
    campus.status = 500
    refused(verify(api, "21300030"), "校园身份验证服务暂不可用，请稍后再试")
    campus.status, campus.delay = None, 2
    refused(verify(api, "21300030"), "校园身份验证服务暂不可用，请稍后再试")
    campus.delay = 0
    message(verify(api, "21300030"))


def test_one_number_for_two_at_once(people, campus):
    for i in range(3):
        number = campus.add(f"2130004{i}")
        callers = [people.patient()[2] for _ in range(2)]
        with ThreadPoolExecutor(2) as pool:
            got = sorted(r.json()["code"] for r in pool.map(lambda a: verify(a, number), callers))
        assert got == [0, 99]
        assert people.h.one("select count(*) from patients where identifier = %s", number) == 1


def test_off_and_file(cluster, template, make_system, tmp_path):
    file = tmp_path / "campus.json"
    file.write_text(json.dumps([{"userId": "21300050", "password": "pw", "userName": "甲", "roleCode": "student", "roleName": "学生"}]))
    tmp_path.chmod(0o755)
    people = open_people(cluster.create_database(template=template), make_system)
    try:
        pid, _, api = people.patient()
        refused(verify(api, "21300050", "pw"), "未开通校园身份验证")
        worker = next(p for p in people.system.processes.values() if "identity" in p.argv[-1])
        worker.stop()
        people.system.start_worker(worker.argv[-1], name="again", conf={"campus.directory": "file", "campus.file": file})
        refused(verify(api, "21300050", "PW"), "校园登录失败，请检查账号或密码")
        assert message(verify(api, "21300050", "pw"))["patient_id"] == pid
        file.write_text("{")
        refused(verify(api, "21300050", "pw"), "校园身份验证服务暂不可用，请稍后再试")
    finally:
        people.h.close()
