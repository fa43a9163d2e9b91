"""`guahao replay` on the running system: every row accounted for on all surfaces, exactly the places given out.

Takes the log that GUAHAO_DATA names (decisions 32), or makes one of the same shape.
"""

import csv
import json
import os
import random

import pytest

from support.books import broken

FILE = "vitoria-2016-04-29.csv"
HEADER = ["PatientId", "AppointmentID", "Gender", "ScheduledDay", "AppointmentDay", "Age", "Neighbourhood", "No-show"]


def made_log(path):
    """2,999 bookings of one day: 78 clinics, the busiest with 185 rows, some patients twice in a clinic, two in two clinics."""
    rng = random.Random(20160429)
    sizes = [185, 134, 115, 112] + [0] * 74
    for _ in range(2999 - sum(sizes)):
        sizes[rng.randint(4, 77)] += 1
    rows, patient = [], 0
    for clinic, size in enumerate(sizes):
        first = patient
        for i in range(size):
            if i % 15 == 14:
                who = rng.randint(first, patient - 1)          # again in the same clinic
            else:
                who = patient
                patient += 1
            moment = f"2016-{rng.randint(1, 4):02d}-{rng.randint(1, 28):02d}T{rng.randint(7, 20):02d}:{rng.randint(0, 59):02d}:" \
                     f"{rng.randint(0, 59):02d}Z"
            rows.append([f"{who + 1}.0E+4", len(rows), "F", moment, "2016-04-29T00:00:00Z", 30, f"BAIRRO É {clinic}", "No"])
    rng.shuffle(rows)
    with open(path, "w", newline="", encoding="utf-8") as f:
        csv.writer(f).writerows([HEADER] + rows)


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    given = os.environ.get("GUAHAO_DATA")
    if given:
        path = os.path.join(given, FILE) if os.path.isdir(given) else given
        if os.path.exists(path):
            return path
    path = tmp_path_factory.mktemp("log") / "made.csv"
    made_log(path)
    return str(path)


@pytest.fixture(scope="module")
def facts(log):
    """What must come out when there is room for everybody: the first row of each patient in a clinic is accepted."""
    with open(log, newline="", encoding="utf-8") as f:
        rows = list(csv.DictReader(f))
    pairs = {(r["PatientId"], r["Neighbourhood"]) for r in rows}
    clinics = {}
    for r in rows:
        clinics[r["Neighbourhood"]] = clinics.get(r["Neighbourhood"], 0) + 1
    return {"rows": len(rows), "pairs": len(pairs), "patients": len({p for p, _ in pairs}), "clinics": clinics}


def replay(system, log, *options):
    done = system.cli("replay", log, "--json", "--quiet", *options, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    report = json.loads(done.stdout)
    assert report["accepted"] + report["refused"] == report["rows"]
    assert report["unanswered"] == report["not_sent"] == report["fault_count"] == 0
    assert report["db_orders"] == report["accepted"] == sum(s["accepted"] for s in report["sessions"])
    assert sum(report["reasons"].values()) == report["refused"]
    return report


def outcome(report):
    """What has to be the same on every surface (decisions 32): accepted per clinic, refused per reason."""
    return {s["clinic"]: s["accepted"] for s in report["sessions"]}, report["reasons"]


@pytest.fixture(scope="module")
def outcomes():
    return {}


@pytest.mark.parametrize("surface", ["code", "v1", "heartbeat", "mixed"])
def test_every_row_is_accounted_for(system, log, facts, surface, outcomes):
    report = replay(system, log, "--surface", surface)
    outcomes[surface] = outcome(report)
    assert report["rows"] == facts["rows"] and report["patients"] == facts["patients"]
    assert {s["clinic"]: s["rows"] for s in report["sessions"]} == facts["clinics"]
    # A patient of two clinics may meet himself (PATIENT_CONFLICT); nobody else is refused but second rows.
    conflicts = report["reasons"].get("PATIENT_CONFLICT", 0)
    assert conflicts <= facts["pairs"] - facts["patients"]
    assert report["accepted"] == facts["pairs"] - conflicts
    assert set(report["reasons"]) <= {"DUPLICATE_BOOKING", "PATIENT_CONFLICT"}
    assert report["reasons"].get("DUPLICATE_BOOKING", 0) == facts["rows"] - facts["pairs"]


def test_the_outcome_is_the_same_on_every_surface(outcomes):
    """But for patients who meet themselves in two clinics: who comes first has which place, and so which time."""
    if len(outcomes) < 4:
        pytest.skip("compares what the tests before it have seen")
    most = sum(reasons.get("PATIENT_CONFLICT", 0) for _, reasons in outcomes.values())
    clinics, reasons = outcomes["v1"]
    for surface, (accepted, why) in outcomes.items():
        assert why["DUPLICATE_BOOKING"] == reasons["DUPLICATE_BOOKING"], surface
        other = sum(abs(accepted[c] - clinics[c]) for c in clinics)
        assert accepted.keys() == clinics.keys() and other <= most, surface


@pytest.mark.parametrize("surface", ["code", "v1", "heartbeat"])
def test_a_full_session_takes_exactly_its_places(system, log, facts, surface):
    report = replay(system, log, "--surface", surface, "--places-busiest", "100", "--connections", "128")
    busiest = max(report["sessions"], key=lambda s: s["rows"])
    assert busiest["places"] == 100 and busiest["accepted"] == 100
    full = report["reasons"].get("SLOT_FULL", 0) + report["reasons"].get("SLOT_TAKEN", 0)
    assert full > 0
    assert report["accepted"] == facts["rows"] - report["refused"]


def test_the_books_are_in_order_afterwards(system):
    found, checked = broken(system, grace=120)
    assert not found and checked > 20, found
