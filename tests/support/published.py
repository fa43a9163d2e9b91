"""The published document as tests hold replies against it: which operation a path is, and whether a reply fits what it says."""

import functools
import json
import os
import re
import subprocess

import jsonschema

from . import paths

# What HTTP itself may say to any request, before an operation is found in it.
OF_HTTP = {400, 408, 411, 413, 414, 431, 505}


@functools.lru_cache(maxsize=1)
def document():
    env = {k: v for k, v in os.environ.items() if not k.startswith("GUAHAO_")}
    done = subprocess.run([paths.program("guahao"), "openapi"], env={**env, "GUAHAO_SHARE": paths.ROOT}, cwd="/",
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def follow(value):
    while "$ref" in value:
        _, _, kind, name = value["$ref"].split("/", 3)
        value = document()["components"][kind][name]
    return value


def _segment(part, parameters):
    if not part.startswith("{"):
        return re.escape(part)
    (schema,) = [follow(p["schema"]) for p in parameters if p["in"] == "path" and p["name"] == part[1:-1]]
    kind = schema.get("type")
    return "[0-9]+" if kind == "integer" else ".+" if schema.get("x-rest") else "[^/]+"


@functools.lru_cache(maxsize=1)
def _routes():
    routes = []
    for path, methods in document()["paths"].items():
        for method, operation in methods.items():
            parameters = [follow(p) for p in operation.get("parameters", [])]
            pattern = "/".join(_segment(part, parameters) for part in path.rstrip("/").split("/"))
            literal = [not part.startswith("{") for part in path.split("/")]
            routes.append((method.upper(), re.compile(pattern + "/?"), literal, path, operation))
    return sorted(routes, key=lambda r: r[2], reverse=True)      # a literal segment before a parameter


def operation(method, path):
    """(template, operation) of a request, or (None, None)."""
    for m, pattern, _, template, op in _routes():
        if m == method and pattern.fullmatch(path):
            return template, op
    return None, None


def validator(schema, resolver, formats=True):
    """A validator of a schema whose references lead into the document of the resolver."""
    draft = jsonschema.Draft202012Validator
    return draft(schema, resolver=resolver, format_checker=draft.FORMAT_CHECKER if formats else None)


def resolver_of(components):
    """What finds the references into these components. It walks all of them once: one for all validators of a document."""
    return jsonschema.RefResolver("", {"components": components})


@functools.lru_cache(maxsize=1)
def _resolver():
    return resolver_of(document()["components"])


@functools.lru_cache(maxsize=None)
def _validator(template, method, status):
    reply = follow(document()["paths"][template][method.lower()]["responses"][status])
    return validator(reply["content"]["application/json"]["schema"], _resolver())


def _told(op, status):
    """The codes that the document gives a refusal of this status: names on v1, numbers on the code surface."""
    codes = set()
    for example in follow(op["responses"][status])["content"]["application/json"].get("examples", {}).values():
        value = follow(example)["value"]
        data = value.get("data") if isinstance(value, dict) else None
        codes.add(data.get("code") if isinstance(data, dict) and value.get("success") is False else value.get("code"))
    return codes


def _code(body):
    if not isinstance(body, dict):
        return None
    if body.get("success") is False:
        return body["data"]["code"]
    return body["code"] if set(body) in ({"code", "message"}, {"code", "detail"}) and body["code"] != 0 else None


def check(method, path, response, partial=False):
    """Fail when the document does not tell of this reply. Paths that are no operation are nobody's. partial: only some members
    were asked for."""
    template, op = operation(method, path)
    if op is None:
        return
    status, where = str(response.status_code), f"{method} {template} ({op['operationId']})"
    if response.headers.get("content-type") != "application/json":
        return                                        # files, metrics, 304; problem+json is the same object without its envelope
    if status not in op["responses"]:
        assert response.status_code in OF_HTTP, f"{where}: {status} is not in its document: {response.text[:500]}"
        return
    body = response.json()
    if partial and response.status_code < 300:
        return
    error = jsonschema.exceptions.best_match(_validator(template, method, status).iter_errors(body))
    assert error is None, f"{where}: {status} does not fit: {error.json_path}: {error.message}"
    code = _code(body)
    assert code is None or code in _told(op, status), f"{where}: {status} {code} is not in its document: {response.text[:300]}"
