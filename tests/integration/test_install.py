"""Installing from the sources: programs find their files where they were put, units are in order, and uninstall leaves data alone."""

import os
import re
import shutil
import subprocess

import pytest

from support import paths
from support.system import System

SCRIPT = os.path.join(paths.ROOT, "ops/install/install.sh")
PROGRAMS = ("guahao", "guahao-broker", "guahao-front", "guahao-worker")
UNITS = ("guahao-broker@1.service", "guahao-worker@booking-1.service", "guahao-front.service", "guahao-migrate.service",
         "guahao-backup.service")


class Site:
    """An installation below a directory of its own, as real paths: no DESTDIR."""

    def __init__(self):
        self.root = paths.temp_dir(0o755)

    def make(self, verb):
        env = {**os.environ, "BUILD": paths.BUILD, "DESTDIR": "", "PREFIX": f"{self.root}/usr", "SYSCONFDIR": f"{self.root}/etc",
               "LOCALSTATEDIR": f"{self.root}/var", "RUNSTATEDIR": f"{self.root}/run", "UNITDIR": f"{self.root}/units"}
        done = subprocess.run([SCRIPT, verb], env=env, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def files(self):
        return sorted(os.path.relpath(os.path.join(at, f), self.root) for at, _, names in os.walk(self.root) for f in names)

    def run(self, name, *args, **env):
        clean = {k: v for k, v in os.environ.items() if not k.startswith("GUAHAO_") and k != "DATABASE_URL"}
        return subprocess.run([f"{self.root}/usr/bin/{name}", *args], env={**clean, **env}, cwd="/", capture_output=True,
                              text=True, timeout=60)

    def systemd(self, *args):
        return subprocess.run(["systemd-analyze", *args], env={**os.environ, "SYSTEMD_UNIT_PATH": f"{self.root}/units:"},
                              capture_output=True, text=True, timeout=60)


@pytest.fixture(scope="module")
def site():
    s = Site()
    s.make("install")
    yield s
    paths.remove_dir(s.root)


class Installed(System):
    """The system, with the programs of an installation: they are told the database and the port, and no paths."""

    def __init__(self, site, database):
        super().__init__(database, var=f"{site.root}/var/lib/guahao")
        self.site = site

    def env(self, conf=None):
        env = super().env(conf)
        for name in ("GUAHAO_VAR", "GUAHAO_SHARE"):
            del env[name]
        return env

    def _start(self, name, argv, conf=None):
        return super()._start(name, [f"{self.site.root}/usr/bin/{os.path.basename(argv[0])}", *argv[1:]], conf)

    @property
    def inner(self):
        return f"ipc://{self.site.root}/run/guahao/inner.sock"


def test_programs_of_an_installation_find_their_files(site, demo_db):
    os.makedirs(f"{site.root}/run", exist_ok=True)
    system = Installed(site, demo_db)
    try:
        assert site.run("guahao", "keys", "init").returncode == 0
        assert os.path.exists(f"{site.root}/var/lib/guahao/keys/jwt.key")
        system.start(("identity,directory", "booking"))
        token = site.run("guahao", "token", "--user", "13800000001", DATABASE_URL=demo_db.url).stdout.strip()
        api = system.api(token=token)
        schedule = demo_db.value("select min(id) from schedules where starts_at > now() + interval '1 day'")
        r = api.post("/api/v1/appointments", {"schedule_id": schedule})
        assert r.status_code == 201, r.text
        assert "swagger-ui-bundle.js" in api.get("/docs").text
        assert api.get("/swagger-ui-bundle.js").status_code in (200, 404)
        assert set(system.stop().values()) == {0}
    finally:
        system.stop()


def test_settings_and_variables_of_an_installation_have_their_place(site):
    shown = site.run("guahao", "config").stdout
    assert f"run.dir = {site.root}/run/guahao  ({site.root}/etc/guahao/guahao.conf:" in shown
    env = f"{site.root}/etc/guahao/guahao.env"
    with open(env, "w") as f:
        f.write("GUAHAO_FRONT_PORT=9911\n")
    assert "front.port = 9911" in site.run("guahao", "config").stdout
    assert "front.port = 9912" in site.run("guahao", "config", GUAHAO_FRONT_PORT="9912").stdout
    os.unlink(env)
    other = f"{site.root}/other.conf"
    with open(other, "w") as f:
        f.write("front\n    port = 9913\n")
    assert "front.port = 9913" in site.run("guahao", "config", GUAHAO_CONFIG=other).stdout
    os.unlink(other)


def test_nothing_of_the_clone_is_in_an_installation(site):
    for name in site.files():
        if name.startswith(("var/", "run/")):
            continue
        with open(os.path.join(site.root, name), "rb") as f:
            data = f.read()
        placeholders = re.findall(rb"@(?:BIN|SBIN|SHARE|ETC|VAR|RUN)DIR@", data)
        assert not placeholders, f"{name}: {placeholders}"
        if not name.startswith("usr/bin/"):  # debugging information names sources; the package has none
            assert paths.ROOT.encode() not in data, name


def test_every_setting_is_as_in_the_sources_but_the_run_directory(site):
    with open(f"{site.root}/etc/guahao/guahao.conf", encoding="utf-8") as f:
        installed = f.read().splitlines()
    with open(f"{paths.ROOT}/conf/guahao.conf", encoding="utf-8") as f:
        ours = f.read().splitlines()
    assert [(a, b) for a, b in zip(ours, installed) if a != b] == [("#    dir = ${var}/run", f"    dir = {site.root}/run/guahao")]
    assert len(ours) == len(installed)


def test_manual_pages_say_what_the_programs_say(site):
    with open(f"{site.root}/usr/share/man/man1/guahao.1", encoding="utf-8") as f:
        page = f.read()
    for command in re.findall(r"^  ([a-z][a-z-]*) ", site.run("guahao", "help").stdout, re.M):
        assert f".SS {command}".replace("-", "\\-") in page, command
    pages = sorted(n for n in site.files() if "/man/" in n)
    assert [os.path.basename(n) for n in pages] == sorted(f"{p}.1" for p in PROGRAMS) + ["guahao-setup.8"]
    if shutil.which("man"):
        for n in pages:
            done = subprocess.run(["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", os.path.join(site.root, n)],
                                  env={**os.environ, "LC_ALL": "C.UTF-8", "MANROFFSEQ": "", "MANWIDTH": "200"},
                                  capture_output=True, text=True, timeout=60)
            assert done.stderr == "", f"{n}: {done.stderr}"


needs_systemd = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed")


@needs_systemd
def test_systemd_finds_no_fault_in_the_units(site):
    done = site.systemd("verify", "--man=no", "guahao.target", "guahao-backup.timer", *UNITS)
    assert done.returncode == 0 and done.stderr == "", done.stderr


@needs_systemd
@pytest.mark.parametrize("unit", UNITS)
def test_a_unit_is_exposed_to_little(site, unit):
    done = site.systemd("security", "--offline=yes", "--no-pager", unit)
    level = re.search(r"exposure level for \S+: ([0-9.]+)", done.stdout + done.stderr)
    assert level and float(level[1]) <= 1.5, done.stdout + done.stderr


def test_uninstall_leaves_data_and_edited_settings(site):
    conf = f"{site.root}/etc/guahao/guahao.conf"
    with open(conf, encoding="utf-8") as f:
        delivered = f.read()
    with open(conf, "a", encoding="utf-8") as f:
        f.write("# ours\n")
    site.make("install")  # another one over it
    site.make("uninstall")
    with open(conf, encoding="utf-8") as f:
        assert f.read() == delivered + "# ours\n"
    kept = site.files()
    assert "var/lib/guahao/keys/jwt.key" in kept
    assert not [n for n in kept if not n.startswith(("var/lib/guahao/", "run/guahao/", "etc/guahao/guahao.conf"))], kept
    assert not os.path.exists(f"{site.root}/usr/share/guahao")
    with open(conf, "w", encoding="utf-8") as f:
        f.write(delivered)
    site.make("uninstall")
    assert not os.path.exists(f"{site.root}/etc/guahao")
