"""Make the charts of what is learnt: acceptance, calibration, recipes, gain, what fails."""

from trellis_assets.domain.tasks import printable
from trellis_assets.reports.charts import Chart, ChartKind, Series
from trellis_assets.reports.period import ReportPeriod

# Characters of a hotkey at each end; of a group's name.
_END, _LONGEST, _MOST_ROWS = 4, 60, 12


def accepted_share_by_validator(period: ReportPeriod) -> Chart:
    """Return each validator's accepted share, beside what the acceptance model expects of it."""
    rows = [row for row in period.acceptance if row.answered][:_MOST_ROWS]
    names = tuple(printable(f"{row.validator[:_END]}…{row.validator[-_END:]}") for row in rows)
    answered = sum(row.answered for row in period.acceptance)
    accepted = sum(row.accepted for row in period.acceptance)
    return Chart(
        key="accepted_share_by_validator",
        title="Accepted share by validator (mark: the model)",
        kind=ChartKind.BARS,
        unit="share",
        series=(
            Series("seen", names, tuple(row.share for row in rows)),
            Series("model", names, tuple(row.predicted for row in rows)),
        ),
        y_range=(0.0, 1.0),
        numbers={"accepted_share": accepted / answered} if answered else {},
        empty="no result is answered yet",
    )


def calibration(period: ReportPeriod) -> Chart:
    """Return predicted against seen acceptance: each answer predicted from those before it."""
    bins = period.calibration
    answers = sum(each.answers for each in bins)
    error = sum(each.answers * abs(each.seen - each.predicted) for each in bins)
    return Chart(
        key="calibration",
        title=f"Predicted against seen acceptance, {answers} answers",
        kind=ChartKind.POINTS,
        unit="accepted share",
        x_unit="predicted acceptance",
        series=(
            Series(
                "answers",
                tuple(each.predicted for each in bins),
                tuple(each.seen for each in bins),
            ),
        ),
        y_range=(0.0, 1.0),
        numbers={"calibration_error": error / answers} if answers else {},
        empty="too few answers yet",
    )


def scores_by_recipe(period: ReportPeriod) -> Chart:
    """Return the local scores of each recipe's valid candidates, by kind of prompt."""
    rows = [row for row in period.recipes if row.scores][:_MOST_ROWS]
    return Chart(
        key="scores_by_recipe",
        title="Local scores of candidates, by recipe",
        kind=ChartKind.BOXES,
        unit="local score",
        series=tuple(Series(f"{row.label.partition('@')[0]} {row.kind}", (), row.scores) for row in rows),
        y_range=(0.0, 1.0),
        numbers={"candidates": float(sum(row.candidates for row in period.recipes))},
        empty="no candidate is judged yet",
    )


def reservation_by_recipe(period: ReportPeriod) -> Chart:
    """Return what one more candidate of each recipe promises, the highest on top."""
    known = [(row.label, row.kind, row.reservation) for row in period.recipes if row.reservation is not None]
    rows = sorted(known, key=lambda row: -row[2])[:_MOST_ROWS]
    return Chart(
        key="reservation_by_recipe",
        title="Reservation value by recipe",
        kind=ChartKind.RANKING,
        unit="accepted results",
        series=(
            Series(
                "reservation value",
                tuple(f"{label} ({kind})" for label, kind, _ in rows),
                tuple(max(0.0, value) for *_, value in rows),
            ),
        ),
        numbers={"best_reservation": rows[0][2]} if rows else {},
        empty="nothing is known yet",
    )


def gain_over_control(period: ReportPeriod) -> Chart:
    """Return accepted results of tasks in the control share and of the others; marks: 95 % intervals."""
    rows = period.gain_rows
    names = tuple(row["mined_by"] for row in rows)
    found = period.gain.difference
    numbers = {}
    if found is not None:
        numbers = {"gain": found.difference, "gain_low": found.low, "gain_high": found.high}
    return Chart(
        key="gain_over_control",
        title="Accepted results a task (marks: 95 % interval)",
        kind=ChartKind.BARS,
        unit="share",
        series=(
            Series("share", names, tuple(row["share"] for row in rows)),
            Series("low", names, tuple(row["low"] for row in rows)),
            Series("high", names, tuple(row["high"] for row in rows)),
        ),
        y_range=(0.0, 1.0),
        numbers=numbers,
        empty="none by a policy yet",
    )


def recipe_differences(period: ReportPeriod) -> Chart:
    """Return how each recipe differs from the one with most candidates; marks: 95 % interval."""
    rows = [row for row in period.experiment_rows if row["low"] is not None][:_MOST_ROWS]
    names = tuple(str(row["second"]).partition("@")[0] for row in rows)
    return Chart(
        key="recipe_differences",
        title="Recipes against the usual one (marks: 95 % interval)",
        kind=ChartKind.BARS,
        unit="difference",
        series=(
            Series("difference", names, tuple(row["difference"] for row in rows)),
            Series("low", names, tuple(row["low"] for row in rows)),
            Series("high", names, tuple(row["high"] for row in rows)),
        ),
        numbers={"comparisons": float(len(period.experiment_rows))},
        empty="too few pairs yet",
    )


def what_fails(period: ReportPeriod) -> Chart:
    """Return the groups of models of which more fail than usual, the worst on top."""
    rows = sorted((row for row in period.failing if row.advice), key=lambda row: -row.share)[:_MOST_ROWS]
    failed = [row.usual for row in period.failing[:1]]
    return Chart(
        key="what_fails",
        title="What fails more than usual",
        kind=ChartKind.RANKING,
        unit="share",
        series=(
            Series(
                "failed share",
                tuple(
                    printable(f"{row.by}: {row.value}, {row.failed} of {row.models}", _LONGEST)
                    for row in rows
                ),
                tuple(row.share for row in rows),
            ),
        ),
        numbers={"failed_share": failed[0]} if failed else {},
        empty="nothing that can be seen yet",
    )
