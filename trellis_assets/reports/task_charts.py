"""Make the charts of the reports and of the start page from the tasks that ended in a period."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from statistics import fmean, median

import numpy as np

from trellis_assets.domain.ended_tasks import EndedTask, HourStanding, OutcomeCount
from trellis_assets.domain.tasks import printable
from trellis_assets.reports.charts import Chart, ChartKind, Series
from trellis_assets.reports.period import ReportPeriod

# More points make a picture that no browser draws quickly.
_MAX_POINTS = 2_000
_MAX_REASONS, _MAX_REASON_LENGTH = 12, 60
_MAX_VALIDATORS = 8
_KEY_LENGTH = 8
# In the order in which they are stacked.
OUTCOMES = ("accepted", "rejected", "handed_back", "failed", "answer_unknown")
_STAGES = ("queue", "generation", "validation", "submission")


def outcomes_by_hour(period: ReportPeriod) -> Chart:
    """Count the tasks that ended in each hour, by outcome."""
    return outcomes_chart(period.outcomes, (period.start, period.end))


def outcomes_chart(counts: Iterable[OutcomeCount], span: tuple[datetime, datetime]) -> Chart:
    """Return counted outcomes as bars of hours, over a span of time."""
    of: dict[str, Counter[datetime]] = {name: Counter() for name in OUTCOMES}
    for count in counts:
        if count.state in of:
            of[count.state][count.hour] += count.tasks
    hours = sorted({hour for by_hour in of.values() for hour in by_hour})
    totals = {name: by_hour.total() for name, by_hour in of.items()}
    return Chart(
        key="outcomes_by_hour",
        title="Tasks ended in each hour (UTC)",
        kind=ChartKind.STACKED_HOURS,
        unit="tasks",
        series=tuple(
            Series(name, tuple(hours), tuple(float(of[name][hour]) for hour in hours))
            for name in OUTCOMES
            if totals[name]
        ),
        x_range=span,
        numbers=totals,
        empty="no task ended in this time",
    )


def standings(period: ReportPeriod) -> Chart:
    """Return our standing with each validator at the end of each hour."""
    return standings_chart(period.standings, (period.start, period.end))


def standings_chart(levels: Sequence[HourStanding], span: tuple[datetime, datetime]) -> Chart:
    """Return standings as levels over a span of time.

    A standing is a level that each feedback states anew: the latest of an hour counts, and holds until the
    next feedback. Validators with the highest standing at the end come first; the eight highest are shown.
    The number `standing` is the sum of the latest standings with all validators.
    """
    by_pair: dict[tuple[str, str], list[HourStanding]] = defaultdict(list)
    for level in levels:
        by_pair[level.miner_hotkey, level.validator_hotkey].append(level)
    has_miners = len({miner for miner, _ in by_pair}) > 1
    found = sorted(by_pair.values(), key=lambda of: -of[-1].standing)
    return Chart(
        key="standing_by_validator",
        title="Standing with each validator",
        kind=ChartKind.LINES,
        unit="accepted in 4 h x rating",
        series=tuple(
            Series(
                _name_of(of[-1], has_miners=has_miners),
                tuple(level.hour for level in of),
                tuple(level.standing for level in of),
            )
            for of in found[:_MAX_VALIDATORS]
        ),
        y_range=(0.0, None),
        x_range=span,
        numbers={"standing": sum(of[-1].standing for of in found)} if found else {},
        empty="no validator has answered a result in this time",
    )


def _name_of(level: HourStanding, *, has_miners: bool) -> str:
    uid = level.validator_uid
    name = f"uid {uid}" if uid is not None else level.validator_hotkey[:_KEY_LENGTH]
    return f"{name}, miner {level.miner_hotkey[:_KEY_LENGTH]}" if has_miners else name


def fidelity_by_validator(period: ReportPeriod) -> Chart:
    """Return each validator's scores of accepted submissions; a rejected or returned task has none."""
    return fidelity_chart(period.ended)


def fidelity_chart(ended: Iterable[EndedTask]) -> Chart:
    """Return the distribution of the scores of accepted results, by validator."""
    scores: dict[int, list[float]] = defaultdict(list)
    for task in ended:
        if task.state == "accepted" and task.fidelity is not None and task.validator_uid is not None:
            scores[task.validator_uid].append(task.fidelity)
    together = [score for of in scores.values() for score in of]
    return Chart(
        key="fidelity_by_validator",
        title="Fidelity of accepted results, by validator",
        kind=ChartKind.BOXES,
        unit="fidelity",
        series=tuple(Series(f"uid {uid}", (), tuple(scores[uid])) for uid in sorted(scores)),
        y_range=(0.0, 1.0),
        numbers={"mean_fidelity": fmean(together)} if together else {},
        empty="no result was accepted in this time",
    )


def local_score_against_fidelity(period: ReportPeriod) -> Chart:
    """Return local score and fidelity of the newest 2,000 accepted submissions that have both."""
    pairs = [
        (task.local_score, task.fidelity)
        for task in period.ended
        if task.state == "accepted" and task.local_score is not None and task.fidelity is not None
    ][-_MAX_POINTS:]
    numbers = {}
    if pairs:
        numbers["mean_local_score"] = fmean(local for local, _ in pairs)
        numbers["mean_score_gap"] = fmean(local - fidelity for local, fidelity in pairs)
    return Chart(
        key="local_score_against_fidelity",
        title=f"Local score against fidelity, {len(pairs):,} accepted results",
        kind=ChartKind.POINTS,
        unit="fidelity",
        x_unit="local score",
        series=(Series("accepted", tuple(x for x, _ in pairs), tuple(y for _, y in pairs)),),
        y_range=(0.0, 1.0),
        numbers=numbers,
        empty="no accepted result has both in this time",
    )


def seconds_by_stage(period: ReportPeriod) -> Chart:
    """Return median and 95th percentile of the seconds that each stage took."""
    return stages_chart(period.ended)


def stages_chart(ended: Sequence[EndedTask]) -> Chart:
    """Return median and 95th percentile of the stages of tasks."""
    columns = zip(
        *((task.queue_s, task.generation_s, task.validation_s, task.submission_s) for task in ended),
        strict=True,
    )
    stages = {name: [v for v in of if v is not None] for name, of in zip(_STAGES, columns, strict=False)}
    stages = {name: values for name, values in stages.items() if values}
    medians = {name: float(median(values)) for name, values in stages.items()}
    return Chart(
        key="seconds_by_stage",
        title="Time of each stage (bar: median, mark: 95 % are done)",
        kind=ChartKind.BARS,
        unit="seconds",
        series=(
            Series("median", tuple(medians), tuple(medians.values())),
            Series("95 %", tuple(stages), tuple(float(np.quantile(v, 0.95)) for v in stages.values())),
        ),
        numbers={f"median_{name}_s": value for name, value in medians.items()},
        empty="no task ended in this time",
    )


def not_submitted_by_reason(period: ReportPeriod) -> Chart:
    """Count the tasks that ended without a submission, by the kind of reason, the most frequent first."""
    return reasons_chart(period.reasons)


def reasons_chart(counts: Sequence[tuple[str, int]], *, with_rejected: bool = False) -> Chart:
    """Return counted reasons as a ranking; those that come first are shown.

    Args:
        counts: the most frequent first.
        with_rejected: whether rejected results are among them.
    """
    name = "accepted" if with_rejected else "submitted"
    shown = counts[:_MAX_REASONS]
    return Chart(
        key=f"not_{name}_by_reason",
        title=f"Not {name}, by reason",
        kind=ChartKind.RANKING,
        unit="tasks",
        series=(
            Series(
                "tasks",
                tuple(printable(str(reason), _MAX_REASON_LENGTH) for reason, _ in shown),
                tuple(float(tasks) for _, tasks in shown),
            ),
        ),
        numbers={f"not_{name}": int(sum(tasks for _, tasks in counts))},
        empty=f"every task that ended was {name}",
    )
