"""Ended jobs and job records go by the day and the hour, while others read and write."""

import uuid

import pytest

from support.proc import wait_for

NOW = "2026-03-09 10:00+00"


@pytest.fixture(scope="module")
def db(empty_db):
    return empty_db


def put(db, status="DONE", finished="2026-03-09 09:00+00", kind="mail", key=None):
    """An ended or waiting job; its id."""
    ended = status not in ("QUEUED", "RUNNING")
    return str(db.value(
        "insert into jobs (id, kind, op, service, args, unique_key, budget_ms, max_attempts, run_at, created_at, status, finished_at, "
        "expires_at, dead) values (%s, %s, 'x.y', 'x', '\\x80', %s, 1, 1, %s, %s, %s, %s, %s::timestamptz + interval '24 hours', %s) "
        "returning id", str(uuid.uuid4()), kind, key, finished, finished, status, finished if ended else None,
        finished if ended else None, status == "FAILED"))


def place(db, job):
    return db.query("select tableoid::regclass::text from jobs where id = %s", job)


def days(db):
    return [r[0] for r in db.query("select inhrelid::regclass::text from pg_inherits where inhparent = 'jobs'::regclass order by 1")]


def test_ended_jobs_move_to_the_day_they_expire_on_and_go_with_it(db):
    db.query("delete from jobs")
    assert db.row("select made, dropped from gh_jobs_days(%s)", NOW)[0] == 4
    assert [f"jobs_ended_202603{d:02}" for d in (9, 10, 11, 12)] == [d for d in days(db) if "202603" in d]
    done, gone, late = put(db), put(db, "CANCELLED"), put(db, finished="2026-03-08 23:59:59.5+00")
    fresh, failed, waits = put(db, finished="2026-03-09 09:59:30+00"), put(db, "FAILED"), put(db, "QUEUED", key="once")
    assert db.value("select gh_jobs_file(%s)", NOW) == 3
    assert db.value("select gh_jobs_file(%s)", NOW) == 0
    assert place(db, done) == place(db, gone) == [("jobs_ended_20260310",)]
    assert place(db, late) == [("jobs_ended_20260309",)]
    assert place(db, fresh) == place(db, failed) == place(db, waits) == [("jobs",)]
    assert db.value("select gh_v1_job(j, 'UTC')->>'status' from jobs j where id = %s", done) == "DONE"
    with pytest.raises(Exception, match="jobs_unique_uq"):
        put(db, "QUEUED", key="once")
    db.query("select gh_jobs_days(%s)", "2026-03-10 00:00:00+00")
    assert place(db, late) == [] and place(db, done) == [("jobs_ended_20260310",)]
    db.query("select gh_jobs_days(%s)", "2026-03-12 01:00:00+00")
    assert place(db, done) == [] and [d for d in days(db) if "202603" in d] == [f"jobs_ended_202603{d}" for d in (12, 13, 14, 15)]
    assert place(db, failed) == place(db, waits) == [("jobs",)]


def test_jobs_move_in_steps_and_past_locked_ones(db):
    db.query("delete from jobs")
    db.query("select gh_jobs_days(%s)", NOW)
    jobs = [put(db) for _ in range(5)]
    conn = db.connect(autocommit=False)
    conn.cursor().execute("select 1 from jobs where id = %s for update", (jobs[0],))
    assert [db.value("select gh_jobs_file(%s, 3)", NOW) for _ in range(3)] == [3, 1, 0]
    assert place(db, jobs[0]) == [("jobs",)]
    conn.rollback()
    conn.close()
    assert db.value("select gh_jobs_file(%s, 3)", NOW) == 1


def test_a_day_that_is_read_is_dropped_later_and_nobody_waits(db):
    db.query("select gh_jobs_days(%s)", NOW)
    conn = db.connect(autocommit=False)
    conn.cursor().execute("select count(*) from jobs_ended_20260309")
    assert db.row("select made > 0 from gh_jobs_days(%s)", "2026-03-20 00:00+00")[0]
    left = [d for d in days(db) if "202603" in d]
    assert left[0] == "jobs_ended_20260309" and "jobs_ended_20260310" not in left
    conn.rollback()
    conn.close()
    db.query("select gh_jobs_days(%s)", "2026-03-20 00:00+00")
    assert "jobs_ended_20260309" not in days(db)


def test_an_hour_of_job_records_that_is_read_is_dropped_later(db):
    hours = "select count(*) from pg_inherits where inhparent = 'job_done'::regclass and inhrelid::regclass::text like 'job_done_20260309%%'"
    db.query("select gh_job_done_partitions(%s, 1)", NOW)
    conn = db.connect(autocommit=False)
    conn.cursor().execute("select count(*) from job_done_2026030909")
    assert db.value(hours) == 3
    assert db.value("select gh_job_done_partitions(%s, 1)", "2026-03-12 00:30+00") == 3         # made all the same
    assert db.value(hours) == 1
    conn.rollback()
    conn.close()
    db.query("select gh_job_done_partitions(%s, 1)", "2026-03-12 00:30+00")
    assert db.value(hours) == 0


def test_the_figures_of_the_queue(db):
    db.query("delete from jobs")
    put(db, "QUEUED"), put(db, "QUEUED"), put(db, "QUEUED", kind="pdf", finished="2026-03-09 11:00+00")
    put(db, "FAILED"), put(db, finished="2026-03-09 08:30+00")
    got = {(f, label): n for f, label, n in db.query("select * from gh_queue_figures(%s)", NOW)}
    assert got[("jobs_queued", "mail")] == 2 and got[("jobs_queued", "pdf")] == 1 and got[("jobs_dead", "mail")] == 1
    assert got[("jobs_oldest_seconds", "")] == 3600 and got[("jobs_unfiled", "")] == 1
    before = got[("strays", "job_done")]
    db.query("insert into job_done (id, op, status) values ('00000000-0000-7000-8000-000000000001', 'x', 200)")
    assert dict((label, n) for f, label, n in db.query("select * from gh_queue_figures(%s)", NOW) if f == "strays")["job_done"] == before + 1
    db.query("delete from job_done_default")


def test_the_dispatcher_moves_and_removes_what_has_ended(db, make_system):
    db.query("delete from jobs")
    db.query("select gh_jobs_days(now() - interval '10 days')")
    old, job = (db.value("select now() - make_interval(secs => %s)", age) for age in (3 * 86400, 7200))
    stray, done = put(db, finished=old), put(db, finished=job)
    system = make_system(db)
    system.start_broker()
    system.start_worker("jobs")
    wait_for("the ended job to move", lambda: place(db, done)[0][0].startswith("jobs_ended_"))
    wait_for("the old one to go", lambda: place(db, stray) == [])
    assert len(days(db)) == 4
