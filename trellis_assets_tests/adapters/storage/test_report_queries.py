"""What charts and the start page read: counts, levels and columns of the tasks that ended in a time."""

from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import text

from trellis_assets.adapters.storage.store import SqlStore
from trellis_assets.domain.submissions import SubmissionOutcome
from trellis_assets.domain.tasks import TaskKind
from trellis_assets.testing.fakes import MINER, NOW, a_validator
from trellis_assets_tests.ended_tasks import History

HOUR = timedelta(hours=1)
TWO = a_validator(2)


@pytest.fixture
def history(store: SqlStore) -> History:
    store.validators.save([a_validator(1), TWO], NOW)
    return History(store)


def test_outcomes_are_counted_by_hour_span_and_kind(store: SqlStore, history: History) -> None:
    for hours in (0, 1, 1, 5):
        history.answered(at=NOW - hours * HOUR)
    history.answered("aW1hZ2U=", kind=TaskKind.IMAGE, validator=TWO, at=NOW - HOUR)
    history.handed_back("duplicate", at=NOW - HOUR)
    end = NOW + HOUR
    counts = store.reports.outcomes(NOW - 3 * HOUR, end, edges=(NOW - HOUR / 2,))
    found = Counter({(c.hour, c.span, c.state, c.kind, c.validator_hotkey): c.tasks for c in counts})
    before, now = NOW - HOUR, NOW
    assert found == {
        (before, 0, "accepted", "text", "5Validator1"): 2,
        (before, 0, "accepted", "image", "5Validator2"): 1,
        (before, 0, "handed_back", "text", "5Validator1"): 1,
        (now, 1, "accepted", "text", "5Validator1"): 1,
    }, "the task of five hours ago is out of the time"
    assert {c.hour.utcoffset() for c in counts} == {timedelta(0)}
    with store.engine.connect() as connection:
        seconds = connection.execute(text("select sum(generation_s) from tasks")).scalar_one()
    assert sum(c.generation_s for c in store.reports.outcomes(NOW - 9 * HOUR, end)) == seconds > 0


def test_the_last_standing_of_each_hour_counts(store: SqlStore, history: History) -> None:
    for minutes, reward in ((0, 100.0), (20, 300.0), (61, 200.0)):
        task = history.answered(at=NOW + timedelta(minutes=minutes))
        with store.engine.begin() as connection:
            connection.execute(
                text("update tasks set current_miner_reward = :reward where key = :key"),
                {"reward": reward, "key": task.key},
            )
    history.answered(outcome=SubmissionOutcome.REJECTED, validator=TWO, fidelity=0.0)
    history.handed_back("duplicate")
    levels = store.reports.standings(NOW - HOUR, NOW + 3 * HOUR)
    assert [
        (v.miner_hotkey, v.validator_uid, v.hour, v.standing) for v in levels if v.validator_uid == 1
    ] == [
        (MINER, 1, NOW, 300.0),
        (MINER, 1, NOW + HOUR, 200.0),
    ]
    assert sum(v.validator_uid == 2 for v in levels) == 1


def test_the_newest_ended_tasks_come_oldest_first(store: SqlStore, history: History) -> None:
    for number in range(4):
        history.answered(score=number / 10, at=NOW + timedelta(minutes=number))
    found = store.reports.ended(NOW - HOUR, NOW + HOUR, newest=3)
    assert [task.local_score for task in found] == [0.1, 0.2, 0.3]
    assert [(task.queue_s, task.generation_s, task.submission_s) for task in found] == [(0.0, 2.0, 1.0)] * 3


def test_a_rejection_without_words_counts_as_rejected(store: SqlStore, history: History) -> None:
    history.answered(outcome=SubmissionOutcome.REJECTED, fidelity=0.0)
    history.handed_back("low score: 0.2 under 0.6")
    ends = NOW - HOUR, NOW + HOUR
    assert store.reports.reasons(*ends) == [("low score", 1)]
    assert store.reports.reasons(*ends, with_rejected=True) == [("low score", 1), ("rejected", 1)]
