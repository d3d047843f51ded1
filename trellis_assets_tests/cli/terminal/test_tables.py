"""Tables hold the figures of the values that they show."""

import io

import pytest
from rich.console import Console, RenderableType

from trellis_assets.cli.terminal.tables import checks_table, console, rows_table, statistics_table
from trellis_assets.domain.diagnostics import CheckResult, Health
from trellis_assets.domain.endpoints.endpoints import Endpoint
from trellis_assets.domain.statistics import StageTimes, StatisticsSnapshot, Totals, ValidatorCounters
from trellis_assets.testing.fakes import NOW


def shown(table: RenderableType) -> str:
    to = Console(file=io.StringIO(), width=120)
    to.print(table)
    text: str = to.file.getvalue()  # type: ignore[attr-defined]
    return text


def test_statistics_show_results_validators_endpoints_and_stages() -> None:
    snapshot = StatisticsSnapshot(
        taken_at=NOW,
        session_id=None,
        started_at=NOW,
        totals=Totals(tasks_pulled=9, successful_submissions=3, rejected_submissions=1, handed_back=2),
        validators=(ValidatorCounters("m", 5, "5Fabcdefgh", 1000.0, total_pulls=40, last_reward=2.0),),
        stages={"generation": StageTimes(4, 1.5, 1.25, 3.0)},
        endpoints=(Endpoint("gpu", generations=4, failures=1),),
    )
    lines = [line.split() for line in shown(statistics_table(snapshot)).splitlines()]
    assert ["accepted", "3", "(75%", "of", "4", "answered)"] in lines
    assert ["handed", "back", "2"] in lines
    assert ["5", "5Fabcdef…", "1,000", "40", "0", "0", "0", "0", "2.0"] in lines
    assert ["gpu", "3", "1", "-", "-"] in lines
    assert ["generation", "4", "1.50", "1.25", "3.00"] in lines


def test_a_check_that_is_not_ok_says_what_to_do() -> None:
    checks = [
        CheckResult("store", Health.OK, "it answers"),
        CheckResult("disk", Health.FAILED, "[full]", "free some space"),
    ]
    text = shown(checks_table(checks))
    assert "-> free some space" in text
    assert "[full]" in text


def test_a_reports_cells_are_shown_as_they_are() -> None:
    text = shown(rows_table(["name", "value"], [["[red]a[/]", "1"], ["b\x07", ""]], width=80))
    assert "[red]a[/]" in text
    assert "\x07" not in text


def test_a_report_wider_than_the_terminal_says_how_many_columns_are_left_out() -> None:
    names = ["hotkey", "empty", "score", "prompt", "last"]
    row = ["5" * 48, "", "0.123456", "p" * 100, "x"]
    text = shown(rows_table(names, [row], width=50))
    assert text.split()[:3] == ["hotkey", "score", "prompt"]
    assert "55555555… 0.1235" in text
    assert "1 more columns do not fit" in text


def test_no_colour_leaves_a_pipe_or_where_it_is_not_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    assert console().color_system is None
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert console().no_color
