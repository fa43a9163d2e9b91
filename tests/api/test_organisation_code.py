"""Departments, clinics, areas, heads and the look-up of people on the {code, message} surface (api/02)."""

import datetime as dt
import itertools

import pytest

from support import contract
from support.doctors import open_office
from support.hospital import today
from support.http import message
from support.rush import at_once
from support.sealed import seal_number

PRICES = ("default_price_normal", "default_price_expert", "default_price_special")
MAJOR, MINOR, CLINIC = "/admin/major-departments", "/admin/minor-departments", "/admin/clinics"
_serial = itertools.count(1)


@pytest.fixture(scope="module")
def office(empty_db, make_system):
    o = open_office(empty_db, make_system)
    yield o
    o.h.close()


@pytest.fixture(scope="module")
def admin(office):
    return office.admin


@pytest.fixture()
def fresh(office):
    """A function that makes a row of its own and gives its id: fresh("major"), fresh("minor"), fresh("clinic", dept)."""
    def make(kind, of=None, **columns):
        h, name = office.h, f"{kind}-{next(_serial)}"
        row = {"major": ("major_departments", {}), "minor": ("minor_departments", {"major_dept_id": of or h.major}),
               "clinic": ("clinics", {"minor_dept_id": of or h.dept, "area_id": h.area})}[kind]
        values = {"name": name, **row[1], **columns}
        return h.one(f"insert into {row[0]} ({', '.join(values)}) values ({', '.join(['%s'] * len(values))}) returning id",
                     *values.values())
    return make


def ok(operation, response):
    return contract.check("directory." + operation, message(response))


def refused(response, code, text):
    said = message(response, code)
    assert said["msg"] == text, said
    return said


# ---- major departments

def test_major_departments_from_first_to_last(office, admin):
    made = ok("create_major_department", admin.post("/major-departments", {"name": " 骨科　", "description": "骨与关节"}))
    dept = made["major_dept_id"]
    assert made == {"major_dept_id": dept, "name": "骨科", "description": "骨与关节", "create_time": made["create_time"],
                    "detail": "成功创建大科室：骨科"}
    stamp = dt.datetime.fromisoformat(made["create_time"])                              # the hospital's clock, without a zone
    assert abs(stamp - dt.datetime.now(dt.timezone(dt.timedelta(hours=8))).replace(tzinfo=None)) < dt.timedelta(minutes=5)
    changed = ok("update_major_department", admin.put(f"{MAJOR}/{dept}", {"name": "骨科中心"}))
    assert (changed["name"], changed["description"], changed["detail"]) == ("骨科中心", "骨与关节", "成功更新大科室信息")
    assert ok("update_major_department", admin.put(f"{MAJOR}/{dept}/", {"description": None}))["description"] is None
    assert ok("update_major_department", admin.put(f"/major-departments/{dept}", {}))["name"] == "骨科中心"
    rows = ok("list_major_departments", admin.get(MAJOR))["departments"]
    assert [r for r in rows if r["major_dept_id"] == dept] == [
        {"major_dept_id": dept, "name": "骨科中心", "description": None, "create_time": made["create_time"]}]
    assert message(admin.get("/major-departments/")) == message(admin.get(MAJOR))
    assert ok("delete_major_department", admin.delete(f"/major-departments/{dept}")) == {"detail": "成功删除大科室 骨科中心"}
    assert dept not in [r["major_dept_id"] for r in message(admin.get(MAJOR))["departments"]]
    assert dept not in [r["major_dept_id"] for r in message(admin.get("/patient/major-departments"))["departments"]]
    for call in (admin.put(f"{MAJOR}/{dept}", {"name": "x"}), admin.delete(f"{MAJOR}/{dept}")):
        refused(call, 106, "科室不存在")
    again = ok("create_major_department", admin.post(MAJOR, {"name": "骨科中心"}))["major_dept_id"]
    assert again != dept                                                               # the name is free, the row is another
    assert office.entries("department.create", dept)[0]["name"] == [None, "骨科"]
    assert office.entries("department.update", dept) == [{"name": ["骨科", "骨科中心"]}, {"description": ["骨与关节", None]}]
    assert office.entries("department.delete", dept)[0]["name"] == ["骨科中心", None]


def test_a_new_department_is_the_last_of_its_list(admin, fresh):
    fresh("major", sort_order=7)
    fresh("minor", sort_order=9)
    major = message(admin.post(MAJOR, {"name": "末位大科"}))["major_dept_id"]
    minor = message(admin.post(MINOR, {"major_dept_id": major, "name": "末位小科"}))["minor_dept_id"]
    assert message(admin.get(MAJOR))["departments"][-1]["major_dept_id"] == major
    assert message(admin.get(MINOR))["departments"][-1]["minor_dept_id"] == minor


def test_names_of_major_departments_are_unique(admin, fresh):                           # BR-17
    fresh("major", name="眼科中心")
    other = fresh("major")
    refused(admin.post(MAJOR, {"name": "眼科中心"}), 99, "科室名称已存在")
    refused(admin.post(MAJOR, {"name": " 眼科中心 "}), 99, "科室名称已存在")
    refused(admin.put(f"{MAJOR}/{other}", {"name": "眼科中心"}), 99, "科室名称已存在")
    ok("update_major_department", admin.put(f"{MAJOR}/{other}", {"name": "眼科中心二"}))


def test_a_major_department_with_children_stays(admin, fresh):                           # BR-18
    dept = fresh("major")
    one, two = fresh("minor", dept), fresh("minor", dept)
    refused(admin.delete(f"{MAJOR}/{dept}"), 99, "存在下属小科室，无法删除")
    for minor in (one, two):
        message(admin.delete(f"{MINOR}/{minor}"))
    message(admin.delete(f"{MAJOR}/{dept}"))


@pytest.mark.parametrize("path", [MAJOR, MINOR, CLINIC])
@pytest.mark.parametrize("name", [None, "", "  ", "　", "x" * 101, 7, ["x"]])
def test_bad_names(office, admin, path, name):
    whole = {"major_dept_id": office.h.major, "minor_dept_id": office.h.dept, "name": name}
    assert "name" in message(admin.post(path, whole), 99)["msg"]
    row = {MAJOR: office.h.major, MINOR: office.h.dept, CLINIC: office.h.clinic}[path]
    assert "name" in message(admin.put(f"{path}/{row}", {"name": name}), 99)["msg"]


def test_what_is_missing_is_named(admin):
    assert "name" in message(admin.post(MAJOR, {}), 99)["msg"]
    for member in ("major_dept_id", "name"):
        assert member in message(admin.post(MINOR, {"major_dept_id": 1, "name": "x", member: None}), 99)["msg"]
    for member in ("minor_dept_id", "name"):
        assert member in message(admin.post(CLINIC, {"minor_dept_id": 1, "name": "x", member: None}), 99)["msg"]


# ---- minor departments

def test_minor_departments_from_first_to_last(office, admin, fresh):
    h, other = office.h, fresh("major")
    made = ok("create_minor_department", admin.post("/minor-departments", {
        "major_dept_id": str(h.major), "name": "脊柱科", "description": "脊柱", "default_price_normal": 60.00,
        "default_price_expert": None, "default_price_special": 550}))
    dept = made["minor_dept_id"]
    assert made == {"minor_dept_id": dept, "major_dept_id": h.major, "name": "脊柱科", "description": "脊柱",
                    "default_price_normal": 60.0, "default_price_expert": None, "default_price_special": 550.0,
                    "create_time": made["create_time"]}
    changed = ok("update_minor_department", admin.put(f"{MINOR}/{dept}", {
        "name": "脊柱外科", "default_price_normal": 65.5, "default_price_expert": 150, "default_price_special": None}))
    assert [changed[p] for p in PRICES] == [65.5, 150, None] and "transfer_info" not in changed        # null clears (BR-32)
    assert [ok("update_minor_department", admin.put(f"{MINOR}/{dept}", {"description": "x"}))[p] for p in PRICES] == [65.5, 150, None]
    moved = ok("update_minor_department", admin.put(f"/minor-departments/{dept}", {"major_dept_id": other}))
    assert moved["transfer_info"] == {"old_major_dept_id": h.major, "new_major_dept_id": other} and moved["major_dept_id"] == other
    assert "transfer_info" not in ok("update_minor_department", admin.put(f"{MINOR}/{dept}", {"major_dept_id": other}))
    assert ok("list_minor_departments", admin.get(f"{MINOR}?major_dept_id={other}"))["departments"] == [
        {k: v for k, v in moved.items() if k != "transfer_info"}]
    shown = [d for d in message(admin.get("/patient/minor-departments"))["departments"] if d["minor_dept_id"] == dept]
    assert [shown[0][p] for p in PRICES] == [65.5, 150, 500]                            # in force, with inheritance (BR-35)
    assert ok("delete_minor_department", admin.delete(f"{MINOR}/{dept}")) == {"detail": "成功删除小科室 脊柱外科"}
    assert h.one("select count(*) from system_config where scope_type = 'MINOR_DEPT' and scope_id = %s", dept) == 0
    for call in (admin.put(f"{MINOR}/{dept}", {}), admin.delete(f"{MINOR}/{dept}"), admin.put(f"{MINOR}/{h.major}", {})):
        refused(call, 106, "科室不存在")
    for path in (f"/patient/departments/{dept}/schedules?start_date={today()}&end_date={today()}",
                 f"/patient/hospitals/schedules?departmentId={dept}"):
        refused(admin.get(path), 106, "科室不存在")
    assert message(admin.get("/patient/search/global?keyword=脊柱外科"))["total"] == 0
    assert office.entries("department.update", dept)[0] == {
        "name": ["脊柱科", "脊柱外科"], "default_price_normal": [60.0, 65.5], "default_price_expert": [None, 150.0],
        "default_price_special": [550.0, None]}
    assert office.entries("department.update", dept)[2] == {"major_dept_id": [h.major, other]}


def test_rules_of_minor_departments(office, admin, fresh):                               # BR-19
    taken = fresh("minor", name="唯一科")
    other = fresh("minor")
    body = {"major_dept_id": office.h.major, "name": "新科"}
    refused(admin.post(MINOR, {**body, "major_dept_id": 999999999}), 99, "大科室不存在")
    refused(admin.post(MINOR, {**body, "major_dept_id": other}), 99, "大科室不存在")         # a minor one is none
    gone = fresh("major")
    message(admin.delete(f"{MAJOR}/{gone}"))
    refused(admin.post(MINOR, {**body, "major_dept_id": gone}), 99, "大科室不存在")
    refused(admin.post(MINOR, {**body, "name": "唯一科"}), 99, "科室名称已存在")
    refused(admin.put(f"{MINOR}/{other}", {"major_dept_id": 999999999}), 99, "目标大科室不存在")
    refused(admin.put(f"{MINOR}/{other}", {"major_dept_id": gone}), 99, "目标大科室不存在")
    refused(admin.put(f"{MINOR}/{other}", {"name": "唯一科"}), 99, "科室名称已存在")
    assert message(admin.delete(f"{MINOR}/{taken}"))
    ok("update_minor_department", admin.put(f"{MINOR}/{other}", {"name": "唯一科"}))


def test_a_minor_department_in_use_stays(office, admin, fresh):                          # BR-20, R-79
    dept, other = fresh("minor"), fresh("minor")
    doctor, _ = office.doctor(account=False, dept_id=dept)
    clinic = fresh("clinic", dept)
    refused(admin.delete(f"{MINOR}/{dept}"), 99, "存在关联医生，无法删除")
    office.h.run("update doctors set deleted_at = now() where id = %s", doctor)
    refused(admin.delete(f"{MINOR}/{dept}"), 99, "存在关联门诊，无法删除")
    ok("update_clinic", admin.put(f"{CLINIC}/{clinic}", {"minor_dept_id": other}))
    message(admin.delete(f"{MINOR}/{dept}"))
    assert office.h.one("select m.name from doctors d join minor_departments m on m.id = d.dept_id where d.id = %s", doctor)


@pytest.mark.parametrize("price", [-0.01, 1e8, 0.001, "x", True, [1]])
def test_bad_prices(office, admin, price):                                                # BR-33
    for name in PRICES:
        for path, row in ((MINOR, office.h.dept), (CLINIC, office.h.clinic)):
            assert name in message(admin.put(f"{path}/{row}", {name: price}), 99)["msg"]
    assert office.h.one("select count(*) from system_config where scope_id in (%s, %s)", office.h.dept, office.h.clinic) == 0


def test_paging_of_minor_departments(office, admin, fresh):
    major = fresh("major")
    made = [fresh("minor", major, sort_order=9 - n) for n in range(5)][::-1]
    path = f"{MINOR}?major_dept_id={major}"

    def ids(query):
        got = ok("list_minor_departments", admin.get(path + query))
        return [d["minor_dept_id"] for d in got["departments"]], got["total"], got["page"], got["page_size"]

    assert ids("") == (made, 5, 1, 5)                                                     # the admin client filters by itself
    assert ids("&page=2&page_size=2") == (made[2:4], 5, 2, 2)
    assert ids("&page=2") == ([], 5, 2, 50) and ids("&page_size=4") == (made[:4], 5, 1, 4)
    assert ids(f"&page={2**53}&page_size=10000") == ([], 5, 2**53, 10000)
    assert ok("list_minor_departments", admin.get(f"{MINOR}?major_dept_id=999999999"))["total"] == 0
    for path in (MINOR, CLINIC):
        for query in ("page=0", "page_size=0", "page=x", "page_size=-3", "page_size=10001"):
            refused(admin.get(f"{path}?{query}"), 99, "分页参数必须为正整数")
    assert "major_dept_id" in message(admin.get(f"{MINOR}?major_dept_id=x"), 99)["msg"]
    everything = ok("list_minor_departments", admin.get("/admin/minor-departments/"))       # as the client really asks
    assert everything["total"] == len(everything["departments"]) == everything["page_size"]


# ---- clinics and areas

def test_clinics_from_first_to_last(office, admin, fresh):
    h, dept = office.h, fresh("minor")
    area = h.one("insert into hospital_areas (name) values ('东院区') returning id")
    made = ok("create_clinic", admin.post(CLINIC, {"minor_dept_id": dept, "name": "心血管内科普通门诊", "clinic_type": "0",
                                                   "address": "门诊楼2层", "default_price_normal": 60, "default_price_expert": 180.00,
                                                   "default_price_special": None}))
    clinic = made["clinic_id"]
    assert made == {"clinic_id": clinic, "name": "心血管内科普通门诊", "address": "门诊楼2层", "minor_dept_id": dept, "clinic_type": 0,
                    "default_price_normal": 60.0, "default_price_expert": 180.0, "default_price_special": None,
                    "detail": "门诊创建成功"}
    second = ok("create_clinic", admin.post("/clinics", {"minor_dept_id": dept, "name": "特需", "clinic_type": 2, "area_id": area}))
    changed = ok("update_clinic", admin.put(f"{CLINIC}/{clinic}", {
        "name": "心内科VIP诊室", "address": "内科楼3楼", "clinic_type": 2, "default_price_normal": 70, "default_price_special": 600}))
    assert changed == {**made, "name": "心内科VIP诊室", "address": "内科楼3楼", "clinic_type": 2, "default_price_normal": 70.0,
                       "default_price_special": 600.0, "detail": "门诊信息更新成功"}
    kept = ok("update_clinic", admin.put(f"/clinics/{clinic}", {"address": None, "default_price_expert": None, "area_id": None}))
    assert (kept["address"], kept["clinic_type"], [kept[p] for p in PRICES]) == (None, 2, [70, None, 600])
    rows = ok("list_clinics", admin.get(f"{CLINIC}?dept_id={dept}"))["clinics"]
    assert [(r["clinic_id"], r["area_id"]) for r in rows] == [(clinic, h.area), (second["clinic_id"], area)]   # BR-29: the first area
    assert [rows[0][p] for p in PRICES] == [70, None, 600] and [rows[1][p] for p in PRICES] == [None] * 3       # BR-35
    assert message(admin.get(f"/clinics/?dept_id={dept}&page=2&page_size=1"))["clinics"] == rows[1:]
    assert clinic in [r["clinic_id"] for r in ok("list_clinics", admin.get(CLINIC))["clinics"]]
    assert office.entries("clinic.create", clinic)[0]["default_price_normal"] == [None, 60.0]
    assert office.entries("clinic.update", clinic)[1] == {"address": ["内科楼3楼", None], "default_price_expert": [180.0, None]}


def test_rules_of_clinics(office, admin, fresh):                                           # BR-29
    h, clinic, gone = office.h, fresh("clinic"), fresh("minor")
    message(admin.delete(f"{MINOR}/{gone}"))
    body = {"minor_dept_id": h.dept, "name": "诊室"}
    for dept in (999999999, gone, h.major):
        refused(admin.post(CLINIC, {**body, "minor_dept_id": dept}), 99, "小科室不存在")
        refused(admin.put(f"{CLINIC}/{clinic}", {"minor_dept_id": dept}), 99, "小科室不存在")
    refused(admin.post(CLINIC, {**body, "area_id": 999999999}), 99, "院区不存在")
    refused(admin.put(f"{CLINIC}/{clinic}", {"area_id": 999999999}), 99, "院区不存在")
    refused(admin.put(f"{CLINIC}/999999999", {"name": "x"}), 106, "门诊不存在")
    for member, value in (("clinic_type", 3), ("clinic_type", "x"), ("address", "x" * 256), ("area_id", "x"), ("minor_dept_id", 0)):
        assert member in message(admin.post(CLINIC, {**body, member: value}), 99)["msg"]


def test_a_hospital_without_areas_has_no_clinics(office, admin):                               # BR-29
    h = office.h
    h.run("alter table clinics drop constraint clinics_area_fk")
    h.run("create table kept as select * from hospital_areas")
    h.run("delete from hospital_areas")
    try:
        refused(admin.post(CLINIC, {"minor_dept_id": h.dept, "name": "诊室"}), 99, "院区不存在")
        assert ok("list_areas", admin.get("/admin/hospital-areas"))["areas"] == []
    finally:
        h.run("insert into hospital_areas select * from kept")
        h.run("alter table clinics add constraint clinics_area_fk foreign key (area_id) references hospital_areas (id)")
        h.run("drop table kept")


def test_areas(office, admin):
    rows = ok("list_areas", admin.get("/admin/hospital-areas"))["areas"]
    assert rows[0]["area_id"] == office.h.area and rows[0]["name"] == "主院区" and rows[0]["destination"] == "学院路 3 号"
    assert ok("list_areas", admin.get(f"/admin/hospital-areas/?area_id={office.h.area}"))["areas"] == rows[:1]
    assert ok("list_areas", admin.get("/admin/hospital-areas?area_id=999999999"))["areas"] == []
    assert "area_id" in message(admin.get("/admin/hospital-areas?area_id=x"), 99)["msg"]


# ---- heads of departments

def heads_path(dept):
    return f"/admin/departments/{dept}/heads"


def select(api, dept, doctor):
    return api.post(f"{heads_path(dept)}/select", {"doctor_id": doctor})


def test_heads(office, admin, fresh):                                                       # BR-26
    h, dept = office.h, fresh("minor")
    one, two, three = (office.doctor(account=False, dept_id=dept, title=t)[0] for t in ("主任医师", "副主任医师", "科室副主任"))
    plain, stranger = office.doctor(account=False, dept_id=dept, title="主治医师")[0], office.doctor(account=False, title="主任医师")[0]
    assert ok("select_department_head", select(admin, dept, str(one))) == {
        "dept_id": dept, "doctor_id": one, "is_department_head": True, "max_heads": 2}
    assert ok("select_department_head", select(admin, dept, two))["max_heads"] == 2
    refused(select(admin, dept, three), 99, "科室长数量已达上限(2)")
    assert ok("select_department_head", select(admin, dept, one))["is_department_head"]        # again is no more
    refused(select(admin, dept, plain), 99, "仅主任/副主任可设为科室长")
    refused(select(admin, dept, stranger), 99, "医生不属于该科室")
    refused(select(admin, dept, 999999999), 106, "医生不存在")
    refused(select(admin, 999999999, one), 106, "科室不存在")
    assert "doctor_id" in message(admin.post(f"{heads_path(dept)}/select", {}), 99)["msg"]
    h.setting("departmentHeadMaxCount", "3", "MINOR_DEPT", dept)
    assert ok("select_department_head", select(admin, dept, three))["max_heads"] == 3
    path = f"{heads_path(dept)}/{three}"
    assert ok("remove_department_head", admin.delete(path)) == {
        "dept_id": dept, "doctor_id": three, "was_department_head": True, "is_department_head": False}
    assert ok("remove_department_head", admin.delete(path + "/"))["was_department_head"] is False
    refused(admin.delete(f"{heads_path(dept)}/{stranger}"), 99, "医生不属于该科室")
    refused(admin.delete(f"{heads_path(dept)}/999999999"), 106, "医生不存在")
    refused(admin.delete(f"{heads_path(999999999)}/{one}"), 106, "科室不存在")
    h.setting("departmentHeadMaxCount", "1", "MINOR_DEPT", dept)
    refused(select(admin, dept, three), 99, "科室长数量已达上限(1)")
    assert office.row(one)["is_department_head"] and office.row(two)["is_department_head"]
    assert office.entries("department.select_head", one) == [{"is_department_head": [False, True]}]
    assert office.entries("department.remove_head", three) == [{"is_department_head": [True, False]}]
    h.run("update doctors set deleted_at = now() where id = %s", one)
    refused(select(admin, dept, one), 106, "医生不存在")


# ---- at once

def clients(office, n):
    return [office.system.api(token=office.admin.token) for _ in range(n)]


def codes(responses):
    return sorted(r.json()["code"] for r in responses)


def test_two_heads_selected_at_once_are_at_most_as_many_as_may_be(office, fresh):
    for _ in range(4):
        dept = fresh("minor")
        doctors = [office.doctor(account=False, dept_id=dept, title="主任医师")[0] for _ in range(6)]
        got = at_once(*[lambda a=a, d=d: select(a, dept, d) for a, d in zip(clients(office, 6), doctors)])
        assert codes(got) == [0, 0, 99, 99, 99, 99]
        assert office.h.one("select count(*) from doctors where dept_id = %s and is_department_head", dept) == 2


def test_a_department_is_deleted_while_something_is_put_into_it(office, fresh):
    """Exactly one of the two wins, whichever it is."""
    for turn in range(8):
        dept, clinic = fresh("minor"), fresh("clinic")
        a, b = clients(office, 2)
        put = (lambda: b.post(CLINIC, {"minor_dept_id": dept, "name": "诊室"})) if turn % 2 else \
            (lambda: b.put(f"{CLINIC}/{clinic}", {"minor_dept_id": dept}))
        gone, into = at_once(lambda: a.delete(f"{MINOR}/{dept}"), put)
        assert codes([gone, into]) == [0, 99], (gone.text, into.text)
        if gone.json()["code"]:
            assert gone.json()["message"]["msg"] == "存在关联门诊，无法删除"
        else:
            assert into.json()["message"]["msg"] == "小科室不存在"
        assert office.h.one("select count(*) from clinics where minor_dept_id = %s", dept) == (0 if into.json()["code"] else 1)


def test_a_department_is_deleted_while_a_doctor_is_transferred_into_it(office, fresh):
    for turn in range(8):
        dept, doctor = fresh("minor"), office.doctor(account=False)[0]
        a, b = clients(office, 2)
        calls = [lambda: a.delete(f"{MINOR}/{dept}"), lambda: b.put(f"/admin/doctors/{doctor}/transfer", {"new_dept_id": dept})]
        gone, into = at_once(*calls) if turn % 2 else at_once(*calls[::-1])[::-1]
        assert codes([gone, into]) == [0, 99], (gone.text, into.text)
        assert {gone.json()["message"].get("msg"), into.json()["message"].get("msg")} & {"存在关联医生，无法删除", "目标科室不存在"}
        assert (office.row(doctor)["dept_id"] == dept) == (into.json()["code"] == 0)


def test_a_doctor_is_transferred_while_made_head_of_the_department_left_or_entered(office, fresh):
    """Whoever is first: no doctor leads a department of which he is not."""
    for turn in range(8):
        old, new = fresh("minor"), fresh("minor")
        doctor = office.doctor(account=False, dept_id=old, title="主任医师")[0]
        a, b = clients(office, 2)
        led, _ = at_once(lambda: select(a, new if turn % 2 else old, doctor),
                         lambda: b.put(f"/admin/doctors/{doctor}/transfer", {"new_dept_id": new}))
        assert led.json()["code"] in (0, 99) and led.json()["message"].get("msg", "医生不属于该科室") == "医生不属于该科室"
        row = office.row(doctor)
        assert row["dept_id"] == new
        # led before the transfer: the mark went with it (BR-25); led after it: of the new department
        assert row["is_department_head"] == (turn % 2 == 1 and led.json()["code"] == 0)


def test_a_major_department_is_deleted_while_a_minor_one_moves_in(office, fresh):
    for _ in range(4):
        major, minor = fresh("major"), fresh("minor")
        a, b = clients(office, 2)
        gone, into = at_once(lambda: a.delete(f"{MAJOR}/{major}"), lambda: b.put(f"{MINOR}/{minor}", {"major_dept_id": major}))
        assert codes([gone, into]) == [0, 99], (gone.text, into.text)


def test_changes_of_one_row_at_once_lose_nothing(office, fresh):
    """Without If-Match the last writer wins member by member; what the others wrote stays."""
    for _ in range(4):
        dept = fresh("minor")
        bodies = [{"description": "两人"}, {"default_price_normal": 11}, {"default_price_expert": 22}, {"default_price_special": 33}]
        got = at_once(*[lambda a=a, b=b: a.put(f"{MINOR}/{dept}", b) for a, b in zip(clients(office, 4), bodies)])
        assert codes(got) == [0] * 4
        (row,) = [d for d in message(office.admin.get(MINOR))["departments"] if d["minor_dept_id"] == dept]
        assert (row["description"], [row[p] for p in PRICES]) == ("两人", [11, 22, 33])
        assert office.h.one("select version from minor_departments where id = %s", dept) == 5


def test_one_name_asked_for_twice_at_once(office):
    name = f"同名{next(_serial)}"
    assert codes(at_once(*[lambda a=a: a.post(MAJOR, {"name": name}) for a in clients(office, 4)])) == [0, 99, 99, 99]


def test_a_repeated_creation_with_its_key_makes_one(office, admin):
    key = {"Idempotency-Key": "dept-1"}
    first = message(admin.post(MAJOR, {"name": "一次科"}, headers=key))
    assert message(admin.post(MAJOR, {"name": "一次科"}, headers=key)) == first


# ---- people

def test_patients(office, admin):                                                            # BR-112
    h = office.h
    person, user = h.patient("查找")
    relative, _ = h.patient("亲属%_", account=False)
    gone, _ = h.patient("查找走了", account=False)
    birth = today().replace(year=today().year - 21) - dt.timedelta(days=3)
    phone = h.one("select phonenumber from users where id = %s", user)
    h.run("update patients set identifier = '23000001', date_of_birth = %s where id = %s", birth, person)
    h.run("update patients set phone = '010-5557788', gender = 'male', user_id = null where id = %s", relative)
    h.run("update patients set deleted_at = now() where id = %s", gone)
    name = h.one("select name from patients where id = %s", person)

    def find(path="/admin/patients", api=admin, **query):
        return ok("list_patients", api.get(path, params=query))["patients"]

    assert find(name=name[1:]) == [{"patient_id": person, "name": name, "phone": phone, "phone_number": phone, "gender": "女",
                                    "age": 21, "identifier": "23000001", "idCard": None}]
    (other,) = find(phone="555")
    assert (other["patient_id"], other["phone"], other["gender"], other["age"]) == (relative, "010-5557788", "男", None)
    assert [p["patient_id"] for p in find(phone=phone[3:])] == [person]                            # the account's number
    assert find(name=name, phone="555") == [] and find(patient_id=gone) == [] and find(name="走了") == []
    assert [p["patient_id"] for p in find(patient_id=str(person))] == [person]
    assert [p["patient_id"] for p in find(name="%_")] == [relative]                               # as typed, not as a pattern
    assert {p["patient_id"] for p in find(page_size=10000)} >= {person, relative}
    assert len(find(name="", phone="")) == len(find())
    assert "patient_id" in message(admin.get("/admin/patients?patient_id=x"), 99)["msg"]
    sealed = seal_number(office.system, office.db, person, "110101200105200011")
    assert find(patient_id=person)[0]["idCard"] == "110101********0011"
    h.run("update patients set national_id_enc = %s where id = %s", sealed[:-1] + bytes([sealed[-1] ^ 1]), person)
    assert find(patient_id=person)[0]["idCard"] is None                                           # it does not open: nothing shows
    h.run("update patients set full_name = %s where id = %s", "查" * 51, relative)
    assert [(p["patient_id"], p["name"]) for p in find(name="查查")] == [(relative, "查" * 51)]          # a long name as a whole
    doctor = office.api(h.doctor_user)
    found = contract.check("directory.find_patients", message(doctor.get("/patients", params={"name": name})))["patients"]
    assert [p["patient_id"] for p in found] == [person]
    refused(doctor.get("/admin/patients"), 102, "无权限，仅管理员可操作")
    message(office.api(user).get("/patients?name=x"), 102)
