"""guahao config list, get, set: what the database says, beside environment and file (api/31 CM-14, R-213)."""

import json

import pytest

from support.proc import wait_for
from support.system import System

KEY = "appointment.max_reschedules"      # read by statements
LIVE = "auth.bcrypt_cost"                # followed by running programs


@pytest.fixture()
def site(empty_db):
    s = System(empty_db)
    yield s
    empty_db.query("delete from system_config where config_key = any(%s)", [KEY, LIVE, "login.lock_minutes"])
    s.destroy()


def entry(site, key, **kw):
    return json.loads(site.cli("config", "get", key, "--json", **kw).stdout)


def last_audit(site):
    return site.database.row("select actor, entity, entity_id, surface, changes from audit_log where action = 'config.update' "
                             "order by id desc limit 1")


def test_a_value_is_set_shown_and_given_back(site):
    assert site.cli("config", "get", KEY).stdout == "3\n" and entry(site, KEY)["source"] == "default"
    site.cli("config", "set", KEY, "5")
    assert site.cli("config", "get", KEY).stdout == "5\n"
    e = entry(site, KEY)
    assert (e["value"], e["default"], e["type"], e["source"], e["secret"]) == (5, 3, "int", "database", False)
    assert last_audit(site) == ("system", "config", "settings", "inner", {KEY: [3, 5]})
    n = site.database.value("select count(*) from audit_log")
    site.cli("config", "set", KEY, "5")                                     # so already: no entry
    assert site.database.value("select count(*) from audit_log") == n
    site.cli("config", "set", KEY, "--default")
    assert entry(site, KEY)["source"] == "default" and last_audit(site)[-1] == {KEY: [5, 3]}
    assert site.cli("audit", "verify").returncode == 0


def test_a_list_is_aligned_and_hides_secrets(site):
    secret = "never-to-be-seen-" + "x" * 30
    out = site.cli("config", "list", conf={"token.secret": secret}).stdout
    assert secret not in out and len({line.index(line.split()[1], len(line.split()[0])) for line in out.splitlines()}) == 1
    rows = json.loads(site.cli("config", "list", "--json", conf={"token.secret": secret}).stdout)
    by = {r["key"]: r for r in rows}
    assert len(rows) == len(out.splitlines()) and KEY in by and by["token.secret"]["value"] == "***"
    assert secret not in json.dumps(rows)


def test_the_environment_wins(site):
    name = "password.cost"
    site.cli("config", "set", LIVE, "11")
    assert entry(site, LIVE)["value"] == 11
    e = entry(site, LIVE, conf={name: "10"})
    assert e["value"] == 10 and e["source"] == "GUAHAO_PASSWORD_COST"
    done = site.cli("config", "set", LIVE, "12", check=False, conf={name: "10"})
    assert done.returncode == 1 and "GUAHAO_PASSWORD_COST" in done.stderr and entry(site, LIVE)["value"] == 11


@pytest.mark.parametrize("key,value,says", [
    ("no.such", "1", "there is no such setting"), (KEY, "many", KEY), (KEY, "101", KEY), (LIVE, "9", LIVE),
    ("availability.auto_approve", "maybe", "availability.auto_approve"), ("token.secret", "x" * 40, "secret"),
    ("database.url", "postgresql:///x", "environment or file"), ("clock.shift_ms", "5", "command")])
def test_what_does_not_fit_is_refused(site, key, value, says):
    before = site.database.query("select config_key, version from system_config order by 1")
    done = site.cli("config", "set", key, value, check=False)
    assert done.returncode == 1 and "CONFIG_INVALID" in done.stderr and says in done.stderr and done.stdout == ""
    assert site.database.query("select config_key, version from system_config order by 1") == before


def test_wrong_usage(site):
    for args in (["show"], ["get"], ["get", KEY, "x"], ["set"], ["set", KEY], ["set", KEY, "1", "2"], ["list", "x"], ["--default"],
                 ["get", KEY, "--default"], ["set", KEY, "1", "--default"]):
        assert site.cli("config", *args, check=False).returncode == 2, args
    nowhere = ["--dsn", "postgresql:///x?host=/nowhere"]
    for args in (["list"], ["get", KEY], ["set", KEY, "1"]):
        assert site.cli("config", *args, *nowhere, check=False).returncode == 3
    assert site.cli("config", "get", "no.such", check=False).returncode == 1


def test_running_programs_follow(site):
    site.start_broker()
    worker = site.start_worker("system", conf={"log.level": "info"})
    before = worker.output().count("event=configured")
    done = site.cli("config", "set", LIVE, "11")
    assert "no worker" not in done.stderr
    wait_for("the worker to follow", lambda: worker.output().count("event=configured") > before, timeout=15)
