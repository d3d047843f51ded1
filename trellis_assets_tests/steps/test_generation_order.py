"""Who gets a free generation endpoint: the task worth most, but nobody is left waiting for a dead one."""

from datetime import timedelta

import pytest

from trellis_assets.adapters.file_storage.local import LocalFileStore
from trellis_assets.adapters.generation.embedded.generator import EmbeddedGenerator
from trellis_assets.adapters.splat_io.codec import BytesCodec
from trellis_assets.adapters.storage.store import SqlStore
from trellis_assets.domain.task_policies import GenerationPolicy
from trellis_assets.domain.tasks import Task, TaskState
from trellis_assets.steps.generate import GenerateStep
from trellis_assets.steps.generate_with_failover import YIELD_S
from trellis_assets.testing.fakes import MINER, FakeClock, a_pulled_task, a_validator

RICH, POOR = a_validator(1, stake=53_000.0), a_validator(2, stake=2_000.0)


class Line:
    """Tasks in line for one endpoint."""

    def __init__(self, store: SqlStore, files: LocalFileStore, clock: FakeClock) -> None:
        self.store, self.clock = store, clock
        generator = EmbeddedGenerator()
        (self.endpoint,) = generator.endpoints
        policy = GenerationPolicy(keep_ply=False)
        self.step = GenerateStep(store, files, BytesCodec(), generator, clock, policy)
        self.poor, self.rich = self._arrive(POOR), self._arrive(RICH)

    def _arrive(self, validator: object) -> Task:
        uid = validator.uid  # type: ignore[attr-defined]
        pulled = a_pulled_task(f"of-{uid}", f"a red vase {uid}")
        now = self.clock.now()
        return self.store.arrivals.record(
            pulled,
            validator=validator,
            miner_hotkey=MINER,
            now=now,
            session_id=None,  # type: ignore[arg-type]
        ).task

    def claims(self, task: Task) -> None:
        """A run of the task is at work: it waits in line."""
        until = self.clock.now() + timedelta(seconds=30)
        assert self.store.claims.claim(task.key, f"run-{task.key}", now=self.clock.now(), until=until)

    def generates(self, task: Task) -> float:
        """Return how long the task's run waited for the endpoint."""
        slept = sum(self.clock.slept)
        done = self.step.run(task.key, f"run-{task.key}")
        assert done is not None
        assert done.state is TaskState.GENERATED
        return sum(self.clock.slept) - slept


@pytest.fixture
def line(store: SqlStore, files: LocalFileStore, clock: FakeClock) -> Line:
    return Line(store, files, clock)


def test_the_only_task_in_line_does_not_wait(line: Line) -> None:
    assert line.generates(line.poor) == 0, "the other task has no run yet"


def test_the_task_worth_most_does_not_wait(line: Line) -> None:
    line.claims(line.poor)
    assert line.generates(line.rich) == 0


def test_a_task_worth_less_leaves_the_endpoint_to_the_better_one_for_a_moment(line: Line) -> None:
    line.claims(line.rich)
    waited = line.generates(line.poor)
    assert YIELD_S <= waited < YIELD_S + 0.1, "not longer: the other run may be held up"


def test_a_busy_endpoint_is_waited_for(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    now = line.clock.now()
    line.store.slots.acquire([line.endpoint], 99, now=now, until=now + timedelta(seconds=30))
    pause = line.clock.sleep

    def sleep(seconds: float) -> None:
        pause(seconds)
        if line.clock.now() >= now + timedelta(seconds=10):
            line.store.slots.release(line.endpoint, 99, now=line.clock.now(), outcome=None)

    monkeypatch.setattr(line.clock, "sleep", sleep)
    assert 10 <= line.generates(line.poor) < 11
    pauses = line.clock.slept
    assert pauses[0] < 0.05, "a short wait ends as soon as the endpoint is free"
    assert pauses[-1] > pauses[0], "a long one looks less often"
