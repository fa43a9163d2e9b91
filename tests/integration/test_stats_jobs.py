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


def keep(jobs):
    return jobs.call("stats.keep_requests", body={}, actor={}).ok()


def months(db):
    return [r[0] for r in db.query("select c.relname from pg_inherits h join pg_class c on c.oid = h.inhrelid "
                                   "where h.inhparent = 'user_access_log'::regclass order by 1")]


def test_months_that_aged_go_as_a_whole_and_the_next_ones_are_made(db, jobs, system):
    for days in (100, 40, 29, 0):
        jobs.call(OP, body=batch((4, f"/aged/{days}"), at=time.time() - days * 86400), actor={}).ok()
    visits = db.value("select sum(visits) from visit_hours")
    # as if somebody had made the partition of that month in time: what the default one took moves
    db.query("select gh_request_partitions(now() - interval '100 days', 36500, 0)")
    old = db.value("select tableoid::regclass::text from user_access_log where url = '/aged/100'")
    assert old == db.value("select 'user_access_log_' || to_char(now() at time zone 'UTC' - interval '100 days', 'YYYYMM')")
    db.query("drop table " + db.value("select 'user_access_log_' || to_char(now() at time zone 'UTC' + interval '2 months', 'YYYYMM')"))
    done = keep(jobs)
    assert (done["made"], done["dropped"]) == (1, 1) and old not in months(db)
    assert urls(db, "/aged/") == ["/aged/0", "/aged/29", "/aged/40"]             # the last one's month has not aged, or is nobody's
    strays = db.value("select count(*) from user_access_log_default")
    assert done["strays"] == strays > 0 and "default_partition" in system["stats-1"].tail() + system["stats-2"].tail()
    assert keep(jobs) == {"made": 0, "dropped": 0, "strays": strays}
    assert db.value("select sum(visits) from visit_hours") == visits == db.value("select sum(visits) from visit_days")


def test_rows_stay_where_the_months_are_not_kept_long_enough_ago(db):
    """A month goes when its last row is keep_days old: at the edge to the day."""
    db.query("insert into user_access_log (url, method, status_code, access_time, duration_ms) "
             "values ('/edge', 'GET', 200, '2020-03-31 23:59:59+00', 1)")
    db.query("select gh_request_partitions('2020-03-05', 36500, 0)")
    assert "user_access_log_202003" in months(db)
    assert db.row("select * from gh_request_partitions('2020-04-30 23:59:59+00', 30, 0)")[1] == 0
    assert urls(db, "/edge") == ["/edge"]
    assert db.row("select * from gh_request_partitions('2020-05-01', 30, 0)")[1] == 1
    assert urls(db, "/edge") == [] and "user_access_log_202003" not in months(db)


def test_what_was_there_before_the_months_is_kept(cluster, template):
    """The table as it was, with rows, becomes a partition of the new one."""
    import glob
    import os
    from support import paths
    db = cluster.create_database()
    try:
        files = sorted(glob.glob(os.path.join(paths.ROOT, "schema", "migrations", "*.sql")))
        at = next(i for i, f in enumerate(files) if f.endswith("_kept_counts.sql"))
        for i, file in enumerate(files[:at + 1]):
            if i == at:
                db.query("insert into user_access_log (user_id, ip, url, method, status_code, access_time, duration_ms) select n, '192.0.2.9', "
                         "'/before/' || n, 'GET', 200, now() - n * interval '10 days', 3 from generate_series(0, 20) n")
                db.query("insert into users (username) values ('a'), ('b')")
            with open(file, encoding="utf-8") as f:
                db.query(f.read())
        part = db.value("select distinct tableoid::regclass::text from user_access_log")
        assert part == db.value("select 'user_access_log_' || to_char(now() at time zone 'UTC', 'YYYYMM')")
        db.query("insert into user_access_log (url, method, status_code, access_time, duration_ms) values ('/new', 'GET', 200, now(), 1)")
        assert db.value("select count(distinct id) from user_access_log") == 22
        assert db.value("select count(*) from gh_requests_found(7, null, null, '-infinity', 'infinity', 10)") == 1
        assert db.row("select * from gh_request_partitions(now(), 30, 3)")[:2] == (1, 0)
        db.query("select gh_request_partitions(now() + interval '70 days', 30, 0)")
        assert db.value("select count(*) from user_access_log") == 0
        assert db.value("select sum(n) from account_counts") == 2
    finally:
        db.drop()


def test_accounts_are_counted_whoever_makes_them_at_once(db, jobs):
    def total():
        return jobs.call("stats.count_users", actor={"user": admin}).ok()["total_users"]

    def truth():
        return db.value("select count(*) from users where not is_deleted")

    admin = db.value("insert into users (username, user_type) values ('counter', 'admin') returning id")
    db.query("insert into user_roles (user_id, role_code) values (%s, 'ADMIN')", admin)
    assert total() == truth()
    db.query("insert into users (username) select 'n' || i from generate_series(1, 50) i")
    db.query("update users set is_deleted = true, is_active = false where username in ('n1', 'n2', 'n3')")
    db.query("update users set full_name = 'x' where username like 'n%%'")
    db.query("delete from users where username in ('n3', 'n4')")
    assert total() == truth()
    rows = db.value("select count(*) from account_counts")
    first, second = db.connect(), db.connect()
    for conn in (first, second):
        conn.autocommit = False
    first.cursor().execute("insert into users (username) values ('open')")             # not committed while they are counted anew
    second.cursor().execute("select gh_accounts_counted()")
    first.commit()
    second.commit()
    for conn in (first, second):
        conn.close()
    assert rows > 1 and db.value("select count(*) from account_counts") == 2
    assert total() == truth()
    keep(jobs)
    assert db.value("select count(*) from account_counts") == 1 and total() == truth()


def test_only_trusted_peers_may_record(jobs, system):
    from support.mdp import Client
    outsider = Client(system.public)
    import msgpack
    from support.broker import head, read_reply
    outsider.send("stats", head(OP, actor={"user": 0}), msgpack.packb({"body": batch((1, "/outside"))}))
    assert read_reply(outsider.recv(10)[2][0])["error"] == "FORBIDDEN"
    outsider.close()
