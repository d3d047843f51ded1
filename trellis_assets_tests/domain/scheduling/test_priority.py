"""Which of the waiting tasks is generated first."""

from datetime import timedelta

from trellis_assets.domain.scheduling.priority import WaitingTask, first_in_line, worth
from trellis_assets.testing.fakes import NOW


def waiting(
    key: int, *, stake: float = 1000, accepted: int = 0, submitted: int = 0, for_s: float = 1
) -> WaitingTask:
    return WaitingTask(key, NOW - timedelta(seconds=for_s), stake, accepted, submitted)


def test_the_validator_with_more_stake_comes_first() -> None:
    assert first_in_line([waiting(1, stake=8_000), waiting(2, stake=53_000)], 10, NOW).key == 2


def test_a_validator_that_rejects_most_results_is_worth_less_than_its_stake() -> None:
    picky = waiting(1, stake=10_000, accepted=1, submitted=10)
    kind = waiting(2, stake=5_000, accepted=10, submitted=10)
    assert not worth(picky).is_equal(worth(kind))
    assert worth(picky).mean < worth(kind).mean
    assert first_in_line([picky, kind], 10, NOW).key == 2


def test_a_task_that_would_miss_its_deadline_by_waiting_comes_first() -> None:
    urgent = waiting(1, stake=1_000, for_s=585)
    assert first_in_line([urgent, waiting(2, stake=53_000)], 10, NOW).key == 1


def test_a_task_whose_deadline_is_lost_anyway_does_not_push_ahead() -> None:
    lost = waiting(1, stake=1_000, for_s=595)
    assert first_in_line([lost, waiting(2, stake=53_000)], 10, NOW).key == 2


def test_of_equals_the_one_that_waits_longest_comes_first() -> None:
    assert first_in_line([waiting(1, for_s=1), waiting(2, for_s=9)], 10, NOW).key == 2


def test_more_answers_of_the_same_kind_are_no_reason_to_go_first() -> None:
    known = waiting(1, stake=5_000, accepted=200, submitted=200, for_s=1)
    new = waiting(2, stake=5_000, accepted=0, submitted=0, for_s=9)
    assert first_in_line([known, new], 10, NOW).key == 2


def test_of_urgent_tasks_the_one_worth_most_comes_first() -> None:
    urgent = [waiting(1, stake=1_000, for_s=585), waiting(2, stake=9_000, for_s=583)]
    assert first_in_line([*urgent, waiting(3, stake=53_000)], 10, NOW).key == 2
