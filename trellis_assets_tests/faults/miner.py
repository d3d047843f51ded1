"""A whole miner without Dagster: the real steps over a real store and real files, round by round."""

import asyncio
from collections.abc import Callable
from typing import Any

from trellis_assets.adapters.file_storage.local import LocalFileStore
from trellis_assets.adapters.generation.embedded.generator import EmbeddedGenerator
from trellis_assets.adapters.splat_io.codec import BytesCodec
from trellis_assets.adapters.storage.store import SqlStore
from trellis_assets.domain.scheduling.run_attempts import RunStatus
from trellis_assets.domain.splats.splats import GaussianSplats
from trellis_assets.domain.task_policies import GenerationPolicy, SubmissionPolicy, ValidationPolicy
from trellis_assets.domain.tasks import LEASE, Task, TaskKind, TaskState
from trellis_assets.domain.verdicts import Verdict
from trellis_assets.ports import ClaimLostError, Generator, LocalValidator, StoreError, ValidatorNetwork
from trellis_assets.steps.dispatch_runs import DispatchRunsStep
from trellis_assets.steps.end_leases import EndLeasesStep
from trellis_assets.steps.generate import GenerateStep
from trellis_assets.steps.poll_validators import PollingPolicy, PollReport, PollValidatorsStep
from trellis_assets.steps.probe_endpoints import ProbeEndpointsStep
from trellis_assets.steps.submit import SubmitStep
from trellis_assets.steps.validate import ValidateStep
from trellis_assets.testing.fakes import FakeClock, a_verdict
from trellis_assets.testing.leases import let_leases_end
from trellis_assets.testing.splats import a_ball
from trellis_assets_tests.steps.test_poll_validators import POLICY

# Longer than every rest, lease and backoff of this miner.
REST_S = 310


class BallGenerator(EmbeddedGenerator):
    """Makes one ball after the other, counts them, and can be interrupted when one is done."""

    def __init__(self, when_done: Callable[[], None] = lambda: None) -> None:
        super().__init__()
        self.made, self.when_done = 0, when_done

    def generate(self, prompt: str, *, kind: TaskKind, seed: int, endpoint: str, **_: Any) -> GaussianSplats:
        self.made += 1
        self.when_done()
        return a_ball()


class GoodValidator:
    """Likes everything."""

    name = "good 1"

    def validate(self, spz: bytes, *, prompt: str, kind: TaskKind) -> Verdict:
        return a_verdict(0.8)


class Miner:
    """Rounds of pulling and working, as ticks and runs do it."""

    def __init__(
        self, store: SqlStore, files: LocalFileStore, clock: FakeClock, network: ValidatorNetwork
    ) -> None:
        self.store, self.files, self.clock, self.network = store, files, clock, network
        self.generator: Generator = BallGenerator()
        self.validator: LocalValidator = GoodValidator()
        self.generation, self.policy = GenerationPolicy(), POLICY
        self.failures: list[Exception] = []
        self._runs: set[str] = set()
        self.leases = EndLeasesStep(store.leases, clock)

    def closed(self) -> str | None:
        """Return why nothing is to be pulled, after a health probe, as the poller does."""
        return ProbeEndpointsStep(self.store.endpoints, self.generator, self.clock).run()

    def pull(self, policy: PollingPolicy | None = None) -> PollReport:
        return asyncio.run(
            PollValidatorsStep(self.store, self.network, self.clock, policy or self.policy).run()
        )

    def generate(self, key: int, run: str) -> Task | None:
        step = GenerateStep(self.store, self.files, BytesCodec(), self.generator, self.clock, self.generation)
        return step.run(key, run)

    def validate(self, key: int, run: str) -> Task | None:
        step = ValidateStep(self.store, self.files, self.validator, self.clock, ValidationPolicy())
        return step.run(key, run)

    def submit(self, key: int, run: str) -> Task | None:
        step = SubmitStep(self.store, self.files, lambda: self.network, self.clock, SubmissionPolicy())
        return step.run(key, run)

    def requested(self) -> list[Task]:
        """Return the tasks that the tick requests runs for; later ticks take these runs for ended."""
        self.leases.run()
        status = {True: RunStatus.ENDED, False: RunStatus.NONE}
        me = self.network.miner_hotkey
        tasks = DispatchRunsStep(
            self.store.claims, self.store.tasks, self.clock, me, lambda t: status[t.run_key in self._runs]
        ).run()
        self._runs |= {task.run_key for task in tasks}
        return tasks

    def work(self) -> None:
        """Run each waiting task; a run that failed leaves its error in `failures`."""
        for task in self.requested():
            run = f"run of {task.run_key}"
            try:
                self.generate(task.key, run)
                self.validate(task.key, run)
                self.submit(task.key, run)
            except (StoreError, ClaimLostError) as error:
                self.failures.append(error)

    def round(self, *, after_s: float = REST_S) -> None:
        """Let so much time pass, then make one tick and its runs."""
        let_leases_end(self.store, self.clock, self.leases)
        self.clock.advance(after_s - LEASE.total_seconds())
        self.pull()
        self.work()

    def tasks(self) -> list[Task]:
        return self.store.tasks.in_states(TaskState)

    def only_task(self) -> Task:
        (task,) = self.tasks()
        return task
