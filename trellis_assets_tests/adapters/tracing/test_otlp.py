"""Traces by the real SDK: in memory, and over HTTP to a server that decodes them as a collector does."""

import json
import subprocess
import sys
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from trellis_assets.adapters.storage.store import SqlStore
from trellis_assets.adapters.tracing.otlp import OtlpTraces, open_otlp
from trellis_assets.domain.submissions import SubmissionOutcome
from trellis_assets.steps.export_traces import ExportTracesStep
from trellis_assets.testing.fakes import MINER, NOW, FakeClock, a_candidate
from trellis_assets.testing.hostile_server import Request, serving
from trellis_assets_tests.ended_tasks import History

pytest.importorskip("opentelemetry.sdk", reason="traces need trellis-assets[otel]")
PROMPT = "a prompt that nobody else may read"


def exporting(store: SqlStore, exporter: Any) -> ExportTracesStep:
    """The step, as a session makes it at its start; an hour later everything has settled."""
    clock = FakeClock(NOW - timedelta(hours=1))
    step = ExportTracesStep(store.ended_tasks, exporter, clock, MINER)
    clock.advance(7200)
    return step


@pytest.fixture
def memory() -> Any:
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    return InMemorySpanExporter()


def test_a_task_is_one_trace_of_its_stages_in_their_order(store: SqlStore, memory: Any) -> None:
    task = History(store).answered(PROMPT, fidelity=0.7)
    assert exporting(store, OtlpTraces(memory, "miner-1")).run()
    root, *stages = memory.get_finished_spans()
    assert [span.name for span in stages] == ["queue", "generation", "validation", "submission"]
    assert {span.context.trace_id for span in stages} == {root.context.trace_id}
    assert {span.parent.span_id for span in stages} == {root.context.span_id}
    assert root.parent is None
    assert root.attributes["trellis.outcome"] == "accepted"
    assert root.attributes["trellis.task"] == task.key
    assert stages[-1].attributes["trellis.fidelity"] == 0.7
    assert task.finished_at is not None
    assert (root.end_time - root.start_time) / 1e9 == (task.finished_at - task.pulled_at).total_seconds()
    assert all(earlier.start_time <= later.start_time for earlier, later in pairwise(stages))
    assert root.resource.attributes["service.name"] == "trellis_assets"


def test_each_candidate_is_a_span_of_its_own(store: SqlStore, memory: Any) -> None:
    task = History(store).answered()
    for number in range(3):
        start = NOW + timedelta(seconds=number)
        made = a_candidate(
            task.key, number=number, started_at=start, finished_at=start + timedelta(seconds=1)
        )
        store.candidates.record(made)
    assert exporting(store, OtlpTraces(memory, "miner-1")).run()
    generations = [span for span in memory.get_finished_spans() if span.name == "generation"]
    assert [span.attributes["trellis.candidate"] for span in generations] == [0, 1, 2]


def test_a_trace_has_neither_prompt_nor_password_nor_whole_hotkey(store: SqlStore, memory: Any) -> None:
    history = History(store)
    history.answered(PROMPT)
    task = history.failed("generation_failed: the peer said <script>")
    made = a_candidate(task.key, endpoint="http://me:marked-secret@gpu:8093")
    store.candidates.record(made)
    exporting(store, OtlpTraces(memory, "miner-1")).run()
    said = json.dumps([json.loads(span.to_json()) for span in memory.get_finished_spans()])
    assert "http://gpu:8093" in said
    for secret in (PROMPT, MINER, "marked-secret", "<script>"):
        assert secret not in said


def test_a_trace_is_sent_once_and_again_where_the_collector_failed(store: SqlStore, memory: Any) -> None:
    class Collector:
        """A collector that is away for a while."""

        is_away = True

        def export(self, traces: Any) -> bool:
            """Take the traces, if it is there."""
            return not self.is_away and traces_of.export(traces)

    traces_of, collector = OtlpTraces(memory, "miner-1"), Collector()
    History(store).answered()
    step = exporting(store, collector)
    assert not step.run()
    collector.is_away = False
    assert step.run()
    assert step.run()
    assert [span.name for span in memory.get_finished_spans()].count("task") == 1


def test_a_task_that_just_ended_waits_until_no_transaction_can_be_before_it(
    store: SqlStore, memory: Any
) -> None:
    History(store).answered(at=NOW)
    clock = FakeClock(NOW - timedelta(hours=1))
    step = ExportTracesStep(store.ended_tasks, OtlpTraces(memory, "m"), clock, MINER)
    clock.current = NOW + timedelta(seconds=10)
    assert step.run()
    assert not memory.get_finished_spans()
    assert step.finish()
    assert memory.get_finished_spans()


def test_a_collector_gets_them_over_http_as_protobuf(store: SqlStore) -> None:
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
        ExportTraceServiceRequest,
        ExportTraceServiceResponse,
    )

    arrived: list[Any] = []

    def take(request: Request) -> None:
        arrived.append((request.path, ExportTraceServiceRequest.FromString(request.body)))
        answer = ExportTraceServiceResponse().SerializeToString()
        request.answer(answer, content_type="application/x-protobuf")

    history = History(store)
    history.answered()
    history.answered(outcome=SubmissionOutcome.REJECTED)
    history.handed_back("duplicate: of an earlier task")
    with serving(take) as url:
        assert exporting(store, open_otlp(f"{url}/v1/traces", "miner-1")).run()
    ((path, request),) = arrived
    assert path == "/v1/traces"
    spans = [s for r in request.resource_spans for scope in r.scope_spans for s in scope.spans]
    roots = [span for span in spans if not span.parent_span_id]
    assert len(roots) == 3
    assert len({span.trace_id for span in spans}) == 3
    assert all(
        len(span.trace_id) == 16 and span.end_time_unix_nano >= span.start_time_unix_nano for span in spans
    )


@pytest.mark.parametrize(
    "respond",
    [
        lambda r: r.answer(b"no", status=400),
        lambda r: r.answer(b"", status=302, Location="http://127.0.0.1:9/"),
    ],
    ids=["refused", "redirected"],
)
def test_a_collector_that_does_not_take_them_is_said_and_nothing_is_lost(
    store: SqlStore, respond: Any
) -> None:
    History(store).answered()
    with serving(respond) as url:
        step = exporting(store, open_otlp(f"{url}/v1/traces", "miner-1"))
        assert not step.run()
        assert not step.run()


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_of_a_collector_is_not_followed(store: SqlStore, status: int) -> None:
    visited: list[str] = []

    def elsewhere(request: Request) -> None:
        visited.append(request.path)
        request.answer(b"", content_type="application/x-protobuf")

    History(store).answered()
    with (
        serving(elsewhere) as target,
        serving(lambda r: r.answer(b"", status=status, Location=f"{target}/v1/traces")) as url,
    ):
        assert not exporting(store, open_otlp(f"{url}/v1/traces", "miner-1")).run()
    assert visited == []


def test_opentelemetry_is_not_imported_where_no_collector_is_set(tmp_path: Any) -> None:
    code = (
        "import sys; from trellis_assets.composition import Pipeline; "
        "from trellis_assets.settings import Settings; "
        f"pipeline = Pipeline(Settings.load(data_dir={str(tmp_path)!r}, env_file=None)); "
        "assert pipeline.export_traces_step is None; "
        "ours = ('opentelemetry.exporter', 'opentelemetry.sdk.trace', 'trellis_assets.adapters.tracing'); "
        "print([name for name in sys.modules if name.startswith(ours)])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"
