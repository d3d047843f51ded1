"""What `/metrics` exports: read by Prometheus' own parsers, and equal to reports and SQL."""

import json
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics_families
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text

from trellis_assets.adapters.storage.archive import archive_tasks
from trellis_assets.adapters.storage.store import SqlStore
from trellis_assets.composition import Pipeline
from trellis_assets.domain.submissions import SubmissionOutcome
from trellis_assets.reports.report_command import write_days
from trellis_assets.servers.gallery.run import guarded_gallery
from trellis_assets.settings import Settings
from trellis_assets.system.heartbeat_files import POLLER, RUN_WORKERS, SESSION, heartbeat_folder
from trellis_assets.testing.fakes import MINER, NOW, a_neuron_record, a_validator
from trellis_assets_tests.ended_tasks import History

Serve = Callable[[Any], str]
TOKEN = "s3cret-of-many-characters"
OPEN_METRICS = "application/openmetrics-text; version=1.0.0"


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    return Pipeline(Settings.load(data_dir=tmp_path))


@pytest.fixture
def store(pipeline: Pipeline) -> SqlStore:
    assert isinstance(pipeline.store, SqlStore)
    pipeline.store.validators.save([a_validator(1), a_validator(2)], NOW)
    return pipeline.store


def families(pipeline: Pipeline) -> dict[str, Metric]:
    encoded, _ = pipeline.reports.gallery_parts().encode_metrics("")
    return {family.name: family for family in text_string_to_metric_families(encoded.decode())}


def total(pipeline: Pipeline, name: str, **labels: str) -> float:
    """Return the sum over samples of this name and these labels, as PromQL's sum()."""
    found = [
        sample.value
        for family in families(pipeline).values()
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    ]
    assert found, f"{name} with {labels} is not exported"
    return sum(found)


def some_history(store: SqlStore) -> History:
    history = History(store)
    history.answered(fidelity=0.7)
    history.answered(fidelity=0.9, validator=a_validator(2))
    history.answered(outcome=SubmissionOutcome.REJECTED)
    history.handed_back("duplicate: of an earlier task")
    history.failed("no server")
    history.generated()
    return history


def test_metrics_report_and_sql_have_the_same_figures(
    pipeline: Pipeline, store: SqlStore, tmp_path: Path
) -> None:
    some_history(store)
    path = tmp_path / "rewards.json"
    write_days(pipeline.ledger, "rewards", since=str(NOW.date()), until=str(NOW.date()), path=path, now=NOW)
    report = json.loads(path.read_text())
    rows = report["rows"] if isinstance(report, dict) else report
    with store.engine.connect() as connection:
        by_sql = dict(
            connection.execute(text("SELECT state, count(*) FROM tasks GROUP BY state")).tuples().all()
        )
    statistics = store.statistics.snapshot(None, NOW).totals
    for outcome in ("accepted", "rejected", "handed_back", "failed"):
        exported = total(pipeline, "trellis_tasks_settled_total", outcome=outcome)
        assert exported == sum(row[outcome] for row in rows) == by_sql[outcome]
    assert total(pipeline, "trellis_tasks_pulled_total") == statistics.tasks_pulled == sum(by_sql.values())
    assert total(pipeline, "trellis_tasks_active") == statistics.in_flight == by_sql["generated"]
    assert total(pipeline, "trellis_stage_duration_seconds_sum", stage="generation") == pytest.approx(
        sum(row["generation_s"] for row in rows) + store.tasks.get(6).generation.duration_s  # type: ignore[union-attr]
    )
    count = total(pipeline, "trellis_fidelity_ratio_count")
    mean = total(pipeline, "trellis_fidelity_ratio_sum") / count
    assert count == 2
    assert mean == pytest.approx(sum(r["mean_fidelity"] or 0 for r in rows) / 2) == pytest.approx(0.8)
    standings = [row["standing"] for row in rows if row["standing"] is not None]
    assert total(pipeline, "trellis_validator_standing") == sum(standings)


def counters(pipeline: Pipeline) -> dict[tuple[str, ...], float]:
    return {
        (sample.name, *map(str, sorted(sample.labels.items()))): sample.value
        for family in families(pipeline).values()
        if family.type in {"counter", "histogram"}
        for sample in family.samples
    }


def test_no_counter_goes_back_when_tasks_are_served_again_or_archived_or_the_miner_restarts(
    pipeline: Pipeline, store: SqlStore
) -> None:
    history = some_history(store)
    before = counters(pipeline)
    store.arrivals.reopen(1)
    store.arrivals.reopen(4)
    with store.transactions.writing() as session:
        assert archive_tasks(session, NOW + timedelta(days=1), 100) > 0
    pipeline.close()
    again = Pipeline(pipeline.settings)
    after = counters(again)
    assert {key for key, value in before.items() if after[key] < value} == set()
    assert history.store is store


@pytest.mark.parametrize(
    ("accept", "parse"),
    [("", text_string_to_metric_families), (OPEN_METRICS, open_metrics_families)],
    ids=["prometheus", "openmetrics"],
)
def test_a_scrape_is_what_the_scraper_asked_for(
    pipeline: Pipeline, store: SqlStore, serve: Serve, accept: str, parse: Callable[[str], Any]
) -> None:
    some_history(store)
    url = serve(guarded_gallery(pipeline.reports.gallery_parts(), host="127.0.0.1", token=None))
    answer = httpx.get(f"{url}/metrics", headers={"accept": accept or "*/*"})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("application/openmetrics" if accept else "text/plain")
    found = list(parse(answer.text))
    assert len(found) > 25
    assert all(family.documentation for family in found)


def test_names_follow_the_conventions(pipeline: Pipeline, store: SqlStore) -> None:
    some_history(store)
    for name, family in families(pipeline).items():
        assert name.startswith("trellis_")
        for sample in family.samples:
            assert sample.name.endswith("_total") == (family.type == "counter")
            assert not {"task", "task_id", "prompt", "reason"} & sample.labels.keys()


def test_no_prompt_no_whole_hotkey_and_no_password_is_exported(pipeline: Pipeline, store: SqlStore) -> None:
    History(store).answered("a prompt that nobody else may read")
    now = datetime.now(UTC)
    address = "http://me:marked-secret@gpu:8093"
    assert store.slots.acquire([address], 1, now=now, until=now + timedelta(minutes=1)) == address
    encoded, _ = pipeline.reports.gallery_parts().encode_metrics("")
    said = encoded.decode()
    assert "nobody else" not in said
    assert MINER not in said
    assert "marked-secret" not in said
    assert 'endpoint="http://gpu:8093"' in said


def test_our_neuron_is_exported_as_the_chain_was_last_read(pipeline: Pipeline, store: SqlStore) -> None:
    for hour, position in ((0, 40), (1, 2)):
        read_at = NOW + timedelta(hours=hour)
        read = a_neuron_record(
            miner_hotkey=MINER,
            read_at=read_at,
            first_read_at=read_at,
            pruning_position=position,
            immune_blocks=0,
            neurons=256,
            places=256,
        )
        store.earnings.record(read)
        assert total(pipeline, "trellis_neuron_pruning_position") == position
        assert total(pipeline, "trellis_neuron_deregistration_near") == (position == 2)
    assert total(pipeline, "trellis_neuron_emission_alpha") == read.emission_alpha
    assert total(pipeline, "trellis_neuron_incentive_ratio") == read.incentive


def test_series_are_there_before_the_first_event(pipeline: Pipeline, store: SqlStore) -> None:
    store.polls.begin(
        MINER, a_validator(1).hotkey, next_poll_at=NOW, now=NOW, max_backoff=timedelta(minutes=5)
    )
    assert total(pipeline, "trellis_tasks_settled_total", outcome="accepted") == 0
    assert total(pipeline, "trellis_polls_total") == 1


def beat(pipeline: Pipeline, name: str, **figures: object) -> None:
    folder = heartbeat_folder(pipeline.settings)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps({"pid": os.getpid(), **figures}))


def test_heartbeats_of_all_processes_are_exported_by_one(pipeline: Pipeline, store: SqlStore) -> None:
    now = time.monotonic()
    assert total(pipeline, "trellis_session_up") == 0
    beat(pipeline, SESSION, beat_at=now, started_at=now - 3600)
    beat(pipeline, POLLER, beat_at=now, is_running=True, closed="the queue is full", loop_lag_s=0.25)
    beat(pipeline, RUN_WORKERS, beat_at=now, workers=4, busy=3, queued=2)
    assert total(pipeline, "trellis_session_up") == 1
    assert total(pipeline, "trellis_session_start_time_seconds") == pytest.approx(time.time() - 3600, abs=60)
    assert total(pipeline, "trellis_poller_running") == 1
    assert total(pipeline, "trellis_poller_hindered") == 1
    assert total(pipeline, "trellis_poller_failing") == 0
    assert total(pipeline, "trellis_run_workers", state="busy") == 3
    assert total(pipeline, "trellis_runs_queued") == 2
    assert store is pipeline.store


@pytest.mark.parametrize("beat_at", [-1e9, 1e12, "now", None], ids=["old", "before a reboot", "text", "none"])
def test_a_heartbeat_of_no_living_process_is_not_taken_for_one(pipeline: Pipeline, beat_at: object) -> None:
    beat(pipeline, SESSION, beat_at=beat_at, started_at=1.0)
    beat(pipeline, POLLER, beat_at=beat_at, is_running=True)
    assert total(pipeline, "trellis_session_up") == 0
    assert total(pipeline, "trellis_poller_running") == 0


def test_a_store_that_is_gone_is_said_and_the_machine_is_still_exported(
    pipeline: Pipeline, store: SqlStore
) -> None:
    encode = pipeline.reports.gallery_parts().encode_metrics
    assert b"trellis_store_up 1.0" in encode("")[0]
    with store.engine.begin() as connection:
        connection.execute(text("DROP TABLE event_counts"))
    said = encode("")[0]
    assert b"trellis_store_up 0.0" in said
    assert b"trellis_disk_free_bytes" in said
    assert b"trellis_tasks_settled" not in said


def test_the_token_and_the_host_are_checked_as_on_every_page(pipeline: Pipeline, serve: Serve) -> None:
    parts = pipeline.reports.gallery_parts()
    url = serve(guarded_gallery(parts, host="0.0.0.0", token=TOKEN))
    assert httpx.get(f"{url}/metrics").status_code == 401
    bearer = {"authorization": f"Bearer {TOKEN}"}
    assert httpx.get(f"{url}/metrics", headers=bearer).status_code == 200
    local = serve(guarded_gallery(parts, host="127.0.0.1", token=None))
    assert httpx.get(f"{local}/metrics", headers={"host": "evil.example"}).status_code == 421
