"""Departments as a tree and specialties on /api/v1 (api/23: DE-01 to DE-05, SP-01 to SP-04; R-02, R-07, R-08, R-79)."""

import threading

import pytest

from support import contract
from support.doctors import open_office
from support.http import data, problem
from support.rush import at_once

DEPARTMENTS, SPECIALTIES = "/api/v1/departments", "/api/v1/specialties"


@pytest.fixture(scope="module")
def office(empty_db, make_system):
    o = open_office(empty_db, make_system)
    yield o
    o.h.close()


@pytest.fixture(scope="module")
def admin(office):
    return office.admin


@pytest.fixture(scope="module")
def nobody(office):
    return office.api()


def ok(operation, response, status=200):
    return contract.check("directory." + operation, data(response, status))


def make(admin, **members):
    return ok("v1_create_department", admin.post(DEPARTMENTS, members), 201)


# ---- one department

def test_a_department_from_first_to_last(office, admin, nobody):
    r = admin.post(DEPARTMENTS, {"name": "  外科  ", "sort_order": 3, "description": "手术"})
    root = ok("v1_create_department", r, 201)
    assert root == {"id": root["id"], "name": "外科", "parent_id": None, "level": 1, "sort_order": 3, "description": "手术",
                    "doctor_count": 0, "created_at": root["created_at"]}
    assert r.headers["Location"] == f"{DEPARTMENTS}/{root['id']}" and r.headers["ETag"] == f'"department-{root["id"]}-1"'
    assert nobody.get(r.headers["Location"]).headers["ETag"] == r.headers["ETag"]
    child = make(admin, name="普通外科", parent_id=root["id"])
    assert (child["parent_id"], child["level"], child["sort_order"], child["description"]) == (root["id"], 2, 0, None)
    for status in ("ACTIVE", "ACTIVE", "INACTIVE"):
        office.doctor(account=False, dept_id=child["id"], status=status)
    gone, _ = office.doctor(account=False, dept_id=child["id"])
    office.h.run("update doctors set deleted_at = now() where id = %s", gone)
    path = f"{DEPARTMENTS}/{child['id']}"
    for dept, count in ((child, 2), (root, 2)):                                 # those whom the catalogue shows
        assert ok("v1_get_department", nobody.get(f"{DEPARTMENTS}/{dept['id']}"))["doctor_count"] == count
    for send in (admin.patch, admin.put):
        got = ok("v1_update_department", send(path, {"description": "疝", "sort_order": 5}))
        assert (got["description"], got["sort_order"], got["name"], got["doctor_count"]) == ("疝", 5, "普通外科", 2)
    got = ok("v1_update_department", admin.patch(path, {"description": None}))
    assert got["description"] is None and got["sort_order"] == 5
    other = make(admin, name="外科二部")
    moved = ok("v1_update_department", admin.patch(path + "/", {"parent_id": other["id"], "name": "普外"}))
    assert (moved["parent_id"], moved["name"]) == (other["id"], "普外")
    assert admin.delete(f"{DEPARTMENTS}/{root['id']}").json() == {"success": True, "data": None, "message": "OK"}
    for call in (nobody.get, admin.delete, lambda p: admin.patch(p, {"name": "x"})):
        problem(call(f"{DEPARTMENTS}/{root['id']}"), "NOT_FOUND", 404)
    assert office.entries("department.update", child["id"])[-1] == {"major_dept_id": [root["id"], other["id"]],
                                                                     "name": ["普通外科", "普外"]}
    assert office.entries("department.delete", root["id"])[0]["name"] == ["外科", None]
    problem(nobody.get(f"{DEPARTMENTS}/x"), "ROUTE_NOT_FOUND", 404)


def test_both_surfaces_see_one_department(admin):
    dept = make(admin, name="两面科")["id"]
    names = [m["name"] for m in admin.get("/admin/major-departments").json()["message"]["departments"]]
    assert "两面科" in names
    problem(admin.post(DEPARTMENTS, {"name": "两面科"}), "DUPLICATE", 409)
    assert admin.delete(f"/admin/major-departments/{dept}").json()["code"] == 0
    problem(admin.get(f"{DEPARTMENTS}/{dept}"), "NOT_FOUND", 404)


def test_names_and_levels(office, admin):                                        # R-79, BR-17, BR-19
    h = office.h
    root, other = make(admin, name="甲部"), make(admin, name="乙部")
    child = make(admin, name="甲一科", parent_id=root["id"])
    problem(admin.post(DEPARTMENTS, {"name": "甲部"}), "DUPLICATE", 409)
    for parent in (root["id"], other["id"]):
        problem(admin.post(DEPARTMENTS, {"name": "甲一科", "parent_id": parent}), "DUPLICATE", 409)
    problem(admin.patch(f"{DEPARTMENTS}/{other['id']}", {"name": "甲部"}), "DUPLICATE", 409)
    second = make(admin, name="甲二科", parent_id=root["id"])
    problem(admin.patch(f"{DEPARTMENTS}/{second['id']}", {"name": "甲一科"}), "DUPLICATE", 409)
    gone = make(admin, name="没有部")
    data(admin.delete(f"{DEPARTMENTS}/{gone['id']}"))
    for parent in (child["id"], 999999999, gone["id"]):                           # no depth over two
        problem(admin.post(DEPARTMENTS, {"name": "深科", "parent_id": parent}), "DEPARTMENT_INVALID", 422)
        problem(admin.patch(f"{DEPARTMENTS}/{child['id']}", {"parent_id": parent}), "DEPARTMENT_INVALID", 422)
    problem(admin.patch(f"{DEPARTMENTS}/{child['id']}", {"parent_id": None}), "DEPARTMENT_INVALID", 422)
    problem(admin.patch(f"{DEPARTMENTS}/{other['id']}", {"parent_id": root["id"]}), "DEPARTMENT_INVALID", 422)
    assert ok("v1_update_department", admin.patch(f"{DEPARTMENTS}/{other['id']}", {"parent_id": None}))["level"] == 1
    assert h.one("select count(*) from v_departments where name in ('深科', '甲部', '甲一科')") == 2


@pytest.mark.parametrize("member,values", [
    ("name", ["", "   ", None, 7, "x" * 101]), ("parent_id", [0, "x", -1]), ("sort_order", ["x", 1000001, 1.5, None]),
    ("description", [7, "x" * 4001])])
def test_faulty_members(office, admin, member, values):
    for value in values:
        for call in (admin.post(DEPARTMENTS, {"name": "好名", member: value}),
                     admin.patch(f"{DEPARTMENTS}/{office.h.dept}", {member: value})):
            assert [e["field"] for e in problem(call, "VALIDATION_FAILED", 422)["errors"]] == [member]
    problem(admin.post(DEPARTMENTS, {}), "VALIDATION_FAILED", 422)
    problem(admin.post(DEPARTMENTS, data="{", headers={"Content-Type": "application/json"}), "MALFORMED_JSON", 400)


def test_a_department_in_use_stays(office, admin):
    root = make(admin, name="占用部")
    child = make(admin, name="占用科", parent_id=root["id"])
    assert problem(admin.delete(f"{DEPARTMENTS}/{root['id']}"), "DEPARTMENT_IN_USE", 409)["detail"] == \
        "The department has minor departments"
    doctor, _ = office.doctor(account=False, dept_id=child["id"], status="INACTIVE")
    clinic = office.h.one("insert into clinics (area_id, minor_dept_id, name) values (%s, %s, 'c') returning id", office.h.area,
                          child["id"])
    path = f"{DEPARTMENTS}/{child['id']}"
    assert problem(admin.delete(path), "DEPARTMENT_IN_USE", 409)["detail"] == "The department has doctors"
    office.h.run("update doctors set deleted_at = now() where id = %s", doctor)
    assert problem(admin.delete(path), "DEPARTMENT_IN_USE", 409)["detail"] == "The department has clinics"
    office.h.run("delete from clinics where id = %s", clinic)
    office.h.setting("registration.price", '{"default_price_normal": 9}', "MINOR_DEPT", child["id"])
    data(admin.delete(path)), data(admin.delete(f"{DEPARTMENTS}/{root['id']}"))
    assert office.h.one("select count(*) from system_config where scope_type = 'MINOR_DEPT' and scope_id = %s", child["id"]) == 0


def test_conditions(office, admin):
    dept = make(admin, name="条件部")
    path, tag = f"{DEPARTMENTS}/{dept['id']}", f'"department-{dept["id"]}-1"'
    assert admin.get(path, headers={"If-None-Match": tag}).status_code == 304
    stale = f'"department-{dept["id"]}-7"'
    for call in (admin.patch(path, {"name": "x"}, headers={"If-Match": stale}), admin.delete(path, headers={"If-Match": stale})):
        problem(call, "PRECONDITION_FAILED", 412)
    r = admin.patch(path, {"description": "一"}, headers={"If-Match": f"{stale}, {tag}"})
    assert data(r)["description"] == "一" and r.headers["ETag"] == f'"department-{dept["id"]}-2"'
    problem(admin.patch(path, {"description": "二"}, headers={"If-Match": tag}), "PRECONDITION_FAILED", 412)
    assert data(admin.patch(path, {"description": "三"}, headers={"If-Match": "*"}))["description"] == "三"
    assert data(admin.delete(path, headers={"If-Match": f'"department-{dept["id"]}-3"'})) is None
    problem(admin.delete(path, headers={"If-Match": "*"}), "NOT_FOUND", 404)


def test_two_administrators_with_one_tag_at_once(office, admin):
    for turn in range(5):
        dept = make(admin, name=f"同时部{turn}")
        path, tag = f"{DEPARTMENTS}/{dept['id']}", f'"department-{dept["id"]}-1"'
        clients = [office.system.api(token=admin.token) for _ in range(4)]
        got = at_once(*[lambda c=c, i=i: c.patch(path, {"description": f"d{i}", "sort_order": i}, headers={"If-Match": tag})
                        for i, c in enumerate(clients)])
        assert sorted(r.status_code for r in got) == [200, 412, 412, 412]
        (winner,) = [data(r) for r in got if r.status_code == 200]
        now = data(admin.get(path))
        assert now == winner and now["description"] == f"d{now['sort_order']}"       # one's change as a whole
        got = at_once(*[lambda c=c, i=i: c.patch(path, {"description": f"e{i}", "sort_order": i}) for i, c in enumerate(clients)])
        now = data(admin.get(path))
        assert {r.status_code for r in got} == {200} and now["description"] == f"e{now['sort_order']}"
        assert office.h.one("select version from major_departments where id = %s", dept["id"]) == 6


def test_deleted_while_a_child_comes(office, admin):
    for turn in range(5):
        root = make(admin, name=f"竞争部{turn}")
        a, b = (office.system.api(token=admin.token) for _ in range(2))
        gone, child = at_once(lambda: a.delete(f"{DEPARTMENTS}/{root['id']}"),
                              lambda: b.post(DEPARTMENTS, {"name": f"竞争科{turn}", "parent_id": root["id"]}))
        assert (gone.status_code, child.status_code) in ((200, 422), (409, 201)), (gone.text, child.text)


# ---- lists

@pytest.fixture(scope="module")
def forest(office, admin):
    """Two roots with children of their own, told apart by a word."""
    one = make(admin, name="Forest B", sort_order=900000)
    two = make(admin, name="Forest A", sort_order=900001, description="Needle 100%")
    kids = [make(admin, name=n, parent_id=p["id"], sort_order=s, description=d) for n, p, s, d in (
        ("Oak", one, 2, "forest"), ("Pine", one, 1, "forest needle"), ("Fir", two, 1, "forest"))]
    return one["id"], two["id"], [k["id"] for k in kids]


def page(api, operation="v1_list_departments", base=DEPARTMENTS, **query):
    r = api.get(base, params=query)
    got = data(r) if "fields" in query else ok(operation, r)
    return got, r.headers


def ids(got):
    return [d["id"] for d in got["items"]]


def test_list_filters_sorts_and_pages(nobody, forest):
    one, two, (oak, pine, fir) = forest
    assert ids(page(nobody, q="forest")[0]) == [fir, pine, oak, one, two]              # by sort_order, then name
    assert ids(page(nobody, q="FOREST", sort="name")[0]) == [fir, two, one, oak, pine]
    assert ids(page(nobody, q="forest", sort="-name")[0]) == [pine, oak, one, two, fir]
    assert ids(page(nobody, q="forest", sort="-sort_order,-id")[0]) == [two, one, oak, fir, pine]
    assert ids(page(nobody, q="forest", level=1)[0]) == [one, two] and ids(page(nobody, q="forest", level=2)[0]) == [fir, pine, oak]
    assert ids(page(nobody, parent_id=one)[0]) == [pine, oak] and ids(page(nobody, parent_id=f"{one},{two}")[0]) == [fir, pine, oak]
    assert ids(page(nobody, q="100%")[0]) == [two] and ids(page(nobody, q="e_d")[0]) == []
    got, headers = page(nobody, q="forest", page=2, page_size=2)
    assert (ids(got), got["page"], got["page_size"], got["total"], got["pages"]) == ([oak, one], 2, 2, 5, 3)
    assert headers["X-Total-Count"] == "5" and headers["Cache-Control"] == "public, max-age=60"
    links = dict(reversed(link.split("; ")) for link in headers["Link"].split(", "))
    assert set(links) == {f'rel="{r}"' for r in ("first", "prev", "next", "last")}
    following = links['rel="next"'].strip("<>")
    assert ids(data(nobody.get(DEPARTMENTS + following))) == [two]
    assert ids(page(nobody, q="forest", per_page=2)[0]) == ids(page(nobody, q="forest", limit=2)[0]) == [fir, pine]
    assert page(nobody, page=10**9)[0]["items"] == []
    got = page(nobody, q="forest", fields="name,level")[0]["items"]
    assert got[0] == {"id": fir, "name": "Fir", "level": 2}


def test_tree(nobody, forest):
    one, two, (oak, pine, fir) = forest

    def tree(**query):
        r = nobody.get(DEPARTMENTS, params={"tree": "true", **query})
        got = data(r) if "fields" in query else ok("v1_list_departments", r)
        assert "X-Total-Count" not in r.headers
        return [(d["id"], [c["id"] for c in d["children"]]) for d in got]

    everything = tree()
    assert (one, [pine, oak]) in everything and (two, [fir]) in everything
    assert [d for d in everything if d[0] in (one, two)] == [(one, [pine, oak]), (two, [fir])]
    assert tree(q="needle") == [(one, [pine]), (two, [fir])]                             # two matches itself: with all of its children
    assert tree(parent_id=two) == [(two, [fir])] and tree(parent_id=one, level=1) == [(one, [])]
    assert tree(parent_id=f"{one},{two}", sort="name") == [(two, [fir]), (one, [oak, pine])]
    got = data(nobody.get(DEPARTMENTS, params={"tree": "true", "parent_id": two, "fields": "name"}))
    assert got == [{"id": two, "name": "Forest A", "children": [{"id": fir, "name": "Fir"}]}]


def test_deleted_ones_are_for_administrators(office, admin, nobody):
    dept = make(admin, name="Buried")["id"]
    data(admin.delete(f"{DEPARTMENTS}/{dept}"))
    assert page(admin, q="buried")[0]["items"] == []
    got, headers = page(admin, q="buried", include_deleted="true")
    assert ids(got) == [dept] and headers["Cache-Control"] == "no-store"
    for api in (nobody, office.api(office.h.doctor_user)):
        problem(api.get(DEPARTMENTS, params={"include_deleted": "true"}), "FORBIDDEN", 403)


@pytest.mark.parametrize("base", [DEPARTMENTS, SPECIALTIES])
def test_bad_queries(nobody, base):
    for query in ("page=0", "page=2147483648", "page_size=101", "page=x", "per_page=0", "q=" + "x" * 101):
        assert problem(nobody.get(f"{base}?{query}"), "VALIDATION_FAILED", 422)["errors"][0]["field"] == query.split("=")[0]
    problem(nobody.get(f"{base}?sort=doctor_count"), "UNKNOWN_SORT", 422)
    problem(nobody.get(f"{base}?fields=secret"), "UNKNOWN_FIELD", 422)


def test_bad_department_queries(nobody):
    for query in ("level=3", "parent_id=x", "tree=perhaps"):
        problem(nobody.get(f"{DEPARTMENTS}?{query}"), "VALIDATION_FAILED", 422)


@pytest.mark.parametrize("path", ["departments", "departments/{dept}", "specialties"])
def test_the_unversioned_surface_wants_a_token(office, nobody, path):
    path = path.format(dept=office.h.dept)
    r = nobody.get(f"/api/v1/{path}")
    assert data(r) is not None and r.headers["Cache-Control"] == "public, max-age=60" and "Authorization" in r.headers["Vary"]
    problem(nobody.get(f"/api/{path}"), "TOKEN_MISSING", 401)
    assert data(office.api(office.h.doctor_user).get(f"/api/{path}")) == data(nobody.get(f"/api/v1/{path}"))


# ---- specialties

def test_a_specialty_from_first_to_last(office, admin, nobody):
    r = admin.post(SPECIALTIES, {"code": "CARD", "name": "Cardiology"})
    made = ok("v1_create_specialty", r, 201)
    assert made == {"id": made["id"], "code": "CARD", "name": "Cardiology", "description": None, "doctor_count": 0}
    path = r.headers["Location"]
    assert path == f"{SPECIALTIES}/{made['id']}" and ok("v1_get_specialty", nobody.get(path)) == made
    got = ok("v1_update_specialty", admin.patch(path, {"description": "Heart and vessels"}))
    assert got["description"] == "Heart and vessels" and got["code"] == "CARD"
    assert ok("v1_update_specialty", admin.put(path, {"description": None, "name": "Heart"}))["name"] == "Heart"
    tag = nobody.get(path).headers["ETag"]
    problem(admin.patch(path, {"name": "x"}, headers={"If-Match": r.headers["ETag"]}), "PRECONDITION_FAILED", 412)
    problem(admin.delete(path, headers={"If-Match": r.headers["ETag"]}), "PRECONDITION_FAILED", 412)
    one, _ = office.doctor(account=False)
    two, _ = office.doctor(account=False)
    office.h.run("insert into doctor_specialties values (%s, %s), (%s, %s)", one, made["id"], two, made["id"])
    assert ok("v1_get_specialty", nobody.get(path))["doctor_count"] == 2
    office.h.run("update doctors set deleted_at = now() where id = %s", one)
    problem(admin.delete(path), "SPECIALTY_IN_USE", 409)
    office.h.run("update doctors set deleted_at = now() where id = %s", two)
    assert ok("v1_delete_specialty", admin.delete(path, headers={"If-Match": tag})) is None
    for call in (nobody.get(path), admin.delete(path), admin.patch(path, {"name": "x"})):
        problem(call, "NOT_FOUND", 404)
    assert office.entries("specialty.update", made["id"])[0] == {"description": [None, "Heart and vessels"]}
    assert office.entries("specialty.delete", made["id"])[0]["code"] == ["CARD", None]


def test_codes_and_names_of_specialties_are_unique(admin):
    one = ok("v1_create_specialty", admin.post(SPECIALTIES, {"code": "OPHT", "name": "Eyes"}), 201)
    two = ok("v1_create_specialty", admin.post(SPECIALTIES, {"code": "OTOL", "name": "Ears"}), 201)
    for body in ({"code": "opht", "name": "Other"}, {"code": "OTHER", "name": "EYES"}):
        problem(admin.post(SPECIALTIES, body), "DUPLICATE", 409)
        problem(admin.patch(f"{SPECIALTIES}/{two['id']}", body), "DUPLICATE", 409)
    assert ok("v1_update_specialty", admin.patch(f"{SPECIALTIES}/{one['id']}", {"code": "Opht"}))["code"] == "Opht"
    for body in ({"code": "x", "name": "n"}, {"code": "x" * 33, "name": "n"}, {"code": "okay", "name": ""}, {"code": "okay"}, {"name": "n"},
                 {"code": None, "name": "n"}, {"code": "okay", "name": "n", "description": 7}):
        problem(admin.post(SPECIALTIES, body), "VALIDATION_FAILED", 422)


def test_list_of_specialties(admin, nobody):
    made = [ok("v1_create_specialty", admin.post(SPECIALTIES, {"code": c, "name": n, "description": "zebra"}), 201)["id"]
            for c, n in (("ZB", "Zoo 3"), ("ZA", "Zoo 2"), ("ZC", "Zoo 1"))]
    b, a, c = made
    assert ids(page(nobody, "v1_list_specialties", SPECIALTIES, q="ZEBRA")[0]) == made
    assert ids(page(nobody, "v1_list_specialties", SPECIALTIES, q="zebra", sort="code")[0]) == [a, b, c]
    got, headers = page(nobody, "v1_list_specialties", SPECIALTIES, q="zoo", sort="-name", page_size=2)
    assert ids(got) == [b, a] and got["pages"] == 2 and headers["X-Total-Count"] == "3" and 'rel="next"' in headers["Link"]
    assert page(nobody, "v1_list_specialties", SPECIALTIES, q="zb", fields="code")[0]["items"] == [{"id": b, "code": "ZB"}]


def test_a_specialty_is_deleted_while_a_doctor_gets_it(office, admin):
    for turn in range(4):
        made = ok("v1_create_specialty", admin.post(SPECIALTIES, {"code": f"R{turn}", "name": f"Race {turn}"}), 201)["id"]
        doctor, _ = office.doctor(account=False)
        conn = office.db.connect()
        conn.autocommit = False
        conn.cursor().execute("insert into doctor_specialties values (%s, %s)", (doctor, made))     # not committed yet
        client = office.system.api(token=admin.token)
        (gone, _) = at_once(lambda: client.delete(f"{SPECIALTIES}/{made}"), lambda: (threading.Event().wait(0.2), conn.commit()))
        conn.close()
        problem(gone, "SPECIALTY_IN_USE", 409)


def test_who_may_change(office, nobody):
    for user in (office.h.doctor_user, office.h.staff):
        api = office.api(user)
        problem(api.post(DEPARTMENTS, {"name": "x"}), "FORBIDDEN", 403)
        problem(api.patch(f"{DEPARTMENTS}/{office.h.dept}", {"name": "x"}), "FORBIDDEN", 403)
        problem(api.delete(f"{DEPARTMENTS}/{office.h.dept}"), "FORBIDDEN", 403)
        problem(api.post(SPECIALTIES, {"code": "xx", "name": "x"}), "FORBIDDEN", 403)
    problem(nobody.post(DEPARTMENTS, {"name": "x"}), "TOKEN_MISSING", 401)


def test_a_repeated_creation_makes_one(admin):
    key = {"Idempotency-Key": "spec-1"}
    first = admin.post(SPECIALTIES, {"code": "ONCE", "name": "Once"}, headers=key)
    again = admin.post(SPECIALTIES, {"code": "ONCE", "name": "Once"}, headers=key)
    assert data(first, 201) == data(again, 201) and again.headers["Idempotency-Replayed"] == "true"
