"""Health check of a session: whether it mines, by heartbeats, Dagster's history and the store."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from trellis_assets.composition import Pipeline
from trellis_assets.diagnostics.machine_checks import CheckContext
from trellis_assets.domain.diagnostics import CheckResult, Health
from trellis_assets.domain.heartbeats import STARTS_WITHIN_S, Heartbeat, why_poller_is_stuck
from trellis_assets.domain.mining_progress import NOT_RUNNING, MiningFacts, judge_mining
from trellis_assets.domain.tasks import printable
from trellis_assets.domain.validators import EligibilityPolicy, is_eligible
from trellis_assets.orchestration.dagster_home import dagster_home, name_secrets
from trellis_assets.settings import Settings
from trellis_assets.system.heartbeat_files import POLLER, SENSOR, SESSION, heartbeat_folder, read_heartbeat

if TYPE_CHECKING:
    from trellis_assets.orchestration.daemon_health import DagsterState

CODE_SERVER = "code_server"


@dataclass(frozen=True, slots=True)
class Heartbeats:
    """The last heartbeats of a session; None where a heartbeat is of an earlier process.

    Attributes:
        session: of `mine` itself, with the process ids of its children.
        sensor: written at every tick.
        poller: written every second while the poller runs.
    """

    session: Heartbeat | None
    sensor: Heartbeat | None
    poller: Heartbeat | None

    @classmethod
    def read(cls, settings: Settings) -> "Heartbeats":
        """Read the heartbeat files of the data folder."""
        folder = heartbeat_folder(settings)
        session = Heartbeat.read(read_heartbeat(folder, SESSION))
        children = session.figures.get("children") if session is not None else None
        code_server = children.get(CODE_SERVER) if isinstance(children, dict) else None

        def ours(name: str) -> Heartbeat | None:
            found = Heartbeat.read(read_heartbeat(folder, name))
            return found if found is not None and found.pid == code_server else None

        return cls(session, ours(SENSOR), ours(POLLER))


def check_mining(context: CheckContext) -> list[CheckResult]:
    """Return whether a miner works on the data folder and makes progress, and what hinders it."""
    from trellis_assets.orchestration.sensor_switch import TURN_ON

    settings = context.settings
    if not _is_mining(settings):
        return [CheckResult("mining", Health.WARNING, NOT_RUNNING, "trellis-assets mine")]
    state = _dagster_state(settings)
    beats, now = Heartbeats.read(settings), time.monotonic()
    session_s = beats.session.age_s("started_at", now) if beats.session is not None else None
    silent = printable(f"daemons are silent: {', '.join(state.silent)}", 500) if state.silent else None
    if silent is not None and state.paused is None and (session_s is None or session_s > STARTS_WITHIN_S):
        advice = f"see {settings.storage.folder / 'logs' / 'daemon.log'}"
        return [CheckResult("mining", Health.FAILED, silent, advice)]
    facts = _facts(context.pipeline, beats, session_s or 0.0, paused=state.paused, daemon_error=silent)
    return [judge_mining(facts, turn_on=TURN_ON)]


def _dagster_state(settings: Settings) -> "DagsterState":
    from trellis_assets.orchestration.daemon_health import DagsterState, dagster_state

    home = dagster_home(settings)
    name_secrets(settings)
    return dagster_state(home) if (home / "dagster.yaml").exists() else DagsterState(["all"], None)


def _facts(
    pipeline: Pipeline, beats: Heartbeats, session_s: float, *, paused: str | None, daemon_error: str | None
) -> MiningFacts:
    now, settings, poller = time.monotonic(), pipeline.settings, beats.poller
    figures = poller.figures if poller is not None and poller.figures.get("is_running") else {}
    me = _hotkey(pipeline)
    listed = pipeline.store.validators.listed()[0] if settings.mining.harvest else []
    policy = EligibilityPolicy(settings.network.min_stake, settings.network.require_permit)
    return MiningFacts(
        now=pipeline.clock.now(),
        session_s=session_s,
        paused=paused,
        tick_s=beats.sensor.age_s("beat_at", now) if beats.sensor is not None else None,
        daemon_error=daemon_error,
        stuck=why_poller_is_stuck(poller, poller.pid, now=now) if poller is not None else None,
        poll_s=poller.age_s("polled_at", now) if poller is not None else None,
        closed=_text(figures.get("closed")),
        failed=_text(figures.get("failed")),
        eligible=sum(is_eligible(validator, policy, me or "") for validator in listed),
        records=pipeline.store.polls.records(me) if me is not None else [],
        active_tasks=len(pipeline.store.tasks.active(me)),
        pulls=settings.mining.harvest,
    )


def check_mining_without_raising(context: CheckContext) -> list[CheckResult]:
    """Return what `check_mining` returns, or a failed result where it raises: pages show it."""
    try:
        return check_mining(context)
    except Exception as error:  # noqa: BLE001 - the store, Dagster's history: each has a check of its own
        text = f"cannot tell whether the miner works: {type(error).__name__}"
        return [CheckResult("mining", Health.FAILED, text, "trellis-assets doctor")]


def notice(results: Sequence[CheckResult]) -> str | None:
    """Return what the gallery says above the models; None while the miner works."""
    unwell = [result for result in results if result.health is not Health.OK]
    return "; ".join(f"{result.text} ({result.advice})" for result in unwell) or None


def _hotkey(pipeline: Pipeline) -> str | None:
    """Return the miner's hotkey where this process knows it without opening the wallet."""
    settings = pipeline.settings
    if settings.network.miner_hotkey is not None or not settings.mining.harvest:
        return settings.network.miner_hotkey
    miners = {counters.miner_hotkey for counters in pipeline.store.statistics.validator_counters()}
    return miners.pop() if len(miners) == 1 else None


def _text(value: object) -> str | None:
    return printable(value, 500) if isinstance(value, str) else None


def _is_mining(settings: Settings) -> bool:
    lock = FileLock(Path(settings.storage.folder) / "mine.lock", timeout=0)
    try:
        with lock:
            return False
    except Timeout:
        return True
