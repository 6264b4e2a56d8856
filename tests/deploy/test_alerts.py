"""Alerts: each names metrics that there are, has a paragraph in the runbook, and fires when it shall and only then.

Prometheus's own ``promtool`` decides whether an alert fires; where it is not installed those tests are skipped.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from assay_server.metrics import FIGURES, Figures, Metrics

from .alert_cases import CASES
from .conftest import DEPLOY
from .rendering import Objects, Yaml, at, items, mapping

PROMTOOL = shutil.which("promtool")
_NAME = re.compile(r"\b(?:assay|grpc_server|process)_[a-z_]+")


def rules_of(rendered: dict[str, Objects]) -> dict[str, dict[str, Yaml]]:
    """The alerts by name."""
    [group] = items(at(rendered["with/alerts"]["PrometheusRule", "assay"], "spec", "groups"))
    return {str(at(rule, "alert")): mapping(rule) for rule in items(at(group, "rules"))}


def exposed() -> set[str]:
    """Names of the series that a server exposes."""
    metrics = Metrics()
    kinds = dict.fromkeys(FIGURES, 0.0)
    metrics.read(lambda: Figures(counters=kinds, by_reason={}, gauges=kinds))
    for labelled in (metrics.rpcs_handled.labels("s", "m", "OK"), metrics.answered.labels("correct")):
        labelled.inc()
    metrics.rpcs_started.labels("s", "m").inc()
    metrics.rpc_seconds.labels("s", "m").observe(1.0)
    metrics.groups.labels("COMPLETE", "true").inc()
    metrics.refused.labels("R").inc()
    lines = metrics.exposition().decode().splitlines()
    return {re.split(r"[{ ]", line)[0] for line in lines if not line.startswith("#")}


def test_alerts_and_panels_ask_for_metrics_that_there_are(rendered: dict[str, Objects]) -> None:
    known = exposed()
    for name, rule in rules_of(rendered).items():
        assert set(_NAME.findall(str(rule["expr"]))) <= known, name
    dashboard = json.loads((DEPLOY / "dashboards/assay.json").read_text())
    asked = {name for panel in dashboard["panels"] for one in panel["targets"] for name in _NAME.findall(one["expr"])}
    assert asked <= known
    assert {"assay_queue_seconds_bucket", "assay_group_seconds_bucket", "assay_cpu_kills_total"} <= asked


def test_each_alert_has_a_paragraph_in_the_runbook_and_each_paragraph_an_alert(rendered: dict[str, Objects]) -> None:
    page = (DEPLOY.parent / "docs/runbook.md").read_text()
    rules = rules_of(rendered)
    assert re.findall(r"^## (\w+)$", page, re.MULTILINE) == list(rules)
    for name, rule in rules.items():
        assert str(at(rule, "annotations", "runbook_url")).endswith(f"/docs/runbook.md#{name.lower()}")
        assert at(rule, "labels", "severity") in ("warning", "critical")


def test_each_alert_has_a_case(rendered: dict[str, Objects]) -> None:
    assert list(CASES) == list(rules_of(rendered))


@pytest.mark.full
@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed (Debian's package prometheus)")
def test_alerts_fire_when_they_shall_and_only_then(rendered: dict[str, Objects], tmp_path: Path) -> None:
    assert PROMTOOL is not None
    rules = tmp_path / "rules.yaml"
    rules.write_text(
        yaml.safe_dump({"groups": at(rendered["with/alerts"]["PrometheusRule", "assay"], "spec", "groups")})
    )
    cases: list[dict[str, object]] = []
    for name, case in CASES.items():
        for series, wanted in ((case.firing, 1), (case.quiet, 0)):
            cases.append(
                {
                    "interval": "1m",
                    "input_series": [{"series": key, "values": values} for key, values in series.items()],
                    "promql_expr_test": [
                        {
                            "expr": f'count(ALERTS{{alertname="{name}",alertstate="firing"}}) or vector(0)',
                            "eval_time": "90m",
                            "exp_samples": [{"labels": "{}", "value": wanted}],
                        }
                    ],
                }
            )
    tests = tmp_path / "tests.yaml"
    tests.write_text(yaml.safe_dump({"rule_files": [rules.name], "evaluation_interval": "1m", "tests": cases}))
    done = subprocess.run(
        [PROMTOOL, "test", "rules", str(tests)], capture_output=True, text=True, check=False, timeout=300, cwd=tmp_path
    )
    assert done.returncode == 0, done.stdout + done.stderr
