"""Which methods of a store are called, how often, and how long each takes: in the store and in the caller."""

import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

from sqlalchemy import event

from trellis_assets.adapters.storage.store import SqlStore
from trellis_assets.adapters.storage.transactions import Repository


@dataclass(slots=True)
class Asked:
    """Calls of one method within one stage: how long each took, and the transactions of all."""

    seconds: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)
    writes: int = 0
    reads: int = 0


class RecordedStore:
    """A store whose calls are counted under the stage that is set. Calls within calls count once."""

    def __init__(self, store: SqlStore) -> None:
        self._store = store
        self.stage = ""
        self.asked: dict[tuple[str, str], Asked] = defaultdict(Asked)
        self._current: Asked | None = None
        event.listen(store.engine, "begin", self._count)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        return RecordedRepository(self, name, found) if isinstance(found, Repository) else found

    def recorded(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        """Return the method so that its calls are recorded under the name."""

        @wraps(method)
        def call(*args: Any, **named: Any) -> Any:
            asked = self._current = self.asked[self.stage, name]
            wall, cpu = time.perf_counter(), time.thread_time()
            try:
                return method(*args, **named)
            finally:
                asked.seconds.append(time.perf_counter() - wall)
                asked.cpu_s.append(time.thread_time() - cpu)
                self._current = None

        return call

    def _count(self, connection: Any) -> None:
        if self._current is None:
            return
        if connection.get_execution_options().get("reads_only", False):
            self._current.reads += 1
        else:
            self._current.writes += 1


class RecordedRepository:
    """A repository of a recorded store. Its methods are recorded as `repository.method`."""

    def __init__(self, store: RecordedStore, name: str, repository: Repository) -> None:
        self._store, self._name, self._repository = store, name, repository

    def __getattr__(self, name: str) -> Any:
        return self._store.recorded(f"{self._name}.{name}", getattr(self._repository, name))
