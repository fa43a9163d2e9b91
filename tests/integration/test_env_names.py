"""Environment names of the older systems (api/31, last table) as a running system takes them; each alone: tests/unit/test_conf.c."""

import base64
import hmac
import json
import subprocess

import pytest

from support import paths
from support.accounts import add_user, PASSWORD
from support.http import data
from support.jobs import claims
from support.system import System

ENV = {"JWT_SECRET_KEY": "an access secret of thirty-two bytes, and more", "SECRET_KEY": "not this one",
       "JWT_REFRESH_SECRET": "a refresh secret of thirty-two bytes, and more", "ALGORITHM": "HS384",
       "ACCESS_TOKEN_EXPIRE_MINUTES": "11", "REFRESH_TOKEN_EXPIRE_DAYS": "3", "TOKEN_EXPIRE_TIME": "7", "APP_NAME": "MedicalBackend",
       "DEBUG": "true", "API_V1_STR": "/api/v1", "EMAIL_FROM": "clinic@example.org"}


class Older(System):
    def env(self, conf=None):
        return {**super().env(conf), **ENV}


@pytest.fixture(scope="module")
def site(empty_db):
    s = Older(empty_db, {"password.cost": 10})
    s.cli("keys", "init", "--quiet")
    add_user(empty_db, ["PATIENT"], username="someone", phonenumber="13912345678", email="someone@example.org")
    yield s.start()
    s.destroy()


def life(token):
    c = claims(token)
    return (c["exp"] - c["iat"]) / 60


def header(token):
    part = token.split(".")[0]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def test_tokens(site):
    api = site.api()
    pair = data(api.post("/api/v1/auth/login", {"username": "13912345678", "password": PASSWORD}))
    assert header(pair["access_token"])["alg"] == "HS384" and life(pair["access_token"]) == 11
    assert life(pair["refresh_token"]) == 3 * 1440
    classic = api.post("/auth/patient/login", {"phonenumber": "13912345678", "password": PASSWORD}).json()["message"]
    token = classic["token"] if isinstance(classic, dict) else classic
    assert life(token) == 7
    for t, secret in ((pair["access_token"], "JWT_SECRET_KEY"), (pair["refresh_token"], "JWT_REFRESH_SECRET")):
        signed, _, signature = t.rpartition(".")
        made = hmac.new(ENV[secret].encode(), signed.encode(), "sha" + header(t)["alg"][2:]).digest()
        assert base64.urlsafe_b64encode(made).rstrip(b"=").decode() == signature


def test_the_name_and_the_development_mode(site):
    api = site.api()
    assert api.get("/openapi.json").json()["info"]["title"] == "MedicalBackend"
    info = data(site.api(user="someone").get("/api/v1/system/info"))
    assert (info["name"], info["environment"]) == ("MedicalBackend", "development")
    assert any("level=debug" in p.output() for p in site.processes.values())


def test_wrong_ones_stop_everything(site):
    for name, value in (("API_V1_STR", "/v2"), ("DEBUG", "perhaps"), ("DATABASE_URL", "mysql://h/x"), ("ALGORITHM", "none")):
        env = {**site.env(), name: value}
        for program in ("guahao", "guahao-worker", "guahao-broker"):
            args = ["config"] if program == "guahao" else ["pricing"] if program == "guahao-worker" else []
            done = subprocess.run([paths.program(program), *args], env=env, capture_output=True, text=True, timeout=20)
            assert done.returncode != 0 and f"guahao: {name}: " in done.stderr, (program, name, done.stderr)
        assert subprocess.run([paths.program("guahao"), "config"], env=env, capture_output=True).returncode == 2
