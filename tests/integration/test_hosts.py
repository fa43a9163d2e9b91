"""Broker, worker and front as on hosts of their own: tcp with CURVE between all of them, each with its own key, hosts by
name, and a second broker whose name nobody knows."""

import os

import pytest
import zmq

from support.curve import write_cert
from support.proc import wait_for
from support.system import free_port


@pytest.fixture(scope="module")
def hosts(demo_db, make_system):
    system = make_system(demo_db)
    keys = os.path.join(system.var, "curve")
    os.makedirs(os.path.join(keys, "clients"))
    write_cert(os.path.join(keys, "server.key"), *zmq.curve_keypair())
    tcp = {name: f"tcp://127.0.0.1:{free_port()}" for name in ("inner", "events_in", "events_out")}
    # ipc stays beside it, for the tests' own questions
    broker = {"broker.curve_dir": keys, "broker.inner": f"{system.inner},{tcp['inner']}",
              "broker.events_in": tcp["events_in"], "broker.events_out": tcp["events_out"]}

    def peer(name, role):
        pair = zmq.curve_keypair()
        write_cert(os.path.join(keys, "clients", name), pair[0], role=role)
        write_cert(os.path.join(system.var, name), *pair, role=role)
        return {"link.cert": os.path.join(system.var, name), "link.server_cert": os.path.join(keys, "server.key"),
                **{f"link.{n}": f"{e.replace('127.0.0.1', 'localhost')},tcp://broker2.invalid:5570" for n, e in tcp.items()}}
    front, workers = peer("front1.key", "front"), peer("worker1.key", "worker")
    system.start_broker(conf=broker)
    system.start_worker("identity,directory,booking", conf=workers)
    system.start_front(conf=front)
    return system


def test_a_booking_goes_over_curve(hosts):
    api = hosts.api("13800000001")
    schedule = hosts.database.value("select min(id) from schedules where starts_at > now() + interval '1 day'")
    r = api.post("/api/v1/appointments", {"schedule_id": schedule})
    assert r.status_code == 201, r.text


def test_signing_out_reaches_the_front_over_curve(hosts):
    token = hosts.tokens("--user", "13800000002")[0]
    api = hosts.api(token=token)
    assert api.get("/api/v1/auth/me").status_code == 200
    assert api.post("/auth/logout", {}).status_code == 200
    wait_for("the token to be refused", lambda: api.get("/api/v1/auth/me").status_code == 401, 5)
