"""Every operation of the contract is served, and everything that is served is in the contract (R-216)."""

import subprocess

import pytest

from support import contract, paths, published
from support.access_table import TABLE


@pytest.fixture(scope="module")
def served():
    """{pool: {operation: inner}} as guahao-worker tells."""
    out = subprocess.run([paths.program("guahao-worker"), "--operations"], capture_output=True, text=True, timeout=30)
    assert out.returncode == 0
    pools = {}
    for line in out.stdout.splitlines():
        pool, operation, kind, *rest = line.split()
        assert kind in ("read", "write", "task") and rest in ([], ["inner"]), line
        assert operation.startswith(pool + "."), line
        assert operation not in pools.setdefault(pool, {}), line
        pools[pool][operation] = bool(rest)
    return pools


def test_every_operation_of_a_pool_is_served_and_the_reverse(served):
    told = {}
    for name, operation in contract.operations().items():
        told.setdefault(operation["x-pool"], set()).add(name)
    told.pop("front")
    served.pop("echo")                      # of tests/bench/openapi
    assert set(served) == set(told)
    for pool, operations in served.items():
        assert {name for name, inner in operations.items() if not inner} == told[pool], pool
        assert not {name for name, inner in operations.items() if inner} & set(contract.operations()), pool


def test_the_front_serves_what_is_its_own(front):
    own = {name for name, operation in contract.operations().items() if operation["x-pool"] == "front"}
    rows = {row[0]: row for row in TABLE if row[0] in own}
    assert set(rows) == own
    for name, method, path, *_ in rows.values():
        assert front.call(method, path).status_code in (200, 401), name


def test_every_operation_of_the_source_has_what_a_reader_needs():
    for name, operation in contract.operations().items():
        assert operation["summary"] and operation["tags"], name
        replies = [r for status, r in operation["responses"].items() if status[0] == "2"]
        assert replies, name
        for reply in replies:
            # an empty body is a reply of RFC 7009 (revocation)
            assert "content" in reply or operation["x-envelope"] == "oauth", name
            for media in reply.get("content", {}).values():
                assert "schema" in media and "example" in media, name


def test_every_body_has_an_example_that_is_published():
    for name, media, body in contract.bodies():
        method, path, _ = contract.place(name)
        shown = published.follow(published.document()["paths"][path][method.lower()]["requestBody"])["content"][media]
        assert "example" in body and shown["example"] == body["example"], f"{name}: {media} has no example"


def test_the_document_has_every_path_and_alias_and_no_other():
    expected = set()
    for name in contract.operations():
        method, path, operation = contract.place(name)
        for each in (path, *operation.get("x-aliases", [])):
            expected.add((method.lower(), each))
            if each.startswith("/api/v1/"):
                expected.add((method.lower(), "/api/" + each[len("/api/v1/"):]))
    document = {(method, path) for path, methods in published.document()["paths"].items() for method in methods}
    assert document == expected


class Reply:
    def __init__(self, status_code, body, kind="application/json"):
        self.status_code, self.body, self.headers, self.text = status_code, body, {"content-type": kind}, str(body)

    def json(self):
        return self.body


def test_the_check_of_replies_finds_what_does_not_fit():
    path = "/api/v1/appointments/17"
    good = dict(published.document()["components"]["examples"]["V1.NOT_FOUND"]["value"])
    published.check("GET", path, Reply(404, good))
    for status, body in ((404, {**good, "more": 1, "success": True}), (404, {**good, "data": {**good["data"], "code": "SLOT_FULL"}}),
                         (404, {"detail": "Not found"}), (418, good), (200, {"success": True, "data": {}, "message": "OK"}),
                         (200, {"code": 0, "message": {}})):
        with pytest.raises(AssertionError):
            published.check("GET", path, Reply(status, body))
    with pytest.raises(AssertionError):
        published.check("POST", "/patient/appointments", Reply(200, {"code": 12345, "message": {"error": "x", "msg": "y"}}))
    assert published.operation("GET", "/api/v1/appointments/me")[1]["operationId"] == "booking.v1_list_my_appointments"
    assert published.operation("GET", "/patient/none") == (None, None)
