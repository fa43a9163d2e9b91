"""What the bench's cases share: failing, saying, and the processor time of processes."""

import os
import time

from support.proc import wait_for


class Wrong(Exception):
    """The database does not agree with the answers, or a side failed: no figure is worth anything then."""


def say(text):
    print(text, flush=True)


def settle(system):
    """Until nothing is on its way any more: what the load did not wait for."""
    wait_for("the queues to be empty", lambda: not any(s["running"] or s["depth"] for s in system.queues()["services"]))


def quantile(values, share):
    """The value that this share of the values does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def cpu_ticks(pids):
    total = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/stat", encoding="ascii") as f:
                fields = f.read().rsplit(")", 1)[1].split()
            total += int(fields[11]) + int(fields[12])
        except (OSError, IndexError):
            pass
    return total


def tree(pid):
    """A process and all that descend from it."""
    children = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", encoding="ascii") as f:
                    children.setdefault(int(f.read().rsplit(")", 1)[1].split()[1]), []).append(int(name))
            except OSError:
                pass
    found, todo = [], [pid]
    while todo:
        p = todo.pop()
        found.append(p)
        todo += children.get(p, [])
    return found


class Cpu:
    """CPU seconds of named process trees between start and stop: `share` of the machine's cores, `seconds` each."""

    def __init__(self, roots):
        self.roots = roots

    def __enter__(self):
        self.at = time.monotonic()
        self.before = {n: cpu_ticks(tree(p)) for n, p in self.roots.items()}
        return self

    def __exit__(self, *a):
        hz, took = os.sysconf("SC_CLK_TCK"), time.monotonic() - self.at
        self.seconds = {n: (cpu_ticks(tree(p)) - self.before[n]) / hz for n, p in self.roots.items()}
        self.share = {n: round(s / took / os.cpu_count(), 3) for n, s in self.seconds.items()}

    def us_each(self, n):
        """CPU microseconds of each process tree for one of n pieces of work: what does not depend on who else uses the machine."""
        return {name: round(s * 1e6 / max(n, 1), 1) for name, s in self.seconds.items()}
