"""What a service manager hears of broker, workers and front: ready when they are, status, watchdog, stopping (sd_notify(3))."""

import os
import re
import signal

import pytest

from support import paths
from support.notify import Manager
from support.proc import Process, wait_for

WATCHDOG_S = 0.4


@pytest.fixture(scope="module")
def system(demo_db, make_system):
    return make_system(demo_db)


@pytest.fixture
def start(system):
    """start(program, words..., conf={}): a process under a service manager of its own, and that one."""
    begun = []

    def begin(program, *words, watchdog_s=WATCHDOG_S, abstract=False, conf=None, more=None):
        manager = Manager(system.var, f"note{len(begun)}", abstract)
        log = os.path.join(system.var, "log", f"{program}.{len(begun)}.log")
        env = {**system.env(conf), **manager.env(watchdog_s), **(more or {})}
        process = Process(program, [paths.program(program), *words], log, env=env, cwd=system.var)
        begun.append((process, manager))
        return process, manager

    yield begin
    for process, manager in reversed(begun):
        process.stop()
        manager.close()
    for name in os.listdir(system.var):
        if name.startswith("note"):
            os.unlink(os.path.join(system.var, name))


def hangs_and_goes_on(process, manager):
    manager.wait_ping()
    process.freeze()
    manager.read()
    assert manager.silent_for(2 * WATCHDOG_S)
    process.thaw()
    manager.wait_ping()


def stops(process, manager):
    assert process.stop() == 0
    assert manager.said("STOPPING=1")
    assert manager.heard[-1][1].startswith("STOPPING=1"), manager.heard[-1]


def test_a_broker_is_ready_when_it_is_bound(start, system):
    broker, manager = start("guahao-broker")
    manager.wait_for("READY=1")
    assert os.path.exists(f"{system.var}/run/inner.sock")
    manager.wait_status("0 services with 0 workers")
    hangs_and_goes_on(broker, manager)
    stops(broker, manager)


def test_a_broker_that_cannot_bind_is_never_ready(start):
    broker, manager = start("guahao-broker", conf={"broker.inner": "ipc:///dev/null/inner.sock"})
    assert broker.wait(10) == 1
    assert not manager.said("READY=1")


def test_a_worker_is_ready_when_database_and_broker_are_there(start):
    worker, manager = start("guahao-worker", "schedule:directory-2", abstract=True)
    manager.wait_status("waits for a broker")
    assert not manager.said("READY=1")
    broker, of_broker = start("guahao-broker")
    manager.wait_for("READY=1")
    manager.wait_status("serving 2 pools, brokers 1 of 1")
    of_broker.wait_status("2 services with 2 workers")
    hangs_and_goes_on(worker, manager)
    assert broker.stop() == 0
    manager.wait_status("waits for a broker")
    stops(worker, manager)
    assert manager.read().count("READY=1") == 1


def test_a_worker_without_its_database_is_not_ready(start):
    start("guahao-broker")
    worker, manager = start("guahao-worker", "directory", more={"DATABASE_URL": "postgresql:///none?host=/nowhere"})
    manager.wait_status("pool directory waits for the database")
    manager.wait_ping()  # it waits; it does not hang
    assert not manager.said("READY=1")
    assert worker.stop() == 0


def test_a_front_is_ready_when_all_its_processes_reach_a_broker(start):
    front, manager = start("guahao-front", conf={"front.workers": 2})
    manager.wait_status("processes 2 of 2, with a broker 0")
    assert not manager.said("READY=1")
    start("guahao-broker")
    manager.wait_for("READY=1")
    manager.wait_status("processes 2 of 2, with a broker 2")
    hangs_and_goes_on(front, manager)
    stops(front, manager)


def test_a_front_with_one_hung_process_is_not_alive(start):
    start("guahao-broker")
    front, manager = start("guahao-front", conf={"front.workers": 2})
    manager.wait_for("READY=1")
    manager.wait_ping()
    with open(f"/proc/{front.pid}/task/{front.pid}/children", encoding="ascii") as f:
        child = int(f.read().split()[0])
    os.kill(child, signal.SIGSTOP)
    try:
        manager.wait_status("processes 1 of 2")
        assert manager.silent_for(2 * WATCHDOG_S)
    finally:
        os.kill(child, signal.SIGCONT)
    manager.wait_ping()
    manager.wait_status("processes 2 of 2")
    # one that dies is no reason to start the whole front anew: the parent replaces it
    os.kill(child, signal.SIGKILL)
    wait_for("another process", lambda: f"pid={child}" not in front.output().split("worker_started")[-1])
    manager.wait_status("processes 2 of 2, with a broker 2")
    manager.wait_ping()
    stops(front, manager)


@pytest.mark.parametrize("program,words", [("guahao-broker", []), ("guahao-worker", ["booking"]), ("guahao-front", [])])
def test_an_address_that_is_none_stops_the_start(start, program, words):
    process, _ = start(program, *words, more={"NOTIFY_SOCKET": "run/notify"})
    assert process.wait(10) == 1
    assert "notify_socket" in process.output()


def test_a_watchdog_of_another_process_is_not_fed(start):
    broker, manager = start("guahao-broker", more={"WATCHDOG_PID": "1"})
    manager.wait_for("READY=1")
    assert manager.silent_for(2 * WATCHDOG_S)
    assert broker.stop() == 0


@pytest.mark.parametrize("word", ["nothere-1", "booking-", "-1", "booking,booking-1", "booking:", ""])
def test_an_instance_of_no_pool_is_refused(start, word):
    worker, _ = start("guahao-worker", word)
    assert worker.wait(10) == 2
    assert re.search("no such pool|pool named twice", worker.output())
