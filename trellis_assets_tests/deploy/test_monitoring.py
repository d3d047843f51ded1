"""The alerts and the dashboard use metrics that are exported, and fire when they should."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from prometheus_client.metrics_core import Metric

from trellis_assets.domain.monitoring import MonitoringFacts
from trellis_assets.observability.metrics.exposition import Exposition
from trellis_assets.observability.metrics.machine_metrics import MachineFacts
from trellis_assets.testing.fakes import NOW

DEPLOY = Path(__file__).parents[2] / "deploy"
ALERTS, CONFIG = DEPLOY / "prometheus" / "alerts.yml", DEPLOY / "prometheus" / "prometheus.yml"
DASHBOARD = DEPLOY / "grafana" / "miner.json"
METRIC = re.compile(r"\btrellis_[a-z_]+\b(?!\"|/)")
SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",)}


@pytest.fixture
def promtool() -> str:
    found = shutil.which("promtool")
    if found is None:
        pytest.skip("promtool is not installed: it comes with Prometheus")
    return found


def run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    return said


def exported() -> list[Metric]:
    facts = MachineFacts(now_s=0.0, monotonic_s=0.0, version="1")
    return list(Exposition(lambda: MonitoringFacts(NOW), lambda: facts).families())


def exported_names() -> set[str]:
    return {family.name + suffix for family in exported() for suffix in SUFFIXES[family.type]}


def alert_expressions() -> list[str]:
    groups = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"]
    return [rule["expr"] for group in groups for rule in group["rules"]]


def dashboard_expressions() -> Iterator[str]:
    for panel in json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]:
        for target in panel["targets"]:
            yield target["expr"]


@pytest.mark.parametrize("expression", [*alert_expressions(), *dashboard_expressions()])
def test_every_metric_of_an_alert_or_a_panel_is_exported(expression: str) -> None:
    used = set(METRIC.findall(expression)) - {"trellis_assets"}
    assert used or expression.startswith("up{")
    assert used - exported_names() == set()


def test_every_exported_metric_is_documented() -> None:
    page = (DEPLOY.parent / "docs" / "operating.md").read_text(encoding="utf-8")
    named = set(re.findall(r"trellis_[a-z_]+", page))
    groups = {name for name in named if name.endswith("_")}
    unnamed = {
        family.name
        for family in exported()
        if family.name not in named
        and f"{family.name}_total" not in named
        and not any(family.name.startswith(group) for group in groups)
    }
    assert unnamed == set()


def test_prometheus_takes_the_configuration_and_the_rules(promtool: str) -> None:
    said = run(promtool, "check", "config", str(CONFIG))
    assert f"{len(alert_expressions())} rules found" in said


def test_alerts_fire_when_they_should_and_only_then(promtool: str, tmp_path: Path) -> None:
    shutil.copy(ALERTS, tmp_path)
    shutil.copy(Path(__file__).parent / "alerts_test.yml", tmp_path)
    assert "SUCCESS" in run(promtool, "test", "rules", str(tmp_path / "alerts_test.yml"))


def test_prometheus_takes_every_expression_of_the_dashboard(promtool: str, tmp_path: Path) -> None:
    rules = [{"record": f"panel_{i}", "expr": e} for i, e in enumerate(dashboard_expressions())]
    file = tmp_path / "dashboard.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    assert f"{len(rules)} rules found" in run(promtool, "check", "rules", str(file))


def test_panels_have_titles_units_and_do_not_overlap() -> None:
    panels = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    places = [
        (x, y)
        for panel in panels
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(places) == len(set(places))
    assert max(x for x, _ in places) < 24
    assert all(panel["title"] and panel["description"] for panel in panels)
    assert all(panel["fieldConfig"]["defaults"]["unit"] for panel in panels)
