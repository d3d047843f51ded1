"""Run worker: execute one run after another until the pool closes the line."""

import os
import signal
import socket
import threading
import traceback
from pathlib import Path
from types import FrameType

import dagster as dg
from dagster._cli.api import _execute_run_command_body

from trellis_assets.domain.heartbeats import Stage
from trellis_assets.orchestration.warm_workers.pid_files import hold_pid_file
from trellis_assets.system.stages import enter_stage, listen_to_stages

# The messages of a worker to its pool, a line each; `stage` is followed by the name of the stage.
READY, DONE, BEAT, STAGE = "ready", "done", "beat", "stage"
BEAT_EVERY_S = 5.0


class _StopWorkerError(BaseException):
    """SIGTERM came between two runs. Within a run it interrupts the run, as in Dagster's own workers."""


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise _StopWorkerError


class _PoolLine:
    """The worker's end of the line to its pool; several threads write to it."""

    def __init__(self, line: socket.socket) -> None:
        self._line, self._one = line, threading.Lock()

    def tell(self, *words: str) -> None:
        """Send one line."""
        with self._one:
            self._line.sendall(f"{' '.join(words)}\n".encode("ascii"))

    def tell_stage(self, stage: Stage) -> None:
        """Send the stage; a pool that is gone does not end the run."""
        try:
            self.tell(STAGE, stage)
        except OSError:
            return

    def keep_beating(self) -> None:
        """Send a heartbeat every few seconds until the pool is gone; a suspended process sends none."""
        waiting = threading.Event()
        try:
            while not waiting.wait(BEAT_EVERY_S):
                self.tell(BEAT)
        except OSError:
            return


def serve(line: socket.socket, home: Path) -> None:
    """Execute each run that is named on the line; return when the line is closed.

    A worker whose pool is killed finishes its run first: it may be waiting for a validator's answer.
    """
    pool = _PoolLine(line)
    listen_to_stages(pool.tell_stage)
    try:
        with dg.DagsterInstance.from_config(str(home)) as instance:
            _await_signals()
            pool.tell(READY)
            threading.Thread(target=pool.keep_beating, name="heartbeat", daemon=True).start()
            for name in line.makefile("r", encoding="ascii"):
                enter_stage(Stage.RUNNING)
                _execute(instance, home, name.strip())
                _await_signals()
                pool.tell(DONE)
    except (_StopWorkerError, BrokenPipeError, ConnectionResetError):
        return


def _await_signals() -> None:
    """Set the signals between runs: ignore a late request to terminate the last run, end at SIGTERM."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _stop)


def _execute(instance: dg.DagsterInstance, home: Path, run_id: str) -> None:
    with hold_pid_file(home, run_id) as is_ours:
        run = instance.get_run_by_id(run_id)
        if not is_ours or run is None or run.is_finished or run.status is dg.DagsterRunStatus.CANCELING:
            return
        signal.signal(signal.SIGINT, signal.default_int_handler)
        # Dagster's own run workers and dagster-celery's call the same; it reports failures by itself.
        _execute_run_command_body(run_id, instance, lambda _event: None, set_exit_code_on_failure=False)


def run_forked(line: socket.socket, home: Path) -> None:
    """Run a forked child; never return."""
    code = 1
    try:
        serve(line, home)
        code = 0
    except BaseException:
        traceback.print_exc()  # into the pool's log, where nothing else would tell of it
        raise
    finally:
        os._exit(code)
