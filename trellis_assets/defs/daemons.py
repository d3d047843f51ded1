"""Whether Dagster's daemons of a home are at work."""

from pathlib import Path

import dagster as dg


def silent_daemons(home: Path) -> list[str]:
    """Daemons that ought to run and gave no sign of life lately, with their last error.

    A freshly made home has no daemons yet: all are silent.
    """
    with dg.DagsterInstance.from_config(str(home)) as instance:
        statuses = instance.get_daemon_statuses()
    silent = []
    for name, status in sorted(statuses.items()):
        if status.required and not status.healthy:
            errors = status.last_heartbeat.errors if status.last_heartbeat else None
            silent.append(f"{name} ({errors[0].message.strip()})" if errors else name)
    return silent
