"""Whom an account may book for (api/07 section 7.4; BR-105 to BR-112)."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from support import contract
from support.hospital import today
from support.http import message
from support.people import card, open_people

LIST = "/patient/patients"


@pytest.fixture(scope="module")
def people(empty_db, make_system):
    p = open_people(empty_db, make_system)
    yield p
    p.h.close()


def add(api, name="小明", number=None, **more):
    return api.post(LIST, {"name": name, "id_card": number or card(), **more})


def refused(response, code, text):
    assert message(response, code)["msg"] == text


def listed(api):
    return contract.check("identity.list_relatives", message(api.get(LIST)))["patients"]


def test_add_and_list(people):                                                      # BR-106, BR-112
    pid, _, api = people.patient(phone="13812345678", identifier="21301001", date_of_birth="2000-01-01")
    number = card("20180520", male=False)
    made = contract.check("identity.add_relative", message(add(api, " 小红 ", f" {number} ", relation_type="子女", remark="女儿",
                                                             phone_number="1", identifier=None)))
    assert made["message"] == "添加就诊人成功"
    second = message(add(api, "老李", "110101400520001", gender="男", birth_date="1940-05-20"))
    rows = listed(api)
    assert [r["patient"]["patient_id"] for r in rows] == [pid, second["patient_id"], made["patient_id"]]    # default, newest
    assert [r["relation_type"] for r in rows] == ["本人", "其他", "子女"]
    self, old, child = [r["patient"] for r in rows]
    assert (self["identifier"], self["phone_number"], self["id_card"]) == ("21301001", "138****5678", "")
    assert old["gender"] == "男" and old["birth_date"] == "1940-05-20" and old["id_card"] == "110101********0001"
    assert child["real_name"] == "小红" and child["id_card"] == number[:6] + "********" + number[-4:]
    assert (child["gender"], child["birth_date"], child["phone_number"]) == ("女", "2018-05-20", "")
    assert child["age"] == today().year - 2018 - ((today().month, today().day) < (5, 20)) and rows[2]["remark"] == "女儿"
    assert rows[2]["relation_id"] == made["relation_id"]
    row = people.h.run("select patient_type, user_id, mrn, national_id_enc, national_id_bidx, gender from patients where id = %s",
                       made["patient_id"])[0]
    assert row[:2] == ("校外", None) and row[2][0] == "P" and len(row[2]) == 9 and row[5] == "female"
    assert number.encode() not in bytes(row[3]) and len(bytes(row[4])) == 32            # sealed
    assert people.h.one("select count(*) from job_done where body like %s", f"%{number}%") == 0


def test_add_faults(people):                                                        # BR-106
    _, _, api = people.patient()
    for sent in ({}, {"name": "甲"}, {"id_card": card()}, {"name": "  ", "id_card": card()}, {"name": "甲", "id_card": " "}):
        refused(api.post(LIST, sent), 99, "身份证号和姓名为必填项")
    for number in ("1" * 14, "1" * 16, "1" * 17, "1" * 19):
        refused(add(api, number=number), 99, "身份证号必须为15位或18位")
    for bad in ({"relation_type": "长" * 21}, {"remark": "长" * 201}, {"gender": "男人"}, {"birth_date": "2020-02-30"},
                {"is_default": 3}, {"birth_date": "2999-01-01"}, {"birth_date": "1850-01-01"}):
        message(add(api, **bad), 99)
    assert len(listed(api)) == 1


def test_a_known_number(people):                                                    # BR-107
    pid, _, api = people.patient()
    number = card()
    added = message(add(api, "小明", number))["patient_id"]
    _, _, other = people.patient()
    refused(add(other, "小亮", number), 99, "请核对身份证号和姓名是否正确")
    assert message(add(other, "小明", number.lower()))["patient_id"] == added
    refused(add(other, "小明", number), 99, "该就诊人已存在")
    people.h.run("update patients set deleted_at = now() where id = %s", added)
    fresh = message(add(other, "小亮", number))["patient_id"]                          # the deleted one is gone
    assert fresh != added and [r["patient"]["patient_id"] for r in listed(api)] == [pid]


def test_oneself(people):                                                           # BR-107
    pid, _, api = people.patient()
    number = card()
    mine = message(add(api, "小明", number))["patient_id"]
    people.h.run("delete from patient_relations where related_patient_id = %s", mine)
    uid = people.h.user(roles=["PATIENT"])
    people.h.run("update patients set user_id = %s where id = %s", uid, mine)
    refused(add(people.api(uid), "小明", number), 99, "不能添加自己为就诊人")


def test_limit(people):                                                             # BR-108
    _, _, api = people.patient()
    for _ in range(5):
        message(add(api))
    refused(add(api), 99, "最多可添加6名就诊人")
    last = listed(api)[-2]["patient"]["patient_id"]
    people.h.run("update patients set deleted_at = now() where id = %s", last)
    message(add(api))


def test_default(people):                                                           # BR-109
    pid, _, api = people.patient()
    shown = contract.check("identity.get_default_relative", message(api.get(f"{LIST}/default")))
    assert shown["patient"]["patient_id"] == pid and shown["is_default"] is True
    number = card()
    child = message(add(api, number=number, is_default=True))["patient_id"]
    shown = contract.check("identity.get_default_relative", message(api.get(f"{LIST}/default")))["patient"]
    assert shown["patient_id"] == child and shown["name"] == shown["real_name"] == "小明"
    assert shown["idCard"] == shown["id_card"] == number[:6] + "********" + number[-4:] and shown["phone"] == ""
    assert message(api.put(f"{LIST}/{pid}/set-default")) == {"message": "设置成功"}
    assert [(r["patient"]["patient_id"], r["is_default"]) for r in listed(api)] == [(pid, True), (child, False)]
    people.h.run("update patient_relations set is_default = false where user_patient_id = %s", pid)
    assert message(api.get(f"{LIST}/default")) is None
    refused(api.put(f"{LIST}/999999/set-default"), 106, "就诊人关系不存在")


def test_update(people):                                                            # BR-111
    pid, _, api = people.patient()
    child = message(add(api, remark="x"))["patient_id"]
    assert message(api.put(f"{LIST}/{child}", {"relation_type": "父母"})) == {"message": "更新成功"}
    row = listed(api)[1]
    assert (row["relation_type"], row["remark"]) == ("父母", "x")
    message(api.put(f"{LIST}/{child}", {"remark": None}))
    assert (listed(api)[1]["relation_type"], listed(api)[1]["remark"]) == ("父母", None)
    message(api.put(f"{LIST}/{child}", {"relation_type": "长" * 21}), 99)
    refused(api.put(f"{LIST}/{pid}", {"remark": "我"}), 99, "不能修改本人关系")
    refused(api.put(f"{LIST}/999999", {"remark": "我"}), 106, "就诊人关系不存在")


def test_remove(people):                                                            # BR-110
    pid, _, api = people.patient()
    child = message(add(api, is_default=True))["patient_id"]
    refused(api.delete(f"{LIST}/{pid}"), 99, "不能删除本人就诊人")
    refused(api.delete(f"{LIST}/{child}"), 99, "不能删除默认就诊人,请先取消默认设置")
    message(api.put(f"{LIST}/{pid}/set-default"))
    assert message(api.delete(f"{LIST}/{child}")) == {"message": "删除成功"}
    refused(api.delete(f"{LIST}/{child}"), 106, "就诊人关系不存在")
    assert len(listed(api)) == 1 and people.h.one("select count(*) from patients where id = %s and deleted_at is null", child) == 1


def test_only_ones_own(people):                                                     # BR-105
    _, _, mine = people.patient()
    child = message(add(mine))["patient_id"]
    _, _, other = people.patient()
    refused(other.put(f"{LIST}/{child}", {"remark": "x"}), 106, "就诊人关系不存在")
    refused(other.delete(f"{LIST}/{child}"), 106, "就诊人关系不存在")
    for call in (lambda a: a.get(LIST), lambda a: a.get(f"{LIST}/default"), lambda a: add(a),
                 lambda a: a.put(f"{LIST}/{child}", {}), lambda a: a.delete(f"{LIST}/{child}"),
                 lambda a: a.put(f"{LIST}/{child}/set-default")):
        refused(call(people.api(people.h.staff)), 106, "患者信息不存在")


def test_the_same_call_again(people):
    _, _, api = people.patient()
    sent = {"name": "小明", "id_card": card()}
    first = message(api.post(LIST, sent, headers={"Idempotency-Key": "once"}))
    again = api.post(LIST, sent, headers={"Idempotency-Key": "once"})
    assert message(again) == first and again.headers["Idempotency-Replayed"] == "true" and len(listed(api)) == 2


# ---- two at once

def at_once(calls):
    with ThreadPoolExecutor(len(calls)) as pool:
        return [f.result() for f in [pool.submit(c) for c in calls]]


def test_the_same_relative_twice_at_once(people):
    _, _, api = people.patient()
    for _ in range(3):
        number = card()
        codes = sorted(r.json()["code"] for r in at_once([lambda: add(api, "小明", number)] * 4))
        assert codes == [0, 99, 99, 99]
        people.h.run("delete from patient_relations where relation_type <> '本人'")


def test_one_new_number_by_several_owners_at_once(people):
    owners = [people.patient()[2] for _ in range(4)]
    number = card()
    ids = {message(r)["patient_id"] for r in at_once([lambda a=a: add(a, "小明", number) for a in owners])}
    assert len(ids) == 1


def test_the_limit_holds_at_once(people):
    _, _, api = people.patient()
    codes = [r.json()["code"] for r in at_once([lambda: add(api)] * 10)]
    assert codes.count(0) == 5 and len(listed(api)) == 6


def test_two_defaults_at_once(people):
    _, _, api = people.patient()
    children = [message(add(api))["patient_id"] for _ in range(3)]
    for _ in range(3):
        got = at_once([lambda c=c: api.put(f"{LIST}/{c}/set-default") for c in children]
                      + [lambda: add(api, is_default=True)])
        assert all(r.json()["code"] == 0 for r in got[:3])
        assert sum(r["is_default"] for r in listed(api)) == 1
        people.h.run("delete from patient_relations where not is_default and relation_type <> '本人' and related_patient_id <> all (%s)",
                     children)
