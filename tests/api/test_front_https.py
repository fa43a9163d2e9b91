"""Redirection to TLS (R-14), which a proxy in front speaks."""

import pytest

from support.front import Bench

CONF = {"https.redirect": "true", "proxy.trusted": "127.0.0.1"}
HSTS = "max-age=31536000; includeSubDomains"


@pytest.fixture(scope="module")
def secure():
    b = Bench(CONF)
    b.broker.on("directory.browse_hospitals", {"areas": []})
    try:
        b.front.wait_ready()
        yield b
    finally:
        b.close()


def call(b, path, method="GET", **headers):
    return b.front.call(method, path, allow_redirects=False, headers={k.replace("_", "-"): v for k, v in headers.items()})


def test_plain_requests_are_sent_to_the_same_place(secure):
    for method, path in (("GET", "/patient/hospitals?a=1&b=%20x"), ("POST", "/api/v1/auth/login"), ("GET", "/nothing")):
        r = call(secure, path, method, Host="clinic.example:8080")
        assert r.status_code == 308 and r.headers["location"] == "https://clinic.example" + path
        assert r.content == b"" and "strict-transport-security" not in r.headers
    assert not secure.broker.jobs
    assert call(secure, "/x", Host="[2001:db8::1]:80").headers["location"] == "https://[2001:db8::1]/x"


def test_requests_by_tls_and_probes_pass(secure):
    r = call(secure, "/patient/hospitals", X_Forwarded_Proto="https")
    assert r.status_code == 200 and r.headers["strict-transport-security"] == HSTS
    for path in ("/healthz", "/readyz", "/metrics"):
        r = call(secure, path)
        assert r.status_code == 200 and "strict-transport-security" not in r.headers
    assert call(secure, "/patient/hospitals", X_Forwarded_Proto="http").status_code == 308


@pytest.mark.parametrize("host", ["a/b", "a b", "a@b", "[::1", "a,b", ":80", "a<b"])
def test_a_host_that_is_none_is_refused(secure, host):
    r = call(secure, "/patient/hospitals", Host=host)
    assert r.status_code in (200, 400) and "location" not in r.headers and r.json()["code"] == 99


def test_only_trusted_proxies_are_believed(make_bench):
    b = make_bench({**CONF, "proxy.trusted": "", "https.port": 8443})
    b.front.wait_ready()
    r = call(b, "/nothing", X_Forwarded_Proto="https", Host="clinic.example")
    assert r.status_code == 308 and r.headers["location"] == "https://clinic.example:8443/nothing"


def test_it_is_off_unless_asked_for(make_bench):
    b = make_bench({"proxy.trusted": "127.0.0.1", "https.hsts": "false"})
    b.front.wait_ready()
    assert call(b, "/nothing").status_code == 404
    r = call(b, "/healthz", X_Forwarded_Proto="https")
    assert r.status_code == 200 and "strict-transport-security" not in r.headers
