"""Reports of what is learnt: every figure against plain SQL over the tables that it came from."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from statistics import fmean, median
from typing import Any

import pytest
from sqlalchemy import text

from trellis_assets.adapters.storage.store import SqlStore
from trellis_assets.domain.candidates import StoredCandidate, StoredDecision
from trellis_assets.domain.learning.policy import CONTROL_SHARE
from trellis_assets.domain.submissions import SubmissionOutcome
from trellis_assets.domain.tasks import TaskKind
from trellis_assets.reports import learning_charts
from trellis_assets.reports.period import ReportPeriod
from trellis_assets.reports.tables import REPORTS
from trellis_assets.testing.fakes import NOW, a_validator, a_verdict
from trellis_assets_tests.ended_tasks import History

DAY = (NOW.replace(hour=0), NOW.replace(hour=0) + timedelta(days=1))
VALIDATORS = [a_validator(1), a_validator(2), a_validator(3)]
REJECTED = SubmissionOutcome.REJECTED


@pytest.fixture
def period(store: SqlStore) -> ReportPeriod:
    """A day: 24 answers by two validators, 0 of 2 by a third, candidates of two recipes, a control share."""
    history = History(store)
    store.validators.save(VALIDATORS, NOW)
    for number in range(24):
        score = 0.5 + 0.02 * (number % 20)
        outcome = SubmissionOutcome.ACCEPTED if score > 0.68 else REJECTED
        kind = TaskKind.IMAGE if number % 4 == 0 else TaskKind.TEXT
        task = history.answered(
            f"a brass lamp {number}" if kind is TaskKind.TEXT else None,
            score=score,
            outcome=outcome,
            at=NOW + timedelta(seconds=10 * number),
            validator=VALIDATORS[number % 2],
            kind=kind,
        )
        is_control = number % 5 == 0
        store.decisions.record(
            StoredDecision(
                task.key,
                NOW,
                "single" if is_control else "learned",
                "submit",
                "made up",
                fallback=f"{CONTROL_SHARE}: one of the 5% of tasks" if is_control else None,
            )
        )
        for index, recipe in enumerate(("usual", "strict")):
            made = candidate(task.key, index, recipe, score + 0.05 * index)
            store.candidates.record(made)
    store.candidates.record(replace(candidate(1, 0, "strict", 0.9), is_idle=True))
    store.candidates.record(replace(candidate(2, 2, "strict", None), problem="collapsed"))
    for number in range(2):
        history.answered(outcome=REJECTED, validator=VALIDATORS[2], at=NOW + timedelta(minutes=9 + number))
    return ReportPeriod(store.reports, *DAY)


def candidate(task: int, number: int, recipe: str, score: float | None) -> StoredCandidate:
    return StoredCandidate(
        task_key=task,
        number=number,
        recipe=recipe,
        recipe_version="0123456789ab",
        generator="embedded 2",
        endpoint="gpu-1",
        seed=number,
        started_at=NOW,
        finished_at=NOW + timedelta(seconds=2 + number),
        duration_s=2.0 + number,
        splat_count=8000,
        verdict=a_verdict(score) if score is not None else None,
    )


@pytest.fixture
def sql(store: SqlStore) -> Callable[[str], list[Any]]:
    def ask(query: str) -> list[Any]:
        with store.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(query))]

    return ask


def test_accepted_shares_are_the_tables_and_0_of_2_tells_nothing(
    period: ReportPeriod, sql: Callable[[str], list[Any]]
) -> None:
    counted = sql(
        "select validator_hotkey, sum(case when state = 'accepted' then 1 else 0 end), count(*) from tasks "
        "where state in ('accepted', 'rejected') group by validator_hotkey"
    )
    found = {row.validator: (row.accepted, row.answered) for row in period.acceptance}
    assert found == {hotkey: (accepted, answered) for hotkey, accepted, answered in counted}
    for row in period.acceptance:
        assert row.low <= row.share <= row.high
        assert row.predicted_low <= row.predicted <= row.predicted_high
    (third,) = [row for row in period.acceptance if row.answered == 2]
    assert third.told.startswith("0 of 2 tells no difference")
    assert third.predicted > 0.05, "shrunk towards what others accept"
    chart = learning_charts.accepted_share_by_validator(period)
    assert chart.numbers["accepted_share"] == pytest.approx(
        sum(accepted for _, accepted, _ in counted) / sum(answered for *_, answered in counted)
    )
    shares = dict(zip(chart.series[0].x, chart.series[0].y, strict=True))
    assert shares == {f"{hotkey[:4]}…{hotkey[-4:]}": pytest.approx(a / n) for hotkey, a, n in counted}


def test_calibration_compares_predictions_with_the_tables_answers(
    period: ReportPeriod, sql: Callable[[str], list[Any]]
) -> None:
    answers = sql(
        "select state from tasks where state in ('accepted', 'rejected') and local_score is not null "
        "order by key"
    )
    later = [state == "accepted" for (state,) in answers[len(answers) // 5 :]]
    bins = period.calibration
    assert sum(each.answers for each in bins) == len(later), "the first fifth is only learnt from"
    assert sum(each.seen * each.answers for each in bins) == pytest.approx(sum(later))
    assert bins[-1].seen > bins[0].seen, "what scores more is accepted more"
    assert all(0 <= each.predicted <= 1 for each in bins)


def test_recipes_are_the_candidates_of_the_table(
    period: ReportPeriod, sql: Callable[[str], list[Any]]
) -> None:
    rows = sql(
        "select c.recipe, t.kind, c.local_score, c.problem, c.duration_s + coalesce(c.validation_s, 0), "
        "c.is_idle from candidates c join tasks t on t.key = c.task_key"
    )
    for row in period.recipes:
        own = [each for each in rows if (f"{each[0]}@0123456789ab", each[1]) == (row.label, row.kind)]
        scores = [score for _, _, score, problem, *_ in own if score is not None and problem is None]
        assert row.candidates == len(own)
        assert row.idle == sum(bool(each[5]) for each in own)
        assert row.mean == pytest.approx(fmean(scores))
        assert sorted(row.scores) == pytest.approx(sorted(scores))
        assert row.invalid == pytest.approx(sum(each[3] is not None for each in own) / len(own))
        assert row.made_s == pytest.approx(median(each[4] for each in own))
        assert row.reservation is not None
    assert sum(row.candidates for row in period.recipes) == len(rows)
    chart = learning_charts.scores_by_recipe(period)
    assert sum(len(series.y) for series in chart.series) == sum(each[2] is not None for each in rows)


def test_gain_is_counted_from_decisions_and_says_when_nothing_can_be_seen(
    period: ReportPeriod, sql: Callable[[str], list[Any]]
) -> None:
    counted = {
        policy: (int(accepted), tasks)
        for policy, accepted, tasks in sql(
            "select d.policy, sum(case when t.state = 'accepted' then 1 else 0 end), count(*) "
            "from decisions d join tasks t on t.key = d.task_key group by d.policy"
        )
    }
    assert period.gain.control == counted["single"]
    assert period.gain.treated == counted["learned"]
    assert "no difference can be seen yet" in period.gain.told
    numbers = learning_charts.gain_over_control(period).numbers
    (a, n), (b, m) = counted["single"], counted["learned"]
    assert numbers["gain"] == pytest.approx(b / m - a / n)
    assert numbers["gain_low"] < numbers["gain"] < numbers["gain_high"]


def test_single_tasks_outside_the_control_share_are_in_neither_group(store: SqlStore) -> None:
    task = History(store).answered()
    alone = StoredDecision(task.key, NOW, "single", "submit", "", fallback="no local validator")
    store.decisions.record(alone)
    gain = ReportPeriod(store.reports, *DAY).gain
    assert (gain.control, gain.treated, gain.difference) == ((0, 0), (0, 0), None)
    assert "no difference can be seen yet" in gain.told


def test_what_fails_is_counted_by_kind_and_advised_only_where_it_is_seen(
    store: SqlStore, sql: Callable[[str], list[Any]]
) -> None:
    history = History(store)
    for number in range(40):
        is_image = number % 2 == 0
        history.answered(
            None if is_image else f"a brass lamp {number}",
            kind=TaskKind.IMAGE if is_image else TaskKind.TEXT,
            outcome=REJECTED if is_image or number % 8 == 1 else SubmissionOutcome.ACCEPTED,
            at=NOW + timedelta(seconds=10 * number),
        )
    rows = ReportPeriod(store.reports, *DAY).failing
    counted = sql(
        "select kind, sum(case when state = 'accepted' then 0 else 1 end), count(*) from tasks group by kind"
    )
    found = {row.value: (row.failed, row.models) for row in rows if row.by == "kind"}
    assert found == {kind: (failed, models) for kind, failed, models in counted}
    images = next(row for row in rows if row.value == "image")
    assert "more than the usual" in images.told
    assert "recipe" in images.advice
    words = next(row for row in rows if (row.by, row.value) == ("word", "lamp"))
    assert words.advice == "", "fewer of these fail than usual"
    assert all(row.low <= row.share <= row.high for row in rows)


@pytest.mark.parametrize("name", ["acceptance", "recipes", "experiments", "gain", "failures"])
def test_an_empty_store_has_empty_learning_reports(store: SqlStore, name: str) -> None:
    period = ReportPeriod(store.reports, *DAY)
    report = REPORTS[name]
    (frame,) = report.rows(period)
    assert len(frame) == 0
    assert all(make(period).is_empty for make in report.charts)


def test_tasks_after_the_end_of_the_period_are_not_counted(store: SqlStore) -> None:
    History(store).answered(at=DAY[1] + timedelta(hours=1))
    assert ReportPeriod(store.reports, *DAY).acceptance == []
    later = ReportPeriod(store.reports, DAY[0], DAY[1] + timedelta(days=1))
    assert [row.answered for row in later.acceptance] == [1]
