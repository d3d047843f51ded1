"""Read from a Dagster home whether its daemons are alive and whether the sensor is switched off."""

import time
from dataclasses import dataclass
from pathlib import Path

import dagster as dg

from trellis_assets.orchestration.sensor_switch import paused_reason

# Daemons write a heartbeat every 30 s; Dagster itself calls them healthy for half an hour after the last.
SILENT_AFTER_S = 90.0


@dataclass(frozen=True, slots=True)
class DagsterState:
    """The state of a Dagster home's daemons and sensor.

    Attributes:
        silent: daemons that should run and have no recent heartbeat, with their last error.
        paused: why nothing is pulled since the sensor is switched off; None while it is on.
    """

    silent: list[str]
    paused: str | None


def dagster_state(home: Path) -> DagsterState:
    """Return the state of a home. A new home has no daemons yet: all are silent."""
    with dg.DagsterInstance.from_config(str(home)) as instance:
        statuses, paused = instance.get_daemon_statuses(), paused_reason(instance)
    now, silent = time.time(), []
    for name, status in sorted(statuses.items()):
        heartbeat = status.last_heartbeat
        is_silent = heartbeat is None or now - heartbeat.timestamp > SILENT_AFTER_S
        if status.required and (is_silent or not status.healthy):
            errors = heartbeat.errors if heartbeat else None
            silent.append(f"{name} ({errors[0].message.strip()})" if errors else name)
    return DagsterState(silent, paused)
