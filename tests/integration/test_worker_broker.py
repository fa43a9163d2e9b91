"""Workers behind the real broker: killed, stopped and started under load, and over CURVE."""

import os
import time

import pytest
import zmq

from support import mdp, paths
from support.fakebroker import Reply, args, head, uuid7
from support.proc import wait_for
from support.system import System, free_port

from test_worker_probe import TABLES


@pytest.fixture()
def site(cluster, template):
    database = cluster.create_database(template=template)
    conn = database.connect()
    conn.cursor().execute(TABLES)
    conn.close()
    system = System(database, {"front.contract_extra": paths.ROOT + "/tests/probe/openapi"})
    system.start_broker()
    yield system
    print(system.logs())
    system.destroy()
    database.drop()


def start_probe(system, name):
    p = system._start(name, [paths.program("tests/probe-worker"), "probe"])
    count = len([x for x in system.processes if x.startswith("probe") and system.processes[x].running()])

    def there():
        services = {s["name"]: s for s in system.queues()["services"]}
        return services.get("probe", {}).get("workers", 0) >= count

    wait_for("the worker at the broker", there)
    return p


def run(client, jobs, each=None):
    """Send jobs {id: frames} with 200 in flight, collect {id: Reply}; each(n) is called after the n-th answer."""
    waiting, replies, open_ids = list(jobs.items()), {}, set()
    end = time.monotonic() + 120
    while waiting or open_ids:
        assert time.monotonic() < end, f"{len(open_ids)} open"
        while waiting and len(open_ids) < 200:
            id, frames = waiting.pop()
            client.send("probe", *frames)
            open_ids.add(id)
        answer = client.recv(1.0)
        if answer:
            r = Reply(answer[2])
            assert r.id not in replies, "answered twice"
            replies[r.id] = r
            open_ids.discard(r.id)
            if each:
                each(len(replies))
    return replies


def adds(n, key=None):
    jobs = {}
    for i in range(n):
        id = uuid7()
        jobs[id] = (head("probe.add", id, 1, 20000), args(body={"name": "a", "amount": 1}))
    return jobs


def count(system):
    return system.database.row("select (select n from probe_counter where name = 'a'), "
                               "(select count(*) from probe_log where name = 'a'), "
                               "(select count(*) from job_done)")


def test_killed_workers_lose_nothing_and_double_nothing(site):
    workers = {n: start_probe(site, n) for n in ("probe1", "probe2")}

    def each(n):
        if n == 500:
            workers["probe1"].kill9()
        if n == 1200:
            workers["probe3"] = site._start("probe3", [paths.program("tests/probe-worker"), "probe"])
        if n == 1500:
            workers["probe2"].kill9()

    with mdp.Client(site.inner) as client:
        replies = run(client, adds(3000), each)
    assert {r.error for r in replies.values()} == {None}
    assert sorted(r.json["n"] for r in replies.values()) == list(range(1001, 4001)), "each took its own place"
    assert count(site) == (4000, 3000, 3000)
    assert workers["probe3"].stop() == 0


def test_workers_that_drain_under_load_fail_no_job(site):
    workers = [start_probe(site, "probe0")]

    def each(n):
        if n % 400 == 0 and n < 1700:
            old = workers[-1]
            workers.append(site._start(f"probe{n}", [paths.program("tests/probe-worker"), "probe"]))
            old.signal(15)

    with mdp.Client(site.inner) as client:
        replies = run(client, adds(2000), each)
    assert {r.error for r in replies.values()} == {None}
    assert count(site) == (3000, 2000, 2000)
    assert [w.wait(20) for w in workers[:-1]] == [0] * (len(workers) - 1)


def test_broker_killed_under_load_and_jobs_sent_again(site):
    start_probe(site, "probe1")
    jobs = adds(1500)
    with mdp.Client(site.inner) as client:
        for id, frames in list(jobs.items())[:700]:
            client.send("probe", *frames)
        wait_for("the first answers", lambda: count(site)[1] > 50)
        site["broker"].kill9()
        time.sleep(0.5)
        site.start_broker("broker2")
        wait_for("the worker at the new broker", lambda: mdp.mmi(site.inner, "service", b"probe") == [b"200"])
    again = {id: (head("probe.add", id, 1, 20000, resend=True), frames[1]) for id, frames in jobs.items()}
    with mdp.Client(site.inner) as client:
        replies = run(client, again)
    assert {r.error for r in replies.values()} == {None}
    assert count(site) == (2500, 1500, 1500)
    assert len({r.json["n"] for r in replies.values()}) == 1500


def write_cert(path, keys, role=None):
    text = "metadata\n" + (f'    role = "{role}"\n' if role else "")
    for name, suffix in (("", ""), ("_secret", f'    secret-key = "{keys[1].decode()}"\n')):
        with open(path + name, "w", encoding="ascii") as f:
            f.write(text + f'curve\n    public-key = "{keys[0].decode()}"\n{suffix}')
        os.chmod(path + name, 0o600)


def test_worker_joins_over_curve_and_not_without_the_right_keys():
    port = free_port()
    system = System(None, {"front.contract_extra": paths.ROOT + "/tests/bench/openapi"})
    certs = os.path.join(system.var, "curve")
    os.makedirs(os.path.join(certs, "clients"))
    server, mine, stranger = (zmq.curve_keypair() for _ in range(3))
    write_cert(os.path.join(certs, "server.key"), server)
    write_cert(os.path.join(certs, "worker.key"), mine, "worker")
    write_cert(os.path.join(certs, "stranger.key"), stranger)
    with open(os.path.join(certs, "clients", "worker.key"), "w", encoding="ascii") as f:
        f.write(f'metadata\n    role = "worker"\ncurve\n    public-key = "{mine[0].decode()}"\n')
    far = {"link.inner": f"tcp://127.0.0.1:{port}", "link.server_cert": certs + "/server.key", "worker.heartbeat_ms": 200}
    try:
        system.start_broker(conf={"broker.curve_dir": certs,
                                  "broker.inner": f"ipc://{system.var}/run/inner.sock,tcp://127.0.0.1:{port}"})
        p = system.start_worker("echo", name="stranger", conf={**far, "link.cert": certs + "/stranger.key"}, wait=False)
        time.sleep(2)
        assert mdp.mmi(system.inner, "service", b"echo") == [b"404"]
        assert p.stop() == 0
        refused = {"link.inner": "tcp://192.0.2.1:5599"}
        p = system.start_worker("echo", name="plain", conf=refused, wait=False)
        wait_for("a refusal", lambda: "needs CURVE" in p.output())
        assert p.stop() == 0
        p = system.start_worker("echo", name="missing", conf={**far, "link.cert": certs + "/none.key"}, wait=False)
        wait_for("a refusal", lambda: "no readable secret key" in p.output())
        assert p.stop() == 0
        system.start_worker("echo", conf={**far, "link.cert": certs + "/worker.key"})
        with mdp.Client(system.inner) as client:
            assert client.call("echo", head("echo.echo"), args(body={"x": 1}))[1] == b'{"x":1}'
    finally:
        print(system.logs())
        system.destroy()
