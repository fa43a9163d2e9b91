"""The rules for Prometheus and the dashboard for Grafana (ops/prometheus, ops/grafana)."""

import json
import os
import re

import yaml

from . import paths

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
