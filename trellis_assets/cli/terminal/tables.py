"""Figures as tables for people: statistics, health checks, reports."""

from collections.abc import Sequence
from datetime import datetime

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from trellis_assets.domain.diagnostics import CheckResult, Health
from trellis_assets.domain.statistics import STAGES, StatisticsSnapshot, standing
from trellis_assets.domain.tasks import printable

# Where nothing tells how wide the reader's window is.
_PIPE_WIDTH = 160
# A cell of a report; a hotkey, which is 48 letters and digits.
_LONGEST_CELL, _HOTKEY_LENGTH = 32, 48
_HEALTH_STYLES = {Health.OK: "green", Health.FAILED: "bold red"}


def console(*, errors: bool = False) -> Console:
    """Return where tables are printed; colours only at a terminal, and not where `NO_COLOR` is set."""
    found = Console(stderr=errors, highlight=False, soft_wrap=False)
    if not found.is_terminal:
        found = Console(stderr=errors, highlight=False, width=_PIPE_WIDTH)
    return found


def statistics_table(snapshot: StatisticsSnapshot) -> RenderableType:
    """Return a session's results, its validators and the times of its stages."""
    totals = snapshot.totals
    answered = totals.successful_submissions + totals.rejected_submissions
    share = f" ({totals.successful_submissions / answered:.0%} of {answered} answered)" if answered else ""
    head = Table(box=None, show_header=False, pad_edge=False)
    for name, value in (
        ("since", _when(snapshot.started_at)),
        ("hours", f"{snapshot.uptime_hours:.2f}"),
        ("tasks pulled", str(totals.tasks_pulled)),
        ("accepted", f"{totals.successful_submissions}{share}"),
        ("rejected", str(totals.rejected_submissions)),
        ("answer unknown", str(totals.unknown_submissions)),
        ("handed back", str(totals.handed_back)),
        ("failed", str(totals.failed)),
        ("kept", str(totals.kept)),
        ("in flight", str(totals.in_flight)),
        ("standing", f"{standing(snapshot.validators):.1f} with all validators now; a level, not an income"),
    ):
        head.add_row(name, value)
    tables = (_validators(snapshot), _endpoints(snapshot), _stages(snapshot))
    return Group(head, *(part for table in tables if table.row_count for part in (Text(), table)))


def _validators(snapshot: StatisticsSnapshot) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in (
        "uid",
        "validator",
        "stake",
        "polls",
        "tasks",
        "sent",
        "accepted",
        "handed back",
        "standing",
    ):
        table.add_column(name, justify="left" if name == "validator" else "right", no_wrap=True)
    for each in snapshot.validators:
        table.add_row(
            str(each.uid),
            f"{each.hotkey[:8]}…",
            f"{each.stake:,.0f}",
            str(each.total_pulls),
            str(each.total_tasks_received),
            str(each.total_tasks_submitted),
            str(each.total_successful_submissions),
            str(each.total_handed_back),
            "-" if each.last_reward is None else f"{each.last_reward:.1f}",
        )
    return table


def _endpoints(snapshot: StatisticsSnapshot) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("endpoint, since its first use", "models", "failures", "median s", "busy"):
        table.add_column(name, justify="right" if name != "endpoint, since its first use" else "left")
    for each in snapshot.endpoints:
        table.add_row(
            Text(each.name),
            str(each.generations - each.failures),
            str(each.failures),
            "-" if each.pace_s is None else f"{each.pace_s:.2f}",
            "-" if each.busy_share is None else f"{each.busy_share:.0%}",
        )
    return table


def _stages(snapshot: StatisticsSnapshot) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("stage", "tasks", "mean s", "median s", "95 % s"):
        table.add_column(name, justify="left" if name == "stage" else "right", no_wrap=True)
    for stage in STAGES:
        times = snapshot.stages.get(stage)
        if times is not None and times.count:
            figures = (times.mean, times.p50, times.p95)
            table.add_row(stage, str(times.count), *(f"{figure:.2f}" for figure in figures))
    return table


def checks_table(results: Sequence[CheckResult]) -> Table:
    """Return the doctor's findings, each with what to do where it is not ok."""
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for result in results:
        text = Text(result.text)
        if result.advice:
            text.append(f"\n-> {result.advice}", style="italic")
        health = Text(str(result.health), style=_HEALTH_STYLES.get(result.health, "yellow"))
        table.add_row(Text(result.part), health, text)
    return table


def rows_table(names: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> Table:
    """Return a report's rows: as many of the columns that hold anything as fit.

    Nothing in a cell is markup; hotkeys are shortened, numbers rounded to four digits.

    Args:
        names: of the columns.
        rows: cells as in a CSV file.
        width: of the terminal, in characters.
    """
    filled = [index for index in range(len(names)) if any(row[index] for row in rows)]
    columns = [[names[index], *(_cell(row[index]) for row in rows)] for index in filled]
    shown, used = 0, 0
    for column in columns:
        used += max(len(cell) for cell in column) + 1
        shown += used <= width
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    for heading, *_ in columns[:shown]:
        table.add_column(Text(heading), no_wrap=True)
    for cells in zip(*(column[1:] for column in columns[:shown]), strict=True):
        table.add_row(*map(Text, cells))
    if left := len(columns) - shown:
        table.caption = Text(f"{left} more columns do not fit: --format csv has all, html is a page")
    return table


def _cell(text: str) -> str:
    if len(text) == _HOTKEY_LENGTH and text.isalnum():
        return f"{text[:8]}…"
    line = printable(text, _LONGEST_CELL)
    try:
        return line if line.lstrip("-").isdigit() else f"{float(line):.4g}"
    except ValueError:
        return line


def _when(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
