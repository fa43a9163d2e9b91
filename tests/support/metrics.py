"""Prometheus' text format 0.0.4, read strictly: what a scraper would refuse fails here."""

import re
import subprocess

_SAMPLE = re.compile(r'^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (-?[0-9.e+]+|\+Inf|NaN)$')
_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\.)*)"(,|$)')


def _labels(text):
    found, at = {}, 0
    while at < len(text or ""):
        m = _LABEL.match(text, at)
        assert m, text
        assert m[1] not in found, text
        found[m[1]] = m[2]
        at = m.end()
    return found


class Metrics:
    """families: name -> (type, help); samples: (name, frozenset of labels) -> value."""

    def __init__(self, text):
        self.families, self.samples = {}, {}
        family, helped = None, set()
        assert text.endswith("\n")
        for line in text.splitlines():
            if line.startswith("# HELP "):
                _, _, name, told = line.split(" ", 3)
                assert name not in helped and told, line
                helped.add(name)
            elif line.startswith("# TYPE "):
                _, _, family, kind = line.split(" ")
                assert family in helped and family not in self.families, line
                assert kind in ("counter", "gauge", "histogram"), line
                assert (kind == "counter") == family.endswith("_total"), line
                self.families[family] = kind
            else:
                self._sample(line, family)
        self._check_histograms()

    def _sample(self, line, family):
        m = _SAMPLE.match(line)
        assert m, line
        name, labels = m[1], _labels(m[2])
        allowed = [family + s for s in ("_bucket", "_sum", "_count")] if self.families[family] == "histogram" else [family]
        assert name in allowed, f"{line}: not of {family}"
        key = (name, frozenset(labels.items()))
        assert key not in self.samples, f"twice: {line}"
        self.samples[key] = float(m[3])

    def _check_histograms(self):
        series = {}
        for (name, labels), value in self.samples.items():
            if name.endswith("_bucket"):
                rest = {k: v for k, v in labels if k != "le"}
                series.setdefault((name[:-7], frozenset(rest.items())), []).append((float(dict(labels)["le"]), value))
        for (name, labels), buckets in series.items():
            buckets.sort()
            counts = [v for _, v in buckets]
            assert counts == sorted(counts), (name, labels)
            assert buckets[-1][0] == float("inf") and counts[-1] == self.samples[name + "_count", labels], (name, labels)
            assert (name + "_sum", labels) in self.samples

    def sum(self, name, **labels):
        """Of all samples with these labels; 0 when there are none."""
        want = set(labels.items())
        return sum(v for (n, have), v in self.samples.items() if n == name and want <= have)

    def values(self, name, label):
        return {dict(have)[label] for (n, have) in self.samples if n == name and label in dict(have)}

    def names(self):
        """Of all series, histograms as _bucket, _sum and _count."""
        return {n for n, _ in self.samples}


def read(api):
    r = api.get("/metrics")
    assert r.status_code == 200 and r.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    return Metrics(r.text)


def promtool(*args, text=None):
    """Prometheus' own checker; fails with what it says."""
    run = subprocess.run(["promtool", *map(str, args)], input=text, capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stdout + run.stderr
    assert not run.stderr.strip() or "SUCCESS" in run.stdout, run.stderr
    return run.stdout
