"""Feedback (api/11 section 11.1, BR-144), and what doctors want to be told (api/08 section 8.8)."""

import datetime as dt
import uuid

import pytest

from support.hospital import ZONE, now
from support.http import message


@pytest.fixture
def author(house, h):
    return house.api(h.user(roles=["PATIENT"]))


@pytest.fixture(scope="module")
def admin(house, h):
    return house.api(h.admin)


def send(api, content="支付完成后页面没有刷新，请检查一下，谢谢，这一句话的长度超过了三十个字", kind="bug", **more):
    return message(api.post("/common/feedback", {"type": kind, "content": content, **more}))


def refused(response, code, text):
    body = response.json()
    assert (response.status_code, body["code"], body["message"]["msg"]) == (200, code, text)


# ---- authors

@pytest.mark.parametrize("kind, text", [("bug", "功能异常"), ("suggestion", "功能建议"), ("complaint", "服务投诉"), ("praise", "表扬建议")])
def test_feedback_is_stored_as_pending(h, author, kind, text):
    before = now().replace(microsecond=0)
    made = send(author, "  希望能按医生姓名筛选号源\u3000", kind)
    assert made["content"] == "希望能按医生姓名筛选号源" and (made["type"], made["typeText"], made["status"]) == (kind, text, "pending")
    at = dt.datetime.strptime(made["createdAt"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=ZONE)     # local time, its Z notwithstanding
    assert before <= at <= now() and made["submitDate"] == at.date().isoformat()
    assert set(made) == {"feedback_id", "type", "typeText", "content", "status", "submitDate", "createdAt"}
    assert h.run("select type, content, status from feedbacks where id = %s", made["feedback_id"]) == \
        [(kind, "希望能按医生姓名筛选号源", "pending")]


def test_the_route_of_the_patient_client_is_the_same(author):
    made = message(author.post("/patient/feedback", {"type": "praise", "content": "护士很好"}))
    assert message(author.get(f"/common/feedback/{made['feedback_id']}"))["content"] == "护士很好"


def test_contact_details_are_shown_to_the_author_and_empty_ones_are_none(author):
    made = send(author, contactPhone="13800000001", contactEmail="li@example.org")
    shown = message(author.get(f"/common/feedback/{made['feedback_id']}"))
    assert shown == {**made, "contactPhone": "13800000001", "contactEmail": "li@example.org"}
    made = send(author, contactPhone="", contactEmail="")
    assert message(author.get(f"/common/feedback/{made['feedback_id']}")) == {**made, "contactPhone": None, "contactEmail": None}
    made = send(author, contactPhone=None, contactEmail=None)
    assert message(author.get(f"/common/feedback/{made['feedback_id']}"))["contactEmail"] is None


def test_the_list_is_ones_own_newest_first_and_cut(house, h, author):
    first, second = send(author), send(author, "短", "praise")
    send(house.api(h.user(roles=["PATIENT"])), "别人的")
    rows = message(author.get("/common/feedback"))
    assert [r["feedback_id"] for r in rows] == [second["feedback_id"], first["feedback_id"]]
    assert rows[0] == {"feedback_id": second["feedback_id"], "type": "praise", "content": "短", "submitDate": second["submitDate"],
                       "status": "pending"}
    assert rows[1]["content"] == first["content"][:30] and len(rows[1]["content"]) == 30
    assert message(house.api(h.user(roles=["PATIENT"])).get("/common/feedback")) == []


@pytest.mark.parametrize("length", [1, 499, 500])
def test_content_of_up_to_500_characters_is_taken(author, length):
    assert send(author, "好" * length)["content"] == "好" * length


@pytest.mark.parametrize("body, field", [
    ({"type": "bug"}, "content"),
    ({"content": "某事"}, "type"),
    ({"type": "bug", "content": ""}, "content"),
    ({"type": "bug", "content": " \n\u3000"}, "content"),
    ({"type": "bug", "content": "好" * 501}, "content"),
    ({"type": "other", "content": "某事"}, "type"),
    ({"type": "bug", "content": "某事", "contactPhone": "1" * 21}, "contactPhone"),
    ({"type": "bug", "content": "某事", "contactEmail": "no address"}, "contactEmail"),
])
def test_bad_input_names_the_member(h, author, body, field):
    before = h.one("select count(*) from feedbacks")
    refused(author.post("/common/feedback", body), 99, f"参数 {field} 不正确")
    assert h.one("select count(*) from feedbacks") == before


def test_a_client_that_tries_again_writes_once(h, author):
    key = str(uuid.uuid4())
    body = {"type": "bug", "content": "某事"}
    first, again = (message(author.post("/common/feedback", body, headers={"Idempotency-Key": key})) for _ in range(2))
    assert first == again and len(message(author.get("/common/feedback"))) == 1


def test_anothers_is_not_there(house, h, author):
    other = send(house.api(h.user(roles=["PATIENT"])))
    refused(author.get(f"/common/feedback/{other['feedback_id']}"), 106, "反馈记录不存在或无权访问")
    refused(author.get("/common/feedback/999999999"), 106, "反馈记录不存在或无权访问")


# ---- the office

def test_administrators_see_all_and_set_the_state(house, h, admin, author):
    other = house.api(h.user(roles=["PATIENT"]))
    first, second = send(author), send(other)
    rows = message(admin.get("/admin/feedbacks"))
    assert [r["feedback_id"] for r in rows[:2]] == [second["feedback_id"], first["feedback_id"]]
    for status in ("processing", "replied", "closed", "pending"):
        assert message(admin.put(f"/admin/feedbacks/{first['feedback_id']}/status", {"status": status})) == \
            {"detail": "反馈状态已更新", "feedback_id": first["feedback_id"], "status": status}
        assert message(author.get("/common/feedback"))[0]["status"] == status
    assert message(other.get("/common/feedback"))[0]["status"] == "pending"
    assert h.run("select changes from audit_log where entity = 'feedback' and entity_id = %s order by id",
                 str(first["feedback_id"]))[0] == ({"status": ["pending", "processing"]},)


def test_the_same_state_again_is_no_change(h, admin, author):
    made = send(author)["feedback_id"]
    for _ in range(2):
        message(admin.put(f"/admin/feedbacks/{made}/status", {"status": "closed"}))
    assert h.one("select version from feedbacks where id = %s", made) == 2
    assert h.one("select count(*) from audit_log where entity = 'feedback' and entity_id = %s", str(made)) == 1


def test_a_state_of_nothing_and_an_unknown_state(admin, author):
    refused(admin.put("/admin/feedbacks/999999999/status", {"status": "closed"}), 106, "反馈记录不存在")
    made = send(author)["feedback_id"]
    refused(admin.put(f"/admin/feedbacks/{made}/status", {"status": "done"}), 99, "参数 status 不正确")
    refused(admin.put(f"/admin/feedbacks/{made}/status", {}), 99, "参数 status 不正确")


def test_the_offices_routes_are_for_administrators(author):
    refused(author.get("/admin/feedbacks"), 102, "无权限，仅管理员可操作")
    refused(author.put(f"/admin/feedbacks/{send(author)['feedback_id']}/status", {"status": "closed"}), 102, "无权限，仅管理员可操作")


# ---- what doctors want to be told

ALL = {"schedule_change": True, "leave_approval": True, "system_announcement": True, "patient_appointment": True}


def test_a_doctor_is_told_everything_until_he_says_otherwise(house, h):
    doctor, other = house.api(h.doctor_user), house.api(h.doctor2_user)
    assert message(doctor.get("/doctor/notification/settings")) == ALL
    some = {**ALL, "system_announcement": False}
    assert message(doctor.post("/doctor/notification/settings", {"system_announcement": False})) == some
    assert message(doctor.post("/doctor/notification/settings", {})) == some
    less = {**some, "leave_approval": False}
    assert message(doctor.post("/doctor/notification/settings", {"leave_approval": False})) == less
    assert message(doctor.get("/doctor/notification/settings")) == less
    assert message(other.get("/doctor/notification/settings")) == ALL
    assert message(doctor.post("/doctor/notification/settings", ALL)) == ALL


def test_settings_are_doctors_and_are_booleans(house, h):
    refused(house.api(h.admin).get("/doctor/notification/settings"), 102, "仅医生可访问该接口")
    refused(house.api(h.doctor_user).post("/doctor/notification/settings", {"leave_approval": "maybe"}), 99,
            "参数 leave_approval 不正确")
