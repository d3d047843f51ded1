"""Two processes that poll one validator, in every order of their steps, each pause between polls over."""

from collections.abc import Callable
from itertools import permutations

import pytest

from trellis_assets.adapters.storage.arrivals import SqlArrivals
from trellis_assets.adapters.storage.store import SqlStore
from trellis_assets.domain.scheduling.poll_spacing import PollSpacing
from trellis_assets.domain.tasks import TaskState
from trellis_assets.ports import StoreError, TaskAssigned
from trellis_assets.steps.handle_poll_response import HandlePollResponseStep
from trellis_assets.testing.fakes import MINER, FakeClock, ScriptedNetwork, a_pulled_task, a_validator

ONE, SPACING = a_validator(1), PollSpacing()
ORDERS = sorted(set(permutations("AABB")))


class Poller:
    """One process: it begins a poll, and stores the answer later, when the validator has given it."""

    def __init__(self, store: SqlStore, clock: FakeClock) -> None:
        self.store, self.clock = store, clock
        self.response = HandlePollResponseStep(store, ScriptedNetwork([ONE]), clock, SPACING, None)
        self.is_polling = False

    def begin(self) -> bool:
        # The slowest validator: the pause that the first poll set is over before it answers.
        self.clock.advance(SPACING.maximum.total_seconds() + 1)
        now = self.clock.now()
        self.is_polling = self.store.polls.begin(
            MINER, ONE.hotkey, next_poll_at=now, now=now, max_backoff=SPACING.maximum
        )
        return self.is_polling

    async def store_answer(self) -> None:
        if self.is_polling:
            await self.response.run(ONE, TaskAssigned(a_pulled_task("task-1")))


@pytest.mark.parametrize("order", ORDERS, ids="".join)
async def test_a_validator_that_waits_for_our_answer_is_not_polled_whatever_the_order(
    store: SqlStore, clock: FakeClock, order: tuple[str, ...]
) -> None:
    pollers = {name: Poller(store, clock) for name in "AB"}
    seen: set[str] = set()
    for name in order:
        if name in seen:
            await pollers[name].store_answer()
            continue
        seen.add(name)
        is_stored = bool(store.tasks.active(MINER))
        assert pollers[name].begin() is not is_stored
    (task,) = store.tasks.active(MINER)
    assert task.state is TaskState.PULLED, "stored once, though both may have been served it"


async def test_an_answer_that_the_database_did_not_take_is_asked_for_again(
    store: SqlStore, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database dies between the poll's record and the task's: only a second poll brings the task."""
    first, second = Poller(store, clock), Poller(store, clock)
    assert first.begin()

    def fail(*_args: object, **_fields: object) -> Callable[[], None]:
        raise StoreError("the database was killed")

    with monkeypatch.context() as killed:
        killed.setattr(SqlArrivals, "record", fail)
        with pytest.raises(StoreError):
            await first.store_answer()
    assert store.tasks.active(MINER) == []
    assert second.begin(), "otherwise the task would be lost"
    await second.store_answer()
    assert [task.key for task in store.tasks.active(MINER)] != []
    assert not first.begin()
