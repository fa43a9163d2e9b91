"""A connection string of several database hosts: who is silent, closed or a standby is passed over, by lanes and by threads that wait."""

import socket

import pytest

from support.proc import wait_for
from support.system import free_port


@pytest.fixture(scope="module")
def system(empty_db, make_system):
    s = make_system(empty_db)
    s.start_broker()
    return s


def several(db, first_port):
    """The database behind another host of the list."""
    c = db.cluster
    return f"host=127.0.0.1,{c.socket_dir} port={first_port},{c.port} user={c.superuser} dbname={db.name}"


@pytest.mark.parametrize("silent", [True, False])
def test_a_first_host_that_is_silent_or_closed_is_passed_over(system, silent):
    """The pool jobs has connections of both kinds: its dispatcher's thread does its work, and its lanes make it ready."""
    db = system.database
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen(64)                                 # connections are made, nobody answers
        port = mute.getsockname()[1] if silent else free_port()
        p = system.start_worker("jobs", conf={"database.url": several(db, port)})
        wait_for("the dispatcher's connection", lambda: db.value(
            "select count(*) > 0 from pg_stat_activity where application_name = 'guahao-worker dispatcher'"), 20)
        assert p.stop() == 0
