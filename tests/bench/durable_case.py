"""Durable jobs: from the row to its end, through dispatcher, broker and worker, beside a plain SKIP LOCKED loop."""

from base import Cpu, Wrong, quantile, say
from support.proc import wait_for
from support.system import System

JOBS = 20000
PARALLEL = (8, 64)      # jobs that the dispatcher has under way: the default, and many

# Both sides: a claim that is committed before the work, and an end that is committed after it.
PEER_TABLE = """
create table bench_queue (id uuid primary key, status text not null default 'QUEUED', priority smallint not null default 2,
                          run_at timestamptz not null, args bytea not null, attempts int not null default 0, lease_until timestamptz,
                          response text, finished_at timestamptz) with (fillfactor = 70);
create index bench_queue_due_ix on bench_queue (priority, run_at, id) where status = 'QUEUED';
create index bench_queue_lease_ix on bench_queue (lease_until) where status = 'RUNNING';
"""
PEER_FILL = """
insert into bench_queue (id, run_at, args) select gen_random_uuid(), now(), '\\x80' from generate_series(1, 200000);
vacuum analyze bench_queue;
"""
PEER_LOOP = """
update bench_queue set status = 'RUNNING', attempts = attempts + 1, lease_until = now() + interval '15 s'
 where id = (select id from bench_queue where status = 'QUEUED' and run_at <= now() order by priority, run_at, id limit 1
                for update skip locked) returning id \\gset
update bench_queue set status = 'DONE', lease_until = null, response = '{"text": "hello"}', finished_at = now()
 where id = :id::uuid and status = 'RUNNING';
"""


def many(db, sql):
    for statement in filter(None, map(str.strip, sql.split(";\n"))):
        db.query(statement)


def put(db, n):
    db.query("delete from jobs where op = 'echo.echo'")
    db.query("vacuum analyze jobs")
    db.query("insert into jobs (id, kind, op, service, args, budget_ms, max_attempts, run_at, created_at) "
             "select gh_uuid7_floor(now() - make_interval(secs => g)), 'maintenance', 'echo.echo', 'echo', "
             "'\\x81a4626f647982a474657874a568656c6c6fa66e756d6265722a', 5000, 5, now(), now() from generate_series(1, %s) g", n)


def drain(db, jobs, roots):
    """Seconds from the first claim to the last end, by the database."""
    put(db, jobs)
    with Cpu(roots) as used:
        wait_for("the jobs", lambda: db.value("select count(*) from only jobs where status in ('QUEUED', 'RUNNING') and op = 'echo.echo'") == 0,
                 300, 0.2)
    done, tries, seconds = db.row("select count(*) filter (where status = 'DONE'), max(attempts), extract(epoch from max(finished_at) - "
                                  "min(started_at))::float8 from jobs where op = 'echo.echo'")
    if (done, tries) != (jobs, 1):
        raise Wrong(f"durable: {done} of {jobs} done, up to {tries} attempts")
    took = [t for (t,) in db.query("select extract(epoch from finished_at - started_at)::float8 from jobs where op = 'echo.echo'")]
    return {"rate": jobs / seconds, "p50_ms": quantile(took, 0.5) * 1000, "p99_ms": quantile(took, 0.99) * 1000, "cpu": used.share}


def peer(cluster, db, pgbench, runs):
    many(db, PEER_TABLE)
    best = {}
    for clients in (8, 32):
        rates = []
        for turn in range(runs):
            db.query("truncate bench_queue")
            many(db, PEER_FILL)
            r = pgbench(cluster, db, PEER_LOOP, clients)
            done, running = db.row("select count(*) filter (where status = 'DONE'), count(*) filter (where status = 'RUNNING') from bench_queue")
            if done != r["yes"] or running or done == 200000:
                raise Wrong(f"durable: pgbench says {r['yes']}, {done} are done, {running} run")
            rates.append(r["rate"])
            say(f"  durable run {turn + 1}: pgbench {clients} clients {r['rate']:.0f}/s")
        best[clients] = sorted(rates)[(len(rates) - 1) // 2]
    return best


def measure(cluster, conf, pgbench, median_run, runs, results):
    """On a database of its own: no other pool has anything to do."""
    db = cluster.create_database()
    system = System(db, conf)
    try:
        system.cli("migrate", "up", "--quiet")
        system.cli("keys", "init", "--quiet")
        beside = peer(cluster, db, pgbench, runs)
        system.start_broker()
        system.start_worker("echo")
        for parallel in PARALLEL:
            one_size(system, cluster, db, parallel, runs, median_run, beside, results)
    except BaseException:
        say(system.logs(15))
        raise
    finally:
        system.destroy()


def one_size(system, cluster, db, parallel, runs, median_run, beside, results):
    dispatcher = system.start_worker("jobs", name=f"jobs-{parallel}", conf={"jobs.parallel": parallel})
    db.query("update job_schedules set enabled = false")
    roots = {n: p.pid for n, p in system.processes.items() if p.running()} | {"postgres": cluster.pid}
    got = []
    for turn in range(runs):
        got.append(drain(db, JOBS, roots))
        say(f"  durable run {turn + 1}: {parallel} under way {got[-1]['rate']:.0f}/s, p50 {got[-1]['p50_ms']:.1f} ms")
    m, against = median_run(got), max(beside.values())
    results.append({"name": f"durable-{parallel}", "guahao": round(m["rate"], 1), "peer": round(against, 1), "unit": "jobs/s",
                    "ratio": round(m["rate"] / against, 2), "p50_ms": m["p50_ms"], "p99_ms": m["p99_ms"], "cpu": m["cpu"],
                    "peer_name": "pgbench, a SKIP LOCKED loop of two commits a job, its best", "runs": [round(r["rate"], 1) for r in got]})
    dispatcher.stop()
