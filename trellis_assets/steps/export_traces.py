"""Export the traces of tasks that have settled."""

import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from trellis_assets.domain.task_traces import trace_of
from trellis_assets.ports import Clock
from trellis_assets.ports.tracing import EndedTaskRepository, TraceExporter

# A transaction stores the time at which it began, and is seen once it is over. Clocks of machines that share
# a store agree within half a minute.
SETTLES_WITHIN = timedelta(seconds=30)
AT_ONCE = 200


@dataclass(slots=True)
class ExportTracesStep:
    """Send the traces of tasks that ended since the step was made, each once unless the collector fails.

    Attributes:
        miner_hotkey: whose tasks.
        settles_within: a task is sent so long after its end.
    """

    tasks: EndedTaskRepository
    exporter: TraceExporter
    clock: Clock
    miner_hotkey: str
    settles_within: timedelta = SETTLES_WITHIN
    _after: tuple[datetime, int] = field(init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._after = (self.clock.now(), 0)

    def run(self) -> bool:
        """Return whether the collector took what there was; if not, the next run sends it again."""
        with self._lock:
            return self._run()

    def finish(self) -> bool:
        """Send what is left at the end of a session, when nothing settles any more."""
        self.settles_within = timedelta()
        return self.run()

    def _run(self) -> bool:
        until = self.clock.now() - self.settles_within
        while True:
            ended = self.tasks.ended(self.miner_hotkey, after=self._after, until=until, limit=AT_ONCE)
            if not ended:
                return True
            traces = [trace for task, made in ended if (trace := trace_of(task, made)) is not None]
            if not self.exporter.export(traces):
                return False
            last, _ = ended[-1]
            assert last.finished_at is not None
            self._after = (last.finished_at, last.key)
