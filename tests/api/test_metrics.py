"""GET /metrics of a whole system after known traffic (api/29, R-212)."""

import uuid

import msgpack
import pytest

from support import booking_cases as bc
from support import metrics
from support.broker import uuid7
from support.http import data, problem
from support.proc import wait_for

pytestmark = pytest.mark.usefixtures("default_settings")

# api/29 "Metrics exposed at /metrics".
NAMED = {"guahao_http_requests_total": ("counter", {"surface", "route", "method", "status"}),
         "guahao_http_request_seconds": ("histogram", {"surface", "route"}),
         "guahao_db_query_seconds": ("histogram", {"statement"}),
         "guahao_db_pool_connections": ("gauge", {"state"}),
         "guahao_queue_depth": ("gauge", {"pool"}),
         "guahao_queue_oldest_seconds": ("gauge", {"pool"}),
         "guahao_worker_up": ("gauge", {"pool"}),
         "guahao_worker_jobs_total": ("counter", {"pool", "outcome"}),
         "guahao_process_resident_bytes": ("gauge", {"process"}),
         "guahao_auth_failures_total": ("counter", {"reason"}),
         "guahao_lockouts_total": ("counter", {"reason"}),
         "guahao_rate_limited_total": ("counter", {"policy"}),
         "guahao_bookings_total": ("counter", {"channel", "outcome"}),
         "guahao_payments_total": ("counter", {"method", "outcome"}),
         "guahao_diagnosis_total": ("counter", {"model", "outcome"})}


def look(house):
    return metrics.read(house.system.api())


def settle(house, name, value, **labels):
    """The metrics once workers have said so much; they speak every two seconds."""
    last = {}

    def there():
        last["m"] = look(house)
        return last["m"].sum(name, **labels) >= value
    wait_for(f"{name}{labels} = {value}", there, 15)
    assert last["m"].sum(name, **labels) == value
    return last["m"]


def test_exactly_what_was_done_is_counted(house):
    h = house.h
    ask, other = bc._free(h), bc._free(h)
    apis = [house.api(ask.user), house.api(other.user)]      # signed in before the first look
    wait_for("the first figures", lambda: look(house).sum("guahao_worker_info"), 15)
    before = look(house)

    bill = data(apis[0].post("/api/v1/appointments", bc.v1_body(h, ask)), 201)["bill_id"]
    problem(apis[0].post("/api/v1/appointments", bc.v1_body(h, ask)), "DUPLICATE_BOOKING", 409)
    key = {"Idempotency-Key": "counted-once"}
    for _ in range(2):                                       # the second is a replay: no booking
        data(apis[1].post("/api/v1/appointments", bc.v1_body(h, other), headers=key), 201)
    code = bc._free(h)
    order = house.api(code.user).post("/patient/appointments", bc.code_body(h, code)).json()["message"]["id"]
    assert house.api(code.user).post(f"/patient/appointments/{order}/pay", {"method": "alipay"}).json()["code"] == 0
    data(apis[0].post(f"/api/v1/billing/{bill}/payments", {"method": "ONLINE"}), 201)
    for _ in range(3):
        data(apis[0].get(f"/api/v1/billing/{bill}"))
    name = h.one("select username from users where id = %s", other.user)
    for _ in range(5):                                       # the fifth wrong one locks, the sixth is refused
        problem(house.system.api().post("/api/v1/auth/login", {"username": name, "password": "not-this-1"}),
                "BAD_CREDENTIALS", 401)
    problem(house.system.api().post("/api/v1/auth/login", {"username": name, "password": "not-this-1"}), "ACCOUNT_LOCKED", 423)

    settle(house, "guahao_bookings_total", before.sum("guahao_bookings_total", outcome="ok") + 3, outcome="ok")
    settle(house, "guahao_lockouts_total", before.sum("guahao_lockouts_total") + 1, reason="account")
    after = settle(house, "guahao_payments_total", before.sum("guahao_payments_total") + 2)

    def more(series, **labels):
        return after.sum(series, **labels) - before.sum(series, **labels)
    assert more("guahao_bookings_total", channel="v1", outcome="ok") == 2
    assert more("guahao_bookings_total", channel="code", outcome="ok") == 1
    assert more("guahao_bookings_total", channel="v1", outcome="DUPLICATE_BOOKING") == 1
    assert more("guahao_bookings_total") == 4
    assert more("guahao_payments_total", method="alipay", outcome="ok") == 1
    assert more("guahao_payments_total", method="ONLINE", outcome="ok") == 1
    assert more("guahao_auth_failures_total", reason="credentials") == 5
    v1 = {"surface": "v1", "route": "/api/v1/appointments"}
    assert more("guahao_http_requests_total", **v1, method="POST", status="201") == 3
    assert more("guahao_http_requests_total", **v1, method="POST", status="409") == 1
    assert more("guahao_http_request_seconds_count", **v1) == 4
    assert more("guahao_http_request_seconds_sum", **v1) > 0
    show = {"surface": "v1", "route": "/api/v1/billing/{id}", "method": "GET", "status": "200"}
    assert more("guahao_http_requests_total", **show) == 3
    assert more("guahao_db_query_seconds_count", statement="v1_bill", pool="billing") == 3
    assert 0 < more("guahao_db_query_seconds_sum", statement="v1_bill", pool="billing") < 60


def test_diagnoses_count_when_they_end(house):
    """Durable jobs of that kind, whatever operation carries them out: by the model that was asked for."""
    def put(op, model, tries=1):
        body = {"body": {"model": model} if model else {}}
        house.h.run("insert into jobs (id, kind, op, service, args, owner_id, priority, budget_ms, max_attempts, run_at, created_at) "
                    "values (%s, 'diagnosis', %s, 'system', %s, (select min(user_id) from user_roles where role_code = 'ADMIN'), 2, 5000, "
                    "%s, now() - interval '1 day', now())", str(uuid.UUID(bytes=uuid7())), op, msgpack.packb(body), tries)
    for model in ("lung-2", "lung-2", "skin", None):
        put("system.v1_verify_audit_log", model)
    put("system.nothing", "skin")
    settle(house, "guahao_diagnosis_total", 2, model="lung-2", outcome="ok")
    settle(house, "guahao_diagnosis_total", 1, model="none", outcome="ok")
    settle(house, "guahao_diagnosis_total", 2, model="skin")
    assert look(house).sum("guahao_diagnosis_total", model="skin", outcome="ok") == 1


def test_all_that_the_contract_names_in_the_format_of_prometheus(house):
    after = look(house)
    for name, (kind, labels) in NAMED.items():
        assert after.families[name] == kind
        series = name + "_count" if kind == "histogram" else name
        found = [dict(have) for n, have in after.samples if n == series]
        assert found, name
        assert all(labels <= set(have) for have in found), (name, found)
    promtool_says = metrics.promtool("check", "metrics", text=house.system.api().get("/metrics").text)
    assert promtool_says == ""


def test_processes_and_pools_are_all_there(house):
    m = look(house)
    pools = m.values("guahao_worker_up", "pool")
    told = m.values("guahao_worker_info", "pool")
    assert {"booking", "identity", "directory"} <= told
    assert told == {p for p in pools if not p.startswith("titanic.")}      # those are served by the pool jobs
    assert all(m.sum("guahao_worker_up", pool=p) == 1 for p in pools)
    processes = m.values("guahao_process_resident_bytes", "process")
    workers = {"worker-" + w for w in m.values("guahao_worker_info", "worker")}
    assert workers | {"broker-0", "front-0"} <= processes
    assert all(m.sum("guahao_process_resident_bytes", process=p) > 1e6 for p in processes)
    lanes = m.sum("guahao_db_pool_connections", pool="booking")
    assert lanes == m.sum("guahao_db_pool_connections", pool="booking", state="idle") + m.sum(
        "guahao_db_pool_connections", pool="booking", state="busy") > 0
    assert m.sum("guahao_broker_up", broker="0") == 1 and m.sum("guahao_broker_info") == 1
    assert m.sum("guahao_broker_workers") == len(pools)


def test_nothing_personal_is_shown(house):
    """R-212."""
    h = house.h
    text = house.system.api().get("/metrics").text
    for row in h.run("select username, phonenumber from users union select name, null from patients"):
        for word in row:
            assert not word or len(word) < 4 or word not in text, word
