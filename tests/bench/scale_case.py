"""What hosts of their own cost and give: jobs over tcp with CURVE and without, bookings with 1, 2 and 4 worker processes."""

import os

import zmq

from base import Cpu, Wrong, say, settle
from support.curve import write_cert
from support.system import System, free_port

PROCESSES = (1, 2, 4)


def _tcp_system(database, conf, keys):
    """Broker, echo worker and front over tcp of the loopback, each program with a key of its own when keys is a directory's name."""
    system = System(database, conf)
    system.cli("keys", "init", "--quiet")
    tcp = {n: f"tcp://127.0.0.1:{free_port()}" for n in ("inner", "events_in", "events_out")}
    broker = {"broker.inner": f"{system.inner},{tcp['inner']}", "broker.events_in": tcp["events_in"], "broker.events_out": tcp["events_out"]}
    links = {name: {f"link.{n}": e for n, e in tcp.items()} for name in ("front", "worker")}
    if keys:
        folder = os.path.join(system.var, keys)
        os.makedirs(os.path.join(folder, "clients"))
        write_cert(os.path.join(folder, "server.key"), *zmq.curve_keypair())
        broker["broker.curve_dir"] = folder
        for name, link in links.items():
            pair, own = zmq.curve_keypair(), os.path.join(system.var, f"{name}.key")
            write_cert(os.path.join(folder, "clients", f"{name}.key"), pair[0], role=name if name == "front" else "worker,jobs,identity")
            write_cert(own, *pair, role=name)
            link.update({"link.cert": own, "link.server_cert": os.path.join(folder, "server.key")})
    try:
        system.start_broker(conf=broker)
        system.start_worker("identity,directory,booking", conf=links["worker"])     # what /readyz asks for
        system.start_worker("echo", conf=links["worker"])
        system.start_front(conf=links["front"])
    except BaseException:
        system.destroy()
        raise
    return system


def curve(database, conf, wrk, connections, runs, median_run, results):
    """Both at once up, measured in turns."""
    sides, measured, cpu = {}, {"plain": [], "curve": []}, {}
    try:
        for name in measured:
            sides[name] = _tcp_system(database, conf, "curve" if name == "curve" else None)
        for turn in range(runs):
            for name, system in sides.items():
                with Cpu({n: p.pid for n, p in system.processes.items()}) as used:
                    r = wrk(system.base + "/bench/echo", "echo.lua", connections)
                if r["refused"] or r["lost"]:
                    raise Wrong(f"echo over tcp, {name}: {r}")
                cpu[name] = used.us_each(r["requests"])
                measured[name].append(r)
                say(f"  curve run {turn + 1}: {name} {r['rate']:.0f}/s, p99 {r['p99_us'] / 1000:.1f} ms, us a job {cpu[name]}")
    finally:
        for system in sides.values():
            system.destroy()
    m, p = median_run(measured["curve"]), median_run(measured["plain"])
    results.append({"name": "curve", "guahao": round(m["rate"], 1), "peer": round(p["rate"], 1), "unit": "jobs/s",
                    "ratio": round(m["rate"] / p["rate"], 3), "p50_ms": m["p50_us"] / 1000, "p95_ms": m["p95_us"] / 1000,
                    "p99_ms": m["p99_us"] / 1000, "peer_name": "tcp without CURVE", "runs": [round(r["rate"], 1) for r in measured["curve"]],
                    "cpu_us": cpu})


def workers(system, database, files, wrk, connections, runs, median_run, reset, check, results):
    """Bookings over many sessions with so many processes of the booking pool; the one that is there counts."""
    measured, extra = {n: [] for n in PROCESSES}, []
    try:
        for n in PROCESSES:
            while len(extra) < n - 1:
                name = f"booking-{len(extra) + 2}"
                system.start_worker("booking", name=name)
                extra.append(name)
            for turn in range(runs):
                reset(database)
                r = wrk(system.base, "book.lua", connections, ("spread", files["tokens"], files["spread"], "2"))
                if r["refused"] or r["lost"]:
                    raise Wrong(f"bookings with {n} processes: {r}")
                settle(system)
                check(database, r["yes"], connections, f"bookings with {n} processes")
                measured[n].append(r)
                say(f"  workers run {turn + 1}: {n} processes {r['rate']:.0f}/s, p50 {r['p50_us'] / 1000:.1f} ms, p99 {r['p99_us'] / 1000:.1f} ms")
    finally:
        for name in extra:
            system[name].stop()
    one = median_run(measured[PROCESSES[0]])["rate"]
    for n in PROCESSES:
        m = median_run(measured[n])
        results.append({"name": f"workers-{n}", "guahao": round(m["rate"], 1), "peer": round(one, 1), "unit": "bookings/s",
                        "ratio": round(m["rate"] / one, 2), "p50_ms": m["p50_us"] / 1000, "p95_ms": m["p95_us"] / 1000,
                        "p99_ms": m["p99_us"] / 1000, "peer_name": "one worker process", "runs": [round(r["rate"], 1) for r in measured[n]]})
