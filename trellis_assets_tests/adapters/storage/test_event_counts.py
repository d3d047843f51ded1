"""Counts of events agree with the task table, and never go back."""

from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import select

from trellis_assets.adapters.storage.models import EventCountRow
from trellis_assets.adapters.storage.store import SqlStore
from trellis_assets.domain.event_counts import SUM, Event, EventKey
from trellis_assets.domain.submissions import SubmissionOutcome
from trellis_assets.domain.tasks import FINAL_STATES, TaskState
from trellis_assets.testing.fakes import MINER, NOW, a_validator
from trellis_assets_tests.adapters.storage.test_lost_answers import Validator
from trellis_assets_tests.ended_tasks import History

ONE = a_validator(1).hotkey


def counts(store: SqlStore) -> dict[EventKey, float]:
    with store.transactions.reading() as session:
        rows = session.scalars(select(EventCountRow)).all()
        return {EventKey(r.miner_hotkey, r.validator_hotkey, r.event, r.detail): r.total for r in rows}


def by_state(store: SqlStore) -> dict[str, float]:
    """Return what the counts say of tasks in each final state."""
    found: Counter[str] = Counter()
    for key, total in counts(store).items():
        if key.event in {Event.SETTLED, Event.REOPENED}:
            found[key.detail] += int(total if key.event == Event.SETTLED else -total)
    return {state: number for state, number in found.items() if number}


def rows_by_state(store: SqlStore) -> dict[str, float]:
    found = store.statistics.count_by_state()
    return {str(state): number for state, number in found.items() if state in FINAL_STATES}


def some_history(store: SqlStore) -> History:
    history = History(store)
    history.answered(fidelity=0.7)
    history.answered(fidelity=0.9)
    history.answered(outcome=SubmissionOutcome.REJECTED)
    history.handed_back("duplicate: of an earlier task")
    history.failed("no server")
    history.generated()
    return history


def test_outcomes_are_counted_as_the_task_table_has_them(store: SqlStore) -> None:
    some_history(store)
    assert by_state(store) == rows_by_state(store)
    assert by_state(store) == {"accepted": 2, "rejected": 1, "handed_back": 1, "failed": 1}
    assert counts(store)[EventKey(MINER, ONE, Event.PULLED)] == 6


def test_durations_and_scores_add_up_to_the_statistics(store: SqlStore) -> None:
    some_history(store)
    totals, found = store.statistics.snapshot(None, NOW).totals, counts(store)
    assert found[EventKey(MINER, "", Event.GENERATION_S, SUM)] == pytest.approx(totals.total_generation_time)
    assert found[EventKey(MINER, "", Event.VALIDATION_S, SUM)] == pytest.approx(totals.total_validation_time)
    assert found[EventKey(MINER, "", Event.SUBMISSION_S, SUM)] == pytest.approx(totals.total_submission_time)
    assert found[EventKey(MINER, "", Event.FIDELITY, SUM)] == pytest.approx(totals.total_fidelity)
    generations = sum(
        total for key, total in found.items() if key.event == Event.GENERATION_S and key.detail != SUM
    )
    assert generations == totals.successful_generations


def test_a_task_that_is_served_again_takes_nothing_off_a_count(store: SqlStore) -> None:
    task = History(store).answered()
    before = counts(store)
    store.arrivals.reopen(task.key)
    after = counts(store)
    assert all(after[key] >= total for key, total in before.items())
    assert after[EventKey(MINER, ONE, Event.REOPENED, "accepted")] == 1
    assert by_state(store) == rows_by_state(store) == {}


def test_archiving_changes_no_count(store: SqlStore) -> None:
    history = some_history(store)
    with store.transactions.writing() as session:
        from trellis_assets.adapters.storage.archive import archive_tasks

        before = counts(store)
        assert archive_tasks(session, NOW + timedelta(days=1), 100) > 0
    assert history.store is store
    assert counts(store) == before


def test_a_lost_answer_that_was_an_acceptance_moves_from_one_outcome_to_the_other(store: SqlStore) -> None:
    peer = Validator(store)
    peer.answers(peer.task(), 0.7)
    lost = peer.answers(peer.task(), 0.82, is_lost=True)
    assert by_state(store) == rows_by_state(store) == {"accepted": 1, "answer_unknown": 1}
    peer.answers(peer.task(), 0.75)
    assert store.tasks.get(lost.key).state is TaskState.ACCEPTED
    assert by_state(store) == rows_by_state(store) == {"accepted": 3}


def test_what_a_transaction_did_not_commit_is_not_counted(store: SqlStore) -> None:
    task = History(store).generated()
    before = counts(store)
    with pytest.raises(ValueError, match="cannot go"):
        store.tasks.move(task.key, TaskState.ACCEPTED, now=NOW)
    assert counts(store) == before
