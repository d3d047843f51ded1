"""Supervision of a session: processes that make no progress are replaced, and what fails is told."""

import math
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

import dagster as dg

from trellis_assets.composition import Pipeline
from trellis_assets.diagnostics.chain_checks import check_chain
from trellis_assets.diagnostics.clock_check import check_clock
from trellis_assets.diagnostics.machine_checks import (
    CheckContext,
    check_disk,
    check_files,
    check_generator,
    check_validation,
)
from trellis_assets.diagnostics.mining_checks import CODE_SERVER, Heartbeats, check_mining
from trellis_assets.diagnostics.worker_checks import check_workers
from trellis_assets.domain.diagnostics import CheckResult, Health
from trellis_assets.domain.heartbeats import (
    SILENT_AFTER_S,
    STARTS_WITHIN_S,
    TICK_WITHIN_S,
    Heartbeat,
    why_poller_is_stuck,
    why_silent,
)
from trellis_assets.domain.mining_progress import is_still
from trellis_assets.orchestration import sensor_switch
from trellis_assets.orchestration.dagster_home import LOCATION, dagster_home
from trellis_assets.supervisor.own_server import OwnServer
from trellis_assets.supervisor.processes import Child
from trellis_assets.supervisor.session_checks import Check, SessionChecks
from trellis_assets.system.heartbeat_files import (
    RUN_WORKERS,
    SESSION,
    heartbeat_folder,
    read_heartbeat,
    write_heartbeat,
)

DAEMON, SERVER = "daemon", "server"
# It imports its backend before it listens.
SERVER_STARTS_WITHIN_S = 120.0
BEAT_EVERY_S = 1.0
# Once this process can write again, the others get so long to do so too.
WRITES_AGAIN_WITHIN_S = 30.0
_PING_EVERY_S = 5.0


@dataclass(slots=True)
class Supervision:
    """The processes of a session by name, and the checks of what they use.

    Attributes:
        pipeline: of the session.
        children: by name.
        code_port: where the code server listens.
        say: called with each line for people.
        own_server: the generation server that was started with the session, if one was.
    """

    pipeline: Pipeline
    children: Mapping[str, Child]
    code_port: int
    say: Callable[[str], None]
    _started_at: float = field(default_factory=time.monotonic)
    _beat_at: float = 0.0
    _unwritable_at: float = -math.inf
    own_server: OwnServer | None = None
    _answered_at: float = field(default_factory=time.monotonic)
    _served_at: float = field(default_factory=time.monotonic)
    _paused_at: float | None = None
    _instance: dg.DagsterInstance | None = None
    _checks: SessionChecks = field(init=False)

    def __post_init__(self) -> None:
        context = CheckContext(self.pipeline, reads_key=False)
        self._checks = SessionChecks(
            [
                Check("mining", 3.0, lambda: _as_news(check_mining(context))),
                Check("chain", 5.0, lambda: check_chain(context)),
                Check("disk", 5.0, lambda: check_disk(context)),
                Check("generator", 5.0, lambda: check_generator(context)),
                Check("validation", 15.0, lambda: check_validation(context)),
                Check("files", 60.0, lambda: check_files(context)),
                Check("clock", 15.0, lambda: check_clock(context)),
                Check("workers", 15.0, lambda: check_workers(context)),
                Check("sensor switch", 3.0, self._tick_while_paused),
                Check("code server", _PING_EVERY_S, self._ping),
                Check("server", _PING_EVERY_S, self._ask_own_server),
            ]
        )

    def start(self) -> None:
        """Begin to check."""
        self._checks.start()

    def stop(self) -> None:
        """Check no more, and leave what stops by itself alone."""
        self._checks.stop()
        with suppress(FileNotFoundError):
            (heartbeat_folder(self.pipeline.settings) / f"{SESSION}.json").unlink()

    def look(self) -> None:
        """Tell what is new, and replace what is stuck; called again and again."""
        for line in self._checks.news():
            self.say(line)
        now = time.monotonic()
        if now - self._beat_at < BEAT_EVERY_S:
            return
        if not self._beat(now):
            self._unwritable_at = now
        # Where this process cannot write either (a full disk), the others' silence means nothing.
        if now - self._unwritable_at < WRITES_AGAIN_WITHIN_S:
            return
        for name, child in self.children.items():
            reason = self._why_stuck(name, child, now)
            if reason is not None and child.is_alive():
                child.kill()
                self.say(f"{name} is stuck ({reason}) and is replaced: see {child.log}")

    def _beat(self, now: float) -> bool:
        self._beat_at = now
        pids = {name: child.process.pid for name, child in self.children.items() if child.process is not None}
        figures = {"beat_at": now, "started_at": self._started_at, "children": pids}
        return write_heartbeat(heartbeat_folder(self.pipeline.settings), SESSION, figures)

    def _why_stuck(self, name: str, child: Child, now: float) -> str | None:
        if child.process is None:
            return None
        pid, age_s = child.process.pid, now - child.started_at
        if name == SERVER and self.own_server is not None:
            unanswered_s = now - max(self._served_at, child.started_at + SERVER_STARTS_WITHIN_S)
            stuck = unanswered_s > SILENT_AFTER_S
            return f"its health page has not answered for {unanswered_s:.0f} s" if stuck else None
        if name == RUN_WORKERS:
            told = Heartbeat.read(read_heartbeat(heartbeat_folder(self.pipeline.settings), name))
            return why_silent(told, pid, started_at=child.started_at, now=now)
        beats = Heartbeats.read(self.pipeline.settings)
        if name == CODE_SERVER:
            unanswered_s = now - max(self._answered_at, child.started_at + STARTS_WITHIN_S)
            if unanswered_s > SILENT_AFTER_S:
                return f"it has not answered for {unanswered_s:.0f} s"
            return why_poller_is_stuck(beats.poller, pid, now=now)
        if name == DAEMON and self._paused_at is None and age_s > STARTS_WITHIN_S:
            # Only a code server that answers shows that the daemon is to blame.
            ticked_at = beats.sensor.beat_at if beats.sensor is not None else self._started_at
            since_s = now - max(ticked_at, child.started_at)
            answers = now - self._answered_at < 2 * _PING_EVERY_S
            if answers and since_s > TICK_WITHIN_S:
                return f"no tick of the task_sensor for {since_s:.0f} s"
        return None

    def _tick_while_paused(self) -> list[CheckResult]:
        """Evaluate a stopped sensor, so that the tasks in hand are finished; it takes no new ones then."""
        instance = self._opened()
        if not sensor_switch.is_stopped(instance):
            self._paused_at = None
            return []
        self._paused_at = time.monotonic()
        if sensor_switch.answers(self.code_port):
            sensor_switch.evaluate_sensor(instance, port=self.code_port, location=LOCATION)
        return []

    def _ping(self) -> list[CheckResult]:
        if sensor_switch.answers(self.code_port):
            self._answered_at = time.monotonic()
            return []
        advice = "see code_server.log in the data folder's logs"
        return [CheckResult("code server", Health.FAILED, "it does not answer", advice)]

    def _ask_own_server(self) -> list[CheckResult]:
        """Whether it answers; that it makes models is seen by its breaker, as with any endpoint."""
        if self.own_server is not None and self.own_server.is_ready():
            self._served_at = time.monotonic()
        return []

    def _opened(self) -> dg.DagsterInstance:
        if self._instance is None:
            self._instance = dg.DagsterInstance.from_config(str(dagster_home(self.pipeline.settings)))
        return self._instance


def _as_news(results: list[CheckResult]) -> list[CheckResult]:
    """A miner that polls nobody for a while is told of on the terminal, even where that is well."""
    return [
        CheckResult(s.part, Health.WARNING, s.text, s.advice) if s.health is Health.OK and is_still(s) else s
        for s in results
    ]
