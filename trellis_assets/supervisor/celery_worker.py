"""A Celery worker: execute the runs of its queues in warm processes until it is stopped."""

import os
import socket
import sys

import dagster as dg

from trellis_assets.composition import Pipeline
from trellis_assets.orchestration.dagster_home import worker_home, write_instance
from trellis_assets.orchestration.warm_workers.workers import PoolLimits
from trellis_assets.settings import Settings, SettingsError
from trellis_assets.supervisor.run_limits import longest_stages

# Celery's 4 s are too short for processes that start on a busy machine: they are killed and started again.
_PROCESS_START_S = 60.0


def node_name(name: str | None) -> str:
    """Return the worker's name on the broker: two workers that share one hide each other's queues.

    Args:
        name: as the operator chose it; None: one by the process id.

    Example:
        `node_name("left")` on the machine `gpu1` is `left@gpu1`, `node_name(None)` is `worker-4711@gpu1`.
    """
    return f"{name or f'worker-{os.getpid()}'}@{socket.gethostname()}"


def run_celery_worker(settings: Settings, name: str | None) -> None:
    """Execute runs until a signal stops it, then finish the active ones; a second signal stops at once.

    Args:
        settings: with the launcher `celery`, its broker and queues.
        name: distinguishes this worker from others on the machine.

    Raises:
        SettingsError, StoreError, WalletError: something that runs need is missing.
    """
    pipeline = Pipeline(settings)
    pipeline.store.statistics.count_by_state()
    if settings.mining.harvest:
        pipeline.miner_hotkey  # noqa: B018 - reads the key, so that a missing one is reported now
    home = worker_home(settings)
    write_instance(settings, home)
    from dagster_celery.tasks import create_execute_job_task

    from trellis_assets.orchestration.celery_workers.launcher import celery_launcher
    from trellis_assets.orchestration.celery_workers.process_watch import ProcessWatch

    # The runs' processes load the settings from the environment.
    os.environ |= settings.environment() | {"DAGSTER_HOME": str(home)}
    with dg.DagsterInstance.from_config(str(home)) as instance:
        launcher = celery_launcher(instance)
        if launcher is None:
            raise SettingsError(
                "TRELLIS_RUN_LAUNCHER is not celery, and a worker executes no other runs. Set it to celery."
            )
        app = launcher.celery
        create_execute_job_task(app)
        app.conf.worker_proc_alive_timeout = _PROCESS_START_S
        limits = PoolLimits(most=settings.orchestration.max_concurrent_runs, stages=longest_stages(settings))
        ProcessWatch(limits).start()
        sys.stderr.write(f"worker for {', '.join(settings.orchestration.celery_queues)}\n")
        app.worker_main(
            [
                *("worker", "--loglevel", "WARNING", "--pool", "prefork", "--disable-prefetch"),
                *("--queues", ",".join(settings.orchestration.celery_queues)),
                *("--concurrency", str(settings.orchestration.max_concurrent_runs)),
                *("--hostname", node_name(name)),
                *("--without-mingle", "--without-gossip"),
            ]
        )
