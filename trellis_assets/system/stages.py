"""Stages of a job: a process that executes one tells what it does now, to whoever watches over it."""

from collections.abc import Callable

from trellis_assets.domain.heartbeats import Stage

_listeners: list[Callable[[Stage], None]] = []


def enter_stage(stage: Stage) -> None:
    """Tell that the job of this process is at the stage from now on; telling it again starts it anew."""
    for listener in _listeners:
        listener(stage)


def listen_to_stages(listener: Callable[[Stage], None]) -> None:
    """Call the listener at every stage from now on, instead of earlier listeners."""
    _listeners[:] = [listener]
