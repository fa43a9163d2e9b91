"""Rules for Prometheus and the dashboard for Grafana: valid, tested, and about what a running system shows."""

import json
import os
import re

import yaml

from support import metrics, paths
from support.proc import wait_for

PROMETHEUS = os.path.join(paths.ROOT, "ops", "prometheus")
DASHBOARD = os.path.join(paths.ROOT, "ops", "grafana", "guahao.json")
NAME = re.compile(r"\bguahao_[a-z0-9_]+")


def rules():
    with open(os.path.join(PROMETHEUS, "rules.yml")) as f:
        return [r for g in yaml.safe_load(f)["groups"] for r in g["rules"]]


def panels():
    with open(DASHBOARD) as f:
        return json.load(f)["panels"]


def expressions():
    found = [(r.get("alert") or r["record"], r["expr"]) for r in rules()]
    return found + [(p["title"], t["expr"]) for p in panels() for t in p.get("targets", [])]


def test_promtool_takes_the_configuration_and_the_rules():
    assert "23 rules found" in metrics.promtool("check", "config", os.path.join(PROMETHEUS, "prometheus.yml"))
    metrics.promtool("check", "rules", os.path.join(PROMETHEUS, "rules.yml"))


def test_every_alert_fires_and_stays_quiet_as_it_should():
    metrics.promtool("test", "rules", os.path.join(PROMETHEUS, "rules_test.yml"))
    with open(os.path.join(PROMETHEUS, "rules_test.yml")) as f:
        tested = f.read()
    for alert in [r["alert"] for r in rules() if "alert" in r]:
        assert f"name: {alert} fires" in tested and f"name: {alert} stays quiet" in tested, alert


def test_an_alert_says_how_bad_it_is_and_what_to_do():
    alerts = [r for r in rules() if "alert" in r]
    assert len(alerts) == 20 and len({r["alert"] for r in alerts}) == 20
    for r in alerts:
        assert r["labels"]["severity"] in ("page", "ticket") and r["annotations"]["summary"] and r["annotations"]["action"]


def test_every_expression_is_about_what_a_running_system_shows(system):
    def shown():
        m = metrics.read(system.api())
        return m if m.sum("guahao_database_bytes") else None
    wait_for("the first look at the database", shown, 30)
    m = shown()
    known = {f + s for f, kind in m.families.items() for s in (("_bucket", "_sum", "_count") if kind == "histogram" else ("",))}
    labels = {}
    for name, have in m.samples:
        labels.setdefault(name, set()).update(k for k, _ in have)
    checked = 0
    for where, expression in expressions():
        for name in NAME.findall(expression):
            assert name in known, (where, name)
            checked += 1
        for name, selector in re.findall(r"\b(guahao_[a-z0-9_]+)\{([^}]*)\}", expression):
            for label in re.findall(r"([a-z_]+)(?:=~|!~|!=|=)", selector):
                assert name not in labels or label in labels[name], (where, name, label)
    assert checked > 60
    assert m.sum("guahao_database_bytes") > 1e6 and m.sum("guahao_database_connections") >= 2
    assert m.values("guahao_default_partition_rows", "table") == {"job_done", "audit_log", "user_access_log"}
    assert m.sum("guahao_default_partition_rows") == 0 and m.sum("guahao_replication_standbys") == 0
    assert m.values("guahao_durable_jobs", "status") == {"queued", "running", "dead"}


def test_promtool_reads_every_expression_of_the_dashboard(tmp_path):
    seen = [p["id"] for p in panels()]
    assert len(seen) == len(set(seen))
    file = tmp_path / "dashboard.json"                      # YAML reads JSON
    asked = [(p["title"], t["expr"].replace("$__rate_interval", "5m")) for p in panels() for t in p.get("targets", [])]
    file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": [
        {"record": f"panel:{i}", "expr": e} for i, (_, e) in enumerate(asked)]}]}))
    assert f"{len(asked)} rules found" in metrics.promtool("check", "rules", file)
    at = [(p["gridPos"]["x"], p["gridPos"]["y"]) for p in panels()]
    assert len(at) == len(set(at)) and all(p["gridPos"]["x"] + p["gridPos"]["w"] <= 24 for p in panels())
