"""What a poll's answers do to the store: nothing is lost, nothing is asked too early."""

from dataclasses import replace
from datetime import timedelta

import pytest

from trellis_assets.adapters.storage.store import SqlStore
from trellis_assets.domain.scheduling.poll_spacing import PollSpacing, poll_backoff
from trellis_assets.domain.scheduling.run_attempts import MAX_ATTEMPTS
from trellis_assets.domain.submissions import SubmissionKind, SubmissionOutcome
from trellis_assets.domain.tasks import TaskState
from trellis_assets.domain.validators import EligibilityPolicy, Validator
from trellis_assets.ports import (
    CoolingDown,
    MalformedResponse,
    NoTask,
    NotRegistered,
    PollResponse,
    TaskAssigned,
    Unreachable,
)
from trellis_assets.steps.poll_validators import PollingPolicy, PollReport, PollValidatorsStep
from trellis_assets.testing.fakes import (
    MINER,
    FakeClock,
    ScriptedNetwork,
    a_feedback,
    a_generation,
    a_pulled_task,
    a_validator,
    an_answer,
)

POLICY = PollingPolicy(
    eligibility=EligibilityPolicy(),
    spacing=PollSpacing(timedelta(seconds=45), poll_backoff(timedelta(minutes=10))),
    metagraph_age=timedelta(hours=1),
    max_waiting=8,
    endpoints=("a", "b", "c", "d", "e", "f", "g", "h"),
)


class Round:
    """A store, a clock and a scripted subnet, and rounds of pulls over them."""

    def __init__(self, store: SqlStore, clock: FakeClock, *validators: Validator) -> None:
        self.store, self.clock = store, clock
        self.network = ScriptedNetwork(validators)

    def says(self, validator: Validator, *answers: PollResponse) -> None:
        self.network.pulls[validator.hotkey] = list(answers)

    async def run(self, policy: PollingPolicy = POLICY) -> PollReport:
        return await PollValidatorsStep(self.store, self.network, self.clock, policy).run()


ONE, TWO, THREE = a_validator(1), a_validator(2), a_validator(3)
RICH = a_validator(9, stake=90_000.0)


async def test_every_due_validator_is_polled_and_its_task_stored(store: SqlStore, clock: FakeClock) -> None:
    pulls = Round(store, clock, ONE, TWO)
    pulls.says(ONE, TaskAssigned(a_pulled_task("a")))
    pulls.says(TWO, TaskAssigned(a_pulled_task("b")))
    report = await pulls.run()
    assert report.polled == 2
    stored = [store.tasks.get(key) for key in report.new_tasks]
    assert {(t.task_id, t.validator_hotkey, t.state) for t in stored} == {
        ("a", ONE.hotkey, TaskState.PULLED),
        ("b", TWO.hotkey, TaskState.PULLED),
    }


async def test_a_failing_validator_costs_the_others_nothing(store: SqlStore, clock: FakeClock) -> None:
    pulls = Round(store, clock, ONE, TWO, THREE)
    pulls.says(ONE, Unreachable("refused"))
    pulls.says(TWO, MalformedResponse("no json"))
    pulls.says(THREE, TaskAssigned(a_pulled_task("c")))
    report = await pulls.run()
    assert [store.tasks.get(k).task_id for k in report.new_tasks] == ["c"]


async def test_a_validator_is_not_polled_again_before_its_interval(store: SqlStore, clock: FakeClock) -> None:
    pulls = Round(store, clock, ONE)
    pulls.says(ONE, Unreachable("timed out", may_have_assigned=True))
    await pulls.run()
    clock.advance(44)
    assert (await pulls.run()).polled == 0
    clock.advance(6)
    assert (await pulls.run()).polled == 1, "the interval, and a tenth of it at most"


async def test_a_cooldown_is_kept_over_restarts(store: SqlStore, clock: FakeClock) -> None:
    pulls = Round(store, clock, ONE)
    pulls.says(ONE, CoolingDown(clock.now() + timedelta(seconds=600), violations=2))
    await pulls.run()
    again = Round(store, clock, ONE)
    clock.advance(599)
    assert (await again.run()).polled == 0
    clock.advance(2)
    assert (await again.run()).polled == 1


FAILURES = [
    Unreachable("refused"),
    Unreachable("timed out", may_have_assigned=True),
    MalformedResponse("html"),
    NoTask(),
]


async def _pause_after(pulls: Round, answer: PollResponse) -> float:
    """Poll the only validator, which responds so; return how long it is left alone, in seconds."""
    pulls.says(ONE, answer)
    assert (await pulls.run()).polled == 1
    next_poll_at = pulls.store.polls.times(MINER)[ONE.hotkey].next_poll_at
    assert next_poll_at is not None
    pause_s = (next_poll_at - pulls.clock.now()).total_seconds()
    pulls.clock.advance(pause_s - 0.1)
    assert (await pulls.run()).polled == 0
    pulls.clock.advance(0.2)
    return pause_s


@pytest.mark.parametrize("answer", FAILURES)
async def test_a_validator_that_fails_again_and_again_is_polled_less_and_less(
    store: SqlStore, clock: FakeClock, answer: PollResponse
) -> None:
    pulls = Round(store, clock, ONE)
    pauses = [await _pause_after(pulls, answer) for _ in range(6)]
    for pause_s, step_s in zip(pauses, (45, 60, 120, 300, 600, 600), strict=True):
        assert step_s <= pause_s <= step_s * 1.1


async def test_a_success_ends_a_validator_s_back_off_at_once(store: SqlStore, clock: FakeClock) -> None:
    pulls = Round(store, clock, ONE)
    for _ in range(5):
        await _pause_after(pulls, Unreachable("refused"))
    passed = clock.now()
    assert await _pause_after(pulls, CoolingDown(passed, violations=0)) < 50
    assert await _pause_after(pulls, Unreachable("refused")) < 50, "the next failure is the first again"


async def test_the_back_off_of_a_validator_outlives_the_process(store: SqlStore, clock: FakeClock) -> None:
    for _ in range(4):
        await _pause_after(Round(store, clock, ONE), Unreachable("refused"))
    assert await _pause_after(Round(store, clock, ONE), Unreachable("refused")) >= 600


async def test_an_unreachable_validator_takes_no_poll_from_the_others(
    store: SqlStore, clock: FakeClock
) -> None:
    """With room for one poll at a time, the richest validator fails; the other is polled when it is due."""
    pulls = Round(store, clock, RICH, ONE)
    pulls.says(RICH, *[Unreachable("refused")] * 50)
    pulls.says(ONE, *[CoolingDown(clock.now(), violations=0)] * 50)
    for _ in range(10):
        await pulls.run(replace(POLICY, endpoints=("gpu",)))
        clock.advance(50)
    assert pulls.network.pulled.count(ONE.hotkey) == 10
    assert pulls.network.pulled.count(RICH.hotkey) <= 5


async def test_why_a_poll_failed_is_kept_until_the_next_answer(store: SqlStore, clock: FakeClock) -> None:
    pulls = Round(store, clock, ONE)
    pulls.says(ONE, Unreachable("HTTP 401: nonce is too old"), NoTask())
    await pulls.run()
    (failed,) = store.polls.records(MINER)
    assert (failed.uid, failed.outcome, failed.reason, failed.answered_at) == (
        *(1, "Unreachable"),
        *("HTTP 401: nonce is too old", clock.now()),
    )
    clock.advance(301)
    await pulls.run()
    (answered,) = store.polls.records(MINER)
    assert (answered.outcome, answered.reason) == ("NoTask", None)
    assert store.polls.records("another miner") == []


async def test_a_validator_that_does_not_know_us_is_left_alone_until_its_time(
    store: SqlStore, clock: FakeClock
) -> None:
    pulls = Round(store, clock, ONE)
    pulls.says(ONE, NotRegistered(clock.now() + timedelta(hours=1)))
    await pulls.run()
    clock.advance(3599)
    assert (await pulls.run()).polled == 0


async def test_a_validator_whose_task_we_hold_is_not_polled(store: SqlStore, clock: FakeClock) -> None:
    pulls = Round(store, clock, ONE)
    pulls.says(ONE, TaskAssigned(a_pulled_task("a")))
    await pulls.run()
    clock.advance(3600)
    assert (await pulls.run()).polled == 0


async def test_a_task_that_another_process_pulled_meanwhile_stops_a_late_poll(
    store: SqlStore, clock: FakeClock
) -> None:
    """A process that was held up between its look at the store and its poll asks for no task twice."""
    late = Round(store, clock, ONE)
    step = PollValidatorsStep(store, late.network, clock, POLICY)
    step.metagraph_cache.refresh()
    report = PollReport()
    chosen = step.to_poll(report)
    other = Round(store, clock, ONE)
    other.says(ONE, TaskAssigned(a_pulled_task("a")))
    assert len((await other.run()).new_tasks) == 1
    clock.advance(60)
    await step.poll(chosen[0], report)
    assert report.polled == 0
    assert late.network.pulled == []


async def test_no_more_is_pulled_than_can_be_worked_on(store: SqlStore, clock: FakeClock) -> None:
    pulls = Round(store, clock, ONE, TWO, THREE)
    for index, validator in enumerate([ONE, TWO, THREE]):
        pulls.says(validator, TaskAssigned(a_pulled_task(f"t{index}")))
    policy = replace(POLICY, max_waiting=2)
    assert len((await pulls.run(policy)).new_tasks) == 2
    assert (await pulls.run(policy)).polled == 0


async def test_the_task_limit_counts_the_sessions_tasks(store: SqlStore, clock: FakeClock) -> None:
    session = store.sessions.start(clock.now(), {})
    pulls = Round(store, clock, ONE, TWO)
    pulls.says(ONE, TaskAssigned(a_pulled_task("a")))
    pulls.says(TWO, TaskAssigned(a_pulled_task("b")))
    policy = replace(POLICY, task_limit=1, session_id=session)
    assert len((await pulls.run(policy)).new_tasks) == 1
    clock.advance(100)
    assert (await pulls.run(policy)).polled == 0


async def _held(pulls: Round, state: TaskState) -> int:
    """Return a task of ONE that we have answered, in `state`."""
    pulls.says(ONE, TaskAssigned(a_pulled_task("a")))
    (key,) = (await pulls.run()).new_tasks
    store, now = pulls.store, pulls.clock.now()
    store.tasks.move(key, TaskState.GENERATED, now=now, generation=a_generation())
    store.tasks.move(key, TaskState.VALIDATED, now=now)
    store.tasks.move(key, TaskState.SUBMITTING, now=now)
    feedback = a_feedback() if state is TaskState.ACCEPTED else None
    store.tasks.move(key, state, now=now, feedback=feedback)
    pulls.clock.advance(60)
    return key


@pytest.mark.parametrize("state", [TaskState.ANSWER_UNKNOWN, TaskState.UNSETTLED, TaskState.FAILED])
async def test_a_task_served_again_is_the_same_task_and_keeps_its_model(
    store: SqlStore, clock: FakeClock, state: TaskState
) -> None:
    pulls = Round(store, clock, ONE)
    key = await _held(pulls, state)
    pulls.says(ONE, TaskAssigned(a_pulled_task("a")))
    assert (await pulls.run()).new_tasks == []
    reopened = store.tasks.get(key)
    assert (reopened.state, reopened.attempt) == (TaskState.GENERATED, 1)
    assert reopened.generation is not None


async def test_an_accepted_task_that_its_validator_lost_is_answered_again_with_the_kept_model(
    store: SqlStore, clock: FakeClock
) -> None:
    pulls = Round(store, clock, ONE)
    key = await _held(pulls, TaskState.ACCEPTED)
    pulls.says(ONE, TaskAssigned(a_pulled_task("a")))
    await pulls.run()
    assert pulls.network.submitted == [], "nothing is handed back"
    again = store.tasks.get(key)
    assert (again.state, again.attempt) == (TaskState.GENERATED, 1)
    assert again.generation is not None


async def test_an_accepted_task_that_is_served_for_ever_is_handed_back_in_the_end(
    store: SqlStore, clock: FakeClock
) -> None:
    pulls = Round(store, clock, ONE)
    key = await _held(pulls, TaskState.ACCEPTED)
    for _ in range(MAX_ATTEMPTS - 1):
        pulls.says(ONE, TaskAssigned(a_pulled_task("a")))
        await pulls.run()
        store.tasks.move(key, TaskState.VALIDATED, now=clock.now())
        store.tasks.move(key, TaskState.SUBMITTING, now=clock.now())
        store.tasks.move(key, TaskState.ACCEPTED, now=clock.now(), feedback=a_feedback())
        clock.advance(60)
    pulls.says(ONE, TaskAssigned(a_pulled_task("a")))
    pulls.network.answers = [an_answer(SubmissionOutcome.HANDED_BACK)]
    await pulls.run()
    assert pulls.network.submitted == [("a", SubmissionKind.HAND_BACK, b"")]
    assert store.tasks.get(key).state is TaskState.ACCEPTED


async def test_an_unsettled_task_is_rejected_once_its_validator_moves_on(
    store: SqlStore, clock: FakeClock
) -> None:
    pulls = Round(store, clock, ONE)
    key = await _held(pulls, TaskState.UNSETTLED)
    pulls.says(ONE, CoolingDown(clock.now() + timedelta(seconds=800), violations=1))
    await pulls.run()
    assert store.tasks.get(key).state is TaskState.REJECTED


async def test_a_validator_with_an_unsettled_task_is_polled_even_without_room_for_a_new_one(
    store: SqlStore, clock: FakeClock
) -> None:
    pulls = Round(store, clock, ONE)
    key = await _held(pulls, TaskState.UNSETTLED)
    pulls.says(ONE, TaskAssigned(a_pulled_task("a")))
    await pulls.run(replace(POLICY, task_limit=1))
    assert store.tasks.get(key).state is TaskState.GENERATED


async def test_the_same_task_id_of_two_validators_is_two_tasks(store: SqlStore, clock: FakeClock) -> None:
    pulls = Round(store, clock, ONE, TWO)
    for validator in (ONE, TWO):
        pulls.says(validator, TaskAssigned(a_pulled_task("same")))
    keys = (await pulls.run()).new_tasks
    assert len({store.tasks.get(k).run_key for k in keys}) == 2


async def test_our_own_hotkey_is_never_polled(store: SqlStore, clock: FakeClock) -> None:
    pulls = Round(store, clock, a_validator(9, hotkey=MINER))
    assert (await pulls.run()).polled == 0


async def test_a_task_whose_runs_died_often_is_still_worked_on_when_it_is_served_again(
    store: SqlStore, clock: FakeClock
) -> None:
    """Runs that died are no answers: the model that is there is sent, not an empty result."""
    pulls = Round(store, clock, ONE)
    served = TaskAssigned(a_pulled_task("t"))
    pulls.says(ONE, served)
    (key,) = (await pulls.run()).new_tasks
    for attempt in range(1, 9):
        store.claims.mark_requested(key, attempt, clock.now())
    store.tasks.move(key, TaskState.FAILED, now=clock.now(), reason="given up")
    clock.advance(60)
    pulls.says(ONE, served)
    await pulls.run()
    assert store.tasks.get(key).state is TaskState.PULLED
    assert pulls.network.submitted == []


ONE_ENDPOINT = replace(POLICY, endpoints=("a",))


def _nobody_has_a_task(store: SqlStore, clock: FakeClock) -> Round:
    validators = [a_validator(uid) for uid in range(1, 41)]
    pulls = Round(store, clock, *validators)
    for validator in validators:
        pulls.says(validator, NoTask())
    return pulls


async def test_a_validator_without_a_task_is_not_what_the_generator_waits_for(
    store: SqlStore, clock: FakeClock
) -> None:
    pulls = _nobody_has_a_task(store, clock)
    pulls.says(ONE, TaskAssigned(a_pulled_task("the only one")))
    report = await pulls.run(ONE_ENDPOINT)
    assert len(report.new_tasks) == 1, "the one with a task was found in the same round"


async def test_more_validators_are_polled_at_a_time_when_few_have_a_task(
    store: SqlStore, clock: FakeClock
) -> None:
    pulls = _nobody_has_a_task(store, clock)
    step = PollValidatorsStep(store, pulls.network, clock, ONE_ENDPOINT)
    step.metagraph_cache.refresh()
    assert len(step.to_poll(PollReport())) == 1
    await step.run()
    clock.advance(POLICY.spacing.maximum.total_seconds() * 2)
    assert len(step.to_poll(PollReport())) == 8, "and never more than there is room for"
    assert len(step.to_poll(PollReport(), pending_polls=3)) == 5, (
        "those that may answer any moment are counted"
    )
