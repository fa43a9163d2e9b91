"""guahao create-superuser, set-password, unlock, revoke-sessions: what they do shows at the next request (CM-06, CM-07)."""

import json
import os
import pty
import subprocess
import time

import pytest

from support import paths
from support.http import data
from support.proc import wait_for

GOOD = "Correct-Horse-9"


@pytest.fixture(scope="module")
def site(empty_db, make_system):
    s = make_system(empty_db, conf={"password.cost": "10"})
    return s.start()


def make(site, name, *args, password=GOOD, check=True):
    return site.cli("create-superuser", "--username", name, "--password-stdin", *args, input=password + "\n", check=check)


def sign_in(site, name, password):
    return site.api().post("/api/v1/auth/login", json={"username": name, "password": password})


def token_of(site, name, password=GOOD):
    r = sign_in(site, name, password)
    assert r.status_code == 200, r.text
    return site.api(token=data(r)["access_token"])


def me(api):
    return api.get("/api/v1/users/me")


def actions(site, name):
    return [a for a, in site.database.query("select action from audit_log l join users u on l.entity_id = u.id::text "
                                            "where u.username = %s and l.entity = 'user' and surface = 'inner' order by l.id", name)]


def test_a_superuser_signs_in_and_may_do_everything(site):
    make(site, "root1", "--email", "root1@example.org", "--full-name", "Root One")
    row = site.database.row("select is_superuser, is_admin, is_active, is_verified, must_change_password, full_name, email "
                            "from users where username = 'root1'")
    assert row == (True, True, True, True, False, "Root One", "root1@example.org")
    for name in ("root1", "ROOT1@example.org"):
        assert token_of(site, name).get("/api/v1/system/config").status_code == 200
    assert actions(site, "root1") == ["user.create"]
    assert GOOD not in str(site.database.query("select * from audit_log"))


def test_a_name_that_is_taken_needs_update(site):
    make(site, "root2", "--email", "root2@example.org")
    for args in (["root2"], ["ROOT2"], ["root2@example.org"], ["root22", "--email", "Root2@example.org"]):
        done = make(site, *args, check=False, password="Another-Horse-8")
        assert done.returncode == 1 and "taken" in done.stderr
    assert sign_in(site, "root2", GOOD).status_code == 200
    # somebody else's address is not taken over
    make(site, "root3")
    done = make(site, "root3", "--update", "--email", "root2@example.org", check=False, password="Another-Horse-8")
    assert done.returncode == 1 and "mail address is taken" in done.stderr and sign_in(site, "root3", GOOD).status_code == 200


def test_update_makes_an_account_a_superuser(site):
    make(site, "plain")
    site.database.query("delete from user_roles where user_id = (select id from users where username = 'plain')")
    site.database.query("update users set is_superuser = false, is_active = false where username = 'plain'")
    assert sign_in(site, "plain", GOOD).status_code != 200
    make(site, "plain", "--update", password="Another-Horse-8")
    assert token_of(site, "plain", "Another-Horse-8").get("/api/v1/system/config").status_code == 200
    assert sign_in(site, "plain", GOOD).status_code == 401 and actions(site, "plain") == ["user.create", "user.update"]
    site.database.query("update users set is_deleted = true where username = 'plain'")
    done = make(site, "plain", "--update", password="Third-Horse-77", check=False)
    assert done.returncode == 1 and "deleted" in done.stderr


@pytest.mark.parametrize("password", ["short", "alllowercase", "x" * 80 + "A1-", "Weak1-Weak1", "Password123!", ""])
def test_a_weak_password_makes_nobody(site, password):
    done = make(site, "weak1", password=password, check=False)
    assert done.returncode == 1 and "password" in done.stderr and "x" * 20 not in done.stderr
    assert site.database.query("select 1 from users where username = 'weak1'") == []


def test_the_rules_are_those_of_the_running_hospital(site):
    site.cli("config", "set", "auth.password.min_length", "20")
    try:
        for args in (["create-superuser", "--username", "weak1"], ["set-password", "root1"]):
            done = site.cli(*args, "--password-stdin", input=GOOD + "\n", check=False)
            assert done.returncode == 1 and "at least 20 bytes" in done.stderr
    finally:
        site.cli("config", "set", "auth.password.min_length", "--default")


def test_generate_prints_a_password_that_works(site):
    done = site.cli("create-superuser", "--username", "made", "--generate", "--quiet")
    assert sign_in(site, "made", done.stdout.strip()).status_code == 200
    again = json.loads(site.cli("set-password", "made", "--generate", "--json").stdout)
    assert sign_in(site, "made", again["password"]).status_code == 200 and sign_in(site, "made", done.stdout.strip()).status_code == 401


def test_wrong_usage(site):
    for args in (["create-superuser"], ["create-superuser", "--username", "ab", "--generate"],
                 ["create-superuser", "--username", "a b c", "--generate"], ["create-superuser", "--username", "abc"],
                 ["create-superuser", "--username", "abc", "--email", "nowhere", "--generate"],
                 ["create-superuser", "--username", "abc", "--full-name", "", "--generate"],
                 ["create-superuser", "--username", "abc", "--generate", "--password-stdin"],
                 ["set-password", "--generate"], ["set-password", "made"], ["unlock"], ["revoke-sessions"], ["unlock", "a", "b"]):
        assert site.cli(*args, check=False, input="").returncode == 2, args
    nowhere = ["--dsn", "postgresql:///x?host=/nowhere"]
    for args in (["create-superuser", "--username", "abc", "--generate"], ["set-password", "a", "--generate"], ["unlock", "a"],
                 ["revoke-sessions", "a"]):
        assert site.cli(*args, *nowhere, check=False).returncode == 3, args
        if args[0] != "create-superuser":
            done = site.cli(args[0], "nobody-here", *args[2:], check=False)
            assert done.returncode == 1 and "no account" in done.stderr and done.stdout == ""


def test_a_new_password_ends_sessions(site):
    make(site, "changer")
    api = token_of(site, "changer")
    assert me(api).status_code == 200
    site.cli("set-password", "changer", "--password-stdin", "--must-change", input="Another-Horse-8\n")
    wait_for("the front to know", lambda: me(api).status_code == 401, timeout=10)
    assert sign_in(site, "changer", GOOD).status_code == 401 and sign_in(site, "changer", "Another-Horse-8").status_code == 200
    assert site.database.value("select must_change_password from users where username = 'changer'")
    done = site.cli("set-password", "changer", "--password-stdin", input=GOOD + "\n", check=False)
    assert done.returncode == 1 and "has had this password" in done.stderr
    assert actions(site, "changer") == ["user.create", "user.reset_password"]


def test_sessions_are_revoked(site):
    make(site, "leaver")
    apis = [token_of(site, "leaver") for _ in range(2)]
    assert site.cli("revoke-sessions", "leaver").stdout == "2\n"
    wait_for("the front to know", lambda: all(me(a).status_code == 401 for a in apis), timeout=10)
    assert json.loads(site.cli("revoke-sessions", "leaver", "--json").stdout) == {"revoked": 0}
    assert sign_in(site, "leaver", GOOD).status_code == 200


def test_a_locked_account_is_unlocked(site):
    make(site, "locked")
    for _ in range(30):
        if sign_in(site, "locked", "Wrong-Horse-1").status_code not in (401,):
            break
    assert sign_in(site, "locked", GOOD).status_code in (403, 423, 429)
    who = site.database.value("select id from users where username = 'locked'")
    assert json.loads(site.cli("unlock", "locked", "--json").stdout) == {"id": who}
    assert sign_in(site, "locked", GOOD).status_code == 200 and actions(site, "locked") == ["user.create", "user.unlock"]


@pytest.mark.parametrize("second,rc", [(GOOD, 0), (GOOD + "x", 1)])
def test_a_terminal_is_asked_twice(site, second, rc):
    ours, theirs = pty.openpty()
    p = subprocess.Popen([paths.program("guahao"), "create-superuser", "--username", f"typed{rc}"], env=site.env(), stdin=theirs,
                         stdout=theirs, stderr=theirs, start_new_session=True,
                         preexec_fn=lambda: __import__("fcntl").ioctl(0, __import__("termios").TIOCSCTTY, 0))
    os.close(theirs)
    seen = b""
    for word, text in ((b"Password: ", GOOD), (b"Again: ", second)):
        until = time.monotonic() + 20
        while word not in seen and time.monotonic() < until:
            seen += os.read(ours, 1000)
        os.write(ours, text.encode() + b"\n")
    assert p.wait(20) == rc and GOOD.encode() not in seen
    os.close(ours)
    assert len(site.database.query("select 1 from users where username = %s", f"typed{rc}")) == 1 - rc
