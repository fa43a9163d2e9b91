"""The stats pool asked as fronts ask it: batches that come twice, or through several fronts at once."""

import threading
import time

import pytest

from support.fakebroker import uuid7
from support.jobs import Jobs

OP = "stats.record_requests"


@pytest.fixture(scope="module")
def system(empty_db, make_system):
    s = make_system(empty_db, {"accesslog.keep_days": "30"})
    s.start_broker()
    s.start_worker("stats", "stats-1")
    s.start_worker("stats", "stats-2")
    return s


@pytest.fixture(scope="module")
def db(empty_db):
    return empty_db


@pytest.fixture
def jobs(system):
    j = Jobs(system)
    yield j
    j.close()


def batch(*rows, at=None):
    """Columns of (user, url) rows."""
    at = int((at or time.time()) * 1e6)
    n = len(rows)
    return {"user": [r[0] for r in rows], "ip": ["192.0.2.1"] * n, "agent": [None] * n, "url": [r[1] for r in rows],
            "method": ["GET"] * n, "status": [200] * n, "code": [None] * n, "at": [at] * n, "ms": [1] * n}


def urls(db, prefix):
    return sorted(r[0] for r in db.query("select url from user_access_log where url like %s || '%%'", prefix))


def test_a_batch_that_comes_twice_is_stored_once(db, jobs):
    before = db.value("select coalesce(sum(visits), 0) from visit_hours")
    job = uuid7()
    # beyond five seconds of each other, so that only the job record keeps them apart
    jobs.call(OP, body=batch((1, "/twice/a"), (2, "/twice/b"), at=time.time() - 3600), id=job, actor={}).ok()
    db.query("update user_access_log set access_time = access_time - interval '1 minute' where url like '/twice/%%'")
    jobs.call(OP, body=batch((1, "/twice/a"), (2, "/twice/b"), at=time.time() - 3600), id=job, resend=True, actor={}).ok()
    assert urls(db, "/twice/") == ["/twice/a", "/twice/b"]
    assert db.value("select sum(visits) from visit_hours") == before + 2


def test_fronts_at_once_store_a_repeat_once(db, system):
    def send(n):
        j = Jobs(system)
        try:
            for i in range(10):
                j.call(OP, body=batch((7, "/race/x?page=%d" % n), (None, "/race/y"), (100 + n, "/race/own"), at=moment + i / 10),
                       actor={}).ok()
        finally:
            j.close()
    moment = time.time()
    threads = [threading.Thread(target=send, args=(n,)) for n in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    got = [u.partition("?")[0] for u in urls(db, "/race/")]
    assert got == ["/race/own"] * 4 + ["/race/x", "/race/y"]


def test_four_and_six_seconds_apart(db, jobs):
    at = time.time()
    for seconds in (0, 4, 6, 9, 12):
        jobs.call(OP, body=batch((3, "/apart"), at=at + seconds), actor={}).ok()
    stored = [r[0] for r in db.query("select round(extract(epoch from access_time - to_timestamp(%s)))::int from user_access_log "
                                     "where url = '/apart' order by 1", at)]
    assert stored == [0, 6, 12]


def test_aged_rows_go_with_the_next_batch(db, jobs):
    jobs.call(OP, body=batch((4, "/aged/old"), at=time.time() - 31 * 86400), actor={}).ok()
    jobs.call(OP, body=batch((4, "/aged/young"), at=time.time() - 29 * 86400), actor={}).ok()
    assert urls(db, "/aged/") == ["/aged/old", "/aged/young"] or urls(db, "/aged/") == ["/aged/young"]
    jobs.call(OP, body=batch((4, "/aged/now")), actor={}).ok()
    assert urls(db, "/aged/") == ["/aged/now", "/aged/young"]


def test_only_trusted_peers_may_record(jobs, system):
    from support.mdp import Client
    outsider = Client(system.public)
    import msgpack
    from support.broker import head, read_reply
    outsider.send("stats", head(OP, actor={"user": 0}), msgpack.packb({"body": batch((1, "/outside"))}))
    assert read_reply(outsider.recv(10)[2][0])["error"] == "FORBIDDEN"
    outsider.close()
