"""Success, refusals and faults on every surface, seen from a client."""

import base64
import gzip
import json
import os
import uuid

import pytest

from support.front import Reply, token

BOOK = {"scheduleId": "501", "hospitalId": 1, "departmentId": 11, "patientId": 31}


def test_code_surface_wraps_the_payload(front, broker):
    broker.on("booking.book_appointment", {"id": 1, "payAmount": 40.00})
    r = front.post("/patient/appointments", token=token(7), json=BOOK)
    assert r.status_code == 200
    assert r.json() == {"code": 0, "message": {"id": 1, "payAmount": 40.00}}
    assert r.headers["content-type"] == "application/json"
    job = broker.last()
    assert job.service == "booking"
    assert job.args == {"body": {**BOOK, "scheduleId": 501}}
    assert job.head["shard"] == "s:501"
    assert uuid.UUID(bytes=job.head["id"]).version == 7
    assert job.actor["user"] == 7 and job.actor["ip"] == "127.0.0.1" and len(job.actor["session"]) == 16
    assert 0 < job.head["deadline"] <= 1500


def test_v1_wraps_the_payload_and_takes_status_and_headers(front, broker):
    broker.on("booking.v1_book_appointment", lambda job: Reply({"id": 5}, headers={
        "Location": "/api/v1/appointments/5", "ETag": '"appointment-5-1"', "Content-Length": "9", "X-Bad\r\nA": "b",
        "X-Evil": "a\r\nSet-Cookie: x=1"}))
    r = front.post("/api/v1/appointments", token=token(), json={"schedule_id": 880, "reason": " pain "})
    assert r.status_code == 201
    assert r.json() == {"success": True, "data": {"id": 5}, "message": "OK"}
    assert r.headers["location"] == "/api/v1/appointments/5"
    assert r.headers["etag"] == '"appointment-5-1"'
    assert "x-evil" not in r.headers and "set-cookie" not in r.headers
    assert broker.last().args["body"] == {"schedule_id": 880, "reason": "pain", "visit_type": "in_person", "override": False}


def test_plain_bodies_pass_as_they_are(front, broker):
    broker.on("booking.hb_get_appointment", lambda job: Reply(raw=b'{"id":7,"n":1.50}'))
    r = front.get("/appointment/by_id/7?expand=true", token=token())
    assert r.text == '{"id":7,"n":1.50}'
    assert broker.last().args == {"path": {"appointment_id": 7}, "query": {"expand": True}}


def test_unversioned_paths_are_the_same_operations(front, broker):
    broker.on("booking.v1_get_appointment", {"id": 5})
    assert front.get("/api/appointments/5", token=token()).json()["data"] == {"id": 5}
    assert broker.last().op == "booking.v1_get_appointment"


def test_oauth_form_and_errors(front, broker):
    broker.on("identity.oauth_issue_token", {"access_token": "x"})
    r = front.post("/auth/token", data={"username": "13800000001", "password": "p+ w"})
    assert r.json() == {"access_token": "x"}
    assert r.headers["cache-control"] == "no-store"
    assert broker.last().args == {"form": {"grant_type": "password", "username": "13800000001", "password": "p+ w"}}
    assert not broker.last().actor.get("user")
    front.post("/auth/token", json={"username": "a", "password": "b"})
    assert broker.last().args == {"body": {"grant_type": "password", "username": "a", "password": "b"}}
    r = front.post("/auth/token", data={"username": "", "password": "x"})
    assert r.status_code == 400 and r.json()["error"] == "invalid_request"
    broker.on("identity.oauth_issue_token", Reply(error="OAUTH_INVALID_GRANT", headers={"Retry-After": "60"}))
    r = front.post("/auth/token", data={"username": "a", "password": "b"})
    assert r.status_code == 400 and r.json()["error"] == "invalid_grant" and r.headers["retry-after"] == "60"


def test_refusals_of_workers(front, broker):
    broker.on("booking.book_appointment", Reply(error="SLOT_FULL"))
    r = front.post("/patient/appointments", token=token(), json=BOOK)
    assert r.status_code == 200
    body = r.json()
    assert set(body) == {"code", "message"} and body["code"] == 1001 and set(body["message"]) == {"error", "msg"}
    broker.on("booking.v1_book_appointment", Reply(error="SLOT_FULL", extra='{"suggestions":[1,2]}'))
    r = front.post("/api/v1/appointments", token=token(), json={"schedule_id": 1})
    assert r.status_code == 409
    data = r.json()["data"]
    assert data["code"] == "SLOT_FULL" and data["suggestions"] == [1, 2] and data["status"] == 409
    assert data["instance"] == "/api/v1/appointments" and data["request_id"] == r.headers["x-request-id"]
    assert r.json()["message"] == data["detail"] and r.json()["success"] is False
    broker.on("booking.hb_create_appointment", Reply(error="SLOT_FULL"))
    r = front.post("/appointment/", token=token(), json={"doctor_id": 1, "date_time": "2026-03-12 09:00"})
    assert r.status_code == 409 and r.json()["code"] == "SLOT_FULL" and isinstance(r.json()["detail"], str)


def test_texts_of_refusals_are_filled_in(front, broker):
    broker.on("booking.v1_get_appointment", Reply(error="RATE_LIMITED", params={"n": "7"}))
    r = front.get("/api/v1/appointments/5", token=token())
    assert r.status_code == 429 and "7 s" in r.json()["message"]
    r = front.get("/api/v1/appointments/5", token=token(), headers={"Accept-Language": "zh-CN,zh"})
    assert "请7秒后再试" in r.json()["message"] and r.json()["data"]["code"] == "RATE_LIMITED"


def test_an_unknown_error_name_is_internal(front, broker):
    broker.on("booking.v1_get_appointment", Reply(error="NO_SUCH_ROW"))
    assert front.get("/api/v1/appointments/5", token=token()).status_code == 500


def test_problem_json_when_asked_for(front, broker):
    broker.on("booking.v1_get_appointment", Reply(error="NOT_FOUND"))
    r = front.get("/api/v1/appointments/5", token=token(), headers={"Accept": "application/problem+json"})
    assert r.headers["content-type"] == "application/problem+json"
    assert r.json()["code"] == "NOT_FOUND" and "success" not in r.json()
    r = front.get("/api/v1/appointments/5", token=token(),
                  headers={"Accept": "application/json, application/problem+json;q=0.5"})
    assert r.headers["content-type"] == "application/json"


def test_faults_on_the_registration_surface(front, broker):
    r = front.post("/patient/appointments", token=token(), json={"scheduleId": "x", "hospitalId": 1, "departmentId": 1})
    assert r.status_code == 200 and r.json()["code"] == 99
    assert "scheduleId" in r.json()["message"]["msg"] and "patientId" in r.json()["message"]["msg"]
    r = front.get("/patient/doctors?page=0")
    assert r.json()["message"]["msg"] == "分页参数必须为正整数"
    r = front.post("/patient/appointments", token=token(), data="{", headers={"Content-Type": "application/json"})
    assert r.status_code == 200 and r.json()["code"] == 99
    assert not broker.jobs


def test_faults_on_v1_are_told_all_at_once(front, broker):
    r = front.post("/api/v1/appointments", token=token(),
                   json={"schedule_id": 0, "slot_no": 501, "visit_type": "by mail", "reason": 5})
    assert r.status_code == 422
    faults = {(e["field"], e["code"]) for e in r.json()["data"]["errors"]}
    assert faults == {("schedule_id", "value_error"), ("slot_no", "value_error"), ("visit_type", "enum"),
                      ("reason", "string_type")}
    r = front.post("/api/v1/appointments", token=token(), data="[1", headers={"Content-Type": "application/json"})
    assert r.status_code == 400 and r.json()["data"]["code"] == "MALFORMED_JSON"
    r = front.get("/api/v1/appointments?sort=color", token=token())
    assert r.status_code == 422 and r.json()["data"]["code"] == "UNKNOWN_SORT"
    assert not broker.jobs


def test_faults_on_heartbeat_have_a_place(front, broker):
    r = front.post("/appointment/", token=token(), json={"doctor_id": "x", "description": "a" * 501})
    assert r.status_code == 422
    faults = {(tuple(d["loc"]), d["type"]) for d in r.json()["detail"]}
    assert faults == {(("body", "doctor_id"), "int_parsing"), (("body", "description"), "string_too_long"),
                      (("body", "date_time"), "missing")}
    r = front.get("/appointment/by_doctor/1?limit=0", token=token())
    assert r.json()["detail"][0]["loc"] == ["query", "limit"]
    r = front.post("/appointment/", token=token(), data="nope", headers={"Content-Type": "application/json"})
    assert r.json()["detail"][0]["type"] == "json_invalid"
    broker.on("booking.hb_delete_appointment", Reply(error="VALIDATION_FAILED", params={"field": "id"}, extra=json.dumps(
        {"errors": [{"field": "id", "code": "value_error", "message": "two that differ"}]})))
    r = front.call("DELETE", "/appointment/?appointment_id=1", token=token(), json={"id": 2})
    assert r.status_code == 422
    assert r.json()["detail"] == [{"loc": ["body", "id"], "msg": "two that differ", "type": "value_error"}]


def test_a_delete_may_have_a_body(front, broker):
    broker.on("booking.hb_delete_appointment", {"id": 9})
    assert front.call("DELETE", "/appointment/", token=token(), json={"id": "9"}).json() == {"id": 9}
    assert broker.last().args == {"body": {"id": 9}}
    front.call("DELETE", "/appointment/?id=9", token=token())
    assert broker.last().args == {"query": {"id": 9}, "body": {}}


@pytest.mark.parametrize("path,key", [("/nothing", "code"), ("/api/nothing", "success"), ("/appointment/nothing", "detail"),
                                      ("/patient/doctors/abc", "code"), ("/api/v1/appointments/abc", "success")])
def test_unknown_paths_have_the_shape_of_their_surface(front, path, key):
    r = front.get(path)
    assert r.status_code == 404 and key in r.json()


def test_wrong_methods_say_what_is_allowed(front):
    r = front.call("DELETE", "/patient/appointments")
    assert r.status_code == 405 and r.headers["allow"] == "GET, HEAD, POST, OPTIONS" and r.json()["code"] == 98
    r = front.call("GET", "/appointment/")
    assert r.status_code == 405 and r.json() == {"detail": "Method Not Allowed"}
    r = front.call("PUT", "/api/v1/auth/me")
    assert r.status_code == 405 and r.json()["data"]["code"] == "METHOD_NOT_ALLOWED"


def test_media_types(front, broker):
    broker.on("booking.book_appointment", {"id": 1})
    for kind in ("text/plain", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded", "application/xml"):
        r = front.post("/patient/appointments", token=token(), data=json.dumps(BOOK), headers={"Content-Type": kind})
        assert r.status_code == 415 and r.json()["code"] == 99, kind
    for kind in ("application/json; charset=utf-8", "Application/JSON"):
        r = front.post("/patient/appointments", token=token(), data=json.dumps(BOOK), headers={"Content-Type": kind})
        assert r.json()["code"] == 0
    # an empty body with a JSON type is fine where nothing is required
    broker.on("booking.cancel_appointment", {"success": True, "refundAmount": None})
    r = front.call("PUT", "/patient/appointments/5/cancel", token=token(), headers={"Content-Type": "application/json"})
    assert r.json()["code"] == 0


def test_big_bodies_are_refused_and_the_answer_arrives(front):
    for path, key in (("/patient/appointments", "code"), ("/api/v1/appointments", "success"), ("/appointment/", "detail")):
        r = front.post(path, token=token(), data=b"x" * 3_000_000, headers={"Content-Type": "application/json"})
        assert r.status_code == 413 and key in r.json()
    assert front.get("/healthz").status_code == 200


def test_head_and_options(front, broker):
    r = front.call("HEAD", "/healthz")
    assert r.status_code == 200 and r.text == "" and int(r.headers["content-length"]) > 0
    broker.on("directory.browse_hospitals", {"areas": []})
    r = front.call("HEAD", "/patient/hospitals")
    assert r.status_code == 200 and r.text == ""
    r = front.call("OPTIONS", "/patient/appointments")
    assert r.status_code == 204 and r.headers["allow"] == "GET, HEAD, POST, OPTIONS"


def test_cors(front):
    ok = {"Origin": "http://localhost:3000"}
    r = front.call("OPTIONS", "/anything", headers={**ok, "Access-Control-Request-Method": "PUT"})
    assert r.status_code == 204
    assert r.headers["access-control-allow-origin"] == "http://localhost:3000"
    assert r.headers["access-control-allow-credentials"] == "true"
    assert "PUT" in r.headers["access-control-allow-methods"] and r.headers["access-control-max-age"] == "600"
    r = front.get("/nothing", headers=ok)
    assert r.headers["access-control-allow-origin"] == "http://localhost:3000" and "Origin" in r.headers["vary"]
    assert "X-Request-Id" in r.headers["access-control-expose-headers"]
    r = front.get("/healthz", headers={"Origin": "http://evil.example"})
    assert "access-control-allow-origin" not in r.headers


def test_request_ids_and_traces(front, broker):
    broker.on("directory.browse_hospitals", {"areas": []})
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    r = front.get("/patient/hospitals", headers={"X-Request-Id": "abc.DEF_1-2", "traceparent": trace})
    assert r.headers["x-request-id"] == "abc.DEF_1-2"
    assert broker.last().head["trace"] == trace and broker.last().head["request"] == "abc.DEF_1-2"
    r = front.get("/patient/hospitals", headers={"X-Request-Id": "no good", "traceparent": "00-zz"})
    assert r.headers["x-request-id"] == str(uuid.UUID(bytes=broker.last().head["id"]))
    own = broker.last().head["id"].hex()                     # a bad one is as good as none: the trace is the request
    assert broker.last().head["trace"] == f"00-{own}-{own[16:]}-00" and "traceparent" not in r.headers
    assert "request" not in broker.last().head
    front.get("/patient/hospitals", headers={"traceparent": "cc" + trace[2:] + "-what-the-future-will-add"})
    assert broker.last().head["trace"] == trace


def test_idempotency_keys(front, broker):
    broker.on("booking.book_appointment", {"id": 1})
    for sent, key in (("abc-1", "abc-1"), ('"quoted key"'.replace(" ", "-"), "quoted-key"), ("k" * 255, "k" * 255)):
        front.post("/patient/appointments", token=token(), json=BOOK, headers={"Idempotency-Key": sent})
        assert broker.last().head["key"] == key
    n = len(broker.jobs)
    for bad in ("k" * 256, '""', "a b", 'a"b'):
        r = front.post("/patient/appointments", token=token(), json=BOOK, headers={"Idempotency-Key": bad})
        assert r.json() == {"code": 99, "message": {"error": "请求参数错误", "msg": "请求头 Idempotency-Key 不正确，应为 1 至 255 个可见字符"}}, bad
    for path, status in (("/api/v1/appointments", 400), ("/appointment/", 400)):
        r = front.post(path, token=token(), json=BOOK, headers={"Idempotency-Key": "k" * 256})
        said = r.json()["data"] if "data" in r.json() else r.json()
        assert r.status_code == status and said["detail"] == "Idempotency-Key: 1 to 255 visible characters are needed, bare or in quotes"
        assert said.get("code", "BAD_REQUEST") == "BAD_REQUEST"
    assert len(broker.jobs) == n


def test_entity_tags(front, broker):
    broker.on("booking.v1_get_appointment", Reply({"id": 5}, headers={"ETag": '"appointment-5-3"'}))
    r = front.get("/api/v1/appointments/5", token=token())
    assert r.status_code == 200 and r.headers["etag"] == '"appointment-5-3"'
    for match in ('"appointment-5-3"', 'W/"appointment-5-3"', '"a", "appointment-5-3"', "*"):
        r = front.get("/api/v1/appointments/5", token=token(), headers={"If-None-Match": match})
        assert r.status_code == 304 and r.text == "" and r.headers["etag"] == '"appointment-5-3"', match
    r = front.get("/api/v1/appointments/5", token=token(), headers={"If-None-Match": '"appointment-5-2"'})
    assert r.status_code == 200


def test_long_bodies_are_compressed_for_those_who_take_it(front, broker):
    areas = [{"area": f"院区{i}", "n": i} for i in range(200)]
    broker.on("directory.browse_hospitals", {"areas": areas})
    plain = front.get("/patient/hospitals", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers and plain.headers["vary"].startswith("Accept-Encoding")
    for accepted in ("gzip", "deflate, gzip;q=0.5", "GZIP", "*", "br, *;q=0.1"):
        r = front.get("/patient/hospitals", headers={"Accept-Encoding": accepted}, stream=True)
        raw = r.raw.read(decode_content=False)
        assert r.headers["content-encoding"] == "gzip", accepted
        assert int(r.headers["content-length"]) == len(raw) < len(plain.content) / 2
        assert gzip.decompress(raw) == plain.content
    for refused in ("gzip;q=0", "*, gzip;q=0", "br", "", "xgzip", "*;q=0"):
        r = front.get("/patient/hospitals", headers={"Accept-Encoding": refused})
        assert "content-encoding" not in r.headers and r.content == plain.content, refused
    r = front.call("HEAD", "/patient/hospitals", headers={"Accept-Encoding": "gzip"})
    assert int(r.headers["content-length"]) == len(raw)
    doc = front.get("/openapi.json", headers={"Accept-Encoding": "gzip"})
    assert doc.headers["content-encoding"] == "gzip" and doc.json()["openapi"] == "3.1.0"


def test_short_bodies_and_tokens_are_not_compressed(front, broker):
    broker.on("directory.browse_hospitals", Reply(raw=b'"' + b"a" * (1024 - 2 - len('{"code":0,"message":}')) + b'"'))
    r = front.get("/patient/hospitals")
    assert len(r.content) == 1024 and "content-encoding" not in r.headers
    broker.on("directory.browse_hospitals", Reply(raw=b'"' + b"a" * (1025 - 2 - len('{"code":0,"message":}')) + b'"'))
    assert front.get("/patient/hospitals").headers["content-encoding"] == "gzip"
    noise = base64.b64encode(os.urandom(3000))
    broker.on("directory.browse_hospitals", Reply(raw=b'"' + noise + b'"'))
    assert front.get("/patient/hospitals").json()["message"] == noise.decode()    # some shorter, or as it is
    broker.on("identity.v1_login_user", {"access_token": "a" * 5000})
    r = front.post("/api/v1/auth/login", json={"username": "x", "password": "Guahao-2026"})
    assert r.json()["data"]["access_token"] == "a" * 5000
    assert "content-encoding" not in r.headers and "Accept-Encoding" not in r.headers.get("vary", "")


def test_compression_can_be_switched_off(make_bench):
    b = make_bench({"front.gzip_level": 0})
    b.front.wait_ready()
    assert "content-encoding" not in b.front.get("/openapi.json").headers


def test_security_headers_on_every_answer(front):
    for r in (front.get("/healthz"), front.get("/nothing"), front.post("/auth/token", data=b"x" * 2_000_000)):
        assert r.headers["x-content-type-options"] == "nosniff"
        assert r.headers["x-frame-options"] == "DENY"
        assert r.headers["cache-control"] == "no-store"
        assert "server" not in r.headers and "date" in r.headers


def test_probes(front):
    assert front.get("/health").json() == {"status": "up"}
    ready = front.get("/readyz")
    assert ready.status_code == 200
    assert {k: c["status"] for k, c in ready.json()["checks"].items()} == dict.fromkeys(
        ("database", "broker", "workers", "storage"), "up")
    assert front.get("/").json() == "Heartbeat"
    r = front.get("/", headers={"Accept": "text/plain"})
    assert r.text == "Heartbeat" and r.headers["content-type"].startswith("text/plain")
    metrics = front.get("/metrics")
    assert metrics.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert 'guahao_queue_depth{pool="booking",broker="0"} 3' in metrics.text
    assert 'guahao_http_requests_total{surface="heartbeat",route="/health",method="GET",status="200"}' in metrics.text


def test_the_document_of_the_contract(front):
    for path in ("/openapi.json", "/api/v1/openapi.json"):
        doc = front.get(path).json()
        assert doc["openapi"] == "3.1.0"
        reply = doc["paths"]["/patient/appointments"]["post"]["responses"]["200"]
        assert reply["content"]["application/json"]["examples"]["success"]["value"]["code"] == 0
        assert "/api/appointments" in doc["paths"]
        assert "x-pool" not in json.dumps(doc)
