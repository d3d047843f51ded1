"""Several miners on one store: each asks and counts for itself; together they pull what there is room for."""

from dataclasses import replace
from datetime import timedelta

from trellis_assets.adapters.storage.store import SqlStore
from trellis_assets.domain.scheduling.poll_spacing import PollSpacing, poll_backoff
from trellis_assets.domain.scheduling.prefetch import PROMPT_START, OtherMinerDemand
from trellis_assets.domain.tasks import LEASE, TaskState
from trellis_assets.domain.validators import EligibilityPolicy
from trellis_assets.ports import CoolingDown, TaskAssigned
from trellis_assets.steps.poll_validators import PROMPT_ANSWER, PollingPolicy, PollReport, PollValidatorsStep
from trellis_assets.testing.fakes import MINER, NOW, FakeClock, ScriptedNetwork, a_pulled_task, a_validator
from trellis_assets.testing.leases import let_leases_end

OTHER = "5OtherMinerOtherMinerOtherMinerOtherMinerOther"
ONE, TWO = a_validator(1), a_validator(2)
SHARED = ("gpu-1", "gpu-2")
POLICY = PollingPolicy(
    eligibility=EligibilityPolicy(),
    spacing=PollSpacing(timedelta(seconds=45), poll_backoff(timedelta(seconds=300))),
    metagraph_age=timedelta(hours=1),
    max_waiting=8,
    endpoints=SHARED,
)


class Miner:
    """A miner on the store, to whom every validator has a task to give."""

    def __init__(
        self, store: SqlStore, clock: FakeClock, hotkey: str, endpoints: tuple[str, ...] = SHARED
    ) -> None:
        self.network = ScriptedNetwork([ONE, TWO])
        self.network.miner_hotkey = hotkey
        for validator in (ONE, TWO):
            pulled = a_pulled_task(f"{hotkey} {validator.uid}")
            self.network.pulls[validator.hotkey] = [TaskAssigned(pulled)]
        session = store.sessions.start(clock.now(), {"endpoints": list(endpoints)})
        policy = replace(POLICY, endpoints=endpoints, session_id=session)
        self.step = PollValidatorsStep(store, self.network, clock, policy)

    async def pull(self) -> int:
        report: PollReport = await self.step.run()
        return len(report.new_tasks)


async def test_miners_that_share_endpoints_pull_for_each_of_them_once(
    store: SqlStore, clock: FakeClock
) -> None:
    first, second = Miner(store, clock, MINER), Miner(store, clock, OTHER)
    assert await first.pull() == 2
    assert await second.pull() == 0, "a task waits for each endpoint already"
    assert second.network.pulled == []


async def test_miners_with_endpoints_of_their_own_pull_beside_each_other(
    store: SqlStore, clock: FakeClock
) -> None:
    first, second = Miner(store, clock, MINER), Miner(store, clock, OTHER, ("gpu-3", "gpu-4"))
    assert await first.pull() == 2
    assert await second.pull() == 2


async def test_a_question_that_is_under_way_counts_before_its_task_is_there(
    store: SqlStore, clock: FakeClock
) -> None:
    first, second = Miner(store, clock, MINER), Miner(store, clock, OTHER)
    session = first.step.policy.session_id
    for validator in (ONE, TWO):
        soon, rest = NOW + timedelta(seconds=45), timedelta(seconds=45)
        assert store.polls.begin(
            MINER, validator.hotkey, next_poll_at=soon, now=NOW, max_backoff=rest, session_id=session
        )
    assert await second.pull() == 0
    clock.advance(2 * PROMPT_ANSWER.total_seconds())
    assert await second.pull() == 2, "who has not answered by then holds up nobody"


async def test_a_question_that_brought_no_task_counts_no_more(store: SqlStore, clock: FakeClock) -> None:
    first, second = Miner(store, clock, MINER), Miner(store, clock, OTHER)
    for validator in (ONE, TWO):
        first.network.pulls[validator.hotkey] = [CoolingDown(NOW + timedelta(minutes=5), violations=0)]
    assert await first.pull() == 0
    assert await second.pull() == 2
    assert store.polls.times(OTHER)[ONE.hotkey].cooldown_until is None, "the cooldown is the first one's"


async def test_tasks_of_a_miner_that_went_away_delay_no_other_miner(
    store: SqlStore, clock: FakeClock
) -> None:
    first, second = Miner(store, clock, MINER), Miner(store, clock, OTHER)
    await first.pull()
    clock.advance(1)
    for task in store.tasks.active(MINER):
        assert store.claims.claim(task.key, f"run {task.key}", now=clock.now(), until=clock.now() + LEASE)
    clock.advance(20)
    assert await second.pull() == 0, "its runs wait for the endpoints"
    let_leases_end(store, clock)
    assert await second.pull() == 2, "their leases have ended"


async def test_tasks_that_wait_for_a_worker_of_their_miner_hold_up_nobody(
    store: SqlStore, clock: FakeClock
) -> None:
    first, second = Miner(store, clock, MINER), Miner(store, clock, OTHER)
    await first.pull()
    clock.advance(PROMPT_START.total_seconds() + 1)
    assert await second.pull() == 2, "the endpoints would be idle meanwhile"


def test_demand_of_other_miners_is_counted_by_session(store: SqlStore, clock: FakeClock) -> None:
    session = store.sessions.start(NOW, {"endpoints": ["gpu-1"]})
    keys = [
        store.arrivals.record(
            a_pulled_task(task_id), validator=ONE, miner_hotkey=OTHER, now=NOW, session_id=session
        ).task.key
        for task_id in ("a", "b", "c")
    ]
    store.tasks.move(keys[0], TaskState.GENERATING, now=NOW)
    store.arrivals.record(a_pulled_task("d"), validator=ONE, miner_hotkey=OTHER, now=NOW, session_id=None)
    found = store.shared_demand.of_other_miners(MINER, NOW, NOW)
    assert sorted(found, key=lambda e: e.tasks) == [
        OtherMinerDemand(1, None),
        OtherMinerDemand(2, frozenset({"gpu-1"})),
    ]
    assert store.shared_demand.of_other_miners(OTHER, NOW, NOW) == []


def test_statistics_tell_miners_apart_and_together(store: SqlStore) -> None:
    for miner, task_ids in ((MINER, ("a", "b")), (OTHER, ("a",))):
        for task_id in task_ids:
            store.arrivals.record(
                a_pulled_task(task_id), validator=ONE, miner_hotkey=miner, now=NOW, session_id=1
            )
    whole, of_session = store.statistics.snapshot(None, NOW), store.statistics.snapshot(1, NOW)
    assert {miner: totals.tasks_pulled for miner, totals in whole.miners.items()} == {MINER: 2, OTHER: 1}
    assert whole.totals.tasks_pulled == of_session.totals.tasks_pulled == 3
    assert {(v.miner_hotkey, v.total_tasks_received) for v in whole.validators} == {(MINER, 2), (OTHER, 1)}
