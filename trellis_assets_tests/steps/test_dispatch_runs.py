"""Tasks that need a run: thousands that wait at a start are named in portions, and lost answers first."""

import tracemalloc

from trellis_assets.adapters.storage.store import SqlStore
from trellis_assets.domain.scheduling.run_attempts import RunStatus
from trellis_assets.domain.submissions import Submission, SubmissionKind
from trellis_assets.domain.tasks import LEASE, Task, TaskKind, TaskState, prompt_hash
from trellis_assets.steps.dispatch_runs import DispatchRunsStep
from trellis_assets.testing.fakes import MINER, FakeClock, a_pulled_task, a_validator


class Waiting:
    """Tasks that wait, and the runs that were asked for."""

    def __init__(self, store: SqlStore, clock: FakeClock, tasks: int) -> None:
        self.store, self.asked, self.looked_at = store, set[str](), 0
        self.step = DispatchRunsStep(store.claims, store.tasks, clock, MINER, self.status)
        for number in range(tasks):
            store.arrivals.record(
                a_pulled_task(f"task-{number}"),
                validator=a_validator(1),
                miner_hotkey=MINER,
                now=clock.now(),
                session_id=None,
            )

    def status(self, task: Task) -> RunStatus:
        self.looked_at += 1
        return RunStatus.QUEUED if task.run_key in self.asked else RunStatus.NONE

    def dispatch(self, window: int, starts: int) -> list[int]:
        self.looked_at = 0
        wanted = self.step.run(window=window, starts=starts)
        self.asked |= {task.run_key for task in wanted}
        return [task.key for task in wanted]


def test_many_waiting_tasks_are_named_in_portions_that_hold_up_nothing(
    store: SqlStore, clock: FakeClock
) -> None:
    waiting = Waiting(store, clock, 40)
    assert waiting.dispatch(10, 4) == [1, 2, 3, 4]
    assert waiting.dispatch(10, 4) == [5, 6, 7, 8]
    assert waiting.dispatch(10, 4) == [9, 10]
    assert waiting.dispatch(10, 4) == [], "ten wait for a worker: that is enough"
    assert waiting.looked_at == 10, "however many wait behind them"
    for key in (1, 2, 3):
        assert store.claims.claim(key, f"run-{key}", now=clock.now(), until=clock.now() + LEASE)
    assert waiting.dispatch(10, 4) == [11, 12, 13]


def test_pictures_of_waiting_tasks_are_not_read_to_start_their_runs(
    store: SqlStore, clock: FakeClock
) -> None:
    """A hundred image tasks of 10 MB once were read whole, again and again."""
    picture, validator = "A" * (2 << 20), a_validator(1)
    digest = prompt_hash(picture)
    for number in range(6):
        pulled = a_pulled_task(f"picture-{number}", picture, kind=TaskKind.IMAGE)
        store.arrivals.record(
            pulled, validator=validator, miner_hotkey=MINER, now=clock.now(), session_id=None
        )
    step = DispatchRunsStep(store.claims, store.tasks, clock, MINER, lambda _: RunStatus.NONE)
    tracemalloc.start()
    wanted = step.run(window=8, starts=8)
    earlier = store.arrivals.earlier_with_prompt(
        miner_hotkey=MINER,
        validator_hotkey=validator.hotkey,
        prompt_sha256=digest,
        since=clock.now() - LEASE,
        before_key=100,
    )
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (len(wanted), len(earlier)) == (6, 6)
    assert wanted[0].label == f"image:{digest[:12]}"
    assert peak < len(picture)
    claimed = store.claims.claim(wanted[0].key, "run", now=clock.now(), until=clock.now() + LEASE)
    assert claimed is not None
    assert claimed.prompt == picture, "its run has it"


def test_a_lost_submission_waits_behind_no_other_task(store: SqlStore, clock: FakeClock) -> None:
    waiting = Waiting(store, clock, 30)
    last, now = 30, clock.now()
    store.tasks.move(last, TaskState.DECLINED, now=now, reason="test")
    sent = Submission(kind=SubmissionKind.HAND_BACK, started_at=now, attempt=1)
    store.tasks.move(last, TaskState.SUBMITTING, now=now, submission=sent)
    waiting.dispatch(5, 4)
    assert store.tasks.get(last).state is TaskState.ANSWER_UNKNOWN
