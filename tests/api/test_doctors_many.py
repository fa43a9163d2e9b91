"""Doctors of a large hospital in one reply, as the office's screens ask for them."""

import pytest

from support import contract, plans
from support.http import message


@pytest.fixture(scope="module")
def admin(empty_db, make_system):
    plans.fill(empty_db)
    empty_db.query("insert into users (id, username, is_verified) values (900001, 'chief', true)")
    empty_db.query("insert into user_roles (user_id, role_code) values (900001, 'ADMIN')")
    return make_system(empty_db).start(pools=("identity,directory", "booking")).api(user="chief")


@pytest.mark.parametrize("query", [{"page": 1, "page_size": 10000}, {}])
def test_ten_thousand_in_one_page(admin, query):
    admin.checked = False                   # held against the contract once, below: the whole document takes its time
    reply = admin.get("/admin/doctors", params=query, headers={"Accept-Encoding": "gzip"})
    listed = message(reply)
    assert listed["total"] == len(listed["doctors"]) == plans.DOCTORS
    assert [d["doctor_id"] for d in listed["doctors"]] == list(range(1, plans.DOCTORS + 1))
    assert all(d["is_registered"] and d["default_price_normal"] == 60 and d["department_name"] for d in listed["doctors"])
    contract.check("directory.list_doctors", {"total": 1, "doctors": listed["doctors"][-1:]})


def test_the_screens_pages(admin):
    admin.checked = True
    for size in (9, 21):
        listed = message(admin.get("/admin/doctors", params={"page": 400, "page_size": size}))
        assert listed["total"] == plans.DOCTORS and [d["doctor_id"] for d in listed["doctors"]][0] == 399 * size + 1
    found = message(admin.get("/admin/doctors", params={"name": "姓名4711", "page": 1, "page_size": 9}))
    assert found["total"] == 1 and found["doctors"][0]["doctor_id"] == 4711


def test_heartbeats_page_of_a_thousand(admin):
    reply = admin.get("/doctor/", params={"skip": 9000})
    assert reply.headers["X-Total-Count"] == str(plans.DOCTORS) and len(reply.json()) == 1000
