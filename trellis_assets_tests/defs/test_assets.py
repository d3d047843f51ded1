"""Assets, checks and schedules as Dagster runs them, over a real store in a temporary folder."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pytest

from trellis_assets.composition import Pipeline
from trellis_assets.definitions import defs
from trellis_assets.defs.schedules import (
    publish_reports_job_hourly_schedule,
    validate_idle_job_five_minutely_schedule,
)
from trellis_assets.domain.endpoints.breaker import Outcome
from trellis_assets.domain.tasks import TaskKind, TaskState
from trellis_assets.domain.verdicts import Verdict
from trellis_assets.ports import MetagraphError, ValidationUnavailableError
from trellis_assets.reports.period import ReportPeriod
from trellis_assets.reports.tables import REPORTS
from trellis_assets.settings import Settings
from trellis_assets.testing.fakes import NOW, FakeClock, ScriptedNetwork, a_validator, a_verdict
from trellis_assets_tests.defs.pipelines import ScriptedPipeline, resources_of
from trellis_assets_tests.ended_tasks import History

CHECKS = {
    "no_task_is_stuck",
    "model_files_match",
    "no_duplicate_was_generated",
    "submissions_have_feedback",
    "scores_do_not_drift",
    "models_have_verdicts",
    "statistics_agree",
}


class CountingValidator:
    """Scores everything, and counts."""

    name = "counting 1"

    def __init__(self) -> None:
        self.calls = 0

    def validate(self, spz: bytes, *, prompt: str, kind: TaskKind) -> Verdict:
        self.calls += 1
        return a_verdict(0.7, validator=self.name)


@pytest.fixture
def validator() -> CountingValidator:
    return CountingValidator()


@pytest.fixture
def parts(tmp_path: Path, validator: CountingValidator) -> Iterator[Pipeline]:
    pipeline = ScriptedPipeline(Settings.load(data_dir=tmp_path), ScriptedNetwork([a_validator(1)]))
    pipeline.__dict__["clock"] = FakeClock(NOW + timedelta(minutes=30))
    pipeline.__dict__["validator"] = validator
    yield pipeline
    pipeline.close()


@pytest.fixture
def history(parts: Pipeline) -> History:
    from trellis_assets.adapters.file_storage.local import LocalFileStore

    assert isinstance(parts.files, LocalFileStore)
    return History(parts.database, parts.files)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as ephemeral:
        yield ephemeral


def run(job: str, parts: Pipeline, instance: dg.DagsterInstance, **options: Any) -> dg.ExecuteInProcessResult:
    definition = defs.get_repository_def().get_job(job)
    return definition.execute_in_process(
        resources=resources_of(parts), instance=instance, raise_on_error=False, **options
    )


def metadata(result: dg.ExecuteInProcessResult, asset: str) -> dict[str, object]:
    (event,) = result.asset_materializations_for_node(asset)
    return {name: value.value for name, value in event.metadata.items()}


def checked(result: dg.ExecuteInProcessResult) -> dict[str, bool]:
    return {event.check_name: event.passed for event in result.get_asset_check_evaluations()}


def test_statistics_and_all_checks_come_with_one_job(
    parts: Pipeline, history: History, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    for number in range(25):
        history.answered(validator=a_validator(1 + number % 2))
    history.handed_back("duplicate of task 1")
    parts.store.slots.release("gpu", 1, now=NOW, outcome=Outcome(2.0))
    result = run("export_statistics_job", parts, instance)
    assert result.success
    assert checked(result) == dict.fromkeys(CHECKS, True)
    table = metadata(result, "task_table")
    assert (table["dagster/row_count"], table["tasks_accepted"], table["tasks_handed_back"]) == (26, 25, 1)
    statistics = metadata(result, "mining_statistics")
    assert (statistics["tasks_processed"], statistics["success_rate"]) == (26, 1.0)
    assert statistics["p50_generation_time"] == 2.0
    assert "gpu" in str(statistics["endpoints"])
    exported = json.loads(Path(str(statistics["file"])).read_text())
    assert str(statistics["download"]).endswith(f"/statistics/{Path(str(statistics['file'])).name}")
    assert exported["endpoint_stats"]["gpu"]["generations"] == 1
    assert exported["session_stats"]["successful_submissions"] == 25
    validators = metadata(result, "validator_stats")
    assert len(pd.read_parquet(str(validators["parquet"]))) == validators["dagster/row_count"] == 2
    forms = {path.suffix for path in (tmp_path / "reports" / "validators").iterdir()}
    assert forms == {".parquet", ".csv", ".html"}


def test_a_check_that_fails_names_the_rows_in_its_metadata(
    parts: Pipeline, history: History, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    task = history.answered()
    assert task.generation is not None
    (tmp_path / task.generation.spz.path).unlink()
    result = run("export_statistics_job", parts, instance)
    assert [name for name, passed in checked(result).items() if not passed] == ["model_files_match"]
    (failed,) = [e for e in result.get_asset_check_evaluations() if not e.passed]
    assert failed.metadata["tasks"].value == [task.key]
    assert "missing or changed: 1" in str(failed.description)


def test_an_empty_store_materialises_and_passes(parts: Pipeline, instance: dg.DagsterInstance) -> None:
    result = run("export_statistics_job", parts, instance)
    assert result.success
    assert checked(result) == dict.fromkeys(CHECKS, True)
    assert metadata(result, "task_table")["newest"] == "no rows"


def test_validators_are_stored_and_a_dead_chain_leaves_them(
    parts: Pipeline, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = run("refresh_validators_job", parts, instance)
    assert metadata(result, "validators")["serving"] == 1

    def fail() -> list[object]:
        raise MetagraphError("the chain does not answer")

    monkeypatch.setattr(parts.network, "metagraph", fail)
    assert run("refresh_validators_job", parts, instance).success, "the list is a moment old: not read again"
    parts.clock.sleep(180)
    assert not run("refresh_validators_job", parts, instance).success
    listed, _ = parts.store.validators.listed()
    assert [v.uid for v in listed] == [1]


def test_a_day_s_reports_are_files_that_the_metadata_names(
    parts: Pipeline, history: History, instance: dg.DagsterInstance
) -> None:
    history.answered()
    history.answered(at=NOW - timedelta(days=1))
    result = run("publish_reports_job", parts, instance, partition_key="2026-11-23")
    assert result.success
    gallery = parts.settings.servers.gallery_address
    for asset, report in (("reward_report", "rewards"), ("task_report", "tasks")):
        named = metadata(result, asset)
        assert named["accepted"] == 1
        assert str(named["outcomes_by_hour"]).startswith(
            "![Tasks ended in each hour (UTC)](data:image/svg+xml"
        )
        assert named["download_csv"] == (
            f"{gallery}/report?name={report}&form=csv&since=2026-11-23&until=2026-11-23"
        )
        assert named["dagster/partition_row_count"] == 1
        assert len(pd.read_parquet(str(named["parquet"]))) == 1
        assert Path(str(named["csv"])).read_text().count("\n") == 2
        assert "<table>" in Path(str(named["html"])).read_text()


def test_numbers_and_pictures_of_an_asset_are_those_of_its_reports_page(
    parts: Pipeline, history: History, instance: dg.DagsterInstance
) -> None:
    for fidelity in (0.6, 0.8):
        history.answered(fidelity=fidelity)
    history.handed_back("duplicate of task 1")
    result = run("publish_reports_job", parts, instance, partition_key="2026-11-23")
    shown = metadata(result, "reward_report")
    page = Path(str(shown["html"])).read_text()
    published = REPORTS["rewards"].charts
    period = ReportPeriod(
        parts.ledger, datetime(2026, 11, 23, tzinfo=UTC), datetime(2026, 11, 24, tzinfo=UTC)
    )
    for make in published:
        chart = make(period)
        assert f'aria-label="{chart.title}"' in page
        assert chart.key in shown
        assert {name: shown[name] for name in chart.numbers} == pytest.approx(dict(chart.numbers), abs=1e-4)
    assert (shown["accepted"], shown["handed_back"], shown["mean_fidelity"]) == (2, 1, 0.7)


def test_a_backfill_of_48_hours_scores_every_model_once_and_a_second_one_nothing(
    parts: Pipeline, history: History, instance: dg.DagsterInstance, validator: CountingValidator
) -> None:
    start = NOW.replace(minute=5) - timedelta(hours=47)
    tasks = [history.answered(score=None, at=start + timedelta(hours=hour)) for hour in range(48)]
    outside = history.answered(score=None, at=start - timedelta(hours=2))
    span = {
        "dagster/asset_partition_range_start": f"{start:%Y-%m-%d-%H}:00",
        "dagster/asset_partition_range_end": f"{NOW:%Y-%m-%d-%H}:00",
    }
    first = run("validate_idle_job", parts, instance, tags=span)
    assert first.success
    events = first.asset_materializations_for_node("idle_validation")
    assert len(events) == 48, "each hour has its event"
    assert validator.calls == 48
    assert all(parts.store.tasks.get(task.key).verdict for task in tasks)
    assert parts.store.tasks.get(outside.key).verdict is None

    second = run("validate_idle_job", parts, instance, tags=span)
    assert second.success
    assert validator.calls == 48
    assert parts.store.statistics.snapshot(None, NOW).totals.idle_validations == 48


def test_models_that_went_out_without_a_score_are_a_warning_that_names_them(
    parts: Pipeline, history: History, instance: dg.DagsterInstance
) -> None:
    history.answered(score=0.9, at=NOW)
    bare = history.answered(score=None, at=NOW + timedelta(minutes=10))
    history.answered(score=None, at=NOW - timedelta(hours=3))
    result = run("export_statistics_job", parts, instance)
    (found,) = [c for c in result.get_asset_check_evaluations() if c.check_name == "models_have_verdicts"]
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert found.metadata["tasks"].value == [bare.key]
    assert found.metadata["looked_at"].value == 2


def hours_of(result: dg.ExecuteInProcessResult) -> dict[str | None, dict[str, object]]:
    """Metadata of the materialised hours."""
    events = result.asset_materializations_for_node("idle_validation")
    return {e.partition: {name: value.value for name, value in e.metadata.items()} for e in events}


def test_a_backfill_goes_on_beside_mining_and_each_hour_has_its_own_counts(
    parts: Pipeline, history: History, instance: dg.DagsterInstance
) -> None:
    history.answered(score=0.9, at=NOW - timedelta(hours=1))
    for minutes in (1, 2, 61):
        history.answered(score=None, at=NOW - timedelta(minutes=minutes))
    history.generated()
    span = {
        "dagster/asset_partition_range_start": "2026-11-23-10:00",
        "dagster/asset_partition_range_end": "2026-11-23-11:00",
    }
    names = ("models", "with_score", "scored_when_idle", "without_score")
    for by_this_run in ((1, 2), (0, 0)):
        result = run("validate_idle_job", parts, instance, tags=span)
        assert result.success
        found = hours_of(result)
        assert [found["2026-11-23-10:00"][name] for name in names] == [1, 1, 1, 0]
        assert [found["2026-11-23-11:00"][name] for name in names] == [3, 3, 2, 0]
        assert tuple(hour["scored_by_this_run"] for _, hour in sorted(found.items())) == by_this_run


def test_a_backfill_whose_validator_is_down_fails_and_materialises_no_undone_hour(
    parts: Pipeline, history: History, instance: dg.DagsterInstance
) -> None:
    class Down:
        name = "down 1"

        def validate(self, spz: bytes, *, prompt: str, kind: TaskKind) -> Verdict:
            raise ValidationUnavailableError("no server")

    history.answered(score=None, at=NOW - timedelta(minutes=1))
    history.answered(score=0.8, at=NOW - timedelta(minutes=61))
    parts.__dict__["validator"] = Down()
    span = {
        "dagster/asset_partition_range_start": "2026-11-23-10:00",
        "dagster/asset_partition_range_end": "2026-11-23-11:00",
    }
    result = run("validate_idle_job", parts, instance, tags=span)
    assert not result.success
    assert list(hours_of(result)) == ["2026-11-23-10:00"]


def test_a_scheduled_run_gives_way_to_mining_and_leaves_its_hour_unmaterialised(
    parts: Pipeline, history: History, instance: dg.DagsterInstance, validator: CountingValidator
) -> None:
    history.answered(score=None, at=NOW - timedelta(minutes=1))
    history.generated()
    tags = {"dagster/schedule_name": "validate_idle_job_five_minutely_schedule"}
    result = run("validate_idle_job", parts, instance, partition_key="2026-11-23-11:00", tags=tags)
    assert result.success
    assert hours_of(result) == {}
    assert validator.calls == 0


def tick(parts: Pipeline, at: datetime) -> dg.RunRequest | dg.SkipReason:
    context = dg.build_schedule_context(scheduled_execution_time=at, resources=resources_of(parts))
    result = validate_idle_job_five_minutely_schedule(context)
    assert isinstance(result, dg.RunRequest | dg.SkipReason)
    return result


def skipped(result: dg.RunRequest | dg.SkipReason) -> str:
    assert isinstance(result, dg.SkipReason)
    return str(result.skip_message)


def test_idle_validation_skips_while_something_is_mined_and_says_what(
    parts: Pipeline, history: History
) -> None:
    history.answered(score=None)
    history.generated()
    assert skipped(tick(parts, NOW)) == "not idle: task 2 is generated"


def test_idle_validation_skips_when_every_model_has_a_score(parts: Pipeline, history: History) -> None:
    history.answered()
    history.answered(score=None, at=NOW - timedelta(hours=5))
    assert skipped(tick(parts, NOW)) == "every model of the last 2 hours has a score"


def test_one_run_covers_the_hours_that_have_something_to_judge(parts: Pipeline, history: History) -> None:
    history.answered(score=None, at=NOW - timedelta(minutes=70))
    history.answered(score=None, at=NOW - timedelta(minutes=5))
    request = tick(parts, NOW)
    assert isinstance(request, dg.RunRequest)
    assert request.tags["dagster/asset_partition_range_start"] == "2026-11-23-10:00"
    assert request.tags["dagster/asset_partition_range_end"] == "2026-11-23-11:00"


def test_after_midnight_yesterday_is_reported_once_more() -> None:
    def keys(at: datetime) -> list[str | None]:
        context = dg.build_schedule_context(scheduled_execution_time=at)
        requests = publish_reports_job_hourly_schedule(context)
        assert isinstance(requests, list)
        return [request.partition_key for request in requests]

    assert keys(datetime(2026, 11, 23, 1, 41, tzinfo=UTC)) == ["2026-11-22", "2026-11-23"]
    assert keys(datetime(2026, 11, 23, 5, 41, tzinfo=UTC)) == ["2026-11-23"]


def test_a_task_s_state_is_untouched_by_its_idle_verdict(
    parts: Pipeline, history: History, instance: dg.DagsterInstance
) -> None:
    task = history.answered(score=None)
    run("validate_idle_job", parts, instance, partition_key="2026-11-23-12:00")
    judged = parts.store.tasks.get(task.key)
    assert judged.state is TaskState.ACCEPTED
    assert judged.verdict is not None
