"""What is drawn is what the table holds: bars, points and labels of real figures against plain SQL."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest
from matplotlib.dates import date2num
from matplotlib.figure import Figure
from sqlalchemy import text

from trellis_assets.adapters.storage.report_queries import SqlLedger
from trellis_assets.adapters.storage.store import SqlTaskStore
from trellis_assets.domain.submissions import SubmissionOutcome
from trellis_assets.reports import charts
from trellis_assets.testing.fakes import NOW, a_validator
from trellis_assets_tests.ended_tasks import History

DAY = datetime(2026, 11, 23, tzinfo=UTC), datetime(2026, 11, 24, tzinfo=UTC)
TWO = a_validator(2)


@pytest.fixture
def history(store: SqlTaskStore) -> History:
    store.save_validators([a_validator(1), TWO], NOW)
    return History(store)


@pytest.fixture
def tasks(history: History, store: SqlTaskStore) -> pd.DataFrame:
    for number in range(5):
        history.answered(fidelity=0.7 + number / 50, at=NOW + timedelta(minutes=number))
    history.answered(fidelity=0.9, validator=TWO, at=NOW + timedelta(hours=2))
    history.answered(
        outcome=SubmissionOutcome.REJECTED, fidelity=0.0, validator=TWO, at=NOW + timedelta(hours=2)
    )
    history.handed_back("duplicate: of task 1")
    history.handed_back("duplicate: of task 2", validator=TWO)
    history.handed_back("low score: 0.3 under 0.6")
    return pd.concat(list(SqlLedger(store.engine).tasks(*DAY)), ignore_index=True)


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """The figures that a chart's function draws."""
    figures: list[Figure] = []
    make = charts.figure

    def remember(title: str, draw: Callable[[Any], None] | None) -> Figure:
        figures.append(make(title, draw))
        return figures[-1]

    monkeypatch.setattr(charts, "figure", remember)
    return figures


def axes_of(figures: list[Figure]) -> Any:
    (figure,) = figures
    return figure.axes[0]


def test_bars_of_outcomes_stand_over_their_own_hour_and_are_as_high_as_the_table_s_counts(
    tasks: pd.DataFrame, drawn: list[Figure], store: SqlTaskStore
) -> None:
    charts.draw_outcomes(tasks)
    heights: dict[tuple[float, str], float] = {}
    for bars in axes_of(drawn).containers:
        state = bars.get_label().partition(" (")[0].replace(" ", "_")
        for bar in bars:
            if bar.get_height():
                heights[round(bar.get_x(), 6), state] = bar.get_height()
                assert bar.get_width() == pytest.approx(1 / 24)
    with store.engine.connect() as connection:
        rows = connection.execute(text("select finished_at, state from tasks")).all()
    expected: dict[tuple[float, str], float] = {}
    for moment, state in rows:
        hour = pd.Timestamp(moment, tz="UTC").floor("h")
        key = round(float(date2num(hour.to_pydatetime())), 6), str(state)
        expected[key] = expected.get(key, 0) + 1
    assert heights == expected


def test_fidelity_is_drawn_of_accepted_results_alone(tasks: pd.DataFrame, drawn: list[Figure]) -> None:
    assert charts.fidelities(tasks) == {"uid 1": pytest.approx([0.7, 0.72, 0.74, 0.76, 0.78]), "uid 2": [0.9]}
    charts.draw_fidelities(tasks)
    labels = [label.get_text() for label in axes_of(drawn).get_xticklabels()]
    assert labels == ["uid 1\n5", "uid 2\n1"]


def test_reasons_are_summed_over_their_particulars(
    tasks: pd.DataFrame, drawn: list[Figure], store: SqlTaskStore
) -> None:
    counts = SqlLedger(store.engine).reasons(*DAY)
    assert counts.to_dict("records") == [
        {"reason": "duplicate", "tasks": 2},
        {"reason": "low score", "tasks": 1},
    ]
    charts.draw_reasons(counts)
    axes = axes_of(drawn)
    widths = [bar.get_width() for bar in axes.patches]
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert dict(zip(labels, widths, strict=True)) == {"duplicate": 2, "low score": 1}


def test_the_standing_drawn_last_is_the_one_of_each_validator_s_newest_feedback(
    tasks: pd.DataFrame, drawn: list[Figure], store: SqlTaskStore
) -> None:
    charts.draw_standings(tasks)
    last = {line.get_label(): line.get_ydata()[-1] for line in axes_of(drawn).lines}
    with store.engine.connect() as connection:
        rows = connection.execute(
            text(
                "select validator_uid, current_miner_reward from tasks "
                "where state in ('accepted', 'rejected') order by finished_at, key"
            )
        ).all()
    assert last == {f"uid {uid}": pytest.approx(reward) for uid, reward in rows}


def test_stage_times_are_the_table_s_medians(tasks: pd.DataFrame, drawn: list[Figure]) -> None:
    charts.draw_stage_times(tasks)
    axes = axes_of(drawn)
    stages = [label.get_text() for label in axes.get_xticklabels()]
    heights = dict(zip(stages, (bar.get_height() for bar in axes.patches), strict=True))
    assert heights["generation"] == tasks["generation_s"].median()
    assert heights["validation"] == tasks["validation_s"].median()


def test_points_of_score_pairs_are_accepted_results(tasks: pd.DataFrame, drawn: list[Figure]) -> None:
    charts.draw_score_pairs(tasks)
    points = axes_of(drawn).collections[0].get_offsets()
    accepted = tasks[tasks["state"] == "accepted"]
    expected = accepted[["local_score", "task_fidelity_score"]].to_numpy(float).tolist()
    assert sorted(map(tuple, points.tolist())) == sorted(map(tuple, expected))
