"""Traces by OpenTelemetry, over OTLP and HTTP, to a collector such as Jaeger or Tempo.

The SDK is imported when the first exporter is made, and never where no collector is set.
"""

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from trellis_assets.domain.task_traces import Span, TaskTrace, Value

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter

TIMEOUT_S = 10.0
_PREFIX = "trellis."


class MissingTracingError(RuntimeError):
    """OpenTelemetry is not installed."""


class OtlpTraces:
    """`TraceExporter` over an exporter of the SDK."""

    def __init__(self, exporter: "SpanExporter", instance: str) -> None:
        """Keep the exporter.

        Args:
            exporter: of the SDK.
            instance: names this miner among others.
        """
        from opentelemetry.sdk.resources import Resource

        self._exporter = exporter
        service = {"service.name": "trellis_assets", "service.version": version("trellis-assets")}
        self._resource = Resource.create(service | {"service.instance.id": instance})

    def export(self, traces: Sequence[TaskTrace]) -> bool:
        """Return whether the collector took the traces."""
        from opentelemetry.sdk.trace.export import SpanExportResult

        spans = [span for trace in traces for span in self._spans(trace)]
        return not spans or self._exporter.export(spans) is SpanExportResult.SUCCESS

    def _spans(self, trace: TaskTrace) -> list[Any]:
        root = self._span(trace, trace.root, number=0)
        stages = [self._span(trace, stage, number=n + 1) for n, stage in enumerate(trace.stages)]
        return [root, *stages]

    def _span(self, trace: TaskTrace, span: Span, *, number: int) -> Any:
        from opentelemetry.sdk.trace import ReadableSpan
        from opentelemetry.trace import Status, StatusCode

        return ReadableSpan(
            span.name,
            context=_context(trace.trace_id, number),
            parent=_context(trace.trace_id, 0) if number else None,
            resource=self._resource,
            attributes={_PREFIX + name: _shown(value) for name, value in span.attributes.items()},
            status=Status(StatusCode.OK) if span.error is None else Status(StatusCode.ERROR, span.error),
            start_time=_nanoseconds(span.start),
            end_time=_nanoseconds(max(span.start, span.end)),
        )


def open_otlp(url: str, instance: str) -> OtlpTraces:
    """Return what sends traces to a collector's URL, which ends in /v1/traces. Nothing is called yet.

    Headers, such as a key, are taken from `OTEL_EXPORTER_OTLP_HEADERS`, as everywhere.

    Raises:
        MissingTracingError: the extra is not installed; says how.
    """
    try:
        import requests
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    except ImportError:
        raise MissingTracingError("traces need OpenTelemetry: pip install 'trellis-assets[otel]'") from None
    session = requests.Session()
    session.max_redirects = 0  # a collector has no reason to redirect
    return OtlpTraces(OTLPSpanExporter(url, timeout=TIMEOUT_S, session=session), instance)


def _context(trace_id: int, number: int) -> Any:
    from opentelemetry.trace import SpanContext, TraceFlags

    digest = sha256(f"{trace_id:032x}:{number}".encode()).digest()
    span_id = int.from_bytes(digest[:8], "big") or 1
    return SpanContext(trace_id, span_id, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))


def _shown(value: Value) -> Value:
    """Return an attribute without a password, which an endpoint's URL may have."""
    from trellis_assets.observability.metrics.labels import addresses

    return addresses([value])[value] if isinstance(value, str) else value


def _nanoseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1_000_000) * 1000
