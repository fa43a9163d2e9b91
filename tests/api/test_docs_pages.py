"""The pages /docs and /redoc in a browser, and what the front sends for them."""

import os
import re

import pytest

from support.browser import Browser
from support.proc import wait_for
from support.system import PASSWORD


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    b = Browser(str(tmp_path_factory.mktemp("chromium")))
    yield b
    b.close()


def shots(system, name):
    """Where a screenshot goes: GUAHAO_TEST_SHOTS, else the directory of the system under test."""
    return os.path.join(os.environ.get("GUAHAO_TEST_SHOTS") or system.var, name)


def test_docs_signs_in_and_runs_an_operation(system, browser):
    browser.open(system.base + "/docs")
    browser.click(".auth-wrapper .authorize")
    browser.find("#oauth_username").send_keys("13800000001")
    browser.find("#oauth_password").send_keys(PASSWORD)
    browser.shoot(shots(system, "docs-sign-in.png"))
    browser.click("button[aria-label='Apply given OAuth2 credentials']")
    browser.find("button[aria-label='Remove authorization']")         # so there is a token
    browser.click(".modal-ux .btn-done")
    browser.gone(".modal-ux")

    browser.find(".filter input.operation-filter-input").send_keys("v1 Authentication")
    browser.click("#operations-tag-v1_Authentication")
    operation = "[id$='v1_get_auth_me']"
    browser.click(operation + " .opblock-summary-control")
    browser.click(operation + " .try-out__btn")
    browser.click(operation + " .execute")
    status = browser.find(operation + " .live-responses-table tbody .response-col_status").text
    body = browser.find(operation + " .live-responses-table tbody .response-col_description .microlight").text
    browser.shoot(shots(system, "docs.png"))
    assert status.startswith("200"), (status, body)
    assert '"success": true' in body and '"phone": "13800000001"' in body, body
    assert browser.faults() == []
    assert {re.match(r"https?://[^/]*", u).group() for u in browser.addresses()} == {system.base}


def test_redoc_shows_an_operation(system, browser):
    browser.open(system.base + "/redoc#operation/booking.v1_book_appointment")
    section = browser.find("[id$='operation/booking.v1_book_appointment']")
    assert "/api/v1/appointments" in section.text and "schedule_id" in section.text
    browser.shoot(shots(system, "redoc.png"))
    assert browser.faults() == []
    assert {re.match(r"https?://[^/]*", u).group() for u in browser.addresses()} == {system.base}


def published(system):
    """Every (method, path) and every operationId of the published document."""
    paths = system.api().get("/openapi.json").json()["paths"]
    found = [(m.upper(), p, o["operationId"]) for p, methods in paths.items() for m, o in methods.items() if m != "parameters"]
    return {x[:2] for x in found}, {x[2] for x in found}


def test_docs_shows_every_operation(system, browser):
    browser.open(system.base + "/docs")
    browser.find(".opblock-tag")
    shown = browser.driver.execute_async_script("""
        const done = arguments[0], all = document.querySelectorAll.bind(document);
        const closed = () => [...all('.opblock-tag-section:not(.is-open) .opblock-tag')];
        const turn = (left) => {
            closed().forEach(t => t.click());
            if (closed().length && left) setTimeout(turn, 100, left - 1);
            else setTimeout(() => done([...all('.opblock')].map(o => [o.querySelector('.opblock-summary-method').textContent,
                o.querySelector('.opblock-summary-path').dataset.path])), 500);
        };
        turn(50);""")
    assert {tuple(x) for x in shown} == published(system)[0]
    assert browser.faults() == []


def test_redoc_shows_every_operation(system, browser):
    browser.open(system.base + "/redoc")
    browser.find("[data-item-id]")
    names = published(system)[1]

    def shown():
        ids = browser.driver.execute_script("return [...document.querySelectorAll('[data-item-id]')].map(e => e.dataset.itemId)")
        return {i.rsplit("operation/", 1)[1] for i in ids if "operation/" in i}

    wait_for("the menu of all operations", lambda: shown() == names, 60)
    assert browser.faults() == []


def test_the_pages_load_nothing_from_elsewhere_and_run_no_inline_script(system):
    api = system.api()
    nonces = set()
    for path in ("/docs", "/redoc", "/redoc"):
        page = api.get(path)
        assert page.status_code == 200 and page.headers["content-type"] == "text/html; charset=utf-8"
        policy = page.headers["content-security-policy"]
        assert "script-src 'self';" in policy and "unsafe" not in policy and "http" not in policy
        assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
        nonces.add(re.search(r"'nonce-([^']+)'", policy).group(1))
        assert not re.search(r"<script(?![^>]*\bsrc=\"/docs/)", page.text) and "@NONCE@" not in page.text
        files = re.findall(r"(?:src|href)=\"(/docs/[^\"]+)\"", page.text)
        assert len(files) >= 3
        for file in files:
            got = api.get(file)
            assert got.status_code == 200 and got.headers["cache-control"] == "public, max-age=300"
            assert got.headers["content-type"].startswith(("text/javascript", "text/css"))
            assert got.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert len(nonces) == 3
    for path in ("/docs/none.js", "/docs/docs.html", "/docs/..%2fguahao.conf", "/docs/pages.css%00"):
        assert api.get(path).status_code == 404, path
    assert api.post("/docs").status_code == 405
    head = api.request("HEAD", "/docs/swagger-ui.css", headers={"Accept-Encoding": "identity"})
    assert head.status_code == 200 and int(head.headers["content-length"]) > 100_000 and head.content == b""
