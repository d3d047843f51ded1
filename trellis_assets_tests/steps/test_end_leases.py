"""Leases of processes whose clocks disagree by hours: the living keep theirs, the dead lose them soon."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest

from trellis_assets.adapters.storage.store import SqlStore
from trellis_assets.domain.leases import LONGEST_GAP, Lease, LeaseWatch
from trellis_assets.domain.scheduling.run_attempts import RunStatus
from trellis_assets.domain.submissions import Submission, SubmissionKind
from trellis_assets.domain.tasks import LEASE, Task, TaskState
from trellis_assets.steps.dispatch_runs import DispatchRunsStep
from trellis_assets.steps.end_leases import EndLeasesStep
from trellis_assets.steps.lease_heartbeat import RENEW_EVERY_S
from trellis_assets.testing.fakes import MINER, NOW, FakeClock, a_pulled_task, a_validator

RUN, ENDPOINT = "run-1", "gpu"
SKEWS = [timedelta(hours=3), timedelta(0), timedelta(hours=-3)]


@dataclass
class Processes:
    """A code server and a run worker, each with a clock of its own, over one store."""

    store: SqlStore
    server: FakeClock
    worker: FakeClock

    def __post_init__(self) -> None:
        self.leases = EndLeasesStep(self.store.leases, self.server)
        self.dispatch = DispatchRunsStep(
            self.store.claims, self.store.tasks, self.server, MINER, lambda _: RunStatus.RUNNING
        )
        arrival = self.store.arrivals.record(
            a_pulled_task("task-1"),
            validator=a_validator(1),
            miner_hotkey=MINER,
            now=self.server.now(),
            session_id=None,
        )
        self.key = arrival.task.key
        self.store.claims.mark_requested(self.key, 0, self.server.now())

    def task(self) -> Task:
        return self.store.tasks.get(self.key)

    def claim(self) -> None:
        now = self.worker.now()
        assert self.store.claims.claim(self.key, RUN, now=now, until=now + LEASE)

    def submit(self) -> None:
        now = self.worker.now()
        self.store.tasks.move(self.key, TaskState.DECLINED, now=now, reason="test", run_id=RUN)
        sent = Submission(kind=SubmissionKind.HAND_BACK, started_at=now, attempt=1)
        self.store.tasks.move(self.key, TaskState.SUBMITTING, now=now, submission=sent, run_id=RUN)

    def renew(self) -> bool:
        until = self.worker.now() + LEASE
        held = self.store.claims.extend(self.key, RUN, until)
        return self.store.slots.extend(ENDPOINT, self.key, until) and held

    def hold_endpoint(self) -> None:
        now = self.worker.now()
        assert self.store.slots.acquire([ENDPOINT], self.key, now=now, until=now + LEASE) == ENDPOINT

    def seconds(self, count: int) -> Iterator[int]:
        """Let so many seconds pass for both; the code server does its round in each."""
        for second in range(count):
            self.server.advance(1)
            self.worker.advance(1)
            self.leases.run()
            yield second


@pytest.fixture(params=SKEWS, ids=["server ahead", "agreed", "server behind"])
def processes(store: SqlStore, request: pytest.FixtureRequest) -> Processes:
    return Processes(store, FakeClock(NOW + request.param), FakeClock(NOW))


def test_a_living_run_keeps_its_submission_and_its_endpoint_whatever_the_clocks_say(
    processes: Processes,
) -> None:
    processes.claim()
    processes.hold_endpoint()
    processes.submit()
    for second in processes.seconds(45):
        if second % RENEW_EVERY_S == 0:
            assert processes.renew()
        assert processes.dispatch.run() == []
        other = processes.server.now()
        assert processes.store.slots.acquire([ENDPOINT], 99, now=other, until=other + LEASE) is None
    assert processes.task().state is TaskState.SUBMITTING


def test_a_dead_run_is_replaced_after_one_lease_whatever_the_clocks_say(processes: Processes) -> None:
    processes.claim()
    processes.hold_endpoint()
    asked_at = [second for second in processes.seconds(40) if processes.dispatch.run()]
    assert asked_at[0] == LEASE.total_seconds(), "as soon as with clocks that agree"
    now = processes.worker.now()
    assert processes.store.slots.acquire([ENDPOINT], 99, now=now, until=now + LEASE) == ENDPOINT
    assert processes.store.claims.claim(processes.key, "run-2", now=now, until=now + LEASE)


def test_a_submission_of_a_dead_run_is_given_up_after_one_lease(processes: Processes) -> None:
    processes.claim()
    processes.submit()
    for second in processes.seconds(31):
        processes.dispatch.run()
        is_over = second >= LEASE.total_seconds()
        assert processes.task().state is (TaskState.ANSWER_UNKNOWN if is_over else TaskState.SUBMITTING)


def test_a_step_of_the_clock_takes_no_lease(processes: Processes) -> None:
    processes.claim()
    for second in processes.seconds(20):
        if second % RENEW_EVERY_S == 0:
            assert processes.store.claims.extend(processes.key, RUN, processes.worker.now() + LEASE)
        if second == 12:
            processes.server.jump(7200)
        assert processes.dispatch.run() == []


def test_a_request_does_not_take_the_task_from_a_run_that_claims_it_meanwhile(processes: Processes) -> None:
    processes.claim()
    assert not processes.store.claims.mark_requested(processes.key, 1, NOW)
    assert (processes.task().run_id, processes.task().attempt) == (RUN, 0)


def test_a_lease_that_is_renewed_between_the_look_and_the_end_stays(processes: Processes) -> None:
    processes.claim()
    (seen,) = processes.store.leases.held().claims
    processes.worker.advance(1)
    assert processes.store.claims.extend(processes.key, RUN, processes.worker.now() + LEASE)
    assert not processes.store.leases.end_claim(seen)
    assert processes.task().claimed_until is not None


def test_time_without_a_look_counts_little() -> None:
    """While the store was away nobody could renew: its return ends no lease."""
    watch, lease = LeaseWatch(), Lease(1, RUN, NOW)
    gap_s = LONGEST_GAP.total_seconds()
    assert watch.ended([lease], at_s=0.0) == []
    assert watch.ended([lease], at_s=3600.0) == []
    assert watch.ended([lease], at_s=3600.0 + gap_s) == []
    assert watch.ended([lease], at_s=3600.0 + 2 * gap_s) == [lease]
