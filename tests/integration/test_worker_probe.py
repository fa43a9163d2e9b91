"""The worker runtime against PostgreSQL, with the pool of tests/probe: exactly once, one bad job alone, access, events."""

import datetime
import os
import threading
import time
import uuid

import pytest

from support import paths
from support.fakebroker import FakeBroker, Reply, args, head, uuid7
from support.proc import wait_for
from support.system import System

TABLES = """
create table probe_counter (name text primary key, n bigint not null check (n >= 0));
create table probe_log (id bigint generated always as identity, name text, amount bigint, batch bigint, place bigint);
create table probe_row (k bigint constraint probe_row_pk primary key, v bigint constraint probe_row_ck check (v < 100));
insert into probe_counter values ('a', 1000), ('b', 1000), ('c', 3);
insert into users (id, username, is_active, is_superuser, must_change_password) values
    (1, 'patient', true, false, false), (2, 'admin', true, false, false), (3, 'gone', false, false, false),
    (4, 'super', true, true, false), (5, 'head', true, false, false), (6, 'changer', true, false, true),
    (7, 'nobody', true, false, false);
insert into user_roles (user_id, role_code) values (1, 'PATIENT'), (2, 'ADMIN'), (5, 'DOCTOR');
insert into patients (id, user_id, name) values (11, 1, 'P');
insert into major_departments (id, name) values (9001, 'M');
insert into minor_departments (id, major_dept_id, name) values (9002, 9001, 'm');
insert into doctors (id, user_id, dept_id, name, is_department_head) values (21, 5, 9002, 'D', true);
"""


class Site:
    def __init__(self, database):
        self.db = database
        conn = database.connect()
        conn.cursor().execute(TABLES)
        conn.close()
        self.system = System(database, {"front.contract_extra": paths.ROOT + "/tests/probe/openapi",
                                        "log.level": "debug"})
        self.broker = FakeBroker(self.system.var + "/run")
        self.process = None

    def start(self, **conf):
        before = len(self.broker.workers)
        name = f"probe{before}"
        self.process = self.system._start(name, [paths.program("tests/probe-worker"), "probe"], conf)
        wait_for("READY", lambda: len(self.broker.workers) > before, timeout=60,
                 alive=lambda: None if self.process.running() else self.process.tail())
        return self.broker.worker("probe")

    def call(self, op, worker=None, **kw):
        return self.broker.call(worker or self.broker.worker("probe"), "probe." + op, **kw)

    def send(self, op, id=None, worker=None, user=1, deadline=5000, more=None, **sections):
        id = id or uuid7()
        self.broker.send(worker or self.broker.worker("probe"), head("probe." + op, id, user, deadline, **(more or {})),
                         args(**sections))
        return id

    def answers(self, ids, timeout=30):
        return [self.broker.reply(id, timeout) for id in ids]

    def counter(self, name):
        return self.db.value("select n from probe_counter where name = %s", name)

    def logged(self, name):
        return self.db.value("select count(*) from probe_log where name = %s", name)


@pytest.fixture()
def site(cluster, template):
    database = cluster.create_database(template=template)
    s = Site(database)
    s.start()
    yield s
    print(s.system.logs(60))                            # shown when the test failed
    try:
        statuses = s.system.stop()
        assert set(statuses.values()) <= {0}, statuses
    finally:
        s.system.destroy()
        s.broker.close()
        database.drop()


# ---- one effect for one job


def test_redelivery_gives_the_same_answer_and_one_effect(site):
    id = uuid7()
    first = site.call("add", id=id, user=1, body={"name": "a", "amount": 5})
    assert first.error is None and first.json == {"n": 1005} and first.status == 201
    for attempt, more in ((1, None), (2, None), (0, {"resend": True})):
        again = site.call("add", id=id, user=1, attempt=attempt, more=more, body={"name": "a", "amount": 5})
        assert (again.error, again.body, again.status, again.headers) == (None, first.body, 201, first.headers)
    assert site.counter("a") == 1005 and site.logged("a") == 1
    # delivered once more without a hint: the primary key of the record tells, and the answer is still the same
    assert site.call("add", id=id, user=1, body={"name": "a", "amount": 5}).json == {"n": 1005}
    assert site.counter("a") == 1005


def test_same_job_twice_at_once_has_one_effect(site):
    id, other = uuid7(), uuid7()
    for more in (None, {"resend": True}, {"resend": True}):
        site.send("add", id, more=more, body={"name": "a", "amount": 1})
    site.send("add", other, body={"name": "a", "amount": 1})
    got = site.answers([id, id, id, other])
    assert [r.error for r in got] == [None] * 4
    assert got[0].body == got[1].body == got[2].body
    assert site.counter("a") == 1002


def test_refusals_leave_no_record_and_are_decided_again(site):
    id = uuid7()
    assert site.call("add", id=id, user=1, body={"name": "c", "amount": -9}).error == "RATE_LIMITED"
    assert site.call("add", id=uuid7(), user=1, body={"name": "none"}).error == "NOT_FOUND"
    assert site.db.value("select count(*) from job_done") == 0
    site.db.query("update probe_counter set n = 10 where name = 'c'")
    reply = site.call("add", id=id, user=1, attempt=1, body={"name": "c", "amount": -9})
    assert reply.error is None and reply.json == {"n": 1}
    assert site.db.value("select count(*) from job_done where status = 201") == 1


def test_the_refusal_of_a_job_sent_again_stands_against_the_first_delivery(site):
    """The first was held up in a frozen broker or a network, and comes when its caller has been told no."""
    ids = [uuid7(), uuid7()]
    told = [site.call("add", id=ids[0], user=1, more={"resend": True}, body={"name": "c", "amount": -9}),
            site.call("add", id=ids[1], user=1, attempt=1, body={"name": "c", "amount": -9})]
    assert [(r.error, r.params) for r in told] == [("RATE_LIMITED", {"n": "7"})] * 2
    site.db.query("update probe_counter set n = 100 where name = 'c'")
    for id in ids:
        late = site.call("add", id=id, user=1, body={"name": "c", "amount": -9})
        assert (late.error, late.params) == ("RATE_LIMITED", {"n": "7"})
    assert site.counter("c") == 100 and site.logged("c") == 0
    assert site.call("add", user=1, body={"name": "c", "amount": -9}).json == {"n": 91}    # another job is decided anew


def test_a_refusal_of_a_job_sent_again_stands_against_its_first_delivery(site):
    first = uuid7()
    body = {"name": "late", "amount": 1}
    assert site.call("add", id=first, user=1, more={"resend": True}, body=body).error == "NOT_FOUND"
    assert site.db.value("select count(*) from job_done where id = %s", str(uuid.UUID(bytes=first))) == 1
    site.db.query("insert into probe_counter values ('late', 5)")
    late = site.call("add", id=first, user=1, body=body)        # held up meanwhile behind a broker that was cut off
    assert late.error == "NOT_FOUND" and site.db.value("select n from probe_counter where name = 'late'") == 5
    assert site.call("add", user=1, body=body).json["n"] == 6
    both = [uuid7() for _ in range(2)]                          # one batch: what others in it did stays done
    site.send("add", both[0], more={"resend": True}, body={"name": "nobody", "amount": 1})
    site.send("add", both[1], body=body)
    assert site.broker.reply(both[0]).error == "NOT_FOUND" and site.broker.reply(both[1]).json["n"] == 7


def test_a_job_sent_again_that_meets_its_own_effect_finds_its_record(site):
    first, blocker = uuid7(), site.db.connect(autocommit=False)
    cursor = blocker.cursor()                                   # the first delivery, about to commit elsewhere
    cursor.execute("insert into probe_row values (4711, 1)")
    cursor.execute("insert into job_done (id, op, status, body) values (%s, 'probe.put', 201, '{\"k\":4711}')", (str(uuid.UUID(bytes=first)),))
    site.send("put", first, more={"resend": True}, user=2, body={"k": 4711, "v": 1})
    wait_for("the second delivery to wait for it", lambda: site.db.value(
        "select count(*) from pg_locks where not granted and locktype = 'transactionid'") > 0, 10)
    blocker.commit()
    r = site.broker.reply(first)
    assert r.error is None and r.json == {"k": 4711}
    blocker.close()


def test_refusal_carries_its_texts(site):
    reply = site.call("add", user=1, body={"name": "c", "amount": -9})
    assert (reply.error, reply.params) == ("RATE_LIMITED", {"n": "7"})


def test_ids_that_no_record_could_answer_are_refused(site):
    old = uuid7(time.time() - 25 * 3600)
    assert site.call("add", id=old, user=1, body={"name": "a"}).error == "UPSTREAM_TIMEOUT"
    assert site.call("add", id=uuid7(time.time() + 7200), user=1, body={"name": "a"}).error == "BAD_REQUEST"
    assert site.call("add", id=os.urandom(6) + b"\x40" + os.urandom(9), user=1, body={}).error == "BAD_REQUEST"
    almost = uuid7(time.time() - 23 * 3600)
    assert site.call("add", id=almost, user=1, body={"name": "a"}).error is None
    assert site.call("add", id=almost, user=1, attempt=1, body={"name": "a"}).error is None
    assert site.counter("a") == 1001


# ---- idempotency keys


def test_key_replays_refuses_other_bodies_and_is_scoped(site):
    def add(user=1, key="k1", op="add", **body):
        return site.call(op, user=user, more={"key": key}, body=body)

    first = add(name="a", amount=2)
    again = add(name="a", amount=2)
    assert first.error is None and "Idempotency-Replayed" not in first.headers
    assert again.headers == {**first.headers, "Idempotency-Replayed": "true"}
    assert (again.body, again.status) == (first.body, first.status)
    assert add(name="a", amount=3).error == "IDEMPOTENCY_KEY_REUSED"
    assert site.counter("a") == 1002
    assert add(user=2, name="a", amount=2).json == {"n": 1004}            # another user
    assert add(key="k2", name="a", amount=2).json == {"n": 1006}          # another key
    assert add(op="put", k=1, v=1).json == {"k": 1, "v": 1}               # another operation
    assert add(op="put", k=1, v=1).headers["Idempotency-Replayed"] == "true"
    # a refusal is not kept
    assert add(key="k3", name="c", amount=-9).error == "RATE_LIMITED"
    site.db.query("update probe_counter set n = 10 where name = 'c'")
    assert add(key="k3", name="c", amount=-9).json == {"n": 1}
    # an operation that does not know keys ignores them
    assert site.call("tell", user=1, more={"key": "k1"}, body={}).error is None
    # keys that no client of ours sends
    assert site.call("add", user=1, more={"key": "x" * 256}, body={"name": "a"}).error == "IDEMPOTENCY_KEY_INVALID"
    assert site.call("add", user=1, more={"key": "\u00e9"}, body={"name": "a"}).error == "IDEMPOTENCY_KEY_INVALID"


def test_key_in_progress_elsewhere_is_said(site):
    conn = site.db.connect(autocommit=False)
    conn.cursor().execute("select 1 from probe_counter where name = 'b' for update")
    one = site.broker.worker("probe")
    two = site.start()
    assert one is not two
    first = site.send("add", worker=one, more={"key": "same"}, body={"name": "b", "amount": 1})
    time.sleep(0.5)
    second = site.send("add", worker=two, more={"key": "same"}, body={"name": "b", "amount": 1})
    free = site.send("add", worker=two, more={"key": "other"}, body={"name": "b", "amount": 1})
    time.sleep(0.5)
    conn.rollback()
    conn.close()
    assert [r.error for r in site.answers([first, second, free])] == [None, "IDEMPOTENCY_IN_PROGRESS", None]
    assert site.counter("b") == 1002


def test_twins_in_one_batch_have_one_effect(site):
    conn = site.db.connect(autocommit=False)
    conn.cursor().execute("lock table probe_counter in access exclusive mode")
    plug = [site.send("add", body={"name": "a", "amount": 0}) for _ in range(1)]
    time.sleep(0.3)
    twins = [site.send("add", more={"key": "twin"}, body={"name": "b", "amount": 1}) for _ in range(5)]
    time.sleep(0.5)
    conn.rollback()
    conn.close()
    site.answers(plug)
    got = [r.error for r in site.answers(twins)]
    assert got.count(None) == 1 and got.count("IDEMPOTENCY_IN_PROGRESS") == 4
    assert site.counter("b") == 1001
    replay = site.call("add", user=1, more={"key": "twin"}, body={"name": "b", "amount": 1})
    assert replay.headers["Idempotency-Replayed"] == "true"


# ---- batches


def test_jobs_of_one_name_share_batches_in_order_of_arrival(site):
    ids = [site.send("add", body={"name": "a", "amount": 1}) for _ in range(300)]
    got = site.answers(ids)
    assert [r.json["n"] for r in got] == list(range(1001, 1301))
    batches = site.db.value("select count(distinct batch) from probe_log")
    assert batches < 100, "jobs that wait together are carried out together"
    assert site.counter("a") == 1300


def test_the_line_of_each_job_of_a_batch_names_the_trace_that_the_database_shows(site):
    """Also when the job of that trace was answered before, and is gone (`make san` sees a read of it)."""
    conn = site.db.connect(autocommit=False)
    conn.cursor().execute("lock table probe_counter in access exclusive mode")
    plug = site.send("add", body={"name": "a", "amount": 0})
    wait_for("the plug", lambda: site.db.value("select count(*) from pg_stat_activity where wait_event_type = 'Lock' and pid in "
                                               "(select pid from pg_locks where not granted)"))
    traces = [f"{n:032x}" for n in range(1, 6)]
    ids = []
    for t in traces:
        ids.append(site.send("add", more={"trace": f"00-{t}-00f067aa0ba902b7-01"}, body={"name": "a", "amount": 1}))
        time.sleep(0.06)                                                    # each comes alone, in memory of its own
    conn.rollback()
    conn.close()
    assert [r.error for r in site.answers([plug, *ids])] == [None] * 6

    def lines():
        every = [line for line in site.process.output().splitlines() if "event=job " in line]
        return [next((line for line in every if f"-{t}-" in line), "") for t in traces]

    wait_for("the lines", lambda: all(lines()), 10)
    others = [line.split("shown_as=")[1].split()[0] for line in lines() if "shown_as=" in line]
    assert len(others) >= 3 and set(others) < set(traces), lines()
    assert all(f"-{shown}-" not in line for line, shown in ((x, x.split("shown_as=")[1].split()[0]) for x in lines() if "shown_as=" in x))


def test_one_bad_job_fails_alone(site):
    conn = site.db.connect(autocommit=False)
    conn.cursor().execute("lock table probe_counter in access exclusive mode")
    site.send("add", body={"name": "a", "amount": 0})
    time.sleep(0.3)
    good = [site.send("add", body={"name": "a", "amount": 1}) for _ in range(5)]
    bad = site.send("add", body={"name": "b", "amount": 666})               # breaks check (n >= 0) in the database
    more = [site.send("add", body={"name": "a", "amount": 1}) for _ in range(5)]
    conn.rollback()
    conn.close()
    assert site.broker.reply(bad).error == "INTERNAL"
    assert [r.error for r in site.answers(good + more)] == [None] * 10
    assert site.counter("a") == 1010 and site.counter("b") == 1000
    out = site.process.output()
    assert "event=internal_error" in out and "23514" in out and "probe_counter_n_check" in out


def test_mapped_constraint_is_a_refusal_and_hits_one_job(site):
    assert site.call("put", user=1, body={"k": 5, "v": 1}).error is None
    ids = [site.send("put", body={"k": k, "v": 1}) for k in (6, 5, 7)]
    assert [r.error for r in site.answers(ids)] == [None, "DUPLICATE", None]
    assert site.call("put", user=1, body={"k": 8, "v": 500}).error == "INTERNAL"
    assert site.db.query("select k from probe_row order by k") == [(5,), (6,), (7,)]


def test_deadlocks_are_tried_again(site):
    done = []

    def elsewhere():                                                        # takes b, then a
        conn = site.db.connect(autocommit=False)
        cur = conn.cursor()
        cur.execute("set deadlock_timeout = '10s'")                         # the worker's session is the victim
        cur.execute("update probe_counter set n = n where name = 'b'")
        time.sleep(0.2)
        cur.execute("update probe_counter set n = n where name = 'a'")
        conn.commit()
        conn.close()
        done.append(True)

    thread = threading.Thread(target=elsewhere)
    thread.start()
    time.sleep(0.1)
    reply = site.call("two", user=1, body={"first": "a", "second": "b"})
    thread.join()
    assert reply.error is None and done
    assert (site.counter("a"), site.counter("b")) == (1001, 1001)
    assert not [w for w in ("job_failed", "internal_error") if f"event={w}" in site.process.output()]


def test_slow_reads_do_not_hold_up_writes(site):
    slow = [site.send("get", deadline=20000, body={"n": 8, "pause": 2.5}) for _ in range(3)]
    time.sleep(0.3)
    assert site.call("add", user=1, body={"name": "a"}).error is None
    assert not any(Reply(f).id in slow for _, _, f in site.broker.replies), "answered while the reads still ran"
    assert [r.error for r in site.answers(slow)] == [None] * 3


# ---- connections


def test_connection_lost_before_the_commit_is_done_again_once(site):
    conn = site.db.connect(autocommit=False)
    conn.cursor().execute("select 1 from probe_counter where name = 'a' for update")
    ids = [site.send("add", body={"name": "a", "amount": 1}) for _ in range(20)]
    time.sleep(0.4)
    site.db.query("select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'guahao-worker%%'")
    conn.rollback()
    conn.close()
    assert [r.error for r in site.answers(ids)] == [None] * 20
    assert site.counter("a") == 1020 and site.logged("a") == 20


def test_without_a_database_a_worker_leaves_its_jobs_to_others_and_comes_back(site, cluster):
    worker = site.broker.worker("probe")
    cluster_conn = cluster.connect("postgres")
    cur = cluster_conn.cursor()
    cur.execute(f'alter database "{site.db.name}" with allow_connections false')
    try:
        cur.execute("select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'guahao-worker%%'"
                    " and datname = %s", (site.db.name,))
        before = dict(site.broker.workers)
        id = site.send("add", worker=worker, body={"name": "a", "amount": 1})
        wait_for("the goodbye", lambda: worker.gone, 10)
        time.sleep(0.5)
        assert site.broker.workers.keys() == before.keys(), "it came back without a database"
    finally:
        cur.execute(f'alter database "{site.db.name}" with allow_connections true')
        cluster_conn.close()
    wait_for("READY again", lambda: site.broker.workers.keys() != before.keys(), 10)
    # the broker gives the job out again; what the worker had before it left is not carried out beside it
    assert site.call("add", id=id, user=1, attempt=1, body={"name": "a", "amount": 1}).json == {"n": 1001}
    assert site.counter("a") == 1001 and site.logged("a") == 1


def test_worker_waits_for_migrations_before_ready(cluster):
    database = cluster.create_database()
    system = System(database, {"front.contract_extra": paths.ROOT + "/tests/probe/openapi"})
    broker = FakeBroker(system.var + "/run")
    try:
        p = system._start("probe", [paths.program("tests/probe-worker"), "probe"])
        wait_for("a refused statement", lambda: "event=statement_refused" in p.output())
        assert broker.workers == {} and p.running()
        assert p.stop() == 0
    finally:
        system.destroy()
        broker.close()
        database.drop()


# ---- time


def test_expired_jobs_are_not_begun_and_not_committed(site):
    conn = site.db.connect(autocommit=False)
    conn.cursor().execute("select 1 from probe_counter where name = 'a' for update")
    late = site.send("add", deadline=400, body={"name": "a", "amount": 1})
    time.sleep(0.1)
    waiting = site.send("add", deadline=300, body={"name": "b", "amount": 1})
    good = site.send("add", deadline=8000, body={"name": "a", "amount": 1})
    time.sleep(1)
    assert site.broker.reply(waiting).error == "UPSTREAM_TIMEOUT"          # while the lock is still held
    conn.rollback()
    conn.close()
    assert site.broker.reply(late).error == "UPSTREAM_TIMEOUT"
    assert site.broker.reply(good).error is None
    assert site.counter("a") == 1001 and site.counter("b") == 1000


def test_jobs_of_a_worker_that_stood_still_are_not_begun(site):
    """Its broker has given them to others meanwhile, who may have refused them: that leaves no record (decisions 13)."""
    worker = site.start(**{"broker.heartbeat_ms": 400, "worker.heartbeat_ms": 100})
    held = site.db.connect(autocommit=False)
    held.cursor().execute("select 1 from probe_counter where name = 'a' for update")
    begun = site.send("add", worker=worker, deadline=20000, body={"name": "a", "amount": 1})
    time.sleep(0.3)
    site.process.freeze()
    waiting = site.send("add", worker=worker, deadline=20000, body={"name": "b", "amount": 1})
    held.rollback()                                         # what was begun could go on
    held.close()
    time.sleep(1.5)
    site.process.thaw()
    wait_for("its goodbye", lambda: worker.identity in site.broker.disconnects, 20)
    time.sleep(0.5)
    assert (site.counter("a"), site.counter("b")) == (1000, 1000)
    assert not any(Reply(body).id in (begun, waiting) and not Reply(body).error for _, _, body in site.broker.replies)
    other = site.broker.worker("probe")
    for id, name in ((begun, "a"), (waiting, "b")):         # given again, each is done once
        site.send("add", id=id, worker=other, deadline=20000, body={"name": name, "amount": 1})
        assert site.broker.reply(id).error is None
    assert (site.counter("a"), site.counter("b")) == (1001, 1001)


def test_statement_timeout_is_a_timeout(cluster, template):
    database = cluster.create_database(template=template)
    s = Site(database)
    try:
        s.start(**{"database.statement_timeout_ms": 1000, "database.lock_timeout_ms": 500})
        assert s.call("get", body={"n": 1, "pause": 30.0}).error == "UPSTREAM_TIMEOUT"
        conn = database.connect(autocommit=False)
        conn.cursor().execute("select 1 from probe_counter where name = 'a' for update")
        start = time.monotonic()
        reply = s.call("add", user=1, deadline=3000, body={"name": "a"})
        assert reply.error in ("SERVICE_UNAVAILABLE", "UPSTREAM_TIMEOUT") and time.monotonic() - start < 10
        conn.rollback()
        conn.close()
        assert s.counter("a") == 1000
    finally:
        s.system.destroy()
        s.broker.close()
        database.drop()


# ---- reads and parameters


def test_reads_bind_all_kinds_of_parameters(site):
    body = {"list": [1, 2, 3], "map": {"a": [1, {"b": None}]}, "text": "it's \"x\" \\", "yes": True, "number": 2.5}
    id = uuid7()
    reply = site.broker.call(site.broker.worker("probe"), "probe.who", id=id, body=body,
                             more={"actor": {"user": 1, "lang": "en"}})
    got = reply.json
    assert {k: got[k] for k in body} == body
    assert (got["user"], got["patient"], got["doctor"], got["dept"]) == (1, 11, None, None)
    assert got["job"].replace("-", "") == id.hex() and got["lang"] == "en"
    assert got["tz"] == "Asia/Shanghai" and got["hospital"] == "CNY"
    now = datetime.datetime.fromisoformat(got["now"])
    assert abs(now.timestamp() - time.time()) < 60
    assert got["today"] == now.astimezone(datetime.timezone(datetime.timedelta(hours=8))).date().isoformat()
    empty = site.call("who", user=1, body={"list": []}).json
    assert (empty["list"], empty["map"], empty["text"], empty["yes"]) == ([], None, None, None)


def test_an_error_in_one_read_hits_that_read_alone(site):
    ids = {n: site.send("get", body={"n": n}) for n in (8, 7, 99, -1, 9)}       # 7 divides by zero
    assert site.broker.reply(ids[8]).json == 100
    assert site.broker.reply(ids[7]).error == "INTERNAL"
    assert site.broker.reply(ids[99]).error == "NOT_FOUND"
    refused = site.broker.reply(ids[-1])
    assert (refused.error, refused.params) == ("ACCOUNT_LOCKED", {"n": "60"})
    assert site.broker.reply(ids[9]).json == 50
    bad = site.call("get", body={"n": "x'; drop table users; --"})
    assert bad.error == "INTERNAL" and "drop table" not in site.process.output()
    nul = site.call("get", body={"n": 8, "list": "a\0b"})
    assert nul.error == "VALIDATION_FAILED" and nul.extra["errors"][0]["field"] == "list"
    assert site.call("get", body={"n": 8, "list": ["a\"b", None, {"x": 1}]}).json == 100


def test_a_reply_too_large_to_carry_is_an_error_of_its_own(site):
    """The broker would hang up on it, and the job go round for ever."""
    limit = 32 << 20
    assert len(site.call("big", body={"n": limit}).json) == limit - 2
    assert site.call("big", body={"n": limit + 1}).error == "INTERNAL" and "reply_too_large" in site.process.output()
    assert site.call("big", body={"n": 3}).json == "x"


# ---- who may


def test_access_by_role_permission_and_state_of_the_account(site):
    cases = [
        ("admin", None, "TOKEN_MISSING"), ("admin", 0, "TOKEN_MISSING"), ("admin", 1, "ADMIN_REQUIRED"),
        ("admin", 2, None), ("admin", 3, "TOKEN_USER_GONE"), ("admin", 999, "TOKEN_USER_GONE"),
        ("admin", 4, None), ("admin", 6, "PASSWORD_CHANGE_REQUIRED"),
        ("who", 3, "TOKEN_USER_GONE"), ("who", 6, None), ("who", 7, None),
        ("scoped", 7, "FORBIDDEN"), ("scoped", 6, "PASSWORD_CHANGE_REQUIRED"),
    ]
    for op, user, error in cases:
        assert site.call(op, user=user, body={}).error == error, (op, user)
    scopes = {user: site.call("scoped", user=user, body={}).json["scopes"] for user in (1, 2, 4, 5)}
    # own 8; ADMIN has all, which includes every scope the operation knows (1 + 2 + 8); a head: own and department
    assert scopes == {1: 8, 2: 11, 4: 11, 5: 10}
    assert site.call("get", user=3, body={"n": 8}).error is None                # public: whoever asks
    assert site.call("sync", body={}).error == "FORBIDDEN"                     # inner: trusted peers only
    assert site.call("sync", user=0, body={}).json == {"seq": 0}


def test_writes_see_a_lost_role_or_account_at_once(site):
    assert site.call("add", user=1, body={"name": "a"}).error is None
    site.db.query("update users set is_active = false where id = 1")
    assert site.call("add", user=1, body={"name": "a"}).error == "TOKEN_USER_GONE"
    assert site.call("add", user=1, more={"key": "k"}, body={"name": "a"}).error == "TOKEN_USER_GONE"


def test_reads_use_the_cache_until_an_event_says_otherwise(site):
    assert site.call("admin", user=2, body={}).error is None
    site.db.query("delete from user_roles where user_id = 2")
    site.broker.publish("authz", {"seq": 1, "user": 2})
    wait_for("the event", lambda: site.call("admin", user=2, body={}).error == "ADMIN_REQUIRED", timeout=4)
    site.db.query("insert into user_roles (user_id, role_code) values (2, 'ADMIN')")
    wait_for("age", lambda: site.call("admin", user=2, body={}).error is None, timeout=15)
    site.db.query("delete from role_permissions where role_code = 'PATIENT' and permission_code = 'appointment:read'")
    assert site.call("scoped", user=1, body={}).error is None
    site.broker.publish("authz", {"seq": 2, "user": 0})
    wait_for("the roles", lambda: site.call("scoped", user=1, body={}).error == "FORBIDDEN", timeout=10)
    site.db.query("insert into role_permissions values ('PATIENT', 'appointment:read', 'own')")
    site.broker.publish("beat", {"seq": 9, "broker": b"x" * 16})               # numbers we never saw: reload
    wait_for("the gap", lambda: site.call("scoped", user=1, body={}).error is None, timeout=10)
    for junk in ({"seq": "x"}, {}, {"seq": 3, "user": "y"}, {"seq": 4, "broker": 5}):
        site.broker.publish("beat", junk)
        site.broker.publish("authz", junk)
    assert site.call("who", user=1, body={}).error is None


# ---- events


def test_events_are_published_after_the_commit_and_marked(site):
    assert site.call("tell", user=1, body={}).error is None
    event = site.broker.event("authz")
    row = site.db.row("select id, topic from outbox")
    assert event == {"seq": row[0], "user": 1} and row[1] == "authz"
    wait_for("the mark", lambda: site.db.value("select sent_at is not null from outbox"))


def test_relay_publishes_what_nobody_marked(site):
    site.db.query("insert into outbox (topic, payload, created_at) values ('revoke', '\\x81a475736572 05'::bytea, now())"
                  .replace(" 05", "05"))
    event = site.broker.event("revoke", timeout=15)
    assert event["user"] == 5 and event["seq"] == site.db.value("select id from outbox")
    wait_for("the mark", lambda: site.db.value("select sent_at is not null from outbox"))


def test_an_event_is_told_again_until_a_broker_has_carried_it(site):
    """A PUB socket that is not connected loses what it sends in silence."""
    site.broker.carries = False
    try:
        assert site.call("tell", user=1, body={}).error is None
        first = site.broker.event("authz")
        assert site.broker.event("authz", timeout=10) == first
        assert site.db.value("select sent_at is null from outbox where id = %s", first["seq"])
    finally:
        site.broker.carries = True
    wait_for("the mark", lambda: site.db.value("select sent_at is not null from outbox where id = %s", first["seq"]))


# ---- tasks, upkeep, the end


def test_task_waits_for_threads_without_a_lane(site):
    start = time.monotonic()
    ids = [site.send("hash", user=None, body={}) for _ in range(4)]
    assert [r.json for r in site.answers(ids)] == [True] * 4
    assert time.monotonic() - start < 10
    assert site.db.value("select count(*) from probe_log where name = 'hash' and amount = 1") >= 1


def test_upkeep_makes_partitions_and_removes_what_aged_out(site):
    site.system.stop()
    assert site.db.value("select count(*) from pg_class where relname ~ '^job_done_[0-9]{10}$'") >= 6
    site.db.query("insert into idempotency_keys (user_id, operation, key, body_digest, status, created_at) "
                  "select 1, 'x', g::text, '', 200, now() - interval '25 hours' from generate_series(1, 4500) g")
    site.db.query("insert into idempotency_keys (user_id, operation, key, body_digest, status, created_at) "
                  "values (1, 'x', 'young', '', 200, now())")
    site.start()
    wait_for("removal", lambda: site.db.value("select count(*) from idempotency_keys") == 1, timeout=30)


def test_drain_finishes_what_runs_and_hands_back_the_rest(site):
    conn = site.db.connect(autocommit=False)
    conn.cursor().execute("select 1 from probe_counter where name = 'a' for update")
    worker = site.broker.worker("probe")
    running = site.send("add", body={"name": "a", "amount": 1})
    time.sleep(0.4)
    waiting = [site.send("add", body={"name": "a", "amount": 1}) for _ in range(3)]
    time.sleep(0.2)
    site.process.signal(15)
    time.sleep(0.3)
    assert not worker.gone                                                  # still finishing
    conn.rollback()
    conn.close()
    assert site.broker.reply(running).error is None
    assert site.process.wait(20) == 0
    wait_for("its goodbye", lambda: worker.gone and worker.identity in site.broker.disconnects, 10)
    assert all(Reply(f).id not in waiting for _, _, f in site.broker.replies)
    # the next worker gets them from the broker, which kept them
    site.start()
    for id in waiting:
        assert site.call("add", id=id, user=1, attempt=1, body={"name": "a", "amount": 1}).error is None
    assert site.counter("a") == 1004


def test_drain_ends_in_time_when_a_batch_hangs(site):
    conn = site.db.connect(autocommit=False)
    conn.cursor().execute("select 1 from probe_counter where name = 'a' for update")
    site.send("add", deadline=60000, body={"name": "a", "amount": 1})
    time.sleep(0.4)
    start = time.monotonic()
    assert site.process.stop(timeout=30) == 0
    assert time.monotonic() - start < 15
    conn.rollback()
    conn.close()
    assert site.counter("a") == 1000


# ---- the audit log


def audited(site, action):
    return site.db.query("select entity, entity_id, patient_id, actor, changes from audit_log where action = %s order by id", action)


def test_a_statement_gives_its_entries_of_the_audit_log(site):
    id = uuid7()
    for attempt in (0, 1):
        assert site.call("put", id=id, user=1, attempt=attempt, body={"k": 5, "v": 7}).error is None
    assert site.call("put", user=1, body={"k": 5, "v": 8}).error == "DUPLICATE"
    assert audited(site, "probe.put") == [("row", "5", 11, "patient", {"v": [None, 7]})]
    assert site.db.value("select request_id from audit_log") == str(uuid.UUID(bytes=id))
    wait_for("the seal", lambda: site.db.value("select hash is not null from audit_log"), timeout=10)


def test_a_read_gives_entries_too_and_is_not_answered_without_them(site):
    assert site.call("get", body={"n": 55}).error is None
    assert [r[1] for r in audited(site, "probe.read")] == ["a", "b"]
    ids = {n: site.send("get", body={"n": n}) for n in (55, 56, 8)}
    assert {n: site.broker.reply(i).error for n, i in ids.items()} == {55: None, 56: "INTERNAL", 8: None}
    assert len(audited(site, "probe.read")) == 4
