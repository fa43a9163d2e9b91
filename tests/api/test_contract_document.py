"""The published document: valid by a public validator, its examples fit its schemas, refusals are those of the wire."""

import glob
import json
import os
import re
import subprocess

import jsonschema
import pytest
import yaml

from support import paths, published
from support.system import System

METHODS = ("get", "post", "put", "patch", "delete")


@pytest.fixture(scope="module")
def site():
    s = System(None)
    yield s
    s.destroy()


@pytest.fixture(scope="module")
def text(site):
    return site.cli("openapi").stdout


@pytest.fixture(scope="module")
def doc(text):
    return json.loads(text)


def operations(doc):
    for path, item in doc["paths"].items():
        for method, operation in item.items():
            assert method in METHODS, (path, method)
            yield path, method, operation


def follow(doc, value):
    while "$ref" in value:
        kind, name = re.fullmatch(r"#/components/([A-Za-z]+)/(.+)", value["$ref"]).groups()
        value = doc["components"][kind][name]
    return value


def validate(file):
    modules = glob.glob(os.path.join(paths.ROOT, "build", "npm", "openapi-*", "node_modules"))
    assert modules, "make outside fetches the validator"
    return subprocess.run(["node", os.path.join(paths.ROOT, "tests", "openapi", "check.js"), modules[0], file],
                          capture_output=True, text=True, timeout=120)


def test_a_public_validator_accepts_it(text, doc, tmp_path):
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_text(text)
    done = validate(str(good))
    assert done.returncode == 0 and done.stdout == f"{len(doc['paths'])} paths\n", done.stderr
    for spoil in (lambda d: d["paths"]["/appointment/"]["post"].update(responses=[]),
                  lambda d: d["paths"]["/appointment/"]["post"]["responses"]["404"].update({"$ref": "#/components/responses/none"}),
                  lambda d: d.pop("info")):
        broken = json.loads(text)
        spoil(broken)
        bad.write_text(json.dumps(broken))
        assert validate(str(bad)).returncode == 1


def test_yaml_and_files_hold_the_same_document(site, doc, tmp_path):
    assert yaml.load(site.cli("openapi", "--yaml").stdout, yaml.CSafeLoader) == doc
    site.cli("openapi", "--out", str(tmp_path / "o.json"))
    assert json.loads((tmp_path / "o.json").read_text()) == doc
    site.cli("openapi", "--yaml", "--out", str(tmp_path / "o.yaml"))
    assert yaml.load((tmp_path / "o.yaml").read_text(), yaml.CSafeLoader) == doc
    assert sorted(os.listdir(tmp_path)) == ["o.json", "o.yaml"]
    failed = site.cli("openapi", "--out", str(tmp_path / "no" / "o.json"), check=False)
    assert failed.returncode == 1 and "o.json" in failed.stderr
    assert site.cli("openapi", "--json", "--yaml", check=False).returncode == 2


def test_every_example_fits_its_schema(doc):
    seen, resolver = 0, published.resolver_of(doc["components"])
    for path, method, operation in operations(doc):
        for status, reply in operation["responses"].items():
            for media in follow(doc, reply).get("content", {}).values():
                examples = [follow(doc, e)["value"] for e in media.get("examples", {}).values()]
                examples += [media["example"]] if "example" in media else []
                assert examples, (path, method, status)
                schema = published.validator(media["schema"], resolver, formats=False)
                for example in examples:
                    error = jsonschema.exceptions.best_match(schema.iter_errors(example))
                    assert error is None, (path, method, status, error.json_path, error.message)
                    seen += 1
    assert seen > 500


def test_every_operation_tells_what_a_reader_needs(doc):
    ids, tags = set(), {t["name"]: t.get("description") for t in doc["tags"]}
    for path, method, operation in operations(doc):
        where = (path, method)
        assert operation["operationId"] not in ids, where
        ids.add(operation["operationId"])
        assert operation["summary"] and operation["description"].count("Access: ") == 1, where
        assert operation["tags"] and all(tags[t] for t in operation["tags"]), where
        successes = [s for s in operation["responses"] if s[0] == "2"]
        assert successes, where
        for status in successes:
            assert follow(doc, operation["responses"][status]).get("content") or path == "/auth/revoke", where
        assert "security" in operation, where
        names = {p["name"] for p in (follow(doc, q) for q in operation.get("parameters", [])) if p["in"] == "path"}
        assert names == set(re.findall(r"{([^}]+)}", path)), where
    assert "x-" not in re.sub(r"[a-z]+x-|X-|application/x-", "", json.dumps(list(doc["paths"].values())))


def test_refusals_stand_where_the_wire_has_them(doc):
    def names(path, method, status):
        reply = follow(doc, doc["paths"][path][method]["responses"][status])
        return set(reply["content"]["application/json"]["examples"])

    assert {"success", "SLOT_FULL", "VALIDATION_FAILED"} <= names("/patient/appointments", "post", "200")
    assert "TOKEN_EXPIRED" in names("/patient/appointments", "post", "401")
    assert "QUEUE_FULL" in names("/patient/appointments", "post", "503")
    assert "SLOT_FULL" in names("/api/v1/appointments", "post", "409")
    assert "MALFORMED_JSON" in names("/api/v1/appointments", "post", "400")
    assert "MALFORMED_JSON" in names("/appointment/", "post", "422")
    assert {"OAUTH_UNSUPPORTED_GRANT_TYPE"} <= names("/auth/token", "post", "400")
    v1 = doc["components"]["examples"]["V1.SLOT_FULL"]["value"]
    assert v1["success"] is False and v1["data"]["status"] == 409 and v1["data"]["code"] == "SLOT_FULL"
    assert doc["components"]["examples"]["Code.SLOT_FULL"]["value"]["code"] != 0
    assert "503" in doc["paths"]["/readyz"]["get"]["responses"]
    assert "requestBody" not in doc["paths"]["/readyz"]["get"] and "401" not in doc["paths"]["/readyz"]["get"]["responses"]


def test_tokens_and_keys_are_told(doc):
    schemes = doc["components"]["securitySchemes"]
    assert schemes["password"]["flows"]["password"]["tokenUrl"] == "/auth/token"
    assert schemes["bearer"]["scheme"] == "bearer"
    book = doc["paths"]["/api/v1/appointments"]["post"]
    assert {"$ref": "#/components/parameters/IdempotencyKey"} in book["parameters"]
    assert book["security"] == [{"password": []}, {"bearer": []}]
    # an operation that is public below /api/v1 needs a token below /api, except for signing in
    assert doc["paths"]["/api/v1/auth/login"]["post"]["security"] == [] == doc["paths"]["/api/auth/login"]["post"]["security"]
    assert doc["paths"]["/api/v1/openapi.json"]["get"]["security"] == []
    assert doc["paths"]["/api/openapi.json"]["get"]["security"] != []
