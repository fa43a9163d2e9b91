"""Text that is code elsewhere, in every text member and parameter of every operation: data here, and nothing else."""

import copy
import urllib.parse

import pytest

from support import contract

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


SAMPLES = {"date": "2026-01-31", "date-time": "2026-01-31T08:00:00", "email": "a@example.org",
           "uuid": "01a1fe87-b53a-77ac-9dce-2e56585699ef"}


def sample(schema):
    """A plausible value, so that the other members of a body do not have it refused before the worker sees it."""
    schema = resolve(schema)
    for word in ("default", "const", "example"):
        if schema.get(word) is not None:
            return schema[word]
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type", "object" if "properties" in schema else "string")
    kind = kind if isinstance(kind, str) else kind[0]
    if kind == "object":
        return {n: sample(s) for n, s in members(schema) if n in required(schema)}
    if kind == "array":
        return [sample(schema["items"])] if "items" in schema else []
    if kind in ("integer", "number"):
        return schema.get("minimum", 1)
    if kind == "boolean":
        return True
    return SAMPLES.get(schema.get("format"), "13600000001" if "pattern" in schema else "Text-2026"[:schema.get("maxLength", 9)])


def required(schema):
    """Required members; of alternatives those of the first."""
    schema = resolve(schema)
    names = set(schema.get("required", []))
    for part in schema.get("allOf", []) + schema.get("oneOf", [])[:1] + schema.get("anyOf", [])[:1]:
        names |= required(part)
    return names


def bodies(operation):
    """(media type, a plausible body, names of text members) of each kind of body."""
    for media, content in operation.get("requestBody", {}).get("content", {}).items():
        if media == "multipart/form-data":
            continue
        plain = {n: sample(s) for n, s in members(content["schema"]) if n in required(content["schema"])}
        example = content.get("example", plain)
        if isinstance(example, list):                   # one of several at once
            example = example[0]
        yield media, example, sorted({n for n, s in members(content["schema"]) if is_text(s)})


def takes_list(schema):
    """May the body be a list of what it else is one of?"""
    schema = resolve(schema)
    return schema.get("type") == "array" or any(takes_list(s) for s in schema.get("oneOf", []) + schema.get("anyOf", []))


def sent(operation, media, body):
    """Keywords of the request with this body, and with a list of it where the operation takes lists."""
    if media != "application/json":
        yield {"data": urllib.parse.urlencode(body), "headers": {"Content-Type": media}}
        return
    yield {"json": body}
    if takes_list(operation["requestBody"]["content"][media]["schema"]):
        yield {"json": [body, body]}


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
                for keywords in sent(operation, media, body):
                    yield method, plain, keywords


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


# ---- numbers at the ends of what machines count with

NUMBERS = [2**31 - 1, 2**31, 2**53 + 1, 2**63 - 1]


def is_whole(schema):
    kinds = schema.get("type", [])
    return "integer" in ([kinds] if isinstance(kinds, str) else kinds)


def number_calls(operation_id):
    method, path, operation = contract.place(operation_id)
    parameters = [resolve(p) for p in operation.get("parameters", [])]
    plain = path
    for p in parameters:
        if p["in"] == "path":
            plain = plain.replace("{%s}" % p["name"], "1")
    for number in NUMBERS:
        for p in parameters:
            schema = resolve(p["schema"])
            if not is_whole(resolve(schema.get("items", schema))):
                continue
            if p["in"] == "path" and number < 10**18:            # longer ones are no path
                yield method, path.replace("{%s}" % p["name"], str(number)).replace("{", "").replace("}", ""), {}
            elif p["in"] == "query":
                yield method, plain, {"params": {p["name"]: number}}
        for media, content in operation.get("requestBody", {}).get("content", {}).items():
            if media != "application/json":
                continue
            whole = sorted({n for n, s in members(content["schema"]) if is_whole(s)})
            for _, example, _ in [b for b in bodies(operation) if b[0] == media and isinstance(b[1], dict)]:
                for name in whole:
                    for keywords in sent(operation, media, {**copy.deepcopy(example), name: number}):
                        yield method, plain, keywords


@pytest.mark.parametrize("operation_id", sorted(contract.operations()))
def test_large_numbers_are_counted_or_refused(house, operation_id):
    api = house.api(house.h.user(roles=["ADMIN"]))
    for method, path, keywords in number_calls(operation_id):
        r = api.request(method, path, **keywords)
        assert r.status_code < 500, (method, path, keywords, r.status_code, r.text[:300])
        if r.headers.get("content-type", "").startswith("application/json"):
            body = r.json()
            assert not isinstance(body, dict) or body.get("code") != 97, (method, path, keywords, r.text[:300])
