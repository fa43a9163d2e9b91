"""9/TSP: titanic.request, titanic.reply, titanic.close for plain Majordomo clients of both versions, and a plain echo worker."""

import threading
import uuid

import msgpack
import pytest
import zmq

from support.broker import Worker, head, read_reply, uuid7
from support.durable import Site
from support.mdp import Client
from support.proc import wait_for

JOBS = "jobs+identity"


@pytest.fixture(scope="module")
def site(empty_db, make_system):
    site = Site(empty_db, make_system, **{"jobs.titanic_max": 50, "jobs.titanic_keep_s": 600})
    wait_for("titanic", lambda: call(site, "titanic.close", b"0" * 32) == [b"200"])
    return site


class Echo(threading.Thread):
    """A plain worker that gives back what it gets, and counts it."""

    def __init__(self, site, service="echo.plain", version=2, reply=None):
        super().__init__(daemon=True)
        self.worker = Worker(site.system.public, service, version=version)
        self.reply, self.got, self.over = reply, [], False
        self.start()

    def run(self):
        while not self.over:
            got = self.worker.recv(0.1)
            if got and got[1] is not None:
                self.got.append(got[2])
                self.worker.final(got[1], *(self.reply or got[2]))
            self.worker.heartbeat()
        self.worker.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.over = True
        self.join()


def call(site, service, *body, version=2):
    """The frames of an answer, asked on the public endpoint."""
    if version == 2:
        with Client(site.system.public) as client:
            return client.call(service, *body, timeout=10)
    with zmq.Context.instance().socket(zmq.DEALER) as s:
        s.linger = 0
        s.connect(site.system.public)
        s.send_multipart([b"", b"MDPC01", service.encode(), *body])
        assert s.poll(10000)
        frames = s.recv_multipart()
        assert frames[:3] == [b"", b"MDPC01", service.encode()]
        return frames[3:]


def request(site, *body, version=2):
    answer = call(site, "titanic.request", *body, version=version)
    assert answer[0] == b"200" and len(answer) == 2 and len(answer[1]) == 32 and answer[1] == answer[1].upper(), answer
    return answer[1]


def reply(site, name, version=2):
    return call(site, "titanic.reply", name, version=version)


def ended(site, name, timeout=30, version=2):
    wait_for("the answer", lambda: reply(site, name)[0] != b"300", timeout)
    return reply(site, name, version)


def row(site, name):
    return site.db.row("select status, attempts from titanic_requests where id = %s", str(uuid.UUID(name.decode())))


@pytest.mark.parametrize("worker_version", [1, 2])
@pytest.mark.parametrize("version", [1, 2])
def test_there_and_back_bit_for_bit(site, version, worker_version):
    frames = [b"hello", b"", bytes(range(256)), b"MDPC02", b"GHJ", b"x" * 100000]
    service = f"echo{version}{worker_version}"
    with Echo(site, service, worker_version) as echo:
        name = request(site, service.encode(), *frames, version=version)
        assert ended(site, name, version=version) == [b"200", *frames]
        assert echo.got == [frames]
        # asking again changes nothing, in either case of the digits
        assert reply(site, name.lower(), version) == [b"200", *frames]
        assert call(site, "titanic.close", name, version=version) == [b"200"]
        assert call(site, "titanic.close", name.lower(), version=version) == [b"200"]
        assert reply(site, name, version) == [b"400"]


def test_as_many_frames_as_fit(site):
    with Echo(site, "many", reply=[b"r"] * 58), Echo(site, "more", reply=[b"r"] * 59):
        name, other = request(site, b"many", *[b"x"] * 57), request(site, b"more", b"x")
        assert ended(site, name) == [b"200", *[b"r"] * 58]
        assert ended(site, other) == [b"500", b"the answer is too large"]
    for n in (name, other):
        call(site, "titanic.close", n)


def test_pending_while_nobody_serves_it(site):
    name = request(site, b"later", b"x")
    assert reply(site, name) == [b"300"]
    wait_for("a look", lambda: site.db.value("select run_at > created_at from titanic_requests where id = %s", str(uuid.UUID(name.decode()))))
    assert row(site, name) == ("QUEUED", 0)
    with Echo(site, "later"):
        assert ended(site, name) == [b"200", b"x"]
    call(site, "titanic.close", name)


@pytest.mark.parametrize("body", [
    [b"echo.plain"], [b"", b"x"], [b"mmi.service", b"x"], [b"titanic.request", b"echo.plain", b"x"], [b"a/b", b"x"], [b"a" * 129, b"x"],
    [b"\xff\x00", b"x"], [b"echo.plain", b"x" * (1 << 20)], [b"echo.plain", *[b"x"] * 58],
    [b"echo.plain", b"GHJ1 no header"]])
def test_what_can_be_no_request(site, body):
    before = site.db.value("select count(*) from titanic_requests")
    assert call(site, "titanic.request", *body) == [b"400"]
    assert site.db.value("select count(*) from titanic_requests") == before


@pytest.mark.parametrize("name", [b"", b"x", b"0" * 32, b"../../../../../../../../etc/passwd", b"g" * 32, b"0" * 33, b"'; drop table jobs; --",
                                  str(uuid.UUID(int=5)).encode(), b"\x00" * 32])
def test_unknown_names(site, name):
    assert reply(site, name) == [b"400"]
    assert call(site, "titanic.close", name) == [b"200"]
    assert call(site, "titanic.reply", name, name) == [b"400"]


def test_a_strangers_actor_is_never_passed_on(site):
    """Decisions 8: a client of the public endpoint says that it is an administrator, or the system."""
    for user in (2, 0):
        h = head("probe.who", actor={"user": user, "ip": "127.0.0.1"})
        name = request(site, b"probe", h, msgpack.packb({}))
        answer = ended(site, name)
        assert answer[0] == b"500" and read_reply(answer[1])["error"] in ("TOKEN_MISSING", "FORBIDDEN"), answer
        call(site, "titanic.close", name)


def test_refusals_of_our_services_are_500_with_the_error(site):
    name = request(site, b"probe", head("probe.add", id=uuid7()), msgpack.packb({"body": {"name": "a", "amount": 1}}))
    answer = ended(site, name)
    assert answer[0] == b"500" and read_reply(answer[1])["error"]
    # what carries no header is refused by our service in words
    other = request(site, b"probe", b"hello")
    answer = ended(site, other)
    assert answer[0] == b"500" and read_reply(answer[1])["error"] == "BAD_REQUEST"
    for n in (name, other):
        call(site, "titanic.close", n)


def test_durable_over_the_death_of_the_worker(site):
    """The jobs worker is killed with requests accepted, some of them under way."""
    blocked = Worker(site.system.public, "slow")
    stop = threading.Event()
    beating = threading.Thread(target=lambda: [blocked.recv(0.1) or blocked.heartbeat() for _ in iter(stop.is_set, True)], daemon=True)
    beating.start()
    names = [request(site, b"after", b"%d" % i) for i in range(5)]
    held = request(site, b"slow", b"held")
    wait_for("the delivery", lambda: row(site, held)[0] == "RUNNING")
    site.system[JOBS].kill9()
    stop.set()
    beating.join(10)
    blocked.close()
    # nobody is there: the client hears nothing, and asks again later
    site.db.query("update titanic_requests set lease_until = now() where status = 'RUNNING'")       # the lease, without waiting for it
    with Echo(site, "after") as after, Echo(site, "slow") as slow:
        site.system.start_worker("jobs,identity")
        wait_for("titanic", lambda: call(site, "titanic.close", b"0" * 32) == [b"200"])
        for i, name in enumerate(names):
            assert ended(site, name) == [b"200", b"%d" % i]
        assert ended(site, held) == [b"200", b"held"]
        assert sorted(x[0] for x in after.got) == [b"%d" % i for i in range(5)] and slow.got[-1] == [b"held"]
    for n in (*names, held):
        call(site, "titanic.close", n)


def test_closed_while_it_waits_it_is_not_carried_out(site):
    name = request(site, b"closed", b"x")
    assert call(site, "titanic.close", name) == [b"200"]
    assert reply(site, name) == [b"400"]
    with Echo(site, "closed") as echo:
        done = request(site, b"closed", b"y")
        assert ended(site, done) == [b"200", b"y"] and echo.got == [[b"y"]]
    call(site, "titanic.close", done)


def test_so_many_are_kept_and_old_ones_go(site):
    site.db.query("delete from titanic_requests")
    names = [request(site, b"nobody", b"%d" % i) for i in range(50)]
    assert call(site, "titanic.request", b"nobody", b"x")[0][:3] == b"500"
    site.db.query("update titanic_requests set expires_at = now() where id = %s", str(uuid.UUID(names[0].decode())))
    assert reply(site, names[0]) == [b"400"]
    call(site, "titanic.close", names[0])
    assert request(site, b"nobody", b"x")
    site.db.query("delete from titanic_requests")


def test_after_so_many_deaths_it_is_given_up(site):
    name = request(site, b"poison", b"x")
    site.db.query("update titanic_requests set attempts = 5, run_at = now() where id = %s", str(uuid.UUID(name.decode())))
    assert ended(site, name) == [b"500", b"no answer in time"]
    call(site, "titanic.close", name)


def test_two_dispatchers_deliver_each_once(site):
    site.system.start_worker("jobs", name="jobs2")
    wait_for("the second one", lambda: [q["workers"] for q in site.system.queues()["services"] if q["name"] == "titanic.request"] == [2], 20)
    try:
        with Echo(site, "shared") as echo:
            names = [request(site, b"shared", b"%d" % i) for i in range(30)]
            for i, name in enumerate(names):
                assert ended(site, name) == [b"200", b"%d" % i]
            assert sorted(int(x[0]) for x in echo.got) == list(range(30))
    finally:
        assert site.system["jobs2"].stop() == 0
        for n in names:
            call(site, "titanic.close", n)
