"""The contract as tests see it: reply schemas of schema/openapi, checked with python3-jsonschema."""

import functools
import glob
import os

import jsonschema
import yaml

from . import paths, published


def _files():
    """The parsed files, in order. libyaml reads them: each process of the tests does when it collects."""
    for file in sorted(glob.glob(os.path.join(paths.ROOT, "schema", "openapi", "*.yaml"))):
        with open(file, encoding="utf-8") as f:
            yield yaml.load(f, Loader=yaml.CSafeLoader)


@functools.lru_cache(maxsize=1)
def _load():
    operations, components = {}, {}
    for document in _files():
        for kind, members in document.get("components", {}).items():
            components.setdefault(kind, {}).update(members)
        for methods in document.get("paths", {}).values():
            for operation in methods.values():
                if isinstance(operation, dict) and "operationId" in operation:
                    operations[operation["operationId"]] = operation
    return operations, {"components": components}


def component(reference):
    """What a $ref names."""
    value = _load()[1]
    for part in reference.removeprefix("#/").split("/"):
        value = value[part]
    return value


@functools.lru_cache(maxsize=1)
def _places():
    found = {}
    for document in _files():
        for path, methods in document.get("paths", {}).items():
            shared = methods.get("parameters", [])
            for method, operation in methods.items():
                if isinstance(operation, dict) and "operationId" in operation:
                    operation.setdefault("parameters", []).extend(shared)
                    found[operation["operationId"]] = method.upper(), path, operation
    return found


def place(operation_id):
    """(METHOD, path, operation with the parameters of its path)."""
    return _places()[operation_id]


def operations():
    """All operations by id."""
    return _load()[0]


def bodies():
    """(operation, media type, its object) of all request bodies that are not files."""
    for name, operation in operations().items():
        body = operation.get("requestBody") or {"content": {}}
        if "$ref" in body:
            body = component(body["$ref"])
        for media, what in body["content"].items():
            if media != "multipart/form-data":
                yield name, media, what


def operation(operation_id):
    return _load()[0][operation_id]


def _successes(operation_id):
    return [reply for status, reply in operation(operation_id)["responses"].items() if status[0] == "2"]


@functools.lru_cache(maxsize=1)
def _resolver():
    return published.resolver_of(_load()[1]["components"])


@functools.lru_cache(maxsize=None)
def _validator(operation_id):
    (reply,) = _successes(operation_id)
    return published.validator(reply["content"]["application/json"]["schema"], _resolver())


def check(operation_id, payload):
    """The payload, after checking it against the schema of the operation's success reply."""
    error = jsonschema.exceptions.best_match(_validator(operation_id).iter_errors(payload))
    assert error is None, f"{operation_id}: {error.json_path}: {error.message}"
    return payload


def example(operation_id):
    (reply,) = _successes(operation_id)
    return reply["content"]["application/json"]["example"]
