"""Stages of a run: the process that executes it reports what it does now, to the pool that watches it."""

from collections.abc import Callable

from trellis_assets.domain.heartbeats import Stage

_listeners: list[Callable[[Stage], None]] = []


def enter_stage(stage: Stage) -> None:
    """Report that the run of this process enters the stage; reporting it again restarts its time."""
    for listener in _listeners:
        listener(stage)


def listen_to_stages(listener: Callable[[Stage], None]) -> None:
    """Call the listener at every stage from now on, in place of earlier listeners."""
    _listeners[:] = [listener]
