"""The directory pool: every list of the catalogue against its schema and against the tables."""

import datetime
import json

import pytest

from support import contract
from support.jobs import Jobs

TZ = datetime.timezone(datetime.timedelta(hours=8))
TODAY = datetime.datetime.now(TZ).date()
PRICES = ("default_price_normal", "default_price_expert", "default_price_special")


@pytest.fixture(scope="module")
def db(demo_db):
    return demo_db


@pytest.fixture(scope="module")
def system(db, make_system):
    s = make_system(db)
    s.start_broker()
    s.start_worker("directory")
    return s


@pytest.fixture
def ask(system):
    """ask("browse_x", query=..., path=...) -> payload, checked against the contract."""
    jobs = Jobs(system)

    def call(name, **kw):
        return contract.check("directory." + name, jobs.call("directory." + name, **kw).ok())

    call.refused = lambda name, error, **kw: jobs.call("directory." + name, **kw).refused(error)
    call.raw = jobs
    yield call
    jobs.close()


PAGE = {"page": 1, "page_size": 50}


def days(first=0, last=13):
    return {"start_date": str(TODAY + datetime.timedelta(first)), "end_date": str(TODAY + datetime.timedelta(last))}


# ---- areas and departments

def test_hospitals(ask, db):
    picture = bytes(range(256))
    db.query("update hospital_areas set image = %s, image_type = 'image/png', latitude = 39.9512, longitude = 116.3431 "
             "where id = (select min(id) from hospital_areas)", picture)
    areas = ask("browse_hospitals")["areas"]
    assert [a["area_id"] for a in areas] == [r[0] for r in db.query("select id from hospital_areas order by id")]
    import base64
    assert base64.b64decode(areas[0]["image_data"], validate=True) == picture and areas[0]["latitude"] == 39.9512
    assert ask("browse_hospitals", query={"area_id": areas[1]["area_id"]})["areas"] == areas[1:2]
    assert ask("browse_hospitals", query={"area_id": 999999})["areas"] == []


def test_major_departments(ask, db):
    got = ask("browse_major_departments")["departments"]
    want = db.query("select id, name, description from major_departments order by sort_order, id")
    assert [(d["major_dept_id"], d["name"], d["description"]) for d in got] == want and len(want) == 8


def test_minor_departments(ask, db):
    whole = ask("browse_minor_departments", query={"page": 1})
    assert whole["total"] == len(whole["departments"]) == whole["page_size"] == 24 and whole["page"] == 1
    major = whole["departments"][0]["major_dept_id"]
    of = ask("browse_minor_departments", query={"major_dept_id": major, "page": 1})
    assert of["departments"] == [d for d in whole["departments"] if d["major_dept_id"] == major]
    paged = [ask("browse_minor_departments", query={"page": p, "page_size": 10}) for p in (1, 2, 3, 4)]
    assert [len(p["departments"]) for p in paged] == [10, 10, 4, 0] and {p["total"] for p in paged} == {24}
    assert sum((p["departments"] for p in paged), []) == whole["departments"]
    far = ask("browse_minor_departments", query={"page": 2**63 - 1, "page_size": 10000})
    assert far["departments"] == [] and far["total"] == 24
    assert ask("browse_minor_departments", query={"page": 2})["departments"] == []


# ---- prices in force (BR-31, BR-35)

def set_price(db, scope, scope_id, **prices):
    db.query("delete from system_config where config_key = 'registration.price' and scope_type = %s "
             "and coalesce(scope_id, 0) = coalesce(%s, 0)", scope, scope_id)
    if prices:
        db.query("insert into system_config (config_key, scope_type, scope_id, config_value) values "
                 "('registration.price', %s, %s, %s)", scope, scope_id, json.dumps(prices))


def prices_of(item):
    return tuple(item[p] for p in PRICES)


def test_prices_by_inheritance(ask, db):
    doctor, dept, clinic = db.row("select d.id, d.dept_id, c.id from doctors d join clinics c on c.minor_dept_id = d.dept_id "
                                  "order by d.id, c.id limit 1")

    def seen():
        d = next(x for x in ask("browse_doctors", query={"dept_id": dept, "page": 1, "page_size": 10000})["doctors"]
                 if x["doctor_id"] == doctor)
        assert prices_of(d) == prices_of(ask("show_doctor", path={"doctor_id": doctor}))
        c = next(x for x in ask("browse_clinics", query={"dept_id": dept, **PAGE})["clinics"] if x["clinic_id"] == clinic)
        m = next(x for x in ask("browse_minor_departments", query={"page": 1})["departments"] if x["minor_dept_id"] == dept)
        assert m["price_range"] == f"{min(prices_of(m)):g}-{max(prices_of(m)):g}"
        return prices_of(d), prices_of(c), prices_of(m)

    for scope, scope_id in (("DOCTOR", doctor), ("CLINIC", clinic), ("MINOR_DEPT", dept), ("GLOBAL", None)):
        set_price(db, scope, scope_id)
    assert seen() == ((50, 100, 500),) * 3
    set_price(db, "GLOBAL", None, default_price_normal=55)
    assert seen() == ((55, 100, 500),) * 3
    set_price(db, "MINOR_DEPT", dept, default_price_normal=61.5, default_price_expert=None)
    assert seen() == ((61.5, 100, 500),) * 3
    set_price(db, "CLINIC", clinic, default_price_expert=175)
    assert seen() == ((61.5, 100, 500), (61.5, 175, 500), (61.5, 100, 500))
    set_price(db, "DOCTOR", doctor, default_price_normal=82, default_price_special=0)
    assert seen() == ((82, 100, 0), (61.5, 175, 500), (61.5, 100, 500))
    set_price(db, "DOCTOR", doctor, default_price_normal="cheap", default_price_expert=-1, default_price_special=1e300)
    assert seen()[0] == (61.5, 100, 500)
    db.query("update system_config set is_active = false where config_key = 'registration.price' and scope_type = 'GLOBAL'")
    set_price(db, "MINOR_DEPT", dept)
    assert seen()[0] == (50, 100, 500)


def test_money_has_two_decimals(ask):
    ask.raw.send("directory.browse_minor_departments", query={"page": 1, "page_size": 1})
    body = ask.raw.client.recv()[2][1].decode()
    assert '.00,' in body.replace(" ", "") and '"default_price_normal":"' not in body.replace(" ", "")


# ---- clinics and doctors

def test_clinics(ask, db):
    everything = ask("browse_clinics", query={"page": 1, "page_size": 10000})
    assert everything["total"] == len(everything["clinics"]) == 48
    one = everything["clinics"][5]
    same = ask("browse_clinics", query={"dept_id": one["minor_dept_id"], "area_id": one["area_id"], **PAGE})
    assert one in same["clinics"]
    assert all((c["minor_dept_id"], c["area_id"]) == (one["minor_dept_id"], one["area_id"]) for c in same["clinics"])
    assert same["total"] == len(same["clinics"])
    assert ask("browse_clinics", query={"page": 2, "page_size": 40})["clinics"] == everything["clinics"][40:]


def test_doctors(ask, db):
    everything = ask("browse_doctors", query={"page": 1, "page_size": 10000})
    assert everything["total"] == len(everything["doctors"]) == 120
    dept = everything["doctors"][0]["dept_id"]
    some = ask("browse_doctors", query={"dept_id": dept, "page": 1, "page_size": 2})
    of_dept = [d for d in everything["doctors"] if d["dept_id"] == dept]
    assert some["total"] == len(of_dept) and some["doctors"] == of_dept[:2]              # the filtered count (api/00 0.11)
    name = everything["doctors"][7]["name"]
    found = ask("browse_doctors", query={"name": name[:2], **PAGE})
    assert name in [d["name"] for d in found["doctors"]] and all(name[:2] in d["name"] for d in found["doctors"])
    assert ask("browse_doctors", query={"name": "%", **PAGE})["total"] == 0
    assert ask("browse_doctors", query={"name": "_", **PAGE})["total"] == 0
    assert ask("browse_doctors", query={"name": "\\", **PAGE})["total"] == 0
    assert ask("browse_doctors", query={"name": "  ", **PAGE})["total"] == 120


def test_registered_and_hidden_doctors(ask, db):
    ids = [r[0] for r in db.query("select id from doctors order by id desc limit 5")]
    db.query("update users set is_active = false where id = (select user_id from doctors where id = %s)", ids[0])
    db.query("update users set is_deleted = true where id = (select user_id from doctors where id = %s)", ids[1])
    db.query("update doctors set photo_path = 'static/a.jpg' where id = %s", ids[0])
    db.query("update doctors set photo_path = '' where id = %s", ids[1])
    db.query("update doctors set photo_path = 'https://clinic.example/a.jpg' where id = %s", ids[2])
    db.query("update doctors set deleted_at = now() where id = %s", ids[3])
    db.query("update doctors set status = 'INACTIVE' where id = %s", ids[4])
    got = {d["doctor_id"]: d for d in ask("browse_doctors", query={"page": 1, "page_size": 10000})["doctors"]}
    assert [got[i]["is_registered"] for i in ids[:3]] == [False, False, True]
    assert [got[i]["photo_path"] for i in ids[:3]] == ["/static/a.jpg", None, "https://clinic.example/a.jpg"]
    assert ids[3] not in got and ids[4] not in got and len(got) == 118
    for gone in ids[3:]:
        ask.refused("show_doctor", "DOCTOR_NOT_FOUND", path={"doctor_id": gone})
        ask.refused("browse_doctor_schedules", "DOCTOR_NOT_FOUND", path={"doctor_id": gone}, query=days())
        name = db.value("select name from doctors where id = %s", gone)
        found = ask("search_catalogue", query={"keyword": name, "page": 1, "page_size": 10000})["results"]
        assert gone not in [r["doctor_id"] for r in found if r["type"] == "doctor"]
    db.query("update doctors set deleted_at = null, status = 'ACTIVE' where id = any(%s)", ids)
    db.query("update users set is_active = true, is_deleted = false where id in (select user_id from doctors)")


def test_show_doctor(ask, db):
    doctor, dept = db.row("select id, dept_id from doctors where is_department_head order by id limit 1")
    got = ask("show_doctor", path={"doctor_id": doctor})
    assert got["is_department_head"] == 1 and got["is_department_head"] is not True
    assert got["dept_id"] == got["department_id"] == dept
    area = db.row("select a.id, a.name from clinics c join hospital_areas a on a.id = c.area_id where c.minor_dept_id = %s "
                  "order by c.id limit 1", dept)
    assert (got["area_id"], got["area_name"]) == area
    ask.refused("show_doctor", "DOCTOR_NOT_FOUND", path={"doctor_id": 999999})
    lonely = db.value("insert into minor_departments (major_dept_id, name) select id, '无诊室科' from major_departments limit 1 "
                      "returning id")
    alone = db.value("insert into doctors (dept_id, name) values (%s, '无诊室医生') returning id", lonely)
    got = ask("show_doctor", path={"doctor_id": alone})                        # not an error (api/07)
    assert got["area_id"] is None and got["area_name"] is None
    db.query("delete from doctors where id = %s", alone)
    db.query("delete from minor_departments where id = %s", lonely)


# ---- search

def test_search(ask, db):
    dept, dept_name = db.row("select id, name from minor_departments order by id limit 1")
    got = ask("search_catalogue", query={"keyword": f"  {dept_name} ", **PAGE})
    assert got["keyword"] == dept_name and got["department_count"] >= 1
    assert dept in [r["minor_dept_id"] for r in got["results"] if r["type"] == "department"]
    doctor = db.value("select name from doctors order by id limit 1")
    got = ask("search_catalogue", query={"keyword": doctor[0], "page": 1, "page_size": 10000})
    names = db.value("select count(*) from doctors where position(%s in name) > 0", doctor[0])
    depts = db.value("select count(*) from minor_departments where position(%s in name) > 0", doctor[0])
    assert (got["doctor_count"], got["department_count"], got["total"]) == (names, depts, names + depts)
    kinds = [r["type"] for r in got["results"]]
    assert kinds == sorted(kinds, key=("doctor", "department").index)                      # doctors first
    pages = [ask("search_catalogue", query={"keyword": doctor[0], "page": p, "page_size": 2})["results"] for p in (1, 2)]
    assert pages[0] + pages[1] == got["results"][:4]
    assert ask("search_catalogue", query={"keyword": "%", **PAGE})["total"] == 0
    for blank in ("", "   ", "\t", "　"):
        ask.refused("search_catalogue", "SEARCH_KEYWORD_EMPTY", query={"keyword": blank, **PAGE})


# ---- sessions

def test_schedule_lists(ask, db):
    rows = db.query("select s.id, s.doctor_id, s.clinic_id, c.minor_dept_id, s.date from schedules s join clinics c "
                    "on c.id = s.clinic_id where s.is_latest and s.status = '正常' and s.date between %s and %s "
                    "order by s.date, array_position('{上午,下午,晚上}', s.time_section::text), s.id",
                    days()["start_date"], days()["end_date"])
    assert rows
    for op, member, column, at in (("browse_doctor_schedules", "doctor_id", 1, rows[0][1]),
                                   ("browse_clinic_schedules", "clinic_id", 2, rows[0][2]),
                                   ("browse_department_schedules", "dept_id", 3, rows[0][3])):
        got = ask(op, path={member: at}, query=days())["schedules"]
        assert [s["schedule_id"] for s in got] == [r[0] for r in rows if r[column] == at], op
        assert all("create_time" not in s for s in got)
        assert ask(op, path={member: at}, query=days(-20, -10))["schedules"] == []
        assert ask(op, path={member: at}, query=days(5, 4))["schedules"] == []
    one = got[0]
    day = datetime.date.fromisoformat(one["date"])
    assert one["week_day"] == "一二三四五六日"[day.weekday()] and one["time_slot"] == one["time_section"]
    ask.refused("browse_doctor_schedules", "DOCTOR_NOT_FOUND", path={"doctor_id": 999999}, query=days())
    ask.refused("browse_clinic_schedules", "CLINIC_NOT_FOUND", path={"clinic_id": 999999}, query=days())
    ask.refused("browse_department_schedules", "DEPARTMENT_NOT_FOUND", path={"dept_id": 999999}, query=days())


def bookable(ask, **query):
    return ask("browse_bookable_schedules", query=query)["schedules"]


def test_bookable(ask, db):
    dept, area = db.row("select c.minor_dept_id, c.area_id from schedules s join clinics c on c.id = s.clinic_id "
                        "where s.is_latest and s.date = %s order by s.id limit 1", TODAY + datetime.timedelta(1))
    week = bookable(ask, departmentId=dept)
    assert week and all(TODAY <= datetime.date.fromisoformat(s["date"]) <= TODAY + datetime.timedelta(6) for s in week)
    assert all(s["department_id"] == s["minor_dept_id"] == dept and s["area_name"] == s["hospital_name"] for s in week)
    tomorrow = str(TODAY + datetime.timedelta(1))
    one_day = bookable(ask, departmentId=dept, date=tomorrow)
    assert one_day == [s for s in week if s["date"] == tomorrow] and one_day
    assert bookable(ask, departmentId=dept, hospitalId=area) == [s for s in week if s["area_id"] == area]
    assert bookable(ask, departmentId=dept, date=str(TODAY - datetime.timedelta(1))) == []
    starts = {"上午": "08:00", "下午": "14:00", "晚上": "18:30"}
    assert all(s["start_time"] == starts[s["time_section"]] and s["schedule_date"] == s["date"] for s in week)
    ask.refused("browse_bookable_schedules", "DEPARTMENT_NOT_FOUND", query={"departmentId": 999999})


def test_bookable_hides_closed_and_over_and_keeps_full(ask, db):
    dept, one, two = db.row(
        "select c.minor_dept_id, min(s.id), max(s.id) from schedules s join clinics c on c.id = s.clinic_id where s.is_latest "
        "and s.status = '正常' and s.date = %s group by 1 having count(*) > 1 limit 1", TODAY + datetime.timedelta(2))
    db.query("update schedules set status = '停诊' where id = %s", one)
    db.query("update schedules set remaining_slots = 0 where id = %s", two)
    ids = {s["schedule_id"]: s for s in bookable(ask, departmentId=dept)}
    assert one not in ids and ids[two]["remaining_slots"] == 0
    for op, member, sql in (("browse_department_schedules", "dept_id", "select %s::bigint"),
                            ("browse_doctor_schedules", "doctor_id", "select doctor_id from schedules where id = %s"),
                            ("browse_clinic_schedules", "clinic_id", "select clinic_id from schedules where id = %s")):
        at = db.value(sql, dept if member == "dept_id" else one)
        assert one not in [s["schedule_id"] for s in ask(op, path={member: at}, query=days())["schedules"]]
    db.query("update schedules set status = '正常', is_latest = false where id = %s", one)
    assert one not in [s["schedule_id"] for s in bookable(ask, departmentId=dept)]
    db.query("update schedules set is_latest = true where id = %s", one)
    assert one in [s["schedule_id"] for s in bookable(ask, departmentId=dept)]
    # a session of today: shown until its end has passed
    clinic, doctor = db.row("select clinic_id, doctor_id from schedules where id = %s", one)
    db.query("delete from schedules where date = %s and (clinic_id = %s or doctor_id = %s)", TODAY, clinic, doctor)
    today = db.value("insert into schedules (doctor_id, clinic_id, date, time_section, total_slots, remaining_slots, price, "
                     "starts_at, ends_at, slot_minutes) values (%s, %s, %s, '上午', 5, 5, 50, now() - interval '1 hour', "
                     "now() + interval '1 minute', 15) returning id", doctor, clinic, TODAY)
    assert today in [s["schedule_id"] for s in bookable(ask, departmentId=dept)]
    db.query("update schedules set ends_at = now() - interval '1 second' where id = %s", today)
    assert today not in [s["schedule_id"] for s in bookable(ask, departmentId=dept)]
    db.query("delete from schedules where id = %s", today)


def test_sessions_without_a_clinic(ask, db):
    """Made on the v1 surface: they belong to their doctor's department."""
    doctor, dept = db.row("select id, dept_id from doctors order by id limit 1")
    day = TODAY + datetime.timedelta(3)
    db.query("delete from schedules where doctor_id = %s and date = %s", doctor, day)
    made = db.value("insert into schedules (doctor_id, date, time_section, total_slots, remaining_slots, price, starts_at, "
                    "ends_at, slot_minutes) values (%s, %s, '上午', 5, 5, 33.5, %s, %s, 15) returning id", doctor, day,
                    datetime.datetime.combine(day, datetime.time(8), TZ), datetime.datetime.combine(day, datetime.time(12), TZ))
    got = {s["schedule_id"]: s for s in bookable(ask, departmentId=dept)}[made]
    assert got["clinic_id"] is None and got["area_id"] is None and got["area_name"] == "" and got["price"] == 33.5
    assert made in [s["schedule_id"] for s in ask("browse_department_schedules", path={"dept_id": dept}, query=days())["schedules"]]
    area = db.value("select id from hospital_areas order by id limit 1")
    assert made not in [s["schedule_id"] for s in bookable(ask, departmentId=dept, hospitalId=area)]
