"""Several candidates of a task: made, judged, chosen; after a kill; beside other tasks."""

import multiprocessing
import signal
import threading
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from trellis_assets.adapters.file_storage.local import LocalFileStore
from trellis_assets.adapters.splat_io.codec import BytesCodec
from trellis_assets.adapters.storage.store import SqlStore, open_store
from trellis_assets.domain.learning.candidate_rules import FixedRule
from trellis_assets.domain.retention import RetentionPolicy
from trellis_assets.domain.task_policies import GenerationPolicy, ValidationPolicy
from trellis_assets.domain.tasks import LEASE, Task, TaskState
from trellis_assets.steps.generate import GenerateStep
from trellis_assets.steps.generate_with_failover import EXTRA_WAIT_S, generation_seed
from trellis_assets.steps.judge_model import JudgeModelStep
from trellis_assets.steps.maintain import MaintainStep
from trellis_assets.steps.validate import ValidateStep
from trellis_assets.testing.candidate_fakes import NotingGenerator, OneRule, ScoredInAdvance
from trellis_assets.testing.fakes import MINER, FakeClock, a_pulled_task, a_validator
from trellis_assets.testing.leases import let_leases_end

RICH, POOR = a_validator(1, stake=50_000.0), a_validator(2, stake=100.0)
SINGLE = FixedRule("single", 1, "usual")
BEST_OF_3 = FixedRule("best-of-3", 3, "usual", is_judged=True)


@dataclass
class Miner:
    """The steps that make, judge and choose candidates, over a real store and real files."""

    store: SqlStore
    files: LocalFileStore
    clock: FakeClock

    def pull(self, task_id: str = "a", validator: object = RICH) -> Task:
        pulled = a_pulled_task(task_id, f"a red vase {task_id}")
        now = self.clock.now()
        return self.store.arrivals.record(
            pulled,
            validator=validator,  # type: ignore[arg-type]
            miner_hotkey=MINER,
            now=now,
            session_id=None,
        ).task

    def generate(
        self,
        task: Task,
        generator: NotingGenerator,
        scores: ScoredInAdvance,
        rule: FixedRule = BEST_OF_3,
        run: str = "run",
    ) -> Task:
        step = GenerateStep(
            self.store,
            self.files,
            BytesCodec(),
            generator,
            self.clock,
            GenerationPolicy(keep_ply=False, prepare=False, retries=0),
            judge=JudgeModelStep(scores, self.clock),
            rules=OneRule(rule),
        )
        done = step.run(task.key, run)
        assert done is not None
        return done

    def validate(self, task: Task, scores: ScoredInAdvance, run: str = "run") -> Task:
        step = ValidateStep(self.store, self.files, scores, self.clock, ValidationPolicy())
        done = step.run(task.key, run)
        assert done is not None
        return done

    def moves(self, task: Task) -> list[tuple[str, int | None]]:
        return [(each.move, each.candidate) for each in self.store.decisions.of_task(task.key)]


@pytest.fixture
def miner(store: SqlStore, files: LocalFileStore, clock: FakeClock) -> Miner:
    return Miner(store, files, clock)


def test_the_best_of_three_candidates_becomes_the_tasks(miner: Miner) -> None:
    task, generator = miner.pull(), NotingGenerator()
    scores = ScoredInAdvance([0.5, 0.9, 0.7])
    done = miner.generate(task, generator, scores)
    candidates = miner.store.candidates.of_task(task.key)
    assert [each.seed for each in candidates] == [generation_seed(task, number) for number in range(3)]
    assert [each.is_chosen for each in candidates] == [False, True, False]
    assert [each.verdict.score for each in candidates if each.verdict] == [0.5, 0.9, 0.7]
    assert done.generation == candidates[1].generation
    assert miner.moves(task) == [("generate", 0), ("generate", 1), ("generate", 2), ("submit", 1)]
    validated = miner.validate(task, scores)
    assert validated.state is TaskState.VALIDATED
    assert scores.asked == 3, "the chosen one is not judged again"


def test_single_makes_one_candidate_and_the_next_step_judges_it(miner: Miner) -> None:
    task, scores = miner.pull(), ScoredInAdvance([0.8])
    done = miner.generate(task, NotingGenerator(), scores, SINGLE)
    assert (done.verdict, scores.asked) == (None, 0)
    assert miner.validate(task, scores).state is TaskState.VALIDATED
    (candidate,) = miner.store.candidates.of_task(task.key)
    assert candidate.is_chosen
    assert miner.moves(task) == [("submit", 0)]


def test_a_hand_back_by_the_gate_is_a_decision_too(miner: Miner) -> None:
    task, scores = miner.pull(), ScoredInAdvance([0.3])
    miner.generate(task, NotingGenerator(), scores, SINGLE)
    assert miner.validate(task, scores).state is TaskState.DECLINED
    assert miner.moves(task) == [("submit", 0), ("hand_back", 0)]


def test_three_candidates_under_the_threshold_are_handed_back_with_the_best_score(miner: Miner) -> None:
    task, scores = miner.pull(), ScoredInAdvance([0.3, 0.5, 0.4])
    miner.generate(task, NotingGenerator(), scores)
    declined = miner.validate(task, scores)
    assert declined.state is TaskState.DECLINED
    assert declined.reason == "below_validator_threshold: 0.5000 < 0.6000"
    assert miner.moves(task)[-1] == ("hand_back", 1)


@pytest.mark.parametrize("rule", [SINGLE, BEST_OF_3])
def test_a_collapsed_candidate_costs_another_one_and_is_never_submitted(
    miner: Miner, rule: FixedRule
) -> None:
    task, generator = miner.pull(), NotingGenerator(collapsed=(0,))
    done = miner.generate(task, generator, ScoredInAdvance([0.7, 0.7, 0.7]), rule)
    first, *others = miner.store.candidates.of_task(task.key)
    assert "opacity" in (first.problem or "")
    assert (first.spz, first.is_chosen) == (None, False)
    assert len(others) == rule.count
    assert done.generation == others[0].generation


def test_three_collapsed_candidates_hand_the_task_back(miner: Miner) -> None:
    task, generator = miner.pull(), NotingGenerator(collapsed=range(9))
    done = miner.generate(task, generator, ScoredInAdvance([]), SINGLE)
    assert done.state is TaskState.DECLINED
    assert (done.reason or "").startswith("invalid_model: ")
    assert len(generator.made) == 3


def test_candidates_that_cannot_be_judged_are_not_made_in_vain(miner: Miner) -> None:
    task, generator = miner.pull(), NotingGenerator()
    done = miner.generate(task, generator, ScoredInAdvance([None, None]))
    assert (len(generator.made), done.state, done.verdict) == (1, TaskState.GENERATED, None)


def die_at_the_second_candidate(url: str, root: Path, key: int) -> None:
    """Run in a process of its own, which kills itself while it makes the second candidate."""
    miner = Miner(open_store(url), LocalFileStore(root), FakeClock())
    task = miner.store.tasks.get(key)
    miner.generate(task, NotingGenerator(dies_at=1), ScoredInAdvance([0.5, 0.5]), run="killed")


def test_a_killed_run_is_continued_with_the_candidates_that_it_made(
    miner: Miner, database_url: str, tmp_path: Path
) -> None:
    task = miner.pull()
    process = multiprocessing.get_context("spawn").Process(
        target=die_at_the_second_candidate, args=(database_url, tmp_path / "files", task.key)
    )
    process.start()
    process.join(120)
    assert process.exitcode == -signal.SIGKILL
    let_leases_end(miner.store, miner.clock)
    generator, scores = NotingGenerator(), ScoredInAdvance([0.9, 0.7])
    miner.generate(task, generator, scores, run="another")
    assert [seed for seed, _ in generator.made] == [generation_seed(task, 1), generation_seed(task, 2)]
    found = miner.store.candidates.of_task(task.key)
    assert [each.verdict.score for each in found if each.verdict] == [0.5, 0.9, 0.7]
    assert miner.moves(task) == [("generate", 0), ("generate", 1), ("generate", 2), ("submit", 1)]


def test_a_candidate_whose_file_is_lost_is_replaced_by_another_seed(miner: Miner) -> None:
    task = miner.pull()
    done = miner.generate(task, NotingGenerator(), ScoredInAdvance([]), SINGLE)
    assert done.generation is not None
    miner.files.delete(done.generation.spz.path)
    assert miner.validate(task, ScoredInAdvance([])).state is TaskState.PULLED
    again = miner.generate(task, NotingGenerator(), ScoredInAdvance([]), SINGLE)
    assert again.generation is not None
    assert again.generation.seed == generation_seed(task, 1)
    assert [each.is_chosen for each in miner.store.candidates.of_task(task.key)] == [False, True]


def meet(barrier: threading.Barrier) -> None:
    """Wait until as many calls are under way at once; fail after a minute."""
    barrier.wait(60)


def test_candidates_are_made_at_once_at_endpoints_that_are_free(miner: Miner) -> None:
    task = miner.pull()
    all_at_work = threading.Barrier(3)
    generator = NotingGenerator(
        endpoints=("one", "two", "three"), before=lambda _: all_at_work.wait(60) and None
    )
    miner.generate(task, generator, ScoredInAdvance([0.5, 0.6, 0.7]))
    assert {endpoint for _, endpoint in generator.made} == {"one", "two", "three"}
    assert sorted(seed for seed, _ in generator.made) == sorted(generation_seed(task, n) for n in range(3))
    assert len(miner.store.candidates.of_task(task.key)) == 3


def wait_in_line(miner: Miner, task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a run hold the task without a model: it waits for an endpoint, for 29 s."""
    until, sleep = miner.clock.now() + timedelta(seconds=29), miner.clock.sleep
    assert miner.store.claims.claim(task.key, "waits", now=miner.clock.now(), until=until)

    def sleep_and_give_up(seconds: float) -> None:
        sleep(seconds)
        if miner.clock.now() >= until:
            miner.store.claims.release(task.key, "waits")

    monkeypatch.setattr(miner.clock, "sleep", sleep_and_give_up)


def test_a_second_candidate_leaves_the_endpoint_to_a_waiting_task(
    miner: Miner, monkeypatch: pytest.MonkeyPatch
) -> None:
    task, other = miner.pull("a"), miner.pull("b")
    wait_in_line(miner, other, monkeypatch)
    generator = NotingGenerator(endpoints=("one", "two"))
    done = miner.generate(task, generator, ScoredInAdvance([0.7, 0.7, 0.7]))
    assert sum(miner.clock.slept) >= 29, "until the other's run is over"
    assert done.generation is not None
    assert len(generator.made) == 3


def test_a_task_goes_on_with_what_it_has_when_no_endpoint_is_free_for_another_candidate(miner: Miner) -> None:
    task = miner.pull()
    generator = NotingGenerator()
    now = miner.clock.now()

    def busy_from_now_on(number: int) -> None:
        miner.store.slots.release("one", task.key, now=now, outcome=None)
        until = now + timedelta(hours=1)
        miner.store.slots.acquire(["one"], 99, now=now, until=now + LEASE)
        miner.clock.sleep = lambda seconds: (  # type: ignore[method-assign]
            miner.clock.advance(seconds),
            miner.store.slots.extend("one", 99, min(until, miner.clock.now() + LEASE)),
            None,
        )[2]

    generator.before = busy_from_now_on
    done = miner.generate(task, generator, ScoredInAdvance([0.7]))
    assert len(generator.made) == 1
    assert done.state is TaskState.GENERATED
    last = miner.store.decisions.of_task(task.key)[-1]
    assert last.move == "submit"
    assert f"no endpoint was free for it in {EXTRA_WAIT_S:.0f} s" in last.reason


def test_a_second_candidate_goes_before_a_task_that_is_worth_less(
    miner: Miner, monkeypatch: pytest.MonkeyPatch
) -> None:
    task, poor = miner.pull("a"), miner.pull("b", POOR)
    wait_in_line(miner, poor, monkeypatch)
    miner.generate(task, NotingGenerator(), ScoredInAdvance([0.7, 0.7, 0.7]))
    assert sum(miner.clock.slept) < 5


def test_files_of_candidates_that_were_not_submitted_are_deleted_after_their_time(miner: Miner) -> None:
    task = miner.pull()
    done = miner.generate(task, NotingGenerator(), ScoredInAdvance([0.5, 0.9, 0.7]))
    miner.store.tasks.move(task.key, TaskState.KEPT, now=miner.clock.now(), run_id="run")
    policy = RetentionPolicy(candidates_for=timedelta(days=2))
    maintain = MaintainStep(miner.store.retention, miner.store.candidates, miner.files, miner.clock, policy)
    miner.clock.advance(timedelta(days=1).total_seconds())
    assert maintain.run().candidates == 0
    miner.clock.advance(timedelta(days=2).total_seconds())
    assert (maintain.run().candidates, maintain.run().candidates) == (2, 0)
    assert done.generation is not None
    assert miner.files.read(done.generation.spz)
    left = list(miner.files._root.rglob("*.spz"))
    assert len(left) == 1
