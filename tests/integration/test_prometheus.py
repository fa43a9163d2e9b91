"""Rules for Prometheus and the dashboard for Grafana: valid and tested; about what a running system shows: api/test_operators.py."""

import json
import os

from support import metrics
from support.watching import PROMETHEUS, panels, rules


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
