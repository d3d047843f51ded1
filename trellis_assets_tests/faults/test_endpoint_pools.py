"""Several generation servers of which some die, come back, are slow or answer rubbish: no task is lost."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace

import pytest

from trellis_assets.adapters.file_storage.local import LocalFileStore
from trellis_assets.adapters.generation.http import HttpGenerator
from trellis_assets.adapters.prompt_lists import default_pictures
from trellis_assets.adapters.splat_io.spz import encode_spz
from trellis_assets.adapters.storage.store import SqlStore
from trellis_assets.domain.endpoints.breaker import ENDPOINT_BACKOFF, FAILURES_TO_TRIP, BreakerState
from trellis_assets.domain.submissions import SubmissionKind, SubmissionOutcome
from trellis_assets.domain.tasks import TaskKind, TaskState
from trellis_assets.ports import TaskAssigned
from trellis_assets.steps import generate_with_failover
from trellis_assets.steps.poll_validators import PollValidatorsStep
from trellis_assets.testing.fakes import FakeClock, ScriptedNetwork, a_pulled_task, a_validator, an_answer
from trellis_assets.testing.hostile_server import Request, serving
from trellis_assets.testing.splats import a_ball
from trellis_assets_tests.faults.gpu_server import SPZ, GpuServer, Pool, ended
from trellis_assets_tests.faults.miner import Miner
from trellis_assets_tests.steps.test_poll_validators import POLICY

ONE = a_validator(1)


@pytest.fixture
def servers() -> Iterator[tuple[GpuServer, GpuServer]]:
    pair = GpuServer(), GpuServer()
    yield pair
    for server in pair:
        server.kill()


@pytest.fixture
def pool(store: SqlStore, files: LocalFileStore, servers: tuple[GpuServer, GpuServer]) -> Pool:
    return Pool(store, files, servers)


def test_an_endpoint_that_dies_in_the_midst_costs_no_task_and_the_other_goes_on(
    pool: Pool, servers: tuple[GpuServer, GpuServer]
) -> None:
    dying, other = servers
    with ThreadPoolExecutor(4) as runs:
        working = pool.begin(runs, 12)
        assert dying.at_work.wait(20)
        dying.kill()
        tasks = ended(working)
    assert [task.state for task in tasks] == [TaskState.GENERATED] * 12
    assert other.made == 12 - dying.made
    assert other.made >= 10
    by_name = dict(zip(pool.generator.endpoints, servers, strict=True))
    for name, server in by_name.items():
        made_there = sum(task.generation is not None and task.generation.endpoint == name for task in tasks)
        assert made_there == server.made
    broken, well = pool.endpoints()
    assert broken.breaker.state(pool.clock.now()) is not BreakerState.CLOSED
    assert broken.failures <= FAILURES_TO_TRIP, "it is left alone, not asked by each task"
    assert (well.failures, well.generations) == (0, other.made)


def test_an_endpoint_that_came_back_is_used_again(pool: Pool, servers: tuple[GpuServer, GpuServer]) -> None:
    restarted, _ = servers
    restarted.kill()
    assert pool.look() is None, "the other one takes work"
    pool.generated(4, at_once=2)
    away, _ = pool.endpoints()
    assert away.failures == 0, "a look told it: no task was tried there"
    restarted.start()
    pool.look()
    tasks = pool.generated(8, at_once=2)
    assert [task.state for task in tasks] == [TaskState.GENERATED] * 8
    assert restarted.made > 1
    assert pool.endpoints()[0].breaker.state(pool.clock.now()) is BreakerState.CLOSED


def test_the_slow_one_of_two_gets_what_the_fast_one_has_no_time_for(
    pool: Pool, servers: tuple[GpuServer, GpuServer]
) -> None:
    slow, fast = servers
    slow.takes_s, fast.takes_s = 0.6, 0.02
    pool.generated(2, at_once=1)
    assert (slow.made, fast.made) == (1, 1), "nobody knows yet which is fast"
    pool.generated(5, at_once=1)
    assert (slow.made, fast.made) == (1, 6), "a task that has the choice goes to the fast one"
    pool.generated(8, at_once=2)
    assert slow.made > 1, "and none waits for it while the slow one is free"
    assert fast.made > slow.made + 6


def test_while_all_are_down_nobody_is_asked_and_tasks_in_hand_wait_until_one_is_back(
    pool: Pool, servers: tuple[GpuServer, GpuServer]
) -> None:
    for server in servers:
        server.kill()
    closed = pool.look() or ""
    assert "no generation endpoint takes work" in closed
    assert all(name in closed for name in pool.generator.endpoints)
    network = ScriptedNetwork([a_validator(2)])
    policy = replace(POLICY, endpoints=pool.generator.endpoints)
    pulling = PollValidatorsStep(pool.store, network, pool.clock, policy)
    assert asyncio.run(pulling.run()).polled == 0
    with ThreadPoolExecutor(3) as runs:
        working = pool.begin(runs, 3)
        time.sleep(0.3)
        assert not any(run.done() for run in working), "none is handed back"
        assert [endpoint.held_by for endpoint in pool.endpoints()] == [None, None]
        servers[1].start()
        assert pool.look() is None
        tasks = ended(working)
    assert [task.state for task in tasks] == [TaskState.GENERATED] * 3
    assert servers[1].made == 3
    assert asyncio.run(pulling.run()).polled == 1, "and validators are asked again"


class ProbingClock(FakeClock):
    """Time that passes while others look at the endpoints, as the poller does every second."""

    def __init__(self) -> None:
        super().__init__()
        self.look: Callable[[], object] = lambda: None
        self._looked = self.current

    def advance(self, seconds: float) -> None:
        super().advance(seconds)
        if (self.current - self._looked).total_seconds() >= 1:
            self._looked = self.current
            self.look()


class Shop:
    """A miner, round by round, with endpoints of the test."""

    def __init__(self, store: SqlStore, files: LocalFileStore, clock: FakeClock) -> None:
        self.network = ScriptedNetwork([ONE])
        self.miner = Miner(store, files, clock, self.network)

    def uses(self, *urls: str) -> None:
        self.miner.generator = HttpGenerator(urls, timeout_s=5)
        self.miner.policy = replace(self.miner.policy, endpoints=self.miner.generator.endpoints)

    def runs(self, task_id: str, outcome: SubmissionOutcome, **task: object) -> TaskState:
        self.network.pulls[ONE.hotkey] = [
            TaskAssigned(a_pulled_task(task_id, **({"prompt": f"a ball for {task_id}"} | task)))  # type: ignore[arg-type]
        ]
        self.network.answers = [an_answer(outcome)]
        self.miner.round()
        return self.miner.tasks()[-1].state


def test_endpoints_that_stay_away_are_waited_for_only_so_long(
    store: SqlStore, files: LocalFileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generate_with_failover, "LONGEST_WAIT_S", 30.0)
    clock = ProbingClock()
    shop = Shop(store, files, clock)
    with serving(lambda r: r.answer(SPZ)) as url:
        pass
    shop.uses(url)
    clock.look = shop.miner.closed
    now = clock.now()
    key = store.arrivals.record(
        a_pulled_task("t"), validator=ONE, miner_hotkey="me", now=now, session_id=None
    ).task.key
    shop.miner.closed()
    task = shop.miner.generate(key, "run")
    assert task is not None
    assert task.state is TaskState.DECLINED
    assert "no endpoint was healthy for 30 s" in (task.reason or "")
    assert 30 <= (clock.now() - now).total_seconds() < 32


def test_nothing_is_pulled_while_the_only_endpoint_just_fails(
    store: SqlStore, files: LocalFileStore, clock: FakeClock
) -> None:
    """Its health looks good, which says nothing of its GPU."""
    shop = Shop(store, files, clock)
    health = [500]

    def respond(request: Request) -> None:
        status = 200 if request.path == "/health/" else health[0]
        request.answer(SPZ, status=status)

    with serving(respond) as url:
        shop.uses(url)
        assert shop.runs("lost", SubmissionOutcome.HANDED_BACK) is TaskState.HANDED_BACK
        assert "resting until" in (shop.miner.closed() or "")
        assert "answered 500" in (shop.miner.closed() or "")
        shop.network.pulled.clear()
        shop.miner.pull()
        assert shop.network.pulled == []
        clock.advance(ENDPOINT_BACKOFF.maximum.total_seconds() + 1)
        assert shop.miner.closed() is None, "one task may try it"
        health[0] = 200
        assert shop.runs("trial", SubmissionOutcome.ACCEPTED) is TaskState.ACCEPTED


def test_rubbish_of_one_endpoint_costs_no_task_where_another_makes_models(
    store: SqlStore, files: LocalFileStore, clock: FakeClock
) -> None:
    asked = []

    def rubbish(request: Request) -> None:
        asked.append(request.path)
        request.answer(b"<html>welcome", content_type="text/html")

    shop = Shop(store, files, clock)
    with serving(rubbish) as wrong, serving(lambda r: r.answer(SPZ)) as right:
        shop.uses(wrong, right)
        for number in range(8):
            assert shop.runs(f"t{number}", SubmissionOutcome.ACCEPTED) is TaskState.ACCEPTED
    assert {kind for _, kind, _ in shop.network.submitted} == {SubmissionKind.RESULT}
    assert len(asked) == 1, "after that the other one is preferred"


def test_an_endpoint_whose_models_are_too_small_costs_no_task_and_is_left_alone(
    store: SqlStore, files: LocalFileStore
) -> None:
    """6,999 splats: every validator would reject the model, and a rejection costs 900 s."""
    small = encode_spz(a_ball(6999))
    with serving(lambda request: request.answer(small)) as liar, serving(lambda r: r.answer(SPZ)) as honest:
        pool = Pool(store, files, [SimpleNamespace(url=liar), SimpleNamespace(url=honest)])
        tasks = pool.generated(6)
    assert {task.state for task in tasks} == {TaskState.GENERATED}
    assert {task.generation.endpoint for task in tasks if task.generation} == {pool.generator.endpoints[1]}
    lying = pool.endpoints()[0]
    assert "6999 splats" in str(lying.last_error)
    assert lying.breaker.failures_in_a_row >= 1


def test_a_picture_goes_to_the_endpoint_that_takes_pictures(
    store: SqlStore, files: LocalFileStore, clock: FakeClock
) -> None:
    asked = threading.Event()

    def words_only(request: Request) -> None:
        asked.set()
        request.answer(b'{"detail": "prompt: field required"}', status=422)

    shop = Shop(store, files, clock)
    with serving(words_only) as reference, serving(lambda r: r.answer(SPZ)) as ours:
        shop.uses(reference, ours)
        picture = {"prompt": default_pictures()[0], "kind": TaskKind.IMAGE}
        assert shop.runs("picture", SubmissionOutcome.ACCEPTED, **picture) is TaskState.ACCEPTED
    assert asked.is_set()
    first, _ = store.endpoints.named(shop.miner.generator.endpoints)
    assert (first.failures, first.breaker.failures_in_a_row) == (0, 0), "that is no failure of its own"
