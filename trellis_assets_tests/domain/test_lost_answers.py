"""What the next feedback proves of a result whose answer was lost."""

from datetime import datetime, timedelta

import pytest

from trellis_assets.domain.feedback import moving_average
from trellis_assets.domain.lost_answers import Resolution, Standing, accepted_among_lost
from trellis_assets.testing.fakes import NOW

LATER = NOW + timedelta(minutes=10)
RECENT = [NOW - timedelta(minutes=m) for m in (0, 10, 20)]


def resolved(
    before: Standing,
    after: Standing,
    *lost: int,
    own: float | None = None,
    accepted_at: list[datetime] = RECENT,
) -> list[Resolution]:
    return accepted_among_lost(
        before, after, own_score=own, lost=lost, accepted_at=accepted_at, least_score=0.6
    )


def after_scores(before: Standing, *scores: float, expired: int = 0, at: datetime = LATER) -> Standing:
    """Return the feedback of a validator that accepted these."""
    average = before.average
    for score in scores:
        average = moving_average(average, score)
    return Standing(average, before.in_window + len(scores) - expired, at)


BEFORE = Standing(0.9, 3, NOW)


def test_one_lost_acceptance_is_proved_by_the_count_and_scored_by_the_averages() -> None:
    (found,) = resolved(BEFORE, Standing(0.895, 4, LATER), 7)
    assert (found.key, found.score, found.average) == (7, pytest.approx(0.8), pytest.approx(0.895))


@pytest.mark.parametrize("lost_score", [0.6, 0.83, 1.0])
def test_the_score_is_computed_through_the_answer_that_proves_it(lost_score: float) -> None:
    (found,) = resolved(BEFORE, after_scores(BEFORE, lost_score, 0.77), 7, own=0.77)
    assert found.score == pytest.approx(lost_score)
    assert found.average == pytest.approx(moving_average(0.9, lost_score))


def test_a_result_that_moved_neither_count_nor_average_was_not_accepted() -> None:
    assert resolved(BEFORE, after_scores(BEFORE), 7) == []
    assert resolved(BEFORE, after_scores(BEFORE, 0.7), 7, own=0.7) == []


def test_of_two_lost_answers_that_both_count_the_scores_stay_open() -> None:
    assert resolved(BEFORE, after_scores(BEFORE, 0.7, 0.8), 7, 8) == [
        Resolution(7, None, None),
        Resolution(8, None, None),
    ]


def test_of_two_lost_answers_of_which_one_counts_nothing_tells_which() -> None:
    assert resolved(BEFORE, after_scores(BEFORE, 0.7), 7, 8) == []


def test_results_that_grew_too_old_are_no_proof_against_it() -> None:
    old = [NOW - timedelta(hours=3, minutes=55), NOW - timedelta(hours=1), NOW]
    later = NOW + timedelta(minutes=30)
    (found,) = resolved(BEFORE, after_scores(BEFORE, 0.8, expired=1, at=later), 7, accepted_at=old)
    assert found.score == pytest.approx(0.8)


def test_results_whose_age_nobody_knows_leave_the_count_open_and_the_average_decides() -> None:
    (found,) = resolved(BEFORE, after_scores(BEFORE, 0.8, expired=1), 7, accepted_at=[])
    assert found.score == pytest.approx(0.8)
    assert resolved(BEFORE, after_scores(BEFORE, expired=1), 7, accepted_at=[]) == []


def test_an_acceptance_whose_average_says_otherwise_has_no_score() -> None:
    assert resolved(BEFORE, Standing(0.2, 4, LATER), 7) == [Resolution(7, None, None)]


def test_a_validator_that_was_restored_from_older_state_proves_nothing() -> None:
    assert resolved(BEFORE, Standing(0.99, 0, LATER), 7, accepted_at=[NOW, NOW, NOW]) == []


def test_counts_that_cannot_be_prove_nothing() -> None:
    assert resolved(BEFORE, Standing(0.895, 400, LATER), 7) == []


def test_where_nothing_is_lost_nothing_is_resolved() -> None:
    assert resolved(BEFORE, after_scores(BEFORE, 0.8)) == []
