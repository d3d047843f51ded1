"""A clock that jumps: nothing is sent twice, and nobody waits for hours."""

from datetime import datetime, timedelta

import pytest

from trellis_assets.adapters.file_storage.local import LocalFileStore
from trellis_assets.adapters.storage.store import SqlStore
from trellis_assets.domain.clock_skew import CLOCK_SLACK, elapsed, is_ahead
from trellis_assets.domain.scheduling.poll_spacing import PollSpacing
from trellis_assets.domain.scheduling.run_attempts import Request, RunStatus, Wait, next_attempt
from trellis_assets.domain.submissions import SubmissionKind, SubmissionOutcome
from trellis_assets.domain.tasks import LEASE, TaskState
from trellis_assets.domain.validators import PollTimes
from trellis_assets.ports import (
    ClaimLostError,
    CoolingDown,
    HttpExchange,
    MalformedResponse,
    NoTask,
    PollResponse,
    TaskAssigned,
    Unreachable,
)
from trellis_assets.steps.notify import NotifyStep
from trellis_assets.testing.fakes import (
    MINER,
    NOW,
    FakeClock,
    ScriptedNetwork,
    a_pulled_task,
    a_task,
    a_validator,
    an_answer,
)
from trellis_assets.testing.leases import let_leases_end
from trellis_assets_tests.faults.miner import BallGenerator, Miner

HOURS_S = 3 * 3600.0
ONE = a_validator(1)
ACCEPTED = SubmissionOutcome.ACCEPTED


@pytest.fixture
def network() -> ScriptedNetwork:
    network = ScriptedNetwork([ONE])
    network.pulls[ONE.hotkey] = [TaskAssigned(a_pulled_task("task-1"))]
    network.answers = [an_answer(ACCEPTED)] * 2
    return network


@pytest.fixture
def miner(store: SqlStore, files: LocalFileStore, clock: FakeClock, network: ScriptedNetwork) -> Miner:
    return Miner(store, files, clock, network)


def test_a_moment_further_ahead_than_it_is_ever_set_does_not_count() -> None:
    furthest = NOW + LEASE + CLOCK_SLACK
    assert [is_ahead(m, NOW, LEASE) for m in (None, NOW - LEASE, NOW)] == [False] * 3
    assert is_ahead(NOW + LEASE, NOW, LEASE)
    assert is_ahead(furthest, NOW, LEASE), "clocks of two machines differ a little"
    assert not is_ahead(furthest + timedelta(seconds=1), NOW, LEASE)


def test_the_time_since_a_moment_in_the_future_is_long_enough_for_everything() -> None:
    assert elapsed(NOW - LEASE, NOW) == LEASE
    assert elapsed(NOW + timedelta(seconds=1), NOW) == timedelta(seconds=-1)
    assert elapsed(NOW + timedelta(hours=3), NOW) == timedelta.max


@pytest.mark.parametrize("jump_s", [HOURS_S, -HOURS_S])
def test_a_jump_while_a_model_is_made_sends_one_result(
    miner: Miner, network: ScriptedNetwork, jump_s: float
) -> None:
    """The run renews its lease: no other takes the task."""

    def jump() -> None:
        miner.clock.jump(jump_s)
        assert miner.requested() == []

    miner.pull()
    miner.generator = BallGenerator(jump)
    miner.work()
    assert miner.failures == []
    assert miner.only_task().state is TaskState.ACCEPTED
    assert [kind for _, kind, _ in network.submitted] == [SubmissionKind.RESULT]


def test_a_run_that_was_taken_for_dead_sends_nothing(miner: Miner, network: ScriptedNetwork) -> None:
    """Another run takes the task over while the first one still works: the first one's moves are fenced."""

    def sleep_through_the_lease() -> None:
        let_leases_end(miner.store, miner.clock, miner.leases)
        miner.generator = BallGenerator()
        miner.work()

    miner.pull()
    miner.generator = BallGenerator(sleep_through_the_lease)
    miner.work()
    (failure,) = miner.failures
    assert isinstance(failure, ClaimLostError)
    assert miner.only_task().state is TaskState.ACCEPTED
    assert [kind for _, kind, _ in network.submitted] == [SubmissionKind.RESULT]


@pytest.mark.parametrize("jump_s", [HOURS_S, -HOURS_S])
def test_a_jump_while_a_validator_answers_changes_nothing(
    miner: Miner, network: ScriptedNetwork, jump_s: float
) -> None:
    between: list[TaskState] = []

    def jump() -> None:
        miner.clock.jump(jump_s)
        assert miner.requested() == []
        between.append(miner.only_task().state)

    network.before_answer = jump
    miner.round()
    assert between == [TaskState.SUBMITTING]
    assert miner.only_task().state is TaskState.ACCEPTED


def test_an_answer_to_a_run_that_was_taken_for_dead_counts_after_all(
    miner: Miner, network: ScriptedNetwork
) -> None:
    """A tick takes the submitting run for dead; the run is alive, and its answer comes."""
    between: list[TaskState] = []

    def sleep_through_the_lease() -> None:
        let_leases_end(miner.store, miner.clock, miner.leases)
        assert miner.requested() == [], "nobody is to submit it again"
        between.append(miner.only_task().state)

    network.before_answer = sleep_through_the_lease
    miner.round()
    assert between == [TaskState.ANSWER_UNKNOWN]
    task = miner.only_task()
    assert task.state is TaskState.ACCEPTED
    assert task.feedback is not None
    assert (len(network.submitted), miner.failures) == (1, [])
    assert miner.store.statistics.validator_counters()[0].total_successful_submissions == 1


def test_an_answer_that_came_too_late_for_a_task_served_again_counts_nowhere(
    miner: Miner, network: ScriptedNetwork
) -> None:
    def sleep_through_the_lease() -> None:
        let_leases_end(miner.store, miner.clock, miner.leases)
        miner.requested()
        network.before_answer = lambda: None
        miner.store.arrivals.reopen(miner.only_task().key)

    network.before_answer = sleep_through_the_lease
    miner.round()
    assert isinstance(miner.failures[0], ClaimLostError)
    assert miner.only_task().state is TaskState.VALIDATED


def test_an_unsettled_answer_that_comes_late_waits_for_the_validators_word(
    miner: Miner, network: ScriptedNetwork
) -> None:
    network.answers = [an_answer(SubmissionOutcome.STILL_ASSIGNED)]

    def sleep_through_the_lease() -> None:
        let_leases_end(miner.store, miner.clock, miner.leases)
        miner.requested()

    network.before_answer = sleep_through_the_lease
    miner.round()
    assert [t.task_id for t in miner.store.tasks.in_states({TaskState.UNSETTLED})] == ["task-1"]
    network.pulls[ONE.hotkey] = [CoolingDown(miner.clock.now() + timedelta(hours=7), violations=1)]
    miner.round()
    assert miner.only_task().state is TaskState.REJECTED


def _claimed(store: SqlStore, at: datetime) -> int:
    key = store.arrivals.record(
        a_pulled_task("a"), validator=ONE, miner_hotkey="m", now=at, session_id=None
    ).task.key
    assert store.claims.claim(key, "dead", now=at, until=at + LEASE) is not None
    return key


def test_a_dead_run_s_lease_does_not_hold_for_hours_when_the_clock_is_set_back(store: SqlStore) -> None:
    key = _claimed(store, NOW + timedelta(hours=3))
    assert store.claims.claim(key, "next", now=NOW, until=NOW + LEASE) is None
    let_leases_end(store, FakeClock())
    assert store.claims.claim(key, "next", now=NOW, until=NOW + LEASE) is not None
    assert not store.claims.extend(key, "dead", NOW + LEASE)


def test_a_live_run_renews_its_lease_by_the_clock_as_it_is_now(store: SqlStore) -> None:
    key = _claimed(store, NOW + timedelta(hours=3))
    assert store.claims.extend(key, "dead", NOW + LEASE)
    assert store.claims.claim(key, "next", now=NOW, until=NOW + LEASE) is None


def test_a_dead_run_s_slot_does_not_hold_for_hours_when_the_clock_is_set_back(store: SqlStore) -> None:
    wrong = NOW + timedelta(hours=3)
    assert store.slots.acquire(["a"], 1, now=wrong, until=wrong + LEASE) == "a"
    assert store.slots.acquire(["a"], 2, now=NOW, until=NOW + LEASE) is None
    let_leases_end(store, FakeClock())
    assert store.slots.acquire(["a"], 2, now=NOW, until=NOW + LEASE) == "a"
    assert store.slots.acquire(["a"], 3, now=NOW, until=NOW + LEASE) is None


@pytest.mark.parametrize("run", [RunStatus.ENDED, RunStatus.RUNNING])
def test_a_task_requested_before_the_clock_was_set_back_is_requested_again(run: RunStatus) -> None:
    later = NOW + timedelta(hours=3)
    waiting = a_task(attempt=3, requested_at=later, pulled_at=later)
    assert next_attempt(waiting, run, NOW) == Request(4)
    held = a_task(attempt=3, requested_at=later, run_id="dead", state=TaskState.GENERATING)
    assert next_attempt(held, run, NOW) == Request(4)
    assert next_attempt(waiting, RunStatus.QUEUED, NOW) == Wait()


@pytest.mark.parametrize("answer", [Unreachable("refused"), NoTask(), MalformedResponse("html")])
def test_a_validator_is_polled_again_at_once_when_the_clock_is_set_back(
    miner: Miner, network: ScriptedNetwork, answer: PollResponse
) -> None:
    network.pulls[ONE.hotkey] = [answer]
    miner.pull()
    miner.clock.advance(-HOURS_S)
    miner.pull()
    assert len(network.pulled) == 2
    miner.pull()
    assert len(network.pulled) == 2, "and then not before its time"


def test_a_small_step_back_changes_no_rest(miner: Miner, network: ScriptedNetwork) -> None:
    network.pulls[ONE.hotkey] = [Unreachable("refused")]
    miner.pull()
    miner.clock.advance(-20)
    miner.pull()
    assert len(network.pulled) == 1


def test_a_cooldown_is_given_in_the_validators_time_and_stays(miner: Miner, network: ScriptedNetwork) -> None:
    until = miner.clock.now() + timedelta(minutes=10)
    network.pulls[ONE.hotkey] = [CoolingDown(until, violations=1)]
    miner.pull()
    miner.clock.advance(-HOURS_S)
    miner.pull()
    assert len(network.pulled) == 1


@pytest.mark.parametrize("ahead_s", [HOURS_S, -HOURS_S])
def test_a_run_workers_cooldown_is_stored_by_the_pollers_clock(
    miner: Miner, network: ScriptedNetwork, ahead_s: float
) -> None:
    """The poller's clock is right and the worker's is hours from it; the validator names its own time."""
    exchange = HttpExchange(NOW, 0.1)
    network.pulls[ONE.hotkey] = [TaskAssigned(a_pulled_task("task-1"), exchange)]
    miner.pull()
    miner.clock.jump(ahead_s)
    until = miner.clock.now() + timedelta(seconds=300)
    network.answers = [an_answer(ACCEPTED, cooldown_until=until, exchange=exchange)]
    miner.work()
    stored = miner.store.polls.times(MINER)[ONE.hotkey].cooldown_until
    assert stored is not None
    assert NOW + timedelta(seconds=300) <= stored <= NOW + timedelta(seconds=303)


def test_a_cooldown_beyond_what_any_validator_may_say_does_not_count() -> None:
    spacing = PollSpacing()
    assert PollTimes(cooldown_until=NOW + timedelta(hours=24)).due_at(NOW, spacing) is not None
    assert PollTimes(cooldown_until=NOW + timedelta(days=400)).due_at(NOW, spacing) is None


def test_the_metagraph_is_read_again_when_the_clock_is_set_back(
    miner: Miner, network: ScriptedNetwork
) -> None:
    miner.pull()
    network.validators = [ONE, a_validator(2)]
    miner.clock.advance(-HOURS_S)
    miner.pull()
    listed, _ = miner.store.validators.listed()
    assert len(listed) == 2


def test_a_failure_is_told_again_when_the_clock_is_set_back(clock: FakeClock) -> None:
    told: list[str] = []

    class Notifier:
        def notify(self, text: str, link: str) -> bool:
            told.append(text)
            return True

    notify = NotifyStep(Notifier(), clock)
    notify.run("job", "down", "http://here")
    clock.advance(-HOURS_S)
    assert notify.run("job", "down", "http://here")


def test_a_stuck_task_is_seen_though_its_lease_lies_hours_ahead(store: SqlStore) -> None:
    key = _claimed(store, NOW + timedelta(hours=3))
    later = NOW + timedelta(hours=3, minutes=1)
    let_leases_end(store, FakeClock())
    assert store.consistency.stuck_tasks(later) == [key]
