"""Make the charts of the reports from the tasks that ended in a period."""

from typing import TYPE_CHECKING, Any

from trellis_assets.domain.tasks import printable
from trellis_assets.reports.charts import Chart, ChartKind, Series
from trellis_assets.reports.period import ReportPeriod

if TYPE_CHECKING:
    import pandas as pd

# More points make a picture that no browser draws quickly.
_MAX_POINTS = 2_000
_MAX_REASONS, _MAX_REASON_LENGTH = 12, 40
_MAX_VALIDATORS = 8
# In the order in which they are stacked.
OUTCOMES = ("accepted", "rejected", "handed_back", "failed", "answer_unknown")


def outcomes_by_hour(period: ReportPeriod) -> Chart:
    """Count the tasks that ended in each hour, by outcome."""
    import pandas as pd

    ended = period.ended[period.ended["state"].isin(OUTCOMES)]
    counts = pd.crosstab(ended["finished_at"].dt.floor("h"), ended["state"])
    counts = counts.reindex(columns=list(OUTCOMES), fill_value=0)
    hours = _moments(counts.index)
    totals = {name: int(counts[name].sum()) for name in OUTCOMES}
    return Chart(
        key="outcomes_by_hour",
        title="Tasks ended in each hour (UTC)",
        kind=ChartKind.STACKED_HOURS,
        unit="tasks",
        series=tuple(Series(name, hours, _floats(counts[name])) for name in OUTCOMES if totals[name]),
        numbers=totals,
    )


def standings(period: ReportPeriod) -> Chart:
    """Return our standing with each validator at the end of each hour.

    A standing is a level that each feedback states anew: the latest of an hour counts, and holds until the
    next feedback. Validators with the highest standing at the end come first; the eight highest are shown.
    The number `standing` is the sum of the latest standings with all validators.
    """
    said = period.ended.dropna(subset=["current_miner_reward", "validator_uid"])
    said = said[said["state"].isin(["accepted", "rejected"])].sort_values("finished_at")
    said = said.assign(hour=said["finished_at"].dt.floor("h"))
    levels = said.pivot_table(
        index="hour", columns="validator_uid", values="current_miner_reward", aggfunc="last"
    ).ffill()
    last = levels.iloc[-1].sort_values(ascending=False) if len(levels) else None
    series = []
    for uid in [] if last is None else list(last.index[:_MAX_VALIDATORS]):
        known = levels[uid].dropna()
        series.append(Series(f"uid {uid}", _moments(known.index), _floats(known)))
    return Chart(
        key="standing_by_validator",
        title="Standing with each validator",
        kind=ChartKind.LINES,
        unit="accepted in 4 h x rating",
        series=tuple(series),
        y_range=(0.0, None),
        numbers={} if last is None else {"standing": float(last.sum())},
    )


def fidelity_by_validator(period: ReportPeriod) -> Chart:
    """Return each validator's scores of accepted submissions; a rejected or returned task has none."""
    accepted = _accepted(period).dropna(subset=["task_fidelity_score", "validator_uid"])
    scores = accepted.groupby("validator_uid")["task_fidelity_score"]
    return Chart(
        key="fidelity_by_validator",
        title="Fidelity of accepted results, by validator (with counts)",
        kind=ChartKind.BOXES,
        unit="fidelity",
        series=tuple(Series(f"uid {uid}", (), _floats(values)) for uid, values in scores),
        y_range=(0.0, 1.0),
        numbers={"mean_fidelity": float(accepted["task_fidelity_score"].mean())} if len(accepted) else {},
    )


def local_score_against_fidelity(period: ReportPeriod) -> Chart:
    """Return local score and fidelity of the newest 2,000 accepted submissions that have both."""
    both = _accepted(period).dropna(subset=["local_score", "task_fidelity_score"]).tail(_MAX_POINTS)
    numbers = {}
    if len(both):
        numbers["mean_local_score"] = float(both["local_score"].mean())
        numbers["mean_score_gap"] = float((both["local_score"] - both["task_fidelity_score"]).mean())
    return Chart(
        key="local_score_against_fidelity",
        title=f"Local score against fidelity, {len(both)} accepted results",
        kind=ChartKind.POINTS,
        unit="fidelity",
        x_unit="local score",
        series=(Series("accepted", _floats(both["local_score"]), _floats(both["task_fidelity_score"])),),
        y_range=(0.0, 1.0),
        numbers=numbers,
    )


def seconds_by_stage(period: ReportPeriod) -> Chart:
    """Return median and 95th percentile of the seconds that each stage took."""
    tasks = period.ended
    columns = {
        "queue": (tasks["generation_started_at"] - tasks["pulled_at"]).dt.total_seconds(),
        "generation": tasks["generation_s"],
        "validation": tasks["validation_s"],
        "submission": tasks["submission_s"],
    }
    stages = {name: values.dropna().astype(float) for name, values in columns.items()}
    stages = {name: values for name, values in stages.items() if len(values)}
    medians = {name: float(values.quantile(0.5)) for name, values in stages.items()}
    return Chart(
        key="seconds_by_stage",
        title="Seconds by stage (bar: median, mark: 95 %)",
        kind=ChartKind.BARS,
        unit="seconds",
        series=(
            Series("median", tuple(medians), tuple(medians.values())),
            Series("95 %", tuple(stages), tuple(float(v.quantile(0.95)) for v in stages.values())),
        ),
        numbers={f"median_{name}_s": value for name, value in medians.items()},
    )


def not_submitted_by_reason(period: ReportPeriod) -> Chart:
    """Count the tasks that ended without a submission, by the kind of reason, the most frequent first."""
    counts = period.reasons
    shown = counts.head(_MAX_REASONS)
    labels = tuple(printable(str(reason), _MAX_REASON_LENGTH) for reason in shown["reason"])
    return Chart(
        key="not_submitted_by_reason",
        title="Not submitted, by reason",
        kind=ChartKind.RANKING,
        unit="tasks",
        series=(Series("tasks", labels, _floats(shown["tasks"])),),
        numbers={"not_submitted": int(counts["tasks"].sum())},
    )


def _accepted(period: ReportPeriod) -> "pd.DataFrame":
    return period.ended[period.ended["state"] == "accepted"]


def _floats(values: "pd.Series[Any]") -> tuple[float, ...]:
    return tuple(float(value) for value in values)


def _moments(index: "pd.Index[Any]") -> tuple[Any, ...]:
    return tuple(moment.to_pydatetime() for moment in index)
