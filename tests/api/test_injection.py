"""Text that is code elsewhere, in every text member and parameter of every operation: data here, and nothing else."""

import copy
import urllib.parse

import pytest

from support import contract
from support.house import open_house

TEXTS = [
    "'; drop table users; --",
    "1 or 1=1",
    "\\'; select pg_sleep(9); --",
    '"}, "is_superuser": true, {"a": "',
    "${jndi:ldap://x/y}{{7*7}}<script>alert(1)</script>",
    "../../../../etc/passwd",
    "%s%n%x%00",
    "{1,2,NULL}\",\\",
    "a\u202eb\ufeff\U0001f3e5",
    "a\0b",
]


def resolve(schema):
    while "$ref" in schema:
        schema = contract.component(schema["$ref"])
    return schema


def members(schema):
    """(name, schema) of all properties, also of composed objects."""
    schema = resolve(schema)
    yield from ((n, resolve(s)) for n, s in schema.get("properties", {}).items())
    for word in ("allOf", "oneOf", "anyOf"):
        for part in schema.get(word, []):
            yield from members(part)


def is_text(schema):
    kinds = schema.get("type", [])
    return "string" in ([kinds] if isinstance(kinds, str) else kinds) and schema.get("format") != "binary"


def bodies(operation):
    """(media type, the example or {}, names of text members) of each kind of body."""
    for media, content in operation.get("requestBody", {}).get("content", {}).items():
        if media == "multipart/form-data":
            continue
        yield media, content.get("example", {}), sorted({n for n, s in members(content["schema"]) if is_text(s)})


def calls(operation_id):
    """Requests with one hostile text each: (method, path, keywords)."""
    method, path, operation = contract.place(operation_id)
    parameters = [resolve(p) for p in operation.get("parameters", [])]
    plain = path
    for p in parameters:
        if p["in"] == "path":
            plain = plain.replace("{%s}" % p["name"], "1")
    for text in TEXTS:
        quoted = urllib.parse.quote(text, safe="")
        for p in parameters:
            if p["in"] == "path":
                yield method, path.replace("{%s}" % p["name"], quoted).replace("{", "").replace("}", ""), {}
            elif p["in"] == "query":
                yield method, plain, {"params": {p["name"]: text}}
        for media, example, names in bodies(operation):
            for name in names:
                body = {**copy.deepcopy(example), name: text}
                yield method, plain, {"json": body} if media == "application/json" else {
                    "data": urllib.parse.urlencode(body), "headers": {"Content-Type": media}}


@pytest.fixture(scope="module")
def house(empty_db, make_system):
    w = open_house(empty_db, make_system)
    w.reset()
    yield w
    w.close()


@pytest.mark.parametrize("operation_id", sorted(contract.operations()))
def test_hostile_texts_are_data(house, operation_id):
    h = house.h
    h.run("delete from login_locks"), h.run("delete from login_attempts")
    before = h.run("select id, username, is_superuser, is_deleted from users where id <= %s order by id", h.doctor2_user)
    caller = h.user(roles=["ADMIN"])
    api = house.api(caller)
    for method, path, keywords in calls(operation_id):
        r = api.request(method, path, **keywords)
        assert r.status_code < 500, (method, path, keywords, r.status_code, r.text[:300])
        if r.headers.get("content-type", "").startswith("application/json"):
            body = r.json()
            assert not isinstance(body, dict) or body.get("code") != 97, (method, path, keywords, r.text[:300])
    assert h.run("select id, username, is_superuser, is_deleted from users where id <= %s order by id",
                 h.doctor2_user) == before
