"""What is drawn is what the table holds: values, drawn figures and numbers against plain SQL."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest
from matplotlib.dates import date2num
from sqlalchemy import text

from trellis_assets.adapters.storage.report_queries import SqlReportQueries
from trellis_assets.adapters.storage.store import SqlStore
from trellis_assets.domain.submissions import SubmissionOutcome
from trellis_assets.reports import task_charts
from trellis_assets.reports.charts import Chart, ChartKind
from trellis_assets.reports.drawing import draw_svg, figure
from trellis_assets.reports.period import ReportPeriod
from trellis_assets.reports.tables import REPORTS
from trellis_assets.testing.fakes import NOW, a_validator
from trellis_assets_tests.ended_tasks import History

DAY = datetime(2026, 11, 23, tzinfo=UTC), datetime(2026, 11, 24, tzinfo=UTC)
TWO = a_validator(2)


@pytest.fixture
def history(store: SqlStore) -> History:
    store.validators.save([a_validator(1), TWO], NOW)
    history = History(store)
    for number in range(5):
        history.answered(fidelity=0.7 + number / 50, at=NOW + timedelta(minutes=number))
    history.answered(fidelity=0.9, validator=TWO, at=NOW + timedelta(hours=2))
    history.answered(
        outcome=SubmissionOutcome.REJECTED, fidelity=0.0, validator=TWO, at=NOW + timedelta(hours=2)
    )
    history.handed_back("duplicate: of task 1")
    history.handed_back("duplicate: of task 2", validator=TWO)
    history.handed_back("low score: 0.3 under 0.6")
    return history


@pytest.fixture
def period(history: History, store: SqlStore) -> ReportPeriod:
    return ReportPeriod(SqlReportQueries(store.engine), *DAY)


@pytest.fixture
def sql(store: SqlStore) -> Callable[[str], list[Any]]:
    def query(statement: str) -> list[Any]:
        with store.engine.connect() as connection:
            return list(connection.execute(text(statement)).all())

    return query


def axes_of(chart: Chart) -> Any:
    return figure(chart).axes[0]


def test_bars_of_outcomes_stand_over_their_own_hour_and_are_as_high_as_the_tables_counts(
    period: ReportPeriod, sql: Callable[[str], list[Any]]
) -> None:
    chart = task_charts.outcomes_by_hour(period)
    rows = sql("select finished_at, state from tasks")
    expected = Counter((pd.Timestamp(moment, tz="UTC").floor("h"), str(state)) for moment, state in rows)
    valued = {
        (pd.Timestamp(hour), series.name): value
        for series in chart.series
        for hour, value in zip(series.x, series.y, strict=True)
        if value
    }
    assert valued == expected
    drawn: dict[tuple[float, str], float] = {}
    for bars in axes_of(chart).containers:
        state = bars.get_label().partition(" (")[0].replace(" ", "_")
        for bar in bars:
            if bar.get_height():
                drawn[round(bar.get_x(), 6), state] = bar.get_height()
                assert bar.get_width() == pytest.approx(1 / 24)
    assert drawn == {(round(float(date2num(hour)), 6), state): n for (hour, state), n in expected.items()}
    states = Counter(str(state) for _, state in rows)
    assert dict(chart.numbers) == {name: states[name] for name in task_charts.OUTCOMES}


def test_a_task_that_was_pulled_the_day_before_counts_on_the_day_it_ended(
    store: SqlStore, history: History
) -> None:
    history.answered(at=DAY[0] - timedelta(seconds=1))
    ledger = SqlReportQueries(store.engine)
    yesterday = ReportPeriod(ledger, DAY[0] - timedelta(days=1), DAY[0])
    today = ReportPeriod(ledger, *DAY)
    assert task_charts.outcomes_by_hour(yesterday).is_empty
    assert task_charts.outcomes_by_hour(today).numbers["accepted"] == 7
    assert ledger.rewards(*DAY)["accepted"].sum() == 7, "as the table beside the chart says"


def test_fidelity_is_that_of_accepted_results_alone(
    period: ReportPeriod, sql: Callable[[str], list[Any]]
) -> None:
    chart = task_charts.fidelity_by_validator(period)
    values = {series.name: list(series.y) for series in chart.series}
    assert values == {"uid 1": pytest.approx([0.7, 0.72, 0.74, 0.76, 0.78]), "uid 2": [0.9]}
    assert [label.get_text() for label in axes_of(chart).get_xticklabels()] == ["uid 1\n5", "uid 2\n1"]
    ((mean,),) = sql("select avg(task_fidelity_score) from tasks where state = 'accepted'")
    assert chart.numbers == {"mean_fidelity": pytest.approx(mean)}


def test_reasons_are_summed_over_their_particulars(period: ReportPeriod) -> None:
    chart = task_charts.not_submitted_by_reason(period)
    axes = axes_of(chart)
    widths = [bar.get_width() for bar in axes.patches]
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert dict(zip(labels, widths, strict=True)) == {"duplicate": 2, "low score": 1}
    assert axes.patches[0].get_y() > axes.patches[1].get_y(), "the most frequent on top"
    assert chart.numbers == {"not_submitted": 3}


def test_the_standing_drawn_last_is_that_of_each_validators_newest_feedback(
    period: ReportPeriod, sql: Callable[[str], list[Any]]
) -> None:
    chart = task_charts.standings(period)
    rows = sql(
        "select validator_uid, current_miner_reward from tasks "
        "where state in ('accepted', 'rejected') order by finished_at, key"
    )
    latest = {f"uid {uid}": pytest.approx(reward) for uid, reward in rows}
    assert {line.get_label(): line.get_ydata()[-1] for line in axes_of(chart).lines} == latest
    assert chart.numbers["standing"] == pytest.approx(sum(dict(rows).values()))


def test_stage_times_are_the_tables_medians(period: ReportPeriod) -> None:
    chart = task_charts.seconds_by_stage(period)
    axes = axes_of(chart)
    stages = [label.get_text() for label in axes.get_xticklabels()]
    heights = dict(zip(stages, (bar.get_height() for bar in axes.patches), strict=True))
    for stage in ("generation", "validation"):
        median = period.ended[f"{stage}_s"].median()
        assert heights[stage] == chart.numbers[f"median_{stage}_s"] == median


def test_points_are_local_score_and_fidelity_of_accepted_results(
    period: ReportPeriod, sql: Callable[[str], list[Any]]
) -> None:
    chart = task_charts.local_score_against_fidelity(period)
    points = axes_of(chart).collections[0].get_offsets()
    rows = sql("select local_score, task_fidelity_score from tasks where state = 'accepted'")
    assert sorted(map(tuple, points.tolist())) == sorted(map(tuple, rows))
    gaps = [local - fidelity for local, fidelity in rows]
    assert chart.numbers["mean_score_gap"] == pytest.approx(sum(gaps) / len(gaps))


@pytest.mark.parametrize("name", REPORTS)
def test_no_two_charts_of_a_report_use_one_name_in_dagsters_metadata(period: ReportPeriod, name: str) -> None:
    charts = [make(period) for make in REPORTS[name].charts]
    names = [name for chart in charts for name in (chart.key, *chart.numbers)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("make", dict.fromkeys(make for report in REPORTS.values() for make in report.charts))
def test_every_value_lies_within_the_drawn_axes(
    period: ReportPeriod, make: Callable[[ReportPeriod], Chart]
) -> None:
    chart = make(period)
    axes = axes_of(chart)
    low, high = axes.get_xlim() if chart.kind is ChartKind.RANKING else axes.get_ylim()
    values = [value for series in chart.series for value in series.y]
    assert values
    assert low <= min(values) <= max(values) <= high


def test_an_empty_chart_is_drawn_as_a_sentence(store: SqlStore) -> None:
    chart = task_charts.outcomes_by_hour(ReportPeriod(SqlReportQueries(store.engine), *DAY))
    assert chart.is_empty
    assert "nothing yet" in draw_svg(chart)
