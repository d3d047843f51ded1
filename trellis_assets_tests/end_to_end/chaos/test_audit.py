"""The audit of a chaos run finds each kind of violation, and none in a run without fault."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from trellis_assets.domain.tasks import Task, TaskState
from trellis_assets.testing.fakes import a_task
from trellis_assets_tests.end_to_end.chaos.audit import audit_run, busy_processes, recoveries
from trellis_assets_tests.end_to_end.chaos.evidence import Evidence, Kill
from trellis_assets_tests.end_to_end.chaos.roles import Role
from trellis_assets_tests.end_to_end.chaos.service import Ended


def decided(event: str, task_id: str = "a", uid: int = 10, at: float = 0.0, **more: Any) -> dict[str, Any]:
    time = datetime.fromtimestamp(at, UTC).isoformat()
    return {"event": event, "task_id": task_id, "validator_uid": uid, "time": time} | more


def line(at: float, event: str, key: int | None = 1, process: int = 100) -> dict[str, Any]:
    return {"at": at, "event": event, "task_key": key, "task_id": "a", "process": process}


def ended(key: int = 1, task_id: str = "a", state: TaskState = TaskState.ACCEPTED, **more: Any) -> Task:
    return replace(a_task(state=state, **more), key=key, task_id=task_id)


WORKER_KILLED = Kill(10.0, Role.WORKER, (100,), 0.0)
FAULTLESS = Evidence(
    decisions=[decided("assigned"), decided("accepted"), decided("cooldown", task_id="")],
    tasks=[ended()],
    trail=[
        line(1, "generation started"),
        line(30, "generation finished", process=101),
        line(40, "submission answered", process=101),
    ],
    kills=[WORKER_KILLED],
    server_log=["INFO:model made: seed 5 in 0.20 s", "INFO:model sent again: seed 5"],
)


def test_a_run_without_fault_violates_nothing() -> None:
    assert audit_run(FAULTLESS) == []


def test_a_pull_whose_answer_was_lost_leaves_the_task_with_its_validator() -> None:
    waiting = [*FAULTLESS.decisions, decided("assigned", "b")]
    assert audit_run(replace(FAULTLESS, decisions=waiting)) == []


def test_a_task_that_its_validator_serves_again_and_gets_answered_is_fine() -> None:
    again = [decided("assigned"), decided("same_task_again"), decided("accepted")]
    assert audit_run(replace(FAULTLESS, decisions=again)) == []


def test_a_lost_answer_may_be_unknown_where_the_submission_arrived() -> None:
    for answer in ("accepted", "rejected", "handed_back"):
        decisions = [decided("assigned"), decided(answer)]
        tasks = [ended(state=TaskState.ANSWER_UNKNOWN)]
        assert audit_run(replace(FAULTLESS, decisions=decisions, tasks=tasks)) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"decisions": [*FAULTLESS.decisions, decided("assigned", "b"), decided("accepted", "b")]}, "store"),
        ({"decisions": [*FAULTLESS.decisions, decided("assigned", "b"), decided("assigned", "c")]}, "store"),
        ({"tasks": [ended(state=TaskState.VALIDATING)]}, "no final state"),
        ({"tasks": [ended(state=TaskState.SUBMITTING)]}, "no final state"),
        ({"tasks": [ended(), ended(key=2)]}, "2 rows"),
        ({"tasks": [ended(), ended(2, "b", TaskState.FAILED, reason="gave up")]}, "given up"),
        (
            {"tasks": [ended(), ended(2, "b", TaskState.HANDED_BACK, reason="generation_failed: away")]},
            "given up",
        ),
        ({"decisions": [*FAULTLESS.decisions, decided("accepted")]}, "answered 2 times"),
        ({"decisions": [*FAULTLESS.decisions, decided("rejected")]}, "answered 2 times"),
        ({"decisions": [*FAULTLESS.decisions, decided("refused", "")]}, "did not wait for"),
        ({"decisions": [*FAULTLESS.decisions, decided("other_task_id", "b")]}, "did not wait for"),
        ({"decisions": [decided("assigned")]}, "had no answer"),
        ({"decisions": [decided("assigned"), decided("rejected")]}, "validator says rejected"),
        ({"trail": [*FAULTLESS.trail, line(50, "generation finished")]}, "generated again"),
        ({"server_log": ["INFO:model made: seed 5 in 0.20 s"] * 2}, "twice"),
        ({"trail": FAULTLESS.trail[:1]}, "nothing moved"),
        ({"trail": [FAULTLESS.trail[0], line(90, "generation finished")]}, "nothing moved"),
        ({"trail": [FAULTLESS.trail[0], line(20, "task pulled", 2)]}, "task 1, whose worker was killed"),
        ({"kills": [Kill(0.5, Role.DAEMON, (7,), None)]}, "not back"),
        ({"open_runs": ["mine_task_job 1234"]}, "in progress"),
        ({"left_processes": ["worker 1234"]}, "left"),
    ],
)
def test_each_fault_is_found(change: dict[str, Any], words: str) -> None:
    found = audit_run(replace(FAULTLESS, **change))
    assert any(words in violation for violation in found), found


def test_a_worker_that_dies_before_it_writes_of_a_tasks_end_leaves_no_task_behind() -> None:
    trail = [line(1, "submission sent"), line(20, "task pulled", 2, 101)]
    before, after = (datetime.fromtimestamp(at, UTC) for at in (9.9, 30.0))
    assert audit_run(replace(FAULTLESS, trail=trail, tasks=[ended(finished_at=before)])) == []
    assert audit_run(replace(FAULTLESS, trail=trail, tasks=[ended(finished_at=after)])) != []


def test_a_task_that_the_miner_has_in_hand_is_not_pulled_again() -> None:
    again = [*FAULTLESS.decisions, decided("same_task_again", at=20)]
    trail = [line(0.5, "task pulled"), *FAULTLESS.trail]
    found = audit_run(replace(FAULTLESS, decisions=again, trail=trail))
    assert found == ["task a was pulled again while the miner had it in hand"]


def test_a_poll_that_was_on_its_way_when_the_task_arrived_is_no_second_pull() -> None:
    again = [*FAULTLESS.decisions, decided("same_task_again", at=1)]
    trail = [line(0.5, "task pulled"), *FAULTLESS.trail]
    assert audit_run(replace(FAULTLESS, decisions=again, trail=trail)) == []


def test_a_task_whose_answer_was_lost_may_be_pulled_again() -> None:
    again = [*FAULTLESS.decisions, decided("same_task_again", at=20)]
    trail = [line(0.5, "task pulled"), line(0.8, "submission's answer is lost"), *FAULTLESS.trail]
    assert audit_run(replace(FAULTLESS, decisions=again, trail=trail)) == []


def test_a_service_ends_by_itself_only_for_a_reason() -> None:
    assert audit_run(replace(FAULTLESS, ended=[Ended("worker-1", 2, is_fault=False)])) == []
    found = audit_run(replace(FAULTLESS, ended=[Ended("worker-1", 2, is_fault=True)]))
    assert found == ["the worker-1 ended by itself with 2"]


def test_what_a_server_was_not_needed_for_does_not_show_that_it_is_back() -> None:
    kill = Kill(10.0, Role.DATABASE, (7,), 5.0)
    trail = [line(11, "generation finished"), line(25, "submission answered")]
    assert recoveries([kill], trail) == [(kill, 15.0)]


def test_a_model_whose_file_was_lost_may_be_made_again() -> None:
    trail = [*FAULTLESS.trail, line(50, "model file not usable"), line(55, "generation finished")]
    assert audit_run(replace(FAULTLESS, trail=trail)) == []


def test_a_server_that_was_killed_may_make_a_model_again() -> None:
    log = ["model made: seed 5 in 0.20 s", "INFO: Started server process [8]", "model made: seed 5 in 0.3 s"]
    assert audit_run(replace(FAULTLESS, server_log=log)) == []


def test_only_processes_that_came_later_show_that_the_machine_is_back() -> None:
    kill = Kill(10.0, Role.MACHINE, (100,), 2.0)
    trail = [line(1, "generation started"), line(11, "generation finished"), line(25, "task pulled", 2, 101)]
    assert recoveries([kill], trail) == [(kill, 15.0)]


def test_who_has_a_task_in_hand_is_busy() -> None:
    trail = [
        line(1, "generation started", 1, 100),
        line(2, "generation started", 2, 101),
        line(3, "submission answered", 1, 100),
    ]
    assert busy_processes(trail) == {101}
