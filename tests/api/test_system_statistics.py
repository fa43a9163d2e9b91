"""GET /api/v1/system/statistics (api/29 SY-10), beside counts of the raw rows."""

import datetime as dt

import pytest

from support import booking_cases as bc
from support.hospital import ZONE, today
from support.http import data, problem

pytestmark = pytest.mark.usefixtures("default_settings")
PATH = "/api/v1/system/statistics"


def ask(house, **days):
    return data(house.api(house.h.admin).get(PATH, params={k.rstrip("_"): str(v) for k, v in days.items()}))


def test_what_came_is_counted(house):
    h = house.h
    span = {"from_": today(), "to": today() + dt.timedelta(days=60)}
    before = ask(house, **span)
    asks = [bc._free(h, days=d) for d in (2, 2, 5)]
    orders = []
    for a in asks:
        orders.append(data(house.api(a.user).post("/api/v1/appointments", bc.v1_body(h, a)), 201))
    data(house.api(asks[0].user).post(f"/api/v1/billing/{orders[0]['bill_id']}/payments", {"method": "ONLINE"}), 201)
    h.run("update payments set status = 'SUCCEEDED', paid_at = now() where bill_id = %s", orders[0]["bill_id"])
    data(house.api(asks[2].user).post(f"/api/v1/appointments/{orders[2]['id']}/cancel", {"reason": "ill"}))
    after = ask(house, **span)

    assert after["users"] == before["users"] + 3 == h.one("select count(*) from users where not is_deleted")
    assert after["patients"] == before["patients"] + 3 == h.one("select count(*) from patients where deleted_at is null")
    assert after["doctors"] == before["doctors"] + 3 == h.one("select count(*) from doctors where deleted_at is null")
    was, now = before["appointments"], after["appointments"]
    assert now["total"] == was["total"] + 3 and now["total"] == sum(now["by_status"].values())
    assert now["by_status"]["SCHEDULED"] == was["by_status"]["SCHEDULED"] + 2
    assert now["by_status"]["CANCELLED"] == was["by_status"]["CANCELLED"] + 1
    assert after["revenue"]["CNY"] == before["revenue"].get("CNY", 0) + 50.0
    assert (after["images"], after["diagnosis_jobs"]) == (0, 0)

    payment = h.one("select id from payments where bill_id = %s", orders[0]["bill_id"])
    h.run("insert into refunds (refund_no, payment_id, amount, reason, status, created_at, completed_at) values ('R1', %s, 20.5, 'x', "
          "'SUCCEEDED', now(), now())", payment)
    assert ask(house, **span)["revenue"]["CNY"] == after["revenue"]["CNY"] - 20.5
    day = asks[2].moment.astimezone(ZONE).date()
    only = ask(house, from_=day, to=day)["appointments"]
    assert only["by_status"]["CANCELLED"] >= 1
    empty = ask(house, from_="2020-01-01", to="2020-12-31")
    assert empty["appointments"]["total"] == 0 and empty["revenue"] == {} and empty["records"] == 0
    assert empty["users"] == after["users"]                     # those there are now


def test_days_without_a_wish(house):
    got = ask(house)
    assert (got["from"], got["to"]) == (str(today() - dt.timedelta(days=29)), str(today()))
    assert ask(house, to="2026-03-09")["from"] == "2026-02-08"
    assert ask(house, from_=today() - dt.timedelta(days=3))["to"] == str(today())


@pytest.mark.parametrize("query, field", [("from=2026-02-02&to=2026-02-01", "to"), ("from=2025-01-01&to=2026-01-02", "from"),
                                          ("from=yesterday", "from"), ("to=2026-02-30", "to"), ("from=", "from")])
def test_faulty_days(house, query, field):
    p = problem(house.api(house.h.admin).get(f"{PATH}?{query}"), "VALIDATION_FAILED", 422)
    assert [e["field"] for e in p["errors"]] == [field]


def test_the_longest_span_is_a_year(house):
    assert ask(house, from_="2025-01-01", to="2026-01-01")["from"] == "2025-01-01"
