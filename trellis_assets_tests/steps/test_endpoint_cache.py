"""Endpoints are read as often as that is cheap, and what was begun meanwhile is known all the same."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from trellis_assets.adapters.storage.store import SqlStore
from trellis_assets.domain.endpoints.endpoints import Endpoint
from trellis_assets.domain.scheduling.prefetch import ActiveTask
from trellis_assets.domain.tasks import TaskState
from trellis_assets.steps.endpoint_cache import EndpointCache
from trellis_assets.testing.fakes import MINER, NOW


@dataclass
class Stopwatch:
    now_s: float = 0.0
    reads: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def watch() -> Stopwatch:
    return Stopwatch()


def a_look(
    store: SqlStore, watch: Stopwatch, monkeypatch: pytest.MonkeyPatch, takes_s: float
) -> EndpointCache:
    read = store.endpoints.named

    def slowly(names: Sequence[str], now: datetime) -> list[Endpoint]:
        watch.reads.append(watch.now_s)
        watch.now_s += takes_s
        return read(names, now)

    monkeypatch.setattr(store.endpoints, "named", slowly)
    return EndpointCache(store, ("a", "b"), timer=watch)


def look_every(seconds: float, times: int, look: EndpointCache, watch: Stopwatch) -> None:
    for _ in range(times):
        look.endpoints(NOW)
        watch.now_s += seconds


def test_a_few_endpoints_are_read_each_time(
    store: SqlStore, watch: Stopwatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = a_look(store, watch, monkeypatch, takes_s=0.002)
    look_every(0.05, 20, look, watch)
    assert len(watch.reads) == 20


def test_reading_many_takes_a_tenth_of_the_time_at_most(
    store: SqlStore, watch: Stopwatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = a_look(store, watch, monkeypatch, takes_s=0.04)
    look_every(0.05, 100, look, watch)
    assert len(watch.reads) * 0.04 <= watch.now_s / 10 + 0.04
    assert len(watch.reads) >= 10, "but they are looked at"


def test_generations_that_started_since_the_last_read_are_counted(
    store: SqlStore, watch: Stopwatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.slots.acquire(["a"], 1, now=NOW, until=NOW + timedelta(seconds=30))
    look = a_look(store, watch, monkeypatch, takes_s=0.04)
    tasks = [ActiveTask(key, MINER, "5Validator1", TaskState.GENERATING) for key in (1, 2)]
    look.endpoints(NOW)
    assert look.begun_since(tasks) == 0, "just read: the second one waits for an endpoint after a failure"
    look.endpoints(NOW)
    assert look.begun_since(tasks) == 1
