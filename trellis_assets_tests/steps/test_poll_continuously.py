"""Polls between the ticks: a slow validator holds back nobody, and an answer starts its run at once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import pytest

from trellis_assets.adapters.storage.store import SqlStore
from trellis_assets.domain.scheduling.poll_spacing import PollSpacing, poll_backoff
from trellis_assets.domain.validators import EligibilityPolicy, Validator
from trellis_assets.ports import CoolingDown, MetagraphError, PollResponse, TaskAssigned
from trellis_assets.steps import poll_continuously
from trellis_assets.steps.poll_continuously import PollingLoop
from trellis_assets.steps.poll_validators import PollingPolicy, PollValidatorsStep
from trellis_assets.testing.fakes import MINER, FakeClock, ScriptedNetwork, a_pulled_task, a_validator

POLICY = PollingPolicy(
    eligibility=EligibilityPolicy(),
    spacing=PollSpacing(timedelta(seconds=45), poll_backoff(timedelta(seconds=300))),
    metagraph_age=timedelta(hours=1),
    max_waiting=8,
)
SLOW, FAST = a_validator(1, stake=9000.0), a_validator(2, stake=5000.0)


class SlowNetwork(ScriptedNetwork):
    """The slow validator answers when it is told to."""

    def __init__(self) -> None:
        super().__init__([SLOW, FAST])
        self.may_answer = asyncio.Event()

    async def pull(self, validator: Validator) -> PollResponse:
        answer = await super().pull(validator)
        if validator == SLOW:
            await self.may_answer.wait()
        return answer


@asynccontextmanager
async def pulling(store: SqlStore, clock: FakeClock) -> AsyncIterator[tuple[SlowNetwork, PollingLoop]]:
    network = SlowNetwork()
    step = PollingLoop(PollValidatorsStep(store, network, clock, POLICY), dispatch=lambda: None)
    yield network, step
    network.may_answer.set()
    await step.finish()


async def test_a_slow_validator_does_not_hold_back_a_fast_ones_task(
    store: SqlStore, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(poll_continuously, "PROMPT_ANSWER_S", 0.05)
    async with pulling(store, clock) as (network, step):
        network.pulls = {v.hotkey: [TaskAssigned(a_pulled_task(v.hotkey))] for v in (SLOW, FAST)}
        await step.round()
        assert network.pulled == [SLOW.hotkey], "one endpoint: the better validator first"
        while FAST.hotkey not in network.pulled:
            await step.round()
        while not step.report.new_tasks:
            await step.round()
        assert [t.validator_hotkey for t in store.tasks.active(MINER)] == [FAST.hotkey]


async def test_what_a_slow_validator_gives_in_the_end_is_stored(store: SqlStore, clock: FakeClock) -> None:
    async with pulling(store, clock) as (network, step):
        network.pulls[SLOW.hotkey] = [TaskAssigned(a_pulled_task("late"))]
        await step.round()
        network.may_answer.set()
        await step.finish()
        assert [t.validator_hotkey for t in store.tasks.active(MINER)] == [SLOW.hotkey]


async def test_runs_are_started_as_soon_as_a_task_came(store: SqlStore, clock: FakeClock) -> None:
    started: list[int] = []
    network = ScriptedNetwork([FAST])
    network.pulls[FAST.hotkey] = [TaskAssigned(a_pulled_task("t"))]
    step = PollingLoop(
        PollValidatorsStep(store, network, clock, POLICY),
        dispatch=lambda: started.append(len(store.tasks.active(MINER))),
    )
    await step.round()
    assert started == [1]


async def test_a_poll_that_outlives_its_round_starts_its_run_at_once_and_is_counted(
    store: SqlStore, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(poll_continuously, "DISPATCH_EVERY_S", 3600.0)
    started: list[int] = []
    network = SlowNetwork()
    network.validators = [SLOW]
    network.pulls[SLOW.hotkey] = [TaskAssigned(a_pulled_task("late"))]
    step = PollingLoop(
        PollValidatorsStep(store, network, clock, POLICY),
        dispatch=lambda: started.append(len(store.tasks.active(MINER))),
    )
    await step.round()
    while step.take_report().polled:  # as the poller does after each round
        await step.round()
    started.clear()
    network.may_answer.set()
    await step.round()
    assert started == [1]
    report = step.take_report()
    assert (report.polled, report.answers, len(report.new_tasks)) == (1, {"TaskAssigned": 1}, 1)


async def test_a_task_that_comes_while_the_poller_ends_gets_its_run(
    store: SqlStore, clock: FakeClock
) -> None:
    started: list[int] = []
    network = SlowNetwork()
    network.validators = [SLOW]
    network.pulls[SLOW.hotkey] = [TaskAssigned(a_pulled_task("late"))]
    step = PollingLoop(
        PollValidatorsStep(store, network, clock, POLICY),
        dispatch=lambda: started.append(len(store.tasks.active(MINER))),
    )
    await step.round()
    network.may_answer.set()
    await step.finish()
    assert started[-1] == 1


async def test_no_validator_is_polled_while_enough_tasks_wait(store: SqlStore, clock: FakeClock) -> None:
    network = ScriptedNetwork([SLOW, FAST])
    network.pulls[SLOW.hotkey] = [TaskAssigned(a_pulled_task("t"))]
    step = PollingLoop(PollValidatorsStep(store, network, clock, POLICY), dispatch=lambda: None)
    for _ in range(3):
        await step.round()
    assert network.pulled == [SLOW.hotkey]


async def test_no_validator_is_polled_while_polling_is_paused(store: SqlStore, clock: FakeClock) -> None:
    network = ScriptedNetwork([FAST])
    dispatched: list[None] = []
    step = PollingLoop(
        PollValidatorsStep(store, network, clock, POLICY), dispatch=lambda: dispatched.append(None)
    )
    await step.round(may_poll=False)
    assert network.pulled == []
    assert dispatched, "tasks in hand are still given runs"


async def test_a_validator_on_cooldown_is_left_alone(store: SqlStore, clock: FakeClock) -> None:
    network = ScriptedNetwork([FAST])
    until = clock.now() + timedelta(seconds=600)
    network.pulls[FAST.hotkey] = [CoolingDown(until, violations=0)]
    step = PollingLoop(PollValidatorsStep(store, network, clock, POLICY), dispatch=lambda: None)
    for _ in range(3):
        await step.round()
        clock.advance(100)
    assert network.pulled == [FAST.hotkey]


async def test_the_session_takes_no_more_than_its_limit_however_many_polls_are_under_way(
    store: SqlStore, clock: FakeClock
) -> None:
    network = ScriptedNetwork([a_validator(i) for i in range(1, 9)])
    network.pulls = {v.hotkey: [TaskAssigned(a_pulled_task(v.hotkey))] for v in network.validators}
    policy = replace(POLICY, endpoints=tuple("abcdefgh"), task_limit=3)
    step = PollingLoop(PollValidatorsStep(store, network, clock, policy), dispatch=lambda: None)
    for _ in range(3):
        await step.round()
    await step.finish()
    assert len(store.tasks.active(MINER)) == 3


async def test_what_goes_wrong_in_a_poll_is_raised_by_a_round(
    store: SqlStore, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = ScriptedNetwork([FAST])
    step = PollingLoop(PollValidatorsStep(store, network, clock, POLICY), dispatch=lambda: None)

    async def fail(_validator: Validator) -> PollResponse:
        raise MetagraphError("broken")

    monkeypatch.setattr(network, "pull", fail)

    async def two_rounds() -> None:
        await step.round()
        await step.round()

    with pytest.raises(MetagraphError):
        await two_rounds()
