"""The endpoint cache reads as often as is cheap, and counts what began between two reads."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

from trellis_assets.adapters.storage.endpoints import SqlEndpoints
from trellis_assets.adapters.storage.store import SqlStore
from trellis_assets.domain.endpoints.endpoints import Endpoint
from trellis_assets.domain.scheduling.prefetch import ActiveTask
from trellis_assets.domain.tasks import TaskState
from trellis_assets.steps.endpoint_cache import EndpointCache
from trellis_assets.testing.fakes import MINER, NOW


@dataclass
class SlowEndpoints:
    """The stored endpoints, each read of which takes so long by the watch."""

    stored: SqlEndpoints
    read_s: float
    now_s: float = 0.0
    reads: int = 0

    def time_s(self) -> float:
        return self.now_s

    def named(self, names: Sequence[str]) -> list[Endpoint]:
        self.reads += 1
        self.now_s += self.read_s
        return self.stored.named(names)

    def cached(self) -> EndpointCache:
        return EndpointCache(cast("Any", self), ("a", "b"), timer=self.time_s)


def read_every(seconds: float, times: int, endpoints: SlowEndpoints) -> None:
    cache = endpoints.cached()
    for _ in range(times):
        cache.endpoints()
        endpoints.now_s += seconds


def test_a_few_endpoints_are_read_each_time(store: SqlStore) -> None:
    endpoints = SlowEndpoints(store.endpoints, read_s=0.002)
    read_every(0.05, 20, endpoints)
    assert endpoints.reads == 20


def test_reading_many_takes_a_tenth_of_the_time_at_most(store: SqlStore) -> None:
    endpoints = SlowEndpoints(store.endpoints, read_s=0.04)
    read_every(0.05, 100, endpoints)
    assert endpoints.reads * 0.04 <= endpoints.now_s / 10 + 0.04
    assert endpoints.reads >= 10, "they are read again all the same"


def test_generations_that_started_since_the_last_read_are_counted(store: SqlStore) -> None:
    store.slots.acquire(["a"], 1, now=NOW, until=NOW + timedelta(seconds=30))
    cache = SlowEndpoints(store.endpoints, read_s=0.04).cached()
    tasks = [ActiveTask(key, MINER, "5Validator1", TaskState.GENERATING) for key in (1, 2)]
    cache.endpoints()
    assert cache.begun_since(tasks) == 0, "just read: the second one waits for an endpoint after a failure"
    cache.endpoints()
    assert cache.begun_since(tasks) == 1
