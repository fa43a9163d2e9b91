"""A small HTTP client for tests: base address, token, and checks of the three envelopes."""

import json as _json

import requests

from . import published


class Api:
    """One caller of the front. `token` None: anonymous. Responses are requests.Response, held against the published
    document as they come."""

    checked = True      # a test of another contract than ours sets it to False

    def __init__(self, base, token=None, timeout=30):
        self.base = base
        self.token = token
        self.timeout = timeout
        self.session = requests.Session()
        self.session.trust_env = False

    def request(self, method, path, json=None, data=None, params=None, headers=None, token=..., timeout=None):
        h = dict(headers or {})
        bearer = self.token if token is ... else token
        if bearer:
            h.setdefault("Authorization", "Bearer " + bearer)
        if json is not None:
            data = _json.dumps(json, ensure_ascii=False).encode()
            h.setdefault("Content-Type", "application/json")
        if data is None and method in ("POST", "PUT", "PATCH"):
            data = b""
        response = self.session.request(method, self.base + path, data=data, params=params, headers=h,
                                        timeout=timeout or self.timeout, allow_redirects=False)
        target, _, query = path.partition("?")
        if self.checked:
            published.check(method, target, response, partial="fields" in (params or {}) or "fields=" in query)
        return response

    def get(self, path, **kw):
        return self.request("GET", path, **kw)

    def post(self, path, json=None, **kw):
        return self.request("POST", path, json=json, **kw)

    def put(self, path, json=None, **kw):
        return self.request("PUT", path, json=json, **kw)

    def patch(self, path, json=None, **kw):
        return self.request("PATCH", path, json=json, **kw)

    def delete(self, path, **kw):
        return self.request("DELETE", path, **kw)

    def close(self):
        self.session.close()


def message(response, code=0, status=200):
    """The `message` of a {code, message} reply, after checking code, status and that nothing else is there."""
    body = response.json()
    assert response.status_code == status and body.get("code") == code, (response.status_code, response.text)
    assert set(body) == {"code", "message"}, response.text
    if code != 0:
        assert set(body["message"]) >= {"error", "msg"}, response.text
    return body["message"]


def data(response, status=200):
    """The `data` of a successful {success, data, message} reply."""
    body = response.json()
    assert response.status_code == status and body.get("success") is True, (response.status_code, response.text)
    assert set(body) == {"success", "data", "message"}, response.text
    return body["data"]


def problem(response, code, status):
    """The problem object of a failed {success, data, message} reply."""
    body = response.json()
    assert response.status_code == status, (response.status_code, response.text)
    assert set(body) == {"success", "data", "message"} and body["success"] is False, response.text
    assert body["data"]["code"] == code and body["data"]["status"] == status, response.text
    return body["data"]
