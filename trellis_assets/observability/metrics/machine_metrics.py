"""Metrics of this machine: the processes of a session by their heartbeats, and the disk.

Heartbeats are files that the processes write anyway. So any process can export the figures of all: nothing is
shared in memory, and no directory of Prometheus' client library has to be made, cleaned and kept consistent.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from prometheus_client.metrics_core import Metric

from trellis_assets.domain.heartbeats import SILENT_AFTER_S
from trellis_assets.observability.metrics.families import gauge
from trellis_assets.system.heartbeat_files import POLLER, RUN_WORKERS, SESSION


@dataclass(frozen=True, slots=True)
class MachineFacts:
    """What is known without the store.

    Attributes:
        now_s: unix seconds.
        monotonic_s: of the clock of the heartbeats, at the same moment.
        heartbeats: the last of each part, by its name; empty where there is none.
        disk_free, disk_size: of the data folder's disk, bytes.
        store_size: bytes of the store's file; None for a database server.
    """

    now_s: float
    monotonic_s: float
    version: str
    heartbeats: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    disk_free: int = 0
    disk_size: int = 0
    store_size: int | None = None

    def figure(self, part: str, name: str) -> float | None:
        """Return a number of a heartbeat; None where there is none."""
        value = self.heartbeats.get(part, {}).get(name)
        return float(value) if isinstance(value, int | float) else None

    def age_s(self, part: str) -> float | None:
        """Return the age of a heartbeat; None where there is none of this start of the machine."""
        beat_at = self.figure(part, "beat_at")
        # The clock begins anew when the machine does: a heartbeat that is ahead is of an earlier start.
        return None if beat_at is None or beat_at > self.monotonic_s else self.monotonic_s - beat_at

    def is_alive(self, part: str) -> bool:
        """Return whether the part wrote a heartbeat lately."""
        age_s = self.age_s(part)
        return age_s is not None and age_s <= SILENT_AFTER_S

    def has(self, part: str, name: str) -> bool:
        """Return whether the part is alive and its heartbeat has something under this name."""
        return self.is_alive(part) and bool(self.heartbeats[part].get(name))


def machine_metrics(facts: MachineFacts) -> Iterator[Metric]:
    """Yield every family that is read without the store."""
    yield gauge("build_info", "The version of trellis_assets.", ("version",), [((facts.version,), 1)])
    yield gauge(
        "session_up",
        "Whether a session of `mine` runs on this data folder.",
        (),
        [((), int(facts.is_alive(SESSION)))],
    )
    started_at = facts.figure(SESSION, "started_at") if facts.is_alive(SESSION) else None
    yield gauge(
        "session_start_time_seconds",
        "When the session started.",
        (),
        [((), None if started_at is None else round(facts.now_s - facts.monotonic_s + started_at))],
    )
    yield gauge(
        "heartbeat_age_seconds",
        "Since a part of the session showed progress.",
        ("part",),
        (((part,), facts.age_s(part)) for part in facts.heartbeats),
    )
    yield from _poller(facts)
    yield from _run_workers(facts)
    yield gauge("disk_free_bytes", "Free on the disk of the data folder.", (), [((), facts.disk_free)])
    yield gauge("disk_size_bytes", "Size of the disk of the data folder.", (), [((), facts.disk_size)])
    yield gauge("store_size_bytes", "Size of the store's file.", (), [((), facts.store_size)])


def _poller(facts: MachineFacts) -> Iterator[Metric]:
    for name, figure, sentence in (
        ("poller_running", "is_running", "Whether validators are polled as soon as they are due."),
        (
            "poller_hindered",
            "closed",
            "Whether something keeps the poller from new tasks, such as a full queue.",
        ),
        ("poller_failing", "failed", "Whether the last round of polls failed."),
    ):
        yield gauge(name, sentence, (), [((), int(facts.has(POLLER, figure)))])
    yield gauge(
        "poller_loop_lag_seconds",
        "How late the poller's event loop is.",
        (),
        [((), facts.figure(POLLER, "loop_lag_s") if facts.is_alive(POLLER) else None)],
    )


def _run_workers(facts: MachineFacts) -> Iterator[Metric]:
    is_alive = facts.is_alive(RUN_WORKERS)
    workers, busy, queued = (
        facts.figure(RUN_WORKERS, name) if is_alive else None for name in ("workers", "busy", "queued")
    )
    idle = None if workers is None or busy is None else workers - busy
    states = [(("busy",), busy), (("idle",), idle)]
    yield gauge("run_workers", "Warm run workers, by what they do.", ("state",), states)
    yield gauge("runs_queued", "Runs that wait for a worker.", (), [((), queued)])
