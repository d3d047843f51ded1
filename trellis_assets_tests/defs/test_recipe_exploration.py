"""The asset of exploration and its schedule: hours that are done, and tasks that go first."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest

from trellis_assets.composition import Pipeline
from trellis_assets.definitions import defs
from trellis_assets.defs.schedules import explore_recipes_job_ten_minutely_schedule
from trellis_assets.domain.tasks import TaskKind
from trellis_assets.domain.verdicts import Verdict
from trellis_assets.settings import Settings
from trellis_assets.testing.fakes import NOW, FakeClock, ScriptedNetwork, a_validator, a_verdict
from trellis_assets_tests.defs.pipelines import ScriptedPipeline, resources_of
from trellis_assets_tests.ended_tasks import History

TWO = '[[recipe]]\nname = "usual"\n[[recipe]]\nname = "strict"\nphrase = "{prompt}, one object"\n'
HOUR = f"{NOW:%Y-%m-%d-%H}:00"


class Scores:
    """A validator that scores everything."""

    name = "test 1"

    def validate(self, spz: bytes, *, prompt: str, kind: TaskKind) -> Verdict:
        return a_verdict(0.7)


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[Pipeline]:
    (tmp_path / "recipes.toml").write_text(TWO)
    settings = Settings.load(data_dir=tmp_path, recipes_file=tmp_path / "recipes.toml")
    pipeline = ScriptedPipeline(settings, ScriptedNetwork([a_validator(1)]))
    pipeline.__dict__["clock"] = FakeClock(NOW + timedelta(minutes=30))
    pipeline.__dict__["validator"] = Scores()
    yield pipeline
    pipeline.close()


@pytest.fixture
def history(parts: Pipeline) -> History:
    return History(parts.database)


def run(parts: Pipeline, **options: object) -> dg.ExecuteInProcessResult:
    with dg.DagsterInstance.ephemeral() as instance:
        return (
            defs.get_repository_def()
            .get_job("explore_recipes_job")
            .execute_in_process(
                resources=resources_of(parts), instance=instance, raise_on_error=False, **options
            )
        )


def tick(parts: Pipeline) -> dg.RunRequest | dg.SkipReason:
    at = NOW + timedelta(minutes=30)
    context = dg.build_schedule_context(scheduled_execution_time=at, resources=resources_of(parts))
    result = explore_recipes_job_ten_minutely_schedule(context)
    assert isinstance(result, dg.RunRequest | dg.SkipReason)
    return result


def test_an_hour_is_materialised_once_every_recipe_was_tried_on_its_prompts(
    parts: Pipeline, history: History
) -> None:
    task = history.answered("a red vase")
    assert isinstance(tick(parts), dg.RunRequest)
    result = run(parts, partition_key=HOUR)
    assert result.success
    (event,) = result.asset_materializations_for_node("recipe_exploration")
    assert event.partition == HOUR
    assert event.metadata["candidates"].value == 2
    assert len(parts.store.candidates.of_task(task.key, is_idle=True)) == 2
    reason = tick(parts)
    assert isinstance(reason, dg.SkipReason)
    assert "every recipe was tried" in str(reason.skip_message)


def test_a_scheduled_run_gives_way_to_a_task_and_leaves_its_hour_unmaterialised(
    parts: Pipeline, history: History
) -> None:
    history.answered("a red vase")
    history.generated()
    reason = tick(parts)
    assert isinstance(reason, dg.SkipReason)
    assert "not idle: task 2" in str(reason.skip_message)
    tags = {"dagster/schedule_name": "explore_recipes_job_ten_minutely_schedule"}
    result = run(parts, partition_key=HOUR, tags=tags)
    assert result.success
    assert result.asset_materializations_for_node("recipe_exploration") == []
    assert not run(parts, partition_key=HOUR).success, "who asks for it is told that it is not done"


def test_with_one_recipe_nothing_is_explored_and_the_schedule_says_so(
    parts: Pipeline, tmp_path: Path
) -> None:
    (tmp_path / "recipes.toml").write_text('[[recipe]]\nname = "usual"\n')
    reason = tick(parts)
    assert isinstance(reason, dg.SkipReason)
    assert "one recipe" in str(reason.skip_message)
