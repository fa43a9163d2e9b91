"""Every operation that only administrators may call, and that changes something, leaves its entry in the audit log (R-214)."""

import pytest

from support import access_table as table
from support.access_table import body, query
from support.house import open_house
from test_authorisation import World, fill

# What administrators alone may call and what changes nothing.
NO_CHANGE = {"system.v1_verify_audit_log", "identity.oauth_introspect_token",
             "directory.remove_department_head"}       # the table's doctor is none

# Where what the table sends is what is there already.
OTHERWISE = {
    "identity.v1_update_role": body(name="另一职"),
    "identity.set_user_role": body(is_admin=True),
    "system.update_config": body(registration={"noShowLimit": 7}),
    "system.update_consultation_config": query(max_pass_count=7),
    "system.v1_update_config": body(**{"code.resend_s": 77}),
    "pricing.update_global_prices": query(default_price_normal=77),
    "pricing.update_identity_discounts": body(student=0.77),
}

ROWS = [row for row in table.TABLE if row[1] != "GET" and row[3][-1] == "y" and row[3].count("y") == 1 and row[0] not in NO_CHANGE]


@pytest.fixture(scope="module")
def world(empty_db, make_system):
    house = open_house(empty_db, make_system)
    house.reset()
    yield World(house, empty_db)
    house.close()


def entries(world, response):
    return world.h.run("select action, entity, actor_id, outcome, surface, changes from audit_log where request_id = %s",
                       response.headers["X-Request-Id"])


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_change_has_its_entry(world, row):
    operation, method, path, _, send = row
    send = OTHERWISE.get(operation, send)
    r = world.api("admin", False).request(method, fill(world, path), **(send(world) if send else {}))
    rows = entries(world, r)
    assert rows, (r.status_code, r.text[:300])
    surface = {".v1": "v1", ".hb": "heartbeat"}.get("." + operation.split(".")[1].split("_")[0], "code")
    for action, entity, actor, outcome, shown, changes in rows:
        assert (actor, outcome, shown) == (world.users["admin"], "success", surface)
        assert "." in action and entity and isinstance(changes, dict)
        assert world.password not in str(changes)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_refused_one_is_noted_as_denied(world, row):
    operation, method, path, _, send = row
    asked = {"headers": {"X-Request-Id": f"denied-{operation}"[:64]}, **(send(world) if send else {})}
    r = world.api("staff", False).request(method, fill(world, path), **asked)
    found = entries(world, r)
    assert [(e[0], e[1], e[2], e[3], e[5]) for e in found] == [
        (operation, operation.split(".")[0], world.users["staff"], "denied", {})], (r.status_code, r.text)


def test_the_log_is_whole(world):
    assert len(ROWS) > 40
    done = world.house.system.cli("audit", "verify", check=False)
    assert done.returncode == 0, done.stdout
