"""The validators' rules against the worked examples of the protocol."""

from dataclasses import replace

import pytest

from trellis_assets.adapters.local_subnet.rules import (
    WINDOW_S,
    Miner,
    Pull,
    Rules,
    Submit,
    after_scoring,
    assign,
    before_scoring,
    decide_pull,
    finish,
    generations_in_window,
    reward,
)

RULES = Rules()
T = 1_000_000.0
TASK = {"type": "text", "id": "t1", "prompt": "a red vase"}
WORKING = assign(Miner(), TASK, T)


@pytest.mark.parametrize(("elapsed", "left"), [(5, 55), (15, 45), (20, 40), (30, 40)])
def test_working_time_counts_against_the_cooldown_up_to_the_throttle(elapsed: int, left: int) -> None:
    rules = Rules(cooldown_s=60, throttle_s=20)
    done = finish(WORKING, rules, T + elapsed, penalised=False)
    assert done.cooldown_until == T + elapsed + left
    assert done.assigned is None


def test_a_pull_during_cooldown_counts_a_violation_and_costs_time_beyond_a_hundred() -> None:
    resting = Miner(cooldown_until=int(T) + 100)
    decision, miner = decide_pull(resting, RULES, T)
    assert (decision, miner.violations, miner.cooldown_until) == (Pull.COOLDOWN, 1, int(T) + 100)
    _, miner = decide_pull(replace(resting, violations=100), RULES, T)
    assert (miner.violations, miner.cooldown_until) == (101, int(T) + 110)


def test_an_unfinished_task_is_served_again() -> None:
    assert decide_pull(WORKING, RULES, T + 5000)[0] is Pull.SAME_TASK


def test_a_miner_past_its_cooldown_gets_a_new_task() -> None:
    assert decide_pull(Miner(cooldown_until=int(T)), RULES, T)[0] is Pull.NEW_TASK


def judge(miner: Miner, **changes: object) -> tuple[Submit, Miner]:
    facts: dict[str, object] = {"task_id": "t1", "is_signed": True, "is_empty": False}
    return before_scoring(miner, RULES, T + 60, **(facts | changes))  # type: ignore[arg-type]


def test_another_tasks_id_is_answered_without_penalty_and_the_task_kept() -> None:
    assert judge(WORKING, task_id="t2", is_signed=False) == (Submit.OTHER_TASK, WORKING)


def test_a_wrong_signature_costs_the_long_cooldown() -> None:
    decision, miner = judge(WORKING, is_signed=False)
    assert decision is Submit.BAD_SIGNATURE
    assert miner.cooldown_until == T + 60 + 900 - 30


def test_handing_back_costs_the_short_cooldown_and_forgives_a_violation() -> None:
    decision, miner = judge(replace(WORKING, violations=3), is_empty=True)
    assert decision is Submit.HANDED_BACK
    assert (miner.cooldown_until, miner.violations, miner.fidelity) == (T + 60 + 300 - 30, 2, 1.0)


def test_a_second_submission_while_the_first_is_scored_is_locked_out() -> None:
    decision, scoring = judge(WORKING)
    assert decision is Submit.SCORE
    assert judge(scoring)[0] is Submit.LOCKED


def test_an_accepted_result_moves_the_average_and_enters_the_window() -> None:
    decision, miner = after_scoring(WORKING, RULES, T + 60, 0.8)
    assert decision is Submit.ACCEPTED
    assert miner.fidelity == pytest.approx(0.95 + 0.05 * 0.8)
    assert miner.cooldown_until == T + 60 + 300 - 30
    assert reward(miner, RULES, T + 60) == 1500.0


def test_a_score_counts_as_one_at_most() -> None:
    assert after_scoring(WORKING, RULES, T, 1.7)[1].fidelity == 1.0


def test_a_score_below_the_threshold_costs_the_long_cooldown_and_moves_nothing_else() -> None:
    decision, miner = after_scoring(WORKING, RULES, T + 60, 0.59)
    assert decision is Submit.REJECTED
    assert (miner.cooldown_until, miner.fidelity, miner.accepted_at) == (T + 60 + 870, 1.0, ())


def test_a_scoring_service_that_is_down_costs_the_short_cooldown() -> None:
    decision, miner = after_scoring(WORKING, RULES, T + 60, None)
    assert (decision, miner.cooldown_until) == (Submit.SCORING_FAILED, T + 60 + 270)


def test_results_that_come_too_fast_after_an_accepted_one_earn_nothing_and_keep_the_task() -> None:
    fast = replace(WORKING, last_accepted=T)
    assert after_scoring(fast, RULES, T + 269, 0.9) == (Submit.TOO_FAST, fast)
    assert after_scoring(fast, RULES, T + 271, 0.9)[0] is Submit.ACCEPTED


def test_results_of_exactly_four_hours_ago_are_out_of_the_window() -> None:
    miner = Miner(accepted_at=(T - WINDOW_S, T - WINDOW_S + 1, T))
    assert generations_in_window(miner, T) == 2
