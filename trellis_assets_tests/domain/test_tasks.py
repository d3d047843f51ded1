"""The straight line of a task's life, and what its names look like."""

import pytest

from trellis_assets.domain.tasks import (
    FINAL_STATES,
    LEGAL_TRANSITIONS,
    REOPENABLE_STATES,
    IllegalTransitionError,
    TaskKind,
    TaskState,
    check_transition,
    is_final,
    printable,
    prompt_hash,
)
from trellis_assets.testing.fakes import MINER, a_task


def test_every_state_has_its_transitions_listed() -> None:
    assert set(LEGAL_TRANSITIONS) == set(TaskState)


def test_no_run_moves_an_accepted_task_again() -> None:
    assert LEGAL_TRANSITIONS[TaskState.ACCEPTED] == frozenset()


def test_a_result_is_submitted_only_after_the_decision_to() -> None:
    before = {state for state, after in LEGAL_TRANSITIONS.items() if TaskState.SUBMITTING in after}
    assert before == {TaskState.VALIDATED, TaskState.DECLINED}


def test_a_final_state_is_left_only_for_one_that_waits_for_work() -> None:
    waiting = {TaskState.PULLED, TaskState.GENERATED, TaskState.VALIDATED}
    for state in FINAL_STATES - {TaskState.ANSWER_UNKNOWN}:
        assert LEGAL_TRANSITIONS[state] <= waiting
    assert {TaskState.UNSETTLED} | FINAL_STATES == REOPENABLE_STATES


def test_an_unknown_answer_may_come_after_all_and_is_not_asked_for_by_submitting_again() -> None:
    after = LEGAL_TRANSITIONS[TaskState.ANSWER_UNKNOWN]
    assert {TaskState.ACCEPTED, TaskState.REJECTED, TaskState.UNSETTLED} < after
    assert TaskState.SUBMITTING not in after


def test_an_illegal_move_names_the_task_and_both_states() -> None:
    with pytest.raises(IllegalTransitionError, match="task 5 cannot go from accepted to pulled"):
        check_transition(5, TaskState.ACCEPTED, TaskState.PULLED)


def test_every_state_leads_to_a_final_one() -> None:
    for start in TaskState:
        reached, todo = set(), [start]
        while todo:
            state = todo.pop()
            reached.add(state)
            todo += LEGAL_TRANSITIONS[state] - reached
        assert any(is_final(state) for state in reached), start


def test_the_prompt_hash_is_sha256_of_its_bytes() -> None:
    assert prompt_hash("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_run_keys_differ_between_validators_and_attempts() -> None:
    keys = {
        a_task(1).run_key,
        a_task(1, validator_hotkey="5Other").run_key,
        a_task(1, attempt=1).run_key,
        a_task(1, validator_hotkey=None).run_key,
        a_task(1, miner_hotkey="5OtherMiner").run_key,
    }
    assert len(keys) == 5
    assert a_task(1).run_key == f"{MINER}:5Validator1:task-1"


def test_a_label_is_one_short_printable_line() -> None:
    hostile = a_task(1, prompt="red\x1b[31m\nvase\u202e" + "x" * 500).label
    assert hostile.isprintable()
    assert len(hostile) == 100
    assert printable("short") == "short"


def test_an_image_prompt_is_labelled_by_its_hash() -> None:
    assert a_task(1, kind=TaskKind.IMAGE, prompt="aGk=").label == f"image:{prompt_hash('aGk=')[:12]}"
