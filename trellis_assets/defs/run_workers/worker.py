"""One run worker: executes one run after the other until its pool closes the line."""

import os
import signal
import socket
from pathlib import Path
from types import FrameType

import dagster as dg
from dagster._cli.api import _execute_run_command_body

from trellis_assets.defs.run_workers.marks import marked

READY, DONE = b"ready\n", b"done\n"


class _StopWorkerError(BaseException):
    """SIGTERM between two runs. Within a run it interrupts the run, as Dagster does it."""


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise _StopWorkerError


def serve(line: socket.socket, home: Path) -> None:
    """Every run named on the line was executed; return at its end.

    A worker whose pool is killed finishes the run in hand first: it may be waiting for a
    validator's answer.
    """
    # bittensor starts threads when it is imported, which a fork would not take along.
    import trellis_assets.adapters.bittensor.client  # noqa: F401

    try:
        with dg.DagsterInstance.from_config(str(home)) as instance:
            _await_signals()
            line.sendall(READY)
            for name in line.makefile("r", encoding="ascii"):
                _execute(instance, home, name.strip())
                _await_signals()
                line.sendall(DONE)
    except (_StopWorkerError, BrokenPipeError, ConnectionResetError):
        return


def _await_signals() -> None:
    """Between runs: a late request to terminate the last run means nothing, SIGTERM ends the worker."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _stop)


def _execute(instance: dg.DagsterInstance, home: Path, run_id: str) -> None:
    with marked(home, run_id) as is_ours:
        run = instance.get_run_by_id(run_id)
        if not is_ours or run is None or run.is_finished or run.status is dg.DagsterRunStatus.CANCELING:
            return
        signal.signal(signal.SIGINT, signal.default_int_handler)
        # What Dagster's own run workers do, and dagster-celery's: it reports failures by itself.
        _execute_run_command_body(run_id, instance, lambda _event: None, set_exit_code_on_failure=False)


def run_forked(line: socket.socket, home: Path) -> None:
    """The body of a forked child; never returns."""
    code = 1
    try:
        serve(line, home)
        code = 0
    finally:
        os._exit(code)
