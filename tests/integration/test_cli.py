"""The guahao command: help for each command, exit statuses of api/31, keys, tokens, settings."""

import base64
import csv
import io
import json
import os
import re
import stat
import subprocess

import pytest

from support import paths
from support.system import System


@pytest.fixture()
def site(demo_db):
    s = System(demo_db)
    yield s
    s.destroy()


def claims(token):
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def commands(site):
    text = site.cli("help").stdout
    return re.findall(r"^  ([a-z-]+) ", text, re.M)


def test_every_command_has_help_and_refuses_unknown_options(site):
    names = commands(site)
    assert {"init", "migrate", "seed", "keys", "token", "config", "version", "help"} <= set(names)
    for name in names:
        done = site.cli(name, "--help")
        assert done.stdout.startswith(f"usage: guahao {name}") and "exit status" in done.stdout
        wrong = site.cli(name, "--no-such-option", check=False)
        assert wrong.returncode == 2 and "--no-such-option" in wrong.stderr and wrong.stdout == ""


def test_wrong_usage_is_2(site):
    for args in ([], ["nonsense"], ["migrate", "sideways"], ["migrate", "--to", "x"], ["seed", "twice"], ["keys"],
                 ["seed", "clear"], ["token"], ["token", "--user", "a", "--first-phone", "b"], ["help", "nonsense"],
                 ["token", "--user", "A0001", "--format", "xml"], ["version", "extra"], ["init", "--mode", "odd"],
                 ["audit"], ["audit", "seal"], ["audit", "verify", "--from", "x"]):
        assert site.cli(*args, check=False).returncode == 2, args


def test_an_unreachable_database_is_3_and_an_unknown_scheme_2(site):
    for args in (["migrate"], ["seed"], ["init"]):
        done = site.cli(*args, "--dsn", "postgresql:///x?host=/nowhere", check=False)
        assert done.returncode == 3 and done.stderr, args
    assert site.cli("migrate", "--dsn", "mysql+aiomysql://u:p@h/x", check=False).returncode == 2


def test_what_postgresql_says_is_one_line(site, cluster):
    done = site.cli("jobs", "--dsn", "postgresql://guahao@127.0.0.1:1/x", check=False)
    assert done.returncode == 3 and done.stderr.count("\n") == 1 and "port 1 failed: Connection refused" in done.stderr
    bare = cluster.create_database()
    try:
        for command in ("jobs", "books"):
            done = site.cli(command, "--dsn", bare.url, check=False)
            assert done.returncode == 1 and done.stderr.count("\n") == 1, done.stderr
            assert "does not exist (guahao migrate status" in done.stderr
    finally:
        bare.drop()


def test_json_is_json_or_refused(site):
    assert json.loads(site.cli("migrate", "--json", "--quiet").stdout) == {"applied": 0}
    done = site.cli("top", "--once", "--json", check=False)
    assert done.returncode == 2 and "queues --json" in done.stderr and done.stdout == ""


def test_schemes_of_the_older_systems_are_understood(site):
    for scheme in ("postgres", "postgresql+asyncpg", "postgresql+psycopg2"):
        dsn = site.database.url.replace("postgresql", scheme, 1)
        assert site.cli("migrate", "status", "--dsn", dsn).returncode == 0


def test_variables_of_stores_that_are_not_used_are_named(site):
    env = {**site.env(), "MYSQL_HOST": "x", "REDIS_URL": "y"}
    done = subprocess.run([paths.program("guahao"), "migrate", "status"], env=env, capture_output=True, text=True)
    assert done.returncode == 0 and "MYSQL_HOST" in done.stderr and "REDIS_URL" in done.stderr


def test_an_env_file_gives_what_the_environment_lacks(site, tmp_path):
    env = site.env()
    url = env.pop("DATABASE_URL")
    f = tmp_path / "some.env"
    f.write_text(f"# comment\nexport DATABASE_URL='{url}'\n")
    run = lambda *a: subprocess.run([paths.program("guahao"), *a], env=env, capture_output=True, text=True, cwd=tmp_path)  # noqa
    assert run("migrate", "status").returncode == 3                        # no database named
    assert run("migrate", "status", "--env-file", str(f)).returncode == 0
    assert run("migrate", "status", "--env-file", str(tmp_path / "none")).returncode == 2
    f.rename(tmp_path / ".env")
    assert run("migrate", "status").returncode == 0
    (tmp_path / ".env").write_text("not a line\n")
    assert run("migrate", "status").returncode == 2


def test_keys_are_private_and_made_once(site):
    site.cli("keys", "init")
    files = {}
    for name in ("jwt.key", "refresh.key", "order.key", "data.key"):
        path = os.path.join(site.var, "keys", name)
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600, name
        files[name] = open(path, "rb").read()
    assert stat.S_IMODE(os.stat(os.path.join(site.var, "keys")).st_mode) == 0o700
    assert len(set(files.values())) == 4
    site.cli("keys", "init")
    for name, content in files.items():
        assert open(os.path.join(site.var, "keys", name), "rb").read() == content


@pytest.mark.parametrize("algorithm,begins", [("RS256", "-----BEGIN PRIVATE KEY"), ("ES256", "-----BEGIN PRIVATE KEY")])
def test_key_pairs_are_made_too(site, algorithm, begins):
    conf = {"token.algorithm": algorithm}
    site.cli("keys", "init", conf=conf)
    path = os.path.join(site.var, "keys", "jwt.key")
    assert open(path, encoding="ascii").read().startswith(begins) and stat.S_IMODE(os.stat(path).st_mode) == 0o600
    header = site.cli("token", "--user", "A0001", conf=conf).stdout.split(".")[0]
    assert json.loads(base64.urlsafe_b64decode(header + "=="))["alg"] == algorithm


def test_rotation_keeps_the_key_before(site):
    site.cli("keys", "init")
    path = os.path.join(site.var, "keys", "jwt.key")
    first = open(path, "rb").read()
    assert site.cli("keys", "rotate", check=False).returncode == 2
    assert "restart the fronts" in site.cli("keys", "rotate", "--kind", "jwt").stderr
    second = open(path, "rb").read()
    assert first != second and open(path + ".previous", "rb").read() == first
    assert stat.S_IMODE(os.stat(path + ".previous").st_mode) == 0o600 == stat.S_IMODE(os.stat(path).st_mode)
    # tokens of the first key may live for a day: not without being told
    done = site.cli("keys", "rotate", "--kind", "jwt", check=False)
    assert done.returncode == 2 and "--yes" in done.stderr and open(path, "rb").read() == second
    site.cli("keys", "rotate", "--kind", "jwt", "--yes")
    assert open(path + ".previous", "rb").read() == second
    # a key given directly is not ours to rotate
    done = site.cli("keys", "rotate", "--kind", "refresh", check=False, conf={"token.refresh_secret": "x" * 40})
    assert done.returncode == 2 and "token.previous_refresh_secret" in done.stderr


def test_token_needs_a_key(site):
    done = site.cli("token", "--user", "A0001", check=False)
    assert done.returncode == 1 and "keys init" in done.stderr


def test_a_token_has_a_session_of_its_own(site):
    site.cli("keys", "init")
    token = site.cli("token", "--user", "13800000001", "--minutes", "10").stdout.strip()
    c = claims(token)
    assert set(c) >= {"iss", "sub", "jti", "sid", "typ", "iat", "nbf", "exp", "roles"}
    assert c["typ"] == "access" and c["exp"] - c["iat"] == 600 and c["roles"] == ["PATIENT"]
    row = site.database.row("select user_id::text, surface, access_jti::text, extract(epoch from access_expires_at)::bigint, "
                            "revoked_at from sessions where id = %s", c["sid"])
    assert row == (c["sub"], "v1", c["jti"], c["exp"], None)


@pytest.mark.parametrize("login", ["A0001", "admin", "ADMIN", "admin@example.org"])
def test_token_finds_accounts_by_any_name(site, login):
    site.cli("keys", "init")
    c = claims(site.cli("token", "--user", login).stdout.strip())
    assert c["roles"] == ["ADMIN"]


def test_tokens_for_many_patients_come_in_order(site):
    site.cli("keys", "init")
    rows = list(csv.DictReader(io.StringIO(
        site.cli("token", "--first-phone", "13800000005", "--count", "20", "--format", "csv").stdout)))
    assert [r["login"] for r in rows] == [str(13800000005 + i) for i in range(20)]
    for r in rows:
        assert claims(r["token"])["sub"] == r["user_id"]
        assert site.database.value("select user_id from patients where id = %s", r["patient_id"]) == int(r["user_id"])
    assert len({claims(r["token"])["sid"] for r in rows}) == 20
    many = json.loads(site.cli("token", "--user", "D0001", "--count", "3", "--surface", "bjtu", "--json").stdout)
    assert len({m["token"] for m in many}) == 3 and {m["login"] for m in many} == {"D0001"}
    assert all(m["doctor_id"] and m["patient_id"] is None for m in many)


def test_token_refuses_accounts_that_are_not_there_or_not_active(site):
    site.cli("keys", "init")
    assert site.cli("token", "--user", "nobody", check=False).returncode == 1
    site.database.query("update users set is_active = false where phonenumber = '13800000299'")
    assert site.cli("token", "--user", "13800000299", check=False).returncode == 1
    done = site.cli("token", "--first-phone", "13800000290", "--count", "11", check=False)
    assert done.returncode == 1 and "only 10" in done.stderr and done.stdout == ""
    site.database.query("update users set is_active = true where phonenumber = '13800000299'")


def test_config_shows_sources_and_hides_secrets(site):
    secret = "a-secret-of-at-least-32-bytes-abcdef"
    out = site.cli("config", conf={"token.secret": secret, "log.level": "warn"}).stdout
    assert secret not in out and "token.secret" in out
    assert re.search(r"log\.level\b.*warn", out)
    assert json.loads(site.cli("config", "--json").stdout)
    assert site.cli("config", conf={"broker.max_depth": "0"}, check=False).returncode == 2


def test_version_and_help(site):
    assert re.fullmatch(r"guahao \d+\.\d+\.\d+\n", site.cli("version").stdout)
    assert site.cli("--version").stdout == site.cli("version").stdout
    assert json.loads(site.cli("version", "--json").stdout)["name"] == "guahao"
    assert site.cli("help", "migrate").stdout == site.cli("migrate", "--help").stdout


def test_results_go_to_stdout_and_quiet_is_quiet(site):
    done = site.cli("seed", "--quiet", "--patients", "1", "--json")
    assert done.stderr == ""
    assert json.loads(done.stdout)["patients"] == 0
