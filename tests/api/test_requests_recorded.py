"""Requests as rows of user_access_log: what they say, what is left out, how they are listed, counted and removed."""

import datetime as dt
import re

import pytest

from support.hospital import today
from support.http import message
from support.identity import db  # noqa: F401
from support.proc import wait_for

PASSWORD = "Guahao-2026"
PATIENT = "13800000007"


@pytest.fixture(scope="module")
def system(demo_db, make_system):
    return make_system(demo_db, {"password.cost": 10, "proxy.trusted": "127.0.0.1", "ratelimit.enabled": "false"}).start()


@pytest.fixture(scope="module")
def admin(system):
    return system.api(user="A0001")


_agents, _paths = iter(range(1, 10000)), iter(range(100000, 200000))


@pytest.fixture
def agent():
    return f"test/{next(_agents)}"


def rows(db, agent, n):
    """The rows of an agent once there are n of them, oldest first, as dicts."""
    columns = ("user_id", "ip", "url", "method", "status_code", "response_code", "duration_ms", "access_time")
    def found():
        return db.query(f"select {', '.join(columns)} from user_access_log where ua = %s order by id", agent)
    wait_for(f"{n} rows of {agent}", lambda: len(found()) >= n, 15)
    assert len(found()) == n
    return [dict(zip(columns, r)) for r in found()]


def settle(db, api, agent):
    """A request whose row comes after all earlier ones of its front worker; two, since there are two workers."""
    for _ in range(12):
        api.get(f"/patient/doctors/{next(_paths)}", headers={"User-Agent": agent + "/end"})
    wait_for("the end", lambda: db.value("select count(*) from user_access_log where ua = %s", agent + "/end") == 12, 15)


def user_of(db, phone):
    return db.value("select id from users where phonenumber = %s", phone)


def test_a_row_says_who_what_and_how(db, system, agent):
    api = system.api(user=PATIENT)
    before = dt.datetime.now(dt.timezone.utc)
    h = {"User-Agent": agent, "X-Forwarded-For": "192.0.2.7"}
    api.get("/patient/appointments", params={"page": 2, "pageSize": 5}, headers=h)
    system.api().get("/patient/hospitals", headers={**h, "X-Forwarded-For": "2001:db8::7"})
    api.get("/api/v1/appointments/999999", headers=h)
    system.api().get("/api/v1/users/me", headers=h)
    system.api().get("/no/such/route?token=secret", headers=h)
    found = {r["url"].partition("?")[0]: r for r in rows(db, agent, 5)}
    user = user_of(db, PATIENT)
    r = found["/patient/appointments"]
    assert {k: r[k] for k in ("user_id", "ip", "url", "method", "status_code", "response_code")} == {
        "user_id": user, "ip": "192.0.2.7", "url": "/patient/appointments?page=2&pageSize=5", "method": "GET",
        "status_code": 200, "response_code": 0}
    assert 0 <= r["duration_ms"] < 30000 and abs((r["access_time"] - before).total_seconds()) < 60
    r = found["/patient/hospitals"]
    assert r["user_id"] is None and r["ip"] == "2001:db8::7" and r["response_code"] == 0
    r = found["/api/v1/appointments/999999"]
    assert r["user_id"] == user and r["status_code"] == 404 and r["response_code"] is None
    assert found["/api/v1/users/me"]["status_code"] == 401
    r = found["/no/such/route"]
    assert r["status_code"] == 404 and r["response_code"] == 98 and r["url"] == "/no/such/route"


def test_a_sign_in_is_its_users(db, system, agent):
    api = system.api()
    h = {"User-Agent": agent}
    token = message(api.post("/auth/patient/login", {"phonenumber": PATIENT, "password": PASSWORD}, headers=h))
    assert isinstance(token, str)
    r = api.post("/auth/patient/login", {"phonenumber": PATIENT, "password": "wrong"}, headers=h)
    assert message(r, 101)
    pair = api.post("/api/v1/auth/login", {"username": PATIENT, "password": PASSWORD}, headers=h)
    assert "x-signed-in" not in pair.headers
    found = rows(db, agent, 3)
    assert [(r["url"], r["user_id"], r["response_code"]) for r in found] == [
        ("/auth/patient/login", user_of(db, PATIENT), 0), ("/auth/patient/login", None, 101),
        ("/api/v1/auth/login", user_of(db, PATIENT), None)]
    assert db.value("select count(*) from user_access_log where ua like '%%' || %s || '%%' or url like '%%' || %s || '%%'",
                    PASSWORD, PASSWORD) == 0


def test_secrets_and_free_text_in_queries_are_not_kept(db, system, agent):
    h = {"User-Agent": agent}
    system.api().get("/auth/verifyEmail?token=eyJsecret&next=evil", headers=h)
    system.api().get("/patient/search/global", params={"keyword": "张三 13800000001", "page": 1}, headers=h)
    system.api().get("/patient/hospitals/schedules?departmentId=3&date=2026-03-09&password=x", headers=h)
    found = {r["url"] for r in rows(db, agent, 3)}
    assert found == {"/auth/verifyEmail?token=*", "/patient/search/global?keyword=*&page=1",
                     "/patient/hospitals/schedules?departmentId=3&date=2026-03-09"}


def test_strange_bytes_and_lengths_fit(db, system, agent):
    import http.client
    c = http.client.HTTPConnection("127.0.0.1", system.port, timeout=10)
    c.putrequest("GET", "/x" + "%E4%00" + "y" * 1800, skip_accept_encoding=True)
    c.putheader("User-Agent", agent)
    c.endheaders()
    assert c.getresponse().status == 404
    c.close()
    (r,) = rows(db, agent, 1)
    assert len(r["url"]) == 300 and r["url"].startswith("/x%E4%00yy")
    system.api().get("/patient/clinics", headers={"User-Agent": ("a" * 299 + "é").encode()})   # cut within a character
    wait_for("the row", lambda: db.value("select count(*) from user_access_log where url = '/patient/clinics' and ua is null"), 15)


def test_a_repeat_within_five_seconds_has_no_row(db, system, agent):
    api, other = system.api(user=PATIENT), system.api(user="13800000008")
    h = {"User-Agent": agent}
    for i in range(20):                       # new connections, so that both workers see some
        system.api(user=PATIENT).get("/auth/me", headers={**h, "Connection": "close"})
    other.get("/auth/me", headers=h)
    settle(db, api, agent)
    found = rows(db, agent, 2)
    assert {r["user_id"] for r in found} == {user_of(db, PATIENT), user_of(db, "13800000008")}
    # nobody is told apart by address
    for ip in ("192.0.2.1", "192.0.2.1", "192.0.2.2"):
        for _ in range(6):
            system.api().get("/patient/major-departments", headers={**h, "X-Forwarded-For": ip, "Connection": "close"})
    settle(db, api, agent + "b")
    assert {r["ip"] for r in rows(db, agent, 4)[2:]} == {"192.0.2.1", "192.0.2.2"}


def test_probes_and_preflights_have_no_rows(db, system, agent):
    h = {"User-Agent": agent}
    api = system.api()
    for path in ("/healthz", "/readyz", "/metrics"):
        api.get(path, headers=h)
    api.request("OPTIONS", "/patient/hospitals", headers={**h, "Origin": "http://localhost:3000",
                                                          "Access-Control-Request-Method": "GET"})
    settle(db, api, agent)
    rows(db, agent, 0)


# ---- the list (api/01 section 1.4)

@pytest.fixture(scope="module")
def made(db):
    """Thirty rows a year ago, which no other test makes: of user 4242 every second one."""
    day = today() - dt.timedelta(days=100)
    db.query("insert into user_access_log (user_id, ip, ua, url, method, status_code, response_code, access_time, duration_ms) "
             "select case when i %% 2 = 0 then 4242 end, ('198.51.100.' || i)::inet, 'made', '/made/Login?i=' || i, 'POST', 200, 0, "
             "(%s::timestamp + i * interval '1 hour') at time zone 'Asia/Shanghai', i from generate_series(0, 29) i", day)
    return day


def logs(api, **query):
    return message(api.get("/auth/user-logs", params=query))


def test_the_list_is_newest_first_and_pages(admin, made):
    got = logs(admin, action="made/login", page_size=12)
    assert {k: got[k] for k in ("total", "total_pages", "page", "page_size")} == {
        "total": 30, "total_pages": 3, "page": 1, "page_size": 12}
    assert [e["duration_ms"] for e in got["logs"]] == list(range(29, 17, -1))
    assert [e["duration_ms"] for e in logs(admin, action="MADE", page=3, page_size=12)["logs"]] == list(range(5, -1, -1))
    assert logs(admin, action="made", page=4, page_size=12)["logs"] == []
    first = got["logs"][-1]
    assert first == {"user_access_log_id": first["user_access_log_id"], "user_id": 4242, "ip": "198.51.100.18", "ua": "made",
                     "url": "/made/Login?i=18", "method": "POST", "status_code": 200, "response_code": 0,
                     "access_time": f"{made}T18:00:00", "duration_ms": 18}
    assert logs(admin)["page_size"] == 20


@pytest.mark.parametrize("query, left", [
    ({"user_id": 4242}, range(28, -1, -2)),
    ({"ip": "198.51.100.3"}, [3]),
    ({"ip": "no address"}, []),
    ({"start_time": 1}, range(29, 23, -1)),
    ({"end_time": 0}, range(23, -1, -1)),
    ({"start_time": "T05:00:00", "end_time": "T07:00:00"}, [7, 6, 5]),
    ({"start_time": "T05:00:00+00:00", "end_time": "T07:00:00+00:00"}, [15, 14, 13]),
    ({"action": "no_such_%"}, []),
])
def test_filters(admin, made, query, left):
    q = {"action": "made", "page_size": 100, **query}
    for k in ("start_time", "end_time"):
        if k in q:
            q[k] = f"{made}{q[k]}" if isinstance(q[k], str) else str(made + dt.timedelta(days=q[k]))
    got = logs(admin, **q)
    assert [e["duration_ms"] for e in got["logs"]] == list(left) and got["total"] == len(list(left))


def test_refusals_of_the_list(system, admin):
    for query in ({"page": 0}, {"page_size": -1}, {"page_size": 10001}):
        assert message(admin.get("/auth/user-logs", params=query), 99)["msg"] == "分页参数必须为正整数"
    assert message(admin.get("/auth/user-logs", params={"start_time": "2026-02-30"}), 99)["msg"] == "参数 start_time 不正确"
    assert message(admin.get("/auth/user-logs", params={"user_id": "x"}), 99)["msg"] == "参数 user_id 不正确"
    assert message(system.api(user=PATIENT).get("/auth/user-logs"), 102)["msg"] == "无权限，仅管理员可操作"
    assert message(system.api().get("/auth/user-logs"), 105, 401)


# ---- counting (api/09, BR-143) and removing

def test_visits_grow_by_their_rows_and_stay_when_those_go(db, system, admin, agent):
    api = system.api(user=PATIENT)
    settle(db, api, agent)
    total = message(api.get("/statistics/visits"))["total_visits"]
    assert total == db.value("select sum(visits) from visit_hours")
    stored = db.value("select count(*) from user_access_log where ua is distinct from 'made'")
    assert stored >= total                                  # the request that asked may have its row by now
    db.query("insert into user_access_log (user_id, url, method, status_code, access_time, duration_ms, ua) "
             "select 1, '/old', 'GET', 200, now() - interval '220 days', 1, 'aged' from generate_series(1, 50)")
    db.query("insert into user_access_log (user_id, url, method, status_code, access_time, duration_ms, ua) "
             "values (1, '/old', 'GET', 200, now() - interval '179 days', 1, 'aged')")
    db.query("select gh_request_partitions(now() - interval '220 days', 36500, 0)")      # their month has its partition
    db.query("update job_schedules set next_slot = now() where name = 'requests'")
    settle(db, api, agent + "c")
    wait_for("the aged rows to go", lambda: db.value("select count(*) from user_access_log where ua = 'aged'") == 1, 15)
    assert message(api.get("/statistics/visits"))["total_visits"] > total


def test_growth_is_over_what_is_older(db, system):
    api = system.api(user=PATIENT)
    db.query("insert into visit_hours (hour, visits) values (date_trunc('hour', now() - interval '5 days', 'UTC'), 1000000)")
    got = message(api.get("/statistics/visits"))
    young = got["total_visits"] - 1000000
    assert got["compare_days"] == 3 and got["growth_percent"] == pytest.approx(young / 10000, abs=0.02) and young > 0
    got = message(api.get("/statistics/visits", params={"compare_days": 7}))
    assert got["growth_percent"] == 0 and got["compare_days"] == 7           # nothing is older than a week
    assert message(api.get("/statistics/visits", params={"compare_days": 0}), 99)["msg"] == "参数 compare_days 不正确"


def test_users_counted_are_those_that_live(db, system):
    api = system.api(user=PATIENT)
    n = message(api.get("/statistics/users"))
    assert n == {"total_users": db.value("select count(*) from users where not is_deleted")}
    db.query("update users set is_deleted = true where phonenumber = '13800000099'")
    assert message(api.get("/statistics/users")) == {"total_users": n["total_users"] - 1}


def test_what_was_gathered_is_stored_when_the_front_stops(db, system, agent):
    system.api().get("/patient/hospitals", headers={"User-Agent": agent, "X-Forwarded-For": "203.0.113.77"})
    assert system["front"].stop() == 0
    rows(db, agent, 1)
    system.start_front()


def test_the_metric_counts_rows(system):
    text = system.api().get("/metrics").text
    assert int(re.search(r"^guahao_front_rows_total (\d+)", text, re.M)[1]) >= 0
    assert re.search(r"^guahao_front_rows_lost_total 0$", text, re.M)
