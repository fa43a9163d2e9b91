"""The examples of request bodies that /docs offers: each is taken from those it is meant for, even where a rule refuses it."""

import re
import urllib.parse

import pytest

from support import contract

ENDS_SESSION = ("identity.close_session", "identity.v1_logout_session", "identity.renew_token")
CALLERS = ("A0001", "D0001", "13800000001", None)


@pytest.fixture(scope="module")
def callers(demo_db, make_system):
    system = make_system(demo_db, {"password.cost": 10, "ratelimit.enabled": "false", "login.max_failures": 100}).start()
    return [system.api(user=user) for user in CALLERS]


def filled(path, parameters):
    """The path with a value that fits for each of its parameters."""
    def value(match):
        (p,) = [p for p in parameters if p["in"] == "path" and p["name"] == match[1]]
        schema = p["schema"]
        while "$ref" in schema:
            schema = contract.component(schema["$ref"])
        if schema.get("format") == "uuid":
            return "01a1ff16-0000-7000-8000-000000000000"
        return "999999" if schema.get("type") == "integer" or "oneOf" in schema else "NONE"
    return re.sub(r"{(\w+)}", value, path)


def parameters_of(operation):
    return [contract.component(p["$ref"]) if "$ref" in p else p for p in operation.get("parameters", [])]


def fault(r):
    """What is wrong with the form of the request, by the words of its surface."""
    if not r.headers.get("content-type", "").startswith("application/"):
        return None
    body = r.json()
    if isinstance(body, dict) and isinstance(body.get("data"), dict) and not body.get("success"):
        return body["data"]["code"] if body["data"]["code"] in ("VALIDATION_FAILED", "MALFORMED_JSON",
                                                                "UNSUPPORTED_MEDIA_TYPE") else None
    if isinstance(body, dict) and body.get("code") == 99 and re.match("参数 .* 不正确|请求体", body["message"]["msg"]):
        return body["message"]["msg"]
    if isinstance(body, dict) and isinstance(body.get("detail"), list):
        return body["detail"]
    return body.get("error") if isinstance(body, dict) and body.get("error") == "invalid_request" else None


@pytest.mark.parametrize("name, media, body", [pytest.param(*b, id=f"{b[0]}-{b[1][12:16]}") for b in contract.bodies()])
def test_an_example_is_taken(callers, name, media, body):
    method, path, operation = contract.place(name)
    sent = {"json": body["example"]} if media == "application/json" else {
        "data": urllib.parse.urlencode(body["example"]), "headers": {"Content-Type": media}}
    if name in ENDS_SESSION:
        sent["token"] = None
    faults = []
    for api in callers:
        r = api.request(method, filled(path, parameters_of(operation)), **sent)
        assert r.status_code < 500, (r.status_code, r.text[:500])
        faults.append(fault(r))
    assert None in faults, faults           # who books for others has to say for whom
