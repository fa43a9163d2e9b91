"""Durable jobs over the probe pool: a broker, dispatchers, and jobs that a test writes as rows."""

import uuid

import msgpack

from . import paths
from .broker import uuid7
from .proc import wait_for

PROBE = """
create table probe_counter (name text primary key, n bigint not null check (n >= 0));
create table probe_log (id bigint generated always as identity, name text, amount bigint, batch bigint, place bigint);
create table probe_row (k bigint constraint probe_row_pk primary key, v bigint constraint probe_row_ck check (v < 100));
insert into probe_counter values ('a', 1000), ('c', 3);
insert into users (id, username) values (1, 'patient'), (2, 'admin'), (3, 'other');
insert into user_roles (user_id, role_code) values (1, 'PATIENT'), (2, 'ADMIN'), (3, 'PATIENT');
"""


class Site:
    """Broker, dispatchers and the probe pool; jobs are rows that the test writes."""

    def __init__(self, database, make_system, **conf):
        self.db = database
        database.query(PROBE)
        database.query("update job_schedules set enabled = false")
        conf = {"front.contract_extra": paths.ROOT + "/tests/probe/openapi", "jobs.lease_ms": 2000, **conf}
        self.system = make_system(database, conf)
        self.system.start_broker()
        self.start_probe()
        self.system.start_worker("jobs,identity")
        self.db.query("update job_schedules set enabled = false")

    def start_probe(self):
        self.probe = self.system._start("probe", [paths.program("tests/probe-worker"), "probe"])
        return self.probe

    def put(self, op, body=None, owner=1, service="probe", budget=5000, attempts=5, key=None, priority=2, after=0,
            kind="maintenance"):
        job = str(uuid.UUID(bytes=uuid7()))
        self.db.query(
            "insert into jobs (id, kind, op, service, args, owner_id, unique_key, priority, budget_ms, max_attempts, run_at, "
            "created_at) values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, now() + make_interval(secs => %s), now())",
            job, kind, op, service, msgpack.packb({"body": body} if body is not None else {}), owner, key, priority, budget,
            attempts, after)
        return job

    def job(self, job):
        return dict(zip(("status", "dead", "attempts", "response", "response_status", "error", "progress"), self.db.row(
            "select status, dead, attempts, response, response_status, error, progress from jobs where id = %s", job)))

    def ended(self, job, timeout=60):
        wait_for(f"the end of job {job}", lambda: self.job(job)["status"] in ("DONE", "FAILED", "CANCELLED"), timeout)
        return self.job(job)

    def logged(self, name):
        return self.db.value("select count(*) from probe_log where name = %s", name)

    def open_jobs(self):
        return self.db.value("select count(*) from jobs where status in ('QUEUED', 'RUNNING')")
