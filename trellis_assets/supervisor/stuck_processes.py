"""Which process of a session lives and makes no progress."""

from dataclasses import dataclass

from trellis_assets.diagnostics.mining_checks import CODE_SERVER, Heartbeats
from trellis_assets.domain.heartbeats import (
    SILENT_AFTER_S,
    STARTS_WITHIN_S,
    TICK_WITHIN_S,
    Heartbeat,
    why_poller_is_stuck,
    why_silent,
)
from trellis_assets.system.heartbeat_files import RUN_WORKERS

DAEMON, SERVER = "daemon", "server"
# The generation server imports its backend before it listens.
SERVER_STARTS_WITHIN_S = 120.0
# A code server that answered within so many seconds is alive.
_ANSWERS_WITHIN_S = 10.0


@dataclass(frozen=True, slots=True)
class Signs:
    """What shows that the processes of a session make progress. Times are of the monotonic clock, seconds.

    Attributes:
        session_started_at: when the supervisor started.
        code_server_answered_at: when Dagster's code server answered last.
        server_answered_at: when our own generation server answered last; None where none was started.
        is_paused: whether the sensor is stopped in the Dagster UI, so that no tick is expected.
        heartbeats: of the poller and the sensor.
        run_workers: the heartbeat of the pool of run workers.
    """

    session_started_at: float
    code_server_answered_at: float
    server_answered_at: float | None
    is_paused: bool
    heartbeats: Heartbeats
    run_workers: Heartbeat | None


def why_stuck(name: str, pid: int, started_at: float, signs: Signs, now: float) -> str | None:
    """Return why the process must be replaced, or None while it makes progress or is still starting.

    Args:
        name: of the child process.
        pid: of the process that runs now: heartbeats of an earlier one do not count.
        started_at: when it was started, monotonic seconds.
        signs: of progress.
        now: monotonic seconds.
    """
    if name == SERVER and signs.server_answered_at is not None:
        silent_s = now - max(signs.server_answered_at, started_at + SERVER_STARTS_WITHIN_S)
        return f"its health page has not answered for {silent_s:.0f} s" if silent_s > SILENT_AFTER_S else None
    if name == RUN_WORKERS:
        return why_silent(signs.run_workers, pid, started_at=started_at, now=now)
    if name == CODE_SERVER:
        silent_s = now - max(signs.code_server_answered_at, started_at + STARTS_WITHIN_S)
        if silent_s > SILENT_AFTER_S:
            return f"it has not answered for {silent_s:.0f} s"
        return why_poller_is_stuck(signs.heartbeats.poller, pid, now=now)
    if name == DAEMON:
        return _why_daemon_is_stuck(started_at, signs, now)
    return None


def _why_daemon_is_stuck(started_at: float, signs: Signs, now: float) -> str | None:
    """Return that no tick came, where only the daemon can be to blame: the code server answers."""
    if signs.is_paused or now - started_at <= STARTS_WITHIN_S:
        return None
    sensor = signs.heartbeats.sensor
    ticked_at = sensor.beat_at if sensor is not None else signs.session_started_at
    since_s = now - max(ticked_at, started_at)
    answers = now - signs.code_server_answered_at < _ANSWERS_WITHIN_S
    return f"no tick of the task_sensor for {since_s:.0f} s" if answers and since_s > TICK_WITHIN_S else None
