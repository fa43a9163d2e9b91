"""The test clock of a running system (decisions 20)."""

import datetime as dt
import json
import re

from .proc import wait_for


def move(system, words):
    """`guahao clock WORDS`; returns when every process has followed (the front has to have one worker), with what the command says."""
    said = json.loads(system.cli("clock", "--json", "--quiet", words).stdout)
    for name, p in system.processes.items():
        if p.running() and not p.frozen and not name.startswith("broker"):
            wait_for(f"{name} to follow the clock", lambda: _shift_of(p) == said["shift_ms"], 10)
    return said


def _shift_of(process):
    """What it has logged last."""
    told = re.findall(r"event=clock_moved shift_ms=(-?\d+)", process.output())
    return int(told[-1]) if told else 0


def front_time(system):
    return dt.datetime.fromisoformat(system.api().get("/api/v1/system/health").json()["data"]["time"])


def front_shift(system):
    """How many seconds the front is ahead of this machine."""
    return (front_time(system) - dt.datetime.now(dt.timezone.utc)).total_seconds()
