"""Launch runs in the pool of warm workers."""

import json
import os
import signal
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import dagster as dg
from dagster._core.launcher.base import CheckRunHealthResult, LaunchRunContext, RunLauncher, WorkerStatus
from dagster._serdes import ConfigurableClass, ConfigurableClassData

from trellis_assets.domain.heartbeats import Heartbeat
from trellis_assets.orchestration.warm_workers.pid_files import worker_pid
from trellis_assets.orchestration.warm_workers.socket_path import short_socket_path
from trellis_assets.system.heartbeat_files import RUN_WORKERS, read_heartbeat

# The supervisor restarts a killed pool within this time.
_PATIENCE_S = 15.0
_RETRY_S = 0.1
_ANSWER_S = 5.0
# It writes a heartbeat every second.
_POOL_SILENT_AFTER_S = 10.0


class PoolUnreachableError(dg.DagsterError):
    """The pool of run workers does not answer."""


class WarmRunLauncher(RunLauncher[dg.DagsterInstance], ConfigurableClass):
    """Launch runs in warm worker processes; see `pool` beside this module.

    Configured in `dagster.yaml` with `home`, the Dagster home that the pool serves.
    """

    def __init__(self, home: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._home = Path(home)
        self._inst_data = inst_data
        super().__init__()  # type: ignore[no-untyped-call]

    @property
    def inst_data(self) -> ConfigurableClassData | None:
        """Return where the configuration came from."""
        return self._inst_data

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """Return the options in `dagster.yaml`."""
        return {"home": dg.StringSource}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> Self:
        """Return an instance; Dagster calls it with what `dagster.yaml` says."""
        return cls(inst_data=inst_data, **config_value)

    def launch_run(self, context: LaunchRunContext) -> None:
        """Hand the run to the pool.

        Raises:
            PoolUnreachableError: the pool did not answer for 15 s.
        """
        self._request({"launch": context.dagster_run.run_id}, _PATIENCE_S)

    def terminate(self, run_id: str) -> bool:
        """Interrupt the run or drop it from the queue; return whether that was possible."""
        run = self._instance.get_run_by_id(run_id)
        if run is None or run.is_finished:
            return False
        self._instance.report_run_canceling(run)
        if (pid := worker_pid(self._home, run_id)) is not None:
            os.kill(pid, signal.SIGINT)
            return True
        if self._request({"drop": run_id}, _ANSWER_S).get("dropped"):
            self._instance.report_run_canceled(run)
            return True
        return False

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Return True: Dagster's run monitoring may call `check_run_worker_health`."""
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """Return whether a process executes the run."""
        pid = worker_pid(self._home, run.run_id)
        if pid is None:
            return CheckRunHealthResult(WorkerStatus.NOT_FOUND, "no process executes the run")
        return CheckRunHealthResult(WorkerStatus.RUNNING, run_worker_id=str(pid))

    def _request(self, request: Mapping[str, str], patience_s: float) -> dict[str, bool]:
        deadline = time.monotonic() + patience_s
        while True:
            try:
                return _send(self._home, request)
            except (OSError, ValueError) as error:
                if time.monotonic() > deadline:
                    raise PoolUnreachableError(
                        f"the pool of run workers in {self._home} does not answer: is `mine` running?"
                    ) from error
            time.sleep(_RETRY_S)


def _send(home: Path, request: Mapping[str, str]) -> dict[str, bool]:
    with short_socket_path(home) as path, socket.socket(socket.AF_UNIX) as line:
        line.settimeout(_ANSWER_S)
        line.connect(path)
        line.sendall(json.dumps(request).encode())
        answer: dict[str, bool] = json.loads(line.recv(4096))
        return answer


def why_pool_is_unreachable(progress: Path) -> str | None:
    """Return why the pool takes no runs, by its heartbeat in the folder; None while it does.

    Cheap, since it is called before every launch: a launch itself would wait for the pool and block the
    polling loop.
    """
    heartbeat = Heartbeat.read(read_heartbeat(progress, RUN_WORKERS))
    silent_s = abs(time.monotonic() - heartbeat.beat_at) if heartbeat is not None else None
    if silent_s is not None and silent_s <= _POOL_SILENT_AFTER_S:
        return None
    since = "no heartbeat yet" if silent_s is None else f"no heartbeat for {silent_s:.0f} s"
    return f"no run can be started: the pool of run workers does not answer ({since})"


def is_pool_ready(home: Path) -> bool:
    """Return whether the pool of the home answers and has a worker that would begin a run at once."""
    try:
        return _send(home, {"ask": "ready"}).get("ready", False)
    except (OSError, ValueError):
        return False
