"""Supervision of a session: replace processes that make no progress, and say what fails and recovers."""

import math
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

import dagster as dg

from trellis_assets.composition import Pipeline
from trellis_assets.diagnostics.chain_checks import check_chain
from trellis_assets.diagnostics.clock_check import check_clock
from trellis_assets.diagnostics.earnings_check import check_earnings
from trellis_assets.diagnostics.machine_checks import (
    CheckContext,
    check_disk,
    check_files,
    check_generator,
    check_validation,
)
from trellis_assets.diagnostics.mining_checks import Heartbeats, check_mining
from trellis_assets.diagnostics.worker_checks import check_workers
from trellis_assets.domain.diagnostics import CheckResult, Health
from trellis_assets.domain.heartbeats import Heartbeat
from trellis_assets.domain.mining_progress import is_still
from trellis_assets.orchestration import sensor_switch
from trellis_assets.orchestration.dagster_home import LOCATION, dagster_home
from trellis_assets.supervisor.own_server import OwnServer
from trellis_assets.supervisor.periodic_checks import PeriodicCheck, PeriodicChecks
from trellis_assets.supervisor.processes import ChildProcess
from trellis_assets.supervisor.stuck_processes import Signs, why_stuck
from trellis_assets.system.heartbeat_files import (
    RUN_WORKERS,
    SESSION,
    heartbeat_folder,
    read_heartbeat,
    write_heartbeat,
)

HEARTBEAT_INTERVAL_S = 1.0
# Once this process can write again, the others get so long to write their heartbeats too.
WRITES_AGAIN_WITHIN_S = 30.0
_PING_INTERVAL_S = 5.0


@dataclass(slots=True)
class Supervision:
    """Checks the processes of a session and the services that they use.

    Attributes:
        pipeline: of the session.
        children: by name.
        code_port: where the code server listens.
        say: called with each line for people.
        own_server: the generation server that was started with the session, if one was.
    """

    pipeline: Pipeline
    children: Mapping[str, ChildProcess]
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
    _context: CheckContext = field(init=False)
    _checks: PeriodicChecks = field(init=False)

    def __post_init__(self) -> None:
        self._context = context = CheckContext(self.pipeline, reads_key=False)
        self._checks = PeriodicChecks(
            [
                PeriodicCheck("mining", 3.0, lambda: _with_quiet_polls(check_mining(context))),
                PeriodicCheck("chain", 5.0, lambda: check_chain(context)),
                PeriodicCheck("disk", 5.0, lambda: check_disk(context)),
                PeriodicCheck("generator", 5.0, lambda: check_generator(context)),
                PeriodicCheck("validation", 15.0, lambda: check_validation(context)),
                PeriodicCheck("files", 60.0, lambda: check_files(context)),
                PeriodicCheck("clock", 15.0, lambda: check_clock(context)),
                PeriodicCheck("neuron", 60.0, lambda: check_earnings(context)),
                PeriodicCheck("workers", 15.0, lambda: check_workers(context)),
                PeriodicCheck("sensor switch", 3.0, self._tick_while_paused),
                PeriodicCheck("code server", _PING_INTERVAL_S, self._ping_code_server),
                PeriodicCheck("server", _PING_INTERVAL_S, self._ping_own_server),
                PeriodicCheck("traces", _PING_INTERVAL_S, self._export_traces),
            ]
        )

    def start(self) -> None:
        """Start the checks."""
        # The session said what is wrong with the chain when it read the list of validators.
        self._checks.mark_reported("chain", check_chain(self._context))
        self._checks.start()

    def stop(self) -> None:
        """Stop the checks, and delete the session's heartbeat."""
        self._checks.stop()
        if (step := self.pipeline.export_traces_step) is not None:
            step.finish()
        with suppress(FileNotFoundError):
            (heartbeat_folder(self.pipeline.settings) / f"{SESSION}.json").unlink()

    def run_once(self) -> None:
        """Say what began to fail or recovered, and replace stuck processes; call it again and again."""
        for line in self._checks.take_messages():
            self.say(line)
        now = time.monotonic()
        if now - self._beat_at < HEARTBEAT_INTERVAL_S:
            return
        if not self._beat(now):
            self._unwritable_at = now
        # Where this process cannot write either (a full disk), silence of the others means nothing.
        if now - self._unwritable_at < WRITES_AGAIN_WITHIN_S:
            return
        signs = self._signs()
        for name, child in self.children.items():
            if child.process is None or not child.is_alive():
                continue
            reason = why_stuck(name, child.process.pid, child.started_at, signs, now)
            if reason is not None:
                child.kill()
                self.say(f"{name} is stuck ({reason}) and is replaced. See {child.log}.")

    def _beat(self, now: float) -> bool:
        self._beat_at = now
        pids = {name: child.process.pid for name, child in self.children.items() if child.process is not None}
        figures = {"beat_at": now, "started_at": self._started_at, "children": pids}
        return write_heartbeat(heartbeat_folder(self.pipeline.settings), SESSION, figures)

    def _signs(self) -> Signs:
        settings = self.pipeline.settings
        return Signs(
            session_started_at=self._started_at,
            code_server_answered_at=self._answered_at,
            server_answered_at=self._served_at if self.own_server is not None else None,
            is_paused=self._paused_at is not None,
            heartbeats=Heartbeats.read(settings),
            run_workers=Heartbeat.read(read_heartbeat(heartbeat_folder(settings), RUN_WORKERS)),
        )

    def _tick_while_paused(self) -> list[CheckResult]:
        """Evaluate a stopped sensor, so that active tasks are finished; it pulls no new ones then."""
        instance = self._opened()
        if not sensor_switch.is_stopped(instance):
            self._paused_at = None
            return []
        self._paused_at = time.monotonic()
        if sensor_switch.answers(self.code_port):
            sensor_switch.evaluate_sensor(instance, port=self.code_port, location=LOCATION)
        return []

    def _ping_code_server(self) -> list[CheckResult]:
        if sensor_switch.answers(self.code_port):
            self._answered_at = time.monotonic()
            return []
        advice = "see code_server.log in the data folder's logs"
        return [CheckResult("code server", Health.FAILED, "it does not answer", advice)]

    def _ping_own_server(self) -> list[CheckResult]:
        """Note whether it answers; whether it makes models shows in its circuit breaker."""
        if self.own_server is not None and self.own_server.is_ready():
            self._served_at = time.monotonic()
        return []

    def _export_traces(self) -> list[CheckResult]:
        """Send traces of settled tasks, where a collector is set; mining does not depend on it."""
        step = self.pipeline.export_traces_step
        if step is None or step.run():
            return []
        advice = "see that the collector of TRELLIS_TRACES_URL runs; traces are sent once it does"
        return [CheckResult("traces", Health.WARNING, "the collector does not take them", advice)]

    def _opened(self) -> dg.DagsterInstance:
        if self._instance is None:
            self._instance = dg.DagsterInstance.from_config(str(dagster_home(self.pipeline.settings)))
        return self._instance


def _with_quiet_polls(found: list[CheckResult]) -> list[CheckResult]:
    """Make a warning of a minute without a poll, so that the terminal says it also where it is healthy."""
    return [
        CheckResult(s.part, Health.WARNING, s.text, s.advice) if s.health is Health.OK and is_still(s) else s
        for s in found
    ]
