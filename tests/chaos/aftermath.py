"""What is looked at after a storm with harm: the counts that are printed, and that jobs go on."""

import json

from support.proc import wait_for


def counts(s):
    """[(name, value)] of a storm: what clients asked for and what became of it."""
    found, _ = s.tally()
    calls = [(k, n) for k, n in s.counts.items() if not k.startswith(" ") and k.endswith((" yes", " no", " unknown"))]
    return [("calls", sum(n for _, n in calls)), ("requests", s.counts["requests"]),
            ("refused", sum(n for k, n in calls if k.endswith(" no"))), ("retried", s.counts["retries"]),
            ("unanswered", len(s.unanswered)), ("lost", sum(len(r) for k, r in found.items() if k.startswith("lost"))),
            ("doubled", sum(len(r) for k, r in found.items() if k.startswith("doubled")))]


ROWS = []                                               # (case, faults, counts, longest outage, [(kind, faults, longest outage)])


def keep(case, s, faults, kinds=()):
    """A row of the table at the end."""
    ROWS.append((case, faults, dict(counts(s)), s.longest_outage()[0], kinds))


def table():
    """The lines of it: what was done, what clients met, and how long one of them was without any answer."""
    columns = ("calls", "refused", "retried", "unanswered", "lost", "doubled")
    if not ROWS:
        return []
    lines = ["", f"{'case':<36} {'faults':>6} " + " ".join(f"{c:>10}" for c in columns) + "  longest outage"]
    for case, faults, values, outage, kinds in ROWS:
        lines.append(f"{case:<36} {faults:6d} " + " ".join(f"{values[c]:10d}" for c in columns) + f"  {outage:.1f} s")
        lines += [f"  {kind:<34} {n:6d} {'':>65}  {longest:.1f} s" for kind, n, longest in kinds]
    return lines


def report(s, harm):
    """What `make chaos` prints."""
    kinds = harm.counts()
    outage, ended = s.longest_outage()
    lines = [("faults injected", len(harm.done))] + [(f"  {what}", n) for what, n in sorted(kinds.items())] + counts(s) + [
        ("longest outage", f"{outage:.1f} s, until {ended:.1f} s after the beginning")]
    print(f"GUAHAO_SEED={s.seed}")
    for name, value in lines:
        print(f"  {name:<40} {value}")
    last = [f"{moment - s.begun:.1f} s {what}" for moment, what in harm.done if ended - outage - 10 < moment - s.begun < ended]
    print("  before and during it:", ", ".join(last))


def jobs_go_on(system, db):
    """Nothing that is due by the hospital's clock stays undone, and no job was given up."""
    shift = json.loads(system.cli("clock", "--json", "--quiet").stdout)["shift_ms"]
    wait_for("due jobs to be done", lambda: db.value(
        "select count(*) = 0 from jobs where status = 'RUNNING' or "
        "(status = 'QUEUED' and run_at < now() + %s * interval '1 ms' - interval '3 s')", shift), 60)
    dead = db.query("select kind, op, unique_key, attempts, error from jobs where dead")
    assert not dead, f"jobs were given up: {dead[:5]}"
