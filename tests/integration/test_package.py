"""The Debian package on a machine of its own with systemd: installed, started with one command, used, removed, purged."""

import os
import re
import shutil
import subprocess

import pytest

from support import machine, paths

pytestmark = pytest.mark.skipif(os.path.basename(paths.BUILD) == "san", reason="sanitizers want what the units forbid")
WORKERS = ("audit", "billing", "booking", "clinical", "directory", "identity", "jobs", "notify", "pricing", "schedule", "stats",
           "system")


@pytest.fixture(scope="module")
def package():
    if not shutil.which("dpkg-shlibdeps"):
        pytest.skip("dpkg-dev is not installed")
    out = paths.temp_dir(0o755)
    env = {**os.environ, "BUILD": paths.BUILD, "OUT": out, "COMPRESS": "gzip"}
    done = subprocess.run([os.path.join(paths.ROOT, "ops/deb/build.sh")], env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    names = os.listdir(out)
    assert len(names) == 1, names
    return os.path.join(out, names[0])


@pytest.fixture(scope="module")
def box(package):
    reason = machine.why_not()
    if reason:
        pytest.skip(reason)
    m = machine.Machine(package)
    yield m
    m.destroy()


@pytest.fixture(scope="module")
def running(box):
    """The package installed and set up, with the demo hospital."""
    box.run("dpkg -i /root/*.deb")
    said = box.run("guahao-setup --demo --port 8090").stdout
    assert "http://127.0.0.1:8090 is ready" in said, said
    return box


def packed(package, *args):
    return subprocess.run(["dpkg-deb", *args, package], capture_output=True, text=True, check=True).stdout


def test_the_package_has_no_secrets_and_no_clone(package):
    listed = packed(package, "-c").splitlines()
    names = [line.split(None, 5)[5].split(" -> ")[0] for line in listed]
    assert not [n for n in names if re.search(r"\.(key|env|pem)|_secret|/var/|/keys/", n)], names
    assert {line.split()[1] for line in listed} == {"root/root"}
    assert packed(package, "--info").count("conffiles") == 1
    data = subprocess.run(["dpkg-deb", "--fsys-tarfile", package], capture_output=True, check=True).stdout
    assert paths.ROOT.encode() not in data


def test_the_package_depends_on_what_its_programs_need(package):
    depends = packed(package, "--field").split("Depends: ")[1].split("\n")[0]
    for name in ("libc6", "libczmq4", "libzmq5", "libpq5", "libjwt0", "libjansson4", "libyaml-0-2", "libssl3", "libcurl4",
                 "zlib1g", "postgresql-client-15", "adduser"):
        assert re.search(rf"(^|, ){re.escape(name)}\b", depends), f"{name}: {depends}"


def test_one_command_starts_all(running):
    units = ["guahao.target", "guahao-migrate", "guahao-broker@1", "guahao-front", *(f"guahao-worker@{p}-1" for p in WORKERS)]
    assert set(running.out(f"systemctl is-active {' '.join(units)}").split()) == {"active"}
    known = re.search(r"^pools: (.*)", running.out("guahao-worker --help"), re.M)[1].split()
    assert sorted([*WORKERS, "echo"]) == sorted(known)  # a pool more is a unit more
    users = running.out("ps -eo user,args | awk '$2 ~ /guahao/ { print $1 }' | sort -u")
    assert users == "guahao", users
    assert running.out("stat -c '%a %U' /run/guahao /var/lib/guahao /etc/guahao /etc/guahao/guahao.env").split("\n") == [
        "700 guahao", "700 guahao", "750 root", "640 root"]
    check = running.out("cd / && runuser -u guahao -- guahao check 2>/dev/null")
    assert not re.search("^fail|^warn.*(jit|client_connection|log_lock)", check, re.M), check
    assert "serving 1 pool, brokers 1 of 1" in running.out("systemctl show -p StatusText guahao-worker@booking-1")


def test_a_booking_is_made(running):
    running.run("""
set -e
TOKEN=$(runuser -u guahao -- guahao token --user 13800000001 2>/dev/null)
SCHEDULE=$(runuser -u guahao -- psql -Atc "select min(id) from schedules where starts_at > now() + interval '1 day'" guahao)
curl -sf -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' -d "{\\"schedule_id\\": $SCHEDULE}" \
    http://127.0.0.1:8090/api/v1/appointments
curl -sf http://127.0.0.1:8090/docs | grep -q swagger
cd / && runuser -u guahao -- guahao books --quiet
""")


def test_a_hung_program_is_started_anew(running):
    """Both a broker whose loop stands and a front with one process that does, within their watchdog's time."""
    running.run("""
set -e
mkdir -p /run/systemd/system/guahao-.service.d
printf '[Service]\\nWatchdogSec=1s\\n' >/run/systemd/system/guahao-.service.d/60-watchdog.conf
systemctl daemon-reload
systemctl restart guahao-broker@1 guahao-front
broker=$(systemctl show -p MainPID --value guahao-broker@1) front=$(systemctl show -p MainPID --value guahao-front)
kill -STOP $broker $(head -c 1000 /proc/$front/task/$front/children | cut -d' ' -f1)
for i in $(seq 300); do
    [ "$(systemctl show -p NRestarts --value guahao-broker@1)$(systemctl show -p NRestarts --value guahao-front)" != 11 ] || break
    sleep 0.05
done
[ "$(systemctl show -p NRestarts --value guahao-broker@1)" = 1 ]
[ "$(systemctl show -p NRestarts --value guahao-front)" = 1 ]
rm -r /run/systemd/system/guahao-*
systemctl daemon-reload
for i in $(seq 300); do ! curl -sf http://127.0.0.1:8090/readyz || exit 0; sleep 0.05; done
exit 1
""")


def test_the_backup_service_writes_an_archive(running):
    running.run("systemctl start guahao-backup && ls /var/lib/guahao/backups/*.dump")
    assert running.out("systemd-analyze calendar --iterations=1 '*-*-* 02:30'")


def test_a_second_worker_of_a_pool_is_an_instance_more(running):
    running.run("systemctl enable --now guahao-worker@booking-2")
    assert "booking-2" in running.out("systemctl list-dependencies --plain guahao.target")


def test_setup_without_systemd_stays_in_the_foreground(running):
    """With a database of somebody else's, which gets its first administrator."""
    out = running.out("""
set -e
systemctl stop guahao.target 'guahao-*.service'
cd / && runuser -u postgres -- createdb -O guahao -T template0 -E UTF8 other
unshare -m bash -c 'mount -t tmpfs tmpfs /run/systemd
    exec guahao-setup --database "postgresql:///other?host=/var/run/postgresql"' >/root/said 2>&1 &
for i in $(seq 300); do ! grep -q "^  stop " /root/said || break; sleep 0.1; done
cat /root/said
PASSWORD=$(grep -A1 'first administrator' /root/said | tail -1)
curl -sf -H 'Content-Type: application/json' -d "{\\"username\\": \\"admin\\", \\"password\\": \\"$PASSWORD\\"}" \
    http://127.0.0.1:8090/api/v1/auth/login >/dev/null && echo signed in
kill -TERM $(cut -d' ' -f1 /var/lib/guahao/supervisor)
wait %1 && echo ended
""")
    assert "systemd is not running here: the programs start in the foreground" in out
    assert out.endswith("signed in\nended"), out
    assert running.out("ps -eo args | grep -c '^/usr/bin/guahao' || true") == "0"


def test_setup_makes_no_keys_for_a_database_that_has_others(running):
    done = running.run("mv /var/lib/guahao/keys /root/keys && guahao-setup", check=False)
    running.run("test ! -e /var/lib/guahao/keys && mv /root/keys /var/lib/guahao/keys")
    assert done.returncode == 1 and "the keys of this database are not in /var/lib/guahao/keys" in done.stderr, done.stderr


@pytest.mark.parametrize("words,says", [("--nope", "--nope is not known"), ("--port 0", "--port 0 is no port"),
                                        ("--port", "--port lacks its value"), ("--on front,cow", "--on cow is not")])
def test_setup_names_what_it_does_not_understand(running, words, says):
    done = running.run(f"guahao-setup {words}", check=False)
    assert done.returncode == 2 and says in done.stderr, done.stderr


def test_removing_and_purging_leave_nothing_but_what_was_stored(running):
    """Last: the package is gone afterwards."""
    running.run("systemctl start guahao.target && dpkg -L guahao >/root/files && dpkg -r guahao")
    left = "for f in $(cat /root/files); do [ -d $f ] && [[ $f != *guahao* ]] || [ ! -e $f ] || echo $f; done"
    assert running.out(left).split() == ["/etc/guahao", "/etc/guahao/guahao.conf"]
    assert running.out("ps -eo args | grep -c '^/usr/bin/guahao' || true") == "0"
    assert running.out("find /etc/systemd /run /lib/systemd -name '*guahao*'") == ""
    assert running.out("ls /var/lib/guahao/keys/data.key /etc/guahao/guahao.env")
    # what dpkg -P does, with the answer that keeps the data
    said = running.run("/var/lib/dpkg/info/guahao.postrm purge").stdout
    assert "kept are /var/lib/guahao (keys, backups) and the database" in said
    assert running.out("ls /var/lib/guahao/keys/data.key /etc/guahao") == "/var/lib/guahao/keys/data.key\n\n/etc/guahao:\nguahao.conf"
    running.run("GUAHAO_PURGE=data dpkg -P guahao")
    assert running.out(left) == ""
    assert running.out("find /etc /var /run -name '*guahao*' -not -path '/run/user/*' -not -path '/var/lib/dpkg/*'") == ""
    databases = running.out("cd / && runuser -u postgres -- psql -Atc 'select datname from pg_database'").split()
    assert {"guahao", "other"} <= set(databases)
