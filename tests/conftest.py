"""Fixtures for all outside tests (tests/README.md)."""

import os
import signal
import subprocess
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from support import paths  # noqa: E402
from support.pg import Cluster  # noqa: E402
from support.system import System  # noqa: E402

# pytest rewrites the asserts of all files: the process that comes first does it for the others, and for later runs.
sys.pycache_prefix, sys.dont_write_bytecode = os.path.join(paths.BUILD, "pycache"), False

# What a failing test shows: every system and cluster that lives.
_shown = []


def pytest_configure(config):
    def leave(signum, frame):
        raise SystemExit(f"signal {signum}")          # so that fixtures and atexit clean up

    signal.signal(signal.SIGTERM, leave)
    paths.remove_stale_dirs()


# Files that take long begin first, the longest at the head: one of them that began last would run alone at the end.
LONG = [f"tests/{f}.py" for f in (
    "chaos/test_chaos_storm", "api/test_injection", "integration/test_run", "api/test_authorisation", "chaos/test_chaos_booking",
    "api/test_docs_pages", "integration/test_list_plans", "api/test_attacks", "chaos/test_chaos_hosts", "integration/test_seed",
    "api/test_contract_walk", "api/test_front_hostile", "chaos/test_failover", "integration/test_worker_probe",
    "integration/test_books", "integration/test_backup", "api/test_accounts", "integration/test_identity_jobs",
    "integration/test_package", "integration/test_migrate", "integration/test_init", "integration/test_jobs",
    "api/test_front_rows", "integration/test_install", "integration/test_brokers", "api/test_front_access",
    "integration/test_replay", "integration/test_replay_client", "api/test_backups", "integration/test_message_providers",
    "integration/test_storm", "api/test_key_rotation", "api/test_doctors_many",
)]


def pytest_collection_modifyitems(items):
    rank = {file: n for n, file in enumerate(LONG)}
    root = os.path.join(paths.ROOT, "")
    items.sort(key=lambda item: rank.get(str(item.path).removeprefix(root), len(rank)))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        for thing in _shown:
            report.sections.append((f"logs of {thing!r}", thing.logs() if isinstance(thing, System) else thing.log()))


def _guahao(cluster, database, *args):
    var = os.path.join(cluster.dir, "var")
    os.makedirs(var, mode=0o755, exist_ok=True)
    env = {**os.environ, "DATABASE_URL": database.url, "GUAHAO_VAR": var, "GUAHAO_SHARE": paths.ROOT}
    done = subprocess.run([paths.program("guahao"), *args], env=env, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, f"guahao {' '.join(args)}: {done.returncode}\n{done.stdout}{done.stderr}"


@pytest.fixture(scope="session")
def cluster():
    """One PostgreSQL cluster for the whole run (fsync off)."""
    c = Cluster()
    _shown.append(c)
    try:
        yield c.start()
    finally:
        _shown.remove(c)
        c.destroy()


@pytest.fixture(scope="session")
def template(cluster):
    """Name of a migrated, empty database to copy."""
    db = cluster.create_database("template_empty")
    _guahao(cluster, db, "migrate", "up", "--quiet")
    return db.name


@pytest.fixture(scope="session")
def demo_template(cluster, template):
    """Name of a database with demo data (300 patients, else the defaults) to copy."""
    db = cluster.create_database("template_demo", template)
    _guahao(cluster, db, "seed", "--quiet", "--patients", "300")
    return db.name


@pytest.fixture(scope="module")
def empty_db(cluster, template):
    """A migrated database of this test module's own."""
    db = cluster.create_database(template=template)
    yield db
    db.drop()


@pytest.fixture(scope="module")
def demo_db(cluster, demo_template):
    """A database with demo data of this test module's own."""
    db = cluster.create_database(template=demo_template)
    yield db
    db.drop()


@pytest.fixture(scope="module")
def make_system():
    """make_system(database, conf={...}) -> System, not started; stopped and removed after the module. kind: another class of it."""
    made = []

    def make(database, conf=None, kind=System, **kw):
        s = kind(database, conf, **kw)
        made.append(s)
        _shown.append(s)
        s.cli("keys", "init", "--quiet")
        return s

    yield make
    for s in reversed(made):
        _shown.remove(s)
        s.destroy()


@pytest.fixture(scope="module")
def system(demo_db, make_system):
    """The whole system on this module's demo database: broker, pools, front, ready."""
    return make_system(demo_db).start()
