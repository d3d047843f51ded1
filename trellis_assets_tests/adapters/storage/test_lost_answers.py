"""A lost answer is resolved by the validator's next feedback, and counted once."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from trellis_assets.adapters.storage.lost_answers import REASON
from trellis_assets.adapters.storage.store import SqlStore
from trellis_assets.adapters.validation.calibration import RAW, answers_in
from trellis_assets.domain.feedback import moving_average
from trellis_assets.domain.submissions import Submission, SubmissionKind, SubmissionOutcome
from trellis_assets.domain.tasks import Task, TaskState
from trellis_assets.testing.fakes import (
    MINER,
    NOW,
    a_feedback,
    a_generation,
    a_pulled_task,
    a_validator,
    a_verdict,
)

EVERY = timedelta(minutes=6)


class Validator:
    """A validator that accepts what it is sent, and whose answers get lost when told so."""

    def __init__(self, store: SqlStore) -> None:
        self.store, self.validator = store, a_validator(1)
        store.validators.save([self.validator], NOW)
        self.now, self.sent = NOW, 0
        self.average, self.window = 1.0, 0

    def task(self) -> Task:
        self.sent += 1
        self.now += EVERY
        pulled = a_pulled_task(f"t{self.sent}", f"thing {self.sent}")
        key = self.store.arrivals.record(
            pulled, validator=self.validator, miner_hotkey=MINER, now=self.now, session_id=None
        ).task.key
        self.store.tasks.move(key, TaskState.GENERATED, now=self.now, generation=a_generation())
        verdict = a_verdict(0.8, parts={RAW: 0.8})
        self.store.tasks.move(key, TaskState.VALIDATED, now=self.now, verdict=verdict)
        return self.store.tasks.get(key)

    def answers(self, task: Task, score: float, *, is_lost: bool = False) -> Task:
        """It scores the result, and its answer comes or does not."""
        if score >= task.validation_threshold:
            self.average, self.window = moving_average(self.average, score), self.window + 1
        outcome = SubmissionOutcome.ACCEPTED if score >= 0.6 else SubmissionOutcome.REJECTED
        state = TaskState(str(outcome))
        feedback = a_feedback(
            score if score >= 0.6 else 0.0,
            average_fidelity_score=self.average,
            generations_within_the_window=self.window,
            received_at=self.now,
        )
        if is_lost:
            outcome, state, feedback = SubmissionOutcome.ANSWER_LOST, TaskState.ANSWER_UNKNOWN, None  # type: ignore[assignment]
        sent = Submission(SubmissionKind.RESULT, self.now, 1)
        assert self.store.claims.claim(task.key, "run", now=self.now, until=self.now + timedelta(seconds=30))
        self.store.tasks.move(task.key, TaskState.SUBMITTING, now=self.now, submission=sent)
        return self.store.tasks.settle(
            task.key,
            state,
            now=self.now,
            reason=None,
            submission=replace(sent, outcome=str(outcome), duration_s=1.0),
            feedback=feedback,
            cooldown_until=None,
            run_id="run",
        )


@pytest.fixture
def peer(store: SqlStore) -> Validator:
    return Validator(store)


def test_a_lost_acceptance_is_accepted_with_its_score_after_the_next_feedback(peer: Validator) -> None:
    peer.answers(peer.task(), 0.7)
    lost = peer.answers(peer.task(), 0.82, is_lost=True)
    assert lost.state is TaskState.ANSWER_UNKNOWN
    peer.answers(peer.task(), 0.75)
    found = peer.store.tasks.get(lost.key)
    assert (found.state, found.reason) == (TaskState.ACCEPTED, REASON)
    assert found.feedback is not None
    assert found.feedback.is_inferred
    assert found.feedback.task_fidelity_score == pytest.approx(0.82)
    (counters,) = peer.store.statistics.validator_counters()
    assert (counters.total_tasks_submitted, counters.total_successful_submissions) == (3, 3)
    assert counters.average_score == pytest.approx(peer.average)
    assert counters.validator_average == pytest.approx(peer.average)
    totals = peer.store.statistics.snapshot(None, peer.now).totals
    assert (totals.successful_submissions, totals.unknown_submissions) == (3, 0)
    assert totals.total_fidelity == pytest.approx(0.7 + 0.82 + 0.75)


def test_a_rejection_proves_a_lost_acceptance_as_well(peer: Validator) -> None:
    peer.answers(peer.task(), 0.7)
    lost = peer.answers(peer.task(), 0.82, is_lost=True)
    peer.answers(peer.task(), 0.3)
    assert peer.store.tasks.get(lost.key).state is TaskState.ACCEPTED


def test_a_lost_rejection_stays_unknown(peer: Validator) -> None:
    peer.answers(peer.task(), 0.7)
    lost = peer.answers(peer.task(), 0.3, is_lost=True)
    peer.answers(peer.task(), 0.75)
    assert peer.store.tasks.get(lost.key).state is TaskState.ANSWER_UNKNOWN


def test_without_an_earlier_feedback_nothing_is_proved(peer: Validator) -> None:
    lost = peer.answers(peer.task(), 0.82, is_lost=True)
    peer.answers(peer.task(), 0.75)
    assert peer.store.tasks.get(lost.key).state is TaskState.ANSWER_UNKNOWN


def test_two_lost_acceptances_are_accepted_without_scores(peer: Validator) -> None:
    peer.answers(peer.task(), 0.7)
    lost = [peer.answers(peer.task(), score, is_lost=True) for score in (0.82, 0.9)]
    peer.answers(peer.task(), 0.75)
    found = [peer.store.tasks.get(task.key) for task in lost]
    assert [task.state for task in found] == [TaskState.ACCEPTED] * 2
    assert [task.feedback and task.feedback.task_fidelity_score for task in found] == [None, None]


def test_inferred_scores_are_not_measurements(peer: Validator) -> None:
    peer.answers(peer.task(), 0.7)
    peer.answers(peer.task(), 0.82, is_lost=True)
    peer.answers(peer.task(), 0.75)
    assert sorted(a.fidelity for a in answers_in(peer.store) if a.fidelity) == [0.7, 0.75]
    start: datetime = NOW - timedelta(days=1)
    assert sorted(f for _, _, f in peer.store.consistency.scored_pairs(start)) == [0.7, 0.75]
    assert peer.store.consistency.without_feedback(start) == []


def test_an_acceptance_that_its_validator_lost_is_counted_once_when_it_is_accepted_again(
    peer: Validator,
) -> None:
    peer.answers(peer.task(), 0.7)
    before = (peer.average, peer.window)
    lost_state = peer.answers(peer.task(), 0.9)
    peer.average, peer.window = before  # restored from older state
    again = peer.store.arrivals.reopen(lost_state.key)
    assert (again.state, again.feedback) == (TaskState.VALIDATED, None)
    (counters,) = peer.store.statistics.validator_counters()
    assert (counters.total_tasks_submitted, counters.total_successful_submissions) == (1, 1)
    assert counters.average_score == pytest.approx(peer.average)
    peer.answers(again, 0.9)
    (counters,) = peer.store.statistics.validator_counters()
    assert (counters.total_tasks_submitted, counters.total_successful_submissions) == (2, 2)
    assert counters.average_score == pytest.approx(peer.average)
    assert peer.store.statistics.snapshot(None, peer.now).totals.successful_submissions == 2
