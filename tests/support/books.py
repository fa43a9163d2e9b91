"""What `guahao books` says of a system's database."""

import json


def broken(system, *args, grace=0):
    """{name of an invariant that does not hold: its examples as texts}, and how many were looked at."""
    done = system.cli("books", "--json", "--quiet", "--grace", str(grace), *args, check=False)
    assert done.returncode in (0, 1), (done.returncode, done.stderr)
    assert done.stdout, (done.returncode, done.stderr)
    said = json.loads(done.stdout)
    found = {i["name"]: [f'{e["id"]}: {e["what"]}' for e in i["examples"]] for i in said["invariants"] if i["differences"]}
    assert said["ok"] == (not found) == (done.returncode == 0), done.stdout
    return found, said["checked"]


def in_order(system, grace=0):
    """Fails with what does not hold."""
    found, checked = broken(system, grace=grace)
    assert not found and checked > 20, "\n".join(f"{name}: {rows}" for name, rows in found.items())
