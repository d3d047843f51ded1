"""View models of the start page: states, tables and charts of the figures, as texts still to be escaped."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from trellis_assets.domain.advice import advise
from trellis_assets.domain.answers import answers
from trellis_assets.domain.diagnostics import CheckResult, Health
from trellis_assets.domain.earning_sentences import cost_sentence, earning_sentence
from trellis_assets.domain.mining_progress import PART, name_of_state
from trellis_assets.domain.overview import Outcomes, Overview
from trellis_assets.domain.statistics import ValidatorCounters, together
from trellis_assets.domain.tasks import printable
from trellis_assets.reports import task_charts
from trellis_assets.reports.charts import Chart
from trellis_assets.reports.page import Cell, cell_of, figure_of
from trellis_assets.reports.scales import written
from trellis_assets.servers.gallery import earnings_view
from trellis_assets.servers.gallery.live_figures import LiveFigures

MAX_VALIDATORS = 30
_MAX_GROUPS = 20
_LONGEST = 300
_LEAST_CHANGE = 0.5


@dataclass(frozen=True, slots=True)
class State:
    """What the miner does now.

    Attributes:
        name: in a word or two.
        health: ok, warning or failed; "unknown" before it was looked at.
        text: how that shows, and what to do.
    """

    name: str
    health: str
    text: str


def state_of(figures: LiveFigures) -> State:
    """Return what the miner does, with the parts that have an outage."""
    if figures.mining is None:
        return State("Looking", "unknown", "whether a miner works is being found out")
    mining = next((result for result in figures.mining if result.part == PART), None)
    if mining is None:
        return State("Unknown", "unknown", "nothing tells whether a miner works")
    text = _sentence(mining)
    failed = [check for check in figures.checks or () if check.health is Health.FAILED and check.part != PART]
    if failed and mining.health is Health.OK:
        parts = ", ".join(dict.fromkeys(check.part for check in failed))
        return State(f"Mining, with an outage: {parts}", str(Health.FAILED), _sentence(failed[0]))
    return State(name_of_state(mining), str(mining.health), text)


def _sentence(result: CheckResult) -> str:
    text = printable(result.text, _LONGEST)
    return f"{text}. To do: {printable(result.advice, _LONGEST)}" if result.advice else text


@dataclass(frozen=True, slots=True)
class Period:
    """A tile: what ended in a time, and in the one that it is compared with."""

    name: str
    now: Outcomes
    before_name: str
    before: Outcomes


@dataclass(frozen=True, slots=True)
class ValidatorLine:
    """A validator in the table of standings."""

    name: str
    standing: str
    share: str
    trend: str
    accepted: str
    average: str
    hotkey: Cell


def section_values(figures: LiveFigures) -> dict[str, dict[str, Any]]:
    """Return what each section of the page shows, by its name, in the order of the page."""
    overview, checks = figures.overview, figures.checks
    results = [*(figures.mining or ()), *(check for check in checks or () if check.part != PART)]
    earnings = figures.earnings
    advice = advise(overview, results, earnings)
    sentences = earning_sentence(earnings), cost_sentence(earnings)
    told = answers(overview, advice, *sentences) if overview is not None else []
    unwell = sorted((c for c in checks or () if c.health is not Health.OK), key=lambda c: str(c.health))
    well = [check for check in checks or () if check.health is Health.OK]
    values: dict[str, dict[str, Any]] = {
        "state": {"state": state_of(figures), "overview": overview, "periods": _periods(overview)},
        "questions": {
            "answers": told,
            "problem": figures.problem,
        },
        "advice": {"advice": advice, "is_known": overview is not None},
        "doctor": {"unwell": unwell, "well": well, "is_known": checks is not None},
        "charts": {"figures": [figure_of(chart) for chart in charts_of(overview)] if overview else []},
        "standings": {"lines": [], "more": 0},
        "groups": {"groups": []},
        "earnings": {
            "facts": earnings_view.facts(earnings),
            "lines": earnings_view.lines(earnings, overview),
        },
    }
    if overview is not None:
        lines = validator_lines(overview)
        values["standings"] = {"lines": lines[:MAX_VALIDATORS], "more": max(0, len(lines) - MAX_VALIDATORS)}
        values["groups"] = {
            "groups": [
                ("kind", "By kind of prompt", _group(overview.by_kind)),
                ("endpoint", "By endpoint", _group(overview.by_endpoint)),
            ]
        }
    return values


def charts_of(overview: Overview) -> list[Chart]:
    """Return the charts of the last 24 hours, the same as the reports have."""
    return [
        task_charts.outcomes_chart(overview.counts, overview.day),
        task_charts.standings_chart(overview.levels, overview.day),
        task_charts.reasons_chart(overview.reasons, with_rejected=True),
        task_charts.stages_chart(overview.ended),
        task_charts.fidelity_chart(overview.ended),
    ]


def validator_lines(overview: Overview) -> list[ValidatorLine]:
    """Return the validators that have given a task, the highest standing first."""
    by_hotkey: dict[str, list[ValidatorCounters]] = {}
    for counters in overview.validators:
        by_hotkey.setdefault(counters.hotkey, []).append(counters)
    levels = {hotkey: sum(c.last_reward or 0.0 for c in of) for hotkey, of in by_hotkey.items()}
    whole = sum(levels.values())
    lines = []
    for hotkey in sorted(levels, key=lambda key: (-levels[key], key)):
        seen = together(by_hotkey[hotkey])
        if not seen.total_tasks_received:
            continue
        day = overview.by_validator.get(hotkey, Outcomes())
        lines.append(
            ValidatorLine(
                name=f"uid {seen.uid}",
                standing=written(round(levels[hotkey], 1)),
                share=f"{100 * levels[hotkey] / whole:.0f} %" if whole else "",
                trend=_trend([c.reward_per_hour for c in by_hotkey[hotkey]]),
                accepted=str(day.acceptance),
                average="" if seen.average_score is None else f"{seen.average_score:.3f}",
                hotkey=cell_of(hotkey),
            )
        )
    return lines


def _trend(changes: Sequence[float | None]) -> str:
    known = [change for change in changes if change is not None]
    if not known:
        return "not known"
    change = sum(known)
    if abs(change) < _LEAST_CHANGE:
        return "steady"
    return f"{'▲ rising' if change > 0 else '▼ falling'} {abs(change):,.0f} an hour"


def _periods(overview: Overview | None) -> list[Period]:
    if overview is None:
        return []
    return [
        Period("Last hour", overview.last_hour, "the same hour of the day before", overview.hour_before),
        Period("Last 24 hours", overview.last_day, "the 24 hours before", overview.day_before),
    ]


def _group(groups: Mapping[str, Outcomes]) -> list[tuple[str, Outcomes]]:
    return [(printable(name), of) for name, of in groups.items()][:_MAX_GROUPS]
