"""A validator whose lock is longer than its cooldown gets each model once, when it looks at it."""

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from trellis_assets.adapters.file_storage.local import LocalFileStore
from trellis_assets.adapters.local_subnet import rules
from trellis_assets.adapters.storage.store import SqlStore
from trellis_assets.domain.scheduling.poll_spacing import PollSpacing, poll_backoff
from trellis_assets.domain.scheduling.run_attempts import RunStatus
from trellis_assets.domain.submissions import SubmissionKind, outcome_of_feedback
from trellis_assets.domain.task_policies import SubmissionPolicy
from trellis_assets.domain.tasks import Task, TaskState
from trellis_assets.domain.validators import EligibilityPolicy, Validator, bounded_cooldown
from trellis_assets.ports import CoolingDown, PollResponse, SubmissionAnswer, TaskAssigned
from trellis_assets.steps.dispatch_runs import DispatchRunsStep
from trellis_assets.steps.poll_validators import PollingPolicy, PollValidatorsStep
from trellis_assets.steps.submit import SubmitStep
from trellis_assets.testing.fakes import (
    MINER,
    FakeClock,
    ScriptedNetwork,
    a_feedback,
    a_generation,
    a_pulled_task,
    a_validator,
    a_verdict,
)

ONE = a_validator(1)
POLICY = PollingPolicy(
    eligibility=EligibilityPolicy(),
    spacing=PollSpacing(timedelta(seconds=3), poll_backoff(timedelta(seconds=10))),
    metagraph_age=timedelta(hours=1),
    max_waiting=8,
)


class LockedNetwork(ScriptedNetwork):
    """One validator by the subnet's rules, on the test's clock."""

    def __init__(self, clock: FakeClock, lock_s: float) -> None:
        super().__init__([ONE])
        self.clock, self.miner, self.given = clock, rules.Miner(), 0
        self.rules = rules.Rules(throttle_s=0, cooldown_s=6, penalty_s=12, lock_s=lock_s)
        self.uploads: Counter[str] = Counter()

    async def pull(self, validator: Validator) -> PollResponse:
        now = self.clock.now()
        decision, self.miner = rules.decide_pull(self.miner, self.rules, now.timestamp())
        if decision is rules.Pull.COOLDOWN:
            until = bounded_cooldown(self.miner.cooldown_until, now)
            assert until is not None
            return CoolingDown(until, violations=self.miner.violations)
        if decision is rules.Pull.NEW_TASK:
            self.given += 1
            self.miner = rules.assign(self.miner, {"id": f"t{self.given}"}, now.timestamp())
        assert self.miner.assigned is not None
        return TaskAssigned(a_pulled_task(self.miner.assigned.task["id"], self.miner.assigned.task["id"]))

    async def submit(
        self, validator: Validator, *, task: Task, kind: SubmissionKind, spz: bytes
    ) -> SubmissionAnswer:
        self.uploads[task.task_id] += 1
        now = self.clock.now()
        decision, self.miner = rules.before_scoring(
            self.miner, self.rules, now.timestamp(), task_id=task.task_id, is_signed=True, is_empty=False
        )
        if decision is rules.Submit.SCORE:
            decision, self.miner = rules.after_scoring(self.miner, self.rules, now.timestamp(), 0.8)
        fidelity = 0.8 if decision is rules.Submit.ACCEPTED else 0.0
        until = bounded_cooldown(self.miner.cooldown_until, now)
        feedback = replace(a_feedback(fidelity), received_at=now)
        return SubmissionAnswer(outcome_of_feedback(kind, feedback, until), feedback, until, "answered")


def status(task: Task) -> RunStatus:
    """Return the status of a run: requested runs have ended by the next tick."""
    return RunStatus.ENDED if task.requested_at else RunStatus.NONE


# Its length is found by doubling: a refusal at 8 s, one at 30 s, one at 60 s.
@pytest.mark.parametrize(("lock_s", "refusals"), [(20.0, 1), (30.0, 1), (100.0, 3)])
async def test_a_lock_longer_than_the_cooldown_costs_hardly_an_upload(
    store: SqlStore, files: LocalFileStore, clock: FakeClock, lock_s: float, refusals: int
) -> None:
    network = LockedNetwork(clock, lock_s)
    pull = PollValidatorsStep(store, network, clock, POLICY)
    submit = SubmitStep(store, files, lambda: network, clock, SubmissionPolicy())
    dispatch = DispatchRunsStep(store.claims, store.tasks, clock, MINER, status)
    model = files.write(1, "spz", b"a model")
    while store.statistics.count_by_state().get(TaskState.ACCEPTED, 0) < 4:
        await pull.run()
        for task in dispatch.run():
            run = f"run-{task.key}-{task.attempt}"
            if task.state is TaskState.PULLED:
                store.tasks.move(
                    task.key, TaskState.GENERATED, now=clock.now(), generation=a_generation(spz=model)
                )
                store.tasks.move(task.key, TaskState.VALIDATED, now=clock.now(), verdict=a_verdict())
            await asyncio.to_thread(submit.run, task.key, run)
        clock.advance(2)
    counts = [network.uploads[f"t{number}"] for number in range(1, 5)]
    assert sum(counts) <= 4 + refusals, counts
    assert counts[2:] == [1, 1], "once the lock is known"
