"""A store that cannot be used for a while: clear errors, nothing lost, nothing sent twice."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from trellis_assets.adapters.file_storage.local import LocalFileStore
from trellis_assets.adapters.storage.store import SqlStore, open_store
from trellis_assets.domain.submissions import SubmissionKind, SubmissionOutcome
from trellis_assets.domain.tasks import LEASE, TaskState
from trellis_assets.domain.validators import Validator
from trellis_assets.ports import PollResponse, StoreError, TaskAssigned
from trellis_assets.steps import store_retry
from trellis_assets.steps.lease_heartbeat import lease_heartbeat
from trellis_assets.testing.fakes import (
    NOW,
    FakeClock,
    ScriptedNetwork,
    a_pulled_task,
    a_validator,
    an_answer,
)
from trellis_assets_tests.faults.miner import BallGenerator, Miner

ONE = a_validator(1)
# So long that rows and their indexes need pages which a full database does not have.
LONG_PROMPT = "a red ball " * 5000
ACCEPTED = SubmissionOutcome.ACCEPTED


class Locked:
    """Another connection writes, and does not come to an end."""

    words = "database is locked"

    def __init__(self, store: SqlStore, path: Path) -> None:
        self._other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)

    def breaks(self) -> None:
        self._other.execute("BEGIN IMMEDIATE")

    def mends(self) -> None:
        self._other.execute("ROLLBACK")


class _Pragma:
    """SQLite itself refuses, by a pragma that comes before each of the store's transactions."""

    def __init__(self, store: SqlStore, path: Path) -> None:
        self._is_broken = False
        event.listen(store.engine, "checkout", self._set)

    def _set(self, connection: sqlite3.Connection, *_: object) -> None:
        connection.execute(self.broken(connection) if self._is_broken else self.whole)

    def breaks(self) -> None:
        self._is_broken = True

    def mends(self) -> None:
        self._is_broken = False

    whole = ""

    def broken(self, connection: sqlite3.Connection) -> str:
        raise NotImplementedError


class ReadOnly(_Pragma):
    """As a file without the right to write, which stops no root."""

    words, whole = "attempt to write a readonly database", "PRAGMA query_only=OFF"

    def broken(self, connection: sqlite3.Connection) -> str:
        return "PRAGMA query_only=ON"


class Full(_Pragma):
    """Not one page more than there are."""

    words, whole = "database or disk is full", "PRAGMA max_page_count=1073741823"

    def broken(self, connection: sqlite3.Connection) -> str:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        return f"PRAGMA max_page_count={pages}"


class Network(ScriptedNetwork):
    """Something happens while it answers a pull."""

    def __init__(self) -> None:
        super().__init__([ONE])
        self.during_pull: Callable[[], None] = lambda: None

    async def pull(self, validator: Validator) -> PollResponse:
        self.during_pull()
        return await super().pull(validator)


class Waiting(FakeClock):
    """Something happens at a rest."""

    def __init__(self) -> None:
        super().__init__()
        self.at_rest: Callable[[], None] = lambda: None

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        self.at_rest()


@dataclass
class Bench:
    miner: Miner
    network: Network
    clock: Waiting
    broken: Any

    def serves(self, prompt: str = "a red ball") -> None:
        self.network.pulls[ONE.hotkey] = [TaskAssigned(a_pulled_task("task-1", prompt))]

    def mends_at_rest(self, rest: int) -> None:
        """The fault is over at this rest, counted from now."""
        left = [rest]

        def count() -> None:
            left[0] -= 1
            if left[0] == 0:
                self.broken.mends()

        self.clock.at_rest = count

    def heals(self) -> None:
        """A later tick and run end the task with one result accepted."""
        self.network.answers = [an_answer(ACCEPTED)]
        self.miner.round()
        assert self.miner.only_task().state is TaskState.ACCEPTED
        assert [kind for _, kind, _ in self.network.submitted] == [SubmissionKind.RESULT]


@pytest.fixture(params=[Locked, ReadOnly], ids=["locked", "read-only"])
def fault(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "trellis.db"


@pytest.fixture
def bench(path: Path, files: LocalFileStore, fault: Any) -> Iterator[Bench]:
    store, clock, network = open_store(f"sqlite:///{path}", busy_timeout_s=0.05), Waiting(), Network()
    store.validators.save([ONE], clock.now())
    yield Bench(Miner(store, files, clock, network), network, clock, fault(store, path))
    store.close()


def test_a_store_that_fails_before_a_pull_asks_nobody(bench: Bench, fault: Any) -> None:
    bench.serves()
    bench.broken.breaks()
    with pytest.raises(StoreError, match=fault.words):
        bench.miner.pull()
    assert bench.network.pulled == []
    bench.broken.mends()
    bench.heals()


# What changes a row and adds none needs no new page: a full store is told at the arrival.
@pytest.mark.parametrize("fault", [Locked, ReadOnly, Full], ids=["locked", "read-only", "full"])
def test_a_task_that_could_not_be_stored_is_served_again(bench: Bench, fault: Any) -> None:
    bench.serves(LONG_PROMPT)
    bench.network.during_pull = bench.broken.breaks
    with pytest.raises(StoreError, match=fault.words):
        bench.miner.pull()
    bench.broken.mends()
    bench.network.during_pull = lambda: None
    assert bench.miner.tasks() == []
    bench.serves(LONG_PROMPT)
    bench.clock.advance(50)
    bench.miner.pull()
    assert bench.miner.only_task().task_id == "task-1", "asked again after one interval, not after a rest"
    bench.heals()


def test_a_run_that_cannot_claim_leaves_the_task_to_the_next(bench: Bench, fault: Any) -> None:
    bench.serves()
    bench.miner.pull()
    (task,) = bench.miner.requested()
    bench.broken.breaks()
    with pytest.raises(StoreError, match=fault.words):
        bench.miner.generate(task.key, "run")
    bench.broken.mends()
    bench.heals()


def test_a_model_is_kept_in_hand_until_the_store_is_back(bench: Bench, fault: Any) -> None:
    bench.serves()
    bench.miner.pull()
    bench.miner.generator = BallGenerator(bench.broken.breaks)
    bench.mends_at_rest(3)
    bench.network.answers = [an_answer(ACCEPTED)]
    bench.miner.work()
    assert bench.miner.only_task().state is TaskState.ACCEPTED
    assert (bench.miner.generator.made, bench.miner.failures) == (1, [])


def test_an_answer_is_kept_in_hand_until_the_store_is_back(bench: Bench, fault: Any) -> None:
    bench.serves()
    bench.miner.pull()
    bench.network.before_answer = bench.broken.breaks
    bench.mends_at_rest(3)
    bench.network.answers = [an_answer(ACCEPTED)]
    bench.miner.work()
    task = bench.miner.only_task()
    assert (task.state, bench.miner.failures) == (TaskState.ACCEPTED, [])
    assert task.feedback is not None
    assert len(bench.network.submitted) == 1


def test_an_answer_that_can_never_be_stored_is_unknown_and_not_sent_for_again(
    bench: Bench, fault: Any
) -> None:
    bench.serves()
    bench.miner.pull()
    bench.network.before_answer = bench.broken.breaks
    bench.network.answers = [an_answer(ACCEPTED)]
    bench.miner.work()
    (failure,) = bench.miner.failures
    assert isinstance(failure, StoreError)
    assert fault.words in str(failure)
    assert len(bench.clock.slept) == len(store_retry.STORE_BACKOFF.steps)
    bench.broken.mends()
    assert bench.miner.only_task().state is TaskState.SUBMITTING
    bench.miner.round()
    assert bench.miner.only_task().state is TaskState.ANSWER_UNKNOWN
    assert len(bench.network.submitted) == 1


def test_a_lease_outlives_a_store_that_fails_for_a_while(
    bench: Bench, fault: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thread that renews it goes on: otherwise the store's return would end with the task taken away."""
    monkeypatch.setattr("trellis_assets.steps.lease_heartbeat.RENEW_EVERY_S", 0.01)
    bench.serves()
    bench.miner.pull()
    store, key = bench.miner.store, bench.miner.only_task().key
    store.claims.claim(key, "run", now=NOW, until=NOW + LEASE)
    outcomes: list[bool] = []
    failed, renewed_after = threading.Event(), threading.Event()

    def extend(until: Any) -> bool:
        try:
            outcomes.append(store.claims.extend(key, "run", until))
        except StoreError:
            failed.set()
            raise
        if failed.is_set():
            renewed_after.set()
        return outcomes[-1]

    bench.broken.breaks()
    with lease_heartbeat(bench.clock, extend) as lost:
        assert failed.wait(10)
        bench.clock.advance(20)
        bench.broken.mends()
        assert renewed_after.wait(10)
        assert not lost.is_set()
    assert store.tasks.get(key).claimed_until == bench.clock.now() + LEASE


def test_a_store_of_a_newer_version_keeps_its_tasks_for_the_version_that_reads_it(
    path: Path, files: LocalFileStore, clock: FakeClock
) -> None:
    network = Network()
    store = open_store(f"sqlite:///{path}")
    miner = Miner(store, files, clock, network)
    network.pulls[ONE.hotkey] = [TaskAssigned(a_pulled_task("task-1"))]
    miner.pull()
    store.close()

    def stamp(version: str) -> str:
        with sqlite3.connect(path) as connection:
            (before,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
            connection.execute("UPDATE alembic_version SET version_num = ?", (version,))
        return str(before)

    ours = stamp("9999")
    with pytest.raises(StoreError, match=r"newer version.*update trellis_assets"):
        open_store(f"sqlite:///{path}")
    stamp(ours)
    store = open_store(f"sqlite:///{path}")
    miner = Miner(store, files, clock, network)
    network.answers = [an_answer(ACCEPTED)]
    miner.round(after_s=timedelta(minutes=5).total_seconds())
    assert miner.only_task().state is TaskState.ACCEPTED
    store.close()
