"""Whole lifecycles of tasks through the real steps over a real store, one after another, in this process.

Fakes of the subnet, the generator and the validator cost nothing; what is left is the store, the files and
the work on the model. The store has a day of history and the given number of busy endpoints, since the cost
of a query depends on both.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, cast

from capacity.busy_store import VALIDATORS, bytes_per_task, fill, keep_busy
from capacity.recorder import Asked, RecordedStore
from trellis_assets.adapters.file_storage.local import LocalFileStore
from trellis_assets.adapters.splat_io.codec import BytesCodec
from trellis_assets.adapters.storage.store import open_store
from trellis_assets.domain.scheduling.poll_spacing import PollSpacing, poll_backoff
from trellis_assets.domain.scheduling.run_attempts import RunStatus
from trellis_assets.domain.splats.splats import GaussianSplats
from trellis_assets.domain.submissions import SubmissionOutcome
from trellis_assets.domain.task_policies import GenerationPolicy, SubmissionPolicy, ValidationPolicy
from trellis_assets.domain.tasks import LEASE, TaskKind, TaskState
from trellis_assets.domain.validators import EligibilityPolicy
from trellis_assets.ports import Store, SubmissionAnswer, TaskAssigned
from trellis_assets.steps.dispatch_runs import DispatchRunsStep
from trellis_assets.steps.generate import GenerateStep
from trellis_assets.steps.poll_validators import PollingPolicy, PollReport, PollValidatorsStep
from trellis_assets.steps.submit import SubmitStep
from trellis_assets.steps.validate import ValidateStep
from trellis_assets.system.clock import SystemClock
from trellis_assets.testing.fakes import (
    MINER,
    ScriptedNetwork,
    a_feedback,
    a_pulled_task,
    a_validator,
    a_verdict,
)
from trellis_assets.testing.splats import a_ball

SPLATS = 200_000
WARM_UP = 3
LONG = timedelta(hours=1)


class FreeGenerator:
    """A generator that returns the same model at once; only the endpoint in the middle is free."""

    name = "free 1"

    def __init__(self, endpoints: int) -> None:
        self.endpoints: Sequence[str] = [f"http://gpu-{n}:8096" for n in range(endpoints)]

    @cached_property
    def _model(self) -> GaussianSplats:
        return a_ball(SPLATS)

    def problem(self) -> None:
        """Return None: it always works."""

    def supports(self, _kind: TaskKind) -> bool:
        """Return True: it takes every kind."""
        return True

    def generate(self, _prompt: str, **_named: object) -> GaussianSplats:
        """Return the model."""
        return self._model


class FreeValidator:
    """A validator that accepts everything at once."""

    name = "free 1"

    def validate(self, _spz: bytes, **_named: object) -> Any:
        """Return a good verdict."""
        return a_verdict()


@dataclass
class LifecycleCosts:
    """The costs of so many tasks.

    Attributes:
        asked: by stage and method of the store.
        cpu_s: by stage, of this process, the store's questions included.
    """

    tasks: int
    asked: dict[tuple[str, str], Asked]
    cpu_s: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    file_bytes: int = 0
    row_bytes: float = 0.0


def measure_lifecycles(url: str, folder: Path, *, endpoints: int, tasks: int) -> LifecycleCosts:
    """Mine so many tasks with all endpoints but one busy, and return what they cost."""
    opened = open_store(url)
    generator = FreeGenerator(endpoints)
    fill(opened, generator.endpoints)
    store, clock = RecordedStore(opened), SystemClock()
    network = ScriptedNetwork([a_validator(uid) for uid in range(1, VALIDATORS + 1)])
    files = LocalFileStore(folder / "files")
    steps = _Steps(cast("Store", store), network, files, generator, clock)
    found = LifecycleCosts(tasks, store.asked)
    for number in range(-WARM_UP, tasks):
        if number == 0:
            store.asked.clear()
            found.cpu_s.clear()
        keep_busy(opened)
        steps.one_task(number, store, found)
    found.file_bytes = sum(p.stat().st_size for p in folder.rglob("files/**/*") if p.is_file()) // (
        tasks + WARM_UP
    )
    found.row_bytes = bytes_per_task(opened)
    opened.close()
    return found


@dataclass
class _Steps:
    store: Store
    network: ScriptedNetwork
    files: LocalFileStore
    generator: FreeGenerator
    clock: SystemClock

    def one_task(self, number: int, store: RecordedStore, found: LifecycleCosts) -> None:
        validator = self.network.validators[number % VALIDATORS]
        pulled = a_pulled_task(f"task-{number}", f"a glazed vase, number {number}")
        self.network.pulls[validator.hotkey] = [TaskAssigned(pulled)]
        self.network.answers = [
            SubmissionAnswer(SubmissionOutcome.ACCEPTED, a_feedback(), None, "answered"),
        ]
        policy = PollingPolicy(
            eligibility=EligibilityPolicy(),
            spacing=PollSpacing(timedelta(microseconds=1), poll_backoff(LONG)),
            metagraph_age=LONG,
            max_waiting=8,
            endpoints=self.generator.endpoints,
        )
        pull, report = PollValidatorsStep(self.store, self.network, self.clock, policy), PollReport()
        with _stage("round", store, found):
            pull.to_poll(report)
        with _stage("ask", store, found):
            asyncio.run(pull.poll(validator, report))
        with _stage("dispatch", store, found):
            (task,) = DispatchRunsStep(
                self.store.claims, self.store.tasks, self.clock, MINER, lambda _task: RunStatus.NONE
            ).run()
        generate = GenerateStep(
            self.store, self.files, BytesCodec(), cast("Any", self.generator), self.clock, GenerationPolicy()
        )
        with _stage("generate", store, found):
            generate.run(task.key, "run")
        with _stage("validate", store, found):
            ValidateStep(
                self.store, self.files, cast("Any", FreeValidator()), self.clock, ValidationPolicy()
            ).run(task.key, "run")
        with _stage("submit", store, found):
            done = SubmitStep(
                self.store, self.files, lambda: self.network, self.clock, SubmissionPolicy()
            ).run(task.key, "run")
        assert done is not None
        assert done.state is TaskState.ACCEPTED
        with _stage("renewal", store, found):
            until = self.clock.now() + LEASE
            self.store.claims.extend(task.key, "run", until)
            self.store.slots.extend(self.generator.endpoints[0], 1, until)


@contextmanager
def _stage(name: str, store: RecordedStore, found: LifecycleCosts) -> Iterator[None]:
    store.stage, began = name, time.process_time()
    yield
    found.cpu_s[name] += time.process_time() - began
