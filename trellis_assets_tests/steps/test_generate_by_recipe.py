"""A task made by a recipe: at its endpoints while they are well, and never lost for it."""

from dataclasses import replace
from typing import Any

import pytest

from trellis_assets.adapters.generation.embedded.generator import EmbeddedGenerator
from trellis_assets.adapters.storage.store import SqlStore
from trellis_assets.domain.endpoints.endpoints import Probe
from trellis_assets.domain.generation_requests import Route, Sampling
from trellis_assets.domain.generation_settings import UsedSettings
from trellis_assets.domain.learning.recipes import Recipe
from trellis_assets.domain.splats.splats import GaussianSplats
from trellis_assets.domain.tasks import LEASE, Task
from trellis_assets.steps.generate_with_failover import GenerateWithFailoverStep, Made
from trellis_assets.testing.fakes import MINER, FakeClock, a_pulled_task, a_validator

FAST = Recipe(
    "fast", phrase="{prompt}, one object", sampler={"ss_sampling_steps": 8.0}, endpoints=("fast-*",)
)


class Following(EmbeddedGenerator):
    """Two endpoints, of which `fast-1` follows sampler settings."""

    def __init__(self) -> None:
        super().__init__(["slow-1", "fast-1"])
        self.asked: list[tuple[str, str, Sampling, Route | None]] = []

    def generate(self, prompt: str, **asked: Any) -> GaussianSplats:
        self.asked.append((prompt, asked["endpoint"], asked["sampling"], asked["route"]))
        return super().generate(prompt, **asked)

    def used_settings(self, endpoint: str) -> UsedSettings:
        used = self.asked[-1][2] if endpoint == "fast-1" else Sampling()
        return UsedSettings(used, Route.DIRECT)


@pytest.fixture
def task(store: SqlStore, clock: FakeClock) -> Task:
    key = store.arrivals.record(
        a_pulled_task("a", "a red vase"),
        validator=a_validator(1),
        miner_hotkey=MINER,
        now=clock.now(),
        session_id=None,
    ).task.key
    claimed = store.claims.claim(key, "run", now=clock.now(), until=clock.now() + LEASE)
    assert claimed is not None
    return claimed


def made(store: SqlStore, clock: FakeClock, task: Task, recipe: Recipe) -> tuple[Made, Following]:
    generator = Following()
    return GenerateWithFailoverStep(store, generator, clock, 2).run(task, "run", recipe=recipe), generator


def test_a_recipe_is_made_at_an_endpoint_that_it_names(store: SqlStore, clock: FakeClock, task: Task) -> None:
    found, generator = made(store, clock, task, FAST)
    assert generator.asked == [("a red vase, one object", "fast-1", Sampling(ss_steps=8), None)]
    assert found.recipe is FAST
    assert found.prompt == "a red vase, one object"


def test_where_its_endpoints_are_away_another_makes_the_model_and_it_does_not_count(
    store: SqlStore, clock: FakeClock, task: Task
) -> None:
    store.endpoints.record_probes([Probe("fast-1", "connection refused")], clock.now())
    found, _ = made(store, clock, task, FAST)
    assert found.endpoint == "slow-1"
    assert found.recipe.name == "fast-not-followed"


def test_an_endpoint_that_does_not_follow_the_settings_does_not_count(
    store: SqlStore, clock: FakeClock, task: Task
) -> None:
    found, _ = made(store, clock, task, replace(FAST, endpoints=("slow-*",)))
    assert found.endpoint == "slow-1"
    assert found.recipe.name == "fast-not-followed"
