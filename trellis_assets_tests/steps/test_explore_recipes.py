"""Exploration over a real store: what is tried, what is stored, and that no task ever waits for it."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from trellis_assets.adapters.file_storage.local import LocalFileStore
from trellis_assets.adapters.generation.embedded.generator import EmbeddedGenerator
from trellis_assets.adapters.splat_io.codec import BytesCodec
from trellis_assets.adapters.storage.store import SqlStore
from trellis_assets.domain.endpoints.breaker import Outcome
from trellis_assets.domain.learning.recipes import USUAL, Recipe
from trellis_assets.domain.splats.splats import GaussianSplats
from trellis_assets.domain.task_policies import GenerationPolicy
from trellis_assets.domain.tasks import TaskKind
from trellis_assets.domain.verdicts import Verdict
from trellis_assets.ports import GenerationError
from trellis_assets.steps.explore_recipes import ExploreRecipesStep
from trellis_assets.steps.judge_model import JudgeModelStep
from trellis_assets.steps.store_model import StoreModelStep
from trellis_assets.testing.fakes import (
    MINER,
    NOW,
    FakeClock,
    a_candidate,
    a_pulled_task,
    a_validator,
    a_verdict,
)
from trellis_assets_tests.ended_tasks import History

STRICT = Recipe("strict", phrase="{prompt}, one object")
START, END = NOW - timedelta(hours=1), NOW + timedelta(hours=1)


class Recipes:
    """The recipes of a test."""

    def __init__(self, *recipes: Recipe) -> None:
        self.recipes = recipes

    def current(self) -> tuple[Recipe, ...]:
        return self.recipes


class Recording(EmbeddedGenerator):
    """Remembers prompts and seeds, and does `meanwhile` as it generates."""

    def __init__(self) -> None:
        super().__init__(["gpu-1"])
        self.asked: list[tuple[str, int]] = []
        self.meanwhile: Any = lambda: None
        self.failure: GenerationError | None = None

    def generate(self, prompt: str, **asked: Any) -> GaussianSplats:
        self.asked.append((prompt, asked["seed"]))
        self.meanwhile()
        if self.failure is not None:
            raise self.failure
        return super().generate(prompt, **asked)


class Scores:
    """A validator that prefers one object."""

    name = "test 1"

    def validate(self, spz: bytes, *, prompt: str, kind: TaskKind) -> Verdict:
        return a_verdict(0.7)

    def problem(self) -> str | None:
        return None


@pytest.fixture
def generator() -> Recording:
    return Recording()


@pytest.fixture
def step(
    store: SqlStore, files: LocalFileStore, clock: FakeClock, generator: Recording
) -> ExploreRecipesStep:
    keep = StoreModelStep(files, BytesCodec(), generator.name, clock, GenerationPolicy(keep_ply=False))
    return ExploreRecipesStep(
        store,
        files,
        clock,
        generator,
        keep,
        JudgeModelStep(Scores(), clock),
        Recipes(USUAL, STRICT),
        MINER,
        share=0.5,
    )


@pytest.fixture
def history(store: SqlStore) -> History:
    store.validators.save([a_validator(1)], NOW)
    return History(store)


def pull(store: SqlStore) -> int:
    return store.arrivals.record(
        a_pulled_task("new"), validator=a_validator(1), miner_hotkey=MINER, now=NOW, session_id=None
    ).task.key


def test_each_recipe_is_tried_once_on_each_prompt_and_judged(
    step: ExploreRecipesStep, history: History, store: SqlStore, generator: Recording
) -> None:
    task = history.answered("a red vase")
    before = store.tasks.get(task.key)
    report = step.run(step.left(START, END))
    assert sorted(prompt for prompt, _ in generator.asked) == ["a red vase", "a red vase, one object"]
    assert {name: len(scores) for name, scores in report.scored.items()} == {USUAL.label: 1, STRICT.label: 1}
    made = store.candidates.of_task(task.key, is_idle=True)
    assert [(each.number, each.recipe, each.is_chosen) for each in made] == [
        (0, "usual", False),
        (1, "strict", False),
    ]
    assert all(each.verdict is not None and each.spz is not None for each in made)
    assert store.candidates.of_task(task.key) == []
    assert store.tasks.get(task.key) == before, "the task is as it was"
    assert step.left(START, END) == []
    assert store.slots.acquire(["gpu-1"], 99, now=NOW, until=END) == "gpu-1", "the endpoint is free again"


def test_what_the_task_itself_was_made_by_is_not_tried_again_and_pairs_come_first(
    step: ExploreRecipesStep, history: History, store: SqlStore
) -> None:
    mined, newer = history.answered("a red vase"), history.answered("a blue vase")
    store.candidates.record(a_candidate(mined.key, recipe_version=USUAL.version))
    found = [(trial.prompt.key, trial.recipe.name) for trial in step.left(START, END)]
    assert found == [(mined.key, "strict"), (newer.key, "usual"), (newer.key, "strict")]


def test_exploration_stops_at_the_next_boundary_when_a_task_arrives(
    step: ExploreRecipesStep, history: History, store: SqlStore, generator: Recording
) -> None:
    history.answered("a red vase")
    generator.meanwhile = lambda: pull(store) and None
    report = step.run(step.left(START, END))
    assert len(generator.asked) == 1
    assert report.left == 1
    assert "is pulled" in str(report.stopped_by)
    assert step.busy_with() is not None


def test_an_active_task_has_no_exploration_beside_it(
    step: ExploreRecipesStep, history: History, generator: Recording
) -> None:
    history.answered("a red vase")
    history.generated()
    assert step.run(step.left(START, END)).made == 0
    assert generator.asked == []


def test_the_budget_is_a_share_of_the_idle_time_of_the_last_hour(
    step: ExploreRecipesStep, history: History, store: SqlStore, generator: Recording
) -> None:
    task = history.answered("a red vase")
    mined = a_candidate(task.key, recipe_version="f" * 12, duration_s=1600.0)
    store.candidates.record(mined)
    assert step.budget_s() == pytest.approx(0.5 * 2000)
    store.candidates.record(replace(mined, is_idle=True, number=7, duration_s=999.0))
    assert step.budget_s() == pytest.approx(1.0)
    store.candidates.record(replace(mined, is_idle=True, number=8, duration_s=2.0))
    report = step.run(step.left(START, END))
    assert "budget" in str(report.stopped_by)
    assert generator.asked == []
    unbounded = step.run(step.left(START, END), is_bounded=False)
    assert unbounded.made == 2, "what a person asked for is made"
    numbers = [each.number for each in store.candidates.of_task(task.key, is_idle=True)]
    assert numbers == [7, 8, 9, 10]


def test_an_endpoint_that_fails_is_left_alone_and_its_record_is_not_touched(
    step: ExploreRecipesStep, history: History, store: SqlStore, generator: Recording
) -> None:
    for number in range(3):
        history.answered(f"vase {number}")
    generator.failure = GenerationError("away", is_transient=True)
    report = step.run(step.left(START, END))
    assert len(generator.asked) == 3
    assert "3 trials failed in a row" in str(report.stopped_by)
    (endpoint,) = store.endpoints.named(["gpu-1"])
    assert endpoint.failures == 0


def test_an_endpoint_with_an_open_breaker_or_held_by_a_task_is_not_taken(
    step: ExploreRecipesStep, history: History, store: SqlStore, generator: Recording
) -> None:
    task = history.answered("a red vase")
    store.slots.acquire(["gpu-1"], task.key + 1, now=NOW, until=NOW + timedelta(minutes=1))
    assert step.run(step.left(START, END)).made == 0
    store.slots.release("gpu-1", task.key + 1, now=NOW, outcome=Outcome(1.0, "gone", is_lasting=True))
    assert step.run(step.left(START, END)).made == 0
    assert generator.asked == []


def test_a_recipe_that_no_endpoint_follows_is_tried_once_and_does_not_count(
    step: ExploreRecipesStep, history: History, store: SqlStore
) -> None:
    task = history.answered("a red vase")
    slow = Recipe("slow", sampler={"ss_sampling_steps": 50.0})
    step = replace(step, recipes=Recipes(USUAL, slow))
    report = step.run(step.left(START, END))
    assert USUAL.label in report.scored
    assert not any(name.startswith("slow@") for name in report.scored)
    made = store.candidates.of_task(task.key, is_idle=True)
    assert [each.recipe for each in made] == ["usual", "slow-not-followed"]
    assert step.left(START, END) == []


def test_nothing_is_explored_with_one_recipe_or_without_a_validator(step: ExploreRecipesStep) -> None:
    assert "one recipe" in str(replace(step, recipes=Recipes(USUAL)).why_not())
    assert "not validated" in str(replace(step, judge=None).why_not())
    assert "TRELLIS_EXPLORE_SHARE" in str(replace(step, share=0.0).why_not())
    assert step.why_not() is None


def test_prompts_of_other_miners_and_of_other_hours_are_left_alone(
    step: ExploreRecipesStep, history: History
) -> None:
    history.answered("a red vase", at=NOW - timedelta(hours=3))
    assert step.left(START, END) == []
    history.answered("a red vase")
    assert replace(step, miner_hotkey="5Other").left(START, END) == []
    assert len(step.left(START, END)) == 2
